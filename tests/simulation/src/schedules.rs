//! Measures how late schedules start, in worlds without faults except for a dispatcher that keeps crashing; and with
//! very many schedules in one minute.

use std::collections::BTreeMap;
use std::time::Instant;

use fastrand::Rng;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::kernel::Kind;
use crate::plan::{Plan, Wish};
use crate::provider::Post;
use crate::scenarios::{calm, wish};
use crate::world::{self, START};

/// Maximum lateness at the 99th percentile, when the account has publish tokens left.
const LATE_P99_MAX_MS: i64 = SECOND_MS;
/// The requests arrive over this time; the schedules are due between the minimum and the maximum later.
const ASKED_OVER_MS: i64 = HOUR_MS;
const AHEAD_MAX_MS: i64 = 4 * HOUR_MS;
const AHEAD_MIN_MS: i64 = 10 * SECOND_MS;
/// The start of the minute in which very many schedules are due.
const SPIKE_AT_MS: i64 = 30 * MINUTE_MS;

pub fn all(seed: u64, schedules: usize, accounts: usize, publishers: usize, spike: usize) -> bool {
    let mut rng = Rng::with_seed(seed);
    let spread: Vec<Wish> = (0..schedules)
        .map(|number| {
            let at_ms = rng.i64(0..ASKED_OVER_MS);
            let run_at_ms = at_ms + rng.i64(AHEAD_MIN_MS..AHEAD_MAX_MS);
            Wish { run_at_ms: Some(run_at_ms), ..wish(number, rng.usize(0..accounts), at_ms, "normal") }
        })
        .collect();
    let plan = Plan { seed, publishers, dispatcher_dies: true, ..calm(accounts, spread) };
    let mut is_well = measure(&format!("{schedules} schedules over {accounts} accounts"), plan, Some(LATE_P99_MAX_MS));
    // Due at random times of one minute, and all at the same time.
    for (label, spread_ms) in [("in one minute", MINUTE_MS), ("at one instant", 1)] {
        let wishes: Vec<Wish> = (0..spike)
            .map(|number| {
                let run_at_ms = SPIKE_AT_MS + rng.i64(0..spread_ms);
                let at_ms = rng.i64(0..SPIKE_AT_MS / 2);
                Wish { run_at_ms: Some(run_at_ms), ..wish(number, number % accounts, at_ms, "normal") }
            })
            .collect();
        let plan = Plan { seed, publishers, dispatcher_dies: true, ..calm(accounts, wishes) };
        // If all are due at the same time, the publishers are the bottleneck; the requirement is then within the
        // minute.
        let p99_max_ms = (spread_ms == MINUTE_MS).then_some(LATE_P99_MAX_MS);
        is_well &= measure(&format!("{spike} {label} over {accounts} accounts"), plan, p99_max_ms);
    }
    is_well
}

/// Runs a world that must publish everything without a violation, and prints how late its schedules started.
fn measure(label: &str, plan: Plan, p99_max_ms: Option<i64>) -> bool {
    let began = Instant::now();
    let due: BTreeMap<String, i64> = (0..plan.wishes.len())
        .filter_map(|number| {
            let key = format!("schedule:{}:0", plan.schedule(number)?.schedule);
            Some((key, START + plan.wishes[number].run_at_ms?))
        })
        .collect();
    let publishers = plan.publishers;
    let outcome = world::run(plan);
    for violation in outcome.violations.iter().take(5) {
        println!("schedules: {:?} {}", violation.wrong, violation.text);
    }
    let late_of = |post: &&Post| due.get(&post.owner).map_or(0, |due| post.at - due);
    if let Some(latest) = outcome.sent.iter().max_by_key(late_of).filter(|post| late_of(post) >= MINUTE_MS) {
        println!("schedules: {} began {} ms after its time", latest.owner, late_of(&latest));
    }
    let mut late_ms: Vec<i64> = outcome.sent.iter().filter_map(|post| Some(post.at - due.get(&post.owner)?)).collect();
    late_ms.sort_unstable();
    let of = |share: f64| late_ms.get((late_ms.len() as f64 * share) as usize).copied().unwrap_or(i64::MAX);
    let (first, last) = (late_ms.first().copied().unwrap_or(i64::MIN), late_ms.last().copied().unwrap_or(i64::MAX));
    let dispatcher = outcome.coverage.iter().filter(|((kind, _), _)| *kind == Kind::Dispatcher);
    let (calls, crashes) = dispatcher.fold((0, 0), |(calls, crashes), (_, count)| {
        (calls + count.reached, crashes + count.crashed.iter().sum::<u64>())
    });
    println!(
        "schedules: {label}, {publishers} publishers: {} started, {} published; late by {} ms at the median, {} ms at \
         p99, {} ms at p99.9, {last} ms at most, {first} ms at least; the dispatcher crashed {crashes} times and made \
         {:.2} calls a schedule; {:.0} s",
        late_ms.len(),
        outcome.published,
        of(0.5),
        of(0.99),
        of(0.999),
        calls as f64 / due.len() as f64,
        began.elapsed().as_secs_f64()
    );
    let each_once = late_ms.len() == due.len() && outcome.published == due.len() as u64;
    outcome.violations.is_empty()
        && each_once
        && first >= 0
        && last < MINUTE_MS
        && p99_max_ms.is_none_or(|max_ms| of(0.99) < max_ms)
}
