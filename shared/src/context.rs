//! The ports and settings that a flow is given.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, select};

use crate::domain::credit::purse::Purses;
use crate::domain::ids::WorkspaceId;
use crate::domain::time::Moment;
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey};
use crate::domain::webhook::pace::Pace;
use crate::ports::{
    ActivityLog, Analytics, BoardChecks, Boards, Credits, EventBus, Imports, Mailer, OAuth, OAuthStates, Pacers,
    Passwords, PinIndex, Pinterest, PortResult, Purge, Queue, ReceiptKeys, Rollups, Schedules, Secrets, SessionKeys,
    Store, System, TaskTokens, Tasks, Tenants, WebhookSender, Webhooks,
};

/// Everything that a flow works with.
#[derive(Clone)]
pub struct Context {
    pub store: Arc<dyn Store>,
    /// The same table as `store`.
    pub tenants: Arc<dyn Tenants>,
    /// The same table.
    pub oauth_states: Arc<dyn OAuthStates>,
    /// The same table.
    pub board_checks: Arc<dyn BoardChecks>,
    /// The same table.
    pub pin_index: Arc<dyn PinIndex>,
    /// The same table.
    pub imports: Arc<dyn Imports>,
    /// The same table.
    pub activity: Arc<dyn ActivityLog>,
    /// The same table.
    pub schedules: Arc<dyn Schedules>,
    /// The same table.
    pub credits: Arc<dyn Credits>,
    /// The same table.
    pub webhooks: Arc<dyn Webhooks>,
    pub webhook_sender: Arc<dyn WebhookSender>,
    /// Where events go besides webhooks.
    pub destinations: Destinations,
    /// The same table.
    pub task_tokens: Arc<dyn TaskTokens>,
    /// How this instance sends to endpoints.
    pub lanes: Arc<Lanes>,
    /// What this instance knows of its callers' credit.
    pub purses: Arc<Mutex<Purses>>,
    pub passwords: Arc<dyn Passwords>,
    pub session_keys: Arc<dyn SessionKeys>,
    pub receipt_keys: Arc<dyn ReceiptKeys>,
    pub pacers: Arc<dyn Pacers>,
    /// The same table.
    pub purge: Arc<dyn Purge>,
    /// The same table.
    pub rollups: Arc<dyn Rollups>,
    pub queue: Arc<dyn Queue>,
    pub secrets: Arc<dyn Secrets>,
    pub pinterest: Arc<dyn Pinterest>,
    pub boards: Arc<dyn Boards>,
    pub analytics: Arc<dyn Analytics>,
    pub oauth: Arc<dyn OAuth>,
    /// `None`: the deployment sends no mail.
    pub mailer: Option<Arc<dyn Mailer>>,
    pub system: Arc<dyn System>,
    pub settings: crate::config::Settings,
}

/// The destinations of the stack that are configured. Every process knows them; only the notifier puts events there.
#[derive(Clone, Default)]
pub struct Destinations {
    buses: BTreeMap<Destination, Arc<dyn EventBus>>,
    tasks: Option<Arc<dyn Tasks>>,
}

impl Destinations {
    #[must_use]
    pub fn with(mut self, destination: Destination, bus: Arc<dyn EventBus>) -> Self {
        self.buses.insert(destination, bus);
        self
    }

    #[must_use]
    pub fn with_tasks(self, tasks: Arc<dyn Tasks>) -> Self {
        Self { tasks: Some(tasks), ..self }
    }

    /// The port of a bus or a queue, if it is configured.
    pub fn bus(&self, destination: Destination) -> Option<&Arc<dyn EventBus>> {
        self.buses.get(&destination)
    }

    /// The port that ends tasks, if some state machine is named.
    pub fn tasks(&self) -> Option<&Arc<dyn Tasks>> {
        self.tasks.as_ref()
    }

    /// Whether none is configured.
    pub fn is_empty(&self) -> bool {
        self.buses.is_empty() && self.tasks.is_none()
    }

    fn all(&self) -> impl Iterator<Item = Destination> {
        self.buses.keys().copied().chain(self.tasks.as_ref().map(|_| Destination::TaskTokens))
    }
}

/// An instance keeps at most about this many lanes; then those that nobody uses go.
const LANES_MAX: usize = 1_000;

/// One lane per endpoint: an instance sends an endpoint one new event after another, at the endpoint's pace.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<BTreeMap<EndpointKey, Arc<Lane>>>);

/// An endpoint as an instance sends to it.
#[derive(Debug, Default)]
pub struct Lane {
    events: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
    /// Requests that took so long that they have left the lane, and are not over.
    slow: AtomicUsize,
}

