//! `pins/…`.

use super::views::{PageView, PinView};
use super::{Reply, Request, media, params};
use crate::errors::{self, ApiError};
use crate::limits;
use crate::world::World;
use crate::world::account::Caller;
use crate::world::pin::PinDraft;

/// `pin_filter` of `pins/list` (OpenAPI 5.23.0). The filters have no effect, because no simulated Pin is native, saved
/// or promoted.
const PIN_FILTERS: [&str; 3] = ["exclude_native", "exclude_repins", "has_been_promoted"];

pub fn create(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let draft = parse(&request.body)?;
    let id = world.create_pin(now_ms, caller, draft)?.id.clone();
    // Not `world.pin`, because the answer to a create needs no scope for reading secret boards.
    let pin = world.every_pin().last().filter(|pin| pin.id == id).ok_or(errors::PIN_NOT_FOUND)?;
    Ok(Reply::with_json(201, &PinView::of(world, pin)))
}

/// Like `create`, but the Pin is committed at `at_ms`.
pub fn plan(world: &mut World, now_ms: i64, at_ms: i64, caller: Caller, request: &Request) -> Result<(), ApiError> {
    world.plan_pin(now_ms, at_ms, caller, parse(&request.body)?)
}

pub fn get(world: &World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let pin = world.pin(caller, params::path_id(request, "pin_id")?)?;
    Ok(Reply::with_json(200, &PinView::of(world, pin)))
}

pub fn list(world: &World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    if params::query(request, "pin_filter").is_some_and(|filter| !PIN_FILTERS.contains(&filter)) {
        return Err(errors::PIN_FILTER_INVALID);
    }
    let page = world.list_pins(caller, params::page(request)?)?;
    Ok(Reply::with_json(200, &PageView::of(page, |pin| PinView::of(world, pin))))
}

pub fn delete(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    world.delete_pin(now_ms, caller, params::path_id(request, "pin_id")?)?;
    Ok(Reply::empty(204))
}

/// Reads the schema `PinCreate`. Unknown fields are ignored.
pub fn parse(body: &[u8]) -> Result<PinDraft, ApiError> {
    let fields = params::object(body)?;
    let link = params::text(&fields, "link", limits::MAX_LINK_CHARS)?.filter(|link| !link.is_empty());
    if link.as_deref().is_some_and(|link| !media::is_web_url(link)) {
        return Err(errors::PIN_INVALID_URL);
    }
    let is_standard = match fields.get("media_source").and_then(|source| source.as_object()) {
        Some(source) => params::flag(source, "is_standard", true)?,
        None => true,
    };
    Ok(PinDraft {
        board_id: params::id(&fields, "board_id")?.ok_or_else(|| params::missing("board_id"))?,
        board_section_id: params::id(&fields, "board_section_id")?,
        title: params::text(&fields, "title", limits::MAX_TITLE_CHARS)?,
        description: params::text(&fields, "description", limits::MAX_DESCRIPTION_CHARS)?,
        link,
        alt_text: params::text(&fields, "alt_text", limits::MAX_ALT_TEXT_CHARS)?,
        dominant_color: params::text(&fields, "dominant_color", usize::MAX)?,
        parent_pin_id: params::id(&fields, "parent_pin_id")?,
        is_standard,
        media: media::parse(&fields)?,
    })
}

/// The title of a requested Pin, even if the rest of the request is invalid. For fault rules.
pub fn title_of(body: &[u8]) -> Option<String> {
    let fields = params::object(body).ok()?;
    fields.get("title")?.as_str().map(str::to_owned)
}
