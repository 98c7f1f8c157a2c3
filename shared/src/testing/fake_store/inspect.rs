//! Inspecting the table from outside, for a simulation's oracles: calls don't pass the gate and aren't counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::{AccountWatcher, FakeStore, Watcher};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey};
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::tenant::user::User;
use crate::domain::webhook::endpoint::EndpointKey;

impl FakeStore {
    /// Writes a person as 0.2.0 did: without a row of their address.
    pub fn put_user_of_0_2_0(&self, user: &User) {
        self.tables().tenants.put_user(user);
    }

    /// Calls `watcher` for every write of an attempt row.
    pub fn watch(&self, watcher: Watcher) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
    }

    pub(super) fn notify(&self, pin: &Pin, before: &Attempt, after: &Attempt) {
        if let Some(watcher) = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            watcher(pin, before, after);
        }
    }

    /// Calls `watcher` for every write of an account row. The watcher must not read the table.
    pub fn watch_accounts(&self, watcher: AccountWatcher) {
        *self.account_watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(watcher);
    }

    pub(super) fn notify_account(&self, before: Option<&Account>, after: &Account) {
        if let Some(watcher) = self.account_watcher.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            watcher(before, after);
        }
    }

    /// The account's row as it is now.
    pub fn peek_account(&self, key: AccountKey) -> Option<Account> {
        self.tables().accounts.get(&key).cloned()
    }

    /// The first account whose tokens are due, and when.
    pub fn first_due(&self) -> Option<(crate::domain::time::Moment, AccountKey)> {
        let tables = self.tables();
        let connected = tables.accounts.values().filter(|account| account.is_connected());
        connected.filter_map(|account| Some((account.life.refresh_at?, account.key))).min()
    }

    /// Calls `look` for every account's bucket.
    pub fn each_bucket(&self, mut look: impl FnMut(AccountKey, &Bucket)) {
        let tables = self.tables();
        tables.buckets.keys().for_each(|key| look(*key, &tables.bucket(*key)));
    }

    /// The account's bucket as it is now.
    pub fn peek_bucket(&self, key: AccountKey) -> Bucket {
        self.tables().bucket(key)
    }

    /// The pin's rows as they are now.
    pub fn peek(&self, key: PinKey) -> Option<(Pin, Attempt)> {
        self.tables().pin(key)
    }

    /// Removes a row by which the pin is found, as if an older build had accepted it.
    pub fn forget_sibling(&self, account: AccountKey, content_hash: &str, pin: PinId) {
        if let Some(pins) = self.tables().siblings.get_mut(&(account, content_hash.to_owned())) {
            pins.remove(&pin);
        }
    }

    /// Calls `look` for every pin with its attempt row, in the order of the pins' ids.
    pub fn each_pin(&self, mut look: impl FnMut(&Pin, &Attempt)) {
        let tables = self.tables();
        for (key, pin) in &tables.pins {
            match tables.attempts.get(key) {
                Some(attempt) => look(pin, attempt),
                None => look(pin, &Attempt::untouched(pin)),
            }
        }
    }

    /// Pins with a backlog row in an account that is marked as waiting.
    pub fn backlog_owned(&self) -> BTreeSet<PinKey> {
        let tables = self.tables();
        let marked = |account| tables.buckets.get(account).is_some_and(|bucket| bucket.waiting_at.is_some());
        let rows = tables.backlog.iter().filter(|(account, _)| marked(account));
        rows.flat_map(|(account, rows)| rows.values().map(|row| PinKey { workspace: account.workspace, pin: row.pin }))
            .collect()
    }

    /// For each pin, the earliest minute of a recovery marker that is still to be read.
    pub fn marker_owned(&self) -> BTreeMap<PinKey, i64> {
        let tables = self.tables();
        let mut earliest = BTreeMap::new();
        let first = tables.watermark.map_or(i64::MIN, |minute| minute + 1 - crate::domain::recovery::RESCAN_MINUTES);
        for ((minute, _), rows) in tables.markers.range((first, 0)..) {
            let watching = rows.values().filter(|row| row.purpose == crate::domain::recovery::Purpose::Rescue);
            for pin in watching.flat_map(|row| &row.pins) {
                earliest.entry(*pin).or_insert(*minute);
            }
        }
        earliest
    }

    /// Webhooks that a recovery marker names which is still to be read.
    pub fn endpoints_with_markers(&self) -> BTreeSet<EndpointKey> {
        let tables = self.tables();
        let first = tables.watermark.map_or(i64::MIN, |minute| minute + 1 - crate::domain::recovery::RESCAN_MINUTES);
        let rows = tables.markers.range((first, 0)..).flat_map(|(_, rows)| rows.values());
        rows.filter_map(crate::domain::recovery::RecoveryMarker::endpoint_key).collect()
    }

    /// What the events are about that a recovery marker names which is still to be read.
    pub fn events_with_markers(&self) -> BTreeSet<uuid::Uuid> {
        let tables = self.tables();
        let first = tables.watermark.map_or(i64::MIN, |minute| minute + 1 - crate::domain::recovery::RESCAN_MINUTES);
        let rows = tables.markers.range((first, 0)..).flat_map(|(_, rows)| rows.values());
        rows.filter(|row| row.event.is_some()).flat_map(|row| row.pins.iter().map(|pin| pin.pin.0)).collect()
    }

    /// Pins that are named by markers of later minutes, which the rollup will read.
    pub fn rows_after(&self, minute: i64) -> BTreeSet<PinKey> {
        let tables = self.tables();
        let rows = tables.markers.range((minute.saturating_add(1), 0)..).flat_map(|(_, rows)| rows.values());
        let read = rows.filter(|row| {
            use crate::domain::recovery::Purpose;
            matches!(row.purpose, Purpose::Rescue | Purpose::Retired)
        });
        read.flat_map(|row| row.pins.iter().copied()).collect()
    }

    /// Pins that are registered as unresolved, by board.
    pub fn unresolved_by_board(&self) -> BTreeMap<BoardKey, BTreeSet<PinId>> {
        self.tables().unresolved.clone()
    }
}
