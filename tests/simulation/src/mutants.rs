//! Each rule of the protocol taken away in turn: the same worlds, which pass with it, must show that it is missing.

use pinbridge_shared::domain::invariants::{Rule, Rules};

use crate::lacking::Lacking;
use crate::oracle::Wrong;
use crate::plan::Plan;
use crate::world;

/// See [`Lacking::worlds_max`].
pub const WORLDS_MAX: u64 = 400;

/// Prints a line for each rule; answers whether every mutant was caught.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each rule taken away, at most {WORLDS_MAX} worlds each");
    let run = |lacking: Option<Rule>, number| {
        let rules = lacking.map_or_else(Rules::default, Rules::without);
        let outcome = world::run(Plan { rules, ..Plan::drawn(seed, number) });
        outcome.violations.iter().map(|violation| violation.wrong).collect()
    };
    Lacking { worlds_max: WORLDS_MAX, shows, run }.all(Rule::ALL)
}

/// What the lack of a rule must show, and nothing else counts.
fn shows(rule: Rule) -> &'static [Wrong] {
    match rule {
        Rule::WriteAhead | Rule::Fence | Rule::SendWithin | Rule::Quiesce | Rule::SecondScan | Rule::Reconcile => {
            &[Wrong::Duplicate]
        }
        Rule::Generation => &[Wrong::Resurrected],
        Rule::Nonce => &[Wrong::Abandoned],
        Rule::Ownership => &[Wrong::SharedPin, Wrong::Lost],
        Rule::TokenPerCall => &[Wrong::Noisy],
        Rule::Rescuer => &[Wrong::Stranded],
        Rule::Hidden => &[Wrong::Undead],
        Rule::RetiredMarkers => &[Wrong::Miscounted],
    }
}
