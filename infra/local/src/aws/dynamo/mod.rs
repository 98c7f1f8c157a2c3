//! DynamoDB: `dynoxide` on one SQLite file. Its blocking calls run outside the async threads.

mod dispatch;
mod ttl;

use super::data_dir::DataDir;
use super::options::{DYNAMO_LANES, Durability};
use super::reply::Reply;
use anyhow::Context;
use bytes::Bytes;
use dynoxide::Database;
use std::sync::Arc;
use tokio::sync::Semaphore;

pub(super) struct Dynamo {
    database: Database,
    /// One permit per running call. The permits bound the blocked threads, serve callers in order, and let a shutdown
    /// wait for calls whose client has disconnected.
    lanes: Arc<Semaphore>,
}

impl Dynamo {
    pub(super) async fn open(data_dir: Option<&DataDir>, durability: Durability) -> anyhow::Result<Self> {
        let file = data_dir.map(DataDir::database_file).transpose()?;
        let database = tokio::task::spawn_blocking(move || -> anyhow::Result<Database> {
            let Some(file) = file else {
                return Ok(Database::memory()?);
            };
            let path = file.to_str().context("the data directory's path is not UTF-8")?;
            let database = Database::new(path).with_context(|| format!("could not open {path}"))?;
            if durability == Durability::Normal {
                // The engine leaves SQLite's default `synchronous=FULL`. This is its only public call that sets NORMAL;
                // the other settings that it restores are the defaults.
                database.disable_bulk_loading()?;
            }
            Ok(database)
        })
        .await??;
        Ok(Self { database, lanes: Arc::new(Semaphore::new(DYNAMO_LANES as usize)) })
    }

    /// Runs one operation. A started operation completes even when the client disconnects, as on the real service.
    pub(super) async fn call(&self, operation: &str, body: Bytes) -> Reply {
        let Ok(lane) = Arc::clone(&self.lanes).acquire_owned().await else {
            return Reply::error(500, "InternalServerError", "The local AWS is closing.");
        };
        let database = self.database.clone();
        let operation = operation.to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let reply = dispatch::run(&database, &operation, &body);
            // In this order: a free lane means that no clone is left.
            drop(database);
            drop(lane);
            reply
        });
        run.await.unwrap_or_else(|error| {
            tracing::error!(%error, "local DynamoDB call failed");
            Reply::error(500, "InternalServerError", "The local service failed.")
        })
    }

    /// Waits for every call, then closes SQLite, which merges its write-ahead log.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        let _all = self.lanes.acquire_many(DYNAMO_LANES).await?;
        tokio::task::spawn_blocking(move || drop(self.database)).await.context("could not close the local DynamoDB")
    }
}
