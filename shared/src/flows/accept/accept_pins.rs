//! Accepts pins, one or many in one call. From then on, each pin is published, fails with a reason, or visibly waits.
//!
//! The order of the writes guarantees this: first an owner (a recovery marker that names up to 25 pins, or a backlog
//! row), then the pin, then the message. If the process dies in between, the pin either doesn't exist yet or has an
//! owner that brings it back. A batch shares only what can be shared: one write of the bucket per account, the recovery
//! markers, and the queue's calls of ten messages.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, join4, try_join, try_join_all};
use futures_util::stream::{self, StreamExt};
use thiserror::Error;

use super::place_pins::{Placed, place};
use crate::context::{Began, Context};
use crate::domain::ids::{AccountId, AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::message::PublishMessage;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{Bucket, Token};
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::idempotency::{self, PayloadHash};
use crate::domain::pin::origin::Origin;
use crate::domain::pin::{LIFETIME_MS, Pin, PinRequest, Placement};
use crate::domain::recovery::{OWNED_WITHIN_MS, PINS_PER_MARKER, RecoveryMarker};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::join_backlog;
use crate::ports::{PortError, PortResult, Write};
use crate::telemetry::{self, Metric};

/// A longer call is split into pieces of this size. Each piece is written well within [`OWNED_WITHIN_MS`], and its
/// tokens fit into a bucket.
const PINS_AT_ONCE: usize = 100;
/// Rows written concurrently.
const WRITES_AT_ONCE: usize = 50;

/// A request to publish a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRequest {
    pub request: PinRequest,
    pub origin: Origin,
    /// No attempt starts before this time. It is meant for minutes: the pin's message waits in the queue, and its token
    /// is taken only then, so that it delays no other pin before. A time in the past means now.
    pub not_before: Option<Moment>,
}

impl From<PinRequest> for PublishRequest {
    fn from(request: PinRequest) -> Self {
        Self { request, origin: Origin::default(), not_before: None }
    }
}

/// The answer to an accepted request: its pin with the state of its attempts.
#[derive(Debug)]
pub enum Acceptance {
    New(Pin, Attempt),
    /// The same key and payload as before.
    Replay(Pin, Attempt),
}

/// Why a request was not accepted.
#[derive(Debug, Error)]
pub enum AcceptError {
    #[error("the idempotency key was used with another payload")]
    KeyReused { existing: PinId, account: AccountId },
    #[error("the idempotency key belongs to a pin that was deleted")]
    KeyOfDeleted { existing: PinId, account: AccountId },
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error("the account is disconnected")]
    AccountDisconnected,
    /// The request's `publish_before` has passed.
    #[error("the pin comes too late")]
    TooLate,
    #[error(transparent)]
    Port(#[from] PortError),
}

type Answer = Result<Acceptance, AcceptError>;

/// Accepts the requests, each exactly once per idempotency key. The answers are in the order of the requests. Of
/// requests with the same key, the later ones are answered as if they had been sent later. A refused request doesn't
/// keep the others from being accepted.
///
/// A request that is answered with [`AcceptError::Port`] may have been accepted; the caller may send it again.
///
/// # Errors
/// When nothing could be read. Nothing was promised then; of a call with more than a hundred requests, some may have
/// been accepted. The caller may send the same call again.
pub async fn accept_pins(
    context: &Context,
    workspace: WorkspaceId,
    publish_requests: Vec<PublishRequest>,
) -> PortResult<Vec<Answer>> {
    let mut answers: Vec<Option<Answer>> = publish_requests.iter().map(|_| None).collect();
    let mut rest: Vec<Candidate> = publish_requests
        .into_iter()
        .enumerate()
        .map(|(index, publish_request)| Candidate::new(workspace, index, publish_request))
        .collect();
    while !rest.is_empty() {
        let mut seen = BTreeSet::new();
        let (piece, later): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|candidate| seen.len() < PINS_AT_ONCE && seen.insert(candidate.key));
        for (index, answer) in accept_piece(context, piece).await? {
            answers[index] = Some(answer);
        }
        rest = later;
    }
    Ok(answers.into_iter().flatten().collect())
}

struct Candidate {
    /// The request's index in the call.
    index: usize,
    key: PinKey,
    publish_request: PublishRequest,
    payload_hash: PayloadHash,
}

impl Candidate {
    fn new(workspace: WorkspaceId, index: usize, publish_request: PublishRequest) -> Self {
        let key = PinKey { workspace, pin: idempotency::pin_id(workspace, &publish_request.request.idempotency_key) };
        let payload_hash = PayloadHash::of(&publish_request.request);
        Self { index, key, publish_request, payload_hash }
    }

