//! [`Queue`] on SQS.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::Serialize;

use super::aws::port_error;
use crate::config::QueueUrls;
use crate::domain::message::{ImportMessage, NotifyMessage, NotifyWork, PublishMessage, ReconcileMessage};
use crate::ports::{DeadLetterMessage, MAX_DELAY_MS, PortError, PortResult, Queue, QueueName, RedriveQueue};

const PORT: &str = "publish queue";
/// SQS takes ten messages a call.
const MESSAGES_PER_CALL: usize = 10;
/// SQS's longest visibility timeout, in seconds.
const VISIBILITY_MAX_S: i64 = 12 * 60 * 60;

/// The queues of the stack, by their URLs.
pub struct SqsQueue {
    client: Client,
    urls: QueueUrls,
}

impl SqsQueue {
    pub fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    fn url(&self, queue: QueueName) -> &str {
        match queue {
            QueueName::Publish => &self.urls.publish,
            QueueName::Reconcile => &self.urls.reconciliation,
            QueueName::DeadLetters => &self.urls.dead_letters,
            QueueName::Import => &self.urls.import,
            QueueName::ImportDeadLetters => &self.urls.import_dead_letters,
            QueueName::Notify => &self.urls.notify,
            QueueName::NotifyDeadLetters => &self.urls.notify_dead_letters,
        }
    }

    async fn send_one(&self, message: &PublishMessage, delay_ms: i64) -> PortResult<()> {
        self.client
            .send_message()
            .queue_url(&self.urls.publish)
            .message_body(body(message)?)
            .delay_seconds(delay_s(delay_ms))
            .message_group_id(message.account.to_string())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| port_error(PORT, &error))
    }

    async fn send_ten(&self, first_index: usize, messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>> {
        let mut call = self.client.send_message_batch().queue_url(&self.urls.publish);
        for (index, (message, delay_ms)) in messages.iter().enumerate() {
            call = call.entries(entry(index, message, *delay_ms)?);
        }
        let answer = call.send().await.map_err(|error| port_error(PORT, &error))?;
        Ok(answer.failed().iter().filter_map(|entry| entry.id().parse().ok()).map(|i: usize| first_index + i).collect())
    }
}

fn entry(index: usize, message: &PublishMessage, delay_ms: i64) -> PortResult<SendMessageBatchRequestEntry> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(body(message)?)
        .delay_seconds(delay_s(delay_ms))
        // Fair queues: a busy account's messages don't hold up the others'.
        .message_group_id(message.account.to_string())
        .build()
        .map_err(|error| PortError::Broken { port: PORT, reason: error.to_string() })
}

fn body(message: &impl Serialize) -> PortResult<String> {
    serde_json::to_string(message).map_err(|error| PortError::Broken { port: PORT, reason: error.to_string() })
}

/// Rounded down: a worker waits for the rest of the second, so that a slot is met exactly.
fn delay_s(delay_ms: i64) -> i32 {
    i32::try_from(delay_ms.clamp(0, MAX_DELAY_MS) / 1_000).unwrap_or(0)
}

