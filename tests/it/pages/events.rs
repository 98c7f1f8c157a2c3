//! `infra/docs/events/` has the schemas of the code, and the bodies that the system makes are of these schemas.
//!
//! `PINBRIDGE_WRITE=1 cargo test --workspace --test it pages::events` writes the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pinbridge_api::openapi::events;
use pinbridge_api::routes::system::description as document;
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::credentials::{CONFIRM_AFTER_MS, Death, RefusedGrant, TokenLife};
use pinbridge_shared::domain::event::disabled::Disabled;
use pinbridge_shared::domain::event::occurrence::{self, Halt, Occurrence};
use pinbridge_shared::domain::event::{CATALOGUE, EventType, payload, pin_events};
use pinbridge_shared::domain::ids::EndpointId;
use pinbridge_shared::domain::import::{ImportKey, Stop, StopReason, Totals};
use pinbridge_shared::domain::pacing::bucket::{Bucket, Pause};
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pin::attempt::{Attempt, Upstream};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{Pin, Placement, WaitReason};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, Moment};
use pinbridge_shared::domain::webhook::delivery::DeliveryId;
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::signature::{self, Signing};
use serde_json::Value;
use uuid::Uuid;

use crate::support::agreement::fits;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/docs/events");

#[test]
fn the_folder_has_the_schema_of_every_event() {
    let files: BTreeMap<String, Value> = CATALOGUE.iter().map(events::file).collect();
    if std::env::var_os("PINBRIDGE_WRITE").is_some() {
        for (name, schema) in &files {
            let text = serde_json::to_string_pretty(schema).expect("JSON") + "\n";
            fs::write(Path::new(FOLDER).join(name), text).expect("written");
        }
    }
    let mut committed = BTreeMap::new();
    for entry in fs::read_dir(FOLDER).expect("the folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let schema: Value = serde_json::from_str(&fs::read_to_string(&path).expect("text")).expect("JSON");
        committed.insert(name, schema);
    }
    assert_eq!(committed, files);
}

fn later(ms: i64) -> Moment {
    testdata::CREATED_AT.plus_ms(ms)
}

fn nothing() -> Upstream {
    Upstream::default()
}

fn begun(pin: &Pin) -> Attempt {
    Attempt::untouched(pin).begin(later(1), "b".into()).expect("begins")
}

/// A pin of each placement, and its rows at the end of each kind of story.
fn stories() -> Vec<(Pin, Attempt)> {
    let at = later(60_000);
    let placements =
        [Placement::Now, Placement::Slot(at), Placement::Backlog(WaitReason::DailyBudget), Placement::Due(at)];
    let mut stories: Vec<(Pin, Attempt)> = placements
        .into_iter()
        .map(|placement| {
            let pin = testdata::pin_of(testdata::request("key-1"), testdata::CREATED_AT, placement);
            let attempt = Attempt::untouched(&pin);
            (pin, attempt)
        })
        .collect();
    let pin = testdata::pin();
    let waits = Attempt::untouched(&pin)
        .deferred(later(1), None, WaitReason::AccountOnHold, None, "w".into())
        .and_then(|a| a.begin(later(2), "b".into()))
        .and_then(|a| {
            let cause = nothing();
            let cause = Some((Failure::SpamBlock, &cause));
            a.deferred(later(3), Some(later(9)), WaitReason::AccountPaused, cause, "w".into())
        })
        .expect("legal");
    let published = begun(&pin)
        .retry_at(later(2), later(3), Failure::PinterestBusy, &nothing(), "r".into())
        .and_then(|a| a.begin(later(3), "b".into()))
        .and_then(|a| a.published(later(4), "1234567890".into(), &nothing(), &pin, "p".into()))
        .expect("legal");
    let unknown = begun(&pin).unresolved_outcome(later(2), later(9), &nothing(), "u".into()).expect("legal");
    let left = unknown.failed(later(9), Failure::OutcomeAmbiguous, &nothing(), &pin, "f".into()).expect("legal");
    let ends = [
        waits,
        published,
        unknown.absent(later(9), "a".into()).expect("legal"),
        unknown.adopted(later(9), "1234567890".into(), &nothing(), &pin, "a".into()).expect("legal"),
        left.clone(),
        left.none_by_person(later(20), 120_000, "n".into()).expect("legal"),
        left.resolved_by_person(later(20), "1234567890".into(), Some(later(3)), &pin, 120_000, "r".into())
            .expect("legal"),
        unknown.failed(later(9), Failure::BoardNotFound, &nothing(), &pin, "f".into()).expect("legal"),
        unknown.failed(later(9), Failure::AttemptsExhausted, &nothing(), &pin, "f".into()).expect("legal"),
        begun(&pin).failed(later(2), Failure::BoardNotFound, &nothing(), &pin, "f".into()).expect("legal"),
        Attempt::untouched(&pin).deleted(later(1), &pin, "d".into()).expect("legal"),
    ];
    stories.extend(ends.map(|attempt| (pin.clone(), attempt)));
    stories
}

fn of_endpoint() -> [String; 3] {
    let key = EndpointKey { workspace: testdata::workspace(), endpoint: EndpointId(Uuid::from_u128(7)) };
    let disabled = |by, failures, failing_since, status, error| Disabled {
        endpoint: key.endpoint,
        rev: 2,
        at: later(9),
        by,
        failures,
        failing_since,
        status,
        error,
    };
    let error = Some("http_status".to_owned());
    let failing = disabled(DisabledBy::Failures, 12, Some(later(3)), Some(500), error);
    let gone = disabled(DisabledBy::Receiver, 0, None, None, None);
    [
        payload::of_test(key.workspace, key.endpoint, later(1)),
        payload::of_disabled(key.workspace, &failing),
        payload::of_disabled(key.workspace, &gone),
    ]
}

