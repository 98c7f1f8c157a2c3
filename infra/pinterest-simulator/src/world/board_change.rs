//! Updates and deletions of boards.

use super::World;
use super::account::Caller;
use super::board::{Board, BoardDraft, Privacy};
use super::event::Event;
use super::scopes::{self, Scopes};
use crate::errors::{self, ApiError};

/// The requested changes of a board; `None` leaves a property unchanged.
#[derive(Debug, Clone, Default)]
pub struct BoardChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub privacy: Option<Privacy>,
}

impl World {
    /// Changes the given properties of a board.
    pub fn update_board(&mut self, caller: Caller, id: &str, change: BoardChange) -> Result<(), ApiError> {
        let board = self.own_board(caller, id, errors::BOARD_UPDATE_NOT_AUTHORIZED)?;
        if change.privacy == Some(Privacy::Secret) {
            caller.require(Scopes::of(&[scopes::BOARDS_WRITE_SECRET]))?;
        }
        let draft = BoardDraft {
            name: change.name.unwrap_or_else(|| board.name.clone()),
            description: change.description.or_else(|| board.description.clone()),
            privacy: change.privacy.unwrap_or(board.privacy),
        };
        if !self.may_be_named(caller.account, &draft.name, Some(id)) {
            return Err(errors::BOARD_PARAMETERS_INVALID);
        }
        self.commit(Event::BoardUpdated { id: id.to_owned(), draft });
        Ok(())
    }

    /// Deletes a board with its sections, its Pins and the Pins that are planned for it.
    pub fn delete_board(&mut self, now_ms: i64, caller: Caller, id: &str) -> Result<(), ApiError> {
        self.own_board(caller, id, errors::BOARD_DELETE_NOT_AUTHORIZED)?;
        self.commit(Event::BoardDeleted { id: id.to_owned(), at_ms: now_ms });
        Ok(())
    }

    /// A board that the caller may change; `forbidden` is the refusal for another account's board.
    pub(super) fn own_board(&self, caller: Caller, id: &str, forbidden: ApiError) -> Result<&Board, ApiError> {
        let board = self.find_board(id).ok_or(errors::BOARD_NOT_FOUND)?;
        if board.account != caller.account {
            return Err(forbidden);
        }
        if board.privacy == Privacy::Secret {
            caller.require(Scopes::of(&[scopes::BOARDS_WRITE_SECRET]))?;
        }
        Ok(board)
    }

    pub(super) fn mark_board_updated(&mut self, id: &str, draft: BoardDraft) {
        if let Some(board) = self.board_mut(id) {
            (board.name, board.description, board.privacy) = (draft.name, draft.description, draft.privacy);
        }
    }

    pub(super) fn mark_board_deleted(&mut self, id: &str, at_ms: i64) {
        self.planned.retain(|_, planned| planned.draft.board_id != id);
        let Some(board) = self.board_mut(id) else {
            return;
        };
        board.deleted = true;
        let (pins, sections) = (board.pins.clone(), board.sections.clone());
        for pin in pins {
            self.mark_pin_deleted(pin, at_ms);
        }
        for section in sections {
            if let Some(section) = self.sections.get_mut(section) {
                section.deleted = true;
            }
        }
    }
}
