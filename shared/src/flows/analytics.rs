//! How Pins and accounts did: asked of Pinterest at the moment, nothing is kept. It spends nothing of what publishing has.

use thiserror::Error;

use super::with_token::{CallError, with_token};
use crate::domain::account::{BOARDS_READ, PINS_READ, USER_ACCOUNTS_READ};
use crate::domain::analytics::{Figures, Question};
use crate::domain::attempt::{Attempt, Status};
use crate::domain::ids::AccountKey;
use crate::domain::pin::Pin;
use crate::domain::time::Moment;
use crate::ports::{PortError, PortResult, Saved, World};

/// A write of the pin that loses its race is tried again this often.
const WRITE_ATTEMPTS: usize = 3;

#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub figures: Figures,
    /// Made up by us: a sandbox's.
    pub is_simulated: bool,
    pub as_of: Moment,
    /// When the Pin was found to be gone from Pinterest.
    pub removed_at: Option<Moment>,
}

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

/// How a published pin did. One that Pinterest doesn't know any more is noted as removed.
///
/// # Errors
/// When it isn't published, or as [`with_token`] says.
pub async fn of_pin(world: &World, pin: &Pin, attempt: &Attempt, question: &Question) -> Result<Told, AnalyticsError> {
    let (Status::Published, Some(pinterest_pin_id)) = (attempt.status, &attempt.pinterest_pin_id) else {
        return Err(AnalyticsError::NotPublished(attempt.status));
    };
    let as_of = world.system.now();
    let told = |figures| Told { figures, is_simulated: false, as_of, removed_at: attempt.removed_at };
    if pin.request.account.is_simulated() {
        return Ok(Told { is_simulated: true, ..told(Figures::zeros(question)) });
    }
    let ask = |token| async move { world.analytics.pin_figures(&token, pinterest_pin_id, question).await };
    match with_token(world, pin.account_key(), &[BOARDS_READ, PINS_READ], ask).await? {
        Some(figures) => Ok(told(figures)),
        None => Ok(Told { removed_at: note_removed(world, pin, attempt.clone()).await?, ..told(Figures::default()) }),
    }
}

/// How an account did.
///
/// # Errors
/// As [`with_token`] says.
pub async fn of_account(world: &World, account: AccountKey, question: &Question) -> Result<Told, CallError> {
    let as_of = world.system.now();
    if account.account.is_simulated() {
        world.store.account(account).await?.ok_or(CallError::AccountNotFound)?;
        return Ok(Told { figures: Figures::zeros(question), is_simulated: true, as_of, removed_at: None });
    }
    let ask = |token| async move { world.analytics.account_figures(&token, question).await };
    let figures = with_token(world, account, &[USER_ACCOUNTS_READ], ask).await?;
    Ok(Told { figures, is_simulated: false, as_of, removed_at: None })
}

/// Notes that the Pin is gone, once. A Pin may be missing for a while after it was created: within the quiet time of its publishing
/// nothing is noted.
async fn note_removed(world: &World, pin: &Pin, mut attempt: Attempt) -> PortResult<Option<Moment>> {
    let now = world.system.now();
    for _ in 0..WRITE_ATTEMPTS {
        let settled_at = attempt.finished_at.unwrap_or(now).plus_ms(world.settings.deadlines.quiesce_ms);
        if attempt.removed_at.is_some() || now < settled_at {
            return Ok(attempt.removed_at);
        }
        let Ok(next) = attempt.removed(now, world.nonce()) else {
            return Ok(None);
        };
        match world.store.save_attempt(pin, &next).await? {
            Saved::Yes => return Ok(next.removed_at),
            Saved::Lost(Some(current)) => attempt = *current,
            Saved::Lost(None) => return Ok(None),
        }
    }
    Err(PortError::Unavailable { port: "table", reason: "a pin's row changes all the time".into() })
}
