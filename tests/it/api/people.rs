//! Logging in, sessions, passwords, profiles, registration.

use pinbridge_shared::domain::ids::{OrganizationId, UserId, WorkspaceId};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::login::{FAILURES_MAX, WINDOW_MS};
use pinbridge_shared::domain::tenant::session::{self, SESSION_S, Session, SigningKey};
use pinbridge_shared::domain::tenant::user::{Email, Role};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::SECOND_MS;
use pinbridge_shared::flows::tenants::people;
use pinbridge_shared::flows::tenants::projects::create_workspace;
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As, PASSWORD};

const ADA: &str = "ada@example.com";

async fn with_ada() -> Api {
    let api = Api::new().await;
    api.person(ADA, Role::Owner).await;
    api
}

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

async fn refused(api: &Api, email: &str, password: &str, status: u16, code: &str) -> Value {
    api.refused("POST", "/v1/auth/login", As::Nobody, credentials(email, password), status, code).await
}

#[tokio::test]
async fn a_person_logs_in_and_sees_who_they_are() {
    let api = with_ada().await;
    let (status, answer) =
        api.call("POST", "/v1/auth/login", As::Nobody, credentials(" Ada@Example.com", PASSWORD)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("bearer"), &json!(SESSION_S)));
    assert_eq!(answer["active_project"]["id"], json!(testdata::workspace()));
    assert_eq!((&answer["user"]["email"], &answer["user"]["timezone"]), (&json!(ADA), &json!("Europe/Berlin")));
    assert!(!answer.to_string().contains(PASSWORD));
    let token = answer["access_token"].as_str().expect("a token");
    let (status, me) = api.call("GET", "/v1/auth/me", As::Bearer(token), Value::Null).await;
    assert_eq!((status, &me["user"], &me["organization_role"]), (200, &answer["user"], &json!("owner")));
    assert_eq!(me.get("access_token"), None);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same_and_cost_the_same() {
    let api = with_ada().await;
    let verified = |api: &Api| api.world.passwords.verified();
    let wrong = refused(&api, ADA, "wrong horse", 401, "invalid_credentials").await;
    let after_wrong = verified(&api);
    let unknown = refused(&api, "bob@example.com", "wrong horse", 401, "invalid_credentials").await;
    assert_eq!((after_wrong, verified(&api)), (1, 2), "one comparison each");
    assert_eq!(
        (&wrong["message"], &wrong["error"]["remediation"]),
        (&unknown["message"], &unknown["error"]["remediation"])
    );
}

#[tokio::test]
async fn five_wrong_passwords_shut_the_door_for_a_quarter_of_an_hour_whoever_knocks() {
    let api = with_ada().await;
    for email in [ADA, "nobody@example.com"] {
        for _ in 0..FAILURES_MAX {
            refused(&api, email, "wrong horse", 401, "invalid_credentials").await;
        }
        let before = api.world.passwords.verified();
        let shut = refused(&api, email, PASSWORD, 429, "rate_limited").await;
        assert_eq!(shut["error"]["retry_after_seconds"], json!(WINDOW_MS / SECOND_MS));
        assert_eq!(api.world.passwords.verified(), before, "nothing is compared behind a shut door");
    }
    api.world.system.advance_ms(WINDOW_MS - 1);
    refused(&api, ADA, PASSWORD, 429, "rate_limited").await;
    api.world.system.advance_ms(1);
    api.log_in(ADA).await;
}

#[tokio::test]
async fn a_right_password_starts_the_count_anew() {
    let api = with_ada().await;
    for _ in 0..3 {
        for _ in 1..FAILURES_MAX {
            refused(&api, ADA, "wrong horse", 401, "invalid_credentials").await;
        }
        api.log_in(ADA).await;
    }
}

