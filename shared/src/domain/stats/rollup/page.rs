//! An hour's facts, on sheets of one write unit each: a pin that changes late costs one sheet, not the hour.
//!
//! A pin is on one sheet and stays there. New ones go onto the last sheet, then onto a further one. That two workers at once
//! never put a pin onto two sheets rests on two things: every sheet is written only if it is as it was read, and a further
//! sheet is written after the one before it.

use std::collections::HashMap;

use super::{Sample, Sums, codec};

/// What the facts of a sheet may take, in bytes: with the row's keys it stays below one write unit.
pub const SAMPLES_MAX_BYTES: usize = 880;
/// The first sheet is shared with the hour's sums.
pub const FIRST_SAMPLES_MAX_BYTES: usize = 440;

/// One row. The first has the sums of the whole hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupPage {
    /// From 0, in the order in which they were begun.
    pub number: u32,
    /// Counts the row's writes; 0: it isn't there yet.
    pub rev: u64,
    pub samples: Vec<Sample>,
    /// Of the hour, on sheet 0 only.
    pub sums: Option<Sums>,
}

impl RollupPage {
    fn has_room_for(&self, sample: &Sample) -> bool {
        let max = if self.number == 0 { FIRST_SAMPLES_MAX_BYTES } else { SAMPLES_MAX_BYTES };
        codec::samples_bytes(self.samples.iter().chain([sample])) <= max
    }

    fn next(&self) -> Self {
        Self { rev: self.rev + 1, ..self.clone() }
    }
}

