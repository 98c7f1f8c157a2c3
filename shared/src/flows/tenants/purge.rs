//! Removes what a workspace held, after it was deleted or while its sandbox is reset.
//!
//! The caller only marks the workspace: its keys and sessions are refused from then on, so nothing new is accepted. The
//! scheduled function finds the mark and works in chunks, each of which may be repeated; the rows that are left show
//! its progress.
//!
//! 1. At once: every account is disconnected and its tokens are removed for good.
//! 2. After [`QUIESCE_MS`], when no request that came before the mark can still be running: every pin with its rows.
//!    What remains is a tombstone, which names the rows; workers that meet a removed pin's message drop it.
//! 3. [`LINGER_MS`] later, when no worker that had read the pin before can still be writing: the same rows once more,
//!    and the tombstone.
//! 4. The schedules; the accounts with their backlogs, buckets and checks; imports and pending authorizations; then the
//!    workspace's mark: a reset workspace is active again, a deleted one is gone with its keys.

use futures_util::future::try_join_all;

use super::WRITES_MAX;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::credentials::TokenLife;
use crate::domain::ids::{AccountKey, PinKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::idempotency;
use crate::domain::tenant::{Workspace, WorkspaceEnvironment, WorkspaceState};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::flows::accounts::connect_simulated;
use crate::flows::accounts::forget_accounts::forgotten;
use crate::ports::OptimisticWrites;
use crate::ports::{PortResult, Removal, Tombstone};

/// The purge's own quiesce period: longer than any request to the API takes (API Gateway ends it after 30 seconds),
/// clock differences included.
pub const QUIESCE_MS: i64 = 2 * MINUTE_MS;
/// Longer than any invocation: Lambda's own limit.
pub const LINGER_MS: i64 = 15 * MINUTE_MS;
/// Accounts that are cut off concurrently.
const CUT_OFF_AT_ONCE: usize = 16;
/// Pins that are removed together.
const CHUNK: usize = 50;
/// Rows of an account that are removed before the remaining time is checked again.
const ROWS_AT_ONCE: usize = 500;
/// What a chunk needs of an invocation.
const CHUNK_NEEDS_MS: i64 = 5 * SECOND_MS;

/// How far the purge of a workspace has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left.
    Done,
    /// Continue at once.
    More,
    /// Nothing can be done before then.
    NotBefore(Moment),
}

/// What an invocation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub done: usize,
    /// Workspaces of which something is left.
    pub left: usize,
    pub failed: usize,
}

/// Marks a workspace as deleted; returns `false` when there is none.
///
/// # Errors
/// When the table is unavailable; repeating it is harmless.
pub async fn delete_workspace(context: &Context, id: WorkspaceId) -> PortResult<bool> {
    let mut writes = OptimisticWrites::of("workspace", WRITES_MAX);
    loop {
        writes.begin()?;
        let Some(workspace) = context.tenants.workspace(id).await? else {
            return Ok(false);
        };
        if workspace.state == WorkspaceState::Deleted {
            return Ok(true);
        }
        let next = Workspace { state: WorkspaceState::Deleted, ..workspace.next(context.nonce()) };
        if context.tenants.save_workspace(&next).await?.is_done() {
            tracing::info!(workspace_id = %id, "workspace deleted");
            return Ok(true);
        }
    }
}

/// Continues with every marked workspace, as long as the invocation lasts.
///
/// # Errors
/// When the table can't be read.
pub async fn continue_all(context: &Context, ends_at_ms: i64) -> PortResult<Report> {
    let mut report = Report::default();
    for workspace in context.purge.marked_workspaces().await? {
        match continue_one(context, workspace, ends_at_ms).await {
            Ok(Progress::Done) => report.done += 1,
            Ok(_) => report.left += 1,
            Err(error) => {
                tracing::warn!(workspace_id = %workspace, %error, "workspace not purged");
                report.failed += 1;
            }
        }
    }
    Ok(report)
}

/// Continues with one workspace until nothing is left, nothing can be done yet, or the time is over.
///
/// # Errors
/// When a port is unavailable; the next call continues from there.
pub async fn continue_one(context: &Context, id: WorkspaceId, ends_at_ms: i64) -> PortResult<Progress> {
    let Some(workspace) = context.tenants.workspace(id).await? else {
        return Ok(Progress::Done);
    };
    if workspace.state == WorkspaceState::Active {
        return Ok(Progress::Done);
    }
    let since = context.purge.marked_since(id, context.system.now()).await?;
    let accounts = context.store.accounts(id).await?;
    // Each is cut off once, which its missing name records: a fleet of thousands takes several runs.
    let mut left = accounts.iter().filter(|account| !account.is_forgotten() || account.life.refresh_at.is_some());
    while let Some(account) = left.next() {
        if !has_time(context, ends_at_ms) {
            return Ok(Progress::More);
        }
        let together: Vec<&Account> = std::iter::once(account).chain(left.by_ref().take(CUT_OFF_AT_ONCE - 1)).collect();
        try_join_all(together.into_iter().map(|account| cut_off(context, account))).await?;
    }
    let quiesced_at = since.plus_ms(QUIESCE_MS);
    if context.system.now() < quiesced_at {
        return Ok(Progress::NotBefore(quiesced_at));
    }
    while has_time(context, ends_at_ms) {
        match one_chunk(context, &workspace, &accounts).await? {
            Progress::More => {}
            progress => return Ok(progress),
        }
    }
    Ok(Progress::More)
}

