//! Pins and what belongs to publishing them.

use std::collections::{BTreeMap, BTreeSet};

use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::event::recorded;
use pinbridge_shared::domain::ids::{ImportId, KeyId, PinId, PinKey, ScheduleId, UserId, WorkspaceId};
use pinbridge_shared::domain::pacing::backlog::BacklogRow;
use pinbridge_shared::domain::pacing::budget::DaySpending;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::{Event, EventKind};
use pinbridge_shared::domain::pin::idempotency::PayloadHash;
use pinbridge_shared::domain::pin::listing::{Entry, Partition, Position, Span, Tags};
use pinbridge_shared::domain::pin::origin::{Actor, Origin};
use pinbridge_shared::domain::pin::said::Said;
use pinbridge_shared::domain::pin::{Pin, PinRequest, Placement, Priority, WaitReason};
use pinbridge_shared::domain::reconcile::board_scan::{BoardScan, Reading, Unclear};
use pinbridge_shared::domain::reconcile::matching::BoardPin;
use pinbridge_shared::domain::recovery::{Purpose, RecoveryMarker};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{
    Backlog, Budget, DispatcherLease, PinIndex, Pins, Purge, Reconciliation, RecoveryMarkers, Tombstone, Write,
};

use super::fixed::{EXPIRES, T0, account, at, board, full_request, minimal_request, uuid, workspace};

const CONTENT_HASH: &str = "00112233445566778899aabbccddeeff";
const MINUTE: i64 = 33_333_333;

fn pin_id(number: u128) -> PinId {
    PinId(uuid(0x1000 + number))
}

fn pin_key(number: u128) -> PinKey {
    PinKey { workspace: workspace(), pin: pin_id(number) }
}

fn pin(number: u128, request: PinRequest, placement: Placement) -> Pin {
    Pin {
        key: pin_key(number),
        request,
        payload_hash: PayloadHash(vec![1, 0, 127, 128, 255, number as u8]),
        created_at: at(number as i64),
        due_at: if let Placement::Due(at) = placement { Some(at) } else { None },
        placement,
        origin: Origin::default(),
        edit: 0,
        hidden_at: None,
        expires_at: EXPIRES,
        nonce: format!("pin-{number}"),
    }
}

/// An attempt row with the required fields only.
fn attempt(status: Status) -> Attempt {
    Attempt {
        rev: 1,
        nonce: "attempt".into(),
        generation: 0,
        edit: 0,
        status,
        attempt: 0,
        attempt_base: 0,
        image_tries: 0,
        started_at: None,
        not_before: None,
        reconcile_at: None,
        wait: None,
        failure: None,
        detail: None,
        pinterest_pin_id: None,
        orphan_pin_id: None,
        duplicate_pin_id: None,
        finished_at: None,
        updated_at: at(1_000),
        history: Vec::new(),
        expires_at: None,
        removed_at: None,
        is_superseded: false,
        events: 0,
        late_cause: None,
    }
}

fn full_attempt() -> Attempt {
    Attempt {
        generation: 3,
        edit: 2,
        attempt: 5,
        attempt_base: 4,
        image_tries: 0,
        started_at: Some(at(2_000)),
        not_before: Some(at(3_000)),
        reconcile_at: Some(at(4_000)),
        wait: Some(WaitReason::AccountPaused),
        failure: Some(Failure::RateLimited),
        detail: Some("Pinterest's words, shortened".into()),
        pinterest_pin_id: Some("813744226420795884".into()),
        orphan_pin_id: Some("813744226420795885".into()),
        duplicate_pin_id: Some("813744226420795886".into()),
        finished_at: Some(at(5_000)),
        history: every_event(),
        expires_at: Some(EXPIRES),
        removed_at: Some(at(6_000)),
        is_superseded: true,
        events: recorded::counted(&every_event(), Some(Failure::RateLimited)),
        ..attempt(Status::Published)
    }
}

/// One event of each kind; every second one has all optional fields.
fn every_event() -> Vec<Event> {
    use EventKind as K;
    let kinds = [
        K::AttemptStarted,
        K::NotSent,
        K::Published,
        K::Adopted,
        K::AnswerUnknown,
        K::NotOnPinterest,
        K::ReconcileInconclusive,
        K::RetryPlanned,
        K::Deferred,
        K::Failed,
        K::Retried,
        K::DuplicateFound,
        K::DuplicateRemoved,
        K::Edited,
        K::Deleted,
        K::RemovedFromPinterest,
        K::Superseded,
        K::Omitted,
    ];
    let event = |(index, kind): (usize, EventKind)| {
        let event = Event::new(kind, at(index as i64 * 1_000), index as u32);
        match index % 2 {
            0 => event,
            _ => Event {
                status: Some(429),
                provider_code: Some(-7),
                request_id: Some("1234567890123456".into()),
                next_at: Some(at(90_000)),
                note: Some("image, broken".into()),
                ..event
            },
        }
    };
    kinds.into_iter().enumerate().map(event).collect()
}

