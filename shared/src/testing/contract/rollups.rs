//! The rules of the rollup.

use uuid::Uuid;

use crate::domain::ids::{AccountId, PinId, WorkspaceId};
use crate::domain::stats::rollup::recent::RecentSamples;
use crate::domain::stats::rollup::{End, RollupPage, Sample, Sums};
use crate::domain::time::{HOUR_MS, Moment};
use crate::ports::{BegunGroup, Rollups};

/// Runs every rule; the async function returns `(Arc<dyn Rollups>, guard)`.
#[macro_export]
macro_rules! rollups_contract {
    ($fresh:path) => {
        use $crate::testing::contract::rollups;
        $crate::contract_cases! {
            $fresh;
            rollups:
            the_rolled_up_minute_moves_forward_only,
            a_begun_group_is_known_until_its_last_minute_is_rolled_up,
            a_page_is_written_only_onto_the_revision_that_was_read,
            an_hours_pages_come_in_order_and_are_its_own,
            sums_are_read_by_range_earliest_first,
            recent_samples_are_read_from_a_time_on_and_kept_once;
        }
    };
}

const HOUR: i64 = 490_896;

fn workspace(number: u128) -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(number))
}

fn page(hour: i64, number: u32, rev: u64) -> RollupPage {
    let created_at = Moment(hour * HOUR_MS + i64::from(number) * 1_000);
    let sample = Sample {
        pin: PinId(Uuid::from_u128(0xF0_0000 + u128::from(number))),
        account: AccountId(Uuid::from_u128(5)),
        created_at,
        rev,
        end: End::Published(created_at.plus_ms(777)),
        is_scheduled: number == 1,
    };
    let sums = (number == 0).then(|| Sums::of(&[sample]));
    RollupPage { number, rev, samples: vec![sample], sums }
}

pub async fn the_rolled_up_minute_moves_forward_only(rollups: &dyn Rollups) {
    assert_eq!(rollups.rolled_up().await.expect("read"), None);
    for (minute, then) in [(7, 7), (6, 7), (9, 9)] {
        rollups.set_rolled_up(minute).await.expect("set");
        assert_eq!(rollups.rolled_up().await.expect("read"), Some(then));
    }
}

pub async fn a_begun_group_is_known_until_its_last_minute_is_rolled_up(rollups: &dyn Rollups) {
    let group = |last, number| {
        // Every other one stopped within the listing of its workspace.
        let listed_to = (number % 2 == 0).then(|| (Moment(7_000 + number as i64), PinId(Uuid::from_u128(number))));
        BegunGroup { last, workspace: workspace(number), listed_to }
    };
    rollups.set_begun_group(&group(5, 1)).await.expect("answered");
    assert_eq!(rollups.begun_group().await.expect("read"), None, "nothing is rolled up that it could follow");
    rollups.set_rolled_up(7).await.expect("set");
    assert_eq!(rollups.begun_group().await.expect("read"), None);
    for (begun, then) in [
        (group(12, 1), Some(group(12, 1))),
        (group(12, 2), Some(group(12, 2))),
        (group(12, 3), Some(group(12, 3))),
        (group(12, 2), Some(group(12, 2))),
        // A run that stood still since then: its group was finished by others.
        (group(7, 3), Some(group(12, 2))),
    ] {
        rollups.set_begun_group(&begun).await.expect("set");
        assert_eq!(rollups.begun_group().await.expect("read"), then);
        assert_eq!(rollups.rolled_up().await.expect("read"), Some(7));
    }
    rollups.set_rolled_up(6).await.expect("answered");
    assert_eq!(rollups.begun_group().await.expect("read"), Some(group(12, 2)), "the minute doesn't move back");
    rollups.set_rolled_up(12).await.expect("set");
    assert_eq!(rollups.begun_group().await.expect("read"), None);
}

pub async fn a_page_is_written_only_onto_the_revision_that_was_read(rollups: &dyn Rollups) {
    for number in [0, 3] {
        for (rev, is_saved) in [(2, false), (1, true), (1, false), (3, false), (2, true)] {
            let saved = rollups
                .save_rollup_page(workspace(1), HOUR, &page(HOUR, number, rev))
                .await
                .expect("answered")
                .is_done();
            assert_eq!(saved, is_saved, "page {number} revision {rev}");
        }
    }
    assert_eq!(rollups.first_rollup_page(workspace(1), HOUR).await.expect("read"), Some(page(HOUR, 0, 2)));
    assert_eq!(rollups.other_rollup_pages(workspace(1), HOUR).await.expect("read"), [page(HOUR, 3, 2)]);
}

