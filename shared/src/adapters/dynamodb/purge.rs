//! [`Purge`] on the table. [`row_kinds`](super::row_kinds) says which step removes which kind of row.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::item::{Builder, Item, Reader, moment, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::said::ROWS_MAX;
use crate::domain::time::Moment;
use crate::ports::{PortResult, Purge, Tenants, Tombstone};

fn tombstone_item(tombstone: &Tombstone) -> Item {
    let pin = tombstone.key.pin;
    Builder::keyed(keys::pin(tombstone.key), keys::TOMBSTONE)
        .text("lpk", keys::listing(tombstone.key.workspace, keys::listing_shard(pin)))
        .text("lsk", keys::position(tombstone.created_at, pin))
        .text("acct", tombstone.account.account.to_string())
        .text("board", &tombstone.board_id)
        .text("content", &tombstone.content_hash)
        .value("at", moment(tombstone.created_at))
        .build()
}

fn read_tombstone(key: PinKey, item: &Item) -> PortResult<Tombstone> {
    let row = Reader(item);
    let account: AccountId = row.text("acct")?.parse().map_err(|_| unreadable("acct"))?;
    Ok(Tombstone {
        key,
        account: AccountKey { workspace: key.workspace, account },
        board_id: row.text("board")?,
        content_hash: row.text("content")?,
        created_at: row.moment("at")?,
    })
}

impl DynamoStore {
    /// The pins of the listing that have a row of that name, up to `limit`.
    async fn listed(&self, workspace: WorkspaceId, sk: &str, limit: usize) -> PortResult<Vec<PinId>> {
        let mut found = Vec::new();
        let shards = (0..keys::LISTING_SHARDS).map(|shard| keys::listing(workspace, shard));
        let hidden = (0..keys::LISTING_SHARDS).map(|shard| keys::hidden_listing(workspace, shard));
        for lpk in shards.chain(hidden) {
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(keys::LISTING_INDEX)
                .key_condition_expression("lpk = :lpk")
                .expression_attribute_values(":lpk", text(lpk))
                .into_paginator()
                .send();
            while found.len() < limit
                && let Some(page) = pages.next().await
            {
                let page = page.map_err(failed)?;
                for item in page.items() {
                    let row = Reader(item);
                    if row.text("sk")? == sk {
                        found.push(keys::parse_position(&row.text("lsk")?).ok_or_else(|| unreadable("lsk"))?.pin);
                    }
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Deletes the rows that the tombstones name, without the tombstones themselves; the row that lists the pin is
    /// deleted last.
    async fn delete_rows_of(&self, tombstones: &[Tombstone]) -> PortResult<()> {
        let mut scans = BTreeSet::new();
        let mut deletes = Vec::new();
        for tombstone in tombstones {
            let board = BoardKey { account: tombstone.account, board_id: tombstone.board_id.clone() };
            let pin = tombstone.key.pin.to_string();
            for hash in tombstone.content_hash.split(' ') {
                deletes.push((keys::sibling(tombstone.account, hash), pin.clone()));
            }
            deletes.push((keys::unresolved(&board), pin));
            let pk = keys::pin(tombstone.key);
            let words = self.first_of(pk.clone(), keys::SAID_PREFIX, ROWS_MAX).await?;
            for row in &words {
                deletes.push((pk.clone(), Reader(row).text("sk")?));
            }
            deletes.push((pk, keys::ATTEMPT.to_owned()));
            scans.insert((keys::board_scan(&board), keys::SCAN.to_owned()));
        }
        deletes.extend(scans);
        self.delete_rows(&deletes).await?;
        let own: Vec<_> =
            tombstones.iter().map(|tombstone| (keys::pin(tombstone.key), keys::REQUEST.to_owned())).collect();
        self.delete_rows(&own).await
    }

    /// Deletes up to `limit` rows of a partition; returns how many there were.
    pub(super) async fn wipe_partition(&self, pk: String, limit: usize) -> PortResult<usize> {
        let rows = self.first_of(pk.clone(), "", limit).await?;
        let names = rows.iter().map(|row| Reader(row).text("sk")).collect::<PortResult<Vec<_>>>()?;
        self.delete_all(&pk, &names).await?;
        Ok(names.len())
    }

    pub(super) async fn wipe_whole(&self, pk: String) -> PortResult<()> {
        const AT_ONCE: usize = 100;
        while self.wipe_partition(pk.clone(), AT_ONCE).await? > 0 {}
        Ok(())
    }
}

#[async_trait]
impl Purge for DynamoStore {
    async fn marked_workspaces(&self) -> PortResult<Vec<WorkspaceId>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::WAITING_INDEX)
            .key_condition_expression("wpk = :wpk")
            .expression_attribute_values(":wpk", text(keys::PURGE))
            .into_paginator()
            .send();
        let mut marked = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed)?;
            for item in page.items() {
                marked.push(Reader(item).text("wsk")?.parse().map_err(|_| unreadable("wsk"))?);
            }
        }
        Ok(marked)
    }