fn pins() -> Vec<(Pin, Option<Attempt>)> {
    let by_key = Origin {
        by: Some(Actor::Key(KeyId(uuid(0x11)))),
        schedule: Some((ScheduleId(uuid(0x12)), 2)),
        import: Some((ImportId(uuid(0x13)), 500)),
        root: None,
        request: None,
        twin: None,
    };
    let full = Pin { origin: by_key, edit: 2, ..pin(1, full_request("key-1"), Placement::Slot(at(60_000))) };
    let by_user = Pin {
        origin: Origin::by(Actor::User(UserId(uuid(0x14)))),
        ..pin(2, minimal_request("key-2"), Placement::Backlog(WaitReason::DailyBudget))
    };
    let publishing = Attempt { attempt: 1, started_at: Some(at(2_000)), ..attempt(Status::Publishing) };
    let failed = Attempt { failure: Some(Failure::ImageBroken), ..attempt(Status::Failed) };
    let hidden = Pin { hidden_at: Some(at(9_000)), ..pin(5, minimal_request("key-5"), Placement::Now) };
    vec![
        (pin(0, minimal_request("key-0"), Placement::Now), None),
        (full, Some(full_attempt())),
        (by_user, Some(Attempt { wait: Some(WaitReason::DailyBudget), ..attempt(Status::Deferred) })),
        (pin(3, minimal_request("key-3"), Placement::Due(at(60_000))), Some(publishing)),
        (pin(4, full_request("key-4"), Placement::Now), Some(failed.clone())),
        (hidden, Some(failed)),
        (pin(6, minimal_request("key-6"), Placement::Now), Some(attempt(Status::Queued))),
    ]
}

fn tombstone() -> Tombstone {
    let (account, board_id) = (account(0), board(0).board_id);
    Tombstone { key: pin_key(0x99), account, board_id, content_hash: CONTENT_HASH.into(), created_at: at(7_000) }
}

fn backlog() -> Vec<BacklogRow> {
    let row = |(index, priority): (usize, Priority)| BacklogRow {
        priority,
        created_at: at(index as i64),
        pin: pin_id(index as u128),
        generation: index as u32,
    };
    Priority::ALL.into_iter().enumerate().map(row).collect()
}

fn reading(unclear: Unclear) -> Reading {
    let bare = BoardPin { id: "1".into(), created_at: None, title: None, description: None, link: None };
    let full = BoardPin {
        id: "2".into(),
        created_at: Some(at(1)),
        title: Some("Crane".into()),
        description: Some("Paper".into()),
        link: Some("https://example.com/".into()),
    };
    Reading {
        began_at: at(0),
        members: vec![pin_id(0), pin_id(1)],
        bookmark: Some("bookmark".into()),
        pages: 3,
        older_pages: 1,
        oldest: Some(at(-9_000)),
        unclear: Some(unclear),
        listed: BTreeSet::new(),
        is_torn: false,
        found: vec![bare, full],
    }
}

fn scans() -> Vec<BoardScan> {
    let scan = |reading| BoardScan { rev: 1, nonce: "scan".into(), planned_for: Some(at(30_000)), reading };
    vec![
        BoardScan { planned_for: None, ..scan(None) },
        scan(Some(Reading { bookmark: None, oldest: None, unclear: None, ..reading(Unclear::Shuffled) })),
        scan(Some(reading(Unclear::EmptyList))),
        scan(Some(reading(Unclear::FullLastPage))),
        scan(Some(reading(Unclear::Shuffled))),
    ]
}

fn clock() -> Vec<RecoveryMarker> {
    let row = |shard, purpose, pins| {
        let id = format!("clock-{shard}");
        RecoveryMarker {
            minute: MINUTE + i64::from(shard),
            shard,
            pins,
            purpose,
            rounds: shard,
            id,
            removal: None,
            event: None,
        }
    };
    vec![
        row(0, Purpose::Rescue, vec![pin_key(0), pin_key(1)]),
        row(1, Purpose::DuplicateCheck, vec![pin_key(1)]),
        row(2, Purpose::Import, vec![pin_key(2)]),
        row(3, Purpose::Retired, vec![pin_key(3)]),
    ]
}

fn said() -> Vec<Said> {
    let message = Some("Sorry! This site doesn't allow you to save Pins.".into());
    let transport_error = Some("Pinterest did not answer in time".into());
    let reading = Said { attempt: 10, read_at: Some(at(9_000)), message: message.clone(), ..Said::default() };
    vec![
        Said { attempt: 1, message, ..Said::default() },
        Said { attempt: 10, transport_error, ..Said::default() },
        reading,
    ]
}

