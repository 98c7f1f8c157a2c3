//! The publishing protocol under every fault we could think of, in virtual time.
//!
//! The functions' own entry points run over the fakes of their ports; one seed decides scheduling, clocks, jitter and
//! faults, so that a failing world replays exactly. `simulation --help` lists what it shows.

mod coverage;
mod crashes;
mod curve;
mod digest;
mod endpoint;
mod gate;
mod kernel;
mod lacking;
mod mutants;
mod oracle;
mod plan;
mod provider;
mod refresh;
mod report;
mod rollups;
mod scenarios;
mod schedule_oracle;
mod schedules;
mod system;
mod weather;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use coverage::Gap;
use kernel::Kind;
use report::Total;

#[derive(Parser)]
#[command(name = "simulation", about = "The publishing protocol under faults, in virtual time")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Worlds under the full mix of faults, until so many publishes were accepted
    Run {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 50_000)]
        publishes: u64,
    },
    /// The same worlds without one rule of the protocol, for each rule
    Mutants {
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// A death at every port call of a few stories, and pairs of deaths
    Crashes {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 10_000)]
        pairs: u64,
    },
    /// One number per seed for everything that happens: equal before and after a change that only moves or renames code
    Digest {
        #[arg(long, default_value_t = 4)]
        seeds: u64,
        #[arg(long, default_value_t = 100)]
        worlds: u64,
    },
    /// Duplicates against Tq when Pinterest commits later than Tq allows for
    Curve {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 300)]
        worlds: u64,
    },
    /// 10,000 pins over 50 accounts against the limit's own floor
    Pacing {
        #[arg(long, default_value_t = 10_000)]
        pins: usize,
        #[arg(long, default_value_t = 50)]
        accounts: usize,
        /// Publishers at once, of ten pins each
        #[arg(long, default_value_t = 300)]
        publishers: usize,
    },
    /// 100 accounts beside one with very many waiting pins
    Fairness {
        #[arg(long, default_value_t = 100_000)]
        waiting: usize,
    },
    /// An urgent pin behind bulk pins of its own account
    Urgent {
        #[arg(long, default_value_t = 10_000)]
        bulk: usize,
    },
    /// How late schedules start while the dispatcher keeps dying, and 10,000 of them in one minute
    Schedules {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 100_000)]
        schedules: usize,
        #[arg(long, default_value_t = 1_000)]
        accounts: usize,
        /// Publishers at once, of ten pins each
        #[arg(long, default_value_t = 40)]
        publishers: usize,
        /// Schedules of the minute in which very many are due
        #[arg(long, default_value_t = 10_000)]
        spike: usize,
    },
    /// Token custody: months of refreshes under the full mix of faults
    Refresh {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 10_000)]
        accounts: usize,
        #[arg(long, default_value_t = 90)]
        days: i64,
    },
    /// A death at every port call of a few stories of token custody, and pairs of deaths
    RefreshCrashes {
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 10_000)]
        pairs: u64,
    },
    /// The worlds of token custody without one of its rules, for each rule
    RefreshMutants {
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// One world of token custody again, with everything that happens to an account
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
    /// One world again, with everything that happens in it
    Replay {
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        world: u64,
        /// A death that was planned: function, call and where, as in `Publisher/store.take/Inside`
        #[arg(long)]
        target: Option<String>,
    },
}

fn main() -> ExitCode {
    let is_well = match Arguments::parse().command {
        Command::Run { seed, publishes } => run(seed, publishes),
        Command::Mutants { seed } => mutants::all(seed),
        Command::Crashes { seed, pairs } => crashes::all(seed, pairs),
        Command::Digest { seeds, worlds } => digest::print(seeds, worlds),
        Command::Curve { seed, worlds } => curve::print(seed, worlds),
        Command::Pacing { pins, accounts, publishers } => scenarios::pacing(pins, accounts, publishers),
        Command::Fairness { waiting } => scenarios::fairness(waiting, 100, 10),
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
const PUBLISHING: [Kind; 5] = [Kind::Api, Kind::Publisher, Kind::Dispatcher, Kind::Reconciler, Kind::DeadLetters];

fn run(seed: u64, publishes: u64) -> bool {
    let mut total = Total::of_worlds(publishes, |number| plan::Plan::drawn(seed, number));
    // Where chance killed nothing, a death is planned: at the first such call of the first world that makes it.
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
        "  {} port calls of the functions, found in their sources, to be made and died at (before, inside and after; \
         {aimed} deaths by plan, in worlds of their own); gaps: {}",
        coverage::expected(&PUBLISHING).len(),
        gaps.len()
    );
    gaps.iter().for_each(|gap| println!("    {gap:?}"));
    total.is_well() && aimed_is_well && gaps.is_empty()
}

fn replay(seed: u64, number: u64, target: Option<&str>) -> bool {
    let target = target.map(|text| gate::parse_target(text).unwrap_or_else(|| panic!("{text} is no target")));
    let outcome = world::run(plan::Plan { is_traced: true, target, ..plan::Plan::drawn(seed, number) });
    for line in &outcome.trace {
        println!("{line}");
    }
    for violation in &outcome.violations {
        println!("{:?}: {}", violation.wrong, violation.text);
    }
    outcome.violations.is_empty()
}
