//! What workers lean on in SQS, by the real SDK.

use crate::common::{memory, sqs};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// SQS waits at most this long for a message. A poll that should have been woken is bounded by half of it, because a
/// tighter bound would fail on a busy machine.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

async fn queue(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut create = client.create_queue().queue_name(name);
    for (key, value) in attributes {
        create = create.attributes(key.clone(), *value);
    }
    create.send().await.expect("queue").queue_url.expect("url")
}

async fn send(client: &Client, url: &str, body: &str) {
    client.send_message().queue_url(url).message_body(body).send().await.expect("sent");
}

async fn receive(client: &Client, url: &str, wait: i32) -> Vec<Message> {
    let receive = client.receive_message().queue_url(url).max_number_of_messages(10);
    let receive = receive.wait_time_seconds(wait);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    receive.message_attribute_names("All").send().await.expect("received").messages.unwrap_or_default()
}

async fn attribute(client: &Client, url: &str, name: QueueAttributeName) -> String {
    let get = client.get_queue_attributes().queue_url(url);
    let all = get.attribute_names(QueueAttributeName::All).send().await.expect("attributes");
    all.attributes.and_then(|mut all| all.remove(&name)).unwrap_or_default()
}

fn receives(message: &Message) -> &str {
    &message.attributes.as_ref().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
}

fn receipt(message: &Message) -> &str {
    message.receipt_handle().expect("receipt")
}

