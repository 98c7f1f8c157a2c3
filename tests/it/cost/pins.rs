//! The cost ledger: what the table charges per pin, through the real adapter.

use pinbridge_shared::ports::Pacing;
use std::sync::Arc;

use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::ids::{AccountId, PinKey};
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::{PinRequest, Placement};
use pinbridge_shared::domain::stats::rollup::recent::{RecentSamples, SAMPLES_PER_ROW};
use pinbridge_shared::domain::stats::rollup::{End, Sample};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::dispatch::rescue::{self, Mode};
use pinbridge_shared::flows::stats::roll_up::roll_up;
use pinbridge_shared::ports::{QueueName, System, Write};
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::embedded_aws;
use crate::support::meter::{self, Ledger};

/// What a pin may cost, in write units.
const AT_ONCE_MAX: f64 = 7.0;
const DEFERRED_MAX: f64 = 8.0;
/// What the dashboard's metrics of a burst may cost beside that and the rollup, in write units a pin.
const RECENT_MAX: f64 = 0.1;

struct Metered {
    world: TestWorld,
    ledger: Arc<Ledger>,
    unmetered: DynamoStore,
    _aws: LocalAws,
}

async fn metered() -> Metered {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::dynamodb(&aws);
    resources::create_table(&client).await.expect("the table is created");
    let unmetered = DynamoStore::new(client.clone(), resources::TABLE);
    let (client, ledger) = meter::metered(&client);
    let store = DynamoStore::new(client, resources::TABLE);
    Metered { world: TestWorld::on(Arc::new(store), 1).await, ledger, unmetered, _aws: aws }
}

/// A request of ordinary size, unlike any other.
fn request(index: usize) -> PinRequest {
    let mut request = testdata::request(&format!("order-{index:06}"));
    request.title.replace_range(..6, &format!("{index:06}"));
    request
}

/// The units of a stretch of work.
struct Spent {
    what: &'static str,
    pins: usize,
    written: f64,
    read: f64,
}

impl Metered {
    /// Reads the ledger before and after `work`.
    async fn spent<T>(&self, work: impl Future<Output = T>) -> (T, f64, f64) {
        let (written, read) = (self.ledger.write_units(), self.ledger.read_units());
        let output = work.await;
        (output, self.ledger.write_units() - written, self.ledger.read_units() - read)
    }

    async fn accept(&self, indices: std::ops::Range<usize>) -> Vec<PinKey> {
        let mut keys = Vec::new();
        for index in indices {
            keys.push(self.world.accept_request(request(index)).await);
        }
        keys
    }

    /// Works on everything that is due, without letting time pass.
    async fn publish_due(&self) {
        while self.world.run_publisher_once().await > 0 {}
    }

    async fn tick(&self) {
        self.world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    }

    /// Read without being counted.
    async fn is_waiting(&self) -> bool {
        let bucket = self.unmetered.bucket(testdata::connected_account().key).await;
        bucket.expect("readable").waiting_at.is_some()
    }

    async fn assert_published(&self, keys: &[PinKey]) {
        let read = self.world.context.store.pins(keys).await.expect("readable");
        assert!(read.iter().flatten().all(|(_, attempt)| attempt.status == Status::Published), "all are published");
    }
}

fn print(rows: &[&Spent]) {
    println!("\n{:<34} {:>5} {:>12} {:>12}", "", "pins", "written/pin", "read/pin");
    for Spent { what, pins, written, read } in rows {
        println!("{what:<34} {pins:>5} {:>12.3} {:>12.3}", written / *pins as f64, read / *pins as f64);
    }
}

impl Spent {
    fn assert_at_most(&self, limit: f64) {
        let per_pin = self.written / self.pins as f64;
        let limit = limit + RECENT_MAX;
        assert!(per_pin <= limit, "{}: {per_pin} write units a pin are more than {limit}", self.what);
        assert!(per_pin > 5.0, "{}: {per_pin} write units a pin are too few to be true", self.what);
    }
}

#[test]
fn the_pins_are_of_ordinary_size() {
    let request = request(1);
    let characters = |text: &str| text.chars().count();
    assert_eq!(characters(&request.title), 60);
    assert_eq!(request.description.as_deref().map(characters), Some(300));
    assert_eq!(request.link_url.as_deref().map(characters), Some(120));
}

#[tokio::test]
async fn a_pin_at_once_costs_at_most_seven_write_units() {
    let metered = metered().await;
    let work = async {
        let keys = metered.accept(0..20).await;
        metered.publish_due().await;
        keys
    };
    let (keys, written, read) = metered.spent(work).await;
    metered.assert_published(&keys).await;
    let spent = Spent { what: "20 at once", pins: 20, written, read };
    print(&[&spent]);
    spent.assert_at_most(AT_ONCE_MAX);
    assert_eq!(metered.ledger.failed_conditions(), 0, "nothing was in anybody's way");
}

