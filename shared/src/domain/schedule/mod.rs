//! A schedule: a request that becomes a pin at its time, and its state machine.
//!
//! As with attempts, every transition takes the row as read and returns the next row, which is written only if the
//! stored row's `version` is still the one that was read. After its release, a schedule shows its pin's status; nothing
//! is written to its row for that.

pub mod edits;
pub mod timeline;

use self::edits::{CHANGES_KEPT, Change};
use super::ids::{PinKey, ScheduleId, ScheduleKey};
use super::pin::attempt::{Attempt, Status};
use super::pin::failure::Failure;
use super::pin::fields;
use super::pin::idempotency::{self, PayloadHash};
use super::pin::origin::{Actor, Origin};
use super::pin::{LIFETIME_MS, PinRequest, WaitReason};
use super::repeated_write::Trail;
use super::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// How far ahead a schedule may be.
pub const AHEAD_MAX_MS: i64 = 730 * DAY_MS;
/// How long before its time a schedule is released. The dispatcher runs every minute, so two of its runs may fail, and
/// the queue can delay a message by up to 15 minutes.
pub const RELEASE_AHEAD_MS: i64 = 180 * SECOND_MS;
/// A start later than this counts as late. Schedules are to the second, so a start within its own second isn't late.
pub const LATE_FROM_MS: i64 = SECOND_MS;
/// A minute is read again until it is this much past: a process that stood still may have written under it late. Rows
/// that were handed over are gone from it, so that reading it costs next to nothing.
pub const RELEASE_RESCAN_MINUTES: i64 = 10;
/// The release rows of a minute are spread over this many partitions: one DynamoDB partition takes 1,000 write units a
/// second.
pub const RELEASE_SHARDS: u32 = 4;
/// How long a release row is kept after its minute: a dispatcher that was down for a month still finds it.
pub const RELEASE_ROW_KEPT_MS: i64 = 30 * DAY_MS;
/// A schedule's row expires this long before its pin's, so that a schedule is never shown without its pin.
const BEFORE_ITS_PIN_MS: i64 = HOUR_MS;

/// The stage of the schedule itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits for its time; all of it may be edited.
    Scheduled,
    /// The pin of its current run is accepted, or is about to be.
    Released,
    Canceled,
    /// No pin could be created from it.
    Failed(Failure),
}

/// The schedule's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub key: ScheduleKey,
    /// Its `idempotency_key` is the schedule's own, empty if the client gave none. [`Schedule::pin_request`] has the
    /// pin's.
    pub request: PinRequest,
    /// The requested time.
    pub run_at: Moment,
    /// When this run is to start: `run_at`, or for a retry the time of the retry if that is later.
    pub not_before: Moment,
    pub stage: Stage,
    /// Counts the pins before this one. A retry needs another pin only where the failed one is gone, or never existed.
    pub run: u32,
    /// Counts the changes of `not_before`. Each change has its own release row, so a late removal never hits the
    /// current one.
    pub moves: u32,
    /// Counts the row's writes, from 1.
    pub version: u64,
    /// The hash of the original request.
    pub payload_hash: PayloadHash,
    /// Who requested it, and through which import.
    pub origin: Origin,
    pub created_at: Moment,
    pub updated_at: Moment,
    /// When this run was released.
    pub released_at: Option<Moment>,
    /// What callers changed before its hand-over, the oldest first; only the newest [`CHANGES_KEPT`].
    pub changes: Vec<Change>,
    /// Who canceled it. `None`: it is not canceled, the system canceled it, or a build that didn't record it did.
    pub canceled_by: Option<Actor>,
    /// When it was removed: callers no longer see it, but the row stays so that its key stays taken.
    pub removed_at: Option<Moment>,
    pub expires_at: Moment,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
    /// The writes before it.
    pub trail: Trail,
}

/// The status that the API shows. The names are the public API's, and the set is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScheduleStatus {
    Scheduled,
    Queued,
    Deferred,
    Running,
    Done,
    Failed,
    Canceled,
}

use ScheduleStatus as S;

impl ScheduleStatus {
    pub const ALL: [Self; 7] = [S::Scheduled, S::Queued, S::Deferred, S::Running, S::Done, S::Failed, S::Canceled];

    pub fn name(self) -> &'static str {
        match self {
            S::Scheduled => "scheduled",
            S::Queued => "queued",
            S::Deferred => "deferred",
            S::Running => "running",
            S::Done => "done",
            S::Failed => "failed",
            S::Canceled => "canceled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }

    /// Whether the status is final unless a caller acts.
    pub fn is_over(self) -> bool {
        matches!(self, S::Done | S::Failed | S::Canceled)
    }
}

/// The transition isn't allowed from the schedule's stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transition is not allowed for a schedule that is {0:?}")]
pub struct WrongStage(pub Stage);

type Next = Result<Schedule, WrongStage>;

/// The values of a new schedule.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    pub key: ScheduleKey,
    pub request: PinRequest,
    pub run_at: Moment,
    pub origin: Origin,
    pub now: Moment,
    pub retention_ms: i64,
    pub nonce: String,
}

