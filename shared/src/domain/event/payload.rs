//! The bodies that subscribers receive: one line of JSON. All events of pins have the same fields, in the same order.
//!
//! What an event says of its pin comes from the history's entry that records it, and not from the pin's present state.
//! A delivery keeps that entry, and the account and the board of that time ([`Told`]): a repeat of an old event says
//! what it said before. Only an event that is delivered for the first time long after it happened has the account and
//! the board of now. A body names ids and no content, so it stays far below 20 KB.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disabled::Disabled;
use super::pin_events::PinEvent;
use super::told::Told;
use super::{EventId, EventType, PAYLOAD_VERSION};
use crate::domain::ids::{AccountId, EndpointId, PinId, WorkspaceId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::{Event, EventKind};
use crate::domain::pin::{Pin, WaitReason};
use crate::domain::time::Moment;

/// Where a Pin is on Pinterest, without its id.
const PIN_URL: &str = "https://www.pinterest.com/pin/";

/// What became of an attempt with an unknown outcome.
pub const FOUND: &str = "found";
pub const NOT_THERE: &str = "not_there";
pub const NEEDS_A_PERSON: &str = "needs_a_person";

/// The fields that every body begins with. `event` and `type`, and both times, are the same: PinBridge's receivers read
/// the first, those of Standard Webhooks the second.
#[derive(Serialize)]
pub(super) struct Envelope {
    id: String,
    event: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    version: u32,
    occurred_at: String,
    timestamp: String,
    workspace_id: WorkspaceId,
}

impl Envelope {
    pub(super) fn new(id: EventId, event: EventType, at: Moment, workspace: WorkspaceId) -> Self {
        Self {
            id: id.to_string(),
            event: event.name(),
            kind: event.name(),
            version: PAYLOAD_VERSION,
            occurred_at: at.rfc3339(),
            timestamp: at.rfc3339(),
            workspace_id: workspace,
        }
    }
}

#[derive(Serialize)]
struct PinBody<'a> {
    #[serde(flatten)]
    envelope: Envelope,
    sequence: u32,
    pin_id: PinId,
    job_id: PinId,
    account_id: AccountId,
    board_id: &'a str,
    status: &'static str,
    idempotency_key: &'a str,
    pinterest_pin_id: Option<&'a str>,
    pinterest_url: Option<String>,
    error_code: Option<&'a str>,
    error_message: Option<&'static str>,
    error_remediation: Option<&'static str>,
    attempt: u32,
    is_final: bool,
    next_at: Option<String>,
    reason: Option<&'a str>,
    resolution: Option<&'static str>,
}

/// What is known of the pin at an event.
struct Then<'a> {
    status: Status,
    /// Why it failed or waits.
    code: Option<&'a str>,
    attempt: u32,
    next_at: Option<Moment>,
}

impl<'a> Then<'a> {
    fn at_acceptance(pin: &Pin) -> Self {
        let Attempt { status, wait, attempt, not_before, .. } = Attempt::untouched(pin);
        Self { status, code: wait.map(WaitReason::code), attempt, next_at: not_before }
    }

    fn at_entry(entry: &'a Event) -> Self {
        use EventKind as K;
        let note = entry.note.as_deref();
        let (status, code) = match entry.kind {
            K::Deferred => (Status::Deferred, note),
            K::RetryPlanned => (Status::Queued, note),
            K::AnswerUnknown => (Status::Publishing, Some(Failure::OutcomeUnknown.code())),
            K::Published | K::Adopted | K::ResolvedByPerson => (Status::Published, None),
            K::Failed => (Status::Failed, note),
            K::NoneByPerson => (Status::Failed, Some(Failure::ConfirmedAbsent.code())),
            K::Deleted => (Status::Failed, Some(Failure::PinDeleted.code())),
            // The Pin isn't on Pinterest. (The other kinds record no event.)
            _ => (Status::Queued, None),
        };
        // Of a Pin that exists, that is when it was created.
        let next_at = entry.next_at.filter(|_| status != Status::Published);
        Self { status, code, attempt: entry.attempt, next_at }
    }

