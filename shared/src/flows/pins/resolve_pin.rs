//! Records a person's decision on an outcome that no reading of the board could decide: which Pin is the pin's, or that
//! none is.
//!
//! Two pins of the same content may be left to a person at once, and each may be given the same Pin. So a decision for
//! a Pin also writes the twins that could take it, in one transaction: one of two such decisions meets a changed row,
//! reads again and finds the Pin taken.
//!
//! The board is read for every Pin that a person names: it says whether the Pin is still there, and what it shows. By
//! that its owner is found, and it must be a Pin that a call of the pin may have created. What was published isn't
//! undecided again: subscribers have heard of it, and a twin may have been refused the Pin meanwhile.

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
use crate::domain::pin::timeline;
use crate::domain::reconcile::matching::{self, BoardPin, Window};
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::accounts::with_token::{CallError, with_token};
use crate::flows::reconcile::plan_duplicate_check;
use crate::ports::{OptimisticWrites, PortError, PortResult, SAVED_TOGETHER_MAX};

/// A pin that another writer changes is read again this often.
const WRITES_MAX: usize = 4;
/// So many pages of the board are read for the Pin, the newest Pins first.
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
    /// Whether a person has made this decision before, and it holds.
    fn is_recorded(&self, attempt: &Attempt) -> bool {
        match self {
            Self::Found(id) => {
                attempt.status == Status::Published
                    && attempt.pinterest_pin_id.as_deref() == Some(id.as_str())
                    && timeline::was_decided(attempt)
            }
            // An orphan that was recorded later contradicts it.
            Self::NoPin => {
                attempt.status == Status::Failed
                    && attempt.failure == Some(Failure::ConfirmedAbsent)
                    && attempt.orphan_pin_id.is_none()
            }
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
    /// The pin was edited after its last attempt: no Pin of that attempt is the pin's any more.
    #[error("the pin was edited since its last attempt")]
    Edited,
    #[error("the Pin belongs to pin {0}")]
    Taken(PinId),
    /// More pins than can be written together could take the Pin.
    #[error("{0} other pins of the same content are undecided")]
    TooManyTwins(usize),
    #[error("the board doesn't show the Pin")]
    NotOnBoard,
    /// Pinterest created it before any call of the pin that sent its content.
    #[error("the Pin is older than the pin's attempts")]
    TooOld,
    /// It shows something else than the pin has sent.
    #[error("the Pin has other content")]
    OtherContent,
    /// The board could not be read.
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Records the decision of `by`.
///
/// # Errors
/// When the pin doesn't exist or needs no decision, the Pin isn't there or can't be its own, or a port is unavailable.
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
                let quiesce_ms = context.settings.deadlines.quiesce_ms;
                let next = attempt.none_by_person(context.system.now(), quiesce_ms, context.nonce());
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
        // An attempt before the last one may have created a Pin, too.
        plan_duplicate_check::plan(context, key, &attempt).await;
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
    let quiesce_ms = context.settings.deadlines.quiesce_ms;
    // Before anything is read for it: the pin may need no decision.
    if !attempt.may_be_resolved(quiesce_ms) {
        return Err(ResolveError::NotOpen(attempt.status));
    }
    if attempt.is_edited_since_attempt() {
        return Err(ResolveError::Edited);
    }
    let shown = on_board(context, pin, id).await?.ok_or(ResolveError::NotOnBoard)?;
    let twins = twins(context, pin, &shown).await?;
    if let Some((owner, _)) = twins.iter().find(|(_, twin)| owns(twin, id)) {
        return Err(ResolveError::Taken(owner.key.pin));
    }
    let now = context.system.now();
    check(context, pin, attempt, &shown, now)?;
    let next = attempt.resolved_by_person(now, id.to_owned(), shown.created_at, pin, quiesce_ms, context.nonce());
    let next = next.map_err(|_| ResolveError::NotOpen(attempt.status))?.made_by(Some(by));
    let rivals = twins.into_iter().filter(|(twin, state)| may_take(context, twin, state, now));
    let rivals = rivals.map(|(twin, state)| {
        let touched = state.touched(now, context.nonce());
        (twin, touched)
    });
    let changes: Vec<(Pin, Attempt)> = std::iter::once((pin.clone(), next)).chain(rivals).collect();
    // One that isn't written with the pin could take the same Pin.
    if changes.len() > SAVED_TOGETHER_MAX {
        return Err(ResolveError::TooManyTwins(changes.len() - 1));
    }
    Ok(changes)
}

/// Whether a call of the pin may have created this Pin: by when it was created, and by what it shows.
///
/// A person knows more than a reading of the board, so they may name a Pin that came later than the quiesce period
/// allows for.
fn check(context: &Context, pin: &Pin, attempt: &Attempt, shown: &BoardPin, now: Moment) -> Result<(), ResolveError> {
    let deadlines = &context.settings.deadlines;
    let from = Window::of(attempt.sent_since(), deadlines).from;
    if shown.created_at.is_some_and(|at| at < from) {
        return Err(ResolveError::TooOld);
    }
    let window = Window { from, until: now.plus_ms(deadlines.clock_skew_ms) };
    if matching::could_be(&pin.request, shown, window) { Ok(()) } else { Err(ResolveError::OtherContent) }
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

/// Our other pins that have, or once had, the pin's content or that of the Pin as the board shows it.
async fn twins(context: &Context, pin: &Pin, shown: &BoardPin) -> PortResult<Vec<(Pin, Attempt)>> {
    let of_shown = content_hashes_of(&pin.request.board_id, shown);
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

/// Whether the Pin could be given to the twin meanwhile: by a person, by the same rule as to this pin, or by a reading
/// of the board. (A call that is still open answers with a Pin of its own.)
fn may_take(context: &Context, twin: &Pin, state: &Attempt, now: Moment) -> bool {
    let quiesce_ms = context.settings.deadlines.quiesce_ms;
    let is_reconciled = state.status == Status::Publishing && state.quiesced_at(quiesce_ms) <= now;
    // Of a deleted pin, nobody decides anything.
    is_reconciled || (twin.hidden_at.is_none() && state.may_be_resolved(quiesce_ms))
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
