//! Accepting one pin: [`accept_pins`] of one.

use super::accept_pins::accept_pins;
use crate::domain::ids::WorkspaceId;
use crate::ports::{PortError, World};

pub use super::accept_pins::{AcceptError, Acceptance, Order};

/// Accepts a pin, exactly once per key.
///
/// # Errors
/// When the key stands for another payload, the account can't publish, or a port is unavailable; then nothing was
/// promised, and the same request may be sent again.
pub async fn accept_pin(
    world: &World,
    workspace: WorkspaceId,
    order: impl Into<Order>,
) -> Result<Acceptance, AcceptError> {
    let answer = accept_pins(world, workspace, vec![order.into()]).await?.pop();
    answer.unwrap_or_else(|| {
        Err(PortError::Broken { port: "table", reason: "an order was left without an answer".into() }.into())
    })
}
