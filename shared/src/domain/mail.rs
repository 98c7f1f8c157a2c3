//! The mails that the system sends: to prove an address, and to nobody else.

use super::secret::Secret;
use super::tenant::user::Email;

/// A mail in plain text. Its text may contain a token, so its `Debug` output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    pub to: Email,
    pub subject: &'static str,
    pub text: Secret,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// The mail with the link that proves the address. `api_url` is the API's own origin.
pub fn verification(to: Email, api_url: &str, token: &Secret) -> Mail {
    let link = format!("{}/v1/auth/email/verify?token={}", api_url.trim_end_matches('/'), token.expose());
    let text = format!(
        "Somebody registered at {api_url} with this email address.\n\nIf it was you, confirm the address within 24 \
         hours:\n\n{link}\n\nIf it was not you, do nothing: the registration expires.\n"
    );
    Mail { to, subject: "Confirm your email address", text: Secret::new(text) }
}

/// The mail to a person whose address somebody registers again.
pub fn already_registered(to: Email, api_url: &str) -> Mail {
    let text = format!(
        "Somebody registered at {api_url} with this email address, which has an account there already. Nothing was \
         changed.\n\nIf it was you, log in with the password of the account. The operator can set a new one.\nIf it \
         was not you, do nothing: the registration expires.\n"
    );
    Mail { to, subject: "You have an account already", text: Secret::new(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_mail_with_the_link_has_the_token() {
        let to = || Email::parse("ada@example.com").expect("an address");
        let token = Secret::new("0123456789abcdef");
        let mail = verification(to(), "https://api.example.com/", &token);
        assert!(mail.text.expose().contains("\nhttps://api.example.com/v1/auth/email/verify?token=0123456789abcdef\n"));
        assert!(!format!("{mail:?}").contains("0123"), "{mail:?}");
        assert!(!already_registered(to(), "https://api.example.com").text.expose().contains("token"));
    }
}
