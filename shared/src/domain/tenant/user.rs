//! Users: people who log in.

use uuid::Uuid;

use super::proof::{Awaited, Proof, Prospect};
use super::scope::{Scope, Scopes};
use super::session::SessionId;
use super::{Organization, Workspace};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::secret::Secret;
use crate::domain::time::Moment;

/// The shortest password, in characters (as in the public API).
pub const PASSWORD_MIN: usize = 8;
/// The longest password, in characters (as in the public API).
pub const PASSWORD_MAX: usize = 255;
/// The most sessions of a person that were logged out and whose tokens have not expired; one more ends them all.
pub const ENDED_MAX: usize = 50;
/// The longest email address that SMTP can carry, in characters (RFC 5321 §4.5.3.1.3).
pub const EMAIL_MAX: usize = 254;
/// The hash that a password is compared with if no user has the address, so that the answer takes as long. It is an
/// Argon2id hash at the usual cost that matches no password (its bytes are digests of a sentence).
pub const NOBODYS_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$E9x5JWDElYInhjvKSD7auQ$tOUaY/w0XG41imlMdtZM2j54uQRBGUbAsrdu+UQT8LQ";
/// The UUID namespace of the user ids that 0.2.0 derived from addresses.
const PEOPLE: Uuid = Uuid::from_u128(0x7a1f_0c52_96d3_5b0e_8e4c_2f6b_90d1_aa37);

/// An email address in the form that identifies a user: trimmed, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Accepts what the official client accepts: a name, `@`, a domain with a dot inside; no spaces.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (name, domain) = text.split_once('@')?;
        let has_dot = domain.split_once('.').is_some_and(|(before, after)| !before.is_empty() && !after.is_empty());
        let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control()) && !domain.contains('@');
        (!name.is_empty() && has_dot && is_plain && text.chars().count() <= EMAIL_MAX).then_some(Self(text))
    }

    /// The address: trimmed, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that 0.2.0 gave the address's user. Later ones are random: the address's row names the user.
    pub fn derived_user(&self) -> UserId {
        UserId(Uuid::new_v5(&PEOPLE, self.0.as_bytes()))
    }

    /// Whether mail can be sent to exactly this address: ASCII, and none of the characters with which a header of a
    /// mail names somebody else (RFC 5322 §3.2.3), such as those of `ada <bob@example.com`.
    pub fn takes_mail(&self) -> bool {
        let Some((name, domain)) = self.0.split_once('@') else { return false };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let is_dotted = |text: &str, fits: &dyn Fn(char) -> bool| {
            text.split('.').all(|part| !part.is_empty() && part.chars().all(fits))
        };
        is_dotted(name, &is_plain) && is_dotted(domain, &|c| c.is_ascii_alphanumeric() || c == '-')
    }
}

/// A person's role in their organisation's workspaces.
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

    /// What the role may do.
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Owner => Scopes::ALL,
            Self::Editor => [Scope::Read, Scope::Write].into_iter().collect(),
            Self::Viewer => [Scope::Read].into_iter().collect(),
        }
    }
}

/// A session that was logged out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub session: SessionId,
    pub until: Moment,
}

