//! Reports what an import would do, without doing any of it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::import_rows::{refusal, schedule_refusal};
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinId, PinKey, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::import::{Ask, Made, Outcome, Row};
use crate::domain::pin::PinRequest;
use crate::domain::pin::idempotency::{self, PayloadHash};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::accept::accept_pins::AcceptError;
use crate::flows::accept::duplicate_content;
use crate::flows::boards::board_access::{AccessError, BoardAccess, board_access};
use crate::flows::pacing::forecast::{self, Forecast};
use crate::flows::schedules::{self, ScheduleError};
use crate::ports::PortResult;

/// Boards that are checked; each check may call Pinterest.
pub const BOARDS_CHECKED_MAX: usize = 50;
/// Rows whose content is compared concurrently.
const CONTENTS_AT_ONCE: usize = 16;
/// Board checks are started for this long: a Pinterest that doesn't answer must not keep the report from being sent.
const CHECKS_TAKE_MS: i64 = 8 * SECOND_MS;
/// Concurrent board checks.
const BOARDS_AT_ONCE: usize = 8;

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
}

/// A board that rows publish to.
#[derive(Clone, Debug)]
pub struct BoardReport {
    pub board: BoardKey,
    pub rows: Vec<u32>,
    /// `None`: there were too many boards, or too little time, to check this one too.
    pub access: Option<BoardAccess>,
}

#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    pub rows: Vec<RowForecast>,
    pub boards: Vec<BoardReport>,
    /// The forecast for the rows that would be new and aren't for a later time.
    pub forecast: Option<Forecast>,
}

/// # Errors
/// When a port is unavailable; never because of a board or Pinterest.
pub async fn report(context: &Context, workspace: WorkspaceId, rows: Vec<Row>) -> PortResult<ImportReport> {
    let accounts: BTreeMap<AccountId, Account> =
        context.store.accounts(workspace).await?.into_iter().map(|account| (account.key.account, account)).collect();
    let mut existing = existing(context, workspace, &rows).await?;
    let mut schedules = BTreeMap::new();
    let mut keys: BTreeMap<String, u32> = BTreeMap::new();
    let mut contents: BTreeMap<(AccountId, String), u32> = BTreeMap::new();
    let mut boards: BTreeMap<BoardKey, Vec<u32>> = BTreeMap::new();
    let mut joining: BTreeMap<AccountId, usize> = BTreeMap::new();
    let (mut forecasts, mut new) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let Some(request) = row.ask.request() else {
            let Ask::Refused(error) = row.ask else { continue };
            forecasts.push(RowForecast::new(row.number, row.key, Outcome::Failed(error)));
            continue;
        };
        let outcome = match row.ask {
            Ask::Schedule(_, run_at) => {
                schedule_outcome(context, workspace, request, run_at, &accounts, &mut schedules).await?
            }
            _ => outcome(workspace, request, &accounts, &mut existing)?,
        };
        if matches!(outcome, Outcome::Created(_)) {
            let account = AccountKey { workspace, account: request.account };
            boards.entry(BoardKey { account, board_id: request.board_id.clone() }).or_default().push(row.number);
            if matches!(row.ask, Ask::Pin(_)) {
                *joining.entry(request.account).or_default() += 1;
            }
        }
        let content = (request.account, idempotency::content_hash(request));
        if let Outcome::Created(Made::Pin(own)) = outcome {
            new.push((forecasts.len(), request.clone(), own));
        }
        let earlier = |found: Option<u32>| found.filter(|number| *number != row.number);
        let repeats = earlier(Some(*keys.entry(request.idempotency_key.clone()).or_insert(row.number)));
        let same_content_as = earlier(Some(*contents.entry(content).or_insert(row.number)));
        forecasts.push(RowForecast { repeats, same_content_as, ..RowForecast::new(row.number, row.key, outcome) });
    }
    let comparisons = new.into_iter().map(|(index, request, own)| async move {
        PortResult::Ok((index, duplicate_content::find(context, workspace, &request, own).await?))
    });
    let found: Vec<_> = stream::iter(comparisons).buffered(CONTENTS_AT_ONCE).try_collect().await?;
    for (index, duplicate) in found {
        forecasts[index].same_content_as_pin = duplicate.map(|duplicate| duplicate.pin);
    }
    let boards = check_boards(context, boards).await?;
    let forecast = forecast::forecast(context, workspace, &joining).await?;
    Ok(ImportReport { rows: forecasts, boards, forecast })
}

