//! Whose tokens an account takes: Pinterest limits a user of the app, whatever workspaces are connected to that user.

use aws_lc_rs::hmac;

use crate::domain::secret::Secret;

/// Bytes of the name of a user: with so many, no two users have the same name.
const NAME_BYTES: usize = 16;

/// Names a Pinterest user's pacing row, and says nothing about the user to whoever doesn't have the stack's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pacer(String);

impl Pacer {
    /// The HMAC of the user's id with the stack's pacing key. With another key, every user has another row.
    pub fn of(key: &Secret, pinterest_user_id: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
        let code = hmac::sign(&key, pinterest_user_id.as_bytes());
        Self(code.as_ref()[..NAME_BYTES].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// As it was stored.
    pub fn stored(name: String) -> Self {
        Self(name)
    }

    /// The part of the row's key that names the user: hexadecimal digits of an HMAC.
    pub fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_name_with_each_key() {
        let key = |text: &str| Secret::new(text.to_owned());
        let name = Pacer::of(&key("a"), "549755885175");
        assert_eq!(name, Pacer::of(&key("a"), "549755885175"));
        assert_eq!(name.name().len(), 2 * NAME_BYTES);
        for other in [Pacer::of(&key("b"), "549755885175"), Pacer::of(&key("a"), "549755885176")] {
            assert_ne!(name, other);
        }
        assert_eq!(Pacer::of(&key("Jefe"), "what do ya want for nothing?").name(), "5bdcc146bf60754e6a042426089575c7");
    }
}
