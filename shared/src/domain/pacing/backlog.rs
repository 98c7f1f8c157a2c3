//! An account's backlog: its deferred pins, in the order in which they are released.

use crate::domain::ids::PinId;
use crate::domain::pin::{Pin, Priority};
use crate::domain::time::Moment;

/// A deferred pin's row in the backlog. The row owns the pin while the pin waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BacklogRow {
    pub priority: Priority,
    /// When the pin was accepted: a pin that returns to the backlog keeps its age.
    pub created_at: Moment,
    pub pin: PinId,
    /// The generation that the message of the release carries.
    pub generation: u32,
}

impl BacklogRow {
    /// The row of the pin, released under `generation`.
    pub fn of(pin: &Pin, generation: u32) -> Self {
        Self { priority: pin.request.priority, created_at: pin.created_at, pin: pin.key.pin, generation }
    }

    /// The key sorts by priority, then by the time of acceptance, then by the pin's id. Pins of one batch have the same
    /// time of acceptance, so their ids alone order them. The generation is part of the key: a pin that returns while
    /// its earlier release is still being finished gets a new row, which that release doesn't delete.
    pub fn sort_key(&self) -> String {
        format!("{}#{:013}#{}#{:06}", self.priority.rank(), self.created_at.0, self.pin, self.generation)
    }

    /// The row that [`Self::sort_key`] writes so.
    pub fn parse_sort_key(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '#');
        let priority = Priority::of_rank(parts.next()?.parse().ok()?)?;
        let created_at = Moment(parts.next()?.parse().ok()?);
        let pin = parts.next()?.parse().ok()?;
        let generation = parts.next()?.parse().ok()?;
        Some(Self { priority, created_at, pin, generation })
    }
}

/// One in this many slots of a release is reserved for lower priorities, which would otherwise never be released.
pub const RESERVED_ONE_IN: usize = 10;

/// How many of a release's `room` slots are reserved for the oldest pins of lower priority: one in ten, and at least
/// one. A release of a single slot reserves it only every tenth time (`rel` counts the releases).
pub fn reserved_slots(room: usize, rel: u64) -> usize {
    match room {
        0 => 0,
        1 => usize::from(rel % RESERVED_ONE_IN as u64 == RESERVED_ONE_IN as u64 - 1),
        _ => (room / RESERVED_ONE_IN).max(1),
    }
}

/// Merges the rows of a release, in the order of their slots. `head` has the first rows in the order of the key, one
/// per slot. Every tenth slot goes to the oldest of `lower`, rows whose priority is lower than the first row's.
pub fn with_reserved(head: Vec<BacklogRow>, mut lower: Vec<BacklogRow>, reserved: usize) -> Vec<BacklogRow> {
    let room = head.len();
    lower.sort_by_key(|row| (row.created_at, row.pin));
    lower.truncate(reserved.min(room));
    let first = head.into_iter().filter(|row| !lower.contains(row)).take(room - lower.len()).collect::<Vec<_>>();
    let mut kept = lower.into_iter();
    let mut served = Vec::with_capacity(room);
    for chunk in first.chunks(RESERVED_ONE_IN - 1) {
        served.extend_from_slice(chunk);
        if chunk.len() == RESERVED_ONE_IN - 1 {
            served.extend(kept.next());
        }
    }
    served.extend(kept);
    served
}

