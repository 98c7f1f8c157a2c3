//! Batch actions, run one entry at a time. In the crate, one bad entry fails the whole call; the real service returns a
//! result for each entry.

use super::super::reply::Reply;
use super::Sqs;
use serde_json::{Value, json};
use std::collections::HashSet;

const MAX_ENTRIES: usize = 10;
/// The limit of the real service for the bodies of a batch together.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

impl Sqs {
    /// Runs each entry as a single action. An unknown queue fails the whole call, because every entry names the same
    /// queue.
    pub(super) async fn batch(&self, single: &str, request: &Value) -> Reply {
        let Some(entries) = request["Entries"].as_array() else {
            return Reply::error(400, "MissingParameter", "Missing 'Entries'");
        };
        if let Err(refusal) = check(entries) {
            return refusal;
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let mut alone = entry.clone();
            alone["QueueUrl"] = request["QueueUrl"].clone();
            let reply = self.single(single, &alone).await;
            let mut answer = reply.value();
            if reply.is_success() {
                answer["Id"] = entry["Id"].clone();
                successful.push(answer);
                continue;
            }
            if answer["__type"] == "AWS.SimpleQueueService.NonExistentQueue" {
                return reply;
            }
            failed.push(json!({
                "Id": entry["Id"],
                "SenderFault": reply.status < 500,
                "Code": answer["__type"],
                "Message": answer["message"],
            }));
        }
        Reply::ok(&json!({ "Successful": successful, "Failed": failed }))
    }
}

fn check(entries: &[Value]) -> Result<(), Reply> {
    let refuse = |code: &str, message: &str| {
        let code = format!("AWS.SimpleQueueService.{code}");
        Err(Reply::error(400, &code, message))
    };
    if entries.is_empty() {
        return refuse("EmptyBatchRequest", "There should be at least one entry in the request.");
    }
    if entries.len() > MAX_ENTRIES {
        return refuse("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.");
    }
    if entries.iter().any(|entry| entry["Id"].as_str().is_none_or(str::is_empty)) {
        return refuse("InvalidBatchEntryId", "Each entry needs an Id.");
    }
    let ids: HashSet<&str> = entries.iter().filter_map(|entry| entry["Id"].as_str()).collect();
    if ids.len() < entries.len() {
        return refuse("BatchEntryIdsNotDistinct", "Two entries have the same Id.");
    }
    let bytes: usize = entries.iter().filter_map(|entry| entry["MessageBody"].as_str()).map(str::len).sum();
    if bytes > MAX_BATCH_BYTES {
        return refuse("BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes.");
    }
    Ok(())
}
