//! Real processes: the local stack and the Pinterest simulator, killed when dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

const START_WITHIN: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// A binary of this workspace, beside the test's own. `tests/run` builds them first.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built: cargo build --workspace --bins", path.display());
    path
}

/// A process that does not outlive its test.
pub struct Process(pub Child);

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("starts"))
    }

    /// SIGKILL: no destructor, no goodbye.
    pub fn kill(&mut self) {
        self.0.kill().expect("can be killed");
        self.0.wait().expect("is gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bucket fills with a token a second, and its capacity is 25.
const TOKENS_WITHIN: Duration = Duration::from_secs(60);

/// The local stack in a process of its own.
pub struct Local {
    pub process: Process,
    pub ready: Value,
    pub http: Client,
}

impl Local {
    /// Starts it on `data_dir`, without its receiver of webhooks, and waits until it says that it is ready.
    pub async fn start(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_whole(data_dir, &[&["--no-receiver"][..], arguments].concat(), environment).await
    }

    /// The same with its receiver.
    pub async fn start_whole(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let ready_file = data_dir.join("ready.json");
        let _ = std::fs::remove_file(&ready_file);
        let mut command = Command::new(binary("pinbridge-local"));
        command.args(["--port", "0", "--no-demo"]).arg("--data-dir").arg(data_dir).arg("--ready-file").arg(&ready_file);
        command.args(arguments).envs(environment.iter().copied());
        let mut process = Process::spawn(&mut command);
        let began = Instant::now();
        let ready = loop {
            if let Ok(text) = std::fs::read_to_string(&ready_file) {
                break serde_json::from_str(&text).expect("the ready file is JSON");
            }
            let ended = process.0.try_wait().expect("a status");
            assert!(ended.is_none(), "the local stack ended: {ended:?}");
            assert!(began.elapsed() < START_WITHIN, "the local stack is not ready");
            sleep(POLL_EVERY).await;
        };
        Self { process, ready, http: client() }
    }

    pub fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().expect("a text of the ready file")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text("base_url"))
    }

    /// A GET that must succeed.
    pub async fn get(&self, path: &str) -> Value {
        let response = self.http.get(self.url(path)).header("x-api-key", self.text("api_key")).send();
        let response = response.await.expect("answers");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json().await.expect("JSON")
    }

    /// A valid pin of the first account.
    pub fn pin_body(&self, key: &str) -> Value {
        json!({
            "account_id": self.ready["account_id"],
            "board_id": self.ready["board_id"],
            "title": format!("Title of {key}"),
            "description": "A description",
            "link_url": format!("https://example.com/{key}"),
            "image_url": "https://example.com/a.jpg",
            "idempotency_key": key,
        })
    }

    pub async fn create(&self, body: &Value) -> (u16, Value) {
        let request = self.http.post(self.url("/v1/pins")).header("x-api-key", self.text("api_key")).json(body);
        let response = request.send().await.expect("answers");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    /// Waits until the account has so many tokens: the bucket of a user who was just connected is empty.
    pub async fn await_tokens(&self, count: usize) {
        let path = format!("/v1/rate-meter?account_id={}", self.text("account_id"));
        let began = Instant::now();
        loop {
            let available = self.get(&path).await["account"]["tokens_available"].as_f64().expect("a number");
            if available >= count as f64 {
                return;
            }
            assert!(began.elapsed() < TOKENS_WITHIN, "{available} of {count} tokens after {TOKENS_WITHIN:?}");
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until `count` pins are published.
    pub async fn await_published(&self, count: usize, within: Duration) {
        let began = Instant::now();
        loop {
            let published = self.get("/v1/pins?limit=200&status=published").await.as_array().map_or(0, Vec::len);
            if published >= count {
                return;
            }
            assert!(began.elapsed() < within, "{published} of {count} published after {within:?}");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The simulator in a process of its own.
pub struct Simulator {
    _process: Process,
    pub url: String,
    http: Client,
}

impl Simulator {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(arguments: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new(binary("pinterest-simulator"));
        let process = Process::spawn(command.args(["--port", &port.to_string()]).args(arguments));
        let simulator = Self { _process: process, url: format!("http://127.0.0.1:{port}"), http: client() };
        let began = Instant::now();
        while simulator.http.get(format!("{}/_sim/pins", simulator.url)).send().await.is_err() {
            assert!(began.elapsed() < START_WITHIN, "the simulator is not ready");
            sleep(POLL_EVERY).await;
        }
        simulator
    }

    pub async fn set_faults(&self, rules: Value) {
        let request = self.http.put(format!("{}/_sim/faults", self.url)).json(&rules);
        let response = request.send().await.expect("answers");
        assert!(response.status().is_success(), "{}", response.text().await.unwrap_or_default());
    }

    pub async fn in_flight_creates(&self) -> u64 {
        simulator_get(&self.http, &self.url, "/_sim/requests").await["in_flight"]["pins/create"].as_u64().unwrap_or(0)
    }

    pub async fn pins(&self) -> Vec<Value> {
        pins_at(&self.http, &self.url).await
    }
}

/// Every Pin that a simulator ever created.
pub async fn pins_at(http: &Client, url: &str) -> Vec<Value> {
    simulator_get(http, url, "/_sim/pins").await.as_array().expect("a list").clone()
}

pub async fn simulator_get(http: &Client, url: &str, path: &str) -> Value {
    http.get(format!("{url}{path}")).send().await.expect("answers").json().await.expect("JSON")
}

pub fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("a client")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
