//! Each rule of token custody taken away in turn: the same worlds, which pass with it, must show that it is missing.

use std::collections::BTreeMap;

use pinbridge_shared::domain::rules::{CustodyRule, Rules};

use super::oracle::Wrong;
use super::plan::Plan;
use super::world;
use crate::report::{SIM_THREADS_MAX, in_parallel};

/// A mutant that isn't caught within so many worlds counts as missed.
const WORLDS_MAX: u64 = 60;
const ACCOUNTS: usize = 60;
const DAYS: i64 = 90;

/// Prints a line for each rule; answers whether every mutant was caught.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each rule of token custody taken away, at most {WORLDS_MAX} worlds each");
    let mut is_well = true;
    for rule in CustodyRule::ALL {
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
fn shows(rule: CustodyRule) -> &'static [Wrong] {
    match rule {
        CustodyRule::RefreshLease | CustodyRule::QuietAfterLoss => &[Wrong::Concurrent],
        CustodyRule::AskWithin => &[Wrong::Unannounced],
        CustodyRule::KeepTrying => &[Wrong::Lost],
        CustodyRule::KeptBeforeUse => &[Wrong::Unkept],
        CustodyRule::AdoptPending => &[Wrong::GivenUp, Wrong::Stranded],
        CustodyRule::PromoteIfCurrent => &[Wrong::Overwritten],
        CustodyRule::RefusalConfirmed | CustodyRule::AccessAsked => &[Wrong::GivenUp],
        CustodyRule::RowFence => &[Wrong::GivenUp, Wrong::Stranded],
    }
}

fn drawn(seed: u64, number: u64) -> Plan {
    Plan::drawn(seed, number, ACCOUNTS, DAYS)
}

/// The first world that shows it and is well with the rule, and how.
fn first_caught(seed: u64, rule: CustodyRule) -> Option<(u64, BTreeMap<Wrong, usize>)> {
    (0..WORLDS_MAX).step_by(SIM_THREADS_MAX).find_map(|first| {
        let outcomes = in_parallel(first..first + SIM_THREADS_MAX as u64, |number| {
            world::run(Plan { rules: Rules::without_custody(rule), ..drawn(seed, number) })
        });
        outcomes.into_iter().find_map(|(number, outcome)| {
            let mut found = BTreeMap::new();
            outcome.violations.iter().for_each(|violation| *found.entry(violation.wrong).or_default() += 1);
            let is_shown = shows(rule).iter().any(|wrong| found.contains_key(wrong));
            (is_shown && world::run(drawn(seed, number)).violations.is_empty()).then_some((number, found))
        })
    })
}
