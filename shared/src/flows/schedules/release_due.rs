//! The dispatcher's part of releasing schedules: releases what is due, minute by minute, missed minutes first.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};

use super::release_schedules::{Released, Run, hand_over};
use crate::context::Context;
use crate::domain::ids::{ScheduleKey, WorkspaceId};
use crate::domain::recovery::FIRST_REACH_BACK_MINUTES;
use crate::domain::schedule::{RELEASE_AHEAD_MS, RELEASE_RESCAN_MINUTES, RELEASE_SHARDS, ReleaseRow, Schedule, Stage};
use crate::domain::time::{HOUR_MS, SECOND_MS};
use crate::ports::{PortError, PortResult};
use crate::telemetry::{self, Metric};

/// Minutes caught up in a run, oldest first, beside those around now: an outage of a day takes four runs.
const MINUTES_PER_RUN: i64 = 360;
/// Schedules that are read and accepted together.
const TOGETHER: usize = 100;
/// Schedules of one workspace that come in one turn.
const TURN: usize = 10;
/// Groups of [`TOGETHER`] that are released concurrently.
const CHUNKS_AT_ONCE: usize = 4;
/// A schedule that can't be read (a newer build's, after a rollback) is waited for this long: less than the minutes
/// that one run catches up, so that it doesn't keep later ones waiting.
const UNREADABLE_KEPT_MS: i64 = 5 * HOUR_MS;
/// The part of the invocation that the rest of the dispatcher's run needs.
const LEAVE_FOR_THE_REST_MS: i64 = 30 * SECOND_MS;
/// Catching up leaves this part of the invocation to schedules that are due now.
const LEAVE_FOR_NOW_MS: i64 = 40 * SECOND_MS;

/// Hands over every schedule that is due now or soon: missed ones first, the oldest first.
///
/// # Errors
/// When the table can't be read. A failure of a single schedule doesn't affect the others.
pub async fn release_due(context: &Context, ends_at_ms: i64) -> PortResult<Released> {
    let now = context.system.now();
    let this_minute = now.minute();
    let mark = context.schedules.release_watermark().await?.unwrap_or(this_minute - FIRST_REACH_BACK_MINUTES);
    let (oldest, newest) = (mark + 1 - RELEASE_RESCAN_MINUTES, now.plus_ms(RELEASE_AHEAD_MS).minute());
    let (mut done, mut is_whole) = (mark, true);
    let mut released = Released::default();
    let caught_up_to = (oldest + MINUTES_PER_RUN).min(this_minute - 1);
    for minute in oldest..caught_up_to {
        if context.system.monotonic_ms() > ends_at_ms - LEAVE_FOR_NOW_MS {
            tracing::warn!(minute, "missed schedules left for the next run");
            is_whole = false;
            break;
        }
        let run = release_minute(context, minute, ends_at_ms - LEAVE_FOR_NOW_MS).await;
        released += run.released;
        is_whole &= run.is_whole;
        if is_whole {
            done = done.max(minute);
        }
    }
    is_whole &= caught_up_to >= this_minute - 1;
    for minute in caught_up_to.max(this_minute - 1)..=newest {
        let run = release_minute(context, minute, ends_at_ms - LEAVE_FOR_THE_REST_MS).await;
        released += run.released;
        is_whole &= run.is_whole;
        // Until a minute has passed, schedules can still be created for it.
        if is_whole && minute < this_minute {
            done = done.max(minute);
        }
    }
    if done > mark {
        context.schedules.set_release_watermark(done).await?;
    }
    telemetry::count(Metric::ScheduleReleased, released.released as u64, None, now);
    telemetry::count(Metric::ScheduleLate, released.late as u64, None, now);
    Ok(released)
}

async fn release_minute(context: &Context, minute: i64, stop_at_ms: i64) -> Run {
    let shards = try_join_all((0..RELEASE_SHARDS).map(|shard| context.schedules.release_rows(minute, shard))).await;
    let mut rows: Vec<ReleaseRow> = match shards {
        Ok(shards) => shards.into_iter().flatten().collect(),
        Err(error) => {
            telemetry::count_failed_work("dispatcher", error.port(), context.system.now());
            tracing::warn!(minute, port = error.port(), %error, "due schedules not read; the next run tries again");
            return Run { released: Released::default(), is_whole: false };
        }
    };
    let horizon = context.system.now().plus_ms(RELEASE_AHEAD_MS);
    rows.retain(|row| row.not_before <= horizon);
    take_turns(&mut rows);
    let chunks: Vec<Vec<ReleaseRow>> = rows.chunks(TOGETHER).map(<[ReleaseRow]>::to_vec).collect();
    let runs = chunks.into_iter().map(|chunk| async move {
        if context.system.monotonic_ms() > stop_at_ms {
            return Run { released: Released::default(), is_whole: false };
        }
        release_rows(context, &chunk).await.unwrap_or_else(|error| {
            telemetry::count_failed_work("dispatcher", error.port(), context.system.now());
            tracing::warn!(minute, port = error.port(), %error, "schedules not released; the next run tries again");
            Run { released: Released::default(), is_whole: false }
        })
    });
    let runs: Vec<Run> = stream::iter(runs).buffered(CHUNKS_AT_ONCE).collect().await;
    let mut whole = Run { released: Released::default(), is_whole: true };
    for run in runs {
        whole.released += run.released;
        whole.is_whole &= run.is_whole;
    }
    whole
}

