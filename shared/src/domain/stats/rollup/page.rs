//! An hour's samples, on rollup pages of one write unit each: a pin that changes late costs one page's write, not the
//! hour's.
//!
//! A pin is on one page and stays there. New pins go onto the last page, then onto another page. Two facts guarantee
//! that two workers at once never put a pin onto two pages: every page is written only if it is unchanged since it was
//! read, and a further page is written after the one before it.

use std::collections::HashMap;

use super::{Sample, Sums, codec};

/// The most bytes of samples on a page: with the row's keys it stays below one write unit.
pub const SAMPLES_MAX_BYTES: usize = 880;
/// The same for the first page, which also holds the hour's sums.
pub const FIRST_SAMPLES_MAX_BYTES: usize = 440;

/// One row. The first page has the sums of the whole hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupPage {
    /// From 0, in the order in which the pages were begun.
    pub number: u32,
    /// Counts the row's writes; 0 means that it isn't stored yet.
    pub rev: u64,
    pub samples: Vec<Sample>,
    /// The hour's sums; only on page 0.
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

/// The writes that add `samples` to an hour's pages, in the order in which to make them; none when nothing is new.
/// `pages` are all pages of the hour, by number, as read at one moment.
pub fn merge(pages: Vec<RollupPage>, samples: &[Sample]) -> Vec<RollupPage> {
    let mut pages = pages;
    if pages.first().is_none_or(|page| page.number != 0) {
        pages.insert(0, RollupPage::default());
    }
    let seen = pages.clone();
    let mut positions = HashMap::new();
    for (row, page) in pages.iter().enumerate() {
        positions.extend(page.samples.iter().enumerate().map(|(at, sample)| (sample.pin, (row, at))));
    }
    for sample in samples {
        if let Some((row, at)) = positions.get(&sample.pin).copied() {
            let known = &mut pages[row].samples[at];
            if sample.rev > known.rev {
                *known = *sample;
            }
            continue;
        }
        let mut last = pages.len() - 1;
        if !pages[last].has_room_for(sample) {
            last += 1;
            pages.push(RollupPage { number: pages[last - 1].number + 1, ..RollupPage::default() });
        }
        positions.insert(sample.pin, (last, pages[last].samples.len()));
        pages[last].samples.push(*sample);
    }
    let sums = Sums::of(pages.iter().flat_map(|page| &page.samples));
    let mut writes: Vec<RollupPage> = Vec::new();
    for (row, page) in pages.iter().enumerate() {
        if seen.get(row).is_none_or(|before| before.samples != page.samples) {
            writes.push(page.next());
        }
    }
    // The sums are written last: until then the earlier sums stay.
    let is_only_the_first = matches!(writes.as_slice(), [only] if only.number == 0);
    if is_only_the_first {
        writes[0].sums = Some(sums);
    } else if seen[0].sums.as_ref() != Some(&sums) {
        let first = writes.first().filter(|page| page.number == 0).unwrap_or(&pages[0]);
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
    fn apply(pages: &mut Vec<RollupPage>, writes: &[RollupPage]) -> bool {
        for write in writes {
            let stored = pages.iter_mut().find(|page| page.number == write.number);
            match stored {
                Some(stored) if stored.rev + 1 == write.rev => *stored = write.clone(),
                None if write.rev == 1 => pages.push(write.clone()),
                _ => return false,
            }
        }
        true
    }

    fn pins(pages: &[RollupPage]) -> Vec<PinId> {
        pages.iter().flat_map(|page| page.samples.iter().map(|sample| sample.pin)).collect()
    }

    #[test]
    fn samples_fill_one_page_after_another_and_each_is_stored_once() {
        let mut pages = Vec::new();
        for _ in 0..2 {
            for chunk in samples(0..300).chunks(70) {
                let writes = merge(pages.clone(), chunk);
                assert!(apply(&mut pages, &writes));
            }
        }
        let mut found = pins(&pages);
        found.sort_unstable();
        assert_eq!(found, samples(0..300).iter().map(|sample| sample.pin).collect::<Vec<_>>());
        assert!(pages.len() > 9 && pages.len() < 13, "{} pages", pages.len());
        assert_eq!(pages[0].sums, Some(Sums::of(&samples(0..300))));
        assert_eq!(merge(pages.clone(), &samples(0..300)), [], "the same samples again change nothing");
    }

    #[test]
    fn a_few_pins_cost_one_write() {
        let writes = merge(Vec::new(), &samples(0..10));
        assert_eq!(writes.len(), 1);
        assert_eq!((writes[0].number, writes[0].rev), (0, 1));
        assert_eq!(writes[0].sums, Some(Sums::of(&samples(0..10))));
    }

    #[test]
    fn of_two_samples_the_later_revision_counts_in_any_order() {
        let done = sample(1, 3, End::Published(Moment(HOUR * HOUR_MS + 500)));
        let failed = sample(1, 2, End::Failed(Moment(HOUR * HOUR_MS + 400)));
        for order in [[failed, done], [done, failed]] {
            let mut pages = Vec::new();
            for sample in order {
                let writes = merge(pages.clone(), &[sample]);
                assert!(apply(&mut pages, &writes));
            }
            assert_eq!(pages[0].samples, [done]);
            assert_eq!(pages[0].sums, Some(Sums::of(&[done])));
        }
    }

    #[test]
    fn a_late_change_rewrites_one_page_and_the_sums() {
        let mut pages = Vec::new();
        assert!(apply(&mut pages, &merge(Vec::new(), &samples(0..300))));
        let writes = merge(pages.clone(), &[sample(200, 4, End::Failed(Moment(HOUR * HOUR_MS)))]);
        assert_eq!(writes.iter().map(|page| page.number).collect::<Vec<_>>(), [7, 0]);
    }

    /// Two workers, one of which has read before the other wrote, and every place where either may stop.
    #[test]
    fn two_workers_never_put_a_pin_onto_two_pages() {
        for before in [0, 10, 14, 15, 40, 45] {
            for (first, second) in [(20, 3), (3, 20), (60, 60)] {
                let mut pages = Vec::new();
                assert!(apply(&mut pages, &merge(Vec::new(), &samples(0..before))));
                let ours = merge(pages.clone(), &samples(100..100 + first));
                let theirs = merge(pages.clone(), &samples(100..100 + second));
                for stop in 0..=ours.len() {
                    let mut table = pages.clone();
                    // The first worker makes some of its writes, the second as many as it can, the first continues;
                    // then both start again.
                    let is_applied = apply(&mut table, &ours[..stop]);
                    let _ = apply(&mut table, &theirs);
                    let _ = is_applied && apply(&mut table, &ours[stop..]);
                    for samples in [samples(100..100 + first), samples(100..100 + second)] {
                        let writes = merge(table.clone(), &samples);
                        assert!(apply(&mut table, &writes));
                    }
                    let (mut found, all) = (pins(&table), pins(&table).len());
                    found.sort_unstable();
                    found.dedup();
                    assert_eq!(found.len(), all, "{before} {first} {second} {stop}: a pin is there twice");
                    assert_eq!(all, (before + first.max(second)) as usize);
                    let expected = Sums::of(table.iter().flat_map(|page| &page.samples));
                    assert_eq!(table[0].sums, Some(expected), "{before} {first} {second} {stop}");
                }
            }
        }
    }
}
