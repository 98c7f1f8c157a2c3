//! Turns off each invariant in turn. The same worlds, which pass with it, must detect that it is off.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crate::report::{in_parallel, threads};

/// A mutation test for invariants of one kind.
pub struct Comparison<Invariant: 'static, Wrong: 'static, Run> {
    /// Maximum number of worlds for each mutant. A mutant that none of them detects counts as missed.
    pub worlds_max: u64,
    /// A world that is tried first. It detected the mutant when the table was written. It saves time; if the world
    /// doesn't detect the mutant any more, all are tried in their order.
    pub tried_first: fn(Invariant) -> u64,
    /// The violations that detect a missing invariant. Other violations don't count.
    pub shows: fn(Invariant) -> &'static [Wrong],
    /// The violations in the world with this number, with every invariant or without one.
    pub run: Run,
}

/// A world that detects a mutant, and its violations.
type Caught<Wrong> = (u64, BTreeMap<Wrong, usize>);

impl<Invariant, Wrong, Run> Comparison<Invariant, Wrong, Run>
where
    Invariant: Copy + Debug + Sync,
    Wrong: Copy + Debug + Ord + Send,
    Run: Fn(Option<Invariant>, u64) -> Vec<Wrong> + Sync,
{
    /// Prints a line for each invariant; returns whether every mutant was detected.
    pub fn all(&self, invariants: &[Invariant]) -> bool {
        let mut is_well = true;
        for (invariant, at_once) in invariants.iter().zip(self.caught_at_once(invariants)) {
            let first = (self.tried_first)(*invariant);
            let is_moved = at_once.is_none();
            let caught = at_once.or_else(|| self.first_caught(*invariant));
            is_well &= caught.is_some();
            match caught {
                Some((number, found)) if is_moved => {
                    println!(
                        "  without {invariant:?}: caught in world {number} as {found:?}, and not in world {first}"
                    );
                }
                Some((number, found)) => println!("  without {invariant:?}: caught in world {number} as {found:?}"),
                None => println!("  without {invariant:?}: MISSED"),
            }
        }
        is_well
    }

    /// What the world that is tried first shows of each mutant, if it detects it.
    fn caught_at_once(&self, invariants: &[Invariant]) -> Vec<Option<Caught<Wrong>>> {
        let numbers: Vec<u64> = invariants.iter().map(|invariant| (self.tried_first)(*invariant)).collect();
        let of_mutants = in_parallel(0..invariants.len() as u64, |index| {
            (self.run)(Some(invariants[index as usize]), numbers[index as usize])
        });
        let distinct: Vec<u64> = numbers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let is_well =
            in_parallel(0..distinct.len() as u64, |index| (self.run)(None, distinct[index as usize]).is_empty());
        let well: BTreeSet<u64> =
            is_well.into_iter().filter(|(_, it)| *it).map(|(at, _)| distinct[at as usize]).collect();
        of_mutants
            .into_iter()
            .map(|(index, wrongs)| {
                let number = numbers[index as usize];
                self.shown(invariants[index as usize], wrongs).filter(|_| well.contains(&number)).map(|it| (number, it))
            })
            .collect()
    }

    /// The first world that detects the missing invariant and has no violation with it, and its violations.
    fn first_caught(&self, invariant: Invariant) -> Option<Caught<Wrong>> {
        let at_once = threads();
        (0..self.worlds_max).step_by(at_once).find_map(|first| {
            let worlds = in_parallel(first..self.worlds_max.min(first + at_once as u64), |number| {
                (self.run)(Some(invariant), number)
            });
            worlds.into_iter().find_map(|(number, wrongs)| {
                let found = self.shown(invariant, wrongs)?;
                (self.run)(None, number).is_empty().then_some((number, found))
            })
        })
    }

    /// The violations by kind, if they detect the missing invariant.
    fn shown(&self, invariant: Invariant, wrongs: Vec<Wrong>) -> Option<BTreeMap<Wrong, usize>> {
        let mut found = BTreeMap::new();
        wrongs.into_iter().for_each(|wrong| *found.entry(wrong).or_default() += 1);
        (self.shows)(invariant).iter().any(|wrong| found.contains_key(wrong)).then_some(found)
    }
}
