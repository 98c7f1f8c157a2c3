//! The queues.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::message::{ImportMessage, PublishMessage, ReconcileMessage};

/// SQS delays a message by at most 15 minutes.
pub const MAX_DELAY_MS: i64 = 900_000;

/// The queues that messages are received from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    Publish,
    /// Boards to be looked at.
    Reconcile,
    /// Publish messages that nobody could work on.
    DeadLetters,
    /// Imports to be worked on.
    Import,
    /// Import messages that were delivered too often.
    ImportDeadLetters,
}

/// The queues.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages with their delays (milliseconds, at most [`MAX_DELAY_MS`], rounded down to whole seconds). Answers
    /// which were not sent, by index.
    async fn send(&self, messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>>;
    /// Asks for a board to be looked at after that delay (rounded up to whole seconds).
    async fn send_reconcile(&self, look: &ReconcileMessage, delay_ms: i64) -> PortResult<()>;
    /// Asks for an import to be worked on.
    async fn send_import(&self, message: &ImportMessage) -> PortResult<()>;
    /// Keeps a dead letter where an operator's redrive finds it.
    async fn park(&self, message: &str) -> PortResult<()>;
    /// Lets a received message become visible again after that many milliseconds (rounded up to whole seconds).
    async fn change_visibility(&self, queue: QueueName, receipt: &str, after_ms: i64) -> PortResult<()>;
}

/// A parked dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterMessage {
    pub receipt: String,
    pub body: String,
}

/// The dead letters that were parked, as an operator sees them.
#[async_trait]
pub trait RedriveQueue: Send + Sync {
    /// Some of the letters, hidden from others for `hidden_ms`; empty when there are no more.
    async fn receive(&self, hidden_ms: i64) -> PortResult<Vec<DeadLetterMessage>>;
    async fn delete(&self, message: &DeadLetterMessage) -> PortResult<()>;
    /// Sends its text to the publish queue, as it is.
    async fn send_again(&self, message: &DeadLetterMessage) -> PortResult<()>;
    /// Shows a letter again.
    async fn put_back(&self, message: &DeadLetterMessage) -> PortResult<()>;
}
