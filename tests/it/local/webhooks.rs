//! Webhooks of the local stack whose receivers are down, slow or answer badly, in real time: each failure is in the log
//! as documented, and none delays another receiver.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pinbridge_shared::domain::time::Moment;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::process::Local;

const WITHIN: Duration = Duration::from_secs(30);
/// Longer than a sender waits for an answer.
const SLOW: Duration = Duration::from_secs(60);
const HUGE_BYTES: usize = 64 * 1024 * 1024;
const RETRY_AFTER_MS: i64 = 120_000;
/// The second request follows after five seconds, a tenth more or less.
const SECOND_AFTER: Duration = Duration::from_millis(4_500);

/// A request that came, by its path and its delivery.
#[derive(Clone, Debug)]
struct Received {
    path: String,
    delivery: String,
    at: Instant,
}

/// A receiver on this machine. The path of a request decides how it is answered.
struct Receiver {
    origin: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (log, redirects_to) = (Arc::clone(&received), format!("{origin}/elsewhere"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&log), redirects_to.clone()));
            }
        });
        Self { origin, received }
    }

    fn received(&self, path: &str) -> Vec<Received> {
        let all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|one| one.path == path).cloned().collect()
    }

    async fn await_received(&self, path: &str, count: usize) -> Vec<Received> {
        let began = Instant::now();
        while self.received(path).len() < count {
            assert!(began.elapsed() < WITHIN, "{path}: {:?}", self.received(path));
            sleep(Duration::from_millis(20)).await;
        }
        self.received(path)
    }
}

