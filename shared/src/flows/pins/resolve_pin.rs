//! Records a person's decision on an outcome that no reading of the board could decide: which Pin is the pin's, or that
//! none is.
//!
//! Two pins of the same content may be left to a person at once, and each may be given the same Pin. So a decision for
//! a Pin also writes the twins that could take it, in one transaction: one of two such decisions meets a changed row,
//! reads again and finds the Pin taken.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::context::Context;
use crate::domain::account::{BOARDS_READ, PINS_READ};
use crate::domain::ids::{PinId, PinKey};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::idempotency::{content_hashes_of, content_hashes_to_read};
use crate::domain::pin::origin::Actor;
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::accounts::with_token::{CallError, with_token};
use crate::ports::{OptimisticWrites, PortError, PortResult, SAVED_TOGETHER_MAX};

/// A pin that another writer changes is read again this often.
const WRITES_MAX: usize = 4;
/// For a Pin that is no candidate, so many pages of the board are read, the newest Pins first.
pub const PAGES_MAX: usize = 4;
/// No further page is read later than this after the first: the caller waits for the answer, and a page takes seconds.
const PAGES_WITHIN_MS: i64 = 8 * SECOND_MS;

/// What a person has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This Pin on Pinterest is the pin's.
    Found(String),
    /// No Pin on Pinterest is the pin's.
    NoPin,
}

impl Decision {
    /// Whether the pin's state is what the decision makes of it.
    fn is_recorded(&self, attempt: &Attempt) -> bool {
        match self {
            Self::Found(id) => {
                attempt.status == Status::Published && attempt.pinterest_pin_id.as_deref() == Some(id.as_str())
            }
            Self::NoPin => attempt.status == Status::Failed && attempt.failure == Some(Failure::ConfirmedAbsent),
        }
    }
}

/// The pin with the decision.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub pin: Pin,
    pub attempt: Attempt,
    /// Whether that was its state before.
    pub is_repeat: bool,
}

