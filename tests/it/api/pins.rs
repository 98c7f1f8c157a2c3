//! Changing, deleting, checking pins, and many at once, through the API's own routes over fakes.

use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const ACCOUNT: &str = "00000000-0000-0000-0000-00000000000b";
/// The first that the fake knows.
const BOARD: &str = "700000000000000002";
const UNKNOWN: &str = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";

async fn api() -> Api {
    let api = Api::new().await;
    assert_eq!(api.world.boards.add("Cranes"), BOARD);
    api
}

fn body(name: &str) -> Value {
    json!({
        "account_id": ACCOUNT,
        "board_id": BOARD,
        "title": format!("Title of {name}"),
        "description": "Patience",
        "link_url": "https://example.com/a",
        "image_url": "https://images.example.com/a.jpg",
        "idempotency_key": name,
    })
}

async fn ask(api: &Api, method: &str, path: &str, body: Value) -> (u16, Value) {
    api.call(method, path, As::Key(&api.key), body).await
}

async fn create(api: &Api, name: &str) -> String {
    let (status, pin) = ask(api, "POST", "/v1/pins", body(name)).await;
    assert_eq!(status, 201, "{pin}");
    pin["id"].as_str().expect("an id").to_owned()
}

async fn refused(api: &Api, method: &str, path: &str, body: Value, status: u16, code: &str) -> Value {
    api.refused(method, path, As::Key(&api.key), body, status, code).await
}

#[tokio::test]
async fn a_change_clears_what_is_null_and_leaves_what_is_absent() {
    let api = api().await;
    let id = create(&api, "a").await;
    let path = format!("/v1/pins/{id}");
    let (status, pin) = ask(&api, "PATCH", &path, json!({"title": "Better", "link_url": null})).await;
    assert_eq!(status, 200, "{pin}");
    assert_eq!(
        (&pin["title"], &pin["link_url"], &pin["description"]),
        (&json!("Better"), &Value::Null, &json!("Patience"))
    );
    assert_eq!((&pin["edits"], &pin["status"]), (&json!(1), &json!("queued")));
    assert_eq!(pin["origin"]["actor_type"], "api_key");
    assert_eq!(ask(&api, "GET", &path, Value::Null).await.1["title"], "Better");
    let (_, timeline) = ask(&api, "GET", &format!("{path}/timeline"), Value::Null).await;
    assert_eq!(timeline["events"][1]["event"], "edited", "{timeline}");
    for wrong in [json!({"title": null}), json!({"title": " "}), json!({"board_id": null}), json!({"image_url": "x"})] {
        refused(&api, "PATCH", &path, wrong, 422, "validation_error").await;
    }
    refused(&api, "PATCH", &format!("/v1/pins/{UNKNOWN}"), json!({"title": "x"}), 404, "not_found").await;
    refused(&api, "PATCH", &path, json!({"board_id": "404"}), 422, "board_not_found").await;
    // The original request is answered with the pin as it is now.
    let (status, again) = ask(&api, "POST", "/v1/pins", body("a")).await;
    assert_eq!((status, &again["title"]), (200, &json!("Better")));
    api.world.run_publisher_once().await;
    refused(&api, "PATCH", &path, json!({"title": "Late"}), 409, "pin_already_published").await;
}

#[tokio::test]
async fn pinterests_words_are_shown_whole_per_attempt_and_nobody_elses_are_taken_for_them() {
    let api = api().await;
    let (refused, lost) = (create(&api, "refused").await, create(&api, "lost").await);
    const WORDS: &str = "Parameter 'link' with the value 'https://shop.example.com/a/long/way/to/go/and/further/still/\
                         and/some/more?for=good#measure' is not a valid URL format.";
    const BODY: &str = r#"{"code":1,"message":"Parameter 'link' with the value 'https://shop.example.com/a/long/way/to/go/and/further/still/and/some/more?for=good#measure' is not a valid URL format."}"#;
    api.world.pinterest.answer("Title of refused", [Answer::Http(400, BODY)]);
    api.world.pinterest.answer("Title of lost", [Answer::LOST_WITHOUT_COMMIT]);
    while api.world.run_publisher_once().await > 0 {}
    let (_, shown) = ask(&api, "GET", &format!("/v1/pins/{refused}"), Value::Null).await;
    let message = shown["error_message"].as_str().expect("a message");
    assert!(message.contains("Pinterest said: Parameter 'link' with the value 'https://"), "{message}");
    assert!(message.ends_with("…' is not a valid URL format."), "{message}");
    let events =
        async |id: &str| ask(&api, "GET", &format!("/v1/pins/{id}/timeline"), Value::Null).await.1["events"].clone();
    let told = events(&refused).await;
    assert_eq!((&told[2]["event"], &told[2]["upstream_message"]), (&json!("failed"), &json!(WORDS)), "{told}");
    assert_eq!(told[2]["transport_error"], Value::Null);
    let (_, shown) = ask(&api, "GET", &format!("/v1/pins/{lost}"), Value::Null).await;
    assert_eq!(shown["error_code"], "outcome_unknown");
    assert!(!shown["error_message"].as_str().expect("a message").contains("Pinterest said"), "{shown}");
    let told = events(&lost).await;
    assert_eq!((&told[2]["event"], &told[2]["upstream_message"]), (&json!("outcome_unknown"), &Value::Null), "{told}");
    assert_eq!(told[2]["transport_error"], "timed out");
}

