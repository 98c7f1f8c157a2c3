//! What a person is asked before their account is connected, and how an integrator learns which of their customers
//! connected: `return_to`, `client_state` and the account's id.

use axum::body::Body;
use http::{HeaderMap, Request};
use pinbridge_shared::domain::account::oauth::STATE_LIFE_MS;
use pinbridge_shared::domain::account::return_to::{CLIENT_STATE_MAX, RETURN_TO_MAX};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::flows::tenants::projects;
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_oauth::GrantAnswer;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::support::api::{Api, As, answer};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const CALLBACK: &str = "/v1/pinterest/oauth/callback";
const RETURN_TO: &str = "https://app.example.com/connected?tab=accounts";
const CUSTOMER: &str = "customer 7 & c\u{f6}.";

/// With an origin that the operator has allowed.
async fn api() -> Api {
    let mut world = TestWorld::new(1).await;
    world.context.settings.return_origins = "https://app.example.com,http://localhost:3000".parse().expect("origins");
    Api::over(world).await
}

fn encoded(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Starts a connection; answers its state.
async fn start(api: &Api, wanted: &[(&str, &str)]) -> String {
    let path = format!("/v1/pinterest/oauth/start?{}", encoded(wanted));
    let (status, started) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{started}");
    let url = started["authorization_url"].as_str().expect("a URL");
    url.split_once("state=").expect("a state").1.to_owned()
}

async fn started(api: &Api) -> String {
    start(api, &[("return_to", RETURN_TO), ("client_state", CUSTOMER)]).await
}

type Seen = (u16, HeaderMap, String);

async fn open(api: &Api, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Seen {
    let request = Request::get(format!("{CALLBACK}?{}", encoded(fields)));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    answer(&api.world.context, request.body(Body::empty()).expect("a request")).await
}

/// A page as a browser sees it.
async fn page(api: &Api, fields: &[(&str, &str)]) -> Seen {
    open(api, fields, &[("accept", BROWSER)]).await
}

async fn decide(api: &Api, state: &str, code: &str, decision: &str) -> Seen {
    let request = Request::post(CALLBACK).header("accept", BROWSER);
    let body = encoded(&[("state", state), ("code", code), ("decision", decision)]);
    answer(&api.world.context, request.body(Body::from(body)).expect("a request")).await
}

async fn connected(api: &Api) -> Vec<Value> {
    let (_, accounts) = api.call("GET", "/v1/pinterest/accounts", As::Key(&api.key), Value::Null).await;
    let accounts = accounts.as_array().expect("a list").iter();
    accounts.filter(|account| account["pinterest_user_id"] == "9001").map(|account| account["id"].clone()).collect()
}

/// Where the browser is sent, with the parameters of the result.
fn returned(seen: &Seen) -> (Url, Vec<(String, String)>) {
    assert_eq!((seen.0, seen.2.as_str()), (303, ""));
    assert!(seen.1["cache-control"] == "no-store" && seen.1["referrer-policy"] == "no-referrer", "{:?}", seen.1);
    let url = Url::parse(seen.1["location"].to_str().expect("text")).expect("an address");
    let pairs = url.query_pairs().into_owned().filter(|(name, _)| name != "tab").collect();
    (url, pairs)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_person_reads_into_which_workspace_before_anything_is_connected() {
    let api = api().await;
    let context = &api.world.context;
    projects::rename(context, testdata::workspace(), "<b>Evil</b> & Co.").await.expect("renamed");
    let (_, known) = projects::of_workspace(context, testdata::workspace()).await.expect("read");
    let organization = known.organization.name;
    let state = start(&api, &[]).await;
    let code = api.world.oauth.code("9001").expose().to_owned();
    // As often as the person looks.
    for _ in 0..2 {
        let (status, headers, text) = page(&api, &[("code", &code), ("state", &state)]).await;
        assert!(status == 200 && headers["cache-control"] == "no-store");
        assert!(text.contains("&lt;b&gt;Evil&lt;/b&gt; &amp; Co.") && text.contains(&organization), "{text}");
        assert!(!text.contains("<script") && !text.contains("/v1/"), "{text}");
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("form-action 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(connected(&api).await.len(), 0, "nothing yet");
    }
    let (status, _, text) = decide(&api, &state, &code, "connect").await;
    assert!(status == 200 && text.contains("<h1>Connected</h1>"), "{text}");
    assert_eq!(connected(&api).await.len(), 1);
    let (status, _, text) = decide(&api, &state, &code, "connect").await;
    assert!(status == 400 && text.contains("was finished before"), "{text}");
    assert_eq!(page(&api, &[("code", &code), ("state", &state)]).await.0, 400);
}

/// A page of an attacker's makes the victim's browser open the link in each way that it can, without the victim.
#[tokio::test]
async fn a_browser_that_is_led_here_connects_nothing_by_itself() {
    let api = api().await;
    let led = [
        [("accept", BROWSER), ("sec-fetch-site", "cross-site")],
        [("accept", "application/json"), ("sec-fetch-site", "cross-site")],
        [("accept", "image/avif,image/webp,*/*;q=0.8"), ("sec-fetch-site", "cross-site")],
        [("accept", "*/*"), ("sec-fetch-site", "same-site")],
        [("accept", "application/json"), ("sec-fetch-site", "same-site")],
    ];
    for headers in led {
        let (state, code) = (start(&api, &[]).await, api.world.oauth.code("9001").expose().to_owned());
        let (status, _, text) = open(&api, &[("code", &code), ("state", &state)], &headers).await;
        assert!(status == 200 && text.contains("<h1>Connect your Pinterest account?</h1>"), "{headers:?}: {text}");
        assert_eq!(connected(&api).await.len(), 0, "{headers:?}");
    }
    for decision in ["", "yes", "CONNECT"] {
        let state = start(&api, &[]).await;
        assert_eq!(decide(&api, &state, "code", decision).await.0, 422, "{decision}");
        assert_eq!(page(&api, &[("code", "code"), ("state", &state)]).await.0, 200, "the state is left");
    }
}

/// A link checker or a proxy that requests the address once more agrees to nothing in the person's name.
#[tokio::test]
async fn only_a_get_that_names_json_connects_without_the_page() {
    let api = api().await;
    let (state, code) = (start(&api, &[]).await, api.world.oauth.code("9001").expose().to_owned());
    let fields = [("code", code.as_str()), ("state", state.as_str())];
    let head = async |fields: &[(&str, &str)], accept: &str| {
        let request = Request::head(format!("{CALLBACK}?{}", encoded(fields))).header("accept", accept);
        answer(&api.world.context, request.body(Body::empty()).expect("a request")).await
    };
    let others = ["*/*", "", "text/plain", "application/*", "application/json;q=0", "text/html, application/json"];
    for accept in others {
        let (status, _, text) = open(&api, &fields, &[("accept", accept)]).await;
        assert!(status == 200 && text.contains("<h1>Connect your Pinterest account?</h1>"), "{accept}: {text}");
    }
    let (status, _, text) = open(&api, &fields, &[]).await;
    assert!(status == 200 && text.contains("<h1>Connect your Pinterest account?</h1>"), "{text}");
    for accept in others.iter().chain(&["application/json"]) {
        for fields in [&fields[..], &[("error", "access_denied"), ("state", &state)], &[("state", &state)]] {
            let (status, _, text) = head(fields, accept).await;
            assert_eq!((status, text.as_str()), (200, ""), "{accept}");
        }
    }
    assert_eq!(connected(&api).await.len(), 0, "nobody has agreed, and nobody has refused");
    let (status, _, text) = open(&api, &fields, &[("accept", "application/json, text/plain, */*")]).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(connected(&api).await.len(), 1);
    assert_eq!(head(&fields, "application/json").await.0, 400, "the state was used");
}

#[tokio::test]
async fn the_integrator_learns_which_customer_connected() {
    let api = api().await;
    let (state, code) = (started(&api).await, api.world.oauth.code("9001").expose().to_owned());
    let (_, headers, text) = page(&api, &[("code", &code), ("state", &state)]).await;
    assert!(text.contains("You then return to app.example.com."), "{text}");
    let policy = headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("form-action 'self' https://app.example.com;"), "{policy}");
    let (url, result) = returned(&decide(&api, &state, &code, "connect").await);
    assert!(url.as_str().starts_with("https://app.example.com/connected?tab=accounts&"), "{url}");
    let ids = connected(&api).await;
    let id = ids[0].as_str().expect("an id");
    assert_eq!(result, pairs(&[("status", "connected"), ("account_id", id), ("client_state", CUSTOMER)]));
    let (_, log) = api.call("GET", "/v1/activity-logs", As::Key(&api.key), Value::Null).await;
    let entry = log["items"].as_array().expect("a list").iter().find(|entry| entry["action"] == "account.connected");
    assert_eq!(entry.expect("an entry")["resource_id"], id, "{log}");

    // A client that finishes by itself is sent nowhere, and has the same answer.
    let (state, code) = (started(&api).await, api.world.oauth.code("9001").expose().to_owned());
    let (status, _, text) = open(&api, &[("code", &code), ("state", &state)], &[("accept", "application/json")]).await;
    let body: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &body["account_id"], &body["client_state"]), (200, &ids[0], &json!(CUSTOMER)), "{body}");
}

#[tokio::test]
async fn a_failure_comes_back_with_its_code_and_the_customer() {
    let api = api().await;
    let failed = |code| pairs(&[("status", "failed"), ("error", code), ("client_state", CUSTOMER)]);
    let state = started(&api).await;
    let refused = page(&api, &[("error", "access_denied"), ("state", &state)]).await;
    assert_eq!(returned(&refused).1, failed("oauth_denied"), "on Pinterest's page");
    assert_eq!(returned(&decide(&api, &started(&api).await, "c", "cancel").await).1, failed("oauth_denied"), "on ours");
    let state = started(&api).await;
    assert_eq!(returned(&page(&api, &[("state", &state)]).await).1, failed("oauth_code_missing"));
    let refusals = [
        (GrantAnswer::Refused, "oauth_code_refused"),
        (GrantAnswer::AppRefused, "pinterest_app_refused"),
        (GrantAnswer::NotNow, "pinterest_unreachable"),
    ];
    for (grant, code) in refusals {
        let state = started(&api).await;
        api.world.oauth.answer_next([grant]);
        assert_eq!(returned(&decide(&api, &state, "c", "connect").await).1, failed(code), "{grant:?}");
    }
    let state = started(&api).await;
    api.world.system.advance_ms(STATE_LIFE_MS);
    let (status, _, text) = page(&api, &[("code", "c"), ("state", &state)]).await;
    assert!(status == 400 && text.contains("more than ten minutes ago"), "{text}");
    assert_eq!(returned(&decide(&api, &state, "c", "connect").await).1, failed("oauth_state_invalid"), "too late");
    assert_eq!(decide(&api, &state, "c", "connect").await.0, 400, "nobody knows any more where to");
    // Without a text of the integrator's.
    let state = start(&api, &[("return_to", "http://localhost:3000/done#top")]).await;
    let (url, result) = returned(&decide(&api, &state, "c", "cancel").await);
    assert_eq!((url.fragment(), result), (Some("top"), pairs(&[("status", "failed"), ("error", "oauth_denied")])));
    assert_eq!(connected(&api).await.len(), 0);
}

#[tokio::test]
async fn a_browser_is_sent_to_allowed_origins_only() {
    let mut api = api().await;
    let elsewhere = [
        "https://evil.example/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "https://app.example.com.evil.example/",
        "https://evil.example/?https://app.example.com",
        "https:\\\\evil.example\\@app.example.com",
        "https://sub.app.example.com/",
    ];
    let no_address = ["", "/connected", "//app.example.com", "javascript:alert(1)", "https://me@app.example.com/"];
    let long = format!("https://app.example.com/{}", "a".repeat(RETURN_TO_MAX));
    let refuse = async |name: &str, value: &str, code: &str| {
        let path = format!("/v1/pinterest/oauth/start?{}", encoded(&[(name, value)]));
        api.refused("GET", &path, As::Key(&api.key), Value::Null, 422, code).await
    };
    for to in elsewhere {
        let refused = refuse("return_to", to, "return_to_not_allowed").await;
        assert!(refused["error"]["remediation"].as_str().expect("a text").contains("PINBRIDGE_RETURN_ORIGINS"));
    }
    for to in no_address.into_iter().chain([long.as_str()]) {
        refuse("return_to", to, "validation_error").await;
    }
    let long = "c".repeat(CLIENT_STATE_MAX + 1);
    for text in [long.as_str(), "a\u{0}b", "a\u{1b}[2J"] {
        refuse("client_state", text, "validation_error").await;
    }
    // Nobody could say which of them counts.
    for (name, one, other) in [("client_state", "a", "b"), ("return_to", RETURN_TO, "https://app.example.com/other")] {
        let path = format!("/v1/pinterest/oauth/start?{}", encoded(&[(name, one), (name, other)]));
        let refused = api.refused("GET", &path, As::Key(&api.key), Value::Null, 422, "validation_error").await;
        assert_eq!(refused["detail"][0]["loc"], serde_json::json!(["query", name]), "{refused}");
    }
    let refused = refuse("state", "customer 7", "validation_error").await;
    assert!(refused["message"].as_str().expect("a text").contains("client_state"), "{refused}");

    // The operator takes the origin back while a person is on their way.
    let state = started(&api).await;
    api.world.context.settings.return_origins = "https://other.example.com".parse().expect("origins");
    let (status, _, text) = decide(&api, &state, "c", "cancel").await;
    assert!(status == 400 && text.contains("<h1>Not connected</h1>"), "{text}");
}
