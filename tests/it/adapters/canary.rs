//! No secret is ever shown: everything that is secret in a run is looked for in everything that the run says.
//!
//! The run is a child of this test with the whole system in it (real adapters, embedded AWS, simulator), logging at
//! `trace` and writing its metrics as lines; every answer of the API goes to the same output. It tells its secrets to a
//! file of
//! its own. The positive control is the same run with a leak in one place, for each kind of place: it must be caught.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use base64::Engine;
use pinbridge_shared::adapters::printed_tasks::PrintedTasks;
use pinbridge_shared::context::{Context, Destinations};
use pinbridge_shared::domain::ids::{AccountKey, PinKey};
use pinbridge_shared::domain::message::NotifyMessage;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::Awaited;
use pinbridge_shared::domain::tenant::user::Email;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::tenants::invitations;
use pinbridge_shared::flows::webhooks::notify::work_on_notification;
use pinbridge_shared::ports::{Custody, PortResult, Removal, Secrets, Stored, Tokens, Write};
use pinbridge_shared::telemetry::{self, Metric, Output};
use pinterest_simulator::{APP_SECRET, seed_accounts};
use serde_json::{Value, json};

use crate::support::real::{Real, call, pin};

const CHILD: &str = "adapters::canary::a_run_of_everything_for_the_parent_to_read";
const FILE: &str = "PINBRIDGE_TEST_CANARIES";
const LEAK: &str = "PINBRIDGE_TEST_LEAK";
const PASSWORD: &str = "canary-password-4cf1";
const WRONG_PASSWORD: &str = "canary-wrong-password-9d02";
const TASK_TOKEN: &str = "canary-task-token-AAAAKgAAAAIAAAAAAAAAAQ";
/// Fields in which a secret is handed out, once, to whom it belongs.
const HANDED_OUT: [&str; 3] = ["api_key", "access_token", "authorization_url"];

/// Where a leaky build would leak.
const LEAKS: [&str; 5] = ["log", "error_body", "metric", "panic", "key_log"];

/// Runs the child; answers its output and its secrets by name.
fn run(leak: &str) -> (String, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("canaries.json");
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args([CHILD, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FILE, &file)
        .env(LEAK, leak)
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("the child runs");
    let output = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "the child failed ({leak:?}):\n{output}");
    (output, read(&file))
}

fn read(file: &Path) -> BTreeMap<String, String> {
    serde_json::from_slice(&std::fs::read(file).expect("the child told its secrets")).expect("JSON")
}

/// The secrets that are in the output, as they are or in another writing.
fn found(output: &str, secrets: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, secret) in secrets {
        let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let bytes = format!("{:?}", secret.as_bytes());
        let writings = [secret.clone(), engine.encode(secret), hex, bytes.trim_matches(['[', ']']).to_owned()];
        if writings.iter().any(|writing| output.contains(writing)) {
            found.push(name.clone());
        }
    }
    found
}

#[test]
fn no_secret_is_in_any_log_line_body_metric_or_panic() {
    let (output, secrets) = run("");
    assert!(secrets.len() >= 15, "{:?}", secrets.keys());
    for said in ["\"level\":\"TRACE\"", "\"level\":\"DEBUG\"", "\"level\":\"ERROR\"", "_aws", "panicked", "BODY "] {
        assert!(output.contains(said), "the run says something of every kind; {said} is missing");
    }
    assert_eq!(found(&output, &secrets), [""; 0], "secrets in the output of a run");
}

#[test]
fn a_build_that_shows_a_secret_is_caught() {
    for leak in LEAKS {
        let (output, secrets) = run(leak);
        assert!(!found(&output, &secrets).is_empty(), "a leak into {leak} goes unnoticed");
    }
}

