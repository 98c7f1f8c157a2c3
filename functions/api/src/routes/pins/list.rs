//! Lists the pins of a workspace with the filters and orders of the hosted API, and with a cursor as an extension.

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
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, INVALID_DATE_RANGE, VALIDATION_ERROR};
use crate::openapi::schema::{Flag, Limit, Offset, Text, Time, inline_schema, names};
use crate::request::query as page;

pub fn endpoint() -> Endpoint {
    get("/v1/pins", READ, list)
        .operation("list_pins", "List, filter and search pins")
        .costs(50)
        .about(
            "Each request reads a limited number of pins, so a page costs the same in every workspace. Pins that wait \
             (`queued`, `deferred`, `publishing`, or an `error_code`) are found among any number of finished ones: a \
             page is full, or the list is at its end. Filtering by `removed`, `q` or `status=published`, and ordering \
             by anything but `created_at`, searches the first 1,000 pins that match the other filters. If the search \
             stops before the last pin, `X-Total-Count-Relation` is `gte`, and `X-Next-Cursor` continues the list. An \
             offset beyond the searched pins is refused. Unknown parameters have no effect; `X-Pinbridge-Ignored-Parameters` names \
             them.",
        )
        .query::<Limit>("limit", "The maximum number of pins of the page.")
        .query::<Offset>("offset", "The number of pins to skip.")
        .query::<Text>("cursor", "Extension: the `X-Next-Cursor` of the previous page. Replaces `offset`.")
        .query::<PinStatus>("status", "Only pins with this status.")
        .query::<Uuid>("account_id", "Only pins of this account.")
        .query::<Text>("board_id", "Only pins of this board.")
        .query::<Text>("error_code", "Only pins with this error code.")
        .query::<Time>("since", "Only pins that were accepted at or after this time.")
        .query::<Time>("until", "Only pins that were accepted before this time.")
        .query::<Search>("q", "A part of the title, description or link, in upper or lower case.")
        .query::<Flag>("removed", "`true`: only pins whose Pin was removed from Pinterest. `false`: only the others.")
        .query::<PinOrder>("sort", "The order. The default is `created_at_desc`.")
        .answers::<Vec<Pin>>(200, "A page of pins.")
        .with_header::<u64>("X-Total-Count", true, "The number of matching pins. With a cursor: from the cursor on.")
        .with_header::<Relation>("X-Total-Count-Relation", false, "`gte`: the number is a lower bound.")
        .with_header::<Text>("X-Next-Cursor", false, "The cursor of the next page. Absent on the last page.")
        .with_header::<Text>("X-Pinbridge-Ignored-Parameters", false, "The unknown parameters of the request.")
        .fails(&[VALIDATION_ERROR, INVALID_DATE_RANGE, ACCOUNT_NOT_PERMITTED])
}

names!(PinOrder, "The order of a list of pins.", PinSort::ALL.map(PinSort::name));
names!(Relation, "`gte`: the number is a lower bound.", ["gte"]);
inline_schema!(
    /// A search text.
    Search = json_schema!({"type": "string", "maxLength": page::SEARCH_MAX})
);

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::OutOfReach { found } => {
                let msg = format!(
                    "With these filters or this order, an offset reaches {found} pins, and there may be more. Use \
                     cursor (the X-Next-Cursor of the previous page), or narrow since and until"
                );
                page::invalid("offset", msg, "offset_out_of_reach")
            }
            ListError::Port(error) => error.into(),
        }
    }
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(query): Query<page::Query>,
) -> Result<Response, ApiError> {
    let ask = ask(&query, &caller)?;
    // An unknown code is valid, but no pin has it.
    let page = match ask.filter.error_code.as_deref() {
        Some(code) if !Blocker::is_code(code) => PinPage::default(),
        _ => list_pins::page(&context, caller.workspace, &ask).await?,
    };
    let items: Vec<Pin> = page.pins.iter().map(Pin::from).collect();
    let next = page.next.map(|next| next.to_string());
    answer::page(&items, page.total, page.total_is_at_least, next)
}

/// Reads the query, limited to the accounts that the caller may use.
fn ask(query: &page::Query, caller: &Caller) -> Result<Ask, ApiError> {
    let (paging, cursor) = page::place(query, |text| text.parse().ok())?;
    let sort = page::one_of(query, "sort", PinSort::parse, &PinSort::ALL.map(PinSort::name))?.unwrap_or_default();
    let (since, until) = page::range(query)?;
    let filter = PinFilter {
        status: page::one_of(query, "status", Status::parse, &Status::ALL.map(Status::name))?,
        accounts: page::accounts(query, caller)?,
        board_id: query.get("board_id").cloned(),
        error_code: query.get("error_code").cloned(),
        since,
        until,
        text: page::search(query)?,
        removed: page::optional_flag(query, "removed")?,
    };
    Ok(Ask { filter, sort, cursor, offset: paging.offset, limit: paging.limit })
}
