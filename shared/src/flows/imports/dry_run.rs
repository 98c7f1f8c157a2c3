//! Reports what an import would do, without doing any of it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::import_rows::{duplicate, of_end, of_time, refusal, schedule_refusal, twin, unfit};
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinId, PinKey, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::import::{Ask, Made, Outcome, Row};
use crate::domain::pin::idempotency::{self, PayloadHash};
use crate::domain::pin::image_url::{self, ImageProblem};
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::accept::accept_pins::AcceptError;
use crate::flows::accept::duplicate_content::{Candidate, Twins, Verdict, judge};
use crate::flows::accept::submit_pins;
use crate::flows::boards::board_access::{AccessError, BoardAccess, board_access};
use crate::flows::boards::resolve_boards::{Boards, Found, Unfit};
use crate::flows::pacing::forecast::{self, Forecast};
use crate::flows::schedules::{self, ScheduleError, submit_schedule};
use crate::ports::PortResult;

/// Boards that are checked; each check may call Pinterest.
pub const BOARDS_CHECKED_MAX: usize = 50;
/// Board checks are started for this long: a Pinterest that doesn't answer must not keep the report from being sent.
const CHECKS_TAKE_MS: i64 = 8 * SECOND_MS;
/// Concurrent board checks.
const BOARDS_AT_ONCE: usize = 8;

/// What is wrong with the times of a row now. The result of an import says that it was so when it worked on the row.
const ENDS_TOO_SOON: &str = "The time has passed, or leaves no second to start";
const PAST: &str = "The time has passed";

/// What would happen to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowForecast {
    pub number: u32,
    pub key: Option<String>,
    pub outcome: Outcome,
    /// The row of this file that has the same key.
    pub repeats: Option<u32>,
    /// The row of this file that has the same account, board, title and link.
    pub same_content_as: Option<u32>,
    /// The pin of the last 24 hours that has the same content, and the same image.
    pub same_content_as_pin: Option<PinId>,
    /// What keeps Pinterest from fetching the image of a pin that would be created.
    pub image: Option<ImageProblem>,
    /// The board that the row's name means, or that could not be checked.
    pub board: Option<Found>,
}

/// A board that rows publish to.
#[derive(Clone, Debug)]
pub struct BoardReport {
    pub board: BoardKey,
    pub rows: Vec<u32>,
    /// `None`: there were too many boards, or too little time, to check this one too.
    pub access: Option<BoardAccess>,
}

/// What an import would do with its rows.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    pub rows: Vec<RowForecast>,
    pub boards: Vec<BoardReport>,
    /// The forecast for the rows that would be new and aren't for a later time.
    pub forecast: Option<Forecast>,
}

