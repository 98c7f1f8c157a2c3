//! Requests to endpoints of webhooks: what is never called, and what is read of an answer.

mod answers;
mod connections;
mod receiver;
mod refused;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pinbridge_shared::adapters::webhook_sender::{Connect, HttpsSender, Limits, Resolve};
use pinbridge_shared::domain::webhook::address::AddressRules;
use pinbridge_shared::domain::webhook::sending::WebhookRequest;
use tokio::net::TcpStream;

const PUBLIC: AddressRules = AddressRules { allow_loopback_http: false };
const LOCAL: AddressRules = AddressRules { allow_loopback_http: true };

/// Resolves every name to the next of its answers and connects to one place whatever the address, and remembers both.
struct FakeNetwork {
    /// The last one stays. Without any, look-ups fail.
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    leads_to: SocketAddr,
    resolved: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
}

impl FakeNetwork {
    fn new(leads_to: SocketAddr, answers: &[&[&str]]) -> Arc<Self> {
        let ip = |text: &&str| text.parse::<IpAddr>().expect("an address");
        let answers = answers.iter().map(|ips| ips.iter().map(ip).collect::<Vec<_>>()).collect::<VecDeque<_>>();
        let answers = Mutex::new(answers);
        Arc::new(Self { answers, leads_to, resolved: Mutex::default(), connected: Mutex::default() })
    }

    fn sender(self: &Arc<Self>, rules: AddressRules, limits: Limits) -> HttpsSender {
        let resolver = Arc::clone(self) as Arc<dyn Resolve>;
        HttpsSender::over(rules, limits, resolver, Arc::clone(self) as Arc<dyn Connect>)
    }

    fn resolved(&self) -> Vec<String> {
        self.resolved.lock().expect("unpoisoned").clone()
    }

    fn connected(&self) -> Vec<SocketAddr> {
        self.connected.lock().expect("unpoisoned").clone()
    }
}

#[async_trait]
impl Resolve for FakeNetwork {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.resolved.lock().expect("unpoisoned").push(name.to_owned());
        let mut answers = self.answers.lock().expect("unpoisoned");
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        answer.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[async_trait]
impl Connect for FakeNetwork {
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.connected.lock().expect("unpoisoned").push(address);
        TcpStream::connect(self.leads_to).await
    }
}

const BODY: &str = r#"{"event":"pin.published"}"#;

fn request(url: &str) -> WebhookRequest {
    let headers = [
        ("Content-Type", "application/json"),
        ("X-PinBridge-Signature", "sha256=0a1b"),
        ("X-PinBridge-Event", "pin.published"),
        ("X-PinBridge-Delivery-ID", "d-1"),
        ("webhook-id", "d-1"),
    ];
    WebhookRequest {
        url: url.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: BODY.to_owned(),
    }
}
