//! Plans an endpoint's next turn. A turn is a time in the endpoint's health, a message for that time, and a recovery
//! marker that is written before both.

use crate::context::Context;
use crate::domain::message::NotifyMessage;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::{MINUTE_MS, Moment};
use crate::domain::webhook::delivery::{Delivery, DeliveryId, State};
use crate::domain::webhook::endpoint::EndpointKey;
use crate::domain::webhook::health::Health;
use crate::domain::webhook::probing::held_ms;
use crate::ports::{MAX_DELAY_MS, OptimisticWrites, PortResult};

/// Health that another worker changes is read again this often.
const WRITES_MAX: usize = 8;
const ROW: &str = "endpoint's health";
/// A turn that is this late has lost its message: it is longer than the queue hides the message of a dead worker.
pub const OVERDUE_MS: i64 = 6 * MINUTE_MS;

/// Plans a turn at `at`, unless one is planned for then or earlier.
///
/// # Errors
/// When a port is unavailable. The turn may be planned all the same.
pub async fn plan_turn(context: &Context, key: EndpointKey, at: Moment) -> PortResult<()> {
    plan(context, key, |health, now| {
        let is_planned = is_on_its_way(health, now) && health.turn_at.is_some_and(|planned| planned <= at);
        (!is_planned).then_some(at)
    })
    .await
}

/// Makes sure that the endpoint has a turn for a delivery that waits, as soon as the endpoint may be sent to.
///
/// # Errors
/// As [`plan_turn`].
pub async fn plan_for_waiting(context: &Context, key: EndpointKey) -> PortResult<()> {
    plan(context, key, |health, now| {
        let soonest = health.held_until.map_or(now, |until| until.max(now));
        let is_soon = health.turn_at.is_some_and(|planned| planned <= soonest);
        (!(is_on_its_way(health, now) && is_soon)).then_some(soonest)
    })
    .await
}

/// Plans the time that `wanted` answers, if it answers one.
async fn plan(
    context: &Context,
    key: EndpointKey,
    wanted: impl Fn(&Health, Moment) -> Option<Moment> + Send,
) -> PortResult<()> {
    let mut writes = OptimisticWrites::of(ROW, WRITES_MAX);
    let mut owner = Owner::default();
    loop {
        writes.begin()?;
        let health = context.webhooks.endpoint_health(key).await?;
        let Some(at) = wanted(&health, context.system.now()) else { return Ok(()) };
        owner.file(context, key, &health).await?;
        let next = health.planned(Some(at), context.nonce());
        if context.webhooks.save_endpoint_health(key, &next).await?.is_done() {
            return send_turn(context, key, at).await;
        }
    }
}

/// A failed try, as the endpoint's health records it.
#[derive(Clone, Copy, Debug)]
pub struct FailedTry {
    delivery: DeliveryId,
    pub at: Moment,
    /// When the delivery is tried again, if at all.
    pub next_at: Option<Moment>,
    /// The receiver asked for the time until then.
    is_asked: bool,
    /// The request was slow: nothing is sent before.
    paused_until: Option<Moment>,
}

impl FailedTry {
    /// The try after which the delivery is as given. `retry_after_ms` is the wait that the receiver asked for. After a
    /// slow request, nothing is sent before `paused_until`.
    pub fn of(delivery: &Delivery, retry_after_ms: Option<i64>, paused_until: Option<Moment>) -> Self {
        let next_at = match delivery.state {
            State::Waiting { next_at } => next_at,
            State::Delivered | State::Failed => None,
        };
        let (id, at) = (delivery.key.id, delivery.updated_at);
        Self { delivery: id, at, next_at, is_asked: retry_after_ms.is_some(), paused_until }
    }

