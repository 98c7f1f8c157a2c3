//! Schedules as API clients see them: created, read, removed. Read this file first. [`release_schedules`] makes pins of
//! them when their time comes; [`edit_schedule`], [`cancel_schedule`] and [`retry_schedule`] change them.
//!
//! The release row is written before the row that it belongs to, so that every schedule that waits is found when its
//! time comes.

pub mod cancel_schedule;
pub mod edit_schedule;
pub mod list_schedules;
pub mod open_schedules;
pub mod release_due;
pub mod release_schedules;
pub mod retry_schedule;
pub mod schedule_page;
pub mod submit_schedule;
pub mod validate_schedule;

use thiserror::Error;

use self::cancel_schedule::finish_cancellation;
use self::release_schedules::release_if_near;
use super::boards::board_access::Obstacle;
use super::boards::board_preflight::{PreflightError, Preflights, preflight_of_many};
use crate::context::Context;
use crate::domain::ids::{AccountId, AccountKey, BoardKey, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::blocker::Blocker;
use crate::domain::pin::idempotency::{self, PayloadHash};
use crate::domain::pin::lateness::LateCause;
use crate::domain::pin::origin::Origin;
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::schedule::{AHEAD_MAX_MS, LATE_FROM_MS, NewSchedule, Schedule, ScheduleStatus, Stage};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pins::accounts_now::AccountsNow;
use crate::flows::pins::read_pins::blocker;
use crate::ports::OptimisticWrites;
use crate::ports::{PortError, PortResult, Write};
use crate::telemetry::{self, Metric};

/// A client's edit that meets another one is tried again this often.
pub(super) const ROUNDS_MAX: usize = 5;
/// The schedule must be written within this time after its release row: the row's minute is read again for some time
/// longer than this, and then no more.
pub(super) const WRITE_WITHIN_MS: i64 = 15 * SECOND_MS;

/// A request for a schedule. The request's `idempotency_key` is the schedule's; empty means none.
#[derive(Clone, Debug)]
pub struct ScheduleRequest {
    pub request: PinRequest,
    pub run_at: Moment,
    pub origin: Origin,
}

/// A schedule with its run's pin, if that exists.
#[derive(Clone, Debug)]
pub struct ScheduleView {
    pub schedule: Schedule,
    pub pin: Option<(Pin, Attempt)>,
    /// What the pin waits for or failed with, if that was [read](explained).
    pub blocker: Option<Blocker>,
    /// When it was read: until its time, a schedule waits.
    pub read_at: Moment,
}

impl ScheduleView {
    pub fn status(&self) -> ScheduleStatus {
        self.schedule.status(self.pin.as_ref().map(|(_, attempt)| attempt), self.read_at)
    }

    /// The content that clients see: the pin's, which may have been edited, unless the pin is deleted.
    pub fn request(&self) -> &PinRequest {
        let pin = self.pin.as_ref().filter(|(pin, _)| pin.hidden_at.is_none());
        pin.map_or(&self.schedule.request, |(pin, _)| &pin.request)
    }

    /// When its pin's first attempt began, as far back as the pin's history goes.
    pub fn started_at(&self) -> Option<Moment> {
        self.pin.as_ref().and_then(|(_, attempt)| attempt.first_started_at())
    }

    /// How long after its time the pin began, or the schedule was handed over, if that was late.
    pub fn late_by_ms(&self) -> Option<i64> {
        let started = self
            .started_at()
            .map(|at| at.since_ms(self.schedule.not_before))
            .filter(|late_ms| *late_ms >= LATE_FROM_MS);
        started.max(self.schedule.late_by_ms())
    }
}

impl ScheduleView {
    /// What made it late.
    pub fn late_cause(&self) -> Option<LateCause> {
        let of_pin = self.pin.as_ref().and_then(|(_, attempt)| attempt.late_cause);
        // Nothing but the dispatcher hands a schedule over.
        of_pin.or(self.schedule.late_by_ms().map(|_| LateCause::Outage))
    }
}

/// The answer to a request for a schedule: its schedule.
#[derive(Clone, Debug)]
pub enum Created {
    New(ScheduleView),
    /// The same key and payload as before.
    Replay(ScheduleView),
}

/// Why a schedule was not created, changed, canceled, retried or removed.
#[derive(Debug, Error)]
pub enum ScheduleError {
    #[error("no such schedule in this workspace")]
    NotFound,
    #[error("the idempotency key was used with another payload")]
    KeyReused { existing: ScheduleId, account: AccountId },
    #[error("the idempotency key belongs to a schedule that was removed")]
    KeyOfRemoved { existing: ScheduleId, account: AccountId },
    #[error("the time has passed")]
    Past,
    #[error("the time is too far ahead")]
    TooFar,
    /// Its `publish_before` is not long enough after its time.
    #[error("the schedule would always come too late")]
    TooLate,
    /// Its `publish_before` has passed, so it can't be retried.
    #[error("the schedule comes too late")]
    CameTooLate,
    #[error("no such account in this workspace")]
    AccountNotFound,
    #[error("the account is disconnected")]
    AccountDisconnected,
    /// The account can't publish to the board.
    #[error("the board can't be published to: {0:?}")]
    Board(Obstacle),
    #[error("a schedule that is {} can't be edited", .0.name())]
    NotEditable(ScheduleStatus),
    /// It was handed over: its time and its priority among the waiting pins are settled.
    #[error("a schedule that was handed over keeps its time and priority")]
    TimeSettled,
    /// Canceling, retrying or removing it isn't possible in that state.
    #[error("not possible for a schedule that is {}", .0.name())]
    WrongStatus(ScheduleStatus),
    /// Its pin's last call may have created a Pin, and the caller hasn't accepted a second one.
    #[error("a Pin of it may exist")]
    MayDuplicate,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Creates a schedule, exactly once per key if it has one.
///
/// # Errors
/// When the request is refused, or a port is unavailable; then the same request with the same key may be sent again.
pub async fn create(
    context: &Context,
    workspace: WorkspaceId,
    asked: ScheduleRequest,
) -> Result<Created, ScheduleError> {
    create_of_many(context, workspace, asked, &mut Preflights::default()).await
}

/// Like [`create`], for one of many schedules that share the checks of their boards.
///
/// # Errors
/// As [`create`].
pub async fn create_of_many(
    context: &Context,
    workspace: WorkspaceId,
    asked: ScheduleRequest,
    boards: &mut Preflights,
) -> Result<Created, ScheduleError> {
    let began = context.begin();
    let ScheduleRequest { request, run_at, origin } = asked;
    let client_key = &request.idempotency_key;
    let schedule = if client_key.is_empty() {
        ScheduleId(context.uuid())
    } else {
        idempotency::schedule_id(workspace, client_key)
    };
    let key = ScheduleKey { workspace, schedule };
    if !client_key.is_empty()
        && let Some(existing) = stored(context, key).await?
    {
        return replay(context, existing, &PayloadHash::of_schedule(&request, run_at)).await;
    }
    let now = context.system.now();
    check_time(run_at, now)?;
    check_end(&request, run_at)?;
    check_board(context, workspace, request.account, &request.board_id, boards).await?;
    let (retention_ms, nonce) = (context.settings.retention_ms, context.nonce());
    let schedule = Schedule::new(NewSchedule { key, request, run_at, origin, now, retention_ms, nonce });
    let checked = context.begin();
    context.schedules.put_release_row(&schedule.release_row()).await?;
    if context.took_ms(checked) > WRITE_WITHIN_MS {
        return Err(PortError::Unavailable { port: "table", reason: "scheduling took too long".into() }.into());
    }
    match context.schedules.put_schedule(&schedule).await? {
        Write::Conflict(existing) => return replay(context, *existing, &schedule.payload_hash).await,
        Write::Done => {}
    }
    telemetry::count(Metric::ScheduleCreated, 1, None, now);
    tracing::info!(
        workspace_id = %workspace, account_id = %schedule.request.account, schedule_id = %key.schedule,
        run_at = run_at.rfc3339(), took_ms = context.took_ms(began), "schedule created"
    );
    Ok(Created::New(view(context, release_if_near(context, schedule).await).await?))
}

async fn replay(context: &Context, existing: Schedule, hash: &PayloadHash) -> Result<Created, ScheduleError> {
    let (id, account) = (existing.key.schedule, existing.request.account);
    if existing.removed_at.is_some() {
        return Err(ScheduleError::KeyOfRemoved { existing: id, account });
    }
    if !existing.payload_hash.same_payload(hash) {
        return Err(ScheduleError::KeyReused { existing: id, account });
    }
    // Its creator may have died before it was released.
    Ok(Created::Replay(view(context, release_if_near(context, existing).await).await?))
}

/// Checks a new schedule's time.
///
/// # Errors
/// When the time has passed, or is too far ahead.
pub fn check_time(run_at: Moment, now: Moment) -> Result<(), ScheduleError> {
    if run_at <= now {
        return Err(ScheduleError::Past);
    }
    if run_at > now.plus_ms(AHEAD_MAX_MS) {
        return Err(ScheduleError::TooFar);
    }
    Ok(())
}

/// Checks the request's `publish_before`.
///
/// # Errors
/// When it is not long enough after the schedule's time for the pin to start.
pub fn check_end(request: &PinRequest, run_at: Moment) -> Result<(), ScheduleError> {
    if request.ends_too_soon(run_at) { Err(ScheduleError::TooLate) } else { Ok(()) }
}

/// Checks whether the account can publish to the board now. It passes when Pinterest can't be asked.
pub(super) async fn check_board(
    context: &Context,
    workspace: WorkspaceId,
    account: AccountId,
    board_id: &str,
    known: &mut Preflights,
) -> Result<(), ScheduleError> {
    let board = BoardKey { account: AccountKey { workspace, account }, board_id: board_id.to_owned() };
    preflight_of_many(context, &board, known).await.map_err(|error| match error {
        PreflightError::AccountNotFound => ScheduleError::AccountNotFound,
        PreflightError::Obstacle(obstacle) => ScheduleError::Board(obstacle),
        PreflightError::Port(error) => error.into(),
    })
}

/// The schedule that the key belongs to, removed or not. A schedule that has expired counts as gone.
///
/// # Errors
/// When the table is unavailable.
pub async fn stored(context: &Context, key: ScheduleKey) -> PortResult<Option<Schedule>> {
    let now = context.system.now();
    let read = context.schedules.schedules(&[key]).await?.pop().flatten();
    Ok(read.filter(|schedule| schedule.expires_at > now))
}

/// The schedule as clients see it.
///
/// # Errors
/// When the table is unavailable.
pub async fn find(context: &Context, key: ScheduleKey) -> PortResult<Option<Schedule>> {
    Ok(stored(context, key).await?.filter(|schedule| schedule.removed_at.is_none()))
}

/// The schedule, unless it was removed.
pub(super) async fn must_find(context: &Context, key: ScheduleKey) -> Result<Schedule, ScheduleError> {
    find(context, key).await?.ok_or(ScheduleError::NotFound)
}

/// The schedule with its pin.
///
/// # Errors
/// When the table is unavailable.
pub async fn view(context: &Context, schedule: Schedule) -> PortResult<ScheduleView> {
    let pin = match schedule.stage {
        Stage::Released => context.store.pins(&[schedule.pin_key()]).await?.pop().flatten(),
        _ => None,
    };
    Ok(ScheduleView { schedule, pin, blocker: None, read_at: context.system.now() })
}

/// The schedules with what their pins wait for now, or failed with. Each account of a waiting pin is read once.
///
/// # Errors
/// When the table is unavailable.
pub async fn explained(context: &Context, mut views: Vec<ScheduleView>) -> PortResult<Vec<ScheduleView>> {
    let pins = views.iter().filter_map(|view| view.pin.as_ref()).map(|(pin, attempt)| (pin, attempt));
    let accounts = AccountsNow::of(context, pins).await?;
    for view in &mut views {
        let blocker = |(pin, attempt): &(Pin, Attempt)| blocker(context, pin, attempt, accounts.account(pin));
        view.blocker = view.pin.as_ref().and_then(blocker);
    }
    Ok(views)
}

/// # Errors
/// When there is no such schedule, or the table is unavailable.
pub async fn read(context: &Context, key: ScheduleKey) -> Result<ScheduleView, ScheduleError> {
    Ok(view(context, must_find(context, key).await?).await?)
}

/// Deletes the row by which a schedule was found. If that fails, the row stays and is void.
pub(super) async fn forget_due(context: &Context, schedule: &Schedule) {
    if let Err(error) = context.schedules.delete_release_rows(&[schedule.release_row()]).await {
        tracing::warn!(
            workspace_id = %schedule.key.workspace, schedule_id = %schedule.key.schedule, %error,
            "void release row not deleted; it expires"
        );
    }
}

/// Removes a schedule that is over. Its pin stays, and its key stays taken until its row expires: a creation that is
/// repeated late must not bring back a schedule that was canceled and removed.
///
/// # Errors
/// When it isn't over, or a port is unavailable.
pub async fn remove(context: &Context, key: ScheduleKey) -> Result<(), ScheduleError> {
    let mut writes = OptimisticWrites::of("schedule", ROUNDS_MAX);
    loop {
        writes.begin()?;
        let view = read(context, key).await?;
        if !view.status().is_over() {
            return Err(ScheduleError::WrongStatus(view.status()));
        }
        if view.status() == ScheduleStatus::Canceled && view.schedule.stage == Stage::Released {
            // Its worker died after it ended the pin: the write of the row brings the event, and removes nothing.
            finish_cancellation(context, key, None).await?;
            continue;
        }
        let Ok(next) = view.schedule.removed(context.system.now(), context.nonce()) else { continue };
        if context.schedules.save_schedule(&next).await? == Write::Done {
            tracing::info!(workspace_id = %key.workspace, schedule_id = %key.schedule, "schedule removed");
            return Ok(());
        }
    }
}
