//! Refreshing an account's tokens, one refresher at a time.
//!
//! Announce in the account's row (which is the lease), ask Pinterest, keep what it issued beside the current tokens, make it
//! current, record. Whoever comes after a crash finishes what is there: tokens that were kept are made current, a refresh that
//! took effect is recorded, one that was announced is asked for again when its lease is over.
//!
//! What can still be lost: tokens that Pinterest issued and that never came to be kept, because the process died, or the answer
//! was lost, between Pinterest's commit and the write to custody. If the old refresh token is dead then (unknown of Pinterest;
//! assumed), the account publishes on with its access token to that token's end, and says in time that it has to be
//! reconnected.

use super::release_hold::release_hold;
use crate::domain::account::Account;
use crate::domain::failure::Failure;
use crate::domain::ids::AccountKey;
use crate::domain::retry::TOKEN_PAUSE_MS;
use crate::domain::rules::CustodyRule;
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::domain::token_life::{ASK_WITHIN_MS, AccessCheck, Lease, RefusedGrant, TokenLife};
use crate::ports::{Custody, GrantFailure, PortError, PortResult, Stored, Tokens, World};
use crate::telemetry::{self, Metric};

/// What a refresh needs of an invocation: Pinterest's answer, and time to store it whatever happens.
pub const REFRESH_NEEDS_MS: i64 = 12 * SECOND_MS;
/// Rows and tokens that others have changed under our feet are read anew this often.
const ROUNDS_MAX: usize = 4;
/// What Pinterest has just issued exists nowhere else: storing it is tried to the end of the invocation.
const STORE_TRIES_MAX: usize = 30;
const STORE_PAUSE_MS: i64 = 300;
const WRITE_TRIES_MAX: usize = 3;
/// What is left of the lease when it is made longer: a few tries of storing.
const LEASE_LEAST_MS: i64 = 45 * SECOND_MS;
/// A refresh takes a second or two: whoever meets somebody else's waits that long for its end, and looks this often.
const WAIT_FOR_OTHERS_MS: i64 = 4 * SECOND_MS;
const LOOK_AGAIN_MS: i64 = 500;

/// Why an account's tokens are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Why<'a> {
    Due,
    /// Pinterest refused this access token.
    Refused(&'a Secret),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// These are current now (perhaps by somebody else's doing).
    Renewed(Box<Tokens>),
    NotDue,
    /// Somebody is at it, or it is tried again; not before then.
    Later(Moment),
    /// Nothing to refresh with: disconnected, given up, without a refresh token, or without a Pinterest app.
    Hopeless,
}

/// What to do next, as far as the rows tell.
enum Plan {
    Over(Renewal),
    /// Kept or current already, but not recorded.
    Finish {
        account: Box<Account>,
        next: Stored,
        is_current: bool,
    },
    Ask {
        account: Box<Account>,
        current: Stored,
        refresh: Secret,
    },
}

/// Refreshes the account's tokens, if there is reason to.
///
/// # Errors
/// When a port is unavailable; the account's row says when somebody looks again.
pub async fn renew(world: &World, key: AccountKey, why: Why<'_>, ends_at_ms: i64) -> PortResult<Renewal> {
    let holder = world.nonce();
    for _ in 0..ROUNDS_MAX {
        match plan(world, key, why, &holder).await? {
            Plan::Over(renewal) => return Ok(renewal),
            Plan::Finish { account, next, is_current } => {
                if is_current || promote(world, key, &next).await? {
                    record_renewed(world, *account, &next.tokens, None).await?;
                    return Ok(Renewal::Renewed(Box::new(next.tokens)));
                }
            }
            Plan::Ask { account, current, refresh } => {
                if ends_at_ms - world.system.monotonic_ms() < REFRESH_NEEDS_MS {
                    return Ok(Renewal::Later(world.system.now()));
                }
                let (announced_ms, announced_at) = (world.system.monotonic_ms(), world.system.now());
                let until = announced_at.plus_ms(world.settings.deadlines.quiesce_ms);
                let announced = with_life(world, &account, account.life.announced(&holder, &current.version, until));
                if !world.store.save_account(&announced).await? {
                    continue;
                }
                // Either clock: the monotonic one never jumps, the other also counts a machine's sleep.
                let waited_ms = world.system.monotonic_ms() - announced_ms;
                let waited_ms = waited_ms.max(world.system.now().since_ms(announced_at));
                if waited_ms > ASK_WITHIN_MS && world.rules.keep(CustodyRule::AskWithin) {
                    let life = announced.life.not_now(world.system.now(), None, world.system.jitter());
                    return settle(world, announced, life, &holder).await;
                }
                let answer = world.oauth.refresh(&refresh).await;
                return settle_answer(world, announced, &current, answer, &holder, ends_at_ms).await;
            }
        }
    }
    Ok(Renewal::Later(world.system.now().plus_ms(SECOND_MS)))
}

