//! The look queue's function: each message is a board to be looked at for pins whose outcome is unknown.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{self, Worker};
use pinbridge_shared::domain::message::{BadMessage, Disposition, LookMessage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::look_at_board::look_at_board;
use pinbridge_shared::ports::{PortResult, QueueName, World};

struct Reconciler;

impl Worker for Reconciler {
    type Message = LookMessage;
    const QUEUE: QueueName = QueueName::Look;

    fn parse(body: &str) -> Result<LookMessage, BadMessage> {
        LookMessage::parse(body)
    }

    async fn work(&self, world: &World, message: LookMessage, ends_at_ms: i64) -> PortResult<Disposition> {
        look_at_board(world, message, ends_at_ms).await
    }
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(world: &World, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    sqs_batch::handle(&Reconciler, world, event, deadline).await
}
