//! Messages that were delivered too often, and sending them again.

pub mod fail_pin;
pub mod redrive;
