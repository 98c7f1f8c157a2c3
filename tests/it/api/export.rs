//! `GET /v1/export`: everything, once, while pins are being added, and only what is open to the caller.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::{AccountId, AccountKey};
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::flows::tenants::export::LISTED_AFTER_MS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As, answer};

struct Page {
    lines: Vec<Value>,
    next: Option<String>,
}

async fn page(api: &Api, key: &str, query: &str) -> Page {
    let request = Request::builder().uri(format!("/v1/export?{query}")).header("x-api-key", key);
    let request = request.body(Body::empty()).expect("a request");
    let (status, headers, text) = answer(&api.world.context, request).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/x-ndjson");
    let next = headers.get("x-next-cursor").map(|value| value.to_str().expect("text").to_owned());
    Page { lines: text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), next }
}

#[tokio::test]
async fn a_client_that_accepts_json_receives_the_same_as_an_array() {
    let api = Api::new().await;
    for index in 0..5 {
        api.world.accept(&format!("pin-{index}")).await;
    }
    api.world.run_for_ms(MINUTE_MS).await;
    for query in ["", "limit=1", "cursor=pins&limit=2", "cursor=schedules"] {
        let lines = page(&api, &api.key, query).await;
        for accept in ["*/*", "application/json", "application/x-ndjson;q=0.1,application/json"] {
            let request = Request::builder().uri(format!("/v1/export?{query}")).header("x-api-key", &api.key);
            let request = request.header("accept", accept).body(Body::empty()).expect("a request");
            let (status, headers, array) = api.send(request).await;
            assert_eq!((status, headers["content-type"].to_str().ok()), (200, Some("application/json")), "{accept}");
            assert_eq!(array, Value::Array(lines.lines.clone()), "{query} {accept}");
            let next = headers.get("x-next-cursor").map(|value| value.to_str().expect("text").to_owned());
            assert_eq!(next, lines.next, "{query} {accept}");
        }
    }
}

/// Every page, with something between them.
async fn whole(api: &Api, key: &str, limit: usize, between: impl AsyncFn()) -> Vec<Value> {
    let (mut lines, mut cursor) = (Vec::new(), String::new());
    loop {
        let read = page(api, key, &format!("limit={limit}{cursor}")).await;
        lines.extend(read.lines);
        match read.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return lines,
        }
        between().await;
    }
}

fn ids<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a str> {
    lines.iter().filter(|line| line["kind"] == kind).map(|line| line["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn every_pin_is_exported_once_with_its_story_while_others_are_added() {
    let api = Api::new().await;
    let mut wanted = BTreeSet::new();
    for index in 0..25 {
        wanted.insert(api.world.accept(&format!("pin-{index}")).await.pin.to_string());
        api.world.system.advance_ms(i64::from(index % 3));
    }
    api.world.run_for_ms(MINUTE_MS).await;
    let added = std::sync::atomic::AtomicU32::new(0);
    let add = async || {
        let index = added.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        api.world.accept(&format!("later-{index}")).await;
        api.world.system.advance_ms(1_000);
    };
    let lines = whole(&api, &api.key, 4, add).await;
    let exported = ids(&lines, "pin");
    assert_eq!(exported.len(), 25, "each once");
    assert_eq!(exported.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), wanted);
    let created: Vec<&str> = lines
        .iter()
        .filter(|line| line["kind"] == "pin")
        .map(|line| line["created_at"].as_str().expect("a time"))
        .collect();
    assert!(created.is_sorted(), "in the order of acceptance");
    for line in lines.iter().filter(|line| line["kind"] == "pin") {
        assert_eq!(line["status"], "published");
        let events: Vec<&str> = line["events"]
            .as_array()
            .expect("events")
            .iter()
            .map(|event| event["event"].as_str().expect("text"))
            .collect();
        assert!(events.first() == Some(&"accepted") && events.last() == Some(&"published"), "{events:?}");
        assert!(line["idempotency_key"].is_string() && line["board_id"].is_string() && line["image_url"].is_string());
    }
    // Those that were added are in the next export, once they are old enough.
    api.world.system.advance_ms(LISTED_AFTER_MS);
    let later = whole(&api, &api.key, 200, async || {}).await;
    assert_eq!(ids(&later, "pin").len(), 25 + added.into_inner() as usize);
}

#[tokio::test]
async fn accounts_come_first_and_without_tokens() {
    let api = Api::new().await;
    let store = &api.world.context.store;
    for id in 1..=4 {
        let key = AccountKey { workspace: testdata::workspace(), account: AccountId(Uuid::from_u128(id)) };
        assert!(store.save_account(&Account { key, ..testdata::connected_account() }).await.expect("saved").is_done());
    }
    for limit in [2, 3, 5, 50] {
        let lines = whole(&api, &api.key, limit, async || {}).await;
        assert_eq!(ids(&lines, "account").len(), 5, "each once, {limit} a page");
        for line in &lines {
            assert!(line["pinterest_user_id"].is_string());
            assert!(!line.to_string().contains("token-1"), "{line}");
        }
    }
}

#[tokio::test]
async fn a_limited_key_exports_its_accounts_only_and_another_workspaces_key_nothing() {
    let api = Api::new().await;
    let other = AccountId(Uuid::from_u128(77));
    let key = AccountKey { workspace: testdata::workspace(), account: other };
    let account = Account { key, ..testdata::connected_account() };
    assert!(api.world.context.store.save_account(&account).await.expect("saved").is_done());
    for index in 0..6 {
        let mut request = testdata::request(&format!("pin-{index}"));
        if index % 2 == 0 {
            request = PinRequest { account: other, ..request };
        }
        api.world.accept_request(request).await;
    }
    api.world.system.advance_ms(LISTED_AFTER_MS);
    let (limited, _) = api.new_key(json!({"name": "limited", "pinterest_account_ids": [other]})).await;
    let lines = whole(&api, &limited, 2, async || {}).await;
    assert_eq!(ids(&lines, "account"), [other.to_string()]);
    assert_eq!(ids(&lines, "pin").len(), 3);
    assert!(lines.iter().filter(|line| line["kind"] == "pin").all(|line| line["pinterest_account_id"] == json!(other)));

    let stranger = pinbridge_shared::domain::ids::WorkspaceId(Uuid::from_u128(0xdead));
    let theirs =
        pinbridge_shared::flows::tenants::projects::create_workspace(&api.world.context, stranger, "Other", [9; 32])
            .await;
    let lines = whole(&api, &theirs.expect("created"), 50, async || {}).await;
    assert_eq!(lines, Vec::<Value>::new());
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let api = Api::new().await;
    for cursor in ["x", "pin_1", "pin_-1_00000000-0000-0000-0000-000000000001"] {
        let path = format!("/v1/export?cursor={cursor}");
        let (status, answer) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
        assert_eq!((status, answer["code"].as_str()), (422, Some("validation_error")), "{answer}");
    }
    // Behind one from the future are no pins.
    let future = page(&api, &api.key, "cursor=pin_9999999999999_00000000-0000-0000-0000-000000000001").await;
    assert_eq!((future.lines.len(), future.next.as_deref()), (0, Some("schedules")));
}
