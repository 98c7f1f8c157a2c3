//! DynamoDB: `dynoxide` on one SQLite file. Its blocking calls run outside the async threads.

mod dispatch;
mod ttl;

use super::data_dir::DataDir;
use super::options::{DYNAMO_LANES, Durability};
use super::reply::Reply;
use crate::files::damaged;
use anyhow::Context;
use bytes::Bytes;
use dynoxide::Database;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

pub(super) struct Dynamo {
    database: Database,
    file: Option<PathBuf>,
    /// One permit per running call. The permits bound the blocked threads, serve callers in order, and let a shutdown
    /// wait for calls whose client has disconnected.
    lanes: Arc<Semaphore>,
}

impl Dynamo {
    pub(super) async fn open(data_dir: Option<&DataDir>, durability: Durability) -> anyhow::Result<Self> {
        let file = data_dir.map(DataDir::database_file).transpose()?;
        let opened = file.clone();
        let database = tokio::task::spawn_blocking(move || -> anyhow::Result<Database> {
            let Some(file) = opened else {
                return Ok(Database::memory()?);
            };
            let path = file.to_str().context("the data directory's path is not UTF-8")?;
            let database = Database::new(path).map_err(|error| {
                let what = failure(&file, &error.to_string()).unwrap_or_else(|| format!("could not open {path}"));
                anyhow::Error::new(error).context(what)
            })?;
            if durability == Durability::Normal {
                // The engine leaves SQLite's default `synchronous=FULL`. This is its only public call that sets NORMAL;
                // the other settings that it restores are the defaults.
                database.disable_bulk_loading()?;
            }
            Ok(database)
        })
        .await??;
        Ok(Self { database, file, lanes: Arc::new(Semaphore::new(DYNAMO_LANES as usize)) })
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
        let run = run.await.inspect(|reply| self.report(reply));
        run.unwrap_or_else(|error| {
            tracing::error!(%error, "local DynamoDB call failed");
            Reply::error(500, "InternalServerError", "The local service failed.")
        })
    }

    /// Names what is wrong with the file, where the engine's answer says it.
    fn report(&self, reply: &Reply) {
        let Some(file) = self.file.as_deref().filter(|_| reply.status >= 500) else { return };
        if let Some(failure) = failure(file, &String::from_utf8_lossy(&reply.body)) {
            tracing::error!(failure, "local DynamoDB file failed");
        }
    }

    /// Waits for every call, then closes SQLite, which merges its write-ahead log.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        let _all = self.lanes.acquire_many(DYNAMO_LANES).await?;
        tokio::task::spawn_blocking(move || drop(self.database)).await.context("could not close the local DynamoDB")
    }
}

/// What SQLite's words say about the file, and what helps.
fn failure(file: &Path, words: &str) -> Option<String> {
    let says = |words_of_sqlite: &[&str]| words_of_sqlite.iter().any(|part| words.contains(part));
    if says(&["database or disk is full"]) {
        return Some(format!("the disk is full: {} could not be written. Free some space", file.display()));
    }
    says(&["malformed", "not a database", "file is encrypted"]).then(|| damaged(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlites_words_become_what_to_do() {
        let told = |words: &str| failure(Path::new("/data/dynamodb.sqlite3"), words);
        assert!(told("database or disk is full").is_some_and(|text| text.contains("Free some space")));
        for words in ["database disk image is malformed", "file is not a database"] {
            let told = told(words).expect("told");
            assert!(told.contains("/data/dynamodb.sqlite3 is damaged") && told.contains("--data-dir"), "{told}");
        }
        assert_eq!(told("database is locked"), None);
    }
}
