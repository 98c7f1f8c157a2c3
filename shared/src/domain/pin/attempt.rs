//! The mutable part of a publish job: a pin's attempts, and their state machine.
//!
//! Every transition takes the state as read and returns the next one. The store writes it only if the row is still the
//! one that was read (its `rev`), so a transition that is checked here holds when it is written.

use thiserror::Error;

use super::failure::Failure;
use super::history::{self, Event, EventKind};
use super::late_cause::LateCause;
use super::origin::Actor;
use super::shortened::shortened;
use super::{Pin, Placement, WaitReason};
use crate::domain::event::recorded;
use crate::domain::time::{DAY_MS, Moment};

/// The public states. `Published` and `Failed` are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Queued,
    Deferred,
    Publishing,
    Published,
    Failed,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Queued, Self::Deferred, Self::Publishing, Self::Published, Self::Failed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }

    /// Whether nothing happens to the pin any more, unless it is retried.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Published | Self::Failed)
    }
}

/// The attempt row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counts the writes of this row; 0 is the row that doesn't exist yet.
    pub rev: u64,
    /// Names the last write, so that a write that the SDK repeated is recognised as our own.
    pub nonce: String,
    /// Messages of an older generation are void.
    pub generation: u32,
    /// The pin's edit ([`Pin::edit`]) that this state goes with.
    pub edit: u32,
    pub status: Status,
    /// How many attempts were started; never reset.
    pub attempt: u32,
    /// How many of those don't count towards the limit.
    pub attempt_base: u32,
    /// How many attempts in which Pinterest could not fetch the image were followed by another one; see
    /// [`IMAGE_WAITS_MS`](super::retry::IMAGE_WAITS_MS).
    pub image_tries: u32,
    /// When the latest attempt was announced.
    pub started_at: Option<Moment>,
    /// No attempt starts before this.
    pub not_before: Option<Moment>,
    /// When the board is read next, while the outcome is unknown.
    pub reconcile_at: Option<Moment>,
    pub wait: Option<WaitReason>,
    /// The last failure, while it matters: cleared by success.
    pub failure: Option<Failure>,
    /// Pinterest's message, shortened to [`DETAIL_MAX`].
    pub detail: Option<String>,
    pub pinterest_pin_id: Option<String>,
    /// A Pin that was created by a call whose worker had lost the fence. Needs a person.
    pub orphan_pin_id: Option<String>,
    /// A Pin with this published pin's content that no pin owns, found by the duplicate check; the first of several.
    pub duplicate_pin_id: Option<String>,
    pub finished_at: Option<Moment>,
    pub updated_at: Moment,
    pub history: Vec<Event>,
    /// Set only by the write that makes the pin terminal.
    pub expires_at: Option<Moment>,
    /// When the published Pin was found to be missing on Pinterest; the status stays.
    pub removed_at: Option<Moment>,
    /// Its schedule was retried: another pin takes its place, and this one can't be retried any more.
    pub is_superseded: bool,
    /// Why its first attempt started late, or why none started in time. See [`lateness`](super::lateness).
    pub late_cause: Option<LateCause>,
    /// How many events for subscribers this row has recorded, those included that the history has dropped. See
    /// [`recorded`](crate::domain::event::recorded).
    pub events: u32,
}

/// The row outlives the pin row by a week: a pin must never be read without its state, and DynamoDB deletes expired
/// rows in any order, days late at times.
pub const OUTLIVES_PIN_MS: i64 = 7 * DAY_MS;
/// Pinterest's message is kept up to this many bytes.
pub const DETAIL_MAX: usize = 84;
/// What follows the number in the note of [`Attempt::answered_in`].
pub const LATENCY_UNIT: &str = " ms";
/// How many duplicates get an event of their own: more would push the publish itself out of the history.
pub const REPORTED_MAX: usize = 3;

/// The state machine has no such transition; usually another worker has changed the pin meanwhile.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{from:?} -> {to:?} is not a transition")]
pub struct IllegalTransition {
    pub from: Status,
    pub to: Status,
}

