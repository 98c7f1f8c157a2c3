//! Handles dead-letter messages: messages of the publish queue or of the import queue that were delivered too often.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{Unreadable, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::{BadMessage, Disposition, ImportMessage, PublishMessage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::dead_letters::fail_pin::{DeadLetter, dead_letter};
use pinbridge_shared::flows::imports::rescue_imports::import_dead_letter;
use pinbridge_shared::ports::{PortResult, QueueName};

fn parse(body: &str) -> Result<DeadLetter, BadMessage> {
    PublishMessage::parse(body).map(|message| DeadLetter { message, body: body.to_owned() })
}

async fn work(context: &Context, message: DeadLetter, _: i64) -> PortResult<Disposition> {
    dead_letter(context, &message).await
}

async fn work_on_import(context: &Context, message: ImportMessage, _: i64) -> PortResult<Disposition> {
    import_dead_letter(context, message.key()).await
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    // An operator must inspect it.
    let unreadable = Unreadable::MoveToRedrive;
    // A batch is of one queue. A batch with no readable message goes to the redrive queue, whichever queue it came
    // from.
    let is_import = |body: &str| ImportMessage::parse(body).is_ok();
    if event.records.iter().any(|record| record.body.as_deref().is_some_and(is_import)) {
        let queue = QueueName::ImportDeadLetters;
        let worker = Worker { queue, unreadable, parse: ImportMessage::parse, work: work_on_import };
        return worker.handle(context, event, deadline).await;
    }
    let worker = Worker { queue: QueueName::DeadLetters, unreadable, parse, work };
    worker.handle(context, event, deadline).await
}
