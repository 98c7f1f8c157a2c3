//! Invitations: an operator lets one address register once.

use super::one_time::{PresentedToken, TokenHash};
use super::user::{Email, Role};
use crate::domain::ids::{InvitationId, OrganizationId, WorkspaceId};
use crate::domain::time::{DAY_MS, Moment};

/// How long an invitation is open: a week, so that it outlasts a weekend.
pub const INVITATION_MS: i64 = 7 * DAY_MS;

/// An open invitation. Its row is deleted when it is accepted or revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: InvitationId,
    pub hash: TokenHash,
    /// The only address that it is for.
    pub email: Email,
    /// Whose organisation the person joins. `None`: the person founds one.
    pub joins: Option<Joins>,
    pub created_at: Moment,
    pub expires_at: Moment,
}

/// The organisation and the role that an invitation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joins {
    pub organization: OrganizationId,
    /// Must be in use when the invitation is accepted.
    pub workspace: WorkspaceId,
    pub role: Role,
}

impl Invitation {
    /// Whether the token and the address are those of the invitation, while it is open.
    pub fn admits(&self, token: &PresentedToken, email: &Email, now: Moment) -> bool {
        self.hash == token.hash && self.email == *email && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::one_time;
    use super::*;

    #[test]
    fn an_invitation_admits_its_address_with_its_token_until_it_expires() {
        let id = Uuid::from_u128(1);
        let (text, hash) = one_time::issue(id, [1; 32]);
        let email = |text| Email::parse(text).expect("an address");
        let (now, token) = (Moment(1_000), PresentedToken::parse(text.expose()).expect("a token"));
        let invitation = Invitation {
            id: InvitationId(id),
            hash,
            email: email("ada@example.com"),
            joins: None,
            created_at: now,
            expires_at: now.plus_ms(INVITATION_MS),
        };
        assert!(invitation.admits(&token, &email(" ADA@example.com"), now));
        assert!(!invitation.admits(&token, &email("bob@example.com"), now), "another address");
        assert!(!invitation.admits(&token, &email("ada@example.com"), invitation.expires_at), "too late");
        let (guess, _) = one_time::issue(id, [2; 32]);
        let guess = PresentedToken::parse(guess.expose()).expect("a token");
        assert!(!invitation.admits(&guess, &email("ada@example.com"), now), "another secret");
    }
}
