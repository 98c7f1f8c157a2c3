//! The errors of envelope mode.

use crate::ports::PortError;

/// The port, as logs and metrics name it.
pub const PORT: &str = "secrets";

/// What repeating the call doesn't mend. `reason` names no key and no token.
pub fn broken(reason: &str) -> PortError {
    PortError::Broken { port: PORT, reason: reason.into() }
}
