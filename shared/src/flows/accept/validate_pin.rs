//! Validates a pin without writing anything: reports, as a list of named checks, what would happen if it were accepted
//! now.
//!
//! It serves pins and whatever becomes a pin: a schedule is checked by [`validate`] with its request, and its own
//! checks (of its time, for example) are added to these. A request that can't be read at all gets the checks of
//! [`unread`].

use serde_json::{Map, Value, json};

use super::duplicate_content::{self, Duplicate};
use super::submit_pins;
use crate::context::Context;
use crate::domain::account::board_list::Fit;
use crate::domain::ids::{AccountId, AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::PinRequest;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::idempotency::{self, PayloadHash};
use crate::domain::pin::image_url;
use crate::domain::time::Moment;
use crate::flows::boards::board_access::{AccessError, board_access};
use crate::flows::boards::resolve_boards::{Boards, Found, Unfit};
use crate::flows::pacing::headroom::{Headroom, headroom};
use crate::flows::pacing::rate_meter::MeterError;
use crate::ports::{PortError, PortResult};

// The names of the checks, in their order.
/// Whether every field is well-formed.
pub const SCHEMA: &str = "schema";
/// Whether the account exists and can publish.
pub const ACCOUNT: &str = "account";
/// Whether the account can publish to the board.
pub const BOARD: &str = "board";
/// Whether Pinterest can fetch the image, as far as its URL says.
pub const MEDIA: &str = "media";
/// Whether the key is free, or belongs to the same content.
pub const IDEMPOTENCY_KEY: &str = "idempotency_key";
/// Whether another pin has the same content.
pub const DUPLICATE_CONTENT: &str = "duplicate_content";
/// When the pin would start.
pub const PACING: &str = "pacing";

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// The request would be accepted, but a person should look at it.
    Warning,
    /// The check could not be made.
    Skipped,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Warning => "warning",
            Self::Skipped => "skipped",
        }
    }
}

/// One named check of a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub outcome: Outcome,
    /// A public code, where there is something to report.
    pub code: Option<&'static str>,
    pub message: String,
    pub remedy: Option<&'static str>,
    pub details: Map<String, Value>,
}

impl Check {
    pub fn new(name: &'static str, outcome: Outcome, message: impl Into<String>) -> Self {
        Self { name, outcome, code: None, message: message.into(), remedy: None, details: Map::new() }
    }

    pub fn passed(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Outcome::Passed, message)
    }

    pub fn failed(name: &'static str, code: &'static str, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { code: Some(code), remedy: Some(remedy), ..Self::new(name, Outcome::Failed, message) }
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    fn of_failure(name: &'static str, failure: Failure) -> Self {
        Self::failed(name, failure.code(), failure.message(), failure.remedy())
    }

    fn skipped(name: &'static str) -> Self {
        Self::new(name, Outcome::Skipped, "Not checked: an earlier check failed.")
    }
}

/// The checks of a request, and what they found.
#[derive(Clone, Debug)]
pub struct Validation {
    pub checks: Vec<Check>,
    /// The pin that the idempotency key belongs to already.
    pub existing: Option<PinId>,
    /// `None` when the account is unknown.
    pub headroom: Option<Headroom>,
    /// The board that the request means, if there is one.
    pub board: Option<Found>,
}

impl Validation {
    /// Whether the request would be accepted.
    pub fn is_valid(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }
}

/// What a dry run takes into account beside the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct DryRun<'a> {
    /// Whether the request is refused if another pin has its content.
    pub refuses_duplicates: bool,
    /// The allow-list of the caller, if there is one.
    pub limited_to: Option<&'a [AccountId]>,
    /// When the pin is to start, if it has such a time.
    pub run_at: Option<Moment>,
}

