//! The request limits of the real service, which the crate does not check, and refusals of features that the local
//! service does not support.

use super::super::options::MAX_QUEUED_MESSAGES;
use super::super::reply::Reply;
use super::queue_name;
use super::store::Store;
use serde_json::Value;

const MAX_DELAY_S: i64 = 900;
const MAX_VISIBILITY_S: i64 = 43_200;
const MAX_WAIT_S: i64 = 20;
const MAX_RECEIVED: i64 = 10;

/// Checks a single request; a batch is checked entry by entry.
pub(super) fn check(action: &str, request: &Value, store: &Store) -> Result<(), Reply> {
    match action {
        "CreateQueue" => {
            let name = request["QueueName"].as_str().unwrap_or_default();
            if name.ends_with(".fifo") {
                return Err(unsupported("FIFO queues"));
            }
            Ok(())
        }
        "SendMessage" => check_send(request, store),
        "ReceiveMessage" => {
            within(request, "MaxNumberOfMessages", 1, MAX_RECEIVED)?;
            within(request, "WaitTimeSeconds", 0, MAX_WAIT_S)?;
            within(request, "VisibilityTimeout", 0, MAX_VISIBILITY_S)
        }
        "ChangeMessageVisibility" => within(request, "VisibilityTimeout", 0, MAX_VISIBILITY_S),
        _ => Ok(()),
    }
}

fn check_send(request: &Value, store: &Store) -> Result<(), Reply> {
    within(request, "DelaySeconds", 0, MAX_DELAY_S)?;
    let attributes = request["MessageAttributes"].as_object();
    for value in attributes.into_iter().flat_map(|attributes| attributes.values()) {
        if !value["BinaryValue"].is_null() {
            return Err(unsupported("binary message attributes"));
        }
    }
    let name = queue_name(request);
    let most = store.settings(name).map_or(usize::MAX, |settings| settings.max_bytes);
    let length = request["MessageBody"].as_str().map_or(0, str::len);
    if length > most {
        let message = format!("One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.");
        return Err(Reply::error(400, "InvalidParameterValue", &message));
    }
    if store.len(name) >= MAX_QUEUED_MESSAGES {
        let message = format!("The local queue {name} is full ({MAX_QUEUED_MESSAGES} messages).");
        return Err(Reply::error(403, "OverLimit", &message));
    }
    Ok(())
}

fn within(request: &Value, field: &str, least: i64, most: i64) -> Result<(), Reply> {
    match request[field].as_i64() {
        Some(value) if !(least..=most).contains(&value) => {
            let message = format!(
                "Value {value} for parameter {field} is invalid. \
                 Reason: Must be between {least} and {most}, if provided."
            );
            Err(Reply::error(400, "InvalidParameterValue", &message))
        }
        _ => Ok(()),
    }
}

fn unsupported(what: &str) -> Reply {
    let message = format!("The local SQS does not support {what}.");
    Reply::error(400, "AWS.SimpleQueueService.UnsupportedOperation", &message)
}
