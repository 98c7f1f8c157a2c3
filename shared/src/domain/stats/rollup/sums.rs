//! The sums over an hour's samples.

use std::collections::BTreeMap;

use super::{End, QUARTERS_PER_HOUR, Sample, quarter};
use crate::domain::ids::AccountId;

/// Larger sums are stored at a coarser granularity; a DynamoDB row has at most 400 KB.
const BYTES_MAX: usize = 300_000;
/// The coarser granularities in quarters of an hour, tried in this order: the times of outcomes are rounded down to
/// them.
const COARSER: [i64; 2] = [4, 96];

/// The pins accepted in an hour whose outcome came in the same quarter of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub published: u32,
    pub failed: u32,
    /// Of those, the pins that a schedule started.
    pub published_by_schedules: u32,
    pub failed_by_schedules: u32,
}

impl Ended {
    fn add(&mut self, other: &Self) {
        self.published += other.published;
        self.failed += other.failed;
        self.published_by_schedules += other.published_by_schedules;
        self.failed_by_schedules += other.failed_by_schedules;
    }
}

/// One account's pins of an hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Of {
    /// Accepted pins, by quarter of the hour.
    pub created: [u32; QUARTERS_PER_HOUR as usize],
    /// Of those, the unfinished pins.
    pub open: [u32; QUARTERS_PER_HOUR as usize],
    /// Outcomes by the quarter of an hour (since the epoch) in which they came, whenever that was.
    pub ended: BTreeMap<i64, Ended>,
}

/// The pins that were accepted in one hour, by account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(pub BTreeMap<AccountId, Of>);

impl Sums {
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut sums = Self::default();
        for sample in samples {
            let of = sums.0.entry(sample.account).or_default();
            let created = usize::try_from(quarter(sample.created_at).rem_euclid(QUARTERS_PER_HOUR)).unwrap_or(0);
            of.created[created] += 1;
            let scheduled = u32::from(sample.is_scheduled);
            match sample.end {
                End::Open => of.open[created] += 1,
                End::Published(at) => {
                    let published = Ended { published: 1, published_by_schedules: scheduled, ..Ended::default() };
                    of.ended.entry(quarter(at)).or_default().add(&published);
                }
                End::Failed(at) => {
                    let failed = Ended { failed: 1, failed_by_schedules: scheduled, ..Ended::default() };
                    of.ended.entry(quarter(at)).or_default().add(&failed);
                }
                End::Deleted => {}
            }
        }
        sums.fitting(BYTES_MAX)
    }

    /// The same sums at the finest granularity that fits. Where hundreds of thousands of pins of one hour end over
    /// weeks, outcomes are counted by the hour, or else by the day.
    fn fitting(self, max: usize) -> Self {
        let mut sums = self;
        for width in COARSER {
            if sums.bytes_at_most() <= max {
                return sums;
            }
            tracing::warn!(width, "rollup sums coarsened");
            for of in sums.0.values_mut() {
                let mut coarse: BTreeMap<i64, Ended> = BTreeMap::new();
                for (quarter, ended) in &of.ended {
                    coarse.entry(quarter.div_euclid(width) * width).or_default().add(ended);
                }
                of.ended = coarse;
            }
        }
        sums
    }

    /// An upper bound of the length of these sums in [`codec`](super::codec)'s format, in bytes: 20 for an account, 3
    /// for a count, 9 for a quarter of an hour.
    pub fn bytes_at_most(&self) -> usize {
        let counts = |counts: &[u32]| counts.iter().filter(|count| **count > 0).count() * 3;
        let of_account = |of: &Of| 20 + counts(&of.created) + counts(&of.open) + of.ended.len() * 9;
        self.0.values().map(of_account).sum::<usize>() + 4
    }

    pub fn has_open(&self) -> bool {
        self.0.values().any(|of| of.open.iter().any(|count| *count > 0))
    }

    /// Whether an outcome of one of these pins came in this quarter of an hour.
    pub fn ended_in(&self, quarter: i64) -> bool {
        self.0.values().any(|of| of.ended.contains_key(&quarter))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::PinId;
    use crate::domain::stats::rollup::QUARTER_MS;
    use crate::domain::time::Moment;

    fn sample(pin: u128, account: u128, end: End) -> Sample {
        let created_at = Moment(pin as i64 * QUARTER_MS);
        let (pin, account) = (PinId(Uuid::from_u128(pin)), AccountId(Uuid::from_u128(account)));
        Sample { pin, account, created_at, rev: 1, end, is_scheduled: account.0.as_u128() == 2 }
    }

    #[test]
    fn every_pin_counts_where_it_was_accepted_and_where_it_ended() {
        let end = Moment(9 * QUARTER_MS + 5);
        let samples = [
            sample(0, 1, End::Open),
            sample(1, 1, End::Published(end)),
            sample(2, 1, End::Published(end)),
            sample(2, 2, End::Failed(end)),
        ];
        let sums = Sums::of(&samples);
        let one = &sums.0[&AccountId(Uuid::from_u128(1))];
        assert_eq!((one.created, one.open), ([1, 1, 1, 0], [1, 0, 0, 0]));
        assert_eq!(one.ended, BTreeMap::from([(9, Ended { published: 2, ..Ended::default() })]));
        let other = &sums.0[&AccountId(Uuid::from_u128(2))];
        assert_eq!(other.ended[&9], Ended { failed: 1, failed_by_schedules: 1, ..Ended::default() });
        assert!(sums.has_open() && sums.ended_in(9) && !sums.ended_in(8));
    }

    #[test]
    fn sums_that_are_too_large_keep_every_pin_at_a_coarser_granularity() {
        let samples: Vec<Sample> = (0..4_000)
            .map(|pin| Sample {
                pin: PinId(Uuid::from_u128(pin)),
                created_at: Moment(0),
                ..sample(pin, 1, End::Published(Moment(pin as i64 * QUARTER_MS)))
            })
            .collect();
        let fine = Sums::of(&samples);
        let (by_hour, by_day) = (fine.clone().fitting(10_000), fine.clone().fitting(500));
        for (sums, distinct) in [(&fine, 4_000), (&by_hour, 1_000), (&by_day, 42)] {
            let ended = &sums.0[&AccountId(Uuid::from_u128(1))].ended;
            assert_eq!(ended.len(), distinct);
            assert_eq!(ended.values().map(|ended| ended.published).sum::<u32>(), 4_000);
        }
    }
}
