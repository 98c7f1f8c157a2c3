//! Simulates token custody in virtual time: months of refreshes, on demand and on schedule, under fault injection.

mod crashes;
mod mutants;
mod oracle;
pub mod plan;
mod report;
mod world;

pub use crashes::all as crashes;
pub use mutants::all as mutants;

use plan::Plan;
use report::Total;

use crate::coverage::{self, Gap};
use crate::kernel::Kind;
use crate::report::in_parallel;

/// Number of accounts of a world.
const ACCOUNTS: usize = 100;
/// The functions whose calls a run must make and crash at.
const KINDS: [Kind; 1] = [Kind::Refresher];

/// Simulates this many accounts for this many days and prints a summary; returns whether there was no violation.
pub fn run(seed: u64, accounts: usize, days: i64) -> bool {
    let worlds = accounts.div_ceil(ACCOUNTS) as u64;
    let size = |number: u64| ACCOUNTS.min(accounts - number as usize * ACCOUNTS);
    let began = std::time::Instant::now();
    let mut total = Total::default();
    for (number, outcome) in in_parallel(0..worlds, |number| world::run(Plan::drawn(seed, number, size(number), days)))
    {
        total.add(number, outcome);
    }
    total.seconds = began.elapsed().as_secs_f64();
    let mut aimed = 0;
    // For each call without a random crash, a crash is planned: at the first such call in the first world that makes
    // it.
    for gap in coverage::gaps(&KINDS, &total.coverage) {
        if let Gap::Alive(target) = gap
            && let Some(number) = total.first_made.get(&(target.0, target.1)).copied()
        {
            let outcome = world::run(Plan { target: Some(target), ..Plan::drawn(seed, number, size(number), days) });
            total.add_aimed(number, outcome);
            aimed += 1;
        }
    }
    total.print(seed, days);
    let gaps = coverage::gaps(&KINDS, &total.coverage);
    println!(
        "  {} port calls found in the refresher's sources; each must be made, and crashed before, inside and after \
         ({aimed} planned crashes, in worlds of their own); gaps: {}",
        coverage::expected(&KINDS).len(),
        gaps.len()
    );
    gaps.iter().for_each(|gap| println!("    {gap:?}"));
    total.is_well() && gaps.is_empty()
}

/// Replays one world and prints everything that happens in it, or only what concerns one of its accounts.
pub fn replay(seed: u64, number: u64, days: i64, account: Option<usize>) -> bool {
    let outcome = world::run(Plan { is_traced: true, ..Plan::drawn(seed, number, ACCOUNTS, days) });
    let name = account.map(|account| [format!(" {account}:"), format!("account {account}"), format!("_{account}_")]);
    let is_shown = |line: &&String| name.as_ref().is_none_or(|names| names.iter().any(|name| line.contains(name)));
    outcome.trace.iter().filter(is_shown).for_each(|line| println!("{line}"));
    for violation in &outcome.violations {
        println!("{:?}: account {}: {}", violation.wrong, violation.account, violation.text);
    }
    outcome.violations.is_empty()
}
