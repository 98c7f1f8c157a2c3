//! The proof that mail to a person's address reaches them. Until it is there, a registration is a claim: it holds no
//! address, founds nothing and expires. So nobody keeps an address from its owner, and several people may claim one;
//! it belongs to whoever proves it first.

use super::one_time::{PresentedToken, TokenHash};
use crate::domain::ids::{UserId, WorkspaceId};
use crate::domain::time::{DAY_MS, Moment};

/// How long an unproven registration is kept.
pub const CLAIM_MS: i64 = 3 * DAY_MS;
/// How long a link is good.
pub const LINK_MS: i64 = DAY_MS;

/// Whether a person has proven their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The address is this person's, since then.
    Proven(Moment),
    Awaited(Awaited),
}

/// What a registration becomes when its address is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Without a proof until then, the registration is void.
    pub until: Moment,
    /// The workspace that is founded then, with the person's organisation. Their ids were chosen at random.
    pub workspace: WorkspaceId,
    pub workspace_name: String,
    /// The newest link; older ones are void.
    pub link: TokenHash,
    pub link_until: Moment,
}

/// A registration as whoever can prove its address reads of it: anybody may have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// Random, and answered to whoever registered: nobody can imitate it.
    pub id: UserId,
    pub name: String,
    pub workspace_name: String,
    pub created_at: Moment,
}

impl Prospect {
    /// When it was made, to the minute.
    pub fn made_at(&self) -> String {
        let at = self.created_at.rfc3339();
        let (day, time) = at.split_once('T').unwrap_or((&at, ""));
        format!("{day} {} UTC", time.get(..5).unwrap_or(time))
    }
}

impl Awaited {
    /// Whether the token is that of the newest link, and neither the link nor the registration has expired.
    pub fn is_proven_by(&self, token: &PresentedToken, now: Moment) -> bool {
        self.link == token.hash && now < self.link_until && now < self.until
    }
}

impl Proof {
    /// What the registration becomes; `None` for a proven person.
    pub fn awaited(&self) -> Option<&Awaited> {
        match self {
            Self::Proven(_) => None,
            Self::Awaited(awaited) => Some(awaited),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::one_time;
    use super::*;

    const NOW: Moment = Moment(1_767_225_600_000);

    #[test]
    fn a_link_proves_until_it_or_the_claim_is_over() {
        let token = |secret: u8| {
            let (text, hash) = one_time::issue(Uuid::from_u128(1), [secret; 32]);
            (PresentedToken::parse(text.expose()).expect("a token"), hash)
        };
        let (token, (other, _)) = (token(1), token(2));
        let awaited = Awaited {
            until: NOW.plus_ms(CLAIM_MS),
            workspace: WorkspaceId(Uuid::from_u128(7)),
            workspace_name: "Paper".into(),
            link: token.1,
            link_until: NOW.plus_ms(LINK_MS),
        };
        assert!(awaited.is_proven_by(&token.0, NOW) && awaited.is_proven_by(&token.0, NOW.plus_ms(LINK_MS - 1)));
        assert!(!awaited.is_proven_by(&token.0, NOW.plus_ms(LINK_MS)));
        let late = Awaited { link_until: NOW.plus_ms(9 * DAY_MS), ..awaited.clone() };
        assert!(!late.is_proven_by(&token.0, late.until), "a link doesn't outlast its claim");
        assert!(!awaited.is_proven_by(&other, NOW), "an older or a guessed link");
    }
}
