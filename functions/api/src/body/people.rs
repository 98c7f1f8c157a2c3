//! The fields that people and keys have.

use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::api_key::ALLOWED_MAX;
use pinbridge_shared::domain::tenant::is_timezone;
use pinbridge_shared::domain::tenant::scope::{Scope, Scopes};
use pinbridge_shared::domain::tenant::user::{EMAIL_MAX, Email, PASSWORD_MAX, PASSWORD_MIN};
use serde_json::Value;
use uuid::Uuid;

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

    /// At least one scope, if the field is there.
    pub fn scopes(&mut self, name: &str) -> Option<Scopes> {
        let value = self.value(name)?;
        let named = value.as_array().map(|items| items.iter().map(|item| item.as_str().and_then(Scope::parse)));
        let scopes: Option<Vec<Scope>> = named.and_then(Iterator::collect);
        match scopes.as_deref() {
            None => self.reject(name, "Input should be a list of 'read', 'write' or 'destructive'", "enum"),
            Some([]) => self.reject(name, "List should have at least 1 item", "too_short"),
            Some(_) => {}
        }
        scopes.map(|scopes| scopes.into_iter().collect())
    }

    /// Accounts, each once, if the field is there. An empty list is one: it opens nothing.
    pub fn accounts(&mut self, name: &str) -> Option<Vec<AccountId>> {
        let value = self.value(name)?;
        let parse = |item: &Value| item.as_str().and_then(|text| Uuid::parse_str(text).ok()).map(AccountId);
        let Some(mut accounts) = value.as_array().and_then(|items| items.iter().map(parse).collect::<Option<Vec<_>>>())
        else {
            self.reject(name, "Input should be a list of valid UUIDs", "uuid_parsing");
            return None;
        };
        accounts.sort_unstable();
        accounts.dedup();
        if accounts.len() > ALLOWED_MAX {
            self.reject(name, format!("List should have at most {ALLOWED_MAX} items"), "too_long");
        }
        Some(accounts)
    }
}