impl Schedule {
    /// A schedule that was not handed over yet.
    pub fn new(new: NewSchedule) -> Self {
        let NewSchedule { key, request, run_at, origin, now, retention_ms, nonce } = new;
        Self {
            key,
            payload_hash: PayloadHash::of_schedule(&request, run_at),
            request,
            run_at,
            not_before: run_at,
            stage: Stage::Scheduled,
            run: 0,
            moves: 0,
            version: 1,
            origin,
            created_at: now,
            updated_at: now,
            released_at: None,
            changes: Vec::new(),
            canceled_by: None,
            removed_at: None,
            expires_at: kept_from(run_at, retention_ms),
            nonce,
            trail: Trail::default(),
        }
    }

    /// The request of this run's pin.
    pub fn pin_request(&self) -> PinRequest {
        PinRequest { idempotency_key: run_key(self.key.schedule, self.run), ..self.request.clone() }
    }

    /// The key of this run's pin, whether or not the pin exists yet.
    pub fn pin_key(&self) -> PinKey {
        let key = run_key(self.key.schedule, self.run);
        PinKey { workspace: self.key.workspace, pin: idempotency::pin_id(self.key.workspace, &key) }
    }

    /// The origin of this run's pin.
    pub fn pin_origin(&self) -> Origin {
        Origin { schedule: Some((self.key.schedule, self.run)), root: None, ..self.origin }
    }

    /// The row by which the dispatcher finds the schedule.
    pub fn release_row(&self) -> ReleaseRow {
        ReleaseRow { not_before: self.not_before, key: self.key, moves: self.moves }
    }

    /// Whether it is to be released by now.
    pub fn is_near(&self, now: Moment) -> bool {
        self.not_before <= now.plus_ms(RELEASE_AHEAD_MS)
    }

    /// Whether callers see it.
    pub fn is_shown(&self, now: Moment) -> bool {
        self.removed_at.is_none() && self.expires_at > now
    }

    /// How many milliseconds after its time it was released, if that was late.
    pub fn late_by_ms(&self) -> Option<i64> {
        self.released_at.map(|at| at.since_ms(self.not_before)).filter(|late_ms| *late_ms >= LATE_FROM_MS)
    }

    /// The client edits the schedule; allowed only before its hand-over. From then on the client edits its pin.
    pub fn edited(&self, request: PinRequest, run_at: Moment, now: Moment, retention_ms: i64, nonce: String) -> Next {
        let mut next = self.leave(&[Stage::Scheduled], Stage::Scheduled, now, nonce)?;
        next.request = PinRequest { idempotency_key: next.request.idempotency_key, ..request };
        // A retried schedule keeps the time of its retry unless the edit moves it.
        if run_at != next.run_at {
            next.run_at = run_at;
            next.not_before = run_at;
            next.moves += 1;
            next.expires_at = kept_from(run_at, retention_ms);
        }
        Ok(next)
    }

    /// Keeps with an edit of `before`, which is the last write, what it changed and who made it.
    #[must_use]
    pub fn changed_by(mut self, before: &Self, by: Option<Actor>) -> Self {
        let fields = fields::changed(&before.request, &self.request);
        self.changes.extend(Change::new(self.updated_at, fields, self.run_at != before.run_at, by));
        self.changes.drain(..self.changes.len().saturating_sub(CHANGES_KEPT));
        self
    }

    /// Its time is near: from now on its pin may be accepted, by any worker.
    pub fn released(&self, now: Moment, retention_ms: i64, nonce: String) -> Next {
        let mut next = self.leave(&[Stage::Scheduled], Stage::Released, now, nonce)?;
        next.released_at = Some(now);
        next.expires_at = kept_from(now, retention_ms);
        Ok(next)
    }

    /// No pin can be created from it.
    pub fn failed(&self, failure: Failure, now: Moment, nonce: String) -> Next {
        self.leave(&[Stage::Released], Stage::Failed(failure), now, nonce)
    }

    /// The caller must have ended the pin of a released schedule before.
    pub fn canceled(&self, now: Moment, nonce: String) -> Next {
        self.leave(&[Stage::Scheduled, Stage::Released], Stage::Canceled, now, nonce)
    }

