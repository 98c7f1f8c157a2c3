//! Submits the pins of a single request, a batch or an import, once the API could read them: finds their boards,
//! compares their content, and accepts them.
//!
//! A request whose pin exists is a repetition: it gets its pin, even if the board was deleted or the pin was edited
//! since.

use std::collections::BTreeSet;

use super::accept_pins::{AcceptError, Acceptance, PublishRequest, accept_pins};
use super::duplicate_content::{Candidate, Duplicate, Twins, Verdict, judge};
use crate::context::Context;
use crate::domain::account::board::is_board_id;
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::attempt::Status;
use crate::domain::pin::idempotency::{PayloadHash, pin_id};
use crate::domain::pin::origin::Origin;
use crate::domain::pin::{Pin, PinRequest};
use crate::flows::boards::resolve_boards::{Boards, Found, Unfit};
use crate::ports::{PortError, PortResult};

/// A pin to accept. Its `board_id` may be a board's name.
#[derive(Clone, Debug)]
pub struct Submission {
    pub request: PinRequest,
    pub origin: Origin,
    /// Whether it is refused if another pin has its content.
    pub refuses_duplicates: bool,
}

/// An accepted submission.
#[derive(Debug)]
pub struct Submitted {
    pub acceptance: Acceptance,
    /// Another pin of the same content. Never of a pin that existed.
    pub duplicate: Option<Duplicate>,
    pub board: Found,
}

/// Why a pin was not accepted.
#[derive(Debug)]
pub enum Refusal {
    Board(Unfit),
    Duplicate(Duplicate),
    /// Another pin of the same call has its content.
    Twin,
    Accept(AcceptError),
}

impl From<PortError> for Refusal {
    fn from(error: PortError) -> Self {
        Self::Accept(error.into())
    }
}

/// The result of one submission.
pub type Answer = Result<Submitted, Refusal>;

/// A submission on its way.
struct Item {
    index: usize,
    own: PinId,
    submission: Submission,
    board: Found,
    duplicate: Option<Duplicate>,
}

/// Submits the pins, each exactly once per idempotency key. The answers are in their order. One that is refused keeps
/// no other from being accepted.
///
/// # Errors
/// As [`accept_pins`].
pub async fn submit_pins(
    context: &Context,
    workspace: WorkspaceId,
    submissions: Vec<Submission>,
) -> PortResult<Vec<Answer>> {
    let mut answers: Vec<Option<Answer>> = submissions.iter().map(|_| None).collect();
    let mut open = Vec::new();
    for (index, found) in find_boards(context, workspace, submissions).await?.into_iter().enumerate() {
        match found {
            Ok((submission, board)) => {
                let own = pin_id(workspace, &submission.request.idempotency_key);
                open.push(Item { index, own, submission, board, duplicate: None });
            }
            Err(refusal) => answers[index] = Some(Err(refusal)),
        }
    }
    let open = compare(context, workspace, open, &mut answers).await;
    accept_in_rounds(context, workspace, open, &mut answers).await?;
    let left = || Err(PortError::Broken { port: "table", reason: "a pin was left without an answer".into() }.into());
    Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(left)).collect())
}

/// The submissions with the ids of their boards.
async fn find_boards(
    context: &Context,
    workspace: WorkspaceId,
    submissions: Vec<Submission>,
) -> PortResult<Vec<Result<(Submission, Found), Refusal>>> {
    let account = |request: &PinRequest| AccountKey { workspace, account: request.account };
    let mut boards = Boards::new(context);
    let asked = submissions.iter().map(|one| (account(&one.request), one.request.board_id.as_str()));
    boards.prepare(asked).await?;
    let mut found = Vec::with_capacity(submissions.len());
    for mut submission in submissions {
        let request = &submission.request;
        let board = match boards.find(account(request), &request.board_id).await? {
            Ok(board) => board,
            Err(unfit) => match repeated(context, workspace, request).await? {
                Some(pin) => board_of(request, &pin),
                None => {
                    found.push(Err(Refusal::Board(unfit)));
                    continue;
                }
            },
        };
        submission.request.board_id.clone_from(&board.id);
        found.push(Ok((submission, board)));
    }
    Ok(found)
}

/// The pin of the request, if it exists.
///
/// # Errors
/// When the table is unavailable.
pub async fn repeated(context: &Context, workspace: WorkspaceId, request: &PinRequest) -> PortResult<Option<Pin>> {
    let key = PinKey { workspace, pin: pin_id(workspace, &request.idempotency_key) };
    Ok(context.store.pins(&[key]).await?.into_iter().flatten().next().map(|(pin, _)| pin))
}

/// The board of a repeated request. A name that has no board any more meant the pin's.
pub fn board_of(request: &PinRequest, pin: &Pin) -> Found {
    let id = if is_board_id(&request.board_id) { &request.board_id } else { &pin.request.board_id };
    Found { id: id.clone(), name: None, unchecked: None }
}

/// Compares the contents with those of pins that exist.
async fn compare(
    context: &Context,
    workspace: WorkspaceId,
    items: Vec<Item>,
    answers: &mut [Option<Answer>],
) -> Vec<Item> {
    let candidates: Vec<Candidate<'_>> = items
        .iter()
        .map(|item| Candidate {
            request: &item.submission.request,
            is_schedule: false,
            refuses: item.submission.refuses_duplicates,
        })
        .collect();
    let verdicts = judge(context, workspace, &candidates).await;
    let mut open = Vec::with_capacity(items.len());
    for (mut item, verdict) in items.into_iter().zip(verdicts) {
        match verdict {
            Ok(Verdict::Accepted(duplicate)) => {
                item.duplicate = duplicate;
                open.push(item);
            }
            Ok(Verdict::Refused(duplicate)) => answers[item.index] = Some(Err(Refusal::Duplicate(duplicate))),
            Err(error) => answers[item.index] = Some(Err(error.into())),
        }
    }
    open
}

