//! Creating, changing, using and revoking API keys.

use axum::body::Body;
use http::Request;
use pinbridge_shared::domain::tenant::api_key::{ApiKey, KEYS_MAX, PresentedKey, USED_EVERY_MS, compose};
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

#[tokio::test]
async fn a_key_is_shown_once_and_then_listed_without_it() {
    let api = Api::new().await;
    let asked = json!({"name": "n8n", "scopes": ["read", "write"], "pinterest_account_ids": [testdata::account()]});
    let (status, made) = api.call("POST", "/v1/api-keys", As::Key(&api.key), asked).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!((&made["scopes"], &made["name"]), (&json!(["read", "write"]), &json!("n8n")));
    assert_eq!(made["pinterest_account_ids"], json!([testdata::account()]));
    assert!(made["api_key"].as_str().is_some_and(|text| text.starts_with("pb_live_")));
    let (_, listed) = api.call("GET", "/v1/api-keys", As::Key(&api.key), Value::Null).await;
    let row = listed.as_array().expect("a list").iter().find(|row| row["id"] == made["id"]).expect("listed");
    assert_eq!(
        (&row["source"], &row["revoked_at"], &row["last_used_at"]),
        (&json!("manual"), &json!(null), &json!(null))
    );
    assert!(row.get("api_key").is_none() && !listed.to_string().contains("pb_live_"));
}

#[tokio::test]
async fn a_person_signs_for_the_key_they_make() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let (status, made) = api.call("POST", "/v1/api-keys", As::Bearer(&token), json!({"name": "mine"})).await;
    assert_eq!((status, &made["authorized_by_email"]), (201, &json!("ada@example.com")));
    assert_eq!(made["scopes"], json!(["read", "write", "destructive"]), "everything, unless it is said");
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_named() {
    let api = Api::new().await;
    let (_, id) = api.new_key(json!({"name": "k"})).await;
    let nobodys = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    let many: Vec<String> = (0..101).map(|n| format!("00000000-0000-0000-0000-{n:012}")).collect();
    for wrong in [
        json!({}),
        json!({"name": " "}),
        json!({"name": "a".repeat(256)}),
        json!({"name": "k", "scopes": []}),
        json!({"name": "k", "scopes": ["admin"]}),
        json!({"name": "k", "scopes": "read"}),
        json!({"name": "k", "pinterest_account_ids": ["x"]}),
        json!({"name": "k", "pinterest_account_ids": [nobodys]}),
        json!({"name": "k", "pinterest_account_ids": many}),
        json!({"name": "k", "scope": ["read"]}),
        json!({"name": "k", "scopes": ["read"], "pinterest_account_id": [testdata::account()]}),
        json!({"name": "k", "Scopes": ["read"]}),
    ] {
        api.refused("POST", "/v1/api-keys", As::Key(&api.key), wrong.clone(), 422, "validation_error").await;
        api.refused("PATCH", &format!("/v1/api-keys/{id}"), As::Key(&api.key), wrong, 422, "validation_error").await;
    }
    let rename = json!({"name": "x"});
    api.refused("PATCH", &format!("/v1/api-keys/{nobodys}"), As::Key(&api.key), rename.clone(), 404, "not_found").await;
    api.refused("DELETE", &format!("/v1/api-keys/{nobodys}"), As::Key(&api.key), Value::Null, 404, "not_found").await;
    api.refused("PATCH", "/v1/api-keys/x", As::Key(&api.key), rename, 422, "validation_error").await;
}

#[tokio::test]
async fn a_mistake_never_makes_a_key_that_may_do_more() {
    let api = Api::new().await;
    let (_, before) = api.call("GET", "/v1/api-keys", As::Key(&api.key), Value::Null).await;
    for (wrong, fields) in [
        (json!({"name": "k", "scope": ["read"]}), vec!["scope"]),
        (json!({"name": "k", "scopes": null}), vec!["scopes"]),
        (json!({"name": "k", "pinterest_account_ids": null}), vec!["pinterest_account_ids"]),
        (
            json!({"name": "k", "scopes": ["read"], "pinterest_accounts": [], "expires_at": 1}),
            vec!["expires_at", "pinterest_accounts"],
        ),
    ] {
        let path = "/v1/api-keys";
        let answer = api.refused("POST", path, As::Key(&api.key), wrong.clone(), 422, "validation_error").await;
        let named: Vec<&str> =
            answer["detail"].as_array().expect("errors").iter().filter_map(|error| error["loc"][1].as_str()).collect();
        assert_eq!(named, fields, "{wrong}");
    }
    let (_, after) = api.call("GET", "/v1/api-keys", As::Key(&api.key), Value::Null).await;
    assert_eq!(before.as_array().map(Vec::len), after.as_array().map(Vec::len), "no key was created");
    for path in ["/v1/pins/bulk-delete", "/v1/pins/bulk-retry", "/v1/schedules/bulk-cancel"] {
        let typo = json!({"ids": ["7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6"], "dry_run": true});
        let answer = api.refused("POST", path, As::Key(&api.key), typo, 422, "validation_error").await;
        assert!(answer.to_string().contains("Unknown field"), "{answer}");
    }
}

