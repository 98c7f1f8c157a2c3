//! Runs many worlds in parallel and adds up their outcomes.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::events::EventCounts;
use crate::gate::{CRASHES, Coverage};
use crate::kernel::Kind;
use crate::oracle::{Outcome, Violation, Wrong};
use crate::plan::Plan;
use crate::world;

/// Violations of a kind that are printed.
const SHOWN_MAX: usize = 20;

/// How many worlds run at the same time: one for each core. No result depends on it.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Progress is told each time that so many worlds have ended.
const TOLD_EVERY: u64 = 1_000;

/// Calls `work` with every number, in parallel; returns the results by number.
pub fn in_parallel<T: Send>(numbers: Range<u64>, work: impl Fn(u64) -> T + Sync) -> BTreeMap<u64, T> {
    let next = AtomicU64::new(numbers.start);
    let done: Mutex<BTreeMap<u64, T>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    let answer = work(number);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, answer);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
pub struct Total {
    pub worlds: u64,
    pub accepted: u64,
    pub published: u64,
    pub failed: BTreeMap<&'static str, u64>,
    pub adopted: u64,
    pub mixed: u64,
    pub too_late: u64,
    pub removed: u64,
    pub posts: u64,
    pub list_pages: u64,
    pub calls: u64,
    pub schedules: BTreeMap<&'static str, u64>,
    pub events: EventCounts,
    pub coverage: Coverage,
    /// The first world in which each call was made.
    pub first_made: BTreeMap<(Kind, &'static str), u64>,
    /// Each with the number of its world, in the order of the worlds.
    pub violations: Vec<(u64, Violation)>,
    pub seconds: f64,
}

impl Total {
    /// Runs worlds until they have accepted this many pins. The result doesn't depend on the number of threads: worlds
    /// that were begun after enough pins were accepted are left out. Tells on stderr how far it is, and which worlds
    /// have violations.
    pub fn of_worlds(publishes: u64, plan: impl Fn(u64) -> Plan + Sync) -> Self {
        let began = Instant::now();
        let (next, accepted, wrongs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let done: Mutex<BTreeMap<u64, Outcome>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..threads() {
                scope.spawn(|| {
                    while accepted.load(Ordering::Relaxed) < publishes {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        // The requests that left are not added up, and would fill the memory.
                        let outcome = Outcome { sent: Vec::new(), ..world::run(plan(number)) };
                        let sum = accepted.fetch_add(outcome.accepted, Ordering::Relaxed) + outcome.accepted;
                        let found = outcome.violations.len() as u64;
                        let wrong = wrongs.fetch_add(found, Ordering::Relaxed) + found;
                        if found > 0 || number % TOLD_EVERY == TOLD_EVERY - 1 {
                            let seconds = began.elapsed().as_secs();
                            eprintln!("world {number}: {sum} pins accepted, {wrong} violations, {seconds} s");
                        }
                        done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, outcome);
                    }
                });
            }
        });
        let mut total = Self::default();
        for (number, outcome) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if total.accepted >= publishes {
                break;
            }
            total.add(number, outcome);
        }
        total.seconds = began.elapsed().as_secs_f64();
        total
    }

    pub fn add(&mut self, number: u64, outcome: Outcome) {
        self.worlds += 1;
        self.accepted += outcome.accepted;
        self.published += outcome.published;
        self.adopted += outcome.adopted;
        self.mixed += outcome.mixed;
        self.too_late += outcome.too_late;
        self.removed += outcome.removed;
        self.posts += outcome.posts;
        self.list_pages += outcome.list_pages;
        self.calls += outcome.calls;
        for (code, count) in outcome.failed {
            *self.failed.entry(code).or_default() += count;
        }
        for (status, count) in outcome.schedules {
            *self.schedules.entry(status).or_default() += count;
        }
        self.events.add(outcome.events);
        self.add_coverage(number, &outcome.coverage);
        self.violations.extend(outcome.violations.into_iter().map(|violation| (number, violation)));
    }

    pub fn add_coverage(&mut self, number: u64, coverage: &Coverage) {
        for (call, count) in coverage {
            self.first_made.entry(*call).or_insert(number);
            let sum = self.coverage.entry(*call).or_default();
            sum.reached += count.reached;
            CRASHES.iter().for_each(|crash| sum.crashed[*crash as usize] += count.crashed[*crash as usize]);
        }
    }

    pub fn count(&self, wrong: Wrong) -> usize {
        self.violations.iter().filter(|(_, violation)| violation.wrong == wrong).count()
    }

    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }

    pub fn print(&self, seed: u64) {
        let failed: u64 = self.failed.values().sum();
        println!(
            "seed {seed}: {} worlds, {} publishes accepted = {} published + {failed} failed; {} creates, {} adopted, \
             {} pages of lists, {} port calls, {:.0} s",
            self.worlds,
            self.accepted,
            self.published,
            self.posts,
            self.adopted,
            self.list_pages,
            self.calls,
            self.seconds
        );
        println!("  failed: {:?}; twins with different pictures mixed up: {}", self.failed, self.mixed);
        println!("  schedules: {:?}", self.schedules);
        println!(
            "  Pins later than Tq allows for: {}; deleted by the duplicate check: {}",
            self.too_late, self.removed
        );
        let EventCounts { requests, repeats, delivered, waiting } = self.events;
        println!(
            "  events: {delivered} delivered, {waiting} waiting at the end, by {requests} requests with {repeats} \
             repeats; lost {}, invented {}, under another id {}, gaps {}, \
             held up {}",
            self.count(Wrong::Unheard),
            self.count(Wrong::Invented),
            self.count(Wrong::Renamed),
            self.count(Wrong::Gap),
            self.count(Wrong::HeldUp)
        );
        println!(
            "  duplicates {}, lost {}, stranded {}, other violations {}",
            self.count(Wrong::Duplicate),
            self.count(Wrong::Lost) + self.count(Wrong::SharedPin) + self.count(Wrong::Unaccounted),
            self.count(Wrong::Stranded),
            self.violations.len()
                - self.count(Wrong::Duplicate)
                - self.count(Wrong::Lost)
                - self.count(Wrong::SharedPin)
                - self.count(Wrong::Unaccounted)
                - self.count(Wrong::Stranded)
        );
        let mut by_kind: BTreeMap<Wrong, Vec<&(u64, Violation)>> = BTreeMap::new();
        self.violations.iter().for_each(|found| by_kind.entry(found.1.wrong).or_default().push(found));
        for (wrong, found) in by_kind {
            println!("  {wrong:?}: {}", found.len());
            for (number, violation) in found.iter().take(SHOWN_MAX) {
                println!("    world {number} (simulation replay --seed {seed} --world {number}): {}", violation.text);
            }
        }
    }
}
