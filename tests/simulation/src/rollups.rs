//! Checks the rollups and the dashboard against the pins.

use std::collections::BTreeMap;

use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, PinId, WorkspaceId};
use pinbridge_shared::domain::stats::metrics::Scope;
use pinbridge_shared::domain::stats::period::{Period, Zone};
use pinbridge_shared::domain::stats::rollup::{End, Sample, Sums};
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment};
use pinbridge_shared::flows::stats::dashboard::{self, ONE_BY_ONE_MAX, Summary};
use pinbridge_shared::ports::PortResult;
use pinbridge_shared::testing::fake_store::FakeStore;

/// A change is rolled up within this time: recovery markers are filed two minutes ahead, read three minutes later, five
/// minutes at once; and a roll-up or two may be lost.
pub const ROLLED_UP_AFTER_MS: i64 = 20 * MINUTE_MS;

/// The errors in the rollups once everything is finished. An outdated sample is not an error while a recovery marker of
/// its pin is still to be read: that read will update the sample.
pub fn rollup_errors(store: &FakeStore, workspace: WorkspaceId) -> Vec<String> {
    let mut wrong = Vec::new();
    let (samples, sums) = store.peek_rollups(workspace);
    let mut known: BTreeMap<PinId, Sample> = BTreeMap::new();
    for sample in &samples {
        if known.insert(sample.pin, *sample).is_some() {
            wrong.push(format!("{:?} is in the rollups twice", sample.pin));
        }
    }
    let rolled_up = store.peek_rolled_up().unwrap_or(i64::MIN);
    let to_be_read = store.rows_after(rolled_up);
    store.each_pin(|pin, attempt| {
        let (sample, key) = (Sample::of(pin, attempt), &pin.request.idempotency_key);
        let old = known.remove(&sample.pin);
        // A revision that doesn't change the sample is not rolled up.
        let is_current = old.is_some_and(|old| Sample { rev: sample.rev, ..old } == sample);
        if !is_current && !to_be_read.contains(&pin.key) {
            wrong.push(format!("{key} has the sample {old:?} and is {sample:?}; rolled up to {rolled_up}"));
        }
    });
    wrong.extend(known.into_keys().map(|pin| format!("{pin:?} is in the rollups and nowhere else")));
    let mut by_hour: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    samples.into_iter().for_each(|sample| by_hour.entry(sample.hour()).or_default().push(sample));
    for (hour, samples) in by_hour {
        if sums.get(&hour) != Some(&Sums::of(&samples)) {
            wrong.push(format!("the sums of hour {hour} are not those of its samples: {:?}", sums.get(&hour)));
        }
    }
    wrong
}

/// The dashboard's summary since `first`.
pub async fn dashboard_summary(
    context: &Context,
    workspace: WorkspaceId,
    first: Moment,
    now: Moment,
) -> PortResult<Summary> {
    let (start, end) = (first.plus_ms(-DAY_MS), now.plus_ms(HOUR_MS));
    let period = Period::new(Zone::utc(), Some(start), Some(end), now).expect("a short period");
    dashboard::summary(context, workspace, &period, Scope::Everybody).await
}

/// The errors in the dashboard's summary of the whole time.
pub fn dashboard_errors(store: &FakeStore, summary: &Summary) -> Vec<String> {
    let (mut submitted, mut published, mut failed, mut deleted) = (0, 0, 0, 0);
    let mut by_account: BTreeMap<AccountId, u64> = BTreeMap::new();
    let (in_backlog, mut left_behind) = (store.backlog_owned(), 0);
    store.each_pin(|pin, attempt| {
        submitted += 1;
        left_behind += u64::from(attempt.status.is_terminal() && in_backlog.contains(&pin.key));
        match Sample::of(pin, attempt).end {
            End::Published(_) => {
                published += 1;
                *by_account.entry(pin.request.account).or_default() += 1;
            }
            End::Failed(_) => failed += 1,
            End::Deleted => deleted += 1,
            End::Open => {}
        }
    });
    let now = summary.metrics.now;
    let is_true = (now.submitted, now.published, now.failed) == (submitted, published, failed)
        && summary.metrics.published_by_account == by_account
        && now.total() + deleted == submitted;
    // A worker that dies between a row of the backlog and its pin's state leaves the row behind. Where pins are counted
    // by their rows, that one counts as waiting until the row is released.
    let missing = (published + failed).checked_sub(now.published + now.failed);
    let is_by_row = submitted > ONE_BY_ONE_MAX as u64
        && (now.submitted, now.total() + deleted) == (submitted, submitted)
        && now.published <= published
        && missing.is_some_and(|missing| missing <= left_behind);
    if is_true || summary.is_at_least || is_by_row {
        return Vec::new();
    }
    vec![format!(
        "the dashboard reports {now:?}, and there are {submitted}: {published} published, {failed} failed, {deleted} \
         deleted"
    )]
}
