//! Lambda counts a chain of invocations by a header that the SDK passes on with every message, and ends a chain of more
//! than 16. The functions' own binaries, driven by a small Runtime API, show which of them send the header on; those
//! that feed themselves this way must be allowed to in the template.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use pinbridge_local::resources;
use pinbridge_shared::domain::ids::{BoardKey, EndpointId, PinKey};
use pinbridge_shared::domain::message::{NotifyMessage, PublishMessage, ReconcileMessage};
use pinbridge_shared::domain::pin::Pin;
use pinbridge_shared::domain::pin::attempt::Attempt;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::ports::Write;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::process::{Process, binary};
use crate::support::real::{Tenant, pin};

const TEMPLATE: &str = include_str!("../../../template.yaml");
const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
const LINEAGE: &str = "Lineage=1:aabbccdd:15";
/// The variables that name the queues to a function.
const QUEUES: [&str; 8] = [
    "PINBRIDGE_PUBLISH_QUEUE_URL",
    "PINBRIDGE_RECONCILIATION_QUEUE_URL",
    "PINBRIDGE_DEAD_LETTER_QUEUE_URL",
    "PINBRIDGE_REDRIVE_QUEUE_URL",
    "PINBRIDGE_IMPORT_QUEUE_URL",
    "PINBRIDGE_IMPORT_DEAD_LETTER_QUEUE_URL",
    "PINBRIDGE_NOTIFY_QUEUE_URL",
    "PINBRIDGE_NOTIFY_DEAD_LETTER_QUEUE_URL",
];
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// One invocation, as Lambda's Runtime API hands it to a process and takes its answer.
struct Runtime {
    event: Mutex<Option<Value>>,
    deadline: Moment,
    answers: mpsc::UnboundedSender<(String, Value)>,
}

async fn next(State(runtime): State<Arc<Runtime>>) -> (HeaderMap, String) {
    let event = runtime.event.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(event) = event else { return std::future::pending().await };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", runtime.deadline.0.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned()),
        ("lambda-runtime-trace-id", format!("{ROOT};{LINEAGE}")),
    ] {
        headers.insert(name, value.parse().expect("a header"));
    }
    (headers, event.to_string())
}

async fn take(State(runtime): State<Arc<Runtime>>, uri: axum::http::Uri, body: Bytes) -> StatusCode {
    let answer = serde_json::from_slice(&body).unwrap_or_default();
    let _ = runtime.answers.send((uri.path().to_owned(), answer));
    StatusCode::ACCEPTED
}

impl Tenant {
    fn queues(&self) -> BTreeMap<&'static str, String> {
        let urls = &self.real.queues;
        let urls = [
            &urls.publish,
            &urls.reconciliation,
            &urls.dead_letters,
            &urls.redrive,
            &urls.import,
            &urls.import_dead_letters,
            &urls.notify,
            &urls.notify_dead_letters,
        ];
        QUEUES.into_iter().zip(urls.map(Clone::clone)).collect()
    }

    async fn accept(&self, name: &str) -> (Pin, Attempt) {
        let made = self.real.must("POST", "/v1/pins", &self.key, pin(&self.account, &self.board, name)).await;
        let id = |field: &str| made[field].as_str().expect("an id").to_owned();
        let key =
            PinKey { workspace: id("workspace_id").parse().expect("an id"), pin: id("id").parse().expect("an id") };
        self.read(key).await
    }

    async fn read(&self, key: PinKey) -> (Pin, Attempt) {
        self.real.world.store.pins(&[key]).await.expect("read").remove(0).expect("there")
    }

    async fn save(&self, pin: &Pin, next: &Attempt) {
        assert_eq!(self.real.world.store.save_attempt(pin, next).await.expect("written"), Write::Done);
    }

    /// A pin whose call was made long ago and whose answer is unknown; its board is read at `reconcile_at`.
    async fn unresolved(&self, name: &str, reconcile_at: Option<Moment>) -> (Pin, Attempt) {
        let (pin, attempt) = self.accept(name).await;
        let long_ago = self.now().plus_ms(-10 * MINUTE_MS);
        let begun = attempt.begin(long_ago, self.real.world.nonce()).expect("legal");
        let next = Attempt { reconcile_at, ..begun };
        self.save(&pin, &next).await;
        (pin, next)
    }

    fn now(&self) -> Moment {
        self.real.world.system.now()
    }

    /// Runs one invocation of a function's binary. Answers what it sent: the variable of the queue.
    async fn invoke(&self, function: &str, event: Value, remaining_ms: i64) -> BTreeSet<&'static str> {
        let (answers, mut answered) = mpsc::unbounded_channel();
        let deadline = self.now().plus_ms(remaining_ms);
        let runtime = Arc::new(Runtime { event: Mutex::new(Some(event)), deadline, answers });
        let app = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/{*rest}", post(take))
            .with_state(runtime);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let api = listener.local_addr().expect("known").to_string();
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        self.front.take_calls();
        let mut command = Command::new(binary(function));
        command
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", function)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", function)
            .env("AWS_ENDPOINT_URL", &self.front.url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKLOCAL")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PINBRIDGE_TABLE", resources::TABLE)
            .env("PINBRIDGE_PINTEREST_URL", &self.real.pinterest_url)
            .envs(self.queues());
        let process = Process::spawn(&mut command);
        let (path, answer) = timeout(ANSWERS_WITHIN, answered.recv()).await.expect("answers in time").expect("answers");
        drop(process);
        server.abort();
        assert!(path.ends_with("/response"), "{function}: {path} {answer}");
        self.sent(function)
    }

    /// The queues that were sent to, each message with the chain that invoked the function.
    fn sent(&self, function: &str) -> BTreeSet<&'static str> {
        let queues = self.queues();
        let mut sent = BTreeSet::new();
        for call in self.front.take_calls() {
            if !call.target.starts_with("AmazonSQS.SendMessage") {
                continue;
            }
            let trace = call.trace.unwrap_or_default();
            assert!(trace.contains(LINEAGE), "{function} sent a message with the trace {trace:?}");
            let to = queues.iter().find(|(_, url)| call.body["QueueUrl"] == url.as_str());
            sent.insert(*to.expect("a queue of ours").0);
        }
        sent
    }
}

