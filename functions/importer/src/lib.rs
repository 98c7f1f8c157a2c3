//! The import queue's function: each message is an import to go on with.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{self, Worker};
use pinbridge_shared::domain::message::{BadMessage, Disposition, ImportMessage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::import_rows::work_on_import;
use pinbridge_shared::ports::{PortResult, QueueName, World};

struct Importer;

impl Worker for Importer {
    type Message = ImportMessage;
    const QUEUE: QueueName = QueueName::Import;

    fn parse(body: &str) -> Result<ImportMessage, BadMessage> {
        ImportMessage::parse(body)
    }

    async fn work(&self, world: &World, message: ImportMessage, ends_at_ms: i64) -> PortResult<Disposition> {
        work_on_import(world, message, ends_at_ms).await
    }
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(world: &World, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    sqs_batch::handle(&Importer, world, event, deadline).await
}
