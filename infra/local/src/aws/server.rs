//! The loopback listener of the local AWS.

use super::options::DRAIN_LIMIT;
use super::router::Router;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use pinbridge_loopback::{HEAD_TIMEOUT, accept, http};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Serves until `stop` turns true, then gives running requests the drain limit to finish. On return, no connection
/// holds the router.
pub(super) async fn serve(listener: TcpListener, router: Arc<Router>, stop: watch::Receiver<bool>) {
    accept(listener, "local AWS", stop, DRAIN_LIMIT, |stream, watcher| {
        connection(stream, Arc::clone(&router), watcher)
    })
    .await;
}

async fn connection(stream: TcpStream, router: Arc<Router>, watcher: Watcher) {
    let service = service_fn(move |request| {
        let router = Arc::clone(&router);
        async move { Ok::<_, Infallible>(router.answer(request).await.into_http()) }
    });
    let connection = http(HEAD_TIMEOUT).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "local AWS connection ended early");
    }
}
