//! Creating, changing, enabling and deleting webhooks.

use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::webhook::endpoint::{ENDPOINTS_MAX, ROTATION_MS};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::flows::tenants::projects::create_workspace;
use pinbridge_shared::testing::faults::Fault;
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn a_webhook_is_created_listed_read_changed_and_deleted() {
    let api = Api::new().await;
    let key = As::Key(&api.key);
    assert_eq!(read(&api, PATH).await, json!([]));
    let (status, made) = api.call("POST", PATH, key, json!({"url": URL, "secret": SECRET})).await;
    let now = api.world.now().rfc3339();
    assert_eq!(status, 201, "{made}");
    let path = format!("{PATH}/{}", made["id"].as_str().expect("an id"));
    let expected = json!({
        "id": made["id"], "workspace_id": testdata::workspace(), "url": URL,
        "events": ["pin.published", "pin.failed"], "is_enabled": true, "created_at": now, "updated_at": now,
        "disabled_by": null, "is_healthy": true, "failures_in_a_row": 0, "failing_since": null,
        "next_delivery_at": null, "previous_secret_valid_until": null,
    });
    assert_eq!(made, expected);
    assert_eq!((read(&api, PATH).await, read(&api, &path).await), (json!([expected]), expected.clone()));
    api.world.system.advance_ms(1_000);
    let change = json!({"events": ["pin.failed", "pin.deferred", "pin.failed"], "is_enabled": null});
    let (status, changed) = api.call("PATCH", &path, key, change).await;
    assert_eq!((status, &changed["events"]), (200, &json!(["pin.deferred", "pin.failed"])), "{changed}");
    assert_eq!((&changed["url"], &changed["is_enabled"]), (&expected["url"], &json!(true)), "the rest stays");
    assert_eq!(changed["updated_at"], api.world.now().rfc3339());
    assert_eq!(api.call("DELETE", &path, key, Value::Null).await, (204, Value::Null));
    api.refused("GET", &path, key, Value::Null, 404, "not_found").await;
    assert_eq!(read(&api, PATH).await, json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_named() {
    let api = Api::new().await;
    let key = As::Key(&api.key);
    let path = path_of(created(&api, &["pin.failed"]).await);
    for (field, wrong, told) in [
        ("url", json!("not a URL"), ""),
        ("url", json!("ftp://example.com/hook"), ""),
        ("url", json!("http://example.com/hook"), ""),
        ("url", json!("https://127.0.0.1/hook"), ""),
        ("url", json!("https://169.254.169.254/latest"), ""),
        ("url", json!("https://[::ffff:10.0.0.1]/hook"), ""),
        ("url", json!(format!("https://example.com/{}", "a".repeat(3_000))), "at most 2048 characters"),
        ("url", json!(7), "valid string"),
        ("secret", json!("s".repeat(15)), "at least 16 characters"),
        ("secret", json!("s".repeat(256)), "at most 255 characters"),
        ("secret", json!(format!("{SECRET}\n")), "no control characters"),
        ("events", json!([]), "at least 1 item"),
        ("events", json!(["pin.failed", "pin.exploded"]), "Item 1 (from 0) is no event. The events are: pin.accepted,"),
        ("events", json!(["webhook.test"]), "is no event"),
        ("events", json!("pin.failed"), "valid list"),
        ("is_enabled", json!("yes"), "valid boolean"),
    ] {
        let mut body = json!({"url": URL, "secret": SECRET});
        body[field] = wrong.clone();
        let refused = api.refused("POST", PATH, key, body, 422, "validation_error").await;
        assert_eq!(refused["detail"][0]["loc"], json!(["body", field]), "{refused}");
        assert!(refused["message"].as_str().is_some_and(|text| text.contains(told)), "{told}: {refused}");
        let mut body = json!({});
        body[field] = wrong;
        let refused = api.refused("PATCH", &path, key, body, 422, "validation_error").await;
        assert_eq!(refused["detail"][0]["loc"], json!(["body", field]), "{refused}");
    }
    for (missing, body) in [("url", json!({"secret": SECRET})), ("secret", json!({"url": URL}))] {
        let refused = api.refused("POST", PATH, key, body, 422, "validation_error").await;
        assert_eq!(refused["detail"][0], json!({"loc": ["body", missing], "msg": "Field required", "type": "missing"}));
    }
    for body in [json!({}), json!({"url": null}), json!({"enabled": false}), json!({"url": URL, "secrets": SECRET})] {
        api.refused("PATCH", &path, key, body, 422, "validation_error").await;
    }
    for method in ["GET", "PATCH", "DELETE"] {
        let body = if method == "PATCH" { json!({"is_enabled": true}) } else { Value::Null };
        api.refused(method, &format!("{PATH}/{NOBODYS}"), key, body.clone(), 404, "not_found").await;
        api.refused(method, &format!("{PATH}/x"), key, body, 422, "validation_error").await;
    }
    assert_eq!(read(&api, PATH).await.as_array().map(Vec::len), Some(1), "nothing was created");
}

#[tokio::test]
async fn an_unknown_field_of_a_new_webhook_is_named_and_ignored() {
    let api = Api::new().await;
    let body = json!({"url": URL, "secret": SECRET, "description": "n8n"});
    let (status, headers, made) = api.full("POST", PATH, As::Key(&api.key), body).await;
    assert_eq!((status, &made["is_enabled"]), (201, &json!(true)), "{made}");
    assert_eq!(headers["x-pinbridge-warning"], "unknown_field; field=description");
}

#[tokio::test]
async fn a_secret_is_in_no_answer_and_in_no_entry() {
    let api = Api::new().await;
    let key = As::Key(&api.key);
    let (secret, next, short) = ("first-secret-0123456789", "second-secret-0123456789", "short-secret");
    let mut seen = Vec::new();
    let (_, made) = api.call("POST", PATH, key, json!({"url": URL, "secret": secret})).await;
    let path = format!("{PATH}/{}", made["id"].as_str().expect("an id"));
    seen.push(made);
    seen.push(api.call("PATCH", &path, key, json!({"secret": next})).await.1);
    seen.push(api.call("PATCH", &path, key, json!({"secret": short})).await.1);
    seen.push(api.call("POST", PATH, key, json!({"url": "http://x.example", "secret": secret})).await.1);
    seen.push(api.call("POST", PATH, key, json!({"url": 1, "secret": short, "events": [secret]})).await.1);
    seen.push(read(&api, &path).await);
    seen.push(read(&api, PATH).await);
    seen.push(read(&api, "/v1/activity-logs").await);
    for answer in seen {
        let text = answer.to_string();
        assert!(![secret, next, short].iter().any(|secret| text.contains(secret)), "{text}");
    }
}

#[tokio::test]
async fn a_new_secret_leaves_the_one_before_valid_for_a_day() {
    let api = Api::new().await;
    let key = created(&api, &["pin.failed"]).await;
    let path = path_of(key);
    let rotate = async |secret: &str| {
        let (status, changed) = api.call("PATCH", &path, As::Key(&api.key), json!({"secret": secret})).await;
        assert_eq!(status, 200, "{changed}");
        changed["previous_secret_valid_until"].clone()
    };
    let secrets = async || api.world.context.webhooks.endpoint_secrets(key).await.expect("read").expect("there");
    assert!(secrets().await.previous.is_none());
    let until = api.world.now().plus_ms(ROTATION_MS);
    assert_eq!(rotate("the second secret").await, until.rfc3339());
    api.world.system.advance_ms(1_000);
    assert_eq!(rotate("the second secret").await, until.rfc3339(), "the same again is no rotation");
    let now = secrets().await;
    assert!(now.current == Secret::new("the second secret"));
    assert!(now.previous.is_some_and(|(secret, at)| secret == Secret::new(SECRET) && at == until));
    let until = api.world.now().plus_ms(ROTATION_MS);
    assert_eq!(rotate("the third secret").await, until.rfc3339());
    let now = secrets().await;
    assert!(now.previous.is_some_and(|(secret, at)| secret == Secret::new("the second secret") && at == until));
    api.world.system.advance_ms(ROTATION_MS);
    assert_eq!(read(&api, &path).await["previous_secret_valid_until"], Value::Null);
}

#[tokio::test]
async fn a_workspace_has_ten_webhooks() {
    let api = Api::new().await;
    let key = As::Key(&api.key);
    for _ in 0..ENDPOINTS_MAX {
        created(&api, &["pin.failed"]).await;
    }
    let body = json!({"url": URL, "secret": SECRET});
    let refused = api.refused("POST", PATH, key, body.clone(), 409, "too_many_webhooks").await;
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("10")), "{refused}");
    let all = read(&api, PATH).await;
    assert_eq!(all.as_array().map(Vec::len), Some(ENDPOINTS_MAX));
    let path = format!("{PATH}/{}", all[3]["id"].as_str().expect("an id"));
    assert_eq!(api.call("DELETE", &path, key, Value::Null).await.0, 204);
    assert_eq!(api.call("POST", PATH, key, body).await.0, 201, "there is room again");
}

