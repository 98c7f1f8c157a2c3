//! A batch that DynamoDB takes only in part is finished, with growing pauses in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{PortError, Schedules, Write};
use serde_json::{Value, json};

use crate::support::embedded_aws;

/// Answers so many batches as wholly unprocessed before it lets one through.
struct Throttle {
    left: AtomicU32,
    batches: AtomicU32,
    forward_to: String,
}

async fn answer(State(throttle): State<Arc<Throttle>>, headers: http::HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|name| name.to_str().ok()).unwrap_or_default();
    if target.contains("Batch") {
        throttle.batches.fetch_add(1, Relaxed);
        if throttle.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            let asked: Value = serde_json::from_slice(&body).expect("JSON");
            let rest = &asked["RequestItems"];
            let body = json!({"UnprocessedItems": rest, "UnprocessedKeys": rest, "Responses": {}}).to_string();
            return ([("content-type", "application/x-amz-json-1.0")], body).into_response();
        }
    }
    let sent = reqwest::Client::new().post(&throttle.forward_to).headers(headers).body(body).send();
    let answer = sent.await.expect("answered");
    (answer.status(), answer.headers().clone(), answer.bytes().await.expect("read")).into_response()
}

async fn throttled(aws: &LocalAws, batches: u32) -> (Arc<Throttle>, DynamoStore) {
    let client = embedded_aws::dynamodb(aws);
    resources::create_table(&client).await.expect("the table is created");
    let throttle =
        Arc::new(Throttle { left: batches.into(), batches: AtomicU32::new(0), forward_to: aws.endpoint_url() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("known"));
    let app = Router::new().fallback(answer).with_state(Arc::clone(&throttle));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config = client.config().to_builder().endpoint_url(url).build();
    (throttle, DynamoStore::new(aws_sdk_dynamodb::Client::from_conf(config), resources::TABLE))
}

const NOW: Moment = Moment(1_767_225_600_000);

#[tokio::test]
async fn what_a_batch_left_is_tried_again_after_pauses() {
    let aws = embedded_aws::start().await;
    let (throttle, store) = throttled(&aws, 4).await;
    let schedule = testdata::schedule(1, NOW, NOW.plus_ms(60_000));
    store.put_release_row(&schedule.release_row()).await.expect("written");
    assert_eq!(store.put_schedule(&schedule).await.expect("written"), Write::Done);
    let began = Instant::now();
    assert_eq!(store.schedules(&[schedule.key]).await.expect("read"), [Some(schedule.clone())]);
    // Pauses of half of 50, 100, 200 and 400 ms at least.
    assert!(began.elapsed() >= Duration::from_millis(375), "{:?}", began.elapsed());
    assert_eq!(throttle.batches.swap(0, Relaxed), 5);
    throttle.left.store(2, Relaxed);
    store.delete_release_rows(&[schedule.release_row()]).await.expect("removed");
    assert_eq!(throttle.batches.load(Relaxed), 3);
    assert!(
        store
            .release_rows(schedule.not_before.minute(), schedule.release_row().shard())
            .await
            .expect("read")
            .is_empty()
    );
}

#[tokio::test]
async fn a_batch_that_is_never_taken_is_an_unavailable_table() {
    let aws = embedded_aws::start().await;
    let (_, store) = throttled(&aws, u32::MAX).await;
    let answer = store.schedules(&[testdata::schedule(1, NOW, NOW).key]).await;
    assert!(matches!(answer, Err(PortError::Unavailable { .. })), "{answer:?}");
}