/// `limited_to` is the allow-list of the caller, if there is one.
///
/// # Errors
/// When a port is unavailable; never because of a board or Pinterest.
pub async fn report(
    context: &Context,
    workspace: WorkspaceId,
    mut rows: Vec<Row>,
    limited_to: Option<&[AccountId]>,
) -> PortResult<ImportReport> {
    let accounts: BTreeMap<AccountId, Account> =
        context.store.accounts(workspace).await?.into_iter().map(|account| (account.key.account, account)).collect();
    let mut known = Known { pins: pins(context, workspace, &rows).await?, schedules: BTreeMap::new(), limited_to };
    let mut boards_of_rows = find_boards(context, workspace, &mut rows, &mut known).await?.into_iter();
    let mut verdicts = judge(context, workspace, &candidates(&rows)).await.into_iter();
    let mut twins = Twins::default();
    let mut keys: BTreeMap<String, u32> = BTreeMap::new();
    let mut contents: BTreeMap<(AccountId, String), u32> = BTreeMap::new();
    let mut boards: BTreeMap<BoardKey, Vec<u32>> = BTreeMap::new();
    let mut joining: BTreeMap<AccountId, usize> = BTreeMap::new();
    let mut forecasts = Vec::with_capacity(rows.len());
    for row in &rows {
        let (board, verdict) = match row.ask.request() {
            Some(_) => (boards_of_rows.next(), verdicts.next().transpose()?),
            None => (None, None),
        };
        let own = row.ask.request().map(|request| idempotency::pin_id(workspace, &request.idempotency_key));
        let of_board = board.as_ref().and_then(|board| board.as_ref().err()).map(unfit);
        let twin_of = row.ask.request().zip(own).and_then(|(request, own)| twins.of(request, own));
        let is_pin = matches!(row.ask, Ask::Pin(_));
        let (other, of_content) = match verdict {
            Some(Verdict::Refused(other)) => (None, Some(duplicate(&other))),
            // A repetition is never refused.
            _ if is_pin && row.refuses_duplicates && twin_of.is_some() && !own.is_some_and(|own| known.has(own)) => {
                (None, Some(twin()))
            }
            Some(Verdict::Accepted(other)) => (other.map(|other| other.pin).or(twin_of.filter(|_| is_pin)), None),
            None => (None, None),
        };
        if let Some(error) = of_board.or(of_content) {
            forecasts.push(RowForecast::new(row, Outcome::Failed(error)));
            continue;
        }
        let (request, refused) = match &row.ask {
            Ask::Refused(error) => {
                forecasts.push(RowForecast::new(row, Outcome::Failed(error.clone())));
                continue;
            }
            Ask::Schedule(request, run_at) => {
                (request, known.schedule(context, workspace, request, *run_at, &accounts).await?)
            }
            Ask::Pin(request) => (request, known.pin(workspace, request, &accounts, context.system.now())),
        };
        let outcome = match refused {
            Ok(outcome) => outcome,
            // Nothing is worked on here.
            Err(Refusal::Pin(AcceptError::TooLate)) => Outcome::Failed(of_end(ENDS_TOO_SOON)),
            Err(Refusal::Schedule(ScheduleError::Past)) => Outcome::Failed(of_time(PAST)),
            Err(Refusal::Pin(error)) => Outcome::Failed(refusal(error, limited_to)?),
            Err(Refusal::Schedule(error)) => Outcome::Failed(schedule_refusal(error, limited_to)?),
        };
        if let (Some(own), true) = (own, is_pin && !matches!(outcome, Outcome::Failed(_))) {
            twins.add(request, own);
        }
        let is_new = matches!(outcome, Outcome::Created(_));
        if is_new {
            let account = AccountKey { workspace, account: request.account };
            boards.entry(BoardKey { account, board_id: request.board_id.clone() }).or_default().push(row.number);
            if matches!(row.ask, Ask::Pin(_)) {
                *joining.entry(request.account).or_default() += 1;
            }
        }
        let content = (request.account, idempotency::content_hash(request));
        let earlier = |found: Option<u32>| found.filter(|number| *number != row.number);
        forecasts.push(RowForecast {
            repeats: earlier(Some(*keys.entry(request.idempotency_key.clone()).or_insert(row.number))),
            same_content_as: earlier(Some(*contents.entry(content).or_insert(row.number))),
            same_content_as_pin: other.filter(|_| is_new),
            image: image_url::problem_of(request, row.ask.run_at(), context.system.now()).filter(|_| is_new),
            board: board.and_then(Result::ok).filter(|found| found.name.is_some() || found.unchecked.is_some()),
            ..RowForecast::new(row, outcome)
        });
    }
    let boards = check_boards(context, boards).await?;
    let forecast = forecast::forecast(context, workspace, &joining).await?;
    Ok(ImportReport { rows: forecasts, boards, forecast })
}

impl RowForecast {
    fn new(row: &Row, outcome: Outcome) -> Self {
        let (number, key) = (row.number, row.key.clone());
        let (repeats, same_content_as, same_content_as_pin, image, board) = Default::default();
        Self { number, key, outcome, repeats, same_content_as, same_content_as_pin, image, board }
    }
}