/// 50 at once, 88 with a slot and 42 through the backlog, as one burst of 180. Each group's acceptance and publishing
/// are read off separately; what the dispatcher does meanwhile (releases, the rescuer's rounds, lease and watermark,
/// until it has cleared the account's mark and the last pin is out) is all the backlog's.
#[tokio::test]
async fn a_deferred_pin_costs_at_most_eight_write_units() {
    let metered = metered().await;
    // The very first tick catches up an hour of empty minutes; it is nobody's.
    metered.tick().await;
    let (at_once, mut w_now, mut r_now) = metered.spent(metered.accept(0..50)).await;
    let ((), written, read) = metered.spent(metered.publish_due()).await;
    (w_now, r_now) = (w_now + written, r_now + read);
    let (slotted, mut w_slot, mut r_slot) = metered.spent(metered.accept(50..138)).await;
    let (waiting, mut w_wait, mut r_wait) = metered.spent(metered.accept(138..180)).await;
    assert_placements(&metered, &at_once, &slotted, &waiting).await;

    let (mut ticks, mut ticked) = (0, START.minute());
    while metered.world.queue.next_due(QueueName::Publish).is_some() || metered.is_waiting().await {
        metered.world.system.advance_ms(SECOND_MS);
        let elapsed_ms = metered.world.now().since_ms(START);
        assert!(elapsed_ms < 10 * MINUTE_MS, "the mark is cleared in time");
        if metered.world.now().minute() > ticked {
            ticked = metered.world.now().minute();
            let ((), written, read) = metered.spent(metered.tick()).await;
            (w_wait, r_wait) = (w_wait + written, r_wait + read);
            ticks += 1;
        }
        // Until second 90 (and a publisher's wait inside it) the messages are the slotted ones', then the others'.
        let ((), written, read) = metered.spent(metered.publish_due()).await;
        if elapsed_ms < 91 * SECOND_MS {
            (w_slot, r_slot) = (w_slot + written, r_slot + read);
        } else {
            (w_wait, r_wait) = (w_wait + written, r_wait + read);
        }
    }
    for keys in [&at_once, &slotted, &waiting] {
        metered.assert_published(keys).await;
    }

    let now = Spent { what: "50 at once", pins: 50, written: w_now, read: r_now };
    let slot = Spent { what: "88 with a slot", pins: 88, written: w_slot, read: r_slot };
    let wait = Spent { what: "42 through the backlog, with ticks", pins: 42, written: w_wait, read: r_wait };
    let deferred = Spent { what: "deferred, all 130", pins: 130, written: w_slot + w_wait, read: r_slot + r_wait };
    print(&[&now, &slot, &wait, &deferred]);
    println!("{ticks} ticks");
    now.assert_at_most(AT_ONCE_MAX);
    slot.assert_at_most(DEFERRED_MAX);
    wait.assert_at_most(DEFERRED_MAX);
}

async fn assert_placements(metered: &Metered, at_once: &[PinKey], slotted: &[PinKey], waiting: &[PinKey]) {
    let placements = async |keys: &[PinKey]| {
        let read = metered.world.context.store.pins(keys).await.expect("readable");
        read.into_iter().flatten().map(|(pin, _)| pin.placement).collect::<Vec<_>>()
    };
    assert!(placements(at_once).await.iter().all(|placement| *placement == Placement::Now));
    assert!(placements(slotted).await.iter().all(|placement| matches!(placement, Placement::Slot(_))));
    assert!(placements(waiting).await.iter().all(|placement| matches!(placement, Placement::Backlog(_))));
}

/// What a pin may cost the rollup, in write units.
const ROLLUP_MAX: f64 = 0.2;
const TALLIED_MINUTES: usize = 10;

