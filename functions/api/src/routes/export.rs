//! Exports the accounts, pins and schedules of a workspace, as JSON lines or as a JSON array.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::timeline;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::tenants::export::{self, Cursor, Entry, Page};
use schemars::JsonSchema;
use serde::Serialize;

use crate::accept;
use crate::auth::Caller;
use crate::content_type::{JSON, JSON_LINES};
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::VALIDATION_ERROR;
use crate::openapi::schema::{Limit, Text, names};
use crate::request::query;
use crate::routes::accounts::Account;
use crate::routes::pins::pin::Pin;
use crate::routes::pins::timeline::TimelineEvent;
use crate::routes::schedules::Schedule;

/// The largest page, in bytes. Lambda limits an answer to 6 MB; the longest line has some kilobytes.
pub const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Pace and export",
        vec![
            get("/v1/export", READ, read)
                .operation("export", "Export the workspace's accounts, pins and schedules")
                .costs(100)
                .about(
                    "Answers accounts without their tokens, pins with the `events` of their timeline, and schedules, \
                     each oldest first. `kind` is `account`, `pin` or `schedule`. A page without the header \
                     `X-Next-Cursor` is the last. Pins of the last 30 seconds are missing; the next export has them. A \
                     client that accepts JSON receives an array. One whose `Accept` names `application/x-ndjson`, or \
                     that has none, receives JSON lines.",
                )
                .query::<Text>("cursor", "The `X-Next-Cursor` of the previous page.")
                .query::<Limit>("limit", "The maximum number of lines of the page.")
                .answers::<Vec<ExportLine>>(200, "A page.")
                .answers_lines::<ExportLine>(200, "A page.")
                .with_header::<Text>("X-Next-Cursor", false, "The cursor of the next page. Absent on the last page.")
                .fails(&[VALIDATION_ERROR]),
        ],
    )
}

names!(AccountKind, "The kind of the line.", ["account"]);
names!(PinKind, "The kind of the line.", ["pin"]);
names!(ScheduleKind, "The kind of the line.", ["schedule"]);

/// A line of the export.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ExportLine {
    Account(Box<AccountLine>),
    Pin(Box<PinLine>),
    Schedule(Box<ScheduleLine>),
}

/// An account, without its tokens.
#[derive(Serialize, JsonSchema)]
pub struct AccountLine {
    pub kind: AccountKind,
    #[serde(flatten)]
    pub account: Account,
}

/// A pin and its events.
#[derive(Serialize, JsonSchema)]
pub struct PinLine {
    pub kind: PinKind,
    #[serde(flatten)]
    pub pin: Pin,
    pub events: Vec<TimelineEvent>,
}

/// A schedule.
#[derive(Serialize, JsonSchema)]
pub struct ScheduleLine {
    pub kind: ScheduleKind,
    #[serde(flatten)]
    pub schedule: Schedule,
}

impl ExportLine {
    fn of(entry: &Entry, now: Moment) -> Self {
        match entry {
            Entry::Account(account, bucket) => Self::Account(Box::new(AccountLine {
                kind: AccountKind("account"),
                account: Account::of(account, bucket, now),
            })),
            Entry::Schedule(view) => Self::Schedule(Box::new(ScheduleLine {
                kind: ScheduleKind("schedule"),
                schedule: Schedule::from(view.as_ref()),
            })),
            Entry::Pin(view) => {
                let events = timeline::events(&view.pin, &view.attempt).into_iter();
                let events = events.map(|event| TimelineEvent::of(&view.pin.request, event)).collect();
                Self::Pin(Box::new(PinLine { kind: PinKind("pin"), pin: Pin::from(view.as_ref()), events }))
            }
        }
    }
}

async fn read(
    State(context): State<Context>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<query::Query>,
) -> Result<Response, ApiError> {
    let limit = query::paging(&query)?.limit;
    let from = query::cursor(&query, |text| text.parse().ok())?;
    let page = export::page(&context, caller.workspace, from, limit, |account| caller.sees(account)).await?;
    let (lines, next) = lines(&page, context.system.now());
    let (kind, body) = if wants_lines(&headers) { (JSON_LINES, lines) } else { (JSON, array(&lines)) };
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next.to_string()).ok()) {
        headers.insert("x-next-cursor", next);
    }
    Ok(response)
}

