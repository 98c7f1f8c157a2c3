//! Notes which pins a process ends, for the dashboard: the table as a process sees it, with a row of samples for every
//! sixteen pins that it ended.
//!
//! [`around`] wraps a context's store. A write that ends a pin keeps its sample in memory, and the write that fills a
//! row writes the row. What is in memory when the process ends is read from the pins, until the rollup has them. It
//! never keeps an end from being written.
//!
//! A retry takes a failure back: it is announced in a row of its own before it is written, so that a pin is never shown
//! as failed because a process died in between. A retry that can't be announced isn't made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::altered_port;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{Bucket, Link, OwnWrite, Pause, Take};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::said::Said;
use crate::domain::pin::{Pin, Priority};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::stats::rollup::Sample;
use crate::domain::stats::rollup::recent::{Change, RecentSamples};
use crate::domain::time::{HOUR_MS, Moment};
use crate::ports::{
    Accounts, Backlog, Budget, DispatcherLease, Pacing, Ping, Pins, PortResult, Reconciliation, RecoveryMarkers,
    Rollups, Store, System, Taken, Write,
};

/// A process keeps samples of at most this many workspaces; then those of workspaces that were quiet for an hour go.
const WORKSPACES_MAX: usize = 256;
const IDLE_MS: i64 = HOUR_MS;

/// The context, whose store notes which pins it ends, in rows of `per_row` samples.
#[must_use]
pub fn around(context: Context, per_row: usize) -> Context {
    let store = Noting {
        inner: Arc::clone(&context.store),
        rollups: Arc::clone(&context.rollups),
        system: Arc::clone(&context.system),
        per_row,
        noted: Mutex::default(),
    };
    Context { store: Arc::new(store), ..context }
}

/// What a process has ended in a workspace and not yet written.
struct Noted {
    last: Moment,
    samples: Vec<Sample>,
}

struct Noting {
    inner: Arc<dyn Store>,
    rollups: Arc<dyn Rollups>,
    system: Arc<dyn System>,
    per_row: usize,
    noted: Mutex<BTreeMap<WorkspaceId, Noted>>,
}

impl Noting {
    fn noted(&self) -> MutexGuard<'_, BTreeMap<WorkspaceId, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces retries, before they are written.
    async fn announce(&self, writes: &[(&Pin, &Attempt)]) -> PortResult<()> {
        let mut reopened: BTreeMap<WorkspaceId, Vec<Sample>> = BTreeMap::new();
        for (pin, next) in writes {
            if let Some(Change::Reopened(sample)) = Change::of(pin, next) {
                reopened.entry(pin.key.workspace).or_default().push(sample);
            }
        }
        for (workspace, samples) in reopened {
            self.write(workspace, samples).await?;
        }
        Ok(())
    }

    /// Notes the pins that these writes have ended.
    async fn note(&self, writes: &[(&Pin, &Attempt)]) {
        for (pin, next) in writes {
            let Some(Change::Ended(sample)) = Change::of(pin, next) else { continue };
            let workspace = pin.key.workspace;
            let Some(full) = self.keep(workspace, sample) else { continue };
            if let Err(error) = self.write(workspace, full).await {
                tracing::warn!(
                    workspace_id = %workspace, %error, "recent outcomes not stored; the dashboard reads the pins"
                );
            }
        }
    }

    /// Keeps the sample; returns a row of samples if there are enough.
    fn keep(&self, workspace: WorkspaceId, sample: Sample) -> Option<Vec<Sample>> {
        let now = self.system.now();
        let mut noted = self.noted();
        if noted.len() >= WORKSPACES_MAX {
            noted.retain(|of, noted| *of == workspace || now.since_ms(noted.last) < IDLE_MS);
        }
        let of = noted.entry(workspace).or_insert_with(|| Noted { last: now, samples: Vec::new() });
        of.last = now;
        of.samples.push(sample);
        if of.samples.len() < self.per_row {
            return None;
        }
        noted.remove(&workspace).map(|of| of.samples)
    }

    async fn write(&self, workspace: WorkspaceId, samples: Vec<Sample>) -> PortResult<()> {
        let recent = RecentSamples { at: self.system.now(), id: self.system.nonce(), samples };
        self.rollups.put_recent(workspace, &recent).await
    }
}

