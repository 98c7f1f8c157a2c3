//! Webhook endpoints, how they stand, and their deliveries; the recovery markers of endpoints and events; tokens of
//! tasks that wait for pins.

use pinbridge_shared::adapters::dynamodb::{DynamoStore, SealedSecrets};
use pinbridge_shared::domain::event::disabled::Disabled;
use pinbridge_shared::domain::event::note::{Note, Source as Cause};
use pinbridge_shared::domain::event::occurrence::Halt;
use pinbridge_shared::domain::event::told::Told;
use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::ids::{EndpointId, ImportId, PinId, PinKey, ScheduleId};
use pinbridge_shared::domain::message::NotifyMessage;
use pinbridge_shared::domain::pin::history::{Event, EventKind};
use pinbridge_shared::domain::recovery::{Purpose, RecoveryMarker};
use pinbridge_shared::domain::task::{Awaited, TaskTokenId};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId, DeliveryKey, LastTry, Source, State};
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, Disabling, Endpoint, EndpointKey};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::domain::webhook::replay::{Only, ReplayCounts, ReplayId, ReplayRun, ReplayState};
use pinbridge_shared::ports::{Listed, RecoveryMarkers, Write};
use uuid::Uuid;

use super::fixed::{EXPIRES, account, at, board, uuid, workspace};

/// The minutes of the markers. (Other golden files have markers of the minutes before.)
const ENDPOINT_MINUTE: i64 = 33_333_337;
const EVENT_MINUTE: i64 = 33_333_338;

fn key(number: u128) -> EndpointKey {
    EndpointKey { workspace: workspace(), endpoint: EndpointId(uuid(0x4000 + number)) }
}

fn endpoints() -> [Endpoint; 2] {
    let bare = Endpoint {
        key: key(0),
        rev: 1,
        nonce: "endpoint".into(),
        url: "https://example.com/hooks".into(),
        events: vec![EventType::PinPublished, EventType::PinFailed],
        disabled: None,
        disablings: Vec::new(),
        previous_secret_until: None,
        created_at: at(0),
        updated_at: at(1),
    };
    let full = Endpoint {
        key: key(1),
        events: vec![EventType::WebhookDisabled],
        disabled: Some(DisabledBy::Failures),
        disablings: vec![Disabling { rev: 1, at: at(3) }],
        previous_secret_until: Some(at(86_400_000)),
        created_at: at(2),
        updated_at: at(3),
        ..bare.clone()
    };
    [bare, full]
}

fn sealed(number: u8) -> SealedSecrets {
    SealedSecrets { key_id: "key".into(), sealed: vec![0, 128, number] }
}

fn healths() -> [Health; 2] {
    let bare = Health { rev: 1, nonce: "health".into(), ..Health::default() };
    let full = Health {
        failures: 6,
        failing_since: Some(at(1_000)),
        held_until: Some(at(2_000)),
        turn_at: Some(at(3_000)),
        ..bare.clone()
    };
    [full, bare]
}

fn replays() -> [ReplayRun; 2] {
    let runs = ReplayRun {
        endpoint: key(0),
        id: ReplayId(uuid(0x6000)),
        rev: 1,
        nonce: "replay".into(),
        state: ReplayState::Running,
        only: Only::All,
        since: at(0),
        until: at(60_000),
        events: Some(vec![EventType::PinFailed]),
        cursor: Some("p".into()),
        progress: 500,
        counts: ReplayCounts { missing: 1, failed: 2, delivered: 3, gone: 0, pins: 4, deliveries: 5 },
        started_at: at(500),
        updated_at: at(1_000),
    };
    let done = ReplayRun {
        endpoint: key(1),
        state: ReplayState::Done,
        only: Only::Missing,
        events: None,
        cursor: None,
        progress: 1_000,
        ..runs.clone()
    };
    [runs, done]
}

