//! The limits of one account: what is enforced, and the values of the rate-limit headers.

use super::World;
use super::account::AccountIndex;
use super::window::{WINDOW_MS, Window};
use crate::errors::{self, ApiError};
use crate::operations::{Category, Operation};

/// Requests per second, user and app that Pinterest publishes for Standard access. Reported, not enforced.
const SAFETY_NET_PER_SECOND: u64 = 100;

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
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    writes: Window,
    reads: Window,
    analytics: Window,
    /// The last arrival.
    at_ms: i64,
    /// The current second and the requests in it.
    second: i64,
    requests: u64,
}

impl Usage {
    fn window(&mut self, category: Category) -> &mut Window {
        match category {
            Category::Write => &mut self.writes,
            Category::Read => &mut self.reads,
            Category::Analytics => &mut self.analytics,
        }
    }
}

impl World {
    /// Counts a request at its arrival. 429 code 8 when the account makes more requests of that category in a minute
    /// than Pinterest lets pass, or the app more in a day.
    pub fn admit(&mut self, now_ms: i64, account: AccountIndex, operation: Operation) -> Result<(), ApiError> {
        let usage = self.usage.entry(account).or_default();
        let second = now_ms.div_euclid(1000);
        if usage.second != second {
            (usage.second, usage.requests) = (second, 0);
        }
        usage.requests += 1;
        usage.at_ms = now_ms;
        let category = operation.category();
        let is_within_minute = usage.window(category).arrive(category.per_minute(), now_ms);
        let is_within_day = self.day.arrive(self.settings.access, category, now_ms);
        if self.settings.enforce_limits && !(is_within_minute && is_within_day) {
            return Err(errors::RATE_LIMITED);
        }
        Ok(())
    }

    /// The quota for the headers of an answer. Without an account, the full quota.
    pub fn quota(&self, account: Option<AccountIndex>, operation: Operation) -> Quota {
        let usage = account.and_then(|account| self.usage.get(&account)).filter(|_| self.settings.enforce_limits);
        let category = operation.category();
        match usage {
            Some(usage) if category == Category::Write => Quota {
                limit: limit(category.per_minute() as u64, category),
                remaining: usage.writes.left(category.per_minute(), usage.at_ms) as u64,
                reset_s: (usage.writes.more_in_ms(usage.at_ms) as u64).div_ceil(1000),
            },
            usage => {
                let used = usage.map_or(0, |usage| usage.requests);
                Quota {
                    limit: limit(SAFETY_NET_PER_SECOND, category),
                    remaining: SAFETY_NET_PER_SECOND.saturating_sub(used),
                    reset_s: 1,
                }
            }
        }
    }
}

/// The policies that count a request of the category. `first` is the limit that the other headers are about.
fn limit(first: u64, category: Category) -> String {
    let (most, window_s, policy) = (category.per_minute(), WINDOW_MS / 1000, category.policy());
    format!(
        "{first}, {SAFETY_NET_PER_SECOND};w=1;name=\"safety_net_app_id_user_id\", {most};w={window_s};name=\"{policy}\""
    )
}
