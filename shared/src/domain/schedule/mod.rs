//! A schedule: a request that becomes a pin when its time has come, and its state machine.
//!
//! As with attempts, every transition takes the row as read and returns the next one, which is written only if the row's
//! `version` is still the one that was read. What a schedule shows after its release is its pin's story; nothing is written
//! for that.

use super::ids::{PinKey, ScheduleKey};
use super::pin::attempt::{Attempt, Status};
use super::pin::failure::Failure;
use super::pin::idempotency::{self, PayloadHash};
use super::pin::origin::Origin;
use super::pin::{LIFETIME_MS, PinRequest, WaitReason};
use super::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};

/// A schedule may be this far ahead.
pub const AHEAD_MAX_MS: i64 = 730 * DAY_MS;
/// A schedule is handed over this long before its time: the dispatcher runs every minute, so that two of its runs may fail, and
/// the queue delays a message by up to 15 minutes.
pub const RELEASE_AHEAD_MS: i64 = 180 * SECOND_MS;
/// Schedules are to the second: what begins within its own isn't late.
pub const LATE_FROM_MS: i64 = SECOND_MS;
/// A minute's due rows are spread over this many partitions: one DynamoDB partition takes 1,000 write units a second.
pub const DUE_SHARDS: u32 = 4;
/// How long a due row is kept after its minute: a dispatcher that was out for a month still finds it.
pub const DUE_KEPT_MS: i64 = 30 * DAY_MS;
/// A schedule's row goes this much before its pin's, so that one without its pin is never shown.
const BEFORE_ITS_PIN_MS: i64 = HOUR_MS;

/// How far a schedule itself has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits for its time; may be edited.
    Scheduled,
    /// Its run's pin is accepted, or is about to be.
    Released,
    Canceled,
    /// No pin could be made of it.
    Failed(Failure),
}

/// The schedule's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub key: ScheduleKey,
    /// Its `idempotency_key` is the schedule's own, empty if the client gave none. The pin's is [`Schedule::pin_request`]'s.
    pub request: PinRequest,
    /// As it was asked for.
    pub run_at: Moment,
    /// When this run is to start: `run_at`, or for a retry the moment of the retry if that is later.
    pub due: Moment,
    pub stage: Stage,
    /// Counts the retries; each run has a pin of its own.
    pub run: u32,
    /// Counts the changes of `due`, so that each has a due row of its own: one that is removed late is never the one that counts.
    pub moves: u32,
    /// Counts the writes of this row; 1 is the first.
    pub version: u64,
    /// What was asked for first.
    pub payload_hash: PayloadHash,
    /// Who asked for it, and through which import.
    pub origin: Origin,
    pub created_at: Moment,
    pub updated_at: Moment,
    /// When this run was handed over.
    pub released_at: Option<Moment>,
    /// Nobody sees it any more; the row stays so that its key stays taken.
    pub removed_at: Option<Moment>,
    pub expires_at: Moment,
    /// Names the last write, so that one the SDK repeated is recognised as our own.
    pub nonce: String,
}

/// What the API shows. The names are the contract's, and closed.
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

    /// Whether nothing happens to it any more by itself.
    pub fn is_over(self) -> bool {
        matches!(self, S::Done | S::Failed | S::Canceled)
    }
}

/// The schedule isn't in a stage from which that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a schedule that is {0:?} can't do that")]
pub struct WrongStage(pub Stage);

type Next = Result<Schedule, WrongStage>;

