//! Crashes before, inside and after every port call of a few stories of one account, one per run; then pairs of
//! crashes.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use super::plan::{Happening, Plan};
use super::world::{self, Outcome};
use crate::endpoint::{GrantFaults, Rotation, Spell};
use crate::faults::Faults;
use crate::gate::{CRASHES, Crash};
use crate::kernel::Kind;
use crate::report::in_parallel;

type Story = (&'static str, fn(&mut Plan, &mut Rng));

const STORIES: [Story; 7] = [
    ("an ordinary refresh", |_, _| {}),
    ("staged tokens found", |plan, _| plan.target = Some((Kind::Refresher, "secrets.promote_tokens", Crash::Before))),
    ("on demand, three at once", |plan, _| {
        plan.happenings.push((DAY_MS, Happening::ForgetAccess(0)));
        plan.happenings.push((DAY_MS, Happening::Use(0, 3)));
    }),
    ("reconnected during a refresh on demand", |plan, rng| {
        plan.happenings.push((DAY_MS, Happening::ForgetAccess(0)));
        plan.happenings.push((DAY_MS + rng.i64(0..2 * SECOND_MS), Happening::Connect(0)));
    }),
    ("disconnected during a refresh on demand", |plan, rng| {
        plan.happenings.push((DAY_MS, Happening::ForgetAccess(0)));
        plan.happenings.push((DAY_MS + rng.i64(0..2 * SECOND_MS), Happening::Disconnect(0)));
    }),
    ("revoked at Pinterest", |plan, _| {
        plan.happenings.push((DAY_MS, Happening::Revoke(0)));
        plan.happenings.push((DAY_MS + HOUR_MS, Happening::Use(0, 2)));
        plan.happenings.push((DAY_MS + HOUR_MS + MINUTE_MS, Happening::Use(0, 1)));
    }),
    ("the app refused for hours", |plan, _| {
        let from = crate::world::START + DAY_MS;
        plan.grants.spells.push((from, from + HOUR_MS, Spell::AppRefused));
        plan.happenings.push((DAY_MS, Happening::ForgetAccess(0)));
    }),
];
/// Each story is run this many times, with different random numbers.
const REPETITIONS: u64 = 4;
const DAYS: i64 = 24;

fn story(number: u64, crashes: BTreeMap<u64, Crash>) -> Plan {
    let mut rng = Rng::with_seed(number);
    let mut plan = Plan {
        happenings: vec![(MINUTE_MS, Happening::Connect(0))],
        faults: Faults::calm(),
        grants: GrantFaults {
            rotation: if number.is_multiple_of(2) { Rotation::Kills } else { Rotation::KillsAll },
            one_grant_each: true,
            ..GrantFaults::default()
        },
        heals_after_ms: DAYS * DAY_MS,
        owners_return: false,
        meetings: 0.0,
        crashes,
        ..Plan::drawn(0x5707, number, 1, DAYS)
    };
    STORIES[(number % STORIES.len() as u64) as usize].1(&mut plan, &mut rng);
    plan
}

/// Prints a summary; returns whether there was no violation.
pub fn all(seed: u64, pairs: u64) -> bool {
    let mut wrong: Vec<String> = Vec::new();
    let (mut points, mut lost) = (0, 0);
    let mut counts = BTreeMap::new();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let stories = STORIES.len() as u64 * REPETITIONS;
    for number in 0..stories {
        let calm = world::run(story(number, BTreeMap::new()));
        collect(&calm, &name(number), &mut wrong);
        reached.extend(calm.coverage.keys().map(|(kind, call)| format!("{kind:?} {call}")));
        counts.insert(number, calm.calls);
        let runs = calm.calls * CRASHES.len() as u64;
        points += runs;
        for (run, outcome) in in_parallel(0..runs, |run| world::run(story(number, planned(&[run])))) {
            lost += outcome.ends.lost_in_window;
            collect(&outcome, &format!("{}, {:?}", name(number), planned(&[run])), &mut wrong);
        }
    }
    let outcomes = in_parallel(0..pairs, |index| {
        let (number, crashes) = pair(seed, index, stories, &counts);
        (number, world::run(story(number, crashes)))
    });
    for (index, (number, outcome)) in outcomes {
        let crashes = pair(seed, index, stories, &counts).1;
        collect(&outcome, &format!("{}, {crashes:?}", name(number)), &mut wrong);
    }
    println!(
        "seed {seed}: {} stories of token custody, {REPETITIONS} times each: {points} single crashes (before, inside \
         and after each of {} port calls; {} kinds of call) and {pairs} random pairs: {lost} single crashes in the \
         window, {} violations",
        STORIES.len(),
        points / CRASHES.len() as u64,
        reached.len(),
        wrong.len()
    );
    wrong.iter().take(10).for_each(|line| println!("  {line}"));
    wrong.is_empty()
}

fn name(number: u64) -> String {
    format!("story {number} ({})", STORIES[(number % STORIES.len() as u64) as usize].0)
}

/// The crashes of these runs: three runs for each call.
fn planned(runs: &[u64]) -> BTreeMap<u64, Crash> {
    runs.iter().map(|run| (run / CRASHES.len() as u64 + 1, CRASHES[(run % CRASHES.len() as u64) as usize])).collect()
}

fn pair(seed: u64, index: u64, stories: u64, counts: &BTreeMap<u64, u64>) -> (u64, BTreeMap<u64, Crash>) {
    let mut rng = Rng::with_seed(seed ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let number = rng.u64(0..stories);
    let runs = counts.get(&number).copied().unwrap_or(1) * CRASHES.len() as u64;
    (number, planned(&[rng.u64(0..runs), rng.u64(0..runs)]))
}

fn collect(outcome: &Outcome, name: &str, wrong: &mut Vec<String>) {
    for violation in &outcome.violations {
        wrong.push(format!("{name}: {:?} {}", violation.wrong, violation.text));
    }
}
