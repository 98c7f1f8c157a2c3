//! Runs a DynamoDB operation by its name: JSON body in, JSON response out. `dynoxide` has the same table in its own
//! HTTP server, but does not export it.

use super::super::reply::Reply;
use dynoxide::{Database, DynoxideError};
use serde::de::DeserializeOwned;

/// Runs one operation; blocks while it runs.
pub(super) fn run(database: &Database, operation: &str, body: &[u8]) -> Reply {
    macro_rules! call {
        ($method:ident) => {
            read(body).and_then(|request| database.$method(request)).and_then(|answer| write(&answer))
        };
    }
    let result = match operation {
        "CreateTable" => call!(create_table),
        "DeleteTable" => call!(delete_table),
        "DescribeTable" => call!(describe_table),
        "ListTables" => call!(list_tables),
        "UpdateTable" => call!(update_table),
        "UpdateTimeToLive" => call!(update_time_to_live),
        "DescribeTimeToLive" => call!(describe_time_to_live),
        "PutItem" => call!(put_item),
        "GetItem" => call!(get_item),
        "DeleteItem" => call!(delete_item),
        "UpdateItem" => call!(update_item),
        "Query" => call!(query),
        "Scan" => call!(scan),
        "BatchGetItem" => call!(batch_get_item),
        "BatchWriteItem" => call!(batch_write_item),
        "TransactWriteItems" => call!(transact_write_items),
        "TransactGetItems" => call!(transact_get_items),
        "ExecuteStatement" => call!(execute_statement),
        "ExecuteTransaction" => call!(execute_transaction),
        "BatchExecuteStatement" => call!(batch_execute_statement),
        "TagResource" => call!(tag_resource),
        "UntagResource" => call!(untag_resource),
        "ListTagsOfResource" => call!(list_tags_of_resource),
        _ => {
            let message = format!("The local DynamoDB has no operation {operation}.");
            return Reply::error(400, "UnknownOperationException", &message);
        }
    };
    result.unwrap_or_else(|error| Reply::raw(error.status_code(), error.to_json()))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| explain(&error.to_string()))
}

fn write<T: serde::Serialize>(answer: &T) -> Result<Reply, DynoxideError> {
    serde_json::to_vec(answer)
        .map(|body| Reply::raw(200, body))
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Turns a parse error into an AWS error. The engine names the kind in front of the message; an error without a kind
/// means a body of the wrong shape.
fn explain(message: &str) -> DynoxideError {
    let text = |marked: &str| {
        let end = marked.rfind(" at line ").unwrap_or(marked.len());
        marked[..end].to_owned()
    };
    match message.split_once(':') {
        Some((marker, rest)) if marker.starts_with("VALIDATION") => DynoxideError::ValidationException(text(rest)),
        Some((marker, rest)) if marker.starts_with("SERIALIZATION") => {
            DynoxideError::SerializationException(text(rest))
        }
        _ if message.contains("AttributeValue") || message.contains("missing field") => {
            DynoxideError::ValidationException(text(message))
        }
        _ => DynoxideError::SerializationException(text(message)),
    }
}
