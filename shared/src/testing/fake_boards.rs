//! Boards in memory: one user's boards, visible to every valid token.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::fake_oauth::FakeOAuth;
use super::gate::{Gate, around};
use crate::domain::account::board::{
    Board, BoardChange, BoardDraft, BoardPages, Privacy, RelatedTerms, RelatedTo, Section,
};
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::secret::Secret;
use crate::ports::{Boards, PortError, PortResult, ReadFailure};

const FIRST_ID: u64 = 700_000_000_000_000_001;

#[derive(Default)]
struct State {
    boards: Vec<Board>,
    sections: Vec<(String, Section)>,
    /// How many ids were assigned.
    serial: u64,
    failures: VecDeque<ReadFailure>,
    tokens: Vec<Secret>,
    /// How often the boards were listed.
    listings: usize,
    /// Whether there are more boards than a list shows.
    is_cut: bool,
}

pub struct FakeBoards {
    gate: Arc<dyn Gate>,
    oauth: Arc<FakeOAuth>,
    state: Mutex<State>,
}

impl FakeBoards {
    pub fn new(gate: Arc<dyn Gate>, oauth: Arc<FakeOAuth>) -> Self {
        Self { gate, oauth, state: Mutex::default() }
    }

    /// Makes the coming calls fail with these failures.
    pub fn fail_next(&self, failures: impl IntoIterator<Item = ReadFailure>) {
        self.state().failures.extend(failures);
    }

    /// Adds a board; returns its id.
    pub fn add(&self, name: &str) -> String {
        let draft = BoardDraft { name: name.into(), description: None, privacy: None };
        self.state().create(&draft).id
    }

    /// Adds a board with this id, unless there is one.
    pub fn insert(&self, id: &str) {
        if self.state().boards.iter().any(|board| board.id == id) {
            return;
        }
        let board = Board { id: id.into(), name: format!("Board {id}"), description: None, privacy: None };
        self.state().boards.push(board);
    }

    /// Removes a board, as its owner does on Pinterest.
    pub fn remove(&self, id: &str) {
        self.state().boards.retain(|board| board.id != id);
    }

    /// How often the boards were listed.
    pub fn listings(&self) -> usize {
        self.state().listings
    }

    /// Lets lists end early from now on.
    pub fn cut_lists(&self) {
        self.state().is_cut = true;
    }

    /// The token of every call, in order.
    pub fn tokens(&self) -> Vec<Secret> {
        self.state().tokens.clone()
    }

    async fn call<T: Send>(
        &self,
        name: &'static str,
        token: &Secret,
        effect: impl Fn(&mut State) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, ReadFailure> {
        let answer = || -> PortResult<Result<T, ReadFailure>> {
            let mut state = self.state();
            state.tokens.push(token.clone());
            if let Some((_, false)) = self.oauth.accepts(token) {
                return Ok(Err(refused(Failure::TokenRevoked)));
            }
            Ok(match state.failures.pop_front() {
                Some(failure) => Err(failure),
                None => effect(&mut state).map_err(refused),
            })
        };
        around(&*self.gate, name, answer).await.map_err(unreachable)?
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_id(&mut self) -> String {
        self.serial += 1;
        (FIRST_ID + self.serial).to_string()
    }

    fn create(&mut self, draft: &BoardDraft) -> Board {
        let board = Board {
            id: self.next_id(),
            name: draft.name.clone(),
            description: draft.description.clone(),
            privacy: Some(draft.privacy.unwrap_or(Privacy::Public).name().to_owned()),
        };
        self.boards.push(board.clone());
        board
    }

    fn board(&mut self, id: &str) -> Result<&mut Board, Failure> {
        self.boards.iter_mut().find(|board| board.id == id).ok_or(Failure::BoardNotFound)
    }
}

/// A refusal without further information.
pub fn refused(failure: Failure) -> ReadFailure {
    ReadFailure { failure, upstream: Upstream::default(), retry_after_ms: None }
}

fn unreachable(_: PortError) -> ReadFailure {
    refused(Failure::PinterestUnreachable)
}

#[async_trait]
impl Boards for FakeBoards {
    async fn boards(&self, token: &Secret) -> Result<BoardPages, ReadFailure> {
        let pages = |state: &mut State| {
            state.listings += 1;
            Ok(BoardPages { boards: state.boards.clone(), is_whole: !state.is_cut })
        };
        self.call("boards.boards", token, pages).await
    }

    async fn board(&self, token: &Secret, board_id: &str) -> Result<Board, ReadFailure> {
        self.call("boards.board", token, |state| state.board(board_id).cloned()).await
    }

    async fn create_board(&self, token: &Secret, draft: &BoardDraft) -> Result<Board, ReadFailure> {
        let create = |state: &mut State| {
            if state.boards.iter().any(|board| board.name == draft.name) {
                return Err(Failure::InvalidRequest);
            }
            Ok(state.create(draft))
        };
        self.call("boards.create_board", token, create).await
    }

    async fn update_board(&self, token: &Secret, board_id: &str, change: &BoardChange) -> Result<Board, ReadFailure> {
        let update = |state: &mut State| {
            let board = state.board(board_id)?;
            if let Some(name) = &change.name {
                board.name.clone_from(name);
            }
            if let Some(description) = &change.description {
                board.description = Some(description.clone());
            }
            if let Some(privacy) = change.privacy {
                board.privacy = Some(privacy.name().to_owned());
            }
            Ok(board.clone())
        };
        self.call("boards.update_board", token, update).await
    }

    async fn delete_board(&self, token: &Secret, board_id: &str) -> Result<(), ReadFailure> {
        let delete = |state: &mut State| {
            state.board(board_id)?;
            state.boards.retain(|board| board.id != board_id);
            Ok(())
        };
        self.call("boards.delete_board", token, delete).await
    }

    async fn sections(&self, token: &Secret, board_id: &str) -> Result<Vec<Section>, ReadFailure> {
        let list = |state: &mut State| {
            state.board(board_id)?;
            let of_board = state.sections.iter().filter(|(board, _)| board == board_id);
            Ok(of_board.map(|(_, section)| section.clone()).collect())
        };
        self.call("boards.sections", token, list).await
    }

    async fn create_section(&self, token: &Secret, board_id: &str, name: &str) -> Result<Section, ReadFailure> {
        let create = |state: &mut State| {
            state.board(board_id)?;
            let section = Section { id: state.next_id(), name: name.to_owned() };
            state.sections.push((board_id.to_owned(), section.clone()));
            Ok(section)
        };
        self.call("boards.create_section", token, create).await
    }

    async fn related_terms(&self, token: &Secret, terms: &[String]) -> Result<RelatedTerms, ReadFailure> {
        let relate = |_: &mut State| {
            let group = |term: &String| RelatedTo { term: term.clone(), related: vec![format!("{term} ideas")] };
            Ok(RelatedTerms { id: terms.first().cloned(), groups: terms.iter().map(group).collect() })
        };
        self.call("boards.related_terms", token, relate).await
    }
}
