//! What must hold of the events when a world has ended.

use std::collections::{BTreeMap, BTreeSet};

use pinbridge_shared::domain::event::pin_events::{self, ACCEPTED, PinEvent};
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::domain::message::NotifyWork;
use pinbridge_shared::domain::time::{Moment, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId, State as Standing};
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey, HEARS_AFTER_MS};
use pinbridge_shared::flows::webhooks::deliver_one::ABORTED;
use pinbridge_shared::testing::fake_queue::FakeQueue;
use pinbridge_shared::testing::fake_store::FakeStore;

use super::{Events, State, Subject};
use crate::oracle::Wrong;
use crate::subscribers::{Behaviour, url};

/// A webhook that answers gets an event within this time of the write that recorded it. Receivers that aren't known yet
/// to be slow may occupy every notifier for one request, which takes up to 15 seconds; so may turns that happen to come
/// at the same time, after it.
const IN_TIME_MS: i64 = 30 * SECOND_MS;

/// What will be sent, and by what.
struct Planned {
    /// Messages that name events: the pin, and the first and last number.
    messages: Vec<(PinId, u32, u32)>,
    /// Pins that the rescuer will read.
    pins: BTreeSet<PinKey>,
    /// Messages of turns.
    turns: BTreeSet<(EndpointKey, Moment)>,
    /// Webhooks that the rescuer will read.
    endpoints: BTreeSet<EndpointKey>,
}

impl Planned {
    fn of(store: &FakeStore, queue: &FakeQueue) -> Self {
        let (mut messages, mut turns) = (Vec::new(), BTreeSet::new());
        for (message, _) in queue.notifications() {
            let workspace = message.workspace;
            match message.work {
                NotifyWork::Pin { pin, from, to } => messages.push((pin, from, to)),
                NotifyWork::Turn { endpoint, planned_for } => {
                    turns.insert((EndpointKey { workspace, endpoint }, planned_for));
                }
                NotifyWork::Replay { .. } | NotifyWork::Stored { .. } => {}
            }
        }
        let pins = store.marker_owned().into_keys().collect();
        Self { messages, pins, turns, endpoints: store.endpoints_with_markers() }
    }

    /// Whether a message names the event, or will.
    fn has(&self, pin: PinKey, number: u32) -> bool {
        let is_named = |(named, from, to): &(PinId, u32, u32)| *named == pin.pin && (*from..=*to).contains(&number);
        self.pins.contains(&pin) || self.messages.iter().any(is_named)
    }

    /// Whether the webhook's waiting deliveries will be sent.
    fn has_turn(&self, endpoint: EndpointKey, turn_at: Option<Moment>) -> bool {
        self.endpoints.contains(&endpoint) || turn_at.is_some_and(|at| self.turns.contains(&(endpoint, at)))
    }
}

/// Whether the webhook must get an event of this type and time.
fn is_promised(endpoint: &Endpoint, event: EventType, at: Moment) -> bool {
    endpoint.hears(event, at) && at.since_ms(endpoint.created_at) >= HEARS_AFTER_MS
}

