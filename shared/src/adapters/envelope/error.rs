//! The errors of envelope mode.

use crate::ports::PortError;

/// The port, as logs and metrics name it.
pub const PORT: &str = "secrets";

/// A permanent error: repeating the call can't help. `reason` names no key and no token.
pub fn broken(reason: &str) -> PortError {
    PortError::Broken { port: PORT, reason: reason.into() }
}
