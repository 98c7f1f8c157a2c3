//! Publishing a pin: the work of the function `publisher`.

pub mod publish_pin;
pub mod settle;
