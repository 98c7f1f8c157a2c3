//! The conditions of the bucket row and of the day's row.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, Link, OwnWrite, Pause, Take};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::pacing::pacer::Pacer;
use crate::domain::repeated_write::is_same_write;
use crate::domain::time::Moment;
use crate::ports::{Pacing, PortResult, Taken, Write};

impl Tables {
    /// The account's row, with the row of its pacer.
    pub(super) fn bucket(&self, account: AccountKey) -> Bucket {
        let row = self.buckets.get(&account).cloned().unwrap_or_default();
        match &row.pacer {
            Some(pacer) => row.sharing(&self.pacers.get(pacer).cloned().unwrap_or_default()),
            None => row,
        }
    }

    /// Changes the account's row and its pacer's as one.
    fn change_bucket<T>(&mut self, account: AccountKey, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut bucket = self.bucket(account);
        let answer = change(&mut bucket);
        match &bucket.pacer {
            Some(pacer) => {
                self.pacers.insert(pacer.clone(), bucket.shared_part());
                self.buckets.insert(account, bucket.own_part());
            }
            None => {
                self.buckets.insert(account, bucket);
            }
        }
        answer
    }

    /// Whether the account's pacer has no row; then it has an empty one afterwards.
    fn lacked_row(&mut self, account: AccountKey, empty_at: Moment) -> bool {
        let Some(pacer) = self.bucket(account).pacer.filter(|pacer| !self.pacers.contains_key(pacer)) else {
            return false;
        };
        self.pacers.insert(pacer, Bucket { tat: empty_at, ..Bucket::default() });
        true
    }
}

impl FakeStore {
    /// Replaces the `tat` of the account's bucket, or of its pacer's, as a machine with another clock might.
    pub fn set_tat(&self, account: AccountKey, tat: Moment) {
        self.tables().change_bucket(account, |bucket| bucket.tat = tat);
    }

    /// Deletes the row of the account's pacer, if it has one.
    pub fn lose_pacer(&self, account: AccountKey) {
        let mut tables = self.tables();
        if let Some(pacer) = tables.bucket(account).pacer {
            tables.pacers.remove(&pacer);
        }
    }
}

#[async_trait]
impl Pacing for FakeStore {
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket> {
        self.call("store.bucket", |t| t.bucket(account)).await
    }

    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken> {
        let take = |t: &mut Tables| {
            let empty_at = Bucket::tat_when_empty_at(&take.pace, take.now);
            if take.pacer.is_some() && t.lacked_row(account, empty_at) {
                return Taken::Refused(t.bucket(account));
            }
            t.change_bucket(account, |bucket| self::take(bucket, take))
        };
        self.call("store.take", take).await
    }

    async fn take_own_write(&self, account: AccountKey, write: &OwnWrite) -> PortResult<Write<()>> {
        let take = |t: &mut Tables| {
            if write.pacer.is_some() && t.lacked_row(account, write.empty_tat) {
                return Write::Conflict(());
            }
            t.change_bucket(account, |bucket| self::take_own_write(bucket, write))
        };
        self.call("store.take_own_write", take).await
    }

    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
        self.call("store.pause", |t| t.change_bucket(account, |bucket| *bucket = pause.apply(bucket))).await
    }

    async fn lift_hold(&self, account: AccountKey, seen: Moment, now: Moment) -> PortResult<Write<()>> {
        let lift = |t: &mut Tables| {
            let lifted = |bucket: &mut Bucket| {
                let is_lifted = bucket.hold.take_if(|hold| hold.until == seen).is_some();
                bucket.held_until = if is_lifted { Some(now) } else { bucket.held_until };
                is_lifted
            };
            Write::done_if(t.change_bucket(account, lifted))
        };
        self.call("store.lift_hold", lift).await
    }

    async fn claim_release(&self, account: AccountKey, seen: u64) -> PortResult<Write<()>> {
        let claim = |t: &mut Tables| t.change_bucket(account, |bucket| self::claim_release(bucket, seen));
        self.call("store.claim_release", claim).await
    }

    async fn crowd(&self, pacer: &Pacer, until: Moment) -> PortResult<()> {
        let crowd = |t: &mut Tables| {
            if let Some(shared) = t.pacers.get_mut(pacer) {
                shared.crowded_until = shared.crowded_until.max(Some(until));
            }
        };
        self.call("store.crowd", crowd).await
    }

    async fn link(&self, account: AccountKey, link: &Link) -> PortResult<()> {
        let join = |t: &mut Tables| {
            let own = t.buckets.get(&account).cloned().unwrap_or_default();
            if own.pacer.as_ref() != Some(&link.pacer) {
                let shared = link.apply(&own, t.pacers.get(&link.pacer));
                t.pacers.insert(link.pacer.clone(), shared);
                t.buckets.insert(account, Bucket { pacer: Some(link.pacer.clone()), ..own.own_part() });
            }
        };
        self.call("store.link", join).await
    }

    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()> {
        let mark = |t: &mut Tables| t.change_bucket(account, |bucket| self::mark_waiting(bucket, now));
        self.call("store.mark_waiting", mark).await
    }

    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let clear = |t: &mut Tables| t.change_bucket(account, |bucket| self::clear_waiting(bucket, seen));
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

pub fn take_own_write(bucket: &mut Bucket, write: &OwnWrite) -> Write<()> {
    if bucket.nonce.as_deref().is_some_and(|stored| is_same_write(stored, &write.nonce)) {
        return Write::Done;
    }
    let after = write.apply(bucket);
    let is_done = after.is_some();
    if let Some(after) = after {
        *bucket = after;
    }
    Write::done_if(is_done)
}

fn claim_release(bucket: &mut Bucket, seen: u64) -> Write<()> {
    let is_unchanged = bucket.rel == seen;
    if is_unchanged {
        bucket.rel += 1;
    }
    Write::done_if(is_unchanged)
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
