//! The limits of one account: the enforced rate of creating Pins, and the values of the rate-limit headers.

use super::World;
use super::account::AccountIndex;
use super::envelope::{Bucket, Pace};
use crate::errors::{self, ApiError};
use crate::operations::Operation;

/// Requests per second, user and app that Pinterest publishes for Standard access. Reported, not enforced.
const SAFETY_NET_PER_SECOND: u64 = 100;
/// Reads per minute, user and app, as observed in live headers. Reported, not enforced.
const READS_PER_MINUTE: u64 = 1000;

/// Values of the three `x-ratelimit-*` headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// A structured list. Its first number is the limit to which `remaining` and `reset_s` refer.
    pub limit: String,
    pub remaining: u64,
    /// Seconds from now.
    pub reset_s: u64,
}

/// The usage of one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pins: Bucket,
    /// The current second and the requests in it.
    second: i64,
    requests: u64,
}

impl Usage {
    pub(super) fn new(pace: Pace, now_ms: i64) -> Self {
        Self { pins: Bucket::full(pace, now_ms), second: 0, requests: 0 }
    }
}

impl World {
    /// Counts a request at its arrival. 429 code 8 when the account creates Pins faster than its envelope allows.
    pub fn admit(&mut self, now_ms: i64, account: AccountIndex, operation: Operation) -> Result<(), ApiError> {
        let (pace, enforced) = (self.pace, self.settings.enforce_limits);
        let usage = self.usage.entry(account).or_insert_with(|| Usage::new(pace, now_ms));
        let second = now_ms.div_euclid(1000);
        if usage.second != second {
            (usage.second, usage.requests) = (second, 0);
        }
        usage.requests += 1;
        if operation == Operation::PinsCreate && enforced && !usage.pins.take(pace, now_ms) {
            return Err(errors::RATE_LIMITED);
        }
        Ok(())
    }

    /// The quota for the headers of an answer. Without an account, the full quota.
    pub fn quota(&self, account: Option<AccountIndex>, operation: Operation) -> Quota {
        let usage = account.and_then(|account| self.usage.get(&account));
        match usage {
            Some(usage) if operation == Operation::PinsCreate && self.settings.enforce_limits => {
                let left = usage.pins.left(self.pace);
                Quota {
                    limit: self.write_limit.clone(),
                    remaining: left.requests,
                    reset_s: (left.next_in_ms as u64).div_ceil(1000),
                }
            }
            usage => {
                let used = usage.filter(|_| self.settings.enforce_limits).map_or(0, |usage| usage.requests);
                Quota { limit: read_limit(), remaining: SAFETY_NET_PER_SECOND.saturating_sub(used), reset_s: 1 }
            }
        }
    }
}

fn read_limit() -> String {
    format!(
        "{SAFETY_NET_PER_SECOND}, {SAFETY_NET_PER_SECOND};w=1;name=\"safety_net_app_id_user_id\", \
         {READS_PER_MINUTE};w=60;name=\"org_read_app_id_user_id\""
    )
}

/// The envelope as a quota policy: `capacity` requests in the number of seconds that refills it.
pub(super) fn write_limit(capacity: f64, rate_per_s: f64) -> String {
    let window_s = if rate_per_s > 0.0 { (capacity / rate_per_s).ceil() as u64 } else { 0 };
    format!(
        "{capacity:.0}, {SAFETY_NET_PER_SECOND};w=1;name=\"safety_net_app_id_user_id\", \
         {capacity:.0};w={window_s};name=\"org_write_app_id_user_id\""
    )
}
