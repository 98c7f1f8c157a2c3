//! What the rollup doesn't know yet: the pins that ended, or were retried, since it last read them.
//!
//! A worker that ends pins keeps their samples, and writes a row of them when the row is full. So a pin of a burst
//! costs a sixteenth of a write, and a single pin costs none. A reader takes a pin's end from such a row, or from the
//! rollup, or else from the pin itself; a row that was never written, because its worker died or has too few, costs a
//! read and changes no count. Samples are told apart by pin and revision: a row that is written twice counts once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{End, Sample};
use crate::domain::ids::PinId;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::history::EventKind;
use crate::domain::time::{DAY_MS, Moment};

/// Samples of a row: with its keys it is one write unit, even if each pin is another account's, of another hour.
pub const SAMPLES_PER_ROW: usize = 16;
/// How long a row is kept: the rollup has its pins within minutes, and after an outage of a day.
pub const RECENT_KEPT_MS: i64 = 2 * DAY_MS;

/// A row of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentSamples {
    /// When it was written. The workers' clocks differ a little.
    pub at: Moment,
    /// Distinguishes rows of the same moment.
    pub id: String,
    pub samples: Vec<Sample>,
}

/// How a write of an attempt row changes the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The pin has ended: published, failed, or called off.
    Ended(Sample),
    /// The pin was retried: it hasn't failed any more.
    Reopened(Sample),
}

impl Change {
    /// `None`: the write changes nothing that the rollup counts.
    pub fn of(pin: &Pin, next: &Attempt) -> Option<Self> {
        let sample = Sample::of(pin, next);
        if next.status.is_terminal() {
            return (next.finished_at == Some(next.updated_at)).then_some(Self::Ended(sample));
        }
        let is_retried =
            next.history.iter().any(|event| event.kind == EventKind::Retried && event.at == next.updated_at);
        is_retried.then_some(Self::Reopened(sample))
    }
}

/// The latest of the recent samples of each pin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent(HashMap<PinId, Sample>);

impl Recent {
    pub fn of(samples: impl IntoIterator<Item = Sample>) -> Self {
        let mut latest: HashMap<PinId, Sample> = HashMap::new();
        for sample in samples {
            match latest.entry(sample.pin) {
                Entry::Vacant(unknown) => {
                    unknown.insert(sample);
                }
                Entry::Occupied(mut known) if known.get().rev < sample.rev => {
                    known.insert(sample);
                }
                Entry::Occupied(_) => {}
            }
        }
        Self(latest)
    }

    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.0.values()
    }

    /// The pin's end, unless it was retried since.
    pub fn end(&self, pin: PinId) -> Option<&Sample> {
        self.0.get(&pin).filter(|sample| sample.end != End::Open)
    }

    /// Whether the pin was retried. That was announced before it was written, so the pin's row decides.
    pub fn is_reopened(&self, pin: PinId) -> bool {
        self.0.get(&pin).is_some_and(|sample| sample.end == End::Open)
    }

    /// The later of this and another sample of the same pin.
    pub fn or(&self, sample: Sample) -> Sample {
        self.0.get(&sample.pin).filter(|recent| recent.rev > sample.rev).copied().unwrap_or(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::failure::Failure;
    use crate::domain::testdata;

    fn nonce() -> String {
        "n".into()
    }

    #[test]
    fn only_an_end_and_a_retry_change_the_figures() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let at = |ms: i64| pin.created_at.plus_ms(ms);
        let queued = Attempt::untouched(&pin);
        let begun = queued.begin(at(1), nonce()).expect("begins");
        let published = begun.published(at(2), "9".into(), &nothing, &pin, nonce()).expect("is published");
        let failed = begun.failed(at(2), Failure::ImageBroken, &nothing, &pin, nonce()).expect("fails");
        let retried = failed.retried(at(3), None, nonce()).expect("is retried");
        let deleted = queued.deleted(at(4), &pin, nonce()).expect("is deleted");
        for ended in [&published, &failed, &deleted] {
            assert_eq!(Change::of(&pin, ended), Some(Change::Ended(Sample::of(&pin, ended))), "{ended:?}");
        }
        for reopened in [&retried, &retried.clone().with_edit()] {
            let Some(Change::Reopened(sample)) = Change::of(&pin, reopened) else { panic!("{reopened:?}") };
            assert_eq!((sample.end, sample.rev), (End::Open, reopened.rev));
        }
        let begun_again = retried.begin(at(5), nonce()).expect("begins");
        let removed = published.removed(at(6), nonce()).expect("is removed");
        let superseded = failed.superseded(at(6), nonce()).expect("is superseded");
        let hidden = published.deleted(at(6), &pin, nonce()).expect("is deleted");
        for other in [&queued, &begun, &begun_again, &removed, &superseded, &hidden] {
            assert_eq!(Change::of(&pin, other), None, "{other:?}");
        }
    }

    #[test]
    fn of_a_pins_samples_the_latest_revision_counts_in_any_order() {
        let pin = testdata::pin();
        let sample = |rev, end| Sample { rev, end, ..Sample::of(&pin, &Attempt::untouched(&pin)) };
        let at = Moment(7);
        let (failed, open, published) =
            (sample(2, End::Failed(at)), sample(3, End::Open), sample(5, End::Published(at)));
        for samples in [[failed, open, published], [published, open, failed], [open, published, open]] {
            let recent = Recent::of(samples);
            assert_eq!((recent.end(pin.key.pin), recent.is_reopened(pin.key.pin)), (Some(&published), false));
            assert_eq!(recent.or(failed), published);
        }
        let retried = Recent::of([open, failed, open]);
        assert_eq!((retried.end(pin.key.pin), retried.is_reopened(pin.key.pin)), (None, true));
        assert_eq!((retried.or(failed), retried.or(published)), (open, published), "the rollup's may be later");
    }
}
