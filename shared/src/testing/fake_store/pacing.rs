//! The conditions of the bucket row and of the day's row.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::AccountKey;
use crate::domain::invariants::is_same_write;
use crate::domain::pacing::bucket::{Bucket, OwnWrite, Pause, Resume, Take};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::time::Moment;
use crate::ports::{Pacing, PortResult, Taken, Write};

#[async_trait]
impl Pacing for FakeStore {
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket> {
        self.call("store.bucket", |t| t.buckets.get(&account).cloned().unwrap_or_default()).await
    }

    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken> {
        self.call("store.take", |t| self::take(t.buckets.entry(account).or_default(), take)).await
    }

    async fn take_own_write(&self, account: AccountKey, write: &OwnWrite) -> PortResult<bool> {
        let take = |t: &mut Tables| self::take_own_write(t.buckets.entry(account).or_default(), write);
        self.call("store.take_own_write", take).await
    }

    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
        self.call("store.pause", |t| self::pause(t.buckets.entry(account).or_default(), pause)).await
    }

    async fn lift_hold(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let lift = |t: &mut Tables| self::lift_hold(t.buckets.entry(account).or_default(), seen);
        self.call("store.lift_hold", lift).await
    }

    async fn resume(&self, account: AccountKey, resume: &Resume) -> PortResult<bool> {
        let end = |t: &mut Tables| self::resume(t.buckets.entry(account).or_default(), resume);
        self.call("store.resume", end).await
    }

    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()> {
        let mark = |t: &mut Tables| self::mark_waiting(t.buckets.entry(account).or_default(), now);
        self.call("store.mark_waiting", mark).await
    }

    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let clear = |t: &mut Tables| self::clear_waiting(t.buckets.entry(account).or_default(), seen);
        self.call("store.clear_waiting", clear).await
    }

    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>> {
        let list = |t: &mut Tables| t.buckets.iter().filter(|(_, b)| b.waiting_at.is_some()).map(|(k, _)| *k).collect();
        self.call("store.waiting_accounts", list).await
    }
}

pub fn take(bucket: &mut Bucket, take: &Take) -> Taken {
    if bucket.nonce.as_deref().is_some_and(|stored| is_same_write(stored, &take.nonce)) {
        return Taken::Tokens(take.tokens(bucket));
    }
    match take.apply(bucket) {
        Some(after) => {
            *bucket = after;
            Taken::Tokens(take.tokens(bucket))
        }
        None => Taken::Refused(bucket.clone()),
    }
}

pub fn take_own_write(bucket: &mut Bucket, write: &OwnWrite) -> bool {
    if bucket.nonce.as_deref().is_some_and(|stored| is_same_write(stored, &write.nonce)) {
        return true;
    }
    let after = write.apply(bucket);
    let is_done = after.is_some();
    if let Some(after) = after {
        *bucket = after;
    }
    is_done
}

pub fn pause(bucket: &mut Bucket, pause: &Pause) {
    *bucket = pause.apply(bucket);
}

pub fn lift_hold(bucket: &mut Bucket, seen: Moment) {
    if bucket.is_on_hold() && bucket.paused_until == Some(seen) {
        bucket.pause_reason = None;
        bucket.pause_failure = None;
    }
}

pub fn resume(bucket: &mut Bucket, resume: &Resume) -> bool {
    let after = resume.apply(bucket);
    let is_done = after.is_some();
    if let Some(after) = after {
        *bucket = after;
    }
    is_done
}

pub fn count(day: &mut DaySpending, next: &DaySpending) -> Write<DaySpending> {
    if day.rev + 1 == next.rev {
        *day = next.clone();
    }
    if day.nonce == next.nonce { Write::Done } else { Write::Conflict(day.clone()) }
}

pub fn mark_waiting(bucket: &mut Bucket, now: Moment) {
    bucket.waiting_at = bucket.waiting_at.max(Some(now));
}

pub fn clear_waiting(bucket: &mut Bucket, seen: Moment) {
    bucket.waiting_at.take_if(|at| *at == seen);
}
