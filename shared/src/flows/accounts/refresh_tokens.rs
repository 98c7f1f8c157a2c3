//! Refreshes an account's tokens, one refresher at a time.
//!
//! The steps: announce the refresh in the account's row (which is the lease), ask Pinterest, stage the issued tokens
//! beside the current ones, promote them, record the result. After a crash the next refresher finishes what is there:
//! staged tokens are promoted, a refresh that took effect is recorded, and an announced refresh is asked for again when
//! its lease is over.
//!
//! A refused access token forces one refresh, recorded in the account's row with its announcement. Refused again with
//! the new token, Pinterest means something that no refresh mends: there is none for hours, and the account is held.
//!
//! What can still be lost: tokens that Pinterest issued and that were never staged, because the process died, or the
//! answer was lost, between Pinterest's commit and the write to custody. If Pinterest then refuses the old refresh
//! token (not known; assumed), the account publishes with its access token until that expires, and reports in time that
//! it has to be reconnected.

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::account::credentials::{AccessCheck, Lease, TokenLife};
use crate::domain::ids::AccountKey;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::TOKEN_PAUSE_MS;
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::heed_limit::{self, Call};
use crate::flows::pacing::release_hold::release_hold;
use crate::ports::{Custody, GrantFailure, OptimisticWrites, PortError, PortResult, Stored, Tokens, Write};
use crate::telemetry::{self, Metric};

/// What a refresh needs of an invocation: Pinterest's answer, and time to store it in any case.
pub const REFRESH_NEEDS_MS: i64 = 12 * SECOND_MS;
/// Rows and tokens that others have changed in between are read again this often.
const ROUNDS_MAX: usize = 4;
/// Tokens that Pinterest has just issued exist nowhere else: storing them is tried until the invocation ends.
const STORE_TRIES_MAX: usize = 30;
const STORE_PAUSE_MS: i64 = 300;
const WRITE_TRIES_MAX: usize = 3;
/// The lease is extended when less than this is left: enough for a few tries of storing.
const LEASE_LEAST_MS: i64 = 45 * SECOND_MS;
/// A refresh takes a second or two. A worker that meets another worker's refresh waits this long for its end, and
/// checks every [`RECHECK_MS`].
const WAIT_FOR_OTHERS_MS: i64 = 4 * SECOND_MS;
const RECHECK_MS: i64 = 500;

/// Why a refresh is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Why<'a> {
    Due,
    /// Pinterest refused this access token.
    Refused(&'a Secret),
}

/// The result of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// These tokens are current now; another worker may have refreshed them.
    Renewed(Box<Tokens>),
    NotDue,
    /// Another worker is refreshing, or the refresh is tried again; not before this time.
    RetryAt(Moment),
    /// Pinterest refused the refresh token too, and is asked once more; not before this time.
    RefusedToo(Moment),
    /// The refused access token can't be renewed now: there is no refresh token, or these tokens are those of a refresh
    /// that a refusal has forced a while ago.
    Exhausted,
    /// The account is disconnected, given up, or without tokens. Also, of a refresh that is due: there is no refresh
    /// token, or no Pinterest app.
    NeedsReconnect,
}

/// The next step, as far as the rows show it.
enum Plan {
    Over(Renewal),
    /// Staged or current already, but not recorded.
    Finish {
        account: Box<Account>,
        next: Stored,
        is_current: bool,
    },
    Ask {
        account: Box<Account>,
        current: Stored,
        refresh: Secret,
        is_forced: bool,
    },
}

