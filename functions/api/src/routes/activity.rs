//! The activity log.

use axum::Json;
use axum::extract::{Query, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::stats::activity::{Cursor, Wanted};
use pinbridge_shared::flows::activity::{self, Reader};
use pinbridge_shared::flows::tenants::authenticate::Who;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::{page, views};

pub async fn list(
    State(context): State<Context>,
    caller: Caller,
    Query(mut query): Query<page::Query>,
) -> Result<Json<Value>, ApiError> {
    let limit = page::paging(&query)?.limit;
    let cursor = query.get("cursor").filter(|text| !text.is_empty()).map(|text| {
        let bad = |()| page::invalid("cursor", "Input should be the next_cursor of a page", "value_error");
        text.parse::<Cursor>().map_err(bad)
    });
    let cursor = cursor.transpose()?;
    query.retain(|_, text| !text.is_empty());
    let since = page::time(&query, "since")?;
    let mut name = |name: &str| query.remove(name);
    let wanted = Wanted {
        category: name("category"),
        action: name("action"),
        status: name("status"),
        resource_type: name("resource_type"),
        since,
    };
    let key = match caller.who {
        Who::Key(id) => Some(id),
        Who::User(_) => None,
    };
    let reader = Reader { workspace: caller.workspace, key, limited_to: caller.limited_to() };
    let found = activity::page(&context, reader, &wanted, cursor, limit).await?;
    Ok(Json(views::activity::page(&found, context.settings.activity_kept_ms)))
}
