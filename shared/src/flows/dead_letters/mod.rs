//! Dead-letter messages, which were delivered too often: failing their pins, and redriving them.
//!
//! Read [`fail_pin`] first, which handles each message. [`redrive`] is the operator's command.

pub mod fail_pin;
pub mod redrive;