    async fn marked_since(&self, workspace: WorkspaceId, now: Moment) -> PortResult<Moment> {
        let row = Builder::keyed(keys::workspace(workspace), keys::MARK).value("since", moment(now)).build();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await {
            Ok(_) => {
                return Ok(now);
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {}
            Err(error) => return Err(failed(error)),
        }
        match self.get(keys::workspace(workspace), keys::MARK, true).await? {
            Some(item) => Reader(&item).moment("since"),
            // Another process has finished the purge at this moment.
            None => Ok(now),
        }
    }

    async fn pins_left(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<PinId>> {
        self.listed(workspace, keys::REQUEST, limit).await
    }

    async fn put_tombstone(&self, tombstones: &[Tombstone]) -> PortResult<()> {
        self.put_all(tombstones.iter().map(tombstone_item).collect()).await?;
        self.delete_rows_of(tombstones).await
    }

    async fn tombstones(&self, workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Tombstone>> {
        let mut tombstones = Vec::new();
        for pin in self.listed(workspace, keys::TOMBSTONE, limit).await? {
            let key = PinKey { workspace, pin };
            if let Some(item) = self.get(keys::pin(key), keys::TOMBSTONE, true).await? {
                tombstones.push(read_tombstone(key, &item)?);
            }
        }
        Ok(tombstones)
    }

    async fn close_tombstones(&self, tombstones: &[Tombstone]) -> PortResult<()> {
        self.delete_rows_of(tombstones).await?;
        let own: Vec<_> =
            tombstones.iter().map(|tombstone| (keys::pin(tombstone.key), keys::TOMBSTONE.to_owned())).collect();
        self.delete_rows(&own).await
    }

    async fn wipe_schedules(&self, workspace: WorkspaceId, limit: usize) -> PortResult<bool> {
        self.remove_schedules(workspace, limit).await
    }

    async fn wipe_account(&self, account: AccountKey, limit: usize) -> PortResult<bool> {
        let mut left = limit;
        // The bucket goes after the backlog: it marks the account as one with a backlog.
        for pk in [keys::backlog(account), keys::board_checks(account), keys::account(account)] {
            left -= self.wipe_partition(pk, left).await?;
            if left == 0 {
                return Ok(false);
            }
        }
        self.delete_rows(&[(keys::accounts(account.workspace), account.account.to_string())]).await?;
        Ok(true)
    }

    async fn wipe_remains(&self, workspace: WorkspaceId) -> PortResult<()> {
        self.wipe_whole(keys::oauth_states(workspace)).await?;
        self.wipe_whole(keys::activity(workspace)).await?;
        self.wipe_whole(keys::rollups(workspace)).await?;
        self.wipe_whole(keys::recent_samples(workspace)).await?;
        self.delete_rows(&[(keys::workspace(workspace), keys::MARK.to_owned())]).await
    }

    async fn wipe_workspace(&self, workspace: WorkspaceId) -> PortResult<()> {
        self.wipe_whole(keys::api_keys(workspace)).await?;
        // The organisation's pointer goes first: a pointer to a missing workspace would stay.
        if let Some(row) = self.workspace(workspace).await? {
            let pointer = format!("{}{workspace}", keys::WORKSPACE_POINTER);
            self.delete_rows(&[(keys::organization(row.organization), pointer)]).await?;
        }
        self.wipe_whole(keys::workspace(workspace)).await
    }

    async fn disconnected(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>> {
        self.list_by(keys::forget, by, limit).await
    }
}
