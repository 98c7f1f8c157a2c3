//! The rules of unresolved pins and of a board's scan.

use futures_util::future::join_all;
use uuid::Uuid;

use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinId, WorkspaceId};
use crate::domain::reconcile::board_scan::{BoardScan, Reading, Unclear};
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::{Store, Write};

const NOW: Moment = Moment(1_767_225_600_123);

fn board() -> BoardKey {
    testdata::pin().board_key()
}

/// Boards that must not be confused with it: another board, another account, another workspace.
fn neighbours() -> [BoardKey; 3] {
    let board = board();
    let account = AccountKey { account: AccountId(Uuid::from_u128(77)), ..board.account };
    let workspace = AccountKey { workspace: WorkspaceId(Uuid::from_u128(78)), ..board.account };
    [
        BoardKey { board_id: "2".into(), ..board.clone() },
        BoardKey { account, ..board.clone() },
        BoardKey { account: workspace, ..board },
    ]
}

fn pin(id: u128) -> PinId {
    PinId(Uuid::from_u128(id))
}

/// Registers sixty unresolved pins.
async fn put_many(store: &dyn Store) -> Vec<PinId> {
    let pins: Vec<PinId> = (1..=60).map(pin).collect();
    for pin in &pins {
        store.put_unresolved(&board(), *pin, NOW).await.expect("written");
    }
    pins
}

async fn listed(store: &dyn Store, limit: usize) -> Vec<PinId> {
    let mut pins = store.unresolved(&board(), limit).await.expect("read");
    pins.sort_unstable();
    pins
}

pub async fn an_unresolved_pin_is_listed_once_however_often_it_is_registered(store: &dyn Store) {
    assert_eq!(listed(store, 10).await, []);
    for id in [7, 3, 7, 5] {
        store.put_unresolved(&board(), pin(id), NOW).await.expect("written");
    }
    assert_eq!(listed(store, 10).await, [pin(3), pin(5), pin(7)]);
}

pub async fn unresolved_pins_are_read_up_to_a_limit(store: &dyn Store) {
    let pins = put_many(store).await;
    for limit in [1, 7, 60, 61] {
        let some = store.unresolved(&board(), limit).await.expect("read");
        assert_eq!(some.len(), limit.min(60), "limit {limit}");
        assert!(some.iter().all(|pin| pins.contains(pin)));
    }
}

pub async fn removed_unresolved_pins_are_gone_and_the_rest_stays(store: &dyn Store) {
    let pins = put_many(store).await;
    store.delete_unresolved(&board(), &[]).await.expect("deleting nothing is harmless");
    let gone: Vec<PinId> = pins[..57].iter().copied().chain([pin(400)]).collect();
    store.delete_unresolved(&board(), &gone).await.expect("deleted");
    assert_eq!(listed(store, 100).await, pins[57..]);
    store.delete_unresolved(&board(), &gone).await.expect("deleting again is harmless");
}

pub async fn each_board_has_its_own_unresolved_pins_and_scan(store: &dyn Store) {
    let pins = put_many(store).await;
    assert!(store.save_board_scan(&board(), &scan(1, "a")).await.expect("answered").is_done());
    for other in neighbours() {
        assert_eq!(store.unresolved(&other, 10).await.expect("read"), [], "{other:?}");
        assert_eq!(store.board_scan(&other).await.expect("read"), BoardScan::default(), "{other:?}");
        store.delete_unresolved(&other, &pins).await.expect("answered");
        assert!(store.save_board_scan(&other, &scan(1, "b")).await.expect("answered").is_done(), "{other:?}");
    }
    assert_eq!(listed(store, 100).await.len(), 60, "deletions on other boards don't affect them");
    assert_eq!(store.board_scan(&board()).await.expect("read"), scan(1, "a"), "neither do writes on other boards");
}

fn scan(rev: u64, nonce: &str) -> BoardScan {
    BoardScan { rev, nonce: nonce.into(), planned_for: Some(NOW), reading: None }
}

pub async fn a_board_scan_round_trips_with_every_field(store: &dyn Store) {
    assert_eq!(store.board_scan(&board()).await.expect("read"), BoardScan::default(), "the board was never read");
    let found = BoardPin {
        id: "1087001554210211".into(),
        created_at: Some(NOW),
        title: Some("A crane of paper, \"folded\"".into()),
        description: Some("papier, plié ✂".into()),
        link: Some("https://example.com/crane?a=b&c=d".into()),
    };
    let bare = BoardPin { id: "2".into(), created_at: None, title: None, description: None, link: None };
    let reading = Reading {
        began_at: NOW.plus_ms(1),
        members: vec![pin(1), pin(u128::MAX)],
        bookmark: Some("LT0xMTEx==|✂".into()),
        pages: 17,
        older_pages: 1,
        oldest: Some(NOW.plus_ms(-9)),
        unclear: Some(Unclear::Shuffled),
        listed: [0, 7, u32::MAX].into(),
        is_torn: true,
        found: vec![found, bare],
    };
    let full = BoardScan { reading: Some(reading), ..scan(1, "a") };
    assert!(store.save_board_scan(&board(), &full).await.expect("answered").is_done());
    assert_eq!(store.board_scan(&board()).await.expect("read"), full);
    let empty = BoardScan { planned_for: None, ..scan(2, "b") };
    assert!(store.save_board_scan(&board(), &empty).await.expect("answered").is_done());
    assert_eq!(store.board_scan(&board()).await.expect("read"), empty, "nothing of the old row stays");
}

pub async fn a_board_scan_is_written_on_the_revision_it_follows(store: &dyn Store) {
    let save =
        |scan: BoardScan| async move { store.save_board_scan(&board(), &scan).await.expect("answered").is_done() };
    assert!(!save(scan(2, "early")).await, "no row to follow");
    assert!(save(scan(1, "a")).await);
    assert!(!save(scan(1, "b")).await, "a second first write");
    assert!(!save(scan(3, "b")).await, "a revision too far");
    assert_eq!(store.board_scan(&board()).await.expect("read"), scan(1, "a"), "nothing was written");
    assert!(save(scan(2, "b")).await);
    assert_eq!(store.board_scan(&board()).await.expect("read"), scan(2, "b"));
}

pub async fn a_repeated_write_of_the_same_board_scan_is_recognised(store: &dyn Store) {
    let save =
        |scan: BoardScan| async move { store.save_board_scan(&board(), &scan).await.expect("answered").is_done() };
    for written in [scan(1, "a"), scan(1, "a"), scan(2, "b"), scan(2, "b")] {
        assert!(save(written).await, "a repetition with the same nonce succeeds");
    }
    assert!(!save(scan(1, "a")).await, "but not once another write has followed");
    assert!(save(scan(3, "")).await);
    assert!(!save(scan(3, "")).await, "a write without a nonce is never recognised as a repetition");
}

pub async fn of_concurrent_board_scans_one_wins(store: &dyn Store) {
    for rev in 1..=2 {
        let scans: Vec<BoardScan> = (0..8).map(|index| scan(rev, &format!("{rev}-{index}"))).collect();
        let board = board();
        let answers = join_all(scans.iter().map(|scan| store.save_board_scan(&board, scan))).await;
        let won: Vec<usize> = (0..8).filter(|index| matches!(answers[*index], Ok(Write::Done))).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert_eq!(store.board_scan(&board).await.expect("read"), scans[won[0]]);
    }
}