/// Checks a request that could be read.
///
/// # Errors
/// When a port is unavailable; never because of the request, the board or Pinterest.
pub async fn validate(
    context: &Context,
    workspace: WorkspaceId,
    request: &PinRequest,
    dry_run: DryRun<'_>,
) -> PortResult<Validation> {
    let key = AccountKey { workspace, account: request.account };
    let found = Boards::new(context).find(key, &request.board_id).await?;
    let request = &match &found {
        Ok(board) => PinRequest { board_id: board.id.clone(), ..request.clone() },
        // The acceptance would take a repeated request for the pin's own board.
        Err(_) => match submit_pins::repeated(context, workspace, request).await? {
            Some(pin) => PinRequest { board_id: submit_pins::board_of(request, &pin).id, ..request.clone() },
            None => request.clone(),
        },
    };
    let own = idempotency::pin_id(workspace, &request.idempotency_key);
    let mut checks = vec![Check::passed(SCHEMA, "Every field is well-formed.")];
    let headroom = match headroom(context, key, request.priority).await {
        Ok(headroom) => Some(headroom),
        Err(MeterError::AccountNotFound) => None,
        Err(MeterError::Port(error)) => return Err(error),
    };
    checks.extend(account_and_board(context, key, &request.board_id, found.as_ref().err()).await?);
    checks.push(media(request, dry_run.run_at, context.system.now()));
    let (existing, check) = idempotency_key(context, PinKey { workspace, pin: own }, request, dry_run).await?;
    checks.push(check);
    checks.push(match duplicate_content::find(context, workspace, request, own).await? {
        None => Check::passed(DUPLICATE_CONTENT, "No other pin of the last 24 hours has this content."),
        Some(duplicate) => about_duplicate(&duplicate),
    });
    checks.push(headroom.as_ref().map_or_else(|| Check::skipped(PACING), |headroom| pacing(context, headroom)));
    if existing.is_none() && request.ends_too_soon(context.system.now()) {
        let message = "publish_before leaves no second to start: the pin would come too late.";
        checks[0] = Check::failed(SCHEMA, "validation_error", message, "Use a later publish_before, or none.");
    }
    let validation = Validation { checks, existing, headroom, board: found.ok() };
    // A repeated request gets its own pin, whatever has the same content by now.
    Ok(if dry_run.refuses_duplicates && existing.is_none() { validation.refusing_duplicates() } else { validation })
}

/// The checks of a request that can't be read. `errors` says why.
pub fn unread(code: &'static str, message: &str, remedy: &'static str, errors: Value) -> Validation {
    let mut checks = vec![Check::failed(SCHEMA, code, message, remedy).with("errors", errors)];
    checks.extend([ACCOUNT, BOARD, MEDIA, IDEMPOTENCY_KEY, DUPLICATE_CONTENT, PACING].map(Check::skipped));
    Validation { checks, existing: None, headroom: None, board: None }
}

/// The check that reports a pin of the same content.
pub fn about_duplicate(duplicate: &Duplicate) -> Check {
    let Duplicate { pin, created_at, status } = duplicate;
    Check {
        code: Some("duplicate_content"),
        remedy: Some("Publish it again only if a second Pin is what you want."),
        ..Check::new(DUPLICATE_CONTENT, Outcome::Warning, duplicate.message())
    }
    .with("pin_id", json!(pin))
    .with("created_at", json!(created_at.rfc3339()))
    .with("status", json!(status.name()))
}

impl Validation {
    /// The validation of a request with unknown fields, which are ignored.
    #[must_use]
    pub fn ignoring(mut self, unknown: &[String]) -> Self {
        // A failed check stays: ignoring a field doesn't mend another one.
        let is_open = |check: &&mut Check| check.name == SCHEMA && check.outcome != Outcome::Failed;
        if let Some(schema) = self.checks.iter_mut().find(is_open).filter(|_| !unknown.is_empty()) {
            let message = format!("Unknown fields are ignored: {}.", unknown.join(", "));
            let remedy = Some("Correct or remove the fields.");
            let warning = Check::new(SCHEMA, Outcome::Warning, message).with("fields", json!(unknown));
            *schema = Check { code: Some("unknown_field"), remedy, ..warning };
        }
        self
    }

    /// Turns the warning about duplicate content into a failure, for a caller that refuses duplicates.
    #[must_use]
    pub fn refusing_duplicates(mut self) -> Self {
        let of_content = |check: &&mut Check| check.name == DUPLICATE_CONTENT && check.outcome == Outcome::Warning;
        for check in self.checks.iter_mut().filter(of_content) {
            check.outcome = Outcome::Failed;
        }
        self
    }
}

