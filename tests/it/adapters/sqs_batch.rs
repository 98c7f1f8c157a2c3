//! The entry points of the queues' functions: a batch in, the messages that are not done out.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::message::{PublishMessage, ReconcileMessage};
use pinbridge_shared::domain::pacing::bucket::Token;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::ports::{BoardPage, Creation, Pinterest, PinterestUser, ReadFailure};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::faults::Fault;

/// A Pinterest on which one title brings the worker down.
struct Panicking(Arc<dyn Pinterest>);

#[async_trait]
impl Pinterest for Panicking {
    async fn create_pin(&self, token: &Secret, request: &PinRequest) -> Creation {
        assert!(!request.title.contains("panic"), "as planned");
        self.0.create_pin(token, request).await
    }

    async fn board_pins(&self, token: &Secret, board: &str, mark: Option<&str>) -> Result<BoardPage, ReadFailure> {
        self.0.board_pins(token, board, mark).await
    }

    async fn delete_pin(&self, token: &Secret, id: &str) -> Result<(), ReadFailure> {
        self.0.delete_pin(token, id).await
    }

    async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure> {
        self.0.user(token).await
    }
}

fn record(id: &str, body: String) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(id.to_owned());
    record.receipt_handle = Some(format!("receipt-{id}"));
    record.body = Some(body);
    record
}

fn message(world: &TestWorld, key: PinKey) -> String {
    let message =
        PublishMessage::new(key, testdata::account(), 0, Some(Token { slot: world.now(), valid_until: world.now() }));
    serde_json::to_string(&message).expect("plain data")
}

async fn handle(world: &Context, records: Vec<SqsMessage>) -> Vec<String> {
    let mut event = SqsEvent::default();
    event.records = records;
    let deadline = world.system.now().plus_ms(25_000);
    let response = pinbridge_publisher::handle(world, event, deadline).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn one_bad_record_does_not_take_the_others_with_it() {
    let test = TestWorld::new(1).await;
    let world = Context { pinterest: Arc::new(Panicking(Arc::clone(&test.context.pinterest))), ..test.context.clone() };
    let (good, other) = (test.accept("good").await, test.accept("other").await);
    let panicking = PinRequest { title: "panic".into(), ..testdata::request("panic") };
    let panicking = test.accept_request(panicking).await;
    let records = vec![
        record("1", message(&test, good)),
        record("2", "garbage".into()),
        record("3", message(&test, panicking)),
        record("4", r#"{"v":99}"#.into()),
        record("5", message(&test, other)),
    ];
    assert_eq!(handle(&world, records).await, ["2", "3", "4"]);
    assert_eq!(test.attempt(good).await.status, Status::Published);
    assert_eq!(test.attempt(other).await.status, Status::Published);
    // The panic came after the write-ahead: its outcome is open until it is looked for.
    assert_eq!(test.attempt(panicking).await.status, Status::Publishing);
}

#[tokio::test]
async fn a_record_without_time_left_is_given_back_untouched() {
    let test = TestWorld::new(1).await;
    let key = test.accept("late").await;
    let mut event = SqsEvent::default();
    event.records = vec![record("1", message(&test, key))];
    let deadline = test.now().plus_ms(10_000);
    let response = pinbridge_publisher::handle(&test.context, event, deadline).await;
    assert_eq!(response.batch_item_failures.len(), 1);
    assert_eq!(test.attempt(key).await.attempt, 0, "nothing was announced");
}

#[tokio::test]
async fn the_reconciler_answers_for_each_message() {
    let test = TestWorld::new(1).await;
    let message = ReconcileMessage::new(&testdata::pin().board_key(), test.now());
    let mut event = SqsEvent::default();
    event.records =
        vec![record("1", serde_json::to_string(&message).expect("plain data")), record("2", "garbage".into())];
    let deadline = test.now().plus_ms(60_000);
    let response = pinbridge_reconciler::handle(&test.context, event, deadline).await;
    let failed: Vec<String> = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    assert_eq!(failed, ["2"], "nothing to look for is done with");
}

#[tokio::test]
async fn an_unreadable_dead_letter_moves_to_the_redrive_queue_or_stays() {
    let test = TestWorld::new(1).await;
    let waiting = test.accept("waiting").await;
    let bodies = ["garbage".to_owned(), r#"{"v":99}"#.to_owned(), message(&test, waiting)];
    for is_broken in [true, false] {
        if is_broken {
            (0..3).for_each(|_| test.faults.plan("queue.move_to_redrive", 1, Fault::FailBefore));
        }
        let mut event = SqsEvent::default();
        event.records = bodies.iter().zip(["1", "2", "3"]).map(|(body, id)| record(id, body.clone())).collect();
        let response = pinbridge_dead_letters::handle(&test.context, event, test.now().plus_ms(30_000)).await;
        assert_eq!(response.batch_item_failures.len(), if is_broken { 3 } else { 0 });
    }
    assert_eq!(test.queue.redrive_messages(), bodies);
    assert_eq!(test.attempt(waiting).await.failure, Some(Failure::DeadLettered));
}
