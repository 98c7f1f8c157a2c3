//! The event that an endpoint was disabled because of its answers: what its recovery marker keeps of it, and its
//! id. It is made before the write that disables the endpoint; the endpoint's row then says that the write
//! was made, also after somebody has enabled the endpoint again.

use serde::{Deserialize, Serialize};

use super::EventId;
use crate::domain::ids::{EndpointId, WorkspaceId};
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::LastTry;
use crate::domain::webhook::endpoint::{DisabledBy, Disabling, Endpoint, EndpointKey};
use crate::domain::webhook::health::Health;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    pub endpoint: EndpointId,
    /// The revision and the time of the write that disables it.
    pub rev: u64,
    pub at: Moment,
    pub by: DisabledBy,
    pub failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Moment>,
    /// What the last try brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Disabled {
    /// Of the write of this endpoint. `health` is the state that disables it, `last` the last try.
    pub fn new(next: &Endpoint, by: DisabledBy, health: &Health, last: Option<&LastTry>) -> Self {
        Self {
            endpoint: next.key.endpoint,
            rev: next.rev,
            at: next.updated_at,
            by,
            failures: health.failures,
            failing_since: health.failing_since,
            status: last.and_then(|last| last.status),
            error: last.and_then(|last| last.error.clone()),
        }
    }

    pub fn id(&self, workspace: WorkspaceId) -> EventId {
        id_of(EndpointKey { workspace, endpoint: self.endpoint }, self.rev)
    }

    /// Whether the row says that the endpoint was disabled by this write.
    pub fn was_made(&self, row: &Endpoint) -> bool {
        row.disablings.contains(&Disabling { rev: self.rev, at: self.at })
    }
}

/// The id of the event that the endpoint was disabled by the write with this revision.
pub fn id_of(endpoint: EndpointKey, rev: u64) -> EventId {
    EventId::derived(endpoint.workspace, &["disabled", &endpoint.endpoint.to_string(), &rev.to_string()])
}
