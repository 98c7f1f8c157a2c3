//! Handles a batch of a queue-triggered function: all messages are worked on at once, none fails another, and the
//! decision about each becomes a queue operation.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::Value;

use super::lambda::ends_at_ms;
use crate::context::Context;
use crate::domain::message::{BadMessage, Delivered, Disposition, Subject};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{MAX_DELAY_MS, PortResult, QueueName};
use crate::telemetry::{self, Metric};

/// A malformed text never becomes a message: it goes quickly through its deliveries to the dead-letter queue.
const POISON_AGAIN_MS: i64 = 5 * SECOND_MS;
/// After an error the message is redelivered soon, then ever later, so that an outage of hours doesn't use up its
/// deliveries.
const ERROR_AGAIN_MS: i64 = 5 * SECOND_MS;
const ERROR_AGAIN_MAX_MS: i64 = 10 * MINUTE_MS;

/// The port that a panic counts under.
const PANIC: &str = "panic";

/// What to do with a message.
enum Move {
    Acknowledge,
    /// Stays in the queue, visible again after this; `None` leaves it to the queue's visibility timeout.
    Return(Option<i64>),
}

/// What to do with a text that isn't a message of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It goes through its deliveries to the dead-letter queue.
    GiveBack,
    /// It moves to the redrive queue for an operator, and is acknowledged.
    MoveToRedrive,
}

/// How a function works on the messages of one queue.
pub struct Worker<M, W> {
    /// The queue that the messages come from.
    pub queue: QueueName,
    pub unreadable: Unreadable,
    /// Parses a message's text.
    pub parse: fn(&str) -> Result<M, BadMessage>,
    /// Works on a message until the given moment of the monotonic clock, in milliseconds. After an error the message is
    /// redelivered.
    pub work: W,
}

impl<M: Delivered, W: AsyncFn(&Context, M, i64) -> PortResult<Disposition>> Worker<M, W> {
    /// Works on a batch until `deadline`; returns which messages are not done.
    pub async fn handle(&self, context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
        let ends_at_ms = ends_at_ms(context, deadline);
        let outcomes = join_all(event.records.iter().map(|record| self.handle_one(context, record, ends_at_ms))).await;
        let failures = event.records.iter().zip(outcomes).filter(|(_, done)| !done);
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures.map(|(record, _)| failure(record)).collect();
        response
    }

    /// Whether the message is done.
    async fn handle_one(&self, context: &Context, record: &SqsMessage, ends_at_ms: i64) -> bool {
        match self.decide(context, record, ends_at_ms).await {
            Move::Acknowledge => true,
            Move::Return(after_ms) => {
                if let (Some(after_ms), Some(receipt)) = (after_ms, record.receipt_handle.as_deref())
                    && let Err(error) = context.queue.change_visibility(self.queue, receipt, after_ms).await
                {
                    tracing::warn!(%error, "visibility timeout not changed");
                }
                false
            }
        }
    }

    async fn decide(&self, context: &Context, record: &SqsMessage, ends_at_ms: i64) -> Move {
        let mut message = match (self.parse)(record.body.as_deref().unwrap_or("")) {
            Ok(message) => message,
            Err(error) => return self.unreadable(context, record, &error).await,
        };
        let deliveries = deliveries(record);
        message.delivered(deliveries);
        let subject = message.subject();
        let work = async {
            let disposition = (self.work)(context, message, ends_at_ms).await?;
            PortResult::Ok(carry_out(context, disposition).await)
        };
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(decided)) => decided,
            Ok(Err(error)) => {
                self.report(context, record, &subject, error.port(), &error.to_string());
                Move::Return(Some(error_again_ms(deliveries)))
            }
            Err(_) => {
                self.report(context, record, &subject, PANIC, "worker panicked");
                Move::Return(None)
            }
        }
    }

    /// Lambda counts an invocation that returns messages as a success: only this line and this metric show it.
    fn report(&self, context: &Context, record: &SqsMessage, subject: &Subject, port: &str, error: &str) {
        let function = self.queue.function();
        telemetry::count_failed_work(function, port, context.system.now());
        log_failure("message not done; it is redelivered", function, port, error, subject, record);
    }
}

