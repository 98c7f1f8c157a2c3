//! In the part of Lambda: polls the publish queue and runs the minute's schedule, with Lambda's event JSON.

use std::time::Duration;

use anyhow::Context;
use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use pinbridge_dispatcher::ScheduledEvent;
use pinbridge_shared::domain::time::{Moment, SECOND_MS};
use pinbridge_shared::ports::World;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// As in template.yaml: the mapping's batch size and concurrency, the functions' timeouts.
pub const BATCH_SIZE: i32 = 10;
pub const MAXIMUM_CONCURRENCY: usize = 10;
pub const PUBLISHER_TIMEOUT: Duration = Duration::from_secs(25);
pub const DISPATCHER_TIMEOUT: Duration = Duration::from_secs(55);
const EVERY_MINUTE: Duration = Duration::from_secs(60);
const WAIT_TIME_S: i32 = 20;
/// A long poll and some.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(30);
/// After a failed poll.
const POLL_AGAIN: Duration = Duration::from_millis(500);

/// One of the concurrent pollers: receive, invoke, delete what is done.
pub async fn poll(world: World, sqs: aws_sdk_sqs::Client, queue_url: String, mut stop: watch::Receiver<bool>) {
    loop {
        let receive = sqs
            .receive_message()
            .queue_url(&queue_url)
            .max_number_of_messages(BATCH_SIZE)
            .wait_time_seconds(WAIT_TIME_S)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send();
        let received = tokio::select! {
            received = receive => received,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let messages = match received {
            Ok(answer) => answer.messages.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(error = %DisplayErrorContext(error), "the queue could not be polled");
                sleep(POLL_AGAIN).await;
                continue;
            }
        };
        if !messages.is_empty()
            && let Err(error) = run_batch(&world, &sqs, &queue_url, &messages).await
        {
            tracing::error!(error = format!("{error:#}"), "a batch failed; its messages come back");
        }
        if *stop.borrow() {
            return;
        }
    }
}

async fn run_batch(
    world: &World,
    sqs: &aws_sdk_sqs::Client,
    queue_url: &str,
    messages: &[Message],
) -> anyhow::Result<()> {
    let event = json!({"Records": messages.iter().map(record).collect::<Vec<_>>()});
    let answer = invoke_publisher(world, event).await?;
    let failed: Vec<&str> = answer["batchItemFailures"]
        .as_array()
        .context("the publisher's answer has no batchItemFailures")?
        .iter()
        .filter_map(|failure| failure["itemIdentifier"].as_str())
        .collect();
    let done = messages.iter().filter(|message| !failed.contains(&message.message_id().unwrap_or("")));
    let mut delete = sqs.delete_message_batch().queue_url(queue_url);
    let mut any = false;
    for (index, message) in done.enumerate() {
        let receipt = message.receipt_handle().unwrap_or("");
        delete = delete
            .entries(DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt).build()?);
        any = true;
    }
    if any {
        delete.send().await.context("done messages could not be deleted")?;
    }
    Ok(())
}

/// An SQS record as Lambda's event has it.
fn record(message: &Message) -> Value {
    let attributes: serde_json::Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), Value::String(value.clone())))
        .collect();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:publish",
        "awsRegion": "us-east-1",
    })
}

async fn invoke_publisher(world: &World, event: Value) -> anyhow::Result<Value> {
    let event: SqsEvent = serde_json::from_value(event).context("not an SQS event")?;
    let deadline = deadline(world, PUBLISHER_TIMEOUT);
    let answer = timeout(PUBLISHER_TIMEOUT, pinbridge_publisher::handle(world, event, deadline)).await;
    Ok(serde_json::to_value(answer.context("the publisher timed out")?)?)
}

/// Runs the dispatcher once.
///
/// # Errors
/// When it fails or times out.
pub async fn invoke_dispatcher(world: &World, detail: Value) -> anyhow::Result<Value> {
    let now = world.system.now();
    let event: ScheduledEvent = serde_json::from_value(json!({
        "version": "0",
        "id": world.system.nonce(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": now.rfc3339(),
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/every-minute"],
        "detail": detail,
    }))
    .context("not a scheduled event")?;
    let deadline = deadline(world, DISPATCHER_TIMEOUT);
    let answer = timeout(DISPATCHER_TIMEOUT, pinbridge_dispatcher::handle(world, event, deadline)).await;
    Ok(serde_json::to_value(answer.context("the dispatcher timed out")??)?)
}

fn deadline(world: &World, timeout: Duration) -> Moment {
    world.system.now().plus_ms(i64::try_from(timeout.as_millis()).unwrap_or(25 * SECOND_MS))
}

/// Brings back every unfinished pin, the newest first, in as many runs as it takes: after days off there are many
/// minutes to read.
pub async fn recover(world: World, accepted_before: Moment, stop: watch::Receiver<bool>) {
    let mut detail = json!({"recover": true, "accepted_before": accepted_before});
    while !*stop.borrow() {
        match invoke_dispatcher(&world, detail.clone()).await {
            Ok(done) if done["go_on_from"].is_null() => return,
            Ok(done) => detail["go_on_from"] = done["go_on_from"].clone(),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the recovery failed; trying again");
                sleep(POLL_AGAIN).await;
            }
        }
    }
}

/// The minute's schedule.
pub async fn every_minute(world: World, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(EVERY_MINUTE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = invoke_dispatcher(&world, json!({})).await {
            tracing::error!(error = format!("{error:#}"), "the dispatcher failed; the next minute goes on");
        }
    }
}