/// The writes that add `samples` to an hour's sheets, in the order in which they are to be made; none when nothing is new.
/// `rollup_pages` are all there are, by number, as
/// they were at one moment.
pub fn merge(rollup_pages: Vec<RollupPage>, samples: &[Sample]) -> Vec<RollupPage> {
    let mut rollup_pages = rollup_pages;
    if rollup_pages.first().is_none_or(|rollup_page| rollup_page.number != 0) {
        rollup_pages.insert(0, RollupPage::default());
    }
    let seen = rollup_pages.clone();
    let mut positions = HashMap::new();
    for (row, rollup_page) in rollup_pages.iter().enumerate() {
        positions.extend(rollup_page.samples.iter().enumerate().map(|(at, sample)| (sample.pin, (row, at))));
    }
    for sample in samples {
        if let Some((row, at)) = positions.get(&sample.pin).copied() {
            let known = &mut rollup_pages[row].samples[at];
            if sample.rev > known.rev {
                *known = *sample;
            }
            continue;
        }
        let mut last = rollup_pages.len() - 1;
        if !rollup_pages[last].has_room_for(sample) {
            last += 1;
            rollup_pages.push(RollupPage { number: rollup_pages[last - 1].number + 1, ..RollupPage::default() });
        }
        positions.insert(sample.pin, (last, rollup_pages[last].samples.len()));
        rollup_pages[last].samples.push(*sample);
    }
    let sums = Sums::of(rollup_pages.iter().flat_map(|rollup_page| &rollup_page.samples));
    let mut writes: Vec<RollupPage> = Vec::new();
    for (row, rollup_page) in rollup_pages.iter().enumerate() {
        if seen.get(row).is_none_or(|before| before.samples != rollup_page.samples) {
            writes.push(rollup_page.next());
        }
    }
    // The sums are told last: until then they are those of before.
    let is_only_the_first = matches!(writes.as_slice(), [only] if only.number == 0);
    if is_only_the_first {
        writes[0].sums = Some(sums);
    } else if seen[0].sums.as_ref() != Some(&sums) {
        let first = writes.first().filter(|rollup_page| rollup_page.number == 0).unwrap_or(&rollup_pages[0]);
        let last = RollupPage { sums: Some(sums), ..first.next() };
        writes.push(last);
    }
    writes
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{AccountId, PinId};
    use crate::domain::stats::rollup::End;
    use crate::domain::time::{HOUR_MS, Moment};

    const HOUR: i64 = 490_896;

    fn sample(pin: u128, rev: u64, end: End) -> Sample {
        let created_at = Moment(HOUR * HOUR_MS + pin as i64);
        Sample {
            pin: PinId(Uuid::from_u128(pin)),
            account: AccountId(Uuid::from_u128(7)),
            created_at,
            rev,
            end,
            is_scheduled: false,
        }
    }

    fn samples(pins: std::ops::Range<u128>) -> Vec<Sample> {
        pins.map(|pin| sample(pin, 0, End::Open)).collect()
    }

    /// Writes as the table would: only onto the revision that was read.
    fn apply(rollup_pages: &mut Vec<RollupPage>, writes: &[RollupPage]) -> bool {
        for write in writes {
            let stored = rollup_pages.iter_mut().find(|rollup_page| rollup_page.number == write.number);
            match stored {
                Some(stored) if stored.rev + 1 == write.rev => *stored = write.clone(),
                None if write.rev == 1 => rollup_pages.push(write.clone()),
                _ => return false,
            }
        }
        true
    }

    fn pins(rollup_pages: &[RollupPage]) -> Vec<PinId> {
        rollup_pages.iter().flat_map(|rollup_page| rollup_page.samples.iter().map(|sample| sample.pin)).collect()
    }

    #[test]
    fn facts_fill_one_sheet_after_another_and_each_is_there_once() {
        let mut rollup_pages = Vec::new();
        for _ in 0..2 {
            for chunk in samples(0..300).chunks(70) {
                let writes = merge(rollup_pages.clone(), chunk);
                assert!(apply(&mut rollup_pages, &writes));
            }
        }
        let mut found = pins(&rollup_pages);
        found.sort_unstable();
        assert_eq!(found, samples(0..300).iter().map(|sample| sample.pin).collect::<Vec<_>>());
        assert!(rollup_pages.len() > 9 && rollup_pages.len() < 13, "{} sheets", rollup_pages.len());
        assert_eq!(rollup_pages[0].sums, Some(Sums::of(&samples(0..300))));
        assert_eq!(merge(rollup_pages.clone(), &samples(0..300)), [], "again is nothing new");
    }

    #[test]
    fn a_few_pins_cost_one_write() {
        let writes = merge(Vec::new(), &samples(0..10));
        assert_eq!(writes.len(), 1);
        assert_eq!((writes[0].number, writes[0].rev), (0, 1));
        assert_eq!(writes[0].sums, Some(Sums::of(&samples(0..10))));
    }

    #[test]
    fn of_two_facts_the_later_revision_counts_whenever_it_comes() {
        let done = sample(1, 3, End::Published(Moment(HOUR * HOUR_MS + 500)));
        let failed = sample(1, 2, End::Failed(Moment(HOUR * HOUR_MS + 400)));
        for order in [[failed, done], [done, failed]] {
            let mut rollup_pages = Vec::new();
            for sample in order {
                let writes = merge(rollup_pages.clone(), &[sample]);
                assert!(apply(&mut rollup_pages, &writes));
            }
            assert_eq!(rollup_pages[0].samples, [done]);
            assert_eq!(rollup_pages[0].sums, Some(Sums::of(&[done])));
        }
    }

    #[test]
    fn a_late_change_rewrites_one_sheet_and_the_sums() {
        let mut rollup_pages = Vec::new();
        assert!(apply(&mut rollup_pages, &merge(Vec::new(), &samples(0..300))));
        let writes = merge(rollup_pages.clone(), &[sample(200, 4, End::Failed(Moment(HOUR * HOUR_MS)))]);
        assert_eq!(writes.iter().map(|rollup_page| rollup_page.number).collect::<Vec<_>>(), [7, 0]);
    }

    /// Two workers, one of which has read before the other wrote, and every place where either may stop.
    #[test]
    fn two_workers_never_put_a_pin_onto_two_sheets() {
        for before in [0, 10, 14, 15, 40, 45] {
            for (first, second) in [(20, 3), (3, 20), (60, 60)] {
                let mut rollup_pages = Vec::new();
                assert!(apply(&mut rollup_pages, &merge(Vec::new(), &samples(0..before))));
                let ours = merge(rollup_pages.clone(), &samples(100..100 + first));
                let theirs = merge(rollup_pages.clone(), &samples(100..100 + second));
                for stop in 0..=ours.len() {
                    let mut table = rollup_pages.clone();
                    // One goes some way, the other goes as far as it can, the one goes on; then both begin anew.
                    let went = apply(&mut table, &ours[..stop]);
                    let _ = apply(&mut table, &theirs);
                    let _ = went && apply(&mut table, &ours[stop..]);
                    for samples in [samples(100..100 + first), samples(100..100 + second)] {
                        let writes = merge(table.clone(), &samples);
                        assert!(apply(&mut table, &writes));
                    }
                    let (mut found, all) = (pins(&table), pins(&table).len());
                    found.sort_unstable();
                    found.dedup();
                    assert_eq!(found.len(), all, "{before} {first} {second} {stop}: none twice");
                    assert_eq!(all, (before + first.max(second)) as usize);
                    let expected = Sums::of(table.iter().flat_map(|rollup_page| &rollup_page.samples));
                    assert_eq!(table[0].sums, Some(expected), "{before} {first} {second} {stop}");
                }
            }
        }
    }
}