/// `unfit`: why the board that was asked for was not found.
async fn account_and_board(
    context: &Context,
    account: AccountKey,
    board_id: &str,
    unfit: Option<&Unfit>,
) -> PortResult<[Check; 2]> {
    let board = crate::domain::ids::BoardKey { account, board_id: board_id.to_owned() };
    let access = match board_access(context, &board, false).await {
        Ok(access) => access,
        Err(AccessError::AccountNotFound) => {
            let missing = Check::failed(
                ACCOUNT,
                "not_found",
                "There is no such account in this workspace.",
                "Check the id and the key's workspace.",
            );
            return Ok([missing, Check::skipped(BOARD)]);
        }
        Err(AccessError::Port(error)) => return Err(error),
    };
    if !access.account.is_connected() {
        let account = match access.account.revoked_at {
            Some(_) => {
                let (code, ended) = (Failure::TokenRevoked.code(), Failure::AccountDisconnected);
                Check::failed(ACCOUNT, code, ended.message(), "Reconnect the account.")
            }
            None => Check::of_failure(ACCOUNT, Failure::TokenRevoked),
        };
        return Ok([account, Check::skipped(BOARD)]);
    }
    let health = access.health;
    let account = if health.publishes() {
        Check::passed(ACCOUNT, "The account is connected.")
    } else {
        Check {
            code: Some(health.name()),
            remedy: Some("The pin would be accepted and wait until the account publishes again."),
            ..Check::new(ACCOUNT, Outcome::Warning, health.message())
        }
    };
    let board = match (unfit, &access.obstacle) {
        (Some(unfit), _) => {
            let fit = |fit: &Fit| json!({"id": fit.id, "name": fit.name});
            let check = Check::failed(BOARD, unfit.code(), unfit.message(), unfit.remedy());
            check.with("boards", unfit.fits().iter().map(fit).collect())
        }
        (None, None) => Check::passed(BOARD, "The account can reach the board."),
        (None, Some(obstacle)) => {
            let outcome = if obstacle.is_unchecked() { Outcome::Skipped } else { Outcome::Failed };
            Check {
                code: Some(obstacle.code()),
                remedy: Some(obstacle.remedy()),
                ..Check::new(BOARD, outcome, obstacle.message())
            }
        }
    };
    Ok([account.with("health", json!(health.name())), board.with("checked_at", json!(access.checked_at.rfc3339()))])
}

/// Checks the URL only. Pinterest fetches the image when the pin is published.
fn media(request: &PinRequest, run_at: Option<Moment>, now: Moment) -> Check {
    let Some(problem) = image_url::problem_of(request, run_at, now) else {
        return Check::passed(MEDIA, "The address is well-formed; Pinterest fetches the image when it publishes.");
    };
    let outcome = if problem.is_certain() { Outcome::Failed } else { Outcome::Warning };
    Check {
        code: Some(problem.failure().code()),
        remedy: Some(problem.remedy()),
        ..Check::new(MEDIA, outcome, problem.message())
    }
}

async fn idempotency_key(
    context: &Context,
    key: PinKey,
    request: &PinRequest,
    dry_run: DryRun<'_>,
) -> Result<(Option<PinId>, Check), PortError> {
    let Some((pin, attempt)) = context.store.pins(&[key]).await?.into_iter().flatten().next() else {
        return Ok((None, Check::passed(IDEMPOTENCY_KEY, "The key is new.")));
    };
    let new_key = "Use a new key for a new pin.";
    let account = pin.request.account;
    let holder = idempotency::holder("pin", key.pin, account, dry_run.limited_to);
    let check = if pin.hidden_at.is_some() {
        let message = format!("The key belongs to {holder}, which was deleted.");
        return Ok((None, Check::failed(IDEMPOTENCY_KEY, "pin_deleted", message, new_key)));
    } else if pin.payload_hash.same_payload(&PayloadHash::of(request)) {
        let message =
            format!("The key belongs to this pin ({}); the request would be answered with it.", attempt.status.name());
        Check::passed(IDEMPOTENCY_KEY, message)
    } else {
        let message = format!("The key belongs to {holder}, which has other content.");
        Check::failed(IDEMPOTENCY_KEY, "idempotency_key_reused", message, new_key)
    };
    if dry_run.limited_to.is_some_and(|allowed| !allowed.contains(&account)) {
        return Ok((None, check));
    }
    Ok((Some(key.pin), check.with("pin_id", json!(key.pin))))
}

fn pacing(context: &Context, headroom: &Headroom) -> Check {
    let meter = &headroom.meter;
    let now = context.system.now();
    let wait_ms = headroom.starts_at.map(|at| at.since_ms(now).max(0));
    let check = match wait_ms {
        Some(0) => Check::passed(PACING, "A token is free: it would start at once."),
        Some(ms) => Check::new(PACING, Outcome::Passed, format!("It would start in about {} s.", (ms + 999) / 1_000)),
        None => Check {
            code: Some("account_on_hold"),
            remedy: Some("Read the account's health_message: it says what helps."),
            ..Check::new(PACING, Outcome::Warning, "It would be held until the account can publish again.")
        },
    };
    check
        .with("estimated_start", json!(headroom.starts_at.map(|at| at.rfc3339())))
        .with("tokens_available", json!(meter.tokens_available))
        .with("waiting", json!(meter.waiting))
}