/// Shows what custody reads, in the way it is told.
struct Leaky(Arc<dyn Secrets>, &'static str);

#[async_trait]
impl Secrets for Leaky {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        let tokens = self.0.tokens(account, fresh).await?;
        if let Some(tokens) = &tokens {
            let text = tokens.access.expose();
            match self.1 {
                "log" => tracing::trace!(token = text, "a token was read"),
                "metric" => telemetry::count(Metric::PinPublished, 1, Some(text), Moment(0)),
                _ => {}
            }
        }
        Ok(tokens)
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        self.0.custody(account).await
    }

    async fn store_tokens(&self, account: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        self.0.store_tokens(account, version, tokens).await
    }

    async fn stage_tokens(&self, account: AccountKey, staged: &Stored) -> PortResult<()> {
        self.0.stage_tokens(account, staged).await
    }

    async fn promote_tokens(&self, account: AccountKey, version: &str, follows: &str) -> PortResult<Write<()>> {
        self.0.promote_tokens(account, version, follows).await
    }

    async fn remove_tokens(&self, account: AccountKey, removal: Removal) -> PortResult<()> {
        self.0.remove_tokens(account, removal).await
    }
}

/// Dies with everything in hand, as a bug would.
struct Panicking(Arc<dyn Secrets>, bool);

#[async_trait]
impl Secrets for Panicking {
    async fn tokens(&self, account: AccountKey, fresh: bool) -> PortResult<Option<Tokens>> {
        let tokens = self.0.tokens(account, fresh).await?;
        match &tokens {
            Some(tokens) if self.1 => panic!("a bug with {}", tokens.access.expose()),
            tokens => panic!("a bug with {tokens:?}"),
        }
    }

    async fn custody(&self, account: AccountKey) -> PortResult<Custody> {
        panic!("a bug with {:?}", self.0.custody(account).await)
    }

    async fn store_tokens(&self, _: AccountKey, version: &str, tokens: &Tokens) -> PortResult<()> {
        panic!("a bug with {version} {tokens:?}")
    }

    async fn stage_tokens(&self, _: AccountKey, staged: &Stored) -> PortResult<()> {
        panic!("a bug with {staged:?}")
    }

    async fn promote_tokens(&self, _: AccountKey, version: &str, _: &str) -> PortResult<Write<()>> {
        panic!("a bug with {version}")
    }

    async fn remove_tokens(&self, _: AccountKey, _: Removal) -> PortResult<()> {
        panic!("a bug")
    }
}

/// What a run needs to know, and what it keeps secret.
struct Run {
    real: Real,
    world: Context,
    leak: &'static str,
    secrets: BTreeMap<String, String>,
}

impl Run {
    async fn start() -> Self {
        let leak = std::env::var(LEAK).unwrap_or_default();
        let leak = LEAKS.into_iter().find(|name| *name == leak).unwrap_or_default();
        telemetry::init("trace", "canary", Output::Lambda);
        let real = Real::start(2).await;
        let secrets: Arc<dyn Secrets> = Arc::new(Leaky(Arc::clone(&real.world.secrets), leak));
        let world = Context { secrets, ..real.world.clone() };
        let mut run = Self { real, world, leak, secrets: BTreeMap::new() };
        run.keep("app secret", APP_SECRET);
        for (index, account) in seed_accounts(2).iter().enumerate() {
            run.keep(&format!("seeded access token {index}"), &account.access_token);
            run.keep(&format!("seeded refresh token {index}"), &account.refresh_token);
        }
        run.keep("password", PASSWORD);
        run.keep("wrong password", WRONG_PASSWORD);
        run
    }