/// Pinterest's answer, as far as the history keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    pub status: Option<u16>,
    pub code: Option<i64>,
    pub request_id: Option<String>,
    /// Pinterest's own words, and nobody else's.
    pub message: Option<String>,
    /// What our client saw in place of an answer. Never shown as Pinterest's words.
    pub transport_error: Option<&'static str>,
}

type Next = Result<Attempt, IllegalTransition>;

impl Attempt {
    /// The state of a pin that no worker has worked on yet: no row exists.
    pub fn untouched(pin: &Pin) -> Self {
        let (status, not_before, wait) = match pin.placement {
            Placement::Now => (Status::Queued, None, None),
            Placement::Slot(slot) => (Status::Deferred, Some(slot), Some(WaitReason::AccountPacing)),
            Placement::Backlog(reason) => (Status::Deferred, None, Some(reason)),
            Placement::Due(at) => (Status::Deferred, Some(at), Some(WaitReason::Scheduled)),
        };
        Self {
            rev: 0,
            nonce: String::new(),
            generation: 0,
            edit: 0,
            status,
            attempt: 0,
            attempt_base: 0,
            image_tries: 0,
            started_at: None,
            not_before,
            reconcile_at: None,
            wait,
            failure: None,
            detail: None,
            pinterest_pin_id: None,
            orphan_pin_id: None,
            duplicate_pin_id: None,
            finished_at: None,
            updated_at: pin.created_at,
            history: Vec::new(),
            expires_at: None,
            removed_at: None,
            is_superseded: false,
            late_cause: None,
            events: 0,
        }
    }

    /// The attempts that count towards the limit. Those that were repeated for their image have a limit of their own.
    pub fn attempts_spent(&self) -> u32 {
        self.attempts_made().saturating_sub(self.image_tries)
    }

    /// The attempts since the pin was accepted or retried, without those that were deferred or not sent.
    pub fn attempts_made(&self) -> u32 {
        self.attempt.saturating_sub(self.attempt_base)
    }

    /// When the first attempt began, as far back as the history goes.
    pub fn first_started_at(&self) -> Option<Moment> {
        let starts = self.history.iter().filter(|event| event.kind == EventKind::AttemptStarted);
        starts.map(|event| event.at).min().or(self.started_at)
    }

    /// Whether no attempt has ever been announced: what the pin publishes is still open.
    pub fn has_never_begun(&self) -> bool {
        self.attempt == 0
    }

    /// When an unanswered call of the latest attempt can no longer commit.
    pub fn quiesced_at(&self, quiesce_ms: i64) -> Moment {
        self.started_at.unwrap_or(self.updated_at).plus_ms(quiesce_ms)
    }

    /// The write-ahead: announces attempt n + 1. The worker that wrote it holds the fence.
    pub fn begin(&self, now: Moment, nonce: String) -> Next {
        let mut next = self.leave(&[Status::Queued, Status::Deferred], Status::Publishing, now, nonce)?;
        next.attempt += 1;
        next.started_at = Some(now);
        next.not_before = None;
        next.wait = None;
        Ok(next.logged(EventKind::AttemptStarted, |_| {}))
    }

    /// Notes at the attempt's start how many earlier deliveries of its message ended without an attempt: they left no
    /// event. This row is written anyway, so the note costs no write.
    pub fn after_deliveries(mut self, deliveries: u32) -> Self {
        let idle = deliveries.saturating_sub(self.deliveries_explained());
        if let Some(started) =
            self.history.last_mut().filter(|event| event.kind == EventKind::AttemptStarted && idle > 0)
        {
            started.note = Some(format!("{idle} deliveries did nothing"));
        }
        self
    }

    /// Notes why the pin is late, unless that is noted already: the first attempt counts.
    #[must_use]
    pub fn late_because(mut self, cause: Option<LateCause>) -> Self {
        self.late_cause = self.late_cause.or(cause);
        self
    }

