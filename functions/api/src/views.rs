//! The JSON of responses. Fields of the public contract first, ours after them; statuses only from the contract's set.

pub mod activity;
pub mod analytics;
pub mod connections;
pub mod dashboard;
pub mod imports;
pub mod people;
pub mod pins;

use pinbridge_shared::domain::pin::timeline;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::pins::read_pins::PinView;
use serde_json::{Value, json};

use crate::routes::pins::pin::Pin;
use crate::routes::pins::timeline::TimelineEvent;

fn time(moment: Option<Moment>) -> Option<String> {
    moment.map(Moment::rfc3339)
}

// What the other views use of pins, until they have moved.
pub use crate::routes::pins::pin::blocker;

pub fn pin(view: &PinView) -> Value {
    json!(Pin::from(view))
}

pub fn event(event: &timeline::TimelineEvent) -> Value {
    json!(TimelineEvent::from(event.clone()))
}
