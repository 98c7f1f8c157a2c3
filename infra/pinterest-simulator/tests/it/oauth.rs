//! OAuth, from the authorize page to a rotated token.

use pinterest_simulator::{Config, seed};
use serde_json::Value;

use crate::client::{Answer, Client, start};

const CALLBACK: &str = "https://app.example/callback";

async fn token(client: &Client, secret: &str, form: &str) -> Answer {
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{secret}", seed::APP_ID));
    let headers =
        [("authorization", format!("Basic {basic}")), ("content-type", "application/x-www-form-urlencoded".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.try_send("POST", "/v5/oauth/token", &headers, form).await.expect("an answer")
}

async fn authorize(client: &Client, more: &str) -> Answer {
    let path = format!(
        "/oauth/?client_id={}&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&response_type=code\
         &scope=boards:read,pins:read,user_accounts:read&state=a%20b{more}",
        seed::APP_ID
    );
    client.try_send("GET", &path, &[], "").await.expect("an answer")
}

fn code_in(answer: &Answer) -> String {
    let location = answer.header("location");
    let query = location.strip_prefix(&format!("{CALLBACK}?code=")).expect("the redirect URI with a code");
    let (code, state) = query.split_once('&').expect("a state");
    assert_eq!(state, "state=a+b");
    code.to_owned()
}

#[tokio::test]
async fn an_account_is_connected_and_its_tokens_rotate() {
    let client = start(Config::default()).await;
    let redirect = authorize(&client, "&account=sim_account_2").await;
    assert_eq!(redirect.status, 302);
    let code = code_in(&redirect);

    let form = format!("grant_type=authorization_code&code={code}&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback");
    let issued = token(&client, seed::APP_SECRET, &form).await;
    assert_eq!(issued.status, 200, "{}", issued.text);
    let first = issued.json();
    assert_eq!(first["response_type"], "authorization_code");
    assert_eq!(first["token_type"], "bearer");
    assert_eq!(first["expires_in"], 2_592_000);
    assert_eq!(first["refresh_token_expires_in"], 5_184_000);
    assert_eq!(first["scope"], "boards:read pins:read user_accounts:read");
    assert!(text(&first, "access_token").starts_with("pina_"));
    assert!(text(&first, "refresh_token").starts_with("pinr_"));
    assert_eq!(whose(&client, &text(&first, "access_token")).await, "sim_account_2");
    assert_eq!(token(&client, seed::APP_SECRET, &form).await.json()["code"], 283, "a code works once");

    let refresh = |token: String| format!("grant_type=refresh_token&refresh_token={token}&continuous_refresh=true");
    let old = refresh(text(&first, "refresh_token"));
    let second = token(&client, seed::APP_SECRET, &old).await.json();
    assert_eq!(second["response_type"], "refresh_token");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(whose(&client, &text(&second, "access_token")).await, "sim_account_2");
    assert_eq!(token(&client, seed::APP_SECRET, &old).await.status, 401, "the old one is dead");
    let next = refresh(text(&second, "refresh_token"));
    assert_eq!(token(&client, seed::APP_SECRET, &next).await.status, 200);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_does_not_use_up_the_grant() {
    let client = start(Config::default()).await;
    let form = format!("grant_type=refresh_token&refresh_token={}", client.account.refresh_token);
    let refused = token(&client, "wrong", &form).await;
    assert_eq!((refused.status, refused.json()["code"].as_i64()), (401, Some(2)));
    assert_eq!(token(&client, seed::APP_SECRET, &form).await.status, 200);
}

#[tokio::test]
async fn a_wrong_grant_is_refused() {
    let client = start(Config::default()).await;
    for (form, status) in [
        ("", 400),
        ("grant_type=password", 400),
        ("grant_type=authorization_code&code=x&redirect_uri=y", 400),
        ("grant_type=authorization_code&code=x", 400),
        ("grant_type=refresh_token&refresh_token=pinr_wrong", 401),
    ] {
        assert_eq!(token(&client, seed::APP_SECRET, form).await.status, status, "{form:?}");
    }
}

#[tokio::test]
async fn a_user_may_say_no() {
    let client = start(Config::default()).await;
    let answer = authorize(&client, "&decision=deny").await;
    assert_eq!(answer.header("location"), format!("{CALLBACK}?error=access_denied&state=a+b"));
}

#[tokio::test]
async fn an_unregistered_redirect_uri_is_not_redirected_to() {
    let registered = vec!["https://app.example/other".to_owned()];
    let client = start(Config { redirect_uris: registered, ..Config::default() }).await;
    let answer = authorize(&client, "").await;
    assert_eq!((answer.status, answer.header("location")), (400, ""));
}

fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_default().to_owned()
}

async fn whose(client: &Client, access_token: &str) -> String {
    let bearer = format!("Bearer {access_token}");
    let answer = client.try_send("GET", "/v5/user_account", &[("authorization", &bearer)], "").await;
    text(&answer.expect("an answer").json(), "username")
}
