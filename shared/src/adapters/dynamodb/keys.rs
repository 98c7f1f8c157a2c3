//! The table's keys. Every partition starts with the workspace; the exceptions are the watchdog's clock, which is filed by
//! time, the app's daily budget, and what stands above workspaces: organisations and people, who log in by an address before
//! any workspace is known.
//!
//! | row | pk | sk |
//! |---|---|---|
//! | workspace | `{ws}#workspace` | `state` |
//! | mark of a purge | `{ws}#workspace` | `purge` |
//! | API key | `{ws}#keys` | the key's public id |
//! | begun connection | `{ws}#oauth` | SHA-256 of the state |
//! | account | `{ws}#accounts` | `{account}` |
//! | bucket | `{ws}#account#{account}` | `bucket` |
//! | sealed tokens (envelope mode) | `{ws}#account#{account}` | `tokens` |
//! | pin | `{ws}#pin#{pin}` | `request` |
//! | grave of a purged pin | `{ws}#pin#{pin}` | `grave` |
//! | attempt | `{ws}#pin#{pin}` | `attempt` |
//! | sibling | `{ws}#sibling#{account}#{content hash}` | `{pin}` |
//! | backlog | `{ws}#backlog#{account}` | `{priority}#{created}#{pin}#{generation}` |
//! | doubt | `{ws}#doubts#{account}#{board}` | `{pin}` |
//! | board scan | `{ws}#scan#{account}#{board}` | `scan` |
//! | board check | `{ws}#checks#{account}` | `{board}` |
//! | clock | `clock#{minute}#{shard}` | `{id}` |
//! | watermark, lease | `clock#watermark`, `clock#folded` (the tally's), `clock#lease` | same |
//! | tally: an hour's sums and first facts; its other facts | `{ws}#tally` | `hour#{hour}`; `sheet#{hour}#{number}` |
//! | the app's requests of a day | `budget` | `{days since the epoch}` |
//! | organisation | `org#{org}` | `organization` |
//! | its workspaces, its people: pointers | `org#{org}` | `workspace#{ws}`, `user#{user}` |
//! | a person | `user#{user}` | `user` |
//! | their attempts to log in | `user#{user}` | `attempts` |
//!
//! Index `listing` (`lpk` = `{ws}#list#{shard}`, of deleted pins `{ws}#gone#{shard}`; `lsk` = `{created}#{pin}`) holds every pin once; index `waiting`
//! holds what waits for a scheduled function: the accounts with a backlog (`wpk` = `waiting#{shard}`, `wsk` =
//! `{ws}#{account}`) and those with tokens to refresh (`wpk` = `refresh#{shard}`, `wsk` = `{due}#{ws}#{account}`), those that
//! were disconnected (`wpk` = `forget#{shard}`, `wsk` = `{when}#{ws}#{account}`), and the workspaces to be purged (`wpk` = `purge`,
//! `wsk` = `{ws}`).

use crate::domain::ids::{AccountKey, BoardKey, OrganizationId, PinId, PinKey, UserId, WorkspaceId};
use crate::domain::time::Moment;

pub const REQUEST: &str = "request";
pub const ATTEMPT: &str = "attempt";
pub const GRAVE: &str = "grave";
pub const BUCKET: &str = "bucket";
pub const TOKENS: &str = "tokens";
pub const SCAN: &str = "scan";
/// Ends the partition of a workspace's accounts.
pub const ACCOUNTS_SUFFIX: &str = "#accounts";
pub const WORKSPACE: &str = "state";
pub const ORGANIZATION: &str = "organization";
pub const USER: &str = "user";
pub const ATTEMPTS: &str = "attempts";
/// Since when the workspace is known to be marked.
pub const MARK: &str = "purge";
pub const LISTING_INDEX: &str = "listing";
pub const WAITING_INDEX: &str = "waiting";
/// One index partition takes 1,000 write units a second; a workspace gets this many.
pub const LISTING_SHARDS: u32 = 4;
pub const WAITING_SHARDS: u32 = 4;

pub fn workspace(id: WorkspaceId) -> String {
    format!("{id}#workspace")
}

pub fn api_keys(id: WorkspaceId) -> String {
    format!("{id}#keys")
}

pub fn oauth_states(id: WorkspaceId) -> String {
    format!("{id}#oauth")
}

pub fn organization(id: OrganizationId) -> String {
    format!("org#{id}")
}

/// The beginning of every pointer of an organisation to one of its workspaces.
pub const WORKSPACE_POINTER: &str = "workspace#";
/// The same, to one of its people.
pub const USER_POINTER: &str = "user#";

pub fn user(id: UserId) -> String {
    format!("user#{id}")
}

pub fn accounts(id: WorkspaceId) -> String {
    format!("{id}{ACCOUNTS_SUFFIX}")
}

pub fn parse_listed_account(pk: &str, sk: &str) -> Option<AccountKey> {
    Some(AccountKey { workspace: pk.strip_suffix(ACCOUNTS_SUFFIX)?.parse().ok()?, account: sk.parse().ok()? })
}

