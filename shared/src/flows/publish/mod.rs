//! Publishes pins: the work of the function `publisher`.
//!
//! Read [`publish_pin`] first: it reads the rows ([`pin_reading`]), decides, acts, and writes the outcome ([`commit`]).

pub mod commit;
pub mod pin_reading;
pub mod publish_pin;
pub mod store_said;
