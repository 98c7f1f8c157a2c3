//! Projects: the sandbox, switching, resetting. And what a system of one's own answers about billing and quotas.

use pinbridge_shared::domain::ids::{AccountKey, WorkspaceId};
use pinbridge_shared::domain::tenant::api_key::compose;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::tenant::{Workspace, WorkspaceEnvironment};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::flows::tenants::projects;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const ADA: &str = "ada@example.com";

async fn with_ada() -> (Api, String) {
    let api = Api::new().await;
    api.person(ADA, Role::Owner).await;
    let token = api.log_in(ADA).await;
    (api, token)
}

#[tokio::test]
async fn a_sandbox_is_created_once_however_often_it_is_asked_for() {
    let (api, token) = with_ada().await;
    let create = || api.call("POST", "/v1/projects/sandbox", As::Bearer(&token), json!({"name": "Play"}));
    let answers = futures_util::future::join_all((0..16).map(|_| create())).await;
    let (_, listed) = api.call("GET", "/v1/projects", As::Key(&api.key), Value::Null).await;
    assert_eq!(listed["projects"].as_array().map(Vec::len), Some(2), "{listed}");
    let mut keys = Vec::new();
    for (status, mut answer) in answers {
        keys.push(answer["api_key"].take());
        answer.as_object_mut().expect("an object").remove("api_key");
        assert_eq!((status, &answer), (201, &listed));
    }
    let texts: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
    assert_eq!(texts.len(), 1, "one key, once: {keys:?}");
    let (_, stored) = api.call("GET", "/v1/api-keys", As::Key(texts[0]), Value::Null).await;
    assert_eq!(stored.as_array().map(Vec::len), Some(1), "and the others left none: {stored}");
    assert_eq!(listed["active_project"]["id"], json!(testdata::workspace()), "one stays where one is");
    let sandbox = &listed["projects"][1];
    assert_eq!((&sandbox["environment"], &sandbox["name"]), (&json!("sandbox"), &json!("Play")));
    let (status, mut again) = api.call("POST", "/v1/projects/sandbox", As::Key(&api.key), Value::Null).await;
    assert_eq!(again["api_key"].take(), Value::Null, "and no key again");
    again.as_object_mut().expect("an object").remove("api_key");
    assert_eq!((status, &again), (201, &listed), "without a body, and as it is");
}

#[tokio::test]
async fn a_sandboxs_key_comes_with_it_and_shows_that_it_is_one() {
    let (api, token) = with_ada().await;
    let other = Api::new().await;
    let creators = [(&api, As::Bearer(&token), json!(ADA)), (&other, As::Key(&other.key), Value::Null)];
    for (api, who, name) in creators {
        let (status, made) = api.call("POST", "/v1/projects/sandbox", who, Value::Null).await;
        let key = made["api_key"].as_str().expect("a key").to_owned();
        assert!(status == 201 && key.starts_with("pb_test_"), "{made}");
        // It works at once, in the sandbox and nowhere else, with every scope.
        for who in [As::Key(&key), As::Bearer(&key)] {
            let (status, projects) = api.call("GET", "/v1/projects", who, Value::Null).await;
            assert_eq!((status, &projects["active_project"]["environment"]), (200, &json!("sandbox")), "{projects}");
        }
        let (_, keys) = api.call("GET", "/v1/api-keys", As::Key(&key), Value::Null).await;
        assert_eq!(keys.as_array().map(Vec::len), Some(1), "{keys}");
        assert_eq!(keys[0]["scopes"], json!(["read", "write", "destructive"]));
        assert_eq!(keys[0]["authorized_by_email"], name, "whose it is");
        // Further keys of the sandbox show it too, and those of production don't.
        let body = json!({"name": "another", "scopes": ["read"]});
        let (_, another) = api.call("POST", "/v1/api-keys", As::Key(&key), body.clone()).await;
        assert!(another["api_key"].as_str().is_some_and(|text| text.starts_with("pb_test_")), "{another}");
        let (_, live) = api.call("POST", "/v1/api-keys", As::Key(&api.key), body).await;
        assert!(live["api_key"].as_str().is_some_and(|text| text.starts_with("pb_live_")), "{live}");
        // A key works under its own prefix only.
        for wrong in [key.replace("pb_test_", "pb_live_"), api.key.replace("pb_live_", "pb_test_"), "pb_test_".into()] {
            api.refused("GET", "/v1/pins", As::Key(&wrong), Value::Null, 401, "invalid_api_key").await;
            api.refused("GET", "/v1/pins", As::Bearer(&wrong), Value::Null, 401, "invalid_api_key").await;
        }
    }
}

/// As a build before this one has made it: the sandbox without a key, or with a key under the other prefix.
#[tokio::test]
async fn an_older_sandbox_gets_a_first_key_and_keeps_the_one_it_has() {
    let (api, token) = with_ada().await;
    let context = &api.world.context;
    let (_, known) = projects::of_workspace(context, testdata::workspace()).await.expect("read");
    let id = known.organization.sandbox();
    let of = known.organization.id;
    let sandbox = Workspace {
        environment: WorkspaceEnvironment::Sandbox,
        ..Workspace::production(id, of, "Old", api.world.now(), "old".into())
    };
    assert!(context.tenants.save_workspace(&sandbox).await.expect("saved").is_done());
    let create = || api.call("POST", "/v1/projects/sandbox", As::Bearer(&token), Value::Null);
    let first = create().await.1["api_key"].as_str().expect("it had none").to_owned();
    assert!(first.starts_with("pb_test_"));
    assert_eq!(create().await.1["api_key"], Value::Null);
    let old = compose(id, [5; 32]);
    projects::keep_key(context, &old).await.expect("kept");
    assert!(old.starts_with("pb_live_"));
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&old), Value::Null).await.0, 200, "it goes on working");
}

