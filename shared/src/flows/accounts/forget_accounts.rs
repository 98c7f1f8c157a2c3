//! Forgets who a disconnected account was: what names a person is deleted some time after the disconnection, unless the
//! account was connected again.
//!
//! The row stays, with nothing but its id: the histories of its pins refer to it, and the purge of the workspace finds
//! the account's other rows by it.

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::PortResult;

const PAGE: usize = 100;
/// The time of an invocation that an account needs.
const NEEDS_MS: i64 = SECOND_MS;

/// Forgets the accounts that were disconnected too long ago; returns how many.
///
/// # Errors
/// When the table is unavailable; the next run continues.
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
        // Not saved when another writer came first: the account may be connected again.
        count += usize::from(context.store.save_account(&bare).await?.is_done());
    }
    Ok(count)
}

/// The row without anything that names a person.
pub(crate) fn forgotten(account: &Account, now: Moment, nonce: String) -> Account {
    Account {
        pinterest_user_id: String::new(),
        username: None,
        display_name: None,
        scopes: String::new(),
        ..account.next(now, nonce)
    }
}
