//! Logging in, sessions, passwords, profiles.

use http::{Method, Request};
use pinbridge_api::auth::Access;
use pinbridge_api::routes;
use pinbridge_shared::domain::ids::{OrganizationId, UserId, WorkspaceId};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::login::{
    ADDRESS_FAILURES_MAX, AddressId, FAILURES_MAX, SOURCE_FAILURES_MAX, Source, WINDOW_MS,
};
use pinbridge_shared::domain::tenant::session::{self, SESSION_MAX_S, SESSION_S, Session, SessionId, SigningKey};
use pinbridge_shared::domain::tenant::user::{Email, Role};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::tenants::projects::create_workspace;
use pinbridge_shared::flows::tenants::{log_in, people};
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::registration::{REGISTER, registered};
use crate::support::api::{Api, As, PASSWORD};
use crate::support::real::Real;

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
async fn five_wrong_passwords_from_one_network_shut_its_door_for_a_quarter_of_an_hour() {
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
        api.world.faults.plan("tenants.save_source_attempts", nth, Fault::Yield);
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

/// Networks of other people, written in several ways.
const OTHERS: [&str; 3] = ["203.0.113.7", "2001:db8:1:2::7", "::ffff:198.51.100.9"];

/// Status and code of a login from that IP address.
async fn from(api: &Api, ip: &str, email: &str, password: &str) -> (u16, String) {
    let body = credentials(email, password);
    let (status, _, answer) = api.call_from(ip, "POST", "/v1/auth/login", As::Nobody, body).await;
    (status, answer["code"].as_str().unwrap_or_default().to_owned())
}

fn wrong() -> (u16, String) {
    (401, "invalid_credentials".into())
}

fn limited() -> (u16, String) {
    (429, "rate_limited".into())
}

const WELCOME: (u16, String) = (200, String::new());

#[tokio::test]
async fn other_peoples_guesses_leave_the_owner_in_and_them_out() {
    let api = with_ada().await;
    for ip in OTHERS {
        for _ in 0..FAILURES_MAX {
            assert_eq!(from(&api, ip, ADA, "wrong horse").await, wrong(), "{ip}");
        }
        assert_eq!(from(&api, ip, ADA, PASSWORD).await, limited(), "{ip}");
        assert_eq!(from(&api, "192.0.2.1", ADA, PASSWORD).await, WELCOME, "the owner, after {ip}");
    }
    let neighbour = from(&api, "2001:db8:1:2:ffff::1", ADA, PASSWORD).await;
    assert_eq!(neighbour, limited(), "another address of the same /64 is the same network");
    assert_eq!(from(&api, "2001:db8:1:3::1", ADA, PASSWORD).await, WELCOME);
    // A client can send any header; only what API Gateway saw counts.
    let request = Request::post("/v1/auth/login").header("content-type", "application/json");
    let request = request.header("x-forwarded-for", OTHERS[0]).header("forwarded", format!("for={}", OTHERS[0]));
    let body = credentials(ADA, PASSWORD).to_string();
    let (status, ..) = api.send(request.body(body.into()).expect("a request")).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn spraying_many_addresses_ends_at_the_limit_of_the_network() {
    let api = with_ada().await;
    for ip in OTHERS {
        for n in 0..SOURCE_FAILURES_MAX {
            assert_eq!(from(&api, ip, &format!("person{n}@example.com"), "wrong horse").await, wrong(), "{ip} {n}");
        }
        let before = api.world.passwords.verified();
        for email in [ADA, "person7@example.com", "new@example.com"] {
            assert_eq!(from(&api, ip, email, PASSWORD).await, limited(), "{ip} {email}");
        }
        assert_eq!(api.world.passwords.verified(), before, "nothing is compared behind the limit");
        assert_eq!(from(&api, "192.0.2.1", ADA, PASSWORD).await, WELCOME, "another network is open");
    }
    api.world.system.advance_ms(WINDOW_MS);
    for ip in OTHERS {
        assert_eq!(from(&api, ip, ADA, PASSWORD).await, WELCOME, "{ip}");
    }
}

#[tokio::test]
async fn a_success_of_ones_own_does_not_lift_the_limit_of_spraying() {
    let api = with_ada().await;
    api.person("mallory@example.com", Role::Viewer).await;
    let mut heard = 0;
    for n in 0..2 * SOURCE_FAILURES_MAX {
        let (status, _) = from(&api, OTHERS[0], &format!("person{n}@example.com"), "wrong horse").await;
        heard += u32::from(status == 401);
        from(&api, OTHERS[0], "mallory@example.com", PASSWORD).await;
    }
    assert_eq!(heard, SOURCE_FAILURES_MAX);
}

/// Claims the address with a password of the stranger's own.
async fn claim(api: &Api, ip: &str, email: &str) {
    let mut body = registered(email);
    body["password"] = json!(STRANGERS);
    let (status, _, answer) = api.call_from(ip, "POST", REGISTER, As::Nobody, body).await;
    assert_eq!(status, 201, "{answer}");
}

const STRANGERS: &str = "a password of the stranger's";

#[tokio::test]
async fn whoever_claims_an_address_guesses_its_owners_password_no_more_often() {
    let api = Api::open().await;
    api.person(ADA, Role::Owner).await;
    for email in [ADA, "nobody@example.com"] {
        claim(&api, OTHERS[0], email).await;
        let mut answers = Vec::new();
        for _ in 0..FAILURES_MAX {
            answers.push(from(&api, OTHERS[0], email, "wrong horse").await);
            answers.push(from(&api, OTHERS[0], email, STRANGERS).await);
        }
        // The registration was the first attempt.
        let (heard, refused) = answers.split_at(FAILURES_MAX as usize - 1);
        assert_eq!(heard, [wrong(), WELCOME, wrong(), WELCOME], "{email}");
        assert!(refused.iter().all(|answer| *answer == limited()), "{email}: {refused:?}");
    }
    assert_eq!(from(&api, "192.0.2.1", ADA, PASSWORD).await, WELCOME, "the owner");
    api.world.system.advance_ms(WINDOW_MS);
    assert_eq!(from(&api, OTHERS[0], ADA, PASSWORD).await, WELCOME, "also from that network, later");
}

#[tokio::test]
async fn spraying_over_claimed_addresses_ends_at_the_limit_of_the_network() {
    let api = Api::open().await;
    let claimed: Vec<String> = (0..4).map(|n| format!("claimed{n}@example.com")).collect();
    for email in &claimed {
        claim(&api, OTHERS[0], email).await;
    }
    let mut heard = claimed.len();
    for n in 0..SOURCE_FAILURES_MAX {
        for email in claimed.iter().chain([&format!("person{n}@example.com")]) {
            for password in ["wrong horse", STRANGERS] {
                let (status, _) = from(&api, OTHERS[0], email, password).await;
                assert!([200, 401, 429].contains(&status), "{email}: {status}");
                heard += usize::from(status != 429);
            }
        }
    }
    assert_eq!(heard, SOURCE_FAILURES_MAX as usize);
}

/// Guesses the address's password from many networks, as often as each of them may.
async fn guess_from_everywhere(api: &Api, email: &str) {
    for network in 0..ADDRESS_FAILURES_MAX / FAILURES_MAX {
        for _ in 0..FAILURES_MAX {
            assert_eq!(from(api, &format!("198.51.100.{network}"), email, "wrong horse").await, wrong());
        }
    }
}

#[tokio::test]
async fn an_address_that_many_networks_guess_stays_open_for_its_owner_from_anywhere() {
    let api = with_ada().await;
    assert_eq!(from(&api, "192.0.2.1", ADA, PASSWORD).await, WELCOME);
    for email in [ADA, "nobody@example.com"] {
        guess_from_everywhere(&api, email).await;
        // Known and unknown addresses are told apart by nothing.
        for fresh in ["203.0.113.7", "2001:db8:1:2::7", "203.0.113.9"] {
            assert_eq!(from(&api, fresh, email, "wrong horse").await, wrong(), "{email} from {fresh}");
            assert_eq!(from(&api, fresh, email, PASSWORD).await, limited(), "{email} from {fresh}");
        }
    }
    for fresh in ["203.0.113.8", "2001:db8:1:9::7", "203.0.113.10"] {
        assert_eq!(from(&api, fresh, ADA, PASSWORD).await, WELCOME, "the right password at once, from {fresh}");
    }
    for _ in 1..FAILURES_MAX {
        assert_eq!(from(&api, "192.0.2.1", ADA, "mistyped horse").await, wrong(), "the owner's network has five");
    }
    assert_eq!(from(&api, "192.0.2.1", ADA, PASSWORD).await, WELCOME);
    api.world.system.advance_ms(WINDOW_MS);
    for _ in 0..FAILURES_MAX {
        assert_eq!(from(&api, "203.0.113.7", ADA, "wrong horse").await, wrong(), "five again");
    }
}

#[tokio::test]
async fn an_operator_lifts_the_limit_of_an_address_and_of_a_network() {
    let api = with_ada().await;
    let world = &api.world.context;
    let ada = Email::parse(ADA).expect("an address");
    let lock = async || {
        for ip in OTHERS {
            while from(&api, ip, ADA, "wrong horse").await == wrong() {}
            assert_eq!(from(&api, ip, ADA, PASSWORD).await, limited());
        }
        api.world.system.advance_ms(1);
    };
    lock().await;
    log_in::unlock_address(world, &ada).await.expect("lifted");
    for ip in OTHERS {
        assert_eq!(from(&api, ip, ADA, PASSWORD).await, WELCOME, "{ip}");
    }
    lock().await;
    let known = people::find(world, &ada).await.expect("there");
    people::set_password(world, known.id, &Secret::new("another horse")).await.expect("set");
    for ip in OTHERS {
        assert_eq!(from(&api, ip, ADA, "another horse").await, WELCOME, "a new password is let through from {ip}");
    }
    for ip in OTHERS {
        while from(&api, ip, &format!("{}@example.com", Uuid::new_v4()), "wrong horse").await == wrong() {}
        let source = Source::parse(ip).expect("a source");
        assert!(log_in::unlock_source(world, &source).await.expect("lifted"));
        assert!(!log_in::unlock_source(world, &source).await.expect("nothing is left"));
        assert_eq!(from(&api, ip, ADA, "another horse").await, WELCOME, "{ip}");
    }
}

/// The counts of this address are kept in the same row as Ada's.
const BESIDE_ADA: &str = "x31622@evil.example";

#[tokio::test]
async fn whoever_changes_a_password_lifts_the_limit_of_no_other_address() {
    let api = with_ada().await;
    api.person(BESIDE_ADA, Role::Viewer).await;
    let row = |email: &str| Email::parse(email).map(|email| AddressId::of(&email).bucket()).expect("an address");
    assert_eq!(row(ADA), row(BESIDE_ADA), "another way of counting needs another address here");
    for _ in 0..FAILURES_MAX {
        assert_eq!(from(&api, "203.0.113.7", ADA, "wrong horse").await, wrong());
    }
    api.world.system.advance_ms(1);
    let token = api.log_in(BESIDE_ADA).await;
    let body = json!({"current_password": PASSWORD, "new_password": "another horse entirely"});
    let (status, answer) = api.call("POST", "/v1/auth/change-password", As::Bearer(&token), body).await;
    assert!((200..300).contains(&status), "{answer}");
    assert_eq!(from(&api, "203.0.113.7", ADA, "wrong horse").await, limited());
}

#[tokio::test]
async fn unknown_addresses_leave_a_row_per_network_and_no_person() {
    let real = Real::start(1).await;
    let before = real.rows().await.len();
    for n in 0..SOURCE_FAILURES_MAX + 5 {
        let body = credentials(&format!("person{n}@example.com"), "wrong horse").to_string();
        real.call("POST", "/v1/auth/login", &[], &body).await;
    }
    let rows = real.rows().await;
    let of = |part: &str| rows.iter().filter(|row| row.contains(part)).count();
    assert_eq!(of("\"sk\": S(\"source\")"), 1, "{rows:?}");
    assert!(of("\"sk\": S(\"address\")") <= SOURCE_FAILURES_MAX as usize, "no row for a refused attempt");
    assert_eq!((of("S(\"user#"), of("person")), (0, 0), "{rows:?}");
    // The rest are the entries of the log, which nobody reads: its workspace is nil.
    // And one has the network's credit.
    assert!(rows.len() <= before + 2 + 2 * SOURCE_FAILURES_MAX as usize, "{}", rows.len());
}

#[tokio::test]
async fn only_json_logs_in_or_registers() {
    let api = Api::open().await;
    api.person(ADA, Role::Owner).await;
    let send = async |path: &str, kind: Option<&str>, body: &Value| {
        let request = Request::post(path);
        let request = kind.map_or_else(|| Request::post(path), |kind| request.header("content-type", kind));
        let (status, _, answer) = api.send(request.body(body.to_string().into()).expect("a request")).await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    };
    let login = credentials(ADA, PASSWORD);
    let refused = (415, "unsupported_media_type".to_owned());
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonp"),
        Some("text/plain; application/json"),
    ] {
        assert_eq!(send("/v1/auth/login", kind, &login).await, refused, "{kind:?}");
        assert_eq!(send("/v1/auth/register", kind, &registered("bob@example.com")).await, refused, "{kind:?}");
    }
    assert_eq!(api.world.passwords.verified(), 0);
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"] {
        assert_eq!(send("/v1/auth/login", Some(kind), &login).await, WELCOME, "{kind}");
        let person = registered(&format!("{}@example.com", Uuid::new_v4()));
        assert_eq!(send("/v1/auth/register", Some(kind), &person).await.0, 201, "{kind}");
    }
}