async fn sandbox(api: &Api, token: &str) -> String {
    let (_, made) = api.call("POST", "/v1/projects/sandbox", As::Bearer(token), Value::Null).await;
    made["projects"][1]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn switching_gives_a_token_of_the_other_project_and_leaves_the_old_one_where_it_was() {
    let (api, token) = with_ada().await;
    let id = sandbox(&api, &token).await;
    let body = json!({"project_id": id});
    let (status, switched) = api.call("POST", "/v1/projects/switch", As::Bearer(&token), body.clone()).await;
    assert_eq!((status, &switched["active_project"]["id"]), (200, &json!(id)), "{switched}");
    let fresh = switched["access_token"].as_str().expect("a token");
    let active = async |token: &str| {
        let (_, me) = api.call("GET", "/v1/auth/me", As::Bearer(token), Value::Null).await;
        me["active_project"]["id"].as_str().expect("an id").to_owned()
    };
    let fresh_workspace: WorkspaceId = id.parse().expect("an id");
    assert_eq!((active(fresh).await, active(&token).await), (id, testdata::workspace().to_string()));
    let (_, accounts) = api.call("GET", "/v1/pinterest/accounts", As::Bearer(fresh), Value::Null).await;
    let ids: Vec<_> = accounts.as_array().expect("a list").iter().map(|account| account["id"].clone()).collect();
    let simulated = AccountKey::simulated(fresh_workspace, 1).account;
    assert_eq!(ids, [json!(simulated)], "nothing of production is in the sandbox");
    api.refused("POST", "/v1/projects/switch", As::Key(&api.key), body, 403, "session_required").await;
    let unknown = json!({"project_id": "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6"});
    api.refused("POST", "/v1/projects/switch", As::Bearer(&token), unknown, 404, "not_found").await;
    api.refused("POST", "/v1/projects/switch", As::Bearer(&token), json!({}), 422, "validation_error").await;
}

#[tokio::test]
async fn another_organisations_project_is_unknown() {
    let (api, token) = with_ada().await;
    let other = pinbridge_shared::domain::ids::WorkspaceId(uuid::Uuid::from_u128(0xdead));
    let made =
        pinbridge_shared::flows::tenants::projects::create_workspace(&api.world.context, other, "Other", [9; 32]).await;
    let body = json!({"project_id": other});
    api.refused("POST", "/v1/projects/switch", As::Bearer(&token), body, 404, "not_found").await;
    let (_, theirs) = api.call("GET", "/v1/projects", As::Key(&made.expect("created")), Value::Null).await;
    assert_eq!(theirs["projects"].as_array().map(Vec::len), Some(1));
    assert!(!theirs.to_string().contains(&testdata::workspace().to_string()));
}

#[tokio::test]
async fn only_a_sandbox_is_reset() {
    let (api, token) = with_ada().await;
    let who = As::Bearer(&token);
    api.refused("POST", "/v1/projects/sandbox/reset", who, Value::Null, 404, "not_found").await;
    let id = sandbox(&api, &token).await;
    for _ in 0..2 {
        let (status, answer) = api.call("POST", "/v1/projects/sandbox/reset", who, Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(
            (&answer["projects"][1]["state"], &answer["projects"][0]["state"]),
            (&json!("resetting"), &json!("active"))
        );
    }
    let body = json!({"project_id": id});
    api.refused("POST", "/v1/projects/switch", who, body, 409, "workspace_resetting").await;
    assert_eq!(api.call("GET", "/v1/pins", who, Value::Null).await.0, 200, "production goes on");
}

#[tokio::test]
async fn billing_and_quotas_have_no_limits() {
    let (api, _) = with_ada().await;
    let read = async |method: &str, path: &str| {
        let (status, answer) = api.call(method, path, As::Key(&api.key), Value::Null).await;
        assert_eq!(status, 200, "{path} {answer}");
        answer
    };
    let status = read("GET", "/v1/billing/status").await;
    assert_eq!((&status["plan"], &status["billing_status"]), (&json!("enterprise"), &json!("active")));
    assert_eq!(read("GET", "/v1/billing/pricing").await["plans"][0]["monthly_price"]["unit_amount"], json!(0));
    let quota = read("GET", "/v1/mcp/quota").await;
    assert_eq!((&quota["requests_limit"], &quota["week"]), (&json!(0), &json!("2026-W01")));
    assert_eq!(read("POST", "/v1/mcp/track").await, quota);
    for (method, path) in [("POST", "/v1/billing/checkout"), ("GET", "/v1/team/members")] {
        api.refused(method, path, As::Key(&api.key), Value::Null, 501, "not_available_self_hosted").await;
    }
}
