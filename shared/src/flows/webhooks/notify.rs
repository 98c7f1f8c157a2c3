//! Works on a message of the notify queue: sends events to the endpoints that hear them, or takes an endpoint's turn.
//!
//! A new event is sent once, at once. An endpoint that keeps failing gets it later, by its turn, and so does one that
//! takes long: neither delays another endpoint. The message stays until every endpoint has a row for every event, so it
//! may be delivered again at any time: what has a row is not sent again.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::deliver_one::deliver_one;
use super::end_task::deliveries_of;
use super::keep_pace::keep_pace;
use super::plan_turn::plan_for_waiting;
use super::run_replay::continue_replay;
use super::settle::settle;
use super::take_turn::take_turn;
use crate::context::{Context, Place};
use crate::domain::event::pin_events::{self, PinEvent};
use crate::domain::event::told::{EventCopy, Told};
use crate::domain::event::{EventId, EventType, payload};
use crate::domain::ids::{EndpointId, PinKey, WorkspaceId};
use crate::domain::message::{Disposition, NotifyMessage, NotifyWork};
use crate::domain::task::{Awaited, end_event};
use crate::domain::time::{Moment, SECOND_MS};
use crate::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, Source, State};
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey};
use crate::domain::webhook::replay::ReplayId;
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// An event that has waited this long for other events of its endpoint goes by the endpoint's turn.
const WAITS_FOR_LANE_MS: i64 = 5 * SECOND_MS;
/// Why an event can't be delivered: nothing is left of its pin, or its history has dropped it, and so has its message.
const PIN_GONE: &str = "pin_gone";
const ENTRY_GONE: &str = "entry_gone";

/// An event that is to be delivered.
#[derive(Clone, Debug)]
struct Outgoing {
    id: EventId,
    event: EventType,
    at: Moment,
    source: Source,
    payload: String,
    /// It was requested for one endpoint, which gets it whatever it subscribed to.
    to: Option<EndpointId>,
    /// The pin or the import that is over with it.
    ends: Option<Awaited>,
}

impl Outgoing {
    fn is_for(&self, endpoint: &Endpoint) -> bool {
        match self.to {
            Some(only) => endpoint.key.endpoint == only,
            None => {
                let is_own_end = payload::is_own_end(self.event, &self.payload, endpoint.key.endpoint);
                !is_own_end && endpoint.hears(self.event, self.at)
            }
        }
    }
}

/// Works on the message until `ends_at_ms` of the monotonic clock.
///
/// # Errors
/// When a port is unavailable; the message is delivered again. What was delivered by then is not sent again.
pub async fn work_on_notification(
    context: &Context,
    message: NotifyMessage,
    ends_at_ms: i64,
) -> PortResult<Disposition> {
    let workspace = message.workspace;
    let events = match message.work {
        NotifyWork::Turn { endpoint, planned_for } => {
            take_turn(context, EndpointKey { workspace, endpoint }, planned_for, ends_at_ms).await?;
            return Ok(Disposition::Done);
        }
        NotifyWork::Replay { endpoint, replay } => {
            continue_replay(context, EndpointKey { workspace, endpoint }, ReplayId(replay), ends_at_ms).await?;
            return Ok(Disposition::Done);
        }
        NotifyWork::Stored { event_id, event, at, payload, to } => {
            let source = Source::Stored { payload: payload.clone() };
            let ends = Awaited::import_of(workspace, event, &payload);
            vec![Outgoing { id: event_id, event, at, source, payload, to, ends }]
        }
        NotifyWork::Pin { pin, from, to, copies } => {
            events_of_pin(context, PinKey { workspace, pin }, (from, to), &copies).await?
        }
    };
    send_to_all(context, workspace, &events, ends_at_ms).await?;
    Ok(Disposition::Done)
}

/// The pin's events with these numbers: as the message has them, otherwise as the rows show them. One that neither has
/// is logged, and delivered to nobody.
async fn events_of_pin(
    context: &Context,
    key: PinKey,
    (from, to): (u32, u32),
    copies: &[EventCopy],
) -> PortResult<Vec<Outgoing>> {
    let read = context.store.pins(&[key]).await?;
    let Some((pin, attempt)) = read.into_iter().flatten().next() else {
        // The workspace was deleted, or the rows have expired.
        report_lost(context, key, from, PIN_GONE);
        return Ok(Vec::new());
    };
    let shown = pin_events::of(&pin, &attempt);
    let end = end_event(&attempt, &shown).map(|end| end.sequence);
    let shown = shown.into_iter().map(|event| {
        let told = Told::of(&pin, &attempt, &event);
        (event, told)
    });
    // A copy replaces what the rows show now.
    let all = shown.chain(copies.iter().filter_map(EventCopy::read));
    let mut events: BTreeMap<u32, (PinEvent, Told)> =
        all.map(|(event, told)| (event.sequence, (event, told))).collect();
    events.retain(|sequence, _| (from..=to).contains(sequence));
    for lost in (from..=to).filter(|sequence| !events.contains_key(sequence)) {
        report_lost(context, key, lost, ENTRY_GONE);
    }
    let outgoing = events.into_values().map(|(event, told)| Outgoing {
        id: EventId::of_pin(key, event.sequence),
        event: event.event,
        at: event.at,
        payload: payload::of_told(&pin, event.event, event.sequence, event.at, &told),
        source: Source::Pin { pin: key.pin, sequence: event.sequence, told: Some(Box::new(told)) },
        to: None,
        ends: (end == Some(event.sequence)).then_some(Awaited::Pin(key)),
    });
    Ok(outgoing.collect())
}

