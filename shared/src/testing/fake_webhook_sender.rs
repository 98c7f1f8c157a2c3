//! [`WebhookSender`] that answers as the test has set for each URL, and keeps the requests that it was given.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Entry, Exit, Gate};
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::DeliveryId;
use crate::domain::webhook::sending::{SendOutcome, WebhookAnswer, WebhookRequest};
use crate::ports::{System, WebhookSender};

const CALL: &str = "webhook_sender.send";

/// A request, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: Moment,
    pub request: WebhookRequest,
}

impl Sent {
    /// The value of the header with exactly this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Script {
    /// The answers to the next requests.
    next: VecDeque<SendOutcome>,
    /// The answer to all others; `None` is 200.
    always: Option<SendOutcome>,
    takes_ms: i64,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<String, Script>,
    /// Deliveries that are answered with 400.
    refused: BTreeSet<String>,
    sent: Vec<Sent>,
}

pub struct FakeWebhookSender {
    system: Arc<dyn System>,
    gate: Arc<dyn Gate>,
    state: Mutex<State>,
}

/// An answer of that status.
pub fn answered(status: u16) -> SendOutcome {
    SendOutcome::Answered {
        status,
        body: format!("status {status}"),
        retry_after: None,
        delivery_control: None,
        is_too_long: false,
    }
}

/// The same with a `Retry-After`.
pub fn answered_later(status: u16, seconds: u32) -> SendOutcome {
    SendOutcome::Answered {
        status,
        body: String::new(),
        retry_after: Some(seconds.to_string()),
        delivery_control: None,
        is_too_long: false,
    }
}

impl FakeWebhookSender {
    pub fn new(system: Arc<dyn System>, gate: Arc<dyn Gate>) -> Self {
        Self { system, gate, state: Mutex::default() }
    }

    /// Answers every request to this URL so, from now on.
    pub fn answer(&self, url: &str, outcome: SendOutcome) {
        self.state().scripts.entry(url.to_owned()).or_default().always = Some(outcome);
    }

    /// Answers the next requests to this URL so.
    pub fn answer_next(&self, url: &str, outcomes: impl IntoIterator<Item = SendOutcome>) {
        self.state().scripts.entry(url.to_owned()).or_default().next.extend(outcomes);
    }

    /// Refuses this delivery for ever.
    pub fn refuse(&self, delivery: DeliveryId) {
        self.state().refused.insert(delivery.0.to_string());
    }

    /// Takes so many milliseconds for each answer from this URL.
    pub fn take_ms(&self, url: &str, ms: i64) {
        self.state().scripts.entry(url.to_owned()).or_default().takes_ms = ms;
    }

    /// Every request so far, the oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// The requests to this URL.
    pub fn sent_to(&self, url: &str) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| sent.request.url == url).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the request; returns its answer and how long that takes.
    fn take(&self, request: &WebhookRequest) -> (SendOutcome, i64) {
        let at = self.system.now();
        let mut state = self.state();
        let sent = Sent { at, request: request.clone() };
        let is_refused = sent.header("X-PinBridge-Delivery-ID").is_some_and(|id| state.refused.contains(id));
        state.sent.push(sent);
        if is_refused {
            return (answered(400), 0);
        }
        let Some(script) = state.scripts.get_mut(&request.url) else { return (answered(200), 0) };
        let outcome = script.next.pop_front().or_else(|| script.always.clone()).unwrap_or_else(|| answered(200));
        (outcome, script.takes_ms)
    }
}

#[async_trait]
impl WebhookSender for FakeWebhookSender {
    async fn send(&self, request: &WebhookRequest) -> WebhookAnswer {
        let began = self.system.now();
        let outcome = match self.gate.enter(CALL).await {
            Entry::Refused | Entry::Contended => SendOutcome::Failed { reason: "connect_failed" },
            Entry::Through | Entry::Twice => {
                let (outcome, takes_ms) = self.take(request);
                if takes_ms > 0 {
                    self.system.sleep_ms(takes_ms).await;
                }
                match self.gate.leave(CALL).await {
                    Exit::Answered => outcome,
                    Exit::Lost => SendOutcome::Failed { reason: "timeout" },
                }
            }
        };
        WebhookAnswer { outcome, latency_ms: self.system.now().since_ms(began) }
    }
}