#[tokio::test]
async fn a_session_that_is_continued_ends_twelve_hours_after_its_password() {
    let api = with_ada().await;
    let mut token = api.log_in(ADA).await;
    let start = api.world.now();
    let switch = json!({"project_id": testdata::workspace()});
    let mut lifetimes = Vec::new();
    loop {
        api.world.system.advance_ms(45 * MINUTE_MS);
        let who = As::Bearer(&token);
        let (status, answer) = api.call("POST", "/v1/projects/switch", who, switch.clone()).await;
        if status != 200 {
            assert_eq!((status, answer["code"].as_str()), (401, Some("invalid_session")));
            break;
        }
        lifetimes.push(answer["expires_in"].as_i64().expect("a number"));
        token = answer["access_token"].as_str().expect("a token").to_owned();
    }
    assert_eq!(api.world.now().since_ms(start), SESSION_MAX_S * SECOND_MS);
    let (last, rest) = lifetimes.split_last().expect("many");
    assert!(rest.iter().all(|lifetime| *lifetime == SESSION_S), "{lifetimes:?}");
    assert_eq!(*last, 45 * 60, "the last token ends with the session");
}

#[tokio::test]
async fn a_logout_ends_its_session_with_every_token_of_it_and_no_other() {
    let api = with_ada().await;
    let (session, other) = (api.log_in(ADA).await, api.log_in(ADA).await);
    let switch = json!({"project_id": testdata::workspace()});
    let (_, switched) = api.call("POST", "/v1/projects/switch", As::Bearer(&session), switch).await;
    let switched = switched["access_token"].as_str().expect("a token");
    let logout = async |who: As<'_>| api.call("POST", "/v1/auth/logout", who, Value::Null).await;
    assert_eq!(logout(As::Bearer(switched)).await, (204, Value::Null));
    for ended in [&session, switched] {
        api.refused("GET", "/v1/auth/me", As::Bearer(ended), Value::Null, 401, "invalid_session").await;
        api.refused("POST", "/v1/auth/logout", As::Bearer(ended), Value::Null, 401, "invalid_session").await;
    }
    assert_eq!(api.call("GET", "/v1/auth/me", As::Bearer(&other), Value::Null).await.0, 200);
    api.refused("POST", "/v1/auth/logout", As::Key(&api.key), Value::Null, 403, "session_required").await;
    let next = api.log_in(ADA).await;
    assert_eq!(logout(As::Bearer(&other)).await.0, 204);
    assert_eq!(api.call("GET", "/v1/auth/me", As::Bearer(&next), Value::Null).await.0, 200);
    let (_, log) = api.call("GET", "/v1/activity-logs", As::Bearer(&next), Value::Null).await;
    let entries = log["items"].as_array().expect("entries");
    assert_eq!(entries.iter().filter(|entry| entry["action"] == "auth.logout").count(), 2, "{log}");
}