/// The pin or schedule of a key: its payload, its account, and whether it was deleted.
type Holder = (PayloadHash, AccountId, bool);

/// What the keys stand for, with what the rows so far would create.
struct Known<'a> {
    pins: BTreeMap<PinId, Holder>,
    schedules: BTreeMap<ScheduleId, Holder>,
    /// The allow-list of the caller, if there is one.
    limited_to: Option<&'a [AccountId]>,
}

enum Refusal {
    Pin(AcceptError),
    Schedule(ScheduleError),
}

/// The pins that the rows' keys belong to already.
async fn pins(context: &Context, workspace: WorkspaceId, rows: &[Row]) -> PortResult<BTreeMap<PinId, Holder>> {
    let ids: BTreeSet<PinId> = rows
        .iter()
        .filter_map(|row| row.ask.request())
        .map(|request| idempotency::pin_id(workspace, &request.idempotency_key))
        .collect();
    let keys: Vec<PinKey> = ids.into_iter().map(|pin| PinKey { workspace, pin }).collect();
    let found = context.store.pins(&keys).await?.into_iter().flatten();
    let holder = |pin: Pin| (pin.key.pin, (pin.payload_hash, pin.request.account, pin.hidden_at.is_some()));
    Ok(found.map(|(pin, _)| holder(pin)).collect())
}

/// The rows that could be read, to be compared with pins of the same content.
fn candidates(rows: &[Row]) -> Vec<Candidate<'_>> {
    let readable = rows.iter().filter_map(|row| Some((row, row.ask.request()?)));
    let candidate = |(row, request): (&Row, _)| {
        let is_schedule = matches!(row.ask, Ask::Schedule(..));
        Candidate { request, is_schedule, refuses: row.refuses_duplicates }
    };
    readable.map(candidate).collect()
}

/// The boards of the rows that could be read. Such a row has its board's id afterwards, if the board was found.
async fn find_boards(
    context: &Context,
    workspace: WorkspaceId,
    rows: &mut [Row],
    known: &mut Known<'_>,
) -> PortResult<Vec<Result<Found, Unfit>>> {
    let mut boards = Boards::new(context);
    let account = |request: &PinRequest| AccountKey { workspace, account: request.account };
    let asked = rows.iter().filter_map(|row| row.ask.request());
    boards.prepare(asked.map(|request| (account(request), request.board_id.as_str()))).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let is_pin = matches!(row.ask, Ask::Pin(_));
        let (Ask::Pin(request) | Ask::Schedule(request, _)) = &mut row.ask else { continue };
        let mut found = boards.find(account(request), &request.board_id).await?;
        if found.is_err() {
            found = match is_pin {
                true => {
                    let own = idempotency::pin_id(workspace, &request.idempotency_key);
                    let pin =
                        if known.has(own) { submit_pins::repeated(context, workspace, request).await? } else { None };
                    pin.map_or(found, |pin| Ok(submit_pins::board_of(request, &pin)))
                }
                false => {
                    let id = idempotency::schedule_id(workspace, &request.idempotency_key);
                    let stored = schedules::stored(context, ScheduleKey { workspace, schedule: id }).await?;
                    stored.map_or(found, |schedule| Ok(submit_schedule::board_of(request, &schedule)))
                }
            };
        }
        if let Ok(board) = &found {
            request.board_id.clone_from(&board.id);
        }
        all.push(found);
    }
    Ok(all)
}

