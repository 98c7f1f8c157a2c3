//! Copies an account's tokens from one custody to another, so that a deployment can change its mode without a
//! reconnection of its accounts.
//!
//! The copy is repeated until nothing is left to do: before the functions change over, and after. In between, an
//! account may have been connected in either custody. Of two different grants, the one that expires later was issued
//! later, and it stays.

use crate::domain::ids::AccountKey;
use crate::ports::{Custody, PortResult, Removal, Secrets, Stored};

/// The result of copying one account's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moved {
    Copied,
    /// The target has the same tokens.
    Already,
    /// The target's tokens were issued later.
    Newer,
    /// The two custodies have different tokens, and their expiry times don't show which were issued later. Nothing was
    /// changed.
    Undecided,
    /// The source has no tokens.
    Nothing,
}

/// Copies the current tokens and, if a refresh has staged tokens, those too.
///
/// # Errors
/// When a custody is unavailable; repeating it is harmless.
pub async fn move_tokens(from: &dyn Secrets, to: &dyn Secrets, account: AccountKey) -> PortResult<Moved> {
    let source = from.custody(account).await?;
    let Some(wanted) = &source.current else {
        return Ok(Moved::Nothing);
    };
    let there = to.custody(account).await?;
    match &there.current {
        None => to.store_tokens(account, &wanted.version, &wanted.tokens).await?,
        Some(known) if known.version == wanted.version => {}
        Some(known) => {
            let ends = (wanted.tokens.access_expires_at, known.tokens.access_expires_at);
            match ends {
                (Some(ours), Some(theirs)) if ours > theirs => {
                    // Like a refresh: only if no connection replaces the account's tokens at this moment.
                    let next = Stored { follows: Some(known.version.clone()), ..wanted.clone() };
                    to.stage_tokens(account, &next).await?;
                    if !to.promote_tokens(account, &wanted.version, &known.version).await?.is_done() {
                        return Ok(Moved::Newer);
                    }
                }
                (Some(ours), Some(theirs)) if ours < theirs => return Ok(Moved::Newer),
                _ => return Ok(Moved::Undecided),
            }
        }
    }
    let is_known = there.current.as_ref().is_some_and(|known| known.version == wanted.version);
    match source.successor() {
        Some(staged) if there.successor() != Some(staged) => to.stage_tokens(account, staged).await?,
        _ if is_known => return Ok(Moved::Already),
        _ => {}
    }
    Ok(Moved::Copied)
}

/// Removes the source's tokens if the target has the same tokens or later ones; returns whether it did.
///
/// # Errors
/// When a custody is unavailable; repeating it is harmless.
pub async fn remove_copied(from: &dyn Secrets, to: &dyn Secrets, account: AccountKey) -> PortResult<bool> {
    if from.custody(account).await? == Custody::default() {
        return Ok(false);
    }
    let is_there = matches!(move_tokens(from, to, account).await?, Moved::Already | Moved::Newer);
    if is_there {
        from.remove_tokens(account, Removal::Recoverable).await?;
    }
    Ok(is_there)
}
