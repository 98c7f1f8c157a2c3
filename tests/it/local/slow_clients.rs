//! Clients of the local stack's API that send nothing, or slowly, and browsers that were misled to it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use pinbridge_loopback::{self as loopback, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const SHORT: Duration = Duration::from_millis(400);
/// Far more than the limits, and far less than a client would wait.
const PATIENCE: Duration = Duration::from_secs(8);

struct Server {
    address: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (stop, stopping) = watch::channel(false);
        let api = Router::new().route("/", post(|body: String| async move { body }));
        let limits = Limits { head: SHORT, body: SHORT, hosts: vec!["tunnel.example.com".into()] };
        let task = tokio::spawn(loopback::serve(listener, api, limits, stopping, SHORT));
        Self { address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.expect("connects")
    }

    /// The whole answer to what is sent, until the server ends the connection.
    async fn answer(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.expect("sent");
        until_closed(&mut stream).await
    }
}

async fn until_closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A connection that was reset is over, too.
    let _ = read.expect("the server keeps the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_doesnt_arrive_ends_the_connection() {
    let server = Server::start().await;
    for sent in ["", "POST", "POST / HTTP/1.1\r\nHost: localhost\r\n"] {
        let answer = server.answer(sent).await;
        assert!(!answer.contains(" 200 "), "{sent:?}: {answer}");
    }
    // A byte now and then doesn't begin the time anew.
    let mut stream = server.connect().await;
    let began = Instant::now();
    let drip = async {
        for byte in "POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".bytes().chain(std::iter::repeat_n(b'a', 10_000)) {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("the server keeps the connection");
    assert!(began.elapsed() >= SHORT, "not at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_doesnt_arrive_is_answered_with_408() {
    let server = Server::start().await;
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    for (headers, part) in [
        ("Content-Length: 10\r\n\r\n", ""),
        ("Content-Length: 10\r\n\r\n", "half"),
        ("Transfer-Encoding: chunked\r\n\r\n", "4\r\nhalf\r\n"),
    ] {
        let answer = server.answer(&format!("{head}{headers}{part}")).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{headers}{part}: {answer}");
        assert!(answer.contains("did not arrive in time"), "{answer}");
    }
    let answer = server.answer(&format!("{head}Content-Length: 4\r\n\r\nfull")).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("full"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_keep_nobody_else_waiting_and_a_stop_waits_for_none() {
    let server = Server::start().await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = server.connect().await;
        stream.write_all(b"POST / HTTP/1.1\r\nHost: loc").await.expect("sent");
        slow.push(stream);
    }
    let answer =
        server.answer("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    assert!(answer.await.ends_with("ok"));
    server.stop.send_replace(true);
    timeout(PATIENCE, server.task).await.expect("it stops").expect("without a panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_name_for_this_machine_is_refused() {
    let server = Server::start().await;
    let ask = async |target: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        server
            .answer(&format!("POST {target} HTTP/1.1\r\n{hosts}Connection: close\r\nContent-Length: 2\r\n\r\nok"))
            .await
    };
    let port = server.address.rsplit_once(':').expect("a port").1;
    let by_name = format!("localhost:{port}");
    for host in [server.address.as_str(), by_name.as_str(), "localhost", "[::1]:80", "tunnel.example.com"] {
        let answer = ask("/", &[host]).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
    let evil = format!("evil.example:{port}");
    for hosts in
        [&[evil.as_str()][..], &["evil.example"], &["127.0.0.1.evil.example"], &["localhost", "evil.example"], &[]]
    {
        let answer = ask("/", hosts).await;
        let is_refused = answer.starts_with("HTTP/1.1 421 ") || answer.starts_with("HTTP/1.1 400 ");
        assert!(is_refused, "{hosts:?}: {answer}");
    }
    let answer = ask("http://evil.example/", &["localhost"]).await;
    assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("--allow-host"), "{answer}");
}
