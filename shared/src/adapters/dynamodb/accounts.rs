//! Account rows.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::item::{Builder, Item, Reader, moment, number, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::account::Account;
use crate::domain::account::credentials::{Announced, Death, Forced, Lease, RefusedGrant, TokenLife};
use crate::domain::ids::{AccountId, AccountKey, WorkspaceId};
use crate::domain::repeated_write::{Trail, is_same_write};
use crate::domain::time::Moment;
use crate::ports::{Accounts, PortResult, Write};

fn item(account: &Account) -> Item {
    let row = Builder::keyed(keys::accounts(account.key.workspace), account.key.account.to_string())
        .text("user", &account.pinterest_user_id)
        .maybe_text("username", account.username.as_deref())
        .maybe_text("name", account.display_name.as_deref())
        .text("scopes", &account.scopes)
        .value("at", moment(account.created_at))
        .value("upd", moment(account.updated_at))
        .maybe_moment("revoked", account.revoked_at)
        .number("rev", account.rev)
        .text("n", &account.nonce)
        .maybe_text("n_before", account.trail.text());
    life_attributes(row, account).build()
}

fn life_attributes(row: Builder, account: &Account) -> Builder {
    let life = &account.life;
    let mut row = row
        .maybe_moment("acc_exp", life.access_expires_at)
        .maybe_moment("ref_exp", life.refresh_expires_at)
        .maybe_moment("due", life.refresh_at)
        .maybe_moment("checked", life.checked_at);
    // Only rows with these attributes are in the index.
    if let Some(refresh_at) = life.refresh_at.filter(|_| life.dead.is_none()) {
        row = row
            .text("wpk", keys::refresh(keys::waiting_shard(account.key)))
            .text("wsk", keys::refresh_sort(refresh_at, account.key));
    }
    // A disconnected account is found by the time of its disconnection, as long as its row names a person.
    if let Some(revoked_at) = account.revoked_at.filter(|_| !account.is_forgotten() && life.refresh_at.is_none()) {
        row = row
            .text("wpk", keys::forget(keys::waiting_shard(account.key)))
            .text("wsk", keys::refresh_sort(revoked_at, account.key));
    }
    if let Some(lease) = &life.lease {
        row = row.text("lease", &lease.holder).value("lease_until", moment(lease.until));
    }
    if let Some(announced) = &life.announced {
        row = row.text("ann", &announced.version).number("ann_n", announced.calls);
    }
    if life.failures > 0 {
        row = row.number("fails", life.failures);
    }
    if let Some(refused) = &life.refused {
        row = row.text("refused", &refused.version).value("refused_at", moment(refused.since));
    }
    if let Some(forced) = &life.forced {
        row = row.text("forced", &forced.version).value("forced_at", moment(forced.at));
        if forced.is_held {
            row = row.number("forced_held", 1);
        }
    }
    if let Some(death) = life.dead {
        row = row.value("dead", moment(death.at)).number("dead_lost", u8::from(death.answer_lost));
    }
    row
}

fn read_life(row: &Reader<'_>) -> TokenLife {
    let lease = row.maybe_text("lease").zip(row.maybe_moment("lease_until"));
    let announced = row.maybe_text("ann").zip(row.maybe_number("ann_n"));
    let refused = row.maybe_text("refused").zip(row.maybe_moment("refused_at"));
    let forced = row.maybe_text("forced").zip(row.maybe_moment("forced_at"));
    let is_held = row.maybe_number::<u8>("forced_held").unwrap_or_default() > 0;
    TokenLife {
        refresh_at: row.maybe_moment("due"),
        access_expires_at: row.maybe_moment("acc_exp"),
        refresh_expires_at: row.maybe_moment("ref_exp"),
        lease: lease.map(|(holder, until)| Lease { holder, until }),
        announced: announced.map(|(version, calls)| Announced { version, calls }),
        failures: row.maybe_number("fails").unwrap_or_default(),
        refused: refused.map(|(version, since)| RefusedGrant { version, since }),
        forced: forced.map(|(version, at)| Forced { version, at, is_held }),
        checked_at: row.maybe_moment("checked"),
        dead: row
            .maybe_moment("dead")
            .map(|at| Death { at, answer_lost: row.maybe_number::<u8>("dead_lost").unwrap_or_default() > 0 }),
    }
}