#[tokio::test]
async fn a_message_is_hidden_comes_back_and_is_deleted() {
    let aws = memory().await;
    let client = sqs(&aws);
    let url = queue(&client, "q", &[(QueueAttributeName::VisibilityTimeout, "1")]).await;
    assert!(url.starts_with(&aws.endpoint_url()), "{url}");
    let value = MessageAttributeValue::builder().data_type("String").string_value("v");
    let sent = client
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .message_group_id("tenant-1")
        .message_attributes("a", value.build().unwrap())
        .send()
        .await
        .expect("a group id is taken on a standard queue");
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    let first = receive(&client, &url, 0).await;
    assert_eq!((first.len(), receives(&first[0])), (1, "1"));
    assert_eq!(first[0].message_attributes().unwrap()["a"].string_value(), Some("v"));
    assert_eq!(receive(&client, &url, 0).await.len(), 0);
    assert_eq!(attribute(&client, &url, QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "1");
    sleep(Duration::from_millis(1050)).await;
    assert_eq!(attribute(&client, &url, QueueAttributeName::ApproximateNumberOfMessages).await, "1");
    let second = receive(&client, &url, 0).await;
    assert_eq!((second.len(), receives(&second[0])), (1, "2"));
    // The first receipt is stale: taken, but it deletes nothing.
    client.delete_message().queue_url(&url).receipt_handle(receipt(&first[0])).send().await.expect("stale");
    assert_eq!(attribute(&client, &url, QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "1");
    let delete = || client.delete_message().queue_url(&url).receipt_handle(receipt(&second[0])).send();
    delete().await.expect("deleted");
    delete().await.expect("deleted again");
    assert_eq!(attribute(&client, &url, QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "0");
}

#[tokio::test]
async fn visibility_can_be_extended_and_given_up() {
    let aws = memory().await;
    let client = sqs(&aws);
    let url = queue(&client, "q", &[(QueueAttributeName::VisibilityTimeout, "1")]).await;
    send(&client, &url, "x").await;
    let message = receive(&client, &url, 0).await.remove(0);
    let change = |seconds: i32| {
        let change = client.change_message_visibility().queue_url(&url);
        change.receipt_handle(receipt(&message)).visibility_timeout(seconds).send()
    };
    change(3).await.expect("extended");
    sleep(Duration::from_millis(1200)).await;
    assert_eq!(receive(&client, &url, 0).await.len(), 0);
    change(0).await.expect("given up");
    let again = receive(&client, &url, 0).await;
    assert_eq!((again.len(), receives(&again[0])), (1, "2"));
    let error = change(5).await.expect_err("stale receipt").into_service_error();
    assert!(error.is_receipt_handle_is_invalid(), "{error:?}");
    let error = change(50_000).await.expect_err("too long").into_service_error();
    assert_eq!(error.meta().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn delays_hold_and_a_long_poll_wakes_when_one_ends() {
    let aws = memory().await;
    let client = sqs(&aws);
    let url = queue(&client, "q", &[]).await;
    let began = Instant::now();
    client.send_message().queue_url(&url).message_body("later").delay_seconds(2).send().await.unwrap();
    assert_eq!(attribute(&client, &url, QueueAttributeName::ApproximateNumberOfMessagesDelayed).await, "1");
    assert_eq!(receive(&client, &url, 0).await.len(), 0);
    assert_eq!(receive(&client, &url, 20).await.len(), 1);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(2) && took < LONGEST_WAIT / 2, "{took:?}");
}

#[tokio::test]
async fn a_long_poll_waits_its_time_and_wakes_on_a_send() {
    let aws = memory().await;
    let client = sqs(&aws);
    let url = queue(&client, "q", &[(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "1")]).await;
    let began = Instant::now();
    let none = client.receive_message().queue_url(&url).send().await.unwrap();
    assert!(none.messages().is_empty());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(950) && took < LONGEST_WAIT / 2, "{took:?}");
    let (other, to) = (client.clone(), url.clone());
    let sender = tokio::spawn(async move {
        sleep(Duration::from_millis(300)).await;
        let sent = Instant::now();
        send(&other, &to, "x").await;
        sent
    });
    assert_eq!(receive(&client, &url, 20).await.len(), 1);
    let received = Instant::now();
    let late = received.saturating_duration_since(sender.await.unwrap());
    assert!(late < LONGEST_WAIT / 2, "{late:?}");
}

#[tokio::test]
async fn a_message_received_too_often_is_a_dead_letter_and_can_be_moved_back() {
    let aws = memory().await;
    let client = sqs(&aws);
    let dead = queue(&client, "dead", &[]).await;
    let arn = attribute(&client, &dead, QueueAttributeName::QueueArn).await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}"#);
    let url = queue(
        &client,
        "q",
        &[(QueueAttributeName::VisibilityTimeout, "0"), (QueueAttributeName::RedrivePolicy, &policy)],
    )
    .await;
    send(&client, &url, "bad").await;
    for count in ["1", "2"] {
        assert_eq!(receives(&receive(&client, &url, 0).await[0]), count);
    }
    assert_eq!(receive(&client, &url, 0).await.len(), 0);
    assert_eq!(attribute(&client, &dead, QueueAttributeName::ApproximateNumberOfMessages).await, "1");
    let sources = client.list_dead_letter_source_queues().queue_url(&dead).send().await.unwrap();
    assert_eq!(sources.queue_urls(), std::slice::from_ref(&url));
    client.start_message_move_task().source_arn(&arn).send().await.expect("moved back");
    let tasks = client.list_message_move_tasks().source_arn(&arn).send().await.unwrap();
    assert_eq!(tasks.results()[0].status(), Some("COMPLETED"));
    assert_eq!(tasks.results()[0].approximate_number_of_messages_moved(), 1);
    let back = receive(&client, &url, 0).await;
    assert_eq!((back[0].body(), receives(&back[0])), (Some("bad"), "1"));
}

#[tokio::test]
async fn batches_answer_for_each_entry() {
    let aws = memory().await;
    let client = sqs(&aws);
    let url = queue(&client, "q", &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
    let entry =
        |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap();
    let sent = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("a", "1"))
        .entries(entry("large", &"x".repeat(1025)))
        .entries(entry("b", "2"))
        .send()
        .await
        .expect("sent");
    assert_eq!((sent.successful().len(), sent.failed().len()), (2, 1));
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].sender_fault()), ("large", true));
    let got = receive(&client, &url, 0).await;
    assert_eq!(got.len(), 2);
    let change = |id: &str, receipt: &str| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
        entry.receipt_handle(receipt).visibility_timeout(10).build().unwrap()
    };
    let changed = client
        .change_message_visibility_batch()
        .queue_url(&url)
        .entries(change("good", receipt(&got[0])))
        .entries(change("bad", "nonsense"))
        .send()
        .await
        .expect("changed");
    assert_eq!(changed.successful()[0].id(), "good");
    assert_eq!(changed.failed()[0].code(), "ReceiptHandleIsInvalid");
    let delete = |id: &str, receipt: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(receipt).build().unwrap()
    };
    let deleted = client
        .delete_message_batch()
        .queue_url(&url)
        .entries(delete("a", receipt(&got[0])))
        .entries(delete("b", receipt(&got[1])))
        .send()
        .await
        .expect("deleted");
    assert_eq!(deleted.successful().len(), 2);
    let twice = client.send_message_batch().queue_url(&url).entries(entry("a", "1")).entries(entry("a", "2"));
    let error = twice.send().await.expect_err("same ids").into_service_error();
    assert!(error.is_batch_entry_ids_not_distinct(), "{error:?}");
}

#[tokio::test]
async fn errors_have_the_sdks_types_and_what_is_missing_says_so() {
    let aws = memory().await;
    let client = sqs(&aws);
    let error = client.get_queue_url().queue_name("none").send().await.expect_err("none");
    assert!(error.into_service_error().is_queue_does_not_exist());
    let url = format!("{}/123456789012/none", aws.endpoint_url());
    let error = client.receive_message().queue_url(&url).wait_time_seconds(5).send().await;
    assert!(error.expect_err("none").into_service_error().is_queue_does_not_exist());
    let error = client.create_queue().queue_name("q.fifo").send().await.expect_err("fifo");
    assert!(error.into_service_error().is_unsupported_operation());
    let url = queue(&client, "short", &[]).await;
    let set = client.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::MessageRetentionPeriod, "1").send().await.expect("set");
    send(&client, &url, "x").await;
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(receive(&client, &url, 0).await.len(), 0, "past its retention");
    client.delete_queue().queue_url(&url).send().await.expect("deleted");
}
