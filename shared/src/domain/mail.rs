//! The mails that the system sends: to prove an address, and to nobody else. Their subjects and headers are fixed; what
//! a stranger wrote is in the text only.

use super::secret::Secret;
use super::shown;
use super::tenant::proof::Prospect;
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
///
/// Anybody can have it sent to anybody, so it names the registration that the link confirms, and who gets what by it.
pub fn verification(to: Email, api_url: &str, registration: &Prospect, token: &Secret) -> Mail {
    let link = format!("{}/v1/auth/email/verify?token={}", api_url.trim_end_matches('/'), token.expose());
    let Prospect { id, .. } = registration;
    let text = format!(
        "Somebody registered at {api_url} with this email address:\n\n\
         Name:       \"{}\"\n\
         Workspace:  \"{}\"\n\
         Registered: {}\n\
         Person id:  {id} (the \"user.id\" that the registration answered)\n\n\
         If you made exactly this registration, confirm it within 24 hours:\n\n{link}\n\n\
         Confirming gives whoever made this registration, and knows its password, an account under your address and \
         the ownership of that workspace.\n\n\
         If it was not you, do not open the link, also if you registered under another name or at another time. Do \
         nothing, and the registration expires. Only the link in the newest mail to this address works.\n",
        shown::line_without_links(&registration.name),
        shown::line_without_links(&registration.workspace_name),
        registration.made_at(),
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
    use crate::domain::testdata;

    #[test]
    fn only_the_mail_with_the_link_has_the_token() {
        let to = || Email::parse("ada@example.com").expect("an address");
        let token = Secret::new("0123456789abcdef");
        let mail = verification(to(), "https://api.example.com/", &testdata::prospect("Ada"), &token);
        assert!(mail.text.expose().contains("\nhttps://api.example.com/v1/auth/email/verify?token=0123456789abcdef\n"));
        assert!(!format!("{mail:?}").contains("0123"), "{mail:?}");
        assert!(!already_registered(to(), "https://api.example.com").text.expose().contains("token"));
    }
    #[test]
    fn the_mail_names_the_registration_and_a_name_stays_in_its_line() {
        let to = Email::parse("ada@example.com").expect("an address");
        let eve = testdata::prospect("Eve\"\n\nBcc: bob@example.com\n\u{202e}https://evil.example");
        let mail = verification(to, "https://api.example.com", &eve, &Secret::new("0123456789abcdef"));
        let text = mail.text.expose();
        let line = "\nName:       \"Eve' Bcc: bob@ example. com https: //evil. example\"\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\nRegistered: 1970-01-01 00:16 UTC\n"), "{text}");
        assert!(text.contains(&eve.id.to_string()), "{text}");
    }
}
