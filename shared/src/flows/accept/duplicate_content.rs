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
use crate::domain::pin::idempotency::{self, content_hashes, content_hashes_to_read, is_same_content, picture};
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::schedule::run_key;
use crate::domain::time::{DAY_MS, Moment};
use crate::flows::schedules;
use crate::ports::{PortError, PortResult};

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
///
/// Requests that are looked for under the same hashes are compared with what one search finds. So a call reads at most
/// [`COMPARED_MAX`] pins for each content and hash, however many of its requests have that content.
pub async fn judge(context: &Context, workspace: WorkspaceId, all: &[Candidate<'_>]) -> Vec<PortResult<Verdict>> {
    let mut alike: BTreeMap<(AccountId, Vec<String>), Vec<usize>> = BTreeMap::new();
    for (index, candidate) in all.iter().enumerate() {
        let hashes = content_hashes_to_read(candidate.request);
        alike.entry((candidate.request.account, hashes)).or_default().push(index);
    }
    let searches: Vec<_> = alike
        .into_iter()
        .map(|((account, hashes), indexes)| async move {
            let found = Siblings::of(context, AccountKey { workspace, account }, &hashes).await;
            let verdicts = indexes.into_iter().map(|index| {
                let found = found.as_ref();
                async move { (index, verdict(context, workspace, all[index], found).await) }
            });
            stream::iter(verdicts.collect::<Vec<_>>()).buffered(SEARCHES_AT_ONCE).collect::<Vec<_>>().await
        })
        .collect();
    let mut verdicts: Vec<(usize, PortResult<Verdict>)> =
        stream::iter(searches).buffered(SEARCHES_AT_ONCE).flat_map(stream::iter).collect().await;
    verdicts.sort_unstable_by_key(|(index, _)| *index);
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
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

async fn verdict(
    context: &Context,
    workspace: WorkspaceId,
    candidate: Candidate<'_>,
    found: Result<&Siblings, &PortError>,
) -> PortResult<Verdict> {
    let Candidate { request, is_schedule, refuses } = candidate;
    let key = &request.idempotency_key;
    let schedule = ScheduleKey { workspace, schedule: idempotency::schedule_id(workspace, key) };
    let own = if is_schedule { first_pin_of(schedule) } else { idempotency::pin_id(workspace, key) };
    match found.map(|siblings| siblings.newest_like(request, own)) {
        Ok(Some(duplicate)) if refuses => {
            let is_repetition = match is_schedule {
                true => !key.is_empty() && schedules::stored(context, schedule).await?.is_some(),
                false => context.store.pins(&[PinKey { workspace, pin: own }]).await?.iter().any(Option::is_some),
            };
            Ok(if is_repetition { Verdict::Accepted(None) } else { Verdict::Refused(duplicate) })
        }
        Ok(duplicate) => Ok(Verdict::Accepted(duplicate)),
        Err(error) if refuses => Err(error.clone()),
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
    let siblings = Siblings::of(context, account, &content_hashes_to_read(request)).await?;
    Ok(siblings.newest_like(request, own))
}

/// The pins that may have a content: those of an account that are stored under its hashes, but for what failed, was
/// deleted or is too old.
struct Siblings(Vec<Sibling>);

struct Sibling {
    duplicate: Duplicate,
    /// The hashes of its present content: the row that led here may be that of its content before an edit.
    hashes: Vec<String>,
    /// In the one form of a link.
    image: String,
}

impl Siblings {
    async fn of(context: &Context, account: AccountKey, hashes: &[String]) -> PortResult<Self> {
        let workspace = account.workspace;
        let reads = hashes.iter().map(|hash| context.store.first_siblings(account, hash, COMPARED_MAX));
        let siblings: BTreeSet<PinId> = try_join_all(reads).await?.into_iter().flatten().collect();
        if siblings.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let keys: Vec<PinKey> = siblings.into_iter().map(|pin| PinKey { workspace, pin }).collect();
        let since = context.system.now().plus_ms(-WITHIN_MS);
        let counts = |(pin, attempt): &(Pin, Attempt)| {
            pin.hidden_at.is_none()
                && pin.created_at >= since
                && attempt.status != Status::Failed
                && pin.request.account == account.account
        };
        let found = context.store.pins(&keys).await?.into_iter().flatten().filter(counts);
        Ok(Self(found.map(|(pin, attempt)| Sibling::of(&pin, &attempt)).collect()))
    }

    /// The newest other pin of the request's content.
    fn newest_like(&self, request: &PinRequest, own: PinId) -> Option<Duplicate> {
        if self.0.is_empty() {
            return None;
        }
        let (hashes, image) = (content_hashes(request), picture(request));
        let is_like = |sibling: &&Sibling| {
            sibling.duplicate.pin != own && is_same_content(&sibling.hashes, &hashes) && sibling.image == image
        };
        let like = self.0.iter().filter(is_like).map(|sibling| sibling.duplicate);
        like.max_by_key(|duplicate| (duplicate.created_at, duplicate.pin))
    }
}

impl Sibling {
    fn of(pin: &Pin, attempt: &Attempt) -> Self {
        Self {
            duplicate: Duplicate { pin: pin.key.pin, created_at: pin.created_at, status: attempt.status },
            hashes: content_hashes(&pin.request),
            image: picture(&pin.request),
        }
    }
}