#[tokio::test]
async fn calls_at_once_make_no_more_webhooks_than_a_workspace_may_have() {
    let api = Api::new().await;
    for _ in 0..ENDPOINTS_MAX - 2 {
        created(&api, &["pin.failed"]).await;
    }
    // Every call has counted the webhooks before the first one writes its own.
    for nth in 1..=8 {
        api.world.faults.plan("webhooks.save_endpoint", nth, Fault::Yield);
    }
    let create = || api.call("POST", PATH, As::Key(&api.key), json!({"url": URL, "secret": SECRET}));
    let answers = futures_util::future::join_all((0..8).map(|_| create())).await;
    assert!(answers.iter().all(|(status, _)| [201, 409].contains(status)), "{answers:?}");
    let made = answers.iter().filter(|(status, _)| *status == 201).count();
    let kept = read(&api, PATH).await.as_array().map(Vec::len);
    assert_eq!((made, kept), (2, Some(ENDPOINTS_MAX)));
}

#[tokio::test]
async fn another_workspace_has_no_such_webhook() {
    let api = Api::new().await;
    let path = path_of(created(&api, &["pin.failed"]).await);
    let other = WorkspaceId(Uuid::from_u128(0xabc));
    let other = create_workspace(&api.world.context, other, "Other", [9; 32]).await.expect("created");
    let other = As::Key(&other);
    let range = json!({"since": api.world.now().rfc3339(), "only": "all"});
    for (method, path, body) in [
        ("GET", path.clone(), Value::Null),
        ("PATCH", path.clone(), json!({"url": "https://example.org/mine"})),
        ("DELETE", path.clone(), Value::Null),
        ("POST", format!("{path}/test"), Value::Null),
        ("GET", format!("{path}/deliveries"), Value::Null),
        ("GET", format!("{path}/deliveries/{NOBODYS}"), Value::Null),
        ("POST", format!("{path}/deliveries/{NOBODYS}/redeliver"), Value::Null),
        ("POST", format!("{path}/replay"), range.clone()),
        ("POST", format!("{path}/replays"), range),
        ("GET", format!("{path}/replays/{NOBODYS}"), Value::Null),
        ("POST", format!("{path}/replays/{NOBODYS}/stop"), Value::Null),
    ] {
        api.refused(method, &path, other, body, 404, "not_found").await;
    }
    assert_eq!(api.call("GET", PATH, other, Value::Null).await, (200, json!([])));
    assert_eq!(read(&api, &path).await["url"], URL);
}

