//! The activity log: what is noted, by whom, and how it is read.

use std::collections::BTreeSet;

use pinbridge_api::activity::Audit;
use pinbridge_api::routes;
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::AccountKey;
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::stats::activity::{By, Entry, PIN_PUBLISH_FAILED};
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, SECOND_MS};
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As, PASSWORD};

const ADA: &str = "ada@example.com";
const PATH: &str = "/v1/activity-logs";

async fn log(api: &Api, query: &str) -> Value {
    let (status, answer) = api.call("GET", &format!("{PATH}?{query}"), As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn items(api: &Api, query: &str) -> Vec<Value> {
    log(api, query).await["items"].as_array().expect("a list").clone()
}

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_route_that_changes_something_leaves_an_entry_or_says_why_not() {
    for endpoint in routes::table() {
        assert!(
            endpoint.audit != Audit::Unstated || endpoint.method == "GET",
            "{} {} changes something: call audited or unaudited on it",
            endpoint.method,
            endpoint.path
        );
    }
}

#[tokio::test]
async fn what_people_and_keys_do_is_noted_with_who_and_what_and_without_secrets() {
    let api = Api::new().await;
    let ada = api.person(ADA, Role::Owner).await;
    let token = api.log_in(ADA).await;
    api.world.system.advance_ms(1);
    let (_, headers, made) = api.full("POST", "/v1/api-keys", As::Bearer(&token), json!({"name": "ci"})).await;
    let key = made["api_key"].as_str().expect("a key").to_owned();
    api.world.system.advance_ms(1);
    let board = json!({"account_id": testdata::account(), "name": "Soups"});
    assert_eq!(api.call("POST", "/v1/pinterest/boards", As::Key(&key), board).await.0, 201);
    let all = log(&api, "").await;
    let noted = all["items"].as_array().expect("a list");
    assert_eq!(texts(noted, "action"), ["board.created", "api_key.created", "auth.login"]);
    let [board, made_key, login] = noted.as_slice() else { panic!("three") };
    assert_eq!((&board["actor_type"], &board["actor_label"]), (&json!("api_key"), &json!("ci")));
    assert_eq!((&board["category"], &board["resource_type"]), (&json!("integration"), &json!("board")));
    assert_eq!(board["metadata"]["name"], json!("Soups"));
    assert_eq!(board["metadata"]["account_id"], json!(testdata::account()));
    assert_eq!(board["metadata"]["api_key_id"], made["id"]);
    assert_eq!((&made_key["resource_id"], &made_key["status"]), (&made["id"], &json!("success")));
    assert_eq!(made_key["actor_user_id"], json!(ada.id));
    assert_eq!(made_key["request_id"].as_str(), headers.get("x-request-id").and_then(|id| id.to_str().ok()));
    assert_eq!((&login["actor_label"], &login["category"]), (&json!(ADA), &json!("security")));
    for item in noted {
        let id = item["id"].as_str().expect("an id");
        assert!(Uuid::parse_str(id).is_ok() && item["created_at"].is_string() && item["expires_at"].is_string());
        assert_eq!(item["retention_days"], json!(30));
    }
    assert_eq!((&all["current_retention_days"], &all["current_retention_label"]), (&json!(30), &json!("1 month")));
    let text = all.to_string();
    assert!(!text.contains(&key) && !text.contains(&token) && !text.contains(PASSWORD), "no secrets: {text}");
}

#[tokio::test]
async fn created_pins_are_derived_and_cost_no_write_and_failed_ones_are_told_by_the_worker() {
    let api = Api::new().await;
    api.world.faults.take_calls();
    let body = json!({"account_id": testdata::account(), "board_id": "1000000000000000001", "title": "Soup",
                      "image_url": "https://example.com/a.jpg", "idempotency_key": "k"});
    let (status, pin) = api.call("POST", "/v1/pins", As::Key(&api.key), body).await;
    assert_eq!(status, 201, "{pin}");
    let calls = api.world.faults.take_calls();
    assert!(!calls.contains(&"activity.record"), "{calls:?}");
    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    api.world.run_for_ms(10 * SECOND_MS).await;
    let found = items(&api, "resource_type=pin").await;
    assert_eq!(texts(&found, "action"), ["pin.publish_failed", "pin.created"]);
    assert!(found.iter().all(|item| item["resource_id"] == pin["id"]));
    let id = pin["id"].as_str().expect("an id");
    assert_eq!(items(&api, &format!("resource_id={id}")).await, found);
    assert_eq!((&found[0]["actor_type"], &found[0]["status"]), (&json!("worker"), &json!("failed")));
    assert_eq!(found[0]["metadata"]["error_code"], json!("image_broken"));
    assert_eq!((&found[1]["actor_type"], &found[1]["actor_label"]), (&json!("api_key"), &json!("first key")));
    assert_eq!((&found[1]["status"], &found[1]["created_at"]), (&json!("queued"), &pin["created_at"]));
    assert_eq!(items(&api, "").await.len(), 2, "the same again, and nothing else");
    assert_eq!(texts(&items(&api, "").await, "id"), texts(&found, "id"), "ids stay");
}

#[tokio::test]
async fn published_pins_are_derived_and_cost_no_write_and_every_page_has_each_once() {
    let api = Api::new().await;
    let pin = |n: usize| {
        json!({"account_id": testdata::account(), "board_id": "1000000000000000001", "title": format!("Soup {n}"),
               "image_url": "https://example.com/a.jpg", "idempotency_key": format!("k{n}")})
    };
    let mut pins = Vec::new();
    for n in 0..3 {
        let (status, pin) = api.call("POST", "/v1/pins", As::Key(&api.key), pin(n)).await;
        assert_eq!(status, 201, "{pin}");
        pins.push(pin);
        api.world.system.advance_ms(10);
    }
    api.world.faults.take_calls();
    api.world.run_for_ms(10 * SECOND_MS).await;
    let calls = api.world.faults.take_calls();
    assert!(!calls.contains(&"activity.record"), "{calls:?}");
    let all = items(&api, "").await;
    // Newest first: the publishing of a pin stands above its acceptance.
    let wanted = ["pin.published", "pin.created"].repeat(3);
    assert_eq!(texts(&all, "action"), wanted);
    let published = items(&api, "action=pin.published").await;
    assert_eq!(published, all.iter().step_by(2).cloned().collect::<Vec<_>>());
    for (entry, pin) in published.iter().rev().zip(&pins) {
        let (_, now) = api
            .call("GET", &format!("/v1/pins/{}", pin["id"].as_str().expect("an id")), As::Key(&api.key), Value::Null)
            .await;
        assert_eq!((&entry["resource_id"], &entry["created_at"]), (&pin["id"], &now["published_at"]));
        assert_eq!(entry["metadata"]["pinterest_pin_id"], now["pinterest_pin_id"]);
        assert_eq!((&entry["actor_type"], &entry["status"]), (&json!("worker"), &json!("success")));
        assert_eq!((&entry["category"], &entry["resource_type"]), (&json!("publishing"), &json!("pin")));
    }
    // Pages of every size, and each entry once.
    for limit in 1..=4 {
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        for _ in 0..10 {
            let path = format!("/v1/activity-logs?limit={limit}&cursor={cursor}");
            let (status, page) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
            assert_eq!(status, 200, "{page}");
            let entries = page["items"].as_array().expect("a list");
            assert!(entries.len() <= limit);
            walked.extend(entries.iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(walked, all, "{limit} at a time");
    }
    assert_eq!(items(&api, "status=success&resource_type=pin").await, published);
    assert_eq!(items(&api, "action=pin.created").await.len(), 3);
    let later = api.world.now().plus_ms(1).rfc3339();
    assert!(items(&api, &format!("action=pin.published&since={later}")).await.is_empty());
}

#[tokio::test]
async fn a_pin_that_was_published_long_after_its_acceptance_is_found_by_when_it_was_published() {
    let api = Api::new().await;
    let key = api.world.accept("old").await;
    let (pin, attempt) = api.world.pin(key).await;
    let waits = attempt.deferred(api.world.now(), None, WaitReason::AccountPaused, None, "d".into()).expect("waits");
    assert!(api.world.context.store.save_attempt(&pin, &waits).await.expect("saved").is_done());
    api.world.system.advance_ms(5 * DAY_MS);
    let since = api.world.now().rfc3339();
    let begun = waits.begin(api.world.now(), "b".into()).expect("begins");
    assert!(api.world.context.store.save_attempt(&pin, &begun).await.expect("saved").is_done());
    let done = begun.published(api.world.now(), "9".into(), &Upstream::default(), &pin, "p".into()).expect("publishes");
    assert!(api.world.context.store.save_attempt(&pin, &done).await.expect("saved").is_done());
    let found = items(&api, &format!("action=pin.published&since={since}")).await;
    assert_eq!(texts(&found, "resource_id"), [key.pin.to_string()]);
    assert!(items(&api, &format!("action=pin.created&since={since}")).await.is_empty());
}

#[tokio::test]
async fn what_was_refused_is_noted_as_failed_and_mistakes_are_not() {
    let api = Api::new().await;
    api.person(ADA, Role::Owner).await;
    let wrong = json!({"email": ADA, "password": "a wrong password"});
    assert_eq!(api.call("POST", "/v1/auth/login", As::Nobody, wrong).await.0, 401);
    let path = "/v1/api-keys";
    assert_eq!(api.call("POST", path, As::Key(&api.key), json!({"name": 7})).await.0, 422);
    let unknown = format!("{path}/{}", Uuid::new_v4());
    assert_eq!(api.call("DELETE", &unknown, As::Key(&api.key), Value::Null).await.0, 404);
    let found = items(&api, "").await;
    assert_eq!(texts(&found, "action"), ["auth.login"]);
    assert_eq!((&found[0]["status"], &found[0]["actor_label"]), (&json!("failed"), &json!(ADA)));
    assert_eq!(found[0]["metadata"]["error_code"], json!("invalid_credentials"));
    assert_eq!(items(&api, "status=failed&category=security").await, found);
    assert!(items(&api, "status=success").await.is_empty());
}

#[tokio::test]
async fn a_wrong_password_takes_the_same_calls_whether_or_not_anybody_has_the_address() {
    let api = Api::new().await;
    api.person(ADA, Role::Owner).await;
    let mut calls = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        api.world.faults.take_calls();
        let body = json!({"email": email, "password": "a wrong password"});
        assert_eq!(api.call("POST", "/v1/auth/login", As::Nobody, body).await.0, 401);
        // Which workspaces there are to read differs; that they are read, one after the other, doesn't.
        let read = |call: &&str| !call.starts_with("tenants.workspace");
        calls.push(api.world.faults.take_calls().into_iter().filter(read).collect::<Vec<_>>());
    }
    assert_eq!(calls[0], calls[1], "time tells nothing");
    assert!(calls[0].contains(&"activity.record"));
}

#[tokio::test]
async fn a_request_never_fails_because_it_could_not_be_recorded() {
    let api = Api::new().await;
    api.world.faults.plan("activity.record", 1, Fault::FailBefore);
    assert_eq!(api.call("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": "ci"})).await.0, 201);
    assert!(items(&api, "").await.is_empty());
    assert_eq!(api.call("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": "cd"})).await.0, 201);
    assert_eq!(items(&api, "").await.len(), 1);
}

