//! Searches pins for what index keys can't answer: reads candidates until enough of them match.

use futures_util::future::try_join;

use super::accounts_now::AccountsNow;
use super::read_pins::{blocker, rows};
use super::unfinished::Unfinished;
use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::filter::PinFilter;
use crate::domain::pin::listing::{Order, Partition, Position, Span};
use crate::ports::PortResult;

/// Pins that one search reads at most.
pub const EXAMINED_MAX: usize = 10_000;
/// Keys of failed pins that are read at once.
const FAILED_AT_ONCE: usize = 500;

/// The pins that match, in the order of their acceptance, and where they were found.
#[derive(Default)]
pub struct Matched {
    pub pins: Vec<(Pin, Attempt)>,
    /// The first pin that was looked at.
    pub first: Option<Position>,
    /// The position up to which was searched; `None`: to the end.
    pub end: Option<Position>,
    /// The accounts that the pins wait for, if the search needed them.
    pub accounts: AccountsNow,
}

/// Searches the pins of a state that is rare among finished ones, or of an error code; `None` when the filter is for
/// neither. Stops when `wanted` pins were found, or [`EXAMINED_MAX`] were read.
///
/// # Errors
/// When the table is unavailable.
pub async fn search(
    context: &Context,
    workspace: WorkspaceId,
    filter: &PinFilter,
    span: Span,
    wanted: usize,
) -> PortResult<Option<Matched>> {
    let waiting = || async {
        let candidates = Candidates::Unfinished(Box::new(Unfinished::of(context, workspace, filter, span).await?));
        matching(context, workspace, filter, candidates, wanted).await
    };
    let failed = || async {
        let span = Some(Span { partition: Partition::Failed, ..span });
        matching(context, workspace, filter, Candidates::Failed(span), wanted).await
    };
    let code = filter.error_code.as_deref();
    let found = match filter.status {
        Some(Status::Queued | Status::Deferred | Status::Publishing) => waiting().await?,
        Some(Status::Failed) if code.is_some() => failed().await?,
        // A pin with a code waits, or has failed; no pin fails with a code that only says why it waits.
        None => match code {
            None => return Ok(None),
            Some(code) if Failure::parse(code).is_none() => waiting().await?,
            Some(_) => {
                let (waiting, failed) = try_join(waiting(), failed()).await?;
                waiting.merged(failed, span.order)
            }
        },
        // What is published has no code.
        Some(Status::Published) if code.is_some() => Matched::default(),
        Some(Status::Published | Status::Failed) => return Ok(None),
    };
    Ok(Some(found))
}

enum Candidates<'a> {
    Unfinished(Box<Unfinished<'a>>),
    /// The part of the index of failed pins that isn't read yet.
    Failed(Option<Span>),
}

impl Candidates<'_> {
    async fn next(
        &mut self,
        context: &Context,
        workspace: WorkspaceId,
        filter: &PinFilter,
    ) -> PortResult<Option<Vec<Position>>> {
        match self {
            Self::Unfinished(unfinished) => unfinished.next().await,
            Self::Failed(left) => {
                let by_key = filter.by_key();
                while let Some(span) = left.take() {
                    let stretch = context.pin_index.stretch(workspace, &span, FAILED_AT_ONCE).await?;
                    *left = stretch.end.map(|end| span.behind(end));
                    let entries = stretch.entries.into_iter().filter(|entry| by_key.accepts(entry));
                    let batch: Vec<Position> = entries.map(|entry| entry.position).collect();
                    if !batch.is_empty() {
                        return Ok(Some(batch));
                    }
                }
                Ok(None)
            }
        }
    }
}

async fn matching(
    context: &Context,
    workspace: WorkspaceId,
    filter: &PinFilter,
    mut candidates: Candidates<'_>,
    wanted: usize,
) -> PortResult<Matched> {
    let (mut found, mut examined) = (Matched::default(), 0);
    while let Some(batch) = candidates.next(context, workspace, filter).await? {
        if examined >= EXAMINED_MAX || found.pins.len() >= wanted {
            return Ok(found);
        }
        found.first = found.first.or(batch.first().copied());
        // Kept only if there is a batch after this one.
        found.end = batch.last().copied();
        examined += batch.len();
        let mut pins = rows(context, workspace, &batch).await?;
        pins.retain(|(pin, attempt)| filter.accepts(pin, attempt));
        if filter.error_code.is_some() {
            found.accounts.add(context, pins.iter().map(|(pin, attempt)| (pin, attempt))).await?;
            let account = |pin: &Pin| found.accounts.account(pin);
            pins.retain(|(pin, attempt)| filter.accepts_blocker(blocker(context, pin, attempt, account(pin))));
        }
        found.pins.extend(pins);
    }
    found.end = None;
    Ok(found)
}

impl Matched {
    /// What both searches of the same span have found, as far as both have come.
    fn merged(self, other: Self, order: Order) -> Self {
        let earlier = |a: Option<Position>, b: Option<Position>| match (a, b) {
            (Some(a), Some(b)) => Some(if order.compare(&a, &b).is_le() { a } else { b }),
            (one, none) => one.or(none),
        };
        let (first, end) = (earlier(self.first, other.first), earlier(self.end, other.end));
        let position = |pin: &Pin| Position { at: pin.created_at, pin: pin.key.pin };
        let mut pins = self.pins;
        pins.extend(other.pins);
        pins.retain(|(pin, _)| end.is_none_or(|end| order.compare(&position(pin), &end).is_le()));
        pins.sort_by(|(a, _), (b, _)| order.compare(&position(a), &position(b)));
        // A pin that changed in between was found by both.
        pins.dedup_by_key(|(pin, _)| pin.key);
        Self { pins, first, end, accounts: self.accounts.and(other.accounts) }
    }
}
