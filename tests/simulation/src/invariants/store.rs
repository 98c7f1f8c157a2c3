//! The table as a mutant's process sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use pinbridge_shared::altered_port;
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::credentials::{Death, STRAY_REFUSAL_RETRY_MS, TokenLife};
use pinbridge_shared::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use pinbridge_shared::domain::pacing::backlog::BacklogRow;
use pinbridge_shared::domain::pacing::bucket::{Bucket, Link, OwnWrite, Pause, Paused, Take, TakeFrom};
use pinbridge_shared::domain::pacing::budget::DaySpending;
use pinbridge_shared::domain::pacing::pacer::Pacer;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::said::Said;
use pinbridge_shared::domain::pin::{Pin, Priority};
use pinbridge_shared::domain::reconcile::board_scan::BoardScan;
use pinbridge_shared::domain::recovery::{Purpose, RecoveryMarker};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::{
    Accounts, Backlog, Budget, DispatcherLease, Pacing, Ping, Pins, PortError, PortResult, Reconciliation,
    RecoveryMarkers, Store, System, Taken, Write,
};

use super::{CustodyInvariant, Invariant, Lacking};
use crate::kernel::Kind;

/// One process's view of the table.
pub struct MutantStore {
    lacking: Lacking,
    kind: Kind,
    inner: Arc<dyn Store>,
    system: Arc<dyn System>,
    /// Pinterest has refused the access token that it was asked about last.
    access_refused: Arc<AtomicBool>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Pins whose announcement was not written.
    unannounced: BTreeSet<PinKey>,
    /// The holder as which this process last announced a refresh of the account.
    holders: BTreeMap<AccountKey, String>,
}

impl MutantStore {
    pub fn new(
        lacking: Lacking,
        kind: Kind,
        inner: Arc<dyn Store>,
        system: Arc<dyn System>,
        access_refused: Arc<AtomicBool>,
    ) -> Self {
        Self { lacking, kind, inner, system, access_refused, known: Mutex::default() }
    }

    fn lacks(&self, invariant: Invariant) -> bool {
        self.lacking == Lacking::Publishing(invariant)
    }