pub fn account(key: AccountKey) -> String {
    format!("{}#account#{}", key.workspace, key.account)
}

pub fn parse_account(pk: &str) -> Option<AccountKey> {
    let (workspace, account) = pk.split_once("#account#")?;
    Some(AccountKey { workspace: workspace.parse().ok()?, account: account.parse().ok()? })
}

pub fn pin(key: PinKey) -> String {
    format!("{}#pin#{}", key.workspace, key.pin)
}

pub fn sibling(key: AccountKey, content_hash: &str) -> String {
    format!("{}#sibling#{}#{content_hash}", key.workspace, key.account)
}

pub fn backlog(key: AccountKey) -> String {
    format!("{}#backlog#{}", key.workspace, key.account)
}

pub fn doubts(board: &BoardKey) -> String {
    format!("{}#doubts#{}#{}", board.account.workspace, board.account.account, board.board_id)
}

pub fn board_scan(board: &BoardKey) -> String {
    format!("{}#scan#{}#{}", board.account.workspace, board.account.account, board.board_id)
}

pub fn board_checks(key: AccountKey) -> String {
    format!("{}#checks#{}", key.workspace, key.account)
}

pub fn clock(minute: i64, shard: u32) -> String {
    format!("clock#{minute}#{shard}")
}

pub const WATERMARK: &str = "clock#watermark";
/// The minute up to which the tally goes.
pub const FOLDED: &str = "clock#folded";
pub const LEASE: &str = "clock#lease";
pub fn tally(id: WorkspaceId) -> String {
    format!("{id}#tally")
}

/// Sheet 0, which has the hour's sums, is apart from the others: a range of hours is read without them.
pub fn tally_sheet(hour: i64, number: u32) -> String {
    match number {
        0 => format!("hour#{hour:08}"),
        _ => format!("sheet#{hour:08}#{number:010}"),
    }
}

pub fn parse_tally_sheet(text: &str) -> Option<(i64, u32)> {
    let mut parts = text.split('#');
    let (kind, hour) = (parts.next()?, parts.next()?.parse().ok()?);
    let number = if kind == "hour" { 0 } else { parts.next()?.parse().ok()? };
    Some((hour, number))
}

/// The whole app's, so no workspace's.
pub const DAILY_BUDGET: &str = "budget";

pub fn day(day: i64) -> String {
    format!("{day:06}")
}

pub fn listing(workspace: WorkspaceId, shard: u32) -> String {
    format!("{workspace}#list#{shard}")
}

/// Where deleted pins are listed: only a purge looks there.
pub fn hidden_listing(workspace: WorkspaceId, shard: u32) -> String {
    format!("{workspace}#gone#{shard}")
}

pub fn listing_shard(pin: PinId) -> u32 {
    shard_of(pin.0.as_u128(), LISTING_SHARDS)
}

pub fn listing_sort(created_at: Moment, pin: PinId) -> String {
    format!("{:013}#{pin}", created_at.0)
}

/// Behind every pin that was created by then.
pub fn listing_sort_end(by: Moment) -> String {
    format!("{:013}$", by.0)
}

pub fn parse_listing_place(text: &str) -> Option<(Moment, PinId)> {
    let (created_at, pin) = text.split_once('#')?;
    Some((Moment(created_at.parse().ok()?), pin.parse().ok()?))
}

pub fn parse_listing_sort(text: &str) -> Option<PinId> {
    text.split_once('#')?.1.parse().ok()
}

pub fn waiting(shard: u32) -> String {
    format!("waiting#{shard}")
}

/// Accounts whose tokens are to be refreshed, in the same index.
pub fn refresh(shard: u32) -> String {
    format!("refresh#{shard}")
}

/// Accounts that were disconnected.
pub fn forget(shard: u32) -> String {
    format!("forget#{shard}")
}

/// Workspaces that are to be purged.
pub const PURGE: &str = "purge";

pub fn refresh_sort(due_at: Moment, key: AccountKey) -> String {
    format!("{:013}#{}#{}", due_at.0, key.workspace, key.account)
}

/// Behind every row that is due by then.
pub fn refresh_sort_end(by: Moment) -> String {
    format!("{:013}$", by.0)
}

pub fn parse_refresh_sort(text: &str) -> Option<(Moment, AccountKey)> {
    let (due_at, key) = text.split_once('#')?;
    Some((Moment(due_at.parse().ok()?), parse_waiting_sort(key)?))
}

pub fn waiting_shard(key: AccountKey) -> u32 {
    shard_of(key.account.0.as_u128(), WAITING_SHARDS)
}

pub fn waiting_sort(key: AccountKey) -> String {
    format!("{}#{}", key.workspace, key.account)
}

pub fn parse_waiting_sort(text: &str) -> Option<AccountKey> {
    let (workspace, account) = text.split_once('#')?;
    Some(AccountKey { workspace: workspace.parse().ok()?, account: account.parse().ok()? })
}

fn shard_of(value: u128, shards: u32) -> u32 {
    // The low bits of both UUID versions in use are evenly spread.
    (value % u128::from(shards)) as u32
}
