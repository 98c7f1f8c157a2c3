//! Handing a pin of unknown outcome to those who look at its board.

use super::planned_look::plan_look;
use crate::domain::board_scan::GATHER_MS;
use crate::domain::clock_row::{ClockRow, KEPT_MS};
use crate::domain::pin::Pin;
use crate::ports::{PortResult, World};

/// Puts a pin whose quiet time is over on its board's list of doubts and makes sure that the board is looked at soon.
///
/// The clock row is written first: it owns the pin when the message is acknowledged, and asks again if the look is lost.
///
/// # Errors
/// When a port is unavailable; whoever noticed keeps the pin.
pub async fn register(world: &World, pin: &Pin) -> PortResult<()> {
    let now = world.system.now();
    let board = pin.board_key();
    world.store.put_clock(&ClockRow::again(vec![pin.key], now, 0, world.system.nonce())).await?;
    world.store.put_doubt(&board, pin.key.pin, now.plus_ms(KEPT_MS)).await?;
    plan_look(world, &board, now.plus_ms(GATHER_MS), None).await
}
