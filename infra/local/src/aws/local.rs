//! Starts and stops the local AWS.

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

/// A running local AWS. Dropping it stops it in the background; [`shutdown`](Self::shutdown) also waits until the files
/// are closed.
pub struct LocalAws {
    address: SocketAddr,
    router: Arc<Router>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl LocalAws {
    /// Starts one endpoint on a free port of `127.0.0.1`. It serves DynamoDB, SQS and Secrets Manager; the header
    /// `x-amz-target` of a request names the service.
    ///
    /// # Errors
    /// When the data directory is in use or can't be opened, or when no port is free.
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

    /// Deletes the items whose TTL lies before `now_unix_s` in every table with TTL enabled, and returns their number.
    /// It reads every item of those tables. Nothing is deleted unless the caller calls this.
    ///
    /// # Errors
    /// When an operation of the embedded DynamoDB fails.
    pub async fn sweep_ttl(&self, now_unix_s: i64) -> anyhow::Result<usize> {
        self.router.dynamo.sweep_ttl(now_unix_s).await
    }

    /// Stops accepting requests, finishes the running ones (an open long poll returns empty at once), closes the
    /// database, which merges its write-ahead log, and unlocks the data directory.
    ///
    /// # Errors
    /// When a request outlives its connection, or when the database can't be closed.
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
