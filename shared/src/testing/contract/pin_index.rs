//! The rules of the pin index.

use futures_util::future::join_all;
use uuid::Uuid;

use crate::domain::ids::{AccountId, PinKey, WorkspaceId};
use crate::domain::pin::attempt::{Attempt, Upstream};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::idempotency;
use crate::domain::pin::listing::{Order, Partition, Position, Span, Start, Tags};
use crate::domain::pin::{Pin, PinRequest, Placement};
use crate::domain::testdata::{pin_of, request, workspace};
use crate::domain::time::Moment;
use crate::ports::{PinIndex, Store, Write};

/// The index and the store that fills it.
pub trait Table: PinIndex + Store {}

impl<T: PinIndex + Store> Table for T {}

/// Runs every rule; the async function returns `(Arc<dyn Table>, guard)` with a fresh table.
#[macro_export]
macro_rules! pin_index_contract {
    ($fresh:path) => {
        use $crate::testing::contract::pin_index;
        $crate::contract_cases!($fresh;
            pin_index:
            an_index_is_read_to_its_end_without_gaps_or_repeats,
            a_span_has_the_pins_within_its_bounds,
            reading_continues_from_any_position,
            keys_have_the_tags_of_account_and_board,
            failed_pins_have_an_index_partition_of_their_own,
            a_deleted_pin_is_in_no_partition,
            an_index_has_no_pins_of_another_workspace;
        );
    };
}

const START: i64 = 1_767_225_600_000;

fn of_workspace(id: WorkspaceId, request: PinRequest, created_at: i64) -> Pin {
    let pin = pin_of(request, Moment(created_at), Placement::Now);
    Pin { key: PinKey { workspace: id, pin: idempotency::pin_id(id, &pin.request.idempotency_key) }, ..pin }
}

/// Writes this many pins, in pairs with the same moment; returns their positions in order.
async fn filled(table: &dyn Table, pins: i64) -> Vec<Position> {
    let pins: Vec<Pin> =
        (0..pins).map(|i| of_workspace(workspace(), request(&i.to_string()), START + i / 2 * 10)).collect();
    let written = join_all(pins.iter().map(|pin| table.put_pin(pin))).await;
    assert!(written.into_iter().all(|written| matches!(written, Ok(Write::Done))));
    let mut positions: Vec<Position> = pins.iter().map(position).collect();
    positions.sort_unstable();
    positions
}

fn position(pin: &Pin) -> Position {
    Position { at: pin.created_at, pin: pin.key.pin }
}

/// Reads a span to its end, `limit` entries at a time.
async fn whole(table: &dyn Table, mut span: Span, limit: usize) -> Vec<Position> {
    let mut positions = Vec::new();
    loop {
        let stretch = table.stretch(workspace(), &span, limit).await.expect("read");
        positions.extend(stretch.entries.iter().map(|entry| entry.position));
        match stretch.end {
            None => return positions,
            Some(end) => {
                assert!(stretch.entries.iter().all(|entry| span.order.compare(&entry.position, &end).is_le()));
                span = span.behind(end);
            }
        }
    }
}

fn ordered(order: Order, positions: impl IntoIterator<Item = Position>) -> Vec<Position> {
    let mut positions: Vec<Position> = positions.into_iter().collect();
    positions.sort_unstable_by(|a, b| order.compare(a, b));
    positions
}

const ORDERS: [Order; 2] = [Order::NewestFirst, Order::OldestFirst];

pub async fn an_index_is_read_to_its_end_without_gaps_or_repeats(table: &dyn Table) {
    let mut pins = 0;
    assert_eq!(whole(table, Span::default(), 5).await, [], "an empty workspace");
    // Sizes around those at which a shard is or isn't cut off.
    for size in [1, 2, 3, 5, 8, 13, 30, 60] {
        let positions = filled(table, size).await;
        assert!(positions.len() > pins, "grows");
        pins = positions.len();
        for order in ORDERS {
            let wanted = ordered(order, positions.iter().copied());
            for limit in [1, 2, 3, 4, 7, 20, 59, 60, 61, 1_000] {
                let span = Span { order, ..Span::default() };
                assert_eq!(whole(table, span, limit).await, wanted, "{size} pins by {limit}, {order:?}");
            }
            let stretch = table.stretch(workspace(), &Span { order, ..Span::default() }, 1_000).await.expect("read");
            assert_eq!((stretch.entries.len(), stretch.end), (positions.len(), None), "all at once");
        }
    }
}

pub async fn a_span_has_the_pins_within_its_bounds(table: &dyn Table) {
    let positions = filled(table, 24).await;
    let bounds: Vec<Option<Moment>> =
        [None, Some(0), Some(START), Some(START + 1), Some(START + 50), Some(START + 110), Some(START + 1_000)]
            .into_iter()
            .map(|at| at.map(Moment))
            .collect();
    for order in ORDERS {
        for since in &bounds {
            for until in &bounds {
                let span = Span { order, since: *since, until: *until, ..Span::default() };
                let wanted = ordered(order, positions.iter().copied().filter(|position| span.contains(position)));
                assert_eq!(whole(table, span, 4).await, wanted, "{span:?}");
            }
        }
    }
    let far = Span { since: Some(Moment(i64::MIN)), until: Some(Moment(i64::MAX)), ..Span::default() };
    assert_eq!(whole(table, far, 100).await.len(), 24, "no bound is too far");
}