fn read(workspace: WorkspaceId, item: &Item) -> PortResult<Account> {
    let row = Reader(item);
    let account: AccountId = row.text("sk")?.parse().map_err(|_| unreadable("sk"))?;
    Ok(Account {
        key: AccountKey { workspace, account },
        pinterest_user_id: row.text("user")?,
        username: row.maybe_text("username"),
        display_name: row.maybe_text("name"),
        scopes: row.text("scopes")?,
        created_at: row.moment("at")?,
        updated_at: row.moment("upd")?,
        revoked_at: row.maybe_moment("revoked"),
        life: read_life(&row),
        rev: row.number("rev")?,
        nonce: row.text("n")?,
        trail: row.maybe_text("n_before").map(|text| Trail::parse(&text)).unwrap_or_default(),
    })
}

#[async_trait]
impl Accounts for DynamoStore {
    async fn save_account(&self, next: &Account) -> PortResult<Write<()>> {
        self.put_revision(item(next), next.rev, &next.nonce).await
    }

    async fn account(&self, key: AccountKey) -> PortResult<Option<Account>> {
        let item = self.get(keys::accounts(key.workspace), &key.account.to_string(), true).await?;
        item.map(|item| read(key.workspace, &item)).transpose()
    }

    async fn accounts(&self, workspace: WorkspaceId) -> PortResult<Vec<Account>> {
        let rows = self.partition(keys::accounts(workspace)).await?;
        rows.iter().map(|item| read(workspace, item)).collect()
    }

    async fn accounts_due(&self, by: Moment, limit: usize) -> PortResult<Vec<AccountKey>> {
        self.list_by(keys::refresh, by, limit).await
    }
}

impl DynamoStore {
    /// Writes a row that counts its writes in `rev` and names the last one in `n`, if the stored row has the revision
    /// before. A write that the SDK repeated is recognised by its nonce.
    pub(super) async fn put_revision(&self, item: Item, rev: u64, nonce: &str) -> PortResult<Write<()>> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match rev {
            0 | 1 => put.condition_expression("attribute_not_exists(pk)"),
            rev => put.condition_expression("rev = :seen").expression_attribute_values(":seen", number(rev - 1)),
        };
        match put.send().await {
            Ok(_) => Ok(Write::Done),
            Err(error) => is_own_write(error, rev, nonce).map(Write::done_if),
        }
    }

    /// Reads a page of each shard of an index partition and merges the pages: the most overdue of all are among them.
    pub(super) async fn list_by(
        &self,
        part: fn(u32) -> String,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<AccountKey>> {
        let mut due: Vec<(Moment, AccountKey)> = Vec::new();
        for shard in 0..keys::WAITING_SHARDS {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(keys::WAITING_INDEX)
                .key_condition_expression("wpk = :wpk AND wsk <= :by")
                .expression_attribute_values(":wpk", text(part(shard)))
                .expression_attribute_values(":by", text(keys::refresh_sort_end(by)))
                .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
                .send()
                .await
                .map_err(failed)?;
            for item in page.items() {
                let sort = Reader(item).text("wsk")?;
                due.push(keys::parse_refresh_sort(&sort).ok_or_else(|| unreadable("wsk"))?);
            }
        }
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, key)| key).collect())
    }
}

fn is_own_write(error: SdkError<PutItemError>, rev: u64, nonce: &str) -> PortResult<bool> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
            let stored = refusal.item().map(Reader);
            Ok(stored.is_some_and(|row| {
                row.maybe_number("rev") == Some(rev)
                    && row.maybe_text("n").is_some_and(|stored| is_same_write(&stored, nonce))
            }))
        }
        _ => Err(failed(error)),
    }
}