fn batch(bodies: &[String]) -> Value {
    let records = bodies.iter().enumerate().map(|(index, body)| {
        json!({
            "messageId": index.to_string(),
            "receiptHandle": "receipt",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
            "awsRegion": "us-east-1",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

fn message(pin: &Pin) -> String {
    serde_json::to_string(&PublishMessage::new(pin.key, pin.request.account, 0, None)).expect("plain data")
}

/// The message of the board's planned reading.
async fn planned(scene: &Tenant, board: &BoardKey) -> String {
    let scan = scene.real.world.store.board_scan(board).await.expect("read");
    serde_json::to_string(&ReconcileMessage::new(board, scan.planned_for.expect("planned"))).expect("plain data")
}

/// What each function was seen to send to.
async fn seen(scene: &Tenant) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // A pin to be published, one whose board is to be read now, one whose board is to be read later.
    // A user who was connected a moment ago has no tokens yet, and the functions go by the real clock.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let fresh = scene.accept("fresh").await.0;
    let now = scene.unresolved("now", None).await.0;
    let later = scene.unresolved("later", Some(scene.now().plus_ms(10 * MINUTE_MS))).await.0;
    let bodies = [message(&fresh), message(&now), message(&later)];
    seen.insert("publisher", scene.invoke("publisher", batch(&bodies), 25 * SECOND_MS).await);

    // The first reading doesn't show the Pin; the second one neither, and so the pin is sent again.
    let board = now.board_key();
    let mut sent = scene.invoke("reconciler", batch(&[planned(scene, &board).await]), 45 * SECOND_MS).await;
    let (pin, attempt) = scene.read(now.key).await;
    let nonce = scene.real.world.nonce();
    let due = Attempt { reconcile_at: Some(scene.now()), rev: attempt.rev + 1, nonce, ..attempt };
    scene.save(&pin, &due).await;
    sent.extend(scene.invoke("reconciler", batch(&[planned(scene, &board).await]), 45 * SECOND_MS).await);
    seen.insert("reconciler", sent);

    let mut sent = BTreeSet::new();
    for (name, remaining_ms) in [("in time", 45 * SECOND_MS), ("out of time", 15 * SECOND_MS)] {
        let rows = json!([pin_row(scene, name)]);
        let made = scene.real.must("POST", "/v1/pins/imports/json", &scene.key, rows).await;
        let body = json!({"v": 1, "w": fresh.key.workspace, "i": made["id"]}).to_string();
        sent.extend(scene.invoke("importer", batch(&[body]), remaining_ms).await);
    }
    seen.insert("importer", sent);

    let unresolved = scene.unresolved("dead-lettered", None).await.0;
    let bodies = [message(&unresolved), "garbage".to_owned()];
    seen.insert("dead_letters", scene.invoke("dead_letters", batch(&bodies), 30 * SECOND_MS).await);

    scene.accept("lost").await;
    let event = json!({"detail": {"recover": true}});
    seen.insert("dispatcher", scene.invoke("dispatcher", event, 55 * SECOND_MS).await);
    seen.insert("refresher", scene.invoke("refresher", json!({}), 240 * SECOND_MS).await);
    // A turn of an endpoint that is still to come is sent again.
    let turn_at = scene.now().plus_ms(60 * MINUTE_MS);
    let endpoint = EndpointKey { workspace: fresh.key.workspace, endpoint: EndpointId(uuid::Uuid::from_u128(1)) };
    let health = Health::default().planned(Some(turn_at), scene.real.world.nonce());
    let webhooks = &scene.real.world.webhooks;
    assert!(webhooks.save_endpoint_health(endpoint, &health).await.expect("written").is_done());
    let body = serde_json::to_string(&NotifyMessage::turn(endpoint, turn_at)).expect("plain data");
    seen.insert("notifier", scene.invoke("notifier", batch(&[body]), 45 * SECOND_MS).await);
    seen
}

fn pin_row(scene: &Tenant, name: &str) -> Value {
    pin(&scene.account, &scene.board, name)
}

/// The template's resources of a type, each with its text.
fn of_type(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let resources = TEMPLATE.split("\n\n").flat_map(|part| part.split_once(":\n    Type: "));
    resources.filter(move |(_, text)| text.starts_with(kind)).map(|(name, text)| {
        let name = name.rsplit('\n').next().expect("a line").trim();
        (name, text)
    })
}

/// What stands between `before` and `after`.
fn between(text: &'static str, before: &str, after: &str) -> Option<&'static str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// The functions by folder, each with its resource's name and text.
fn functions() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    of_type("AWS::Serverless::Function")
        .map(|(name, text)| (between(text, "CodeUri: target/lambda/", "/").expect("a folder"), (name, text)))
        .collect()
}

/// The folder of the functions that read each queue, its dead-letter queue included: what a message sent there invokes.
fn invoked_by() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let functions = functions();
    let mut invoked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, mapping) in of_type("AWS::Lambda::EventSourceMapping") {
        let function = between(mapping, "FunctionName: !GetAtt ", ".Arn").expect("a function");
        let queue = between(mapping, "EventSourceArn: !GetAtt ", ".Arn").expect("a queue");
        let folder = functions.iter().find(|(_, (name, _))| *name == function).expect("known").0;
        invoked.entry(queue).or_default().insert(folder);
    }
    for (queue, text) in of_type("AWS::SQS::Queue") {
        if let Some(dead_letters) = between(text, "deadLetterTargetArn: !GetAtt ", ".Arn") {
            let more = invoked.get(dead_letters).cloned().unwrap_or_default();
            invoked.entry(queue).or_default().extend(more);
        }
    }
    invoked
}

/// The functions that can be invoked by what follows from a message of their own.
fn feed_themselves(seen: &BTreeMap<&'static str, BTreeSet<&'static str>>) -> BTreeSet<&'static str> {
    let invoked = invoked_by();
    let queue = |variable: &str| between(TEMPLATE, &format!("{variable}: !Ref "), "\n").expect("a queue");
    let next = |function: &str| -> BTreeSet<&'static str> {
        let sent = seen.get(function).into_iter().flatten();
        sent.flat_map(|variable| invoked.get(queue(variable)).into_iter().flatten().copied()).collect()
    };
    let reached = |from: &'static str| {
        let (mut reached, mut open) = (BTreeSet::new(), next(from));
        while let Some(function) = open.pop_first() {
            if reached.insert(function) {
                open.extend(next(function));
            }
        }
        reached
    };
    seen.keys().copied().filter(|function| reached(function).contains(function)).collect()
}

