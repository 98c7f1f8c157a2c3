//! Forgetting who a disconnected account was: what names a person is gone some time after it was disconnected, unless it was
//! connected again.
//!
//! The row itself stays, with nothing but its id: its pins' stories refer to it, and the workspace's removal finds the account's
//! other rows by it.

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::PortResult;

const PAGE: usize = 100;
/// What an account needs of an invocation.
const NEEDS_MS: i64 = SECOND_MS;

/// Forgets those that were disconnected too long ago; answers how many.
///
/// # Errors
/// When the table is unavailable; the next run goes on.
pub async fn forget_accounts(context: &Context, ends_at_ms: i64) -> PortResult<usize> {
    let by = context.system.now().plus_ms(-context.settings.disconnected_kept_ms);
    let mut count = 0;
    for key in context.purge.disconnected(by, PAGE).await? {
        if ends_at_ms - context.system.monotonic_ms() < NEEDS_MS {
            break;
        }
        let Some(account) = context.store.account(key).await? else { continue };
        if account.revoked_at.is_none_or(|at| at > by) {
            continue;
        }
        let bare = forgotten(&account, context.system.now(), context.nonce());
        // Somebody else wrote: connected again, perhaps.
        count += usize::from(context.store.save_account(&bare).await?);
    }
    Ok(count)
}

/// The row without anybody's name.
pub(crate) fn forgotten(account: &Account, now: Moment, nonce: String) -> Account {
    Account {
        pinterest_user_id: String::new(),
        username: None,
        display_name: None,
        scopes: String::new(),
        ..account.next(now, nonce)
    }
}
