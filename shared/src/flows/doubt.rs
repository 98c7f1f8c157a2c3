//! Handing a pin of unknown outcome to those who look at its board.

use super::planned_look::plan_look;
use super::publish_pin::Job;
use super::settle::record;
use crate::domain::board_scan::GATHER_MS;
use crate::domain::clock_row::{ClockRow, KEPT_MS};
use crate::domain::message::Disposition;
use crate::domain::rules::Rule;
use crate::ports::{PortResult, World};

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
    let board = job.pin.board_key();
    world.store.put_clock(&ClockRow::again(vec![job.pin.key], now, 0, world.system.nonce())).await?;
    world.store.put_doubt(&board, job.pin.key.pin, now.plus_ms(KEPT_MS)).await?;
    plan_look(world, &board, now.plus_ms(GATHER_MS), None).await?;
    Ok(Some(Disposition::Done))
}
