//! The publish queue's function: each message is a pin to be published.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{self, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::{BadMessage, Disposition, PublishMessage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::publish::publish_pin::publish_pin;
use pinbridge_shared::ports::{PortResult, QueueName};

struct Publisher;

impl Worker for Publisher {
    type Message = PublishMessage;
    const QUEUE: QueueName = QueueName::Publish;

    fn parse(body: &str) -> Result<PublishMessage, BadMessage> {
        PublishMessage::parse(body)
    }

    async fn work(&self, context: &Context, message: PublishMessage, ends_at_ms: i64) -> PortResult<Disposition> {
        publish_pin(context, message, ends_at_ms).await
    }
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    sqs_batch::handle(&Publisher, context, event, deadline).await
}
