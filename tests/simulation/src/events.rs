//! Checks the events that webhooks receive: each is one that happened, a repeat has the same id, and the numbers of a
//! pin's events have no gaps. At the end, that none is lost or held up, whatever the rows still show of it.

mod at_end;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinbridge_shared::domain::event::pin_events::{self, ACCEPTED, PinEvent};
use pinbridge_shared::domain::event::{EventType, disabled};
use pinbridge_shared::domain::ids::{EndpointId, PinId, PinKey};
use pinbridge_shared::domain::pin::Pin;
use pinbridge_shared::domain::pin::attempt::Attempt;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, EndpointKey};
use pinbridge_shared::domain::webhook::sending::WebhookRequest;
use pinbridge_shared::testing::fake_store::FakeStore;
use serde_json::Value;

use crate::kernel::Pid;
use crate::oracle::{Violations, Wrong, report};
use crate::plan::Plan;

/// What webhooks received.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCounts {
    /// Requests that reached a receiver.
    pub requests: u64,
    /// Those of them whose event that receiver had been sent before.
    pub repeats: u64,
    /// Events that a webhook is to hear: those that it has taken, and those that it will be sent.
    pub delivered: u64,
    pub waiting: u64,
}

impl EventCounts {
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.repeats += other.repeats;
        self.delivered += other.delivered;
        self.waiting += other.waiting;
    }
}

/// What an event is: of a pin, its number; of anything else, its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    OfPin(PinId, u32),
    Other(String),
}

/// An event that the write of a pin's row has recorded.
struct Recorded {
    event: EventType,
    /// By its writer's clock.
    at: Moment,
    written_at: i64,
    writer: Option<Pid>,
}

/// What a webhook has been sent.
#[derive(Default)]
struct Received {
    ids: BTreeMap<Subject, String>,
    subjects: BTreeMap<String, Subject>,
    /// When each event was taken for the first time.
    taken: BTreeMap<Subject, i64>,
}

#[derive(Default)]
struct State {
    /// The webhooks as they were created, by their addresses.
    endpoints: BTreeMap<String, Endpoint>,
    received: BTreeMap<String, Received>,
    recorded: BTreeMap<(PinId, u32), Recorded>,
    /// Which webhook was disabled because of its answers, and when, by the id of the event that says so.
    disabled: BTreeMap<String, (EndpointId, Moment)>,
    /// The id of each event, which is the same at every webhook.
    ids: BTreeMap<Subject, String>,
    /// Processes that the platform has ended.
    timed_out: BTreeSet<Pid>,
    counts: EventCounts,
}

impl State {
    /// Notes what the row of a webhook says of the times that it was disabled.
    fn saw(&mut self, row: &Endpoint) {
        for one in &row.disablings {
            let id = disabled::id_of(row.key, one.rev).to_string();
            self.disabled.insert(id, (row.key.endpoint, one.at));
        }
    }
}

pub struct Events {
    plan: Arc<Plan>,
    violations: Violations,
    state: Mutex<State>,
}

