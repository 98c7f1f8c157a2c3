//! The function of the publish queue's dead letters: each is a message that was delivered too often.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use pinbridge_shared::adapters::sqs_batch::{self, Unreadable, Worker};
use pinbridge_shared::domain::message::{BadMessage, Disposition, PublishMessage};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::dead_letter::{DeadLetter, dead_letter};
use pinbridge_shared::ports::{PortResult, QueueName, World};

struct DeadLetters;

impl Worker for DeadLetters {
    type Message = DeadLetter;
    const QUEUE: QueueName = QueueName::DeadLetters;
    /// It has been through all its deliveries: only a person can tell what it was.
    const UNREADABLE: Unreadable = Unreadable::Park;

    fn parse(body: &str) -> Result<DeadLetter, BadMessage> {
        PublishMessage::parse(body).map(|message| DeadLetter { message, body: body.to_owned() })
    }

    async fn work(&self, world: &World, letter: DeadLetter, _: i64) -> PortResult<Disposition> {
        dead_letter(world, &letter).await
    }
}

/// Works on a batch until `deadline`; answers which messages are not done.
pub async fn handle(world: &World, event: SqsEvent, deadline: Moment) -> SqsBatchResponse {
    sqs_batch::handle(&DeadLetters, world, event, deadline).await
}
