//! Task tokens in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::FakeStore;
use crate::domain::ids::PinKey;
use crate::domain::secret::Secret;
use crate::domain::task::TaskTokenId;
use crate::domain::time::Moment;
use crate::ports::{PortResult, TaskTokens};

/// Of a pin, its tokens and when they expire.
pub(super) type Rows = BTreeMap<PinKey, BTreeMap<TaskTokenId, (Secret, Moment)>>;

#[async_trait]
impl TaskTokens for FakeStore {
    async fn put_task_token(&self, pin: PinKey, token: &Secret, expires_at: Moment) -> PortResult<()> {
        let row = (token.clone(), expires_at);
        self.call("task_tokens.put_task_token", |t| {
            t.task_tokens.entry(pin).or_default().insert(TaskTokenId::of(token), row.clone());
        })
        .await
    }

    async fn task_tokens(&self, pin: PinKey) -> PortResult<Vec<TaskTokenId>> {
        self.call("task_tokens.task_tokens", |t| {
            t.task_tokens.get(&pin).map(|tokens| tokens.keys().cloned().collect()).unwrap_or_default()
        })
        .await
    }

    async fn task_token(&self, pin: PinKey, id: &TaskTokenId) -> PortResult<Option<Secret>> {
        self.call("task_tokens.task_token", |t| {
            t.task_tokens.get(&pin).and_then(|tokens| tokens.get(id)).map(|(token, _)| token.clone())
        })
        .await
    }

    async fn delete_task_token(&self, pin: PinKey, id: &TaskTokenId) -> PortResult<()> {
        self.call("task_tokens.delete_task_token", |t| {
            if let Some(tokens) = t.task_tokens.get_mut(&pin) {
                tokens.remove(id);
            }
        })
        .await
    }
}
