//! Whether the tally and the dashboard say what the pins say.

use std::collections::BTreeMap;

use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, PinId, WorkspaceId};
use pinbridge_shared::domain::stats::metrics::Scope;
use pinbridge_shared::domain::stats::period::{Period, Zone};
use pinbridge_shared::domain::stats::rollup::{End, Sample, Sums};
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment};
use pinbridge_shared::flows::stats::dashboard::{self, Summary};
use pinbridge_shared::ports::PortResult;
use pinbridge_shared::testing::fake_store::FakeStore;

/// A fold comes at most this long after the last change: rows are filed two minutes ahead, read three minutes later, five
/// minutes at once; and a fold or two may be lost.
pub const ROLLED_UP_AFTER_MS: i64 = 20 * MINUTE_MS;

/// What is wrong with the tally when everything has come to rest. A pin that is told as it was is no mistake while a row of the
/// clock that names it is still to be read: then it will be told as it is.
pub fn miscounted(store: &FakeStore, workspace: WorkspaceId) -> Vec<String> {
    let mut wrong = Vec::new();
    let (samples, sums) = store.peek_rollups(workspace);
    let mut told: BTreeMap<PinId, Sample> = BTreeMap::new();
    for sample in &samples {
        if told.insert(sample.pin, *sample).is_some() {
            wrong.push(format!("{:?} is in the tally twice", sample.pin));
        }
    }
    let rolled_up = store.peek_rolled_up().unwrap_or(i64::MIN);
    let to_be_read = store.rows_after(rolled_up);
    store.each_pin(|pin, attempt| {
        let (sample, key) = (Sample::of(pin, attempt), &pin.request.idempotency_key);
        let known = told.remove(&sample.pin);
        // A revision that changes nothing of this is nothing to be told.
        let is_told = known.is_some_and(|known| Sample { rev: sample.rev, ..known } == sample);
        if !is_told && !to_be_read.contains(&pin.key) {
            wrong.push(format!("{key} is told as {known:?} and is {sample:?}; folded up to {rolled_up}"));
        }
    });
    wrong.extend(told.into_keys().map(|pin| format!("{pin:?} is in the tally and nowhere else")));
    let mut by_hour: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    samples.into_iter().for_each(|sample| by_hour.entry(sample.hour()).or_default().push(sample));
    for (hour, samples) in by_hour {
        if sums.get(&hour) != Some(&Sums::of(&samples)) {
            wrong.push(format!("the sums of hour {hour} are not its facts': {:?}", sums.get(&hour)));
        }
    }
    wrong
}

/// The dashboard's figures of everything since `first`.
pub async fn told(world: &Context, workspace: WorkspaceId, first: Moment, now: Moment) -> PortResult<Summary> {
    let (start, end) = (first.plus_ms(-DAY_MS), now.plus_ms(HOUR_MS));
    let period = Period::new(Zone::utc(), Some(start), Some(end), now).expect("a short period");
    dashboard::summary(world, workspace, &period, Scope::Everybody).await
}

/// What is wrong with them when everything has come to rest.
pub fn misleading(store: &FakeStore, told: &Summary) -> Vec<String> {
    let (mut submitted, mut published, mut failed, mut deleted) = (0, 0, 0, 0);
    let mut by_account: BTreeMap<AccountId, u64> = BTreeMap::new();
    store.each_pin(|pin, attempt| {
        submitted += 1;
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
    let now = told.metrics.now;
    let is_true = (now.submitted, now.published, now.failed) == (submitted, published, failed)
        && told.metrics.published_by_account == by_account
        && now.total() + deleted == submitted;
    if is_true || told.is_at_least {
        return Vec::new();
    }
    vec![format!("the dashboard tells {now:?}, and there are {submitted}: {published} published, {failed} failed")]
}
