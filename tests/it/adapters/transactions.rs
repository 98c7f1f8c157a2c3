//! What a request answers when a write of it meets another writer's transaction, or is throttled: no emulator does
//! that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use serde_json::{Value, json};

use crate::api::isolation;
use crate::support::front::{Call, Front, Refusal};
use crate::support::real::{Tenant, pin};

const TRANSACT: &str = "DynamoDB_20120810.TransactWriteItems";

fn cancelled(reasons: &[&str]) -> Refusal {
    let reasons: Vec<Value> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({"__type": name, "Message": "Transaction cancelled", "CancellationReasons": reasons}))
}

fn conflict() -> Refusal {
    let name = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
    (400, json!({"__type": name, "message": "Transaction is ongoing for the item"}))
}

/// Whether it is a single conditional write of a pin's row.
fn writes_a_pin(call: &Call) -> bool {
    let is_write = call.target.ends_with(".PutItem") || call.target.ends_with(".UpdateItem");
    let key = if call.body["Key"].is_null() { &call.body["Item"]["pk"] } else { &call.body["Key"]["pk"] };
    is_write && !call.body["ConditionExpression"].is_null() && key["S"].as_str().is_some_and(|pk| pk.contains("#pin#"))
}

/// Refuses the first `times` calls that `concerns` names. Answers how many there were in all.
fn refuse(
    front: &Front,
    times: u32,
    concerns: impl Fn(&Call) -> bool + Send + 'static,
    refusal: Refusal,
) -> Arc<AtomicU32> {
    let met = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&met);
    front.refuse(move |call| {
        let is_refused = concerns(call) && count.fetch_add(1, Relaxed) < times;
        is_refused.then(|| refusal.clone())
    });
    met
}

impl Tenant {
    async fn other_board(&self) -> String {
        let other = json!({"account_id": self.account, "name": "Another board"});
        let other = self.real.must("POST", "/v1/pinterest/boards", &self.key, other).await;
        other["id"].as_str().expect("an id").to_owned()
    }

    /// The requests that write both rows of a pin in one transaction, each for a pin of its own.
    async fn requests(&self, name: &str, other_board: &str) -> [(&'static str, String, Value); 3] {
        let body = |of: &str| pin(&self.account, &self.board, &format!("{name}-{of}"));
        let waits = self.real.must("POST", "/v1/pins", &self.key, body("edit")).await;
        let gone = self.real.must("POST", "/v1/pins", &self.key, body("delete")).await;
        let failed = isolation::fail(&self.real, &self.key, body("retry")).await;
        let id = |pin: &Value| pin["id"].as_str().expect("an id").to_owned();
        [
            ("PATCH", format!("/v1/pins/{}", id(&waits)), json!({"title": "Another"})),
            ("DELETE", format!("/v1/pins/{}", id(&gone)), Value::Null),
            ("POST", format!("/v1/pins/{failed}/retry"), json!({"board_id": other_board})),
        ]
    }

    async fn send(&self, (method, path, body): &(&'static str, String, Value)) -> (u16, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, answer) = self.real.call(method, path, &[("x-api-key", &self.key)], &body).await;
        (status, answer)
    }
}

#[tokio::test]
async fn a_transaction_that_met_another_is_made_again_and_then_answers_503() {
    let tenant = Tenant::start().await;
    let other_board = tenant.other_board().await;
    for (name, reasons) in [
        ("conflict", &["None", "TransactionConflict"][..]),
        ("throttled", &["ThrottlingError", "None"]),
        ("capacity", &["None", "ProvisionedThroughputExceeded"]),
        ("both", &["ThrottlingError", "TransactionConflict"]),
    ] {
        for request in tenant.requests(name, &other_board).await {
            let is_transaction = |call: &Call| call.target == TRANSACT;
            let tries = refuse(&tenant.front, u32::MAX, is_transaction, cancelled(reasons));
            let (status, answer) = tenant.send(&request).await;
            assert_eq!((status, tries.load(Relaxed)), (503, 2), "{name}: {request:?}: {answer}");
            assert!(answer.contains(r#""unavailable""#), "{answer}");
            // The answer says that the same request may be sent again: nothing has changed.
            let tries = refuse(&tenant.front, 1, is_transaction, cancelled(reasons));
            let (status, answer) = tenant.send(&request).await;
            assert!((200..300).contains(&status), "{name}: {request:?}: {status} {answer}");
            assert_eq!(tries.load(Relaxed), 2, "the second try succeeds");
        }
    }
}

#[tokio::test]
async fn a_transaction_whose_condition_failed_is_read_again_whatever_its_other_rows_met() {
    let tenant = Tenant::start().await;
    let other_board = tenant.other_board().await;
    for reasons in [["ConditionalCheckFailed", "None"], ["ConditionalCheckFailed", "TransactionConflict"]] {
        for request in tenant.requests(reasons[1], &other_board).await.iter().take(2) {
            let tries = refuse(&tenant.front, 1, |call| call.target == TRANSACT, cancelled(&reasons));
            let (status, answer) = tenant.send(request).await;
            assert!((200..300).contains(&status), "{request:?}: {status} {answer}");
            assert_eq!(tries.load(Relaxed), 2, "read again, written again");
        }
    }
}

#[tokio::test]
async fn a_transaction_that_can_never_be_made_is_tried_once_and_is_a_fault_of_ours() {
    let tenant = Tenant::start().await;
    let other_board = tenant.other_board().await;
    for reasons in [["ValidationError", "None"], ["TransactionConflict", "ItemCollectionSizeLimitExceeded"]] {
        for request in tenant.requests(reasons[0], &other_board).await {
            let tries = refuse(&tenant.front, u32::MAX, |call| call.target == TRANSACT, cancelled(&reasons));
            let (status, answer) = tenant.send(&request).await;
            assert_eq!((status, tries.load(Relaxed)), (500, 1), "{request:?}: {answer}");
        }
    }
}

/// An acceptance, a hiding and a retry write one row of a pin alone; a transaction may be under way on it.
#[tokio::test]
async fn a_single_write_that_met_a_transaction_is_made_again_and_then_answers_503() {
    let tenant = Tenant::start().await;
    let failed = isolation::fail(&tenant.real, &tenant.key, pin(&tenant.account, &tenant.board, "failed")).await;
    let requests = [
        ("POST", "/v1/pins".to_owned(), pin(&tenant.account, &tenant.board, "new")),
        ("POST", format!("/v1/pins/{failed}/retry"), Value::Null),
    ];
    for request in requests {
        let tries = refuse(&tenant.front, u32::MAX, writes_a_pin, conflict());
        let (status, answer) = tenant.send(&request).await;
        assert_eq!((status, tries.load(Relaxed)), (503, 2), "{request:?}: {answer}");
        let tries = refuse(&tenant.front, 1, writes_a_pin, conflict());
        let (status, answer) = tenant.send(&request).await;
        assert!((200..300).contains(&status), "{request:?}: {status} {answer}");
        assert!(tries.load(Relaxed) >= 2, "the second try succeeds");
    }
}
