//! Publishes one pin: what the publisher does with a message.
//!
//! Each round reads, decides ([`decide::next`]), acts, derives the outcome ([`outcome::of`]) and [commits](commit())
//! it.

use super::commit::{Commit, commit};
use super::pin_reading::{Reading, read};
use crate::context::Context;
use crate::domain::message::{Disposition, PublishMessage};
use crate::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Take};
use crate::domain::pacing::budget::Request;
use crate::domain::pin::decide::{self, Step};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::outcome::{self, Happened, Refused, TokenRenewal};
use crate::domain::secret::Secret;
use crate::flows::accounts::refresh_tokens::{self, Renewal};
use crate::flows::pacing::spend_budget::{self, Granted};
use crate::ports::{Creation, OptimisticWrites, PortResult, Taken, Write};
use crate::telemetry::{self, Metric};

/// Rounds within one delivery: a token taken, a slot waited for, or rows read again after a lost race.
const ROUNDS_MAX: usize = 6;

/// Works on one message until it is disposed of.
///
/// # Errors
/// When a port is unavailable. The message is then left to its visibility timeout: it stays the pin's owner.
pub async fn publish_pin(context: &Context, message: PublishMessage, ends_at_ms: i64) -> PortResult<Disposition> {
    let (workspace_id, pin_id) = (message.workspace, message.pin);
    let Some(mut reading) = read(context, message, ends_at_ms).await? else {
        tracing::info!(%workspace_id, %pin_id, "message of an expired pin");
        return Ok(Disposition::Done);
    };
    let mut rounds = OptimisticWrites::of("pin", ROUNDS_MAX);
    while rounds.has_round() {
        let step = decide::next(&reading.situation(context));
        let happened = act(context, &mut reading, step).await?;
        let outcome = outcome::of(&reading.situation(context), happened);
        match commit(context, &reading, outcome).await? {
            Commit::Done(disposition) => return Ok(disposition),
            Commit::ReadAgain => match read(context, reading.message, ends_at_ms).await? {
                Some(again) => reading = again,
                None => return Ok(Disposition::Done),
            },
        }
    }
    tracing::info!(%workspace_id, %pin_id, "contention; message kept");
    Ok(Disposition::Keep { until: context.system.now() })
}

/// Does what the step asks for. The reading keeps what this worker itself changes: the message's token and the
/// announced attempt.
async fn act(context: &Context, reading: &mut Reading, step: Step) -> PortResult<Happened> {
    match step {
        Step::WaitFor { slot } => {
            context.system.sleep_ms(slot.since_ms(context.system.now())).await;
            Ok(Happened::Changed)
        }
        Step::TakeToken => take_token(context, reading).await,
        Step::Publish => call(context, reading).await,
        decided => Ok(Happened::Decided(decided)),
    }
}

/// Takes the account's next token for this message, if its slot is near.
async fn take_token(context: &Context, reading: &mut Reading) -> PortResult<Happened> {
    let now = context.system.now();
    let pace = &reading.bucket.pace(&context.settings.pace, now);
    // A pin whose turn has come before takes a token at once: it doesn't queue again behind pins in the backlog. While
    // many pins of the user wait, it does: one account's retries would take the tokens of the user's other accounts.
    if reading.bucket.is_crowded(now) || reading.bucket.next_slot(pace, now) > now.plus_ms(ACCEPT_HORIZON_MS) {
        return Ok(Happened::NoTokenSoon);
    }
    let take = Take::plan(&reading.bucket, pace, now, 1, ACCEPT_HORIZON_MS, context.nonce());
    if let Taken::Tokens(tokens) = context.store.take(reading.account_key(), &take).await? {
        reading.message = reading.message.clone().with_token(tokens.first().copied());
    }
    Ok(Happened::Changed)
}