    /// Whether it would be accepted only to fail. A schedule's pin has its time since the schedule was made.
    fn comes_too_late(&self, now: Moment) -> bool {
        let PublishRequest { request, not_before, .. } = &self.publish_request;
        if not_before.is_some() { request.is_too_late(now) } else { request.ends_too_soon(now) }
    }

    fn account(&self) -> AccountKey {
        AccountKey { workspace: self.key.workspace, account: self.publish_request.request.account }
    }
}

/// A new pin that is not written yet.
struct Draft {
    index: usize,
    pin: Pin,
    token: Option<Token>,
    error: Option<PortError>,
}

/// Accepts requests with different keys.
async fn accept_piece(context: &Context, piece: Vec<Candidate>) -> PortResult<Vec<(usize, Answer)>> {
    let began = context.begin();
    // Reads first, because a replay then costs no writes and no token. The condition on the pin's write decides all the
    // same.
    let keys: Vec<PinKey> = piece.iter().map(|candidate| candidate.key).collect();
    let accounts: BTreeSet<AccountKey> = piece.iter().map(Candidate::account).collect();
    let rows = try_join_all(accounts.iter().map(|account| context.store.account(*account)));
    let (existing, rows) = try_join(context.store.pins(&keys), rows).await?;
    let accounts: BTreeMap<AccountKey, _> = accounts.into_iter().zip(rows).collect();

    let now = context.system.now();
    let (mut answers, mut new) = (Vec::new(), Vec::new());
    for (candidate, existing) in piece.into_iter().zip(existing) {
        let account = accounts.get(&candidate.account()).and_then(Option::as_ref);
        match (existing, account) {
            (Some((pin, attempt)), _) => answers.push((candidate.index, replay(pin, attempt, &candidate.payload_hash))),
            (None, None) => answers.push((candidate.index, Err(AcceptError::AccountNotFound))),
            (None, Some(account)) if !account.is_connected() => {
                answers.push((candidate.index, Err(AcceptError::AccountDisconnected)));
            }
            (None, Some(_)) if candidate.comes_too_late(now) => {
                answers.push((candidate.index, Err(AcceptError::TooLate)));
            }
            (None, Some(_)) => new.push(candidate),
        }
    }
    if new.is_empty() {
        return Ok(answers);
    }
    let (mut drafts, buckets) = draft(context, new).await?;
    write_owners(context, &mut drafts, &buckets).await;
    answers.extend(write_pins(context, drafts, &buckets, began).await);
    Ok(answers)
}

fn replay(pin: Pin, attempt: Attempt, payload_hash: &PayloadHash) -> Answer {
    let (existing, account) = (pin.key.pin, pin.request.account);
    if pin.hidden_at.is_some() {
        Err(AcceptError::KeyOfDeleted { existing, account })
    } else if pin.payload_hash.same_payload(payload_hash) {
        Ok(Acceptance::Replay(pin, attempt))
    } else {
        Err(AcceptError::KeyReused { existing, account })
    }
}

type Buckets = BTreeMap<AccountKey, Bucket>;

/// Places each pin: at its own time, on a token of its account, or in the backlog. The most urgent pins come first.
async fn draft(context: &Context, mut new: Vec<Candidate>) -> PortResult<(Vec<Draft>, Buckets)> {
    let now = context.system.now();
    new.sort_by_key(|candidate| candidate.publish_request.request.priority);
    let due_at = |candidate: &Candidate| candidate.publish_request.not_before.filter(|at| *at > now);
    let mut counts: BTreeMap<AccountKey, usize> = BTreeMap::new();
    for candidate in new.iter().filter(|candidate| due_at(candidate).is_none()) {
        *counts.entry(candidate.account()).or_default() += 1;
    }
    let takes = counts.into_iter().map(|(account, count)| async move {
        place(context, account, count, now).await.map(|placed| (account, placed))
    });
    let mut places = BTreeMap::new();
    let mut buckets = Buckets::new();
    for (account, (placed, bucket)) in try_join_all(takes).await? {
        places.insert(account, placed.into_iter());
        buckets.insert(account, bucket);
    }
    let expires_at =
        Moment((now.unix_seconds() + (LIFETIME_MS + context.settings.retention_ms) / SECOND_MS) * SECOND_MS);
    let drafts = new.into_iter().map(|candidate| {
        let placed = match due_at(&candidate) {
            Some(at) => Some(Placed { placement: Placement::Due(at), token: None }),
            None => places.get_mut(&candidate.account()).and_then(Iterator::next),
        };
        let Placed { placement, token } = placed?;
        let Candidate { index, key, publish_request, payload_hash } = candidate;
        let PublishRequest { request, origin, not_before: due_at } = publish_request;
        let (created_at, edit, hidden_at, nonce) = (now, 0, None, context.nonce());
        let pin = Pin {
            key,
            request,
            payload_hash,
            created_at,
            due_at,
            placement,
            origin,
            edit,
            hidden_at,
            expires_at,
            nonce,
        };
        Some(Draft { index, pin, token, error: None })
    });
    Ok((drafts.flatten().collect(), buckets))
}

