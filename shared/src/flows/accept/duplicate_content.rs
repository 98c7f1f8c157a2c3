//! Finds pins of the same content that were requested shortly before: same account, board, title, link and image.
//!
//! This is a courtesy, not a guarantee: two requests at the same moment don't see each other, and of many pins of the
//! same content only some are compared. It costs reads only.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};

use crate::context::Context;
use crate::domain::ids::{AccountId, AccountKey, PinId, PinKey, ScheduleKey, WorkspaceId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::idempotency::{self, content_hashes_to_read, is_same_content, is_same_picture};
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::schedule::run_key;
use crate::domain::time::{DAY_MS, Moment};
use crate::flows::schedules;
use crate::ports::PortResult;

/// How far back pins are compared.
pub const WITHIN_MS: i64 = DAY_MS;
/// At most this many pins of the same board, title and link are compared.
pub const COMPARED_MAX: usize = 100;
/// Concurrent searches of one call.
const SEARCHES_AT_ONCE: usize = 20;

/// A pin of the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub pin: PinId,
    pub created_at: Moment,
    pub status: Status,
}

impl Duplicate {
    pub fn message(&self) -> String {
        format!("Pin {} of the last 24 hours has the same account, board, title, link and image.", self.pin)
    }
}

/// A request to compare, and whether it is refused if there is another pin of its content.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub request: &'a PinRequest,
    /// Whether it becomes a schedule. The keys of pins and of schedules are separate namespaces.
    pub is_schedule: bool,
    pub refuses: bool,
}

/// What the pins that exist mean for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be accepted. The other pin, if there is one, is worth a warning.
    Accepted(Option<Duplicate>),
    Refused(Duplicate),
}

/// Judges requests by the pins that exist. A request whose pin or schedule exists already is a repetition, and never
/// refused. If a caller only wants a warning, a failed search is no error.
///
/// Schedules are compared with pins, and not with each other: the same content at two times may well be meant.
pub async fn judge(context: &Context, workspace: WorkspaceId, all: &[Candidate<'_>]) -> Vec<PortResult<Verdict>> {
    let searches: Vec<_> = all.iter().map(|candidate| search(context, workspace, *candidate)).collect();
    stream::iter(searches).buffered(SEARCHES_AT_ONCE).collect().await
}

/// The contents of the pins of one call, each with the first pin that has it: a search doesn't find them yet.
#[derive(Debug, Default)]
pub struct Twins(BTreeMap<Content, PinId>);

type Content = (AccountId, String, String);

impl Twins {
    /// The first pin of the request's content, unless that is the request's own.
    pub fn of(&self, request: &PinRequest, own: PinId) -> Option<PinId> {
        self.0.get(&content(request)).copied().filter(|first| *first != own)
    }

    /// Adds the pin `own`, unless another pin of the call has its content already.
    pub fn add(&mut self, request: &PinRequest, own: PinId) {
        self.0.entry(content(request)).or_insert(own);
    }
}

fn content(request: &PinRequest) -> Content {
    (request.account, idempotency::content_hash(request), request.image_url.clone())
}

async fn search(context: &Context, workspace: WorkspaceId, candidate: Candidate<'_>) -> PortResult<Verdict> {
    let Candidate { request, is_schedule, refuses } = candidate;
    let key = &request.idempotency_key;
    let schedule = ScheduleKey { workspace, schedule: idempotency::schedule_id(workspace, key) };
    let own = if is_schedule { first_pin_of(schedule) } else { idempotency::pin_id(workspace, key) };
    match find(context, workspace, request, own).await {
        Ok(Some(duplicate)) if refuses => {
            let is_repetition = match is_schedule {
                true => !key.is_empty() && schedules::stored(context, schedule).await?.is_some(),
                false => context.store.pins(&[PinKey { workspace, pin: own }]).await?.iter().any(Option::is_some),
            };
            Ok(if is_repetition { Verdict::Accepted(None) } else { Verdict::Refused(duplicate) })
        }
        Ok(duplicate) => Ok(Verdict::Accepted(duplicate)),
        Err(error) if refuses => Err(error),
        Err(error) => {
            tracing::warn!(workspace_id = %workspace, %error, "duplicate content not checked");
            Ok(Verdict::Accepted(None))
        }
    }
}

/// The id of the pin of the schedule's first run.
fn first_pin_of(ScheduleKey { workspace, schedule }: ScheduleKey) -> PinId {
    idempotency::pin_id(workspace, &run_key(schedule, 0))
}

/// Returns the newest other pin of this content, except pins that failed or were deleted. `own` is the id of the
/// request's own pin.
///
/// # Errors
/// When the table is unavailable.
pub async fn find(
    context: &Context,
    workspace: WorkspaceId,
    request: &PinRequest,
    own: PinId,
) -> PortResult<Option<Duplicate>> {
    let account = AccountKey { workspace, account: request.account };
    let hashes = content_hashes_to_read(request);
    let reads = hashes.iter().map(|hash| context.store.first_siblings(account, hash, COMPARED_MAX));
    let siblings: BTreeSet<PinId> = try_join_all(reads).await?.into_iter().flatten().collect();
    let keys: Vec<PinKey> =
        siblings.into_iter().filter(|pin| *pin != own).map(|pin| PinKey { workspace, pin }).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let since = context.system.now().plus_ms(-WITHIN_MS);
    let is_duplicate = |(pin, attempt): &(Pin, Attempt)| {
        pin.hidden_at.is_none()
            && pin.created_at >= since
            && attempt.status != Status::Failed
            // The sibling rows of a pin's content from before an edit lead here too.
            && pin.request.account == request.account
            && is_same_content(&pin.request, request)
            && is_same_picture(&pin.request, request)
    };
    let found = context.store.pins(&keys).await?.into_iter().flatten().filter(is_duplicate);
    let newest = found.max_by_key(|(pin, _)| (pin.created_at, pin.key.pin));
    Ok(newest.map(|(pin, attempt)| Duplicate { pin: pin.key.pin, created_at: pin.created_at, status: attempt.status }))
}
