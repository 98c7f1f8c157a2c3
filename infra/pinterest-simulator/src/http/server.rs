//! The server of the simulator. It can close a connection without an answer, which axum's own can't.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use pinbridge_loopback::{Hosts, Limits, Unread, accept, check_host, http, read_body, too_late};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::v5;
use crate::api::uploads::UPLOAD_PATH;
use crate::simulator::Simulator;
use crate::{errors, limits};

/// How long open requests may take once the shutdown has begun.
const GRACE: Duration = Duration::from_secs(1);

/// Marks a response that must not be sent. The service then fails, and hyper closes the connection.
#[derive(Debug, Clone, Copy)]
pub struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("no answer is given")
    }
}

impl std::error::Error for Unanswered {}

impl Unanswered {
    /// The response that another server would send.
    pub fn response() -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        response.extensions_mut().insert(Unanswered);
        response
    }
}

pub async fn serve(
    simulator: &Simulator,
    limits: &Limits,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    listener.local_addr().context("the listener has no address")?;
    let arrival = Arrival { simulator: simulator.clone(), within: limits.body };
    let router = simulator
        .router()
        .layer(from_fn_with_state(arrival, arrive_in_time))
        .layer(from_fn_with_state(Hosts::new(&limits.hosts), check_host));
    let (stop, stopping) = watch::channel(false);
    let head = limits.head;
    let connect = |stream, watcher| connection(head, router.clone(), stream, watcher);
    let mut accepting = pin!(accept(listener, "Pinterest simulator", stopping, GRACE, connect));
    tokio::select! {
        () = &mut accepting => {}
        () = shutdown => {
            stop.send_replace(true);
            accepting.await;
        }
    }
    Ok(())
}

/// What a request must be to be read.
#[derive(Clone)]
struct Arrival {
    simulator: Simulator,
    within: Duration,
}

/// Reads the whole body before the request is handled, so that no client holds one up. An upload is too large for
/// memory: it is read while it is handled, and has more time.
async fn arrive_in_time(State(arrival): State<Arrival>, request: Request, next: Next) -> Response {
    if request.uri().path() == UPLOAD_PATH {
        let within = Duration::from_secs(limits::UPLOAD_TIMEOUT_S);
        return timeout(within, next.run(request)).await.unwrap_or_else(|_| too_late());
    }
    match read_body(request, arrival.within, limits::MAX_BODY_BYTES).await {
        Ok(request) => next.run(request).await,
        Err(Unread::TooLarge) => v5::refuse(&arrival.simulator, errors::BODY_UNREADABLE),
        Err(Unread::Late) => too_late(),
    }
}

async fn connection(head: Duration, router: Router, stream: TcpStream, watcher: Watcher) {
    let service = TowerToHyperService::new(router);
    let answered = service_fn(move |request| {
        let answer = service.call(request);
        async move {
            match answer.await {
                Ok(response) if response.extensions().get::<Unanswered>().is_none() => Ok(response),
                Ok(_) => Err(Unanswered),
                Err(never) => match never {},
            }
        }
    });
    let connection = http(head).serve_connection(TokioIo::new(stream), answered);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
