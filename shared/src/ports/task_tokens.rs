//! Ports: the tokens of tasks that wait for pins and imports, and the service that ends the tasks.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::secret::Secret;
use crate::domain::task::{Awaited, TaskAnswer, TaskEnd, TaskTokenId};
use crate::domain::time::Moment;

/// Tokens, sealed, in the store's table. A token is there while its task waits.
#[async_trait]
pub trait TaskTokens: Send + Sync {
    /// Stores a token of a task that waits for a pin or an import. Storing it again only changes when it expires.
    async fn put_task_token(&self, awaited: Awaited, token: &Secret, expires_at: Moment) -> PortResult<()>;
    /// The tokens of the tasks that wait for it, in the order of their ids. Consistent read.
    async fn task_tokens(&self, awaited: Awaited) -> PortResult<Vec<TaskTokenId>>;
    /// The token itself; `None` when it is gone. Consistent read.
    async fn task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<Option<Secret>>;
    async fn delete_task_token(&self, awaited: Awaited, id: &TaskTokenId) -> PortResult<()>;
}

/// Ends tasks.
#[async_trait]
pub trait Tasks: Send + Sync {
    async fn end_task(&self, token: &Secret, end: &TaskEnd) -> PortResult<TaskAnswer>;
}
