//! The watchdog: reads the clock rows of the minutes that have passed and brings back what nobody owns.
//!
//! A pin whose message was lost, whose worker died, whose sender was killed: its clock row still names it.

use crate::domain::attempt::{Attempt, Status};
use crate::domain::backlog::BacklogRow;
use crate::domain::clock_row::{CLOCK_SHARDS, ClockRow, RESCAN_MINUTES};
use crate::domain::ids::PinKey;
use crate::domain::message::PublishMessage;
use crate::domain::pin::Pin;
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::ports::{PortError, PortResult, World};
use crate::telemetry::{self, Metric};

/// Minutes caught up a run, oldest first: an outage of a day takes eight runs.
const MINUTES_PER_RUN: i64 = 180;
/// Messages sent a run: after an outage the queue fills no faster than it is worked off.
const RESENDS_PER_RUN: usize = 2_000;
/// Without a watermark (the very first run) the watchdog begins this far back.
const FIRST_LOOK_BACK_MINUTES: i64 = 60;
/// The farthest minute a row is ever filed under, from now; a recovery reads up to it.
const FARTHEST_MINUTES: i64 = 62;
/// A pin that waits for a moment further off than this isn't sent again yet: its row is filed anew for that moment.
const SOON_MS: i64 = 60 * SECOND_MS;
/// A run stops before the invocation does.
const STOP_BEFORE_END_MS: i64 = 8 * SECOND_MS;

/// How a run reads the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every minute: what has passed since the watermark, and the last minutes once more.
    Tick,
    /// The queue has lost its messages (the local stack was restarted): every row there is, due or not.
    Recover,
}

/// One run; answers how many pins were sent again.
pub async fn run(world: &World, mode: Mode, ends_at_ms: i64) -> PortResult<usize> {
    let this_minute = world.system.now().minute();
    let watermark = world.store.watermark().await?.unwrap_or(this_minute - FIRST_LOOK_BACK_MINUTES);
    let newest = (watermark + MINUTES_PER_RUN).min(this_minute - 1);
    let last = if mode == Mode::Recover { this_minute + FARTHEST_MINUTES } else { newest };
    let (mut resent, mut done) = (0, None);
    for minute in watermark + 1 - RESCAN_MINUTES..=last {
        let out_of_time = world.system.monotonic_ms() > ends_at_ms - STOP_BEFORE_END_MS;
        if mode == Mode::Tick && (out_of_time || resent >= RESENDS_PER_RUN) {
            tracing::warn!(minute, resent, "the watchdog stops for now and goes on from here");
            break;
        }
        let mut was_empty = true;
        for shard in 0..CLOCK_SHARDS {
            for row in world.store.clock(minute, shard).await? {
                was_empty = false;
                resent += tend(world, &row, mode).await?;
            }
        }
        // Only minutes that have passed count as done, and only when every shard of them is.
        if minute > watermark && minute < this_minute {
            done = Some(minute);
            if !was_empty {
                world.store.set_watermark(minute).await?;
                done = None;
            }
        }
    }
    // Empty minutes share one write.
    if let Some(minute) = done {
        world.store.set_watermark(minute).await?;
    }
    telemetry::count(Metric::WatchdogResent, resent as u64, None, world.system.now());
    Ok(resent)
}

/// Looks after the pins of one row; answers how many were sent again.
async fn tend(world: &World, row: &ClockRow, mode: Mode) -> PortResult<usize> {
    let now = world.system.now();
    let mut to_send = Vec::new();
    let mut unfinished = Vec::new();
    let mut next_look = now;
    // A row without its pin needs nothing: the rescans look again while an acceptance could still be writing.
    for (pin, attempt) in world.store.pins(&row.pins).await?.into_iter().flatten() {
        match verdict(world, &pin, &attempt, now, mode).await? {
            Care::Fine => {}
            Care::Later(at) => {
                next_look = next_look.max(at);
                unfinished.push(pin.key);
            }
            Care::Send => {
                to_send.push((PublishMessage::new(pin.key, pin.request.account, attempt.generation, None), 0));
                unfinished.push(pin.key);
            }
        }
    }
    if unfinished.is_empty() {
        return Ok(0);
    }
    if !world.queue.send(&to_send).await?.is_empty() {
        // The row stays, and its minute isn't done: the next run sends again.
        return Err(PortError::Unavailable { port: "publish queue", reason: "messages could not be sent".into() });
    }
    refile(world, row, unfinished, next_look, mode).await?;
    Ok(to_send.len())
}

enum Care {
    Fine,
    Send,
    Later(Moment),
}

async fn verdict(world: &World, pin: &Pin, attempt: &Attempt, now: Moment, mode: Mode) -> PortResult<Care> {
    if attempt.status.is_terminal() {
        return Ok(Care::Fine);
    }
    if attempt.status == Status::Deferred {
        let backlog_row = BacklogRow::of(pin, attempt.generation);
        if world.store.in_backlog(pin.account_key(), &backlog_row).await? {
            // The backlog owns it. Make sure that the dispatcher sees the backlog.
            let bucket = world.store.bucket(pin.account_key()).await?;
            if bucket.waiting_at.is_none() {
                world.store.mark_waiting(pin.account_key(), now).await?;
            }
            return Ok(Care::Fine);
        }
    }
    let waits_until = match attempt.status {
        Status::Publishing => Some(attempt.quiet_at(world.settings.deadlines.quiesce_ms)).max(attempt.look_at),
        _ => attempt.not_before,
    };
    match waits_until {
        Some(at) if mode == Mode::Tick && at.since_ms(now) > SOON_MS => Ok(Care::Later(at)),
        _ => Ok(Care::Send),
    }
}

/// The row that follows, then the old one goes: the rescans must not find it again. A recovery leaves future rows.
async fn refile(world: &World, row: &ClockRow, pins: Vec<PinKey>, next_look: Moment, mode: Mode) -> PortResult<()> {
    let now = world.system.now();
    if mode == Mode::Recover && row.minute >= now.minute() {
        return Ok(());
    }
    let mut next = ClockRow::again(pins, now, row.looks, world.system.nonce());
    next.minute = next.minute.max(next_look.plus_ms(2 * MINUTE_MS).minute());
    world.store.put_clock(&next).await?;
    world.store.delete_clock(row).await
}
