//! Limits per caller over the API's router: what is counted, who is refused, and what the answer says.

use http::HeaderMap;
use pinbridge_shared::config::Registration;
use pinbridge_shared::domain::credit::{Allowance, CALLER_CREDITS, Holder, Limits, PINTEREST_CALL_CREDITS};
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

/// A small limit, so that few calls reach it: a block of 100 credits, and a grace of 10.
async fn limited(caller: u32, source: u32) -> Api {
    let mut world = TestWorld::new(1).await;
    let allowance = |per_minute: u32| (per_minute > 0).then_some(Allowance { per_minute });
    world.context.settings.limits = Limits { caller: allowance(caller), source: allowance(source) };
    world.context.settings.registration = Registration::Open;
    Api::over(world).await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

/// Calls until one is refused; how many passed, with the refusal.
async fn until_refused(api: &Api, ip: &str, path: &str, who: As<'_>, most: usize) -> Option<(usize, HeaderMap, Value)> {
    for passed in 0..most {
        let (status, headers, answer) = api.call_from(ip, "GET", path, who, Value::Null).await;
        if status == 429 {
            return Some((passed, headers, answer));
        }
    }
    None
}

const HERE: &str = "203.0.113.7";

#[tokio::test]
async fn a_key_that_reads_and_reads_is_refused_with_the_time_and_the_drafts_headers() {
    let api = limited(2_000, 0).await;
    let key = As::Key(&api.key);
    let (_, headers, _) = api.full("GET", "/v1/auth/me", key, Value::Null).await;
    assert_eq!(header(&headers, "ratelimit-policy"), r#""key";q=2000;w=60;pinbridge-unit="credits""#, "a refused key");
    let (_, headers, _) = api.full("GET", "/v1/pins?limit=1", key, Value::Null).await;
    assert_eq!(header(&headers, "ratelimit-policy"), r#""key";q=2000;w=60;pinbridge-unit="credits""#);
    let left = header(&headers, "ratelimit").strip_prefix(r#""key";r="#).and_then(|left| left.parse::<u32>().ok());
    assert!(left.is_some_and(|left| (1_800..2_000).contains(&left)), "{headers:?}");
    let (passed, headers, answer) = until_refused(&api, HERE, "/v1/pins?limit=1", key, 100).await.expect("refused");
    assert!((35..=41).contains(&passed), "2,000 credits of 50 each: {passed}");
    assert_eq!((&answer["code"], &answer["error"]["code"]), (&json!("caller_limit"), &json!("caller_limit")));
    let wait_s: i64 = header(&headers, "retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&wait_s), "{wait_s}");
    assert_eq!(answer["error"]["retry_after_seconds"], wait_s);
    assert_eq!(header(&headers, "ratelimit"), format!(r#""key";r=0;t={wait_s}"#));
    assert_eq!(header(&headers, "ratelimit-policy"), r#""key";q=2000;w=60;pinbridge-unit="credits""#);
    // Any other route too.
    api.world.faults.take_calls();
    api.refused("POST", "/v1/pins", key, json!({}), 429, "caller_limit").await;
    assert_eq!(api.world.faults.take_calls(), [""; 0], "a refused caller who goes on costs no reads");
    api.world.system.advance_ms(wait_s * 1_000);
    let (status, _) = api.call("GET", "/v1/rate-meter?account_id=x", key, Value::Null).await;
    assert_eq!(status, 422, "the wait was long enough");
}

#[tokio::test]
async fn a_path_or_a_method_that_there_is_not_costs_nothing_and_reads_no_key() {
    let api = limited(2_000, 100).await;
    api.world.faults.take_calls();
    for (method, path, code) in [
        ("GET", "/v1/pinz", "route_not_found"),
        ("GET", "/v1/pins/a/b/c", "route_not_found"),
        ("DELETE", "/v1/pins", "method_not_allowed"),
        ("PUT", "/v1/schedules", "method_not_allowed"),
    ] {
        for _ in 0..50 {
            let (status, headers, answer) = api.call_from(HERE, method, path, As::Key(&api.key), Value::Null).await;
            assert_eq!((status / 100, &answer["code"]), (4, &json!(code)), "{method} {path}");
            assert_eq!((header(&headers, "ratelimit"), header(&headers, "ratelimit-policy")), ("", ""), "{headers:?}");
        }
    }
    assert_eq!(api.world.faults.take_calls(), [""; 0], "no key was read, and no credit spent");
}

#[tokio::test]
async fn the_calls_to_pinterest_that_are_really_made_are_counted() {
    let api = limited(CALLER_CREDITS, 0).await;
    let account = pinbridge_shared::domain::testdata::account();
    let boards = format!("/v1/pinterest/boards?account_id={account}");
    let (passed, ..) = until_refused(&api, HERE, &boards, As::Key(&api.key), 400).await.expect("refused");
    let most = u64::from(CALLER_CREDITS) / PINTEREST_CALL_CREDITS;
    assert!((150..=most as usize + 10).contains(&passed), "{passed} calls to Pinterest");
    // What reaches Pinterest with no call costs as a read: an account that doesn't exist.
    api.world.system.advance_ms(60_000);
    let (key, _) = api.new_key(json!({"name": "other"})).await;
    let nobody = format!("/v1/pinterest/boards?account_id={}", uuid::Uuid::from_u128(9));
    assert!(until_refused(&api, HERE, &nobody, As::Key(&key), 400).await.is_none());
}

#[tokio::test]
async fn twelve_hundred_searches_in_a_row_are_too_many_by_default() {
    let api = Api::new().await;
    let refused = until_refused(&api, HERE, "/v1/pins?q=crane", As::Key(&api.key), 1_200).await;
    let (passed, ..) = refused.expect("refused");
    assert!(passed >= 500, "{passed}");
}

#[tokio::test]
async fn keys_and_people_are_counted_one_by_one_wherever_they_call_from() {
    let api = limited(2_000, 0).await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let (other, _) = api.new_key(json!({"name": "other"})).await;
    let first = until_refused(&api, HERE, "/v1/pins", As::Key(&api.key), 100).await;
    assert!(first.is_some());
    for ip in [HERE, "198.51.100.1", "2001:db8::1"] {
        let (status, ..) = api.call_from(ip, "GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
        assert_eq!(status, 429, "another network is no other caller");
    }
    for who in [As::Key(&other), As::Bearer(&token)] {
        let (status, headers, _) = api.call_from(HERE, "GET", "/v1/pins", who, Value::Null).await;
        let kind = if matches!(who, As::Key(_)) { "key" } else { "person" };
        assert_eq!(status, 200, "{who:?}");
        assert!(header(&headers, "ratelimit").starts_with(&format!("\"{kind}\";r=")), "{headers:?}");
    }
    let session = until_refused(&api, HERE, "/v1/pins", As::Bearer(&token), 100).await;
    assert!(session.is_some(), "a person is limited too");
    // A new session is the same person.
    let again = api.log_in("ada@example.com").await;
    let (status, ..) = api.call_from(HERE, "GET", "/v1/pins", As::Bearer(&again), Value::Null).await;
    assert_eq!(status, 429);
}

#[tokio::test]
async fn public_routes_and_invalid_keys_are_counted_by_network_and_a_valid_key_is_not_refused_for_them() {
    let api = limited(CALLER_CREDITS, 2_000).await;
    // As many addresses of one /64 as somebody likes; none of the headers counts.
    let mut refused = 0;
    for n in 0..2_300 {
        let ip = format!("2001:db8:1:2::{n:x}");
        let (status, headers, answer) = api.call_from(&ip, "GET", "/healthz", As::Nobody, Value::Null).await;
        if status == 429 {
            assert!(header(&headers, "ratelimit").starts_with(r#""source";r=0;t="#), "{headers:?}");
            assert_eq!(answer["code"], "caller_limit");
            refused += 1;
        }
    }
    assert!(refused > 150, "{refused}");
    let (status, ..) = api.call_from("2001:db8:1:3::1", "GET", "/healthz", As::Nobody, Value::Null).await;
    assert_eq!(status, 200, "the next network is another one");
    // Guessing keys.
    let mut statuses = Vec::new();
    for n in 0..300_u32 {
        let key = format!("pb_live_{}", format!("{n:08x}").repeat(12));
        let (status, ..) = api.call_from(HERE, "GET", "/v1/pins", As::Key(&key), Value::Null).await;
        statuses.push(status);
    }
    assert_eq!((statuses[0], statuses[299]), (401, 429), "{statuses:?}");
    let (status, ..) = api.call_from(HERE, "GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "a neighbour with a valid key");
}

#[tokio::test]
async fn a_valid_key_that_may_not_make_the_call_pays_it_and_not_its_network() {
    let api = limited(1_000, 300).await;
    let (reads, _) = api.new_key(json!({"name": "reads", "scopes": ["read"]})).await;
    let mut refused = 0;
    for _ in 0..300 {
        let (status, _, answer) = api.call_from(HERE, "POST", "/v1/pins", As::Key(&reads), json!({})).await;
        refused += usize::from(status == 429);
        assert!(matches!(status, 403 | 429), "{answer}");
    }
    assert!(refused > 50, "its own credit ends: {refused}");
    let (status, _, answer) = api.call_from(HERE, "POST", "/v1/auth/login", As::Nobody, json!({})).await;
    assert_eq!(status, 422, "the network has credit: {answer}");
    let (status, _, answer) = api.call_from(HERE, "GET", "/v1/auth/me", As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 403, "another valid key: {answer}");
}

#[tokio::test]
async fn invalid_keys_create_no_rows() {
    let (world, store) = TestWorld::with_store(1).await;
    let api = Api::over(world).await;
    for n in 0..2_000_u32 {
        let key = format!("pb_live_{}", format!("{n:08x}").repeat(12));
        api.call_from(HERE, "GET", "/v1/pins", As::Key(&key), Value::Null).await;
    }
    let holders = store.credit_holders();
    assert!(matches!(&holders[..], [Holder::Source(_)]), "{holders:?}");
}

#[tokio::test]
async fn no_header_of_the_request_names_its_network() {
    let api = limited(CALLER_CREDITS, 2_000).await;
    let mut refused = 0;
    for n in 0..2_300_u32 {
        let request = http::Request::builder()
            .uri("/healthz")
            .header("x-forwarded-for", format!("198.51.100.{}", n % 250))
            .header("forwarded", format!("for=198.51.100.{}", n % 250))
            .header("x-real-ip", format!("198.51.100.{}", n % 250));
        let (status, ..) = api.send(request.body(axum::body::Body::empty()).expect("a request")).await;
        refused += usize::from(status == 429);
    }
    assert!(refused > 150, "{refused}");
}

#[tokio::test]
async fn publishing_passes_while_the_row_cant_be_reached_and_reading_is_refused_after_a_block() {
    let api = limited(2_000, 0).await;
    let pin = |n: usize| {
        let account = pinbridge_shared::domain::testdata::account();
        let board = pinbridge_shared::domain::testdata::request("any").board_id;
        json!({"account_id": account, "board_id": board, "title": "T", "image_url": "https://example.com/a.jpg",
               "idempotency_key": format!("key-{n}")})
    };
    // A block is lent without the row.
    for _ in 0..3 {
        api.world.faults.plan("credits.lease", 1, Fault::FailBefore);
    }
    let (first, _) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
    let mut reads = vec![first];
    for n in 0..20 {
        for _ in 0..3 {
            api.world.faults.plan("credits.lease", 1, Fault::FailBefore);
        }
        let (status, answer) = api.call("POST", "/v1/pins", As::Key(&api.key), pin(n)).await;
        assert_eq!(status, 201, "{answer}");
        let (status, answer) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
        reads.push(status);
        if status == 503 {
            assert_eq!(answer["code"], "unavailable");
        }
        api.world.system.advance_ms(1_000);
        api.world.faults.heal();
    }
    assert_eq!((reads[0], reads[19]), (200, 503), "{reads:?}");
}

#[tokio::test]
async fn every_operation_says_what_it_costs_and_that_it_may_be_refused() {
    let document = pinbridge_api::routes::system::description();
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            assert!(operation["x-credits"].as_u64().is_some_and(|credits| credits >= 1), "{method} {path}");
            let refusal = &operation["responses"]["429"];
            assert!(refusal["headers"]["RateLimit"].is_object(), "{method} {path}");
            let described = refusal["description"].as_str().expect("text");
            assert!(described.contains("`caller_limit`"), "{method} {path}: {described}");
            seen += 1;
        }
    }
    assert!(seen > 80, "{seen}");
}
