//! What holds or pauses an account now, as the pins that wait for it report it.

use super::Bucket;
use crate::domain::pin::failure::Failure;
use crate::domain::time::Moment;

impl Bucket {
    /// Whether only a person helps: from Pinterest's refusal until a call succeeds, also after the pause that came with
    /// the refusal. A refresh of the tokens ends by itself.
    pub fn needs_person(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| !hold.awaits_refresh)
    }

    /// Whether the account is held because Pinterest refuses its token. (Rows of older versions keep no failure.)
    pub fn is_held_for_token(&self) -> bool {
        self.needs_person() && self.hold_failure().is_none_or(|failure| failure == Failure::TokenRevoked)
    }

    /// The failure that caused the hold, if it was stored.
    pub fn hold_failure(&self) -> Option<Failure> {
        self.hold.as_ref().and_then(|hold| hold.failure)
    }

    /// Whether pins wait for a refresh of the account's tokens.
    pub fn awaits_refresh(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.awaits_refresh)
    }

    /// The end of a pause that Pinterest asked for, and the failure that caused it, if it was stored.
    pub fn pause_of_pinterest(&self, now: Moment) -> Option<(Moment, Option<Failure>)> {
        self.pause.as_ref().filter(|pause| pause.until > now).map(|pause| (pause.until, pause.failure))
    }
}