fn deliveries() -> [Delivery; 4] {
    let last = LastTry {
        at: at(1_000),
        status: Some(503),
        error: Some("http_status".into()),
        answer: Some("Größer ✂".into()),
        latency_ms: 250,
    };
    let delivery = |number: u128, state| Delivery {
        key: DeliveryKey { endpoint: key(0), event_at: at(number as i64), id: DeliveryId(uuid(0x5000 + number)) },
        event: EventType::PinPublished,
        source: Source::Pin { pin: PinId(uuid(0x1001)), sequence: 4, told: None },
        state,
        tries: 2,
        last: None,
        body_sha256: Some("0f".repeat(32)),
        is_replayed: false,
        delivered_before: None,
        is_changed: false,
        created_at: at(500),
        updated_at: at(1_250),
        expires_at: EXPIRES,
    };
    let published = Event {
        status: Some(201),
        request_id: Some("1234567890123456".into()),
        ..Event::new(EventKind::Published, at(0), 1)
    };
    let told = Told {
        entry: Some(published),
        account: account(0).account,
        board_id: board(0).board_id,
        pinterest_pin_id: Some("549755885175000001".into()),
    };
    let good = LastTry { status: Some(200), error: None, answer: None, ..last.clone() };
    [
        Delivery {
            source: Source::Pin { pin: PinId(uuid(0x1001)), sequence: 4, told: Some(Box::new(told)) },
            last: Some(last.clone()),
            is_replayed: true,
            is_changed: true,
            ..delivery(0, State::Waiting { next_at: Some(at(60_000)) })
        },
        Delivery {
            event: EventType::WebhookTest,
            source: Source::Stored { payload: "{\"event\":\"webhook.test\"}".into() },
            tries: 0,
            body_sha256: None,
            updated_at: at(500),
            ..delivery(1, State::Waiting { next_at: None })
        },
        Delivery { last: Some(good), ..delivery(2, State::Delivered) },
        Delivery { last: Some(LastTry { status: None, ..last }), ..delivery(3, State::Failed) },
    ]
}

fn marker(minute: i64, shard: u32, purpose: Purpose, subject: Uuid, event: Option<Note>) -> RecoveryMarker {
    RecoveryMarker {
        minute,
        shard,
        pins: vec![PinKey { workspace: workspace(), pin: PinId(subject) }],
        purpose,
        rounds: 2,
        id: "marker".into(),
        removal: None,
        event: event.map(Box::new),
    }
}

fn of_endpoint() -> RecoveryMarker {
    marker(ENDPOINT_MINUTE, 4, Purpose::Webhook, key(0).endpoint.0, None)
}

/// Markers of events: one of each cause, and one that is void.
fn of_events() -> Vec<RecoveryMarker> {
    let (one, nonce) = (account(0).account, || "0123456789abcdef".to_owned());
    let (schedule, import) = (ScheduleId(uuid(0x2001)), ImportId(uuid(0x3001)));
    let told = |event| {
        let (id, payload) = (EventId(uuid(0x6001)), "{\"version\":1}".into());
        Some(NotifyMessage::stored(workspace(), id, event, at(1_000), payload, None))
    };
    let hold = Cause::Pause { account: one, halt: Halt::Hold, since: at(1_000), until: at(2_000) };
    let causes = [
        (uuid(0x2001), Cause::Certain, told(EventType::ScheduleCreated)),
        (uuid(0x2001), Cause::Schedule { schedule, version: 3, nonce: nonce() }, told(EventType::ScheduleUpdated)),
        (one.0, Cause::Account { account: one, rev: 3, nonce: nonce() }, told(EventType::AccountConnected)),
        (uuid(0x3001), Cause::Import { import }, told(EventType::ImportCompleted)),
        (uuid(0x3001), Cause::ImportStop { import, at: at(1_000) }, told(EventType::ImportFailed)),
        (one.0, hold, told(EventType::AccountPaused)),
        (one.0, Cause::Lift { account: one, at: at(1_000) }, told(EventType::AccountResumed)),
        (one.0, Cause::Resumption { account: one, halt: Halt::Pause, to: None }, None),
        (one.0, Cause::Expiry { account: one, expires_at: at(2_000), at: at(1_000) }, None),
    ];
    let notes = causes.into_iter().map(|(subject, source, message)| (subject, Some(Note { source, message })));
    let disabled = Cause::Disabled(Disabled {
        endpoint: key(0).endpoint,
        rev: 2,
        at: at(1_000),
        by: DisabledBy::Failures,
        failures: 12,
        failing_since: Some(at(500)),
        status: Some(503),
        error: Some("http_status".into()),
    });
    let disabled = (key(0).endpoint.0, Some(Note { source: disabled, message: None }));
    let all = notes.chain([(uuid(0x2002), None), disabled]).enumerate();
    // One digit, so that they are read in this order.
    let row = |(number, (subject, note))| RecoveryMarker {
        id: format!("marker-{number:x}"),
        ..marker(EVENT_MINUTE, 5, Purpose::Event, subject, note)
    };
    all.map(row).collect()
}

