//! The table in memory, with exactly the conditions of the DynamoDB adapter.
//!
//! One lock and sorted maps: the same calls give the same answers in the same order. There is one file per port, with
//! the port's calls and the conditions of its rows.
//!
//! Stricter than DynamoDB: under [`Entry::Twice`](super::gate::Entry) a transaction is really made a second time, where
//! the service would recognise the SDK's token. So the caller's own nonces must suffice. Rows never expire.

mod accounts;
mod activity;
mod backlog;
mod budget;
mod connections;
mod credits;
mod imports;
mod inspect;
mod lease;
mod markers;
mod pacing;
mod pin_index;
mod pins;
mod purge;
mod reconciliation;
mod rollups;
mod schedules;
mod task_tokens;
mod tenants;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::account::Account;
use crate::domain::credit::Holder;
use crate::domain::credit::row::CreditRow;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pacing::budget::DaySpending;
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::said::{Part, Said};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::recovery::RecoveryMarker;
use crate::domain::time::Moment;
use crate::ports::{Ping, PortResult};

#[derive(Default)]
struct Tables {
    tenants: tenants::Rows,
    connections: connections::Rows,
    imports: imports::Rows,
    activity: activity::Rows,
    purge: purge::Rows,
    schedules: schedules::Rows,
    rollups: rollups::Rows,
    webhooks: webhooks::Rows,
    task_tokens: task_tokens::Rows,
    accounts: BTreeMap<AccountKey, Account>,
    pins: BTreeMap<PinKey, Pin>,
    attempts: BTreeMap<PinKey, Attempt>,
    said: BTreeMap<(PinKey, u32, Part), (String, Said)>,
    siblings: BTreeMap<(AccountKey, String), BTreeSet<PinId>>,
    unresolved: BTreeMap<BoardKey, BTreeSet<PinId>>,
    scans: BTreeMap<BoardKey, BoardScan>,
    /// Of an account with a pacer, only the account's own part.
    buckets: BTreeMap<AccountKey, Bucket>,
    /// What the accounts of a Pinterest user share.
    pacers: BTreeMap<Pacer, Bucket>,
    /// By sort key, whose last part is the generation: a pin that returns has a row of its own.
    backlog: BTreeMap<AccountKey, BTreeMap<String, BacklogRow>>,
    markers: BTreeMap<(i64, u32), BTreeMap<String, RecoveryMarker>>,
    watermark: Option<i64>,
    lease: Option<(String, Moment)>,
    days: BTreeMap<i64, DaySpending>,
    credits: BTreeMap<Holder, CreditRow>,
}

/// Called for every attempt row that is written, with the pin, the row before and the row after.
pub type Watcher = Box<dyn FnMut(&Pin, &Attempt, &Attempt) + Send>;

/// Called for every account row that is written, with the row before and the row after.
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
impl Ping for FakeStore {
    async fn ping(&self) -> PortResult<()> {
        self.call("store.ping", |_| ()).await
    }
}