#[tokio::test]
async fn a_token_of_an_older_build_logs_out_everywhere() {
    let api = Api::new().await;
    let ada = api.person(ADA, Role::Owner).await;
    let other = api.log_in(ADA).await;
    let ring = api.world.context.session_keys.keyring(false).await.expect("a ring");
    let (workspace, began_at_s) = (testdata::workspace(), api.world.now().unix_seconds());
    let old =
        Session { user: ada.id, organization: ada.organization, workspace, epoch: ada.epoch, id: None, began_at_s };
    let old = session::issue(&old, &ring.current, api.world.now()).expect("signed");
    assert_eq!(api.call("POST", "/v1/auth/logout", As::Bearer(old.expose()), Value::Null).await.0, 204);
    for token in [old.expose(), &other] {
        api.refused("GET", "/v1/auth/me", As::Bearer(token), Value::Null, 401, "invalid_session").await;
    }
}

#[tokio::test]
async fn no_cache_stores_what_a_caller_may_read() {
    let api = with_ada().await;
    for route in routes::table() {
        let token = api.log_in(ADA).await;
        for who in [As::Key(&api.key), As::Bearer(&token), As::Nobody] {
            let path = route.path.replace("{id}", "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6");
            let (status, headers, _) = api.full(route.method.as_str(), &path, who, Value::Null).await;
            let is_private = route.access != Access::Public || route.method != Method::GET;
            let cached = headers.get("cache-control").and_then(|value| value.to_str().ok());
            assert!(
                !is_private || cached == Some("no-store"),
                "{} {path} as {who:?}: {status} {cached:?}",
                route.method
            );
        }
    }
    let (status, headers, _) = api.full("POST", "/v1/auth/login", As::Nobody, credentials(ADA, PASSWORD)).await;
    assert_eq!((status, headers["cache-control"].to_str().ok()), (200, Some("no-store")));
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
    let good = Session {
        user: ada.id,
        organization: ada.organization,
        workspace: testdata::workspace(),
        epoch: ada.epoch,
        id: Some(SessionId(Uuid::from_u128(1))),
        began_at_s: now.unix_seconds(),
    };
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
        (
            "a session that has ended",
            session::issue(&Session { began_at_s: now.unix_seconds() - SESSION_MAX_S, ..good }, &ring.current, now),
        ),
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
