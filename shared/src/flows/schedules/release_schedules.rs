//! Releases schedules: shortly before its time, each becomes a pin that starts at that time.
//!
//! The release row owns a schedule until its pin has an owner. The steps: mark the schedule's row as released (from
//! then on its pin is edited in its place), accept its pin, delete the release row. If the process dies in between, the
//! next run finds the release row and does the rest. The pin's id is derived from the schedule and its run, so that
//! repeating a step has no effect.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};

use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::domain::message::PublishMessage;
use crate::domain::pin::Pin;
use crate::domain::pin::failure::Failure;
use crate::domain::schedule::{Schedule, Stage};
use crate::domain::time::{MINUTE_MS, Moment};
use crate::flows::accept::accept_pins::{AcceptError, Acceptance, PublishRequest, accept_pins};
use crate::ports::{PortResult, Write};
use crate::telemetry::{self, Metric};

/// Rows of each kind that are written concurrently.
const WRITES_AT_ONCE: usize = 50;
/// A repeated request for a released schedule helps to accept its pin, until this long after its time.
const HELPED_FOR_MS: i64 = 2 * MINUTE_MS;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Schedules whose pin was accepted.
    pub released: usize,
    /// Schedules whose time had passed.
    pub late: usize,
    /// Schedules that could not become a pin.
    pub failed: usize,
}

impl std::ops::AddAssign for Released {
    fn add_assign(&mut self, other: Self) {
        self.released += other.released;
        self.late += other.late;
        self.failed += other.failed;
    }
}

/// What a run did with the rows of a minute, or with some of them.
pub struct Run {
    pub released: Released,
    /// Nothing is left that is due now.
    pub is_whole: bool,
}

/// Hands a schedule over at once, if its time is near; returns it as it is then. What can't be done now, the dispatcher
/// does by the release row.
pub async fn release_if_near(context: &Context, schedule: Schedule) -> Schedule {
    let now = context.system.now();
    let is_open = match schedule.stage {
        Stage::Scheduled => schedule.is_near(now),
        // A worker may have died just before the pin was accepted. Later this is left to the dispatcher.
        Stage::Released => now.since_ms(schedule.not_before) < HELPED_FOR_MS,
        Stage::Canceled | Stage::Failed(_) => false,
    };
    if !is_open {
        return schedule;
    }
    let key = schedule.key;
    let before = schedule.clone();
    hand_over(context, vec![schedule]).await;
    match context.schedules.schedules(&[key]).await.map(|mut read| read.pop().flatten()) {
        Ok(Some(after)) => after,
        _ => before,
    }
}

/// Makes pins of schedules that are due. Some may be released already, by a worker that died before their pin was
/// accepted.
pub async fn hand_over(context: &Context, schedules: Vec<Schedule>) -> Run {
    let claims = schedules.into_iter().map(|schedule| claim(context, schedule));
    let claims: Vec<Claim> = stream::iter(claims).buffered(WRITES_AT_ONCE).collect().await;
    let mut run = Run { released: Released::default(), is_whole: true };
    let mut by_workspace: BTreeMap<WorkspaceId, Vec<Schedule>> = BTreeMap::new();
    for claim in claims {
        match claim {
            Claim::Ours(schedule) => by_workspace.entry(schedule.key.workspace).or_default().push(*schedule),
            Claim::Changed => run.is_whole = false,
        }
    }
    let (mut done, mut to_resend) = (Vec::new(), Vec::new());
    let accepted = by_workspace.into_iter().map(|(workspace, schedules)| async move {
        let answers = accept_pins(context, workspace, schedules.iter().map(publish_request).collect()).await;
        (workspace, schedules, answers)
    });
    let accepted: Vec<_> = stream::iter(accepted).buffered(WRITES_AT_ONCE).collect().await;
    for (workspace, schedules, answers) in accepted {
        match answers {
            Ok(answers) => {
                for (schedule, answer) in schedules.iter().zip(answers) {
                    to_resend.extend(answer.as_ref().ok().and_then(|accepted| needs_resend(context, accepted)));
                    match resolve(context, schedule, answer.err()).await {
                        Ok(Some(outcome)) => {
                            run.released += outcome;
                            done.push(schedule.release_row());
                        }
                        Ok(None) => run.is_whole = false,
                        Err(error) => {
                            tracing::warn!(
                                workspace_id = %schedule.key.workspace, schedule_id = %schedule.key.schedule, %error,
                                "scheduled pin not accepted yet"
                            );
                            run.is_whole = false;
                        }
                    }
                }
            }
            Err(error) => {
                tracing::warn!(workspace_id = %workspace, %error, "scheduled pins not accepted yet");
                run.is_whole = false;
            }
        }
    }
    // The worker that accepted the pin may have died before its message was sent, and the rescuer would find it minutes
    // late. A superfluous message may cost a token, and nothing else.
    if !to_resend.is_empty() && !matches!(context.queue.send(&to_resend).await, Ok(unsent) if unsent.is_empty()) {
        tracing::warn!(count = to_resend.len(), "messages of scheduled pins not resent; the next run tries again");
        run.is_whole = false;
        return run;
    }
    if !done.is_empty()
        && let Err(error) = context.schedules.delete_release_rows(&done).await
    {
        tracing::warn!(%error, "release rows of released schedules not deleted; the next run tries again");
        run.is_whole = false;
    }
    run
}

