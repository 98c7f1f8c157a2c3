//! Webhooks in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::{FakeStore, Tables};
use crate::domain::ids::WorkspaceId;
use crate::domain::repeated_write::is_same_write;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, LastTry, State};
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey, Secrets};
use crate::domain::webhook::health::Health;
use crate::domain::webhook::replay::ReplayRun;
use crate::ports::{Listed, PortResult, Webhooks, Write};

/// About as many rows as the table's adapter deletes at once.
const WIPED_AT_ONCE: usize = 500;

#[derive(Default)]
pub(super) struct Rows {
    endpoints: BTreeMap<EndpointKey, (Endpoint, Option<Secrets>)>,
    health: BTreeMap<EndpointKey, Health>,
    replays: BTreeMap<EndpointKey, ReplayRun>,
    deliveries: BTreeMap<DeliveryKey, Delivery>,
}

/// Whether `next` is written over the stored delivery.
fn is_replaced(stored: &Delivery, next: &Delivery) -> bool {
    match (stored.state, next.state) {
        (State::Delivered, State::Failed) => false,
        (State::Delivered | State::Failed, State::Waiting { .. }) => {
            next.is_replayed && next.updated_at >= stored.updated_at
        }
        (State::Waiting { .. }, State::Failed) => !stored.is_replayed || stored.updated_at <= next.updated_at,
        _ => true,
    }
}

/// As the table keeps it: without the answer of a delivered one.
fn kept(delivery: &Delivery) -> Delivery {
    let last = delivery.last.clone().map(|last| match delivery.state {
        State::Delivered => LastTry { answer: None, ..last },
        State::Waiting { .. } | State::Failed => last,
    });
    Delivery { last, ..delivery.clone() }
}

fn is_listed(delivery: &Delivery, listed: Listed) -> bool {
    matches!(delivery.state, State::Waiting { .. }) == (listed == Listed::Waiting)
}

impl Rows {
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        self.endpoints.keys().any(|key| key.workspace == workspace)
            || self.health.keys().any(|key| key.workspace == workspace)
            || self.replays.keys().any(|key| key.workspace == workspace)
            || self.deliveries.keys().any(|key| key.endpoint.workspace == workspace)
    }

    fn save_endpoint(&mut self, next: &Endpoint, secrets: Option<&Secrets>) -> Write<()> {
        let stored = self.endpoints.get(&next.key);
        if stored.map_or(0, |(stored, _)| stored.rev) + 1 != next.rev {
            return Write::done_if(
                stored.is_some_and(|(row, _)| row.rev == next.rev && is_same_write(&row.nonce, &next.nonce)),
            );
        }
        let secrets = secrets.cloned().or_else(|| stored.and_then(|(_, secrets)| secrets.clone()));
        self.endpoints.insert(next.key, (next.clone(), secrets));
        Write::Done
    }

    fn save_health(&mut self, key: EndpointKey, next: &Health) -> Write<()> {
        let stored = self.health.get(&key);
        if stored.map_or(0, |stored| stored.rev) + 1 != next.rev {
            return Write::done_if(
                stored.is_some_and(|row| row.rev == next.rev && is_same_write(&row.nonce, &next.nonce)),
            );
        }
        self.health.insert(key, next.clone());
        Write::Done
    }

    fn save_replay(&mut self, next: &ReplayRun) -> Write<()> {
        let stored = self.replays.get(&next.endpoint);
        if stored.map_or(0, |stored| stored.rev) + 1 != next.rev {
            return Write::done_if(
                stored.is_some_and(|row| row.rev == next.rev && is_same_write(&row.nonce, &next.nonce)),
            );
        }
        self.replays.insert(next.endpoint, next.clone());
        Write::Done
    }

    fn put_delivery(&mut self, next: &Delivery) {
        let stored = self.deliveries.get(&next.key);
        if stored.is_none_or(|stored| is_replaced(stored, next)) {
            self.deliveries.insert(next.key, kept(next));
        }
    }

    /// All of an endpoint, the oldest event first.
    fn of(&self, endpoint: EndpointKey) -> impl DoubleEndedIterator<Item = &Delivery> {
        let first = DeliveryKey { endpoint, event_at: Moment(i64::MIN), id: DeliveryId(Uuid::nil()) };
        let last = DeliveryKey { endpoint, event_at: Moment(i64::MAX), id: DeliveryId(Uuid::max()) };
        self.deliveries.range(first..=last).map(|(_, delivery)| delivery)
    }

    fn list(&self, endpoint: EndpointKey, listed: Listed, after: Option<DeliveryKey>, limit: usize) -> Vec<Delivery> {
        let wanted = self.of(endpoint).filter(|delivery| is_listed(delivery, listed));
        match listed {
            Listed::Waiting => {
                wanted.filter(|delivery| after.is_none_or(|after| delivery.key > after)).take(limit).cloned().collect()
            }
            Listed::Ended => wanted
                .rev()
                .filter(|delivery| after.is_none_or(|after| delivery.key < after))
                .take(limit)
                .cloned()
                .collect(),
        }
    }

    /// Deletes some rows; returns whether there was none.
    fn wipe(&mut self, workspace: WorkspaceId) -> bool {
        if !self.holds(workspace) {
            return true;
        }
        let mine = self.deliveries.keys().filter(|key| key.endpoint.workspace == workspace);
        let some: Vec<DeliveryKey> = mine.take(WIPED_AT_ONCE).copied().collect();
        for key in &some {
            self.deliveries.remove(key);
        }
        if some.len() < WIPED_AT_ONCE {
            self.health.retain(|key, _| key.workspace != workspace);
            self.replays.retain(|key, _| key.workspace != workspace);
            self.endpoints.retain(|key, _| key.workspace != workspace);
        }
        false
    }
}

