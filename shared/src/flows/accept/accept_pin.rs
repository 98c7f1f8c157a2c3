//! Accepting one pin: [`accept_pins`] of one.

use super::accept_pins::accept_pins;
use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::ports::PortError;

pub use super::accept_pins::{AcceptError, Acceptance, PublishRequest};

/// Accepts a pin, exactly once per key.
///
/// # Errors
/// When the key stands for another payload, the account can't publish, or a port is unavailable; then nothing was
/// promised, and the same request may be sent again.
pub async fn accept_pin(
    context: &Context,
    workspace: WorkspaceId,
    request_to_publish: impl Into<PublishRequest>,
) -> Result<Acceptance, AcceptError> {
    let answer = accept_pins(context, workspace, vec![request_to_publish.into()]).await?.pop();
    answer.unwrap_or_else(|| {
        Err(PortError::Broken { port: "table", reason: "an order was left without an answer".into() }.into())
    })
}