/// Entries of both lists, many of one moment.
async fn furnish(api: &Api) -> usize {
    let mut count = 0;
    for round in 0..5 {
        for n in 0..4 {
            api.world.accept(&format!("pin-{round}-{n}")).await;
            let by = if n % 2 == 0 { By::Worker } else { By::System };
            let entry = Entry::new(Uuid::new_v4(), api.world.now(), by, &PIN_PUBLISH_FAILED);
            let kept =
                api.world.context.activity.record(testdata::workspace(), &entry, api.world.now().plus_ms(DAY_MS));
            kept.await.expect("recorded");
            count += 2;
        }
        if round % 2 == 0 {
            api.world.system.advance_ms(1);
        }
    }
    count
}

#[tokio::test]
async fn pages_have_no_holes_and_no_repeats_also_within_one_moment() {
    let api = Api::new().await;
    let count = furnish(&api).await;
    let whole = items(&api, "limit=200").await;
    assert_eq!(whole.len(), count);
    let times = texts(&whole, "created_at");
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "newest first");
    for (limit, filter) in [(1, ""), (3, ""), (7, ""), (3, "&action=pin.created"), (2, "&status=failed")] {
        let wanted: Vec<String> =
            items(&api, &format!("limit=200{filter}")).await.iter().map(|i| i["id"].to_string()).collect();
        let mut found: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = log(&api, &format!("limit={limit}{filter}&cursor={cursor}")).await;
            let ids = page["items"].as_array().expect("a list").iter().map(|item| item["id"].to_string());
            found.extend(ids);
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
            // What comes meanwhile is newer, and in nobody's way.
            api.world.system.advance_ms(SECOND_MS);
            api.new_key(json!({"name": "meanwhile"})).await;
        }
        assert_eq!(found, wanted, "limit {limit}{filter}");
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    }
}

