//! `board_sections/…`.

use super::views::{PageView, PinView, SectionView};
use super::{Reply, Request, params};
use crate::errors::{self, ApiError};
use crate::limits;
use crate::world::World;
use crate::world::account::Caller;

pub fn create(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let board_id = params::path_id(request, "board_id")?;
    let section = world.create_section(now_ms, caller, board_id, name(request)?)?;
    Ok(Reply::with_json(201, &SectionView::of(section)))
}

pub fn list(world: &World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let page = world.list_sections(caller, params::path_id(request, "board_id")?, params::page(request)?)?;
    Ok(Reply::with_json(200, &PageView::of(page, SectionView::of)))
}

pub fn update(world: &mut World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let (board_id, id) = (params::path_id(request, "board_id")?, params::section_id(request)?);
    let section = world.rename_section(caller, board_id, id, name(request)?)?;
    Ok(Reply::with_json(200, &SectionView::of(section)))
}

pub fn delete(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let (board_id, id) = (params::path_id(request, "board_id")?, params::section_id(request)?);
    world.delete_section(now_ms, caller, board_id, id)?;
    Ok(Reply::empty(204))
}

pub fn list_pins(world: &World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let (board_id, id) = (params::path_id(request, "board_id")?, params::section_id(request)?);
    let page = world.list_section_pins(caller, board_id, id, params::page(request)?)?;
    Ok(Reply::with_json(200, &PageView::of(page, |pin| PinView::of(world, pin))))
}

/// Reads the schema `BoardSection`, whose violations have a code of their own.
fn name(request: &Request) -> Result<String, ApiError> {
    let fields = params::object(&request.body)?;
    let name = params::text(&fields, "name", limits::MAX_SECTION_NAME_CHARS);
    name.ok().flatten().ok_or(errors::SECTION_PARAMETERS_INVALID)
}