#[tokio::test]
async fn a_function_that_was_seen_to_feed_itself_is_allowed_to_in_the_template() {
    let scene = Tenant::start().await;
    let seen = seen(&scene).await;
    let [publish, reconcile, _, redrive, import, _, notify, _] = QUEUES;
    assert_eq!(seen["publisher"], BTreeSet::from([publish, reconcile]));
    assert_eq!(seen["reconciler"], BTreeSet::from([publish, reconcile]));
    assert_eq!(seen["importer"], BTreeSet::from([publish, import]));
    assert_eq!(seen["dead_letters"], BTreeSet::from([reconcile, redrive]));
    // It runs by the clock; a recovery also sends the import that had no time.
    assert!(seen["dispatcher"].contains(publish), "{:?}", seen["dispatcher"]);
    assert_eq!(seen["refresher"], BTreeSet::new());
    assert_eq!(seen["notifier"], BTreeSet::from([notify]));
    let functions = functions();
    let unseen: BTreeSet<&str> = functions.keys().copied().filter(|folder| !seen.contains_key(folder)).collect();
    assert_eq!(unseen, BTreeSet::from(["api"]), "no queue invokes the API");
    let allowed: BTreeSet<&str> = functions
        .iter()
        .filter(|(_, (_, text))| text.contains("\n      RecursiveLoop: Allow\n"))
        .map(|(f, _)| *f)
        .collect();
    assert_eq!(allowed, feed_themselves(&seen));
}
