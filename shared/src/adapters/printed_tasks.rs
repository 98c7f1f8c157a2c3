//! Tasks on the local stack, which has no state machines: their ends are printed.

use async_trait::async_trait;

use crate::domain::secret::Secret;
use crate::domain::task::{TaskAnswer, TaskEnd, TaskTokenId};
use crate::ports::{PortResult, Tasks};

/// Prints a line for every task that ends, without its token.
pub struct PrintedTasks;

#[async_trait]
impl Tasks for PrintedTasks {
    async fn end_task(&self, token: &Secret, end: &TaskEnd) -> PortResult<TaskAnswer> {
        let id = TaskTokenId::of(token).0;
        match end {
            TaskEnd::Success { .. } => println!("Task {id} succeeds"),
            TaskEnd::Failure { error, cause } => println!("Task {id} fails with {error}: {cause}"),
        }
        Ok(TaskAnswer::Ended)
    }
}
