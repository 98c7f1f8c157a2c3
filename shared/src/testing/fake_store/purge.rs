//! Deleting rows from the table in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::tenant::WorkspaceState;
use crate::domain::time::Moment;
use crate::ports::{PortResult, Purge, Tombstone};

#[derive(Default)]
pub(super) struct Rows {
    tombstones: BTreeMap<PinKey, Tombstone>,
    marked_since: BTreeMap<WorkspaceId, Moment>,
}

impl Tables {
    fn remove_tombstone(&mut self, tombstones: &[Tombstone]) {
        for tombstone in tombstones {
            let board = BoardKey { account: tombstone.account, board_id: tombstone.board_id.clone() };
            for hash in tombstone.content_hash.split(' ') {
                if let Some(pins) = self.siblings.get_mut(&(tombstone.account, hash.to_owned())) {
                    pins.remove(&tombstone.key.pin);
                }
            }
            if let Some(pins) = self.unresolved.get_mut(&board) {
                pins.remove(&tombstone.key.pin);
            }
            self.scans.remove(&board);
            self.attempts.remove(&tombstone.key);
            self.said.retain(|(key, ..), _| *key != tombstone.key);
            self.pins.remove(&tombstone.key);
        }
        self.siblings.retain(|_, pins| !pins.is_empty());
        self.unresolved.retain(|_, pins| !pins.is_empty());
    }

    /// Whether the workspace has any row, except for those that the table would expire by itself.
    fn holds(&self, workspace: WorkspaceId) -> bool {
        let mine = |account: &AccountKey| account.workspace == workspace;
        self.accounts.keys().any(mine)
            || self.buckets.keys().any(mine)
            || self.backlog.iter().any(|(account, rows)| mine(account) && !rows.is_empty())
            || self.siblings.keys().any(|(account, _)| mine(account))
            || self.unresolved.keys().any(|board| mine(&board.account))
            || self.scans.keys().any(|board| mine(&board.account))
            || self.pins.keys().any(|pin| pin.workspace == workspace)
            || self.attempts.keys().any(|pin| pin.workspace == workspace)
            || self.said.keys().any(|(pin, ..)| pin.workspace == workspace)
            || self.purge.tombstones.keys().any(|pin| pin.workspace == workspace)
            || self.purge.marked_since.contains_key(&workspace)
            || self.connections.holds(workspace)
            || self.imports.holds(workspace)
            || self.activity.holds(workspace)
            || self.schedules.holds(workspace)
            || self.rollups.holds(workspace)
            || self.webhooks.holds(workspace)
            || self.task_tokens.keys().any(|awaited| awaited.workspace() == workspace)
            || self.tenants.workspaces.contains_key(&workspace)
            || self.tenants.api_keys.keys().any(|(of, _)| *of == workspace)
    }
}

impl FakeStore {
    /// Whether any row of the workspace is left, without passing the gate.
    pub fn holds_anything_of(&self, workspace: WorkspaceId) -> bool {
        self.tables().holds(workspace)
    }
}

#[async_trait]
impl Purge for FakeStore {
    async fn marked_workspaces(&self) -> PortResult<Vec<WorkspaceId>> {
        let list = |t: &mut Tables| {
            let rows = t.tenants.workspaces.values();
            rows.filter(|row| row.state != WorkspaceState::Active).map(|row| row.id).collect()
        };
        self.call("purge.marked_workspaces", list).await
    }

    async fn marked_since(&self, workspace: WorkspaceId, now: Moment) -> PortResult<Moment> {
        self.call("purge.marked_since", |t| *t.purge.marked_since.entry(workspace).or_insert(now)).await
    }

    async fn pins_left(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<PinId>> {
        let list = |t: &mut Tables| {
            t.pins.keys().filter(|key| key.workspace == workspace).take(limit).map(|key| key.pin).collect()
        };
        self.call("purge.pins_left", list).await
    }

    async fn put_tombstone(&self, tombstones: &[Tombstone]) -> PortResult<()> {
        let put_tombstone = |t: &mut Tables| {
            t.purge.tombstones.extend(tombstones.iter().map(|tombstone| (tombstone.key, tombstone.clone())));
            t.remove_tombstone(tombstones);
        };
        self.call("purge.put_tombstone", put_tombstone).await
    }

    async fn tombstones(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Tombstone>> {
        let list = |t: &mut Tables| {
            let mut tombstones: Vec<Tombstone> =
                t.purge.tombstones.values().filter(|tombstone| tombstone.key.workspace == workspace).cloned().collect();
            tombstones.sort_by_key(|tombstone| tombstone.created_at);
            tombstones.truncate(limit);
            tombstones
        };
        self.call("purge.tombstones", list).await
    }

    async fn close_tombstones(&self, tombstones: &[Tombstone]) -> PortResult<()> {
        let close = |t: &mut Tables| {
            t.remove_tombstone(tombstones);
            tombstones.iter().for_each(|tombstone| {
                t.purge.tombstones.remove(&tombstone.key);
            });
        };
        self.call("purge.close_tombstones", close).await
    }

    async fn wipe_schedules(&self, workspace: WorkspaceId, limit: usize) -> PortResult<bool> {
        self.call("purge.wipe_schedules", |t| t.schedules.wipe(workspace, limit)).await
    }

    async fn wipe_account(&self, account: AccountKey, limit: usize) -> PortResult<bool> {
        let wipe = |t: &mut Tables| {
            if let Some(rows) = t.backlog.get_mut(&account) {
                let names: Vec<String> = rows.keys().take(limit).cloned().collect();
                names.iter().for_each(|name| {
                    rows.remove(name);
                });
                if names.len() == limit {
                    return false;
                }
            }
            t.backlog.remove(&account);
            t.connections.wipe_checks(account);
            t.connections.wipe_simulated(account);
            t.buckets.remove(&account);
            t.accounts.remove(&account);
            true
        };
        self.call("purge.wipe_account", wipe).await
    }

    async fn wipe_remains(&self, workspace: WorkspaceId) -> PortResult<()> {
        let wipe = |t: &mut Tables| {
            t.connections.wipe_states(workspace);
            t.activity.wipe(workspace);
            t.rollups.wipe(workspace);
            t.purge.marked_since.remove(&workspace);
        };
        self.call("purge.wipe_remains", wipe).await
    }

    async fn wipe_workspace(&self, workspace: WorkspaceId) -> PortResult<()> {
        let wipe = |t: &mut Tables| {
            t.tenants.api_keys.retain(|(of, _), _| *of != workspace);
            t.tenants.workspaces.remove(&workspace);
        };
        self.call("purge.wipe_workspace", wipe).await
    }

    async fn disconnected(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>> {
        let list = |t: &mut Tables| {
            let named =
                t.accounts.values().filter(|account| !account.is_forgotten() && account.life.refresh_at.is_none());
            let since = |account: &Account| account.revoked_at.filter(|at| *at <= by).map(|at| (at, account.key));
            let mut found: Vec<_> = named.filter_map(since).collect();
            found.sort_unstable();
            found.into_iter().take(limit).map(|(_, key)| key).collect()
        };
        self.call("purge.disconnected", list).await
    }
}