pub async fn reading_continues_from_any_position(table: &dyn Table) {
    let positions = filled(table, 12).await;
    let between = Position { at: positions[3].at, pin: crate::domain::ids::PinId(Uuid::nil()) };
    for order in ORDERS {
        for from in positions.iter().copied().chain([between]) {
            for start in [Start::At(from), Start::Behind(from)] {
                let span = Span { order, start: Some(start), since: Some(Moment(START + 10)), ..Span::default() };
                let wanted = ordered(order, positions.iter().copied().filter(|position| span.contains(position)));
                assert_eq!(whole(table, span, 3).await, wanted, "{span:?}");
            }
        }
    }
}

pub async fn keys_have_the_tags_of_account_and_board(table: &dyn Table) {
    for index in 0..6_u128 {
        let account = AccountId(Uuid::from_u128(100 + index % 2));
        let board_id = format!("90000000000000000{}", index % 3);
        let request = PinRequest { account, board_id, ..request(&index.to_string()) };
        let pin = of_workspace(workspace(), request, START);
        assert_eq!(table.put_pin(&pin).await.expect("written"), Write::Done);
        let stretch = table.stretch(workspace(), &Span::default(), 10).await.expect("read");
        let entry = stretch.entries.into_iter().find(|entry| entry.position == position(&pin)).expect("listed");
        assert_eq!(entry.tags, Tags::of(&pin.request));
    }
}

pub async fn failed_pins_have_an_index_partition_of_their_own(table: &dyn Table) {
    let failed = Span { partition: Partition::Failed, ..Span::default() };
    let nothing = Upstream::default();
    let mut wanted = Vec::new();
    let mut last = None;
    for index in 0..20 {
        let pin = of_workspace(workspace(), request(&index.to_string()), START + index * 10);
        assert_eq!(table.put_pin(&pin).await.expect("written"), Write::Done);
        let begun = Attempt::untouched(&pin).begin(Moment(START + 500), "a".into()).expect("begins");
        let ended = if index % 3 == 0 {
            wanted.push(position(&pin));
            begun.failed(Moment(START + 600), Failure::ImageBroken, &nothing, &pin, "b".into())
        } else {
            begun.published(Moment(START + 600), "1".into(), &nothing, &pin, "b".into())
        };
        for attempt in [&begun, &ended.expect("ends")] {
            assert_eq!(table.save_attempt(&pin, attempt).await.expect("written"), Write::Done);
            last = Some((pin.clone(), attempt.clone())).filter(|_| index % 3 == 0).or(last);
        }
    }
    wanted.reverse();
    for limit in [1, 3, 100] {
        assert_eq!(whole(table, failed, limit).await, wanted);
    }
    // A retried pin isn't failed any more.
    let (pin, attempt) = last.expect("one failed");
    let retried = attempt.retried(Moment(START + 700), None, "c".into()).expect("retries");
    assert!(table.save_attempts(&[(pin.clone(), retried)]).await.expect("answered").is_done());
    wanted.retain(|other| *other != position(&pin));
    assert_eq!(whole(table, failed, 3).await, wanted);
    assert_eq!(whole(table, Span::default(), 7).await.len(), 20, "the partition of all pins has each pin once");
}

pub async fn a_deleted_pin_is_in_no_partition(table: &dyn Table) {
    let (at, nothing) = (Moment(START + 500), Upstream::default());
    let mut pins = Vec::new();
    for index in 0..4 {
        let pin = of_workspace(workspace(), request(&index.to_string()), START + index);
        assert_eq!(table.put_pin(&pin).await.expect("written"), Write::Done);
        let failed =
            Attempt::untouched(&pin).failed(at, Failure::ImageBroken, &nothing, &pin, "a".into()).expect("fails");
        assert_eq!(table.save_attempt(&pin, &failed).await.expect("written"), Write::Done);
        pins.push((pin, failed));
    }
    let hidden = |pin: &Pin| Pin { hidden_at: Some(at), ..pin.clone() };
    let (pin, attempt) = &pins[1];
    let deleted = attempt.deleted(at, &hidden(pin), "b".into()).expect("is deleted");
    assert!(table.save_pin(&hidden(pin), &deleted).await.expect("answered").is_done());
    let left: Vec<Position> = [3, 2, 0].map(|index: usize| position(&pins[index].0)).into();
    for partition in [Partition::Every, Partition::Failed] {
        assert_eq!(whole(table, Span { partition, ..Span::default() }, 2).await, left, "{partition:?}");
    }
}

pub async fn an_index_has_no_pins_of_another_workspace(table: &dyn Table) {
    let positions = filled(table, 3).await;
    let other = WorkspaceId(Uuid::from_u128(77));
    let theirs = of_workspace(other, request("0"), START);
    assert_eq!(table.put_pin(&theirs).await.expect("written"), Write::Done);
    let list = table.stretch(other, &Span::default(), 10).await.expect("read");
    assert_eq!(list.entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), [position(&theirs)]);
    assert_eq!(whole(table, Span { order: Order::OldestFirst, ..Span::default() }, 10).await, positions);
}