/// When the pin's message becomes visible; `None` for a pin that waits in the backlog.
fn start_of(pin: &Pin) -> Option<Moment> {
    match pin.placement {
        Placement::Now => Some(pin.created_at),
        Placement::Slot(at) | Placement::Due(at) => Some(at),
        Placement::Backlog(_) => None,
    }
}

/// Writes the first owners: a recovery marker for pins that go to the queue, shared by pins that start at about the
/// same time, and backlog rows for the others. Also writes the sibling rows, by which pins of the same content are
/// found.
async fn write_owners(context: &Context, drafts: &mut [Draft], buckets: &Buckets) {
    let mut started: Vec<(Moment, usize)> =
        drafts.iter().enumerate().filter_map(|(at, draft)| Some((start_of(&draft.pin)?, at))).collect();
    started.sort_unstable();
    let mut waiting: BTreeMap<AccountKey, Vec<usize>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| start_of(&draft.pin).is_none()) {
        waiting.entry(draft.pin.account_key()).or_default().push(at);
    }
    let shared: &[Draft] = drafts;
    let markers = join_all(started.chunks(PINS_PER_MARKER).map(|chunk| async move {
        let pins = chunk.iter().map(|(_, at)| shared[*at].pin.key).collect();
        let last = chunk.last().map_or(Moment::default(), |(start, _)| *start);
        context.store.put_marker(&RecoveryMarker::new(pins, last, 0, context.system.nonce())).await
    }));
    let backlogs = join_all(waiting.iter().map(|(account, members)| async move {
        let rows: Vec<BacklogRow> = members.iter().map(|at| BacklogRow::of(&shared[*at].pin, 0)).collect();
        join_backlog::join_all(context, *account, &rows, &bucket_of(buckets, *account)).await
    }));
    let deadlines = deadlines(shared);
    let ends = join_all(deadlines.iter().map(|(at, members)| async move {
        let pins = members.iter().map(|at| shared[*at].pin.key).collect();
        context.store.put_marker(&RecoveryMarker::too_late(pins, *at, context.system.nonce())).await
    }));
    let siblings: Vec<_> = shared.iter().map(|draft| write_sibling(context, &draft.pin)).collect();
    let siblings = stream::iter(siblings).buffered(WRITES_AT_ONCE).collect::<Vec<_>>();
    let (markers, backlogs, ends, siblings) = join4(markers, backlogs, ends, siblings).await;

    let mut set_error = |at: usize, error: PortError| drafts[at].error = Some(error);
    for (at, written) in siblings.into_iter().enumerate() {
        written.unwrap_or_else(|error| set_error(at, error));
    }
    let of_markers = started.chunks(PINS_PER_MARKER).map(|chunk| chunk.iter().map(|(_, at)| *at).collect::<Vec<_>>());
    let of_ends = deadlines.into_iter().map(|(_, members)| members).zip(ends);
    for (members, written) in of_markers.zip(markers).chain(waiting.into_values().zip(backlogs)).chain(of_ends) {
        if let Err(error) = written {
            members.into_iter().for_each(|at| set_error(at, error.clone()));
        }
    }
}

/// The pins that have a `publish_before`, by its minute, as many together as a marker holds.
fn deadlines(drafts: &[Draft]) -> Vec<(Moment, Vec<usize>)> {
    let mut by_minute: BTreeMap<i64, (Moment, Vec<usize>)> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        if let Some(before) = draft.pin.request.publish_before {
            by_minute.entry(before.minute()).or_insert((before, Vec::new())).1.push(at);
        }
    }
    let chunked = |(at, members): (Moment, Vec<usize>)| {
        members.chunks(PINS_PER_MARKER).map(|chunk| (at, chunk.to_vec())).collect::<Vec<_>>()
    };
    by_minute.into_values().flat_map(chunked).collect()
}

async fn write_sibling(context: &Context, pin: &Pin) -> PortResult<()> {
    for content in idempotency::content_hashes(&pin.request) {
        context.store.put_sibling(pin.account_key(), &content, pin.key.pin, pin.expires_at).await?;
    }
    Ok(())
}

fn bucket_of(buckets: &Buckets, account: AccountKey) -> Bucket {
    buckets.get(&account).cloned().unwrap_or_default()
}