pub async fn an_hours_pages_come_in_order_and_are_its_own(rollups: &dyn Rollups) {
    for (of, hour) in [(1, HOUR), (1, HOUR + 1), (2, HOUR)] {
        for number in [12, 0, 2, 1, 1_000] {
            assert!(
                rollups
                    .save_rollup_page(workspace(of), hour, &page(hour, number, 1))
                    .await
                    .expect("answered")
                    .is_done()
            );
        }
    }
    let others = rollups.other_rollup_pages(workspace(1), HOUR).await.expect("read");
    assert_eq!(others, [1, 2, 12, 1_000].map(|number| page(HOUR, number, 1)));
    assert_eq!(rollups.first_rollup_page(workspace(3), HOUR).await.expect("read"), None);
    assert_eq!(rollups.other_rollup_pages(workspace(3), HOUR).await.expect("read"), []);
}

pub async fn sums_are_read_by_range_earliest_first(rollups: &dyn Rollups) {
    for hour in [HOUR + 2, HOUR, HOUR + 1, 99] {
        assert!(rollups.save_rollup_page(workspace(1), hour, &page(hour, 0, 1)).await.expect("answered").is_done());
    }
    assert!(rollups.save_rollup_page(workspace(2), HOUR, &page(HOUR, 0, 1)).await.expect("answered").is_done());
    // A row without sums, from a worker that died before it wrote them.
    let without = RollupPage { sums: None, ..page(HOUR + 3, 0, 1) };
    assert!(rollups.save_rollup_page(workspace(1), HOUR + 3, &without).await.expect("answered").is_done());
    for (first, last, expected) in [
        (HOUR, HOUR + 1, vec![HOUR, HOUR + 1]),
        (HOUR + 1, HOUR + 9, vec![HOUR + 1, HOUR + 2]),
        (-5, HOUR, vec![99, HOUR]),
        (HOUR + 1, HOUR, vec![]),
    ] {
        let read = rollups.sums(workspace(1), first, last).await.expect("read");
        let expected: Vec<_> = expected.into_iter().map(|hour| (hour, Sums::of(&page(hour, 0, 1).samples))).collect();
        assert_eq!(read, expected, "{first} to {last}");
    }
}

pub async fn recent_samples_are_read_from_a_time_on_and_kept_once(rollups: &dyn Rollups) {
    let sample = |number: u32| page(HOUR + i64::from(number), number, 1).samples[0];
    let row = |at: i64, id: &str, numbers: &[u32]| RecentSamples {
        at: Moment(HOUR * HOUR_MS + at),
        id: id.into(),
        samples: numbers.iter().map(|number| sample(*number)).collect(),
    };
    // The second one is written twice, as after a lost answer.
    for row in [row(5, "a", &[1, 2]), row(7, "b", &[3]), row(7, "b", &[3]), row(7, "c", &[4]), row(9, "a", &[1, 5])] {
        rollups.put_recent(workspace(1), &row).await.expect("written");
    }
    rollups.put_recent(workspace(2), &row(7, "b", &[9])).await.expect("written");
    // Rows of the rollup itself are in the same partition.
    assert!(rollups.save_rollup_page(workspace(1), HOUR, &page(HOUR, 0, 1)).await.expect("answered").is_done());
    assert!(rollups.save_rollup_page(workspace(1), HOUR, &page(HOUR, 3, 1)).await.expect("answered").is_done());
    for (of, since, rows_max, expected) in [
        (1, 0, 9, vec![1, 2, 3, 4, 1, 5]),
        (1, 7, 9, vec![3, 4, 1, 5]),
        (1, 8, 9, vec![1, 5]),
        (1, 10, 9, vec![]),
        (1, 5, 2, vec![1, 2, 3]),
        (2, 0, 9, vec![9]),
        (3, 0, 9, vec![]),
    ] {
        let since = Moment(HOUR * HOUR_MS + since);
        let read = rollups.recent(workspace(of), since, rows_max).await.expect("read");
        let expected: Vec<Sample> = expected.into_iter().map(sample).collect();
        assert_eq!(read, expected, "of {of} since {since:?}, {rows_max} rows");
    }
    let sums = rollups.sums(workspace(1), HOUR, HOUR + 9).await.expect("read");
    assert_eq!(sums.len(), 1, "recent samples are no hour's sums");
}
