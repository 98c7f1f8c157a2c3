//! The dashboard's metrics of a period, added up from samples of single pins or from sums.

use std::collections::BTreeMap;

use super::period::Period;
use super::rollup::{End, Ended, QUARTERS_PER_HOUR, Sample, Sums, quarter_start};
use crate::domain::ids::AccountId;
use crate::domain::pin::attempt::Status;
use crate::domain::time::{MINUTE_MS, Moment};

/// The accounts whose pins count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Everybody,
    Only(Vec<AccountId>),
}

impl Scope {
    /// Whether the scope includes the account.
    pub fn has(&self, account: AccountId) -> bool {
        match self {
            Self::Everybody => true,
            Self::Only(accounts) => accounts.contains(&account),
        }
    }
}

/// Unfinished pins, by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub queued: u64,
    pub deferred: u64,
    pub publishing: u64,
}

impl Waiting {
    fn add(&mut self, status: Status, count: u64) {
        match status {
            Status::Queued => self.queued += count,
            Status::Deferred => self.deferred += count,
            Status::Publishing => self.publishing += count,
            Status::Published | Status::Failed => {}
        }
    }

    /// The sum over the states.
    pub fn total(&self) -> u64 {
        self.queued + self.deferred + self.publishing
    }
}

/// The totals of a period: pins accepted in it, pins ended in it, and pins accepted in it that are unfinished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub submitted: u64,
    pub published: u64,
    pub failed: u64,
    pub waiting: Waiting,
}

impl Totals {
    /// The sum over the statuses.
    pub fn total(&self) -> u64 {
        self.published + self.failed + self.waiting.total()
    }

    /// The share of the ended pins that were published; `None` when none ended.
    pub fn success_rate(&self) -> Option<f64> {
        let ended = self.published + self.failed;
        (ended > 0).then(|| self.published as f64 / ended as f64)
    }
}

/// One step of the series: an hour or a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub start: Moment,
    pub created: u64,
    pub published: u64,
    pub failed: u64,
}

/// The schedules whose pins have started, by the pins' outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Started {
    pub published: u64,
    pub failed: u64,
    /// Accepted in the period and unfinished.
    pub waiting: Waiting,
}

/// A period that ends so little before it is read ends now.
const ENDS_NOW_MS: i64 = MINUTE_MS;

/// The counts of a period.
#[derive(Clone, Debug)]
pub struct DashboardMetrics {
    scope: Scope,
    start: Moment,
    end: Moment,
    previous_start: Moment,
    pub now: Totals,
    pub previous: Totals,
    pub series: Vec<Step>,
    pub published_by_account: BTreeMap<AccountId, u64>,
    /// All unfinished pins, whenever they were accepted.
    pub queue: Waiting,
    pub started: Started,
    estimated: bool,
    ends_now: bool,
}

impl DashboardMetrics {
    /// Counts of zero for the period.
    pub fn new(period: &Period, scope: Scope) -> Self {
        let step = |start| Step { start, created: 0, published: 0, failed: 0 };
        Self {
            scope,
            start: period.start,
            end: period.end,
            previous_start: period.previous_start(),
            now: Totals::default(),
            previous: Totals::default(),
            series: period.series().into_iter().map(step).collect(),
            published_by_account: BTreeMap::new(),
            queue: Waiting::default(),
            started: Started::default(),
            estimated: false,
            ends_now: false,
        }
    }

    /// The metrics are read from `now` on, which takes a moment.
    #[must_use]
    pub fn read_from(self, now: Moment) -> Self {
        Self { ends_now: now.since_ms(self.end) < ENDS_NOW_MS, ..self }
    }

    /// Whether the status of an unfinished pin had to be assumed.
    pub fn has_estimated(&self) -> bool {
        self.estimated
    }

    /// Adds one pin, and its status if that was just read.
    pub fn add(&mut self, sample: &Sample, state: Option<Status>) {
        if !self.scope.has(sample.account) {
            return;
        }
        self.created(sample.created_at, 1);
        let scheduled = u32::from(sample.is_scheduled);
        match sample.end {
            // It ended while the metrics were read, so at the end of the period it was on its way.
            End::Published(at) | End::Failed(at) if self.ends_now && at >= self.end && sample.created_at < self.end => {
                self.open(sample.created_at, Status::Publishing, 1, sample.is_scheduled);
            }
            End::Open => {
                let state = state.filter(|state| !state.is_terminal());
                self.estimated |= state.is_none();
                self.open(sample.created_at, state.unwrap_or(Status::Deferred), 1, sample.is_scheduled);
            }
            End::Published(at) => {
                let ended = Ended { published: 1, published_by_schedules: scheduled, ..Ended::default() };
                self.ended(sample.account, at, &ended);
            }
            End::Failed(at) => {
                let ended = Ended { failed: 1, failed_by_schedules: scheduled, ..Ended::default() };
                self.ended(sample.account, at, &ended);
            }
            End::Deleted => {}
        }
    }

