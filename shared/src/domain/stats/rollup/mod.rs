//! The rollup: how many pins were accepted, published and failed, by account and quarter of an hour. It can be written
//! again and again, and never counts a pin twice.
//!
//! A [`Sample`] is the state of one pin according to its rows. Samples are filed by the hour in which the pin was
//! accepted. That hour never changes, so a pin has one place for good. Of two samples of a pin, the one with the later
//! revision counts. An hour's [`Sums`] are computed from its samples alone. So samples may come late, twice, and from
//! workers that were stopped for minutes.

pub mod codec;
mod page;
pub mod recent;
mod sums;

pub use page::{RollupPage, merge};
pub use sums::{Ended, Of, Sums};

use crate::domain::ids::{AccountId, PinId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::{LIFETIME_MS, Pin};
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment};

/// Since the 1980s, every zone's offset, and every change of one, is a multiple of this.
pub const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// How many of [`QUARTER_MS`] an hour has.
pub const QUARTERS_PER_HOUR: i64 = 4;
/// No pin ends later than this after its acceptance: its lifetime, and three days for an unresolved last call, with a
/// margin.
pub const ENDS_WITHIN_MS: i64 = LIFETIME_MS + 5 * DAY_MS;
/// Samples of older pins are skipped: the stored samples to compare them with may be about to expire.
pub const ROLLED_UP_WITHIN_MS: i64 = ENDS_WITHIN_MS + 10 * DAY_MS;
/// Minutes rolled up at once: the more, the fewer writes a pin costs, and the more pins a reader has to read itself.
pub const MINUTES_AT_ONCE: i64 = 5;
/// How long samples are kept after their hour.
pub const SAMPLES_KEPT_MS: i64 = ROLLED_UP_WITHIN_MS + 15 * DAY_MS;
/// How long sums are kept after their hour: two periods of 366 days, and the pins that ended in the earlier one.
pub const SUMS_KEPT_MS: i64 = 800 * DAY_MS;

/// How a pin has ended, if it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Queued, deferred or publishing.
    Open,
    Published(Moment),
    Failed(Moment),
    /// Deleted, or its schedule canceled, before it could be published: it is neither waiting nor failed.
    Deleted,
}

/// The rollup's record of one pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub pin: PinId,
    pub account: AccountId,
    pub created_at: Moment,
    /// The attempt row's revision; a sample with a later one replaces this sample.
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

/// Whether a caller called the pin off before it could be published: this isn't a failure.
fn is_called_off(failure: Option<Failure>) -> bool {
    matches!(failure, Some(Failure::PinDeleted | Failure::ScheduleCanceled))
}

/// The hour of the moment, in hours since the epoch.
pub fn hour(at: Moment) -> i64 {
    at.0.div_euclid(HOUR_MS)
}

/// The quarter of an hour of the moment, counted since the epoch.
pub fn quarter(at: Moment) -> i64 {
    at.0.div_euclid(QUARTER_MS)
}

/// When the quarter of an hour begins.
pub fn quarter_start(quarter: i64) -> Moment {
    Moment(quarter.saturating_mul(QUARTER_MS))
}
