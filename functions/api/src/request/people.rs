//! The fields that people and keys have.

use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::is_timezone;
use pinbridge_shared::domain::tenant::user::{EMAIL_MAX, Email, PASSWORD_MAX, PASSWORD_MIN};
use serde_json::Value;

use super::Fields;

pub const TIMEZONE_MAX: usize = 64;

impl Fields<'_> {
    /// An address that must be there.
    pub fn required_email(&mut self, name: &str) -> Option<Email> {
        let text = self.required_text(name, EMAIL_MAX);
        if text.is_empty() {
            return None;
        }
        let email = Email::parse(&text);
        if email.is_none() {
            self.reject(name, "Input should be a valid email address", "string_pattern_mismatch");
        }
        email
    }

    /// A password as it is given: anything up to the limit. It is never repeated in an error.
    pub fn password(&mut self, name: &str) -> Secret {
        match self.value(name) {
            None => self.missing(name),
            Some(Value::String(text)) if text.chars().count() <= PASSWORD_MAX => return Secret::new(text.as_str()),
            Some(Value::String(_)) => {
                self.reject(name, format!("String should have at most {PASSWORD_MAX} characters"), "string_too_long");
            }
            Some(_) => self.reject(name, "Input should be a valid string", "string_type"),
        }
        Secret::new("")
    }

    /// A password to be set.
    pub fn new_password(&mut self, name: &str) -> Secret {
        let errors_before = self.errors.len();
        let password = self.password(name);
        if self.errors.len() == errors_before && password.expose().chars().count() < PASSWORD_MIN {
            self.reject(name, format!("String should have at least {PASSWORD_MIN} characters"), "string_too_short");
        }
        password
    }

    /// A time zone; blank is the same as absent.
    pub fn timezone(&mut self, name: &str) -> Option<String> {
        let text = self.text(name, TIMEZONE_MAX)?.trim().to_owned();
        if !text.is_empty() && !is_timezone(&text) {
            self.reject(name, "Timezone must be a valid IANA timezone", "value_error");
        }
        (!text.is_empty()).then_some(text)
    }

    /// A text that isn't blank, if it is there.
    pub fn filled_text(&mut self, name: &str, max: usize) -> Option<String> {
        self.value(name)?;
        Some(self.required_text(name, max).trim().to_owned())
    }
}
