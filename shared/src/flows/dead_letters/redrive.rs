//! Redrives dead-letter messages. An operator first lists them by class of error, then has the pins retried at a
//! limited rate, and the run stops where the cause turns out not to be fixed.
//!
//! A message is deleted only when its pin has been retried or needs no further work. In every other case it stays in
//! the redrive queue.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Context;
use crate::domain::ids::PinKey;
use crate::domain::message::PublishMessage;
use crate::domain::pin::attempt::Status;
use crate::domain::pin::failure::Failure;
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::flows::pins::retry_pin::{RetryError, retry_pin};
use crate::ports::{DeadLetterMessage, PortResult, RedriveQueue};

/// Messages considered in a run; with more, the summary says so.
pub const MESSAGES_MAX: u64 = 20_000;
/// A message that is being considered is hidden this long; after a crash it becomes visible again.
const HIDDEN_MS: i64 = 30 * MINUTE_MS;
/// The number of last retried pins that decide whether the run goes well.
pub const WINDOW: usize = 20;
/// A run is stopped for failures only after this many outcomes.
const OUTCOMES_LEAST: usize = 5;
/// Where failures stop a run, it waits for the outcomes of each window, at most this long: a pin may have to wait for
/// its slot.
const OUTCOMES_WITHIN_MS: i64 = MINUTE_MS;
const OUTCOMES_EVERY_MS: i64 = SECOND_MS;

/// The operator's options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Redrive {
    /// False: report only.
    pub run: bool,
    /// Only pins that failed with this code.
    pub error_code: Option<String>,
    /// At most this many pins a second.
    pub rate_per_s: Option<f64>,
    /// Stop when more than this share of the last [`WINDOW`] pins failed again.
    pub stop_when_failing_percent: Option<u32>,
    /// Unreadable messages go back to the publish queue unchanged (for another build, which reads them).
    pub send_unreadable: bool,
}

/// What the run found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub messages: u64,
    /// By the pin's present error code, or `unreadable`, `gone`, `finished`, `waiting`.
    pub by_class: BTreeMap<String, u64>,
    pub retried: u64,
    /// Messages of pins that need no further work.
    pub dropped: u64,
    pub sent_unreadable: u64,
    /// Pins that can't be retried, by the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Retried pins that failed again while the run was watching.
    pub failed_again: u64,
    /// Stopped early because too many failed again.
    pub stopped: bool,
    /// There may be messages that this run hasn't seen.
    pub more: bool,
}

/// The class of a message, by its pin's state.
enum Class {
    Unreadable,
    Gone,
    /// Published.
    Finished,
    /// Under way or waiting, with the pin's generation.
    Waiting(u32),
    Failed(Failure),
}

impl Class {
    fn name(&self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Gone => "gone",
            Self::Finished => "finished",
            Self::Waiting(_) => "waiting",
            Self::Failed(failure) => failure.code(),
        }
    }
}

struct Run<'a> {
    context: &'a Context,
    queue: &'a dyn RedriveQueue,
    redrive: &'a Redrive,
    summary: Summary,
    /// Messages that become visible again at the end.
    kept: Vec<DeadLetterMessage>,
    kept_bodies: BTreeSet<String>,
    /// The last retried pins, and the time of the next retry.
    window: Vec<PinKey>,
    next_at: Moment,
}

/// # Errors
/// When a port is unavailable. Messages that were being considered become visible again after half an hour.
pub async fn redrive(context: &Context, queue: &dyn RedriveQueue, redrive: &Redrive) -> PortResult<Summary> {
    let mut run = Run {
        context,
        queue,
        redrive,
        summary: Summary::default(),
        kept: Vec::new(),
        kept_bodies: BTreeSet::new(),
        window: Vec::new(),
        next_at: context.system.now(),
    };
    let worked = run.go().await;
    for dead_letter in &run.kept {
        // A message that is visible already, or deleted, isn't this run's any more.
        if let Err(error) = queue.put_back(dead_letter).await {
            tracing::warn!(%error, "message stays hidden until its timeout");
        }
    }
    worked.map(|()| run.summary)
}

