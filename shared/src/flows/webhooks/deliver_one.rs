//! Makes one request: signs an event's payload for an endpoint, sends it, and says how the delivery stands after it. A
//! destination of the stack gets the event in place of the request.

use sha2::{Digest, Sha256};

use super::end_task::end_task;
use super::put_event::put_event;
use crate::context::{Context, Place};
use crate::domain::event::{payload, pin_events};
use crate::domain::ids::PinKey;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::time::{Moment, SECOND_MS};
use crate::domain::webhook::delivery::{Delivery, LastTry, MARK_OF_FIRST, Source, State};
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::Endpoint;
use crate::domain::webhook::schedule;
use crate::domain::webhook::sending::{SendOutcome, WebhookAnswer, WebhookRequest};
use crate::domain::webhook::signature::{self, Signing};
use crate::domain::webhook::verdict::{self, Verdict};
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// The longest that a request takes, in milliseconds, with what must be written after it.
pub const SEND_NEEDS_MS: i64 = 20_000;
/// A request that takes longer than this, in milliseconds, doesn't keep the endpoint's other new events waiting.
const LANE_HELD_MAX_MS: i64 = SECOND_MS;
/// The error of a try that was not made because the endpoint's secrets couldn't be read or opened.
pub const SECRETS_UNREADABLE: &str = "secrets_unreadable";
/// The error of a delivery whose receiver asked not to be sent it again.
pub const ABORTED: &str = "aborted_by_receiver";
/// The error of a delivery whose receiver asked to be sent nothing.
pub const DISABLED: &str = "disabled_by_receiver";
/// The error of a delivery whose pin is gone, or whose event its row doesn't keep and the pin's rows don't show.
pub const EVENT_GONE: &str = "event_gone";

/// A delivery after a try.
pub struct Tried {
    pub delivery: Delivery,
    /// What the answer means for the endpoint.
    pub verdict: Verdict,
}

/// What came of one request.
struct Sent {
    verdict: Verdict,
    last: LastTry,
}

/// Sends the delivery once. Returns `None` when its endpoint is gone. A new event has a `place` in the endpoint's lane.
///
/// # Errors
/// When a task's token can't be read. Nothing was sent, or a task has ended and its token could not be deleted.
pub async fn deliver_one(
    context: &Context,
    endpoint: &Endpoint,
    delivery: &Delivery,
    payload: &str,
    place: Option<&mut Place<'_>>,
) -> PortResult<Option<Tried>> {
    let destination = Destination::of(endpoint.key.endpoint);
    let sent = match destination {
        Some(destination) => put(context, destination, delivery, payload).await?,
        None => post(context, endpoint, delivery, payload, place).await,
    };
    let Some(Sent { verdict, mut last }) = sent else { return Ok(None) };
    let now = context.system.now();
    let tries = delivery.tries.saturating_add(1);
    // A destination's events are put until it takes them, or until their rows expire.
    let counted = if destination.is_some() { tries.min(schedule::TRIES_MAX - 1) } else { tries };
    let state = state_after(context, &verdict, counted, now);
    if let Some(answer) = &mut last.answer {
        let mark = if delivery.delivered_before.is_some() { MARK_OF_FIRST } else { 0 };
        answer.truncate(answer.floor_char_boundary(state.answer_kept() - mark));
    }
    let body_sha256 = sha256(payload);
    let next = Delivery {
        state,
        tries,
        last: Some(last),
        is_changed: delivery.is_changed_by(&body_sha256),
        body_sha256: Some(body_sha256),
        updated_at: now,
        ..delivery.clone()
    };
    report(&next, now);
    Ok(Some(Tried { delivery: next, verdict }))
}

/// Makes the request to a webhook; `None`: its secrets are gone with it. Secrets that can't be opened are a failed try:
/// so the delivery has a row that says why it waits.
async fn post(
    context: &Context,
    endpoint: &Endpoint,
    delivery: &Delivery,
    payload: &str,
    place: Option<&mut Place<'_>>,
) -> Option<Sent> {
    let secrets = match context.webhooks.endpoint_secrets(endpoint.key).await {
        Ok(secrets) => secrets?,
        Err(error) => {
            tracing::error!(
                workspace_id = %endpoint.key.workspace, endpoint_id = %endpoint.key.endpoint, %error,
                "secrets of a webhook unreadable"
            );
            let verdict = Verdict::Retry { error: SECRETS_UNREADABLE, retry_after_ms: None };
            let at = context.system.now();
            let last = LastTry { at, error: Some(SECRETS_UNREADABLE.to_owned()), ..LastTry::default() };
            return Some(Sent { verdict, last });
        }
    };
    let sent_at = context.system.now();
    let signing = Signing {
        delivery: delivery.key.id,
        event: delivery.event,
        sent_at,
        body: payload,
        secrets: &secrets,
        now: sent_at,
    };
    let request =
        WebhookRequest { url: endpoint.url.clone(), headers: signature::headers(&signing), body: payload.to_owned() };
    let sending = context.webhook_sender.send(&request);
    let WebhookAnswer { outcome, latency_ms } = match place {
        Some(place) => place.request(sending, context.system.sleep_ms(LANE_HELD_MAX_MS)).await,
        None => sending.await,
    };
    let verdict = verdict::of(&outcome, context.system.now());
    let last = last_try(sent_at, outcome, error_of(&verdict), latency_ms);
    Some(Sent { verdict, last })
}

