//! Who may register, and how mail is sent, which an open registration needs.

use std::str::FromStr;

use super::table::{self, Setting};
use super::{ConfigError, Environment, Settings};
use crate::domain::tenant::user::Email;

/// Who may register through the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Nobody: only an operator creates users.
    #[default]
    Closed,
    /// Whom an operator invites.
    Invited,
    /// Everybody who proves an email address.
    Open,
}

impl FromStr for Registration {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "closed" => Ok(Self::Closed),
            "invited" => Ok(Self::Invited),
            "open" => Ok(Self::Open),
            _ => Err(()),
        }
    }
}

/// How mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailPort {
    /// With Amazon SES, from this address.
    Ses { from: String },
    /// It is printed on standard output: the local stack.
    Printed,
}

impl Settings {
    /// Addresses of an open registration are proven by mail.
    ///
    /// # Errors
    /// When mail is needed and can't be sent.
    pub fn check_mail(&self, mail: Option<&MailPort>) -> Result<(), ConfigError> {
        match (self.registration, mail) {
            (Registration::Closed | Registration::Invited, _) => Ok(()),
            (Registration::Open, None) => Err(ConfigError::OpenWithoutMail),
            (Registration::Open, Some(_)) if self.api_url.is_empty() => Err(ConfigError::OpenWithoutUrl),
            (Registration::Open, Some(_)) => Ok(()),
        }
    }
}

impl Environment<'_> {
    pub(super) fn mail(&self) -> Result<Option<MailPort>, ConfigError> {
        let Setting { variable: name, expected, .. } = table::MAIL_FROM;
        let Some(from) = self.filled(&table::MAIL_FROM) else { return Ok(None) };
        match Email::parse(&from).filter(Email::takes_mail) {
            Some(_) if from.trim() == from => Ok(Some(MailPort::Ses { from })),
            _ => Err(ConfigError::Invalid { name, value: from, expected }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registration_is_closed_unless_it_is_opened() {
        assert_eq!(Settings::default().registration, Registration::Closed);
        for (text, wanted) in
            [("closed", Registration::Closed), ("invited", Registration::Invited), ("open", Registration::Open)]
        {
            let environment = |asked: &str| (asked == "PINBRIDGE_REGISTRATION").then(|| text.to_owned());
            assert_eq!(Environment(&environment).settings().expect("valid").registration, wanted);
        }
        for wrong in ["", "Open", "invite", "true"] {
            let environment = |asked: &str| (asked == "PINBRIDGE_REGISTRATION").then(|| wrong.to_owned());
            assert!(Environment(&environment).settings().is_err(), "{wrong:?} must not start");
        }
    }

    #[test]
    fn an_open_registration_needs_mail_and_the_address_for_its_links() {
        let ses = || Some(MailPort::Ses { from: "pins@example.com".into() });
        let with = |registration, api_url: &str, mail: Option<MailPort>| {
            let settings = Settings { registration, api_url: api_url.into(), ..Settings::default() };
            settings.check_mail(mail.as_ref())
        };
        let url = "https://api.example.com";
        assert!(with(Registration::Open, url, ses()).is_ok());
        assert!(with(Registration::Open, "http://127.0.0.1:8080", Some(MailPort::Printed)).is_ok());
        assert!(matches!(with(Registration::Open, url, None), Err(ConfigError::OpenWithoutMail)));
        assert!(matches!(with(Registration::Open, "", ses()), Err(ConfigError::OpenWithoutUrl)));
        for registration in [Registration::Closed, Registration::Invited] {
            assert!(with(registration, "", None).is_ok(), "{registration:?}");
        }
    }

    #[test]
    fn mail_comes_from_one_plain_address() {
        let mail = |from: &'static str| {
            let read = move |asked: &str| (asked == "PINBRIDGE_MAIL_FROM").then(|| from.to_owned());
            Environment(&read).mail()
        };
        assert_eq!(mail("").expect("none"), None);
        assert_eq!(mail("pins@example.com").expect("one"), Some(MailPort::Ses { from: "pins@example.com".into() }));
        for wrong in ["pins", "Pins <pins@example.com>", "a@example.com,b@example.com", "pins@example.com\n"] {
            assert!(mail(wrong).is_err(), "{wrong:?} must not start");
        }
    }
}
