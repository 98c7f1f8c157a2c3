//! Texts that clients keep (cursors, API keys, session tokens), ids and hashes that are derived from requests, and the
//! words that rows hold for states and reasons.

use std::collections::BTreeMap;

use pinbridge_shared::domain::account::oauth::PresentedState;
use pinbridge_shared::domain::ids::{AccountKey, PinId, PinKey, UserId};
use pinbridge_shared::domain::import::{ImportKey, Source, StopReason};
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::idempotency::{self, PAYLOAD_HASH_VERSION, PayloadHash};
use pinbridge_shared::domain::pin::listing::Tags;
use pinbridge_shared::domain::pin::{Pin, PinRequest, Placement, WaitReason};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::activity::{ACTIONS, Action, By, Entry, Outcome};
use pinbridge_shared::domain::tenant::api_key::{KeySource, PresentedKey, compose};
use pinbridge_shared::domain::tenant::scope::Scope;
use pinbridge_shared::domain::tenant::session::{self, Keyring, Session, SessionId, SigningKey};
use pinbridge_shared::domain::tenant::user::{Email, Role};
use pinbridge_shared::domain::tenant::{Organization, WorkspaceEnvironment, WorkspaceState};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::DAY_MS;
use pinbridge_shared::testing::START;
use serde_json::{Value, json};

use super::fixed::{T0, at, full_request, minimal_request, organization, uuid, workspace};
use super::fixture;
use crate::support::api::{Api, answer};

/// The requests whose answers have a cursor.
const LISTS: [&str; 6] = [
    "/v1/pins?limit=1",
    "/v1/pins?limit=1&sort=title_asc",
    "/v1/schedules?limit=1",
    "/v1/schedules?limit=1&sort=title_asc",
    "/v1/activity-logs?limit=1",
    "/v1/export?limit=1",
];

/// A workspace with three pins, three schedules and three activity entries.
async fn furnished() -> Api {
    let api = Api::new().await;
    let world = &api.world.context;
    for number in 0..3_i64 {
        let id = uuid(0x70 + number as u128);
        let created_at = START.plus_ms(-DAY_MS + number);
        let title = format!("Title {number}");
        let request = PinRequest { title, ..testdata::request(&format!("key-{number}")) };
        let pin = testdata::pin_of(request, created_at, Placement::Now);
        let key = PinKey { workspace: testdata::workspace(), pin: PinId(id) };
        world.store.put_pin(&Pin { key, ..pin }).await.expect("written");
        let schedule = testdata::schedule(id.as_u128(), created_at, START.plus_ms(DAY_MS + number));
        world.schedules.put_schedule(&schedule).await.expect("written");
        let action = Action::parse("auth.login").expect("an action");
        let entry = Entry::new(id, START.plus_ms(-number), By::System, action);
        world.activity.record(testdata::workspace(), &entry, START.plus_ms(DAY_MS)).await.expect("written");
    }
    api
}

/// The text of a page and the cursor of the next page.
async fn page(api: &Api, path: &str) -> (String, Option<String>) {
    let request = http::Request::builder().uri(path).header("x-api-key", &api.key);
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let (status, headers, text) = answer(&api.world.context, request).await;
    assert_eq!(status, 200, "{path}: {text}");
    let header = headers.get("x-next-cursor").map(|value| value.to_str().expect("text").to_owned());
    let in_body = || Some(serde_json::from_str::<Value>(&text).ok()?["next_cursor"].as_str()?.to_owned());
    let next = header.or_else(in_body);
    (text, next)
}

/// Which of the three ids a page names.
fn shown(text: &str) -> Vec<u128> {
    (0..3).filter(|number| text.contains(&uuid(0x70 + number).to_string())).collect()
}

#[tokio::test]
async fn cursors_are_given_as_before() {
    let api = furnished().await;
    let mut lists = BTreeMap::new();
    for path in LISTS {
        let mut cursors = Vec::new();
        let (_, mut next) = page(&api, path).await;
        while let Some(cursor) = next {
            let (text, behind) = page(&api, &format!("{path}&cursor={cursor}")).await;
            cursors.push(json!({"cursor": cursor, "leads_to": shown(&text)}));
            next = behind;
        }
        assert!(cursors.len() > 1, "{path} has several pages");
        lists.insert(path, cursors);
    }
    fixture::check("cursors", &json!(lists));
}

