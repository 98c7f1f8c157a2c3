//! [`Boards`] of a simulated account: the fixed ones, and those that the account has added.

use async_trait::async_trait;

use super::{Sandbox, refused, simulated, unreachable};
use crate::domain::account::board::{Board, BoardChange, BoardDraft, BoardPages, RelatedTerms, RelatedTo, Section};
use crate::domain::pin::failure::Failure;
use crate::domain::sandbox::{SimulatedAccount, SimulatedToken, is_fixed_board};
use crate::domain::secret::Secret;
use crate::ports::{Boards, ReadFailure};

impl Sandbox {
    async fn write<T>(
        &self,
        token: SimulatedToken,
        change: impl Fn(&mut SimulatedAccount) -> Result<T, ReadFailure>,
    ) -> Result<T, ReadFailure> {
        let guarded = |account: &mut SimulatedAccount| match account.refusal(token) {
            Some(failure) => Err(refused(failure)),
            None => change(account),
        };
        self.change(token.account, guarded).await.map_err(unreachable)?
    }
}

/// The refusal of an invalid field, in Pinterest's words.
fn invalid(words: &str) -> ReadFailure {
    let mut failure = refused(Failure::InvalidRequest);
    failure.upstream.message = Some(words.to_owned());
    failure
}

/// The refusal for a board that isn't the account's own: one of the fixed ones, or none.
fn not_ones_own(id: &str) -> ReadFailure {
    refused(if is_fixed_board(id) { Failure::BoardAccessDenied } else { Failure::BoardNotFound })
}

fn known(account: &SimulatedAccount, board_id: &str) -> Result<Board, ReadFailure> {
    account.board(board_id).ok_or_else(|| refused(Failure::BoardNotFound))
}

#[async_trait]
impl Boards for Sandbox {
    async fn boards(&self, token: &Secret) -> Result<BoardPages, ReadFailure> {
        match simulated(token) {
            None => self.boards.boards(token).await,
            Some(token) => Ok(BoardPages { boards: self.opened(token).await?.all_boards(), is_whole: true }),
        }
    }

    async fn board(&self, token: &Secret, board_id: &str) -> Result<Board, ReadFailure> {
        match simulated(token) {
            None => self.boards.board(token, board_id).await,
            Some(token) => known(&self.opened(token).await?, board_id),
        }
    }

    async fn create_board(&self, token: &Secret, draft: &BoardDraft) -> Result<Board, ReadFailure> {
        match simulated(token) {
            None => self.boards.create_board(token, draft).await,
            Some(token) => self.write(token, |account| account.add_board(draft).map_err(invalid)).await,
        }
    }

    async fn update_board(&self, token: &Secret, board_id: &str, change: &BoardChange) -> Result<Board, ReadFailure> {
        let Some(token) = simulated(token) else {
            return self.boards.update_board(token, board_id, change).await;
        };
        let update = |account: &mut SimulatedAccount| {
            account.change_board(board_id, change).ok_or_else(|| not_ones_own(board_id))
        };
        self.write(token, update).await
    }

    async fn delete_board(&self, token: &Secret, board_id: &str) -> Result<(), ReadFailure> {
        let Some(token) = simulated(token) else {
            return self.boards.delete_board(token, board_id).await;
        };
        let remove = |account: &mut SimulatedAccount| {
            if account.remove_board(board_id) { Ok(()) } else { Err(not_ones_own(board_id)) }
        };
        self.write(token, remove).await
    }

    async fn sections(&self, token: &Secret, board_id: &str) -> Result<Vec<Section>, ReadFailure> {
        let Some(token) = simulated(token) else {
            return self.boards.sections(token, board_id).await;
        };
        let account = self.opened(token).await?;
        known(&account, board_id).map(|board| account.sections_of(&board.id))
    }

    async fn create_section(&self, token: &Secret, board_id: &str, name: &str) -> Result<Section, ReadFailure> {
        let Some(token) = simulated(token) else {
            return self.boards.create_section(token, board_id, name).await;
        };
        let add = |account: &mut SimulatedAccount| {
            known(account, board_id)?;
            account.add_section(board_id, name).map_err(invalid)
        };
        self.write(token, add).await
    }

    async fn related_terms(&self, token: &Secret, terms: &[String]) -> Result<RelatedTerms, ReadFailure> {
        let Some(token) = simulated(token) else {
            return self.boards.related_terms(token, terms).await;
        };
        self.opened(token).await?;
        let related = |term: &String| ["ideas", "inspiration"].map(|word| format!("{term} {word}")).to_vec();
        let groups = terms.iter().map(|term| RelatedTo { term: term.clone(), related: related(term) }).collect();
        Ok(RelatedTerms { id: terms.first().cloned(), groups })
    }
}