/// Ten minutes of so many pins a minute, and then until the rollup has them all: what the folds write and read, every
/// tick's look for something to fold included. The rest of the ticks is the rescuer's, and is done before on its own.
async fn tallied(per_minute: usize) -> (f64, f64) {
    let metered = metered().await;
    metered.tick().await;
    let (mut written, mut read, mut keys) = (0.0, 0.0, Vec::new());
    for minute in 0..TALLIED_MINUTES + 13 {
        if minute < TALLIED_MINUTES {
            keys.extend(metered.accept(minute * per_minute..(minute + 1) * per_minute).await);
        }
        for _ in 0..60 {
            metered.publish_due().await;
            metered.world.system.advance_ms(SECOND_MS);
        }
        let end = metered.world.system.monotonic_ms() + 50 * SECOND_MS;
        rescue::run(&metered.world.context, Mode::Tick, end).await.expect("rescued");
        let (rolled_up, w, r) = metered.spent(roll_up(&metered.world.context, end)).await;
        rolled_up.expect("folded");
        (written, read) = (written + w, read + r);
    }
    metered.assert_published(&keys).await;
    let sums = metered.world.context.rollups.sums(testdata::workspace(), 0, i64::from(u32::MAX)).await.expect("read");
    let told: u32 =
        sums.iter().flat_map(|(_, sums)| sums.0.values()).flat_map(|of| of.ended.values()).map(|e| e.published).sum();
    assert_eq!(told as usize, keys.len(), "the rollup has them all");
    let pins = keys.len();
    let what = ["60 a minute: the rollup", "12 a minute: the rollup", "1 a minute: the rollup"];
    let what = what.into_iter().find(|what| what.starts_with(&format!("{per_minute} "))).unwrap_or("the rollup");
    print(&[&Spent { what, pins, written, read }]);
    (written / pins as f64, read / pins as f64)
}

#[tokio::test]
async fn the_rollup_costs_at_most_a_fifth_of_a_write_unit_a_pin_at_sixty_a_minute() {
    let (written, _) = tallied(60).await;
    assert!(written <= ROLLUP_MAX, "{written} write units a pin are more than {ROLLUP_MAX}");
    assert!(written > 0.02, "{written} write units a pin are too few to be true");
}

#[tokio::test]
async fn the_figures_of_a_burst_cost_a_sixteenth_of_a_write_unit_a_pin() {
    let metered = metered().await;
    let pins = 3 * SAMPLES_PER_ROW;
    let keys = metered.accept(0..pins).await;
    metered.publish_due().await;
    metered.assert_published(&keys).await;
    let rollups = Arc::clone(&metered.world.context.rollups);
    let noted = rollups.recent(testdata::workspace(), Moment(0), pins).await.expect("read");
    assert_eq!(noted.len(), pins, "each in a full row");
    // The longest row: every pin of another account and hour.
    let samples = (0..SAMPLES_PER_ROW).zip(&noted).map(|(index, sample)| {
        let created_at = sample.created_at.plus_ms(index as i64 * 60 * MINUTE_MS);
        let account = AccountId(uuid::Uuid::from_u128(index as u128));
        Sample { created_at, account, end: End::Failed(created_at.plus_ms(29 * 24 * 60 * MINUTE_MS)), ..*sample }
    });
    let (at, id) = (metered.world.now(), metered.world.context.nonce());
    let row = RecentSamples { at, id, samples: samples.collect() };
    let (put, written, read) = metered.spent(rollups.put_recent(testdata::workspace(), &row)).await;
    put.expect("written");
    print(&[&Spent { what: "burst: recent outcomes", pins: SAMPLES_PER_ROW, written, read }]);
    assert!(written > 0.0 && written / SAMPLES_PER_ROW as f64 <= RECENT_MAX, "{written} write units a row");
}

#[tokio::test]
async fn the_rollup_of_few_pins_costs_more_each_and_never_much() {
    for (per_minute, most) in [(12, 0.2), (1, 1.5)] {
        let (written, _) = tallied(per_minute).await;
        assert!(written <= most, "{per_minute} a minute: {written} write units a pin");
    }
}

/// A failed condition is billed and reports no capacity, so the ledger counts it by hand.
#[tokio::test]
async fn a_failed_condition_is_counted_by_hand() {
    let metered = metered().await;
    let store = &metered.world.context.store;
    let pin = testdata::pin();
    let begun = |nonce: &str| Attempt::untouched(&pin).begin(Moment(2_000_000), nonce.into()).expect("begins");
    assert_eq!(store.save_attempt(&pin, &begun("first")).await.expect("answered"), Write::Done);
    let (written, failed) = (metered.ledger.write_units(), metered.ledger.failed_conditions());
    for _ in 0..3 {
        assert!(matches!(store.save_attempt(&pin, &begun("late")).await, Ok(Write::Conflict(_))));
    }
    assert!((metered.ledger.write_units() - written - 3.0).abs() < 1e-9, "one unit each");
    assert_eq!(metered.ledger.failed_conditions() - failed, 3);

    // The dispatcher's own refusals are no exception.
    store.set_watermark(5).await.expect("set");
    let written = metered.ledger.write_units();
    store.set_watermark(4).await.expect("answered");
    store.release_lease("nobody").await.expect("answered");
    assert!((metered.ledger.write_units() - written - 2.0).abs() < 1e-9, "the watermark's and the lease's too");
}
