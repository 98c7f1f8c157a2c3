//! The webhooks of a world. Clients create them, and enable those that are disabled. An operator moves messages back
//! that were delivered too often.

use axum::body::Body;
use http::Request;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment};
use pinbridge_shared::domain::webhook::endpoint::{Endpoint, Secrets};
use pinbridge_shared::ports::QueueName;
use tower::ServiceExt;

use super::clients::API_TIMEOUT_MS;
use super::{START, SimWorld, at_once};
use crate::kernel::{Action, Kind};
use crate::subscribers;

/// After how many minutes a client enables its webhook again. The rescuer finds some of them still disabled.
const ENABLED_AFTER_MINUTES: std::ops::Range<i64> = 1..20;

impl SimWorld {
    /// A client creates this webhook.
    pub(super) fn subscribe(&self, number: usize) {
        let subscriber = &self.plan.subscribers[number];
        let created_at = Moment(START + subscriber.since_ms);
        let endpoint = Endpoint {
            key: self.plan.webhook(number),
            rev: 1,
            nonce: "set-up".into(),
            url: subscribers::url(number),
            events: subscriber.events.clone(),
            disabled: None,
            disablings: Vec::new(),
            previous_secret_until: None,
            created_at,
            updated_at: created_at,
        };
        let secrets = Secrets { current: Secret::new("a secret that signs requests"), previous: None };
        let saved = at_once(self.template.webhooks.save_endpoint(&endpoint, Some(&secrets))).expect("stored");
        assert!(saved.is_done(), "no concurrent write");
        self.oracle.events().subscribed(endpoint);
    }

    /// A client enables this webhook.
    pub(super) fn enable(&mut self, number: usize) {
        self.to_be_enabled.remove(&number);
        let (pid, api) = (self.fork(Kind::Api, API_TIMEOUT_MS), self.api.clone());
        let path = format!("/v1/webhooks/{}", self.plan.webhook(number).endpoint);
        let request = Request::patch(path)
            .header("content-type", "application/json")
            .header("x-api-key", &self.api_key)
            .body(Body::from(serde_json::json!({"is_enabled": true}).to_string()))
            .expect("a request");
        self.kernel.note(|| format!("enable webhook {number}"));
        self.machine.start(pid, async move {
            let _ = api.oneshot(request).await;
        });
    }

    /// What clients and operators do about webhooks each minute.
    pub(super) fn check_webhooks(&mut self) {
        if self.plan.subscribers.is_empty() {
            return;
        }
        self.redrive();
        let all = self.webhooks();
        self.oracle.events().saw(&all);
        let disabled: Vec<Endpoint> = all.into_iter().filter(|row| row.disabled.is_some()).collect();
        for number in 0..self.plan.subscribers.len() {
            let key = self.plan.webhook(number);
            if disabled.iter().any(|row| row.key == key) && self.to_be_enabled.insert(number) {
                let after_ms = self.kernel.draw(|rng| rng.i64(ENABLED_AFTER_MINUTES)) * MINUTE_MS;
                self.kernel.schedule(self.kernel.now() + after_ms, Action::Enable(number));
            }
        }
    }

    /// Checks the events of a world that has ended.
    pub(super) fn close_webhooks(&self) {
        if self.plan.subscribers.is_empty() {
            return;
        }
        self.redrive();
        self.oracle.events().close(&self.store, &self.queue, &self.webhooks(), self.kernel.now());
    }

    fn webhooks(&self) -> Vec<Endpoint> {
        at_once(self.template.webhooks.endpoints(self.plan.workspace())).expect("read")
    }

    fn redrive(&self) {
        let now = Moment(self.kernel.now());
        for dead in self.queue.deliver_due(QueueName::NotifyDeadLetters, now, usize::MAX) {
            self.queue.insert(QueueName::Notify, dead.body, now);
            self.queue.delete(&dead.receipt);
        }
    }
}
