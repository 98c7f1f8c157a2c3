//! The rules of the activity log.

use uuid::Uuid;

use crate::domain::ids::{AccountId, KeyId, UserId, WorkspaceId};
use crate::domain::stats::activity::{By, Entry, PIN_PUBLISH_FAILED};
use crate::domain::time::Moment;
use crate::ports::ActivityLog;

/// Runs every rule; the async function returns `(Arc<dyn ActivityLog>, guard)`.
#[macro_export]
macro_rules! activity_contract {
    ($fresh:path) => {
        use $crate::testing::contract::activity;
        $crate::contract_cases!($fresh;
            activity:
            an_entry_round_trips,
            the_newest_entries_come_first_and_reading_continues_after_any_of_them,
            an_entry_that_is_written_again_is_stored_once,
            each_workspace_has_its_own_entries;
        );
    };
}

const NEVER: Moment = Moment(4_102_444_800_000);

fn workspace(id: u128) -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(id))
}

fn entry(at: i64, id: u128) -> Entry {
    Entry::new(Uuid::from_u128(id), Moment(at), By::Worker, &PIN_PUBLISH_FAILED)
}

pub async fn an_entry_round_trips(log: &dyn ActivityLog) {
    let bare = entry(1, 1);
    let mut full = Entry { by: By::Key(KeyId(Uuid::from_u128(5))), ..entry(2, 2) };
    full.label = Some("ci".into());
    full.resource_id = Some("pin".into());
    full.account = Some(AccountId(Uuid::from_u128(6)));
    full.request_id = Some("request".into());
    full = full.with("error_code", "image_broken").with("attempts", "1");
    let person = Entry { by: By::User(UserId(Uuid::from_u128(7))), ..entry(3, 3) };
    for entry in [&bare, &full, &person] {
        log.record(workspace(1), entry, NEVER).await.expect("written");
    }
    let found = log.entries(workspace(1), Moment(0), None, 10).await.expect("read");
    assert_eq!(found, [person, full, bare]);
}

pub async fn the_newest_entries_come_first_and_reading_continues_after_any_of_them(log: &dyn ActivityLog) {
    // Two moments with three entries each.
    let mut all: Vec<Entry> = (0..6_u128).map(|n| entry(1_000 + i64::from(n as u32 / 3), 10 + n)).collect();
    for entry in &all {
        log.record(workspace(1), entry, NEVER).await.expect("written");
    }
    all.reverse();
    let read =
        async |since: i64, before, limit| log.entries(workspace(1), Moment(since), before, limit).await.expect("read");
    assert_eq!(read(0, None, 4).await, all[..4]);
    for (position, last) in all.iter().enumerate() {
        assert_eq!(read(0, Some((last.at, Some(last.id))), 10).await, all[position + 1..], "behind {position}");
    }
    assert_eq!(read(0, Some((Moment(1_001), None)), 10).await, all[3..], "a moment without an id: older entries only");
    assert_eq!(read(1_001, None, 10).await, all[..3], "from that moment on");
    assert!(read(1_002, None, 10).await.is_empty());
    assert!(read(1_001, Some((Moment(1_000), None)), 10).await.is_empty(), "a range that ends before it begins");
}

pub async fn an_entry_that_is_written_again_is_stored_once(log: &dyn ActivityLog) {
    for _ in 0..2 {
        log.record(workspace(1), &entry(1, 1), NEVER).await.expect("written");
    }
    assert_eq!(log.entries(workspace(1), Moment(0), None, 10).await.expect("read"), [entry(1, 1)]);
}

pub async fn each_workspace_has_its_own_entries(log: &dyn ActivityLog) {
    log.record(workspace(1), &entry(1, 1), NEVER).await.expect("written");
    assert!(log.entries(workspace(2), Moment(0), None, 10).await.expect("read").is_empty());
}
