//! The proof that mail to a person's address reaches them. Until it is there, a registration is a claim: it holds no
//! address, founds nothing and expires. So nobody keeps an address from its owner, and several people may claim one;
//! it belongs to whoever proves it first.

use super::login::TooMany;
use super::one_time::{PresentedToken, TokenHash};
use super::user::{Email, User};
use super::{Organization, Workspace};
use crate::domain::ids::{UserId, WorkspaceId};
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};

/// How long an unproven registration is kept.
pub const CLAIM_MS: i64 = 3 * DAY_MS;
/// How long a link is good.
pub const LINK_MS: i64 = DAY_MS;
/// The most mails to one address within [`MAILS_WINDOW_MS`], whoever asks for them: nobody fills another's mailbox.
pub const MAILS_MAX: u32 = 5;
pub const MAILS_WINDOW_MS: i64 = DAY_MS;
/// The shortest time between two mails to one address: a mail may be slow.
pub const MAIL_EVERY_MS: i64 = MINUTE_MS;

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

impl Awaited {
    pub fn is_proven_by(&self, token: &PresentedToken, now: Moment) -> bool {
        self.link == token.hash && now < self.link_until && now < self.until
    }
}

impl Proof {
    pub fn awaited(&self) -> Option<&Awaited> {
        match self {
            Self::Proven(_) => None,
            Self::Awaited(awaited) => Some(awaited),
        }
    }
}

impl User {
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
}

/// The newest claim of an address, and the mails that were sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub email: Email,
    pub user: UserId,
    /// When the claim is void.
    pub until: Moment,
    /// The mails since then.
    pub mails_since: Moment,
    pub mails: u32,
    pub mailed_at: Moment,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl Claim {
    /// The row's next version, with one more mail: for the user, whose claim lasts until then. `known` is the row as it
    /// is.
    ///
    /// # Errors
    /// When the address has had too many mails.
    pub fn mailed(
        known: Option<&Self>,
        email: &Email,
        (user, until): (UserId, Moment),
        now: Moment,
        nonce: String,
    ) -> Result<Self, TooMany> {
        let counted = known.filter(|claim| now < claim.mails_since.plus_ms(MAILS_WINDOW_MS));
        if let Some(claim) = counted {
            let next_at = claim.mailed_at.plus_ms(MAIL_EVERY_MS);
            if claim.mails >= MAILS_MAX {
                return Err(TooMany { until: claim.mails_since.plus_ms(MAILS_WINDOW_MS) });
            }
            if now < next_at {
                return Err(TooMany { until: next_at });
            }
        }
        Ok(Self {
            email: email.clone(),
            user,
            until,
            mails_since: counted.map_or(now, |claim| claim.mails_since),
            mails: counted.map_or(0, |claim| claim.mails) + 1,
            mailed_at: now,
            rev: known.map_or(0, |claim| claim.rev) + 1,
            nonce,
        })
    }

    /// When nothing in the row counts any more.
    pub fn expires_at(&self) -> Moment {
        self.until.max(self.mails_since.plus_ms(MAILS_WINDOW_MS))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::one_time;
    use super::*;
    use crate::domain::testdata;
    use crate::domain::time::SECOND_MS;

    const NOW: Moment = Moment(1_767_225_600_000);

    fn unproven() -> (User, PresentedToken) {
        let (token, link) = one_time::issue(Uuid::from_u128(1), [1; 32]);
        let awaited = Awaited {
            until: NOW.plus_ms(CLAIM_MS),
            workspace: WorkspaceId(Uuid::from_u128(7)),
            workspace_name: "Paper".into(),
            link,
            link_until: NOW.plus_ms(LINK_MS),
        };
        let user = User { proof: Proof::Awaited(awaited), ..testdata::user("ada@example.com") };
        (user, PresentedToken::parse(token.expose()).expect("a token"))
    }

    #[test]
    fn a_link_proves_until_it_or_the_claim_is_over() {
        let (user, token) = unproven();
        let awaited = user.proof.awaited().expect("awaited");
        assert!(awaited.is_proven_by(&token, NOW) && awaited.is_proven_by(&token, NOW.plus_ms(LINK_MS - 1)));
        assert!(!awaited.is_proven_by(&token, NOW.plus_ms(LINK_MS)));
        let late = Awaited { link_until: NOW.plus_ms(9 * DAY_MS), ..awaited.clone() };
        assert!(!late.is_proven_by(&token, late.until), "a link doesn't outlast its claim");
        let (other, _) = one_time::issue(Uuid::from_u128(1), [2; 32]);
        let other = PresentedToken::parse(other.expose()).expect("a token");
        assert!(!awaited.is_proven_by(&other, NOW), "an older or a guessed link");
    }

    #[test]
    fn only_an_unproven_person_is_void_some_day_and_has_something_to_found() {
        let (user, _) = unproven();
        assert!(!user.is_proven() && !user.is_void(NOW) && user.is_void(NOW.plus_ms(CLAIM_MS)));
        let (organization, workspace) = user.prospect("n").expect("something");
        assert_eq!((organization.id, workspace.organization), (user.organization, user.organization));
        let proven = testdata::user("ada@example.com");
        assert!(proven.is_proven() && !proven.is_void(Moment(i64::MAX)) && proven.prospect("n").is_none());
    }

    #[test]
    fn an_address_gets_a_mail_a_minute_and_five_a_day_whoever_asks() {
        let email = Email::parse("ada@example.com").expect("an address");
        let mail = |known: Option<&Claim>, user: u128, now: Moment| {
            let claimed = (UserId(Uuid::from_u128(user)), now.plus_ms(CLAIM_MS));
            Claim::mailed(known, &email, claimed, now, "n".into())
        };
        let mut claim = mail(None, 1, NOW).expect("the first");
        assert_eq!((claim.rev, claim.mails), (1, 1));
        let at_once = mail(Some(&claim), 2, NOW.plus_ms(SECOND_MS)).expect_err("too soon");
        assert_eq!(at_once.retry_after_s(NOW.plus_ms(SECOND_MS)), 59);
        for nth in 2..=MAILS_MAX {
            let now = claim.mailed_at.plus_ms(MAIL_EVERY_MS);
            claim = mail(Some(&claim), u128::from(nth), now).expect("a minute later");
        }
        let now = claim.mailed_at.plus_ms(MAIL_EVERY_MS);
        assert_eq!(mail(Some(&claim), 9, now), Err(TooMany { until: NOW.plus_ms(MAILS_WINDOW_MS) }));
        let next_day = mail(Some(&claim), 9, NOW.plus_ms(MAILS_WINDOW_MS)).expect("the next day");
        assert_eq!((next_day.mails, next_day.rev), (1, u64::from(MAILS_MAX) + 1));
    }
}