impl Known<'_> {
    fn sees(&self, account: AccountId) -> bool {
        self.limited_to.is_none_or(|allowed| allowed.contains(&account))
    }

    fn has(&self, pin: PinId) -> bool {
        self.pins.contains_key(&pin)
    }

    /// The outcome that accepting the rows one after the other would have.
    fn pin(
        &mut self,
        workspace: WorkspaceId,
        request: &PinRequest,
        accounts: &BTreeMap<AccountId, Account>,
        now: Moment,
    ) -> Result<Outcome, Refusal> {
        let (existing, hash) = (idempotency::pin_id(workspace, &request.idempotency_key), PayloadHash::of(request));
        Err(Refusal::Pin(match (self.pins.get(&existing), accounts.get(&request.account)) {
            (Some((_, account, true)), _) => AcceptError::KeyOfDeleted { existing, account: *account },
            // A retry may have sent it to an account that the caller doesn't see.
            (Some((first, account, _)), _) if first.same_payload(&hash) && self.sees(*account) => {
                return Ok(Outcome::Existing(Made::Pin(existing)));
            }
            (Some((_, account, _)), _) => AcceptError::KeyReused { existing, account: *account },
            (None, None) => AcceptError::AccountNotFound,
            (None, Some(account)) if !account.is_connected() => AcceptError::AccountDisconnected,
            (None, Some(_)) if request.ends_too_soon(now) => AcceptError::TooLate,
            (None, Some(_)) => {
                self.pins.insert(existing, (hash, request.account, false));
                return Ok(Outcome::Created(Made::Pin(existing)));
            }
        }))
    }

    /// The outcome that scheduling the rows one after the other would have.
    async fn schedule(
        &mut self,
        context: &Context,
        workspace: WorkspaceId,
        request: &PinRequest,
        run_at: Moment,
        accounts: &BTreeMap<AccountId, Account>,
    ) -> PortResult<Result<Outcome, Refusal>> {
        let existing = idempotency::schedule_id(workspace, &request.idempotency_key);
        if let Some(schedule) = schedules::stored(context, ScheduleKey { workspace, schedule: existing }).await? {
            let holder = (schedule.payload_hash, schedule.request.account, schedule.removed_at.is_some());
            self.schedules.insert(existing, holder);
        }
        let hash = PayloadHash::of_schedule(request, run_at);
        Ok(Err(Refusal::Schedule(match (self.schedules.get(&existing), accounts.get(&request.account)) {
            (Some((_, account, true)), _) => ScheduleError::KeyOfRemoved { existing, account: *account },
            (Some((first, account, _)), _) if first.same_payload(&hash) && self.sees(*account) => {
                return Ok(Ok(Outcome::Existing(Made::Schedule(existing))));
            }
            (Some((_, account, _)), _) => ScheduleError::KeyReused { existing, account: *account },
            (None, None) => ScheduleError::AccountNotFound,
            (None, Some(account)) if !account.is_connected() => ScheduleError::AccountDisconnected,
            (None, Some(_)) => match check_times(request, run_at, context.system.now()) {
                Ok(()) => {
                    self.schedules.insert(existing, (hash, request.account, false));
                    return Ok(Ok(Outcome::Created(Made::Schedule(existing))));
                }
                Err(error) => error,
            },
        })))
    }
}

fn check_times(request: &PinRequest, run_at: Moment, now: Moment) -> Result<(), ScheduleError> {
    schedules::check_time(run_at, now)?;
    schedules::check_end(request, run_at)
}

/// Checks each board once.
async fn check_boards(context: &Context, boards: BTreeMap<BoardKey, Vec<u32>>) -> PortResult<Vec<BoardReport>> {
    let stop_at_ms = context.system.monotonic_ms() + CHECKS_TAKE_MS;
    let checks = boards.into_iter().enumerate().map(|(index, (board, rows))| async move {
        let is_time = context.system.monotonic_ms() < stop_at_ms;
        let access = if index < BOARDS_CHECKED_MAX && is_time { access(context, &board).await? } else { None };
        PortResult::Ok(BoardReport { board, rows, access })
    });
    stream::iter(checks).buffered(BOARDS_AT_ONCE).try_collect().await
}

async fn access(context: &Context, board: &BoardKey) -> PortResult<Option<BoardAccess>> {
    match board_access(context, board, false).await {
        Ok(access) => Ok(Some(access)),
        // The account was disconnected and forgotten a moment ago.
        Err(AccessError::AccountNotFound) => Ok(None),
        Err(AccessError::Port(error)) => Err(error),
    }
}