impl Events {
    pub fn new(plan: Arc<Plan>, violations: Violations) -> Self {
        Self { plan, violations, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, wrong: Wrong, text: String) {
        report(&self.violations, wrong, text);
    }

    pub fn counts(&self) -> EventCounts {
        self.state().counts
    }

    /// A webhook was created.
    pub fn subscribed(&self, endpoint: Endpoint) {
        self.state().endpoints.insert(endpoint.url.clone(), endpoint);
    }

    /// The webhooks as they are now. Between two looks, one is disabled fewer times than its row keeps.
    pub fn saw(&self, endpoints: &[Endpoint]) {
        let mut state = self.state();
        for endpoint in endpoints {
            state.saw(endpoint);
        }
    }

    /// The platform has ended this process: what it wrote may not be announced.
    pub fn timed_out(&self, pid: Pid) {
        self.state().timed_out.insert(pid);
    }

    /// The row of a pin was written. The table must not be read meanwhile.
    pub fn wrote(&self, pin: &Pin, before: &Attempt, after: &Attempt, now: i64, writer: Option<Pid>) {
        let known = ACCEPTED + before.events;
        let (old, new): (Vec<PinEvent>, Vec<PinEvent>) =
            pin_events::of(pin, after).into_iter().partition(|event| event.sequence <= known);
        let owner = &pin.request.idempotency_key;
        let mut state = self.state();
        for event in old.iter().filter(|event| event.sequence != ACCEPTED) {
            let recorded = state.recorded.get(&(pin.key.pin, event.sequence)).map(|recorded| recorded.event);
            if recorded != Some(event.event) {
                let (number, now_is) = (event.sequence, event.event);
                self.report(Wrong::Invented, format!("event {number} of {owner} was {recorded:?} and is {now_is:?}"));
            }
        }
        if !new.iter().map(|event| event.sequence).eq(known + 1..=ACCEPTED + after.events) {
            let numbers: Vec<u32> = new.iter().map(|event| event.sequence).collect();
            let text = format!("{owner} has {known} events, then {numbers:?}, of {}", ACCEPTED + after.events);
            self.report(Wrong::Gap, text);
        }
        for event in new {
            let recorded = Recorded { event: event.event, at: event.at, written_at: now, writer };
            state.recorded.insert((pin.key.pin, event.sequence), recorded);
        }
    }

    /// A request has reached its receiver.
    pub fn received(&self, request: &WebhookRequest, is_taken: bool, now: i64, store: &FakeStore) {
        let sent = Sent::of(request);
        let is_accepted =
            sent.pin().is_some_and(|pin| store.peek(PinKey { workspace: self.plan.workspace(), pin }).is_some());
        let about = sent.webhook.map(|endpoint| EndpointKey { workspace: self.plan.workspace(), endpoint });
        let row = about.and_then(|key| store.peek_endpoint(key));
        let mut state = self.state();
        if let Some(row) = &row {
            state.saw(row);
        }
        self.check_truth(&state, request, &sent, is_accepted);
        let id = state.ids.entry(sent.subject.clone()).or_insert_with(|| sent.event_id.clone());
        if *id != sent.event_id {
            self.report(Wrong::Renamed, format!("{:?} is the event {id}, then {}", sent.subject, sent.event_id));
        }
        let received = state.received.entry(request.url.clone()).or_default();
        let is_repeat = received.ids.contains_key(&sent.subject);
        self.check_id(received, request, &sent);
        if is_taken {
            received.taken.entry(sent.subject).or_insert(now);
        }
        state.counts.requests += 1;
        state.counts.repeats += u64::from(is_repeat);
    }

    /// Checks that the event has happened, and that the webhook asked for it.
    fn check_truth(&self, state: &State, request: &WebhookRequest, sent: &Sent, is_accepted: bool) {
        let Some(event) = sent.event.filter(|_| sent.is_consistent) else {
            return self.report(Wrong::Invented, format!("{} gets headers and {}", request.url, request.body));
        };
        let has_happened = match &sent.subject {
            Subject::OfPin(_, ACCEPTED) => event == EventType::PinAccepted && is_accepted,
            Subject::OfPin(pin, number) => {
                state.recorded.get(&(*pin, *number)).is_some_and(|recorded| recorded.event == event)
            }
            // Each time that a webhook is disabled is one event. The webhook itself doesn't hear it.
            Subject::Other(id) => {
                let about = state.disabled.get(id).map(|(webhook, _)| *webhook);
                let receiver = state.endpoints.get(&request.url).map(|endpoint| endpoint.key.endpoint);
                event == EventType::WebhookDisabled && about.is_some() && about == sent.webhook && about != receiver
            }
        };
        if !has_happened {
            self.report(Wrong::Invented, format!("{} gets {}, which no row records", request.url, request.body));
        }
        if state.endpoints.get(&request.url).is_none_or(|endpoint| !endpoint.events.contains(&event)) {
            self.report(Wrong::Invented, format!("{} doesn't hear {event:?} and gets it", request.url));
        }
    }

    /// Checks that a repeat has the same id, and that another event has another one.
    fn check_id(&self, received: &mut Received, request: &WebhookRequest, sent: &Sent) {
        let id = received.ids.entry(sent.subject.clone()).or_insert_with(|| sent.delivery_id.clone());
        if *id != sent.delivery_id {
            let text = format!("{} gets {:?} as {id}, then as {}", request.url, sent.subject, sent.delivery_id);
            self.report(Wrong::Renamed, text);
        }
        let subject = received.subjects.entry(sent.delivery_id.clone()).or_insert_with(|| sent.subject.clone());
        if *subject != sent.subject {
            let text = format!("{} gets {subject:?} and {:?} as {}", request.url, sent.subject, sent.delivery_id);
            self.report(Wrong::Renamed, text);
        }
    }
}

/// A request as its receiver reads it.
struct Sent {
    subject: Subject,
    event: Option<EventType>,
    event_id: String,
    delivery_id: String,
    /// The webhook that the event is about.
    webhook: Option<EndpointId>,
    /// Whether the headers and the body name one event, and the headers one delivery.
    is_consistent: bool,
}

impl Sent {
    fn of(request: &WebhookRequest) -> Self {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let header = |name: &str| {
            let found = request.headers.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        let number = body["sequence"].as_u64().and_then(|number| u32::try_from(number).ok());
        let subject = match (text("pin_id").parse().ok(), number) {
            (Some(pin), Some(number)) => Subject::OfPin(pin, number),
            _ => Subject::Other(text("id").to_owned()),
        };
        let delivery_id = header("X-PinBridge-Delivery-ID");
        let is_consistent = header("webhook-id") == delivery_id
            && !delivery_id.is_empty()
            && header("X-PinBridge-Event") == text("event");
        Self {
            subject,
            event: EventType::parse(text("event")),
            event_id: text("id").to_owned(),
            delivery_id: delivery_id.to_owned(),
            webhook: text("webhook_id").parse().ok(),
            is_consistent,
        }
    }

    /// The pin that the event is about.
    fn pin(&self) -> Option<PinId> {
        match self.subject {
            Subject::OfPin(pin, _) => Some(pin),
            Subject::Other(_) => None,
        }
    }
}
