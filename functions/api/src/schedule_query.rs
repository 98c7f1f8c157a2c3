//! Query parameters of the list of schedules.

use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::schedule::ScheduleStatus;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::list_schedules::{Listed, Place, ScheduleFilter, ScheduleSort, SortBy};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::page::{self, Query, invalid};

/// The contract's `ScheduleSort`.
pub const SORTS: [(&str, SortBy, bool); 8] = [
    ("run_at_desc", SortBy::RunAt, true),
    ("run_at_asc", SortBy::RunAt, false),
    ("created_at_desc", SortBy::CreatedAt, true),
    ("created_at_asc", SortBy::CreatedAt, false),
    ("title_asc", SortBy::Title, false),
    ("title_desc", SortBy::Title, true),
    ("status_asc", SortBy::Status, false),
    ("status_desc", SortBy::Status, true),
];

/// Everything that the list understands.
pub const PARAMETERS: [&str; 10] =
    ["account_id", "board_id", "status", "since", "until", "q", "sort", "limit", "offset", "cursor"];

/// What is asked for, within what is open to the caller.
///
/// # Errors
/// When a parameter's value can't be one, or the account isn't open to the caller.
pub fn parse(query: &Query, caller: &Caller) -> Result<Listed, ApiError> {
    let paging = page::paging(query)?;
    let accounts = if query.contains_key("account_id") {
        Some(vec![caller.account(page::account_id(query)?)?.account])
    } else {
        caller.limited_to().map(<[AccountId]>::to_vec)
    };
    let status = match query.get("status") {
        None => None,
        Some(name) => Some(ScheduleStatus::parse(name).ok_or_else(|| {
            let names: Vec<&str> = ScheduleStatus::ALL.iter().map(|status| status.name()).collect();
            invalid("status", format!("Input should be one of {}", names.join(", ")), "enum")
        })?),
    };
    let filter = ScheduleFilter {
        accounts,
        board_id: query.get("board_id").cloned(),
        status,
        since: page::time(query, "since")?,
        until: page::time(query, "until")?,
        q: page::search(query)?,
    };
    let after =
        match query.get("cursor") {
            None => None,
            Some(text) => Some(parse_cursor(text).ok_or_else(|| {
                invalid("cursor", "Input should be the X-Next-Cursor of an earlier page", "value_error")
            })?),
        };
    if after.is_some() && paging.offset > 0 {
        return Err(invalid("offset", "Give either offset or cursor, not both", "value_error"));
    }
    Ok(Listed { filter, sort: sort(query)?, after, skip: paging.offset, limit: paging.limit })
}

fn sort(query: &Query) -> Result<ScheduleSort, ApiError> {
    let Some(name) = query.get("sort") else { return Ok(ScheduleSort::default()) };
    let known = SORTS.iter().find(|(known, ..)| known == name);
    known.map(|(_, by, descending)| ScheduleSort { by: *by, descending: *descending }).ok_or_else(|| {
        let names: Vec<&str> = SORTS.iter().map(|(name, ..)| *name).collect();
        invalid("sort", format!("Input should be one of {}", names.join(", ")), "enum")
    })
}

/// `X-Next-Cursor`.
pub fn cursor((run_at, schedule): Place) -> String {
    format!("{}_{schedule}", run_at.0)
}

fn parse_cursor(text: &str) -> Option<Place> {
    let (run_at, schedule) = text.split_once('_')?;
    let run_at: i64 = run_at.parse().ok()?;
    // Other numbers are no moments of rows, and don't sort as text.
    (0..10_000_000_000_000).contains(&run_at).then_some(())?;
    Some((Moment(run_at), schedule.parse().ok()?))
}