/// Refreshes after Pinterest refused an access token, waiting a little for somebody else who is at it. Trouble of ours is a
/// reason to wait, not to fail.
pub async fn after_refusal(world: &World, key: AccountKey, used: &Secret, ends_at_ms: i64) -> Renewal {
    let waits_until_ms = (world.system.monotonic_ms() + WAIT_FOR_OTHERS_MS).min(ends_at_ms - REFRESH_NEEDS_MS);
    loop {
        let soon = world.system.now().plus_ms(SECOND_MS);
        match renew(world, key, Why::Refused(used), ends_at_ms).await {
            Ok(Renewal::Later(at)) if at > soon && world.system.monotonic_ms() < waits_until_ms => {
                world.system.sleep_ms(LOOK_AGAIN_MS).await;
            }
            Ok(renewal) => return renewal,
            Err(error) => {
                tracing::warn!(account_id = %key.account, %error, "tokens could not be refreshed");
                return Renewal::Later(world.system.now().plus_ms(TOKEN_PAUSE_MS));
            }
        }
    }
}

async fn plan(world: &World, key: AccountKey, why: Why<'_>, holder: &str) -> PortResult<Plan> {
    let over = |renewal| Ok(Plan::Over(renewal));
    let Some(account) = world.store.account(key).await? else {
        return over(Renewal::Hopeless);
    };
    if !account.is_connected() {
        return over(Renewal::Hopeless);
    }
    let custody = world.secrets.custody(key).await?;
    let successor = custody.successor().filter(|_| world.rules.keep(CustodyRule::AdoptPending)).cloned();
    let Custody { current: Some(current), .. } = custody else {
        return over(Renewal::Hopeless);
    };
    if let Why::Refused(used) = why
        && current.tokens.access != *used
    {
        return over(Renewal::Renewed(Box::new(current.tokens)));
    }
    let now = world.system.now();
    if let Some(until) = account.life.busy_until(holder, now)
        && world.rules.keep(CustodyRule::RefreshLease)
    {
        return over(Renewal::Later(until));
    }
    let account = Box::new(account);
    if let Some(next) = successor {
        return Ok(Plan::Finish { account, next, is_current: false });
    }
    let announced = account.life.announced.as_ref().map(|announced| &announced.version);
    if announced.is_some() && announced == current.follows.as_ref() {
        return Ok(Plan::Finish { account, next: current, is_current: true });
    }
    let Some(refresh) =
        current.tokens.refresh.clone().filter(|_| world.oauth.is_configured() || key.account.is_simulated())
    else {
        return over(Renewal::Hopeless);
    };
    match (why, account.life.due_at) {
        (Why::Due, _) if !account.life.is_due(now) => over(Renewal::NotDue),
        // After a failure, the next try has its time, however many calls are refused meanwhile.
        (Why::Refused(_), Some(at)) if at > now && (account.life.failures > 0 || account.life.refused.is_some()) => {
            over(Renewal::Later(at))
        }
        _ => Ok(Plan::Ask { account, current, refresh }),
    }
}

fn with_life(world: &World, account: &Account, life: TokenLife) -> Account {
    Account { life, ..account.next(world.system.now(), world.nonce()) }
}

