//! A workspace's pins: filtered, searched and sorted as the contract has it, with a cursor as an extension.

use axum::extract::{Query, State};
use axum::response::Response;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::blocker::Blocker;
use pinbridge_shared::domain::pin::filter::{PinFilter, PinSort};
use pinbridge_shared::flows::pins::list_pins::{self, Ask, ListError, PinPage};
use schemars::json_schema;
use uuid::Uuid;

use super::pin::{Pin, PinStatus};
use crate::answer;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get};
use crate::error::ApiError;
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, VALIDATION_ERROR};
use crate::openapi::schema::{Flag, Limit, Offset, Text, Time, inline_schema, names};
use crate::request::query as page;

pub fn endpoint() -> Endpoint {
    get("/v1/pins", READ, list)
        .operation("list_pins", "List, filter and search pins")
        .about(
            "A page costs the same however many pins the workspace has. Pins are found by keys as far as the offset \
             reaches; for a status other than failed, an error code, `removed`, `q`, or an order other than by \
             `created_at`, the first 1,000 pins that match the other filters are searched. Where the search ended \
             before the last pin, `X-Total-Count-Relation` is `gte` and `X-Next-Cursor` goes on; an offset beyond is \
             refused. Unknown parameters change nothing and are named in `X-Pinbridge-Ignored-Parameters`.",
        )
        .query::<Limit>("limit", "Pins of a page.")
        .query::<Offset>("offset", "Pins left out before the page.")
        .query::<Text>("cursor", "Extension: the `X-Next-Cursor` of the page before, instead of an offset.")
        .query::<PinStatus>("status", "Only pins of this status.")
        .query::<Uuid>("account_id", "Only pins of this account.")
        .query::<Text>("board_id", "Only pins of this board.")
        .query::<Text>("error_code", "Only pins that this error keeps from being published.")
        .query::<Time>("since", "Only pins that were accepted then or later.")
        .query::<Time>("until", "Only pins that were accepted before.")
        .query::<Search>("q", "Part of title, description or link, in any case.")
        .query::<Flag>("removed", "Only pins that are known to be gone from Pinterest, or only the others.")
        .query::<PinOrder>("sort", "The order; `created_at_desc` by default.")
        .answers::<Vec<Pin>>(200, "A page of pins.")
        .with_header::<u64>("X-Total-Count", true, "How many pins match; with a cursor, from there on.")
        .with_header::<Relation>("X-Total-Count-Relation", false, "`gte`: at least so many pins match.")
        .with_header::<Text>("X-Next-Cursor", false, "Where the next page begins, unless this was the last.")
        .with_header::<Text>("X-Pinbridge-Ignored-Parameters", false, "Parameters that have no meaning here.")
        .fails(&[VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED])
}

names!(PinOrder, "The order of a list of pins.", PinSort::ALL.map(PinSort::name));
names!(Relation, "`gte`: the number is a lower bound.", ["gte"]);
inline_schema!(
    /// The text of a search.
    Search = json_schema!({"type": "string", "maxLength": page::SEARCH_MAX})
);

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::OutOfReach { found } => {
                let msg = format!(
                    "These filters or this order reach {found} pins by offset; there may be more beyond. Go on with \
                     cursor (the X-Next-Cursor of the page before), or narrow since and until"
                );
                page::invalid("offset", msg, "offset_out_of_reach")
            }
            ListError::Port(error) => error.into(),
        }
    }
}

/// Everything that the route understands.
const PARAMETERS: [&str; 12] = [
    "account_id",
    "board_id",
    "status",
    "error_code",
    "since",
    "until",
    "q",
    "removed",
    "sort",
    "limit",
    "offset",
    "cursor",
];

async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let ask = ask(&query, &caller)?;
    // Codes of other systems are no mistake: no pin has them.
    let page = match ask.filter.error_code.as_deref() {
        Some(code) if !Blocker::is_code(code) => PinPage::default(),
        _ => list_pins::page(&context, caller.workspace, &ask).await?,
    };
    let items: Vec<Pin> = page.pins.iter().map(Pin::from).collect();
    let next = page.next.map(|next| next.to_string());
    let mut response = answer::page(&items, page.total, page.total_is_at_least, next);
    page::name_ignored(&mut response, &query, &PARAMETERS);
    Ok(response)
}

/// What is asked for, within what is open to the caller.
fn ask(query: &page::Query, caller: &Caller) -> Result<Ask, ApiError> {
    let (paging, cursor) = page::place(query, |text| text.parse().ok())?;
    let sort = page::one_of(query, "sort", PinSort::parse, &PinSort::ALL.map(PinSort::name))?.unwrap_or_default();
    let filter = PinFilter {
        status: page::one_of(query, "status", Status::parse, &Status::ALL.map(Status::name))?,
        accounts: page::accounts(query, caller)?,
        board_id: query.get("board_id").cloned(),
        error_code: query.get("error_code").cloned(),
        since: page::time(query, "since")?,
        until: page::time(query, "until")?,
        text: page::search(query)?,
        removed: page::optional_flag(query, "removed")?,
    };
    Ok(Ask { filter, sort, cursor, offset: paging.offset, limit: paging.limit })
}