    /// The deliveries of the pin's present message that began an attempt. The message was sent at the last event that
    /// sends one, or at acceptance.
    fn deliveries_explained(&self) -> u32 {
        let events = self.history.iter().rev().take_while(|event| !event.sends_a_message());
        u32::try_from(events.filter(|event| event.kind == EventKind::AttemptStarted).count()).unwrap_or(u32::MAX)
    }

    /// The queue has delivered the pin's message as often as it allows: the pin fails, and its history says how many of
    /// the deliveries came to nothing.
    pub fn dead_lettered(&self, now: Moment, deliveries: u32, pin: &Pin, nonce: String) -> Next {
        let idle = deliveries.saturating_sub(self.deliveries_explained());
        let noted = Self { updated_at: now, ..self.clone() };
        let noted = noted.logged(EventKind::Undeliverable, |event| {
            event.note = Some(format!("{idle} deliveries did nothing"));
        });
        // The state is left by the failure, so it counts as one write.
        noted.failed(now, Failure::DeadLettered, &Upstream::default(), pin, nonce)
    }

    /// The call was announced and never sent. No attempt is spent.
    pub fn not_sent(&self, now: Moment, nonce: String) -> Next {
        let mut next = self.leave(&[Status::Publishing], Status::Queued, now, nonce)?;
        next.attempt_base += 1;
        next.reconcile_at = None;
        Ok(next.logged(EventKind::NotSent, |_| {}))
    }

    /// Pinterest answered with the Pin.
    pub fn published(
        &self,
        now: Moment,
        pinterest_pin_id: String,
        upstream: &Upstream,
        pin: &Pin,
        nonce: String,
    ) -> Next {
        self.done(now, pinterest_pin_id, upstream, pin, nonce, EventKind::Published)
    }

    /// The Pin was found on its board. [`created_on_pinterest`](Self::created_on_pinterest) adds its creation time.
    pub fn adopted(
        &self,
        now: Moment,
        pinterest_pin_id: String,
        upstream: &Upstream,
        pin: &Pin,
        nonce: String,
    ) -> Next {
        self.done(now, pinterest_pin_id, upstream, pin, nonce, EventKind::Adopted)
    }

    /// Keeps with the adoption, which is the last event, when Pinterest created the Pin. The row is written anyway.
    #[must_use]
    pub fn created_on_pinterest(mut self, at: Option<Moment>) -> Self {
        if let Some(event) = self.history.last_mut().filter(|event| event.kind == EventKind::Adopted) {
            event.next_at = at;
        }
        self
    }

    fn done(&self, now: Moment, id: String, upstream: &Upstream, pin: &Pin, nonce: String, kind: EventKind) -> Next {
        let mut next = self.leave(&[Status::Publishing], Status::Published, now, nonce)?;
        next.pinterest_pin_id = Some(id);
        next.failure = None;
        next.detail = None;
        next.reconcile_at = None;
        Ok(next.finished(now, pin).logged_answer(kind, upstream, None, None))
    }

    /// No answer came, or it left the outcome open: the pin stays `publishing` and is reconciled at `reconcile_at`.
    pub fn unresolved_outcome(&self, now: Moment, reconcile_at: Moment, upstream: &Upstream, nonce: String) -> Next {
        let mut next = self.leave(&[Status::Publishing], Status::Publishing, now, nonce)?;
        next.failure = Some(Failure::OutcomeUnknown);
        next.detail = upstream.message.as_deref().map(shorten);
        next.reconcile_at = Some(reconcile_at);
        Ok(next.logged_answer(EventKind::AnswerUnknown, upstream, Some(reconcile_at), None))
    }

    /// A reconciliation was inconclusive. `answer` is Pinterest's, if it did not show the board.
    pub fn reconcile_again(
        &self,
        now: Moment,
        reconcile_at: Moment,
        why: &str,
        answer: &Upstream,
        nonce: String,
    ) -> Next {
        let mut next = self.leave(&[Status::Publishing], Status::Publishing, now, nonce)?;
        next.failure = Some(Failure::OutcomeUnknown);
        next.reconcile_at = Some(reconcile_at);
        next.detail = answer.message.as_deref().map(shorten).or(next.detail);
        Ok(next.logged(EventKind::ReconcileInconclusive, |event| {
            keep_answer(event, answer);
            event.next_at = Some(reconcile_at);
            event.note = Some(why.to_owned());
        }))
    }