/// Why a decision was not recorded.
#[derive(Debug, Error)]
pub enum ResolveError {
    #[error("no such pin in this workspace")]
    NotFound,
    /// Nothing is left to a person: the outcome is known, or the system finds it out.
    #[error("the pin is {}", .0.name())]
    NotOpen(Status),
    #[error("the Pin belongs to pin {0}")]
    Taken(PinId),
    /// It is no candidate, and the board doesn't show it.
    #[error("the board doesn't show the Pin")]
    NotOnBoard,
    /// The board could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Records the decision of `by`.
///
/// # Errors
/// When the pin doesn't exist or needs no decision, the Pin isn't there or is another pin's, or a port is unavailable.
/// A call that failed may have recorded the decision; repeating it is harmless.
pub async fn resolve_pin(
    context: &Context,
    key: PinKey,
    decision: &Decision,
    by: Actor,
) -> Result<Resolved, ResolveError> {
    let mut writes = OptimisticWrites::of("pin", WRITES_MAX);
    loop {
        writes.begin()?;
        let began = context.begin();
        let read = context.store.pins(&[key]).await?.into_iter().flatten().next();
        let (pin, attempt) = read.filter(|(pin, _)| pin.hidden_at.is_none()).ok_or(ResolveError::NotFound)?;
        if decision.is_recorded(&attempt) {
            return Ok(Resolved { pin, attempt, is_repeat: true });
        }
        let changes = match decision {
            Decision::Found(id) => found(context, &pin, &attempt, id, by).await?,
            Decision::NoPin => {
                let next = attempt.none_by_person(context.system.now(), context.nonce());
                vec![(pin, next.map_err(|_| ResolveError::NotOpen(attempt.status))?.made_by(Some(by)))]
            }
        };
        // By this marker the rescuer sends events whose message is lost, and the rollup reads the pin once more.
        put_owner(context, key).await?;
        if !save(context, &changes).await? {
            continue;
        }
        if context.took_ms(began) > OWNED_WITHIN_MS {
            put_owner(context, key).await?;
        }
        let Some((pin, attempt)) = changes.into_iter().next() else { continue };
        tracing::info!(
            workspace_id = %key.workspace, pin_id = %key.pin, status = attempt.status.name(),
            pinterest_pin_id = attempt.pinterest_pin_id, "outcome decided by a caller"
        );
        return Ok(Resolved { pin, attempt, is_repeat: false });
    }
}

/// The pin with its Pin first, then the twins that could take the same Pin, under a new revision.
async fn found(
    context: &Context,
    pin: &Pin,
    attempt: &Attempt,
    id: &str,
    by: Actor,
) -> Result<Vec<(Pin, Attempt)>, ResolveError> {
    let next_state = |created_at: Option<Moment>| {
        let next = attempt.resolved_by_person(context.system.now(), id.to_owned(), created_at, pin, context.nonce());
        next.map_err(|_| ResolveError::NotOpen(attempt.status))
    };
    // Before anything is read for it: the pin may need no decision.
    next_state(None)?;
    let (created_at, shown) = match candidate(context, pin, attempt, id).await? {
        Some(created_at) => (created_at, None),
        None => {
            let shown = on_board(context, pin, id).await?.ok_or(ResolveError::NotOnBoard)?;
            (shown.created_at, Some(shown))
        }
    };
    let twins = twins(context, pin, shown.as_ref()).await?;
    if let Some((owner, _)) = twins.iter().find(|(_, twin)| owns(twin, id)) {
        return Err(ResolveError::Taken(owner.key.pin));
    }
    let now = context.system.now();
    let rivals = twins.into_iter().filter(|(_, twin)| may_take(context, twin, now));
    let rivals = rivals.map(|(pin, twin)| {
        let touched = twin.touched(now, context.nonce());
        (pin, touched)
    });
    let next = next_state(created_at)?.made_by(Some(by));
    Ok(std::iter::once((pin.clone(), next)).chain(rivals).take(SAVED_TOGETHER_MAX).collect())
}

/// When Pinterest created the Pin, if it is a candidate of the last attempt. The outer `None`: it is none.
async fn candidate(context: &Context, pin: &Pin, attempt: &Attempt, id: &str) -> PortResult<Option<Option<Moment>>> {
    let said = context.store.said(pin).await?;
    let mut candidates = said.iter().filter(|said| said.attempt == attempt.attempt).flat_map(|said| &said.candidates);
    Ok(candidates.find(|candidate| candidate.pinterest_pin_id == id).map(|candidate| candidate.created_at))
}

/// The Pin as the pin's board shows it to the pin's account, if it is among the newest ones.
async fn on_board(context: &Context, pin: &Pin, id: &str) -> Result<Option<BoardPin>, CallError> {
    let board_id = pin.request.board_id.as_str();
    let began = context.begin();
    let mut bookmark: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let at = bookmark.as_deref();
        let list = |token| async move { context.pinterest.board_pins(&token, board_id, at).await };
        let page = with_token(context, pin.account_key(), &[BOARDS_READ, PINS_READ], list).await?;
        if let Some(shown) = page.pins.into_iter().find(|shown| shown.id == id) {
            return Ok(Some(shown));
        }
        match page.next {
            Some(next) if context.took_ms(began) < PAGES_WITHIN_MS => bookmark = Some(next),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Our other pins that have the pin's content, or that of the Pin as the board shows it.
async fn twins(context: &Context, pin: &Pin, shown: Option<&BoardPin>) -> PortResult<Vec<(Pin, Attempt)>> {
    let of_shown = shown.into_iter().flat_map(|shown| content_hashes_of(&pin.request.board_id, shown));
    let hashes: BTreeSet<String> = content_hashes_to_read(&pin.request).into_iter().chain(of_shown).collect();
    let mut twins: BTreeSet<PinId> = BTreeSet::new();
    for hash in &hashes {
        twins.extend(context.store.siblings(pin.account_key(), hash).await?);
    }
    twins.remove(&pin.key.pin);
    let workspace = pin.key.workspace;
    let keys: Vec<PinKey> = twins.into_iter().map(|pin| PinKey { workspace, pin }).collect();
    Ok(context.store.pins(&keys).await?.into_iter().flatten().collect())
}

fn owns(twin: &Attempt, id: &str) -> bool {
    [&twin.pinterest_pin_id, &twin.orphan_pin_id].into_iter().any(|owned| owned.as_deref() == Some(id))
}

/// Whether the Pin could be given to the twin meanwhile: by a person, or by a reading of the board. (A call that is
/// still open answers with a Pin of its own.)
fn may_take(context: &Context, twin: &Attempt, now: Moment) -> bool {
    let is_reconciled =
        twin.status == Status::Publishing && twin.quiesced_at(context.settings.deadlines.quiesce_ms) <= now;
    twin.is_left_to_a_person() || is_reconciled
}

async fn put_owner(context: &Context, key: PinKey) -> PortResult<()> {
    let marker = RecoveryMarker::new(vec![key], context.system.now(), 0, context.system.nonce());
    context.store.put_marker(&marker).await
}

/// Writes all, or none and answers `false` if another writer came first.
async fn save(context: &Context, changes: &[(Pin, Attempt)]) -> PortResult<bool> {
    match changes {
        [(pin, next)] => Ok(context.store.save_attempt(pin, next).await?.is_done()),
        several => Ok(context.store.save_attempts(several).await?.is_done()),
    }
}