/// Refreshes the account's tokens, if there is a reason to.
///
/// # Errors
/// When a port is unavailable; the account's row says when the next refresh is due.
pub async fn renew(context: &Context, key: AccountKey, why: Why<'_>, ends_at_ms: i64) -> PortResult<Renewal> {
    let holder = context.nonce();
    let mut rounds = OptimisticWrites::of("account", ROUNDS_MAX);
    while rounds.has_round() {
        match plan(context, key, why, &holder).await? {
            Plan::Over(renewal) => return Ok(renewal),
            Plan::Finish { account, next, is_current } => {
                if is_current || promote(context, key, &next).await?.is_done() {
                    record_renewed(context, *account, &next, None).await?;
                    return Ok(Renewal::Renewed(Box::new(next.tokens)));
                }
            }
            Plan::Ask { account, current, refresh, is_forced } => {
                if ends_at_ms - context.system.monotonic_ms() < REFRESH_NEEDS_MS {
                    return Ok(Renewal::RetryAt(context.system.now()));
                }
                let (began, announced_at) = (context.begin(), context.system.now());
                let until = announced_at.plus_ms(context.settings.deadlines.quiesce_ms);
                let life = account.life.announced(&holder, &current.version, until);
                let life = if is_forced { life.forced(&current.version, announced_at) } else { life };
                let announced = with_life(context, &account, life);
                if !context.store.save_account(&announced).await?.is_done() {
                    continue;
                }
                if context.took_ms(began) > context.settings.deadlines.send_within_ms {
                    let life = announced.life.not_now(context.system.now(), None, context.system.jitter());
                    return record_failed(context, announced, life, &holder).await;
                }
                let answer = context.oauth.refresh(&refresh).await;
                return resolve_answer(context, announced, &current, answer, &holder, ends_at_ms).await;
            }
        }
    }
    Ok(Renewal::RetryAt(context.system.now().plus_ms(SECOND_MS)))
}

/// Refreshes after Pinterest refused an access token, and waits briefly for another worker that is refreshing. An
/// unavailable port is a reason to wait, not to fail.
pub async fn after_refusal(context: &Context, key: AccountKey, used: &Secret, ends_at_ms: i64) -> Renewal {
    let waits_until_ms = (context.system.monotonic_ms() + WAIT_FOR_OTHERS_MS).min(ends_at_ms - REFRESH_NEEDS_MS);
    loop {
        let soon = context.system.now().plus_ms(SECOND_MS);
        match renew(context, key, Why::Refused(used), ends_at_ms).await {
            Ok(Renewal::RetryAt(at)) if at > soon && context.system.monotonic_ms() < waits_until_ms => {
                context.system.sleep_ms(RECHECK_MS).await;
            }
            Ok(renewal) => return renewal,
            Err(error) => {
                tracing::warn!(
                    workspace_id = %key.workspace, account_id = %key.account, %error, "token refresh failed"
                );
                return Renewal::RetryAt(context.system.now().plus_ms(TOKEN_PAUSE_MS));
            }
        }
    }
}

async fn plan(context: &Context, key: AccountKey, why: Why<'_>, holder: &str) -> PortResult<Plan> {
    let over = |renewal| Ok(Plan::Over(renewal));
    let Some(account) = context.store.account(key).await? else {
        return over(Renewal::NeedsReconnect);
    };
    if !account.is_connected() {
        return over(Renewal::NeedsReconnect);
    }
    let custody = context.secrets.custody(key).await?;
    let successor = custody.successor().cloned();
    let Custody { current: Some(current), .. } = custody else {
        return over(Renewal::NeedsReconnect);
    };
    if let Why::Refused(used) = why
        && current.tokens.access != *used
    {
        return over(Renewal::Renewed(Box::new(current.tokens)));
    }
    let now = context.system.now();
    if let Some(until) = account.life.busy_until(holder, now) {
        return over(Renewal::RetryAt(until));
    }
    let account = Box::new(account);
    if let Some(next) = successor {
        return Ok(Plan::Finish { account, next, is_current: false });
    }
    let announced = account.life.announced.as_ref().map(|announced| &announced.version);
    if announced.is_some() && announced == current.follows.as_ref() {
        return Ok(Plan::Finish { account, next: current, is_current: true });
    }
    let is_refused = matches!(why, Why::Refused(_));
    if is_refused && account.life.was_forced_lately(current.follows.as_deref(), now) {
        return over(Renewal::Exhausted);
    }
    let Some(refresh) =
        current.tokens.refresh.clone().filter(|_| context.oauth.is_configured() || key.account.is_simulated())
    else {
        return over(if is_refused { Renewal::Exhausted } else { Renewal::NeedsReconnect });
    };
    // A forced refresh that failed for now and has become due is still the forced one.
    let is_forced = is_refused || account.life.is_forced(&current.version);
    match (why, account.life.refresh_at) {
        (Why::Due, _) if !account.life.is_due(now) => over(Renewal::NotDue),
        // The next try keeps its time, however many calls are refused meanwhile.
        (Why::Refused(_), Some(at)) if at > now && account.life.is_tried_again(&current.version) => {
            over(again_at(&account.life, at))
        }
        _ => Ok(Plan::Ask { account, current, refresh, is_forced }),
    }
}

fn with_life(context: &Context, account: &Account, life: TokenLife) -> Account {
    Account { life, ..account.next(context.system.now(), context.nonce()) }
}

