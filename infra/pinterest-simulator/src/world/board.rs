//! Boards.

use serde::{Deserialize, Serialize};

use super::account::{AccountIndex, Caller};
use super::event::Event;
use super::page::{Cursor, Page, PageRequest};
use super::scopes::{self, Scopes};
use super::{World, ids};
use crate::errors::{self, ApiError};
use crate::limits;

/// Who can see a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Privacy {
    Public,
    Protected,
    Secret,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Board {
    pub id: String,
    pub account: AccountIndex,
    pub name: String,
    pub description: Option<String>,
    pub privacy: Privacy,
    pub created_at_ms: i64,
    /// Ordinals of its Pins, oldest first. Rebuilt from the events, as are the fields below.
    #[serde(skip)]
    pub(super) pins: Vec<usize>,
    /// Ordinals of its sections, oldest first.
    #[serde(skip)]
    pub(super) sections: Vec<usize>,
    #[serde(skip)]
    pub(super) deleted: bool,
    /// Pins that are not deleted.
    #[serde(skip)]
    pub pin_count: usize,
    /// When a Pin was last added or deleted.
    #[serde(skip)]
    pub pins_modified_at_ms: Option<i64>,
}

impl Board {
    pub(super) fn new(id: String, account: AccountIndex, draft: BoardDraft, created_at_ms: i64) -> Self {
        Self {
            id,
            account,
            name: draft.name,
            description: draft.description,
            privacy: draft.privacy,
            created_at_ms,
            pins: Vec::new(),
            sections: Vec::new(),
            deleted: false,
            pin_count: 0,
            pins_modified_at_ms: None,
        }
    }
}

/// The properties of a board that its owner can choose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BoardDraft {
    pub name: String,
    pub description: Option<String>,
    pub privacy: Privacy,
}

impl World {
    pub fn create_board(&mut self, now_ms: i64, caller: Caller, draft: BoardDraft) -> Result<&Board, ApiError> {
        if draft.privacy == Privacy::Secret {
            caller.require(Scopes::of(&[scopes::BOARDS_WRITE_SECRET]))?;
        }
        if !self.may_be_named(caller.account, &draft.name, None) {
            return Err(errors::BOARD_INVALID_OR_DUPLICATED);
        }
        let board = Board::new(ids::board_id(self.boards.len()), caller.account, draft, now_ms);
        let id = board.id.clone();
        self.commit(Event::BoardCreated { board });
        self.board(caller, &id)
    }

    /// Whether the name is valid, and the account has no other board (than `itself`) of that name.
    pub(super) fn may_be_named(&self, account: AccountIndex, name: &str, itself: Option<&str>) -> bool {
        let mut others = self.boards_of(account).filter(|board| Some(board.id.as_str()) != itself);
        !name.trim().is_empty()
            && name.chars().count() <= limits::MAX_BOARD_NAME_CHARS
            && !others.any(|board| board.name.eq_ignore_ascii_case(name))
    }

    /// A board of the caller. Another account's board is not found, nor is a secret board without the scope for it.
    pub fn board(&self, caller: Caller, id: &str) -> Result<&Board, ApiError> {
        self.find_board(id)
            .filter(|board| board.account == caller.account && may_see(caller, board))
            .ok_or(errors::BOARD_NOT_FOUND)
    }

    /// The caller's boards, newest first; `wanted` filters by privacy.
    pub fn list_boards(
        &self,
        caller: Caller,
        wanted: impl Fn(Privacy) -> bool,
        request: PageRequest,
    ) -> Result<Page<&Board>, ApiError> {
        let before = Cursor::decode(request.bookmark.as_deref(), "boards")?;
        let Some(account) = self.accounts.get(caller.account) else {
            return Err(errors::AUTHENTICATION_FAILED);
        };
        let page = Page::newest_first(&account.boards, before, request.size, "boards", |ordinal| {
            self.boards.get(ordinal).filter(|board| !board.deleted && may_see(caller, board) && wanted(board.privacy))
        });
        Ok(page)
    }

    /// A board of any account, unless it is deleted.
    pub fn find_board(&self, id: &str) -> Option<&Board> {
        self.board_record(id).filter(|board| !board.deleted)
    }

    /// A board, deleted or not.
    pub(super) fn board_record(&self, id: &str) -> Option<&Board> {
        self.board_ordinals.get(id).and_then(|ordinal| self.boards.get(*ordinal))
    }

    pub(super) fn board_mut(&mut self, id: &str) -> Option<&mut Board> {
        self.board_ordinals.get(id).and_then(|ordinal| self.boards.get_mut(*ordinal))
    }

    /// Boards of one account, oldest first.
    pub fn boards_of(&self, account: AccountIndex) -> impl Iterator<Item = &Board> {
        self.accounts
            .get(account)
            .into_iter()
            .flat_map(|account| &account.boards)
            .filter_map(|ordinal| self.boards.get(*ordinal))
            .filter(|board| !board.deleted)
    }

    pub(super) fn add_board(&mut self, board: Board) {
        let ordinal = self.boards.len();
        self.board_ordinals.insert(board.id.clone(), ordinal);
        if let Some(account) = self.accounts.get_mut(board.account) {
            account.boards.push(ordinal);
        }
        self.boards.push(board);
    }
}

fn may_see(caller: Caller, board: &Board) -> bool {
    board.privacy != Privacy::Secret || caller.scopes.contains(scopes::BOARDS_READ_SECRET)
}