#[tokio::test]
async fn a_change_leaves_the_rest_as_it_was_and_counts_at_once() {
    let api = Api::new().await;
    let (key, id) = api.new_key(json!({"name": "k", "pinterest_account_ids": [testdata::account()]})).await;
    let path = format!("/v1/api-keys/{id}");
    let narrower = json!({"scopes": ["read"], "pinterest_account_ids": null});
    let (status, changed) = api.call("PATCH", &path, As::Key(&api.key), narrower).await;
    assert_eq!((status, &changed["scopes"], &changed["name"]), (200, &json!(["read"]), &json!("k")));
    assert_eq!(changed["pinterest_account_ids"], json!([testdata::account()]), "null doesn't lift an allow-list");
    api.refused("POST", "/v1/pins", As::Key(&key), json!({}), 403, "insufficient_scope").await;
    let (_, renamed) = api.call("PATCH", &path, As::Key(&api.key), json!({"name": "other"})).await;
    assert_eq!((&renamed["name"], &renamed["scopes"]), (&json!("other"), &json!(["read"])));
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_stays_listed() {
    let api = Api::new().await;
    let (key, id) = api.new_key(json!({"name": "k"})).await;
    let path = format!("/v1/api-keys/{id}");
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&key), Value::Null).await.0, 200);
    for _ in 0..2 {
        assert_eq!(api.call("DELETE", &path, As::Key(&api.key), Value::Null).await, (204, Value::Null));
    }
    api.refused("GET", "/v1/pins", As::Key(&key), Value::Null, 401, "invalid_api_key").await;
    api.refused("PATCH", &path, As::Key(&api.key), json!({"name": "x"}), 409, "key_revoked").await;
    let (_, listed) = api.call("GET", "/v1/api-keys", As::Key(&api.key), Value::Null).await;
    let row = listed.as_array().expect("a list").iter().find(|row| row["id"] == id.as_str()).expect("still listed");
    assert!(row["revoked_at"].is_string());
    let presented = PresentedKey::parse(&key).expect("a key");
    let stored = api.world.context.tenants.api_key(presented.workspace, presented.id()).await.expect("read");
    let retention_ms = api.world.context.settings.retention_ms;
    assert_eq!(stored.expect("kept").expires_at, Some(api.world.now().plus_ms(retention_ms)));
}

/// How often the key's use was written since last asked.
fn uses_noted(api: &Api) -> usize {
    api.world.faults.take_calls().into_iter().filter(|call| *call == "tenants.note_use").count()
}

#[tokio::test]
async fn a_use_is_written_once_an_hour() {
    let api = Api::new().await;
    let list = async || api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await.0;
    uses_noted(&api);
    for _ in 0..20 {
        assert_eq!(list().await, 200);
    }
    assert_eq!(uses_noted(&api), 1);
    api.world.system.advance_ms(USED_EVERY_MS - 1);
    assert_eq!((list().await, uses_noted(&api)), (200, 0));
    api.world.system.advance_ms(1);
    let at_once = futures_util::future::join_all((0..10).map(|_| list())).await;
    assert!(at_once.into_iter().all(|status| status == 200));
    let presented = PresentedKey::parse(&api.key).expect("a key");
    let stored = api.world.context.tenants.api_key(presented.workspace, presented.id()).await.expect("read");
    assert_eq!(stored.expect("stored").last_used_at, Some(api.world.now()));
}