async fn resolve_answer(
    context: &Context,
    account: Account,
    current: &Stored,
    answer: Result<Tokens, GrantFailure>,
    holder: &str,
    ends_at_ms: i64,
) -> PortResult<Renewal> {
    let (now, jitter) = (context.system.now(), context.system.jitter());
    let failed = |reason: &str| {
        telemetry::count(Metric::RefreshFailed, 1, Some(reason), now);
        let key = account.key;
        tracing::warn!(workspace_id = %key.workspace, account_id = %key.account, reason, "tokens not refreshed");
    };
    match answer {
        Ok(tokens) => {
            let next = Stored { version: context.version(), follows: Some(current.version.clone()), tokens };
            let mut account = account;
            if let Err(error) = keep(context, &mut account, &next, ends_at_ms).await {
                let current = context.store.account(account.key).await?;
                // Disconnected while Pinterest answered: custody takes no tokens then, and they aren't needed.
                if current.is_none_or(|account| !account.is_connected()) {
                    return Ok(Renewal::NeedsReconnect);
                }
                telemetry::count(Metric::RefreshTokensLost, 1, None, context.system.now());
                tracing::error!(
                    workspace_id = %account.key.workspace, account_id = %account.key.account, %error,
                    "issued tokens not stored: the account may have to be reconnected"
                );
                return Err(error);
            }
            if promote(context, account.key, &next).await?.is_done() {
                record_renewed(context, account, &next, Some(holder)).await?;
                return Ok(Renewal::Renewed(Box::new(next.tokens)));
            }
            // A person has connected the account again meanwhile. That connection counts, and its row is written
            // already.
            let tokens = context.secrets.tokens(account.key, true).await?;
            Ok(tokens.map_or(Renewal::NeedsReconnect, |tokens| Renewal::Renewed(Box::new(tokens))))
        }
        Err(GrantFailure::NotNow { retry_after_ms, .. }) => {
            failed("not_now");
            let life = account.life.not_now(now, retry_after_ms, jitter);
            record_failed(context, account, life, holder).await
        }
        Err(GrantFailure::Unknown(_)) => {
            failed("answer_lost");
            let life = account.life.unanswered(now, jitter);
            record_failed(context, account, life, holder).await
        }
        Err(GrantFailure::AppRefused(_)) => {
            failed("app_refused");
            tracing::error!("app credentials refused: no account's tokens can be refreshed");
            let life = account.life.app_refused(now);
            record_failed(context, account, life, holder).await
        }
        Err(GrantFailure::Refused(_)) => {
            failed("refused");
            let access = check(context, account.key, &current.tokens.access).await;
            let life = account.life.refused(context.system.now(), &current.version, access);
            record_failed(context, account, life, holder).await
        }
    }
}

/// Stages the tokens that were just issued, trying until the invocation ends whatever fails: they exist nowhere else.
/// The lease is extended meanwhile, so that no other worker sends the old refresh token again.
async fn keep(context: &Context, account: &mut Account, next: &Stored, ends_at_ms: i64) -> PortResult<()> {
    let mut tries = 1;
    loop {
        extend_lease(context, account).await;
        let error = match context.secrets.stage_tokens(account.key, next).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if tries >= STORE_TRIES_MAX || context.system.monotonic_ms() + STORE_PAUSE_MS >= ends_at_ms {
            return Err(error);
        }
        if matches!(error, PortError::Broken { .. })
            && let Ok(row) = context.store.account(account.key).await
            && row.is_none_or(|row| !row.is_connected())
        {
            return Err(error);
        }
        tries += 1;
        context.system.sleep_ms(STORE_PAUSE_MS).await;
    }
}

/// Extends the lease beyond the next try. Best effort: the table may be what fails.
async fn extend_lease(context: &Context, account: &mut Account) {
    let now = context.system.now();
    let Some(lease) = account.life.lease.clone().filter(|lease| lease.until <= now.plus_ms(LEASE_LEAST_MS)) else {
        return;
    };
    let until = now.plus_ms(context.settings.deadlines.quiesce_ms);
    let life = TokenLife { lease: Some(Lease { until, ..lease }), refresh_at: Some(until), ..account.life.clone() };
    let longer = with_life(context, account, life);
    if let Ok(Write::Done) = context.store.save_account(&longer).await {
        *account = longer;
    }
}