impl Run<'_> {
    async fn go(&mut self) -> PortResult<()> {
        loop {
            let some = self.queue.receive(HIDDEN_MS).await?;
            if some.is_empty() {
                break;
            }
            let mut some = some.into_iter();
            while let Some(dead_letter) = some.next() {
                if self.summary.messages >= MESSAGES_MAX || self.summary.stopped {
                    self.summary.more = true;
                    self.keep(dead_letter);
                    self.kept.extend(some);
                    return Ok(());
                }
                if let Err(error) = self.consider(dead_letter).await {
                    self.kept.extend(some);
                    return Err(error);
                }
            }
        }
        // The outcomes of the last few are counted too, though nothing is left to stop.
        self.is_failing().await.map(|_| ())
    }

    fn keep(&mut self, dead_letter: DeadLetterMessage) {
        self.kept_bodies.insert(dead_letter.body.clone());
        self.kept.push(dead_letter);
    }

    async fn consider(&mut self, dead_letter: DeadLetterMessage) -> PortResult<()> {
        if self.kept_bodies.contains(&dead_letter.body) {
            // A second copy, or a message whose hidden time is over.
            self.keep(dead_letter);
            return Ok(());
        }
        let message = PublishMessage::parse(&dead_letter.body).ok();
        let class = match self.classify(message.as_ref()).await {
            Ok(class) => class,
            Err(error) => {
                self.keep(dead_letter);
                return Err(error);
            }
        };
        self.summary.messages += 1;
        *self.summary.by_class.entry(class.name().to_owned()).or_default() += 1;
        let is_asked_for = self.redrive.error_code.as_deref().is_none_or(|code| code == class.name());
        if !self.redrive.run || !is_asked_for {
            self.keep(dead_letter);
            return Ok(());
        }
        match (class, message) {
            (Class::Gone | Class::Finished, _) => self.drop_message(&dead_letter).await,
            (Class::Waiting(generation), Some(message)) if generation > message.generation => {
                // Retried already: the pin has another owner.
                self.drop_message(&dead_letter).await
            }
            (Class::Failed(_), Some(message)) => self.retry(dead_letter, message.key()).await,
            (Class::Unreadable, _) if self.redrive.send_unreadable => self.send_unreadable(&dead_letter).await,
            _ => {
                self.keep(dead_letter);
                Ok(())
            }
        }
    }

    async fn classify(&self, message: Option<&PublishMessage>) -> PortResult<Class> {
        let Some(message) = message else { return Ok(Class::Unreadable) };
        let read = self.context.store.pins(&[message.key()]).await?.into_iter().flatten().next();
        Ok(match read {
            None => Class::Gone,
            Some((_, attempt)) => match (attempt.status, attempt.failure) {
                (Status::Published, _) => Class::Finished,
                (Status::Failed, failure) => Class::Failed(failure.unwrap_or(Failure::Unrecognised)),
                _ => Class::Waiting(attempt.generation),
            },
        })
    }

    async fn drop_message(&mut self, dead_letter: &DeadLetterMessage) -> PortResult<()> {
        self.queue.delete(dead_letter).await?;
        self.summary.dropped += 1;
        Ok(())
    }

    async fn send_unreadable(&mut self, dead_letter: &DeadLetterMessage) -> PortResult<()> {
        self.keep_pace().await;
        self.queue.send_again(dead_letter).await?;
        self.queue.delete(dead_letter).await?;
        self.summary.sent_unreadable += 1;
        Ok(())
    }

    async fn retry(&mut self, dead_letter: DeadLetterMessage, key: PinKey) -> PortResult<()> {
        self.keep_pace().await;
        let why = match retry_pin(self.context, key, false).await {
            Ok(_) => {
                self.queue.delete(&dead_letter).await?;
                self.summary.retried += 1;
                return self.watch(key).await;
            }
            Err(RetryError::Port(error)) => {
                self.keep(dead_letter);
                return Err(error);
            }
            // Another retry came first; the next run sees its outcome.
            Err(RetryError::NotFailed(_)) => "not_failed",
            Err(RetryError::NotFound) => "gone",
            Err(RetryError::MayDuplicate) => "may_duplicate",
            Err(RetryError::Superseded) => "superseded",
            Err(RetryError::Overdue) => "overdue",
            Err(RetryError::TooLate | RetryError::TooSoon) => "too_late",
            Err(RetryError::AccountDisconnected | RetryError::AccountNotFound) => "account_disconnected",
        };
        *self.summary.refused.entry(why).or_default() += 1;
        self.keep(dead_letter);
        Ok(())
    }

    async fn keep_pace(&mut self) {
        let Some(rate) = self.redrive.rate_per_s.filter(|rate| *rate > 0.0) else { return };
        let wait_ms = self.next_at.since_ms(self.context.system.now());
        if wait_ms > 0 {
            self.context.system.sleep_ms(wait_ms).await;
        }
        self.next_at = self.context.system.now().plus_ms((1_000.0 / rate).ceil() as i64);
    }

    /// Adds a retried pin to the window. A full window is judged before the run continues.
    async fn watch(&mut self, key: PinKey) -> PortResult<()> {
        self.window.push(key);
        if self.window.len() >= WINDOW {
            self.summary.stopped = self.is_failing().await?;
        }
        Ok(())
    }

    /// Waits for the outcomes of the window, where failures are to stop the run, and starts a new window.
    async fn is_failing(&mut self) -> PortResult<bool> {
        let keys = std::mem::take(&mut self.window);
        let Some(percent) = self.redrive.stop_when_failing_percent.filter(|_| !keys.is_empty()) else {
            return Ok(false);
        };
        let until = self.context.system.now().plus_ms(OUTCOMES_WITHIN_MS);
        loop {
            let read = self.context.store.pins(&keys).await?;
            let of = |wanted: Status| read.iter().flatten().filter(|(_, attempt)| attempt.status == wanted).count();
            let (failed, published) = (of(Status::Failed), of(Status::Published));
            let known = failed + published;
            let is_over = known == keys.len() || self.context.system.now() >= until;
            let too_many = failed * 100 > percent as usize * keys.len();
            if is_over || (too_many && known >= OUTCOMES_LEAST) {
                self.summary.failed_again += failed as u64;
                return Ok(too_many);
            }
            self.context.system.sleep_ms(OUTCOMES_EVERY_MS).await;
        }
    }
}
