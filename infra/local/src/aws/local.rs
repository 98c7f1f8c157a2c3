//! Starting and stopping the whole.

use super::data_dir::DataDir;
use super::dynamo::Dynamo;
use super::options::Options;
use super::router::Router;
use super::secrets::Secrets;
use super::server;
use super::sqs::Sqs;
use anyhow::Context;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running local AWS. Dropping it stops it in the background; only
/// [`shutdown`](Self::shutdown) waits until the files are closed.
pub struct LocalAws {
    address: SocketAddr,
    router: Arc<Router>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl LocalAws {
    /// Starts one endpoint on `127.0.0.1` at a free port. It serves DynamoDB,
    /// SQS and Secrets Manager, told apart by the `x-amz-target` header.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let data_dir = match options.data_dir.clone() {
            Some(path) => Some(DataDir::open(path)?),
            None => None,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("could not open a loopback port for the local AWS")?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let router = Arc::new(Router {
            dynamo: Dynamo::open(data_dir.as_ref(), options.durability).await?,
            sqs: Sqs::new(&options.region, &format!("http://{address}"), stopping.clone()),
            secrets: Secrets::open(data_dir.as_ref(), &options.region).await?,
            access_key_id: options.access_key_id,
            data_dir,
        });
        let task = tokio::spawn(server::serve(listener, Arc::clone(&router), stopping));
        Ok(Self { address, router, stop, task })
    }

    /// The URL for each SDK client's `endpoint_url`.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Deletes the items whose TTL lies before `now_unix_s`, in every table that
    /// has TTL on, and returns how many. Time is given by the caller so that a
    /// test needs no clock; nothing is swept unless this is called. It reads
    /// every item of those tables.
    pub async fn sweep_ttl(&self, now_unix_s: i64) -> anyhow::Result<usize> {
        self.router.dynamo.sweep_ttl(now_unix_s).await
    }

    /// Stops accepting, lets running requests finish (an open long poll is
    /// answered empty at once), closes the database so that its write-ahead log
    /// is folded in, and gives the data directory free.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.task.await.context("the local AWS listener failed")?;
        let router =
            Arc::into_inner(self.router).context("a request still holds the local AWS after its connection ended")?;
        router.secrets.close().await;
        router.dynamo.close().await?;
        drop(router.data_dir);
        Ok(())
    }
}