    /// The Pin is certainly not on Pinterest: a new attempt is allowed.
    pub fn absent(&self, now: Moment, nonce: String) -> Next {
        let mut next = self.leave(&[Status::Publishing], Status::Queued, now, nonce)?;
        next.reconcile_at = None;
        next.failure = None;
        next.detail = None;
        Ok(next.logged(EventKind::NotOnPinterest, |_| {}))
    }

    /// A temporary failure: the same message makes another attempt at `at`.
    pub fn retry_at(&self, now: Moment, at: Moment, failure: Failure, upstream: &Upstream, nonce: String) -> Next {
        let mut next = self.leave(&[Status::Publishing], Status::Queued, now, nonce)?;
        next.not_before = Some(at);
        next.failure = Some(failure);
        next.image_tries += u32::from(failure == Failure::ImageUnreachable);
        next.detail = upstream.message.as_deref().map(shorten);
        next.reconcile_at = None;
        Ok(next.logged_answer(EventKind::RetryPlanned, upstream, Some(at), Some(failure)))
    }

    /// The pin waits in the backlog under a new generation, so that messages still under way are void. No attempt is
    /// spent.
    pub fn deferred(
        &self,
        now: Moment,
        until: Option<Moment>,
        reason: WaitReason,
        cause: Option<(Failure, &Upstream)>,
        nonce: String,
    ) -> Next {
        let from = [Status::Queued, Status::Deferred, Status::Publishing];
        let mut next = self.leave(&from, Status::Deferred, now, nonce)?;
        if self.status == Status::Publishing {
            next.attempt_base += 1;
        }
        next.generation += 1;
        next.not_before = until;
        next.wait = Some(reason);
        next.reconcile_at = None;
        next.failure = cause.map(|(failure, _)| failure);
        next.detail = cause.and_then(|(_, upstream)| upstream.message.as_deref().map(shorten));
        let nothing = Upstream::default();
        let (failure, upstream) = match cause {
            Some((failure, upstream)) => (Some(failure), upstream),
            None => (None, &nothing),
        };
        let mut next = next.logged_answer(EventKind::Deferred, upstream, until, failure);
        if failure.is_none()
            && let Some(event) = next.history.last_mut()
        {
            event.note = Some(reason.code().to_owned());
        }
        Ok(next)
    }

    /// The pin has failed for good.
    pub fn failed(&self, now: Moment, failure: Failure, upstream: &Upstream, pin: &Pin, nonce: String) -> Next {
        let from = [Status::Queued, Status::Deferred, Status::Publishing];
        let mut next = self.leave(&from, Status::Failed, now, nonce)?;
        next.failure = Some(failure);
        next.detail = upstream.message.as_deref().map(shorten);
        next.reconcile_at = None;
        Ok(next.finished(now, pin).logged_answer(EventKind::Failed, upstream, None, Some(failure)))
    }

    /// The same by Pinterest's answer to a reading of the board. A worker that died in its call has left no event that
    /// says that the outcome was unknown, so that is recorded first.
    pub fn failed_by_reading(
        &self,
        now: Moment,
        failure: Failure,
        answer: &Upstream,
        pin: &Pin,
        nonce: String,
    ) -> Next {
        if self.history.last().is_none_or(|event| event.kind != EventKind::AttemptStarted) {
            return self.failed(now, failure, answer, pin, nonce);
        }
        let noted = Self { updated_at: now, ..self.clone() };
        let noted =
            noted.logged(EventKind::ReconcileInconclusive, |event| event.note = Some(failure.code().to_owned()));
        // The state is left by the failure, so it counts as one write.
        noted.failed(now, failure, answer, pin, nonce)
    }

