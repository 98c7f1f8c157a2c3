//! Takes an endpoint's turn: sends its waiting deliveries that are due, the oldest event first, one after another.
//!
//! An endpoint that keeps failing gets one request. If that succeeds, the rest follows. A slow request ends the turn,
//! and the next one comes after a pause: other endpoints need the notifier. At the end
//! the next turn is planned for the next delivery that is due, or none if nothing waits.

use std::ops::ControlFlow;

use super::deliver_one::{EVENT_GONE, Tried, deliver_one, payload_of};
use super::keep_pace::keep_pace;
use super::plan_turn::{FailedTry, change_health, plan_for_waiting, send_turn};
use super::settle::{is_to_be_disabled, paused_until, settle};
use crate::context::Context;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::{Delivery, DeliveryKey, LastTry, State};
use crate::domain::webhook::endpoint::{Endpoint, EndpointKey};
use crate::domain::webhook::health::Health;
use crate::domain::webhook::verdict::Verdict;
use crate::ports::{Listed, PortResult};
use crate::telemetry::{self, Metric};

/// Waiting deliveries that are read at once.
const PAGE: usize = 50;

/// Takes the turn that is planned for that time, until `ends_at_ms` of the monotonic clock. A turn that is planned for
/// another time by now is void; one that is still to come is sent again.
///
/// # Errors
/// When a port is unavailable; the message is delivered again.
pub async fn take_turn(context: &Context, key: EndpointKey, planned_for: Moment, ends_at_ms: i64) -> PortResult<()> {
    let health = context.webhooks.endpoint_health(key).await?;
    if health.turn_at != Some(planned_for) {
        return Ok(());
    }
    if planned_for > context.system.now() {
        return send_turn(context, key, planned_for).await;
    }
    // The deliveries of a deleted endpoint are forgotten.
    let Some(endpoint) = context.subscriber(key).await? else { return Ok(()) };
    let endpoint = &endpoint;
    let mut turn = Turn {
        context,
        endpoint,
        planned_for,
        health,
        ends_at_ms,
        next_at: None,
        last: None,
        has_answered: false,
        paused_until: None,
        failed: None,
    };
    if endpoint.disabled.is_some() {
        return turn.plan(None).await.map(|_| ());
    }
    match turn.send_due().await? {
        End::Disabled => Ok(()),
        end => turn.plan_next(end).await,
    }
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Every waiting delivery was seen.
    Whole,
    /// More deliveries wait: the endpoint failed, or the time was over.
    Stopped,
    /// The endpoint is disabled or gone.
    Disabled,
}

struct Turn<'a> {
    context: &'a Context,
    endpoint: &'a Endpoint,
    planned_for: Moment,
    health: Health,
    ends_at_ms: i64,
    /// When the first of the deliveries that were seen is due.
    next_at: Option<Moment>,
    /// The last delivery that was seen.
    last: Option<DeliveryKey>,
    /// The last request of the turn succeeded. The write that plans the next turn forgets the endpoint's failures.
    has_answered: bool,
    /// It was slow: nothing is sent before.
    paused_until: Option<Moment>,
    /// The last request of the turn failed. The same write records that.
    failed: Option<FailedTry>,
}

