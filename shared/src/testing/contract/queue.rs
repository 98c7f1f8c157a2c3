//! The rules of the queues.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::ids::{ImportId, PinId};
use crate::domain::import::ImportKey;
use crate::domain::message::{ImportMessage, NotifyMessage, PublishMessage, ReconcileMessage};
use crate::domain::pacing::bucket::Token;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::{DeadLetterMessage, Queue, QueueName, RedriveQueue};

/// The queues with their receiving ends, and with a way to let time pass.
#[async_trait]
pub trait QueueUnderTest: Send + Sync {
    fn queue(&self) -> &dyn Queue;
    fn redrive(&self) -> &dyn RedriveQueue;
    /// The bodies of all visible messages, each with its receipt. They are then hidden for a while.
    async fn receive(&self, queue: QueueName) -> Vec<(String, String)>;
    async fn delete(&self, queue: QueueName, receipt: &str);
    /// Lets at least this much time pass.
    async fn pass_ms(&self, ms: u64);
}

/// Runs every rule; the async function returns `(Box<dyn QueueUnderTest>, guard)`.
#[macro_export]
macro_rules! queue_contract {
    ($fresh:path) => {
        use $crate::testing::contract::queue;
        $crate::contract_cases!($fresh;
            queue:
            a_message_arrives_as_it_was_sent,
            a_delay_below_a_second_is_none,
            a_delayed_message_arrives_at_its_time,
            more_messages_than_one_call_takes_all_arrive,
            sending_nothing_is_harmless,
            a_received_message_is_hidden_until_its_visibility_is_changed,
            a_deleted_message_does_not_return,
            a_reconcile_message_arrives_as_it_was_sent_and_on_its_own_queue,
            a_reconcile_message_arrives_at_its_time_and_never_early,
            a_received_reconcile_message_is_hidden_until_its_visibility_is_changed,
            an_import_message_arrives_as_it_was_sent_and_on_its_own_queue,
            a_notify_message_arrives_as_it_was_sent_at_its_time_and_on_its_own_queue,
            a_dead_letter_message_keeps_its_text_whatever_it_is,
            a_received_dead_letter_message_is_hidden_until_its_time_or_until_it_is_put_back,
            more_dead_letter_messages_than_one_call_returns_are_all_received,
            a_deleted_dead_letter_message_does_not_return,
            a_redriven_message_arrives_unchanged_in_the_publish_queue;
        );
    };
}

fn message(index: u128, slot: Option<Moment>) -> PublishMessage {
    let mut message = PublishMessage::new(
        testdata::pin().key,
        testdata::account(),
        3,
        slot.map(|slot| Token { slot, valid_until: slot }),
    );
    message.pin = PinId(Uuid::from_u128(index));
    message
}

/// All visible messages of the publish queue.
async fn receive(under_test: &dyn QueueUnderTest) -> Vec<(PublishMessage, String)> {
    let received = under_test.receive(QueueName::Publish).await;
    let parsed = |body: &str| PublishMessage::parse(body).expect("a publish message");
    received.into_iter().map(|(body, receipt)| (parsed(&body), receipt)).collect()
}

async fn send(under_test: &dyn QueueUnderTest, messages: &[(PublishMessage, i64)]) {
    let unsent = under_test.queue().send(messages).await.expect("sent");
    assert_eq!(unsent, [0_usize; 0], "every message is taken");
}

pub async fn a_message_arrives_as_it_was_sent(under_test: &dyn QueueUnderTest) {
    for slot in [None, Some(Moment(1_767_225_600_123))] {
        send(under_test, &[(message(1, slot), 0)]).await;
        let received = receive(under_test).await;
        assert_eq!(received.len(), 1, "one message");
        assert_eq!(received[0].0, message(1, slot), "with every field");
    }
}

pub async fn a_delay_below_a_second_is_none(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 999), (message(2, None), -5)]).await;
    assert_eq!(receive(under_test).await.len(), 2, "delays are rounded down to whole seconds");
}

