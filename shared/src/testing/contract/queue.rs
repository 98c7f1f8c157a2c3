//! The queue's rules.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::ids::PinId;
use crate::domain::message::PublishMessage;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::domain::token_bucket::Token;
use crate::ports::{Queue, QueueName};

/// A queue with its other end, and with a way to let time pass.
#[async_trait]
pub trait QueueUnderTest: Send + Sync {
    fn queue(&self) -> &dyn Queue;
    /// Everything that is visible, each with its receipt. It is hidden for a while.
    async fn receive(&self) -> Vec<(PublishMessage, String)>;
    async fn delete(&self, receipt: &str);
    /// Lets at least that much time pass.
    async fn pass_ms(&self, ms: u64);
}

/// Runs every rule of the queue; the async function answers `(Box<dyn QueueUnderTest>, guard)`.
#[macro_export]
macro_rules! queue_contract {
    ($fresh:path) => {
        use $crate::testing::contract::queue;
        $crate::contract_cases!($fresh;
            queue:
            a_message_arrives_as_it_was_sent,
            a_delay_below_a_second_is_none,
            a_delayed_message_arrives_when_its_time_has_come,
            more_messages_than_one_call_takes_all_arrive,
            sending_nothing_is_harmless,
            a_received_message_is_hidden_and_shows_when_told,
            a_deleted_message_does_not_come_back;
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

async fn send(under_test: &dyn QueueUnderTest, messages: &[(PublishMessage, i64)]) {
    let unsent = under_test.queue().send(messages).await.expect("sent");
    assert_eq!(unsent, [0_usize; 0], "every message is taken");
}

pub async fn a_message_arrives_as_it_was_sent(under_test: &dyn QueueUnderTest) {
    for slot in [None, Some(Moment(1_767_225_600_123))] {
        send(under_test, &[(message(1, slot), 0)]).await;
        let received = under_test.receive().await;
        assert_eq!(received.len(), 1, "one message");
        assert_eq!(received[0].0, message(1, slot), "with every field");
    }
}

pub async fn a_delay_below_a_second_is_none(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 999), (message(2, None), -5)]).await;
    assert_eq!(under_test.receive().await.len(), 2, "delays are rounded down to whole seconds");
}

pub async fn a_delayed_message_arrives_when_its_time_has_come(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 1_900), (message(2, None), 0), (message(3, None), 10_000_000)]).await;
    let pins =
        |received: Vec<(PublishMessage, String)>| received.iter().map(|(m, _)| m.pin.0.as_u128()).collect::<Vec<_>>();
    assert_eq!(pins(under_test.receive().await), [2], "at once");
    under_test.pass_ms(1_100).await;
    assert_eq!(pins(under_test.receive().await), [1], "after its second; the longest delay is cut, not refused");
}

pub async fn more_messages_than_one_call_takes_all_arrive(under_test: &dyn QueueUnderTest) {
    let messages: Vec<(PublishMessage, i64)> = (0..23).map(|index| (message(index, None), 0)).collect();
    send(under_test, &messages).await;
    let mut received: Vec<u128> = under_test.receive().await.iter().map(|(m, _)| m.pin.0.as_u128()).collect();
    received.sort_unstable();
    assert_eq!(received, (0..23).collect::<Vec<u128>>());
}

pub async fn sending_nothing_is_harmless(under_test: &dyn QueueUnderTest) {
    send(under_test, &[]).await;
    assert_eq!(under_test.receive().await.len(), 0);
}

pub async fn a_received_message_is_hidden_and_shows_when_told(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 0)]).await;
    let (_, receipt) = under_test.receive().await.pop().expect("a message");
    assert_eq!(under_test.receive().await.len(), 0, "hidden while somebody works on it");
    under_test.queue().change_visibility(QueueName::Publish, &receipt, 500).await.expect("changed");
    assert_eq!(under_test.receive().await.len(), 0, "half a second is rounded up");
    under_test.pass_ms(1_100).await;
    let (again, receipt) = under_test.receive().await.pop().expect("it comes back");
    assert_eq!(again, message(1, None));
    under_test.queue().change_visibility(QueueName::Publish, &receipt, 0).await.expect("changed");
    assert_eq!(under_test.receive().await.len(), 1, "at once");
}

pub async fn a_deleted_message_does_not_come_back(under_test: &dyn QueueUnderTest) {
    send(under_test, &[(message(1, None), 0), (message(2, None), 0)]).await;
    for (message, receipt) in under_test.receive().await {
        if message.pin.0.as_u128() == 1 {
            under_test.delete(&receipt).await;
        } else {
            under_test.queue().change_visibility(QueueName::Publish, &receipt, 0).await.expect("changed");
        }
    }
    let left = under_test.receive().await;
    assert_eq!(left.iter().map(|(m, _)| m.pin.0.as_u128()).collect::<Vec<_>>(), [2]);
}
