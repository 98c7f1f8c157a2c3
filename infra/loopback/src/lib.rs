//! Listeners on the loopback interface, for the API, the embedded AWS and the Pinterest simulator. A client that sends
//! nothing, or sends slowly, loses its connection; a shutdown finishes the running requests first. [`check_host`]
//! refuses requests that a web page sent under a name of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a client may take to send the head of a request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to send the body of a request. API Gateway waits as long.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest body that API Gateway takes, in bytes.
const BODY_BYTES_MAX: usize = 10_000_000;
/// Open connections at a time; more wait in the listen backlog.
const CONNECTIONS_MAX: usize = 1024;
/// Pause after a failed accept, for example when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The names of this machine.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Names under which a listener may be called, beside those of this machine.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    pub fn new(names: &[String]) -> Self {
        Self(names.into())
    }
}

/// Why a request has no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Too large, or it broke off.
    TooLarge,
    Late,
}

/// What a client of the API may do.
#[derive(Clone, Debug)]
pub struct Limits {
    pub head: Duration,
    pub body: Duration,
    /// Names under which the API may be called, beside those of this machine.
    pub hosts: Vec<String>,
}

/// Serves the API until `stop` turns true, then gives running requests `drain` to finish.
pub async fn serve(listener: TcpListener, api: Router, limits: Limits, stop: watch::Receiver<bool>, drain: Duration) {
    let head = limits.head;
    let api = api
        .layer(from_fn_with_state(limits.body, read_body_first))
        .layer(from_fn_with_state(Hosts::new(&limits.hosts), check_host));
    let service = TowerToHyperService::new(api);
    let connection = |stream, watcher: Watcher| {
        let connection = http(head).serve_connection(TokioIo::new(stream), service.clone());
        async move {
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "API connection ended early");
            }
        }
    };
    accept(listener, "API", stop, drain, connection).await;
}

/// HTTP/1.1 with a limit on the head of a request.
pub fn http(head: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head);
    builder
}

/// Accepts connections until `stop` turns true. On return, every connection has ended.
pub async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    of: &'static str,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
    connection: impl Fn(TcpStream, Watcher) -> F,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    // Without this, small responses wait for the client's delayed ACK.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(stream, graceful.watcher()));
                }
                Err(error) => {
                    tracing::warn!(%error, of, "connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    if timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(of, "requests dropped at shutdown");
    }
    connections.shutdown().await;
}

/// Waits until the listener is to stop.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped, which is a stop too.
    let _ = stop.wait_for(|stopping| *stopping).await;
}

/// Reads the whole body before the API sees the request, as API Gateway does. Otherwise a request that is refused early
/// is answered while its body is still on its way: hyper then closes the connection, and the client's next request on
/// it gets no answer.
async fn read_body_first(State(within): State<Duration>, request: Request, next: Next) -> Response {
    match read_body(request, within, BODY_BYTES_MAX).await {
        Ok(request) => next.run(request).await,
        Err(Unread::TooLarge) => refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        Err(Unread::Late) => too_late(),
    }
}

/// The request with all of its body in memory.
///
/// # Errors
/// When the body is too large, breaks off or takes too long.
pub async fn read_body(request: Request, within: Duration, bytes_max: usize) -> Result<Request, Unread> {
    let (parts, body) = request.into_parts();
    let read = timeout(within, to_bytes(body, bytes_max)).await.map_err(|_| Unread::Late)?;
    read.map(|body| Request::from_parts(parts, body.into())).map_err(|_| Unread::TooLarge)
}

/// The answer to a request whose body takes too long.
pub fn too_late() -> Response {
    refusal(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")
}

/// Refuses requests for another host. A page of another site can make a browser resolve that site's name to this
/// machine, and would then read every answer (DNS rebinding); the name is the site's own.
pub async fn check_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if is_ours(request.headers(), request.uri(), &hosts.0) {
        return next.run(request).await;
    }
    let message = "This host is not served here. Use the address that was printed at the start, or name the host with \
                   --allow-host.";
    refusal(StatusCode::MISDIRECTED_REQUEST, message)
}

fn is_ours(headers: &HeaderMap, uri: &Uri, hosts: &[String]) -> bool {
    let mut named = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or("")).peekable();
    let is_known = |host: &str| {
        let name = without_port(host);
        let allowed = LOOPBACK.into_iter().chain(hosts.iter().map(String::as_str));
        allowed.into_iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    };
    // A request for a proxy names the host in its target, too.
    named.peek().is_some() && named.all(is_known) && uri.authority().is_none_or(|host| is_known(host.as_str()))
}

/// The name in `name:port`. The colons of an IPv6 address are in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_served(hosts: &[&'static str], target: &'static str) -> bool {
        let mut all = HeaderMap::new();
        for host in hosts {
            all.append(HOST, HeaderValue::from_static(host));
        }
        is_ours(&all, &Uri::from_static(target), &["tunnel.example.com".to_owned()])
    }

    #[test]
    fn only_hosts_of_this_machine_are_served() {
        let ours = ["127.0.0.1:8080", "127.0.0.1", "localhost:8080", "LocalHost", "[::1]:8080", "[::1]"];
        for host in ours.into_iter().chain(["tunnel.example.com", "Tunnel.Example.com:443"]) {
            assert!(is_served(&[host], "/v1/pins"), "{host}");
        }
        let others = [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8080",
            "evil.example:80:8080",
            "localhost@evil.example",
            "127.0.0.1:x",
            "169.254.169.254",
            "tunnel.example.com.evil.example",
            "",
        ];
        for host in others {
            assert!(!is_served(&[host], "/v1/pins"), "{host}");
        }
        assert!(!is_served(&[], "/v1/pins"), "none");
        assert!(!is_served(&["localhost", "evil.example"], "/v1/pins"), "two");
        assert!(!is_served(&["localhost"], "http://evil.example/v1/pins"), "a proxy's target");
        assert!(is_served(&["localhost"], "http://localhost:8080/v1/pins"));
    }
}
