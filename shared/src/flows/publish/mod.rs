//! Publishing a pin: the work of the function `publisher`.

pub mod commit;
pub mod pin_reading;
pub mod publish_pin;
