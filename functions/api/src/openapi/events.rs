//! The events that webhooks deliver: the JSON Schemas of their bodies, and the document's section `webhooks`.
//!
//! The same schemas are in `infra/docs/events/`, a file for each event. `tests/it/pages/events.rs` writes the files and
//! compares them, and the bodies that the system makes, with what this file says.

use pinbridge_shared::domain::event::occurrence::{Halt, Reconnect};
use pinbridge_shared::domain::event::payload::{FOUND, NEEDS_A_PERSON, NOT_THERE};
use pinbridge_shared::domain::event::{CATALOGUE, Entry, EventType, PAYLOAD_VERSION};
use pinbridge_shared::domain::pin::attempt::Status;
use serde_json::{Map, Value, json};

use crate::content_type::JSON;

/// The values of a field.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Uuid,
    Time,
    Uri,
    Count,
    Flag,
    Names(&'static [&'static str]),
}

use Form as F;

impl Form {
    fn schema(self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Uuid => json!({"type": "string", "format": "uuid"}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Uri => json!({"type": "string", "format": "uri"}),
            Self::Count => json!({"type": "integer", "minimum": 0}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Names(names) => json!({"type": "string", "enum": names}),
        }
    }
}

/// A field of a body.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    form: Form,
    about: &'static str,
}

const fn field(name: &'static str, form: Form, about: &'static str) -> Field {
    Field { name, form, about }
}

/// The fields of every body.
#[rustfmt::skip] // One row per field keeps it readable as a table, here and below.
const ENVELOPE: [Field; 7] = [
    field("id", F::Uuid, "The event's id. Each repeat of the event has the same one."),
    field("event", F::Text, "The event's name."),
    field("type", F::Text, "The event's name again, where Standard Webhooks has it."),
    field("version", F::Count, "The version of the body's form. New fields don't change it: ignore those that you don't know."),
    field("occurred_at", F::Time, "When it happened, in UTC."),
    field("timestamp", F::Time, "The same time, where Standard Webhooks has it."),
    field("workspace_id", F::Uuid, "The workspace."),
];

/// The fields of a pin's events.
#[rustfmt::skip]
const PIN: [Field; 17] = [
    field("sequence", F::Count, "The event's number among all events of the pin, from 1. Events can arrive in any order: the greatest number is the newest."),
    field("pin_id", F::Uuid, "The pin."),
    field("job_id", F::Uuid, "The same id, by the name that job requests have for it."),
    field("account_id", F::Uuid, "The pin's account."),
    field("board_id", F::Text, "The pin's board on Pinterest."),
    field("status", F::Text, "The pin's status at this event."),
    field("idempotency_key", F::Text, "The idempotency key that the pin was requested with."),
    field("pinterest_pin_id", F::Text, "The Pin's id on Pinterest."),
    field("pinterest_url", F::Uri, "The Pin's address on Pinterest."),
    field("error_code", F::Text, "Why the pin failed, waits or is tried again. Codes are added, never renamed."),
    field("error_message", F::Text, "The same as a sentence."),
    field("error_remediation", F::Text, "What you can do about it."),
    field("attempt", F::Count, "How many attempts had been started."),
    field("is_final", F::Flag, "Whether nothing happens to the pin any more unless somebody retries it."),
    field("next_at", F::Time, "When the next step is planned."),
    field("reason", F::Text, "Why the pin waits: an error code."),
    field("resolution", F::Names(&[FOUND, NOT_THERE, NEEDS_A_PERSON]), "What became of the attempt: the Pin is on Pinterest, it is not there and the pin is sent again or can be retried, or a person has to decide."),
];

