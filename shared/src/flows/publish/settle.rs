//! Recording what came of a call, under the fence.

use super::publish_pin::{Job, pause, to_backlog};
use crate::context::Context;
use crate::domain::message::Disposition;
use crate::domain::pacing::bucket::Pause;
use crate::domain::pin::WaitReason;
use crate::domain::pin::attempt::{Attempt, IllegalTransition, Status, Upstream};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::{self, Failed, HOLD_PAUSE_MS, Remedy};
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::accounts::refresh_tokens::{self, Renewal};
use crate::flows::activity;
use crate::flows::reconcile::plan_duplicate_check;
use crate::ports::{Creation, PortResult, Saved};
use crate::telemetry::{self, Metric};

/// A retry this near keeps its message; a later one gets a delayed copy.
const KEEP_WITHIN_MS: i64 = 60 * SECOND_MS;
/// An outcome is worth several tries to write: what isn't recorded costs a quiet time and a look-up.
const RECORD_ATTEMPTS: usize = 3;
const RECORD_PAUSE_MS: i64 = 200;
/// A call that failed with a stale token is repeated this soon with the fresh one.
const FRESH_TOKEN_RETRY_MS: i64 = SECOND_MS;

type Settled = PortResult<Option<Disposition>>;

/// Turns the provider's answer into the pin's next state.
pub async fn settle(context: &Context, job: &mut Job, creation: Creation, used: &Secret) -> Settled {
    let now = context.system.now();
    match creation {
        Creation::Created { pinterest_pin_id, upstream, nothing_left_for_ms } => {
            let settled = published(context, job, pinterest_pin_id, &upstream).await;
            after_success(context, job, nothing_left_for_ms).await;
            settled
        }
        Creation::Unknown { upstream } => unresolved_outcome(context, job, &upstream).await,
        Creation::Refused { failure, upstream, retry_after_ms } => {
            let failed = Failed {
                failure,
                attempts_spent: job.attempt.attempts_spent(),
                retry_after_ms,
                now,
                jitter: context.system.jitter(),
            };
            match retry::remedy(&failed) {
                Remedy::RetryAt(at) => retry_at(context, job, at, failure, &upstream).await,
                Remedy::PauseAccount { .. } if failure == Failure::TokenRevoked => {
                    token_refused(context, job, used, &upstream).await
                }
                Remedy::PauseAccount { until, on_hold } => {
                    let reason = if on_hold { WaitReason::AccountOnHold } else { WaitReason::AccountPaused };
                    let mut planned = Pause::new(&context.settings.pace, until, reason);
                    if failure == Failure::RateLimited {
                        planned = planned.slowing(&job.bucket, now);
                    }
                    pause(context, job.account_key(), planned).await?;
                    to_backlog(context, job, reason, Some(until), Some((failure, &upstream))).await
                }
                Remedy::Reconcile => unresolved_outcome(context, job, &upstream).await,
                Remedy::Fail(verdict) => give_up(context, job, verdict, &upstream).await,
            }
        }
    }
}

/// What a success says of the account beyond its pin: that it may publish, and perhaps that nothing remains for now. Neither
/// is worth failing for.
async fn after_success(context: &Context, job: &Job, nothing_left_for_ms: Option<i64>) {
    let (account, now) = (job.account_key(), context.system.now());
    let interval_ms = job.bucket.pace(&context.settings.pace, now).interval_ms;
    let pause_ms = nothing_left_for_ms.and_then(|ms| retry::nothing_left_pause_ms(ms, interval_ms));
    let result = match (pause_ms, job.bucket.paused_until) {
        (Some(ms), _) => {
            let until = now.plus_ms(ms);
            pause(context, account, Pause::new(&context.settings.pace, until, WaitReason::AccountPaused)).await
        }
        (None, Some(seen)) if job.bucket.is_on_hold() => context.store.lift_hold(account, seen).await,
        _ => Ok(()),
    };
    if let Err(error) = result {
        tracing::warn!(account_id = %account.account, %error, "what a success said of its account was not noted");
    }
}

/// Pinterest refused the access token: the pin goes on with a new one, or waits for it, or for a person.
async fn token_refused(context: &Context, job: &mut Job, used: &Secret, upstream: &Upstream) -> Settled {
    let (failure, reason) = match refresh_tokens::after_refusal(context, job.account_key(), used, job.ends_at_ms).await
    {
        Renewal::Renewed(_) => {
            let at = context.system.now().plus_ms(FRESH_TOKEN_RETRY_MS);
            return retry_at(context, job, at, Failure::TokenExpired, upstream).await;
        }
        // The refresh that succeeds ends the hold.
        Renewal::RetryAt(_) => (Failure::TokenExpired, WaitReason::TokenRefresh),
        Renewal::NotDue | Renewal::NeedsReconnect => (Failure::TokenRevoked, WaitReason::AccountOnHold),
    };
    // From now, and for as long as every hold: what ends it early counts on that.
    let until = context.system.now().plus_ms(HOLD_PAUSE_MS);
    pause(context, job.account_key(), Pause::new(&context.settings.pace, until, reason)).await?;
    to_backlog(context, job, reason, Some(until), Some((failure, upstream))).await
}

