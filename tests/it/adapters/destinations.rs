//! The stack's destinations: what EventBridge is asked, and what arrives in a queue.

use std::sync::Arc;

use pinbridge_shared::adapters::event_bridge::EventBridge;
use pinbridge_shared::adapters::event_queue::SqsEventQueue;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::config::{EventFormat, EventQueue};
use pinbridge_shared::domain::event::bus_event::BusEvent;
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{PinId, WorkspaceId};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{EventBus, PortError, PortResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::signed::{assert_signed, config, server};
use crate::support::embedded_aws;

const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));
const BODY: &str = "{\"id\":\"a\",\"event\":\"pin.published\"}";

fn event(number: u128) -> BusEvent {
    BusEvent {
        id: EventId(Uuid::from_u128(number)),
        event: EventType::PinPublished,
        workspace: WORKSPACE,
        pin: Some(PinId(Uuid::from_u128(2))),
        at: Moment(1_767_225_600_123),
        body: BODY.to_owned(),
    }
}

async fn put(url: &str, events: usize) -> PortResult<Vec<usize>> {
    let bus = EventBridge::new(&config(url).await, "pins".into(), Arc::new(RealSystem::default())).expect("built");
    let events: Vec<BusEvent> = (0..events as u128).map(event).collect();
    bus.put(&events).await
}

#[tokio::test]
async fn events_are_put_on_the_bus_in_one_signed_request() {
    let (url, log) =
        server(&[(200, r#"{"FailedEntryCount": 0, "Entries": [{"EventId": "x"}, {"EventId": "y"}]}"#)]).await;
    assert_eq!(put(&url, 2).await.expect("put"), [0_usize; 0]);
    let received = log.lock().expect("unpoisoned");
    let [request] = &received[..] else { panic!("{received:?}") };
    assert_eq!(request.line, "POST /");
    assert_eq!(request.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(request.header("x-amz-target"), "AWSEvents.PutEvents");
    assert_signed(request, "events");
    let entry = json!({
        "EventBusName": "pins",
        "Source": "pinbridge",
        "DetailType": "pin.published",
        "Time": 1_767_225_600,
        "Detail": BODY,
    });
    assert_eq!(request.body, json!({"Entries": [entry, entry]}));
}

#[tokio::test]
async fn the_detail_of_an_event_on_the_bus_may_be_a_cloud_event() {
    let (url, log) = server(&[(200, r#"{"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]}"#)]).await;
    let bus = EventBridge::new(&config(&url).await, "pins".into(), Arc::new(RealSystem::default())).expect("built");
    let bus = bus.with_format(EventFormat::CloudEvents, "staging".into());
    assert_eq!(bus.put(&[event(7)]).await.expect("put"), [0_usize; 0]);
    let received = log.lock().expect("unpoisoned");
    let [request] = &received[..] else { panic!("{received:?}") };
    let detail = request.body["Entries"][0]["Detail"].as_str().expect("text");
    let detail: Value = serde_json::from_str(detail).expect("JSON");
    let expected: Value = serde_json::from_str(&event(7).cloud_event("staging").expect("JSON")).expect("JSON");
    assert_eq!((&detail, &detail["type"]), (&expected, &json!("pinbridge.pin.published")));
}

#[tokio::test]
async fn an_entry_that_is_refused_is_named_by_its_place_in_all_calls() {
    const TEN: &str = r#"{"Entries": [{"EventId": "0"}, {"EventId": "1"}, {"EventId": "2"},
        {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}, {"EventId": "4"}, {"EventId": "5"},
        {"EventId": "6"}, {"EventId": "7"}, {"EventId": "8"}, {"EventId": "9"}]}"#;
    const TWO: &str = r#"{"Entries": [{"EventId": "10"}, {"ErrorCode": "InternalFailure"}]}"#;
    let (url, log) = server(&[(200, TEN), (200, TWO)]).await;
    assert_eq!(put(&url, 12).await.expect("put"), [3, 11]);
    let sizes: Vec<_> =
        log.lock().expect("unpoisoned").iter().map(|one| one.body["Entries"].as_array().map(Vec::len)).collect();
    assert_eq!(sizes, [Some(10), Some(2)]);
}

#[tokio::test]
async fn a_refusal_is_told_from_an_outage_and_quotes_nothing() {
    for (answer, is_outage) in [
        (&[(400, r#"{"__type": "ThrottlingException", "message": "about pins"}"#)], true),
        (&[(500, r#"{"__type": "InternalException", "message": "about pins"}"#)], true),
        (&[(400, r#"{"__type": "AccessDeniedException", "message": "about pins"}"#)], false),
        (&[(400, r#"{"__type": "com.amazonaws.events#ResourceNotFoundException", "message": "about pins"}"#)], false),
        (&[(200, r#"{"Entries": []}"#)], true),
        (&[(200, "about pins")], true),
    ] {
        let (url, _) = server(answer).await;
        let error = put(&url, 1).await.expect_err("refused");
        assert_eq!(matches!(error, PortError::Unavailable { port: "event bus", .. }), is_outage, "{error}");
        assert!(!error.to_string().contains("about pins"), "{error}");
    }
    let nobody = put("http://127.0.0.1:1", 1).await.expect_err("nobody answers");
    assert!(matches!(nobody, PortError::Unavailable { port: "event bus", .. }), "{nobody}");
}

#[tokio::test]
async fn a_queue_gets_the_envelope_or_a_cloud_event() {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::sqs(&aws);
    let created = client.create_queue().queue_name("events").send().await.expect("created");
    let url = created.queue_url().expect("a URL").to_owned();
    let cloud_event = json!({
        "specversion": "1.0",
        "id": EventId(Uuid::from_u128(7)).to_string(),
        "source": format!("pinbridge/staging/{WORKSPACE}"),
        "type": "pinbridge.pin.published",
        "subject": PinId(Uuid::from_u128(2)),
        "time": "2026-01-01T00:00:00.123Z",
        "datacontenttype": "application/json",
        "data": {"id": "a", "event": "pin.published"},
    });
    let envelope: Value = serde_json::from_str(BODY).expect("JSON");
    for (format, wanted) in [(EventFormat::Envelope, envelope), (EventFormat::CloudEvents, cloud_event)] {
        let queue = EventQueue { url: url.clone(), format };
        let queue = SqsEventQueue::new(client.clone(), queue, "staging".into());
        assert_eq!(queue.put(&[event(7)]).await.expect("sent"), [0_usize; 0]);
        let received = client.receive_message().queue_url(&url).wait_time_seconds(1).send().await.expect("received");
        let [message] = received.messages() else { panic!("{received:?}") };
        let body: Value = serde_json::from_str(message.body().unwrap_or_default()).expect("JSON");
        assert_eq!(body, wanted, "{format:?}");
        let receipt = message.receipt_handle().expect("a receipt");
        client.delete_message().queue_url(&url).receipt_handle(receipt).send().await.expect("deleted");
    }
    let gone = EventQueue { url: format!("{url}-gone"), format: EventFormat::Envelope };
    let error = SqsEventQueue::new(client, gone, "staging".into()).put(&[event(7)]).await.expect_err("no such queue");
    assert_eq!(error.port(), "event queue");
}