#[tokio::test]
async fn the_cursors_of_every_version_lead_to_the_same_page() {
    let api = furnished().await;
    for version in fixture::versions() {
        for (path, cursors) in fixture::committed(&version, "cursors").as_object().expect("lists") {
            for one in cursors.as_array().expect("cursors") {
                let cursor = one["cursor"].as_str().expect("a cursor");
                let (text, _) = page(&api, &format!("{path}&cursor={cursor}")).await;
                assert_eq!(json!(shown(&text)), one["leads_to"], "{path} {cursor}");
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A row that was stored under a derived id or hash is found only if the derivation stays the same.
#[test]
fn ids_and_hashes_are_derived_as_before() {
    let (minimal, full) = (minimal_request("key-1"), full_request("key-1"));
    let organization = Organization::new(organization(), "Paper", T0, "nonce".into());
    let key = compose(workspace(), [7; 32]);
    let presented = PresentedKey::parse(&key).expect("a key");
    let (state, state_text) = PresentedState::compose(workspace(), [7; 32]);
    let now = json!({
        "pin_id": idempotency::pin_id(workspace(), "key-1"),
        "schedule_id": idempotency::schedule_id(workspace(), "key-1"),
        "import_id": ImportKey::of(workspace(), "key-1").import,
        "account_id": AccountKey::of_pinterest_user(workspace(), "549755885175").account,
        "sandbox_account_id": AccountKey::simulated(workspace(), 1).account,
        "sandbox_workspace_id": organization.sandbox(),
        "user_id": Email::parse("Ada@Example.com").expect("an address").derived_user(),
        "api_key": {"text": key, "id": presented.id(), "hash": hex(&presented.hash().0)},
        "oauth_state": {"text": state_text.expose(), "hash": state.hash_hex()},
        // 0.2.0 hashed in the first version; rows of it are still found.
        "content_hash": [previous_hash(&minimal), previous_hash(&full)],
        "payload_hash": [hex(&first(PayloadHash::of(&minimal))), hex(&first(PayloadHash::of(&full)))],
        "schedule_payload_hash": hex(&first(PayloadHash::of_schedule(&full, at(60_000)))),
        "list_tags": Tags::of(&full).to_string(),
    });
    fixture::check("derived", &now);
}

/// The hash by which a pin of an older build is found.
fn previous_hash(request: &PinRequest) -> String {
    idempotency::content_hashes_to_read(request).pop().expect("a hash")
}

/// The payload's hash with the number of the first version: the links of these requests are in their normal form, so
/// nothing else has changed.
fn first(hash: PayloadHash) -> Vec<u8> {
    assert_eq!(hash.0[0], PAYLOAD_HASH_VERSION);
    [&[1], &hash.0[1..]].concat()
}

#[test]
fn content_is_found_under_the_hashes_of_this_version() {
    let hashes = [minimal_request("key-1"), full_request("key-1")].map(|request| idempotency::content_hashes(&request));
    let known = [["2-63c214e26c9f4f455a689b3f8c90b6bf"], ["2-7bcfec81e035657f1f7f542f104d0d6d"]];
    assert_eq!(hashes, known);
}

#[test]
fn the_session_tokens_of_every_version_are_believed() {
    let (user, workspace) = (UserId(uuid(0x40)), workspace());
    let (id, began_at_s) = (Some(SessionId(uuid(0x90))), T0.unix_seconds());
    let session = Session { user, organization: organization(), workspace, epoch: at(7).0, id, began_at_s };
    let key = SigningKey { id: "key".into(), secret: Secret::new("0123456789abcdef0123456789abcdef") };
    let token = session::issue(&session, &key, T0).expect("signed");
    fixture::check("session", &json!(token.expose()));
    let ring = Keyring { current: key, previous: None };
    for version in fixture::versions() {
        let token = fixture::committed(&version, "session");
        // Its tokens named no session.
        let id = id.filter(|_| version != "0.2.0");
        assert_eq!(session::read(token.as_str().expect("a text"), &ring, at(60_000)), Ok(Session { id, ..session }));
    }
}

/// The words that rows hold for a state or a reason. Each parses to the value that is written as it.
fn words() -> BTreeMap<&'static str, Vec<&'static str>> {
    fn read<T: Copy>(all: &[T], name: fn(T) -> &'static str, parse: fn(&str) -> Option<T>) -> Vec<&'static str> {
        let reads_back = |word: &str| parse(word).map(name) == Some(word);
        let words: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        assert!(words.iter().all(|word| reads_back(word)), "{words:?}");
        words
    }
    let environments = [WorkspaceEnvironment::Production, WorkspaceEnvironment::Sandbox];
    let states = [WorkspaceState::Active, WorkspaceState::Resetting, WorkspaceState::Deleted];
    let outcomes = [Outcome::Success, Outcome::Failed, Outcome::Queued, Outcome::Canceled];
    let sources = [KeySource::Manual, KeySource::OAuth];
    BTreeMap::from([
        ("pin_status", read(&Status::ALL, Status::name, Status::parse)),
        ("failure", read(&Failure::ALL, Failure::code, Failure::parse)),
        ("wait_reason", read(&WaitReason::ALL, WaitReason::code, WaitReason::parse)),
        ("import_source", read(&Source::ALL, Source::name, Source::parse)),
        ("import_stop", read(&StopReason::ALL, StopReason::code, StopReason::parse)),
        ("role", read(&Role::ALL, Role::name, Role::parse)),
        ("scope", read(&Scope::ALL, Scope::name, Scope::parse)),
        ("key_source", read(&sources, KeySource::name, KeySource::parse)),
        ("environment", read(&environments, WorkspaceEnvironment::name, WorkspaceEnvironment::parse)),
        ("workspace_state", read(&states, WorkspaceState::name, WorkspaceState::parse)),
        ("activity_outcome", read(&outcomes, Outcome::name, Outcome::parse)),
        ("activity", read(&ACTIONS, |action| action.name, |name| Action::parse(name).copied())),
    ])
}

#[test]
fn every_word_of_every_version_is_still_read() {
    let now = words();
    fixture::check_if_writing("words", &json!(now));
    for version in fixture::versions() {
        for (kind, committed) in fixture::committed(&version, "words").as_object().expect("kinds") {
            for word in committed.as_array().expect("words").iter().filter_map(Value::as_str) {
                let known = now.get(kind.as_str()).unwrap_or_else(|| panic!("no {kind} any more"));
                assert!(known.contains(&word), "{version} wrote {word:?} as a {kind}");
            }
        }
    }
}