impl FakeStore {
    /// Every delivery of an endpoint as it is now, the oldest event first, without passing the gate.
    pub fn peek_deliveries(&self, endpoint: EndpointKey) -> Vec<Delivery> {
        self.tables().webhooks.of(endpoint).cloned().collect()
    }

    /// The endpoint as it is now, without passing the gate.
    pub fn peek_endpoint(&self, endpoint: EndpointKey) -> Option<Endpoint> {
        self.tables().webhooks.endpoints.get(&endpoint).map(|(endpoint, _)| endpoint.clone())
    }

    /// How the endpoint stands now, without passing the gate.
    pub fn peek_endpoint_health(&self, endpoint: EndpointKey) -> Health {
        self.tables().webhooks.health.get(&endpoint).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Webhooks for FakeStore {
    async fn save_endpoint(&self, next: &Endpoint, secrets: Option<&Secrets>) -> PortResult<Write<()>> {
        self.call("webhooks.save_endpoint", |t| t.webhooks.save_endpoint(next, secrets)).await
    }

    async fn endpoints(&self, workspace: WorkspaceId) -> PortResult<Vec<Endpoint>> {
        let list = |t: &mut Tables| {
            let rows = t.webhooks.endpoints.values().map(|(endpoint, _)| endpoint);
            let mut endpoints: Vec<Endpoint> =
                rows.filter(|endpoint| endpoint.key.workspace == workspace).cloned().collect();
            endpoints.sort_by_key(|endpoint| (endpoint.created_at, endpoint.key));
            endpoints
        };
        self.call("webhooks.endpoints", list).await
    }

    async fn endpoint(&self, key: EndpointKey) -> PortResult<Option<Endpoint>> {
        let read = |t: &mut Tables| t.webhooks.endpoints.get(&key).map(|(endpoint, _)| endpoint.clone());
        self.call("webhooks.endpoint", read).await
    }

    async fn endpoint_secrets(&self, key: EndpointKey) -> PortResult<Option<Secrets>> {
        let read = |t: &mut Tables| t.webhooks.endpoints.get(&key).and_then(|(_, secrets)| secrets.clone());
        self.call("webhooks.endpoint_secrets", read).await
    }

    async fn delete_endpoint(&self, key: EndpointKey) -> PortResult<()> {
        let delete = |t: &mut Tables| {
            t.webhooks.health.remove(&key);
            t.webhooks.replays.remove(&key);
            t.webhooks.endpoints.remove(&key);
        };
        self.call("webhooks.delete_endpoint", delete).await
    }

    async fn endpoint_health(&self, key: EndpointKey) -> PortResult<Health> {
        let read = |t: &mut Tables| t.webhooks.health.get(&key).cloned().unwrap_or_default();
        self.call("webhooks.endpoint_health", read).await
    }

    async fn save_endpoint_health(&self, key: EndpointKey, next: &Health) -> PortResult<Write<()>> {
        self.call("webhooks.save_endpoint_health", |t| t.webhooks.save_health(key, next)).await
    }

    async fn replay(&self, key: EndpointKey) -> PortResult<Option<ReplayRun>> {
        self.call("webhooks.replay", |t| t.webhooks.replays.get(&key).cloned()).await
    }

    async fn save_replay(&self, next: &ReplayRun) -> PortResult<Write<()>> {
        self.call("webhooks.save_replay", |t| t.webhooks.save_replay(next)).await
    }

    async fn put_delivery(&self, delivery: &Delivery) -> PortResult<()> {
        self.call("webhooks.put_delivery", |t| t.webhooks.put_delivery(delivery)).await
    }

    async fn delivery(&self, key: DeliveryKey) -> PortResult<Option<Delivery>> {
        self.call("webhooks.delivery", |t| t.webhooks.deliveries.get(&key).cloned()).await
    }

    async fn deliveries_exist(&self, keys: &[DeliveryKey]) -> PortResult<Vec<bool>> {
        let exist =
            |t: &mut Tables| keys.iter().map(|key| t.webhooks.deliveries.contains_key(key)).collect::<Vec<bool>>();
        self.call("webhooks.deliveries_exist", exist).await
    }

    async fn deliveries_of(&self, keys: &[DeliveryKey]) -> PortResult<Vec<Option<Delivery>>> {
        let read = |t: &mut Tables| keys.iter().map(|key| t.webhooks.deliveries.get(key).cloned()).collect::<Vec<_>>();
        self.call("webhooks.deliveries_of", read).await
    }

    async fn deliveries(
        &self,
        endpoint: EndpointKey,
        listed: Listed,
        after: Option<DeliveryKey>,
        limit: usize,
    ) -> PortResult<Vec<Delivery>> {
        self.call("webhooks.deliveries", |t| t.webhooks.list(endpoint, listed, after, limit)).await
    }

    async fn wipe_webhooks(&self, workspace: WorkspaceId) -> PortResult<bool> {
        let wipe = |t: &mut Tables| {
            t.task_tokens.retain(|awaited, _| awaited.workspace() != workspace);
            t.webhooks.wipe(workspace)
        };
        self.call("webhooks.wipe_webhooks", wipe).await
    }
}