    fn keep(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 8, "{name} is no secret");
        if !self.secrets.values().any(|known| known == secret) {
            self.secrets.insert(format!("{name} ({})", self.secrets.len()), secret.to_owned());
        }
    }

    /// A request; its answer goes to the output, without what is handed out to the caller.
    async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
        let (status, headers, text) = call(&self.world, method, path, headers, body).await;
        let mut shown: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        let answer = shown.clone();
        if (200..300).contains(&status)
            && let Some(object) = shown.as_object_mut()
        {
            for field in HANDED_OUT {
                if let Some(Value::String(secret)) = object.remove(field) {
                    let name = format!("{field} of {method} {path}");
                    // Of a URL, the state is the secret.
                    self.keep(&name, secret.split_once("state=").map_or(secret.as_str(), |(_, state)| state));
                }
            }
        }
        if self.leak == "error_body"
            && status >= 400
            && let Some(object) = shown.as_object_mut()
        {
            object.insert("debug".into(), json!(APP_SECRET));
        }
        // The query of a callback is the caller's secret; whoever logs requests must leave it out, as template.yaml
        // does.
        let route = path.split('?').next().unwrap_or_default();
        println!("BODY {method} {route} {status} {headers:?} {shown}");
        answer
    }

    /// Every secret that custody holds by now.
    async fn keep_tokens(&mut self, account: AccountKey) {
        let custody = self.real.world.secrets.custody(account).await.expect("read");
        for stored in [custody.current, custody.pending].into_iter().flatten() {
            let version = &stored.version[..8];
            self.keep(&format!("access token {version}"), stored.tokens.access.expose());
            if let Some(refresh) = &stored.tokens.refresh {
                self.keep(&format!("refresh token {version}"), refresh.expose());
            }
        }
    }

    /// What waits in the publish queue, through the publisher.
    async fn publish(&self, world: &Context) {
        let sqs = crate::support::embedded_aws::sqs(&self.real.aws);
        let received = sqs.receive_message().queue_url(&self.real.queues.publish).max_number_of_messages(10);
        let messages = received.send().await.expect("received").messages.unwrap_or_default();
        let records: Vec<Value> = messages
            .iter()
            .map(|m| {
                json!({"messageId": m.message_id(), "receiptHandle": m.receipt_handle(), "body": m.body(),
                            "attributes": {"ApproximateReceiveCount": "1"}})
            })
            .collect();
        let event: SqsEvent = serde_json::from_value(json!({"Records": records})).expect("an event");
        let deadline = world.system.now().plus_ms(25_000);
        let answer = pinbridge_publisher::handle(world, event, deadline).await;
        println!("BODY publisher {}", serde_json::to_string(&answer).expect("JSON"));
    }

    /// A task that waits for a pin or an import: refused where no state machine is named, then accepted, and ended with
    /// its pin.
    async fn wait_for_a_pin(&mut self, account: AccountKey, mut pin: Value, with_key: &[(&str, &str)]) {
        self.keep("task token", TASK_TOKEN);
        let mut in_header = with_key.to_vec();
        in_header.push(("x-pinbridge-task-token", TASK_TOKEN));
        self.ask("POST", "/v1/pins", &in_header, &pin.to_string()).await;
        self.ask("POST", "/v1/pins/imports/json", &in_header, &json!([pin]).to_string()).await;
        pin["task_token"] = json!(TASK_TOKEN);
        self.ask("POST", "/v1/pins/validate", with_key, &pin.to_string()).await;
        let destinations = Destinations::default().with_tasks(Arc::new(PrintedTasks));
        let waiting = Context { destinations, ..self.world.clone() };
        let good = std::mem::replace(&mut self.world, waiting);
        self.ask("POST", "/v1/pins/imports/json", &in_header, &json!([pin]).to_string()).await;
        let accepted = self.ask("POST", "/v1/pins", with_key, &pin.to_string()).await;
        self.publish(&self.world).await;
        let pin = accepted["id"].as_str().expect("an id").parse().expect("one");
        let key = PinKey { workspace: account.workspace, pin };
        let ends_at_ms = self.world.system.monotonic_ms() + 45_000;
        work_on_notification(&self.world, NotifyMessage::of_pin(key, 1, 2), ends_at_ms).await.expect("ended");
        assert_eq!(self.world.task_tokens.task_tokens(Awaited::Pin(key)).await.expect("read"), []);
        self.world = good;
    }

    async fn refresh(&self, world: &Context) {
        let event = serde_json::from_value(json!({})).expect("an event");
        let deadline = world.system.now().plus_ms(60_000);
        println!("BODY refresher {:?}", pinbridge_refresher::handle(world, event, deadline).await);
    }
}