/// The oldest first. Of many rows of one workspace, only [`TURN`] come before it is the other workspaces' turn: a burst
/// of one workspace doesn't make all others of its minute late.
fn take_turns(rows: &mut Vec<ReleaseRow>) {
    rows.sort_unstable();
    let mut seen: BTreeMap<WorkspaceId, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, ReleaseRow)> = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        let count = seen.entry(row.key.workspace).or_default();
        turns.push((*count / TURN, row));
        *count += 1;
    }
    turns.sort_unstable();
    rows.extend(turns.into_iter().map(|(_, row)| row));
}

async fn release_rows(context: &Context, rows: &[ReleaseRow]) -> PortResult<Run> {
    let keys: Vec<ScheduleKey> = rows.iter().map(|row| row.key).collect();
    let (found, unreadable) = read_all(context, &keys).await?;
    let (mut over, mut to_release) = (Vec::new(), Vec::new());
    for (row, schedule) in rows.iter().zip(found) {
        // A schedule that doesn't exist yet may still be written. A schedule that was moved, or is being moved here,
        // has another row, or soon this one.
        let Some(schedule) = schedule.filter(|schedule| schedule.release_row() == *row) else { continue };
        match schedule.stage {
            Stage::Scheduled | Stage::Released => to_release.push(schedule),
            Stage::Canceled | Stage::Failed(_) => over.push(*row),
        }
    }
    if !over.is_empty() {
        context.schedules.delete_release_rows(&over).await?;
    }
    let mut run = hand_over(context, to_release).await;
    // A build that can read it may come back: until then its minute is read again and again.
    let is_given_up = |row: &ReleaseRow| row.not_before.plus_ms(UNREADABLE_KEPT_MS) < context.system.now();
    run.is_whole &= rows.iter().filter(|row| unreadable.contains(&row.key)).all(is_given_up);
    Ok(run)
}

/// Reads schedules in the order of the keys, and names those that this build can't read.
async fn read_all(
    context: &Context,
    keys: &[ScheduleKey],
) -> PortResult<(Vec<Option<Schedule>>, BTreeSet<ScheduleKey>)> {
    match context.schedules.schedules(keys).await {
        Err(PortError::Broken { .. }) => {}
        answer => return Ok((answer?, BTreeSet::new())),
    }
    let (mut schedules, mut unreadable) = (Vec::with_capacity(keys.len()), BTreeSet::new());
    for key in keys {
        match context.schedules.schedules(&[*key]).await {
            Ok(read) => schedules.extend(read),
            Err(PortError::Broken { reason, .. }) => {
                tracing::error!(
                    workspace_id = %key.workspace, schedule_id = %key.schedule, reason, "schedule unreadable"
                );
                schedules.push(None);
                unreadable.insert(*key);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((schedules, unreadable))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::ScheduleId;
    use crate::domain::time::Moment;

    #[test]
    fn a_burst_of_one_workspace_lets_the_others_have_their_turn() {
        let row = |workspace: u128, number: i64| ReleaseRow {
            not_before: Moment(1_000 + number),
            key: ScheduleKey {
                workspace: WorkspaceId(Uuid::from_u128(workspace)),
                schedule: ScheduleId(Uuid::from_u128(number.unsigned_abs().into())),
            },
            moves: 0,
        };
        let mut rows: Vec<ReleaseRow> =
            (0..500).map(|number| row(1, number)).chain([row(2, 900), row(3, 901)]).collect();
        take_turns(&mut rows);
        let of = |workspace| WorkspaceId(Uuid::from_u128(workspace));
        assert!(rows.iter().take(TURN + 2).any(|row| row.key.workspace == of(2)));
        assert!(rows.iter().take(TURN + 2).any(|row| row.key.workspace == of(3)));
        let firsts: Vec<ReleaseRow> = rows.iter().filter(|row| row.key.workspace == of(1)).copied().collect();
        assert!(firsts.is_sorted() && firsts.len() == 500, "of one workspace the oldest first");
    }
}