/// Writes the owner of one pin again: a marker under its time would be one that the rescuer has passed.
async fn write_owner(context: &Context, pin: &Pin, buckets: &Buckets) -> PortResult<()> {
    let now = context.system.now();
    match start_of(pin) {
        Some(start) => {
            context
                .store
                .put_marker(&RecoveryMarker::new(vec![pin.key], start.max(now), 0, context.system.nonce()))
                .await
        }
        None => {
            let bucket = bucket_of(buckets, pin.account_key());
            join_backlog::join(context, pin.account_key(), &BacklogRow::of(pin, 0), &bucket).await
        }
    }
}

/// Writes the pins, then sends the messages of the new ones.
async fn write_pins(context: &Context, drafts: Vec<Draft>, buckets: &Buckets, began: Began) -> Vec<(usize, Answer)> {
    let writes = drafts.into_iter().map(|draft| async move {
        let written = write_pin(context, &draft, buckets, began).await;
        (draft, written)
    });
    let mut writes = stream::iter(writes).buffered(WRITES_AT_ONCE);
    let (mut answers, mut new) = (Vec::new(), Vec::new());
    while let Some((draft, written)) = writes.next().await {
        match written {
            Ok(None) => new.push(draft),
            Ok(Some(first)) => answers.push((draft.index, first)),
            Err(error) => answers.push((draft.index, Err(error.into()))),
        }
    }
    send(context, &new).await;
    let now = context.system.now();
    telemetry::count(Metric::PinAccepted, new.len() as u64, None, now);
    answers.extend(new.into_iter().map(|Draft { index, pin, .. }| {
        let attempt = Attempt::untouched(&pin);
        tracing::info!(
            workspace_id = %pin.key.workspace, account_id = %pin.request.account, pin_id = %pin.key.pin,
            status = attempt.status.name(), "pin accepted"
        );
        (index, Ok(Acceptance::New(pin, attempt)))
    }));
    answers
}

/// Writes the pin. Returns `None` when it is new, otherwise the answer for the pin that exists already.
async fn write_pin(context: &Context, draft: &Draft, buckets: &Buckets, began: Began) -> PortResult<Option<Answer>> {
    if let Some(error) = &draft.error {
        return Err(error.clone());
    }
    if context.took_ms(began) > OWNED_WITHIN_MS {
        return Err(PortError::Unavailable { port: "table", reason: "accepting took too long".into() });
    }
    match context.store.put_pin(&draft.pin).await? {
        Write::Done if context.took_ms(began) > OWNED_WITHIN_MS => {
            // The write itself took so long that the rescuer may have dropped the owner as one without a pin.
            write_owner(context, &draft.pin, buckets).await.map(|()| None)
        }
        Write::Done => Ok(None),
        Write::Conflict(first) => lost_the_race(context, &draft.pin, *first).await.map(Some),
    }
}

/// Another request with the same key was accepted meanwhile. The rows that were written for our own pin are left to
/// expire, except a backlog row, which would cost a token.
async fn lost_the_race(context: &Context, ours: &Pin, first: Pin) -> PortResult<Answer> {
    let row = BacklogRow::of(ours, 0);
    if matches!(ours.placement, Placement::Backlog(_)) && row != BacklogRow::of(&first, 0) {
        context.store.delete_backlog(ours.account_key(), &[row]).await?;
    }
    let read = context.store.pins(std::slice::from_ref(&first.key)).await?;
    let (pin, attempt) = read.into_iter().flatten().next().unwrap_or_else(|| {
        let attempt = Attempt::untouched(&first);
        (first, attempt)
    });
    Ok(replay(pin, attempt, &ours.payload_hash))
}

/// Sends the pins' messages. If that fails, the pins are accepted all the same: the rescuer brings them back by their
/// recovery markers.
async fn send(context: &Context, drafts: &[Draft]) {
    let now = context.system.now();
    let messages: Vec<(PublishMessage, i64)> = drafts
        .iter()
        .filter(|draft| draft.token.is_some() || draft.pin.not_before().is_some())
        .map(|Draft { pin, token, .. }| {
            let start = token.map(|token| token.slot).or(pin.not_before()).unwrap_or(now);
            (PublishMessage::new(pin.key, pin.request.account, 0, *token), start.since_ms(now).max(0))
        })
        .collect();
    if messages.is_empty() {
        return;
    }
    let sent = context.queue.send(&messages).await;
    if !matches!(&sent, Ok(unsent) if unsent.is_empty()) {
        let unsent = sent.as_ref().map_or(messages.len(), Vec::len);
        let error = sent.err().map(|error| error.to_string());
        tracing::warn!(unsent, error, "messages of accepted pins not sent; the rescuer resends them");
    }
}
