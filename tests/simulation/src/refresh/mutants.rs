//! Mutation test of token custody: turns off each rule in turn, and the same worlds must detect it.

use pinbridge_shared::domain::invariants::{CustodyRule, Rules};

use super::oracle::Wrong;
use super::plan::Plan;
use super::world;
use crate::lacking::Lacking;

/// See [`Lacking::worlds_max`].
const WORLDS_MAX: u64 = 60;
const ACCOUNTS: usize = 60;
const DAYS: i64 = 90;

/// Prints a line for each rule; returns whether every mutant was detected.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each rule of token custody turned off, at most {WORLDS_MAX} worlds each");
    let run = |lacking: Option<CustodyRule>, number| {
        let rules = lacking.map_or_else(Rules::default, Rules::without_custody);
        let outcome = world::run(Plan { rules, ..Plan::drawn(seed, number, ACCOUNTS, DAYS) });
        outcome.violations.iter().map(|violation| violation.wrong).collect()
    };
    Lacking { worlds_max: WORLDS_MAX, shows, run }.all(CustodyRule::ALL)
}

/// The violations that detect a missing rule. Other violations don't count.
fn shows(rule: CustodyRule) -> &'static [Wrong] {
    match rule {
        CustodyRule::RefreshLease | CustodyRule::QuiesceAfterLoss => &[Wrong::Concurrent],
        CustodyRule::AskWithin => &[Wrong::Unannounced],
        CustodyRule::KeepTrying => &[Wrong::Lost],
        CustodyRule::KeptBeforeUse => &[Wrong::Unstored],
        CustodyRule::AdoptPending => &[Wrong::GivenUp, Wrong::Stranded],
        CustodyRule::PromoteIfCurrent => &[Wrong::Overwritten],
        CustodyRule::RefusalConfirmed | CustodyRule::AccessAsked => &[Wrong::GivenUp],
        CustodyRule::RowFence => &[Wrong::GivenUp, Wrong::Stranded],
    }
}