pub async fn a_delayed_message_arrives_at_its_time(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 1_900), (message(2, None), 0), (message(3, None), 10_000_000)]).await;
    let pins =
        |received: Vec<(PublishMessage, String)>| received.iter().map(|(m, _)| m.pin.0.as_u128()).collect::<Vec<_>>();
    assert_eq!(pins(receive(under_test).await), [2], "at once");
    under_test.pass_ms(1_100).await;
    assert_eq!(pins(receive(under_test).await), [1], "after its second; the longest delay is cut, not refused");
}

pub async fn more_messages_than_one_call_takes_all_arrive(under_test: &dyn QueueUnderTest) {
    let messages: Vec<(PublishMessage, i64)> = (0..23).map(|index| (message(index, None), 0)).collect();
    send(under_test, &messages).await;
    let mut received: Vec<u128> = receive(under_test).await.iter().map(|(m, _)| m.pin.0.as_u128()).collect();
    received.sort_unstable();
    assert_eq!(received, (0..23).collect::<Vec<u128>>());
}

pub async fn sending_nothing_is_harmless(under_test: &dyn QueueUnderTest) {
    send(under_test, &[]).await;
    assert_eq!(receive(under_test).await.len(), 0);
}

pub async fn a_received_message_is_hidden_until_its_visibility_is_changed(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 0)]).await;
    let (_, receipt) = receive(under_test).await.pop().expect("a message");
    assert_eq!(receive(under_test).await.len(), 0, "hidden while a worker processes it");
    under_test.queue().change_visibility(QueueName::Publish, &receipt, 500).await.expect("changed");
    assert_eq!(receive(under_test).await.len(), 0, "half a second is rounded up");
    under_test.pass_ms(1_100).await;
    let (again, receipt) = receive(under_test).await.pop().expect("it returns");
    assert_eq!(again, message(1, None));
    under_test.queue().change_visibility(QueueName::Publish, &receipt, 0).await.expect("changed");
    assert_eq!(receive(under_test).await.len(), 1, "at once");
}

pub async fn a_deleted_message_does_not_return(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 0), (message(2, None), 0)]).await;
    for (message, receipt) in receive(under_test).await {
        if message.pin.0.as_u128() == 1 {
            under_test.delete(QueueName::Publish, &receipt).await;
        } else {
            under_test.queue().change_visibility(QueueName::Publish, &receipt, 0).await.expect("changed");
        }
    }
    let left = receive(under_test).await;
    assert_eq!(left.iter().map(|(m, _)| m.pin.0.as_u128()).collect::<Vec<_>>(), [2]);
}

fn reconciliation(board_id: &str, duplicate_check: Option<PinId>) -> ReconcileMessage {
    let board = testdata::pin().board_key();
    ReconcileMessage {
        board_id: board_id.into(),
        duplicate_check,
        ..ReconcileMessage::new(&board, Moment(1_767_225_600_123))
    }
}

/// The board ids of the visible reconcile messages.
async fn reconciliations(under_test: &dyn QueueUnderTest) -> Vec<String> {
    let received = under_test.receive(QueueName::Reconcile).await;
    let mut boards: Vec<String> =
        received.iter().map(|(body, _)| ReconcileMessage::parse(body).expect("a reconcile message").board_id).collect();
    boards.sort_unstable();
    boards
}

pub async fn a_reconcile_message_arrives_as_it_was_sent_and_on_its_own_queue(under_test: &dyn QueueUnderTest) {
    for duplicate_check in [None, Some(PinId(Uuid::from_u128(9)))] {
        let sent = reconciliation("1000000000000000001", duplicate_check);
        under_test.queue().send_reconcile(&sent, 0).await.expect("sent");
        let received = under_test.receive(QueueName::Reconcile).await;
        let parsed: Vec<ReconcileMessage> =
            received.iter().map(|(body, _)| ReconcileMessage::parse(body).expect("a reconcile message")).collect();
        assert_eq!(parsed, [sent], "with every field");
    }
    assert_eq!(under_test.receive(QueueName::Publish).await, [], "nothing for the publisher");
}

