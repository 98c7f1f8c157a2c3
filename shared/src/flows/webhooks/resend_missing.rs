//! Finds events whose message was lost, and sends it again.
//!
//! A process that dies between the write that records an event and the message leaves a pin with an event that has no
//! delivery. Every such pin has a recovery marker that is read later; the rescuer asks here about its pins.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::context::Context;
use crate::domain::event::{EventId, pin_events, told};
use crate::domain::ids::{PinKey, WorkspaceId};
use crate::domain::message::NotifyMessage;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::task::{Awaited, TaskTokenId, end_event};
use crate::domain::time::{HOUR_MS, MINUTE_MS, Moment};
use crate::domain::webhook::delivery::{DeliveryId, DeliveryKey};
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::Endpoint;
use crate::ports::PortResult;

/// The message of a younger event may be under way: it is sent again only when the event is that old.
const RESENT_AFTER_MS: i64 = MINUTE_MS;
/// Events this close to the end of their deliveries' lives are left: a delivery that has expired looks like none.
pub(super) const EXPIRES_SOON_MS: i64 = HOUR_MS;
/// Deliveries that are asked for at once.
const ASKED_AT_ONCE: usize = 100;

/// The endpoints of workspaces, each read once.
#[derive(Debug, Default)]
pub struct Subscribers(BTreeMap<WorkspaceId, Vec<Endpoint>>);

impl Subscribers {
    /// # Errors
    /// When the table is unavailable.
    pub(super) async fn of(&mut self, context: &Context, workspace: WorkspaceId) -> PortResult<&[Endpoint]> {
        match self.0.entry(workspace) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(context.subscribers(workspace).await?)),
        }
    }
}

/// A delivery that must have a row.
struct Expected {
    pin: PinKey,
    sequence: u32,
    at: Moment,
    key: DeliveryKey,
}

/// The events of a pin that miss a delivery.
struct Missing {
    from: u32,
    to: u32,
    newest: Moment,
}

/// Sends the messages of these pins' events that an endpoint hears and that have no delivery; returns the pins that
/// have such events. These messages may be lost, too: the pins are to be checked again.
///
/// # Errors
/// When a port is unavailable; asking again repeats nothing that was delivered by then.
pub async fn resend_missing(context: &Context, pins: &[(Pin, Attempt)]) -> PortResult<BTreeSet<PinKey>> {
    resend_missing_to(context, &mut Subscribers::default(), pins).await
}

/// The same, for a caller that asks about the pins of a few workspaces again and again.
///
/// # Errors
/// As [`resend_missing`].
pub async fn resend_missing_to(
    context: &Context,
    subscribers: &mut Subscribers,
    pins: &[(Pin, Attempt)],
) -> PortResult<BTreeSet<PinKey>> {
    let now = context.system.now();
    let mut expected = Vec::new();
    for (pin, attempt) in pins {
        let endpoints = subscribers.of(context, pin.key.workspace).await?;
        if !endpoints.is_empty() {
            let tasks = tasks_of(context, endpoints, pin, attempt).await?;
            expected.extend(expected_of(context, endpoints, &tasks, (pin, attempt), now));
        }
    }
    let missing = missing(context, &expected).await?;
    for (key, missing) in &missing {
        let found = pins.iter().find(|(pin, _)| pin.key == *key);
        let copies = found.map(|(pin, attempt)| told::copies(pin, attempt, missing.from..=missing.to));
        let message = NotifyMessage::of_copies(*key, missing.from, missing.to, copies.unwrap_or_default());
        let delay_ms = (RESENT_AFTER_MS - now.since_ms(missing.newest)).clamp(0, RESENT_AFTER_MS);
        context.queue.send_notify(&message, delay_ms).await?;
        tracing::info!(
            workspace_id = %key.workspace, pin_id = %key.pin, from = missing.from, to = missing.to,
            "events without a delivery sent again"
        );
    }
    Ok(missing.into_keys().collect())
}

/// The tasks that wait for the pin's end, if it is over and the endpoints have the one for tasks.
async fn tasks_of(
    context: &Context,
    endpoints: &[Endpoint],
    pin: &Pin,
    attempt: &Attempt,
) -> PortResult<Vec<TaskTokenId>> {
    let ends_tasks = attempt.status.is_terminal() && endpoints.iter().any(is_for_tasks);
    if ends_tasks { context.task_tokens.task_tokens(Awaited::Pin(pin.key)).await } else { Ok(Vec::new()) }
}

fn is_for_tasks(endpoint: &Endpoint) -> bool {
    Destination::of(endpoint.key.endpoint) == Some(Destination::TaskTokens)
}

/// The deliveries of the pin's events. What was delivered so long ago that its row may be gone is left out.
fn expected_of(
    context: &Context,
    endpoints: &[Endpoint],
    tasks: &[TaskTokenId],
    (pin, attempt): (&Pin, &Attempt),
    now: Moment,
) -> Vec<Expected> {
    let kept_ms = context.settings.webhooks.deliveries_kept_ms() - EXPIRES_SOON_MS;
    let events = pin_events::of(pin, attempt);
    let end = end_event(attempt, &events).map(|end| end.sequence);
    let mut expected = Vec::new();
    for event in events.iter().filter(|event| now.since_ms(event.at) < kept_ms) {
        let id = EventId::of_pin(pin.key, event.sequence);
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.hears(event.event, event.at)) {
            let of_tasks =
                tasks.iter().filter(|_| end == Some(event.sequence)).map(|task| task.delivery(endpoint.key, id));
            let deliveries: Vec<DeliveryId> =
                if is_for_tasks(endpoint) { of_tasks.collect() } else { vec![DeliveryId::of(endpoint.key, id)] };
            expected.extend(deliveries.into_iter().map(|id| Expected {
                pin: pin.key,
                sequence: event.sequence,
                at: event.at,
                key: DeliveryKey { endpoint: endpoint.key, event_at: event.at, id },
            }));
        }
    }
    expected
}

async fn missing(context: &Context, expected: &[Expected]) -> PortResult<BTreeMap<PinKey, Missing>> {
    let mut missing: BTreeMap<PinKey, Missing> = BTreeMap::new();
    for some in expected.chunks(ASKED_AT_ONCE) {
        let keys: Vec<DeliveryKey> = some.iter().map(|one| one.key).collect();
        let exist = context.webhooks.deliveries_exist(&keys).await?;
        for (one, _) in some.iter().zip(exist).filter(|(_, exists)| !exists) {
            let of = missing.entry(one.pin).or_insert(Missing { from: one.sequence, to: one.sequence, newest: one.at });
            of.from = of.from.min(one.sequence);
            of.to = of.to.max(one.sequence);
            of.newest = of.newest.max(one.at);
        }
    }
    Ok(missing)
}
