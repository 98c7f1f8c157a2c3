//! [`EventBus`] on an SQS queue of the operator's: one message an event.

use async_trait::async_trait;
use aws_sdk_sqs::Client;

use super::aws::port_error;
use crate::config::{EventFormat, EventQueue};
use crate::domain::event::bus_event::BusEvent;
use crate::ports::{EventBus, PortError, PortResult};

const PORT: &str = "event queue";

/// Sends events to one queue.
pub struct SqsEventQueue {
    client: Client,
    queue: EventQueue,
    /// The deployment's name, which CloudEvents carry.
    environment: String,
}

impl SqsEventQueue {
    pub fn new(client: Client, queue: EventQueue, environment: String) -> Self {
        Self { client, queue, environment }
    }

    fn message(&self, event: &BusEvent) -> PortResult<String> {
        let message = match self.queue.format {
            EventFormat::Envelope => Some(event.body.clone()),
            EventFormat::CloudEvents => event.cloud_event(&self.environment),
        };
        message.ok_or_else(|| PortError::Broken { port: PORT, reason: "an event without a body of JSON".into() })
    }
}

#[async_trait]
impl EventBus for SqsEventQueue {
    async fn put(&self, events: &[BusEvent]) -> PortResult<Vec<usize>> {
        for event in events {
            let send = self.client.send_message().queue_url(&self.queue.url).message_body(self.message(event)?);
            // Fair queues: a workspace with thousands of events doesn't hold up the others'.
            let send = send.message_group_id(event.workspace.to_string());
            send.send().await.map_err(|error| port_error(PORT, &error))?;
        }
        Ok(Vec::new())
    }
}
