//! What lists cost, in read units and time, however much a workspace holds: the same pins in the real row format and
//! index, written into the embedded DynamoDB by the adapter's own builders, read through the adapter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use pinbridge_local::aws::{Durability, LocalAws, Options};
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status, Upstream};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::filter::{PinFilter, PinSort};
use pinbridge_shared::domain::pin::{Pin, PinRequest, Placement};
use pinbridge_shared::domain::stats::rollup::{Sample, merge};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::pins::list_pins::{self, Ask, PinPage};
use pinbridge_shared::ports::Rollups;
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use crate::support::embedded_aws;
use crate::support::meter::{self, Ledger};

/// The most that a page of 50 may cost, in read units: what `infra/runbooks/limits.md` says.
///
/// A pin of a page is two rows, read consistently: 2 units. Keys take about 200 bytes, read eventually: 40 for a unit.
pub const BY_KEYS_MAX: f64 = 130.0;
/// The same at the furthest offset.
pub const DEEP_MAX: f64 = 400.0;
/// What is found by the accounts and boards in the keys.
pub const TAGGED_MAX: f64 = 500.0;
/// What waits, by a state or an error code: the rollup's hours with such pins, and the rows of 600 of them.
pub const WAITING_MAX: f64 = 2_000.0;
/// What reads the pins of a window.
pub const WINDOW_MAX: f64 = 2_100.0;

const SMALL: usize = 1_000;
const ACCOUNTS: usize = 100;
/// A few more than this are written at once.
const PINS_AT_ONCE: usize = 50;
const WRITERS: usize = 8;
/// Each page is read so often; the median of the times counts.
const TIMES: usize = 5;

fn account(index: usize) -> AccountId {
    AccountId(Uuid::from_u128(0x1000 + (index % ACCOUNTS) as u128))
}

/// Of fifty pins one has failed, one waits for a worker, one was removed on Pinterest, the rest is published.
fn pin(index: usize) -> (Pin, Option<Attempt>) {
    let mut request = PinRequest { account: account(index), ..testdata::request(&format!("pin-{index}")) };
    request.board_id = format!("10000000000000000{:02}", index % 20);
    // As long as ever, in no order.
    request.title.replace_range(..8, &format!("{:08x}", (index as u32).wrapping_mul(2_654_435_761)));
    let created_at = Moment(START.0 + index as i64 * SECOND_MS);
    let pin = testdata::pin_of(request, created_at, Placement::Now);
    let (at, answer) = (created_at.plus_ms(900), Upstream { status: Some(201), ..Upstream::default() });
    let begun = || Attempt::untouched(&pin).begin(created_at.plus_ms(200), "a".into()).expect("begins");
    let published = || begun().published(at, (781_000_000_000_000_000 + index).to_string(), &answer, &pin, "b".into());
    let attempt = match index % 50 {
        0 => Some(begun().failed(at, Failure::ImageBroken, &answer, &pin, "b".into())),
        1 => None,
        2 => Some(published().and_then(|published| published.removed(at.plus_ms(900), "c".into()))),
        _ => Some(published()),
    };
    let attempt = attempt.map(|attempt| attempt.expect("a transition"));
    (pin, attempt)
}

struct Measured {
    world: TestWorld,
    ledger: Arc<Ledger>,
    _aws: LocalAws,
}

impl Measured {
    /// A workspace of so many pins; on disk, if there are very many.
    async fn fill(pins: usize, folder: Option<&std::path::Path>) -> Self {
        let options =
            Options { data_dir: folder.map(Into::into), durability: Durability::Normal, ..Options::default() };
        let aws = LocalAws::start(options).await.expect("the embedded AWS starts");
        let client = embedded_aws::dynamodb(&aws);
        resources::create_table(&client).await.expect("the table is created");
        let writer = DynamoStore::new(client.clone(), resources::TABLE);
        let began = Instant::now();
        let chunks = futures_util::stream::iter((0..pins).step_by(PINS_AT_ONCE)).map(|first| {
            let (writer, last) = (&writer, (first + PINS_AT_ONCE).min(pins));
            async move {
                let some: Vec<_> = (first..last).map(pin).collect();
                writer.load(&some).await.expect("written");
                last
            }
        });
        let mut written = chunks.buffered(WRITERS);
        while let Some(done) = written.next().await {
            if done.is_multiple_of(50_000) {
                println!("{done} of {pins} pins written after {:.0} s", began.elapsed().as_secs_f64());
            }
        }
        Self::roll_up(&writer, pins).await;
        let (client, ledger) = meter::metered(&client);
        let store = DynamoStore::new(client, resources::TABLE);
        let world = TestWorld::on(Arc::new(store), 1).await;
        world.system.advance_to(Self::end(pins).plus_ms(HOUR_MS));
        Self { world, ledger, _aws: aws }
    }

