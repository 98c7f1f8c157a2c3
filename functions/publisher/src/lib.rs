//! The publish queue's function: each message is a pin to be published.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{Unreadable, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::PublishMessage;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::publish::publish_pin::publish_pin;
use pinbridge_shared::ports::QueueName;

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    let worker = Worker {
        queue: QueueName::Publish,
        unreadable: Unreadable::GiveBack,
        parse: PublishMessage::parse,
        work: publish_pin,
    };
    worker.handle(context, event, deadline).await
}