fn of_schedules() -> Vec<Occurrence> {
    const RETENTION_MS: i64 = 90 * DAY_MS;
    let made = testdata::schedule(1, later(0), later(HOUR_MS));
    let edited = made.edited(made.request.clone(), later(2 * HOUR_MS), later(1), RETENTION_MS, "e".into());
    let edited = edited.expect("may be edited");
    let released = edited.released(later(2), RETENTION_MS, "r".into()).expect("may be released");
    let failed = released.failed(Failure::TooLate, later(3), "f".into()).expect("may fail");
    let canceled = [&edited, &released].map(|it| it.canceled(later(4), "c".into()).expect("may be canceled"));
    let all = [made, edited.clone(), released.clone(), failed].into_iter().chain(canceled);
    all.map(|schedule| occurrence::of_schedule(&schedule).expect("an event")).collect()
}

fn of_accounts() -> Vec<Occurrence> {
    let now = later(CONFIRM_AFTER_MS);
    let renewable = TokenLife::issued(now, Some(later(30 * DAY_MS)), None, true, 0.5);
    let account = |life| Account { life, updated_at: now, ..testdata::connected_account() };
    let refused = TokenLife {
        refused: Some(RefusedGrant { version: "v".into(), since: later(0) }),
        checked_at: Some(now),
        ..renewable.clone()
    };
    let dead = TokenLife { dead: Some(Death { at: now, answer_lost: true }), ..TokenLife::default() };
    let bare = account(TokenLife::issued(now, Some(later(9 * DAY_MS)), None, false, 0.5));
    let connected = account(renewable);
    let key = connected.key;
    let pause = |reason| Pause::new(&Pace::new(50, 1.0), now.plus_ms(HOUR_MS), reason);
    let paused = |pause: &Pause| occurrence::of_pause(key, pause, &Bucket::default(), now);
    let all = [
        occurrence::of_account(None, &connected),
        occurrence::of_account(Some(&connected), &account(refused)),
        occurrence::of_account(Some(&connected), &account(dead)),
        occurrence::of_expiry(&bare, later(9 * DAY_MS), now),
        paused(&pause(WaitReason::AccountPaused)),
        paused(&pause(WaitReason::AccountPaused).because(Failure::SpamBlock)),
        paused(&pause(WaitReason::AccountOnHold).because(Failure::ScopeMissing)),
        Some(occurrence::resumed(key, Halt::Pause, now)),
        Some(occurrence::resumed(key, Halt::Hold, now)),
    ];
    all.map(|event| event.expect("an event")).to_vec()
}

fn of_imports() -> [Occurrence; 3] {
    let key = ImportKey::of(testdata::workspace(), "key");
    let finished = |failed| occurrence::of_import(key, &Totals { created: 3, failed, ..Totals::default() }, later(1));
    let stop = Stop { reason: StopReason::DeadLettered, at: later(2) };
    [finished(0), finished(2), occurrence::of_import_stop(key, &stop)]
}

#[test]
fn every_body_is_of_its_schema_and_has_no_other_field() {
    let of_pins = stories().into_iter().flat_map(|(pin, attempt)| {
        let events = pin_events::of(&pin, &attempt);
        events.into_iter().map(move |event| payload::of_pin(&pin, &attempt, &event))
    });
    let mut seen = BTreeSet::new();
    let of_others = of_schedules().into_iter().chain(of_accounts()).chain(of_imports());
    for body in of_pins.chain(of_endpoint()).chain(of_others.map(|event| event.payload)) {
        let value: Value = serde_json::from_str(&body).expect("JSON");
        let name = value["event"].as_str().expect("a name");
        let entry = CATALOGUE.iter().find(|entry| entry.name == name).expect("an event of the catalogue");
        let schema = events::schema(entry);
        fits(&format!("event {name}"), &schema, &value, &body);
        let keys = |value: &Value| value.as_object().expect("fields").keys().cloned().collect::<BTreeSet<String>>();
        assert_eq!(keys(&value), keys(&schema["properties"]), "{name}");
        seen.insert(entry.name);
    }
    assert_eq!(seen, CATALOGUE.iter().map(|entry| entry.name).collect::<BTreeSet<_>>());
}

#[test]
fn the_document_names_the_headers_that_requests_have() {
    let secret = || Secret::new("0123456789abcdef");
    let secrets = Secrets { current: secret(), previous: Some((secret(), later(1))) };
    let request = Signing {
        delivery: DeliveryId(Uuid::from_u128(1)),
        event: EventType::WebhookTest,
        sent_at: later(0),
        body: "{}",
        secrets: &secrets,
        now: later(0),
    };
    let sent = signature::headers(&request);
    let ours: Vec<&str> = sent
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !["Content-Type", "User-Agent"].contains(name))
        .collect();
    let webhooks = document()["webhooks"].as_object().expect("webhooks");
    assert_eq!(webhooks.len(), CATALOGUE.len());
    for (name, methods) in webhooks {
        let described = methods["post"]["parameters"].as_array().expect("headers");
        let described: Vec<&str> = described.iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(described, ours, "{name}");
    }
}
