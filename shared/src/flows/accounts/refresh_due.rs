//! Refreshes the tokens that are due: the work of the scheduled function.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream;

use super::finish_disconnecting::finish_disconnecting;
use super::refresh_tokens::{REFRESH_NEEDS_MS, Renewal, Why, renew};
use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::flows::pacing::share_tokens::share_tokens;
use crate::ports::PortResult;
use crate::telemetry::{self, Metric};

/// Accounts read from the index at once.
const PAGE: usize = 100;
/// Concurrent refreshes: Pinterest counts them all against the one app.
const AT_ONCE: usize = 8;

/// What a run did with the accounts that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub renewed: usize,
    /// To be tried again later.
    pub retry_later: usize,
    /// The account has no refresh token. Of disconnected accounts, the remaining tokens are removed.
    pub needs_reconnect: usize,
    /// A port was unavailable.
    pub failed: usize,
}

/// Refreshes what is due, the most overdue first, while the invocation lasts.
///
/// # Errors
/// When the table can't be read.
pub async fn refresh_due(context: &Context, ends_at_ms: i64) -> PortResult<Report> {
    let mut report = Report::default();
    let mut seen = BTreeSet::new();
    while ends_at_ms - context.system.monotonic_ms() >= REFRESH_NEEDS_MS {
        let due = context.store.accounts_due(context.system.now(), PAGE).await?;
        let fresh: Vec<AccountKey> = due.into_iter().filter(|key| seen.insert(*key)).collect();
        if fresh.is_empty() {
            break;
        }
        let mut outcomes = stream::iter(fresh)
            .map(|key| async move { (key, renew(context, key, Why::Due, ends_at_ms).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((key, outcome)) = outcomes.next().await {
            match outcome {
                Ok(Renewal::Renewed(_)) => {
                    report.renewed += 1;
                    link(context, key).await;
                }
                Ok(Renewal::NotDue) => {}
                Ok(Renewal::RetryAt(_) | Renewal::RefusedToo(_)) => report.retry_later += 1,
                Ok(Renewal::Exhausted | Renewal::NeedsReconnect) => {
                    report.needs_reconnect += 1;
                    if let Err(error) = finish_disconnecting(context, key).await {
                        tracing::warn!(
                            workspace_id = %key.workspace, account_id = %key.account, %error,
                            "tokens of a disconnected account not removed"
                        );
                    }
                    postpone(context, key).await;
                }
                Err(error) => {
                    tracing::warn!(
                        workspace_id = %key.workspace, account_id = %key.account, port = error.port(), %error,
                        "token refresh failed"
                    );
                    let now = context.system.now();
                    telemetry::count_failed_work("refresher", error.port(), now);
                    telemetry::count(Metric::RefreshFailed, 1, Some("unavailable"), now);
                    report.failed += 1;
                    postpone(context, key).await;
                }
            }
        }
    }
    Ok(report)
}

/// Links an account that an earlier build connected.
async fn link(context: &Context, key: AccountKey) {
    match context.store.account(key).await {
        Ok(Some(account)) => share_tokens(context, &account).await,
        Ok(None) => {}
        Err(error) => tracing::warn!(
            workspace_id = %key.workspace, account_id = %key.account, %error,
            "account not linked to its Pinterest user's pace"
        ),
    }
}

/// Moves an account that can't be refreshed now out of the way of those behind it, unless another worker is refreshing
/// it.
async fn postpone(context: &Context, key: AccountKey) {
    let (now, jitter) = (context.system.now(), context.system.jitter());
    let Ok(Some(account)) = context.store.account(key).await else { return };
    if account.life.is_due(now) && account.life.busy_until("", now).is_none() {
        let mut next = account.next(now, context.nonce());
        next.life = account.life.postponed(now, jitter);
        if let Err(error) = context.store.save_account(&next).await {
            tracing::warn!(
                workspace_id = %key.workspace, account_id = %key.account, %error, "token refresh not postponed"
            );
        }
    }
}