    /// The endpoint's health after it, as its next write.
    pub fn after(self, health: &Health, nonce: String) -> Health {
        let failed = health.failed(self.delivery, self.at, self.next_at, nonce).paused(self.paused_until);
        let asked = self.next_at.filter(|_| self.is_asked);
        let failing_ms = failed.failing_since.map_or(0, |since| self.at.since_ms(since));
        let probed = failed.probes().then(|| self.at.plus_ms(held_ms(failing_ms)));
        [asked, probed].into_iter().flatten().fold(failed, Health::held)
    }
}

/// Writes a failed try into the endpoint's health, and plans a turn for the delivery's next try. `seen` is the health
/// as it was read.
///
/// # Errors
/// As [`plan_turn`].
pub async fn record_failure(
    context: &Context,
    key: EndpointKey,
    seen: Health,
    failed: FailedTry,
) -> PortResult<Health> {
    let mut writes = OptimisticWrites::of(ROW, WRITES_MAX);
    let mut owner = Owner::default();
    let mut seen = Some(seen);
    let mut has_lost = false;
    loop {
        writes.begin()?;
        let health = match seen.take() {
            Some(health) => health,
            None => context.webhooks.endpoint_health(key).await?,
        };
        // The endpoint was deleted, and its health with it.
        if has_lost && health.rev == 0 {
            return Ok(health);
        }
        if failed.next_at.is_some() {
            owner.file(context, key, &health).await?;
        }
        let next = failed.after(&health, context.nonce());
        if context.webhooks.save_endpoint_health(key, &next).await?.is_done() {
            if let Some(at) = next.turn_at.filter(|_| next.turn_at != health.turn_at) {
                send_turn(context, key, at).await?;
            }
            return Ok(next);
        }
        has_lost = true;
    }
}

/// Changes the endpoint's health. `change` is given the stored one and answers the next, or `None` to leave it. `seen`
/// is the health as it was read, if it was.
///
/// # Errors
/// When the table is unavailable, or other workers kept changing the health.
pub async fn change_health(
    context: &Context,
    key: EndpointKey,
    seen: Option<Health>,
    change: impl Fn(&Health) -> Option<Health> + Send,
) -> PortResult<Health> {
    let mut writes = OptimisticWrites::of(ROW, WRITES_MAX);
    let mut seen = seen;
    let mut has_lost = false;
    loop {
        writes.begin()?;
        let health = match seen.take() {
            Some(health) => health,
            None => context.webhooks.endpoint_health(key).await?,
        };
        // The endpoint was deleted, and its health with it.
        if has_lost && health.rev == 0 {
            return Ok(health);
        }
        let Some(next) = change(&health) else { return Ok(health) };
        if context.webhooks.save_endpoint_health(key, &next).await?.is_done() {
            return Ok(next);
        }
        has_lost = true;
    }
}

/// Sends the message of a turn that is planned for `at`, as late as the queue allows.
///
/// # Errors
/// When the queue is unavailable.
pub async fn send_turn(context: &Context, key: EndpointKey, at: Moment) -> PortResult<()> {
    let delay_ms = at.since_ms(context.system.now()).clamp(0, MAX_DELAY_MS);
    context.queue.send_notify(&NotifyMessage::turn(key, at), delay_ms).await
}

/// Whether a turn is planned, and its message is not lost for certain.
fn is_on_its_way(health: &Health, now: Moment) -> bool {
    health.turn_at.is_some_and(|planned| now.since_ms(planned) <= OVERDUE_MS)
}

/// The endpoint's recovery marker. An endpoint with a turn has one.
#[derive(Default)]
struct Owner {
    is_filed: bool,
}

impl Owner {
    /// Files it before the first turn is planned.
    async fn file(&mut self, context: &Context, key: EndpointKey, health: &Health) -> PortResult<()> {
        let now = context.system.now();
        if self.is_filed || is_on_its_way(health, now) {
            return Ok(());
        }
        context.store.put_marker(&RecoveryMarker::webhook(key, now, context.nonce())).await?;
        self.is_filed = true;
        Ok(())
    }
}
