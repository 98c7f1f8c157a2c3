//! Mutation test of the protocol: turns off each invariant in turn, and the same worlds must detect it.

use crate::invariants::Invariant;
use crate::lacking::Comparison;
use crate::oracle::Wrong;
use crate::plan::Plan;
use crate::world;

/// See [`Comparison::worlds_max`].
pub const WORLDS_MAX: u64 = 400;

/// Prints a line for each invariant; returns whether every mutant was detected.
pub fn all(seed: u64) -> bool {
    println!("seed {seed}: each invariant turned off, at most {WORLDS_MAX} worlds each");
    let run = |lacking: Option<Invariant>, number| {
        let outcome = world::run(Plan { lacking, ..Plan::drawn(seed, number) });
        outcome.violations.iter().map(|violation| violation.wrong).collect()
    };
    Comparison { worlds_max: WORLDS_MAX, shows, run }.all(Invariant::ALL)
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
        Invariant::AnotherPinTries | Invariant::RefusedAlone => &[Wrong::Convoy],
    }
}