/// Accepts the items. One that refuses duplicates waits while the acceptance of another one of its content is open:
/// only an accepted pin is a duplicate. So most calls have one round, and each further one decides at least one item.
async fn accept_in_rounds(
    context: &Context,
    workspace: WorkspaceId,
    mut open: Vec<Item>,
    answers: &mut [Option<Answer>],
) -> PortResult<()> {
    let mut accepted = Twins::default();
    while !open.is_empty() {
        let (mut now, mut later, mut being_accepted) = (Vec::new(), Vec::new(), Twins::default());
        for item in std::mem::take(&mut open) {
            let request = &item.submission.request;
            let refuses = item.submission.refuses_duplicates;
            if refuses && accepted.of(request, item.own).is_some() {
                if repeated(context, workspace, request).await?.is_none() {
                    answers[item.index] = Some(Err(Refusal::Twin));
                    continue;
                }
            } else if refuses && being_accepted.of(request, item.own).is_some() {
                later.push(item);
                continue;
            }
            being_accepted.add(request, item.own);
            now.push(item);
        }
        accept(context, workspace, now, &mut accepted, answers).await?;
        open = later;
    }
    Ok(())
}

async fn accept(
    context: &Context,
    workspace: WorkspaceId,
    items: Vec<Item>,
    accepted: &mut Twins,
    answers: &mut [Option<Answer>],
) -> PortResult<()> {
    let twins = twins_to_come(context, workspace, &items, accepted).await?;
    let to_publish = |(item, twin): (&Item, Option<PinId>)| PublishRequest {
        request: item.submission.request.clone(),
        // The warning of the answer is kept with the pin.
        origin: Origin { twin: item.duplicate.map(|duplicate| duplicate.pin).or(twin), ..item.submission.origin },
        not_before: None,
    };
    let made = accept_pins(context, workspace, items.iter().zip(twins).map(to_publish).collect()).await?;
    let now = context.system.now();
    for (item, made) in items.into_iter().zip(made) {
        let Item { index, own, submission, board, duplicate } = item;
        answers[index] = Some(match made {
            Ok(acceptance) => {
                let twin = accepted.of(&submission.request, own);
                accepted.add(&submission.request, own);
                let twin = twin.map(|pin| Duplicate { pin, created_at: now, status: Status::Queued });
                let is_new = matches!(acceptance, Acceptance::New(..));
                let duplicate = duplicate.or(twin).filter(|_| is_new);
                Ok(Submitted { acceptance, duplicate, board })
            }
            Err(error) => Err(Refusal::Accept(error)),
        });
    }
    Ok(())
}

/// The pins of the same call that the answers will warn of, in the order of the items: they were accepted, or come
/// first in this round and will be. To know that, the pins with the keys of those are read.
async fn twins_to_come(
    context: &Context,
    workspace: WorkspaceId,
    items: &[Item],
    accepted: &Twins,
) -> PortResult<Vec<Option<PinId>>> {
    let (mut read, mut refused): (BTreeSet<PinId>, BTreeSet<PinId>) = Default::default();
    loop {
        let firsts = firsts_of(items, accepted, &refused);
        let asked: BTreeSet<PinId> = firsts.iter().flatten().copied().filter(|pin| !read.contains(pin)).collect();
        if asked.is_empty() {
            let twins = items.iter().zip(firsts);
            return Ok(twins.map(|(item, first)| accepted.of(&item.submission.request, item.own).or(first)).collect());
        }
        let keys: Vec<PinKey> = asked.iter().map(|pin| PinKey { workspace, pin: *pin }).collect();
        for (pin, _) in context.store.pins(&keys).await?.into_iter().flatten() {
            let is_replayed = |item: &Item| {
                item.own == pin.key.pin && pin.payload_hash.same_payload(&PayloadHash::of(&item.submission.request))
            };
            if pin.hidden_at.is_some() || !items.iter().any(is_replayed) {
                refused.insert(pin.key.pin);
            }
        }
        read.extend(asked);
    }
}

/// For each item, the first one before it with the same content that is not refused; none if one was accepted before,
/// or if the first one may be too late when the item isn't.
fn firsts_of(items: &[Item], accepted: &Twins, refused: &BTreeSet<PinId>) -> Vec<Option<PinId>> {
    let (mut before, mut firsts) = (Twins::default(), Vec::with_capacity(items.len()));
    for (at, item) in items.iter().enumerate() {
        let request = &item.submission.request;
        let open = before.of(request, item.own).filter(|_| accepted.of(request, item.own).is_none());
        let first = open.and_then(|twin| items[..at].iter().find(|other| other.own == twin));
        firsts.push(first.filter(|first| !ends_before(&first.submission.request, request)).map(|first| first.own));
        if !refused.contains(&item.own) {
            before.add(request, item.own);
        }
    }
    firsts
}

/// Whether the first request may be too late when the other one isn't.
fn ends_before(first: &PinRequest, other: &PinRequest) -> bool {
    first.publish_before.is_some_and(|end| other.publish_before.is_none_or(|later| end < later))
}

/// Submits one pin.
///
/// # Errors
/// When it is refused, or a port is unavailable.
pub async fn submit_pin(context: &Context, workspace: WorkspaceId, submission: Submission) -> Answer {
    let answer = submit_pins(context, workspace, vec![submission]).await?.pop();
    answer.unwrap_or_else(|| Err(PortError::Broken { port: "table", reason: "no answer".into() }.into()))
}
