//! The table in memory, with exactly the conditions of the DynamoDB adapter.
//!
//! One lock, sorted maps: the same calls give the same answers in the same order. [`pins`] and [`pacing`] hold the
//! rules of the rows that have any; this file lists the calls.
//!
//! Harsher than DynamoDB: under [`Entry::Twice`](super::gate::Entry) a transaction is really made a second time, where
//! the service would recognise the SDK's token; so the caller's own nonces have to do. Nothing ever expires.

mod activity;
mod connections;
mod imports;
mod inspect;
mod pacing;
mod pin_index;
mod pins;
mod purge;
mod rollups;
mod schedules;
mod tenants;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::invariants::is_same_write;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{Bucket, Pause, Resume, Take};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::{Pin, Priority};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::Moment;
use crate::ports::{Accepted, Counted, PortResult, Saved, Store, Taken};

#[derive(Default)]
struct Tables {
    tenants: tenants::Rows,
    connections: connections::Rows,
    imports: imports::Rows,
    activity: activity::Rows,
    purge: purge::Rows,
    schedules: schedules::Rows,
    rollups: rollups::Rows,
    accounts: BTreeMap<AccountKey, Account>,
    pins: BTreeMap<PinKey, Pin>,
    attempts: BTreeMap<PinKey, Attempt>,
    siblings: BTreeMap<(AccountKey, String), BTreeSet<PinId>>,
    unresolved: BTreeMap<BoardKey, BTreeSet<PinId>>,
    scans: BTreeMap<BoardKey, BoardScan>,
    buckets: BTreeMap<AccountKey, Bucket>,
    /// By sort key, whose last part is the generation: a pin that comes back has a row of its own.
    backlog: BTreeMap<AccountKey, BTreeMap<String, BacklogRow>>,
    markers: BTreeMap<(i64, u32), BTreeMap<String, RecoveryMarker>>,
    watermark: Option<i64>,
    lease: Option<(String, Moment)>,
    days: BTreeMap<i64, DaySpending>,
}

/// Told of every attempt row that is written: the pin, the row before and the row after.
pub type Watcher = Box<dyn FnMut(&Pin, &Attempt, &Attempt) + Send>;

/// Told of every account row that is written: the row before and the row after.
pub type AccountWatcher = Box<dyn FnMut(Option<&Account>, &Account) + Send>;

pub struct FakeStore {
    gate: Arc<dyn Gate>,
    tables: Mutex<Tables>,
    watcher: Mutex<Option<Watcher>>,
    account_watcher: Mutex<Option<AccountWatcher>>,
}

