//! The rules of schedules and of release rows.

use uuid::Uuid;

use crate::domain::ids::{ImportId, KeyId, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::origin::{Actor, Origin};
use crate::domain::pin::{PinRequest, Priority};
use crate::domain::schedule::edits::Change;
use crate::domain::schedule::{RELEASE_SHARDS, ReleaseRow, Schedule};
use crate::domain::testdata;
use crate::domain::time::{DAY_MS, MINUTE_MS, Moment};
use crate::ports::{ByTime, Schedules, Write};

/// Runs every rule; the async function returns `(Arc<dyn Schedules>, guard)`.
#[macro_export]
macro_rules! schedules_contract {
    ($fresh:path) => {
        use $crate::testing::contract::schedules;
        $crate::contract_cases!($fresh;
            schedules:
            a_schedule_is_written_once,
            a_schedule_round_trips_in_every_stage_with_every_field,
            a_schedule_is_written_on_the_version_it_follows,
            of_concurrent_edits_one_wins,
            a_removed_schedule_is_not_listed_and_keeps_its_id,
            many_schedules_are_read_in_the_order_of_their_keys,
            schedules_are_listed_by_time_in_either_order,
            a_list_continues_after_its_last_schedule_and_ends_at_its_bounds,
            a_list_is_complete_when_ids_are_spread_unevenly,
            a_moved_schedule_is_listed_once_at_its_new_time,
            release_rows_are_read_earliest_first_in_every_shard,
            a_deleted_release_row_is_gone_and_others_stay,
            the_due_watermark_never_goes_back;
        );
    };
}

const NOW: Moment = Moment(1_767_225_600_000);
const RETENTION_MS: i64 = 90 * DAY_MS;

fn at(minutes: i64) -> Moment {
    NOW.plus_ms(minutes * MINUTE_MS)
}

fn schedule(number: u128, minutes: i64) -> Schedule {
    testdata::schedule(number, NOW, at(minutes))
}

async fn put(schedules: &dyn Schedules, schedule: &Schedule) {
    assert_eq!(schedules.put_schedule(schedule).await.expect("answered"), Write::Done);
}

async fn stored(schedules: &dyn Schedules, key: ScheduleKey) -> Option<Schedule> {
    schedules.schedules(&[key]).await.expect("read").remove(0)
}

fn canceled(schedule: &Schedule, nonce: &str) -> Schedule {
    let canceled = schedule.canceled(at(1), nonce.into()).expect("may be canceled");
    let by = Some(Actor::Key(KeyId(Uuid::from_u128(8))));
    let change = |minutes| Change { at: at(minutes), fields: "tw".into(), by };
    Schedule { canceled_by: by, changes: vec![change(0), Change { by: None, ..change(1) }], ..canceled }
}

pub async fn a_schedule_is_written_once(schedules: &dyn Schedules) {
    let first = schedule(1, 60);
    put(schedules, &first).await;
    assert_eq!(schedules.put_schedule(&first).await.expect("answered"), Write::Done, "a repetition of the same write");
    let other = Schedule { nonce: "another".into(), ..schedule(1, 90) };
    let answer = schedules.put_schedule(&other).await.expect("answered");
    assert_eq!(answer, Write::Conflict(Box::new(first.clone())));
    let moved = canceled(&first, "moved");
    assert_eq!(schedules.save_schedule(&moved).await.expect("answered"), Write::Done);
    assert_eq!(
        schedules.put_schedule(&first).await.expect("answered"),
        Write::Conflict(Box::new(moved)),
        "the row has changed since"
    );
}

pub async fn a_schedule_round_trips_in_every_stage_with_every_field(schedules: &dyn Schedules) {
    let full = PinRequest {
        alt_text: Some("Alt ✂".into()),
        cover_image_url: Some("https://example.com/c.jpg".into()),
        dominant_color: Some("#ABCDEF".into()),
        related_terms: Some(vec!["paper".into(), "crane".into()]),
        priority: Priority::Bulk,
        publish_before: Some(Moment(86_400_000)),
        idempotency_key: "mine".into(),
        ..testdata::request("")
    };
    let bare = PinRequest { description: None, link_url: None, ..testdata::request("") };
    let import = Some((ImportId(Uuid::from_u128(9)), 7));
    for (number, request, import) in [(1, full, import), (2, bare, None)] {
        let origin = Origin { import, ..Origin::default() };
        let scheduled = Schedule { request, origin, ..schedule(number, 60) };
        put(schedules, &scheduled).await;
        let released = scheduled.released(at(61), RETENTION_MS, "r".into()).expect("may be released");
        let failed = released.failed(Failure::AccountDisconnected, at(62), "f".into()).expect("may fail");
        let again = failed.retried(at(63), RETENTION_MS, "t".into()).expect("may be retried");
        let canceled = canceled(&again, "c");
        assert_eq!(stored(schedules, scheduled.key).await, Some(scheduled));
        for next in [released, failed, again, canceled] {
            assert_eq!(schedules.save_schedule(&next).await.expect("answered"), Write::Done);
            assert_eq!(stored(schedules, next.key).await, Some(next));
        }
    }
}

pub async fn a_schedule_is_written_on_the_version_it_follows(schedules: &dyn Schedules) {
    let first = schedule(1, 60);
    let (mine, theirs) = (canceled(&first, "mine"), canceled(&first, "theirs"));
    assert_eq!(schedules.save_schedule(&mine).await.expect("answered"), Write::Conflict(None), "there is no row");
    put(schedules, &first).await;
    assert_eq!(schedules.save_schedule(&mine).await.expect("answered"), Write::Done);
    assert_eq!(schedules.save_schedule(&mine).await.expect("answered"), Write::Done, "a repetition of the same write");
    let answer = schedules.save_schedule(&theirs).await.expect("answered");
    assert_eq!(answer, Write::Conflict(Some(Box::new(mine))));
}

pub async fn of_concurrent_edits_one_wins(schedules: &dyn Schedules) {
    let first = schedule(1, 60);
    put(schedules, &first).await;
    let nexts: Vec<Schedule> = (0..8).map(|index| canceled(&first, &format!("editor-{index}"))).collect();
    let saves = futures_util::future::join_all(nexts.iter().map(|next| schedules.save_schedule(next))).await;
    let won = saves.into_iter().filter(|answer| matches!(answer, Ok(Write::Done))).count();
    assert_eq!(won, 1);
}

pub async fn a_removed_schedule_is_not_listed_and_keeps_its_id(schedules: &dyn Schedules) {
    let (first, other) = (schedule(1, 60), schedule(2, 61));
    put(schedules, &first).await;
    put(schedules, &other).await;
    let next = canceled(&first, "c");
    assert_eq!(schedules.save_schedule(&next).await.expect("answered"), Write::Done);
    let removed = next.removed(at(62), "r".into()).expect("may be removed");
    assert_eq!(schedules.save_schedule(&removed).await.expect("answered"), Write::Done);
    assert_eq!(stored(schedules, first.key).await, Some(removed.clone()));
    let listed = schedules.schedules_by_time(first.key.workspace, &ByTime::default(), 10).await.expect("listed");
    assert_eq!(listed, [(other.run_at, other.key.schedule)]);
    assert_eq!(schedules.put_schedule(&first).await.expect("answered"), Write::Conflict(Box::new(removed)));
}

pub async fn many_schedules_are_read_in_the_order_of_their_keys(schedules: &dyn Schedules) {
    let all: Vec<Schedule> = (1..=120).map(|number| schedule(number, 60)).collect();
    for schedule in &all {
        put(schedules, schedule).await;
    }
    let unknown = ScheduleKey { schedule: ScheduleId(Uuid::from_u128(999)), ..all[0].key };
    let mut keys: Vec<ScheduleKey> = all.iter().rev().map(|schedule| schedule.key).collect();
    keys.insert(3, unknown);
    let read = schedules.schedules(&keys).await.expect("read");
    let mut wanted: Vec<Option<Schedule>> = all.into_iter().rev().map(Some).collect();
    wanted.insert(3, None);
    assert_eq!(read, wanted);
}

/// Writes schedules 1 to 9 at minutes 9 to 1, a tenth one at the same moment as the fifth, and one of another
/// workspace.
async fn listed(schedules: &dyn Schedules) {
    for number in 1..=9 {
        put(schedules, &schedule(number, 10 - i64::try_from(number).expect("small"))).await;
    }
    put(schedules, &schedule(10, 5)).await;
    let mut foreign = schedule(11, 5);
    foreign.key.workspace = WorkspaceId(Uuid::from_u128(0xbad));
    put(schedules, &foreign).await;
}

async fn numbers(schedules: &dyn Schedules, range: ByTime, limit: usize) -> Vec<u128> {
    let positions = schedules.schedules_by_time(testdata::workspace(), &range, limit).await.expect("listed");
    positions.into_iter().map(|(_, schedule)| schedule.0.as_u128()).collect()
}

pub async fn schedules_are_listed_by_time_in_either_order(schedules: &dyn Schedules) {
    assert_eq!(numbers(schedules, ByTime::default(), 5).await, [0; 0], "an empty workspace");
    listed(schedules).await;
    let latest = ByTime { latest_first: true, ..ByTime::default() };
    assert_eq!(numbers(schedules, ByTime::default(), 50).await, [9, 8, 7, 6, 5, 10, 4, 3, 2, 1]);
    assert_eq!(numbers(schedules, latest, 50).await, [1, 2, 3, 4, 10, 5, 6, 7, 8, 9]);
    assert_eq!(numbers(schedules, latest, 3).await, [1, 2, 3]);
    let positions = schedules.schedules_by_time(testdata::workspace(), &latest, 1).await.expect("listed");
    assert_eq!(positions, [(at(9), ScheduleId(Uuid::from_u128(1)))], "with their times");
}

pub async fn a_list_continues_after_its_last_schedule_and_ends_at_its_bounds(schedules: &dyn Schedules) {
    listed(schedules).await;
    let (since, until) = (Some(at(3)), Some(at(7)));
    let range = ByTime { since, until, ..ByTime::default() };
    assert_eq!(
        numbers(schedules, range, 50).await,
        [7, 6, 5, 10, 4],
        "the first bound is inclusive, the second exclusive"
    );
    let latest = ByTime { latest_first: true, ..range };
    assert_eq!(numbers(schedules, latest, 50).await, [4, 10, 5, 6, 7]);
    let behind = |number: u128| Some((at(5), ScheduleId(Uuid::from_u128(number))));
    assert_eq!(numbers(schedules, ByTime { after: behind(5), ..range }, 50).await, [10, 4]);
    assert_eq!(numbers(schedules, ByTime { after: behind(10), ..latest }, 2).await, [5, 6]);
    let nothing = ByTime { since: until, until: since, ..range };
    assert_eq!(numbers(schedules, nothing, 50).await, [0; 0], "a range that ends before it begins");
}

pub async fn a_list_is_complete_when_ids_are_spread_unevenly(schedules: &dyn Schedules) {
    // Ids with the same remainder are in the same shard; the second series begins later.
    let numbers = (1..=60).map(|n| (n * 64, n)).chain((1..=20).map(|n| (n * 64 + 1, 60 + n)));
    let all: Vec<Schedule> =
        numbers.map(|(number, minute)| schedule(number, i64::try_from(minute).expect("small"))).collect();
    for schedule in &all {
        put(schedules, schedule).await;
    }
    let workspace = all[0].key.workspace;
    for limit in [1, 10, 40, 79, 80, 81] {
        let first = schedules.schedules_by_time(workspace, &ByTime::default(), limit).await.expect("listed");
        let wanted: Vec<_> = all.iter().take(limit).map(|schedule| (schedule.run_at, schedule.key.schedule)).collect();
        assert_eq!(first, wanted, "the first {limit}");
        let range = ByTime { latest_first: true, ..ByTime::default() };
        let last = schedules.schedules_by_time(workspace, &range, limit).await.expect("listed");
        let wanted: Vec<_> =
            all.iter().rev().take(limit).map(|schedule| (schedule.run_at, schedule.key.schedule)).collect();
        assert_eq!(last, wanted, "the last {limit}");
    }
}

pub async fn a_moved_schedule_is_listed_once_at_its_new_time(schedules: &dyn Schedules) {
    let first = schedule(1, 60);
    put(schedules, &first).await;
    let moved = first.edited(first.request.clone(), at(90), at(1), RETENTION_MS, "e".into()).expect("may be edited");
    assert_eq!(schedules.save_schedule(&moved).await.expect("answered"), Write::Done);
    let positions = schedules.schedules_by_time(testdata::workspace(), &ByTime::default(), 9).await.expect("listed");
    assert_eq!(positions, [(at(90), first.key.schedule)]);
}

pub async fn release_rows_are_read_earliest_first_in_every_shard(schedules: &dyn Schedules) {
    let row = |number: u128, ms: i64| ReleaseRow {
        not_before: NOW.plus_ms(ms),
        key: ScheduleKey { schedule: ScheduleId(Uuid::from_u128(number)), workspace: testdata::workspace() },
        moves: 3,
    };
    let shards = u128::from(RELEASE_SHARDS);
    for number in 0..shards {
        for row in [row(number, 59_999), row(number + shards, 5), row(number, 60_000), row(number, 5)] {
            schedules.put_release_row(&row).await.expect("written");
            schedules.put_release_row(&row).await.expect("again is harmless");
        }
    }
    for (number, shard) in (0..shards).zip(0..) {
        let rows = schedules.release_rows(NOW.minute(), shard).await.expect("read");
        assert_eq!(rows, [row(number, 5), row(number + shards, 5), row(number, 59_999)], "shard {shard}");
        assert_eq!(schedules.release_rows(NOW.minute() + 1, shard).await.expect("read"), [row(number, 60_000)]);
    }
}

pub async fn a_deleted_release_row_is_gone_and_others_stay(schedules: &dyn Schedules) {
    let rows: Vec<ReleaseRow> =
        (0..60).map(|number| schedule(number * u128::from(RELEASE_SHARDS), 1).release_row()).collect();
    for row in &rows {
        schedules.put_release_row(row).await.expect("written");
    }
    schedules.delete_release_rows(&rows[..59]).await.expect("removed");
    schedules.delete_release_rows(&rows[..1]).await.expect("again is harmless");
    assert_eq!(schedules.release_rows(at(1).minute(), 0).await.expect("read"), rows[59..]);
}

pub async fn the_due_watermark_never_goes_back(schedules: &dyn Schedules) {
    assert_eq!(schedules.release_watermark().await.expect("read"), None, "before the first run");
    for (set, wanted) in [(5, 5), (9, 9), (7, 9), (10, 10)] {
        schedules.set_release_watermark(set).await.expect("answered");
        assert_eq!(schedules.release_watermark().await.expect("read"), Some(wanted), "after {set}");
    }
}