    /// Message and remedy of the code. A pin that waits can't be retried.
    fn texts(&self) -> Option<(&'static str, &'static str)> {
        let (message, remedy) = texts(self.code?)?;
        let waits_for = self.code.and_then(Failure::parse).filter(|_| !self.status.is_terminal());
        Some((message, waits_for.map_or(remedy, Failure::remedy_of_waiting)))
    }

    /// Why it waits.
    fn reason(&self) -> Option<&'a str> {
        self.code.filter(|_| matches!(self.status, Status::Queued | Status::Deferred))
    }
}

/// The body of an event that the pin's rows show.
pub fn of_pin(pin: &Pin, attempt: &Attempt, event: &PinEvent) -> String {
    of_told(pin, event.event, event.sequence, event.at, &Told::of(pin, attempt, event))
}

/// The body of the pin's event with that number and time. Of the pin itself, only what never changes is read.
pub fn of_told(pin: &Pin, event: EventType, sequence: u32, at: Moment, told: &Told) -> String {
    let then = told.entry.as_ref().map_or_else(|| Then::at_acceptance(pin), Then::at_entry);
    let pinterest_pin_id = told.pinterest_pin_id.as_deref().filter(|_| then.status == Status::Published);
    let (error_message, error_remediation) = then.texts().unzip();
    json(&PinBody {
        envelope: Envelope::new(EventId::of_pin(pin.key, sequence), event, at, pin.key.workspace),
        sequence,
        pin_id: pin.key.pin,
        job_id: pin.key.pin,
        account_id: told.account,
        board_id: &told.board_id,
        status: then.status.name(),
        idempotency_key: &pin.request.idempotency_key,
        pinterest_pin_id,
        pinterest_url: pinterest_pin_id.map(|id| format!("{PIN_URL}{id}/")),
        error_code: then.code,
        error_message,
        error_remediation,
        attempt: then.attempt,
        is_final: then.status.is_terminal(),
        next_at: then.next_at.map(Moment::rfc3339),
        reason: then.reason(),
        resolution: told.entry.as_ref().filter(|_| event == EventType::PinOutcomeResolved).map(resolution),
    })
}

/// Message and remedy of a code; `None` for one that only another build knows.
pub(super) fn texts(code: &str) -> Option<(&'static str, &'static str)> {
    let of_failure = Failure::parse(code).map(|failure| (failure.message(), failure.remedy()));
    of_failure.or_else(|| WaitReason::parse(code).map(|reason| (reason.message(), reason.remedy())))
}

fn resolution(entry: &Event) -> &'static str {
    match entry.kind {
        EventKind::Adopted | EventKind::ResolvedByPerson => FOUND,
        EventKind::NotOnPinterest | EventKind::NoneByPerson => NOT_THERE,
        // The last allowed attempt, and the board doesn't show its Pin.
        EventKind::Failed if entry.note.as_deref() == Some(Failure::AttemptsExhausted.code()) => NOT_THERE,
        _ => NEEDS_A_PERSON,
    }
}

#[derive(Serialize)]
struct EndpointBody {
    #[serde(flatten)]
    envelope: Envelope,
    webhook_id: EndpointId,
}

#[derive(Serialize)]
struct DisabledBody<'a> {
    #[serde(flatten)]
    endpoint: EndpointBody,
    /// `failures` or `receiver`.
    reason: &'static str,
    failures: u32,
    failing_since: Option<String>,
    last_status: Option<u16>,
    last_error: Option<&'a str>,
}

/// The id of the test that was requested of the endpoint at that time.
pub fn test_id(workspace: WorkspaceId, endpoint: EndpointId, now: Moment) -> EventId {
    EventId::derived(workspace, &["test", &endpoint.to_string(), &now.0.to_string()])
}

