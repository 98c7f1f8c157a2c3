//! Secret texts: tokens, keys, passwords.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A secret text. It is wiped from memory when dropped, has no `Display` and no `Serialize`, hides itself in `Debug`,
/// and is compared in constant time.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, for the code that sends or stores it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_debug_and_compares_by_its_text() {
        let secret = Secret::new("pina_1");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert!(secret == Secret::new("pina_1") && secret != Secret::new("pina_2") && secret != Secret::new("pina_10"));
    }
}
