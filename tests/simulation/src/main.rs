//! Tests the publishing protocol under fault injection, in virtual time.
//!
//! The functions' own entry points run on fakes of their ports. One seed decides scheduling, clocks, jitter and faults,
//! so that a failing world replays exactly. `simulation --help` lists the commands.

mod coverage;
mod crashes;
mod curve;
mod digest;
mod endpoint;
mod events;
mod faults;
mod gate;
mod holds;
mod invariants;
mod kernel;
mod lacking;
mod mutants;
mod oracle;
mod plan;
mod provider;
mod receivers;
mod refresh;
mod refusals;
mod report;
mod reports;
mod rollups;
mod scenarios;
mod schedule_oracle;
mod schedules;
mod subscribers;
mod system;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use coverage::Gap;
use kernel::Kind;
use report::Total;

/// A world makes and drops many small things: with this allocator that takes less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "simulation", about = "Tests the publishing protocol under fault injection, in virtual time")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs worlds with the full mix of faults, until this many publishes were accepted
    Run {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 50_000)]
        publishes: u64,
    },
    /// Turns off each invariant of the protocol in turn and checks that the same worlds detect it
    Mutants {
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Crashes a process at every port call of a few stories, then at random pairs of calls
    Crashes {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 10_000)]
        pairs: u64,
        /// Also crash before and after each call. Most of these states equal that of a crash inside a call: the effect
        /// happened, and the process did not learn of it
        #[arg(long)]
        all_points: bool,
        /// Single crashes at one in this many port calls
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        every: u64,
    },
    /// Prints a digest of everything that happens, for each seed: equal before and after a change that only moves or
    /// renames code
    Digest {
        #[arg(long, default_value_t = 4)]
        seeds: u64,
        #[arg(long, default_value_t = 100)]
        worlds: u64,
    },
    /// Counts duplicates for several values of Tq (the quiesce period) when Pinterest commits later than Tq allows for
    Curve {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 300)]
        worlds: u64,
    },
    /// Publishes 10,000 pins of 50 accounts and compares the time with the minimum that the rate limit allows
    Pacing {
        #[arg(long, default_value_t = 10_000)]
        pins: usize,
        #[arg(long, default_value_t = 50)]
        accounts: usize,
        /// Publishers at once, each with up to ten pins
        #[arg(long, default_value_t = 300)]
        publishers: usize,
    },
    /// Measures how much 100 accounts are delayed by one account with very many waiting pins, and accounts of the same
    /// Pinterest user by another of theirs
    Fairness {
        #[arg(long, default_value_t = 100_000)]
        waiting: usize,
    },
    /// Measures the delay of an urgent pin behind bulk pins of its own account
    Urgent {
        #[arg(long, default_value_t = 10_000)]
        bulk: usize,
    },
    /// Measures how late schedules start while the dispatcher keeps crashing, also 10,000 of them in one minute
    Schedules {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 100_000)]
        schedules: usize,
        #[arg(long, default_value_t = 1_000)]
        accounts: usize,
        /// Publishers at once, each with up to ten pins
        #[arg(long, default_value_t = 40)]
        publishers: usize,
        /// Number of schedules that are due in the same minute
        #[arg(long, default_value_t = 10_000)]
        spike: usize,
    },
    /// Token custody: runs months of refreshes with the full mix of faults
    Refresh {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 10_000)]
        accounts: usize,
        #[arg(long, default_value_t = 90)]
        days: i64,
    },
    /// Token custody: crashes a process at every port call of a few stories, then at random pairs of calls
    RefreshCrashes {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 10_000)]
        pairs: u64,
    },
    /// Token custody: turns off each of its invariants in turn and checks that the same worlds detect it
    RefreshMutants {
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Token custody: replays one world and prints everything that happens, or only what concerns an account
    RefreshReplay {
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        world: u64,
        #[arg(long, default_value_t = 90)]
        days: i64,
        #[arg(long)]
        account: Option<usize>,
    },
    /// Replays one world and prints everything that happens in it
    Replay {
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        world: u64,
        /// A planned crash: function, port call and point, as in `Publisher/store.take/Inside`
        #[arg(long)]
        target: Option<String>,
    },
}

