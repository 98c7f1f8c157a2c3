//! The notify queue's function: each message names events to deliver to webhooks, or an endpoint whose turn it is.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{Unreadable, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::NotifyMessage;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::webhooks::notify::work_on_notification;
use pinbridge_shared::ports::QueueName;

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    let worker = Worker {
        queue: QueueName::Notify,
        unreadable: Unreadable::GiveBack,
        parse: NotifyMessage::parse,
        work: work_on_notification,
    };
    worker.handle(context, event, deadline).await
}
