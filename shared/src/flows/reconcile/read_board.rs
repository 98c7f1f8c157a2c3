//! Reads a board's list page by page, as far as the invocation's time and the day's budget allow.

use super::plan_reconciliation::ROW_ATTEMPTS;
use crate::context::Context;
use crate::domain::ids::BoardKey;
use crate::domain::pacing::budget::Request;
use crate::domain::reconcile::board_scan::{BoardScan, PAGES_MAX, Reading};
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::spend_budget::{self, Granted};
use crate::ports::OptimisticWrites;
use crate::ports::{PortResult, ReadFailure};

/// A reading stops when less than this is left of the invocation: a page may take seconds, and the reading has to be
/// stored.
const READING_RESERVE_MS: i64 = 10 * SECOND_MS;
/// The progress of a reading is stored after this many pages.
const PAGES_PER_SAVE: u32 = 8;

/// What to look for.
pub struct Search<'a> {
    pub board: &'a BoardKey,
    /// Pins older than this don't match.
    pub earliest: Moment,
    pub could_be: &'a (dyn Fn(&BoardPin) -> bool + Sync),
    /// Whether the board's row keeps the progress of the reading.
    pub keeps_progress: bool,
    pub token: &'a Secret,
}

/// How far the reading came.
pub enum Read {
    Whole(Reading),
    OutOfTime(Reading),
    TooLong(&'static str),
    /// The app's daily budget allows no more until then.
    OutOfBudget(Moment),
}

/// Reads the board page by page, and spends the daily budget for each page. Stops before the monotonic time
/// `ends_at_ms`, in milliseconds; the reading continues from there later.
///
/// # Errors
/// When a port is unavailable. The inner error is Pinterest's.
pub async fn read(
    context: &Context,
    search: &Search<'_>,
    mut reading: Reading,
    ends_at_ms: i64,
) -> PortResult<Result<Read, ReadFailure>> {
    let Search { board, earliest, could_be, keeps_progress, token } = *search;
    loop {
        if ends_at_ms - context.system.monotonic_ms() < READING_RESERVE_MS {
            return Ok(Ok(Read::OutOfTime(reading)));
        }
        match spend_budget::ask(context, board.account.account, Request::Reconcile).await? {
            Granted::Yes => {}
            Granted::NotBefore(at) | Granted::AskAgain(at) => return Ok(Ok(Read::OutOfBudget(at))),
        }
        let page = match context.pinterest.board_pins(token, &board.board_id, reading.bookmark.as_deref()).await {
            Ok(page) => page,
            Err(failure) => return Ok(Err(failure)),
        };
        let is_whole = reading.take_in(&page.pins, page.next, earliest, could_be);
        if reading.is_crowded() {
            return Ok(Ok(Read::TooLong("too_many_alike")));
        }
        if is_whole {
            return Ok(Ok(Read::Whole(reading)));
        }
        if reading.pages >= PAGES_MAX {
            return Ok(Ok(Read::TooLong("board_too_long")));
        }
        if keeps_progress && reading.pages.is_multiple_of(PAGES_PER_SAVE) {
            update_scan(context, board, |scan| scan.reading = Some(reading.clone())).await?;
        }
    }
}

/// Changes the board's row, also when other writers come first.
///
/// # Errors
/// When the table is unavailable, or other writers came first every time.
pub async fn update_scan(context: &Context, board: &BoardKey, change: impl Fn(&mut BoardScan)) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("board scan", ROW_ATTEMPTS);
    loop {
        writes.begin()?;
        let mut scan = context.store.board_scan(board).await?;
        scan.rev += 1;
        scan.nonce = context.nonce();
        change(&mut scan);
        if context.store.save_board_scan(board, &scan).await?.is_done() {
            return Ok(());
        }
    }
}