#[rustfmt::skip]
const SCHEDULE: [Field; 10] = [
    field("sequence", F::Count, "The number of the schedule's change, from 1. Events can arrive in any order: the greatest number is the newest. Some numbers have no event."),
    field("schedule_id", F::Uuid, "The schedule."),
    field("account_id", F::Uuid, "The schedule's account."),
    field("board_id", F::Text, "The schedule's board on Pinterest."),
    field("status", F::Names(&["scheduled", "queued", "canceled", "failed"]), "The schedule's status at this event."),
    field("run_at", F::Time, "When its pin is to be published."),
    field("pin_id", F::Uuid, "Its pin, if it is released."),
    field("error_code", F::Text, "Why no pin could be made of it. Codes are added, never renamed."),
    field("error_message", F::Text, "The same as a sentence."),
    field("error_remediation", F::Text, "What you can do about it."),
];

#[rustfmt::skip]
const IMPORT: [Field; 7] = [
    field("import_id", F::Uuid, "The import."),
    field("status", F::Names(&["completed", "completed_with_errors"]), "The import's status."),
    field("rows", F::Count, "How many rows it has."),
    field("created", F::Count, "How many rows have created a pin or a schedule."),
    field("existing", F::Count, "How many rows have a key that a pin or a schedule had already."),
    field("failed", F::Count, "How many rows have created nothing."),
    field("results_path", F::Text, "The path at this API that answers the result of each row."),
];

#[rustfmt::skip]
const IMPORT_FAILED: [Field; 5] = [
    field("import_id", F::Uuid, "The import."),
    field("status", F::Names(&["failed"]), "The import's status."),
    field("error_code", F::Text, "Why it stopped. Codes are added, never renamed."),
    field("error_message", F::Text, "The same in sentences, and what you can do about it."),
    field("results_path", F::Text, "The path at this API that answers the results so far."),
];

/// The fields of an account's events.
const ACCOUNT: [Field; 1] = [field("account_id", F::Uuid, "The account.")];

#[rustfmt::skip]
const RESUMED: [Field; 1] = [
    field("kind", F::Names(&Halt::NAMES), "What is over: a pause of Pinterest's, or a hold because Pinterest refused the connection."),
];

#[rustfmt::skip]
const PAUSED: [Field; 5] = [
    field("kind", F::Names(&Halt::NAMES), "A pause of Pinterest's, which ends by itself, or a hold because Pinterest refuses the connection. A hold ends when a call succeeds, or a person connects the account again."),
    field("reason", F::Text, "Why: an error code. Codes are added, never renamed."),
    field("error_message", F::Text, "The same as a sentence."),
    field("error_remediation", F::Text, "What you can do about it."),
    field("until", F::Time, "When the pause ends. It may be extended without another event."),
];

#[rustfmt::skip]
const RECONNECT: [Field; 3] = [
    field("reason", F::Names(&Reconnect::NAMES), "Pinterest refuses all of the account's tokens, or it refuses to renew them, or its access token expires within seven days and can't be renewed."),
    field("message", F::Text, "The same as a sentence."),
    field("publishes_until", F::Time, "Until when the account publishes all the same."),
];

/// The fields of an endpoint's own events.
const WEBHOOK: [Field; 1] = [field("webhook_id", F::Uuid, "The endpoint.")];

#[rustfmt::skip]
const DISABLED: [Field; 5] = [
    field("reason", F::Names(&["failures", "receiver"]), "Who caused it: deliveries that kept failing, or the receiver, which asked for it."),
    field("failures", F::Count, "How many requests in a row have failed."),
    field("failing_since", F::Time, "When the first of them failed."),
    field("last_status", F::Count, "The status of the last answer."),
    field("last_error", F::Text, "Why the last request failed, as a code."),
];

/// The fields that are null at some events.
const NULLABLE: [&str; 8] = [
    "pinterest_pin_id",
    "pinterest_url",
    "error_code",
    "error_message",
    "error_remediation",
    "next_at",
    "reason",
    "resolution",
];

/// What differs between events with the same fields.
struct Shape {
    statuses: &'static [Status],
    /// The fields of [`NULLABLE`] that have a value.
    always: &'static [&'static str],
    /// The fields that have a value or are null.
    sometimes: &'static [&'static str],
}

impl Shape {
    const fn new(
        statuses: &'static [Status],
        always: &'static [&'static str],
        sometimes: &'static [&'static str],
    ) -> Self {
        Self { statuses, always, sometimes }
    }
}

