//! The events that subscribers hear of: their catalogue, their ids, which of them a pin's rows record, and which come
//! of the writes of other rows.

pub mod bus_event;
pub mod disabled;
pub mod note;
pub mod occurrence;
pub mod payload;
pub mod pin_events;
pub mod recorded;
pub mod told;

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::ids::{PinKey, WorkspaceId};

/// The version of the payload's form. It rises when a field changes its meaning or goes; new fields don't raise it.
pub const PAYLOAD_VERSION: u32 = 1;

/// A kind of event. Names are public API: they are added, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    PinAccepted,
    PinDeferred,
    PinRetrying,
    PinOutcomeUnknown,
    PinOutcomeResolved,
    PinPublished,
    PinFailed,
    PinCanceled,
    ScheduleCreated,
    ScheduleUpdated,
    ScheduleReleased,
    ScheduleCanceled,
    ScheduleFailed,
    ImportCompleted,
    ImportFailed,
    AccountConnected,
    AccountPaused,
    AccountResumed,
    AccountReconnectRequired,
    WebhookDisabled,
    WebhookTest,
}

/// A row of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub event: EventType,
    pub name: &'static str,
    /// Whether an endpoint that names no events receives it.
    pub is_default: bool,
    /// Whether an endpoint can ask for it by name. The test event is sent on request only.
    pub is_subscribable: bool,
    /// One sentence for the documentation.
    pub about: &'static str,
}

use EventType as T;

const fn entry(event: EventType, name: &'static str, about: &'static str) -> Entry {
    Entry { event, name, is_default: false, is_subscribable: true, about }
}

const fn default(event: EventType, name: &'static str, about: &'static str) -> Entry {
    Entry { is_default: true, ..entry(event, name, about) }
}

/// Every event.
#[rustfmt::skip] // One row per event keeps it readable as a table.
pub const CATALOGUE: [Entry; 21] = [
    entry(T::PinAccepted, "pin.accepted", "A pin was accepted. It is published later."),
    entry(T::PinDeferred, "pin.deferred", "A pin waits: for its account's pace, a pause, a budget or a person."),
    entry(T::PinRetrying, "pin.retrying", "An attempt failed for a passing reason. Another one follows."),
    entry(T::PinOutcomeUnknown, "pin.outcome_unknown", "Pinterest's answer left open whether the Pin exists. The board is read before anything else happens."),
    entry(T::PinOutcomeResolved, "pin.outcome_resolved", "It is known by now what became of an attempt with an unknown outcome, or a person must decide."),
    default(T::PinPublished, "pin.published", "The Pin exists on Pinterest."),
    default(T::PinFailed, "pin.failed", "The pin has failed. No further attempt follows unless it is retried."),
    entry(T::PinCanceled, "pin.canceled", "The pin was deleted, or its schedule canceled, before it was published."),
    entry(T::ScheduleCreated, "schedule.created", "A schedule was created. Its pin is published at its time."),
    entry(T::ScheduleUpdated, "schedule.updated", "A schedule was changed before its release, or waits again because it is retried."),
    entry(T::ScheduleReleased, "schedule.released", "The time of a schedule is near: its pin is accepted, or the schedule fails. The events of the pin follow."),
    entry(T::ScheduleCanceled, "schedule.canceled", "A schedule was canceled before its pin was published."),
    entry(T::ScheduleFailed, "schedule.failed", "No pin could be made of a schedule. (If its pin fails, that is an event of the pin.)"),
    entry(T::ImportCompleted, "import.completed", "Every row of an import has a result."),
    entry(T::ImportFailed, "import.failed", "The system stopped an import because of a failure of its own. The import waits until it is resumed."),
    entry(T::AccountConnected, "account.connected", "An account was connected, or works again after it had to be connected again."),
    entry(T::AccountPaused, "account.paused", "An account publishes nothing for at least five minutes: Pinterest limits or blocks it, or refuses its connection. It isn't sent while the account's tokens are renewed."),
    entry(T::AccountResumed, "account.resumed", "What paused or held an account is over."),
    entry(T::AccountReconnectRequired, "account.reconnect_required", "A person has to connect an account again: Pinterest refuses its tokens, or they expire and can't be renewed. A refusal is sent once another one has confirmed it, minutes later."),
    entry(T::WebhookDisabled, "webhook.disabled", "An endpoint was disabled because its deliveries kept failing, or because it asked for it."),
    Entry { is_subscribable: false, ..entry(T::WebhookTest, "webhook.test", "A test that was requested for one endpoint.") },
];

impl EventType {
    fn entry(self) -> &'static Entry {
        CATALOGUE.iter().find(|entry| entry.event == self).unwrap_or(&CATALOGUE[0])
    }

    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The event of that name, if an endpoint can subscribe to it.
    pub fn parse_subscribable(name: &str) -> Option<Self> {
        Self::parse(name).filter(|event| event.entry().is_subscribable)
    }

    pub fn parse(name: &str) -> Option<Self> {
        CATALOGUE.iter().find(|entry| entry.name == name).map(|entry| entry.event)
    }

    /// Every event that an endpoint can subscribe to.
    pub fn subscribable() -> Vec<Self> {
        CATALOGUE.iter().filter(|entry| entry.is_subscribable).map(|entry| entry.event).collect()
    }

    /// The events of an endpoint that names none.
    pub fn defaults() -> Vec<Self> {
        CATALOGUE.iter().filter(|entry| entry.is_default).map(|entry| entry.event).collect()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The id of an event. It is derived from what the event is about, so that each repeat carries the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub Uuid);

impl EventId {
    /// The event with this sequence number (from 1) of the pin.
    pub fn of_pin(pin: PinKey, sequence: u32) -> Self {
        Self::derived(pin.workspace, &["pin", &pin.pin.to_string(), &sequence.to_string()])
    }

    /// An event that is not about a pin: `parts` name what it is about and which occurrence it is.
    pub fn derived(workspace: WorkspaceId, parts: &[&str]) -> Self {
        Self(derived_uuid(&workspace.0, parts))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A UUID of version 8 from the parts, each of which is bounded by its length.
pub(crate) fn derived_uuid(scope: &Uuid, parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(scope.as_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PinId;

    #[test]
    fn every_event_has_one_row_and_is_read_back_by_its_name() {
        for (index, entry) in CATALOGUE.iter().enumerate() {
            assert_eq!(EventType::parse(entry.name), Some(entry.event));
            assert!(CATALOGUE[..index].iter().all(|other| other.name != entry.name && other.event != entry.event));
        }
        assert_eq!(EventType::parse_subscribable("webhook.test"), None);
        assert_eq!(EventType::defaults(), [EventType::PinPublished, EventType::PinFailed]);
    }

    #[test]
    fn an_id_repeats_for_the_same_event_and_for_no_other() {
        let pin = |workspace, pin| PinKey {
            workspace: WorkspaceId(Uuid::from_u128(workspace)),
            pin: PinId(Uuid::from_u128(pin)),
        };
        let id = EventId::of_pin(pin(1, 2), 3);
        assert_eq!(id, EventId::of_pin(pin(1, 2), 3));
        for other in [EventId::of_pin(pin(2, 2), 3), EventId::of_pin(pin(1, 1), 3), EventId::of_pin(pin(1, 2), 4)] {
            assert_ne!(id, other);
        }
        let workspace = WorkspaceId(Uuid::from_u128(1));
        assert_ne!(EventId::derived(workspace, &["ab", "c"]), EventId::derived(workspace, &["a", "bc"]));
    }
}