async fn settle_answer(
    world: &World,
    account: Account,
    current: &Stored,
    answer: Result<Tokens, GrantFailure>,
    holder: &str,
    ends_at_ms: i64,
) -> PortResult<Renewal> {
    let (now, jitter) = (world.system.now(), world.system.jitter());
    let failed = |what: &str| {
        telemetry::count(Metric::RefreshFailed, 1, Some(what), now);
        let key = account.key;
        tracing::warn!(workspace_id = %key.workspace, account_id = %key.account, what, "tokens were not refreshed");
    };
    match answer {
        Ok(tokens) => {
            if !world.rules.keep(CustodyRule::KeptBeforeUse) {
                check(world, &tokens.access).await;
            }
            let next = Stored { version: world.version(), follows: Some(current.version.clone()), tokens };
            let mut account = account;
            if let Err(error) = keep(world, &mut account, &next, ends_at_ms).await {
                let current = world.store.account(account.key).await?;
                // Disconnected while Pinterest answered: there is nothing to keep it in, and nobody wants it.
                if current.is_none_or(|account| !account.is_connected()) {
                    return Ok(Renewal::Hopeless);
                }
                telemetry::count(Metric::RefreshTokensLost, 1, None, world.system.now());
                tracing::error!(
                    workspace_id = %account.key.workspace, account_id = %account.key.account, %error,
                    "tokens that Pinterest issued could not be stored: the account may have to be reconnected"
                );
                return Err(error);
            }
            if promote(world, account.key, &next).await? {
                record_renewed(world, account, &next.tokens, Some(holder)).await?;
                return Ok(Renewal::Renewed(Box::new(next.tokens)));
            }
            // A person has connected the account again meanwhile: that counts, and its row is written already.
            let tokens = world.secrets.tokens(account.key, true).await?;
            Ok(tokens.map_or(Renewal::Hopeless, |tokens| Renewal::Renewed(Box::new(tokens))))
        }
        Err(GrantFailure::NotNow { retry_after_ms, .. }) => {
            failed("not_now");
            let life = account.life.not_now(now, retry_after_ms, jitter);
            settle(world, account, life, holder).await
        }
        Err(GrantFailure::Unknown(_)) => {
            failed("answer_lost");
            let life = if world.rules.keep(CustodyRule::QuietAfterLoss) {
                account.life.unanswered(now, jitter)
            } else {
                account.life.not_now(now, None, jitter)
            };
            settle(world, account, life, holder).await
        }
        Err(GrantFailure::AppRefused(_)) => {
            failed("app_refused");
            tracing::error!("Pinterest refuses the app's credentials: no account's tokens can be refreshed");
            let life = account.life.app_refused(now);
            settle(world, account, life, holder).await
        }
        Err(GrantFailure::Refused(_)) => {
            failed("refused");
            let access = if world.rules.keep(CustodyRule::AccessAsked) {
                check(world, &current.tokens.access).await
            } else {
                AccessCheck::Refused
            };
            let mut known = account.life.clone();
            if !world.rules.keep(CustodyRule::RefusalConfirmed) {
                known.refused = Some(RefusedGrant { version: current.version.clone(), since: Moment(0) });
                known.checked_at = None;
            }
            let life = known.refused(world.system.now(), &current.version, access);
            settle(world, account, life, holder).await
        }
    }
}

/// Keeps what was just issued, trying to the end of the invocation, whatever the trouble: it exists nowhere else. The lease is
/// made longer meanwhile, so that nobody sends the old refresh token again.
async fn keep(world: &World, account: &mut Account, next: &Stored, ends_at_ms: i64) -> PortResult<()> {
    let mut tries = 1;
    loop {
        lengthen(world, account).await;
        let error = match world.secrets.stage_tokens(account.key, next).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let is_over = tries >= STORE_TRIES_MAX
            || world.system.monotonic_ms() + STORE_PAUSE_MS >= ends_at_ms
            || !world.rules.keep(CustodyRule::KeepTrying);
        if is_over {
            return Err(error);
        }
        if matches!(error, PortError::Broken { .. })
            && let Ok(row) = world.store.account(account.key).await
            && row.is_none_or(|row| !row.is_connected())
        {
            return Err(error);
        }
        tries += 1;
        world.system.sleep_ms(STORE_PAUSE_MS).await;
    }
}

/// Keeps the lease ahead of the next try. Best effort: the table may be what is in trouble.
async fn lengthen(world: &World, account: &mut Account) {
    let now = world.system.now();
    let Some(lease) = account.life.lease.clone().filter(|lease| lease.until <= now.plus_ms(LEASE_LEAST_MS)) else {
        return;
    };
    let until = now.plus_ms(world.settings.deadlines.quiesce_ms);
    let life = TokenLife { lease: Some(Lease { until, ..lease }), due_at: Some(until), ..account.life.clone() };
    let longer = with_life(world, account, life);
    if let Ok(true) = world.store.save_account(&longer).await {
        *account = longer;
    }
}