async fn promote(context: &Context, key: AccountKey, next: &Stored) -> PortResult<Write<()>> {
    let follows = next.follows.as_deref().unwrap_or_default();
    let mut tries = 1;
    loop {
        match context.secrets.promote_tokens(key, &next.version, follows).await {
            Err(PortError::Unavailable { .. } | PortError::Contended { .. }) if tries < WRITE_TRIES_MAX => tries += 1,
            answer => return answer,
        }
        context.system.sleep_ms(STORE_PAUSE_MS).await;
    }
}

/// Asks whether Pinterest still accepts the access token.
async fn check(context: &Context, account: AccountKey, access: &Secret) -> AccessCheck {
    match context.pinterest.user(access).await {
        Ok(_) => AccessCheck::Works,
        Err(read) => {
            if let Err(error) = heed_limit::heed(context, account, Call::Read, &read).await {
                tracing::warn!(account_id = %account.account, %error, "account not paused after a 429");
            }
            match read.failure {
                Failure::TokenRevoked => AccessCheck::Refused,
                Failure::ScopeMissing => AccessCheck::Works,
                _ => AccessCheck::Unsure,
            }
        }
    }
}

async fn record_renewed(context: &Context, account: Account, next: &Stored, holder: Option<&str>) -> PortResult<()> {
    let (now, key, tokens) = (context.system.now(), account.key, &next.tokens);
    let life = TokenLife::issued(
        now,
        tokens.access_expires_at,
        tokens.refresh_expires_at,
        tokens.refresh.is_some(),
        context.system.jitter(),
    );
    let scopes = tokens.scopes.clone();
    let is_recorded = record(context, account, holder, |account| Account {
        scopes: scopes.clone().unwrap_or_else(|| account.scopes.clone()),
        ..with_life(context, account, life.clone().following(next.follows.as_deref(), &account.life))
    });
    if is_recorded.await? {
        // Pins may have been refused with the old token and wait for this.
        release_hold(context, key).await;
        telemetry::count(Metric::TokensRefreshed, 1, None, now);
        tracing::info!(workspace_id = %key.workspace, account_id = %key.account, "tokens refreshed");
    }
    Ok(())
}

fn again_at(life: &TokenLife, at: Moment) -> Renewal {
    if life.refused.is_some() { Renewal::RefusedToo(at) } else { Renewal::RetryAt(at) }
}

/// Records a refresh that brought no tokens.
async fn record_failed(context: &Context, account: Account, life: TokenLife, holder: &str) -> PortResult<Renewal> {
    let (now, key) = (context.system.now(), account.key);
    let renewal = match (life.dead, life.refresh_at) {
        (Some(_), _) => Renewal::NeedsReconnect,
        (None, Some(at)) => again_at(&life, at.max(now)),
        (None, None) => Renewal::NeedsReconnect,
    };
    let death = life.dead;
    let is_recorded =
        record(context, account, Some(holder), |account| with_life(context, account, life.clone())).await?;
    if let (true, Some(death)) = (is_recorded, death) {
        // In a sandbox this is simulated on purpose: no alarm.
        if !key.account.is_simulated() {
            telemetry::count(Metric::AccountNeedsReconnect, 1, None, now);
        }
        tracing::error!(
            workspace_id = %key.workspace, account_id = %key.account, answer_lost = death.answer_lost,
            "both tokens refused: the account has to be reconnected"
        );
    }
    Ok(renewal)
}

/// Writes the row while this refresher holds the lease (without a holder: while the row is as it was read); returns
/// whether it was written.
async fn record(
    context: &Context,
    account: Account,
    holder: Option<&str>,
    next: impl Fn(&Account) -> Account,
) -> PortResult<bool> {
    let key = account.key;
    let mut write = next(&account);
    let mut tries = 1;
    loop {
        match context.store.save_account(&write).await {
            Ok(Write::Done) => return Ok(true),
            Ok(Write::Conflict(())) => {
                let Some(current) = context.store.account(key).await? else { return Ok(false) };
                let is_ours = current.life.lease.as_ref().is_some_and(|lease| Some(lease.holder.as_str()) == holder);
                if !is_ours || !current.is_connected() {
                    return Ok(false);
                }
                write = next(&current);
            }
            Err(error) if tries >= WRITE_TRIES_MAX => return Err(error),
            // The same write again: if the first one took effect, the store recognises it.
            Err(_) => {}
        }
        tries += 1;
        context.system.sleep_ms(STORE_PAUSE_MS).await;
    }
}