#[tokio::test]
async fn a_key_needs_the_scope_and_no_allow_list() {
    let api = Api::new().await;
    let key = created(&api, &["pin.failed"]).await;
    let path = path_of(key);
    let (reader, _) = api.new_key(json!({"name": "reads", "scopes": ["read"]})).await;
    let (writer, _) = api.new_key(json!({"name": "writes", "scopes": ["write"]})).await;
    let (limited, _) = api.new_key(json!({"name": "one", "pinterest_account_ids": [testdata::account()]})).await;
    let range = json!({"since": api.world.now().rfc3339(), "only": "all"});
    let calls = [
        ("POST", PATH.to_owned(), json!({"url": URL, "secret": SECRET}), "insufficient_scope"),
        ("PATCH", path.clone(), json!({"url": URL}), "insufficient_scope"),
        ("POST", format!("{path}/test"), Value::Null, "insufficient_scope"),
        ("POST", format!("{path}/deliveries/{NOBODYS}/redeliver"), Value::Null, "insufficient_scope"),
        ("POST", format!("{path}/replay"), range.clone(), "insufficient_scope"),
        ("POST", format!("{path}/replays"), range, "insufficient_scope"),
        ("POST", format!("{path}/replays/{NOBODYS}/stop"), Value::Null, "insufficient_scope"),
        ("GET", format!("{path}/replays/{NOBODYS}"), Value::Null, ""),
        ("DELETE", path.clone(), Value::Null, "insufficient_scope"),
        ("GET", format!("{path}/deliveries"), Value::Null, ""),
        ("GET", format!("{path}/deliveries/{NOBODYS}"), Value::Null, ""),
    ];
    for (method, path, body, of_reader) in calls {
        if !of_reader.is_empty() {
            api.refused(method, &path, As::Key(&reader), body.clone(), 403, of_reader).await;
        }
        // Events may be about any account.
        api.refused(method, &path, As::Key(&limited), body.clone(), 403, "account_not_permitted").await;
        api.refused(method, &path, As::Nobody, body, 401, "missing_api_key").await;
    }
    for key in [&reader, &limited] {
        let (status, listed) = api.call("GET", PATH, As::Key(key), Value::Null).await;
        assert_eq!((status, listed.as_array().map(Vec::len)), (200, Some(1)));
    }
    assert_eq!(api.call("GET", &format!("{path}/deliveries"), As::Key(&reader), Value::Null).await.0, 200);
    assert_eq!(api.call("PATCH", &path, As::Key(&writer), json!({"is_enabled": false})).await.0, 200);
    api.refused("DELETE", &path, As::Key(&writer), Value::Null, 403, "insufficient_scope").await;
}

