//! Until schedules have moved.

use pinbridge_shared::flows::accept::validate_pin::Validation;
use serde_json::{Value, json};

use crate::routes::pins::validation::PinValidation;

pub fn validation(validation: &Validation, resolved: Value) -> Value {
    json!(PinValidation::new(validation.clone(), resolved))
}
