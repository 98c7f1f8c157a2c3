//! The import queue's function: each message names an import to continue.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{Unreadable, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::ImportMessage;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::imports::import_rows::work_on_import;
use pinbridge_shared::ports::QueueName;

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    let worker = Worker {
        queue: QueueName::Import,
        unreadable: Unreadable::GiveBack,
        parse: ImportMessage::parse,
        work: work_on_import,
    };
    worker.handle(context, event, deadline).await
}
