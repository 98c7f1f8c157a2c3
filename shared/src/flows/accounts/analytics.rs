//! Reads the analytics of Pins and accounts from Pinterest. Nothing is stored, and nothing that publishing needs is
//! spent.

use thiserror::Error;

use super::with_token::{CallError, with_token};
use crate::context::Context;
use crate::domain::account::analytics::{MetricSeries, Question};
use crate::domain::account::{BOARDS_READ, PINS_READ, USER_ACCOUNTS_READ};
use crate::domain::ids::AccountKey;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::time::Moment;
use crate::ports::OptimisticWrites;
use crate::ports::{PortError, PortResult, Write};

/// A write of the pin that loses its race is tried this often.
const WRITE_ATTEMPTS: usize = 3;

/// Pinterest's metrics, and how current they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    pub metrics: MetricSeries,
    /// Whether the metrics are made up, as they are for a sandbox.
    pub is_simulated: bool,
    pub as_of: Moment,
    /// When the Pin was found to be missing on Pinterest.
    pub removed_at: Option<Moment>,
}

/// Why metrics could not be read.
#[derive(Debug, Error)]
pub enum AnalyticsError {
    #[error("the pin is {}", .0.name())]
    NotPublished(Status),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<PortError> for AnalyticsError {
    fn from(error: PortError) -> Self {
        Self::Call(error.into())
    }
}

/// Reads the metrics of a published pin. A Pin that Pinterest doesn't know any more is recorded as removed.
///
/// # Errors
/// When the pin isn't published, or as [`with_token`] says.
pub async fn of_pin(
    context: &Context,
    pin: &Pin,
    attempt: &Attempt,
    question: &Question,
) -> Result<Reported, AnalyticsError> {
    let (Status::Published, Some(pinterest_pin_id)) = (attempt.status, &attempt.pinterest_pin_id) else {
        return Err(AnalyticsError::NotPublished(attempt.status));
    };
    let as_of = context.system.now();
    let reported = |metrics| Reported { metrics, is_simulated: false, as_of, removed_at: attempt.removed_at };
    if pin.request.account.is_simulated() {
        return Ok(Reported { is_simulated: true, ..reported(MetricSeries::zeros(question)) });
    }
    let ask = |token| async move { context.analytics.pin_metrics(&token, pinterest_pin_id, question).await };
    match with_token(context, pin.account_key(), &[BOARDS_READ, PINS_READ], ask).await? {
        Some(metrics) => Ok(reported(metrics)),
        None => Ok(Reported {
            removed_at: record_removed(context, pin, attempt.clone()).await?,
            ..reported(MetricSeries::default())
        }),
    }
}

/// Reads the metrics of an account.
///
/// # Errors
/// As [`with_token`] says.
pub async fn of_account(context: &Context, account: AccountKey, question: &Question) -> Result<Reported, CallError> {
    let as_of = context.system.now();
    if account.account.is_simulated() {
        context.store.account(account).await?.ok_or(CallError::AccountNotFound)?;
        return Ok(Reported { metrics: MetricSeries::zeros(question), is_simulated: true, as_of, removed_at: None });
    }
    let ask = |token| async move { context.analytics.account_metrics(&token, question).await };
    let metrics = with_token(context, account, &[USER_ACCOUNTS_READ], ask).await?;
    Ok(Reported { metrics, is_simulated: false, as_of, removed_at: None })
}

/// Records once that the Pin is gone. A Pin may be missing for a while after it was created, so nothing is recorded
/// within the quiesce period of its publishing.
async fn record_removed(context: &Context, pin: &Pin, mut attempt: Attempt) -> PortResult<Option<Moment>> {
    let now = context.system.now();
    let mut writes = OptimisticWrites::of("pin", WRITE_ATTEMPTS);
    loop {
        writes.begin()?;
        let quiesced_at = attempt.finished_at.unwrap_or(now).plus_ms(context.settings.deadlines.quiesce_ms);
        if attempt.removed_at.is_some() || now < quiesced_at {
            return Ok(attempt.removed_at);
        }
        let Ok(next) = attempt.removed(now, context.nonce()) else {
            return Ok(None);
        };
        match context.store.save_attempt(pin, &next).await? {
            Write::Done => return Ok(next.removed_at),
            Write::Conflict(Some(current)) => attempt = *current,
            Write::Conflict(None) => return Ok(None),
        }
    }
}