#[tokio::test]
async fn a_limited_key_sees_what_was_about_its_accounts_and_what_it_did_itself() {
    let api = Api::new().await;
    let (limited, _) = api.new_key(json!({"name": "limited", "pinterest_account_ids": [testdata::account()]})).await;
    let other = AccountKey::of_pinterest_user(testdata::workspace(), "9001");
    let row = Account { key: other, ..testdata::connected_account() };
    assert!(api.world.context.store.save_account(&row).await.expect("saved").is_done());
    let (elsewhere, _) = api.new_key(json!({"name": "elsewhere", "pinterest_account_ids": [other.account]})).await;
    api.world.accept("pin-1").await;
    let board = json!({"account_id": testdata::account(), "name": "Soups"});
    assert_eq!(api.call("POST", "/v1/pinterest/boards", As::Key(&limited), board).await.0, 201);
    let seen = async |key: &str| {
        let (status, answer) = api.call("GET", PATH, As::Key(key), Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        let mut actions = texts(answer["items"].as_array().expect("a list"), "action");
        actions.sort_unstable();
        actions
    };
    assert_eq!(seen(&api.key).await, ["api_key.created", "api_key.created", "board.created", "pin.created"]);
    assert_eq!(seen(&limited).await, ["board.created", "pin.created"]);
    assert_eq!(seen(&elsewhere).await, [""; 0]);
}

#[tokio::test]
async fn bad_cursors_and_times_are_refused_and_unknown_names_match_nothing() {
    let api = Api::new().await;
    furnish(&api).await;
    for query in ["cursor=nonsense", "since=yesterday", "since=2026-01-01T00:00:00", "limit=201", "limit=0"] {
        api.refused("GET", &format!("{PATH}?{query}"), As::Key(&api.key), Value::Null, 422, "validation_error").await;
    }
    let unknown = ["category=billing", "category=nonsense", "action=pin.eaten", "status=maybe", "resource_type=soup"];
    for query in unknown.into_iter().chain(["resource_id=soup"]) {
        let page = log(&api, query).await;
        assert_eq!((&page["items"], &page["next_cursor"]), (&json!([]), &Value::Null), "{query}");
    }
    let since = items(&api, "limit=200").await[10]["created_at"].as_str().expect("a time").to_owned();
    let newer = items(&api, &format!("limit=200&since={since}")).await;
    assert!(texts(&newer, "created_at").iter().all(|at| *at >= since) && newer.len() > 10);
}

#[tokio::test]
async fn entries_end_with_their_retention() {
    let api = Api::new().await;
    api.new_key(json!({"name": "old"})).await;
    api.world.accept("old").await;
    api.world.system.advance_ms(30 * DAY_MS - SECOND_MS);
    assert_eq!(items(&api, "").await.len(), 2);
    api.world.system.advance_ms(2 * SECOND_MS);
    assert!(items(&api, "").await.is_empty());
}