fn task_pin() -> Awaited {
    Awaited::Pin(PinKey { workspace: workspace(), pin: PinId(uuid(0x1001)) })
}

fn task_id() -> TaskTokenId {
    TaskTokenId("0123456789abcdef".repeat(2))
}

pub async fn write(table: &DynamoStore) {
    for (number, (endpoint, health)) in (0..).zip(endpoints().into_iter().zip(healths())) {
        let written = table.write_endpoint(&endpoint, Some(&sealed(number))).await.expect("written");
        assert_eq!(written, Write::Done);
        let written = table.write_endpoint_health(endpoint.key, &health, at(0)).await.expect("written");
        assert_eq!(written, Write::Done);
    }
    table.remove_endpoint(key(2), at(0)).await.expect("written");
    for replay in replays() {
        assert_eq!(table.write_replay(&replay).await.expect("written"), Write::Done);
    }
    for delivery in deliveries() {
        table.write_delivery(&delivery).await.expect("written");
    }
    for row in of_events().iter().chain([&of_endpoint()]) {
        table.put_marker(row).await.expect("written");
    }
    table.write_task_token(task_pin(), &task_id(), &sealed(7), EXPIRES).await.expect("written");
}

/// 0.2.0 had no webhooks.
pub async fn read(table: &DynamoStore, version: &str) {
    let listed = table.read_endpoints(workspace()).await.expect("read");
    if version == "0.2.0" {
        assert_eq!(listed, []);
        return;
    }
    assert_eq!(listed, endpoints());
    for (number, (endpoint, health)) in (0..).zip(endpoints().into_iter().zip(healths())) {
        assert_eq!(table.sealed_secrets(endpoint.key).await.expect("read"), Some(sealed(number)));
        assert_eq!(table.read_endpoint_health(endpoint.key).await.expect("read"), health);
    }
    for replay in replays() {
        assert_eq!(table.read_replay(replay.endpoint).await.expect("read"), Some(replay));
    }
    let [first, second, delivered, failed] = deliveries();
    for delivery in [&first, &second, &delivered, &failed] {
        assert_eq!(table.read_delivery(delivery.key).await.expect("read").as_ref(), Some(delivery));
    }
    let list = async |listed| table.list_deliveries(key(0), listed, None, 9).await.expect("read");
    assert_eq!(list(Listed::Waiting).await, [first, second]);
    assert_eq!(list(Listed::Ended).await, [failed, delivered]);
    assert_eq!(table.markers(ENDPOINT_MINUTE, 4).await.expect("read"), [of_endpoint()]);
    assert_eq!(table.markers(EVENT_MINUTE, 5).await.expect("read"), of_events());
    assert_eq!(table.list_task_tokens(task_pin()).await.expect("read"), [task_id()]);
    assert_eq!(table.read_task_token(task_pin(), &task_id()).await.expect("read"), Some(sealed(7)));
    assert_eq!(table.scan_keys_of_task_tokens().await.expect("read"), ["key"]);
    // The mark leads to the deliveries of a deleted endpoint, and isn't one.
    assert!(!table.wipe_endpoints(workspace()).await.expect("deleted"));
    assert!(table.wipe_endpoints(workspace()).await.expect("read"), "nothing is left");
}
