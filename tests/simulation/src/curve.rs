//! Counts duplicates for several values of `Tq` (the quiesce period) when Pinterest commits later than `Tq` allows for.
//! The guarantee against duplicates rests on `Tq`.

use pinbridge_shared::domain::reconcile::duplicate_check::DuplicateCheck;

use crate::faults::Faults;
use crate::oracle::Wrong;
use crate::plan::Plan;
use crate::report::in_parallel;
use crate::world;

/// How long after the client gave up a create may commit, at most.
const LATENESS_MS: i64 = 180_000;
const TQ_S: [i64; 8] = [20, 30, 45, 60, 90, 120, 160, 200];

/// Prints a line for each `Tq`; returns whether the duplicates fall to zero.
pub fn print(seed: u64, worlds: u64) -> bool {
    println!(
        "seed {seed}: 10% of creates get no answer and commit up to {} s after the client gave up (15 s), evenly \
         distributed; {worlds} worlds for each Tq",
        LATENESS_MS / 1_000
    );
    let mut counts = Vec::new();
    for tq_s in TQ_S {
        let outcomes = in_parallel(0..worlds, |number| {
            let plan = Plan::drawn(seed, number);
            let faults =
                Faults { late_commit: 0.1, commit_lateness_ms: LATENESS_MS, commits_evenly: true, ..Faults::calm() };
            let duplicate_check = DuplicateCheck::Off;
            let subscribers = Vec::new();
            world::run(Plan { faults, quiesce_ms: Some(tq_s * 1_000), duplicate_check, subscribers, ..plan })
        });
        let (mut accepted, mut duplicates) = (0, 0);
        for outcome in outcomes.values() {
            accepted += outcome.accepted;
            duplicates += outcome.violations.iter().filter(|found| found.wrong == Wrong::Duplicate).count() as u64;
        }
        println!(
            "  Tq {tq_s:>3} s: {duplicates:>5} duplicates of {accepted} publishes ({:.3}%)",
            duplicates as f64 / accepted as f64 * 100.0
        );
        counts.push(duplicates);
    }
    // The count falls, and is zero where Tq covers Pinterest's lateness.
    counts.first() > counts.last() && counts.last() == Some(&0)
}