    /// Adds a pin of which nothing is known but when it was accepted: it counts as deferred, which is an assumption.
    pub fn add_unread(&mut self, created_at: Moment) {
        self.created(created_at, 1);
        self.estimated = true;
        self.open(created_at, Status::Deferred, 1, false);
    }

    /// Adds the sums of an hour's pins. A quarter of an hour counts whole, at its beginning.
    pub fn add_sums(&mut self, hour: i64, sums: &Sums) {
        for (account, of) in &sums.0 {
            if !self.scope.has(*account) {
                continue;
            }
            let quarters = hour * QUARTERS_PER_HOUR..;
            for (at, (created, open)) in quarters.map(quarter_start).zip(of.created.iter().zip(&of.open)) {
                self.created(at, u64::from(*created));
                self.estimated |= *open > 0;
                self.open(at, Status::Deferred, u64::from(*open), false);
            }
            for (quarter, ended) in &of.ended {
                self.ended(*account, quarter_start(*quarter), ended);
            }
        }
    }

    fn totals(&mut self, at: Moment) -> Option<&mut Totals> {
        if (self.start..self.end).contains(&at) {
            Some(&mut self.now)
        } else if (self.previous_start..self.start).contains(&at) {
            Some(&mut self.previous)
        } else {
            None
        }
    }

    fn step(&mut self, at: Moment) -> Option<&mut Step> {
        if !(self.start..self.end).contains(&at) {
            return None;
        }
        let behind = self.series.partition_point(|step| step.start <= at);
        self.series.get_mut(behind.checked_sub(1)?)
    }

    fn created(&mut self, at: Moment, count: u64) {
        if let Some(totals) = self.totals(at) {
            totals.submitted += count;
        }
        if let Some(step) = self.step(at) {
            step.created += count;
        }
    }

    fn open(&mut self, created_at: Moment, state: Status, count: u64, is_scheduled: bool) {
        self.queue.add(state, count);
        if let Some(totals) = self.totals(created_at) {
            totals.waiting.add(state, count);
        }
        if is_scheduled && (self.start..self.end).contains(&created_at) {
            self.started.waiting.add(state, count);
        }
    }