impl RowForecast {
    fn new(number: u32, key: Option<String>, outcome: Outcome) -> Self {
        Self { number, key, outcome, repeats: None, same_content_as: None, same_content_as_pin: None }
    }
}

/// The payload of each pin, and whether it was deleted.
type Existing = BTreeMap<PinId, (PayloadHash, bool)>;

/// The pins that the rows' keys belong to already.
async fn existing(context: &Context, workspace: WorkspaceId, rows: &[Row]) -> PortResult<Existing> {
    let ids: BTreeSet<PinId> = rows
        .iter()
        .filter_map(|row| row.ask.request())
        .map(|request| idempotency::pin_id(workspace, &request.idempotency_key))
        .collect();
    let keys: Vec<PinKey> = ids.into_iter().map(|pin| PinKey { workspace, pin }).collect();
    let found = context.store.pins(&keys).await?.into_iter().flatten();
    Ok(found.map(|(pin, _)| (pin.key.pin, (pin.payload_hash, pin.hidden_at.is_some()))).collect())
}

/// The outcome that accepting the rows one after the other would have.
fn outcome(
    workspace: WorkspaceId,
    request: &PinRequest,
    accounts: &BTreeMap<AccountId, Account>,
    existing: &mut Existing,
) -> PortResult<Outcome> {
    let (pin, hash) = (idempotency::pin_id(workspace, &request.idempotency_key), PayloadHash::of(request));
    let refused = match existing.get(&pin) {
        Some((_, true)) => AcceptError::KeyOfDeleted { existing: pin },
        Some((first, _)) if first.same_payload(&hash) => return Ok(Outcome::Existing(Made::Pin(pin))),
        Some(_) => AcceptError::KeyReused { existing: pin },
        None => match accounts.get(&request.account) {
            None => AcceptError::AccountNotFound,
            Some(account) if !account.is_connected() => AcceptError::AccountDisconnected,
            Some(_) => {
                existing.insert(pin, (hash, false));
                return Ok(Outcome::Created(Made::Pin(pin)));
            }
        },
    };
    refusal(refused).map(Outcome::Failed)
}

/// The outcome that scheduling the rows one after the other would have.
async fn schedule_outcome(
    context: &Context,
    workspace: WorkspaceId,
    request: &PinRequest,
    run_at: Moment,
    accounts: &BTreeMap<AccountId, Account>,
    known: &mut BTreeMap<ScheduleId, (PayloadHash, bool)>,
) -> PortResult<Outcome> {
    let id = idempotency::schedule_id(workspace, &request.idempotency_key);
    if let Some(schedule) = schedules::stored(context, ScheduleKey { workspace, schedule: id }).await? {
        known.insert(id, (schedule.payload_hash, schedule.removed_at.is_some()));
    }
    let hash = PayloadHash::of_schedule(request, run_at);
    let refused = match (known.get(&id), accounts.get(&request.account)) {
        (Some((_, true)), _) => ScheduleError::KeyOfRemoved { existing: id },
        (Some((first, _)), _) if first.same_payload(&hash) => return Ok(Outcome::Existing(Made::Schedule(id))),
        (Some(_), _) => ScheduleError::KeyReused { existing: id },
        (None, None) => ScheduleError::AccountNotFound,
        (None, Some(account)) if !account.is_connected() => ScheduleError::AccountDisconnected,
        (None, Some(_)) => match schedules::check_time(run_at, context.system.now()) {
            Ok(()) => {
                known.insert(id, (hash, false));
                return Ok(Outcome::Created(Made::Schedule(id)));
            }
            Err(error) => error,
        },
    };
    schedule_refusal(refused).map(Outcome::Failed)
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
