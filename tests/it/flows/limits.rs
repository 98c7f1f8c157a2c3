//! The credit of callers over many instances of the API, in virtual time: what they let pass together, and how often
//! they write.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::credit::{Allowance, BLOCKS_PER_MINUTE, Holder, Limits};
use pinbridge_shared::domain::ids::KeyId;
use pinbridge_shared::domain::tenant::login::Source;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::tenants::spend_credit::{NotAdmitted, admit, charge, standing};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::Fault;
use uuid::Uuid;

const ENVIRONMENTS: usize = 20;
const PER_MINUTE: u32 = 30_000;
const BLOCK: u64 = (PER_MINUTE / BLOCKS_PER_MINUTE) as u64;

struct Fleet {
    world: TestWorld,
    store: Arc<FakeStore>,
    environments: Vec<Context>,
    holder: Holder,
    /// When each call was let through, and what it cost.
    passed: Vec<(i64, u64)>,
    asked: usize,
}

impl Fleet {
    async fn new() -> Self {
        let (mut world, store) = TestWorld::with_store(1).await;
        let allowance = Some(Allowance { per_minute: PER_MINUTE });
        world.context.settings.limits = Limits { caller: allowance, source: allowance };
        let environment = |_| Context { purses: Arc::new(Mutex::default()), ..world.context.clone() };
        let environments = (0..ENVIRONMENTS).map(environment).collect();
        world.faults.take_calls();
        let holder = Holder::Key(KeyId(Uuid::from_u128(7)));
        Self { world, store, environments, holder, passed: Vec::new(), asked: 0 }
    }

    /// One call of that cost at that environment; whether it was let through.
    async fn call(&mut self, environment: usize, cost: u32) -> bool {
        let context = &self.environments[environment];
        self.asked += 1;
        let is_admitted = admit(context, &self.holder, false).await.is_ok();
        if is_admitted {
            charge(context, &self.holder, cost).await;
            self.passed.push((self.world.now().0, cost.into()));
        }
        is_admitted
    }

    /// Every environment calls in each of so many steps.
    async fn storm(&mut self, steps: usize, step_ms: i64, cost: impl Fn(usize) -> u32) {
        for step in 0..steps {
            for environment in 0..ENVIRONMENTS {
                self.call(environment, cost(step * ENVIRONMENTS + environment)).await;
            }
            self.world.system.advance_ms(step_ms);
        }
    }

    fn writes(&self) -> usize {
        self.world.faults.take_calls().iter().filter(|call| **call == "credits.lease").count()
    }

    /// In any window: a minute's credit, what comes back meanwhile, and one block for each environment.
    fn assert_bounded(&self) {
        for (first, (from, _)) in self.passed.iter().enumerate() {
            let mut spent = 0;
            for (to, cost) in &self.passed[first..] {
                spent += cost;
                let allowed = u64::from(PER_MINUTE) + u64::from(PER_MINUTE) * (to - from) as u64 / 60_000;
                let most = allowed + ENVIRONMENTS as u64 * BLOCK;
                assert!(spent <= most, "{spent} credits in {} ms, at most {most}", to - from);
            }
        }
    }
}

#[tokio::test]
async fn twenty_environments_overshoot_by_less_than_a_block_each() {
    for cost in [20, 50, 155, 1_000] {
        let mut fleet = Fleet::new().await;
        fleet.storm(300, 100, |_| cost).await;
        let passed: u64 = fleet.passed.iter().map(|(_, cost)| cost).sum();
        // Half a minute: what was there, and half as much again.
        assert!(
            passed >= 40_000 && fleet.passed.len() < fleet.asked,
            "{cost}: {passed} credits, and some were refused"
        );
        fleet.assert_bounded();
    }
}

#[tokio::test]
async fn an_environment_that_kept_a_block_for_an_hour_brings_no_second_minute_of_credit() {
    let mut fleet = Fleet::new().await;
    // Each environment takes a block and keeps most of it.
    fleet.storm(2, 10, |_| 100).await;
    for _ in 0..3 {
        fleet.world.system.advance_ms(HOUR_MS);
        let before = fleet.passed.len();
        fleet.storm(100, 10, |n| if n % 3 == 0 { 1_000 } else { 20 }).await;
        assert!(fleet.passed.len() > before);
    }
    fleet.assert_bounded();
}