/// It has failed seven times, and waits for its next try.
async fn fail(api: &Api, key: EndpointKey) -> Health {
    let now = api.world.now();
    let before = api.world.context.webhooks.endpoint_health(key).await.expect("read");
    let failing = Health {
        rev: before.rev + 1,
        nonce: "failing".into(),
        failures: 7,
        failing_since: Some(now.plus_ms(-60_000)),
        failing: Vec::new(),
        is_slow: true,
        held_until: Some(now.plus_ms(600_000)),
        turn_at: Some(now.plus_ms(600_000)),
    };
    assert!(api.world.context.webhooks.save_endpoint_health(key, &failing).await.expect("saved").is_done());
    failing
}

#[tokio::test]
async fn whoever_enables_a_webhook_or_moves_it_lets_it_begin_anew() {
    for change in [json!({"is_enabled": true}), json!({"url": "https://example.org/moved"})] {
        let api = Api::new().await;
        let key = created(&api, &["pin.failed"]).await;
        let path = path_of(key);
        let failing = fail(&api, key).await;
        let shown = read(&api, &path).await;
        let since = failing.failing_since.map(Moment::rfc3339);
        assert_eq!((&shown["failures_in_a_row"], &shown["is_healthy"]), (&json!(7), &json!(false)));
        assert_eq!((&shown["failing_since"], &shown["is_enabled"]), (&json!(since), &json!(true)));
        assert_eq!(shown["next_delivery_at"], json!(failing.turn_at.map(Moment::rfc3339)));
        if change["url"].is_null() {
            disable(&api, key, DisabledBy::Failures).await;
            let shown = read(&api, &path).await;
            assert_eq!((&shown["is_enabled"], &shown["disabled_by"]), (&json!(false), &json!("failures")));
            assert_eq!(shown["next_delivery_at"], Value::Null, "nothing is sent");
        }
        assert!(!has_turn(&api, key));
        let (status, changed) = api.call("PATCH", &path, As::Key(&api.key), change.clone()).await;
        assert_eq!((status, &changed["is_enabled"], &changed["disabled_by"]), (200, &json!(true), &Value::Null));
        assert_eq!((&changed["failures_in_a_row"], &changed["failing_since"]), (&json!(0), &Value::Null), "{change}");
        assert_eq!(changed["is_healthy"], true);
        let health = api.world.context.webhooks.endpoint_health(key).await.expect("read");
        assert_eq!((health.held_until, health.turn_at), (None, Some(api.world.now())), "{change}");
        assert!(!health.is_slow);
        assert!(has_turn(&api, key), "{change}");
    }
}

