//! The function of the reconciliation queue: each message names a board to read for pins of unresolved outcome.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{Unreadable, Worker};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::message::ReconcileMessage;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::reconcile::reconcile_board::reconcile_board;
use pinbridge_shared::ports::QueueName;

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(context: &Context, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    let worker = Worker {
        queue: QueueName::Reconcile,
        unreadable: Unreadable::GiveBack,
        parse: ReconcileMessage::parse,
        work: reconcile_board,
    };
    worker.handle(context, event, deadline).await
}
