//! What must hold of the events when a world has ended.

use std::collections::{BTreeMap, BTreeSet};

use pinbridge_shared::domain::event::pin_events::{self, ACCEPTED};
use pinbridge_shared::domain::event::told::EventCopy;
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::domain::message::NotifyWork;
use pinbridge_shared::domain::time::{Moment, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId, State as Standing};
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey, HEARS_AFTER_MS};
use pinbridge_shared::flows::webhooks::deliver_one::ABORTED;
use pinbridge_shared::testing::fake_queue::FakeQueue;
use pinbridge_shared::testing::fake_store::FakeStore;
use uuid::Uuid;

use super::{Events, State, Subject};
use crate::oracle::Wrong;
use crate::subscribers::{Behaviour, url};

/// A webhook that answers gets an event within this time of the write that recorded it. Receivers that aren't known yet
/// to be slow may occupy every notifier for one request, which takes up to 15 seconds; so may turns that happen to come
/// at the same time, after it.
const IN_TIME_MS: i64 = 30 * SECOND_MS;

/// What will be sent, and by what.
struct Planned {
    /// Messages that name events: the pin, the first and last number, and the numbers of those that the message has.
    messages: Vec<(PinId, u32, u32, Vec<u32>)>,
    /// Messages that have the event: its id.
    stored: BTreeSet<EventId>,
    /// What the events are about that the rescuer will read.
    subjects: BTreeSet<Uuid>,
    /// Pins that the rescuer will read.
    pins: BTreeSet<PinKey>,
    /// Messages of turns.
    turns: BTreeSet<(EndpointKey, Moment)>,
    /// Webhooks that the rescuer will read.
    endpoints: BTreeSet<EndpointKey>,
}

impl Planned {
    fn of(store: &FakeStore, queue: &FakeQueue) -> Self {
        let (mut messages, mut turns, mut stored) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for (message, _) in queue.notifications() {
            let workspace = message.workspace;
            match message.work {
                NotifyWork::Pin { pin, from, to, copies } => {
                    let numbers = copies.iter().filter_map(EventCopy::read).map(|(event, _)| event.sequence);
                    messages.push((pin, from, to, numbers.collect()));
                }
                NotifyWork::Turn { endpoint, planned_for } => {
                    turns.insert((EndpointKey { workspace, endpoint }, planned_for));
                }
                NotifyWork::Replay { .. } => {}
                NotifyWork::Stored { event_id, .. } => {
                    stored.insert(event_id);
                }
            }
        }
        let pins = store.marker_owned().into_keys().collect();
        let (endpoints, subjects) = (store.endpoints_with_markers(), store.events_with_markers());
        Self { messages, stored, subjects, pins, turns, endpoints }
    }

    /// Whether a message names the event, or will, and it can still be read there or in the rows.
    fn has(&self, expected: &Expected) -> bool {
        let (pin, number) = (expected.pin, expected.number);
        (expected.is_shown && self.pins.contains(&pin))
            || self.messages.iter().any(|(named, from, to, copies)| {
                let is_readable = expected.is_shown || copies.contains(&number);
                *named == pin.pin && (*from..=*to).contains(&number) && is_readable
            })
    }

    /// Whether the webhook's waiting deliveries will be sent.
    fn has_turn(&self, endpoint: EndpointKey, turn_at: Option<Moment>) -> bool {
        self.endpoints.contains(&endpoint) || turn_at.is_some_and(|at| self.turns.contains(&(endpoint, at)))
    }
}

/// An event of a pin that was recorded.
struct Expected {
    pin: PinKey,
    number: u32,
    event: EventType,
    at: Moment,
    /// The pin's rows still show it.
    is_shown: bool,
}

/// What is known of a webhook's deliveries.
struct Known<'a> {
    rows: BTreeMap<DeliveryId, Delivery>,
    has_turn: bool,
    taken: Option<&'a BTreeMap<Subject, i64>>,
}

/// How an event stands at a webhook.
enum Stands {
    Delivered,
    Waiting,
    /// Its receiver doesn't want it.
    Refused,
    /// In words.
    Lost(String),
}

