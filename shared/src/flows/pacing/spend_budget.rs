//! Asks the app's daily budget before a request to Pinterest. Without a budget nothing is read or written.

use crate::context::Context;
use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::pacing::budget::{self, Request};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::{OptimisticWrites, PortResult, Write};

/// A count that loses its race is planned again this often, each time after a short pause of random length.
const COUNT_ATTEMPTS: usize = 12;
const COUNT_PAUSE_MS: f64 = 150.0;
/// A request that lost every race is made this much later.
const BUSY_MS: i64 = 5 * SECOND_MS;

/// The answer of the daily budget to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// The request is counted: make it.
    Yes,
    /// The budget has nothing left for it until then.
    NotBefore(Moment),
    /// The row was contended; ask again then.
    AskAgain(Moment),
}

/// Like [`ask`], for a request that a caller waits for. Only a budget for Trial access counts those.
///
/// # Errors
/// As [`ask`].
pub async fn ask_for_caller(context: &Context, account: AccountKey, is_write: bool) -> PortResult<Granted> {
    if !context.settings.daily_budget.counts_callers() {
        return Ok(Granted::Yes);
    }
    let request = if is_write { Request::Create } else { Request::Read }(account.workspace);
    ask(context, account.account, request).await
}

/// Counts `request` in the account's name if the day's budget allows it. A simulated account's requests don't reach
/// Pinterest, and cost nothing.
///
/// # Errors
/// When the table is unavailable. The request may have been counted.
pub async fn ask(context: &Context, account: AccountId, request: Request) -> PortResult<Granted> {
    let budget = context.settings.daily_budget;
    if budget.calls == 0 || account.is_simulated() {
        return Ok(Granted::Yes);
    }
    let now = context.system.now();
    let mut spending = context.store.day_spending(budget::day_of(now)).await?;
    let mut counts = OptimisticWrites::of("daily budget", COUNT_ATTEMPTS);
    while counts.has_round() {
        if spending.allowance(budget, request) == 0 {
            return Ok(Granted::NotBefore(budget::next_day(now)));
        }
        match context.store.save_day_spending(&spending.with(request, context.nonce())).await? {
            Write::Done => return Ok(Granted::Yes),
            Write::Conflict(current) => spending = current,
        }
        context.system.sleep_ms((COUNT_PAUSE_MS * context.system.jitter()) as i64).await;
    }
    Ok(Granted::AskAgain(now.plus_ms(BUSY_MS)))
}
