//! The real adapters on the embedded AWS and the simulator, in this process: what the local stack is made of, without
//! its runner and its files.

use std::sync::Arc;

use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use http::{HeaderMap, Request};
use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::app_secret::AppSecret;
use pinbridge_shared::adapters::assemble;
use pinbridge_shared::config::{Environment, MailPort, OAuthApp, QueueUrls, Registration, Resources};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::user::Email;
use pinbridge_shared::ports::Mailer;
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_mailer::FakeMailer;
use pinbridge_shared::testing::faults::Faults;
use pinbridge_shared::testing::manual_system::ManualSystem;
use pinterest_simulator::{APP_ID, APP_SECRET, Config, Simulator};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::front::Front;
use super::{api, embedded_aws};

pub const CALLBACK: &str = "http://127.0.0.1:1/v1/pinterest/oauth/callback";
pub const SCOPES: &str = "boards:read,boards:write,pins:read,pins:write,user_accounts:read,boards:read_secret,\
                          boards:write_secret,ads:read";

pub struct Real {
    pub world: Context,
    pub pinterest_url: String,
    pub queues: QueueUrls,
    pub aws: Arc<LocalAws>,
    /// Keeps the mails.
    pub mailer: Arc<FakeMailer>,
    pub http: reqwest::Client,
}

/// A workspace with one connected account, behind a front that can refuse calls to AWS.
pub struct Tenant {
    pub real: Real,
    pub front: Arc<Front>,
    pub key: String,
    pub account: String,
    pub board: String,
}

impl Tenant {
    pub async fn start() -> Self {
        let front = Front::start().await;
        let real = Real::start_behind(1, Some(&front)).await;
        let key = real.register("tenant").await;
        let account = real.connect(&key, "sim_account_1").await;
        let board = real.board(&key, &account).await;
        Self { real, front, key, account, board }
    }
}

impl Real {
    /// A system for that many Pinterest users, of which nobody is connected.
    pub async fn start(users: usize) -> Self {
        Self::start_behind(users, None).await
    }

    /// The same; the adapters' calls to AWS go through `front`.
    pub async fn start_behind(users: usize, front: Option<&Front>) -> Self {
        let aws = embedded_aws::start().await;
        let endpoint_url = front.map_or_else(|| aws.endpoint_url(), |front| front.url.clone());
        if let Some(front) = front {
            front.forward_to(&aws.endpoint_url());
        }
        resources::create_table(&embedded_aws::dynamodb(&aws)).await.expect("the table is created");
        let queues = resources::create_queues(&embedded_aws::sqs(&aws), resources::VISIBILITY_TIMEOUT_S)
            .await
            .expect("the queues are created");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let pinterest_url = format!("http://{}", listener.local_addr().expect("an address"));
        let simulator = Simulator::open(Config { accounts: users, ..Config::default() }).expect("opens");
        tokio::spawn(async move { simulator.serve(listener, std::future::pending()).await });
        let oauth_app = OAuthApp {
            app_id: APP_ID.into(),
            redirect_url: CALLBACK.into(),
            authorize_url: format!("{pinterest_url}/oauth/"),
            scopes: SCOPES.into(),
        };
        let config = pinbridge_shared::adapters::aws::loader()
            .endpoint_url(endpoint_url)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKLOCAL", "secret", None, None, "test"))
            .load()
            .await;
        let nothing = |_: &str| None;
        let mut settings = Environment(&nothing).settings().expect("the defaults");
        settings.registration = Registration::Open;
        settings.api_url = "http://127.0.0.1:1".into();
        let resources = Resources {
            table: resources::TABLE.into(),
            queues: queues.clone(),
            secret_prefix: "pinbridge".into(),
            pinterest_url: pinterest_url.clone(),
            oauth_app: Some(oauth_app),
            token_custody: pinbridge_shared::config::TokenCustody::Secrets,
            mail: Some(MailPort::Printed),
            event_bus: None,
            event_queue: None,
            tasks: None,
        };
        let secrets = embedded_aws::secrets_manager(&aws);
        AppSecret::new(secrets, "pinbridge").write(&Secret::new(APP_SECRET)).await.expect("written");
        let mut world = assemble::over(&config, settings, resources).expect("assembled");
        let faults = Faults::new(Arc::new(ManualSystem::new(START, 1)));
        let mailer = Arc::new(FakeMailer::new(Arc::new(faults)));
        world.mailer = Some(Arc::clone(&mailer) as Arc<dyn Mailer>);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { world, pinterest_url, queues, aws: Arc::new(aws), mailer, http }
    }

