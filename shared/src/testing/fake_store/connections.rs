//! Pending authorizations, board checks and lists, and simulated accounts in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::account::board_check::BoardCheck;
use crate::domain::account::board_list::BoardList;
use crate::domain::account::oauth::{PendingAuthorization, PresentedState};
use crate::domain::ids::{AccountKey, BoardKey, WorkspaceId};
use crate::domain::repeated_write::is_same_write;
use crate::domain::sandbox::SimulatedAccount;
use crate::domain::time::Moment;
use crate::ports::{BoardChecks, ListingClaim, OAuthStates, PortResult, SimulatedAccounts, Write};

#[derive(Default)]
pub(super) struct Rows {
    states: BTreeMap<(WorkspaceId, String), PendingAuthorization>,
    checks: BTreeMap<BoardKey, BoardCheck>,
    lists: BTreeMap<AccountKey, BoardList>,
    claims: BTreeMap<AccountKey, ListingClaim>,
    simulated: BTreeMap<AccountKey, SimulatedAccount>,
}

impl Rows {
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        self.states.keys().any(|(of, _)| *of == workspace)
            || self.simulated.keys().any(|account| account.workspace == workspace)
            || self.checks.keys().any(|board| board.account.workspace == workspace)
            || self.lists.keys().chain(self.claims.keys()).any(|account| account.workspace == workspace)
    }

    pub(super) fn wipe_states(&mut self, workspace: WorkspaceId) {
        self.states.retain(|(of, _), _| *of != workspace);
    }

    pub(super) fn wipe_checks(&mut self, account: AccountKey) {
        self.checks.retain(|board, _| board.account != account);
        self.lists.remove(&account);
        self.claims.remove(&account);
    }

    pub(super) fn wipe_simulated(&mut self, account: AccountKey) {
        self.simulated.remove(&account);
    }
}

#[async_trait]
impl OAuthStates for FakeStore {
    async fn put_state(&self, state: &PresentedState, pending: &PendingAuthorization) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.connections.states.insert((state.workspace, state.hash_hex()), pending.clone());
        };
        self.call("oauth_states.put_state", put).await
    }

    async fn state(&self, state: &PresentedState) -> PortResult<Option<PendingAuthorization>> {
        let read = |t: &mut Tables| t.connections.states.get(&(state.workspace, state.hash_hex())).cloned();
        self.call("oauth_states.state", read).await
    }

    async fn take_state(&self, state: &PresentedState) -> PortResult<Option<PendingAuthorization>> {
        let take = |t: &mut Tables| t.connections.states.remove(&(state.workspace, state.hash_hex()));
        self.call("oauth_states.take_state", take).await
    }
}

#[async_trait]
impl BoardChecks for FakeStore {
    async fn board_check(&self, board: &BoardKey) -> PortResult<Option<BoardCheck>> {
        self.call("board_checks.board_check", |t| t.connections.checks.get(board).cloned()).await
    }

    async fn save_board_check(&self, board: &BoardKey, check: &BoardCheck) -> PortResult<()> {
        let save = |t: &mut Tables| {
            t.connections.checks.insert(board.clone(), check.clone());
        };
        self.call("board_checks.save_board_check", save).await
    }

    async fn board_list(&self, account: AccountKey, _: bool) -> PortResult<Option<BoardList>> {
        self.call("board_checks.board_list", |t| t.connections.lists.get(&account).cloned()).await
    }

    async fn save_board_list(&self, account: AccountKey, next: &BoardList) -> PortResult<Write<()>> {
        let save = |t: &mut Tables| {
            let stored = t.connections.lists.get(&account);
            if stored.map_or(0, |stored| stored.rev) + 1 == next.rev {
                t.connections.lists.insert(account, next.clone());
                return true;
            }
            stored.is_some_and(|stored| stored.rev == next.rev && is_same_write(&stored.nonce, &next.nonce))
        };
        self.call("board_checks.save_board_list", save).await.map(Write::done_if)
    }

    async fn claim_board_listing(
        &self,
        account: AccountKey,
        claim: &ListingClaim,
    ) -> PortResult<Write<Option<Moment>>> {
        let put = |t: &mut Tables| match t.connections.claims.get(&account) {
            Some(stored) if stored.at > claim.unless_after && !is_same_write(&stored.nonce, &claim.nonce) => {
                Write::Conflict(Some(stored.at))
            }
            _ => {
                t.connections.claims.insert(account, claim.clone());
                Write::Done
            }
        };
        self.call("board_checks.claim_board_listing", put).await
    }
}

#[async_trait]
impl SimulatedAccounts for FakeStore {
    async fn simulated_account(&self, key: AccountKey) -> PortResult<SimulatedAccount> {
        let read = |t: &mut Tables| t.connections.simulated.get(&key).cloned();
        let found = self.call("simulated_accounts.simulated_account", read).await?;
        Ok(found.unwrap_or_else(|| SimulatedAccount::new(key)))
    }

    async fn save_simulated_account(&self, next: &SimulatedAccount) -> PortResult<Write<()>> {
        let save = |t: &mut Tables| {
            let stored = t.connections.simulated.get(&next.key);
            if stored.map_or(0, |stored| stored.rev) + 1 == next.rev {
                t.connections.simulated.insert(next.key, next.clone());
                return true;
            }
            stored.is_some_and(|stored| stored.rev == next.rev && is_same_write(&stored.nonce, &next.nonce))
        };
        self.call("simulated_accounts.save_simulated_account", save).await.map(Write::done_if)
    }
}