#[tokio::test]
async fn calls_at_once_make_no_more_keys_than_a_workspace_may_have() {
    for already in [KEYS_MAX - 1, KEYS_MAX - 5, KEYS_MAX - 22] {
        let api = Api::new().await;
        let (workspace, now) = (testdata::workspace(), api.world.now());
        for n in 1..already {
            let mut secret = [0; 32];
            secret[..8].copy_from_slice(&n.to_le_bytes());
            let presented = PresentedKey::parse(&compose(workspace, secret)).expect("a key");
            let row = ApiKey::new(&presented, "k", now, format!("k{n}"));
            assert!(api.world.context.tenants.save_api_key(&row).await.expect("saved").is_done());
        }
        // Every call has counted the keys before the first one writes its own.
        for nth in 1..=22 {
            api.world.faults.plan("tenants.save_api_key", nth, Fault::Yield);
        }
        let create = || api.call("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": "at once"}));
        let answers = futures_util::future::join_all((0..22).map(|_| create())).await;
        let made = answers.iter().filter(|(status, _)| *status == 201).count();
        assert!(answers.iter().all(|(status, _)| [201, 409].contains(status)), "{answers:?}");
        let kept = api.world.context.tenants.api_keys(workspace).await.expect("listed").len();
        assert_eq!((made, kept), (KEYS_MAX - already, KEYS_MAX), "{already} keys before");
        for (_, made) in answers.iter().filter(|(status, _)| *status == 201) {
            let key = made["api_key"].as_str().expect("a key");
            assert_eq!(api.call("GET", "/v1/pins", As::Key(key), Value::Null).await.0, 200, "what was answered works");
        }
    }
}

#[tokio::test]
async fn a_use_that_cant_be_noted_fails_nothing() {
    let api = Api::new().await;
    api.world.faults.plan("tenants.note_use", 1, Fault::FailBefore);
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await.0, 200);
    uses_noted(&api);
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await.0, 200);
    assert_eq!(uses_noted(&api), 1, "the next one notes it");
}

#[tokio::test]
async fn a_key_of_one_bit_less_is_none() {
    let api = Api::new().await;
    let last = if api.key.ends_with('0') { '1' } else { '0' };
    let near = format!("{}{last}", &api.key[..api.key.len() - 1]);
    api.refused("GET", "/v1/pins", As::Key(&near), Value::Null, 401, "invalid_api_key").await;
}

#[tokio::test]
async fn a_field_that_is_there_twice_is_refused_where_a_mistake_reaches_far() {
    let api = Api::new().await;
    let (_, before) = api.call("GET", "/v1/api-keys", As::Key(&api.key), Value::Null).await;
    let id = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    for (path, body, field) in [
        ("/v1/api-keys", r#"{"name": "k", "scopes": ["read"], "scopes": ["read", "write"]}"#, "scopes"),
        ("/v1/api-keys", r#"{"name": "k", "\u0073copes": ["write"], "scopes": ["read"]}"#, "scopes"),
        ("/v1/projects/sandbox", r#"{"name": "a", "name": "b"}"#, "name"),
        ("/v1/pins/bulk-delete", r#"{"ids": ["A"], "ids": ["A"]}"#, "ids"),
        ("/v1/pins/A/retry", r#"{"accept_duplicate": false, "accept_duplicate": true}"#, "accept_duplicate"),
    ] {
        let request = Request::post(path.replace('A', id)).header("x-api-key", &api.key);
        let request = request.body(Body::from(body.replace('A', id))).expect("a request");
        let (status, _, answer) = api.send(request).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", field])), "{path}: {answer}");
    }
    let (_, after) = api.call("GET", "/v1/api-keys", As::Key(&api.key), Value::Null).await;
    assert_eq!(before, after, "no key was created");
}

#[tokio::test]
async fn a_list_of_ids_says_which_one_is_none() {
    let api = Api::new().await;
    let id = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    let lists = ["pins/bulk-delete", "pins/bulk-retry", "schedules/bulk-cancel", "schedules/bulk-delete"];
    for path in lists.map(|path| format!("/v1/{path}")) {
        for (ids, index) in [(json!([id, "nope"]), 1), (json!([7]), 0), (json!([id, id, null]), 2)] {
            let body = json!({"ids": ids});
            let answer = api.refused("POST", &path, As::Key(&api.key), body, 422, "validation_error").await;
            let told = answer["message"].as_str().unwrap_or_default();
            assert!(told.contains(&format!("Item {index} (from 0)")), "{path}: {answer}");
        }
    }
    let body = json!({"name": "k", "pinterest_account_ids": [id, "x"]});
    let answer = api.refused("POST", "/v1/api-keys", As::Key(&api.key), body, 422, "validation_error").await;
    assert!(answer["message"].as_str().is_some_and(|told| told.contains("Item 1 (from 0)")), "{answer}");
}