fn has_time(context: &Context, ends_at_ms: i64) -> bool {
    ends_at_ms - context.system.monotonic_ms() >= CHUNK_NEEDS_MS
}

/// Cuts an account off: no further call is made in its name. It also runs on a revoked account: the process that
/// revoked it may have died in between.
async fn cut_off(context: &Context, account: &Account) -> PortResult<()> {
    let mut seen = Some(account.clone());
    let mut writes = OptimisticWrites::of("account", WRITES_MAX);
    loop {
        writes.begin()?;
        let Some(account) = seen else { return Ok(()) };
        let now = context.system.now();
        let next = if account.revoked_at.is_none() {
            // If this process dies, the row says that custody still has tokens.
            let life = TokenLife::to_be_removed(now);
            Account { revoked_at: Some(now), life, ..account.next(now, context.nonce()) }
        } else {
            context.secrets.remove_tokens(account.key, Removal::Final).await?;
            Account { life: TokenLife::default(), ..forgotten(&account, now, context.nonce()) }
        };
        let is_last = next.life.refresh_at.is_none();
        seen = match context.store.save_account(&next).await?.is_done() {
            true if is_last => return Ok(()),
            true => Some(next),
            false => context.store.account(account.key).await?,
        };
    }
}

/// Removes the next chunk.
async fn one_chunk(context: &Context, workspace: &Workspace, accounts: &[Account]) -> PortResult<Progress> {
    let id = workspace.id;
    let listed = context.purge.pins_left(id, CHUNK).await?;
    if !listed.is_empty() {
        let keys: Vec<PinKey> = listed.into_iter().map(|pin| PinKey { workspace: id, pin }).collect();
        let found: Vec<(Pin, Attempt)> = context.store.pins(&keys).await?.into_iter().flatten().collect();
        if found.is_empty() {
            // The index is behind.
            return Ok(Progress::NotBefore(context.system.now().plus_ms(SECOND_MS)));
        }
        let now = context.system.now();
        let tombstones: Vec<Tombstone> = found.iter().map(|(pin, _)| tombstone(pin, now)).collect();
        context.purge.put_tombstone(&tombstones).await?;
        return Ok(Progress::More);
    }
    let tombstones = context.purge.tombstones(id, CHUNK).await?;
    if !tombstones.is_empty() {
        let now = context.system.now();
        let old: Vec<Tombstone> =
            tombstones.iter().filter(|tombstone| tombstone.created_at.plus_ms(LINGER_MS) <= now).cloned().collect();
        if old.is_empty() {
            let first = tombstones.iter().map(|tombstone| tombstone.created_at).min().unwrap_or(now);
            return Ok(Progress::NotBefore(first.plus_ms(LINGER_MS)));
        }
        context.purge.close_tombstones(&old).await?;
        return Ok(Progress::More);
    }
    if !context.purge.wipe_schedules(id, CHUNK).await? {
        return Ok(Progress::More);
    }
    for account in accounts {
        if !context.purge.wipe_account(account.key, ROWS_AT_ONCE).await? {
            return Ok(Progress::More);
        }
    }
    finish(context, workspace).await
}

fn tombstone(pin: &Pin, now: Moment) -> Tombstone {
    Tombstone {
        key: pin.key,
        account: AccountKey { workspace: pin.key.workspace, account: pin.request.account },
        board_id: pin.request.board_id.clone(),
        content_hash: idempotency::content_hashes_to_read(&pin.request).join(" "),
        created_at: now,
    }
}

async fn finish(context: &Context, workspace: &Workspace) -> PortResult<Progress> {
    if !context.imports.wipe_imports(workspace.id).await? || !context.webhooks.wipe_webhooks(workspace.id).await? {
        return Ok(Progress::More);
    }
    context.purge.wipe_remains(workspace.id).await?;
    if workspace.state == WorkspaceState::Deleted {
        context.purge.wipe_workspace(workspace.id).await?;
    } else {
        let next = Workspace { state: WorkspaceState::Active, ..workspace.next(context.nonce()) };
        if !context.tenants.save_workspace(&next).await?.is_done() {
            // Renamed, or deleted, meanwhile.
            return Ok(Progress::More);
        }
        // A failure is only logged: creating the sandbox again makes up for it.
        if workspace.environment == WorkspaceEnvironment::Sandbox
            && let Err(error) = connect_simulated::ensure_first_account(context, workspace.id).await
        {
            tracing::warn!(workspace_id = %workspace.id, %error, "reset sandbox has no account yet");
        }
    }
    tracing::info!(workspace_id = %workspace.id, state = workspace.state.name(), "workspace purged");
    Ok(Progress::Done)
}
