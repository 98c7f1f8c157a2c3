//! Port: the webhook endpoints of workspaces, their deliveries, and how they stand.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::WorkspaceId;
use crate::domain::webhook::delivery::{Delivery, DeliveryKey};
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets};
use crate::domain::webhook::health::Health;
use crate::domain::webhook::replay::ReplayRun;

/// Which deliveries a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those that wait, the oldest event first.
    Waiting,
    /// Those that are delivered or have failed, the newest event first.
    Ended,
}

/// Webhooks, in the store's table.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Writes the endpoint, and its secrets sealed when `secrets` has them, if the stored one has the revision before
    /// `next.rev` (1: if there is none). Otherwise the stored secrets stay.
    async fn save_endpoint(&self, next: &Endpoint, secrets: Option<&Secrets>) -> PortResult<Write<()>>;
    /// All endpoints of the workspace, the oldest first. Consistent read.
    async fn endpoints(&self, workspace: WorkspaceId) -> PortResult<Vec<Endpoint>>;
    /// One endpoint; `None` when there is none. Consistent read.
    async fn endpoint(&self, key: EndpointKey) -> PortResult<Option<Endpoint>>;
    /// The secrets of an endpoint; `None` when there is no endpoint.
    async fn endpoint_secrets(&self, key: EndpointKey) -> PortResult<Option<Secrets>>;
    /// Deletes the endpoint with its secrets, its health and its replay. Its deliveries expire.
    async fn delete_endpoint(&self, key: EndpointKey) -> PortResult<()>;
    /// How the endpoint stands; the default when it has never failed. Consistent read.
    async fn endpoint_health(&self, key: EndpointKey) -> PortResult<Health>;
    /// Writes the health if the stored one has the revision before `next.rev`.
    async fn save_endpoint_health(&self, key: EndpointKey, next: &Health) -> PortResult<Write<()>>;
    /// The endpoint's newest replay. Consistent read.
    async fn replay(&self, key: EndpointKey) -> PortResult<Option<ReplayRun>>;
    /// Writes the endpoint's replay if the stored one has the revision before `next.rev` (1: if there is none).
    async fn save_replay(&self, next: &ReplayRun) -> PortResult<Write<()>>;
    /// Writes a delivery. One that is delivered by now stays delivered: a failed one is not written over it.
    /// One that has ended by now waits again only if it is replayed (`is_replayed`) at the same time or later, by
    /// `updated_at`. A delivery that ends leaves the waiting ones. The answer of a delivered one is not kept.
    ///
    /// A delivery whose `updated_at` is its `created_at` is taken for a new one, so that ending it costs one write. If
    /// it did wait, it is shown as ended nevertheless.
    async fn put_delivery(&self, delivery: &Delivery) -> PortResult<()>;
    /// The delivery; `None` when it has never been tried and does not wait. Consistent read.
    async fn delivery(&self, key: DeliveryKey) -> PortResult<Option<Delivery>>;
    /// Which of these deliveries have a row, waiting or ended, in the order of the keys. Consistent read.
    async fn deliveries_exist(&self, keys: &[DeliveryKey]) -> PortResult<Vec<bool>>;
    /// These deliveries, in the order of the keys; `None` for one that has no row. Consistent read.
    async fn deliveries_of(&self, keys: &[DeliveryKey]) -> PortResult<Vec<Option<Delivery>>>;
    /// Up to `limit` deliveries of the endpoint, after that one in the list's order. Waiting ones: consistent read.
    async fn deliveries(
        &self,
        endpoint: EndpointKey,
        listed: Listed,
        after: Option<DeliveryKey>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>>;
    /// Deletes some rows of the workspace's webhooks, of the stack's destinations and of its task tokens; returns
    /// whether there was none left to delete.
    async fn wipe_webhooks(&self, workspace: WorkspaceId) -> PortResult<bool>;
}