/// The body of that test.
pub fn of_test(workspace: WorkspaceId, endpoint: EndpointId, now: Moment) -> String {
    let envelope = Envelope::new(test_id(workspace, endpoint, now), EventType::WebhookTest, now, workspace);
    json(&EndpointBody { envelope, webhook_id: endpoint })
}

/// The body of the event that an endpoint was disabled.
pub fn of_disabled(workspace: WorkspaceId, event: &Disabled) -> String {
    let envelope = Envelope::new(event.id(workspace), EventType::WebhookDisabled, event.at, workspace);
    json(&DisabledBody {
        endpoint: EndpointBody { envelope, webhook_id: event.endpoint },
        reason: event.by.name(),
        failures: event.failures,
        failing_since: event.failing_since.map(Moment::rfc3339),
        last_status: event.status,
        last_error: event.error.as_deref(),
    })
}

/// Whether the event with this body is about the endpoint that was disabled: it does not hear of its own end.
pub fn is_own_end(event: EventType, body: &str, endpoint: EndpointId) -> bool {
    #[derive(Deserialize)]
    struct About {
        webhook_id: EndpointId,
    }
    event == EventType::WebhookDisabled
        && serde_json::from_str::<About>(body).is_ok_and(|about| about.webhook_id == endpoint)
}

/// The id of the event that this is the body of; `None`: it is no body of an event.
pub fn id_of(body: &str) -> Option<EventId> {
    #[derive(Deserialize)]
    struct Head {
        id: Uuid,
    }
    serde_json::from_str::<Head>(body).ok().map(|head| EventId(head.id))
}