impl Turn<'_> {
    async fn send_due(&mut self) -> PortResult<End> {
        loop {
            let read = self.context.webhooks.deliveries(self.endpoint.key, Listed::Waiting, self.last, PAGE);
            let page = read.await?;
            let is_last = page.len() < PAGE;
            let mut left = page.len();
            for delivery in page {
                self.last = Some(delivery.key);
                left -= 1;
                if let ControlFlow::Break(end) = self.visit(delivery, is_last && left == 0).await? {
                    return Ok(end);
                }
            }
            if is_last {
                return Ok(End::Whole);
            }
        }
    }

    /// Sends the delivery if it is due. `is_last`: no other one follows in this turn.
    async fn visit(&mut self, delivery: Delivery, is_last: bool) -> PortResult<ControlFlow<End>> {
        let now = self.context.system.now();
        if let Some(at) = delivery.due_at(self.endpoint.updated_at).filter(|at| *at > now) {
            self.wait_until(at);
            return Ok(ControlFlow::Continue(()));
        }
        if self.health.is_held(now) || !keep_pace(self.context, self.endpoint.key, self.ends_at_ms).await {
            self.wait_until(now);
            return Ok(ControlFlow::Break(End::Stopped));
        }
        let Some(payload) = payload_of(self.context, &delivery).await? else {
            return self.give_up(delivery, now).await.map(ControlFlow::Continue);
        };
        let Some(tried) = deliver_one(self.context, self.endpoint, &delivery, &payload, None).await? else {
            return Ok(ControlFlow::Break(End::Disabled));
        };
        let paused_until = paused_until(self.context, &tried.delivery);
        if (is_last || paused_until.is_some()) && matches!(tried.verdict, Verdict::Delivered | Verdict::Abort) {
            self.context.webhooks.put_delivery(&tried.delivery).await?;
            self.health = self.health.clone().without_failures().paused(paused_until);
            (self.has_answered, self.paused_until) = (true, paused_until);
            if is_last {
                return Ok(ControlFlow::Continue(()));
            }
            // Others may wait: they are sent after the pause.
            self.wait_until(now);
            return Ok(ControlFlow::Break(End::Stopped));
        }
        if let Some(failed) = self.last_failure(&tried, is_last, paused_until) {
            self.context.webhooks.put_delivery(&tried.delivery).await?;
            self.failed = Some(failed);
            if let Some(at) = failed.next_at {
                self.wait_until(at);
            }
            if is_last {
                return Ok(ControlFlow::Continue(()));
            }
            // Others wait: the next one is tried when the endpoint is not held any more.
            self.wait_until(now);
            return Ok(ControlFlow::Break(End::Stopped));
        }
        let settled = settle(self.context, self.endpoint, &tried, self.health.clone()).await?;
        self.health = settled.health;
        if settled.is_disabled {
            return Ok(ControlFlow::Break(End::Disabled));
        }
        if let State::Waiting { next_at: Some(at) } = tried.delivery.state {
            self.wait_until(at);
        }
        if matches!(tried.verdict, Verdict::Retry { .. }) && self.health.probes() {
            // Others may wait: the next one is tried when the endpoint is not held any more.
            self.wait_until(now);
            return Ok(ControlFlow::Break(End::Stopped));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The failure of this try, if no request of the turn follows it, and if it doesn't disable the endpoint. Recorded
    /// together with the next turn, it costs no write of its own.
    fn last_failure(&self, tried: &Tried, is_last: bool, paused_until: Option<Moment>) -> Option<FailedTry> {
        let Verdict::Retry { retry_after_ms, .. } = tried.verdict else { return None };
        let failed = FailedTry::of(&tried.delivery, retry_after_ms, paused_until);
        let health = failed.after(&self.health, String::new());
        let ends_turn = is_last || paused_until.is_some() || health.probes();
        (ends_turn && !is_to_be_disabled(self.endpoint, &health, failed.at)).then_some(failed)
    }

    /// Ends a delivery whose event can't be read any more.
    async fn give_up(&self, delivery: Delivery, now: Moment) -> PortResult<()> {
        telemetry::count(Metric::EventUndeliverable, 1, Some(EVENT_GONE), now);
        let key = delivery.key;
        tracing::warn!(
            workspace_id = %key.endpoint.workspace, endpoint_id = %key.endpoint.endpoint, delivery_id = %key.id.0,
            event = delivery.event.name(), reason = EVENT_GONE, "event not deliverable"
        );
        let last = LastTry { at: now, error: Some(EVENT_GONE.to_owned()), ..LastTry::default() };
        let ended = Delivery { state: State::Failed, last: Some(last), updated_at: now, ..delivery };
        self.context.webhooks.put_delivery(&ended).await
    }

    fn wait_until(&mut self, at: Moment) {
        self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
    }

    /// Plans the next turn, then looks for deliveries that were written since they were read: their writers have seen
    /// this turn, and rely on it.
    async fn plan_next(&self, end: End) -> PortResult<()> {
        let held_until = match self.failed {
            Some(failed) => failed.after(&self.health, String::new()).held_until,
            None => self.health.held_until,
        };
        let next_at = match (self.next_at, held_until) {
            (Some(at), Some(until)) => Some(at.max(until)),
            (at, _) => at,
        };
        let is_planned = self.plan(next_at).await?;
        if end == End::Stopped {
            return Ok(());
        }
        let after = self.last.filter(|_| is_planned);
        let written = self.context.webhooks.deliveries(self.endpoint.key, Listed::Waiting, after, 1).await?;
        if written.is_empty() { Ok(()) } else { plan_for_waiting(self.context, self.endpoint.key).await }
    }

    /// Ends this turn, and sends the message of the next one at that time, or of one that another worker has planned.
    /// Returns whether there is a next one.
    async fn plan(&self, next_at: Option<Moment>) -> PortResult<bool> {
        let planned_for = self.planned_for;
        // Another time than this turn's, which would run it again.
        let next_at = next_at.map(|at| at.max(planned_for.plus_ms(1)));
        let change = |health: &Health| {
            let turn_at = match health.turn_at.filter(|planned| *planned != planned_for) {
                Some(other) => Some(next_at.map_or(other, |at| at.min(other))),
                None => next_at,
            };
            let nonce = self.context.nonce();
            Some(match self.failed {
                Some(failed) => Health { turn_at, ..failed.after(health, nonce) },
                None if self.has_answered => {
                    health.planned(turn_at, nonce).without_failures().paused(self.paused_until)
                }
                None => health.planned(turn_at, nonce),
            })
        };
        let health = change_health(self.context, self.endpoint.key, Some(self.health.clone()), change).await?;
        if let Some(at) = health.turn_at {
            send_turn(self.context, self.endpoint.key, at).await?;
        }
        Ok(health.turn_at.is_some())
    }
}