/// Deals a window's slots out to the accounts of one Pinterest user, in turns: whoever waits with more gets no more
/// than anybody else who still waits. `wanted` has how many rows each account has to release. Returns the account of
/// each slot, in the order of the slots.
pub fn deal(wanted: &[usize], room: usize) -> Vec<usize> {
    let mut left = wanted.to_vec();
    let mut turns = Vec::new();
    while turns.len() < room {
        let before = turns.len();
        for (account, left) in left.iter_mut().enumerate().filter(|(_, left)| **left > 0) {
            if turns.len() < room {
                *left -= 1;
                turns.push(account);
            }
        }
        if turns.len() == before {
            break;
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn slots_are_dealt_out_in_turns_and_none_is_left_while_a_pin_waits() {
        assert_eq!(deal(&[1_000, 2, 1], 6), [0, 1, 2, 0, 1, 0]);
        assert_eq!(deal(&[3], 9), [0, 0, 0]);
        assert_eq!(deal(&[0, 5, 0], 2), [1, 1]);
        assert!(deal(&[], 5).is_empty() && deal(&[4, 4], 0).is_empty());
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let wanted: Vec<usize> = (0..rng.usize(1..6)).map(|_| rng.usize(0..40)).collect();
            let room = rng.usize(0..100);
            let turns = deal(&wanted, room);
            assert_eq!(turns.len(), room.min(wanted.iter().sum()), "seed {seed}");
            let got = |account| turns.iter().filter(|turn| **turn == account).count();
            let most = (0..wanted.len()).map(got).max().unwrap_or(0);
            for (account, wanted) in wanted.iter().enumerate() {
                let is_served = got(account) == *wanted || got(account) + 1 >= most;
                assert!(is_served && got(account) <= *wanted, "seed {seed}: {account} got {}", got(account));
            }
        }
    }

    #[test]
    fn rows_and_their_keys_sort_by_priority_and_then_by_acceptance() {
        let row = |priority, created, pin| BacklogRow {
            priority,
            created_at: Moment(created),
            pin: PinId(Uuid::from_u128(pin)),
            generation: 2,
        };
        let mut rows = vec![row(Priority::Bulk, 1, 1), row(Priority::Normal, 900, 2), row(Priority::Urgent, 9_000, 3)];
        rows.push(row(Priority::Normal, 899, 4));
        let mut keys: Vec<String> = rows.iter().map(BacklogRow::sort_key).collect();
        keys.sort();
        rows.sort();
        assert_eq!(keys, rows.iter().map(BacklogRow::sort_key).collect::<Vec<_>>());
        assert_eq!(BacklogRow::parse_sort_key(&keys[0]), Some(rows[0].clone()));
    }

    fn rows(priority: Priority, created: std::ops::Range<i64>) -> Vec<BacklogRow> {
        let row = |at: i64| BacklogRow {
            priority,
            created_at: Moment(at),
            pin: PinId(Uuid::from_u128(at as u128)),
            generation: 0,
        };
        created.map(row).collect()
    }

    #[test]
    fn every_tenth_slot_goes_to_the_oldest_row_of_lower_priority() {
        let bulk = rows(Priority::Bulk, 500..503);
        let lower: Vec<BacklogRow> = rows(Priority::Normal, 501..504).into_iter().chain(bulk).collect();
        let served = with_reserved(rows(Priority::Urgent, 1_000..1_060), lower, reserved_slots(60, 0));
        assert_eq!(served.len(), 60);
        let kept: Vec<(usize, i64)> = served
            .iter()
            .enumerate()
            .filter(|(_, row)| row.priority != Priority::Urgent)
            .map(|(slot, row)| (slot, row.created_at.0))
            .collect();
        assert_eq!(kept, [(9, 500), (19, 501), (29, 501), (39, 502), (49, 502), (59, 503)], "the oldest first");
    }

    #[test]
    fn no_row_is_released_twice_and_none_is_displaced_without_need() {
        // The head already holds rows of lower priority.
        let head: Vec<BacklogRow> =
            rows(Priority::Urgent, 0..5).into_iter().chain(rows(Priority::Bulk, 10..15)).collect();
        let served = with_reserved(head.clone(), rows(Priority::Bulk, 10..11), 1);
        let mut sorted = served.clone();
        sorted.sort();
        assert_eq!(sorted, head);
        assert_eq!(with_reserved(head.clone(), Vec::new(), 1), head);
    }

    #[test]
    fn a_release_of_one_slot_reserves_it_every_tenth_time() {
        let kept: usize = (0..100).map(|rel| reserved_slots(1, rel)).sum();
        assert_eq!(kept, 10);
        assert_eq!([0, 2, 9, 19, 20].map(|room| reserved_slots(room, 0)), [0, 1, 1, 1, 2]);
    }
}
