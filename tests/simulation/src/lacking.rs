//! Turns off each invariant in turn. The same worlds, which pass with it, must detect that it is off.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::report::{in_parallel, threads};

/// A mutation test for invariants of one kind.
pub struct Comparison<Invariant, Wrong: 'static, Run> {
    /// Maximum number of worlds for each mutant. A mutant that none of them detects counts as missed.
    pub worlds_max: u64,
    /// The violations that detect a missing invariant. Other violations don't count.
    pub shows: fn(Invariant) -> &'static [Wrong],
    /// The violations in the world with this number, with every invariant or without one.
    pub run: Run,
}

impl<Invariant, Wrong, Run> Comparison<Invariant, Wrong, Run>
where
    Invariant: Copy + Debug + Sync,
    Wrong: Copy + Debug + Ord + Send,
    Run: Fn(Option<Invariant>, u64) -> Vec<Wrong> + Sync,
{
    /// Prints a line for each invariant; returns whether every mutant was detected.
    pub fn all(&self, invariants: impl IntoIterator<Item = Invariant>) -> bool {
        let mut is_well = true;
        for invariant in invariants {
            let caught = self.first_caught(invariant);
            is_well &= caught.is_some();
            match caught {
                Some((number, found)) => println!("  without {invariant:?}: caught in world {number} as {found:?}"),
                None => println!("  without {invariant:?}: MISSED"),
            }
        }
        is_well
    }

    /// The first world that detects the missing invariant and has no violation with it, and its violations.
    fn first_caught(&self, invariant: Invariant) -> Option<(u64, BTreeMap<Wrong, usize>)> {
        let at_once = threads();
        (0..self.worlds_max).step_by(at_once).find_map(|first| {
            let worlds = in_parallel(first..self.worlds_max.min(first + at_once as u64), |number| {
                (self.run)(Some(invariant), number)
            });
            worlds.into_iter().find_map(|(number, wrongs)| {
                let mut found = BTreeMap::new();
                wrongs.into_iter().for_each(|wrong| *found.entry(wrong).or_default() += 1);
                let is_shown = (self.shows)(invariant).iter().any(|wrong| found.contains_key(wrong));
                (is_shown && (self.run)(None, number).is_empty()).then_some((number, found))
            })
        })
    }
}
