//! Accepting pins, and checking them before.

pub mod accept_pin;
pub mod accept_pins;
pub mod duplicate_content;
pub mod place_pins;
pub mod validate_pin;
