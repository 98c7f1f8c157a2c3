//! Counts of requests, for `GET /_sim/requests`. In memory only: they start at zero after a restart.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::operations::Operation;
use crate::world::World;
use crate::world::account::AccountIndex;

/// Stands for the status of requests that got no answer.
const UNANSWERED: &str = "unanswered";

#[derive(Debug, Default)]
pub struct Meter {
    answers: BTreeMap<Operation, BTreeMap<String, u64>>,
    in_flight: BTreeMap<Operation, u64>,
    accounts: BTreeMap<AccountIndex, BTreeMap<Operation, Pace>>,
}

/// The requests of one account to one operation.
#[derive(Debug, Default)]
struct Pace {
    arrived: PerSecond,
    accepted: PerSecond,
}

/// A total, and the largest count within one second of the clock.
#[derive(Debug, Default)]
struct PerSecond {
    total: u64,
    max: u64,
    second: i64,
    in_second: u64,
}

impl PerSecond {
    fn count(&mut self, now_ms: i64) {
        let second = now_ms.div_euclid(1000);
        if self.second != second {
            (self.second, self.in_second) = (second, 0);
        }
        self.total += 1;
        self.in_second += 1;
        self.max = self.max.max(self.in_second);
    }
}

impl Meter {
    /// Counts a request that was read completely.
    pub fn arrived(&mut self, now_ms: i64, operation: Operation, account: Option<AccountIndex>) {
        *self.in_flight.entry(operation).or_default() += 1;
        if let Some(account) = account {
            self.pace(account, operation).arrived.count(now_ms);
        }
    }

    /// Counts a request that passed authentication and the rate limit.
    pub fn accepted(&mut self, now_ms: i64, operation: Operation, account: AccountIndex) {
        self.pace(account, operation).accepted.count(now_ms);
    }

    pub fn answered(&mut self, operation: Operation, status: u16) {
        self.ended(operation, status.to_string());
    }

    /// Counts a request whose connection was closed without an answer, by either side.
    pub fn unanswered(&mut self, operation: Operation) {
        self.ended(operation, UNANSWERED.to_owned());
    }

    fn ended(&mut self, operation: Operation, how: String) {
        if let Some(count) = self.in_flight.get_mut(&operation) {
            *count = count.saturating_sub(1);
        }
        *self.answers.entry(operation).or_default().entry(how).or_default() += 1;
    }

    fn pace(&mut self, account: AccountIndex, operation: Operation) -> &mut Pace {
        self.accounts.entry(account).or_default().entry(operation).or_default()
    }

    /// The counts, with accounts by their usernames.
    pub fn report<'a>(&'a self, world: &'a World) -> Report<'a> {
        let accounts = self.accounts.iter().filter_map(|(account, operations)| {
            let rates = operations.iter().map(|(operation, pace)| (*operation, Rate::of(pace)));
            Some((world.account(*account)?.username.as_str(), rates.collect()))
        });
        Report { operations: &self.answers, in_flight: &self.in_flight, accounts: accounts.collect() }
    }
}

/// The JSON of `GET /_sim/requests`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    operations: &'a BTreeMap<Operation, BTreeMap<String, u64>>,
    in_flight: &'a BTreeMap<Operation, u64>,
    accounts: BTreeMap<&'a str, BTreeMap<Operation, Rate>>,
}

#[derive(Debug, Serialize)]
struct Rate {
    total: u64,
    max_per_second: u64,
    accepted_total: u64,
    accepted_max_per_second: u64,
}

impl Rate {
    fn of(pace: &Pace) -> Self {
        Self {
            total: pace.arrived.total,
            max_per_second: pace.arrived.max,
            accepted_total: pace.accepted.total,
            accepted_max_per_second: pace.accepted.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_count_within_a_second_is_kept() {
        let mut count = PerSecond::default();
        for now_ms in [100, 900, 1_000, 1_200, 1_999, 2_000] {
            count.count(now_ms);
        }
        assert_eq!((count.total, count.max), (6, 3));
    }

    #[test]
    fn a_request_is_in_flight_until_it_ends() {
        let mut meter = Meter::default();
        meter.arrived(0, Operation::PinsCreate, None);
        meter.arrived(0, Operation::PinsCreate, None);
        meter.answered(Operation::PinsCreate, 201);
        assert_eq!(meter.in_flight[&Operation::PinsCreate], 1);
        meter.unanswered(Operation::PinsCreate);
        assert_eq!(meter.in_flight[&Operation::PinsCreate], 0);
        assert_eq!(meter.answers[&Operation::PinsCreate][UNANSWERED], 1);
    }
}