/// A message for a pin that was accepted before, has no attempt yet, and may have no message. Also when its time has
/// just passed: three runs may have been lost on the way to it, and the rescuer would find it minutes late.
fn needs_resend(context: &Context, accepted: &Acceptance) -> Option<(PublishMessage, i64)> {
    let Acceptance::Replay(pin, attempt) = accepted else { return None };
    let Pin { key, request, .. } = pin;
    let wait_ms = pin.not_before()?.since_ms(context.system.now()).max(0);
    // An edit before its time has written the attempt's row, too.
    let is_fresh = attempt.has_never_begun() && attempt.generation == 0 && !attempt.status.is_terminal();
    is_fresh.then(|| (PublishMessage::new(*key, request.account, attempt.generation, None), wait_ms))
}

enum Claim {
    Ours(Box<Schedule>),
    /// Edited, canceled or released by another writer at this moment, or unknown.
    Changed,
}

async fn claim(context: &Context, schedule: Schedule) -> Claim {
    if schedule.stage == Stage::Released {
        return Claim::Ours(Box::new(schedule));
    }
    let Ok(next) = schedule.released(context.system.now(), context.settings.retention_ms, context.nonce()) else {
        return Claim::Changed;
    };
    match context.schedules.save_schedule(&next).await {
        Ok(Write::Done) => Claim::Ours(Box::new(next)),
        Ok(Write::Conflict(_)) => Claim::Changed,
        Err(error) => {
            tracing::warn!(
                workspace_id = %next.key.workspace, schedule_id = %next.key.schedule, %error, "schedule not released"
            );
            Claim::Changed
        }
    }
}

fn publish_request(schedule: &Schedule) -> PublishRequest {
    PublishRequest {
        request: schedule.pin_request(),
        origin: schedule.pin_origin(),
        not_before: Some(schedule.not_before),
    }
}

/// Accepts the pin of a schedule that was handed over, for a caller who needs it, or fails the schedule if no pin can
/// be made of it. Read both again after it.
///
/// # Errors
/// When a port is unavailable.
pub async fn make_pin(context: &Context, schedule: &Schedule) -> PortResult<()> {
    let answers = accept_pins(context, schedule.key.workspace, vec![publish_request(schedule)]).await?;
    let failure = match answers.into_iter().next() {
        None | Some(Ok(_) | Err(AcceptError::KeyOfDeleted { .. })) => return Ok(()),
        Some(Err(AcceptError::Port(error))) => return Err(error),
        Some(Err(AcceptError::KeyReused { .. })) => Failure::KeyTaken,
        Some(Err(AcceptError::TooLate)) => Failure::TooLate,
        Some(Err(AcceptError::AccountNotFound | AcceptError::AccountDisconnected)) => Failure::AccountDisconnected,
    };
    fail(context, schedule, failure, context.system.now()).await.map(drop)
}

/// The result of an acceptance; `None` if it is tried again.
async fn resolve(context: &Context, schedule: &Schedule, refused: Option<AcceptError>) -> PortResult<Option<Released>> {
    let now = context.system.now();
    let failure = match refused {
        None => {
            let late = schedule.late_by_ms().unwrap_or(0);
            if late > 0 {
                tracing::warn!(
                    workspace_id = %schedule.key.workspace, schedule_id = %schedule.key.schedule, late_ms = late,
                    "schedule released late"
                );
            }
            return Ok(Some(Released { released: 1, late: usize::from(late > 0), failed: 0 }));
        }
        // Until the schedule's time, the account may be connected again.
        Some(AcceptError::AccountDisconnected) if now < schedule.not_before => return Ok(None),
        Some(AcceptError::AccountDisconnected | AcceptError::AccountNotFound) => Failure::AccountDisconnected,
        Some(AcceptError::KeyReused { .. }) => Failure::KeyTaken,
        Some(AcceptError::TooLate) => Failure::TooLate,
        // The pin existed, and was deleted since.
        Some(AcceptError::KeyOfDeleted { .. }) => return Ok(Some(Released::default())),
        Some(AcceptError::Port(error)) => return Err(error),
    };
    fail(context, schedule, failure, now).await.map(Some)
}

/// # Errors
/// When the table is unavailable.
pub async fn fail(context: &Context, schedule: &Schedule, failure: Failure, now: Moment) -> PortResult<Released> {
    let key = schedule.key;
    let Ok(next) = schedule.failed(failure, now, context.nonce()) else { return Ok(Released::default()) };
    match context.schedules.save_schedule(&next).await? {
        Write::Done => {
            telemetry::count(Metric::ScheduleFailed, 1, Some(failure.code()), now);
            tracing::warn!(
                workspace_id = %key.workspace, schedule_id = %key.schedule, error_code = failure.code(),
                "schedule failed"
            );
            Ok(Released { failed: 1, ..Released::default() })
        }
        // Another writer has finished the schedule.
        Write::Conflict(_) => Ok(Released::default()),
    }
}