    fn lacks_of_custody(&self, invariant: CustodyInvariant) -> bool {
        self.lacking == Lacking::Custody(invariant)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pin's rows as this process sees them.
    fn seen(&self, mut pin: Pin, mut attempt: Attempt) -> (Pin, Attempt) {
        if self.lacks(Invariant::Hidden) && self.kind == Kind::Publisher {
            pin.hidden_at = None;
        }
        if self.lacks(Invariant::PublishBefore) {
            pin.request.publish_before = None;
        }
        if self.lacks(Invariant::ImageTries) {
            attempt.image_tries = 0;
        }
        if self.lacks(Invariant::StrayRefusal) && self.kind == Kind::Publisher {
            // As if the call before had been refused for its token too.
            attempt.failure = Some(Failure::TokenExpired);
        }
        if self.lacks(Invariant::RefusedAlone) && self.kind == Kind::Publisher {
            attempt.history.retain(|event| event.kind != EventKind::Deferred);
        }
        if self.lacks(Invariant::LeftBehind) && self.kind == Kind::Reconciler && attempt.edit > 0 {
            attempt.history.retain(|event| event.kind != EventKind::Failed);
            attempt.failure = None;
        }
        let is_published = attempt.status == Status::Published;
        if self.lacks(Invariant::Ownership) && self.kind == Kind::Reconciler && is_published {
            (attempt.pinterest_pin_id, attempt.orphan_pin_id) = (None, None);
        }
        (pin, attempt)
    }

    /// Whether this is the view of somebody who reads what pins report, and lacks the invariants of that.
    fn is_reader(&self) -> bool {
        let lacks = self.lacks(Invariant::PresentState) || self.lacks(Invariant::HeldWithoutTime);
        lacks && self.kind == Kind::Person
    }

    /// The bucket as a reader takes it: never paused, so that a pin's own row decides; or paused wherever it is held,
    /// so that a hold has a time.
    fn reported(&self, bucket: Bucket) -> Bucket {
        if !self.is_reader() {
            return bucket;
        }
        match self.lacking {
            Lacking::Publishing(Invariant::PresentState) => Bucket { pause: None, hold: None, ..bucket },
            _ => {
                let held = bucket.hold.as_ref().map(|hold| Paused { until: hold.until, failure: hold.failure });
                Bucket { pause: held.or(bucket.pause.clone()), hold: None, ..bucket }
            }
        }
    }

    /// Gives the account up where custody would have tried once more.
    fn given_up(&self, next: &Account) -> Account {
        let life = &next.life;
        let is_first = life.refused.is_some() && life.dead.is_none() && life.lease.is_none();
        if !is_first || !self.access_refused.load(Ordering::Relaxed) {
            return next.clone();
        }
        let death = Death { at: next.updated_at, answer_lost: life.announced.is_some() };
        Account { life: TokenLife { refresh_at: None, dead: Some(death), ..life.clone() }, ..next.clone() }
    }

    /// Records the result of a refresh, whatever the row is by now.
    async fn overwrite(&self, next: &Account) -> PortResult<Write<()>> {
        let mut write = next.clone();
        while !self.inner.save_account(&write).await?.is_done() {
            let Some(current) = self.inner.account(next.key).await? else { return Ok(Write::Conflict(())) };
            let (life, scopes) = (next.life.clone(), next.scopes.clone());
            write = Account { life, scopes, ..current.next(self.system.now(), self.system.nonce()) };
        }
        Ok(Write::Done)
    }

    /// Counts the pin as absent instead of registering it as unresolved.
    async fn call_absent(&self, board: &BoardKey, pin: PinId) -> PortResult<()> {
        let key = PinKey { workspace: board.account.workspace, pin };
        if let Some((pin, attempt)) = self.inner.pins(&[key]).await?.into_iter().flatten().next()
            && let Ok(absent) = attempt.absent(self.system.now(), self.system.nonce())
        {
            self.inner.save_attempt(&pin, &absent).await?;
        }
        Ok(())
    }
}

fn is_announcement(next: &Attempt) -> bool {
    next.history.last().is_some_and(|event| event.kind == EventKind::AttemptStarted)
}

altered_port! {
    Ping for MutantStore {}
    fn ping() -> PortResult<()>;
}

altered_port! {
    Accounts for MutantStore {
        async fn save_account(&self, next: &Account) -> PortResult<Write<()>> {
            if let Some(lease) = &next.life.lease {
                self.known().holders.insert(next.key, lease.holder.clone());
            }
            let records = next.life.lease.is_none() && next.revoked_at.is_none();
            match self.lacking {
                Lacking::Publishing(Invariant::ForcedOnce) => {
                    let life = TokenLife { forced: None, ..next.life.clone() };
                    self.inner.save_account(&Account { life, ..next.clone() }).await
                }
                Lacking::Custody(CustodyInvariant::RowFence) if records => self.overwrite(next).await,
                Lacking::Custody(CustodyInvariant::RefusalConfirmed) => {
                    self.inner.save_account(&self.given_up(next)).await
                }
                _ => self.inner.save_account(next).await,
            }
        }

        async fn account(&self, key: AccountKey) -> PortResult<Option<Account>> {
            let mut account = self.inner.account(key).await?;
            if self.is_reader()
                && let Some(account) = account.as_mut()
            {
                (account.revoked_at, account.life) = (None, TokenLife::default());
            }
            if self.lacks_of_custody(CustodyInvariant::RefreshLease)
                && let Some(account) = account.as_mut()
            {
                let own = self.known().holders.get(&key).cloned();
                account.life.lease = account.life.lease.take().filter(|lease| Some(&lease.holder) == own.as_ref());
            }
            Ok(account)
        }
    }

    fn accounts(workspace: WorkspaceId) -> PortResult<Vec<Account>>;
    fn accounts_due(by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;
}

altered_port! {
    Pins for MutantStore {
        async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>> {
            let read = self.inner.pins(keys).await?;
            Ok(read.into_iter().map(|row| row.map(|(pin, attempt)| self.seen(pin, attempt))).collect())
        }

        async fn put_pin(&self, pin: &Pin) -> PortResult<Write<Box<Pin>>> {
            match self.inner.put_pin(pin).await {
                Err(PortError::Contended { row, .. }) if self.lacks(Invariant::Contention) => {
                    Err(PortError::Broken { port: "table", reason: format!("the {row} is in a transaction") })
                }
                answer => answer,
            }
        }

        async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>> {
            if self.lacks(Invariant::Nonce) {
                return self.inner.save_attempt(pin, &Attempt { nonce: String::new(), ..next.clone() }).await;
            }
            if self.lacks(Invariant::WriteAhead) && is_announcement(next) {
                self.known().unannounced.insert(pin.key);
                return Ok(Write::Done);
            }
            if self.known().unannounced.remove(&pin.key) {
                return self.inner.save_attempt(pin, &Attempt { rev: next.rev - 1, ..next.clone() }).await;
            }
            match self.inner.save_attempt(pin, next).await? {
                Write::Conflict(_) if self.lacks(Invariant::Fence) && is_announcement(next) => Ok(Write::Done),
                answer => Ok(answer),
            }
        }
    }

    fn save_attempts(writes: &[(Pin, Attempt)]) -> PortResult<Write<()>>;
    fn save_pin(pin: &Pin, next: &Attempt) -> PortResult<Write<()>>;
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
    Reconciliation for MutantStore {
        async fn put_unresolved(&self, board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()> {
            if self.lacks(Invariant::Reconcile) {
                return self.call_absent(board, pin).await;
            }
            self.inner.put_unresolved(board, pin, expires_at).await
        }
    }

    fn unresolved(board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>>;
    fn delete_unresolved(board: &BoardKey, pins: &[PinId]) -> PortResult<()>;
    fn board_scan(board: &BoardKey) -> PortResult<BoardScan>;
    fn save_board_scan(board: &BoardKey, next: &BoardScan) -> PortResult<Write<()>>;
}

altered_port! {
    Pacing for MutantStore {
        async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
            if self.lacks(Invariant::HoldExplained) {
                return self.inner.pause(account, &Pause { failure: None, ..pause.clone() }).await;
            }
            let ends_soon = pause.until <= self.system.now().plus_ms(STRAY_REFUSAL_RETRY_MS);
            if self.lacks(Invariant::OneTriesTheToken) && pause.reason.is_hold() && ends_soon {
                return Ok(());
            }
            let is_ignored = (self.lacks(Invariant::ReadLimits) && self.kind == Kind::Reconciler)
                || (self.lacks(Invariant::OwnLimits) && self.kind == Kind::Api);
            if is_ignored && !pause.reason.is_hold() {
                return Ok(());
            }
            self.inner.pause(account, pause).await
        }

        async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken> {
            if self.lacks(Invariant::BadClock) && matches!(take.from, TakeFrom::BadClock { .. }) {
                return Ok(Taken::Refused(self.inner.bucket(account).await?));
            }
            self.inner.take(account, take).await
        }

        async fn take_own_write(&self, account: AccountKey, write: &OwnWrite) -> PortResult<Write<()>> {
            if self.lacks(Invariant::OwnWrites) {
                return Ok(Write::Done);
            }
            self.inner.take_own_write(account, write).await
        }

        async fn bucket(&self, account: AccountKey) -> PortResult<Bucket> {
            let bucket = self.inner.bucket(account).await?;
            let is_forgotten = self.lacks(Invariant::OwnWrites);
            let bucket = if is_forgotten { Bucket { reserved_tat: None, ..bucket } } else { bucket };
            Ok(self.reported(bucket))
        }
    }

    fn lift_hold(account: AccountKey, seen: Moment, now: Moment) -> PortResult<Write<()>>;
    fn claim_release(account: AccountKey, seen: u64) -> PortResult<Write<()>>;
    fn crowd(pacer: &Pacer, until: Moment) -> PortResult<()>;
    fn link(account: AccountKey, link: &Link) -> PortResult<()>;
    fn mark_waiting(account: AccountKey, now: Moment) -> PortResult<()>;
    fn clear_waiting(account: AccountKey, seen: Moment) -> PortResult<()>;
    fn waiting_accounts() -> PortResult<Vec<AccountKey>>;
}

altered_port! {
    Budget for MutantStore {}
    fn day_spending(day: i64) -> PortResult<DaySpending>;
    fn save_day_spending(next: &DaySpending) -> PortResult<Write<DaySpending>>;
}

altered_port! {
    Backlog for MutantStore {
        async fn backlog(&self, account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>> {
            let is_first_only = self.lacks(Invariant::AnotherPinTries) && self.inner.bucket(account).await?.is_on_hold();
            self.inner.backlog(account, if is_first_only { 1 } else { limit }).await
        }
    }

    fn put_backlog(account: AccountKey, row: &BacklogRow) -> PortResult<()>;
    fn backlog_of(account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>>;
    fn backlog_position(account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>>;
    fn in_backlog(account: AccountKey, row: &BacklogRow) -> PortResult<bool>;
    fn delete_backlog(account: AccountKey, rows: &[BacklogRow]) -> PortResult<()>;
}

altered_port! {
    RecoveryMarkers for MutantStore {
        async fn put_marker(&self, row: &RecoveryMarker) -> PortResult<()> {
            if self.lacks(Invariant::RetiredMarkers) && row.purpose == Purpose::Retired {
                return self.inner.delete_marker(row).await;
            }
            self.inner.put_marker(row).await
        }

        async fn markers(&self, minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>> {
            let mut rows = self.inner.markers(minute, shard).await?;
            let pending = rows.iter_mut().filter(|row| row.purpose == Purpose::Rescue);
            // The rollup reads them all the same.
            pending.filter(|_| self.lacks(Invariant::Rescuer)).for_each(|row| row.purpose = Purpose::Retired);
            Ok(rows)
        }
    }

    fn delete_marker(row: &RecoveryMarker) -> PortResult<()>;
    fn watermark() -> PortResult<Option<i64>>;
    fn set_watermark(minute: i64) -> PortResult<()>;
}

altered_port! {
    DispatcherLease for MutantStore {}
    fn take_lease(holder: &str, now: Moment, until: Moment) -> PortResult<bool>;
    fn release_lease(holder: &str) -> PortResult<()>;
}