    /// Hides the schedule. The caller must have checked that the pin of a released schedule is finished.
    pub fn removed(&self, now: Moment, nonce: String) -> Next {
        if self.stage == Stage::Scheduled {
            return Err(WrongStage(self.stage));
        }
        let mut next = self.leave(&[self.stage], self.stage, now, nonce)?;
        next.removed_at = Some(now);
        Ok(next)
    }

    /// Its failed pin is about to be retried. The row only gets its next version, so that a removal that has read the
    /// one before doesn't take effect.
    pub fn retried_in_place(&self, now: Moment, nonce: String) -> Next {
        self.leave(&[Stage::Released], Stage::Released, now, nonce)
    }

    /// Runs again, with another pin: for a schedule whose pin is gone, or never existed. The caller must have checked
    /// that the pin of a released schedule failed.
    pub fn retried(&self, now: Moment, retention_ms: i64, nonce: String) -> Next {
        if !matches!(self.stage, Stage::Released | Stage::Failed(_)) {
            return Err(WrongStage(self.stage));
        }
        let mut next = self.leave(&[self.stage], Stage::Scheduled, now, nonce)?;
        next.run += 1;
        next.not_before = self.run_at.max(now);
        next.moves += 1;
        next.released_at = None;
        next.expires_at = kept_from(next.not_before, retention_ms);
        Ok(next)
    }

    /// The same schedule with other content. Its key, its account and the hash of its original request stay.
    #[must_use]
    pub fn with_content(mut self, of: &PinRequest) -> Self {
        let Self { request: PinRequest { idempotency_key, account, .. }, .. } = self.clone();
        self.request = PinRequest { idempotency_key, account, ..of.clone() };
        self
    }

    fn leave(&self, from: &[Stage], to: Stage, now: Moment, nonce: String) -> Next {
        if !from.contains(&self.stage) {
            return Err(WrongStage(self.stage));
        }
        let mut next = self.clone();
        next.version += 1;
        next.trail = self.trail.behind(&self.nonce);
        next.nonce = nonce;
        next.stage = to;
        next.updated_at = now;
        Ok(next)
    }

    /// The status that the API shows, given the pin of this run if it exists. The hand-over minutes before its time is
    /// the system's own affair: for clients, the schedule waits until its second.
    pub fn status(&self, pin: Option<&Attempt>, now: Moment) -> ScheduleStatus {
        let status = match (self.stage, pin) {
            (Stage::Scheduled, _) => S::Scheduled,
            (Stage::Canceled, _) => S::Canceled,
            (Stage::Failed(_), _) => S::Failed,
            (Stage::Released, None) => S::Queued,
            (Stage::Released, Some(attempt)) => of_pin(attempt),
        };
        let waits = matches!(status, S::Queued | S::Deferred) && pin.is_none_or(Attempt::has_never_begun);
        if waits && now < self.not_before { S::Scheduled } else { status }
    }
}

/// The idempotency key of the pin of a run.
pub fn run_key(schedule: ScheduleId, run: u32) -> String {
    format!("schedule:{schedule}:{run}")
}

fn of_pin(attempt: &Attempt) -> ScheduleStatus {
    match attempt.status {
        Status::Queued => S::Queued,
        Status::Deferred if attempt.wait == Some(WaitReason::Scheduled) => S::Queued,
        Status::Deferred => S::Deferred,
        Status::Publishing => S::Running,
        Status::Published => S::Done,
        // The worker that canceled the pin died before it wrote the schedule's own row.
        Status::Failed if attempt.failure == Some(Failure::ScheduleCanceled) => S::Canceled,
        Status::Failed => S::Failed,
    }
}

/// Until when the row of a schedule that runs at `run` is kept, in whole seconds.
fn kept_from(run: Moment, retention_ms: i64) -> Moment {
    let end = run.plus_ms(LIFETIME_MS + retention_ms - BEFORE_ITS_PIN_MS);
    Moment(end.unix_seconds() * SECOND_MS)
}

/// The row by which the dispatcher finds a schedule at its time. A release row that isn't the schedule's current one is
/// void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseRow {
    pub not_before: Moment,
    pub key: ScheduleKey,
    /// The schedule's `moves`.
    pub moves: u32,
}

impl ReleaseRow {
    /// The minute of its time, in minutes since the epoch.
    pub fn minute(&self) -> i64 {
        self.not_before.minute()
    }

    /// The shard of its release row.
    pub fn shard(&self) -> u32 {
        (self.key.schedule.0.as_u128() % u128::from(RELEASE_SHARDS)) as u32
    }

    /// When DynamoDB may delete the row.
    pub fn expires_at(&self) -> Moment {
        Moment(self.minute() * MINUTE_MS).plus_ms(RELEASE_ROW_KEPT_MS)
    }
}

mod change;

pub use change::ScheduleChange;

#[cfg(test)]
mod tests;
