//! Starts a simulator on a port of its own, and a small client for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use pinterest_simulator::{Config, SeedAccount, Simulator, seed_accounts};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// The longest wait of a test; after it, the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// `null` when the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// One keep-alive connection.
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        Self::try_open(address).await.expect("the simulator listens")
    }

    pub async fn try_open(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).expect("a TCP socket");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(Self { address, sender })
    }

    /// `None` when the connection ended without an answer.
    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        self.send_bytes(method, path, headers, body.as_bytes().to_vec()).await
    }

    /// Like `send`, for a body that is not text.
    pub async fn send_bytes(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(path).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let response = self.sender.send_request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

/// The address of a simulator and the account that calls it.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub account: SeedAccount,
}

impl Client {
    pub fn new(address: SocketAddr, number: usize) -> Self {
        let account = seed_accounts(number).pop().expect("account numbers start at 1");
        Self { address, account }
    }

    /// `None` when the connection is refused or closed without an answer.
    pub async fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        self.try_send_bytes(method, path, headers, body.as_bytes().to_vec()).await
    }

    pub async fn try_send_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut connection = Connection::try_open(self.address).await?;
        connection.send_bytes(method, path, headers, body).await
    }

    /// A call with the account's access token.
    pub async fn try_call(&self, method: &str, path: &str, body: Option<Value>) -> Option<Answer> {
        let bearer = format!("Bearer {}", self.account.access_token);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.try_send(method, path, &headers, &body).await
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.try_call(method, path, body).await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub fn pin(&self, title: &str) -> Value {
        json!({
            "board_id": self.account.boards[0].id,
            "title": title,
            "media_source": {"source_type": "image_url", "url": "https://example.com/a.jpg"},
        })
    }

    pub async fn create(&self, title: &str) -> Answer {
        self.call("POST", "/v5/pins", Some(self.pin(title))).await
    }

    /// Sends a create and disconnects without waiting for the answer.
    pub async fn create_and_hang_up(&self, title: &str) -> TcpStream {
        let body = self.pin(title).to_string();
        let mut stream = TcpStream::connect(self.address).await.expect("the simulator listens");
        let head = format!(
            "POST /v5/pins HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.account.access_token,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream
    }

    pub async fn set_faults(&self, rules: Value) {
        let answer = self.call("PUT", "/_sim/faults", Some(rules)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Titles of every Pin ever committed.
    pub async fn committed_titles(&self) -> Vec<String> {
        let pins = self.get("/_sim/pins").await.json();
        let titles =
            pins.as_array().into_iter().flatten().map(|pin| pin["title"].as_str().unwrap_or_default().to_owned());
        titles.collect()
    }

    pub async fn in_flight(&self, operation: &str) -> u64 {
        self.get("/_sim/requests").await.json()["in_flight"][operation].as_u64().unwrap_or_default()
    }

    pub async fn wait_until_in_flight(&self, operation: &str, wanted: u64) {
        let start = Instant::now();
        while self.in_flight(operation).await != wanted {
            assert!(start.elapsed() < PATIENCE, "never {wanted} {operation} in flight");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn wait_until_committed(&self, wanted: usize) {
        let start = Instant::now();
        while self.committed_titles().await.len() != wanted {
            assert!(start.elapsed() < PATIENCE, "never {wanted} committed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Serves a new simulator until the test ends; the client acts for account 1.
pub async fn start(config: Config) -> Client {
    let simulator = Simulator::open(config).expect("opened");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { simulator.serve(listener, std::future::pending()).await });
    Client::new(address, 1)
}

/// A folder that is removed at the end of the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pinterest-simulator-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
