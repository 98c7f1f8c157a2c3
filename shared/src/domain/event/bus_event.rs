//! An event on its way to a destination of the stack, and the forms in which it gets there.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{EventId, EventType};
use crate::domain::ids::{PinId, WorkspaceId};
use crate::domain::time::Moment;

/// What says, on a bus or in a queue that has other senders too, that an event is one of pinbridge's. Public API.
pub const SOURCE: &str = "pinbridge";

/// An event, for whoever operates the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    pub id: EventId,
    pub event: EventType,
    pub workspace: WorkspaceId,
    /// The pin that it is about.
    pub pin: Option<PinId>,
    pub at: Moment,
    /// The body that webhooks get: one line of JSON.
    pub body: String,
}

/// CloudEvents 1.0, in the structured mode of its JSON format.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<PinId>,
    time: String,
    datacontenttype: &'static str,
    data: &'a RawValue,
}

impl BusEvent {
    /// The event as a CloudEvent of this deployment, in one line; `None` when the body isn't JSON.
    pub fn cloud_event(&self, environment: &str) -> Option<String> {
        let event = CloudEvent {
            specversion: "1.0",
            id: self.id.to_string(),
            source: format!("{SOURCE}/{environment}/{}", self.workspace),
            kind: format!("{SOURCE}.{}", self.event),
            subject: self.pin,
            time: self.at.rfc3339(),
            datacontenttype: "application/json",
            data: serde_json::from_str(&self.body).ok()?,
        };
        serde_json::to_string(&event).ok()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn event(pin: Option<PinId>, body: &str) -> BusEvent {
        BusEvent {
            id: EventId(Uuid::from_u128(3)),
            event: EventType::PinPublished,
            workspace: WorkspaceId(Uuid::from_u128(1)),
            pin,
            at: Moment(1_767_225_600_123),
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_cloud_event_has_the_body_as_its_data() {
        let expected = "{\"specversion\":\"1.0\",\"id\":\"00000000-0000-0000-0000-000000000003\",\
                        \"source\":\"pinbridge/production/00000000-0000-0000-0000-000000000001\",\
                        \"type\":\"pinbridge.pin.published\",\"subject\":\"00000000-0000-0000-0000-000000000002\",\
                        \"time\":\"2026-01-01T00:00:00.123Z\",\"datacontenttype\":\"application/json\",\
                        \"data\":{\"id\":\"a\",\"n\":1.0}}";
        let pin = Some(PinId(Uuid::from_u128(2)));
        assert_eq!(event(pin, "{\"id\":\"a\",\"n\":1.0}").cloud_event("production").as_deref(), Some(expected));
    }

    #[test]
    fn an_event_that_is_about_no_pin_has_no_subject_and_a_body_must_be_json() {
        let text = event(None, "{}").cloud_event("production").expect("written");
        assert!(!text.contains("subject"), "{text}");
        assert_eq!(event(None, "{").cloud_event("production"), None);
    }
}