/// One line. Plain data: it can't fail.
pub(super) fn json<T: Serialize>(body: &T) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::event::pin_events;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::{IDEMPOTENCY_KEY_MAX, Placement};
    use crate::domain::testdata;
    use crate::domain::webhook::delivery::LastTry;
    use crate::domain::webhook::endpoint::{DisabledBy, Endpoint, EndpointKey};
    use crate::domain::webhook::health::Health;

    /// The largest body that Standard Webhooks recommends, in bytes.
    const BODY_MAX: usize = 20_000;
    const PINTEREST_PIN: &str = "1234567890123456789";

    fn later(ms: i64) -> Moment {
        testdata::CREATED_AT.plus_ms(ms)
    }

    fn bodies(pin: &Pin, attempt: &Attempt) -> Vec<Value> {
        let events = pin_events::of(pin, attempt);
        events.iter().map(|event| serde_json::from_str(&of_pin(pin, attempt, event)).expect("JSON")).collect()
    }

    /// The values of these fields.
    fn fields<const N: usize>(body: &Value, names: [&str; N]) -> Value {
        names.iter().map(|name| body.get(*name).expect("every body has every field").clone()).collect()
    }

    const OUTCOME: [&str; 6] = ["event", "status", "error_code", "reason", "resolution", "is_final"];

    fn begun(pin: &Pin) -> Attempt {
        Attempt::untouched(pin).begin(later(1), "b".into()).expect("begins")
    }

    #[test]
    fn a_body_is_one_line_with_its_fields_in_order() {
        let pin = testdata::pin();
        let attempt = begun(&pin)
            .published(later(2), PINTEREST_PIN.into(), &Upstream::default(), &pin, "p".into())
            .expect("legal");
        let events = pin_events::of(&pin, &attempt);
        let id = EventId::of_pin(pin.key, 2);
        let (workspace, own, account) = (pin.key.workspace, pin.key.pin, pin.request.account);
        let expected = format!(
            "{{\"id\":\"{id}\",\"event\":\"pin.published\",\"type\":\"pin.published\",\"version\":1,\
             \"occurred_at\":\"1970-01-01T00:16:40.002Z\",\"timestamp\":\"1970-01-01T00:16:40.002Z\",\
             \"workspace_id\":\"{workspace}\",\"sequence\":2,\"pin_id\":\"{own}\",\"job_id\":\"{own}\",\
             \"account_id\":\"{account}\",\"board_id\":\"1000000000000000001\",\"status\":\"published\",\
             \"idempotency_key\":\"key-1\",\"pinterest_pin_id\":\"{PINTEREST_PIN}\",\
             \"pinterest_url\":\"https://www.pinterest.com/pin/{PINTEREST_PIN}/\",\"error_code\":null,\
             \"error_message\":null,\"error_remediation\":null,\"attempt\":1,\"is_final\":true,\"next_at\":null,\
             \"reason\":null,\"resolution\":null}}"
        );
        assert_eq!(of_pin(&pin, &attempt, &events[1]), expected);
        assert_eq!((id_of(&expected), id_of("{}"), id_of("")), (Some(id), None, None));
    }

    #[test]
    fn an_acceptance_says_where_the_pin_was_put() {
        let put = |placement| {
            let pin = testdata::pin_of(testdata::request("key-2"), testdata::CREATED_AT, placement);
            let body = bodies(&pin, &begun(&pin)).remove(0);
            fields(&body, ["event", "status", "error_code", "reason", "next_at", "attempt", "is_final"])
        };
        let at = later(60_000);
        let is_at = at.rfc3339();
        assert_eq!(put(Placement::Now), json!(["pin.accepted", "queued", null, null, null, 0, false]));
        let slot = json!(["pin.accepted", "deferred", "account_pacing", "account_pacing", is_at, 0, false]);
        assert_eq!(put(Placement::Slot(at)), slot);
        let held = json!(["pin.accepted", "deferred", "account_on_hold", "account_on_hold", null, 0, false]);
        assert_eq!(put(Placement::Backlog(WaitReason::AccountOnHold)), held);
        let due = json!(["pin.accepted", "deferred", "scheduled", "scheduled", is_at, 0, false]);
        assert_eq!(put(Placement::Due(at)), due);
    }

    #[test]
    fn each_event_says_what_was_known_then() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let attempt = begun(&pin)
            .retry_at(later(2), later(3), Failure::PinterestBusy, &nothing, "c".into())
            .and_then(|a| a.begin(later(3), "d".into()))
            .and_then(|a| {
                let cause = Some((Failure::RateLimited, &nothing));
                a.deferred(later(4), Some(later(9)), WaitReason::AccountPaused, cause, "e".into())
            })
            .and_then(|a| a.begin(later(9), "f".into()))
            .and_then(|a| a.unresolved_outcome(later(10), later(99), &nothing, "g".into()))
            .and_then(|a| a.adopted(later(100), PINTEREST_PIN.into(), &nothing, &pin, "h".into()))
            .expect("legal");
        let all = bodies(&pin, &attempt);
        let said: Vec<Value> = all.iter().map(|body| fields(body, OUTCOME)).collect();
        let busy = "pinterest_busy";
        let limited = "pinterest_rate_limited";
        let expected = [
            json!(["pin.accepted", "queued", null, null, null, false]),
            json!(["pin.retrying", "queued", busy, busy, null, false]),
            json!(["pin.deferred", "deferred", limited, limited, null, false]),
            json!(["pin.outcome_unknown", "publishing", "outcome_unknown", null, null, false]),
            json!(["pin.outcome_resolved", "published", null, null, "found", true]),
            json!(["pin.published", "published", null, null, null, true]),
        ];
        assert_eq!(said, expected);
        assert_eq!(fields(&all[5], ["sequence", "attempt", "pinterest_pin_id"]), json!([6, 3, PINTEREST_PIN]));
    }

    #[test]
    fn an_outcome_is_resolved_in_three_ways_and_then_by_a_person() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let unknown = begun(&pin).unresolved_outcome(later(2), later(9), &nothing, "u".into()).expect("legal");
        let last = |attempt: Attempt| fields(&bodies(&pin, &attempt)[2], OUTCOME);
        let absent = unknown.absent(later(9), "a".into()).expect("legal");
        assert_eq!(last(absent), json!(["pin.outcome_resolved", "queued", null, null, "not_there", false]));
        let adopted = unknown.adopted(later(9), "9".into(), &nothing, &pin, "a".into()).expect("legal");
        assert_eq!(last(adopted), json!(["pin.outcome_resolved", "published", null, null, "found", true]));
        let open = unknown.failed(later(9), Failure::OutcomeAmbiguous, &nothing, &pin, "a".into()).expect("legal");
        let code = "outcome_ambiguous";
        assert_eq!(last(open.clone()), json!(["pin.outcome_resolved", "failed", code, null, "needs_a_person", true]));

        let gone = unknown.failed(later(9), Failure::BoardNotFound, &nothing, &pin, "g".into()).expect("legal");
        let needs_one = json!(["pin.outcome_resolved", "failed", "board_not_found", null, "needs_a_person", true]);
        assert_eq!(last(gone), needs_one);
        let exhausted = unknown.failed(later(9), Failure::AttemptsExhausted, &nothing, &pin, "x".into());
        let absent = json!(["pin.outcome_resolved", "failed", "attempts_exhausted", null, "not_there", true]);
        assert_eq!(last(exhausted.expect("legal")), absent);

        let later_on = |attempt: &Attempt| -> Vec<Value> {
            bodies(&pin, attempt)[4..].iter().map(|body| fields(body, OUTCOME)).collect()
        };
        let none = open.none_by_person(later(20), 120_000, "n".into()).expect("legal");
        let absent = json!(["pin.outcome_resolved", "failed", "confirmed_absent", null, "not_there", true]);
        assert_eq!(later_on(&none), [absent]);
        let created = Some(later(3));
        let found = open.resolved_by_person(later(20), PINTEREST_PIN.into(), created, &pin, 120_000, "r".into());
        let found = found.expect("legal");
        let resolved = json!(["pin.outcome_resolved", "published", null, null, "found", true]);
        assert_eq!(later_on(&found), [resolved, json!(["pin.published", "published", null, null, null, true])]);
        let named = fields(&bodies(&pin, &found)[5], ["pinterest_pin_id", "next_at", "sequence"]);
        assert_eq!(named, json!([PINTEREST_PIN, null, 6]));
    }

    #[test]
    fn a_repeat_of_an_old_event_says_what_it_said() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let failed = begun(&pin).failed(later(2), Failure::ImageBroken, &nothing, &pin, "f".into()).expect("legal");
        let at_first = bodies(&pin, &failed);
        let retried = failed
            .retried(later(3), None, "r".into())
            .and_then(|a| a.begin(later(4), "b".into()))
            .and_then(|a| a.published(later(5), PINTEREST_PIN.into(), &nothing, &pin, "p".into()))
            .expect("legal");
        assert_eq!(bodies(&pin, &retried)[..2], at_first);
        let (message, remedy) = (Failure::ImageBroken.message(), Failure::ImageBroken.remedy());
        let expected = json!(["pin.failed", "image_broken", message, remedy, null]);
        let names = ["event", "error_code", "error_message", "error_remediation", "pinterest_pin_id"];
        assert_eq!(fields(&at_first[1], names), expected);
        let canceled = Attempt::untouched(&pin).deleted(later(1), &pin, "d".into()).expect("legal");
        assert_eq!(
            fields(&bodies(&pin, &canceled)[1], OUTCOME),
            json!(["pin.canceled", "failed", "pin_deleted", null, null, true])
        );
    }

    #[test]
    fn the_longest_body_stays_below_the_limit() {
        // A control character takes six bytes in JSON.
        let mut request = testdata::request(&"\u{1}".repeat(IDEMPOTENCY_KEY_MAX));
        request.board_id = "9".repeat(100);
        let pin = testdata::pin_of(request, testdata::CREATED_AT, Placement::Now);
        let longest = Failure::ALL.into_iter().map(|failure| {
            let failed = begun(&pin).failed(later(2), failure, &Upstream::default(), &pin, "f".into()).expect("legal");
            let events = pin_events::of(&pin, &failed);
            events.iter().map(|event| of_pin(&pin, &failed, event).len()).max().unwrap_or_default()
        });
        let longest = longest.max().unwrap_or_default();
        assert!((2_000..BODY_MAX).contains(&longest), "{longest} bytes");
    }

    #[test]
    fn a_pin_that_is_tried_again_is_not_to_be_retried() {
        let (pin, failure) = (testdata::pin(), Failure::ImageUnreachable);
        let waits = begun(&pin).retry_at(later(2), later(9), failure, &Upstream::default(), "r".into());
        let body = bodies(&pin, &waits.expect("legal")).pop().expect("an event");
        assert_eq!(
            fields(&body, ["event", "error_message", "error_remediation"]),
            json!(["pin.retrying", failure.message(), failure.remedy_of_waiting()])
        );
    }

    #[test]
    fn a_code_of_a_newer_build_has_no_texts() {
        let pin = testdata::pin();
        let entry = Event { note: Some("brand_new".into()), ..Event::new(EventKind::Failed, later(2), 1) };
        let event = PinEvent { event: EventType::PinFailed, sequence: 2, at: later(2), entry: Some(entry) };
        let body: Value = serde_json::from_str(&of_pin(&pin, &begun(&pin), &event)).expect("JSON");
        assert_eq!(
            fields(&body, ["error_code", "error_message", "error_remediation"]),
            json!(["brand_new", null, null])
        );
    }

    #[test]
    fn an_endpoints_own_events_name_the_endpoint() {
        let key = EndpointKey { workspace: testdata::workspace(), endpoint: EndpointId(Uuid::from_u128(7)) };
        let test: Value = serde_json::from_str(&of_test(key.workspace, key.endpoint, later(1))).expect("JSON");
        let id = test_id(key.workspace, key.endpoint, later(1));
        assert_ne!(id, test_id(key.workspace, key.endpoint, later(2)));
        let names = ["id", "event", "type", "webhook_id", "occurred_at"];
        let expected = json!([id.to_string(), "webhook.test", "webhook.test", key.endpoint, later(1).rfc3339()]);
        assert_eq!(fields(&test, names), expected);

        let endpoint = Endpoint {
            key,
            rev: 3,
            nonce: "m".into(),
            url: "https://example.com/hooks".into(),
            events: EventType::defaults(),
            disabled: None,
            disablings: Vec::new(),
            previous_secret_until: None,
            created_at: later(0),
            updated_at: later(0),
        };
        let endpoint = endpoint.disabled_by(DisabledBy::Failures, later(9), "n".into());
        let health = Health { failures: 12, failing_since: Some(later(3)), ..Health::default() };
        let last = LastTry { status: Some(500), error: Some("http_status".into()), ..LastTry::default() };
        let event = Disabled::new(&endpoint, DisabledBy::Failures, &health, Some(&last));
        let text = of_disabled(key.workspace, &event);
        assert!(event.was_made(&endpoint));
        let heard_by = |other| is_own_end(EventType::WebhookDisabled, &text, EndpointId(Uuid::from_u128(other)));
        assert_eq!((heard_by(7), heard_by(8)), (true, false));
        assert!(!text.contains("example.com"), "an address may hold a secret: {text}");
        let disabled: Value = serde_json::from_str(&text).expect("JSON");
        let names = ["id", "event", "reason", "failures", "failing_since", "last_status", "last_error", "timestamp"];
        let id = event.id(key.workspace).to_string();
        let since = later(3).rfc3339();
        let expected = json!([id, "webhook.disabled", "failures", 12, since, 500, "http_status", later(9).rfc3339()]);
        assert_eq!(fields(&disabled, names), expected);
    }
}