impl Known<'_> {
    /// `is_planned`: a message leads to the event, or will.
    fn stands(&self, subject: &Subject, id: DeliveryId, is_planned: bool) -> Stands {
        if self.taken.is_some_and(|taken| taken.contains_key(subject)) {
            return Stands::Delivered;
        }
        let row = self.rows.get(&id);
        let standing = row.map(|row| row.state);
        match standing {
            None if is_planned => return Stands::Waiting,
            Some(Standing::Waiting { .. }) if is_planned || self.has_turn => return Stands::Waiting,
            // A message leaves what has ended alone.
            _ => {}
        }
        let error = row.and_then(|row| row.last.as_ref()).and_then(|last| last.error.as_deref());
        if standing == Some(Standing::Failed) && error == Some(ABORTED) {
            return Stands::Refused;
        }
        Stands::Lost(format!("{standing:?} {error:?}"))
    }
}

/// Whether the webhook must get an event of this type and time.
fn is_promised(endpoint: &Endpoint, event: EventType, at: Moment) -> bool {
    endpoint.hears(event, at) && at.since_ms(endpoint.created_at) >= HEARS_AFTER_MS
}

/// Every event of the pins that was recorded, whether the rows still show it or not.
fn expected(state: &State, store: &FakeStore) -> Vec<Expected> {
    let (mut pins, mut shown, mut expected) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    store.each_pin(|pin, attempt| {
        pins.insert(pin.key.pin, pin.key);
        shown.extend(pin_events::of(pin, attempt).into_iter().map(|event| (pin.key.pin, event.sequence)));
        let (event, at) = (EventType::PinAccepted, pin.created_at);
        expected.push(Expected { pin: pin.key, number: ACCEPTED, event, at, is_shown: true });
    });
    let recorded = state.recorded.iter().filter_map(|((pin, number), recorded)| {
        let (pin, is_shown) = (*pins.get(pin)?, shown.contains(&(*pin, *number)));
        Some(Expected { pin, number: *number, event: recorded.event, at: recorded.at, is_shown })
    });
    expected.extend(recorded);
    expected
}

impl Events {
    /// Checks the events of a world that has ended. `endpoints` are the webhooks as they are now.
    pub fn close(&self, store: &FakeStore, queue: &FakeQueue, endpoints: &[Endpoint], now: i64) {
        let planned = Planned::of(store, queue);
        self.saw(endpoints);
        let mut state = self.state();
        let expected = expected(&state, store);
        // The events of a disabled webhook wait until somebody enables it.
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.disabled.is_none()) {
            self.check_all_arrive(&mut state, endpoint, &expected, &planned, store);
        }
        self.check_gaps(&state);
        if self.plan.is_in_time() {
            self.check_in_time(&state, endpoints, now);
        }
    }

    /// Checks that the webhook has got every event that it hears, or will get it: those that were recorded, and that
    /// other webhooks were disabled.
    fn check_all_arrive(
        &self,
        state: &mut State,
        endpoint: &Endpoint,
        expected: &[Expected],
        planned: &Planned,
        store: &FakeStore,
    ) {
        let rows = store.peek_deliveries(endpoint.key).into_iter().map(|delivery| (delivery.key.id, delivery));
        let known = Known {
            rows: rows.collect(),
            has_turn: planned.has_turn(endpoint.key, store.peek_endpoint_health(endpoint.key).turn_at),
            taken: state.received.get(&endpoint.url).map(|received| &received.taken),
        };
        let mut standing: Vec<(String, Stands)> = Vec::new();
        for one in expected.iter().filter(|one| is_promised(endpoint, one.event, one.at)) {
            let id = DeliveryId::of(endpoint.key, EventId::of_pin(one.pin, one.number));
            let stands = known.stands(&Subject::OfPin(one.pin.pin, one.number), id, planned.has(one));
            standing.push((format!("{} of {:?}, number {}", one.event, one.pin.pin, one.number), stands));
        }
        let event = EventType::WebhookDisabled;
        let others = state.disabled.iter().filter(|(_, (webhook, _))| *webhook != endpoint.key.endpoint);
        for (id, (webhook, _)) in others.filter(|(_, (_, at))| is_promised(endpoint, event, *at)) {
            let Ok(uuid) = id.parse::<Uuid>() else { continue };
            let is_planned = planned.stored.contains(&EventId(uuid)) || planned.subjects.contains(&webhook.0);
            let delivery = DeliveryId::of(endpoint.key, EventId(uuid));
            let stands = known.stands(&Subject::Other(id.clone()), delivery, is_planned);
            standing.push((format!("{event} of {webhook:?}"), stands));
        }
        let (mut delivered, mut waiting) = (0, 0);
        for (what, stands) in standing {
            match stands {
                Stands::Delivered => delivered += 1,
                Stands::Waiting => waiting += 1,
                Stands::Refused => {}
                Stands::Lost(how) => self.report(Wrong::Unheard, format!("{} misses {what}: {how}", endpoint.url)),
            }
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
