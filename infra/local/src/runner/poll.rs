//! One event source mapping: receives messages, invokes the function, deletes the messages that it processed.

use std::time::Duration;

use anyhow::Context as _;
use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use pinbridge_shared::context::Context;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{AGAIN_AFTER, BATCH_SIZE, Function, Source, deadline};

const WAIT_TIME_S: i32 = 20;
/// Timeout of a receive call: the long poll and a margin.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs one of a mapping's concurrent pollers until `stop` turns true.
pub async fn poll(context: Context, sqs: aws_sdk_sqs::Client, source: Source, mut stop: watch::Receiver<bool>) {
    loop {
        let receive = sqs
            .receive_message()
            .queue_url(&source.queue_url)
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
                tracing::warn!(error = %DisplayErrorContext(error), function = ?source.function, "queue poll failed");
                sleep(AGAIN_AFTER).await;
                continue;
            }
        };
        if !messages.is_empty()
            && let Err(error) = run_batch(&context, &sqs, &source, &messages).await
        {
            tracing::error!(error = format!("{error:#}"), function = ?source.function, "batch failed");
        }
        if *stop.borrow() {
            return;
        }
    }
}

async fn run_batch(
    context: &Context,
    sqs: &aws_sdk_sqs::Client,
    source: &Source,
    messages: &[Message],
) -> anyhow::Result<()> {
    let event = json!({"Records": messages.iter().map(|message| record(source, message)).collect::<Vec<_>>()});
    let answer = invoke(context, source.function, event).await?;
    let failed: Vec<&str> = answer["batchItemFailures"]
        .as_array()
        .context("the function's response has no batchItemFailures")?
        .iter()
        .filter_map(|failure| failure["itemIdentifier"].as_str())
        .collect();
    let done = messages.iter().filter(|message| !failed.contains(&message.message_id().unwrap_or("")));
    let mut delete = sqs.delete_message_batch().queue_url(&source.queue_url);
    let mut any = false;
    for (index, message) in done.enumerate() {
        let receipt = message.receipt_handle().unwrap_or("");
        delete = delete
            .entries(DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt).build()?);
        any = true;
    }
    if any {
        delete.send().await.context("processed messages could not be deleted")?;
    }
    Ok(())
}

/// One record of Lambda's SQS event.
fn record(source: &Source, message: &Message) -> Value {
    let attributes: serde_json::Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), Value::String(value.clone())))
        .collect();
    let queue = source.queue_url.rsplit('/').next().unwrap_or_default();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
        "awsRegion": "us-east-1",
    })
}

async fn invoke(context: &Context, function: Function, event: Value) -> anyhow::Result<Value> {
    let event: SqsEvent = serde_json::from_value(event).context("not an SQS event")?;
    let limit = function.timeout();
    let deadline = deadline(context, limit);
    let answer = match function {
        Function::Publisher => timeout(limit, pinbridge_publisher::handle(context, event, deadline)).await,
        Function::Reconciler => timeout(limit, pinbridge_reconciler::handle(context, event, deadline)).await,
        Function::DeadLetters => timeout(limit, pinbridge_dead_letters::handle(context, event, deadline)).await,
        Function::Importer => timeout(limit, pinbridge_importer::handle(context, event, deadline)).await,
        Function::Notifier => timeout(limit, pinbridge_notifier::handle(context, event, deadline)).await,
    };
    Ok(serde_json::to_value(answer.with_context(|| format!("{function:?} timed out"))?)?)
}