/// Whether the client takes the page line by line. Generated clients parse one JSON value, and most of them accept
/// anything.
fn wants_lines(headers: &HeaderMap) -> bool {
    let lines = accept::weight(headers, JSON_LINES);
    !headers.contains_key(ACCEPT) || (lines > 0.0 && lines >= accept::weight(headers, JSON))
}

/// The lines as one value. A line has no line end of its own.
fn array(lines: &str) -> String {
    format!("[{}]", lines.trim_end().replace('\n', ","))
}

/// The lines of a page, up to [`PAGE_BYTES_MAX`], and the cursor of the next page.
pub fn lines(page: &Page, now: Moment) -> (String, Option<Cursor>) {
    cut(page, now, PAGE_BYTES_MAX)
}

fn cut(page: &Page, now: Moment, bytes_max: usize) -> (String, Option<Cursor>) {
    let (mut lines, mut last) = (String::new(), None);
    for entry in &page.entries {
        // Serializing these structs can't fail.
        let line = serde_json::to_string(&ExportLine::of(entry, now)).unwrap_or_default();
        // A page has at least one line, so that the next page makes progress.
        if let Some(last) = last.filter(|_| lines.len() + line.len() + 1 > bytes_max) {
            return (lines, Some(last));
        }
        lines.push_str(&line);
        lines.push('\n');
        last = Some(entry.cursor());
    }
    (lines, page.next)
}

#[cfg(test)]
mod tests {
    use pinbridge_shared::domain::account::Account;
    use pinbridge_shared::domain::account::credentials::TokenLife;
    use pinbridge_shared::domain::ids::{AccountId, AccountKey, WorkspaceId};
    use pinbridge_shared::domain::repeated_write::Trail;
    use uuid::Uuid;

    use super::*;

    fn account(id: u128) -> Entry {
        let key = AccountKey { workspace: WorkspaceId(Uuid::from_u128(1)), account: AccountId(Uuid::from_u128(id)) };
        let account = Account {
            key,
            pinterest_user_id: "1".into(),
            username: None,
            display_name: None,
            scopes: String::new(),
            created_at: Moment(0),
            updated_at: Moment(0),
            revoked_at: None,
            life: TokenLife::default(),
            rev: 1,
            nonce: "n".into(),
            trail: Trail::default(),
        };
        Entry::Account(Box::new(account), Box::default())
    }

    #[test]
    fn a_client_that_accepts_json_receives_one_value() {
        let of =
            |accept: &'static str| wants_lines(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        for lines in
            ["application/x-ndjson", "application/x-ndjson, */*;q=0.5", "application/json;q=0.5,application/x-ndjson"]
        {
            assert!(of(lines), "{lines}");
        }
        for value in [
            "*/*",
            "application/json",
            "application/*",
            "application/json, application/x-ndjson;q=0.9",
            "",
            "text/html,*/*",
        ] {
            assert!(!of(value), "{value}");
        }
        assert!(wants_lines(&HeaderMap::new()));
        assert_eq!(["", "{}\n", "{\"a\":1}\n{}\n"].map(array), ["[]", "[{}]", "[{\"a\":1},{}]"]);
    }

    #[test]
    fn a_page_ends_before_its_limit_in_bytes_and_goes_on_behind_its_last_line() {
        let page = Page { entries: (1..=3).map(account).collect(), next: Some(Cursor::Pins) };
        let (all, next) = lines(&page, Moment(0));
        assert_eq!((all.lines().count(), next), (3, Some(Cursor::Pins)));
        let one = all.lines().next().expect("a line").len() + 1;
        for (bytes_max, wanted) in [(2 * one, 2), (2 * one - 1, 1), (1, 1)] {
            let (some, next) = cut(&page, Moment(0), bytes_max);
            assert_eq!(some.lines().count(), wanted, "{bytes_max} bytes");
            assert_eq!(next, Some(page.entries[wanted - 1].cursor()));
        }
    }
}
