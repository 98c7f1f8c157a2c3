//! Sections of boards.

use serde::{Deserialize, Serialize};

use super::account::Caller;
use super::event::Event;
use super::page::{Cursor, Page, PageRequest};
use super::pin::Pin;
use super::{World, ids};
use crate::errors::{self, ApiError};
use crate::limits;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Section {
    pub id: String,
    pub board_id: String,
    pub name: String,
    pub created_at_ms: i64,
    /// Deleted by itself or with its board. Rebuilt from the events, as is the field below.
    #[serde(skip)]
    pub(super) deleted: bool,
    /// Ordinals of its Pins, oldest first.
    #[serde(skip)]
    pub(super) pins: Vec<usize>,
}

impl World {
    /// Creates a section. Names need not be unique, because Pinterest publishes no such rule.
    pub fn create_section(
        &mut self,
        now_ms: i64,
        caller: Caller,
        board_id: &str,
        name: String,
    ) -> Result<&Section, ApiError> {
        self.own_board(caller, board_id, errors::SECTION_CREATE_NOT_AUTHORIZED)?;
        check_name(&name)?;
        let id = ids::section_id(self.sections.len());
        let section = Section {
            id: id.clone(),
            board_id: board_id.to_owned(),
            name,
            created_at_ms: now_ms,
            deleted: false,
            pins: Vec::new(),
        };
        self.commit(Event::SectionCreated { section });
        self.section(board_id, &id).ok_or(errors::SECTION_NOT_FOUND)
    }

    pub fn rename_section(
        &mut self,
        caller: Caller,
        board_id: &str,
        id: &str,
        name: String,
    ) -> Result<&Section, ApiError> {
        self.own_board(caller, board_id, errors::SECTION_UPDATE_NOT_AUTHORIZED)?;
        self.section(board_id, id).ok_or(errors::SECTION_NOT_FOUND)?;
        check_name(&name)?;
        self.commit(Event::SectionRenamed { id: id.to_owned(), name });
        self.section(board_id, id).ok_or(errors::SECTION_NOT_FOUND)
    }

    /// Deletes a section with its Pins, as Pinterest's own form says, and the Pins that are planned for it.
    pub fn delete_section(&mut self, now_ms: i64, caller: Caller, board_id: &str, id: &str) -> Result<(), ApiError> {
        self.own_board(caller, board_id, errors::SECTION_DELETE_NOT_AUTHORIZED)?;
        self.section(board_id, id).ok_or(errors::SECTION_NOT_FOUND)?;
        self.commit(Event::SectionDeleted { id: id.to_owned(), at_ms: now_ms });
        Ok(())
    }

    /// Sections of one of the caller's boards, newest first.
    pub fn list_sections(
        &self,
        caller: Caller,
        board_id: &str,
        request: PageRequest,
    ) -> Result<Page<&Section>, ApiError> {
        let board = self.board(caller, board_id)?;
        let list = format!("sections-{board_id}");
        let before = Cursor::decode(request.bookmark.as_deref(), &list)?;
        Ok(Page::newest_first(&board.sections, before, request.size, &list, |ordinal| {
            self.sections.get(ordinal).filter(|section| !section.deleted)
        }))
    }

    /// Pins of one section, newest first.
    pub fn list_section_pins(
        &self,
        caller: Caller,
        board_id: &str,
        id: &str,
        request: PageRequest,
    ) -> Result<Page<&Pin>, ApiError> {
        if self.find_board(board_id).is_some_and(|board| board.account != caller.account) {
            return Err(errors::SECTION_PINS_NOT_AUTHORIZED);
        }
        self.board(caller, board_id).map_err(|_| errors::SECTION_PINS_NOT_FOUND)?;
        let section = self.section(board_id, id).ok_or(errors::SECTION_PINS_NOT_FOUND)?;
        self.list_pins_of(caller, &section.pins, &section.id, request)
    }

    /// A section of that board, unless it is deleted.
    pub(super) fn section(&self, board_id: &str, id: &str) -> Option<&Section> {
        let section = self.section_ordinals.get(id).and_then(|ordinal| self.sections.get(*ordinal));
        section.filter(|section| !section.deleted && section.board_id == board_id)
    }

    pub(super) fn section_mut(&mut self, id: &str) -> Option<&mut Section> {
        self.section_ordinals.get(id).and_then(|ordinal| self.sections.get_mut(*ordinal))
    }

    pub(super) fn add_section(&mut self, section: Section) {
        let ordinal = self.sections.len();
        self.section_ordinals.insert(section.id.clone(), ordinal);
        if let Some(board) = self.board_mut(&section.board_id) {
            board.sections.push(ordinal);
        }
        self.sections.push(section);
    }

    pub(super) fn mark_section_renamed(&mut self, id: &str, name: String) {
        if let Some(section) = self.section_mut(id) {
            section.name = name;
        }
    }

    pub(super) fn mark_section_deleted(&mut self, id: &str, at_ms: i64) {
        self.planned.retain(|_, planned| planned.draft.board_section_id.as_deref() != Some(id));
        let Some(section) = self.section_mut(id) else {
            return;
        };
        section.deleted = true;
        for pin in section.pins.clone() {
            self.mark_pin_deleted(pin, at_ms);
        }
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if (1..=limits::MAX_SECTION_NAME_CHARS).contains(&name.chars().count()) {
        Ok(())
    } else {
        Err(errors::SECTION_PARAMETERS_INVALID)
    }
}
