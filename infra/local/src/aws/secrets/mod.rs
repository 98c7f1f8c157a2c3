//! Secrets Manager: `winterbaume-secretsmanager`, kept in one private file.

mod file;
mod rules;

use super::data_dir::DataDir;
use super::reply::Reply;
use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::RwLock;
use winterbaume_core::{MockRequest, MockService, StatefulService, default_account_id};
use winterbaume_secretsmanager::{SecretsManagerService, SecretsmanagerStateView};

/// Actions that change nothing, so the file need not be written.
const READS: [&str; 8] = [
    "GetSecretValue",
    "BatchGetSecretValue",
    "DescribeSecret",
    "ListSecrets",
    "ListSecretVersionIds",
    "GetRandomPassword",
    "GetResourcePolicy",
    "ValidateResourcePolicy",
];

pub(super) struct Secrets {
    inner: Arc<Inner>,
}

struct Inner {
    service: SecretsManagerService,
    file: Option<PathBuf>,
    region: String,
    /// Locked for writing until a change is on the disk, so that nobody reads a secret that a crash would undo.
    gate: RwLock<()>,
}

impl Secrets {
    pub(super) async fn open(data_dir: Option<&DataDir>, region: &str) -> anyhow::Result<Self> {
        let inner = Inner {
            service: SecretsManagerService::new(),
            file: data_dir.map(DataDir::secrets_file),
            region: region.to_owned(),
            gate: RwLock::new(()),
        };
        if let Some(view) = inner.file.as_deref().map(file::load).transpose()?.flatten() {
            inner.restore(view).await?;
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) async fn call(&self, action: &str, body: Bytes) -> Reply {
        if READS.contains(&action) {
            let _reading = self.inner.gate.read().await;
            return self.inner.pass(action, body).await;
        }
        let inner = Arc::clone(&self.inner);
        let action = action.to_owned();
        // In a task of its own: a client that disconnects must not stop a change before it is written.
        let change = tokio::spawn(async move { inner.change(&action, body).await });
        change.await.unwrap_or_else(|error| {
            tracing::error!(%error, "local Secrets Manager call failed");
            Reply::error(500, "InternalServiceError", "The local service failed.")
        })
    }

    /// Waits for changes whose client has disconnected.
    pub(super) async fn close(self) {
        drop(self.inner.gate.write().await);
    }
}

impl Inner {
    /// Makes one change and responds when it is on the disk. A change that can't be written is undone.
    async fn change(&self, action: &str, body: Bytes) -> Reply {
        let _changing = self.gate.write().await;
        let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let before = self.snapshot().await;
        if let Some(reply) = rules::answer_early(action, &request, &before) {
            return reply;
        }
        let mut reply = self.pass(action, body).await;
        if !reply.is_success() {
            return reply;
        }
        let mut after = self.snapshot().await;
        rules::put_right(action, &request, &mut after, &mut reply);
        if let Err(error) = self.keep(after).await {
            let why = format!("{error:#}");
            tracing::error!(error = why, "local secrets not written");
            if let Err(error) = self.restore(before).await {
                tracing::error!(%error, "local secrets not restored");
            }
            return Reply::error(500, "InternalServiceError", &format!("The secret could not be stored: {why}"));
        }
        reply
    }

    async fn keep(&self, view: SecretsmanagerStateView) -> anyhow::Result<()> {
        if let Some(path) = self.file.clone() {
            let content = file::encode(&view)?;
            tokio::task::spawn_blocking(move || file::store(&path, &content)).await??;
        }
        self.restore(view).await
    }

    async fn snapshot(&self) -> SecretsmanagerStateView {
        self.service.snapshot(default_account_id(), &self.region).await
    }

    async fn restore(&self, view: SecretsmanagerStateView) -> anyhow::Result<()> {
        self.service.restore(default_account_id(), &self.region, view).await?;
        Ok(())
    }

    async fn pass(&self, action: &str, body: Bytes) -> Reply {
        let mut headers = HeaderMap::new();
        let Ok(target) = format!("secretsmanager.{action}").parse() else {
            return Reply::error(400, "InvalidAction", "No such action.");
        };
        headers.insert("x-amz-target", target);
        let request = MockRequest {
            method: "POST".to_owned(),
            // The crate reads the region from the host name.
            uri: format!("https://secretsmanager.{}.amazonaws.com/", self.region),
            headers,
            body,
        };
        self.service.handle(request).await.into()
    }
}
