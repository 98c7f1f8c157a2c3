//! Mutation test of token custody: turns off each invariant in turn, and the same worlds must detect it.

use super::oracle::Wrong;
use super::plan::Plan;
use super::world;
use crate::invariants::CustodyInvariant;
use crate::lacking::Comparison;

/// See [`Comparison::worlds_max`].
const WORLDS_MAX: u64 = 240;
const ACCOUNTS: usize = 60;
const DAYS: i64 = 90;

/// Prints a line for each invariant; returns whether every mutant was detected.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each invariant of token custody turned off, at most {WORLDS_MAX} worlds each");
    let run = |lacking: Option<CustodyInvariant>, number| {
        let outcome = world::run(Plan { lacking, ..Plan::drawn(seed, number, ACCOUNTS, DAYS) });
        outcome.violations.iter().map(|violation| violation.wrong).collect()
    };
    Comparison { worlds_max: WORLDS_MAX, tried_first, shows, run }.all(&CustodyInvariant::ALL)
}

/// See [`Comparison::tried_first`]: of seed 1.
fn tried_first(invariant: CustodyInvariant) -> u64 {
    match invariant {
        CustodyInvariant::AskWithin | CustodyInvariant::RowFence => 1,
        CustodyInvariant::QuiesceAfterLoss => 107,
        CustodyInvariant::KeepTrying => 2,
        CustodyInvariant::AdoptPending => 7,
        CustodyInvariant::AccessAsked => 38,
        _ => 0,
    }
}

/// The violations that detect a missing invariant. Other violations don't count.
fn shows(invariant: CustodyInvariant) -> &'static [Wrong] {
    match invariant {
        CustodyInvariant::RefreshLease | CustodyInvariant::QuiesceAfterLoss => &[Wrong::Concurrent],
        CustodyInvariant::AskWithin => &[Wrong::Unannounced],
        CustodyInvariant::KeepTrying => &[Wrong::Lost],
        CustodyInvariant::KeptBeforeUse => &[Wrong::Unstored],
        CustodyInvariant::AdoptPending => &[Wrong::GivenUp, Wrong::Stranded],
        CustodyInvariant::PromoteIfCurrent => &[Wrong::Overwritten],
        CustodyInvariant::RefusalConfirmed | CustodyInvariant::AccessAsked => &[Wrong::GivenUp],
        CustodyInvariant::RowFence => &[Wrong::GivenUp, Wrong::Stranded],
    }
}
