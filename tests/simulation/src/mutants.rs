//! Mutation test of the protocol: turns off each rule in turn, and the same worlds must detect it.

use pinbridge_shared::domain::invariants::{Rule, Rules};

use crate::lacking::Lacking;
use crate::oracle::Wrong;
use crate::plan::Plan;
use crate::world;

/// See [`Lacking::worlds_max`].
pub const WORLDS_MAX: u64 = 400;

/// Prints a line for each rule; returns whether every mutant was detected.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each rule turned off, at most {WORLDS_MAX} worlds each");
    let run = |lacking: Option<Rule>, number| {
        let rules = lacking.map_or_else(Rules::default, Rules::without);
        let outcome = world::run(Plan { rules, ..Plan::drawn(seed, number) });
        outcome.violations.iter().map(|violation| violation.wrong).collect()
    };
    Lacking { worlds_max: WORLDS_MAX, shows, run }.all(Rule::ALL)
}

/// The violations that detect a missing rule. Other violations don't count.
fn shows(rule: Rule) -> &'static [Wrong] {
    match rule {
        Rule::WriteAhead | Rule::Fence | Rule::SendWithin | Rule::Quiesce | Rule::SecondScan | Rule::Reconcile => {
            &[Wrong::Duplicate]
        }
        Rule::Generation => &[Wrong::StaleGeneration],
        Rule::Nonce => &[Wrong::Abandoned],
        Rule::Ownership => &[Wrong::SharedPin, Wrong::Lost],
        Rule::TokenPerCall => &[Wrong::Noisy],
        Rule::Rescuer => &[Wrong::Stranded],
        Rule::Hidden => &[Wrong::AfterDeletion],
        Rule::RetiredMarkers => &[Wrong::Miscounted],
    }
}
