//! `/v1/schedules`, through the API's own routes over fakes.

use http::Request;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment};
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const PATH: &str = "/v1/schedules";
const BOARD: &str = "700000000000000042";

async fn api() -> Api {
    let api = Api::new().await;
    api.world.boards.insert(BOARD);
    api
}

fn body(title: &str, run_at: Moment) -> Value {
    json!({
        "account_id": testdata::account(), "run_at": run_at.rfc3339(), "board_id": BOARD, "title": title,
        "description": "Folded", "link_url": "https://example.com/a", "image_url": "https://example.com/a.jpg",
    })
}

async fn create(api: &Api, body: Value) -> Value {
    let (status, answer) = api.call("POST", PATH, As::Key(&api.key), body).await;
    assert_eq!(status, 201, "{answer}");
    as_read(answer)
}

/// The accepted schedule as it is read later: without the warnings of its request, and what its words meant.
fn as_read(mut accepted: Value) -> Value {
    let fields = accepted.as_object_mut().expect("an object");
    assert!(fields.remove("warnings").is_some_and(|one| one.is_array()));
    assert!(fields.remove("resolved").is_some());
    accepted
}

fn path(schedule: &Value, rest: &str) -> String {
    format!("{PATH}/{}{rest}", schedule["id"].as_str().expect("an id"))
}