/// Not a test of its own: what the tests above run and read.
#[tokio::test]
#[ignore = "run by the tests above"]
async fn a_run_of_everything_for_the_parent_to_read() {
    let Ok(file) = std::env::var(FILE) else { return };
    let mut run = Run::start().await;

    // A person, a key, an account.
    let body = json!({"full_name": "Canary", "email": "canary@example.com", "password": PASSWORD}).to_string();
    let registered = run.ask("POST", "/v1/auth/register", &[], &body).await;
    let session = registered["access_token"].as_str().expect("a token").to_owned();
    let bearer = format!("Bearer {session}");
    let person = [("authorization", bearer.as_str())];
    let link = run.real.mailer.token("canary@example.com").expect("a mail with a link");
    run.keep("verification token", &link);
    run.ask("GET", "/v1/auth/me", &person, "").await;
    let verify = format!("/v1/auth/email/verify?token={link}");
    run.ask("GET", &verify, &[("accept", "text/html")], "").await;
    run.ask("GET", &verify, &[("accept", "application/json")], "").await;
    run.ask("POST", &verify, &[], "").await;
    let email = Email::parse("guest@example.com").expect("an address");
    let invitation = invitations::invite(&run.real.world, email, None).await.expect("invited").token;
    run.keep("invitation token", invitation.expose());
    for token in [invitation.expose(), &invitation.expose()[1..]] {
        let guest =
            json!({"full_name": "Guest", "email": "guest@example.com", "password": PASSWORD, "invite_token": token});
        run.ask("POST", "/v1/auth/register", &[], &guest.to_string()).await;
    }
    let made = run.ask("POST", "/v1/api-keys", &person, r#"{"name":"canary"}"#).await;
    let key = made["api_key"].as_str().expect("a key").to_owned();
    let with_key = [("x-api-key", key.as_str())];
    let wrong = json!({"email": "canary@example.com", "password": WRONG_PASSWORD}).to_string();
    for _ in 0..7 {
        run.ask("POST", "/v1/auth/login", &[], &wrong).await;
    }
    if run.leak == "key_log" {
        tracing::info!(key, "a request came");
    }
    let start = run.ask("GET", "/v1/pinterest/oauth/start", &with_key, "").await;
    let url = format!("{}&account=sim_account_1", start["authorization_url"].as_str().expect("a URL"));
    let agreed = run.real.http.get(url).send().await.expect("the simulator answers");
    let location = agreed.headers()["location"].to_str().expect("text").to_owned();
    let callback = location.split_once("127.0.0.1:1").expect("our callback").1.to_owned();
    let code = callback.split_once("code=").expect("a code").1.split('&').next().expect("a code").to_owned();
    run.keep("authorization code", &code);
    let connected = run.ask("GET", &callback, &[("accept", "application/json")], "").await;
    run.ask("GET", &callback, &[("accept", "text/html")], "").await;
    let account = connected["account_id"].as_str().expect("an id").to_owned();
    let workspace = registered["active_project"]["id"].as_str().expect("an id").to_owned();
    let account_key =
        AccountKey { workspace: workspace.parse().expect("an id"), account: account.parse().expect("an id") };
    run.keep_tokens(account_key).await;

    // Every route, with a key and with a session, with nothing, with nonsense, and with a key that is almost right.
    let almost = format!("{}0", &key[..key.len() - 1]);
    run.keep("almost the key", &almost);
    let nonsense = json!({"x": key, "account_id": session, "title": PASSWORD, "email": "x@example.com", "password": WRONG_PASSWORD,
                          "name": "n"}).to_string();
    for route in pinbridge_api::routes::table() {
        // What ends the run's own credentials comes later.
        let path = route.path.replace("{id}", &account);
        if route.method == http::Method::DELETE || path.ends_with("/change-password") || path.ends_with("/callback") {
            continue;
        }
        let method = route.method.as_str();
        let query = format!("{path}?account_id={account}&terms=a");
        run.ask(method, &query, &with_key, "").await;
        run.ask(method, &path, &person, &nonsense).await;
        run.ask(method, &path, &with_key, &format!("{{\"broken\": \"{key}")).await;
        run.ask(method, &path, &[("x-api-key", almost.as_str())], &nonsense).await;
        run.ask(method, &path, &[("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")], &nonsense).await;
    }

    // Publishing: as it should be, refused, lost, and after a token has ended.
    let boards = run.ask("GET", &format!("/v1/pinterest/boards?account_id={account}"), &with_key, "").await;
    let board = boards[0]["id"].as_str().expect("a board").to_owned();
    run.wait_for_a_pin(account_key, pin(&account, &board, "canary-task"), &with_key).await;
    let faults = [
        json!([]),
        json!([{"operation": "pins/create", "fault": "status", "status": 401, "code": 2, "message": "Authentication failed.", "times": 1}]),
        json!([{"operation": "oauth/token", "fault": "status", "status": 500, "code": 500, "message": "no", "times": 2},
               {"operation": "pins/create", "fault": "status", "status": 401, "code": 2, "message": "Authentication failed.", "times": 2}]),
        json!([{"operation": "pins/create", "fault": "drop_connection", "times": 1}]),
    ];
    let mut pins = Vec::new();
    for (index, fault) in faults.into_iter().enumerate() {
        run.real.set_faults(fault).await;
        let request = pin(&account, &board, &format!("canary-{index}")).to_string();
        let accepted = run.ask("POST", "/v1/pins", &with_key, &request).await;
        pins.push(accepted["id"].as_str().expect("an id").to_owned());
        run.publish(&run.world).await;
        run.keep_tokens(account_key).await;
    }
    run.real.set_faults(json!([])).await;
    run.refresh(&run.world).await;
    for pin in pins {
        run.ask("GET", &format!("/v1/pins/{pin}/timeline"), &with_key, "").await;
        run.ask("GET", &format!("/v1/pins/{pin}/receipt"), &with_key, "").await;
    }
    let receipt_key = run.real.world.receipt_keys.signing().await.expect("a key");
    run.keep("receipt key", receipt_key.seed().expose());

    // Bugs, with tokens in hand.
    let panicking: Arc<dyn Secrets> = Arc::new(Panicking(Arc::clone(&run.real.world.secrets), run.leak == "panic"));
    let buggy = Context { secrets: panicking, ..run.real.world.clone() };
    let request = pin(&account, &board, "canary-bug").to_string();
    run.ask("POST", "/v1/pins", &with_key, &request).await;
    run.publish(&buggy).await;
    let good = std::mem::replace(&mut run.world, buggy);
    run.ask("GET", &format!("/v1/pinterest/boards?account_id={account}"), &with_key, "").await;
    run.world = good;
    println!("{:?} {:?}", Secret::new(key.clone()), run.real.world.secrets.custody(account_key).await);

    // The end of everything.
    run.ask("DELETE", &format!("/v1/pinterest/accounts/{account}"), &with_key, "").await;
    let change = json!({"current_password": PASSWORD, "new_password": WRONG_PASSWORD}).to_string();
    run.ask("POST", "/v1/auth/change-password", &person, &change).await;
    run.ask("GET", "/v1/auth/me", &person, "").await;
    let id = made["id"].as_str().expect("an id").to_owned();
    run.ask("DELETE", &format!("/v1/api-keys/{id}"), &with_key, "").await;
    std::fs::write(file, serde_json::to_vec(&run.secrets).expect("JSON")).expect("written");
}