/// The one line about a message that failed: it names what the message is about.
fn log_failure(what: &str, function: &str, port: &str, error: &str, subject: &Subject, record: &SqsMessage) {
    tracing::error!(
        function,
        port,
        error,
        workspace_id = subject.workspace.map(display),
        account_id = subject.account.map(display),
        pin_id = subject.pin.map(display),
        board_id = subject.board_id,
        import_id = subject.import.map(display),
        message_id = record.message_id,
        deliveries = deliveries(record),
        "{what}"
    );
}

fn failure(record: &SqsMessage) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = record.message_id.clone().unwrap_or_default();
    failure
}

/// The port that is named where a message can't be read.
const MESSAGE: &str = "message";

/// What a message is about that this build can't read, as far as it is written as messages are.
fn guessed_subject(body: &str) -> Subject {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let id = |name: &str| body.get(name).and_then(Value::as_str);
    Subject {
        workspace: id("w").and_then(|id| id.parse().ok()),
        account: id("a").and_then(|id| id.parse().ok()),
        pin: id("p").and_then(|id| id.parse().ok()),
        ..Subject::default()
    }
}

impl<M, W> Worker<M, W> {
    async fn unreadable(&self, context: &Context, record: &SqsMessage, error: &BadMessage) -> Move {
        let subject = guessed_subject(record.body.as_deref().unwrap_or(""));
        log_failure("unreadable message", self.queue.function(), MESSAGE, &error.to_string(), &subject, record);
        match self.unreadable {
            // A message of another version is for another build, which may be running beside this one. If none is,
            // it is work that keeps failing.
            Unreadable::GiveBack => {
                telemetry::count_failed_work(self.queue.function(), MESSAGE, context.system.now());
                telemetry::count(Metric::PoisonMessage, 1, None, context.system.now());
                Move::Return(matches!(error, BadMessage::Malformed(_)).then_some(POISON_AGAIN_MS))
            }
            Unreadable::MoveToRedrive => {
                match context.queue.move_to_redrive(record.body.as_deref().unwrap_or("")).await {
                    Ok(()) => {
                        telemetry::count(Metric::DeadLetter, 1, Some("unreadable"), context.system.now());
                        Move::Acknowledge
                    }
                    Err(error) => {
                        tracing::error!(
                            message_id = record.message_id, %error,
                            "dead-letter message not moved to the redrive queue"
                        );
                        telemetry::count_failed_work(
                            QueueName::DeadLetters.function(),
                            error.port(),
                            context.system.now(),
                        );
                        Move::Return(Some(error_again_ms(deliveries(record))))
                    }
                }
            }
        }
    }
}

async fn carry_out(context: &Context, disposition: Disposition) -> Move {
    let now = context.system.now();
    match disposition {
        Disposition::Done => Move::Acknowledge,
        Disposition::Keep { until } => Move::Return(Some(until.since_ms(now).max(0))),
        Disposition::Resend { message, at } => {
            let delay_ms = at.since_ms(now).clamp(0, MAX_DELAY_MS);
            match context.queue.send(&[(message, delay_ms)]).await {
                Ok(unsent) if unsent.is_empty() => Move::Acknowledge,
                // The copy is not sent, so this message stays.
                _ => Move::Return(Some(delay_ms)),
            }
        }
    }
}

/// How often the message was delivered, this delivery included.
fn deliveries(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// The delay after an error doubles with every delivery.
fn error_again_ms(deliveries: u32) -> i64 {
    ERROR_AGAIN_MS.saturating_mul(1 << deliveries.saturating_sub(1).min(20)).min(ERROR_AGAIN_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PinKey;
    use crate::domain::message::PublishMessage;
    use crate::domain::testdata;

    #[test]
    fn the_subject_of_a_newer_builds_message_is_guessed() {
        let key = PinKey { workspace: testdata::workspace(), pin: testdata::pin().key.pin };
        let message = PublishMessage::new(key, testdata::account(), 3, None);
        let newer = serde_json::to_string(&message).expect("plain data").replace("\"v\":1", "\"v\":9,\"z\":[1]");
        assert!(PublishMessage::parse(&newer).is_err());
        assert_eq!(guessed_subject(&newer), message.subject());
        for other in ["", "x", "[]", "{}", r#"{"w": 1, "p": "x"}"#] {
            assert_eq!(guessed_subject(other), Subject::default(), "{other}");
        }
    }
}