async fn read(api: &Api, schedule: &Value) -> Value {
    let (status, answer) = api.call("GET", &path(schedule, ""), As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_schedule_is_answered_as_the_clients_read_it() {
    let api = api().await;
    let mut asked = body("Crane", START.plus_ms(HOUR_MS));
    asked["alt_text"] = json!("A crane");
    asked["priority"] = json!("urgent");
    asked["idempotency_key"] = json!("mine");
    let made = create(&api, asked.clone()).await;
    let wanted = json!({
        "account_id": testdata::account(), "board_id": BOARD, "title": "Crane", "description": "Folded",
        "link_url": "https://example.com/a", "media_type": "image", "media_url": "https://example.com/a.jpg",
        "image_url": "https://example.com/a.jpg", "asset_id": null, "cover_image_url": null,
        "cover_image_asset_id": null, "alt_text": "A crane", "related_terms": null, "dominant_color": null,
        "priority": "urgent", "publish_before": null,
    });
    assert_eq!(made["payload"], wanted);
    for (field, value) in [
        ("status", json!("scheduled")),
        ("run_at", json!(START.plus_ms(HOUR_MS).rfc3339())),
        ("workspace_id", json!(testdata::workspace())),
        ("pinterest_account_id", json!(testdata::account())),
        ("last_error", Value::Null),
        ("pin_id", Value::Null),
        ("late_by_seconds", Value::Null),
        ("late_cause", Value::Null),
        ("idempotency_key", json!("mine")),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    assert_eq!(read(&api, &made).await, made);
    let (status, headers, again) = api.full("POST", PATH, As::Key(&api.key), asked).await;
    assert_eq!((status, as_read(again)), (200, made.clone()), "the same key is the same schedule");
    assert_eq!(headers["idempotent-replayed"], "true");
    let mut altered = body("Swan", START.plus_ms(HOUR_MS));
    altered["idempotency_key"] = json!("mine");
    api.refused("POST", PATH, As::Key(&api.key), altered, 409, "idempotency_key_reused").await;

    api.world.run_until(START.plus_ms(HOUR_MS + MINUTE_MS)).await;
    let done = read(&api, &made).await;
    assert_eq!((done["status"].as_str(), done["last_error"].as_str()), (Some("done"), None));
    let pin = format!("/v1/pins/{}", done["pin_id"].as_str().expect("its pin"));
    let (status, pin) = api.call("GET", &pin, As::Key(&api.key), Value::Null).await;
    assert_eq!((status, pin["status"].as_str(), pin["alt_text"].as_str()), (200, Some("published"), Some("A crane")));
}

#[tokio::test]
async fn without_a_key_two_requests_are_two_schedules_and_a_header_is_a_key() {
    let api = api().await;
    let asked = body("Crane", START.plus_ms(HOUR_MS));
    assert_ne!(create(&api, asked.clone()).await["id"], create(&api, asked.clone()).await["id"]);
    let send = || {
        Request::post(PATH)
            .header("x-api-key", &api.key)
            .header("X-Pinbridge-Idempotency-Key", "k")
            .header("X-Pinbridge-Priority", "bulk")
            .body(axum::body::Body::from(asked.to_string()))
            .expect("a request")
    };
    let ((first, _, one), (second, _, two)) = (api.send(send()).await, api.send(send()).await);
    assert_eq!((first, second, &one["id"]), (201, 200, &two["id"]));
    assert_eq!(one["payload"]["priority"], "bulk");
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_kept() {
    let api = api().await;
    let fine = body("Crane", START.plus_ms(HOUR_MS));
    for (field, value, code) in [
        ("run_at", Value::Null, "validation_error"),
        ("run_at", json!("2026-03-06T10:00:00"), "validation_error"),
        ("run_at", json!(START.rfc3339()), "validation_error"),
        ("run_at", json!("2099-01-01T00:00:00Z"), "validation_error"),
        ("title", json!("x".repeat(101)), "validation_error"),
        ("board_id", json!("../me"), "board_not_found"),
        ("board_id", json!("700000000000000043"), "board_not_found"),
        ("image_url", Value::Null, "validation_error"),
        ("cover_image_asset_id", json!(testdata::account()), "assets_not_enabled"),
    ] {
        let mut asked = fine.clone();
        asked[field] = value;
        let answer = api.refused("POST", PATH, As::Key(&api.key), asked, 422, code).await;
        if code == "validation_error" {
            assert_eq!(answer["error"]["errors"][0]["loc"], json!(["body", field]), "{answer}");
        }
    }
    let mut asset = fine.clone();
    asset["asset_id"] = json!(testdata::account());
    asset["image_url"] = Value::Null;
    api.refused("POST", PATH, As::Key(&api.key), asset, 422, "assets_not_enabled").await;
    let (_, headers, list) = api.full("GET", PATH, As::Key(&api.key), Value::Null).await;
    assert_eq!((list, headers["x-total-count"].to_str().expect("text")), (json!([]), "0"));
}

#[tokio::test]
async fn an_edit_keeps_what_is_left_out_and_null_clears() {
    let api = api().await;
    let made = create(&api, body("Crane", START.plus_ms(HOUR_MS))).await;
    let later = START.plus_ms(2 * HOUR_MS).rfc3339();
    let change = json!({"title": "Swan", "description": null, "run_at": later});
    let (status, edited) = api.call("PATCH", &path(&made, ""), As::Key(&api.key), change).await;
    assert_eq!(status, 200, "{edited}");
    assert_eq!((&edited["payload"]["title"], &edited["payload"]["description"]), (&json!("Swan"), &Value::Null));
    assert_eq!((&edited["run_at"], &edited["payload"]["link_url"]), (&json!(later), &made["payload"]["link_url"]));
    for (change, code) in [
        (json!({"title": null}), "validation_error"),
        (json!({"run_at": null}), "validation_error"),
        (json!({"run_at": START.rfc3339()}), "validation_error"),
        (json!({"account_id": testdata::account()}), "validation_error"),
        (json!({"asset_id": testdata::account()}), "assets_not_enabled"),
        (json!({"board_id": "700000000000000043"}), "board_not_found"),
    ] {
        api.refused("PATCH", &path(&made, ""), As::Key(&api.key), change, 422, code).await;
    }
    let mut kept = edited;
    let fields = kept.as_object_mut().expect("an object");
    fields.remove("warnings");
    assert_eq!(fields.remove("resolved"), Some(Value::Null));
    assert_eq!(read(&api, &made).await, kept, "a refused edit changes nothing");
    api.world.run_until(START.plus_ms(2 * HOUR_MS - MINUTE_MS)).await;
    let change = json!({"title": "Heron"});
    let (status, edited) = api.call("PATCH", &path(&made, ""), As::Key(&api.key), change.clone()).await;
    assert_eq!((status, &edited["payload"]["title"]), (200, &json!("Heron")), "its pin has not begun");
    // Handed over: its time is settled, and its content is not.
    let later = json!({"run_at": START.plus_ms(3 * HOUR_MS).rfc3339()});
    api.refused("PATCH", &path(&made, ""), As::Key(&api.key), later, 409, "schedule_not_editable").await;
    api.world.run_until(START.plus_ms(2 * HOUR_MS + MINUTE_MS)).await;
    api.refused("PATCH", &path(&made, ""), As::Key(&api.key), change, 409, "schedule_not_editable").await;
}

#[tokio::test]
async fn cancel_retry_and_removal_follow_the_state() {
    let api = api().await;
    let key = As::Key(&api.key);
    let waits = create(&api, body("Waits", START.plus_ms(HOUR_MS))).await;
    for method in ["/retry", ""] {
        let verb = if method.is_empty() { "DELETE" } else { "POST" };
        api.refused(verb, &path(&waits, method), key, Value::Null, 400, "bad_request").await;
    }
    let (status, canceled) = api.call("POST", &path(&waits, "/cancel"), key, Value::Null).await;
    assert_eq!((status, canceled["status"].as_str()), (200, Some("canceled")));
    api.refused("POST", &path(&waits, "/cancel"), key, Value::Null, 400, "bad_request").await;
    let (status, _) = api.call("DELETE", &path(&waits, ""), key, Value::Null).await;
    assert_eq!(status, 204);
    api.refused("GET", &path(&waits, ""), key, Value::Null, 404, "not_found").await;

    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let fails = create(&api, body("Fails", START.plus_ms(MINUTE_MS))).await;
    api.world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
    let failed = read(&api, &fails).await;
    assert_eq!((failed["status"].as_str(), failed["error_code"].as_str()), (Some("failed"), Some("image_broken")));
    assert!(failed["last_error"].is_string() && failed["error_remediation"].is_string(), "{failed}");
    let (status, again) = api.call("POST", &path(&fails, "/retry"), key, Value::Null).await;
    assert_eq!((status, &again["run"], &again["pin_id"]), (200, &json!(0), &failed["pin_id"]), "{again}");
    api.world.run_for_ms(MINUTE_MS).await;
    assert_eq!(read(&api, &fails).await["status"], "done");
}

#[tokio::test]
async fn bulk_calls_tell_of_each_what_became_of_it() {
    let api = api().await;
    let key = As::Key(&api.key);
    let one = create(&api, body("One", START.plus_ms(HOUR_MS))).await;
    let two = create(&api, body("Two", START.plus_ms(HOUR_MS))).await;
    api.call("POST", &path(&two, "/cancel"), key, Value::Null).await;
    let nobody = "00000000-0000-4000-8000-00000000dead";
    let ids = json!({"ids": [one["id"], two["id"], nobody, one["id"]]});
    for (what, outcomes) in [
        ("cancel", ["succeeded", "skipped", "failed"]),
        ("retry", ["skipped", "skipped", "failed"]),
        ("delete", ["succeeded", "succeeded", "failed"]),
    ] {
        let (status, answer) = api.call("POST", &format!("{PATH}/bulk-{what}"), key, ids.clone()).await;
        assert_eq!(status, 200, "{answer}");
        let told: Vec<&str> =
            answer["results"].as_array().expect("a list").iter().filter_map(|r| r["status"].as_str()).collect();
        assert_eq!(told, outcomes, "{what}: {answer}");
        let count = |name: &str| outcomes.iter().filter(|outcome| **outcome == name).count();
        for name in ["succeeded", "skipped", "failed"] {
            assert_eq!(answer[format!("{name}_count")], json!(count(name)), "{what}: {answer}");
        }
        assert_eq!(answer["results"][2]["error_code"], "not_found");
    }
    // Once more, as a client does that hasn't heard the answer.
    let (_, answer) = api.call("POST", &format!("{PATH}/bulk-delete"), key, json!({"ids": [one["id"]]})).await;
    let told = (&answer["results"][0]["status"], &answer["results"][0]["error_code"]);
    assert_eq!(told, (&json!("skipped"), &json!("schedule_removed")));
    for ids in [json!({}), json!({"ids": []}), json!({"ids": ["x"]}), json!({"ids": vec![nobody; 101]})] {
        api.refused("POST", &format!("{PATH}/bulk-cancel"), key, ids, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn a_key_that_cant_be_one_and_a_misspelt_change_are_refused() {
    let api = api().await;
    let blank = json!({"idempotency_key": "  "});
    let mut asked = body("Crane", START.plus_ms(HOUR_MS));
    asked["idempotency_key"] = blank["idempotency_key"].clone();
    api.refused("POST", PATH, As::Key(&api.key), asked, 422, "validation_error").await;
    let made = create(&api, body("Crane", START.plus_ms(HOUR_MS))).await;
    let misspelt = json!({"descripton": "Unfolded"});
    api.refused("PATCH", &path(&made, ""), As::Key(&api.key), misspelt, 422, "validation_error").await;
    let mut video = body("Film", START.plus_ms(HOUR_MS));
    video["media_type"] = json!("video");
    let (status, answer) = api.call("POST", PATH, As::Key(&api.key), video).await;
    assert_eq!(answer["code"], "assets_not_enabled", "{status} {answer}");
}

#[tokio::test]
async fn lists_filter_search_sort_and_page() {
    let api = api().await;
    let key = As::Key(&api.key);
    for (index, title) in ["Beta", "alpha", "Gamma", "delta"].into_iter().enumerate() {
        create(&api, body(title, START.plus_ms((index as i64 + 1) * HOUR_MS))).await;
        api.world.system.advance_ms(1);
    }
    let titles = async |query: &str| {
        let (status, headers, list) = api.full("GET", &format!("{PATH}?{query}"), key, Value::Null).await;
        assert_eq!(status, 200, "{list}");
        let titles: Vec<String> = list
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["payload"]["title"].as_str().expect("a title").to_owned())
            .collect();
        let total = headers["x-total-count"].to_str().expect("text").to_owned();
        (titles.join(" "), total, headers.get("x-next-cursor").map(|next| next.to_str().expect("text").to_owned()))
    };
    let at = |hours: i64| START.plus_ms(hours * HOUR_MS).rfc3339();
    for (query, wanted, total) in [
        (String::new(), "delta Gamma alpha Beta", "4"),
        ("sort=run_at_asc".into(), "Beta alpha Gamma delta", "4"),
        ("sort=created_at_desc".into(), "delta Gamma alpha Beta", "4"),
        ("sort=created_at_asc".into(), "Beta alpha Gamma delta", "4"),
        ("sort=title_asc".into(), "alpha Beta delta Gamma", "4"),
        ("sort=title_desc".into(), "Gamma delta Beta alpha", "4"),
        ("sort=status_asc".into(), "Beta alpha Gamma delta", "4"),
        ("limit=2&offset=1".into(), "Gamma alpha", "4"),
        (format!("since={}&until={}", at(2), at(4)), "Gamma alpha", "2"),
        ("q=ALPHA".into(), "alpha", "1"),
        ("q=example.com&limit=1".into(), "delta", "4"),
        ("q=swan".into(), "", "0"),
        (format!("board_id={BOARD}&status=scheduled"), "delta Gamma alpha Beta", "4"),
        ("status=done".into(), "", "0"),
        ("board_id=1".into(), "", "0"),
    ] {
        let (got, count, _) = titles(&query).await;
        assert_eq!((got.as_str(), count.as_str()), (wanted, total), "{query}");
    }
    let (first, _, next) = titles("limit=3").await;
    let (second, _, end) = titles(&format!("limit=3&cursor={}", next.expect("more"))).await;
    assert_eq!((first.as_str(), second.as_str(), end), ("delta Gamma alpha", "Beta", None));
    // Any other list is whole by its cursors too.
    for (list, wanted) in
        [("q=folded", ["delta", "Gamma", "alpha", "Beta"]), ("sort=title_asc", ["alpha", "Beta", "delta", "Gamma"])]
    {
        let (mut walked, mut query) = (Vec::new(), format!("{list}&limit=1"));
        for _ in 0..5 {
            let (title, _, next) = titles(&query).await;
            walked.push(title);
            let Some(next) = next else { break };
            query = format!("{list}&limit=1&cursor={next}");
        }
        assert_eq!(walked, wanted, "{list}");
    }
    for query in ["status=pending", "sort=newest", "since=yesterday", "cursor=x", "limit=0", "account_id=x"] {
        api.refused("GET", &format!("{PATH}?{query}"), key, Value::Null, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn a_retried_schedule_publishes_the_linked_pin_again() {
    let api = api().await;
    let key = As::Key(&api.key);
    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let made = create(&api, body("Twice", START.plus_ms(1_000))).await;
    let old = made["pin_id"].as_str().expect("handed over").to_owned();
    api.world.run_for_ms(60_000).await;
    let (status, retried) = api.call("POST", &path(&made, "/retry"), key, Value::Null).await;
    assert_eq!((status, &retried["pin_id"], &retried["run"]), (200, &json!(old), &json!(0)), "{retried}");
    // It is under way already.
    let (_, answer) = api.call("POST", "/v1/pins/bulk-retry", key, json!({"ids": [old]})).await;
    assert_eq!(answer["results"][0]["status"], "skipped", "{answer}");
    api.world.run_for_ms(60_000).await;
    assert_eq!(api.world.pinterest.pins().len(), 1);
    let done = read(&api, &made).await;
    assert_eq!((&done["status"], &done["pin_id"]), (&json!("done"), &json!(old)), "{done}");
}

#[tokio::test]
async fn a_superseded_pin_is_neither_changed_nor_retried() {
    let api = api().await;
    let key = As::Key(&api.key);
    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let made = create(&api, body("Twice", START.plus_ms(1_000))).await;
    let old = made["pin_id"].as_str().expect("handed over").to_owned();
    api.world.run_for_ms(60_000).await;
    // Older than any pin gets: only another pin helps.
    api.world.system.advance_ms(31 * 24 * HOUR_MS);
    let (status, retried) = api.call("POST", &path(&made, "/retry"), key, Value::Null).await;
    assert_eq!((status, &retried["run"]), (200, &json!(1)), "{retried}");
    for change in [json!({"title": "New"}), json!({"description": null}), json!({"link_url": "https://example.com/b"})]
    {
        api.refused("PATCH", &format!("/v1/pins/{old}"), key, change, 409, "pin_superseded").await;
    }
    let (_, answer) = api.call("POST", "/v1/pins/bulk-retry", key, json!({"ids": [old]})).await;
    let told = (&answer["results"][0]["status"], &answer["results"][0]["error_code"]);
    assert_eq!(told, (&json!("skipped"), &json!("pin_superseded")), "{answer}");
    api.refused("POST", &format!("/v1/pins/{old}/retry"), key, Value::Null, 409, "pin_superseded").await;
    api.world.run_for_ms(60_000).await;
    assert_eq!(api.world.pinterest.pins().len(), 1);
}

#[tokio::test]
async fn a_schedule_says_scheduled_until_its_second_and_is_edited_until_then() {
    let api = api().await;
    let key = As::Key(&api.key);
    let due = START.plus_ms(10 * MINUTE_MS);
    let made = create(&api, body("Crane", due)).await;
    for left_ms in [9 * MINUTE_MS, 179_000, 60_000, 1_000, 1] {
        api.world.run_until(due.plus_ms(-left_ms)).await;
        let shown = read(&api, &made).await;
        assert_eq!(shown["status"], "scheduled", "{left_ms} ms before: {shown}");
        let (_, list) = api.call("GET", &format!("{PATH}?status=scheduled"), key, Value::Null).await;
        assert_eq!(list.as_array().map(Vec::len), Some(1), "{left_ms} ms before: {list}");
        let title = format!("Crane {left_ms}");
        let (status, changed) = api.call("PATCH", &path(&made, ""), key, json!({"title": title})).await;
        assert_eq!((status, &changed["payload"]["title"]), (200, &json!(title)), "{changed}");
        let later = json!({"run_at": due.plus_ms(60 * MINUTE_MS).rfc3339()});
        if left_ms < 179_000 {
            api.refused("PATCH", &path(&made, ""), key, later, 409, "schedule_not_editable").await;
        }
    }
    api.world.run_until(due.plus_ms(MINUTE_MS)).await;
    assert_eq!(read(&api, &made).await["status"], "done");
    let titles: Vec<String> = api.world.pinterest.pins().into_iter().filter_map(|pin| pin.title).collect();
    assert_eq!(titles, ["Crane 1"]);
    api.refused("PATCH", &path(&made, ""), key, json!({"title": "x"}), 409, "schedule_not_editable").await;
}

#[tokio::test]
async fn a_schedule_is_found_by_what_it_shows() {
    let api = api().await;
    let key = As::Key(&api.key);
    let made = create(&api, body("Zebra", START.plus_ms(100_000))).await;
    let pin = made["pin_id"].as_str().expect("handed over").to_owned();
    let (status, _) = api.call("PATCH", &format!("/v1/pins/{pin}"), key, json!({"title": "Giraffe"})).await;
    assert_eq!(status, 200);
    for (query, found) in [("q=giraffe", 1), ("q=zebra", 0), ("sort=title_asc", 1)] {
        let (_, list) = api.call("GET", &format!("{PATH}?{query}"), key, Value::Null).await;
        assert_eq!(list.as_array().map(Vec::len), Some(found), "{query}: {list}");
        assert!(found == 0 || list[0]["payload"]["title"] == "Giraffe", "{list}");
    }
}

#[tokio::test]
async fn a_key_sees_and_touches_the_schedules_of_its_accounts_only() {
    let api = api().await;
    let made = create(&api, body("Crane", START.plus_ms(HOUR_MS))).await;
    let (limited, _) = api.new_key(json!({"name": "none", "pinterest_account_ids": [testdata::account()]})).await;
    assert_eq!(api.call("GET", &path(&made, ""), As::Key(&limited), Value::Null).await.0, 200);
    let (reader, _) = api.new_key(json!({"name": "reads", "scopes": ["read"]})).await;
    for (method, rest) in [("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")] {
        api.refused(method, &path(&made, rest), As::Key(&reader), Value::Null, 403, "insufficient_scope").await;
    }
    let other = testdata::connected_account();
    let other = pinbridge_shared::domain::account::Account {
        key: pinbridge_shared::domain::ids::AccountKey {
            account: pinbridge_shared::domain::ids::AccountId(uuid::Uuid::from_u128(0xc)),
            ..other.key
        },
        ..other
    };
    assert!(api.world.context.store.save_account(&other).await.expect("saved").is_done());
    let (elsewhere, _) = api.new_key(json!({"name": "other", "pinterest_account_ids": [other.key.account]})).await;
    let elsewhere = As::Key(&elsewhere);
    let (_, headers, list) = api.full("GET", PATH, elsewhere, Value::Null).await;
    assert_eq!((list, headers["x-total-count"].to_str().expect("text")), (json!([]), "0"));
    let asked = body("Crane", START.plus_ms(HOUR_MS));
    api.refused("POST", PATH, elsewhere, asked, 403, "account_not_permitted").await;
    for (method, rest, body) in [
        ("GET", "", Value::Null),
        ("PATCH", "", json!({"title": "Mine"})),
        ("POST", "/cancel", Value::Null),
        ("POST", "/retry", Value::Null),
        ("DELETE", "", Value::Null),
    ] {
        api.refused(method, &path(&made, rest), elsewhere, body, 404, "not_found").await;
    }
    let ids = json!({"ids": [made["id"]]});
    for what in ["cancel", "retry", "delete"] {
        let (_, answer) = api.call("POST", &format!("{PATH}/bulk-{what}"), elsewhere, ids.clone()).await;
        assert_eq!(answer["results"][0]["error_code"], "not_found", "{answer}");
    }
    assert_eq!(read(&api, &made).await, made, "untouched");
}

#[tokio::test]
async fn the_timeline_of_a_schedule_says_what_became_of_it() {
    let api = api().await;
    let made = create(&api, body("Crane", START.plus_ms(HOUR_MS))).await;
    let timeline = async || {
        let (status, answer) = api.call("GET", &path(&made, "/timeline"), As::Key(&api.key), Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let types = |timeline: &Value| -> Vec<String> {
        let events = timeline["events"].as_array().expect("events").iter();
        events.map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
    };
    let waits = timeline().await;
    assert_eq!((types(&waits), &waits["pin_id"]), (vec!["created".to_owned()], &Value::Null));
    assert_eq!(waits["summary"], "Not published yet: it is scheduled for 1 Jan 2026 at 01:00:00 UTC.");
    assert_eq!(waits["events"][0]["by"]["type"], "api_key");
    api.world.run_until(START.plus_ms(HOUR_MS + MINUTE_MS)).await;
    let done = timeline().await;
    assert_eq!(types(&done), ["created", "released", "started", "published"]);
    assert_eq!((&done["status"], &done["pin_id"]), (&json!("done"), &read(&api, &made).await["pin_id"]));
    let id = api.world.pinterest.pins()[0].id.clone();
    let summary = done["summary"].as_str().expect("a sentence");
    assert!(summary.starts_with("Published on 1 Jan 2026 at 01:00:0") && summary.contains(&id), "{summary}");
    assert_eq!((&done["published_at_source"], &done["created_on_pinterest_at"]), (&json!("answer"), &Value::Null));
    assert_eq!(done["published_at"], done["events"][3]["at"]);

    let other = create(&api, body("Swan", START.plus_ms(3 * HOUR_MS))).await;
    api.call("POST", &path(&other, "/cancel"), As::Key(&api.key), Value::Null).await;
    let (_, canceled) = api.call("GET", &path(&other, "/timeline"), As::Key(&api.key), Value::Null).await;
    assert_eq!(types(&canceled), ["created", "canceled"]);
    assert!(canceled["summary"].as_str().is_some_and(|text| text.starts_with("Canceled on")), "{canceled}");
    let by = &canceled["events"][1]["by"];
    assert_eq!((&by["type"], &by["name"]), (&json!("api_key"), &json!("first key")), "{canceled}");
    let text = canceled["events"][1]["text"].as_str().expect("a sentence");
    assert!(text.contains(" was canceled by the API key \"first key\" before "), "{text}");
}

#[tokio::test]
async fn a_bulk_cancellation_names_its_caller_in_the_timeline_and_the_log_finds_it() {
    let api = api().await;
    let made = create(&api, body("Crane", START.plus_ms(HOUR_MS))).await;
    let (other, _) = api.new_key(json!({"name": "Shop"})).await;
    api.world.system.advance_ms(1);
    let ids = json!({"ids": [made["id"]]});
    let (status, answer) = api.call("POST", &format!("{PATH}/bulk-cancel"), As::Key(&other), ids).await;
    assert_eq!((status, &answer["succeeded_count"]), (200, &json!(1)), "{answer}");
    let (_, timeline) = api.call("GET", &path(&made, "/timeline"), As::Key(&api.key), Value::Null).await;
    let summary = timeline["summary"].as_str().expect("a sentence");
    assert!(summary.contains(" by the API key \"Shop\", before its pin was published."), "{summary}");
    let log = format!("/v1/activity-logs?resource_id={}", made["id"].as_str().expect("an id"));
    let (_, log) = api.call("GET", &log, As::Key(&api.key), Value::Null).await;
    let labels: Vec<&Value> = log["items"].as_array().expect("entries").iter().map(|one| &one["actor_label"]).collect();
    assert_eq!(labels, [&json!("Shop"), &json!("first key")], "{log}");
}
