//! The webhooks of a world: what each of them hears, and how its receiver behaves until the faults end.

use fastrand::Rng;
use pinbridge_shared::domain::event::{CATALOGUE, Entry, EventType};
use pinbridge_shared::domain::time::HOUR_MS;

/// How a receiver behaves until the faults end. Then it takes every event at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes every event at once.
    Well,
    /// Takes every event, after seconds.
    Slow,
    /// Fails half of the requests, in every way in which receivers fail.
    Flaky,
    /// Fails every request.
    Down,
    /// Answers now and then that it wants no more events.
    Leaving,
}

const BEHAVIOURS: [Behaviour; 5] =
    [Behaviour::Well, Behaviour::Slow, Behaviour::Flaky, Behaviour::Down, Behaviour::Leaving];

/// A webhook that a client creates.
#[derive(Clone, Debug)]
pub struct Subscriber {
    pub behaviour: Behaviour,
    /// In the order of the catalogue.
    pub events: Vec<EventType>,
    /// When it is created, in milliseconds from the start; negative: before.
    pub since_ms: i64,
}

/// Long enough before the start for every event of the world to be heard.
const LONG_BEFORE_MS: i64 = -HOUR_MS;
/// Slow receivers beside one that answers: more than there are notifiers.
const SLOW_ONES: usize = 12;

impl Subscriber {
    /// Hears every event of pins and of webhooks.
    fn of_all(behaviour: Behaviour) -> Self {
        let is_heard = |entry: &&Entry| ["pin.", "webhook."].iter().any(|about| entry.name.starts_with(about));
        let events = CATALOGUE.iter().filter(|entry| entry.is_subscribable).filter(is_heard).map(|entry| entry.event);
        let events = events.collect();
        Self { behaviour, events, since_ms: LONG_BEFORE_MS }
    }

    /// Hears the events of a webhook that names none.
    fn of_defaults(behaviour: Behaviour) -> Self {
        Self { behaviour, events: EventType::defaults(), since_ms: LONG_BEFORE_MS }
    }

    /// One that is down hears everything: its events wait until the pins' histories have dropped them.
    fn of(behaviour: Behaviour) -> Self {
        if behaviour == Behaviour::Down { Self::of_all(behaviour) } else { Self::of_defaults(behaviour) }
    }
}

/// Up to three webhooks, the first of which hears everything. The last one may be created while pins arrive.
pub fn drawn(rng: &mut Rng, arrival_ms: i64) -> Vec<Subscriber> {
    let first = if rng.bool() { Behaviour::Well } else { Behaviour::Flaky };
    let mut all = vec![Subscriber::of_all(first)];
    all.extend((0..rng.usize(1..3)).map(|_| Subscriber::of(BEHAVIOURS[rng.usize(0..BEHAVIOURS.len())])));
    if let Some(last) = all.last_mut().filter(|_| rng.bool()) {
        last.since_ms = rng.i64(0..arrival_ms);
    }
    all
}

/// A webhook that answers, beside others that are slow or don't.
pub fn beside_slow_ones() -> Vec<Subscriber> {
    let mut all = vec![Subscriber::of_defaults(Behaviour::Slow); SLOW_ONES];
    all.push(Subscriber::of_defaults(Behaviour::Down));
    all.push(Subscriber::of_all(Behaviour::Well));
    all
}

/// Two webhooks, one of which doesn't answer until the faults end.
pub fn beside_a_failing_one() -> Vec<Subscriber> {
    vec![Subscriber::of(Behaviour::Down), Subscriber::of_all(Behaviour::Well)]
}

/// The address of a webhook.
pub fn url(number: usize) -> String {
    format!("https://receiver-{number}.example/hook")
}
