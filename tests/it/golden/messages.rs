//! The queues' messages. The redrive queue holds the texts of dead-letter messages, unchanged.

use aws_sdk_sqs::Client;
use pinbridge_local::resources;
use pinbridge_shared::adapters::sqs::SqsQueue;
use pinbridge_shared::domain::event::pin_events::PinEvent;
use pinbridge_shared::domain::event::told::{EventCopy, Told};
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{EndpointId, ImportId, PinId, PinKey};
use pinbridge_shared::domain::import::ImportKey;
use pinbridge_shared::domain::message::{ImportMessage, NotifyMessage, PublishMessage, ReconcileMessage};
use pinbridge_shared::domain::pacing::bucket::Token;
use pinbridge_shared::domain::pin::history::{Event, EventKind};
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::ports::Queue;
use serde_json::{Value, json};

use super::fixed::{account, at, board, uuid, workspace};
use super::fixture;
use crate::support::embedded_aws;

fn pin() -> PinKey {
    PinKey { workspace: workspace(), pin: PinId(uuid(0x1001)) }
}

fn about_pins() -> [PublishMessage; 2] {
    let token = Token { slot: at(1_000), valid_until: at(2_500) };
    [None, Some(token)].map(|token| PublishMessage::new(pin(), account(0).account, 3, token))
}

fn about_boards() -> [ReconcileMessage; 3] {
    let duplicate_check = |tries| ReconcileMessage::duplicate_check(&board(0), pin().pin, tries, at(2_000));
    [ReconcileMessage::new(&board(0), at(1_000)), duplicate_check(0), duplicate_check(2)]
}

fn about_imports() -> [ImportMessage; 1] {
    [ImportMessage::new(ImportKey { workspace: workspace(), import: ImportId(uuid(0x3001)) })]
}

/// The copy of an event that says that the pin was published.
fn copy() -> EventCopy {
    let entry = Event { status: Some(201), ..Event::new(EventKind::Published, at(1_000), 1) };
    let told = Told {
        entry: Some(entry.clone()),
        account: account(0).account,
        board_id: board(0).board_id,
        pinterest_pin_id: Some("549755885175000001".into()),
    };
    let event = PinEvent { event: EventType::PinPublished, sequence: 2, at: at(1_000), entry: Some(entry) };
    EventCopy::of(&event, &told)
}

fn about_events() -> [NotifyMessage; 5] {
    let endpoint = EndpointKey { workspace: workspace(), endpoint: EndpointId(uuid(0x4000)) };
    let stored = |event, to| {
        NotifyMessage::stored(workspace(), EventId(uuid(0x6001)), event, at(1_000), "{\"version\":1}".into(), to)
    };
    [
        NotifyMessage::of_pin(pin(), 2, 5),
        NotifyMessage::turn(endpoint, at(1_000)),
        stored(EventType::ImportCompleted, None),
        stored(EventType::WebhookTest, Some(endpoint.endpoint)),
        NotifyMessage::of_copies(pin(), 2, 2, vec![copy()]),
    ]
}

/// Takes the one message of a queue.
async fn taken(client: &Client, url: &str) -> Value {
    let answer = client.receive_message().queue_url(url).send().await.expect("received");
    let [message] = answer.messages() else { panic!("one message: {:?}", answer.messages()) };
    let receipt = message.receipt_handle().expect("a receipt");
    client.delete_message().queue_url(url).receipt_handle(receipt).send().await.expect("deleted");
    serde_json::from_str(message.body().expect("a body")).expect("JSON")
}

#[tokio::test]
async fn messages_are_sent_as_before() {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::sqs(&aws);
    let urls =
        resources::create_queues(&client, resources::VISIBILITY_TIMEOUT_S).await.expect("the queues are created");
    let queue = SqsQueue::new(client.clone(), urls.clone());
    let (mut pins, mut boards, mut imports, mut events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for message in about_pins() {
        assert_eq!(queue.send(&[(message, 0)]).await.expect("sent"), Vec::<usize>::new());
        pins.push(taken(&client, &urls.publish).await);
    }
    for message in about_boards() {
        queue.send_reconcile(&message, 0).await.expect("sent");
        boards.push(taken(&client, &urls.reconciliation).await);
    }
    for message in about_imports() {
        queue.send_import(&message).await.expect("sent");
        imports.push(taken(&client, &urls.import).await);
    }
    for message in about_events() {
        queue.send_notify(&message, 0).await.expect("sent");
        events.push(taken(&client, &urls.notify).await);
    }
    let all = json!({"pins": pins, "boards": boards, "imports": imports, "events": events});
    fixture::check("messages", &all);
}

#[test]
fn the_messages_of_every_version_are_read() {
    for version in fixture::versions() {
        let committed = fixture::committed(&version, "messages");
        let bodies = |name: &str| -> Vec<String> {
            committed[name].as_array().expect("messages").iter().map(Value::to_string).collect()
        };
        let pins: Vec<_> = bodies("pins").iter().map(|body| PublishMessage::parse(body).expect("read")).collect();
        assert_eq!(pins, about_pins());
        let boards: Vec<_> = bodies("boards").iter().map(|body| ReconcileMessage::parse(body).expect("read")).collect();
        assert_eq!(boards, about_boards());
        let imports: Vec<_> = bodies("imports").iter().map(|body| ImportMessage::parse(body).expect("read")).collect();
        assert_eq!(imports, about_imports());
        // 0.2.0 had no events.
        if version != "0.2.0" {
            let events: Vec<_> =
                bodies("events").iter().map(|body| NotifyMessage::parse(body).expect("read")).collect();
            assert_eq!(events, about_events());
        }
    }
}
