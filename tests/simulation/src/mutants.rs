//! Each rule of the protocol taken away in turn: the same worlds, which pass with it, must show that it is missing.

use std::collections::BTreeMap;

use pinbridge_shared::domain::rules::{Rule, Rules};

use crate::oracle::Wrong;
use crate::plan::Plan;
use crate::report::{SIM_THREADS_MAX, in_parallel};
use crate::world;

/// A mutant that isn't caught within so many worlds counts as missed.
pub const WORLDS_MAX: u64 = 400;

/// Prints a line for each rule; answers whether every mutant was caught.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each rule taken away, at most {WORLDS_MAX} worlds each");
    let mut is_well = true;
    for rule in Rule::ALL {
        let caught = first_caught(seed, rule);
        is_well &= caught.is_some();
        match caught {
            Some((number, found)) => println!("  without {rule:?}: caught in world {number} as {found:?}"),
            None => println!("  without {rule:?}: MISSED"),
        }
    }
    is_well
}

/// What the lack of a rule must show, and nothing else counts.
fn shows(rule: Rule) -> &'static [Wrong] {
    match rule {
        Rule::WriteAhead | Rule::Fence | Rule::SendWithin | Rule::Quiesce | Rule::SecondScan | Rule::LookUp => {
            &[Wrong::Duplicate]
        }
        Rule::Generation => &[Wrong::Resurrected],
        Rule::Nonce => &[Wrong::Abandoned],
        Rule::Ownership => &[Wrong::SharedPin, Wrong::Lost],
        Rule::TokenPerCall => &[Wrong::Noisy],
        Rule::Watchdog => &[Wrong::Stranded],
    }
}

/// The first world that shows it and is well with the rule, and how.
fn first_caught(seed: u64, rule: Rule) -> Option<(u64, BTreeMap<Wrong, usize>)> {
    (0..WORLDS_MAX).step_by(SIM_THREADS_MAX).find_map(|first| {
        let outcomes = in_parallel(first..first + SIM_THREADS_MAX as u64, |number| {
            world::run(Plan { rules: Rules::without(rule), ..Plan::drawn(seed, number) })
        });
        outcomes.into_iter().find_map(|(number, outcome)| {
            let mut found = BTreeMap::new();
            outcome.violations.iter().for_each(|violation| *found.entry(violation.wrong).or_default() += 1);
            let is_shown = shows(rule).iter().any(|wrong| found.contains_key(wrong));
            (is_shown && world::run(Plan::drawn(seed, number)).violations.is_empty()).then_some((number, found))
        })
    })
}
