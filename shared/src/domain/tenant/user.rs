//! People who log in.

use uuid::Uuid;

use super::scope::{Scope, Scopes};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::secret::Secret;
use crate::domain::time::Moment;

/// The shortest and the longest password, in characters (the contract's).
pub const PASSWORD_MIN: usize = 8;
pub const PASSWORD_MAX: usize = 255;
/// The longest email address that SMTP can carry, in characters (RFC 5321 §4.5.3.1.3).
pub const EMAIL_MAX: usize = 254;
/// What a password is compared with where nobody has the address, so that it takes as long: an Argon2id hash at the usual cost
/// that is no password's (its bytes are digests of a sentence).
pub const NOBODYS_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$E9x5JWDElYInhjvKSD7auQ$tOUaY/w0XG41imlMdtZM2j54uQRBGUbAsrdu+UQT8LQ";
/// The namespace of people's ids.
const PEOPLE: Uuid = Uuid::from_u128(0x7a1f_0c52_96d3_5b0e_8e4c_2f6b_90d1_aa37);

/// An email address as people are known by it: without the spaces around it, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// As the official client's pattern has it: something, `@`, something with a dot inside; no spaces.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (name, domain) = text.split_once('@')?;
        let has_dot = domain.split_once('.').is_some_and(|(before, after)| !before.is_empty() && !after.is_empty());
        let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control()) && !domain.contains('@');
        (!name.is_empty() && has_dot && is_plain && text.chars().count() <= EMAIL_MAX).then_some(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The person's id is derived from the address: one row is both the account and the address's only use, and an attempt
    /// to log in is counted for an unknown address like for a known one.
    pub fn user(&self) -> UserId {
        UserId(Uuid::new_v5(&PEOPLE, self.0.as_bytes()))
    }
}

/// What a person may do in their organisation's workspaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Owner,
    Editor,
    Viewer,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Owner, Self::Editor, Self::Viewer];

    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    pub fn scopes(self) -> Scopes {
        match self {
            Self::Owner => Scopes::ALL,
            Self::Editor => [Scope::Read, Scope::Write].into_iter().collect(),
            Self::Viewer => [Scope::Read].into_iter().collect(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub full_name: Option<String>,
    /// An IANA name.
    pub timezone: String,
    /// The password's Argon2id hash, as a PHC string.
    pub password: Secret,
    pub organization: OrganizationId,
    pub role: Role,
    /// Sessions carry it; those with another one are over. It only ever rises.
    pub epoch: i64,
    pub created_at: Moment,
    /// Counts the row's writes; each write is conditional on the one before.
    pub rev: u64,
    /// Names the last write, so that its repetition is recognised.
    pub nonce: String,
}

impl User {
    /// The next write of the row.
    #[must_use]
    pub fn next(&self, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// The next write, with another password: every session that is open is over.
    #[must_use]
    pub fn with_password(&self, password: Secret, now: Moment, nonce: String) -> Self {
        Self { password, epoch: now.0.max(self.epoch + 1), ..self.next(nonce) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_whatever_its_case() {
        let email = Email::parse(" Ada@Example.COM ").expect("an address");
        assert_eq!(email.as_str(), "ada@example.com");
        assert_eq!(email.user(), Email::parse("ada@example.com").expect("an address").user());
        assert_ne!(email.user(), Email::parse("bob@example.com").expect("an address").user());
    }

    #[test]
    fn what_has_not_the_form_of_an_address_is_none() {
        let long = format!("{}@example.com", "a".repeat(EMAIL_MAX));
        for bad in ["", "ada", "ada@", "@example.com", "ada@example", "ada@.com", "a b@example.com", "a@b@c.com", &long]
        {
            assert_eq!(Email::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_an_owner_may_remove() {
        assert_eq!(Role::ALL.map(|role| role.scopes().has(Scope::Destructive)), [true, false, false]);
        assert_eq!(Role::ALL.map(|role| role.scopes().has(Scope::Write)), [true, true, false]);
        assert!(Role::ALL.into_iter().all(|role| Role::parse(role.name()) == Some(role)));
    }

    #[test]
    fn another_password_ends_every_session_even_when_clocks_go_back() {
        let user = crate::domain::testdata::user("ada@example.com");
        let later = user.with_password(Secret::new("$x"), Moment(user.epoch + 5), "n2".into());
        assert_eq!((later.epoch, later.rev), (user.epoch + 5, user.rev + 1));
        assert!(later.with_password(Secret::new("$y"), Moment(0), "n3".into()).epoch > later.epoch);
    }
}
