//! Crashes inside every port call of a story (with `--all-points` also before and after), one per run; then pairs of
//! crashes.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use pinbridge_shared::domain::pacing::pace::Pace;

use crate::endpoint::GrantFaults;
use crate::faults::Faults;
use crate::gate::{CRASHES, Crash};
use crate::oracle::{Outcome, Wrong};
use crate::plan::Plan;
use crate::report::in_parallel;
use crate::subscribers;
use crate::world;

/// Number of stories, each with its own seed. Together they run every flow. The last one has webhooks.
const STORIES: u64 = 3;
const PINS: usize = 7;
const AFTERMATH_MS: i64 = 3 * 60_000;
/// Until the rescuer has read the pins' recovery markers, and has sent again what lacks its events.
const WEBHOOKS_AFTERMATH_MS: i64 = 12 * 60_000;

/// A small world in which Pinterest has faults and processes die only as planned. Its pace is so slow that pins wait in
/// the queue as well as in the backlog.
fn story(number: u64, crashes: BTreeMap<u64, Crash>) -> Plan {
    let mut plan = Plan::drawn(0x5707, number);
    let mut rng = Rng::with_seed(number);
    plan.wishes.truncate(PINS);
    for (index, wish) in plan.wishes.iter_mut().enumerate() {
        (wish.account, wish.board, wish.at_ms) = (0, 0, rng.i64(0..30_000));
        if index % 4 == 3 {
            (wish.title, wish.image) = ("A twin among cranes".into(), 7);
        }
    }
    let unless_first = |probability: f64| if number == 0 { 0.0 } else { probability };
    let has_webhooks = number == STORIES - 1;
    Plan {
        accounts: 1,
        pace: Pace::new(2, 0.04),
        faults: Faults {
            lost_before_commit: unless_first(0.15),
            lost_after_commit: unless_first(0.2),
            late_commit: unless_first(0.15),
            server_error_after_commit: unless_first(0.1),
            rate_limited: unless_first(0.1),
            bare_429: unless_first(0.1),
            busy: unless_first(0.1),
            list_error: unless_first(0.1),
            commit_lateness_ms: 60_000,
            ..Faults::calm()
        },
        grants: GrantFaults::default(),
        heals_after_ms: 3 * 60_000,
        aftermath_ms: if has_webhooks { WEBHOOKS_AFTERMATH_MS } else { AFTERMATH_MS },
        crashes,
        own_writes: Vec::new(),
        bad_clocks: Vec::new(),
        lost_rows: Vec::new(),
        subscribers: if has_webhooks { subscribers::beside_a_failing_one() } else { Vec::new() },
        ..plan
    }
}

/// Prints a summary; returns whether there was no violation. `all_points`: single crashes come also before and after
/// each call; `every`: at every call, at every second one, and so on.
pub fn all(seed: u64, pairs: u64, all_points: bool, every: u64) -> bool {
    let points: &[Crash] = if all_points { &CRASHES } else { &[Crash::Inside] };
    let places = if all_points { "before, inside and after" } else { "inside" };
    let (mut calls, mut singles) = (0, 0);
    let mut wrong: Vec<String> = Vec::new();
    let mut counts = BTreeMap::new();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    for number in 0..STORIES {
        let calm = world::run(story(number, BTreeMap::new()));
        collect(&calm, &format!("story {number}"), &mut wrong);
        reached.extend(calm.coverage.keys().map(|(kind, call)| format!("{kind:?} {call}")));
        counts.insert(number, calm.calls);
        calls += calm.calls;
        // The seed decides at which call to begin.
        let planned = |run: u64| {
            let (step, point) = (run / points.len() as u64, run % points.len() as u64);
            single((step * every + seed % every) * points.len() as u64 + point, points)
        };
        let runs = 0..calm.calls / every * points.len() as u64;
        singles += runs.end;
        for (run, outcome) in in_parallel(runs, |run| world::run(story(number, planned(run)))) {
            collect(&outcome, &format!("story {number}, {:?}", planned(run)), &mut wrong);
        }
    }
    let outcomes = in_parallel(0..pairs, |index| {
        let (number, crashes) = pair(seed, index, &counts);
        (number, world::run(story(number, crashes)))
    });
    for (index, (number, outcome)) in outcomes {
        let crashes = pair(seed, index, &counts).1;
        collect(&outcome, &format!("story {number}, {crashes:?}"), &mut wrong);
    }
    println!(
        "seed {seed}: {singles} single crashes ({places} {} of {calls} port calls; {} kinds of call) and {pairs} \
         random pairs: {} violations",
        if every == 1 { "each".to_owned() } else { format!("one in {every}") },
        reached.len(),
        wrong.len()
    );
    wrong.iter().take(10).for_each(|line| println!("  {line}"));
    wrong.is_empty()
}

/// The crash of this run: a run for each of these points of each call.
fn single(run: u64, points: &[Crash]) -> BTreeMap<u64, Crash> {
    let (call, point) = (run / points.len() as u64 + 1, points[(run % points.len() as u64) as usize]);
    BTreeMap::from([(call, point)])
}

fn pair(seed: u64, index: u64, counts: &BTreeMap<u64, u64>) -> (u64, BTreeMap<u64, Crash>) {
    let mut rng = Rng::with_seed(seed ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let number = rng.u64(0..STORIES);
    let runs = counts.get(&number).copied().unwrap_or(1) * CRASHES.len() as u64;
    let mut crashes = single(rng.u64(0..runs), &CRASHES);
    crashes.extend(single(rng.u64(0..runs), &CRASHES));
    (number, crashes)
}

fn collect(outcome: &Outcome, name: &str, wrong: &mut Vec<String>) {
    for violation in &outcome.violations {
        // A crash between a call and its record loses Pinterest's rate-limit hint, so the next calls may come too
        // early.
        if violation.wrong != Wrong::Noisy {
            wrong.push(format!("{name}: {:?} {}", violation.wrong, violation.text));
        }
    }
}