#[rustfmt::skip]
fn shape(event: EventType) -> Shape {
    use EventType as T;
    match event {
        T::PinAccepted => Shape::new(&[Status::Queued, Status::Deferred], &[], &["error_code", "error_message", "error_remediation", "next_at", "reason"]),
        T::PinDeferred => Shape::new(&[Status::Deferred], &["error_code", "reason"], &["error_message", "error_remediation", "next_at"]),
        T::PinRetrying => Shape::new(&[Status::Queued], &["error_code", "next_at", "reason"], &["error_message", "error_remediation"]),
        T::PinOutcomeUnknown => Shape::new(&[Status::Publishing], &["error_code", "error_message", "error_remediation", "next_at"], &[]),
        T::PinOutcomeResolved => Shape::new(&[Status::Published, Status::Queued, Status::Failed], &["resolution"], &["pinterest_pin_id", "pinterest_url", "error_code", "error_message", "error_remediation"]),
        T::PinPublished => Shape::new(&[Status::Published], &["pinterest_pin_id", "pinterest_url"], &[]),
        T::PinFailed => Shape::new(&[Status::Failed], &["error_code"], &["error_message", "error_remediation"]),
        T::PinCanceled => Shape::new(&[Status::Failed], &["error_code", "error_message", "error_remediation"], &[]),
        T::ScheduleCreated | T::ScheduleUpdated => Shape::new(&[], &[], &["pin_id"]),
        T::ScheduleReleased => Shape::new(&[], &[], &[]),
        T::ScheduleCanceled => Shape::new(&[], &[], &["pin_id"]),
        T::ScheduleFailed => Shape::new(&[], &["error_code", "error_message", "error_remediation"], &["pin_id"]),
        T::AccountPaused => Shape::new(&[], &["reason"], &["error_message", "error_remediation", "until"]),
        T::AccountReconnectRequired => Shape::new(&[], &["reason"], &["publishes_until"]),
        T::ImportFailed => Shape::new(&[], &["error_code", "error_message"], &[]),
        T::ImportCompleted | T::AccountConnected | T::AccountResumed => Shape::new(&[], &[], &[]),
        T::WebhookDisabled => Shape::new(&[], &["reason"], &["failing_since", "last_status", "last_error"]),
        T::WebhookTest => Shape::new(&[], &[], &[]),
    }
}

fn fields_of(event: EventType) -> Vec<Field> {
    use EventType as T;
    let own: [&[Field]; 2] = match event {
        T::WebhookTest => [&WEBHOOK, &[]],
        T::WebhookDisabled => [&WEBHOOK, &DISABLED],
        T::ScheduleCreated | T::ScheduleUpdated | T::ScheduleReleased | T::ScheduleCanceled | T::ScheduleFailed => {
            [&SCHEDULE, &[]]
        }
        T::ImportCompleted => [&IMPORT, &[]],
        T::ImportFailed => [&IMPORT_FAILED, &[]],
        T::AccountConnected => [&ACCOUNT, &[]],
        T::AccountPaused => [&ACCOUNT, &PAUSED],
        T::AccountResumed => [&ACCOUNT, &RESUMED],
        T::AccountReconnectRequired => [&ACCOUNT, &RECONNECT],
        T::PinAccepted
        | T::PinDeferred
        | T::PinRetrying
        | T::PinOutcomeUnknown
        | T::PinOutcomeResolved
        | T::PinPublished
        | T::PinFailed
        | T::PinCanceled => [&PIN, &[]],
    };
    ENVELOPE.iter().chain(own.into_iter().flatten()).copied().collect()
}

fn property(entry: &Entry, field: &Field) -> Value {
    let Shape { statuses, always, sometimes } = shape(entry.event);
    let mut schema = match field.name {
        "event" | "type" => json!({"type": "string", "const": entry.name}),
        "version" => json!({"type": "integer", "const": PAYLOAD_VERSION}),
        "status" if !statuses.is_empty() => {
            json!({"type": "string", "enum": statuses.iter().map(|status| status.name()).collect::<Vec<_>>()})
        }
        _ => field.form.schema(),
    };
    if sometimes.contains(&field.name) {
        schema["type"] = json!([schema["type"], "null"]);
    } else if NULLABLE.contains(&field.name) && !always.contains(&field.name) {
        schema = json!({"type": "null"});
    }
    schema["description"] = field.about.into();
    schema
}