pub async fn a_reconcile_message_arrives_at_its_time_and_never_early(under_test: &dyn QueueUnderTest) {
    for (board, delay_ms) in [("1", 1), ("2", 0), ("3", -5), ("4", 10_000_000)] {
        under_test.queue().send_reconcile(&reconciliation(board, None), delay_ms).await.expect("sent");
    }
    assert_eq!(reconciliations(under_test).await, ["2", "3"], "delays are rounded up to whole seconds");
    under_test.pass_ms(1_100).await;
    assert_eq!(reconciliations(under_test).await, ["1"], "after a second; the longest delay is cut, not refused");
}

pub async fn a_received_reconcile_message_is_hidden_until_its_visibility_is_changed(under_test: &dyn QueueUnderTest) {
    under_test.queue().send_reconcile(&reconciliation("1", None), 0).await.expect("sent");
    let (_, receipt) = under_test.receive(QueueName::Reconcile).await.pop().expect("a reconcile message");
    assert_eq!(reconciliations(under_test).await, [""; 0], "hidden while a worker processes it");
    under_test.queue().change_visibility(QueueName::Reconcile, &receipt, 0).await.expect("changed");
    let (_, receipt) = under_test.receive(QueueName::Reconcile).await.pop().expect("at once");
    under_test.delete(QueueName::Reconcile, &receipt).await;
    under_test.pass_ms(1_100).await;
    assert_eq!(reconciliations(under_test).await, [""; 0], "it was deleted");
}

pub async fn a_notify_message_arrives_as_it_was_sent_at_its_time_and_on_its_own_queue(under_test: &dyn QueueUnderTest) {
    let message = |number: u32| NotifyMessage::of_pin(testdata::pin().key, number, number + 1);
    for (number, delay_ms) in [(1, 1), (2, 0), (3, -5), (4, 10_000_000)] {
        under_test.queue().send_notify(&message(number), delay_ms).await.expect("sent");
    }
    let mut received = under_test.receive(QueueName::Notify).await;
    received.sort();
    let parsed: Vec<NotifyMessage> =
        received.iter().map(|(body, _)| NotifyMessage::parse(body).expect("a notify message")).collect();
    assert_eq!(parsed, [message(2), message(3)], "delays are rounded up to whole seconds");
    assert_eq!(under_test.receive(QueueName::Publish).await, [], "nothing for the publisher");
    for (_, receipt) in &received {
        under_test.delete(QueueName::Notify, receipt).await;
    }
    under_test.pass_ms(1_100).await;
    let (body, receipt) = under_test.receive(QueueName::Notify).await.pop().expect("after a second");
    assert_eq!(NotifyMessage::parse(&body), Ok(message(1)), "the longest delay is cut, not refused");
    under_test.queue().change_visibility(QueueName::Notify, &receipt, 0).await.expect("changed");
    let (_, receipt) = under_test.receive(QueueName::Notify).await.pop().expect("at once");
    under_test.delete(QueueName::Notify, &receipt).await;
    under_test.pass_ms(1_100).await;
    assert_eq!(under_test.receive(QueueName::Notify).await, [], "it was deleted");
}

pub async fn an_import_message_arrives_as_it_was_sent_and_on_its_own_queue(under_test: &dyn QueueUnderTest) {
    let key = ImportKey { workspace: testdata::workspace(), import: ImportId(Uuid::from_u128(3)) };
    let sent = ImportMessage::new(key);
    under_test.queue().send_import(&sent).await.expect("sent");
    let (body, receipt) = under_test.receive(QueueName::Import).await.pop().expect("at once");
    let parsed = ImportMessage::parse(&body).expect("an import message");
    assert_eq!((parsed.key(), &parsed), (key, &sent), "with every field");
    assert_eq!(under_test.receive(QueueName::Publish).await, [], "nothing for the publisher");
    under_test.queue().change_visibility(QueueName::Import, &receipt, 0).await.expect("changed");
    let (_, receipt) = under_test.receive(QueueName::Import).await.pop().expect("at once");
    under_test.delete(QueueName::Import, &receipt).await;
    under_test.pass_ms(1_100).await;
    assert_eq!(under_test.receive(QueueName::Import).await, [], "it was deleted");
}