impl Events {
    /// Checks the events of a world that has ended. `endpoints` are the webhooks as they are now.
    pub fn close(&self, store: &FakeStore, queue: &FakeQueue, endpoints: &[Endpoint], now: i64) {
        let planned = Planned::of(store, queue);
        let mut events: Vec<(PinKey, PinEvent)> = Vec::new();
        store.each_pin(|pin, attempt| {
            events.extend(pin_events::of(pin, attempt).into_iter().map(|event| (pin.key, event)));
        });
        let mut state = self.state();
        // The events of a disabled webhook wait until somebody enables it.
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.disabled.is_none()) {
            self.check_all_arrive(&mut state, endpoint, &events, &planned, store);
        }
        self.check_gaps(&state);
        if self.plan.is_in_time() {
            self.check_in_time(&state, endpoints, now);
        }
    }

    /// Checks that the webhook has got every event that it hears, or will get it.
    fn check_all_arrive(
        &self,
        state: &mut State,
        endpoint: &Endpoint,
        events: &[(PinKey, PinEvent)],
        planned: &Planned,
        store: &FakeStore,
    ) {
        let rows: BTreeMap<DeliveryId, Delivery> =
            store.peek_deliveries(endpoint.key).into_iter().map(|delivery| (delivery.key.id, delivery)).collect();
        let has_turn = planned.has_turn(endpoint.key, store.peek_endpoint_health(endpoint.key).turn_at);
        let taken = state.received.get(&endpoint.url).map(|received| &received.taken);
        let (mut delivered, mut waiting) = (0, 0);
        for (pin, event) in events.iter().filter(|(_, event)| is_promised(endpoint, event.event, event.at)) {
            let number = event.sequence;
            if taken.is_some_and(|taken| taken.contains_key(&Subject::OfPin(pin.pin, number))) {
                delivered += 1;
                continue;
            }
            let row = rows.get(&DeliveryId::of(endpoint.key, EventId::of_pin(*pin, number)));
            let standing = row.map(|row| row.state);
            let waits = matches!(standing, Some(Standing::Waiting { .. })) && has_turn;
            if waits || planned.has(*pin, number) {
                waiting += 1;
                continue;
            }
            let error = row.and_then(|row| row.last.as_ref()).and_then(|last| last.error.as_deref());
            // Its receiver doesn't want it.
            if standing == Some(Standing::Failed) && error == Some(ABORTED) {
                continue;
            }
            let text = format!(
                "{} misses {} of {:?}, number {number}: {standing:?} {error:?}",
                endpoint.url, event.event, pin.pin
            );
            self.report(Wrong::Unheard, text);
        }
        state.counts.delivered += delivered;
        state.counts.waiting += waiting;
    }

    /// Checks the numbers that webhooks see that hear everything: each number below another is that of an event.
    fn check_gaps(&self, state: &State) {
        for (number, subscriber) in self.plan.subscribers.iter().enumerate() {
            let hears_all = subscriber.events.len() > EventType::defaults().len() && subscriber.since_ms < 0;
            let Some(received) = state.received.get(&url(number)).filter(|_| hears_all) else { continue };
            let mut last: BTreeMap<PinId, u32> = BTreeMap::new();
            for subject in received.ids.keys() {
                if let Subject::OfPin(pin, number) = subject {
                    let highest = last.entry(*pin).or_default();
                    *highest = (*highest).max(*number);
                }
            }
            for (pin, last) in last {
                let is_event = |number: &u32| *number == ACCEPTED || state.recorded.contains_key(&(pin, *number));
                if let Some(missing) = (1..last).find(|number| !is_event(number)) {
                    self.report(Wrong::Gap, format!("{pin:?} has an event {last}, and none with number {missing}"));
                }
            }
        }
    }

    /// Checks that webhooks which answer get each event in time, whatever other receivers do.
    fn check_in_time(&self, state: &State, endpoints: &[Endpoint], now: i64) {
        for (number, subscriber) in self.plan.subscribers.iter().enumerate() {
            let is_well = subscriber.behaviour == Behaviour::Well && subscriber.since_ms < 0;
            let key = self.plan.webhook(number);
            let Some(endpoint) = endpoints.iter().find(|endpoint| is_well && endpoint.key == key) else { continue };
            let taken = state.received.get(&endpoint.url).map(|received| &received.taken);
            for ((pin, number), recorded) in &state.recorded {
                let is_dead = recorded.writer.is_some_and(|writer| state.timed_out.contains(&writer));
                if is_dead || !is_promised(endpoint, recorded.event, recorded.at) {
                    continue;
                }
                let subject = Subject::OfPin(*pin, *number);
                let taken_at = taken.and_then(|taken| taken.get(&subject)).copied();
                let took_ms = taken_at.unwrap_or(now) - recorded.written_at;
                if took_ms > IN_TIME_MS {
                    let text = format!(
                        "{} gets {} of {pin:?}, number {number}, after {took_ms} ms ({taken_at:?})",
                        endpoint.url, recorded.event
                    );
                    self.report(Wrong::HeldUp, text);
                }
            }
        }
    }
}
