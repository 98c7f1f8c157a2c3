//! The query parameters of the list of schedules.

use pinbridge_shared::domain::schedule::ScheduleStatus;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::schedules::list_schedules::{Listed, Next, ScheduleFilter, ScheduleSort, SortBy};
use schemars::json_schema;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::openapi::schema::{OFFSET_MAX, inline_schema};
use crate::request::query::{self, Query};

inline_schema!(
    /// The order of the list.
    Sort = json_schema!({
        "type": "string", "default": "run_at_desc", "enum": SORTS.iter().map(|(name, ..)| *name).collect::<Vec<_>>()
    })
);

/// The orders of the hosted API.
const SORTS: [(&str, SortBy, bool); 8] = [
    ("run_at_desc", SortBy::RunAt, true),
    ("run_at_asc", SortBy::RunAt, false),
    ("created_at_desc", SortBy::CreatedAt, true),
    ("created_at_asc", SortBy::CreatedAt, false),
    ("title_asc", SortBy::Title, false),
    ("title_desc", SortBy::Title, true),
    ("status_asc", SortBy::Status, false),
    ("status_desc", SortBy::Status, true),
];

/// Reads the query, limited to the accounts that the caller may use.
///
/// # Errors
/// When a parameter is invalid, or the caller may not use the account.
pub fn parse(query: &Query, caller: &Caller) -> Result<Listed, ApiError> {
    let (paging, next) = query::place(query, parse_cursor)?;
    let (since, until) = query::range(query)?;
    let filter = ScheduleFilter {
        accounts: query::accounts(query, caller)?,
        board_id: query.get("board_id").cloned(),
        status: query::one_of(query, "status", ScheduleStatus::parse, &ScheduleStatus::ALL.map(ScheduleStatus::name))?,
        is_open: false,
        since,
        until,
        q: query::search(query)?,
    };
    let Next { after, skip } = next.unwrap_or(Next { after: None, skip: paging.offset });
    Ok(Listed { filter, sort: sort(query)?, after, skip, limit: paging.limit })
}

fn sort(query: &Query) -> Result<ScheduleSort, ApiError> {
    let known = |name: &str| SORTS.iter().find(|(known, ..)| *known == name);
    let sort = query::one_of(query, "sort", known, &SORTS.map(|(name, ..)| name))?;
    Ok(sort.map_or_else(ScheduleSort::default, |(_, by, descending)| ScheduleSort { by: *by, descending: *descending }))
}

/// `X-Next-Cursor`.
pub fn cursor(next: Next) -> String {
    let place = next.after.map(|(run_at, schedule)| format!("{}_{schedule}", run_at.0)).unwrap_or_default();
    if next.skip == 0 { place } else { format!("{}.{place}", next.skip) }
}

fn parse_cursor(text: &str) -> Option<Next> {
    let (skip, place) = match text.split_once('.') {
        Some((skip, place)) => (skip.parse().ok().filter(|skip| (1..=OFFSET_MAX).contains(skip))?, place),
        None => (0, text),
    };
    if place.is_empty() && skip > 0 {
        return Some(Next { after: None, skip });
    }
    let (run_at, schedule) = place.split_once('_')?;
    let run_at: i64 = run_at.parse().ok()?;
    // Rows have no other times, and other numbers don't sort as text.
    (0..10_000_000_000_000).contains(&run_at).then_some(())?;
    Some(Next { after: Some((Moment(run_at), schedule.parse().ok()?)), skip })
}

#[cfg(test)]
mod tests {
    use pinbridge_shared::domain::ids::ScheduleId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_says_where_the_list_goes_on_and_nothing_else_is_one() {
        let place = (Moment(1_767_225_600_123), ScheduleId(Uuid::from_u128(7)));
        for next in
            [Next { after: Some(place), skip: 0 }, Next { after: Some(place), skip: 50 }, Next { after: None, skip: 7 }]
        {
            assert_eq!(parse_cursor(&cursor(next)), Some(next));
        }
        for text in ["", "7", ".", "0.", "-1.", "99999.", "7.x", "x_y", "-1_00000000-0000-0000-0000-000000000007"] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }
}