impl FakeStore {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate, tables: Mutex::default(), watcher: Mutex::default(), account_watcher: Mutex::default() }
    }

    async fn call<T: Send>(
        &self,
        name: &'static str,
        mut effect: impl FnMut(&mut Tables) -> T + Send,
    ) -> PortResult<T> {
        around(&*self.gate, name, || Ok(effect(&mut self.tables()))).await
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn ping(&self) -> PortResult<()> {
        self.call("store.ping", |_| ()).await
    }

    async fn save_account(&self, next: &Account) -> PortResult<bool> {
        let save = |t: &mut Tables| {
            let stored = t.accounts.get(&next.key);
            let follows = stored.map_or(0, |stored| stored.rev) + 1 == next.rev;
            if follows {
                let before = t.accounts.insert(next.key, next.clone());
                self.tell_of_account(before.as_ref(), next);
                return true;
            }
            stored.is_some_and(|stored| stored.rev == next.rev && is_same_write(&stored.nonce, &next.nonce))
        };
        self.call("store.save_account", save).await
    }

    async fn accounts_due(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>> {
        let list = |t: &mut Tables| {
            let refresh_at =
                |account: &Account| account.life.refresh_at.filter(|at| *at <= by && account.life.dead.is_none());
            let mut due: Vec<_> =
                t.accounts.values().filter_map(|account| Some((refresh_at(account)?, account.key))).collect();
            due.sort_unstable();
            due.into_iter().take(limit).map(|(_, key)| key).collect()
        };
        self.call("store.accounts_due", list).await
    }

    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>> {
        self.call("store.account", |t| t.accounts.get(&key).cloned()).await
    }

    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>> {
        let list = |t: &mut Tables| t.accounts.values().filter(|a| a.key.workspace == workspace).cloned().collect();
        self.call("store.accounts", list).await
    }

    async fn put_pin(&self, pin: &Pin) -> PortResult<Accepted> {
        self.call("store.put_pin", |t| t.put_pin(pin)).await
    }

    async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>> {
        self.call("store.pins", |t| keys.iter().map(|key| t.pin(*key)).collect()).await
    }

    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Saved> {
        self.call("store.save_attempt", |t| {
            let before = t.pin(pin.key);
            let saved = t.save_attempt(pin, next);
            if let Some((pin, before)) = before.filter(|(_, before)| saved == Saved::Yes && before.rev < next.rev) {
                self.tell(&pin, &before, next);
            }
            saved
        })
        .await
    }

    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<bool> {
        self.call("store.save_attempts", |t| {
            let before: Vec<Option<(Pin, Attempt)>> = writes.iter().map(|(pin, _)| t.pin(pin.key)).collect();
            let is_saved = t.save_attempts(writes);
            for ((pin, before), (_, next)) in before.into_iter().flatten().zip(writes) {
                if is_saved && before.rev < next.rev {
                    self.tell(&pin, &before, next);
                }
            }
            is_saved
        })
        .await
    }

    async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<bool> {
        self.call("store.save_pin", |t| {
            let before = t.pin(pin.key);
            let is_saved = t.save_pin(pin, next);
            if let Some((_, before)) = before.filter(|(_, before)| is_saved && before.rev < next.rev) {
                self.tell(pin, &before, next);
            }
            is_saved
        })
        .await
    }

    async fn hide_pin(&self, pin: &Pin) -> PortResult<()> {
        self.call("store.hide_pin", |t| t.hide_pin(pin)).await
    }

    async fn first_siblings(&self, account: AccountKey, hash: &str, limit: usize) -> PortResult<Vec<PinId>> {
        let key = (account, hash.to_owned());
        let first = |t: &mut Tables| t.siblings.get(&key).into_iter().flatten().take(limit).copied().collect();
        self.call("store.first_siblings", first).await
    }

    async fn put_sibling(&self, account: AccountKey, hash: &str, pin: PinId, _: Moment) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.siblings.entry((account, hash.to_owned())).or_default().insert(pin);
        };
        self.call("store.put_sibling", put).await
    }

    async fn siblings(&self, account: AccountKey, hash: &str) -> PortResult<Vec<PinId>> {
        let key = (account, hash.to_owned());
        self.call("store.siblings", |t| t.siblings.get(&key).into_iter().flatten().copied().collect()).await
    }

    async fn listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.call("store.listing_after", |t| t.listing_after(workspace, false, after, by, limit)).await
    }

    async fn deleted_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.call("store.deleted_after", |t| t.listing_after(workspace, true, after, by, limit)).await
    }

    async fn put_unresolved(&self, board: &BoardKey, pin: PinId, _: Moment) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.unresolved.entry(board.clone()).or_default().insert(pin);
        };
        self.call("store.put_unresolved", put).await
    }

    async fn unresolved(&self, board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>> {
        self.call("store.unresolved", |t| t.unresolved.get(board).into_iter().flatten().take(limit).copied().collect())
            .await
    }

    async fn delete_unresolved(&self, board: &BoardKey, pins: &[PinId]) -> PortResult<()> {
        let delete = |t: &mut Tables| {
            if let Some(unresolved) = t.unresolved.get_mut(board) {
                pins.iter().for_each(|pin| {
                    unresolved.remove(pin);
                });
            }
        };
        self.call("store.delete_unresolved", delete).await
    }

    async fn board_scan(&self, board: &BoardKey) -> PortResult<BoardScan> {
        self.call("store.board_scan", |t| t.scans.get(board).cloned().unwrap_or_default()).await
    }

    async fn save_board_scan(&self, board: &BoardKey, next: &BoardScan) -> PortResult<bool> {
        self.call("store.save_board_scan", |t| t.save_board_scan(board, next)).await
    }

    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket> {
        self.call("store.bucket", |t| t.buckets.get(&account).cloned().unwrap_or_default()).await
    }

    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken> {
        self.call("store.take", |t| pacing::take(t.buckets.entry(account).or_default(), take)).await
    }

    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
        self.call("store.pause", |t| pacing::pause(t.buckets.entry(account).or_default(), pause)).await
    }

    async fn lift_hold(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let lift = |t: &mut Tables| pacing::lift_hold(t.buckets.entry(account).or_default(), seen);
        self.call("store.lift_hold", lift).await
    }

    async fn resume(&self, account: AccountKey, resume: &Resume) -> PortResult<bool> {
        let end = |t: &mut Tables| pacing::resume(t.buckets.entry(account).or_default(), resume);
        self.call("store.resume", end).await
    }

    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()> {
        let mark = |t: &mut Tables| pacing::mark_waiting(t.buckets.entry(account).or_default(), now);
        self.call("store.mark_waiting", mark).await
    }

    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()> {
        let clear = |t: &mut Tables| pacing::clear_waiting(t.buckets.entry(account).or_default(), seen);
        self.call("store.clear_waiting", clear).await
    }

    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>> {
        let list = |t: &mut Tables| t.buckets.iter().filter(|(_, b)| b.waiting_at.is_some()).map(|(k, _)| *k).collect();
        self.call("store.waiting_accounts", list).await
    }

    async fn day_spending(&self, day: i64) -> PortResult<DaySpending> {
        let read = |t: &mut Tables| t.days.get(&day).cloned().unwrap_or_else(|| DaySpending::nothing(day));
        self.call("store.day_spending", read).await
    }

    async fn save_day_spending(&self, next: &DaySpending) -> PortResult<Counted> {
        let day = |t: &mut Tables| {
            pacing::count(t.days.entry(next.day).or_insert_with(|| DaySpending::nothing(next.day)), next)
        };
        self.call("store.save_day_spending", day).await
    }

    async fn put_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.backlog.entry(account).or_default().insert(row.sort_key(), row.clone());
        };
        self.call("store.put_backlog", put).await
    }

    async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>> {
        let first = |t: &mut Tables| t.backlog.entry(account).or_default().values().take(limit).cloned().collect();
        self.call("store.backlog", first).await
    }

    async fn backlog_of(&self, account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>> {
        let rows = |t: &mut Tables| {
            let rows = t.backlog.entry(account).or_default().values();
            rows.filter(|row| row.priority == priority).take(limit).cloned().collect()
        };
        self.call("store.backlog_of", rows).await
    }

    async fn backlog_position(&self, account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>> {
        self.call("store.backlog_position", |t| {
            let rows = t.backlog.entry(account).or_default();
            rows.contains_key(&row.sort_key())
                .then(|| rows.range(..row.sort_key()).take(usize::try_from(limit).unwrap_or(usize::MAX)).count() as u64)
        })
        .await
    }

    async fn in_backlog(&self, account: AccountKey, row: &BacklogRow) -> PortResult<bool> {
        let has = |t: &mut Tables| t.backlog.get(&account).is_some_and(|rows| rows.contains_key(&row.sort_key()));
        self.call("store.in_backlog", has).await
    }

    async fn delete_backlog(&self, account: AccountKey, rows: &[BacklogRow]) -> PortResult<()> {
        self.call("store.delete_backlog", |t| {
            let backlog = t.backlog.entry(account).or_default();
            for row in rows {
                backlog.remove(&row.sort_key());
            }
        })
        .await
    }

    async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.markers.entry((row.minute, row.shard)).or_default().insert(row.id.clone(), row.clone());
        };
        self.call("store.put_marker", put).await
    }

    async fn delete_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
        let delete = |t: &mut Tables| {
            t.markers.entry((row.minute, row.shard)).or_default().remove(&row.id);
        };
        self.call("store.delete_marker", delete).await
    }

    async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>> {
        let rows =
            |t: &mut Tables| t.markers.get(&(minute, shard)).into_iter().flat_map(|r| r.values().cloned()).collect();
        self.call("store.markers", rows).await
    }

    async fn watermark(&self) -> PortResult<Option<i64>> {
        self.call("store.watermark", |t| t.watermark).await
    }

    async fn set_watermark(&self, minute: i64) -> PortResult<()> {
        self.call("store.set_watermark", |t| t.watermark = t.watermark.max(Some(minute))).await
    }

    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool> {
        self.call("store.take_lease", |t| {
            let free = t.lease.as_ref().is_none_or(|(name, held_until)| *held_until <= now || name == holder);
            if free {
                t.lease = Some((holder.to_owned(), until));
            }
            free
        })
        .await
    }

    async fn release_lease(&self, holder: &str) -> PortResult<()> {
        let release = |t: &mut Tables| {
            t.lease.take_if(|(name, _)| name == holder);
        };
        self.call("store.release_lease", release).await
    }
}
