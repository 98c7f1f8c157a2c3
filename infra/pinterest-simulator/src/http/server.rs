//! The server loop. It replaces axum's because it must be able to close a connection without an answer.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long open requests may take once the shutdown has begun.
const GRACE: Duration = Duration::from_secs(1);
/// Pause after a failed accept (for example, too many open files), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

pub async fn serve(router: Router, listener: TcpListener, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    listener.local_addr().context("the listener has no address")?;
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(router.clone(), stream, closed.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    closing.send_replace(true);
    let all_done = async { while connections.join_next().await.is_some() {} };
    // Dropping the set drops the connections that still wait for an answer.
    let _ = tokio::time::timeout(GRACE, all_done).await;
    Ok(())
}

async fn connection(router: Router, stream: TcpStream, mut closed: watch::Receiver<bool>) {
    // Without TCP_NODELAY, a small answer would wait for the acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
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
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), answered));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = closed.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
