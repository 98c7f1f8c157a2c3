//! Planning the late check of a pin that was just published.

use crate::domain::attempt::Attempt;
use crate::domain::clock_row::ClockRow;
use crate::domain::ids::PinKey;
use crate::domain::late_check::{self, LateCheck};
use crate::domain::time::Moment;
use crate::ports::{PortResult, World};

/// Files the clock row, if the pin is to be checked.
///
/// After the publish is recorded, so that a pin whose record fails is never checked, and a death in between skips the check.
/// Publishing doesn't depend on it: a row that can't be written is a log line.
pub async fn plan(world: &World, pin: PinKey, attempt: &Attempt) {
    if world.settings.late_check == LateCheck::Off || !late_check::is_wanted(attempt) {
        return;
    }
    let due = world.system.now().plus_ms(world.settings.late_check_after_ms);
    if let Err(error) = file(world, pin, due, 0).await {
        tracing::warn!(pin_id = %pin.pin, %error, "the late check could not be planned and is left out");
    }
}

pub async fn file(world: &World, pin: PinKey, due: Moment, tries: u32) -> PortResult<()> {
    world.store.put_clock(&ClockRow::late_check(pin, due, tries, world.system.nonce())).await
}
