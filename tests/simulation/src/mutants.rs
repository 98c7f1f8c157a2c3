//! Mutation test of the protocol: turns off each invariant in turn, and the same worlds must detect it.

use crate::invariants::Invariant;
use crate::lacking::Comparison;
use crate::oracle::Wrong;
use crate::plan::Plan;
use crate::world;

/// See [`Comparison::worlds_max`].
pub const WORLDS_MAX: u64 = 800;
/// One of some thousand worlds detects that these are off. So the worlds of one seed serve every run.
const RARE: [Invariant; 2] = [Invariant::LeftBehind, Invariant::DroppedAnnounced];
const RARE_SEED: u64 = 1;
const RARE_WORLDS_MAX: u64 = 8_000;

/// Prints a line for each invariant; returns whether every mutant was detected.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each invariant turned off, at most {WORLDS_MAX} worlds each");
    let common: Vec<Invariant> = Invariant::ALL.into_iter().filter(|invariant| !RARE.contains(invariant)).collect();
    let are_common_caught = of_seed(seed, WORLDS_MAX, &common);
    println!("seed {RARE_SEED}: invariants that few worlds need");
    of_seed(RARE_SEED, RARE_WORLDS_MAX, &RARE) && are_common_caught
}

fn of_seed(seed: u64, worlds_max: u64, invariants: &[Invariant]) -> bool {
    let run = |lacking: Option<Invariant>, number| {
        let outcome = world::run(Plan { lacking, ..Plan::drawn(seed, number) });
        outcome.violations.iter().map(|violation| violation.wrong).collect()
    };
    Comparison { worlds_max, tried_first, shows, run }.all(invariants)
}

/// See [`Comparison::tried_first`]: of seed 1.
fn tried_first(invariant: Invariant) -> u64 {
    match invariant {
        Invariant::Quiesce => 1,
        Invariant::SecondScan | Invariant::Ownership | Invariant::Contention | Invariant::Hidden => 2,
        Invariant::ForcedOnce | Invariant::ImageRefused => 2,
        Invariant::AnotherPinTries => 3,
        Invariant::RetiredMarkers | Invariant::ImageTries => 4,
        Invariant::OneTriesTheToken => 5,
        Invariant::AnyLimit => 6,
        // The first worlds with webhooks: with deaths, and without.
        Invariant::Outbox | Invariant::EventId => 7,
        Invariant::Isolation => 8,
        Invariant::Equivalence => 9,
        Invariant::StrayRefusal => 10,
        Invariant::BadClock => 11,
        Invariant::RefusedAlone | Invariant::SamePin => 15,
        Invariant::OwnLimits => 29,
        Invariant::FitsTheWindow | Invariant::SharedPace | Invariant::TokenPerCall => 36,
        Invariant::SendWithin => 34,
        Invariant::OwnWrites => 65,
        Invariant::EmptyRow => 266,
        // No earlier ones.
        Invariant::DroppedAnnounced => 176,
        Invariant::LeftBehind => 3228,
        _ => 0,
    }
}

/// The violations that detect a missing invariant. Other violations don't count.
fn shows(invariant: Invariant) -> &'static [Wrong] {
    match invariant {
        Invariant::WriteAhead
        | Invariant::Fence
        | Invariant::SendWithin
        | Invariant::Quiesce
        | Invariant::SecondScan
        | Invariant::Reconcile
        | Invariant::Equivalence => &[Wrong::Duplicate],
        Invariant::Generation => &[Wrong::StaleGeneration],
        Invariant::Nonce => &[Wrong::Abandoned],
        Invariant::Ownership => &[Wrong::SharedPin, Wrong::Lost],
        Invariant::LeftBehind => &[Wrong::Lost],
        Invariant::TokenPerCall => &[Wrong::Noisy],
        Invariant::FitsTheWindow | Invariant::OwnWrites | Invariant::SharedPace => &[Wrong::Throttled],
        Invariant::EmptyRow => &[Wrong::Noisy, Wrong::Throttled],
        Invariant::Contention => &[Wrong::Misled],
        Invariant::Rescuer => &[Wrong::Stranded],
        Invariant::Hidden => &[Wrong::AfterDeletion],
        Invariant::RetiredMarkers | Invariant::RetriesAnnounced => &[Wrong::Miscounted],
        Invariant::ForcedOnce => &[Wrong::Rotated, Wrong::Hammered],
        Invariant::HoldExplained => &[Wrong::Unexplained],
        Invariant::AnyLimit | Invariant::ReadLimits | Invariant::OwnLimits => &[Wrong::Heedless],
        Invariant::ImageTries => &[Wrong::Endless],
        Invariant::ImageRefused => &[Wrong::Untrue],
        Invariant::PublishBefore => &[Wrong::TooLate],
        Invariant::PresentState | Invariant::HeldWithoutTime => &[Wrong::Misreported],
        Invariant::SamePin => &[Wrong::Replaced],
        Invariant::BadClock => &[Wrong::Becalmed],
        Invariant::StrayRefusal | Invariant::ObjectRefusal => &[Wrong::Hasty],
        Invariant::OneTriesTheToken => &[Wrong::Unheld],
        Invariant::AnotherPinTries | Invariant::RefusedAlone => &[Wrong::Convoy],
        Invariant::Outbox | Invariant::DroppedAnnounced => &[Wrong::Unheard],
        Invariant::EventId => &[Wrong::Renamed],
        Invariant::Isolation => &[Wrong::HeldUp],
    }
}
