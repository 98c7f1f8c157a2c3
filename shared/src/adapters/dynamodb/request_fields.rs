//! The content to publish, as attributes of a row.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Builder, Reader, text, unreadable};
use crate::domain::pin::{PinRequest, Priority};
use crate::ports::PortResult;

pub fn with_request(row: Builder, request: &PinRequest) -> Builder {
    // Without `..`: every field has its attribute.
    let PinRequest {
        account,
        board_id,
        title,
        description,
        alt_text,
        link_url,
        image_url,
        cover_image_url,
        dominant_color,
        related_terms,
        idempotency_key,
        priority,
        publish_before,
    } = request;
    let row = row
        .text("acct", account.to_string())
        .text("board", board_id)
        .text("title", title)
        .maybe_text("desc", description.as_deref())
        .maybe_text("alt", alt_text.as_deref())
        .maybe_text("link", link_url.as_deref())
        .text("img", image_url)
        .maybe_text("cover", cover_image_url.as_deref())
        .maybe_text("color", dominant_color.as_deref())
        .text("key", idempotency_key)
        .number("prio", priority.rank())
        .maybe_moment("pb", *publish_before);
    match related_terms {
        Some(terms) => row.value("terms", AttributeValue::L(terms.iter().map(text).collect())),
        None => row,
    }
}

pub fn read_request(row: &Reader<'_>) -> PortResult<PinRequest> {
    let terms = row.texts("terms");
    Ok(PinRequest {
        account: row.text("acct")?.parse().map_err(|_| unreadable("acct"))?,
        board_id: row.text("board")?,
        title: row.text("title")?,
        description: row.maybe_text("desc"),
        alt_text: row.maybe_text("alt"),
        link_url: row.maybe_text("link"),
        image_url: row.text("img")?,
        cover_image_url: row.maybe_text("cover"),
        dominant_color: row.maybe_text("color"),
        related_terms: (!terms.is_empty()).then_some(terms),
        idempotency_key: row.text("key")?,
        priority: Priority::of_rank(row.number("prio")?).unwrap_or_default(),
        publish_before: row.maybe_moment("pb"),
    })
}