#[tokio::test]
async fn guesses_made_at_once_are_counted_one_by_one() {
    let api = with_ada().await;
    // Every attempt has read the count before the first one writes it.
    for nth in 1..=50 {
        api.world.faults.plan("tenants.save_login_attempts", nth, Fault::Yield);
    }
    let guesses = (0..50).map(|n| {
        let body = credentials(ADA, &format!("guess number {n}"));
        let api = &api;
        async move { api.call("POST", "/v1/auth/login", As::Nobody, body).await.0 }
    });
    let answers = futures_util::future::join_all(guesses).await;
    let heard = answers.iter().filter(|status| **status == 401).count();
    assert!(answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
    assert_eq!((heard, api.world.passwords.verified()), (FAILURES_MAX as usize, FAILURES_MAX as usize));
}

#[tokio::test]
async fn a_session_ends_after_an_hour() {
    let api = with_ada().await;
    let token = api.log_in(ADA).await;
    api.world.system.advance_ms(SESSION_S * SECOND_MS - 1);
    assert_eq!(api.call("GET", "/v1/auth/me", As::Bearer(&token), Value::Null).await.0, 200);
    api.world.system.advance_ms(1);
    api.refused("GET", "/v1/auth/me", As::Bearer(&token), Value::Null, 401, "invalid_session").await;
}

#[tokio::test]
async fn a_rotated_key_leaves_open_sessions_until_the_next_rotation() {
    let api = with_ada().await;
    let token = api.log_in(ADA).await;
    let me = async || api.call("GET", "/v1/auth/me", As::Bearer(&token), Value::Null).await.0;
    api.world.context.session_keys.rotate().await.expect("rotated");
    assert_eq!(me().await, 200);
    api.world.context.session_keys.rotate().await.expect("rotated");
    assert_eq!(me().await, 401);
}

#[tokio::test]
async fn a_token_that_is_not_ours_or_says_too_much_is_refused() {
    let api = with_ada().await;
    let ada = api.person("other@example.com", Role::Owner).await;
    let (ring, now) = (api.world.context.session_keys.keyring(false).await.expect("a ring"), api.world.now());
    let good =
        Session { user: ada.id, organization: ada.organization, workspace: testdata::workspace(), epoch: ada.epoch };
    let forger = SigningKey { id: ring.current.id.clone(), secret: Secret::new("0".repeat(64)) };
    let elsewhere = WorkspaceId(Uuid::from_u128(0xdead));
    let stranger = create_workspace(&api.world.context, elsewhere, "Other", [9; 32]);
    stranger.await.expect("created");
    let cases = [
        ("another key", session::issue(&good, &forger, now)),
        ("another epoch", session::issue(&Session { epoch: ada.epoch + 1, ..good }, &ring.current, now)),
        (
            "another organisation",
            session::issue(&Session { organization: OrganizationId(Uuid::from_u128(1)), ..good }, &ring.current, now),
        ),
        (
            "another organisation's workspace",
            session::issue(&Session { workspace: elsewhere, ..good }, &ring.current, now),
        ),
        ("no such person", session::issue(&Session { user: UserId(Uuid::from_u128(1)), ..good }, &ring.current, now)),
        ("an hour ago", session::issue(&good, &ring.current, now.plus_ms(-SESSION_S * SECOND_MS))),
    ];
    for (why, token) in cases {
        let token = token.expect("signed");
        let (status, answer) = api.call("GET", "/v1/auth/me", As::Bearer(token.expose()), Value::Null).await;
        assert_eq!((status, answer["code"].as_str()), (401, Some("invalid_session")), "{why}");
    }
    let token = session::issue(&good, &ring.current, now).expect("signed");
    assert_eq!(api.call("GET", "/v1/auth/me", As::Bearer(token.expose()), Value::Null).await.0, 200, "the control");
}

#[tokio::test]
async fn a_changed_password_ends_every_session() {
    let api = with_ada().await;
    let (token, other) = (api.log_in(ADA).await, api.log_in(ADA).await);
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let path = "/v1/auth/change-password";
    let who = As::Bearer(&token);
    api.refused("POST", path, who, change("wrong horse", "another horse"), 401, "invalid_credentials").await;
    api.refused("POST", path, who, change(PASSWORD, "short"), 422, "validation_error").await;
    let (status, answer) = api.call("POST", path, who, change(PASSWORD, "another horse")).await;
    assert_eq!(status, 200, "{answer}");
    for token in [&token, &other] {
        api.refused("GET", "/v1/auth/me", As::Bearer(token), Value::Null, 401, "invalid_session").await;
    }
    refused(&api, ADA, PASSWORD, 401, "invalid_credentials").await;
    assert_eq!(api.call("POST", "/v1/auth/login", As::Nobody, credentials(ADA, "another horse")).await.0, 200);
}

#[tokio::test]
async fn guessing_the_password_inside_a_session_is_throttled_too() {
    let api = with_ada().await;
    let token = api.log_in(ADA).await;
    let guess = json!({"current_password": "wrong horse", "new_password": "another horse"});
    for _ in 0..FAILURES_MAX {
        let who = As::Bearer(&token);
        api.refused("POST", "/v1/auth/change-password", who, guess.clone(), 401, "invalid_credentials").await;
    }
    api.refused("POST", "/v1/auth/change-password", As::Bearer(&token), guess, 429, "rate_limited").await;
}

#[tokio::test]
async fn a_profile_is_changed_field_by_field() {
    let api = with_ada().await;
    let token = api.log_in(ADA).await;
    let change = json!({"full_name": "Ada L.", "workspace_name": "Cranes", "company_name": "Paper", "tax_id": "1",
        "billing_email": "Bills@Example.com"});
    let (status, changed) = api.call("PUT", "/v1/auth/profile", As::Bearer(&token), change).await;
    assert_eq!((status, &changed["full_name"], &changed["workspace_name"]), (200, &json!("Ada L."), &json!("Cranes")));
    let (_, again) = api.call("PUT", "/v1/auth/profile", As::Bearer(&token), json!({"tax_id": ""})).await;
    assert_eq!((&again["company_name"], &again["tax_id"]), (&json!("Paper"), &Value::Null));
    assert_eq!((&again["billing_email"], &again["email"]), (&json!("bills@example.com"), &json!(ADA)));
    let (_, read) = api.call("GET", "/v1/auth/profile", As::Bearer(&token), Value::Null).await;
    assert_eq!(read, again);
    for wrong in [json!({"billing_email": "x"}), json!({"full_name": " "}), json!({"address_country": "a".repeat(11)})]
    {
        api.refused("PUT", "/v1/auth/profile", As::Bearer(&token), wrong, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn an_editor_changes_their_own_name_and_not_the_companys() {
    let api = Api::new().await;
    api.person(ADA, Role::Editor).await;
    let token = api.log_in(ADA).await;
    let who = As::Bearer(&token);
    api.refused("PUT", "/v1/auth/profile", who, json!({"company_name": "Mine"}), 403, "insufficient_scope").await;
    let (status, changed) = api.call("PUT", "/v1/auth/profile", who, json!({"full_name": "Ada L."})).await;
    assert_eq!((status, &changed["full_name"]), (200, &json!("Ada L.")));
}

fn registration(email: &str) -> Value {
    json!({"full_name": "Bob", "email": email, "password": PASSWORD, "workspace_name": "Bob's", "timezone": "UTC"})
}

#[tokio::test]
async fn registration_is_closed_unless_it_is_opened() {
    let api = Api::new().await;
    for body in [registration("bob@example.com"), json!({})] {
        api.refused("POST", "/v1/auth/register", As::Nobody, body, 403, "registration_closed").await;
    }
    refused(&api, "bob@example.com", PASSWORD, 401, "invalid_credentials").await;
}

#[tokio::test]
async fn whoever_registers_has_an_organisation_of_their_own() {
    let api = Api::open().await;
    let (status, answer) = api.call("POST", "/v1/auth/register", As::Nobody, registration("bob@example.com")).await;
    assert_eq!((status, &answer["active_project"]["name"]), (201, &json!("Bob's")), "{answer}");
    let token = answer["access_token"].as_str().expect("a token");
    let (status, pins) = api.call("GET", "/v1/pins", As::Bearer(token), Value::Null).await;
    assert_eq!((status, pins), (200, json!([])));
    let (_, projects) = api.call("GET", "/v1/projects", As::Bearer(token), Value::Null).await;
    assert_eq!(projects["projects"].as_array().map(Vec::len), Some(1), "{projects}");
    let again = registration("BOB@example.com");
    api.refused("POST", "/v1/auth/register", As::Nobody, again, 409, "email_taken").await;
    let invited =
        json!({"invite_token": "x".repeat(20), "email": "eve@example.com", "password": PASSWORD, "full_name": "E"});
    api.refused("POST", "/v1/auth/register", As::Nobody, invited, 422, "not_supported").await;
    for wrong in [json!({}), json!({"full_name": "E", "email": "e@example.com", "password": "short"})] {
        api.refused("POST", "/v1/auth/register", As::Nobody, wrong, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn whoever_registers_an_address_again_gets_nothing_of_the_one_who_had_it() {
    let api = Api::open().await;
    let register = || api.call("POST", "/v1/auth/register", As::Nobody, registration("bob@example.com"));
    let (_, first) = register().await;
    let bob = Email::parse("bob@example.com").expect("an address").user();
    people::remove(&api.world.context, bob).await.expect("removed");
    let (status, second) = register().await;
    assert_eq!(status, 201, "{second}");
    for (name, of) in [("workspace", "/active_project/id"), ("organisation", "/organization/id")] {
        let id = |answer: &Value| answer.pointer(of).cloned().unwrap_or_default();
        assert_ne!(id(&first), Value::Null, "{name}");
        assert_ne!(id(&first), id(&second), "the {name} of the first");
    }
    let old = first["access_token"].as_str().expect("a token");
    let (status, _) = api.call("GET", "/v1/pins", As::Bearer(old), Value::Null).await;
    assert_eq!(status, 401, "the first one's session has ended");
}

#[tokio::test]
async fn two_who_register_one_address_at_once_make_one_person() {
    let api = Api::open().await;
    let register = || api.call("POST", "/v1/auth/register", As::Nobody, registration("bob@example.com"));
    let answers = futures_util::future::join_all((0..5).map(|_| register())).await;
    let mut statuses: Vec<u16> = answers.into_iter().map(|(status, _)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_forgotten_password_tells_nothing_of_who_has_an_account() {
    let api = with_ada().await;
    let mut answers = Vec::new();
    for email in [ADA, "nobody@example.com"] {
        let body = json!({"email": email});
        let path = "/v1/auth/forgot-password";
        let mut answer = api.refused("POST", path, As::Nobody, body, 501, "not_available_self_hosted").await;
        answer["error"]["request_id"] = Value::Null;
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0]["error"]["remediation"].as_str().expect("a remedy").contains("operator set-password"));
}
