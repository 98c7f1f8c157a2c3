//! The receivers of webhooks at their worst: how they answer requests, until the faults end. The oracle is told what
//! they receive.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::domain::webhook::sending::{SendOutcome, WebhookAnswer, WebhookRequest};
use pinbridge_shared::ports::WebhookSender;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::fake_webhook_sender::{answered, answered_later};
use pinbridge_shared::testing::gate::{Entry, Exit, Gate};

use crate::events::Events;
use crate::gate::SimGate;
use crate::kernel::Kernel;
use crate::subscribers::{Behaviour, Subscriber, url};

const CALL: &str = "webhook_sender.send";
/// As the sender's.
const TIMEOUT_MS: i64 = 15 * SECOND_MS;
const QUICK_MS: Range<i64> = 5..100;
const SLOW_MS: Range<i64> = 6_000..12_000;
/// The waits that receivers ask for, in seconds.
const BUSY_FOR_S: u32 = 20;
const LIMITED_FOR_S: u32 = 45;
/// How many ways there are to fail, and in how many of them the event is not taken.
const FAILURES: u8 = 10;
const NOT_TAKEN: u8 = 6;

/// What a receiver does with a request.
struct Reaction {
    /// Whether the request reaches it.
    arrives: bool,
    /// Whether it takes the event.
    takes: bool,
    takes_ms: i64,
    outcome: SendOutcome,
}

impl Reaction {
    fn taken(takes_ms: i64) -> Self {
        Self { arrives: true, takes: true, takes_ms, outcome: answered(200) }
    }

    fn refused(takes_ms: i64, outcome: SendOutcome) -> Self {
        Self { arrives: true, takes: false, takes_ms, outcome }
    }

    /// One of the ways to fail. `takes_ms` is how long an answer takes.
    fn failed(way: u8, takes_ms: i64) -> Self {
        let lost = |reason| SendOutcome::Failed { reason };
        match way {
            0 => Self::refused(takes_ms, answered(500)),
            1 => Self::refused(takes_ms, answered_later(503, BUSY_FOR_S)),
            2 => Self::refused(takes_ms, answered_later(429, LIMITED_FOR_S)),
            3 => Self::refused(takes_ms, answered(302)),
            4 => Self::refused(TIMEOUT_MS, lost("timeout")),
            5 => Self { arrives: false, ..Self::refused(takes_ms, lost("connect_failed")) },
            // The receiver has taken these events.
            6 => Self { outcome: lost("timeout"), ..Self::taken(TIMEOUT_MS) },
            7 => Self { outcome: lost("closed"), ..Self::taken(takes_ms) },
            8 => Self { outcome: too_long(), ..Self::taken(takes_ms) },
            _ => Self::refused(takes_ms, controlled(500, "abort-message")),
        }
    }
}

fn too_long() -> SendOutcome {
    SendOutcome::Answered {
        status: 200,
        body: String::new(),
        retry_after: None,
        delivery_control: None,
        is_too_long: true,
    }
}

/// An answer with the header by which a receiver controls what is sent to it.
fn controlled(status: u16, control: &str) -> SendOutcome {
    SendOutcome::Answered {
        status,
        body: String::new(),
        retry_after: None,
        delivery_control: Some(control.to_owned()),
        is_too_long: false,
    }
}

/// The receivers, behind the port that sends to them.
pub struct Receivers {
    kernel: Arc<Kernel>,
    gate: Arc<SimGate>,
    store: Arc<FakeStore>,
    events: Arc<Events>,
    behaviours: BTreeMap<String, Behaviour>,
    /// The faults have ended.
    is_healed: AtomicBool,
}

impl Receivers {
    pub fn new(
        kernel: Arc<Kernel>,
        gate: Arc<SimGate>,
        store: Arc<FakeStore>,
        events: Arc<Events>,
        subscribers: &[Subscriber],
    ) -> Self {
        let of_each = subscribers.iter().enumerate().map(|(number, subscriber)| (url(number), subscriber.behaviour));
        let behaviours = of_each.collect();
        Self { kernel, gate, store, events, behaviours, is_healed: AtomicBool::new(false) }
    }

    /// From now on, each takes every event at once.
    pub fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
    }

    fn behaviour(&self, url: &str) -> Behaviour {
        if self.is_healed.load(Ordering::Relaxed) {
            return Behaviour::Well;
        }
        self.behaviours.get(url).copied().unwrap_or(Behaviour::Well)
    }

    fn reaction(&self, url: &str) -> Reaction {
        let (roll, quick_ms) = self.kernel.draw(|rng| (rng.u8(0..2 * FAILURES), rng.i64(QUICK_MS)));
        match self.behaviour(url) {
            Behaviour::Well => Reaction::taken(quick_ms),
            Behaviour::Slow => Reaction::taken(self.kernel.draw(|rng| rng.i64(SLOW_MS))),
            Behaviour::Flaky if roll < FAILURES => Reaction::failed(roll, quick_ms),
            Behaviour::Flaky => Reaction::taken(quick_ms),
            Behaviour::Down => Reaction::failed(roll % NOT_TAKEN, quick_ms),
            Behaviour::Leaving => match roll {
                0 => Reaction::refused(quick_ms, answered(410)),
                1 => Reaction { outcome: controlled(200, "disable"), ..Reaction::taken(quick_ms) },
                _ => Reaction::taken(quick_ms),
            },
        }
    }
}

#[async_trait]
impl WebhookSender for Receivers {
    async fn send(&self, request: &WebhookRequest) -> WebhookAnswer {
        let began = self.kernel.now();
        let outcome = match self.gate.enter(CALL).await {
            Entry::Refused | Entry::Contended => SendOutcome::Failed { reason: "connect_failed" },
            // Nothing repeats a request by itself.
            Entry::Through | Entry::Twice => {
                let reaction = self.reaction(&request.url);
                if reaction.arrives {
                    self.kernel.note(|| format!("{} takes it: {}; {}", request.url, reaction.takes, request.body));
                    self.events.received(request, reaction.takes, self.kernel.now(), &self.store);
                }
                self.kernel.sleep(reaction.takes_ms).await;
                match self.gate.leave(CALL).await {
                    Exit::Answered => reaction.outcome,
                    Exit::Lost => SendOutcome::Failed { reason: "timeout" },
                }
            }
        };
        WebhookAnswer { outcome, latency_ms: self.kernel.now() - began }
    }
}
