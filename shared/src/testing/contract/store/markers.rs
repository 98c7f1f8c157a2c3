//! The rules of recovery markers, the watermark and the dispatcher's lease.

use uuid::Uuid;

use crate::domain::event::note::{Note, Source};
use crate::domain::event::occurrence::Halt;
use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::listing::Position;
use crate::domain::recovery::{BoardRemoval, MARKER_SHARDS, PINS_PER_MARKER, Purpose, RecoveryMarker};
use crate::domain::time::Moment;
use crate::ports::Store;

const MINUTE: i64 = 29_453_760;

fn pin(workspace: u128, pin: u128) -> PinKey {
    PinKey { workspace: WorkspaceId(Uuid::from_u128(workspace)), pin: PinId(Uuid::from_u128(pin)) }
}

fn row(minute: i64, shard: u32, id: &str) -> RecoveryMarker {
    let pins = vec![pin(1, u128::from(shard) + 1)];
    RecoveryMarker {
        minute,
        shard,
        pins,
        purpose: Purpose::Rescue,
        rounds: shard,
        id: id.into(),
        removal: None,
        event: None,
    }
}

pub async fn markers_round_trip_in_every_shard(store: &dyn Store) {
    for shard in 0..MARKER_SHARDS {
        assert_eq!(store.markers(MINUTE, shard).await.expect("read"), [], "an empty minute");
        for id in ["a", "b"] {
            store.put_marker(&row(MINUTE, shard, id)).await.expect("written");
        }
        store.put_marker(&row(MINUTE + 1, shard, "c")).await.expect("written");
    }
    for shard in 0..MARKER_SHARDS {
        let rows = store.markers(MINUTE, shard).await.expect("read");
        assert_eq!(rows, [row(MINUTE, shard, "a"), row(MINUTE, shard, "b")], "shard {shard}");
    }
}

pub async fn a_marker_holds_up_to_its_limit_of_pins(store: &dyn Store) {
    // Of two workspaces: the dispatcher's batches are of one account, but a marker isn't limited to one.
    let pins: Vec<PinKey> = (0..PINS_PER_MARKER as u128).map(|index| pin(index % 2, u128::MAX - index)).collect();
    let full = RecoveryMarker { pins, ..row(MINUTE, 3, "full") };
    store.put_marker(&full).await.expect("written");
    assert_eq!(store.markers(MINUTE, 3).await.expect("read"), [full], "in their order");
}

pub async fn a_marker_keeps_its_purpose(store: &dyn Store) {
    let late = RecoveryMarker { purpose: Purpose::DuplicateCheck, ..row(MINUTE, 4, "a") };
    let board = BoardKey {
        account: AccountKey { workspace: WorkspaceId(Uuid::from_u128(7)), account: AccountId(Uuid::from_u128(8)) },
        board_id: "700".into(),
    };
    let after = Some(Position { at: Moment(1_767_225_600_123), pin: PinId(Uuid::from_u128(9)) });
    let removal = |after| BoardRemoval { board: board.clone(), asked_at: Moment(1_767_225_600_000), after };
    let removed = |id: &str, after| RecoveryMarker {
        minute: MINUTE,
        shard: 4,
        ..RecoveryMarker::board_removal(removal(after), Moment(0), id.into())
    };
    let account = board.account.account;
    let note = Note { source: Source::Resumption { account, halt: Halt::Hold, to: None }, message: None };
    let event = RecoveryMarker::of_event(board.account.workspace, account.0, note, Moment(0), "e".into());
    let event = RecoveryMarker { minute: MINUTE, shard: 4, ..event };
    let void = RecoveryMarker { id: "f".into(), ..event.void() };
    let rows = [late, row(MINUTE, 4, "b"), removed("c", None), removed("d", after), event, void];
    for row in &rows {
        store.put_marker(row).await.expect("written");
    }
    assert_eq!(store.markers(MINUTE, 4).await.expect("read"), rows);
}

pub async fn a_deleted_marker_is_gone_and_others_stay(store: &dyn Store) {
    for id in ["a", "b"] {
        store.put_marker(&row(MINUTE, 2, id)).await.expect("written");
    }
    store.delete_marker(&row(MINUTE, 2, "a")).await.expect("deleted");
    store.delete_marker(&row(MINUTE, 2, "a")).await.expect("deleting again is harmless");
    store.delete_marker(&row(MINUTE, 5, "b")).await.expect("the same id in another shard is another row");
    assert_eq!(store.markers(MINUTE, 2).await.expect("read"), [row(MINUTE, 2, "b")]);
}

pub async fn the_watermark_never_goes_back(store: &dyn Store) {
    assert_eq!(store.watermark().await.expect("read"), None, "before the first run");
    for (set, wanted) in [(5, 5), (9, 9), (7, 9), (9, 9), (10, 10)] {
        store.set_watermark(set).await.expect("answered");
        assert_eq!(store.watermark().await.expect("read"), Some(wanted), "after {set}");
    }
}

pub async fn the_lease_has_one_holder(store: &dyn Store) {
    let take = |holder: &'static str| store.take_lease(holder, Moment(1_000), Moment(2_000));
    assert!(take("a").await.expect("answered"), "a free lease");
    assert!(!take("b").await.expect("answered"), "another dispatcher holds it");
    assert!(take("a").await.expect("answered"), "the holder's own lease, as when the SDK repeats a write");
}

pub async fn the_lease_expires(store: &dyn Store) {
    assert!(store.take_lease("a", Moment(1_000), Moment(2_000)).await.expect("answered"));
    assert!(!store.take_lease("b", Moment(1_999), Moment(3_000)).await.expect("answered"), "not yet");
    assert!(store.take_lease("b", Moment(2_000), Moment(3_000)).await.expect("answered"), "now");
    assert!(!store.take_lease("a", Moment(2_500), Moment(3_500)).await.expect("answered"), "the other holds it now");
}

pub async fn the_lease_is_released_by_its_holder_only(store: &dyn Store) {
    store.release_lease("a").await.expect("releasing nothing is harmless");
    assert!(store.take_lease("a", Moment(1_000), Moment(2_000)).await.expect("answered"));
    store.release_lease("b").await.expect("answered");
    assert!(!store.take_lease("b", Moment(1_500), Moment(2_500)).await.expect("answered"), "still the holder's");
    store.release_lease("a").await.expect("answered");
    assert!(store.take_lease("b", Moment(1_500), Moment(2_500)).await.expect("answered"), "free again");
}
