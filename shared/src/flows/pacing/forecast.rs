//! Forecasts when pins that join the accounts' queues now will have been published, as things stand.
//!
//! It knows the accounts' buckets and the pins that wait before. It doesn't know pins that are accepted later with a
//! higher priority, Pinterest's future refusals, or the day's budget.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};

use super::rate_meter::WAITING_COUNTED_MAX;
use crate::config::Settings;
use crate::context::Context;
use crate::domain::ids::{AccountId, AccountKey, WorkspaceId};
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pin::WaitReason;
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// Accounts that a forecast covers; each costs a read of its backlog.
pub const FORECAST_ACCOUNTS_MAX: usize = 20;

/// One account's share.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountForecast {
    pub account: AccountId,
    /// Pins that would join.
    pub pins: usize,
    /// Pins that wait before them, counted up to a thousand.
    pub waiting: usize,
    pub waiting_is_at_least: bool,
    pub rate_per_s: f64,
    /// `None`: the account is on hold until a person acts.
    pub finishes_at: Option<Moment>,
    pub reason: Option<WaitReason>,
}

/// The forecast for all accounts of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    pub accounts: Vec<AccountForecast>,
    /// The last of all; `None` while an account is on hold, or without any pins.
    pub finishes_at: Option<Moment>,
    /// More wait than were counted, so it takes longer.
    pub is_at_least: bool,
}

/// `None` when there are more than [`FORECAST_ACCOUNTS_MAX`] accounts.
///
/// # Errors
/// When the table is unavailable.
pub async fn forecast(
    context: &Context,
    workspace: WorkspaceId,
    joining: &BTreeMap<AccountId, usize>,
) -> PortResult<Option<Forecast>> {
    if joining.len() > FORECAST_ACCOUNTS_MAX {
        return Ok(None);
    }
    let now = context.system.now();
    let of = |(account, pins): (&AccountId, &usize)| {
        let (key, pins) = (AccountKey { workspace, account: *account }, *pins);
        async move {
            let store = &context.store;
            let (bucket, backlog) = try_join(store.bucket(key), store.backlog(key, WAITING_COUNTED_MAX)).await?;
            PortResult::Ok(of_account(&context.settings, key.account, &bucket, backlog.len(), pins, now))
        }
    };
    let accounts = try_join_all(joining.iter().map(of)).await?;
    let is_at_least = accounts.iter().any(|account| account.waiting_is_at_least);
    let all: Option<Vec<Moment>> = accounts.iter().map(|account| account.finishes_at).collect();
    let finishes_at = all.and_then(|all| all.into_iter().max());
    Ok(Some(Forecast { accounts, finishes_at, is_at_least }))
}

fn of_account(
    settings: &Settings,
    account: AccountId,
    bucket: &Bucket,
    waiting: usize,
    pins: usize,
    now: Moment,
) -> AccountForecast {
    let pace = bucket.pace(&settings.pace, now);
    let ahead = i64::try_from(waiting + pins).unwrap_or(i64::MAX);
    let finishes_at = if bucket.is_on_hold() {
        None
    } else if bucket.is_paused(now) {
        // After a pause no tokens are saved up.
        Some(bucket.opens_at(now).plus_ms(ahead.saturating_mul(pace.interval_ms)))
    } else {
        let free = bucket.tokens_available(&pace, now).max(0.0) as i64;
        let after = bucket.last_slot(&pace).max(now);
        Some(after.plus_ms((ahead - free).max(0).saturating_mul(pace.interval_ms)))
    };
    let is_waiting = bucket.is_on_hold() || bucket.is_paused(now);
    AccountForecast {
        account,
        pins,
        waiting,
        // The user's other accounts share the tokens, and their pins are not counted.
        waiting_is_at_least: waiting >= WAITING_COUNTED_MAX || bucket.is_crowded(now),
        rate_per_s: pace.rate_per_s(),
        finishes_at,
        reason: is_waiting.then(|| bucket.wait_reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pacing::bucket::{Hold, Paused};
    use crate::domain::pacing::pace::Pace;
    use crate::domain::testdata;
    use crate::domain::time::MINUTE_MS;

    const NOW: Moment = Moment(1_767_225_600_000);

    fn at(bucket: &Bucket, waiting: usize, pins: usize) -> Option<i64> {
        let settings = Settings { pace: Pace::new(50, 1.0), ..Settings::default() };
        let found = of_account(&settings, testdata::account(), bucket, waiting, pins, NOW);
        found.finishes_at.map(|at| at.since_ms(NOW))
    }

    #[test]
    fn a_full_bucket_gives_its_burst_at_once_and_then_one_a_second() {
        let fresh = Bucket::default();
        assert_eq!(at(&fresh, 0, 50), Some(0));
        assert_eq!(at(&fresh, 0, 150), Some(100_000));
        assert_eq!(at(&fresh, 100, 50), Some(100_000), "waiting pins go first");
    }

    #[test]
    fn beside_a_crowd_of_the_same_user_the_finish_is_a_lower_bound() {
        let settings = Settings { pace: Pace::new(50, 1.0), ..Settings::default() };
        let bucket = Bucket { crowded_until: Some(NOW.plus_ms(1)), ..Bucket::default() };
        let found = of_account(&settings, testdata::account(), &bucket, 0, 10, NOW);
        assert!(found.waiting_is_at_least && found.finishes_at == Some(NOW.plus_ms(10_000)), "no burst, {found:?}");
    }

    #[test]
    fn an_account_on_hold_has_no_finish_and_a_paused_one_begins_with_nothing() {
        let mut bucket =
            Bucket { pause: Some(Paused { until: NOW.plus_ms(MINUTE_MS), failure: None }), ..Bucket::default() };
        assert_eq!(at(&bucket, 0, 10), Some(70_000));
        bucket.hold = Some(Hold { until: NOW.plus_ms(MINUTE_MS), failure: None, awaits_refresh: false, by: None });
        assert_eq!(at(&bucket, 0, 10), None);
    }
}
