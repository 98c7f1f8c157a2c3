//! The destinations of the stack: where the events of every workspace go besides its webhooks. The operator configures
//! them, so they are no rows. Each is an endpoint whose id is fixed: its deliveries wait and are tried again as those
//! of webhooks, for each workspace by itself.

use uuid::Uuid;

use super::super::event::{EventType, derived_uuid};
use super::super::ids::{EndpointId, WorkspaceId};
use super::super::task;
use super::super::time::Moment;
use super::endpoint::{Endpoint, EndpointKey};

/// A destination of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// An EventBridge bus.
    EventBus,
    /// An SQS queue of the operator's.
    EventQueue,
    /// Tasks of Step Functions, each of which waits for one pin or one import. An event has a delivery for each task.
    TaskTokens,
}

impl Destination {
    pub const ALL: [Self; 3] = [Self::EventBus, Self::EventQueue, Self::TaskTokens];

    /// Its name in logs. The id is derived from it, so it is never changed.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventBus => "event_bus",
            Self::EventQueue => "event_queue",
            Self::TaskTokens => "task_tokens",
        }
    }

    /// The id that its deliveries are stored under. No webhook has it: their ids are of another version.
    pub fn endpoint_id(self) -> EndpointId {
        EndpointId(derived_uuid(&Uuid::nil(), &["destination", self.name()]))
    }

    /// The destination with this id; `None`: it is a webhook's.
    pub fn of(endpoint: EndpointId) -> Option<Self> {
        Self::ALL.into_iter().find(|destination| destination.endpoint_id() == endpoint)
    }

    fn events(self) -> Vec<EventType> {
        match self {
            Self::EventBus | Self::EventQueue => EventType::subscribable(),
            Self::TaskTokens => task::ENDS.to_vec(),
        }
    }

    /// It as an endpoint of the workspace.
    pub fn endpoint(self, workspace: WorkspaceId) -> Endpoint {
        Endpoint {
            key: EndpointKey { workspace, endpoint: self.endpoint_id() },
            rev: 0,
            nonce: String::new(),
            url: String::new(),
            events: self.events(),
            disabled: None,
            disablings: Vec::new(),
            previous_secret_until: None,
            created_at: Moment(0),
            updated_at: Moment(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_has_an_id_of_its_own_that_stays() {
        let ids = Destination::ALL.map(|destination| destination.endpoint_id().to_string());
        let stored = [
            "f8bd2217-24f7-8155-8eb7-fa715dccc100",
            "b1c093ff-55b6-8736-bdb7-a5eb27d8d278",
            "a391e875-9912-8499-a4bb-d9a3de80d581",
        ];
        assert_eq!(ids, stored);
        for destination in Destination::ALL {
            assert_eq!(Destination::of(destination.endpoint_id()), Some(destination));
            assert_eq!(destination.endpoint_id().0.get_version_num(), 8, "webhooks have version 4");
        }
        assert_eq!(Destination::of(EndpointId(Uuid::from_u128(1))), None);
    }

    #[test]
    fn a_bus_hears_every_event_but_a_test_of_one_webhook() {
        let endpoint = Destination::EventBus.endpoint(WorkspaceId(Uuid::from_u128(1)));
        for event in [EventType::PinAccepted, EventType::PinCanceled, EventType::WebhookDisabled] {
            assert!(endpoint.hears(event, Moment(0)), "{event}");
        }
        assert!(!endpoint.hears(EventType::WebhookTest, Moment(0)));
        let tasks = Destination::TaskTokens.endpoint(WorkspaceId(Uuid::from_u128(1)));
        assert!(tasks.hears(EventType::PinFailed, Moment(0)) && !tasks.hears(EventType::PinAccepted, Moment(0)));
        assert!(tasks.hears(EventType::ImportFailed, Moment(0)));
    }
}
