//! Moves messages out of a dead-letter queue (`StartMessageMoveTask`). The crate returns a task but moves nothing. Here
//! the move is complete when the call returns.

use super::store::Store;
use std::sync::{Mutex, PoisonError};
use winterbaume_sqs::state::SqsError;
use winterbaume_sqs::types::MessageMoveTask;

/// Finished tasks that `ListMessageMoveTasks` returns.
const MAX_TASKS: usize = 10;

#[derive(Default)]
pub(super) struct Moves {
    tasks: Mutex<Vec<MessageMoveTask>>,
}

impl Moves {
    /// Moves every visible message to the destination or, without one, to the queue that it came from. As on the real
    /// service, it arrives as a new message.
    pub(super) fn start(
        &self,
        store: &Store,
        source_arn: &str,
        destination_arn: Option<&str>,
    ) -> Result<String, SqsError> {
        let missing = |arn: &str| SqsError::SourceArnNotFound { source_arn: arn.to_owned() };
        let now = store.now();
        let mut queues = store.lock();
        let source = queues.name_of(source_arn).ok_or_else(|| missing(source_arn))?;
        if let Some(arn) = destination_arn {
            queues.name_of(arn).ok_or_else(|| missing(arn))?;
        }
        let mut moved = 0;
        while let Some(number) = queues.get(&source)?.first_visible(now) {
            let Some(mut message) = queues.get(&source)?.remove(number) else {
                break;
            };
            let to = destination_arn.or(message.source_arn.as_deref());
            let to = to.and_then(|arn| queues.name_of(arn)).filter(|to| *to != source);
            let Some(to) = to else {
                // Without a destination, this message and those behind it stay.
                queues.get(&source)?.insert(number, message);
                break;
            };
            message.id = uuid::Uuid::new_v4().to_string();
            message.sent_ms = now;
            message.first_received_ms = None;
            message.receives = 0;
            message.visible_at = now;
            message.source_arn = None;
            let number = queues.next_number();
            queues.get(&to)?.insert(number, message);
            moved += 1;
        }
        drop(queues);
        let handle = uuid::Uuid::new_v4().to_string();
        let task = MessageMoveTask {
            task_handle: handle.clone(),
            source_arn: source_arn.to_owned(),
            destination_arn: destination_arn.map(str::to_owned),
            status: "COMPLETED".to_owned(),
            max_number_of_messages_per_second: None,
            started_timestamp: now,
            approximate_number_of_messages_moved: moved,
            approximate_number_of_messages_to_move: Some(moved),
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert(0, task);
        tasks.truncate(MAX_TASKS);
        Ok(handle)
    }

    /// The tasks of one source, newest first.
    pub(super) fn list(&self, source_arn: &str) -> Vec<MessageMoveTask> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().filter(|task| task.source_arn == source_arn).cloned().collect()
    }
}
