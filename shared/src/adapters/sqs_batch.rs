//! What every queue-triggered function does with a batch: all messages are worked on at once, none takes another with
//! it, and what was decided about each becomes a queue move.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::context::Context;
use crate::domain::message::{BadMessage, Disposition};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{MAX_DELAY_MS, PortResult, QueueName};
use crate::telemetry::{self, Metric};

/// A text that is no message won't become one: it goes quickly through its deliveries to the dead letters.
const POISON_AGAIN_MS: i64 = 5 * SECOND_MS;
/// After an error the message comes back soon, then ever later, so that an outage of hours doesn't use up its deliveries.
const ERROR_AGAIN_MS: i64 = 5 * SECOND_MS;
const ERROR_AGAIN_MAX_MS: i64 = 10 * MINUTE_MS;

/// What becomes of a message.
enum Move {
    Acknowledge,
    /// Stays in the queue, visible again after this; `None` leaves it to the queue's visibility timeout.
    Return(Option<i64>),
}

/// What becomes of a text that isn't a message of this build's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It goes through its deliveries to the queue's dead letters.
    GiveBack,
    /// It is kept for an operator, and acknowledged.
    Park,
}

/// How a function works on one message.
pub trait Worker: Sync {
    type Message: Send;

    /// The queue that the messages come from.
    const QUEUE: QueueName;
    const UNREADABLE: Unreadable = Unreadable::GiveBack;

    /// # Errors
    /// When the text isn't a message of this build's.
    fn parse(body: &str) -> Result<Self::Message, BadMessage>;

    /// Works on a message until `ends_at_ms` on the monotonic clock.
    ///
    /// # Errors
    /// When a port is unavailable; the message comes back.
    fn work(
        &self,
        context: &Context,
        message: Self::Message,
        ends_at_ms: i64,
    ) -> impl Future<Output = PortResult<Disposition>> + Send;
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle<W: Worker>(worker: &W, context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    let remaining_ms = deadline.since_ms(context.system.now());
    let ends_at_ms = context.system.monotonic_ms().saturating_add(remaining_ms);
    let outcomes = join_all(event.records.iter().map(|record| handle_one(worker, context, record, ends_at_ms))).await;
    let failures = event.records.iter().zip(outcomes).filter(|(_, done)| !done);
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures.map(|(record, _)| failure(record)).collect();
    response
}

fn failure(record: &SqsMessage) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = record.message_id.clone().unwrap_or_default();
    failure
}

/// Whether the message is done with.
async fn handle_one<W: Worker>(worker: &W, context: &Context, record: &SqsMessage, ends_at_ms: i64) -> bool {
    let work = AssertUnwindSafe(decide(worker, context, record, ends_at_ms)).catch_unwind().await;
    let decided = work.unwrap_or_else(|_| {
        tracing::error!(message_id = record.message_id, "a record's worker panicked");
        Move::Return(None)
    });
    match decided {
        Move::Acknowledge => true,
        Move::Return(after_ms) => {
            if let (Some(after_ms), Some(receipt)) = (after_ms, record.receipt_handle.as_deref())
                && let Err(error) = context.queue.change_visibility(W::QUEUE, receipt, after_ms).await
            {
                tracing::warn!(%error, "a message keeps its visibility timeout");
            }
            false
        }
    }
}

async fn decide<W: Worker>(worker: &W, context: &Context, record: &SqsMessage, ends_at_ms: i64) -> Move {
    let message = match W::parse(record.body.as_deref().unwrap_or("")) {
        Ok(message) => message,
        Err(error) => return unreadable::<W>(context, record, &error).await,
    };
    match worker.work(context, message, ends_at_ms).await {
        Ok(disposition) => carry_out(context, disposition).await,
        Err(error) => {
            tracing::error!(message_id = record.message_id, %error, "a message could not be worked on");
            Move::Return(Some(error_again_ms(record)))
        }
    }
}

async fn unreadable<W: Worker>(context: &Context, record: &SqsMessage, error: &BadMessage) -> Move {
    tracing::error!(message_id = record.message_id, %error, "an unreadable message");
    match W::UNREADABLE {
        // Another version's message is for another build, which may be running beside this one.
        Unreadable::GiveBack => {
            telemetry::count(Metric::PoisonMessage, 1, None, context.system.now());
            Move::Return(matches!(error, BadMessage::Malformed(_)).then_some(POISON_AGAIN_MS))
        }
        Unreadable::Park => match context.queue.park(record.body.as_deref().unwrap_or("")).await {
            Ok(()) => {
                telemetry::count(Metric::DeadLetter, 1, Some("unreadable"), context.system.now());
                Move::Acknowledge
            }
            Err(error) => {
                tracing::error!(message_id = record.message_id, %error, "a letter could not be parked");
                Move::Return(Some(error_again_ms(record)))
            }
        },
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
                // The copy is not out, so this one stays.
                _ => Move::Return(Some(delay_ms)),
            }
        }
    }
}

/// Doubles with every delivery.
fn error_again_ms(record: &SqsMessage) -> i64 {
    let received =
        record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse::<u32>().ok()).unwrap_or(1);
    ERROR_AGAIN_MS.saturating_mul(1 << received.saturating_sub(1).min(20)).min(ERROR_AGAIN_MAX_MS)
}
