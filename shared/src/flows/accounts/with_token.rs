//! Calls Pinterest for a caller that waits for the answer. Uses the account's token, and renews it once when Pinterest
//! refuses it. A token that can't be renewed now is tried once more, unless the account is held for it already.

use std::future::Future;

use thiserror::Error;

use super::hold_refused::hold_refused;
use super::refresh_tokens::{self, Renewal};
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::ids::AccountKey;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::RATE_LIMIT_PAUSE_MS;
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::heed_limit::{self, Call};
use crate::flows::pacing::own_write::{self, OwnWriteError};
use crate::flows::pacing::spend_budget::{self, Granted};
use crate::ports::{PortError, PortResult, ReadFailure};

/// The part of a request's time for renewing a token. The API's function has 20 s, and a call to Pinterest takes up to
/// 6 s.
const RENEW_WITHIN_MS: i64 = 13 * SECOND_MS;
/// A token that Pinterest has refused once, and that can't be renewed now, is tried once more after this.
const STRAY_REFUSAL_PAUSE_MS: i64 = SECOND_MS / 2;

/// Why the call has no answer.
#[derive(Debug, Error)]
pub enum CallError {
    #[error("no such account in this workspace")]
    AccountNotFound,
    /// The access token has expired and could not be renewed.
    #[error("the account's access token has expired")]
    TokenExpired,
    /// Its owner or an operator disconnected the account.
    #[error("the account was disconnected")]
    Disconnected,
    /// Pinterest refuses the connection.
    #[error("the account is not connected any more")]
    TokenRevoked,
    /// Pinterest refuses the access token for this call. Nothing is held for it: creates may work with the same token.
    #[error("Pinterest refuses the access token for this call")]
    CallRefused,
    /// The names of the missing scopes, as far as they are known.
    #[error("the account lacks scopes: {0:?}")]
    ScopeMissing(Vec<String>),
    /// A simulated account has as many boards as it can have.
    #[error("a simulated account can't have more boards")]
    SandboxBoardLimit,
    /// The board is one of those that every simulated account has.
    #[error("the board can't be changed")]
    SandboxBoardFixed,
    #[error("Pinterest asks to slow down")]
    RateLimited { retry_after_ms: i64 },
    /// The account has no token for a write at this moment. Nothing was sent.
    #[error("the account has no token for a write")]
    Paced { retry_after_ms: i64 },
    /// The app's requests of this day are spent. Nothing was sent.
    #[error("the app's requests of this day are spent")]
    BudgetSpent { retry_after_ms: i64 },
    /// Any other answer of Pinterest's, or Pinterest could not be reached.
    #[error("{0}")]
    Pinterest(ReadFailure),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Calls with the token of the account `key`, which must have been granted the scopes.
///
/// # Errors
/// When the account is unknown or can't be used, Pinterest refuses, or a port is unavailable.
pub async fn with_token<T, F, Fut>(context: &Context, key: AccountKey, scopes: &[&str], call: F) -> Result<T, CallError>
where
    F: Fn(Secret) -> Fut,
    Fut: Future<Output = Result<T, ReadFailure>>,
{
    let account = context.store.account(key).await?.ok_or(CallError::AccountNotFound)?;
    with_token_of(context, &account, scopes, call).await
}

/// Like [`with_token`], for a call that changes something on Pinterest: each call takes a token of the account's pace.
///
/// # Errors
/// As [`with_token`]; [`CallError::Paced`] when there is no token now.
pub async fn with_token_to_write<T, F, Fut>(
    context: &Context,
    key: AccountKey,
    scopes: &[&str],
    call: F,
) -> Result<T, CallError>
where
    F: Fn(Secret) -> Fut,
    Fut: Future<Output = Result<T, ReadFailure>>,
{
    let account = context.store.account(key).await?.ok_or(CallError::AccountNotFound)?;
    calling(context, &account, scopes, true, call).await
}

/// Like [`with_token`], for an account that has been read.
///
/// # Errors
/// When the account can't be used, Pinterest refuses, or a port is unavailable.
pub async fn with_token_of<T, F, Fut>(
    context: &Context,
    account: &Account,
    scopes: &[&str],
    call: F,
) -> Result<T, CallError>
where
    F: Fn(Secret) -> Fut,
    Fut: Future<Output = Result<T, ReadFailure>>,
{
    calling(context, account, scopes, false, call).await
}

async fn calling<T, F, Fut>(
    context: &Context,
    account: &Account,
    scopes: &[&str],
    is_write: bool,
    call: F,
) -> Result<T, CallError>
where
    F: Fn(Secret) -> Fut,
    Fut: Future<Output = Result<T, ReadFailure>>,
{
    if account.revoked_at.is_some() {
        return Err(CallError::Disconnected);
    }
    if !account.is_connected() {
        return Err(CallError::TokenRevoked);
    }
    let missing = account.missing_of(scopes);
    if !missing.is_empty() {
        return Err(CallError::ScopeMissing(missing));
    }
    let token =
        context.secrets.tokens(account.key, false).await?.map(|tokens| tokens.access).ok_or(CallError::Disconnected)?;
    spend(context, account, is_write).await?;
    let failure = match call(token.clone()).await {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    let kind = if is_write { Call::Write } else { Call::Read };
    heed_limit::heed(context, account.key, kind, &failure).await?;
    if failure.failure != Failure::TokenRevoked {
        return Err(classify(context, account, failure).await);
    }
    let ends_at_ms = context.system.monotonic_ms() + RENEW_WITHIN_MS;
    let renewal = refresh_tokens::after_refusal(context, account.key, &token, ends_at_ms).await;
    let is_renewed_later = matches!(renewal, Renewal::RetryAt(_));
    let token = match renewal {
        Renewal::Renewed(tokens) => tokens.access,
        Renewal::RefusedToo(_) => return Err(CallError::TokenExpired),
        Renewal::Exhausted | Renewal::RetryAt(_) if account.life.has_expired(context.system.now()) => {
            return Err(CallError::TokenExpired);
        }
        // Other calls were refused before: this refusal is no slip of Pinterest's, and a second one would say the same.
        Renewal::Exhausted | Renewal::RetryAt(_) if context.store.bucket(account.key).await?.is_held_for_token() => {
            if is_renewed_later {
                return Err(CallError::TokenExpired);
            }
            hold_refused(context, account.key, &token).await;
            return Err(classify(context, account, failure).await);
        }
        // A single refusal may be an error of Pinterest's, and after a failed renewal the token may still be valid.
        Renewal::Exhausted | Renewal::RetryAt(_) => {
            context.system.sleep_ms(STRAY_REFUSAL_PAUSE_MS).await;
            token
        }
        Renewal::NotDue | Renewal::NeedsReconnect => return Err(classify(context, account, failure).await),
    };
    // A call with a refused token did nothing, so it may be made once more, whatever it was.
    spend(context, account, is_write).await?;
    match call(token.clone()).await {
        Ok(answer) => Ok(answer),
        Err(failure) => {
            heed_limit::heed(context, account.key, kind, &failure).await?;
            if failure.failure == Failure::TokenRevoked {
                if is_renewed_later {
                    return Err(CallError::TokenExpired);
                }
                hold_refused(context, account.key, &token).await;
            }
            Err(classify(context, account, failure).await)
        }
    }
}

/// Spends the daily budget, and for a write a token of the account's pace, just before the call.
async fn spend(context: &Context, account: &Account, is_write: bool) -> Result<(), CallError> {
    let retry_after_ms = |at: Moment| at.since_ms(context.system.now()).max(1);
    match spend_budget::ask_for_caller(context, account.key, is_write).await? {
        Granted::Yes => {}
        Granted::NotBefore(at) => return Err(CallError::BudgetSpent { retry_after_ms: retry_after_ms(at) }),
        Granted::AskAgain(at) => return Err(CallError::Paced { retry_after_ms: retry_after_ms(at) }),
    }
    if !is_write {
        return Ok(());
    }
    own_write::take(context, account.key).await.map_err(|error| match error {
        OwnWriteError::NotBefore(at) => CallError::Paced { retry_after_ms: retry_after_ms(at) },
        OwnWriteError::Port(error) => error.into(),
    })
}

async fn classify(context: &Context, account: &Account, failure: ReadFailure) -> CallError {
    match failure.failure {
        Failure::TokenRevoked if account.life.has_expired(context.system.now()) => CallError::TokenExpired,
        Failure::TokenRevoked => match holds_pins(context, account.key).await {
            Ok(true) => CallError::TokenRevoked,
            Ok(false) => CallError::CallRefused,
            Err(error) => error.into(),
        },
        Failure::ScopeMissing => CallError::ScopeMissing(named(failure.upstream.message.as_deref().unwrap_or(""))),
        Failure::RateLimited | Failure::SpamBlock => {
            CallError::RateLimited { retry_after_ms: failure.repeat_after_ms().unwrap_or(RATE_LIMIT_PAUSE_MS) }
        }
        _ => CallError::Pinterest(failure),
    }
}

/// Whether the account's pins wait because Pinterest refuses its token, as the rows say now. A call that was refused
/// doesn't say so itself: what Pinterest refuses to reads it may take for creates.
async fn holds_pins(context: &Context, key: AccountKey) -> PortResult<bool> {
    let is_connected = context.store.account(key).await?.is_some_and(|account| account.is_connected());
    Ok(!is_connected || context.store.bucket(key).await?.is_held_for_token())
}

/// Reads the scopes from Pinterest's message: `Missing: ['boards:write', 'pins:write']`.
fn named(message: &str) -> Vec<String> {
    let is_scope =
        |text: &&str| text.contains(':') && text.chars().all(|c| c.is_ascii_alphanumeric() || ":_".contains(c));
    message.split('\'').filter(is_scope).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_scopes_are_read_from_pinterests_message() {
        assert_eq!(
            named("Authorization failed. Missing: ['boards:write', 'pins:write']"),
            ["boards:write", "pins:write"]
        );
        assert_eq!(named("Missing scopes"), [""; 0]);
    }
}