/// The schema of an event's body. It is open, because fields are added.
pub fn schema(entry: &Entry) -> Value {
    let fields = fields_of(entry.event);
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), property(entry, field))).collect();
    json!({
        "title": component(entry),
        "description": entry.about,
        "type": "object",
        "properties": properties,
        "required": fields.iter().map(|field| field.name).collect::<Vec<_>>(),
    })
}

/// The schema as a document of its own, with the name of its file.
pub fn file(entry: &Entry) -> (String, Value) {
    let mut schema = schema(entry);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["$id"] = format!("urn:pinbridge:event:{}:v{PAYLOAD_VERSION}", entry.name).into();
    (format!("{}.v{PAYLOAD_VERSION}.schema.json", entry.name), schema)
}

/// The name of an event's schema among the document's components, such as `PinPublishedEvent`.
fn component(entry: &Entry) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    entry.name.split(['.', '_']).map(capital).collect::<String>() + "Event"
}

/// The schemas of all events, by name.
pub fn components() -> impl Iterator<Item = (String, Value)> {
    CATALOGUE.iter().map(|entry| (component(entry), schema(entry)))
}

/// The headers of every request: name, whether each request has it, and what it is.
#[rustfmt::skip]
const HEADERS: [(&str, bool, &str); 7] = [
    ("X-PinBridge-Event", true, "The event's name."),
    ("X-PinBridge-Delivery-ID", true, "The id of the delivery, that is of the event for this endpoint. Each repeat has the same one."),
    ("X-PinBridge-Signature", true, "The HMAC-SHA256 of the body, in lower-case hexadecimal digits. The key is the endpoint's secret."),
    ("X-PinBridge-Signature-Previous", false, "The same with the previous secret, while that is valid."),
    ("webhook-id", true, "The id of the delivery (Standard Webhooks)."),
    ("webhook-timestamp", true, "When the request was signed, in Unix seconds (Standard Webhooks)."),
    ("webhook-signature", true, "`v1,` and the HMAC-SHA256 of `id.timestamp.body` in Base64 (Standard Webhooks). The key is the rest of a secret `whsec_…`, decoded from Base64, or another secret as it is. A second one follows after a space while the previous secret is valid."),
];

/// The section `webhooks` of the document: the requests that the system makes.
pub fn webhooks() -> Map<String, Value> {
    CATALOGUE.iter().map(|entry| (entry.name.to_owned(), json!({"post": operation(entry)}))).collect()
}

fn operation(entry: &Entry) -> Value {
    let whom = match (entry.is_default, entry.is_subscribable) {
        (true, _) => "An endpoint that names no events receives it.",
        (false, true) => "An endpoint receives it if it names it.",
        (false, false) => "It is sent only on request.",
    };
    let parameter = |(name, required, about): &(&str, bool, &str)| json!({"name": name, "in": "header", "required": required, "description": about, "schema": {"type": "string"}});
    json!({
        "operationId": format!("receive_{}", entry.name.replace('.', "_")),
        "summary": entry.name,
        "description": format!("{} {whom}", entry.about),
        // The signature authenticates the request.
        "security": [],
        "parameters": HEADERS.iter().map(parameter).collect::<Vec<_>>(),
        "requestBody": {
            "required": true,
            "content": {JSON: {"schema": {"$ref": format!("#/components/schemas/{}", component(entry))}}},
        },
        "responses": {
            "2XX": {"description": "The event was received."},
            "410": {"description": "The endpoint is disabled. Nothing is sent to it until it is enabled again."},
            "default": {"description": "The event is sent again later. A redirect isn't followed, and counts as a failure."},
        },
    })
}
