//! Pins: create, get, list and delete.

use serde::{Deserialize, Serialize};

use super::account::{AccountIndex, Caller};
use super::board::Privacy;
use super::event::Event;
use super::media::Media;
use super::page::{Cursor, Page, PageRequest};
use super::scopes::{self, Scopes};
use super::upload::UploadStatus;
use super::{World, ids};
use crate::errors::{self, ApiError};

/// A requested Pin. Its fields are checked; its board is not.
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
    /// Whether the Pin existed at that time.
    pub(super) fn existed(&self, at_ms: i64) -> bool {
        self.created_at_ms <= at_ms && self.deleted_at_ms.is_none_or(|deleted_at_ms| deleted_at_ms > at_ms)
    }
}

impl World {
    /// Commits a Pin. Identical Pins are not deduplicated; neither does Pinterest.
    pub fn create_pin(&mut self, now_ms: i64, caller: Caller, draft: PinDraft) -> Result<&Pin, ApiError> {
        self.check_draft(now_ms, caller, &draft)?;
        self.commit_pin(now_ms, caller.account, draft, None);
        self.pins.last().ok_or(errors::PIN_NOT_FOUND)
    }

    pub(super) fn commit_pin(&mut self, now_ms: i64, account: AccountIndex, draft: PinDraft, plan: Option<u64>) {
        let pin = Pin { id: ids::pin_id(self.pins.len()), account, created_at_ms: now_ms, deleted_at_ms: None, draft };
        self.commit(Event::PinCreated { pin, plan });
    }

    pub(super) fn check_draft(&self, now_ms: i64, caller: Caller, draft: &PinDraft) -> Result<(), ApiError> {
        let board = self.find_board(&draft.board_id).ok_or(errors::PIN_BOARD_NOT_FOUND)?;
        if board.account != caller.account {
            return Err(errors::NOT_PERMITTED);
        }
        if board.privacy == Privacy::Secret {
            caller.require(Scopes::of(&[scopes::PINS_WRITE_SECRET]))?;
        }
        match &draft.board_section_id {
            Some(id) if self.section(&board.id, id).is_none() => Err(errors::PIN_SECTION_NOT_FOUND),
            _ => self.check_media(now_ms, caller, &draft.media),
        }
    }

    /// A video must be the caller's and successfully processed.
    fn check_media(&self, now_ms: i64, caller: Caller, media: &Media) -> Result<(), ApiError> {
        let Media::VideoId { media_id, .. } = media else {
            return Ok(());
        };
        match self.upload(caller, media_id).map(|upload| upload.status(now_ms)) {
            Ok(UploadStatus::Succeeded) => Ok(()),
            Ok(_) => Err(ApiError::invalid(format!("media upload {media_id} has not succeeded"))),
            Err(_) => Err(ApiError::invalid(format!("there is no media upload {media_id}"))),
        }
    }

    pub fn pin(&self, caller: Caller, id: &str) -> Result<&Pin, ApiError> {
        let pin = self.present_pin(id).ok_or(errors::PIN_NOT_FOUND)?;
        if pin.account == caller.account && self.may_see_pin(caller, pin) {
            Ok(pin)
        } else {
            Err(errors::NOT_PERMITTED)
        }
    }

    pub fn delete_pin(&mut self, now_ms: i64, caller: Caller, id: &str) -> Result<(), ApiError> {
        let pin = self.present_pin(id).ok_or(errors::PIN_DELETE_NOT_FOUND)?;
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

    pub(super) fn list_pins_of(
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

    /// Every Pin ever committed, including deleted ones, in the order of the commits.
    pub fn every_pin(&self) -> &[Pin] {
        &self.pins
    }

    fn present_pin(&self, id: &str) -> Option<&Pin> {
        self.pin_ordinals.get(id).and_then(|ordinal| self.pins.get(*ordinal)).filter(|pin| pin.deleted_at_ms.is_none())
    }

    /// Pins on secret boards need a scope of their own.
    fn may_see_pin(&self, caller: Caller, pin: &Pin) -> bool {
        caller.scopes.contains(scopes::PINS_READ_SECRET)
            || self.board_record(&pin.draft.board_id).is_some_and(|board| board.privacy != Privacy::Secret)
    }

    pub(super) fn add_pin(&mut self, pin: Pin, plan: Option<u64>) {
        if let Some(plan) = plan {
            self.planned.retain(|_, planned| planned.plan != plan);
        }
        let ordinal = self.pins.len();
        self.pin_ordinals.insert(pin.id.clone(), ordinal);
        if let Some(account) = self.accounts.get_mut(pin.account) {
            account.pins.push(ordinal);
            account.pin_count += 1;
        }
        if let Some(board) = self.board_mut(&pin.draft.board_id) {
            board.pins.push(ordinal);
            board.pin_count += 1;
            board.pins_modified_at_ms = Some(pin.created_at_ms);
        }
        if let Some(section) = pin.draft.board_section_id.as_deref().and_then(|id| self.section_mut(id)) {
            section.pins.push(ordinal);
        }
        self.pins.push(pin);
    }

    pub(super) fn mark_deleted(&mut self, id: &str, at_ms: i64) {
        if let Some(ordinal) = self.pin_ordinals.get(id) {
            self.mark_pin_deleted(*ordinal, at_ms);
        }
    }

    /// Marks a Pin as deleted, unless it is deleted already.
    pub(super) fn mark_pin_deleted(&mut self, ordinal: usize, at_ms: i64) {
        let Some(pin) = self.pins.get_mut(ordinal).filter(|pin| pin.deleted_at_ms.is_none()) else {
            return;
        };
        pin.deleted_at_ms = Some(at_ms);
        let (account, board_id) = (pin.account, pin.draft.board_id.clone());
        if let Some(account) = self.accounts.get_mut(account) {
            account.pin_count = account.pin_count.saturating_sub(1);
        }
        if let Some(board) = self.board_mut(&board_id) {
            board.pin_count = board.pin_count.saturating_sub(1);
            board.pins_modified_at_ms = Some(at_ms);
        }
    }
}
