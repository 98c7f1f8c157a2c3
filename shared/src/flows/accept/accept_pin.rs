//! Accepts one pin: [`accept_pins`] with a single request.

use super::accept_pins::accept_pins;
use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::ports::PortError;

pub use super::accept_pins::{AcceptError, Acceptance, PublishRequest};

/// Accepts a pin, exactly once per idempotency key.
///
/// # Errors
/// When the key belongs to another payload, the account can't publish, or a port is unavailable. Nothing was promised
/// then, and the caller may send the same request again.
pub async fn accept_pin(
    context: &Context,
    workspace: WorkspaceId,
    request: impl Into<PublishRequest>,
) -> Result<Acceptance, AcceptError> {
    let answer = accept_pins(context, workspace, vec![request.into()]).await?.pop();
    answer.unwrap_or_else(|| {
        Err(PortError::Broken { port: "table", reason: "a request was left without an answer".into() }.into())
    })
}