/// Longer than a rule runs.
const HIDDEN_MS: i64 = 60_000;

async fn messages(under_test: &dyn QueueUnderTest, hidden_ms: i64) -> Vec<DeadLetterMessage> {
    let mut received = Vec::new();
    loop {
        let some = under_test.redrive().receive(hidden_ms).await.expect("received");
        if some.is_empty() {
            return received;
        }
        received.extend(some);
    }
}

pub async fn a_dead_letter_message_keeps_its_text_whatever_it_is(under_test: &dyn QueueUnderTest) {
    let texts = ["not a message \u{2702} <&> \"quoted\"\nsecond line", r#"{"v":99}"#];
    for text in texts {
        under_test.queue().move_to_redrive(text).await.expect("moved");
        let received = messages(under_test, HIDDEN_MS).await;
        assert_eq!(received.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), [text]);
    }
    assert_eq!(
        under_test.receive(QueueName::DeadLetters).await,
        [],
        "in the redrive queue, not in the dead-letter queue"
    );
}

pub async fn a_received_dead_letter_message_is_hidden_until_its_time_or_until_it_is_put_back(
    under_test: &dyn QueueUnderTest,
) {
    under_test.queue().move_to_redrive("dead letter").await.expect("moved");
    let received = under_test.redrive().receive(3_000).await.expect("received");
    assert_eq!(received.len(), 1);
    assert_eq!(messages(under_test, HIDDEN_MS).await, [], "hidden from others");
    under_test.pass_ms(3_100).await;
    let again = messages(under_test, HIDDEN_MS).await.pop().expect("it is visible again");
    assert_eq!(messages(under_test, HIDDEN_MS).await, [], "hidden again");
    under_test.redrive().put_back(&again).await.expect("put back");
    assert_eq!(messages(under_test, HIDDEN_MS).await.len(), 1, "at once");
}

pub async fn more_dead_letter_messages_than_one_call_returns_are_all_received(under_test: &dyn QueueUnderTest) {
    for index in 0..23 {
        under_test.queue().move_to_redrive(&format!("{index:02}")).await.expect("moved");
    }
    let mut bodies: Vec<String> =
        messages(under_test, HIDDEN_MS).await.into_iter().map(|message| message.body).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..23).map(|index| format!("{index:02}")).collect::<Vec<_>>());
}

pub async fn a_deleted_dead_letter_message_does_not_return(under_test: &dyn QueueUnderTest) {
    for text in ["a", "b"] {
        under_test.queue().move_to_redrive(text).await.expect("moved");
    }
    for message in messages(under_test, HIDDEN_MS).await {
        if message.body == "a" {
            under_test.redrive().delete(&message).await.expect("deleted");
        } else {
            under_test.redrive().put_back(&message).await.expect("put back");
        }
    }
    let left: Vec<String> = messages(under_test, HIDDEN_MS).await.into_iter().map(|message| message.body).collect();
    assert_eq!(left, ["b"]);
}

pub async fn a_redriven_message_arrives_unchanged_in_the_publish_queue(under_test: &dyn QueueUnderTest) {
    under_test.queue().move_to_redrive("not a message ✂").await.expect("moved");
    let message = messages(under_test, HIDDEN_MS).await.pop().expect("a dead-letter message");
    under_test.redrive().send_again(&message).await.expect("sent");
    let received = under_test.receive(QueueName::Publish).await;
    assert_eq!(received.iter().map(|(body, _)| body.as_str()).collect::<Vec<_>>(), ["not a message ✂"]);
}
