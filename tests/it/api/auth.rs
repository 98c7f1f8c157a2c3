//! Whom each route of the table is for: credentials, scopes, allow-lists, over every row.

use axum::body::Body;
use http::Request;
use pinbridge_api::auth::Access;
use pinbridge_api::endpoint::Endpoint;
use pinbridge_api::routes;
use pinbridge_shared::domain::ids::{AccountId, AccountKey};
use pinbridge_shared::domain::tenant::scope::Scope;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::tenant::{Workspace, WorkspaceState};
use pinbridge_shared::domain::testdata;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As};

/// An id that nothing has.
const NOBODYS: &str = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";

fn path(route: &Endpoint) -> String {
    route.path.replace("{id}", NOBODYS)
}

/// Whether the answer says that the route isn't for the caller.
fn is_shut(status: u16, answer: &Value) -> bool {
    status == 401 || (status == 403 && ["insufficient_scope", "session_required"].contains(&code(answer)))
}

fn code(answer: &Value) -> &str {
    answer["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn without_credentials_only_public_routes_answer() {
    let api = Api::new().await;
    for route in routes::table() {
        let (status, answer) = api.call(route.method.as_str(), &path(&route), As::Nobody, Value::Null).await;
        let wanted = route.access != Access::Public;
        let is_refused = (status, code(&answer)) == (401, "missing_api_key");
        assert_eq!(is_refused, wanted, "{} {}: {status} {answer}", route.method, route.path);
    }
}

#[tokio::test]
async fn each_scope_opens_the_routes_of_its_name_and_no_others() {
    let api = Api::new().await;
    for scope in Scope::ALL {
        let (key, _) = api.new_key(json!({"name": scope.name(), "scopes": [scope.name()]})).await;
        for route in routes::table() {
            let (status, answer) = api.call(route.method.as_str(), &path(&route), As::Key(&key), Value::Null).await;
            let is_open = match route.access {
                Access::Public => true,
                Access::Scope(wanted) => wanted == scope,
                Access::ReadOrWrite => matches!(scope, Scope::Read | Scope::Write),
                Access::WriteOrDryRun => scope == Scope::Write,
                Access::Session | Access::AnySession | Access::Administer => false,
            };
            assert_eq!(!is_shut(status, &answer), is_open, "{} {} {status} {answer}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn a_role_opens_what_its_scopes_open_and_what_is_for_people() {
    for role in Role::ALL {
        let api = Api::new().await;
        api.person("ada@example.com", role).await;
        for route in routes::table() {
            // One of the routes ends the session.
            let token = api.log_in("ada@example.com").await;
            let (status, answer) =
                api.call(route.method.as_str(), &path(&route), As::Bearer(&token), Value::Null).await;
            let is_open = match route.access {
                Access::Public | Access::Session | Access::AnySession => true,
                Access::Scope(scope) => role.scopes().has(scope),
                Access::ReadOrWrite => role.scopes().has(Scope::Read),
                Access::WriteOrDryRun => role.scopes().has(Scope::Write),
                Access::Administer => role == Role::Owner,
            };
            // (Logging in without a password is a mistake of the form, not of the route.)
            assert_eq!(!is_shut(status, &answer), is_open, "{role:?} {} {} {answer}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn the_explicit_key_counts_where_both_headers_are_sent() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let ask = async |key: &str, bearer: &str| {
        let request = Request::get("/v1/pins").header("x-api-key", key);
        let request = request.header("authorization", format!("Bearer {bearer}"));
        let (status, _, answer) = api.send(request.body(axum::body::Body::empty()).expect("a request")).await;
        (status, code(&answer).to_owned())
    };
    assert_eq!(ask(&api.key, &token).await, (200, String::new()));
    assert_eq!(ask("pb_live_wrong", &token).await.0, 401);
    assert_eq!(ask("", &token).await.0, 200, "an empty one isn't one");
    let (status, _) = api.call("GET", "/v1/pins", As::Bearer(&api.key), Value::Null).await;
    assert_eq!(status, 200, "a key as a bearer token is a key");
}

/// As several fields, or joined as API Gateway does it.
#[tokio::test]
async fn several_credentials_in_one_header_are_refused() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let (key, (other, _)) = (api.key.clone(), api.new_key(json!({"name": "other"})).await);
    let ask = async |headers: &[(&str, String)]| {
        let request =
            headers.iter().fold(Request::get("/v1/pins"), |request, (name, value)| request.header(*name, value));
        let (status, _, answer) = api.send(request.body(axum::body::Body::empty()).expect("a request")).await;
        (status, answer)
    };
    let bearer = |token: &str| format!("Bearer {token}");
    for several in [
        vec![("x-api-key", key.clone()), ("x-api-key", other.clone())],
        vec![("x-api-key", format!("{key},{other}"))],
        vec![("x-api-key", format!("{key}, {other}"))],
        vec![("x-api-key", key.clone()), ("x-api-key", "wrong".into())],
        vec![("x-api-key", "wrong".into()), ("x-api-key", key.clone())],
        vec![("authorization", bearer(&key)), ("authorization", bearer(&other))],
        vec![("authorization", bearer(&key)), ("authorization", bearer(&token))],
        vec![("authorization", format!("Bearer {key}, Bearer {other}"))],
        vec![("x-api-key", key.clone()), ("authorization", format!("Bearer {key},Bearer {token}"))],
    ] {
        let (status, answer) = ask(&several[..]).await;
        assert_eq!((status, code(&answer)), (401, "invalid_api_key"), "{answer}");
        let message = answer["message"].as_str().expect("a message");
        assert!(message.contains("more than one"), "{message}");
    }
    for one in [
        vec![("x-api-key", key.clone()), ("x-api-key", key.clone())],
        vec![("x-api-key", format!("{key}, {key}"))],
        vec![("x-api-key", String::new()), ("x-api-key", key.clone())],
        vec![("x-api-key", key.clone()), ("authorization", bearer(&token))],
        vec![("authorization", "Basic YQ==".into()), ("authorization", bearer(&token))],
    ] {
        assert_eq!(ask(&one[..]).await.0, 200);
    }
}

/// Connects a second account, which keys may be kept from.
async fn other_account(api: &Api) -> AccountId {
    let other = AccountId(Uuid::from_u128(0xbb));
    let key = AccountKey { workspace: testdata::workspace(), account: other };
    let account = pinbridge_shared::domain::account::Account { key, ..testdata::connected_account() };
    assert!(api.world.context.store.save_account(&account).await.expect("saved").is_done());
    other
}

fn pin(account: AccountId, key: &str) -> Value {
    json!({"account_id": account, "board_id": "1000000000000000001", "title": "A crane",
        "image_url": "https://images.example.com/a.jpg", "idempotency_key": key})
}

#[tokio::test]
async fn an_allow_list_keeps_a_key_from_the_other_accounts() {
    let api = Api::new().await;
    let other = other_account(&api).await;
    let (key, _) = api.new_key(json!({"name": "one", "pinterest_account_ids": [testdata::account()]})).await;
    let limited = As::Key(&key);
    let full = As::Key(&api.key);

    let mut pins = Vec::new();
    for (account, name) in [(testdata::account(), "a"), (other, "b")] {
        let (status, answer) = api.call("POST", "/v1/pins", full, pin(account, name)).await;
        assert_eq!(status, 201, "{answer}");
        pins.push(answer["id"].as_str().expect("an id").to_owned());
    }
    let not_permitted = async |method: &str, path: String, body: Value| {
        api.refused(method, &path, limited, body, 403, "account_not_permitted").await;
    };
    not_permitted("POST", "/v1/pins".into(), pin(other, "c")).await;
    not_permitted("GET", format!("/v1/pins?account_id={other}"), Value::Null).await;
    not_permitted("GET", format!("/v1/rate-meter?account_id={other}"), Value::Null).await;
    not_permitted("GET", format!("/v1/pinterest/boards?account_id={other}"), Value::Null).await;
    not_permitted("GET", format!("/v1/pinterest/boards/1/access?account_id={other}"), Value::Null).await;
    not_permitted("DELETE", format!("/v1/pinterest/boards/1?account_id={other}"), Value::Null).await;
    not_permitted("DELETE", format!("/v1/pinterest/accounts/{other}"), Value::Null).await;
    not_permitted("GET", format!("/v1/pinterest/accounts/{other}/analytics"), Value::Null).await;
    not_permitted("GET", format!("/v1/pinterest/accounts/{NOBODYS}/analytics"), Value::Null).await;
    not_permitted("GET", format!("/v1/rate-meter?account_id={NOBODYS}"), Value::Null).await;
    not_permitted("POST", format!("/v1/pins/{}/retry", pins[0]), json!({"account_id": other})).await;

    let (_, headers, listed) = api.full("GET", "/v1/pins", limited, Value::Null).await;
    let ids = |listed: &Value| -> Vec<String> {
        listed.as_array().expect("a list").iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!((ids(&listed), &headers["x-total-count"]), (vec![pins[0].clone()], &"1".parse().expect("a value")));
    let (_, accounts) = api.call("GET", "/v1/pinterest/accounts", limited, Value::Null).await;
    assert_eq!(ids(&accounts), [testdata::account().to_string()]);
    let (_, all) = api.call("GET", "/v1/pinterest/accounts", full, Value::Null).await;
    assert_eq!(ids(&all).len(), 2);
    let (status, own) = api.call("GET", &format!("/v1/pins/{}", pins[0]), limited, Value::Null).await;
    assert_eq!((status, own["id"].as_str()), (200, Some(pins[0].as_str())));
}

/// Whatever it asks of another account's pin, schedule or import, the answer is that to an id that nothing has.
#[tokio::test]
async fn a_key_with_an_allow_list_cant_tell_another_accounts_ids_from_those_that_nothing_has() {
    let api = Api::new().await;
    api.world.boards.insert("1000000000000000001");
    let other = other_account(&api).await;
    let (limited, _) = api.new_key(json!({"name": "one", "pinterest_account_ids": [other]})).await;
    let made = async |path: &str, body: Value| {
        let (status, answer) = api.call("POST", path, As::Key(&api.key), body).await;
        assert!(status < 300, "{path}: {answer}");
        answer["id"].as_str().expect("an id").to_owned()
    };
    let mut scheduled = pin(testdata::account(), "b");
    scheduled["run_at"] = json!(api.world.now().plus_ms(pinbridge_shared::domain::time::HOUR_MS).rfc3339());
    let pin_id = made("/v1/pins", pin(testdata::account(), "a")).await;
    let schedule_id = made("/v1/schedules", scheduled).await;
    let import_id = made("/v1/pins/imports/json", json!([pin(testdata::account(), "c")])).await;
    for (method, path, id, body) in [
        ("GET", "/v1/pins/{id}", &pin_id, Value::Null),
        ("GET", "/v1/pins/{id}/timeline", &pin_id, Value::Null),
        ("GET", "/v1/pins/{id}/analytics", &pin_id, Value::Null),
        ("GET", "/v1/jobs/{id}", &pin_id, Value::Null),
        ("PATCH", "/v1/pins/{id}", &pin_id, json!({"title": "Mine"})),
        ("POST", "/v1/pins/{id}/retry", &pin_id, Value::Null),
        ("POST", "/v1/pins/{id}/retry", &pin_id, json!({"account_id": other})),
        ("DELETE", "/v1/pins/{id}", &pin_id, Value::Null),
        ("DELETE", "/v1/pins/{id}?delete_from_pinterest=true", &pin_id, Value::Null),
        ("POST", "/v1/pins/bulk-retry", &pin_id, json!({"ids": ["{id}"]})),
        ("POST", "/v1/pins/bulk-delete", &pin_id, json!({"ids": ["{id}"]})),
        ("GET", "/v1/schedules/{id}", &schedule_id, Value::Null),
        ("PATCH", "/v1/schedules/{id}", &schedule_id, json!({"title": "Mine"})),
        ("POST", "/v1/schedules/{id}/cancel", &schedule_id, Value::Null),
        ("POST", "/v1/schedules/{id}/retry", &schedule_id, Value::Null),
        ("DELETE", "/v1/schedules/{id}", &schedule_id, Value::Null),
        ("POST", "/v1/schedules/bulk-cancel", &schedule_id, json!({"ids": ["{id}"]})),
        ("POST", "/v1/schedules/bulk-retry", &schedule_id, json!({"ids": ["{id}"]})),
        ("POST", "/v1/schedules/bulk-delete", &schedule_id, json!({"ids": ["{id}"]})),
        ("GET", "/v1/pins/imports/{id}", &import_id, Value::Null),
        ("POST", "/v1/pins/imports/{id}/resume", &import_id, Value::Null),
    ] {
        let mut told = Vec::new();
        for id in [id.as_str(), NOBODYS] {
            let body: Value = serde_json::from_str(&body.to_string().replace("{id}", id)).expect("JSON");
            let (status, answer) = api.call(method, &path.replace("{id}", id), As::Key(&limited), body).await;
            let result = &answer["results"][0];
            told.push((status, code(&answer).to_owned(), answer["message"].clone(), result["error_code"].clone()));
        }
        assert_eq!(told[0], told[1], "{method} {path}");
        assert!(told[0].1 == "not_found" || told[0].3 == "not_found", "{method} {path}: {told:?}");
    }
    let (status, own) = api.call("GET", &format!("/v1/pins/{pin_id}"), As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &own["title"]), (200, &json!("A crane")), "untouched");
}

#[tokio::test]
async fn a_limited_key_manages_nothing() {
    let api = Api::new().await;
    let (key, id) = api.new_key(json!({"name": "one", "pinterest_account_ids": [testdata::account()]})).await;
    let lift = json!({"pinterest_account_ids": []});
    api.refused("PATCH", &format!("/v1/api-keys/{id}"), As::Key(&key), lift, 403, "account_not_permitted").await;
    let wider = json!({"name": "wider"});
    api.refused("POST", "/v1/api-keys", As::Key(&key), wider, 403, "account_not_permitted").await;
    let (reader, _) = api.new_key(json!({"name": "reader", "scopes": ["read"]})).await;
    api.refused("POST", "/v1/api-keys", As::Key(&reader), json!({"name": "x"}), 403, "insufficient_scope").await;
}

async fn set_state(api: &Api, state: WorkspaceState) {
    let tenants = &api.world.context.tenants;
    let row = tenants.workspace(testdata::workspace()).await.expect("read").expect("created");
    let next = Workspace { state, ..row.next(format!("{state:?}")) };
    assert!(tenants.save_workspace(&next).await.expect("saved").is_done());
}

#[tokio::test]
async fn a_workspace_that_is_reset_is_closed_and_a_deleted_one_gone() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    set_state(&api, WorkspaceState::Resetting).await;
    for who in [As::Key(&api.key), As::Bearer(&token)] {
        api.refused("GET", "/v1/pins", who, Value::Null, 409, "workspace_resetting").await;
    }
    let (status, _) = api.call("GET", "/v1/auth/me", As::Bearer(&token), Value::Null).await;
    assert_eq!(status, 200, "one sees who one is, and goes elsewhere");
    set_state(&api, WorkspaceState::Deleted).await;
    api.refused("GET", "/v1/pins", As::Key(&api.key), Value::Null, 401, "invalid_api_key").await;
    api.refused("GET", "/v1/auth/me", As::Bearer(&token), Value::Null, 401, "invalid_session").await;
}

/// A request with an API key in `X-API-Key` and a bearer token, as the official client sends after a login.
async fn with_both(api: &Api, route: &Endpoint, key: &str, bearer: &str) -> (u16, Value) {
    let request = Request::builder().method(route.method.clone()).uri(path(route)).header("x-api-key", key);
    let request = request.header("authorization", format!("Bearer {bearer}")).body(Body::empty());
    let (status, _, answer) = api.send(request.expect("a request")).await;
    (status, answer)
}

#[tokio::test]
async fn where_only_people_may_a_session_counts_beside_a_key_and_elsewhere_the_key_does() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let (reader, _) = api.new_key(json!({"name": "reader", "scopes": ["read"]})).await;
    let ended = {
        let token = api.log_in("ada@example.com").await;
        let (status, _) = api.call("POST", "/v1/auth/logout", As::Bearer(&token), Value::Null).await;
        assert!(status < 300);
        token
    };
    for route in routes::table().iter().filter(|route| route.access != Access::Public) {
        let is_for_people = route.access.is_for_people();
        for key in [api.key.as_str(), &reader, "pb_nobodys"] {
            // One of the routes ends the session.
            let token = api.log_in("ada@example.com").await;
            let alone = api.call(route.method.as_str(), &path(route), As::Key(key), Value::Null).await;
            let (status, answer) = with_both(&api, route, key, &token).await;
            if is_for_people {
                assert!(!is_shut(status, &answer), "{} {} with {key}: {status} {answer}", route.method, route.path);
            } else {
                let shut = (is_shut(status, &answer), code(&answer));
                let wanted = (is_shut(alone.0, &alone.1), code(&alone.1));
                assert_eq!(shut, wanted, "{} {} with {key}: the key counts", route.method, route.path);
            }
        }
        if is_for_people {
            for wrong in [ended.as_str(), "eyJhbGciOiJub25lIn0.e30.", "x"] {
                let (status, answer) = with_both(&api, route, &api.key, wrong).await;
                assert_eq!((status, code(&answer)), (401, "invalid_session"), "{} {}", route.method, route.path);
            }
            let (status, answer) = with_both(&api, route, &api.key, &reader).await;
            assert_eq!((status, code(&answer)), (403, "session_required"), "two keys are no session");
        }
    }
}
