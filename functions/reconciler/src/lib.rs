//! The look queue's function: each message is a board to be looked at for pins whose outcome is unknown.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{self, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::{BadMessage, Disposition, ReconcileMessage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::reconcile::reconcile_board::reconcile_board;
use pinbridge_shared::ports::{PortResult, QueueName};

struct Reconciler;

impl Worker for Reconciler {
    type Message = ReconcileMessage;
    const QUEUE: QueueName = QueueName::Reconcile;

    fn parse(body: &str) -> Result<ReconcileMessage, BadMessage> {
        ReconcileMessage::parse(body)
    }

    async fn work(&self, context: &Context, message: ReconcileMessage, ends_at_ms: i64) -> PortResult<Disposition> {
        reconcile_board(context, message, ends_at_ms).await
    }
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    sqs_batch::handle(&Reconciler, context, event, deadline).await
}
