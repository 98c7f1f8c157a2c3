//! Submits a schedule, with a request that the API could read: finds the board, compares the content, and creates the
//! schedule.
//!
//! A request whose schedule exists is a repetition: it gets its schedule, even if the board was deleted or the
//! schedule was edited since.

use super::{Created, ScheduleError, ScheduleRequest, create_of_many, stored};
use crate::context::Context;
use crate::domain::account::board::is_board_id;
use crate::domain::ids::{AccountKey, ScheduleKey, WorkspaceId};
use crate::domain::pin::PinRequest;
use crate::domain::pin::idempotency::schedule_id;
use crate::domain::schedule::Schedule;
use crate::flows::accept::duplicate_content::{Candidate, Duplicate, Verdict, judge};
use crate::flows::boards::board_access::Obstacle;
use crate::flows::boards::board_preflight::Preflights;
use crate::flows::boards::resolve_boards::{Boards, Found, Unfit};
use crate::ports::{PortError, PortResult};

/// A schedule to create. Its `board_id` may be a board's name.
#[derive(Clone, Debug)]
pub struct Submission {
    pub asked: ScheduleRequest,
    /// Whether it is refused if a pin has its content.
    pub refuses_duplicates: bool,
}

/// A schedule that was created, or existed.
#[derive(Debug)]
pub struct Submitted {
    pub created: Created,
    /// A pin of the same content. Never of a schedule that existed.
    pub duplicate: Option<Duplicate>,
    pub board: Found,
}

/// Why a schedule was not created.
#[derive(Debug)]
pub enum Refusal {
    Board(Unfit),
    Duplicate(Duplicate),
    Create(ScheduleError),
}

impl From<PortError> for Refusal {
    fn from(error: PortError) -> Self {
        Self::Create(error.into())
    }
}

/// What the schedules of one call share.
pub struct Shared<'a> {
    pub boards: Boards<'a>,
    pub checks: Preflights,
}

impl<'a> Shared<'a> {
    /// Nothing is known yet.
    pub fn new(context: &'a Context) -> Self {
        Self { boards: Boards::new(context), checks: Preflights::default() }
    }
}

/// Submits a schedule, exactly once per key if it has one.
///
/// # Errors
/// When it is refused, or a port is unavailable.
pub async fn submit_schedule(
    context: &Context,
    workspace: WorkspaceId,
    submission: Submission,
    shared: &mut Shared<'_>,
) -> Result<Submitted, Refusal> {
    let Submission { mut asked, refuses_duplicates: refuses } = submission;
    let board = find_board(context, workspace, &asked, &mut shared.boards).await?.map_err(Refusal::Board)?;
    asked.request.board_id.clone_from(&board.id);
    if board.unchecked.as_ref().is_some_and(Obstacle::is_unchecked) {
        shared.checks.give_up(AccountKey { workspace, account: asked.request.account });
    }
    let candidate = Candidate { request: &asked.request, is_schedule: true, refuses };
    let duplicate = match judge(context, workspace, &[candidate]).await.pop().transpose()? {
        None => None,
        Some(Verdict::Accepted(duplicate)) => duplicate,
        Some(Verdict::Refused(duplicate)) => return Err(Refusal::Duplicate(duplicate)),
    };
    let created = create_of_many(context, workspace, asked, &mut shared.checks).await.map_err(Refusal::Create)?;
    let duplicate = duplicate.filter(|_| matches!(created, Created::New(_)));
    Ok(Submitted { created, duplicate, board })
}

/// The board of the schedule.
///
/// # Errors
/// When the table is unavailable.
pub async fn find_board(
    context: &Context,
    workspace: WorkspaceId,
    asked: &ScheduleRequest,
    boards: &mut Boards<'_>,
) -> PortResult<Result<Found, Unfit>> {
    let account = AccountKey { workspace, account: asked.request.account };
    let text = &asked.request.board_id;
    let unfit = match boards.find(account, text).await? {
        Ok(found) => return Ok(Ok(found)),
        Err(unfit) => unfit,
    };
    let repeated = repeated(context, workspace, asked).await?;
    Ok(repeated.map(|schedule| board_of(&asked.request, &schedule)).ok_or(unfit))
}

/// The board of a repeated request. A name that has no board any more meant the schedule's.
pub fn board_of(request: &PinRequest, schedule: &Schedule) -> Found {
    let id = if is_board_id(&request.board_id) { &request.board_id } else { &schedule.request.board_id };
    Found { id: id.clone(), name: None, unchecked: None }
}

async fn repeated(context: &Context, workspace: WorkspaceId, asked: &ScheduleRequest) -> PortResult<Option<Schedule>> {
    let key = &asked.request.idempotency_key;
    if key.is_empty() {
        return Ok(None);
    }
    stored(context, ScheduleKey { workspace, schedule: schedule_id(workspace, key) }).await
}
