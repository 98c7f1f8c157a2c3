//! Webhooks over HTTPS to addresses that strangers chose.
//!
//! Whoever registers an endpoint may point it at a service inside this network (server-side request forgery). So:
//! - The URL and every address that its name resolves to must be public
//!   ([`address`](crate::domain::webhook::address)).
//! - The name is resolved once, and the connection goes to an address that was checked. A second look-up could answer
//!   another address.
//! - Redirects, proxies and repetitions don't exist here. Time and the size of the answer have limits.

mod exchange;
mod limits;
mod network;
mod spelled_head;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use self::exchange::{exchange, prepare};
pub use self::limits::Limits;
pub use self::network::{Connect, Resolve, SystemResolver, TcpConnector};
use crate::domain::webhook::address::{AddressError, AddressRules, EndpointHost, EndpointUrl, check_url};
use crate::domain::webhook::sending::{SendOutcome, WebhookAnswer, WebhookRequest};
use crate::ports::WebhookSender;

/// How many addresses of a name are tried before anything is sent. All of them are checked.
const ADDRESSES_MAX: usize = 3;

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Sends webhooks over HTTPS.
pub struct HttpsSender {
    rules: AddressRules,
    limits: Limits,
    resolver: Arc<dyn Resolve>,
    connector: Arc<dyn Connect>,
    /// Made for the first request: most functions never send one, and reading root certificates takes time.
    tls: OnceCell<TlsConnector>,
}

impl HttpsSender {
    pub fn new(rules: AddressRules) -> Self {
        Self::over(rules, Limits::default(), Arc::new(SystemResolver), Arc::new(TcpConnector))
    }

    /// Like [`HttpsSender::new`], with limits and accesses to the network of one's own.
    pub fn over(rules: AddressRules, limits: Limits, resolver: Arc<dyn Resolve>, connector: Arc<dyn Connect>) -> Self {
        Self { rules, limits, resolver, connector, tls: OnceCell::new() }
    }

    /// Checks, connects and sends. An error is an outcome too: the one of a request that wasn't sent.
    async fn request(&self, request: &WebhookRequest) -> Result<SendOutcome, SendOutcome> {
        let url = check_url(&request.url, self.rules).map_err(|error| refused(error.code()))?;
        let prepared = prepare(&url, request).ok_or(refused("bad_header"))?;
        let ends_at = Instant::now() + self.limits.connect;
        let connected = timeout_at(ends_at, self.connect(&url, ends_at)).await;
        let stream = connected.map_err(|_| failed("connect_timeout"))??;
        Ok(exchange(stream, prepared, self.limits).await)
    }

    async fn connect(&self, url: &EndpointUrl, ends_at: Instant) -> Result<Box<dyn Stream>, SendOutcome> {
        let addresses = self.addresses(url).await?;
        if !url.is_https() {
            return Ok(Box::new(self.tcp(&addresses, ends_at).await?));
        }
        let tls = self.tls.get_or_try_init(|| async { tls::connector() }).await.map_err(|error| {
            tracing::error!(%error, "TLS of webhooks unavailable");
            failed("tls_unavailable")
        })?;
        let name = tls::server_name(url.host()).ok_or(refused(AddressError::Invalid.code()))?;
        let stream = tls.connect(name, self.tcp(&addresses, ends_at).await?).await.map_err(|_| failed("tls_failed"))?;
        Ok(Box::new(stream))
    }

    /// The addresses of the endpoint, each of them checked.
    ///
    /// One closed address refuses the request, though others may be open. Names of honest receivers don't mix them. An
    /// attacker mixes them to have the closed one called when the open one doesn't answer.
    async fn addresses(&self, url: &EndpointUrl) -> Result<Vec<SocketAddr>, SendOutcome> {
        let mut ips = match url.host() {
            EndpointHost::Address(ip) => vec![*ip],
            EndpointHost::Name(name) => self.resolver.resolve(name).await.map_err(|_| failed("dns_failed"))?,
        };
        if ips.is_empty() {
            return Err(failed("dns_failed"));
        }
        if !ips.iter().all(|&ip| url.may_reach(ip)) {
            return Err(refused(AddressError::PrivateAddress.code()));
        }
        // Functions outside a network with IPv6 have IPv4 only.
        ips.sort_by_key(std::net::IpAddr::is_ipv6);
        Ok(ips.into_iter().take(ADDRESSES_MAX).map(|ip| SocketAddr::new(ip, url.port())).collect())
    }

    /// The first connection that an address accepts. One that doesn't answer leaves half of the time to the others.
    async fn tcp(&self, addresses: &[SocketAddr], ends_at: Instant) -> Result<TcpStream, SendOutcome> {
        for (nth, &address) in addresses.iter().enumerate() {
            let left = ends_at.saturating_duration_since(Instant::now());
            let share = if nth + 1 < addresses.len() { left / 2 } else { left };
            if let Ok(Ok(stream)) = timeout(share, self.connector.connect(address)).await {
                return Ok(stream);
            }
        }
        if Instant::now() >= ends_at {
            return Err(failed("connect_timeout"));
        }
        Err(failed("connect_failed"))
    }
}

#[async_trait]
impl WebhookSender for HttpsSender {
    async fn send(&self, request: &WebhookRequest) -> WebhookAnswer {
        let start = Instant::now();
        let outcome = match timeout(self.limits.whole, self.request(request)).await {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(_) => failed("timeout"),
        };
        WebhookAnswer { outcome, latency_ms: i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX) }
    }
}

fn refused(reason: &'static str) -> SendOutcome {
    SendOutcome::Refused { reason }
}

fn failed(reason: &'static str) -> SendOutcome {
    SendOutcome::Failed { reason }
}