/// What a new schedule is made of.
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
    pub fn new(new: NewSchedule) -> Self {
        let NewSchedule { key, request, run_at, origin, now, retention_ms, nonce } = new;
        Self {
            key,
            payload_hash: PayloadHash::of_schedule(&request, run_at),
            request,
            run_at,
            due: run_at,
            stage: Stage::Scheduled,
            run: 0,
            moves: 0,
            version: 1,
            origin,
            created_at: now,
            updated_at: now,
            released_at: None,
            removed_at: None,
            expires_at: kept_from(run_at, retention_ms),
            nonce,
        }
    }

    /// Its pin's request in this run.
    pub fn pin_request(&self) -> PinRequest {
        PinRequest { idempotency_key: format!("schedule:{}:{}", self.key.schedule, self.run), ..self.request.clone() }
    }

    /// Its pin in this run, whether or not it is there.
    pub fn pin_key(&self) -> PinKey {
        let key = format!("schedule:{}:{}", self.key.schedule, self.run);
        PinKey { workspace: self.key.workspace, pin: idempotency::pin_id(self.key.workspace, &key) }
    }

    /// Where its pin comes from.
    pub fn pin_origin(&self) -> Origin {
        Origin { schedule: Some((self.key.schedule, self.run)), ..self.origin }
    }

    pub fn due_row(&self) -> DueRow {
        DueRow { due: self.due, key: self.key, moves: self.moves }
    }

    /// Whether it is to be handed over by now.
    pub fn is_near(&self, now: Moment) -> bool {
        self.due <= now.plus_ms(RELEASE_AHEAD_MS)
    }

    /// Whether clients see it.
    pub fn is_shown(&self, now: Moment) -> bool {
        self.removed_at.is_none() && self.expires_at > now
    }

    /// How long after its time it was handed over, if that was late.
    pub fn late_by_ms(&self) -> Option<i64> {
        self.released_at.map(|at| at.since_ms(self.due)).filter(|late_ms| *late_ms >= LATE_FROM_MS)
    }

    /// The client has another wish; only while it waits.
    pub fn edited(&self, request: PinRequest, run_at: Moment, now: Moment, retention_ms: i64, nonce: String) -> Next {
        let mut next = self.leave(&[Stage::Scheduled], Stage::Scheduled, now, nonce)?;
        next.request = PinRequest { idempotency_key: next.request.idempotency_key, ..request };
        // A retried one keeps the time of its retry, unless it is moved.
        if run_at != next.run_at {
            next.run_at = run_at;
            next.due = run_at;
            next.moves += 1;
            next.expires_at = kept_from(run_at, retention_ms);
        }
        Ok(next)
    }

    /// Its time is near: from here on its pin is accepted, by whoever comes first.
    pub fn released(&self, now: Moment, retention_ms: i64, nonce: String) -> Next {
        let mut next = self.leave(&[Stage::Scheduled], Stage::Released, now, nonce)?;
        next.released_at = Some(now);
        next.expires_at = kept_from(now, retention_ms);
        Ok(next)
    }

    /// No pin can be made of it.
    pub fn failed(&self, failure: Failure, now: Moment, nonce: String) -> Next {
        self.leave(&[Stage::Released], Stage::Failed(failure), now, nonce)
    }

    /// Whoever cancels a released one has ended its pin before.
    pub fn canceled(&self, now: Moment, nonce: String) -> Next {
        self.leave(&[Stage::Scheduled, Stage::Released], Stage::Canceled, now, nonce)
    }

    /// Out of sight. Whoever removes a released one has seen that its pin is over.
    pub fn removed(&self, now: Moment, nonce: String) -> Next {
        if self.stage == Stage::Scheduled {
            return Err(WrongStage(self.stage));
        }
        let mut next = self.leave(&[self.stage], self.stage, now, nonce)?;
        next.removed_at = Some(now);
        Ok(next)
    }

    /// Once more, with another pin. Whoever retries a released one has seen that its pin failed.
    pub fn retried(&self, now: Moment, retention_ms: i64, nonce: String) -> Next {
        if !matches!(self.stage, Stage::Released | Stage::Failed(_)) {
            return Err(WrongStage(self.stage));
        }
        let mut next = self.leave(&[self.stage], Stage::Scheduled, now, nonce)?;
        next.run += 1;
        next.due = self.run_at.max(now);
        next.moves += 1;
        next.released_at = None;
        next.expires_at = kept_from(next.due, retention_ms);
        Ok(next)
    }

    /// The same with that content; its key, its account and what it was asked for first stay.
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
        next.nonce = nonce;
        next.stage = to;
        next.updated_at = now;
        Ok(next)
    }

    /// What the API shows, given its run's pin if that is there.
    pub fn status(&self, pin: Option<&Attempt>) -> ScheduleStatus {
        match (self.stage, pin) {
            (Stage::Scheduled, _) => S::Scheduled,
            (Stage::Canceled, _) => S::Canceled,
            (Stage::Failed(_), _) => S::Failed,
            (Stage::Released, None) => S::Queued,
            (Stage::Released, Some(attempt)) => of_pin(attempt),
        }
    }
}

fn of_pin(attempt: &Attempt) -> ScheduleStatus {
    match attempt.status {
        Status::Queued => S::Queued,
        Status::Deferred if attempt.wait == Some(WaitReason::Scheduled) => S::Queued,
        Status::Deferred => S::Deferred,
        Status::Publishing => S::Running,
        Status::Published => S::Done,
        // Whoever canceled it died before the schedule's own row said so.
        Status::Failed if attempt.failure == Some(Failure::ScheduleCanceled) => S::Canceled,
        Status::Failed => S::Failed,
    }
}

/// Until when the row of a schedule that runs at `run` is kept, in whole seconds.
fn kept_from(run: Moment, retention_ms: i64) -> Moment {
    let end = run.plus_ms(LIFETIME_MS + retention_ms - BEFORE_ITS_PIN_MS);
    Moment(end.unix_seconds() * SECOND_MS)
}

/// "At this moment, this schedule": what the dispatcher finds it by. One that isn't the schedule's own any more is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueRow {
    pub due: Moment,
    pub key: ScheduleKey,
    /// The schedule's count of moves.
    pub moves: u32,
}

impl DueRow {
    pub fn minute(&self) -> i64 {
        self.due.minute()
    }

    pub fn shard(&self) -> u32 {
        (self.key.schedule.0.as_u128() % u128::from(DUE_SHARDS)) as u32
    }

    pub fn expires_at(&self) -> Moment {
        Moment(self.minute() * MINUTE_MS).plus_ms(DUE_KEPT_MS)
    }
}

mod change;

pub use change::ScheduleChange;

#[cfg(test)]
mod tests;