/// A person who can log in.
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
    /// Sessions carry it; a session with another epoch has ended. It only increases.
    pub epoch: i64,
    /// The sessions that were logged out, each until its last token has expired.
    pub ended: Vec<Ended>,
    pub proof: Proof,
    pub created_at: Moment,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl User {
    /// The row's next version.
    #[must_use]
    pub fn next(&self, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// The row's next version with another password: every open session ends.
    #[must_use]
    pub fn with_password(&self, password: Secret, now: Moment, nonce: String) -> Self {
        Self { password, ..self.logged_out_everywhere(now, nonce) }
    }

    /// The row's next version without the session, whose last token expires at `until`.
    #[must_use]
    pub fn logged_out(&self, session: SessionId, until: Moment, now: Moment, nonce: String) -> Self {
        let mut ended = self.ended.clone();
        ended.retain(|one| one.until > now && one.session != session);
        if ended.len() >= ENDED_MAX {
            return self.logged_out_everywhere(now, nonce);
        }
        ended.push(Ended { session, until });
        Self { ended, ..self.next(nonce) }
    }

    /// The row's next version without any session.
    #[must_use]
    pub fn logged_out_everywhere(&self, now: Moment, nonce: String) -> Self {
        Self { epoch: now.0.max(self.epoch + 1), ended: Vec::new(), ..self.next(nonce) }
    }

    /// Whether the person has proven the address.
    pub fn is_proven(&self) -> bool {
        matches!(self.proof, Proof::Proven(_))
    }

    /// Whether the registration was never proven, and its time is over.
    pub fn is_void(&self, now: Moment) -> bool {
        self.proof.awaited().is_some_and(|awaited| now >= awaited.until)
    }

    /// What an unproven person's address founds once it is proven.
    pub fn prospect(&self, nonce: &str) -> Option<(Organization, Workspace)> {
        let Awaited { workspace, workspace_name: name, .. } = self.proof.awaited()?;
        let (at, nonce) = (self.created_at, nonce.to_owned());
        let organization = Organization::new(self.organization, name, at, nonce.clone());
        Some((organization, Workspace::production(*workspace, self.organization, name, at, nonce)))
    }

    /// What whoever proves the address is shown of the registration; `None` for a proven person.
    pub fn registration(&self) -> Option<Prospect> {
        let awaited = self.proof.awaited()?;
        let name = self.full_name.clone().unwrap_or_else(|| self.email.as_str().to_owned());
        let workspace_name = awaited.workspace_name.clone();
        Some(Prospect { id: self.id, name, workspace_name, created_at: self.created_at })
    }

    /// Whether the person logged out of this session.
    pub fn has_ended(&self, session: Option<SessionId>) -> bool {
        session.is_some_and(|session| self.ended.iter().any(|one| one.session == session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::WorkspaceId;
    use crate::domain::tenant::one_time::TokenHash;

    #[test]
    fn an_address_identifies_a_user_in_any_case() {
        let email = Email::parse(" Ada@Example.COM ").expect("an address");
        assert_eq!(email.as_str(), "ada@example.com");
        let derived = |text| Email::parse(text).expect("an address").derived_user();
        assert_eq!(email.derived_user(), derived("ada@example.com"));
        assert_ne!(email.derived_user(), derived("bob@example.com"));
    }

    #[test]
    fn mail_goes_to_an_address_only_as_it_stands() {
        let takes_mail = |text: &str| Email::parse(text).expect("an address").takes_mail();
        for good in ["ada@example.com", "Ada.L+pins@mail.example.com", "o'brien@xn--exmple-cua.com", "a@b-c.de"] {
            assert!(takes_mail(good), "{good}");
        }
        for bad in [
            "ada<bob@example.com>",
            "ada,bob@example.com",
            "\"ada\"@example.com",
            "ada@exämple.com",
            "ådä@example.com",
            "ada@example.com,",
            "ada@example..com",
            ".ada@example.com",
            "ada@[127.0.0.1]",
            "ada(bob)@example.com",
            "ada\u{200b}@example.com",
        ] {
            assert!(!takes_mail(bad), "{bad}");
        }
    }

    #[test]
    fn text_without_the_form_of_an_address_is_refused() {
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

    #[test]
    fn a_logout_ends_one_session_and_is_remembered_as_long_as_its_tokens_last() {
        let user = crate::domain::testdata::user("ada@example.com");
        let session = |id| SessionId(Uuid::from_u128(id));
        let one = user.logged_out(session(1), Moment(100), Moment(0), "a".into());
        assert!(one.has_ended(Some(session(1))) && !one.has_ended(Some(session(2))) && !one.has_ended(None));
        assert_eq!((one.epoch, one.rev), (user.epoch, user.rev + 1));
        let two = one.logged_out(session(2), Moment(200), Moment(100), "b".into());
        assert_eq!(two.ended, [Ended { session: session(2), until: Moment(200) }], "the first one's tokens are over");
        assert_eq!(two.logged_out(session(2), Moment(200), Moment(0), "c".into()).ended, two.ended, "once is enough");
        let many = (0..ENDED_MAX as u128)
            .fold(user.clone(), |user, id| user.logged_out(session(id), Moment(9), Moment(0), "d".into()));
        assert_eq!((many.ended.len(), many.epoch), (ENDED_MAX, user.epoch));
        let over = many.logged_out(session(99), Moment(9), Moment(0), "e".into());
        assert!(over.ended.is_empty() && over.epoch > user.epoch, "the list is bounded: all sessions end");
    }

    #[test]
    fn only_an_unproven_person_is_void_some_day_and_has_something_to_found() {
        let proven = crate::domain::testdata::user("ada@example.com");
        assert!(proven.is_proven() && !proven.is_void(Moment(i64::MAX)) && proven.prospect("n").is_none());
        let awaited = Awaited {
            until: Moment(9),
            workspace: WorkspaceId(Uuid::from_u128(7)),
            workspace_name: "Paper".into(),
            link: TokenHash([1; 32]),
            link_until: Moment(8),
        };
        let user = User { proof: Proof::Awaited(awaited), ..proven };
        assert!(!user.is_proven() && !user.is_void(Moment(8)) && user.is_void(Moment(9)));
        let (organization, workspace) = user.prospect("n").expect("something");
        assert_eq!((organization.id, workspace.organization), (user.organization, user.organization));
        assert_eq!((workspace.id, workspace.name.as_str()), (WorkspaceId(Uuid::from_u128(7)), "Paper"));
    }
}