/// Puts the event to a destination; `None`: the destination isn't configured any more.
async fn put(
    context: &Context,
    destination: Destination,
    delivery: &Delivery,
    payload: &str,
) -> PortResult<Option<Sent>> {
    let (at, began) = (context.system.now(), context.begin());
    let came = match destination {
        Destination::TaskTokens => end_task(context, delivery, payload).await?,
        Destination::EventBus | Destination::EventQueue => {
            put_event(context, destination, delivery, payload).await.map(|verdict| (verdict, None))
        }
    };
    let Some((verdict, own_error)) = came else { return Ok(None) };
    let error = own_error.or(error_of(&verdict)).map(str::to_owned);
    let last = LastTry { at, error, latency_ms: context.took_ms(began), ..LastTry::default() };
    Ok(Some(Sent { verdict, last }))
}

/// The payload of a delivery's event. Of a pin's event it is what the delivery's row keeps of it; `None` when the pin
/// is gone, or when the row keeps nothing and the pin's rows don't show the event any more.
///
/// # Errors
/// When the table is unavailable.
pub async fn payload_of(context: &Context, delivery: &Delivery) -> PortResult<Option<String>> {
    let pin = match &delivery.source {
        Source::Stored { payload } => return Ok(Some(payload.clone())),
        Source::Pin { pin, .. } => PinKey { workspace: delivery.key.endpoint.workspace, pin: *pin },
    };
    let read = context.store.pins(&[pin]).await?;
    Ok(read.into_iter().flatten().next().and_then(|(pin, attempt)| payload_with(delivery, &pin, &attempt)))
}

/// The same, with the rows of the delivery's pin.
pub(super) fn payload_with(delivery: &Delivery, pin: &Pin, attempt: &Attempt) -> Option<String> {
    match &delivery.source {
        Source::Stored { payload } => Some(payload.clone()),
        Source::Pin { sequence, told: Some(told), .. } => {
            Some(payload::of_told(pin, delivery.event, *sequence, delivery.key.event_at, told))
        }
        Source::Pin { sequence, told: None, .. } => {
            let events = pin_events::of(pin, attempt);
            let event = events.iter().find(|event| event.sequence == *sequence)?;
            Some(payload::of_pin(pin, attempt, event))
        }
    }
}

fn state_after(context: &Context, verdict: &Verdict, tries: u32, now: Moment) -> State {
    match verdict {
        Verdict::Delivered => State::Delivered,
        Verdict::Abort => State::Failed,
        // It waits until its endpoint is enabled.
        Verdict::Disable => State::Waiting { next_at: None },
        Verdict::Retry { retry_after_ms, .. } => {
            match schedule::next_try(now, tries, *retry_after_ms, context.system.jitter()) {
                Some(at) => State::Waiting { next_at: Some(at) },
                None => State::Failed,
            }
        }
    }
}

fn error_of(verdict: &Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Delivered => None,
        Verdict::Retry { error, .. } => Some(*error),
        Verdict::Abort => Some(ABORTED),
        Verdict::Disable => Some(DISABLED),
    }
}

/// The answer is kept when the try failed.
fn last_try(at: Moment, outcome: SendOutcome, error: Option<&'static str>, latency_ms: i64) -> LastTry {
    let (status, answer) = match outcome {
        SendOutcome::Answered { status, body, .. } => (Some(status), error.is_some().then_some(body)),
        SendOutcome::Refused { .. } | SendOutcome::Failed { .. } => (None, None),
    };
    LastTry { at, status, error: error.map(str::to_owned), answer, latency_ms }
}

fn sha256(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts the try, and logs it without the URL, the secret and the bodies.
fn report(delivery: &Delivery, now: Moment) {
    let (key, last) = (delivery.key, delivery.last.clone().unwrap_or_default());
    match (delivery.state, last.error.as_deref()) {
        (State::Delivered, _) => telemetry::count(Metric::EventDelivered, 1, None, now),
        (state, error) => {
            telemetry::count(Metric::EventFailed, 1, error, now);
            if state == State::Failed {
                telemetry::count(Metric::EventExhausted, 1, error, now);
            }
        }
    }
    tracing::info!(
        workspace_id = %key.endpoint.workspace, endpoint_id = %key.endpoint.endpoint, delivery_id = %key.id.0,
        event = delivery.event.name(), state = delivery.state.name(), tries = delivery.tries, status = last.status,
        error_code = last.error, latency_ms = last.latency_ms, "event sent"
    );
}