altered_port! {
    Pins for Noting {
        async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>> {
            self.announce(&[(pin, next)]).await?;
            let saved = self.inner.save_attempt(pin, next).await?;
            if saved == Write::Done {
                self.note(&[(pin, next)]).await;
            }
            Ok(saved)
        }

        async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<Write<()>> {
            let changes: Vec<(&Pin, &Attempt)> = writes.iter().map(|(pin, next)| (pin, next)).collect();
            self.announce(&changes).await?;
            let saved = self.inner.save_attempts(writes).await?;
            if saved.is_done() {
                self.note(&changes).await;
            }
            Ok(saved)
        }

        async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<()>> {
            self.announce(&[(pin, next)]).await?;
            let saved = self.inner.save_pin(pin, next).await?;
            if saved.is_done() {
                self.note(&[(pin, next)]).await;
            }
            Ok(saved)
        }
    }

    fn put_pin(pin: &Pin) -> PortResult<Write<Box<Pin>>>;
    fn pins(keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>>;
    fn hide_pin(pin: &Pin) -> PortResult<()>;
    fn put_said(pin: &Pin, said: &Said) -> PortResult<()>;
    fn said(pin: &Pin) -> PortResult<Vec<Said>>;
    fn put_sibling(account: AccountKey, content_hash: &str, pin: PinId, expires_at: Moment) -> PortResult<()>;
    fn siblings(account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>>;
    fn first_siblings(account: AccountKey, content_hash: &str, limit: usize) -> PortResult<Vec<PinId>>;
    fn listing_after(
        workspace: WorkspaceId, after: Option<(Moment, PinId)>, by: Moment, limit: usize
    ) -> PortResult<Vec<(Moment, PinId)>>;
    fn deleted_after(
        workspace: WorkspaceId, after: Option<(Moment, PinId)>, by: Moment, limit: usize
    ) -> PortResult<Vec<(Moment, PinId)>>;
}

altered_port! {
    Ping for Noting {}
    fn ping() -> PortResult<()>;
}

altered_port! {
    Accounts for Noting {}
    fn save_account(next: &Account) -> PortResult<Write<()>>;
    fn account(key: AccountKey) -> PortResult<Option<Account>>;
    fn accounts(workspace: WorkspaceId) -> PortResult<Vec<Account>>;
    fn accounts_due(by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;
}

altered_port! {
    Reconciliation for Noting {}
    fn put_unresolved(board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()>;
    fn unresolved(board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>>;
    fn delete_unresolved(board: &BoardKey, pins: &[PinId]) -> PortResult<()>;
    fn board_scan(board: &BoardKey) -> PortResult<BoardScan>;
    fn save_board_scan(board: &BoardKey, next: &BoardScan) -> PortResult<Write<()>>;
}

altered_port! {
    Pacing for Noting {}
    fn bucket(account: AccountKey) -> PortResult<Bucket>;
    fn take(account: AccountKey, take: &Take) -> PortResult<Taken>;
    fn take_own_write(account: AccountKey, write: &OwnWrite) -> PortResult<Write<()>>;
    fn pause(account: AccountKey, pause: &Pause) -> PortResult<()>;
    fn lift_hold(account: AccountKey, seen: Moment, now: Moment) -> PortResult<Write<()>>;
    fn claim_release(account: AccountKey, seen: u64) -> PortResult<Write<()>>;
    fn crowd(pacer: &Pacer, until: Moment) -> PortResult<()>;
    fn link(account: AccountKey, link: &Link) -> PortResult<()>;
    fn mark_waiting(account: AccountKey, now: Moment) -> PortResult<()>;
    fn clear_waiting(account: AccountKey, seen: Moment) -> PortResult<()>;
    fn waiting_accounts() -> PortResult<Vec<AccountKey>>;
}

altered_port! {
    Budget for Noting {}
    fn day_spending(day: i64) -> PortResult<DaySpending>;
    fn save_day_spending(next: &DaySpending) -> PortResult<Write<DaySpending>>;
}

altered_port! {
    Backlog for Noting {}
    fn put_backlog(account: AccountKey, row: &BacklogRow) -> PortResult<()>;
    fn backlog(account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>>;
    fn backlog_of(account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>>;
    fn backlog_position(account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>>;
    fn in_backlog(account: AccountKey, row: &BacklogRow) -> PortResult<bool>;
    fn delete_backlog(account: AccountKey, rows: &[BacklogRow]) -> PortResult<()>;
}

altered_port! {
    RecoveryMarkers for Noting {}
    fn put_marker(row: &RecoveryMarker) -> PortResult<()>;
    fn delete_marker(row: &RecoveryMarker) -> PortResult<()>;
    fn markers(minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>>;
    fn watermark() -> PortResult<Option<i64>>;
    fn set_watermark(minute: i64) -> PortResult<()>;
}

altered_port! {
    DispatcherLease for Noting {}
    fn take_lease(holder: &str, now: Moment, until: Moment) -> PortResult<bool>;
    fn release_lease(holder: &str) -> PortResult<()>;
}
