//! Port: the queues.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::message::{ImportMessage, NotifyMessage, PublishMessage, ReconcileMessage};

/// SQS's longest delay of a message: 15 minutes.
pub const MAX_DELAY_MS: i64 = 900_000;

/// The queues that functions receive messages from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueName {
    Publish,
    /// Boards to read.
    Reconcile,
    /// Publish messages that were delivered too often without success.
    DeadLetters,
    /// Imports to process.
    Import,
    /// Import messages that were delivered too often without success.
    ImportDeadLetters,
    /// Events to deliver to webhooks.
    Notify,
    /// Notify messages that were delivered too often without success. No function reads them.
    NotifyDeadLetters,
}

impl QueueName {
    /// The function that the queue invokes.
    pub fn function(self) -> &'static str {
        match self {
            Self::Publish => "publisher",
            Self::Reconcile => "reconciler",
            Self::DeadLetters | Self::ImportDeadLetters => "dead_letters",
            Self::Import => "importer",
            Self::Notify | Self::NotifyDeadLetters => "notifier",
        }
    }
}

/// Sending and returning messages.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages with their delays (milliseconds, at most [`MAX_DELAY_MS`], rounded down to whole seconds).
    /// Returns the indices of the messages that were not sent.
    async fn send(&self, messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>>;
    /// Requests a reading of a board after a delay (rounded up to whole seconds).
    async fn send_reconcile(&self, reconciliation: &ReconcileMessage, delay_ms: i64) -> PortResult<()>;
    /// Requests the processing of an import.
    async fn send_import(&self, message: &ImportMessage) -> PortResult<()>;
    /// Requests the delivery of events after a delay (at most [`MAX_DELAY_MS`], rounded up to whole seconds).
    async fn send_notify(&self, message: &NotifyMessage, delay_ms: i64) -> PortResult<()>;
    /// Moves a dead-letter message to the redrive queue, where an operator's redrive finds it.
    async fn move_to_redrive(&self, message: &str) -> PortResult<()>;
    /// Makes a received message visible again after this many milliseconds (rounded up to whole seconds).
    async fn change_visibility(&self, queue: QueueName, receipt: &str, after_ms: i64) -> PortResult<()>;
}

/// A dead-letter message in the redrive queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterMessage {
    pub receipt: String,
    pub body: String,
}

/// The redrive queue, as an operator uses it.
#[async_trait]
pub trait RedriveQueue: Send + Sync {
    /// Some of the messages, hidden from other receivers for `hidden_ms`; empty when there are no more.
    async fn receive(&self, hidden_ms: i64) -> PortResult<Vec<DeadLetterMessage>>;
    /// Removes the message from the queue.
    async fn delete(&self, message: &DeadLetterMessage) -> PortResult<()>;
    /// Sends the message's text unchanged to the publish queue.
    async fn send_again(&self, message: &DeadLetterMessage) -> PortResult<()>;
    /// Makes a received message visible again at once.
    async fn put_back(&self, message: &DeadLetterMessage) -> PortResult<()>;
}
