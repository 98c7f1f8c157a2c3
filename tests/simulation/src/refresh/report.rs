//! Adds up the outcomes of many worlds of token custody.

use std::collections::BTreeMap;

use pinbridge_shared::domain::time::MINUTE_MS;

use super::oracle::{Ends, Violation, Wrong};
use super::world::Outcome;
use crate::endpoint::Counts;
use crate::gate::{CRASHES, Coverage};
use crate::kernel::Kind;

#[derive(Default)]
pub struct Total {
    worlds: u64,
    counts: Counts,
    ends: Ends,
    processes: u64,
    faulted: u64,
    on_demand: u64,
    connected: u64,
    disconnected: u64,
    calls: u64,
    deaths: u64,
    pub accounts: usize,
    pub coverage: Coverage,
    pub first_made: BTreeMap<(Kind, &'static str), u64>,
    violations: Vec<(u64, Violation)>,
    pub seconds: f64,
}

impl Total {
    pub fn add(&mut self, number: u64, outcome: Outcome) {
        self.worlds += 1;
        self.accounts += outcome.accounts;
        self.processes += outcome.processes;
        self.faulted += outcome.faulted;
        self.on_demand += outcome.on_demand;
        self.connected += outcome.connected;
        self.disconnected += outcome.disconnected;
        self.calls += outcome.calls;
        self.deaths += outcome.coverage.values().flat_map(|count| count.crashed).sum::<u64>();
        let (sum, one) = (&mut self.counts, outcome.counts);
        sum.asked += one.asked;
        sum.granted += one.granted;
        sum.lost += one.lost;
        sum.late += one.late;
        sum.unanswered += one.unanswered;
        sum.not_now += one.not_now;
        sum.app_refused += one.app_refused;
        sum.refused += one.refused;
        sum.mistaken += one.mistaken;
        let (sum, one) = (&mut self.ends, outcome.ends);
        sum.rightly += one.rightly;
        sum.in_window += one.in_window;
        sum.lost_in_window += one.lost_in_window;
        sum.stored_too_late += one.stored_too_late;
        sum.longest_to_give_up_ms = sum.longest_to_give_up_ms.max(one.longest_to_give_up_ms);
        self.add_aimed(number, outcome);
    }

    /// Adds the coverage and the violations of a world, but not its counts: those of a world that was run again with a
    /// planned crash count only once.
    pub fn add_aimed(&mut self, number: u64, outcome: Outcome) {
        for (call, count) in &outcome.coverage {
            self.first_made.entry(*call).or_insert(number);
            let sum = self.coverage.entry(*call).or_default();
            sum.reached += count.reached;
            CRASHES.iter().for_each(|crash| sum.crashed[*crash as usize] += count.crashed[*crash as usize]);
        }
        self.violations.extend(outcome.violations.into_iter().map(|violation| (number, violation)));
    }

    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }

    pub fn print(&self, seed: u64, days: i64) {
        let Self { counts, ends, .. } = self;
        println!(
            "seed {seed}: {} accounts, {days} days, {} worlds: {} refresh requests = {} granted + {} issued and the \
             answer lost + {} issued late + {} unanswered or 5xx + {} refused + {} refused by mistake + {} app refused \
             + rate limits (not now, {} including unsent requests); {:.0} s",
            self.accounts,
            self.worlds,
            counts.asked,
            counts.granted,
            counts.lost,
            counts.late,
            counts.unanswered,
            counts.refused,
            counts.mistaken,
            counts.app_refused,
            counts.not_now,
            self.seconds
        );
        println!(
            "  {} access tokens refused to publishers and readers; {} connections and {} disconnections by users; \
             {} port calls, {} crashes at them; of {} processes {} crashed, timed out or were frozen",
            self.on_demand, self.connected, self.disconnected, self.calls, self.deaths, self.processes, self.faulted
        );
        println!(
            "  given up: {} whose grant had ended (at most {} min after its access token was refused), {} in the \
             window, of {} pairs of tokens that were issued and never stored; {} of these were stored later, after \
             giving up",
            ends.rightly,
            ends.longest_to_give_up_ms / MINUTE_MS,
            ends.in_window,
            ends.lost_in_window,
            ends.stored_too_late
        );
        let count = |wrong| self.violations.iter().filter(|(_, violation)| violation.wrong == wrong).count();
        println!(
            "  given up wrongly {}, refresh tokens lost {}, concurrent requests {}, other violations {}",
            count(Wrong::GivenUp),
            count(Wrong::Lost),
            count(Wrong::Concurrent),
            self.violations.len() - count(Wrong::GivenUp) - count(Wrong::Lost) - count(Wrong::Concurrent)
        );
        let mut by_kind: BTreeMap<Wrong, Vec<&(u64, Violation)>> = BTreeMap::new();
        self.violations.iter().for_each(|found| by_kind.entry(found.1.wrong).or_default().push(found));
        for (wrong, found) in by_kind {
            println!("  {wrong:?}: {}", found.len());
            for (number, violation) in found.iter().take(3) {
                let account = violation.account;
                println!(
                    "    simulation refresh-replay --seed {seed} --world {number} --days {days} --account {account}: {}",
                    violation.text
                );
            }
        }
    }
}
