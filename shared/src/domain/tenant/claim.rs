//! Claims of an address that is not proven, and the mails that were sent to it.

use super::login::TooMany;
use super::user::Email;
use crate::domain::ids::UserId;
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};

/// The most mails to one address within [`MAILS_WINDOW_MS`], whoever asks for them: nobody fills another's mailbox.
pub const MAILS_MAX: u32 = 5;
/// The time in which [`MAILS_MAX`] mails are counted, in milliseconds.
pub const MAILS_WINDOW_MS: i64 = DAY_MS;
/// The shortest time between two mails to one address: a mail may be slow.
pub const MAIL_EVERY_MS: i64 = MINUTE_MS;

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

    use super::*;
    use crate::domain::tenant::proof::CLAIM_MS;
    use crate::domain::time::SECOND_MS;

    const NOW: Moment = Moment(1_767_225_600_000);

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
