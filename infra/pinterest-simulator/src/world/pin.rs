//! Pins: create, plan (a commit that comes late), look up, list, delete.

use serde::{Deserialize, Serialize};

use super::account::{AccountIndex, Caller};
use super::board::Privacy;
use super::event::Event;
use super::page::{Cursor, Page, PageRequest};
use super::scopes::{self, Scopes};
use super::{World, ids};
use crate::errors::{self, ApiError};

/// What a Pin shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source_type", rename_all = "snake_case")]
pub enum Media {
    ImageUrl {
        url: String,
    },
    /// The bytes themselves are not kept.
    ImageBase64 {
        content_type: String,
        bytes: usize,
    },
}

/// A Pin somebody asks for; its form is checked, its board is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinDraft {
    pub board_id: String,
    pub board_section_id: Option<String>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub link: Option<String>,
    pub alt_text: Option<String>,
    pub dominant_color: Option<String>,
    pub parent_pin_id: Option<String>,
    pub is_standard: bool,
    pub media: Media,
}

/// A Pin that was committed, deleted or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    pub id: String,
    pub account: AccountIndex,
    pub created_at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at_ms: Option<i64>,
    #[serde(flatten)]
    pub draft: PinDraft,
}

impl Pin {
    /// Whether it was there at that time.
    pub(super) fn existed(&self, at_ms: i64) -> bool {
        self.created_at_ms <= at_ms && self.deleted_at_ms.is_none_or(|deleted_at_ms| deleted_at_ms > at_ms)
    }
}

/// A Pin that will be committed at `at_ms`, whether or not anybody still waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPin {
    pub plan: u64,
    pub at_ms: i64,
    pub account: AccountIndex,
    pub draft: PinDraft,
}

impl World {
    /// Commits a Pin. Identical Pins are not recognised as such, as with Pinterest.
    pub fn create_pin(&mut self, now_ms: i64, caller: Caller, draft: PinDraft) -> Result<&Pin, ApiError> {
        self.check_draft(caller, &draft)?;
        self.commit_pin(now_ms, caller.account, draft, None);
        self.pins.last().ok_or(errors::PIN_NOT_FOUND)
    }

    /// Accepts a Pin now and commits it at `at_ms`; `settle` does so when that time has come.
    pub fn plan_pin(&mut self, at_ms: i64, caller: Caller, draft: PinDraft) -> Result<(), ApiError> {
        self.check_draft(caller, &draft)?;
        let planned = PlannedPin { plan: self.next_plan, at_ms, account: caller.account, draft };
        self.commit(Event::PinPlanned { planned });
        Ok(())
    }

    /// Commits every planned Pin whose time has come, each at its own time. Call it before looking at the world.
    pub fn settle(&mut self, now_ms: i64) {
        while let Some((&(at_ms, plan), _)) = self.planned.first_key_value() {
            if at_ms > now_ms {
                return;
            }
            if let Some(planned) = self.planned.remove(&(at_ms, plan)) {
                self.commit_pin(at_ms, planned.account, planned.draft, Some(plan));
            }
        }
    }

    /// When the next planned Pin is due, in Unix milliseconds.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.planned.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    fn commit_pin(&mut self, now_ms: i64, account: AccountIndex, draft: PinDraft, plan: Option<u64>) {
        let pin = Pin { id: ids::pin_id(self.pins.len()), account, created_at_ms: now_ms, deleted_at_ms: None, draft };
        self.commit(Event::PinCreated { pin, plan });
    }

    fn check_draft(&self, caller: Caller, draft: &PinDraft) -> Result<(), ApiError> {
        let board = self.find_board(&draft.board_id).ok_or(errors::PIN_BOARD_NOT_FOUND)?;
        if board.account != caller.account {
            return Err(errors::NOT_PERMITTED);
        }
        if board.privacy == Privacy::Secret {
            caller.require(Scopes::of(&[scopes::PINS_WRITE_SECRET]))?;
        }
        // No sections exist yet, so none can be found.
        match draft.board_section_id {
            Some(_) => Err(errors::PIN_SECTION_NOT_FOUND),
            None => Ok(()),
        }
    }

    pub fn pin(&self, caller: Caller, id: &str) -> Result<&Pin, ApiError> {
        let pin = self.living_pin(id).ok_or(errors::PIN_NOT_FOUND)?;
        if pin.account == caller.account && self.may_see_pin(caller, pin) {
            Ok(pin)
        } else {
            Err(errors::NOT_PERMITTED)
        }
    }

    pub fn delete_pin(&mut self, now_ms: i64, caller: Caller, id: &str) -> Result<(), ApiError> {
        let pin = self.living_pin(id).ok_or(errors::PIN_DELETE_NOT_FOUND)?;
        if pin.account != caller.account {
            return Err(errors::PIN_DELETE_NOT_AUTHORIZED);
        }
        self.commit(Event::PinDeleted { id: id.to_owned(), at_ms: now_ms });
        Ok(())
    }

    /// Pins of one of the caller's boards, newest first.
    pub fn list_board_pins(&self, caller: Caller, id: &str, request: PageRequest) -> Result<Page<&Pin>, ApiError> {
        let board = self.board(caller, id)?;
        self.list_pins_of(caller, &board.pins, &board.id, request)
    }

    /// Pins of the caller on all boards, newest first.
    pub fn list_pins(&self, caller: Caller, request: PageRequest) -> Result<Page<&Pin>, ApiError> {
        let account = self.account(caller.account).ok_or(errors::AUTHENTICATION_FAILED)?;
        self.list_pins_of(caller, &account.pins, "pins", request)
    }

    fn list_pins_of(
        &self,
        caller: Caller,
        ordinals: &[usize],
        list: &str,
        request: PageRequest,
    ) -> Result<Page<&Pin>, ApiError> {
        let before = Cursor::decode(request.bookmark.as_deref(), list)?;
        Ok(Page::newest_first(ordinals, before, request.size, list, |ordinal| {
            self.pins.get(ordinal).filter(|pin| pin.existed(request.as_of_ms) && self.may_see_pin(caller, pin))
        }))
    }

    /// Every Pin ever committed, deleted ones too, in the order of the commits.
    pub fn every_pin(&self) -> &[Pin] {
        &self.pins
    }

    fn living_pin(&self, id: &str) -> Option<&Pin> {
        self.pin_ordinals.get(id).and_then(|ordinal| self.pins.get(*ordinal)).filter(|pin| pin.deleted_at_ms.is_none())
    }

    /// Pins on secret boards take a scope of their own.
    fn may_see_pin(&self, caller: Caller, pin: &Pin) -> bool {
        caller.scopes.contains(scopes::PINS_READ_SECRET)
            || self.find_board(&pin.draft.board_id).is_some_and(|board| board.privacy != Privacy::Secret)
    }
}
