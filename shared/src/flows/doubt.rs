//! Handing a pin of unknown outcome to those who look at its board, and planning the look.

use super::publish_pin::Job;
use super::settle::record;
use crate::domain::board_scan::GATHER_MS;
use crate::domain::clock_row::{ClockRow, KEPT_MS};
use crate::domain::ids::BoardKey;
use crate::domain::message::{Disposition, LookMessage};
use crate::domain::pin::Pin;
use crate::domain::rules::Rule;
use crate::domain::time::Moment;
use crate::ports::{MAX_DELAY_MS, PortError, PortResult, World};

/// A row that is written by several at once is tried this often.
pub(super) const ROW_ATTEMPTS: usize = 4;

/// Puts the pin on its board's list of doubts and makes sure that the board is looked at soon.
///
/// The clock row is written first: it owns the pin when the message is acknowledged, and asks again if the look is lost.
pub async fn hand_over(world: &World, job: &mut Job) -> PortResult<Option<Disposition>> {
    let now = world.system.now();
    if !world.rules.hold(Rule::LookUp) {
        let next = job.attempt.absent(now, world.nonce());
        record(world, job, next).await?;
        return Ok(None);
    }
    register(world, &job.pin).await?;
    Ok(Some(Disposition::Done))
}

/// The same for a pin whose quiet time is over, whoever noticed.
pub async fn register(world: &World, pin: &Pin) -> PortResult<()> {
    let now = world.system.now();
    let board = pin.board_key();
    world.store.put_clock(&ClockRow::again(vec![pin.key], now, 0, world.system.nonce())).await?;
    world.store.put_doubt(&board, pin.key.pin, now.plus_ms(KEPT_MS)).await?;
    plan_look(world, &board, now.plus_ms(GATHER_MS), None).await
}

/// Plans a look at the board for `at`, unless one is planned that is no later.
///
/// The message is sent before the plan is noted: a plan without a message would keep others from sending theirs.
/// `spent` is the plan whose message is just being worked on.
pub async fn plan_look(world: &World, board: &BoardKey, at: Moment, spent: Option<Moment>) -> PortResult<()> {
    let now = world.system.now();
    // A message can't be delayed for longer; the look that comes too early plans the next.
    let at = at.min(now.plus_ms(MAX_DELAY_MS));
    let mut is_sent = false;
    for _ in 0..ROW_ATTEMPTS {
        let mut scan = world.store.board_scan(board).await?;
        if scan.planned_for != spent && scan.has_plan(now, at) {
            return Ok(());
        }
        if !is_sent {
            world.queue.send_look(&LookMessage::new(board, at), at.since_ms(now).max(0)).await?;
            is_sent = true;
        }
        scan.rev += 1;
        scan.nonce = world.nonce();
        scan.planned_for = Some(at);
        if world.store.save_board_scan(board, &scan).await? {
            return Ok(());
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "a board's row changes all the time".into() })
}