async fn promote(world: &World, key: AccountKey, next: &Stored) -> PortResult<bool> {
    let mut follows = next.follows.clone().unwrap_or_default();
    if !world.rules.keep(CustodyRule::PromoteIfCurrent) {
        follows = world.secrets.custody(key).await?.current.map_or(follows, |current| current.version);
    }
    let mut tries = 1;
    loop {
        match world.secrets.promote_tokens(key, &next.version, &follows).await {
            Err(PortError::Unavailable { .. }) if tries < WRITE_TRIES_MAX => tries += 1,
            answer => return answer,
        }
        world.system.sleep_ms(STORE_PAUSE_MS).await;
    }
}

/// Whether Pinterest still accepts the access token.
async fn check(world: &World, access: &Secret) -> AccessCheck {
    match world.pinterest.user(access).await {
        Ok(_) => AccessCheck::Works,
        Err(read) => match read.failure {
            Failure::TokenRevoked => AccessCheck::Refused,
            Failure::ScopeMissing => AccessCheck::Works,
            _ => AccessCheck::Unsure,
        },
    }
}

async fn record_renewed(world: &World, account: Account, tokens: &Tokens, holder: Option<&str>) -> PortResult<()> {
    let (now, key) = (world.system.now(), account.key);
    let life = TokenLife::begun(
        now,
        tokens.access_expires_at,
        tokens.refresh_expires_at,
        tokens.refresh.is_some(),
        world.system.jitter(),
    );
    let scopes = tokens.scopes.clone();
    let is_recorded = record(world, account, holder, |account| Account {
        scopes: scopes.clone().unwrap_or_else(|| account.scopes.clone()),
        ..with_life(world, account, life.clone())
    });
    if is_recorded.await? {
        // Pins may have met the old token and wait for this.
        release_hold(world, key).await;
        telemetry::count(Metric::TokensRefreshed, 1, None, now);
        tracing::info!(workspace_id = %key.workspace, account_id = %key.account, "tokens refreshed");
    }
    Ok(())
}

/// Records what came of a refresh that brought nothing.
async fn settle(world: &World, account: Account, life: TokenLife, holder: &str) -> PortResult<Renewal> {
    let (now, key) = (world.system.now(), account.key);
    let renewal = match (life.dead, life.due_at) {
        (Some(_), _) => Renewal::Hopeless,
        (None, Some(at)) => Renewal::Later(at.max(now)),
        (None, None) => Renewal::Hopeless,
    };
    let death = life.dead;
    let is_recorded = record(world, account, Some(holder), |account| with_life(world, account, life.clone())).await?;
    if let (true, Some(death)) = (is_recorded, death) {
        // A sandbox's is what somebody tries out: no alarm.
        if !key.account.is_simulated() {
            telemetry::count(Metric::AccountNeedsReconnect, 1, None, now);
        }
        tracing::error!(
            workspace_id = %key.workspace, account_id = %key.account, answer_lost = death.answer_lost,
            "Pinterest refuses both of the account's tokens: it has to be reconnected"
        );
    }
    Ok(renewal)
}

/// Writes the row as long as it is this refresher's (or, without a holder, as it was read); answers whether it was written.
async fn record(
    world: &World,
    account: Account,
    holder: Option<&str>,
    next: impl Fn(&Account) -> Account,
) -> PortResult<bool> {
    let key = account.key;
    let mut write = next(&account);
    let mut tries = 1;
    loop {
        match world.store.save_account(&write).await {
            Ok(true) => return Ok(true),
            Ok(false) => {
                let Some(current) = world.store.account(key).await? else { return Ok(false) };
                let is_ours = current.life.lease.as_ref().is_some_and(|lease| Some(lease.holder.as_str()) == holder);
                if (!is_ours || !current.is_connected()) && world.rules.keep(CustodyRule::RowFence) {
                    return Ok(false);
                }
                write = next(&current);
            }
            Err(error) if tries >= WRITE_TRIES_MAX => return Err(error),
            // The same write again: if it has taken effect, it is recognised.
            Err(_) => {}
        }
        tries += 1;
        world.system.sleep_ms(STORE_PAUSE_MS).await;
    }
}
