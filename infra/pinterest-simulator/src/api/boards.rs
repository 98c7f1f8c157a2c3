//! `boards/…`.

use super::views::{BoardView, PageView, PinView};
use super::{Reply, Request, params};
use crate::errors::{self, ApiError};
use crate::limits;
use crate::world::World;
use crate::world::account::Caller;
use crate::world::board::{BoardDraft, Privacy};
use crate::world::board_change::BoardChange;

pub fn create(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let fields = params::object(&request.body)?;
    let draft = BoardDraft {
        // The world refuses a name that is too long: that refusal has a code of its own.
        name: params::required_text(&fields, "name", usize::MAX)?,
        description: params::text(&fields, "description", limits::MAX_BOARD_DESCRIPTION_CHARS)?,
        privacy: match params::text(&fields, "privacy", usize::MAX)?.as_deref() {
            None => Privacy::Public,
            Some(name) => privacy(name).ok_or_else(|| unknown_privacy(name))?,
        },
    };
    let id = world.create_board(now_ms, caller, draft)?.id.clone();
    let board = world.board(caller, &id)?;
    Ok(Reply::with_json(201, &BoardView::of(world, board)))
}

pub fn get(world: &World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let board = world.board(caller, params::path_id(request, "board_id")?)?;
    Ok(Reply::with_json(200, &BoardView::of(world, board)))
}

pub fn list(world: &World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let wanted = privacy_filter(params::query(request, "privacy"))?;
    let page = world.list_boards(caller, |privacy| wanted.contains(&privacy), params::page(request)?)?;
    Ok(Reply::with_json(200, &PageView::of(page, |board| BoardView::of(world, board))))
}

pub fn update(world: &mut World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let id = params::path_id(request, "board_id")?;
    let fields = params::object(&request.body)?;
    let change = BoardChange {
        name: params::text(&fields, "name", usize::MAX)?,
        description: params::text(&fields, "description", limits::MAX_BOARD_DESCRIPTION_CHARS)?,
        privacy: match params::text(&fields, "privacy", usize::MAX)?.as_deref() {
            None => None,
            // The schema `BoardUpdatePrivacy`: a board can't become protected later.
            Some(name) => match privacy(name) {
                Some(privacy @ (Privacy::Public | Privacy::Secret)) => Some(privacy),
                _ => return Err(errors::BOARD_PARAMETERS_INVALID),
            },
        },
    };
    world.update_board(caller, id, change)?;
    // Not `world.board`, because the answer to an update needs no scope for reading secret boards.
    let board = world.find_board(id).ok_or(errors::BOARD_NOT_FOUND)?;
    Ok(Reply::with_json(200, &BoardView::of(world, board)))
}

pub fn delete(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    world.delete_board(now_ms, caller, params::path_id(request, "board_id")?)?;
    Ok(Reply::empty(204))
}

pub fn list_pins(world: &World, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    let id = params::path_id(request, "board_id")?;
    let page = world.list_board_pins(caller, id, params::page(request)?)?;
    Ok(Reply::with_json(200, &PageView::of(page, |pin| PinView::of(world, pin))))
}

fn privacy(name: &str) -> Option<Privacy> {
    match name {
        "PUBLIC" => Some(Privacy::Public),
        "PROTECTED" => Some(Privacy::Protected),
        "SECRET" => Some(Privacy::Secret),
        _ => None,
    }
}

/// The schema `BoardPrivacyFilter`.
fn privacy_filter(name: Option<&str>) -> Result<Vec<Privacy>, ApiError> {
    match name {
        None | Some("ALL") => Ok(vec![Privacy::Public, Privacy::Protected, Privacy::Secret]),
        Some("PUBLIC_AND_SECRET") => Ok(vec![Privacy::Public, Privacy::Secret]),
        Some(name) => privacy(name).map(|one| vec![one]).ok_or_else(|| unknown_privacy(name)),
    }
}

fn unknown_privacy(name: &str) -> ApiError {
    ApiError::invalid(format!("'{name}' is not a privacy setting"))
}