#[tokio::test]
async fn a_deleted_pin_is_404_and_its_key_is_taken() {
    let api = api().await;
    let id = create(&api, "a").await;
    let path = format!("/v1/pins/{id}");
    let (status, _, answer) = api.full("DELETE", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((status, answer), (204, Value::Null));
    for (method, path) in [
        ("GET", path.clone()),
        ("GET", format!("{path}/timeline")),
        ("GET", format!("/v1/jobs/{id}")),
        ("DELETE", path.clone()),
        ("DELETE", format!("{path}?delete_from_pinterest=true")),
        ("POST", format!("{path}/retry")),
    ] {
        refused(&api, method, &path, Value::Null, 404, "pin_deleted").await;
    }
    assert_eq!(ask(&api, "GET", "/v1/pins", Value::Null).await.1, json!([]));
    refused(&api, "POST", "/v1/pins", body("a"), 409, "pin_deleted").await;
    refused(
        &api,
        "DELETE",
        &format!("/v1/pins/{UNKNOWN}?delete_from_pinterest=maybe"),
        Value::Null,
        422,
        "validation_error",
    )
    .await;
}

#[tokio::test]
async fn a_published_pin_is_deleted_on_pinterest_if_that_is_asked_for() {
    let api = api().await;
    let (kept, removed, waits) =
        (create(&api, "kept").await, create(&api, "removed").await, create(&api, "waits").await);
    api.world.pinterest.answer("Title of waits", [Answer::Refused(Failure::ImageBroken, None)]);
    api.world.run_publisher_once().await;
    let (_, pin) = ask(&api, "GET", &format!("/v1/pins/{removed}"), Value::Null).await;
    let on_pinterest = pin["pinterest_pin_id"].as_str().expect("published").to_owned();
    let path = format!("/v1/pins/{removed}?delete_from_pinterest=true");
    api.world.pinterest.fail_deletions([Failure::PinterestUnreachable]);
    refused(&api, "DELETE", &path, Value::Null, 502, "pinterest_unreachable").await;
    let (status, answer) = ask(&api, "DELETE", &path, Value::Null).await;
    let wanted = json!({"id": removed, "deleted": true, "removed_from_pinterest": true, "pinterest_pin_id": on_pinterest, "reason": null});
    assert_eq!((status, answer), (200, wanted));
    assert_eq!(api.world.pinterest.deletions(), [on_pinterest.clone(), on_pinterest], "once refused, once done");
    let path = format!("/v1/pins/{waits}?delete_from_pinterest=true");
    let (status, answer) = ask(&api, "DELETE", &path, Value::Null).await;
    assert_eq!(
        (status, &answer["reason"], &answer["removed_from_pinterest"]),
        (200, &json!("not_published"), &json!(false))
    );
    assert_eq!(ask(&api, "DELETE", &format!("/v1/pins/{kept}"), Value::Null).await.0, 204);
    assert_eq!(api.world.pinterest.deletions().len(), 2);
}

#[tokio::test]
async fn a_batch_refuses_the_same_content_if_that_is_asked_for() {
    let api = api().await;
    create(&api, "a").await;
    let item = |title: &str, key: &str| {
        let mut item = body(key);
        item["title"] = json!(title);
        item
    };
    // Of a pin that is there, and of an item before; the same key again is the same pin.
    let pins = [item("Title of a", "b"), item("New", "c"), item("New", "d"), item("New", "c")];
    let statuses = |answer: &Value| -> Vec<String> {
        let results = answer["results"].as_array().expect("results");
        results.iter().map(|result| result["status"].as_str().expect("a status").to_owned()).collect()
    };
    let asked = json!({"pins": pins, "on_duplicate": "refuse"});
    let (status, answer) = ask(&api, "POST", "/v1/pins/batch", asked).await;
    assert_eq!((status, statuses(&answer).join(" ").as_str()), (200, "failed created failed existing"), "{answer}");
    assert_eq!(answer["results"][0]["error"]["code"], "duplicate_content");
    let (_, again) = ask(&api, "POST", "/v1/pins/batch?on_duplicate=refuse", json!({"pins": [pins[1].clone()]})).await;
    assert_eq!(statuses(&again), ["existing"], "what was accepted is answered again");
    let (_, warned) = ask(&api, "POST", "/v1/pins/batch", json!({"pins": [pins[0].clone()]})).await;
    assert_eq!(statuses(&warned), ["created"]);
    // Without the wish to refuse it, one of the same content in the same call is told of.
    let twins = json!({"pins": [item("Twin", "e"), item("Twin", "f"), item("Twin", "e")]});
    let (_, warned) = ask(&api, "POST", "/v1/pins/batch", twins).await;
    let told: Vec<&Value> = (0..3).map(|index| &warned["results"][index]["warnings"][0]["details"]["pin_id"]).collect();
    assert_eq!(told, [&Value::Null, &warned["results"][0]["pin"]["id"], &Value::Null], "{warned}");
    refused(&api, "POST", "/v1/pins/batch?on_duplicate=perhaps", json!({"pins": [pins[0]]}), 422, "validation_error")
        .await;
}

#[tokio::test]
async fn a_batch_tells_of_each_item_and_bad_ones_spoil_nothing() {
    let api = api().await;
    create(&api, "before").await;
    let mut long = body("long");
    long["title"] = json!("x".repeat(101));
    let mut urgent = body("urgent");
    urgent["priority"] = json!("urgent");
    let mut elsewhere = body("elsewhere");
    elsewhere["account_id"] = json!(UNKNOWN);
    let mut asset = body("asset");
    asset["image_url"] = Value::Null;
    asset["asset_id"] = json!(UNKNOWN);
    let pins = json!([body("a"), body("before"), long, urgent, elsewhere, "text", asset, body("a")]);
    let (status, answer) = ask(&api, "POST", "/v1/pins/batch", json!({"pins": pins})).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().expect("a list");
    let statuses: Vec<&str> = results.iter().filter_map(|result| result["status"].as_str()).collect();
    assert_eq!(statuses, ["created", "existing", "failed", "created", "failed", "failed", "failed", "existing"]);
    let codes: Vec<&Value> =
        results.iter().map(|result| &result["error"]["code"]).filter(|code| !code.is_null()).collect();
    assert_eq!(codes, ["validation_error", "not_found", "validation_error", "assets_not_enabled"]);
    assert_eq!(results[2]["error"]["errors"][0]["loc"], json!(["body", "title"]));
    assert_eq!((&results[0]["pin"]["priority"], &results[3]["pin"]["priority"]), (&json!("bulk"), &json!("urgent")));
    assert_eq!((&results[2]["idempotency_key"], &results[5]["idempotency_key"]), (&json!("long"), &json!("")));
    let counts = ["created_count", "existing_count", "failed_count"].map(|name| answer[name].as_u64());
    assert_eq!(counts, [Some(2), Some(2), Some(4)]);
    assert_eq!(answer["headroom"]["accounts"][0]["tokens_available"], 47.0, "{answer}");
    for wrong in [json!({}), json!({"pins": []}), json!({"pins": {}}), json!({"pins": vec![0; 101]})] {
        refused(&api, "POST", "/v1/pins/batch", wrong, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn the_same_content_is_warned_of_or_refused() {
    let api = api().await;
    let first = create(&api, "a").await;
    let again = |name: &str, extra: Value| {
        let mut again = body("a");
        again["idempotency_key"] = json!(name);
        if let Value::Object(extra) = extra {
            extra.into_iter().for_each(|(name, value)| again[name] = value);
        }
        again
    };
    for (path, extra) in [("/v1/pins", json!({"on_duplicate": "refuse"})), ("/v1/pins?on_duplicate=refuse", json!({}))]
    {
        let answer = refused(&api, "POST", path, again("b", extra), 409, "duplicate_content").await;
        assert!(answer["message"].as_str().is_some_and(|text| text.contains(&first)), "{answer}");
    }
    let (status, headers, pin) = api.full("POST", "/v1/pins", As::Key(&api.key), again("b", json!({}))).await;
    assert_eq!((status, &pin["warnings"][0]["code"]), (201, &json!("duplicate_content")), "{pin}");
    assert_eq!(pin["warnings"][0]["details"]["pin_id"], json!(first));
    assert_eq!(headers["x-pinbridge-warning"], format!("duplicate_content; pin_id={first}"));
    // What was accepted stays accepted, and other pictures are other pins.
    let (status, pin) = ask(&api, "POST", "/v1/pins", again("b", json!({"on_duplicate": "refuse"}))).await;
    assert_eq!((status, &pin["warnings"]), (200, &json!([])));
    let other = again("c", json!({"image_url": "https://images.example.com/b.jpg", "on_duplicate": "refuse"}));
    assert_eq!(ask(&api, "POST", "/v1/pins", other).await.0, 201);
    refused(&api, "POST", "/v1/pins", again("d", json!({"on_duplicate": "maybe"})), 422, "validation_error").await;
}

#[tokio::test]
async fn many_are_deleted_and_retried_each_for_itself() {
    let api = api().await;
    let (fails, waits) = (create(&api, "fails").await, create(&api, "waits").await);
    api.world.pinterest.answer("Title of fails", [Answer::Refused(Failure::ImageBroken, None)]);
    api.world.run_publisher_once().await;
    api.world.system.advance_ms(SECOND_MS);
    let (status, answer) =
        ask(&api, "POST", "/v1/pins/bulk-retry", json!({"ids": [fails, waits, UNKNOWN, fails]})).await;
    assert_eq!(status, 200, "{answer}");
    let told = |answer: &Value| -> Vec<(Value, Value)> {
        let results = answer["results"].as_array().expect("a list");
        results.iter().map(|result| (result["status"].clone(), result["error_code"].clone())).collect()
    };
    let wanted = [
        (json!("succeeded"), Value::Null),
        (json!("skipped"), json!("conflict")),
        (json!("failed"), json!("not_found")),
    ];
    assert_eq!(told(&answer), wanted);
    let (status, answer) = ask(&api, "POST", "/v1/pins/bulk-delete", json!({"ids": [waits, UNKNOWN]})).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(told(&answer), [(json!("succeeded"), Value::Null), (json!("failed"), json!("not_found"))]);
    let counts = ["succeeded_count", "skipped_count", "failed_count"].map(|name| answer[name].as_u64());
    assert_eq!(counts, [Some(1), Some(0), Some(1)]);
    // Once more, as a client does that hasn't heard the answer.
    let (_, answer) = ask(&api, "POST", "/v1/pins/bulk-delete", json!({"ids": [waits]})).await;
    assert_eq!(told(&answer), [(json!("skipped"), json!("pin_deleted"))]);
    for wrong in [json!({}), json!({"ids": []}), json!({"ids": ["x"]}), json!({"ids": vec![UNKNOWN; 101]})] {
        refused(&api, "POST", "/v1/pins/bulk-delete", wrong, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn a_dry_run_names_every_check_and_writes_nothing() {
    let api = api().await;
    let first = create(&api, "a").await;
    api.world.faults.take_calls();
    let statuses = |answer: &Value| -> Vec<(String, String)> {
        let checks = answer["checks"].as_array().expect("a list");
        let text = |check: &Value, name: &str| check[name].as_str().expect("a text").to_owned();
        checks.iter().map(|check| (text(check, "name"), text(check, "status"))).collect()
    };
    let (status, answer) = ask(&api, "POST", "/v1/pins/validate", body("new")).await;
    assert_eq!((status, &answer["valid"], &answer["dry_run"]), (200, &json!(true), &json!(true)), "{answer}");
    let names: Vec<String> = statuses(&answer).into_iter().map(|(name, _)| name).collect();
    let all = ["schema", "account", "board", "media", "idempotency_key", "duplicate_content", "pacing"];
    assert_eq!(names, all);
    assert!(statuses(&answer).iter().all(|(_, status)| status == "passed"), "{answer}");
    assert_eq!(answer["resolved"]["idempotency_key"], "new");
    assert_eq!(answer["headroom"]["tokens_available"], 49.0);
    let writes =
        api.world.faults.take_calls().into_iter().filter(|call| call.contains("put_pin") || call.contains("take"));
    assert_eq!(writes.count(), 0);

    let mut wrong = body("wrong");
    wrong["title"] = Value::Null;
    let (status, answer) = ask(&api, "POST", "/v1/pins/validate", wrong).await;
    assert_eq!(
        (status, &answer["valid"], &answer["resolved"]["idempotency_key"]),
        (200, &json!(false), &json!("wrong"))
    );
    let skipped: Vec<String> = statuses(&answer).into_iter().map(|(_, status)| status).collect();
    assert_eq!(skipped, ["failed", "skipped", "skipped", "skipped", "skipped", "skipped", "skipped"]);

    let failing = async |change: Value, name: &str, code: &str| {
        let mut request = body("a");
        if let Value::Object(change) = change {
            change.into_iter().for_each(|(name, value)| request[name] = value);
        }
        let (status, answer) = ask(&api, "POST", "/v1/pins/validate", request).await;
        let check = answer["checks"].as_array().expect("a list").iter().find(|check| check["name"] == name).cloned();
        assert_eq!((status, check.expect("there")["code"].as_str()), (200, Some(code)), "{answer}");
        answer
    };
    let answer = failing(json!({"title": "Another"}), "idempotency_key", "idempotency_key_reused").await;
    assert_eq!((&answer["existing_pin_id"], &answer["valid"]), (&json!(first), &json!(false)));
    let answer = failing(json!({"idempotency_key": "b"}), "duplicate_content", "duplicate_content").await;
    assert_eq!(answer["valid"], json!(true), "a warning");
    failing(json!({"board_id": "404"}), "board", "board_not_found").await;
    failing(json!({"account_id": UNKNOWN}), "account", "not_found").await;
    failing(json!({"image_url": "https://example.com/a.svg"}), "media", "image_format_unsupported").await;
}

#[tokio::test]
async fn a_failed_pin_is_retried_on_another_board_that_is_checked_first() {
    let api = api().await;
    let id = create(&api, "a").await;
    api.world.pinterest.answer("Title of a", [Answer::Refused(Failure::ImageBroken, None)]);
    api.world.run_publisher_once().await;
    api.world.system.advance_ms(SECOND_MS);
    let path = format!("/v1/pins/{id}/retry");
    refused(&api, "POST", &path, json!({"board_id": "404"}), 422, "board_not_found").await;
    refused(&api, "POST", &path, json!({"account_id": UNKNOWN}), 404, "not_found").await;
    refused(&api, "POST", &path, json!({"board_id": "a board"}), 422, "board_not_found").await;
    let other = api.world.boards.add("Other cranes");
    let (status, pin) = ask(&api, "POST", &path, json!({"board_id": other, "account_id": ACCOUNT})).await;
    assert_eq!((status, &pin["status"], &pin["board_id"]), (200, &json!("queued"), &json!(other)), "{pin}");
}

/// A remediation names only what the request has, and what the caller can do about it.
#[tokio::test]
async fn a_remediation_fits_the_request() {
    let api = api().await;
    let id = create(&api, "a").await;
    let (create, edit) = ("/v1/pins".to_owned(), format!("/v1/pins/{id}"));
    let with = |name: &str, value: Value, image: Value| {
        let mut body = body("b");
        (body[name], body["image_url"]) = (value, image);
        body
    };
    let image = json!("https://images.example.com/a.jpg");
    let not_enabled = "assets_not_enabled";
    let cases = [
        (
            "POST",
            &create,
            with("media_type", json!("video"), image.clone()),
            not_enabled,
            "remove video_url",
            "asset_id",
        ),
        (
            "POST",
            &create,
            with("media_type", json!("Video "), Value::Null),
            not_enabled,
            "remove video_url",
            "asset_id",
        ),
        (
            "POST",
            &create,
            with("video_url", json!("https://a.example"), image),
            not_enabled,
            "remove video_url",
            "asset_id",
        ),
        ("POST", &create, with("asset_id", json!(UNKNOWN), Value::Null), not_enabled, "instead of asset_id", "video"),
        (
            "PATCH",
            &edit,
            json!({"cover_image_url": "https://images.example.com/b.jpg"}),
            "validation_error",
            "Remove",
            "Correct",
        ),
        ("PATCH", &edit, json!({"colour": "red"}), "validation_error", "Remove", "Correct"),
        ("PATCH", &edit, json!({"title": ""}), "validation_error", "Correct", "Remove"),
    ];
    for (method, path, body, code, wanted, unwanted) in cases {
        let answer = refused(&api, method, path, body.clone(), 422, code).await;
        let remediation = answer["error"]["remediation"].as_str().expect("a text");
        assert!(remediation.contains(wanted) && !remediation.contains(unwanted), "{method} {body}: {remediation}");
    }
}
