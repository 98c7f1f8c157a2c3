//! Workspaces, API keys and accounts.

use super::item::{Builder, Item, Reader, moment};
use super::{DynamoStore, keys};
use crate::domain::account::Account;
use crate::domain::api_key::{PresentedKey, Workspace};
use crate::domain::ids::{AccountId, AccountKey, WorkspaceId};
use crate::domain::time::Moment;
use crate::ports::PortResult;

fn read_account(workspace: WorkspaceId, item: &Item) -> PortResult<Account> {
    let row = Reader(item);
    let account: AccountId = row.text("sk")?.parse().map_err(|_| super::item::unreadable("sk"))?;
    Ok(Account {
        key: AccountKey { workspace, account },
        pinterest_user_id: row.text("user")?,
        username: row.maybe_text("username"),
        display_name: row.maybe_text("name"),
        scopes: row.text("scopes")?,
        created_at: row.moment("at")?,
        updated_at: row.moment("upd")?,
        token_expires_at: row.maybe_moment("token_expires"),
        revoked_at: row.maybe_moment("revoked"),
    })
}

impl DynamoStore {
    pub(super) async fn write_workspace(&self, workspace: &Workspace) -> PortResult<()> {
        let row = Builder::keyed(keys::workspace(workspace.id), keys::WORKSPACE).text("name", &workspace.name);
        self.put(row.build()).await
    }

    pub(super) async fn get_workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>> {
        let item = self.get(keys::workspace(id), keys::WORKSPACE, false).await?;
        item.map(|item| Ok(Workspace { id, name: Reader(&item).text("name")? })).transpose()
    }

    pub(super) async fn write_api_key(&self, key: &PresentedKey, name: &str, now: Moment) -> PortResult<()> {
        let row =
            Builder::keyed(keys::api_keys(key.workspace), key.hash_hex()).text("name", name).value("at", moment(now));
        self.put(row.build()).await
    }

    pub(super) async fn has_api_key(&self, key: &PresentedKey) -> PortResult<bool> {
        Ok(self.get(keys::api_keys(key.workspace), &key.hash_hex(), false).await?.is_some())
    }

    pub(super) async fn write_account(&self, account: &Account) -> PortResult<()> {
        let row = Builder::keyed(keys::accounts(account.key.workspace), account.key.account.to_string())
            .text("user", &account.pinterest_user_id)
            .maybe_text("username", account.username.as_deref())
            .maybe_text("name", account.display_name.as_deref())
            .text("scopes", &account.scopes)
            .value("at", moment(account.created_at))
            .value("upd", moment(account.updated_at))
            .maybe_moment("token_expires", account.token_expires_at)
            .maybe_moment("revoked", account.revoked_at);
        self.put(row.build()).await
    }

    pub(super) async fn get_account(&self, key: AccountKey) -> PortResult<Option<Account>> {
        let item = self.get(keys::accounts(key.workspace), &key.account.to_string(), true).await?;
        item.map(|item| read_account(key.workspace, &item)).transpose()
    }

    pub(super) async fn list_accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>> {
        let rows = self.partition(keys::accounts(workspace)).await?;
        rows.iter().map(|item| read_account(workspace, item)).collect()
    }
}