fn main() -> ExitCode {
    let is_well = match Arguments::parse().command {
        Command::Run { seed, publishes } => run(seed, publishes),
        Command::Mutants { seed } => mutants::all(seed),
        Command::Crashes { seed, pairs, all_points, every } => crashes::all(seed, pairs, all_points, every),
        Command::Digest { seeds, worlds } => digest::print(seeds, worlds),
        Command::Curve { seed, worlds } => curve::print(seed, worlds),
        Command::Pacing { pins, accounts, publishers } => scenarios::pacing(pins, accounts, publishers),
        Command::Fairness { waiting } => {
            // Both, also when one fails.
            let (others, shared) = (scenarios::fairness(waiting, 100, 10), scenarios::shared(waiting.min(5_000), 60));
            others && shared
        }
        Command::Urgent { bulk } => scenarios::urgent(bulk),
        Command::Schedules { seed, schedules, accounts, publishers, spike } => {
            schedules::all(seed, schedules, accounts, publishers, spike)
        }
        Command::Refresh { seed, accounts, days } => refresh::run(seed, accounts, days),
        Command::RefreshCrashes { seed, pairs } => refresh::crashes(seed, pairs),
        Command::RefreshMutants { seed } => refresh::mutants(seed),
        Command::RefreshReplay { seed, world, days, account } => refresh::replay(seed, world, days, account),
        Command::Replay { seed, world, target } => replay(seed, world, target.as_deref()),
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The functions that a publishing world runs.
const PUBLISHING: [Kind; 6] =
    [Kind::Api, Kind::Publisher, Kind::Dispatcher, Kind::Reconciler, Kind::DeadLetters, Kind::Notifier];

fn run(seed: u64, publishes: u64) -> bool {
    let mut total = Total::of_worlds(publishes, |number| plan::Plan::drawn(seed, number));
    // For each call without a random crash, a crash is planned: at the first such call in the first world that makes
    // it.
    let aims: Vec<(gate::Target, u64)> = coverage::gaps(&PUBLISHING, &total.coverage)
        .into_iter()
        .filter_map(|gap| match gap {
            Gap::Alive(target) => Some((target, total.first_made.get(&(target.0, target.1)).copied()?)),
            _ => None,
        })
        .collect();
    let outcomes = report::in_parallel(0..aims.len() as u64, |index| {
        let (target, number) = aims[index as usize];
        world::run(plan::Plan { target: Some(target), ..plan::Plan::drawn(seed, number) })
    });
    let (aimed, mut aimed_is_well) = (aims.len(), true);
    for (((kind, call, crash), number), outcome) in aims.into_iter().zip(outcomes.into_values()) {
        for violation in &outcome.violations {
            println!(
                "simulation replay --seed {seed} --world {number} --target {kind:?}/{call}/{crash:?}: {:?} {}",
                violation.wrong, violation.text
            );
        }
        aimed_is_well &= outcome.violations.is_empty();
        total.add_coverage(number, &outcome.coverage);
    }
    total.print(seed);
    let gaps = coverage::gaps(&PUBLISHING, &total.coverage);
    println!(
        "  {} port calls found in the functions' sources; each must be made, and crashed before, inside and after \
         ({aimed} planned crashes, in worlds of their own); gaps: {}",
        coverage::expected(&PUBLISHING).len(),
        gaps.len()
    );
    gaps.iter().for_each(|gap| println!("    {gap:?}"));
    total.is_well() && aimed_is_well && gaps.is_empty()
}

fn replay(seed: u64, number: u64, target: Option<&str>) -> bool {
    let target = target.map(|text| gate::parse_target(text).unwrap_or_else(|| panic!("{text} is not a target")));
    let outcome = world::run(plan::Plan { is_traced: true, target, ..plan::Plan::drawn(seed, number) });
    for line in &outcome.trace {
        println!("{line}");
    }
    for violation in &outcome.violations {
        println!("{:?}: {}", violation.wrong, violation.text);
    }
    outcome.violations.is_empty()
}