    /// A failed pin is retried, under a new generation; no earlier attempt counts. `waits` says why it can't start at
    /// once, and until when.
    pub fn retried(&self, now: Moment, waits: Option<(WaitReason, Option<Moment>)>, nonce: String) -> Next {
        let status = if waits.is_some() { Status::Deferred } else { Status::Queued };
        let mut next = self.leave(&[Status::Failed], status, now, nonce)?;
        next.generation += 1;
        next.attempt_base = next.attempt;
        next.image_tries = 0;
        next.not_before = waits.and_then(|(_, until)| until);
        next.wait = waits.map(|(reason, _)| reason);
        next.failure = None;
        next.detail = None;
        next.finished_at = None;
        next.expires_at = None;
        next.late_cause = None;
        Ok(next.logged(EventKind::Retried, |event| {
            event.next_at = waits.and_then(|(_, until)| until);
            event.note = self.failure.map(|failure| failure.code().to_owned());
        }))
    }

    /// The pin's schedule continues with another pin.
    pub fn superseded(&self, now: Moment, nonce: String) -> Next {
        let mut next = self.leave(&[Status::Failed], Status::Failed, now, nonce)?;
        next.is_superseded = true;
        Ok(next.logged(EventKind::Superseded, |_| {}))
    }

    /// The pin's content was changed. The state stays; a worker that has read the old content can't write any more.
    pub fn edited(&self, now: Moment, nonce: String) -> Next {
        let from = [Status::Queued, Status::Deferred, Status::Failed];
        let mut next = self.leave(&from, self.status, now, nonce)?;
        next.edit += 1;
        // The image may be another one.
        next.image_tries = 0;
        Ok(next.logged(EventKind::Edited, |_| {}))
    }

    /// Like [`Attempt::edited`], as part of a retry, which has counted as the write.
    pub fn with_edit(mut self) -> Self {
        self.edit += 1;
        self.logged(EventKind::Edited, |_| {})
    }

    /// Keeps with an edit, which is the last event, which fields it changed: their letters of
    /// [`fields`](super::fields).
    #[must_use]
    pub fn changing(mut self, letters: String) -> Self {
        if let Some(event) = self.history.last_mut().filter(|event| event.kind == EventKind::Edited) {
            event.note = Some(letters);
        }
        self
    }

    /// Keeps with Pinterest's answer that it created the Pin, which is the last event, how long that took. The row is
    /// written anyway.
    #[must_use]
    pub fn answered_in(mut self, latency_ms: Option<u32>) -> Self {
        if let Some(event) = self.history.last_mut().filter(|event| event.kind == EventKind::Published) {
            event.note = latency_ms.map(|ms| format!("{ms}{LATENCY_UNIT}"));
        }
        self
    }

    /// Whether a person may decide which Pin is the pin's: it ended unresolved, or a person has decided that there is
    /// none, which can be corrected for as long as nothing has followed.
    pub fn may_be_resolved(&self, quiesce_ms: i64) -> bool {
        let is_decided = self.status == Status::Failed && self.failure == Some(Failure::ConfirmedAbsent);
        is_decided || self.ended_unresolved(quiesce_ms)
    }

    /// Whether the pin was edited after its last attempt began: what that attempt sent isn't stored any more.
    pub fn is_edited_since_attempt(&self) -> bool {
        let is_before = |event: &&Event| matches!(event.kind, EventKind::AttemptStarted | EventKind::Omitted);
        let mut later = self.history.iter().rev().take_while(|event| !is_before(event));
        later.any(|event| event.kind == EventKind::Edited)
    }

    /// When the first attempt began that sent what the request says now. Where the history has dropped attempts, it is
    /// the event before those.
    pub fn sent_since(&self) -> Moment {
        let mut since = self.started_at.unwrap_or(self.updated_at);
        let mut is_after_gap = false;
        for event in self.history.iter().rev() {
            if is_after_gap || event.kind == EventKind::AttemptStarted {
                since = event.at;
            }
            if event.kind == EventKind::Edited {
                break;
            }
            is_after_gap = event.kind == EventKind::Omitted;
        }
        since
    }

    /// Whether the pin failed because the board could not decide its outcome, and no person has decided it yet. (A
    /// person may also decide other ends: see [`may_be_resolved`](Self::may_be_resolved).)
    pub fn is_left_to_a_person(&self) -> bool {
        self.status == Status::Failed && self.failure.is_some_and(Failure::is_left_to_a_person)
    }