/// Gets the tokens, spends the budget, announces the attempt, and calls Pinterest.
async fn call(context: &Context, reading: &mut Reading) -> PortResult<Happened> {
    let Some(tokens) = context.secrets.tokens(reading.account_key(), false).await? else {
        return Ok(Happened::NoCredentials);
    };
    let request = Request::Create(reading.pin.key.workspace);
    match spend_budget::ask(context, reading.pin.request.account, request).await? {
        Granted::Yes => {}
        Granted::NotBefore(until) => return Ok(Happened::BudgetSpent { until }),
        Granted::AskAgain(until) => return Ok(Happened::BudgetContended { until }),
    }
    // Read before the write-ahead. So the time that is measured from here is never shorter than the time since the
    // moment in the attempt row from which Tq counts.
    let announced_ms = context.system.monotonic_ms();
    if !announce(context, reading).await? {
        return Ok(Happened::Changed);
    }
    if !may_send(context, reading, announced_ms) {
        return Ok(Happened::NotSent);
    }
    let sent_ms = context.system.monotonic_ms();
    let creation = context.pinterest.create_pin(&tokens.access, &reading.pin.request).await;
    reading.latency_ms = u32::try_from(context.system.monotonic_ms() - sent_ms).ok();
    Ok(normalise(context, reading, creation, &tokens.access).await)
}

/// The write-ahead. Returns whether this worker holds the fence.
async fn announce(context: &Context, reading: &mut Reading) -> PortResult<bool> {
    let Ok(begun) = reading.attempt.begin(context.system.now(), context.nonce()) else {
        return Ok(false);
    };
    let late_cause = reading.situation(context).lateness().of_start();
    let begun = begun.after_deliveries(reading.message.deliveries).late_because(late_cause);
    if context.store.save_attempt(&reading.pin, &begun).await? != Write::Done {
        return Ok(false);
    }
    reading.attempt = begun;
    if let Some(cause) = late_cause {
        telemetry::count(Metric::PinLate, 1, Some(cause.name()), context.system.now());
    }
    Ok(true)
}

/// Whether the announced call may still be sent: soon after its announcement, on a valid token, with time to record it.
fn may_send(context: &Context, reading: &Reading, announced_ms: i64) -> bool {
    let (now, deadlines) = (context.system.now(), &context.settings.deadlines);
    // The larger of both clocks counts: the monotonic one never jumps, the other also counts a machine's sleep.
    let since_start_ms = now.since_ms(reading.attempt.quiesced_at(0));
    let is_late = (context.system.monotonic_ms() - announced_ms).max(since_start_ms) > deadlines.send_within_ms;
    let is_stale = reading.message.valid_until.is_some_and(|until| now > until);
    !is_late && !is_stale && deadlines.leaves_time_for_a_call(reading.remaining_ms(context))
}

/// Turns Pinterest's answer into what happened. An access token that Pinterest refused is renewed.
async fn normalise(context: &Context, reading: &mut Reading, creation: Creation, used: &Secret) -> Happened {
    match creation {
        Creation::Created { pinterest_pin_id, upstream, nothing_left_for_ms } => {
            Happened::Created { pinterest_pin_id, upstream, nothing_left_for_ms }
        }
        Creation::Unknown { upstream, limit } => Happened::Unanswered { upstream, limit },
        Creation::Refused { failure, upstream, retry_after_ms } => {
            let jitter = context.system.jitter();
            let renewal = match failure {
                Failure::TokenRevoked => Some(renew(context, reading, used).await),
                _ => None,
            };
            if matches!(renewal, Some(TokenRenewal::Exhausted | TokenRenewal::Pending)) {
                // Calls of the same burst are refused at the same time. One of them may have held the account by now.
                if let Ok(bucket) = context.store.bucket(reading.account_key()).await {
                    reading.bucket = bucket;
                }
            }
            Happened::Refused(Refused { failure, upstream, retry_after_ms, jitter, renewal })
        }
    }
}

async fn renew(context: &Context, reading: &Reading, used: &Secret) -> TokenRenewal {
    match refresh_tokens::after_refusal(context, reading.account_key(), used, reading.ends_at_ms).await {
        Renewal::Renewed(_) => TokenRenewal::Renewed,
        Renewal::RetryAt(_) => TokenRenewal::Pending,
        Renewal::RefusedToo(_) => TokenRenewal::RefusedToo,
        Renewal::Exhausted => TokenRenewal::Exhausted,
        Renewal::NotDue | Renewal::NeedsReconnect => TokenRenewal::NeedsReconnect,
    }
}