#[tokio::test]
async fn a_disabled_webhook_says_who_disabled_it_and_its_url_changes_without_a_turn() {
    let api = Api::new().await;
    let key = created(&api, &["pin.failed"]).await;
    let path = path_of(key);
    let patch = async |change: Value| api.call("PATCH", &path, As::Key(&api.key), change).await.1;
    assert_eq!(patch(json!({"is_enabled": false})).await["disabled_by"], "caller");
    assert_eq!(patch(json!({"events": ["pin.published"]})).await["disabled_by"], "caller");
    assert_eq!(patch(json!({"is_enabled": true})).await["disabled_by"], Value::Null);
    disable(&api, key, DisabledBy::Receiver).await;
    assert_eq!(patch(json!({"is_enabled": false})).await["disabled_by"], "receiver", "it was disabled before");
    asked(&api);
    assert_eq!(patch(json!({"url": "https://example.org/moved"})).await["is_enabled"], false);
    assert!(!has_turn(&api, key), "nothing is sent to it");
}

#[tokio::test]
async fn changes_are_in_the_activity_log() {
    let api = Api::new().await;
    let key = created(&api, &["pin.failed"]).await;
    let path = path_of(key);
    api.world.system.advance_ms(1);
    assert_eq!(api.call("PATCH", &path, As::Key(&api.key), json!({"is_enabled": false})).await.0, 200);
    api.world.system.advance_ms(1);
    assert_eq!(api.call("DELETE", &path, As::Key(&api.key), Value::Null).await.0, 204);
    let log = read(&api, "/v1/activity-logs").await;
    let items = log["items"].as_array().expect("a list");
    let actions: Vec<&str> = items.iter().filter_map(|item| item["action"].as_str()).collect();
    assert_eq!(actions, ["webhook.deleted", "webhook.updated", "webhook.created"]);
    assert!(items.iter().all(|item| item["resource_id"] == key.endpoint.to_string()), "{log}");
}

#[tokio::test]
async fn a_sandbox_has_webhooks_of_its_own() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let (status, made) = api.call("POST", "/v1/projects/sandbox", As::Bearer(&token), Value::Null).await;
    assert_eq!(status, 201, "{made}");
    let key = made["api_key"].as_str().expect("a key").to_owned();
    let (status, hook) = api.call("POST", PATH, As::Key(&key), json!({"url": URL, "secret": SECRET})).await;
    assert_eq!((status, &hook["workspace_id"]), (201, &made["projects"][1]["id"]), "{hook}");
    assert_eq!(read(&api, PATH).await, json!([]), "production has none");
}
