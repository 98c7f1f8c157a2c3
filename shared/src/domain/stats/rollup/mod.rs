//! The tally: how many pins were accepted, published and failed, by account and quarter of an hour, kept so that it can be
//! written again and again and never counts a pin twice.
//!
//! A [`Sample`] says of one pin what its rows say. Facts are filed by the hour in which their pin was accepted, which never
//! changes, so a pin has one place for good; of two facts of a pin the one of the later revision counts. An hour's [`Sums`]
//! are computed from its facts alone. So facts may come late, twice, and from workers that stood still for minutes.

pub mod codec;
mod page;
mod sums;

pub use page::{RollupPage, merge};
pub use sums::{Ended, Of, Sums};

use crate::domain::ids::{AccountId, PinId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::{LIFETIME_MS, Pin};
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment};

/// Every zone's offset, and every change of one, is a multiple of this since the 1980s.
pub const QUARTER_MS: i64 = 15 * MINUTE_MS;
pub const QUARTERS_PER_HOUR: i64 = 4;
/// No pin ends later than this after its acceptance: its lifetime, and three days of doubt about the last call.
pub const ENDS_WITHIN_MS: i64 = LIFETIME_MS + 5 * DAY_MS;
/// Facts of older pins are left out: what they'd have to be compared with may be about to expire.
pub const ROLLED_UP_WITHIN_MS: i64 = ENDS_WITHIN_MS + 10 * DAY_MS;
/// How long facts are kept behind their hour.
pub const SAMPLES_KEPT_MS: i64 = ROLLED_UP_WITHIN_MS + 15 * DAY_MS;
/// How long sums are kept behind their hour: two periods of 366 days, and the pins that ended in the earlier one.
pub const SUMS_KEPT_MS: i64 = 800 * DAY_MS;

/// How a pin's life stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Queued, deferred or publishing.
    Open,
    Published(Moment),
    Failed(Moment),
    /// Deleted, or its schedule canceled, before it could be published: neither waiting nor failed.
    Deleted,
}

/// What the tally knows of one pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub pin: PinId,
    pub account: AccountId,
    pub created_at: Moment,
    /// The attempt row's: later ones are truer.
    pub rev: u64,
    pub end: End,
    /// Whether a schedule started it.
    pub is_scheduled: bool,
}

impl Sample {
    pub fn of(pin: &Pin, attempt: &Attempt) -> Self {
        let ended_at = attempt.finished_at.unwrap_or(attempt.updated_at);
        Self {
            pin: pin.key.pin,
            account: pin.request.account,
            created_at: pin.created_at,
            rev: attempt.rev,
            end: match attempt.status {
                Status::Queued | Status::Deferred | Status::Publishing => End::Open,
                Status::Published => End::Published(ended_at),
                Status::Failed if is_called_off(attempt.failure) => End::Deleted,
                Status::Failed => End::Failed(ended_at),
            },
            is_scheduled: pin.origin.schedule.is_some(),
        }
    }

    /// The hour since the epoch under which the pin is filed.
    pub fn hour(&self) -> i64 {
        hour(self.created_at)
    }
}

/// Whether somebody called the pin off before it could be published: nothing has failed.
fn is_called_off(failure: Option<Failure>) -> bool {
    matches!(failure, Some(Failure::PinDeleted | Failure::ScheduleCanceled))
}

pub fn hour(at: Moment) -> i64 {
    at.0.div_euclid(HOUR_MS)
}

pub fn quarter(at: Moment) -> i64 {
    at.0.div_euclid(QUARTER_MS)
}

pub fn quarter_start(quarter: i64) -> Moment {
    Moment(quarter.saturating_mul(QUARTER_MS))
}