fn report_lost(context: &Context, key: PinKey, sequence: u32, why: &'static str) {
    telemetry::count(Metric::EventUndeliverable, 1, Some(why), context.system.now());
    tracing::warn!(
        workspace_id = %key.workspace, pin_id = %key.pin, sequence, reason = why, "event not deliverable"
    );
}

/// Sends the events to every endpoint that hears them. Endpoints are worked on at once; one that can't be written to
/// doesn't keep the others from getting their events.
async fn send_to_all(
    context: &Context,
    workspace: WorkspaceId,
    events: &[Outgoing],
    ends_at_ms: i64,
) -> PortResult<()> {
    if events.is_empty() {
        return Ok(());
    }
    let endpoints = context.subscribers(workspace).await?;
    let sent = endpoints.iter().map(|endpoint| send_in_order(context, endpoint, events, ends_at_ms));
    join_all(sent).await.into_iter().collect()
}

async fn send_in_order(context: &Context, endpoint: &Endpoint, events: &[Outgoing], ends_at_ms: i64) -> PortResult<()> {
    for event in events.iter().filter(|event| event.is_for(endpoint)) {
        for id in deliveries_of(context, endpoint.key, event.id, event.ends).await? {
            let began = context.begin();
            let lane = context.lane(endpoint.key);
            let place = lane.enter().await;
            let is_late = lane.is_slow() || context.took_ms(began) > WAITS_FOR_LANE_MS;
            send(context, endpoint, (event, id), (place, is_late), ends_at_ms).await?;
        }
    }
    Ok(())
}

/// Sends the event to the endpoint, unless it has a row already. `is_late`: the endpoint takes long.
async fn send(
    context: &Context,
    endpoint: &Endpoint,
    (event, id): (&Outgoing, DeliveryId),
    (mut place, is_late): (Place<'_>, bool),
    ends_at_ms: i64,
) -> PortResult<()> {
    let key = DeliveryKey { endpoint: endpoint.key, event_at: event.at, id };
    let is_enabled = endpoint.disabled.is_none();
    if let Some(known) = context.webhooks.delivery(key).await? {
        // Its writer may have died before it planned a turn.
        if is_enabled && matches!(known.state, State::Waiting { .. }) {
            plan_for_waiting(context, endpoint.key).await?;
        }
        return Ok(());
    }
    let now = context.system.now();
    let waiting = waiting(context, key, event, now);
    if !is_enabled {
        // It waits until somebody enables the endpoint.
        return context.webhooks.put_delivery(&waiting).await;
    }
    let health = context.webhooks.endpoint_health(endpoint.key).await?;
    let probes = health.probes() && event.to.is_none();
    let is_held = health.is_held(now);
    // Somebody waits for the answer to a test. A slow endpoint gets it by its turn, so that it delays no other one.
    let is_test = event.event == EventType::WebhookTest;
    let is_to_wait = is_late || probes || health.is_slow || (is_held && !is_test);
    if is_to_wait || !keep_pace(context, endpoint.key, ends_at_ms).await {
        context.webhooks.put_delivery(&waiting).await?;
        // After the row is written: a worker that ends its turn now reads the row, or leaves no turn behind.
        return plan_for_waiting(context, endpoint.key).await;
    }
    if let Some(mut tried) = deliver_one(context, endpoint, &waiting, &event.payload, Some(&mut place)).await? {
        // This is its first row: written as one that is new, it costs one write.
        tried.delivery.created_at = tried.delivery.updated_at;
        let settled = settle(context, endpoint, &tried, health).await?;
        if is_held && !settled.is_disabled && !settled.health.is_held(context.system.now()) {
            // The test has ended the hold. The turn was planned for the end of the hold.
            plan_for_waiting(context, endpoint.key).await?;
        }
    }
    Ok(())
}

/// The delivery before its first try.
fn waiting(context: &Context, key: DeliveryKey, event: &Outgoing, now: Moment) -> Delivery {
    Delivery {
        key,
        event: event.event,
        source: event.source.clone(),
        state: State::Waiting { next_at: None },
        tries: 0,
        last: None,
        body_sha256: None,
        is_replayed: false,
        delivered_before: None,
        is_changed: false,
        created_at: now,
        updated_at: now,
        expires_at: now.plus_ms(context.settings.webhooks.deliveries_kept_ms()),
    }
}
