//! Task tokens in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::FakeStore;
use crate::domain::secret::Secret;
use crate::domain::task::{Awaited, TaskTokenId};
use crate::domain::time::Moment;
use crate::ports::{PortResult, TaskTokens};

/// Of a pin or an import, its tokens and when they expire.
pub(super) type Rows = BTreeMap<Awaited, BTreeMap<TaskTokenId, (Secret, Moment)>>;

#[async_trait]
impl TaskTokens for FakeStore {
    async fn put_task_token(&self, awaited: Awaited, token: &Secret, expires_at: Moment) -> PortResult<()> {
        let row = (token.clone(), expires_at);
        self.call("task_tokens.put_task_token", |t| {
            t.task_tokens.entry(awaited).or_default().insert(TaskTokenId::of(token), row.clone());
        })
        .await
    }

    async fn task_tokens(&self, awaited: Awaited) -> PortResult<Vec<TaskTokenId>> {
        self.call("task_tokens.task_tokens", |t| {
            t.task_tokens.get(&awaited).map(|tokens| tokens.keys().cloned().collect()).unwrap_or_default()
        })
        .await
    }

    async fn task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<Option<Secret>> {
        self.call("task_tokens.task_token", |t| {
            t.task_tokens.get(&awaited).and_then(|tokens| tokens.get(id)).map(|(token, _)| token.clone())
        })
        .await
    }

    async fn delete_task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<()> {
        self.call("task_tokens.delete_task_token", |t| {
            if let Some(tokens) = t.task_tokens.get_mut(&awaited) {
                tokens.remove(id);
            }
        })
        .await
    }
}