fn days() -> Vec<DaySpending> {
    let spending = |day, creates| DaySpending {
        rev: 1,
        reconciliations: 3,
        creates,
        nonce: "day".into(),
        ..DaySpending::nothing(day)
    };
    let creates = BTreeMap::from([(workspace(), 5), (WorkspaceId(uuid(0x22)), 7)]);
    vec![spending(23_148, creates), spending(23_149, BTreeMap::new())]
}

pub async fn write(table: &DynamoStore) {
    for (pin, attempt) in pins() {
        assert_eq!(table.put_pin(&pin).await.expect("written"), Write::Done);
        if let Some(attempt) = attempt {
            assert_eq!(table.save_attempt(&pin, &attempt).await.expect("written"), Write::Done);
        }
    }
    for said in said() {
        table.put_said(&pins()[0].0, &said).await.expect("written");
    }
    table.put_sibling(account(0), CONTENT_HASH, pin_id(1), EXPIRES).await.expect("written");
    table.put_tombstone(&[tombstone()]).await.expect("written");
    for row in backlog() {
        table.put_backlog(account(0), &row).await.expect("written");
    }
    table.put_unresolved(&board(0), pin_id(1), EXPIRES).await.expect("written");
    for (number, scan) in (0..).zip(scans()) {
        assert!(table.save_board_scan(&board(number), &scan).await.expect("written").is_done());
    }
    for row in clock() {
        table.put_marker(&row).await.expect("written");
    }
    for day in days() {
        assert_eq!(table.save_day_spending(&day).await.expect("written"), Write::Done);
    }
    table.set_watermark(MINUTE).await.expect("written");
    assert!(table.take_lease("dispatcher", T0, at(55_000)).await.expect("written"));
}

pub async fn read(table: &DynamoStore) {
    let pins = pins();
    let keys: Vec<PinKey> = pins.iter().map(|(pin, _)| pin.key).collect();
    let state = |(pin, attempt): &(Pin, Option<Attempt>)| {
        Some((pin.clone(), attempt.clone().unwrap_or_else(|| Attempt::untouched(pin))))
    };
    assert_eq!(table.pins(&keys).await.expect("read"), pins.iter().map(state).collect::<Vec<_>>());
    // 0.2.0 kept no words, and 0.3.0 none of readings at first.
    let words = table.said(&pins[0].0).await.expect("read");
    let of_calls: Vec<Said> = said().into_iter().filter(|said| said.read_at.is_none()).collect();
    assert!(words.is_empty() || words == of_calls || words == said(), "{words:?}");
    read_lists(table, &pins).await;
    assert_eq!(table.siblings(account(0), CONTENT_HASH).await.expect("read"), [pin_id(1)]);
    assert_eq!(table.backlog(account(0), 9).await.expect("read"), backlog());
    assert_eq!(table.unresolved(&board(0), 9).await.expect("read"), [pin_id(1)]);
    for (number, scan) in (0..).zip(scans()) {
        assert_eq!(table.board_scan(&board(number)).await.expect("read"), scan);
    }
    for row in clock() {
        assert_eq!(table.markers(row.minute, row.shard).await.expect("read"), [row]);
    }
    for spending in days() {
        assert_eq!(table.day_spending(spending.day).await.expect("read"), spending);
    }
    assert_eq!(table.watermark().await.expect("read"), Some(MINUTE));
    let take = async |now: Moment| table.take_lease("another", now, now.plus_ms(1)).await.expect("asked");
    assert!(!take(at(54_999)).await, "held by the dispatcher");
    assert!(take(at(55_000)).await, "until its end");
}

/// The index of lists.
async fn read_lists(table: &DynamoStore, pins: &[(Pin, Option<Attempt>)]) {
    let listed = |is_hidden: bool| -> Vec<(Moment, PinId)> {
        let pins = pins.iter().filter(|(pin, _)| pin.hidden_at.is_some() == is_hidden);
        pins.map(|(pin, _)| (pin.created_at, pin.key.pin)).collect()
    };
    let by = at(10_000);
    assert_eq!(table.listing_after(workspace(), None, by, 99).await.expect("read"), listed(false));
    assert_eq!(table.deleted_after(workspace(), None, by, 99).await.expect("read"), listed(true));
    let span = Span { partition: Partition::Failed, ..Span::default() };
    let (failed, _) = &pins[4];
    let position = Position { at: failed.created_at, pin: failed.key.pin };
    let entry = Entry { position, tags: Tags::of(&failed.request) };
    assert_eq!(table.stretch(workspace(), &span, 9).await.expect("read").entries, [entry]);
    assert_eq!(table.tombstones(workspace(), 9).await.expect("read"), [tombstone()]);
}
