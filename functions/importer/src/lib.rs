//! The import queue's function: each message is an import to go on with.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{self, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::{BadMessage, Disposition, ImportMessage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::imports::import_rows::work_on_import;
use pinbridge_shared::ports::{PortResult, QueueName};

struct Importer;

impl Worker for Importer {
    type Message = ImportMessage;
    const QUEUE: QueueName = QueueName::Import;

    fn parse(body: &str) -> Result<ImportMessage, BadMessage> {
        ImportMessage::parse(body)
    }

    async fn work(&self, context: &Context, message: ImportMessage, ends_at_ms: i64) -> PortResult<Disposition> {
        work_on_import(context, message, ends_at_ms).await
    }
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    sqs_batch::handle(&Importer, context, event, deadline).await
}