/// Reads one request and answers it as its path asks.
async fn answer(mut stream: TcpStream, log: Arc<Mutex<Vec<Received>>>, redirects_to: String) {
    let mut bytes = Vec::new();
    while !is_whole(&bytes) {
        if !stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
            return;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let delivery = text.lines().find_map(|line| line.strip_prefix("X-PinBridge-Delivery-ID: ")).unwrap_or_default();
    let one = Received { path: path.clone(), delivery: delivery.to_owned(), at: Instant::now() };
    log.lock().unwrap_or_else(PoisonError::into_inner).push(one);
    let head = match path.as_str() {
        "/well" => "204 No Content\r\n".to_owned(),
        "/failing" => "500 Internal Server Error\r\nContent-Length: 0\r\n".to_owned(),
        "/gone" => "410 Gone\r\nContent-Length: 0\r\n".to_owned(),
        "/later" => "429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n".to_owned(),
        "/redirect" => format!("302 Found\r\nLocation: {redirects_to}\r\nContent-Length: 0\r\n"),
        "/huge" => format!("200 OK\r\nContent-Length: {HUGE_BYTES}\r\n"),
        "/slow" => return sleep(SLOW).await,
        // Closes at once.
        _ => return,
    };
    let _ = stream.write_all(format!("HTTP/1.1 {head}\r\n").as_bytes()).await;
    if path == "/huge" {
        let (piece, mut left) = (vec![b'a'; 64 * 1024], HUGE_BYTES);
        // The sender closes long before the end.
        while left > 0 && stream.write_all(&piece).await.is_ok() {
            left -= piece.len();
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

/// A URL of this machine where nobody listens.
async fn down() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    format!("http://{}/down", listener.local_addr().expect("an address"))
}

/// Creates a webhook and returns its path in the API.
async fn subscribe(local: &Local, url: &str) -> String {
    let body = json!({"url": url, "secret": "a secret of this test"});
    let request = local.http.post(local.url("/v1/webhooks")).header("x-api-key", local.text("api_key")).json(&body);
    let response = request.send().await.expect("answers");
    assert_eq!(response.status().as_u16(), 201, "{url}");
    let made: Value = response.json().await.expect("JSON");
    format!("/v1/webhooks/{}", made["id"].as_str().expect("an id"))
}

/// The delivery of the first event, once a request was made for it.
async fn first_delivery(local: &Local, webhook: &str) -> Value {
    let began = Instant::now();
    loop {
        let listed = local.get(&format!("{webhook}/deliveries")).await;
        if listed[0]["attempt_count"].as_u64().is_some_and(|count| count > 0) {
            return listed[0].clone();
        }
        assert!(began.elapsed() < WITHIN, "{webhook}: {listed}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn time(value: &Value) -> Moment {
    Moment::parse_rfc3339(value.as_str().expect("a time")).expect("a time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_receiver_is_logged_as_documented_and_delays_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start().await;
    let local = Local::start(folder.path(), &[], &[]).await;
    let at = |path: &str| format!("{}{path}", receiver.origin);
    let well = subscribe(&local, &at("/well")).await;
    let slow = subscribe(&local, &at("/slow")).await;
    let gone = subscribe(&local, &at("/gone")).await;
    let later = subscribe(&local, &at("/later")).await;
    let bad = [
        (subscribe(&local, &at("/failing")).await, json!(500), "http_status"),
        (subscribe(&local, &at("/redirect")).await, json!(302), "redirect"),
        (subscribe(&local, &at("/close")).await, Value::Null, "closed"),
        (subscribe(&local, &at("/huge")).await, json!(200), "answer_too_long"),
        (subscribe(&local, &down().await).await, Value::Null, "connect_failed"),
        (later.clone(), json!(429), "http_status"),
    ];

    // Both events reach the one that is well while the slow one still has its first request.
    for (count, key) in [(1, "first"), (2, "second")] {
        assert_eq!(local.create(&local.pin_body(key)).await.0, 201);
        receiver.await_received("/well", count).await;
        receiver.await_received("/slow", 1).await;
    }
    // The second one may be waiting for its turn by now.
    let of_slow = local.get(&format!("{slow}/deliveries")).await;
    let is_untried = |delivery: &Value| delivery["attempt_count"] == json!(0);
    assert!(of_slow.as_array().expect("a list").iter().all(is_untried), "no answer yet: {of_slow}");

    for (webhook, status, error) in &bad {
        let delivery = first_delivery(&local, webhook).await;
        let told = (&delivery["status"], &delivery["last_status_code"], &delivery["last_error"]);
        assert_eq!(told, (&json!("waiting"), status, &json!(error)), "{delivery}");
        assert!(delivery["next_attempt_at"].is_string(), "{delivery}");
    }
    let asked = first_delivery(&local, &later).await;
    assert!(time(&asked["next_attempt_at"]).since_ms(time(&asked["last_attempt_at"])) >= RETRY_AFTER_MS, "{asked}");
    let ended = first_delivery(&local, &gone).await;
    assert_eq!((&ended["status"], &ended["last_error"]), (&json!("waiting"), &json!("disabled_by_receiver")));
    // The webhook's own row follows that of the delivery.
    let began = Instant::now();
    while local.get(&gone).await["disabled_by"] != json!("receiver") {
        assert!(began.elapsed() < WITHIN, "{}", local.get(&gone).await);
        sleep(Duration::from_millis(50)).await;
    }

    // Both events are sent at once, and again by the schedule.
    let requests = receiver.await_received("/failing", 4).await;
    let tries: Vec<&Received> = requests.iter().filter(|one| one.delivery == requests[0].delivery).collect();
    assert_eq!(tries.len(), 2, "{requests:?}");
    let waited = tries[1].at - tries[0].at;
    assert!(waited >= SECOND_AFTER, "{waited:?}");

    for path in ["/later", "/gone"] {
        assert_eq!(receiver.received(path).len(), 1, "{path}");
    }
    assert_eq!(receiver.received("/elsewhere").len(), 0, "no redirect is followed");
    let delivered = receiver.received("/well");
    assert!(delivered.len() == 2 && delivered[0].delivery != delivered[1].delivery, "{delivered:?}");
    for delivery in local.get(&format!("{well}/deliveries")).await.as_array().expect("a list") {
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("delivered"), &json!(1)), "{delivery}");
    }
}