    /// Status, headers and text of the API's answer.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, HeaderMap, String) {
        call(&self.world, method, path, headers, body).await
    }

    /// JSON with a key; must succeed.
    pub async fn must(&self, method: &str, path: &str, key: &str, body: Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, answer) = self.call(method, path, &[("x-api-key", key)], &text).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).expect("JSON") }
    }

    /// Registers a person and opens the link in the mail to them; answers what the registration answered.
    pub async fn join(&self, person: &Value) -> Value {
        let (status, _, answer) = self.call("POST", "/v1/auth/register", &[], &person.to_string()).await;
        assert_eq!(status, 201, "{answer}");
        let email = person["email"].as_str().expect("an address");
        let token = self.mailer.token(email).expect("a mail with a link");
        let link = format!("/v1/auth/email/verify?token={token}");
        let (status, _, proven) = self.call("GET", &link, &[("accept", "application/json")], "").await;
        assert_eq!(status, 200, "{proven}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// Registers somebody, and answers an API key of the workspace that this makes.
    pub async fn register(&self, name: &str) -> String {
        let person = json!({"full_name": name, "email": format!("{name}@example.com"),
                            "password": "a long password 71", "workspace_name": name});
        let answer = self.join(&person).await;
        let bearer = format!("Bearer {}", answer["access_token"].as_str().expect("a token"));
        let body = json!({"name": name}).to_string();
        let (status, _, made) = self.call("POST", "/v1/api-keys", &[("authorization", &bearer)], &body).await;
        assert_eq!(status, 201, "{made}");
        let made: Value = serde_json::from_str(&made).expect("JSON");
        made["api_key"].as_str().expect("a key").to_owned()
    }

    /// The first board of an account.
    pub async fn board(&self, key: &str, account: &str) -> String {
        let boards = self.must("GET", &format!("/v1/pinterest/boards?account_id={account}"), key, Value::Null).await;
        boards[0]["id"].as_str().expect("a board").to_owned()
    }

    /// Connects a Pinterest user as a person does: start, agree, come back. Answers the account's id.
    pub async fn connect(&self, key: &str, user: &str) -> String {
        let start = self.must("GET", "/v1/pinterest/oauth/start", key, Value::Null).await;
        let url = format!("{}&account={user}", start["authorization_url"].as_str().expect("a URL"));
        let agreed = self.http.get(url).send().await.expect("the simulator answers");
        let location = agreed.headers()["location"].to_str().expect("text").to_owned();
        let path = location.split_once("127.0.0.1:1").expect("our callback").1.to_owned();
        let (status, _, answer) = self.call("GET", &path, &[("accept", "application/json")], "").await;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["account_id"].as_str().expect("an id").to_owned()
    }

    /// The simulator's control plane.
    pub async fn set_faults(&self, rules: Value) {
        let put = self.http.put(format!("{}/_sim/faults", self.pinterest_url)).json(&rules);
        assert!(put.send().await.expect("answers").status().is_success());
    }

    /// Forgets the mails to an address, in place of waiting until another may be sent.
    pub async fn forget_claim(&self, email: &Email) {
        let key = [("pk", format!("address#{}", email.as_str())), ("sk", "claim".to_owned())];
        let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let delete = embedded_aws::dynamodb(&self.aws).delete_item().table_name(resources::TABLE);
        delete.set_key(Some(key.into())).send().await.expect("deleted");
    }

    /// Every row of the table, as sorted lines.
    pub async fn rows(&self) -> Vec<String> {
        let client = embedded_aws::dynamodb(&self.aws);
        let mut pages = client.scan().table_name(resources::TABLE).into_paginator().send();
        let mut rows = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.expect("scanned").items.unwrap_or_default() {
                let sorted: std::collections::BTreeMap<_, _> = item.into_iter().collect();
                rows.push(format!("{sorted:?}"));
            }
        }
        rows.sort();
        rows
    }
}

/// One request through the API's own router.
pub async fn call(
    world: &Context,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    api::answer(world, request.body(Body::from(body.to_owned())).expect("a request")).await
}

/// A pin's request for that account and board.
pub fn pin(account: &str, board: &str, name: &str) -> Value {
    json!({
        "account_id": account,
        "board_id": board,
        "title": format!("Title of {name}"),
        "image_url": "https://example.com/a.jpg",
        "idempotency_key": name,
    })
}