    /// The last pin's acceptance.
    fn end(pins: usize) -> Moment {
        START.plus_ms(pins as i64 * SECOND_MS)
    }

    /// Lets the rollup have all of them.
    async fn roll_up(writer: &DynamoStore, pins: usize) {
        let mut hours: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
        for (pin, attempt) in (0..pins).map(pin) {
            let sample = Sample::of(&pin, &attempt.unwrap_or_else(|| Attempt::untouched(&pin)));
            hours.entry(sample.hour()).or_default().push(sample);
        }
        let hours = futures_util::stream::iter(hours).map(|(hour, samples)| async move {
            for page in merge(Vec::new(), &samples) {
                let saved = writer.save_rollup_page(testdata::workspace(), hour, &page).await;
                assert!(saved.expect("written").is_done());
            }
        });
        hours.buffer_unordered(WRITERS).collect::<Vec<()>>().await;
        writer.set_rolled_up(Self::end(pins).minute() + 50).await.expect("set");
    }

    /// The page, its read units and the median of its times in milliseconds.
    async fn page(&self, ask: &Ask) -> (PinPage, f64, f64) {
        let (mut times, mut last) = (Vec::new(), None);
        for _ in 0..TIMES {
            let (before, began) = (self.ledger.read_units(), Instant::now());
            let page = list_pins::page(&self.world.context, testdata::workspace(), ask).await.expect("a page");
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
            last = Some((page, self.ledger.read_units() - before));
        }
        times.sort_by(f64::total_cmp);
        let (page, units) = last.expect("read");
        (page, units, times[TIMES / 2])
    }
}

/// What is read, and what it may cost.
fn asks() -> Vec<(&'static str, Ask, f64)> {
    let ask = |filter, sort, offset| Ask { filter, sort, cursor: None, offset, limit: 50 };
    let by = |filter: PinFilter| ask(filter, PinSort::CreatedDesc, 0);
    let text = |text: &str| PinFilter { text: Some(text.into()), ..PinFilter::default() };
    let status = |status| PinFilter { status: Some(status), ..PinFilter::default() };
    let everything = PinFilter::default();
    let of_account = PinFilter { accounts: Some(vec![account(7)]), ..PinFilter::default() };
    let of_board = PinFilter { board_id: Some("1000000000000000007".into()), ..PinFilter::default() };
    vec![
        ("page 1", by(everything.clone()), BY_KEYS_MAX),
        ("page 1, oldest first", ask(everything.clone(), PinSort::CreatedAsc, 0), BY_KEYS_MAX),
        ("at offset 900", ask(everything.clone(), PinSort::CreatedDesc, 900), BY_KEYS_MAX + 20.0),
        ("at offset 10,000", ask(everything.clone(), PinSort::CreatedDesc, 10_000), DEEP_MAX),
        ("status=failed", by(status(Status::Failed)), BY_KEYS_MAX),
        ("account_id (1 of 100)", by(of_account), TAGGED_MAX),
        ("board_id (1 of 20)", by(of_board), TAGGED_MAX),
        (
            "account_id, status=failed",
            by(PinFilter { accounts: Some(vec![account(0)]), ..status(Status::Failed) }),
            TAGGED_MAX,
        ),
        ("status=published", by(status(Status::Published)), WINDOW_MAX),
        ("status=queued (1 of 50)", by(status(Status::Queued)), WAITING_MAX),
        ("removed=true (1 of 50)", by(PinFilter { removed: Some(true), ..PinFilter::default() }), WINDOW_MAX),
        ("q: in every title", by(text("PAPER")), WINDOW_MAX),
        ("q: nowhere", by(text("nowhere to be found")), WINDOW_MAX),
        ("sort=title_asc", ask(everything, PinSort::TitleAsc, 0), WINDOW_MAX),
    ]
}