/// A name, the cost of a call by its number, the time between calls, and how many there are.
type Mix = (&'static str, fn(usize) -> u32, i64, usize);

#[tokio::test]
async fn a_request_costs_less_than_a_tenth_of_a_write_unit() {
    // Ordinary calls; lists; every tenth call asks Pinterest; and a caller who calls once a minute at any environment.
    let mixes: [Mix; 4] = [
        ("reads", |_| 5, 500, 400),
        ("lists", |_| 50, 5_000, 200),
        ("boards", |n| if n % 10 == 0 { 155 } else { 5 }, 2_000, 300),
        ("now and then", |_| 5, 20 * MINUTE_MS, 60),
    ];
    for (name, cost, step_ms, steps) in mixes {
        let mut fleet = Fleet::new().await;
        fleet.storm(steps, step_ms, cost).await;
        let (writes, asked) = (fleet.writes(), fleet.asked);
        // When twenty instances take their first block in the same moment, the bucket is empty for some seconds.
        let refused = asked - fleet.passed.len();
        assert!(refused * 100 <= asked, "{name}: {refused} of {asked} were refused");
        println!("{name}: {writes} writes for {asked} requests");
        assert!(writes * 10 <= asked, "{name}: {writes} writes for {asked} requests");
    }
}

#[tokio::test]
async fn a_refused_caller_who_goes_on_costs_no_writes() {
    let mut fleet = Fleet::new().await;
    fleet.storm(40, 0, |_| 200).await;
    fleet.writes();
    let asked = fleet.asked;
    fleet.storm(100, 0, |_| 200).await;
    assert_eq!((fleet.writes(), fleet.asked), (0, asked + 2_000));
    // It gets what comes back, and no more.
    let (before, from) = (fleet.passed.len(), fleet.world.now());
    fleet.storm(60, SECOND_MS, |_| 200).await;
    let credits: u64 = fleet.passed[before..].iter().map(|(_, cost)| cost).sum();
    let seconds = fleet.world.now().since_ms(from) / SECOND_MS;
    assert!(credits > 0 && credits <= u64::from(PER_MINUTE) * seconds as u64 / 60 + ENVIRONMENTS as u64 * BLOCK);
    fleet.assert_bounded();
}

#[tokio::test]
async fn without_the_row_publishing_passes_and_the_rest_passes_for_a_block() {
    let fleet = Fleet::new().await;
    let (context, holder) = (&fleet.environments[0], &fleet.holder);
    let (mut reads, mut hit) = (0, 0);
    for _ in 0..40 {
        // Every lease fails, whatever it was about to do.
        fleet.world.faults.plan("credits.lease", 1, if hit % 2 == 0 { Fault::FailBefore } else { Fault::FailAfter });
        hit += 1;
        match admit(context, holder, false).await {
            Ok(()) => {
                charge(context, holder, 100).await;
                reads += 1;
            }
            Err(NotAdmitted::RowUnreachable) => {}
            Err(other) => panic!("{other}"),
        }
        assert!(admit(context, holder, true).await.is_ok(), "publishing passes");
        fleet.world.system.advance_ms(1_500);
        fleet.world.faults.heal();
    }
    assert!((1..=17).contains(&reads), "the grace, and a block: {reads} calls of 100 credits");
    fleet.world.system.advance_ms(MINUTE_MS);
    assert!(admit(context, holder, false).await.is_ok(), "the row answers again");
}

/// One of them asks the row, and the others wait for its answer.
#[tokio::test]
async fn calls_at_the_same_moment_are_not_refused_while_one_asks_for_credit() {
    for count in [2, 8, 16] {
        let fleet = Fleet::new().await;
        let (context, holder) = (&fleet.environments[0], &fleet.holder);
        assert!(admit(context, holder, false).await.is_ok());
        fleet.world.faults.plan_any(1, Fault::FailBefore);
        // It owes more than a block, and the lease of its charge fails.
        charge(context, holder, 2_000).await;
        fleet.world.faults.heal();
        fleet.world.system.advance_ms(2 * SECOND_MS);
        fleet.world.faults.plan_any(1, Fault::Yield);
        let admitted = join_all((0..count).map(|_| admit(context, holder, false))).await;
        assert!(admitted.iter().all(Result::is_ok), "{count}: {admitted:?}");
    }
}

#[tokio::test]
async fn a_row_written_by_a_clock_that_was_ahead_is_emptied_and_not_believed() {
    for ahead_ms in [90 * SECOND_MS, HOUR_MS, 365 * DAY_MS] {
        let mut fleet = Fleet::new().await;
        fleet.store.set_credit(&fleet.holder, (fleet.world.now().0 + ahead_ms) * 1_000);
        assert!(fleet.call(0, 2_000).await, "the grace knows nothing of the row");
        assert!(!fleet.call(0, 5).await, "an empty bucket");
        // What is owed, and a block: 3,500 credits.
        fleet.world.system.advance_ms(8 * SECOND_MS);
        assert!(fleet.call(0, 5).await, "and not a year's wait: {ahead_ms}");
    }
}

#[tokio::test]
async fn credit_is_counted_by_network_and_a_network_that_was_seen_once_has_no_row() {
    let fleet = Fleet::new().await;
    let context = &fleet.environments[0];
    let holder = |ip: &str| Holder::of_source(&Source::parse(ip).expect("an address"));
    for ip in ["203.0.113.1", "2001:db8:1:2::1", "198.51.100.9"] {
        assert!(admit(context, &holder(ip), false).await.is_ok());
        charge(context, &holder(ip), 10).await;
    }
    assert!(fleet.store.credit_holders().is_empty());
    // One network with as many addresses as it likes.
    let mut refused = 0;
    for n in 0..1_000 {
        let one = holder(&format!("2001:db8:1:2:{n:x}::{n:x}"));
        match admit(context, &one, false).await {
            Ok(()) => charge(context, &one, 50).await,
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 300, "{refused}");
    assert_eq!(fleet.store.credit_holders(), [holder("2001:db8:1:2::")], "one row");
    assert!(admit(context, &holder("2001:db8:1:3::1"), false).await.is_ok(), "the next network is another one");
}

#[tokio::test]
async fn what_is_left_is_told_and_a_limit_can_be_turned_off() {
    let mut fleet = Fleet::new().await;
    let left = |fleet: &Fleet| standing(&fleet.environments[0], &fleet.holder).expect("limited").left;
    assert_eq!(left(&fleet), PER_MINUTE);
    for _ in 0..40 {
        fleet.call(0, 50).await;
    }
    let told = left(&fleet);
    assert!((PER_MINUTE - 2_150..=PER_MINUTE - 2_000).contains(&told), "{told}");
    for context in &mut fleet.environments {
        context.settings.limits = Limits { caller: None, source: None };
    }
    fleet.storm(100, 0, |_| 1_000_000).await;
    assert_eq!((fleet.passed.len(), fleet.writes() <= 2), (40 + 2_000, true));
    assert!(standing(&fleet.environments[0], &fleet.holder).is_none());
}