/// Fair queues: a workspace with thousands of events, or an endpoint that answers slowly, doesn't hold up the others.
fn notify_group(message: &NotifyMessage) -> String {
    match &message.work {
        NotifyWork::Turn { endpoint, .. } | NotifyWork::Replay { endpoint, .. } => endpoint.to_string(),
        NotifyWork::Pin { .. } | NotifyWork::Stored { .. } => message.workspace.to_string(),
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>> {
        if let [(message, delay_ms)] = messages {
            return self.send_one(message, *delay_ms).await.map(|()| Vec::new());
        }
        let mut unsent = Vec::new();
        for (call, ten) in messages.chunks(MESSAGES_PER_CALL).enumerate() {
            let first = call * MESSAGES_PER_CALL;
            match self.send_ten(first, ten).await {
                Ok(indexes) => unsent.extend(indexes),
                // What earlier calls have sent stays sent. The rest isn't tried, because each try may take seconds.
                Err(error) => {
                    tracing::warn!(%error, "messages not sent");
                    unsent.extend(first..messages.len());
                    break;
                }
            }
        }
        Ok(unsent)
    }

    async fn send_reconcile(&self, reconciliation: &ReconcileMessage, delay_ms: i64) -> PortResult<()> {
        let send = self.client.send_message().queue_url(&self.urls.reconciliation).message_body(body(reconciliation)?);
        // Rounded up: a reconciliation that comes early finds nothing to do.
        let send = send.delay_seconds(delay_s(delay_ms + 999)).message_group_id(reconciliation.account.to_string());
        send.send().await.map(|_| ()).map_err(|error| port_error("reconciliation queue", &error))
    }

    async fn send_import(&self, message: &ImportMessage) -> PortResult<()> {
        let send = self.client.send_message().queue_url(&self.urls.import).message_body(body(message)?);
        // A workspace with hundreds of imports doesn't hold up the others'.
        let send = send.message_group_id(message.workspace.to_string());
        send.send().await.map(|_| ()).map_err(|error| port_error("import queue", &error))
    }

    async fn send_notify(&self, message: &NotifyMessage, delay_ms: i64) -> PortResult<()> {
        let send = self.client.send_message().queue_url(&self.urls.notify).message_body(body(message)?);
        // Rounded up: a turn that comes early is sent again.
        let send = send.delay_seconds(delay_s(delay_ms.saturating_add(999))).message_group_id(notify_group(message));
        send.send().await.map(|_| ()).map_err(|error| port_error("notify queue", &error))
    }

    async fn move_to_redrive(&self, message: &str) -> PortResult<()> {
        let send = self.client.send_message().queue_url(&self.urls.redrive).message_body(message);
        send.send().await.map(|_| ()).map_err(|error| port_error("redrive queue", &error))
    }

    async fn change_visibility(&self, queue: QueueName, receipt: &str, after_ms: i64) -> PortResult<()> {
        let after_s = after_ms.max(0).saturating_add(999) / 1_000;
        self.client
            .change_message_visibility()
            .queue_url(self.url(queue))
            .receipt_handle(receipt)
            .visibility_timeout(i32::try_from(after_s.min(VISIBILITY_MAX_S)).unwrap_or(0))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| port_error(PORT, &error))
    }
}

/// Messages that a call returns at most, and how long it waits for one, in seconds.
const RECEIVED_PER_CALL: i32 = 10;
const MESSAGE_WAIT_S: i32 = 1;

#[async_trait]
impl RedriveQueue for SqsQueue {
    async fn receive(&self, hidden_ms: i64) -> PortResult<Vec<DeadLetterMessage>> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.urls.redrive)
            .max_number_of_messages(RECEIVED_PER_CALL)
            .wait_time_seconds(MESSAGE_WAIT_S)
            .visibility_timeout(i32::try_from((hidden_ms / 1_000).clamp(0, VISIBILITY_MAX_S)).unwrap_or(0))
            .send()
            .await
            .map_err(|error| port_error("redrive queue", &error))?;
        let message = |message: &aws_sdk_sqs::types::Message| {
            Some(DeadLetterMessage { receipt: message.receipt_handle()?.to_owned(), body: message.body()?.to_owned() })
        };
        Ok(answer.messages().iter().filter_map(message).collect())
    }

    async fn delete(&self, message: &DeadLetterMessage) -> PortResult<()> {
        let delete = self.client.delete_message().queue_url(&self.urls.redrive).receipt_handle(&message.receipt);
        delete.send().await.map(|_| ()).map_err(|error| port_error("redrive queue", &error))
    }

    async fn send_again(&self, message: &DeadLetterMessage) -> PortResult<()> {
        let send = self.client.send_message().queue_url(&self.urls.publish).message_body(&message.body);
        send.send().await.map(|_| ()).map_err(|error| port_error(PORT, &error))
    }

    async fn put_back(&self, message: &DeadLetterMessage) -> PortResult<()> {
        let show = self.client.change_message_visibility().queue_url(&self.urls.redrive);
        let show = show.receipt_handle(&message.receipt).visibility_timeout(0);
        show.send().await.map(|_| ()).map_err(|error| port_error("redrive queue", &error))
    }
}