    /// A person has decided that this Pin is the pin's. That corrects an earlier decision that there is none.
    /// `created_at`: when Pinterest created it, if a board showed that.
    pub fn resolved_by_person(
        &self,
        now: Moment,
        pinterest_pin_id: String,
        created_at: Option<Moment>,
        pin: &Pin,
        quiesce_ms: i64,
        nonce: String,
    ) -> Next {
        if !self.may_be_resolved(quiesce_ms) {
            return Err(IllegalTransition { from: self.status, to: Status::Published });
        }
        let mut next = self.leave(&[Status::Failed], Status::Published, now, nonce)?;
        next.orphan_pin_id = next.orphan_pin_id.filter(|orphan| *orphan != pinterest_pin_id);
        next.pinterest_pin_id = Some(pinterest_pin_id.clone());
        next.failure = None;
        next.detail = None;
        Ok(next.finished(now, pin).logged(EventKind::ResolvedByPerson, |event| {
            event.next_at = created_at;
            event.note = Some(pinterest_pin_id);
        }))
    }

    /// A person has found that the pin has no Pin: another attempt can't create a second one. An orphan is gone, too:
    /// one that is recorded after this decision contradicts it.
    pub fn none_by_person(&self, now: Moment, quiesce_ms: i64, nonce: String) -> Next {
        if !self.ended_unresolved(quiesce_ms) {
            return Err(IllegalTransition { from: self.status, to: Status::Failed });
        }
        let mut next = self.leave(&[Status::Failed], Status::Failed, now, nonce)?;
        next.failure = Some(Failure::ConfirmedAbsent);
        next.orphan_pin_id = None;
        next.detail = None;
        Ok(next.logged(EventKind::NoneByPerson, |event| {
            event.note = self.failure.map(|failure| failure.code().to_owned());
        }))
    }