    fn ended(&mut self, account: AccountId, at: Moment, ended: &Ended) {
        if let Some(totals) = self.totals(at) {
            totals.published += u64::from(ended.published);
            totals.failed += u64::from(ended.failed);
        }
        if let Some(step) = self.step(at) {
            step.published += u64::from(ended.published);
            step.failed += u64::from(ended.failed);
        }
        if (self.start..self.end).contains(&at) {
            if ended.published > 0 {
                *self.published_by_account.entry(account).or_default() += u64::from(ended.published);
            }
            self.started.published += u64::from(ended.published_by_schedules);
            self.started.failed += u64::from(ended.failed_by_schedules);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::PinId;
    use crate::domain::stats::period::Zone;
    use crate::domain::stats::rollup::hour;
    use crate::domain::time::HOUR_MS;

    /// The beginning of an hour.
    const T0: Moment = Moment(490_896 * HOUR_MS);

    fn account(number: u128) -> AccountId {
        AccountId(Uuid::from_u128(number))
    }

    fn sample(number: u128, created_at: Moment, end: End) -> Sample {
        let (pin, account) = (PinId(Uuid::from_u128(number)), account(number % 2));
        Sample { pin, account, created_at, rev: 1, end, is_scheduled: number.is_multiple_of(3) }
    }

    /// Pins of five hours, one every quarter of an hour, with different ends.
    fn samples() -> Vec<Sample> {
        let of = |number: u128| {
            let at = T0.plus_ms(number as i64 * 15 * MINUTE_MS);
            let ended_at = at.plus_ms(number as i64 * 5 * MINUTE_MS);
            let end = match number % 4 {
                0 => End::Open,
                1 => End::Failed(ended_at),
                _ => End::Published(ended_at),
            };
            sample(number, at, end)
        };
        (0..20).map(of).collect()
    }

    fn period(from_min: i64, to_min: i64) -> Period {
        let at = |minutes| Some(T0.plus_ms(minutes * MINUTE_MS));
        Period::new(Zone::utc(), at(from_min), at(to_min), T0).expect("a period")
    }

    fn by_sample(period: &Period, scope: Scope) -> DashboardMetrics {
        let mut metrics = DashboardMetrics::new(period, scope);
        samples().iter().for_each(|sample| metrics.add(sample, Some(Status::Deferred)));
        metrics
    }

    #[test]
    fn a_pin_that_ends_while_the_figures_are_read_is_in_one_state() {
        let period = period(0, 60);
        let end = T0.plus_ms(60 * MINUTE_MS);
        for (ended_at, now, expected) in [
            (end.plus_ms(-1), end, (1, 0)),
            (end, end, (0, 1)),
            (end.plus_ms(900), end.plus_ms(300), (0, 1)),
            // A period of the past: the pin is another one's.
            (end.plus_ms(900), end.plus_ms(HOUR_MS), (0, 0)),
        ] {
            for is_published in [true, false] {
                let ends = if is_published { End::Published(ended_at) } else { End::Failed(ended_at) };
                let mut metrics = DashboardMetrics::new(&period, Scope::Everybody).read_from(now);
                metrics.add(&sample(1, T0.plus_ms(MINUTE_MS), ends), Some(Status::Published));
                let totals = metrics.now;
                let ended = totals.published + totals.failed;
                assert_eq!((ended, totals.waiting.publishing), expected, "{ends:?}");
                assert_eq!((totals.submitted, metrics.queue.publishing), (1, expected.1));
            }
        }
    }

    #[test]
    fn sums_and_samples_give_the_same_metrics_of_whole_quarters() {
        for (from, to) in [(0, 300), (60, 120), (75, 195), (300, 600), (-600, -300)] {
            for scope in [Scope::Everybody, Scope::Only(vec![account(1)]), Scope::Only(Vec::new())] {
                let period = period(from, to);
                let mut by_sums = DashboardMetrics::new(&period, scope.clone());
                for of in 0..5 {
                    let of_hour = hour(T0) + of;
                    let samples: Vec<Sample> =
                        samples().into_iter().filter(|sample| sample.hour() == of_hour).collect();
                    by_sums.add_sums(of_hour, &Sums::of(&samples));
                }
                let by_sample = by_sample(&period, scope);
                assert_eq!(by_sums.now, by_sample.now, "{from} {to}");
                assert_eq!(by_sums.previous, by_sample.previous);
                assert_eq!(by_sums.series, by_sample.series);
                assert_eq!(by_sums.published_by_account, by_sample.published_by_account);
                assert_eq!(by_sums.queue, by_sample.queue);
                assert_eq!(by_sums.started.published, by_sample.started.published);
            }
        }
    }

    #[test]
    fn outcomes_count_at_their_end_and_unfinished_pins_at_their_acceptance() {
        let metrics = by_sample(&period(60, 120), Scope::Everybody);
        // Pins 4 to 7 were accepted then, and pin 4 is unfinished; pins 3 (at 60) to 5 (at 100) ended then.
        assert_eq!(metrics.now.submitted, 4);
        assert_eq!(metrics.now.waiting, Waiting { deferred: 1, ..Waiting::default() });
        assert_eq!((metrics.now.published, metrics.now.failed), (1, 1));
        assert_eq!(metrics.now.total(), 3);
        assert_eq!(metrics.now.success_rate(), Some(0.5));
        assert_eq!(metrics.previous.submitted, 4);
        assert_eq!(metrics.queue.deferred, 5, "also those accepted outside the period");
        let steps: Vec<_> = metrics.series.iter().map(|step| (step.created, step.published, step.failed)).collect();
        assert_eq!(steps, [(4, 1, 1)]);
    }

    #[test]
    fn a_period_without_ended_pins_has_no_success_rate() {
        assert_eq!(Totals::default().success_rate(), None);
    }

    #[test]
    fn the_sum_over_the_series_is_the_total() {
        let metrics = by_sample(&period(7, 293), Scope::Everybody);
        let sum = |of: fn(&Step) -> u64| metrics.series.iter().map(of).sum::<u64>();
        assert_eq!(sum(|step| step.created), metrics.now.submitted);
        assert_eq!(sum(|step| step.published), metrics.now.published);
        assert_eq!(sum(|step| step.failed), metrics.now.failed);
        assert_eq!(metrics.published_by_account.values().sum::<u64>(), metrics.now.published);
    }
}