impl Lanes {
    /// The endpoint's lane. `now_ms` is the time of the monotonic clock.
    pub fn of(&self, endpoint: EndpointKey, now_ms: i64) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= LANES_MAX {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || lane.pace().is_busy(now_ms));
        }
        Arc::clone(lanes.entry(endpoint).or_default())
    }
}

impl Lane {
    /// Waits for the new events before. Whoever has the place may send one, unless the lane is slow.
    pub async fn enter(&self) -> Place<'_> {
        Place { lane: self, held: Some(self.events.lock().await), is_slow: false }
    }

    /// Whether a request is under way that takes so long that it has left the lane.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed) > 0
    }

    /// The time at which the next request may be made, of a new event or of one that has waited; `None` when that is
    /// later than `latest_ms`. All times are those of the monotonic clock, in milliseconds.
    pub fn slot(&self, now_ms: i64, latest_ms: i64) -> Option<i64> {
        self.pace().take(now_ms, latest_ms)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in an endpoint's lane. The others wait until it is dropped, or until its request takes long.
#[derive(Debug)]
pub struct Place<'a> {
    lane: &'a Lane,
    held: Option<tokio::sync::MutexGuard<'a, ()>>,
    is_slow: bool,
}

impl Place<'_> {
    /// Makes a request. If `patience` ends first, it leaves the lane, which is slow until this place is dropped.
    pub async fn request<T>(&mut self, request: impl Future<Output = T>, patience: impl Future<Output = ()>) -> T {
        let request = pin!(request);
        let patience = pin!(patience);
        match select(request, patience).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), request)) => {
                self.leave();
                request.await
            }
        }
    }

    fn leave(&mut self) {
        if !self.is_slow {
            self.is_slow = true;
            self.lane.slow.fetch_add(1, Ordering::Relaxed);
        }
        self.held = None;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_slow {
            self.lane.slow.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// When some work began, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    at: Moment,
    monotonic_ms: i64,
}

impl Context {
    /// The beginning of some work that must not take too long: see [`Context::took_ms`].
    pub fn begin(&self) -> Began {
        Began { at: self.system.now(), monotonic_ms: self.system.monotonic_ms() }
    }

    /// The milliseconds since then, by the clock that counts more of them: the monotonic clock never jumps, the other
    /// one also counts a machine's sleep.
    pub fn took_ms(&self, began: Began) -> i64 {
        (self.system.monotonic_ms() - began.monotonic_ms).max(self.system.now().since_ms(began.at))
    }

    /// The endpoint's lane of this instance.
    pub fn lane(&self, endpoint: EndpointKey) -> Arc<Lane> {
        self.lanes.of(endpoint, self.system.monotonic_ms())
    }

    /// Everyone who may hear an event of the workspace: the stack's destinations and the workspace's webhooks.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn subscribers(&self, workspace: WorkspaceId) -> PortResult<Vec<Endpoint>> {
        let mut all: Vec<Endpoint> = self.destinations.all().map(|one| one.endpoint(workspace)).collect();
        all.extend(self.webhooks.endpoints(workspace).await?);
        Ok(all)
    }

    /// One of them; `None` when there is no such webhook, or the destination isn't configured.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn subscriber(&self, key: EndpointKey) -> PortResult<Option<Endpoint>> {
        match Destination::of(key.endpoint) {
            Some(one) => Ok(self.destinations.all().any(|known| known == one).then(|| one.endpoint(key.workspace))),
            None => self.webhooks.endpoint(key).await,
        }
    }

    /// A fresh name for a version of stored tokens: 64 hex digits.
    pub fn version(&self) -> String {
        self.system.random().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A fresh id.
    pub fn uuid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.system.random()[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A fresh nonce for a write. An empty nonce never matches a stored write.
    pub fn nonce(&self) -> String {
        self.system.nonce()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::EndpointId;
    use crate::domain::testdata;

    fn key(number: usize) -> EndpointKey {
        EndpointKey { workspace: testdata::workspace(), endpoint: EndpointId(Uuid::from_u128(number as u128)) }
    }

    #[test]
    fn a_lane_whose_endpoint_was_sent_to_a_moment_ago_keeps_its_pace_among_many() {
        let lanes = Lanes::default();
        for (number, sent_at_ms) in [(0, 900), (1, 950)] {
            assert_eq!(lanes.of(key(number), sent_at_ms).slot(sent_at_ms, i64::MAX), Some(sent_at_ms));
        }
        for number in 2..=LANES_MAX {
            lanes.of(key(number), 1_000);
        }
        let kept = lanes.0.lock().map(|lanes| lanes.len()).unwrap_or_default();
        assert_eq!(kept, 2, "the lanes that nobody uses are gone");
        assert_eq!(lanes.of(key(1), 1_000).slot(1_000, i64::MAX), Some(1_050));
        assert_eq!(lanes.of(key(0), 1_000).slot(1_000, i64::MAX), Some(1_000), "its pace was over");
    }
}
