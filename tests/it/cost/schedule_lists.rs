//! What lists of schedules cost, in read units, however many a workspace holds: real rows, read through the adapter.

use std::sync::Arc;

use futures_util::StreamExt;
use pinbridge_local::aws::{LocalAws, Options};
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::pin::Placement;
use pinbridge_shared::domain::schedule::{Schedule, ScheduleStatus};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, SECOND_MS};
use pinbridge_shared::flows::schedules::list_schedules::{self, Listed, ScheduleFilter, ScheduleSort, SortBy};
use pinbridge_shared::ports::{Schedules, Write};
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::{embedded_aws, meter};

/// The most that a page of 50 may cost, in read units: what `infra/runbooks/limits.md` says.
///
/// A schedule that was released is three rows, read consistently: 3 units; a thousand keys take some 30 units.
pub const BY_TIME_MAX: f64 = 190.0;
/// What reads the schedules of a window, and their pins.
pub const WINDOW_MAX: f64 = 3_200.0;

const WRITERS: usize = 16;

/// Every schedule was handed over: the dearest to read.
async fn fill(writer: &DynamoStore, schedules: usize) {
    let writes = futures_util::stream::iter(1..=schedules).map(|number| async move {
        let run_at = START.plus_ms(number as i64 * SECOND_MS);
        let schedule: Schedule = testdata::schedule(number as u128, START, run_at);
        assert_eq!(writer.put_schedule(&schedule).await.expect("written"), Write::Done);
        let released = schedule.released(START, DAY_MS, "r".into()).expect("may be released");
        writer.save_schedule(&released).await.expect("written");
        let pin = testdata::pin_of(released.pin_request(), START, Placement::Now);
        let begun = pinbridge_shared::domain::pin::attempt::Attempt::untouched(&pin).begin(START, "a".into());
        writer.load(&[(pin, Some(begun.expect("begins")))]).await.expect("written");
    });
    writes.buffer_unordered(WRITERS).collect::<Vec<()>>().await;
}

/// The page's read units, and how many schedules it has.
async fn measure(schedules: usize) -> Vec<(&'static str, f64, f64, usize)> {
    let aws = LocalAws::start(Options::default()).await.expect("the embedded AWS starts");
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    fill(&DynamoStore::new(client.clone(), resources::TABLE), schedules).await;
    let (client, ledger) = meter::metered(&client);
    let store = DynamoStore::new(client, resources::TABLE);
    let world = TestWorld::on(Arc::new(store), 1).await;
    let status = |status| ScheduleFilter { status: Some(status), ..ScheduleFilter::default() };
    let text = |text: &str| ScheduleFilter { q: Some(text.into()), ..ScheduleFilter::default() };
    let by_title = ScheduleSort { by: SortBy::Title, descending: false };
    let asks = [
        ("page 1", Listed { limit: 50, ..Listed::default() }, BY_TIME_MAX),
        (
            "status=running",
            Listed { filter: status(ScheduleStatus::Running), limit: 50, ..Listed::default() },
            WINDOW_MAX,
        ),
        ("status=done", Listed { filter: status(ScheduleStatus::Done), limit: 50, ..Listed::default() }, WINDOW_MAX),
        ("q: nowhere", Listed { filter: text("nowhere"), limit: 50, ..Listed::default() }, WINDOW_MAX),
        ("sort=title_asc", Listed { sort: by_title, limit: 50, ..Listed::default() }, WINDOW_MAX),
    ];
    let mut measured = Vec::new();
    for (what, listed, max) in asks {
        let before = ledger.read_units();
        let page = list_schedules::page(&world.context, testdata::workspace(), &listed).await.expect("a page");
        measured.push((what, ledger.read_units() - before, max, page.schedules.len()));
    }
    measured
}

#[tokio::test]
async fn a_list_of_schedules_costs_the_same_however_many_there_are() {
    let (few, many) = (measure(1_100).await, measure(4_000).await);
    println!("{:<16} {:>15} {:>15} {:>8}", "", "1100 schedules", "4000 schedules", "at most");
    for ((what, few, max, few_found), (_, many, _, many_found)) in few.into_iter().zip(many) {
        println!("{what:<16} {few:>15.1} {many:>15.1} {max:>8.0}");
        assert!(few <= max && many <= max, "{what}: {few} and {many} units, of at most {max}");
        let wanted = if matches!(what, "status=done" | "q: nowhere") { 0 } else { 50 };
        assert!(
            many > 0.0 && few_found == wanted && many_found == wanted,
            "{what}: {few_found} and {many_found} found"
        );
        assert!(many - few <= few / 20.0, "{what} costs the same: {few} and {many}");
    }
}
