//! From the name to the connection: what fails, and how long it may take.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pinbridge_shared::adapters::webhook_sender::{Connect, HttpsSender, Limits, Resolve};
use pinbridge_shared::domain::webhook::sending::SendOutcome;
use pinbridge_shared::ports::WebhookSender;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::receiver::{accept, closed, listen, nobody_came};
use super::{BODY, FakeNetwork, LOCAL, PUBLIC, request};

const NAME: &str = "hooks.example.com";
const URL: &str = "https://hooks.example.com/hooks";

fn quick_to_connect() -> Limits {
    Limits { connect: Duration::from_millis(200), ..Limits::default() }
}

fn failed(reason: &'static str) -> SendOutcome {
    SendOutcome::Failed { reason }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Reads until TLS has named the host, and returns what came.
async fn client_hello(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.windows(NAME.len()).any(|window| window == NAME.as_bytes()) {
        assert_ne!(stream.read_buf(&mut bytes).await.expect("read"), 0, "the host isn't named");
    }
    bytes
}

async fn listener() -> (TcpListener, SocketAddr) {
    let (listener, _) = listen().await;
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked_and_names_the_host() {
    let (listener, leads_to) = listener().await;
    // The second look-up would answer an address of this machine.
    let network = FakeNetwork::new(leads_to, &[&["1.1.1.1"], &["127.0.0.1"]]);
    let sender = network.sender(PUBLIC, Limits::default());
    let receive = async {
        let mut stream = accept(&listener).await;
        let hello = client_hello(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("answered");
        hello
    };
    let request = request(URL);
    let (answer, hello) = tokio::join!(sender.send(&request), receive);
    assert_eq!(answer.outcome, failed("tls_failed"), "the receiver doesn't speak TLS");
    assert!(!hello.windows(BODY.len()).any(|window| window == BODY.as_bytes()), "nothing leaves without TLS");
    assert_eq!(network.resolved(), [NAME], "a name is resolved once");
    assert_eq!(network.connected(), [address("1.1.1.1:443")]);

    let second = sender.send(&request).await;
    assert_eq!(second.outcome, SendOutcome::Refused { reason: "private_address" });
    assert_eq!(network.connected().len(), 1);
    assert!(nobody_came(&listener).await);
}

#[tokio::test]
async fn a_receiver_that_closes_in_the_handshake_fails_tls() {
    let (listener, leads_to) = listener().await;
    let network = FakeNetwork::new(leads_to, &[&["1.1.1.1"]]);
    let (sender, request) = (network.sender(PUBLIC, Limits::default()), request(URL));
    let receive = async {
        let mut stream = accept(&listener).await;
        client_hello(&mut stream).await;
    };
    let (answer, ()) = tokio::join!(sender.send(&request), receive);
    assert_eq!(answer.outcome, failed("tls_failed"));
}

#[tokio::test]
async fn up_to_three_addresses_are_tried_those_of_ipv4_first() {
    let (listener, closed_port) = listener().await;
    drop(listener);
    let network = FakeNetwork::new(closed_port, &[&["2606:4700::1", "1.1.1.1", "2606:4700::2", "1.0.0.1"]]);
    let answer = network.sender(PUBLIC, Limits::default()).send(&request("https://hooks.example.com:8443/")).await;
    assert_eq!(answer.outcome, failed("connect_failed"));
    let tried = ["1.1.1.1:8443", "1.0.0.1:8443", "[2606:4700::1]:8443"].map(address);
    assert_eq!(network.connected(), tried);
}

#[tokio::test]
async fn a_name_without_addresses_fails() {
    let (listener, leads_to) = listener().await;
    let without: [&[&[&str]]; 2] = [&[], &[&[]]];
    for answers in without {
        let network = FakeNetwork::new(leads_to, answers);
        let answer = network.sender(PUBLIC, Limits::default()).send(&request(URL)).await;
        assert_eq!(answer.outcome, failed("dns_failed"));
        assert!(network.connected().is_empty());
    }
    assert!(nobody_came(&listener).await);
}

/// Neither resolves nor connects, ever.
struct Stuck;

#[async_trait]
impl Resolve for Stuck {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        pending().await
    }
}

#[async_trait]
impl Connect for Stuck {
    async fn connect(&self, _: SocketAddr) -> io::Result<TcpStream> {
        pending().await
    }
}

/// Connects only to the second address of a name, and never answers for the first one.
struct FirstIsDark(Arc<FakeNetwork>);

#[async_trait]
impl Connect for FirstIsDark {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        if self.0.connected().is_empty() {
            // Remembered as tried.
            self.0.connect(address).await?;
            return pending().await;
        }
        self.0.connect(address).await
    }
}

#[tokio::test]
async fn an_address_that_does_not_answer_leaves_time_for_the_next_one() {
    let (listener, leads_to) = listener().await;
    let network = FakeNetwork::new(leads_to, &[&["1.1.1.1", "1.0.0.1"]]);
    let limits = Limits { connect: Duration::from_secs(1), ..Limits::default() };
    let connector = Arc::new(FirstIsDark(Arc::clone(&network)));
    let sender = HttpsSender::over(PUBLIC, limits, Arc::clone(&network) as Arc<dyn Resolve>, connector);
    let request = request(URL);
    let receive = async {
        drop(accept(&listener).await);
        drop(accept(&listener).await);
    };
    let (answer, ()) = tokio::join!(sender.send(&request), receive);
    assert_eq!(answer.outcome, failed("tls_failed"), "the second one was reached, and speaks no TLS");
    assert_eq!(network.connected(), ["1.1.1.1:443", "1.0.0.1:443"].map(address));
}

#[tokio::test]
async fn dns_tcp_and_tls_share_the_time_of_a_connection() {
    let (listener, leads_to) = listener().await;
    let network = FakeNetwork::new(leads_to, &[&["1.1.1.1"]]);
    let limits = quick_to_connect();
    let request = request(URL);
    for sender in [
        HttpsSender::over(PUBLIC, limits, Arc::new(Stuck), Arc::clone(&network) as Arc<dyn Connect>),
        HttpsSender::over(PUBLIC, limits, Arc::clone(&network) as Arc<dyn Resolve>, Arc::new(Stuck)),
    ] {
        let answer = sender.send(&request).await;
        assert_eq!(answer.outcome, failed("connect_timeout"));
        assert!((200..15_000).contains(&answer.latency_ms), "{answer:?}");
    }
    assert!(nobody_came(&listener).await);
    let sender = network.sender(PUBLIC, limits);
    let (answer, ()) = tokio::join!(sender.send(&request), async { closed(accept(&listener).await).await });
    assert_eq!(answer.outcome, failed("connect_timeout"), "the receiver doesn't answer TLS");
}

#[tokio::test]
async fn a_header_that_would_change_the_request_is_refused() {
    let (listener, leads_to) = listener().await;
    for (name, value) in [
        ("X-A", "b\r\nX-C: d"),
        ("X-A", "b\nX-C: d"),
        ("X-A", "b\0"),
        ("X-A: b\r\nX-C", "d"),
        ("", "b"),
        ("Host", "internal.example.com"),
        ("content-length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("CONNECTION", "keep-alive"),
        ("Upgrade", "websocket"),
        ("Expect", "100-continue"),
    ] {
        let network = FakeNetwork::new(leads_to, &[&["127.0.0.1"]]);
        let mut request = request("http://localhost:8080/");
        request.headers.push((name.to_owned(), value.to_owned()));
        let answer = network.sender(LOCAL, Limits::default()).send(&request).await;
        assert_eq!(answer.outcome, SendOutcome::Refused { reason: "bad_header" }, "{name:?}: {value:?}");
        assert_eq!((network.resolved().len(), network.connected().len()), (0, 0));
    }
    assert!(nobody_came(&listener).await);
}
