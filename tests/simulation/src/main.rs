//! The publishing protocol under every fault we could think of, in virtual time.
//!
//! The functions' own entry points run over the fakes of their ports; one seed decides scheduling, clocks, jitter and
//! faults, so that a failing world replays exactly. `simulation --help` lists what it shows.

mod coverage;
mod crashes;
mod gate;
mod kernel;
mod mutants;
mod oracle;
mod plan;
mod provider;
mod report;
mod system;
mod weather;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// One world again, with everything that happens in it
    Replay {
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        world: u64,
    },
}

fn main() -> ExitCode {
    let is_well = match Arguments::parse().command {
        Command::Run { seed, publishes } => run(seed, publishes),
        Command::Mutants { seed } => mutants::all(seed),
        Command::Crashes { seed, pairs } => crashes::all(seed, pairs),
        Command::Replay { seed, world } => replay(seed, world),
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(seed: u64, publishes: u64) -> bool {
    let total = Total::of_worlds(publishes, |number| plan::Plan::drawn(seed, number));
    total.print(seed);
    let gaps = coverage::gaps(&total.coverage);
    println!(
        "  port calls of the functions, found in their sources: {}; gaps: {}",
        coverage::expected().len(),
        gaps.len()
    );
    gaps.iter().for_each(|gap| println!("    {gap}"));
    total.is_well() && gaps.is_empty()
}

fn replay(seed: u64, number: u64) -> bool {
    let outcome = world::run(plan::Plan { is_traced: true, ..plan::Plan::drawn(seed, number) });
    for line in &outcome.trace {
        println!("{line}");
    }
    for violation in &outcome.violations {
        println!("{:?}: {}", violation.wrong, violation.text);
    }
    outcome.violations.is_empty()
}