async fn published(context: &Context, job: &mut Job, pinterest_pin_id: String, upstream: &Upstream) -> Settled {
    let now = context.system.now();
    let next = job.attempt.published(now, pinterest_pin_id.clone(), upstream, &job.pin, context.nonce());
    match record(context, job, next).await? {
        Saved::Yes => {
            telemetry::count(Metric::PinPublished, 1, None, now);
            tracing::info!(
                workspace_id = %job.pin.key.workspace, account_id = %job.pin.request.account, pin_id = %job.pin.key.pin,
                attempt = job.attempt.attempt, upstream_request_id = upstream.request_id, pinterest_pin_id, "published"
            );
            plan_duplicate_check::plan(context, job.pin.key, &job.attempt).await;
            Ok(Some(Disposition::Done))
        }
        Saved::Lost(current) => orphaned(context, job, pinterest_pin_id, current.map(|current| *current)).await,
    }
}

/// The fence was lost while the call was out, and the call succeeded. Unless the same Pin has been adopted meanwhile,
/// its id is kept for a person to see.
async fn orphaned(context: &Context, job: &Job, pinterest_pin_id: String, current: Option<Attempt>) -> Settled {
    let now = context.system.now();
    telemetry::count(Metric::FenceLost, 1, None, now);
    let Some(current) = current else {
        return Ok(Some(Disposition::Done));
    };
    if current.pinterest_pin_id.as_deref() != Some(pinterest_pin_id.as_str()) {
        telemetry::count(Metric::OrphanPin, 1, None, now);
        tracing::error!(pin_id = %job.pin.key.pin, pinterest_pin_id, "a Pin was created after its fence was lost");
        // Never under a newer attempt's call: its fence is this row. The log and the metric have the id in any case.
        if current.status != Status::Publishing {
            let noted = current.with_orphan(now, pinterest_pin_id, context.nonce());
            context.store.save_attempt(&job.pin, &noted).await?;
        }
    }
    Ok(None)
}

async fn unresolved_outcome(context: &Context, job: &mut Job, upstream: &Upstream) -> Settled {
    let now = context.system.now();
    let reconcile_at = job.attempt.quiesced_at(context.settings.deadlines.quiesce_ms(context.rules));
    let next = job.attempt.unresolved_outcome(now, reconcile_at, upstream, context.nonce());
    Ok(match record(context, job, next).await? {
        Saved::Yes => {
            telemetry::count(Metric::OutcomeUnknown, 1, None, now);
            tracing::warn!(
                pin_id = %job.pin.key.pin, attempt = job.attempt.attempt, upstream_status = upstream.status,
                reconcile_at = reconcile_at.rfc3339(), "outcome unknown"
            );
            Some(Disposition::Keep { until: reconcile_at })
        }
        Saved::Lost(_) => None,
    })
}

async fn retry_at(context: &Context, job: &mut Job, at: Moment, failure: Failure, upstream: &Upstream) -> Settled {
    let now = context.system.now();
    let next = job.attempt.retry_at(now, at, failure, upstream, context.nonce());
    Ok(match record(context, job, next).await? {
        Saved::Yes => {
            telemetry::count(Metric::AttemptRetried, 1, Some(failure.code()), now);
            Some(if at.since_ms(now) <= KEEP_WITHIN_MS {
                Disposition::Keep { until: at }
            } else {
                Disposition::Resend { message: job.message.clone(), at }
            })
        }
        Saved::Lost(_) => None,
    })
}

/// Fails the pin for good.
pub async fn give_up(context: &Context, job: &mut Job, failure: Failure, upstream: &Upstream) -> Settled {
    let now = context.system.now();
    let next = job.attempt.failed(now, failure, upstream, &job.pin, context.nonce());
    Ok(match record(context, job, next).await? {
        Saved::Yes => {
            telemetry::count(Metric::PinFailed, 1, Some(failure.code()), now);
            tracing::info!(
                workspace_id = %job.pin.key.workspace, account_id = %job.pin.request.account, pin_id = %job.pin.key.pin,
                attempt = job.attempt.attempt, error_code = failure.code(), upstream_status = upstream.status, "failed"
            );
            activity::note_failure(context, &job.pin, &job.attempt).await;
            Some(Disposition::Done)
        }
        Saved::Lost(_) => None,
    })
}

/// The call was announced and not made: the pin goes round again at no cost.
pub async fn not_sent(context: &Context, job: &mut Job) -> Settled {
    let now = context.system.now();
    let next = job.attempt.not_sent(now, context.nonce());
    Ok(match record(context, job, next).await? {
        Saved::Yes => Some(Disposition::Keep { until: now }),
        Saved::Lost(_) => None,
    })
}

/// Writes the next state if the row is still ours. A transition that the state doesn't allow means that it isn't.
pub async fn record(context: &Context, job: &mut Job, next: Result<Attempt, IllegalTransition>) -> PortResult<Saved> {
    let Ok(next) = next else {
        return Ok(Saved::Lost(None));
    };
    let mut tries = 1;
    loop {
        match context.store.save_attempt(&job.pin, &next).await {
            Ok(Saved::Yes) => {
                job.attempt = next;
                return Ok(Saved::Yes);
            }
            Ok(lost) => return Ok(lost),
            Err(error) if tries >= RECORD_ATTEMPTS => return Err(error),
            Err(error) => {
                tracing::warn!(pin_id = %job.pin.key.pin, %error, "an outcome could not be written; trying again");
                tries += 1;
                context.system.sleep_ms(RECORD_PAUSE_MS).await;
            }
        }
    }
}
