//! The rules of backlog rows.

use uuid::Uuid;

use crate::domain::ids::{AccountId, AccountKey, PinId, WorkspaceId};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::Priority;
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::Store;

const NOW: i64 = 1_767_225_600_000;

fn account() -> AccountKey {
    AccountKey { workspace: testdata::workspace(), account: testdata::account() }
}

fn row(priority: Priority, created: i64, pin: u128) -> BacklogRow {
    BacklogRow { priority, created_at: Moment(NOW + created), pin: PinId(Uuid::from_u128(pin)), generation: 0 }
}

/// Sixty rows of one priority, each a second younger than the one before.
async fn put_many(store: &dyn Store) -> Vec<BacklogRow> {
    let rows: Vec<BacklogRow> = (0..60).map(|index| row(Priority::Normal, index * 1_000, index as u128 + 1)).collect();
    for row in &rows {
        store.put_backlog(account(), row).await.expect("written");
    }
    rows
}

pub async fn the_backlog_is_in_the_order_of_release(store: &dyn Store) {
    assert_eq!(store.backlog(account(), 10).await.expect("read"), []);
    let mut rows = vec![
        row(Priority::Bulk, 0, 1),
        row(Priority::Normal, 20, 3),
        row(Priority::Normal, 10, 9),
        row(Priority::Normal, 20, 2),
        BacklogRow { generation: 7, ..row(Priority::Urgent, 99, 4) },
    ];
    for row in &rows {
        store.put_backlog(account(), row).await.expect("written");
    }
    rows.sort();
    assert_eq!(store.backlog(account(), 10).await.expect("read"), rows, "priority, then age, with its generation");
}

pub async fn the_backlog_is_read_up_to_a_limit(store: &dyn Store) {
    let rows = put_many(store).await;
    for limit in [1, 7, 59, 60, 61] {
        assert_eq!(store.backlog(account(), limit).await.expect("read"), rows[..limit.min(60)], "limit {limit}");
    }
}

pub async fn the_oldest_of_one_priority_are_read(store: &dyn Store) {
    let rows = put_many(store).await;
    for bulk in [row(Priority::Bulk, 7, 900), row(Priority::Bulk, 3, 901)] {
        store.put_backlog(account(), &bulk).await.expect("written");
    }
    let of = async |priority, limit| store.backlog_of(account(), priority, limit).await.expect("read");
    assert_eq!(of(Priority::Urgent, 5).await, []);
    assert_eq!(of(Priority::Normal, 7).await, rows[..7]);
    assert_eq!(of(Priority::Bulk, 5).await, [row(Priority::Bulk, 3, 901), row(Priority::Bulk, 7, 900)]);
    assert_eq!(of(Priority::Bulk, 1).await.len(), 1);
}

pub async fn the_position_of_a_row_is_counted(store: &dyn Store) {
    let rows = put_many(store).await;
    let position =
        |row: BacklogRow, limit| async move { store.backlog_position(account(), &row, limit).await.expect("read") };
    assert_eq!(position(rows[0].clone(), 100).await, Some(0));
    assert_eq!(position(rows[41].clone(), 100).await, Some(41));
    assert_eq!(position(rows[41].clone(), 10).await, Some(10), "counted up to the limit");
    assert_eq!(position(row(Priority::Urgent, 0, 1), 100).await, None, "a row that isn't there");
    assert!(store.in_backlog(account(), &rows[41]).await.expect("read"));
    assert!(!store.in_backlog(account(), &row(Priority::Bulk, 0, 1)).await.expect("read"));
}

pub async fn a_returning_pin_has_a_row_of_its_own(store: &dyn Store) {
    let first = row(Priority::Normal, 0, 1);
    let again = BacklogRow { generation: 3, ..first.clone() };
    store.put_backlog(account(), &first).await.expect("written");
    store.put_backlog(account(), &again).await.expect("written");
    assert_eq!(store.backlog(account(), 10).await.expect("read"), [first.clone(), again.clone()], "oldest first");
    store.delete_backlog(account(), std::slice::from_ref(&first)).await.expect("deleted");
    assert_eq!(store.backlog(account(), 10).await.expect("read"), [again], "an earlier release deletes only its own");
}

pub async fn many_rows_are_deleted_and_the_rest_stays(store: &dyn Store) {
    let rows = put_many(store).await;
    store.delete_backlog(account(), &[]).await.expect("deleting nothing is harmless");
    let missing = row(Priority::Urgent, 5, 400);
    let gone: Vec<BacklogRow> = rows[..57].iter().cloned().chain([missing]).collect();
    store.delete_backlog(account(), &gone).await.expect("deleted");
    assert_eq!(store.backlog(account(), 100).await.expect("read"), rows[57..]);
    store.delete_backlog(account(), &gone).await.expect("deleting again is harmless");
}

pub async fn each_account_has_its_own_backlog(store: &dyn Store) {
    let rows = put_many(store).await;
    let neighbour = AccountKey { account: AccountId(Uuid::from_u128(77)), ..account() };
    let stranger = AccountKey { workspace: WorkspaceId(Uuid::from_u128(78)), ..account() };
    for other in [neighbour, stranger] {
        assert_eq!(store.backlog(other, 10).await.expect("read"), []);
        assert!(!store.in_backlog(other, &rows[0]).await.expect("read"));
        store.delete_backlog(other, &rows).await.expect("answered");
    }
    assert_eq!(
        store.backlog(account(), 100).await.expect("read").len(),
        60,
        "deletions of other accounts don't affect them"
    );
}