    /// The same state under a new revision: what another writer decided on the state before can't be written any more.
    #[must_use]
    pub fn touched(&self, now: Moment, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, updated_at: now, ..self.clone() }
    }

    /// Keeps with a caller's act, which is the last event, who made it.
    #[must_use]
    pub fn made_by(mut self, actor: Option<Actor>) -> Self {
        if let Some(event) = self.history.last_mut().filter(|event| event.kind.is_act()) {
            event.request_id = actor.map(Actor::mark);
        }
        self
    }

    /// The pin's owner deleted it. A waiting pin ends; messages under way are void.
    pub fn deleted(&self, now: Moment, pin: &Pin, nonce: String) -> Next {
        let from = [Status::Queued, Status::Deferred, Status::Failed, Status::Published];
        let is_over = self.status.is_terminal();
        let to = if is_over { self.status } else { Status::Failed };
        let mut next = self.leave(&from, to, now, nonce)?;
        if !is_over {
            next.generation += 1;
            next.failure = Some(Failure::PinDeleted);
            next.detail = None;
            next = next.finished(now, pin);
        }
        Ok(next.logged(EventKind::Deleted, |_| {}))
    }

    /// Whether the pin failed while a call of it may have created a Pin, so that another call may create a second one.
    pub fn ended_unresolved(&self, quiesce_ms: i64) -> bool {
        if self.status != Status::Failed {
            return false;
        }
        match self.failure {
            Some(failure) if failure.is_left_to_a_person() => true,
            // A refusal, or the end of an unknown outcome because the board could not be read any more.
            Some(Failure::BoardNotFound) => self.was_unresolved(quiesce_ms),
            _ => self.orphan_pin_id.is_some(),
        }
    }

    /// Whether the last attempt had no answer when the pin failed. An answered call has its answer long before its
    /// quiesce period ends.
    fn was_unresolved(&self, quiesce_ms: i64) -> bool {
        use EventKind as K;
        let late = self.finished_at.is_some_and(|at| at >= self.quiesced_at(quiesce_ms));
        // What its owner did since the failure tells nothing of the call.
        let is_of_call = |event: &&Event| !matches!(event.kind, K::Failed | K::Edited | K::Deleted | K::Superseded);
        match self.history.iter().rev().find(is_of_call).map(|event| event.kind) {
            Some(EventKind::AnswerUnknown | EventKind::ReconcileInconclusive) => true,
            // The readings of the board may be left out.
            Some(EventKind::AttemptStarted | EventKind::Omitted) => late,
            _ => self.orphan_pin_id.is_some(),
        }
    }

    /// Records a Pin that was created by a call whose worker had lost the fence. Changes no status.
    pub fn with_orphan(&self, now: Moment, pinterest_pin_id: String, nonce: String) -> Self {
        Self { orphan_pin_id: Some(pinterest_pin_id), ..self.touched(now, nonce) }
    }

    /// The duplicate check found these Pins beside the published one. Adds an event for each of the first few.
    pub fn with_duplicates(&self, now: Moment, ids: &[String], nonce: String) -> Next {
        let mut next = self.leave(&[Status::Published], Status::Published, now, nonce)?;
        next.duplicate_pin_id = next.duplicate_pin_id.or_else(|| ids.first().cloned());
        Ok(ids.iter().take(REPORTED_MAX).fold(next, |next, id| next.about_duplicate(EventKind::DuplicateFound, id)))
    }

    /// The duplicate check has deleted this Pin.
    pub fn duplicate_removed(&self, now: Moment, id: &str, nonce: String) -> Next {
        let next = self.leave(&[Status::Published], Status::Published, now, nonce)?;
        Ok(next.about_duplicate(EventKind::DuplicateRemoved, id))
    }

    /// Pinterest doesn't know the published Pin any more.
    pub fn removed(&self, now: Moment, nonce: String) -> Next {
        let mut next = self.leave(&[Status::Published], Status::Published, now, nonce)?;
        next.removed_at = Some(now);
        Ok(next.logged(EventKind::RemovedFromPinterest, |_| {}))
    }

    /// Whether the history has such an event about this Pin.
    pub fn says_of_duplicate(&self, kind: EventKind, id: &str) -> bool {
        self.history.iter().any(|event| event.kind == kind && event.note.as_deref() == Some(id))
    }

    fn about_duplicate(self, kind: EventKind, id: &str) -> Self {
        self.logged(kind, |event| event.note = Some(id.to_owned()))
    }

    fn leave(&self, from: &[Status], to: Status, now: Moment, nonce: String) -> Next {
        if !from.contains(&self.status) {
            return Err(IllegalTransition { from: self.status, to });
        }
        let mut next = self.clone();
        next.rev += 1;
        next.nonce = nonce;
        next.status = to;
        next.updated_at = now;
        Ok(next)
    }

    fn finished(mut self, now: Moment, pin: &Pin) -> Self {
        self.finished_at = Some(now);
        self.not_before = None;
        self.wait = None;
        self.expires_at = Some(pin.expires_at.plus_ms(OUTLIVES_PIN_MS));
        self
    }

    fn logged(mut self, kind: EventKind, fill: impl FnOnce(&mut Event)) -> Self {
        let mut event = Event::new(kind, self.updated_at, self.attempt);
        fill(&mut event);
        self.events += recorded::recorded_by(&event, self.history.last(), self.failure);
        history::push(&mut self.history, event);
        self
    }

    fn logged_answer(
        self,
        kind: EventKind,
        upstream: &Upstream,
        next_at: Option<Moment>,
        failure: Option<Failure>,
    ) -> Self {
        self.logged(kind, |event| {
            keep_answer(event, upstream);
            event.next_at = next_at;
            event.note = failure.map(|failure| failure.code().to_owned());
        })
    }
}

/// Keeps what identifies Pinterest's answer.
fn keep_answer(event: &mut Event, answer: &Upstream) {
    event.status = answer.status;
    event.provider_code = answer.code;
    event.request_id = answer.request_id.clone();
}

fn shorten(text: &str) -> String {
    shortened(text, DETAIL_MAX)
}

#[cfg(test)]
mod tests;