/// Measures both, prints them side by side, and holds them against their bounds.
async fn compare(large: usize, folder: Option<&std::path::Path>) {
    let sizes = [Measured::fill(SMALL, None).await, Measured::fill(large, folder).await];
    println!("\n{:<28} {:>21} {:>21} {:>8}", "", format!("{SMALL} pins"), format!("{large} pins"), "at most");
    println!("{:<28} {:>10} {:>10} {:>10} {:>10} {:>8}", "", "units", "ms", "units", "ms", "units");
    for (what, ask, max) in asks() {
        let (few, few_units, few_ms) = sizes[0].page(&ask).await;
        let (many, many_units, many_ms) = sizes[1].page(&ask).await;
        println!("{what:<28} {few_units:>10.1} {few_ms:>10.1} {many_units:>10.1} {many_ms:>10.1} {max:>8.0}");
        assert!(few_units <= max && many_units <= max, "{what}: {few_units} and {many_units} units, of at most {max}");
        assert!(many_units > 0.0, "nothing was counted");
        if what.starts_with("page 1") {
            assert_eq!(few_units, many_units, "{what} costs the same");
            assert_eq!((few.pins.len(), many.pins.len()), (50, 50));
        }
        check(what, &ask, &many, large);
    }
    // By cursor it costs what page 1 costs, wherever it is.
    let (first, ..) = sizes[1].page(&asks()[0].1).await;
    let ask = Ask { cursor: first.next, limit: 50, ..Ask::default() };
    let (second, units, ms) = sizes[1].page(&ask).await;
    println!("{:<28} {:>10} {:>10} {units:>10.1} {ms:>10.1} {BY_KEYS_MAX:>8.0}", "page 2, by cursor", "", "");
    assert!(units <= BY_KEYS_MAX && second.pins[0].pin.created_at < first.pins[49].pin.created_at);
}

/// The page is what was asked for, not just cheap.
fn check(what: &str, ask: &Ask, page: &PinPage, large: usize) {
    let matches = page.pins.iter().all(|view| ask.filter.accepts(&view.pin, &view.attempt));
    // What waits is found without the others, and what has failed by its keys: they may be known to the last one.
    let may_be_known = what.starts_with("status=") && !what.contains("published") || what.contains("failed");
    assert!(matches && (page.total_is_at_least || may_be_known), "{what}");
    let indices: Vec<usize> =
        page.pins.iter().map(|view| (view.pin.created_at.since_ms(START) / SECOND_MS) as usize).collect();
    let wanted: Option<Vec<usize>> = match what {
        "page 1" => Some((0..50).map(|n| large - 1 - n).collect()),
        "page 1, oldest first" => Some((0..50).collect()),
        "at offset 900" => Some((0..50).map(|n| large - 901 - n).collect()),
        "at offset 10,000" => Some((0..50).map(|n| large - 10_001 - n).collect()),
        "status=failed" => Some((0..50).map(|n| large - 50 - n * 50).collect()),
        "account_id (1 of 100)" => Some((0..50).map(|n| large - 93 - n * 100).collect()),
        "q: nowhere" => Some(Vec::new()),
        _ => None,
    };
    // Of the thousand that one call looks through a fiftieth was removed: that page is shorter than asked for.
    let least = match what {
        "q: nowhere" => 0,
        "removed=true (1 of 50)" => 20,
        _ => 50,
    };
    assert!(indices.len() >= least, "{what}: {} found", indices.len());
    if let Some(wanted) = wanted {
        assert_eq!(indices, wanted, "{what}");
    }
}

#[tokio::test]
async fn a_list_costs_the_same_at_a_thousand_pins_and_at_eleven_thousand() {
    compare(11_000, None).await;
}

/// By hand: `tests/full listing`.
#[tokio::test]
#[ignore = "writes a million pins"]
async fn a_list_costs_the_same_at_a_thousand_pins_and_at_a_million() {
    let folder = tempfile::tempdir().expect("a folder");
    compare(1_000_000, Some(folder.path())).await;
}
