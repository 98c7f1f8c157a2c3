//! Tasks of state machines: their tokens, sealed in the table, and what Step Functions is asked.

use std::sync::Arc;

use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::step_functions::StepFunctions;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::adapters::task_token_store::TaskTokenStore;
use pinbridge_shared::domain::ids::{ImportId, PinId, PinKey, WorkspaceId};
use pinbridge_shared::domain::import::ImportKey;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::{Awaited, TaskAnswer, TaskEnd, TaskTokenId};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{PortError, PortResult, TaskTokens, Tasks};
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::Faults;
use pinbridge_shared::testing::manual_system::ManualSystem;
use serde_json::json;
use uuid::Uuid;

use super::signed::{assert_signed, config, server};
use crate::support::embedded_aws;

const TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAQ";
/// Far ahead, so that no row expires.
const EXPIRES: Moment = Moment(4_000_000_000_000);

fn pin(workspace: u128, pin: u128) -> Awaited {
    Awaited::Pin(PinKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), pin: PinId(Uuid::from_u128(pin)) })
}

fn import(workspace: u128, import: u128) -> Awaited {
    let workspace = WorkspaceId(Uuid::from_u128(workspace));
    Awaited::Import(ImportKey { workspace, import: ImportId(Uuid::from_u128(import)) })
}

async fn end(url: &str, end: &TaskEnd) -> PortResult<TaskAnswer> {
    let tasks = StepFunctions::new(&config(url).await, Arc::new(RealSystem::default())).expect("built");
    tasks.end_task(&Secret::new(TOKEN), end).await
}

#[tokio::test]
async fn a_task_is_ended_by_one_signed_request() {
    let success = TaskEnd::Success { output: "{\"event\":\"pin.published\"}".into() };
    let failure = TaskEnd::Failure { error: "image_broken".into(), cause: "No image.".into() };
    for (ended, target, body) in [
        (&success, "SendTaskSuccess", json!({"taskToken": TOKEN, "output": "{\"event\":\"pin.published\"}"})),
        (&failure, "SendTaskFailure", json!({"taskToken": TOKEN, "error": "image_broken", "cause": "No image."})),
    ] {
        let (url, log) = server(&[(200, "{}")]).await;
        assert_eq!(end(&url, ended).await.expect("ended"), TaskAnswer::Ended);
        let received = log.lock().expect("unpoisoned");
        let [request] = &received[..] else { panic!("{received:?}") };
        assert_eq!((request.line.as_str(), &request.body), ("POST /", &body));
        assert_eq!(request.header("content-type"), "application/x-amz-json-1.0");
        assert_eq!(request.header("x-amz-target"), format!("AWSStepFunctions.{target}"));
        assert_signed(request, "states");
    }
}

#[tokio::test]
async fn a_task_that_is_over_is_told_from_an_outage_and_a_refusal() {
    let success = TaskEnd::Success { output: "{}".into() };
    for gone in [
        &[(400, r#"{"__type": "com.amazonaws.swf.service.v2.model#TaskTimedOut"}"#)],
        &[(400, r#"{"__type": "TaskDoesNotExist", "message": "x"}"#)],
        &[(400, r#"{"__type": "InvalidToken"}"#)],
    ] {
        let (url, _) = server(gone).await;
        assert_eq!(end(&url, &success).await.expect("answered"), TaskAnswer::Gone);
    }
    for (answer, is_outage) in [
        (&[(400, r#"{"__type": "ThrottlingException"}"#)], true),
        (&[(503, r#"{"__type": "ServiceUnavailable"}"#)], true),
        (&[(400, r#"{"__type": "AccessDeniedException", "message": "AAAAKgAAAAIAAAAAAAAAAQ"}"#)], false),
        (&[(400, r#"{"__type": "InvalidOutput"}"#)], false),
    ] {
        let (url, _) = server(answer).await;
        let error = end(&url, &success).await.expect_err("refused");
        assert_eq!(matches!(error, PortError::Unavailable { port: "state machine", .. }), is_outage, "{error}");
        assert!(!error.to_string().contains(TOKEN), "{error}");
    }
}

/// What the store in memory and the table have in common.
async fn check(tokens: &dyn TaskTokens) {
    let (mine, other) = (pin(1, 1), import(1, 2));
    let [first, second] = ["token-a", TOKEN].map(Secret::new);
    for (awaited, token) in [(mine, &first), (mine, &second), (mine, &first), (other, &first)] {
        tokens.put_task_token(awaited, token, EXPIRES).await.expect("stored");
    }
    let mut ids = vec![TaskTokenId::of(&first), TaskTokenId::of(&second)];
    ids.sort();
    assert_eq!(tokens.task_tokens(mine).await.expect("read"), ids);
    assert_eq!(tokens.task_tokens(other).await.expect("read"), [TaskTokenId::of(&first)]);
    assert_eq!(tokens.task_tokens(pin(2, 1)).await.expect("read"), [], "another workspace's");
    for token in [&first, &second] {
        let read = tokens.task_token(mine, &TaskTokenId::of(token)).await.expect("read");
        assert!(read.as_ref() == Some(token));
    }
    assert!(tokens.task_token(other, &TaskTokenId::of(&second)).await.expect("read").is_none());
    for _ in 0..2 {
        tokens.delete_task_token(mine, &TaskTokenId::of(&first)).await.expect("deleted");
    }
    assert_eq!(tokens.task_tokens(mine).await.expect("read"), [TaskTokenId::of(&second)]);
    assert_eq!(tokens.task_tokens(other).await.expect("read").len(), 1);
}

#[tokio::test]
async fn tokens_are_kept_in_memory_as_in_the_table_and_there_sealed() {
    let faults = Faults::new(Arc::new(ManualSystem::new(START, 1)));
    check(&FakeStore::new(Arc::new(faults))).await;

    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let table = Arc::new(DynamoStore::new(client.clone(), resources::TABLE));
    let secrets = embedded_aws::secrets_manager(&aws);
    let store = TaskTokenStore::new(secrets, "pinbridge", Arc::clone(&table), Arc::new(RealSystem::default()));
    check(&store).await;

    let sealed = table.read_task_token(pin(1, 1), &TaskTokenId::of(&Secret::new(TOKEN))).await.expect("read");
    let sealed = sealed.expect("it is there");
    assert!(!sealed.sealed.windows(6).any(|part| part == &TOKEN.as_bytes()[..6]), "nothing in the clear");
    let rows = client.scan().table_name(resources::TABLE).send().await.expect("scanned");
    assert!(!format!("{rows:?}").contains(TOKEN));
    // A data key that a token is sealed under is still needed.
    assert_eq!(table.scan_keys_of_task_tokens().await.expect("scanned"), vec![sealed.key_id; 2]);
}
