//! Boards whose writes are counted with the creates.

use std::sync::Arc;

use async_trait::async_trait;
use pinbridge_shared::domain::account::board::{Board, BoardChange, BoardDraft, BoardPages, RelatedTerms, Section};
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::ports::{Boards, ReadFailure};
use pinbridge_shared::testing::fake_boards::FakeBoards;

use super::Provider;

/// Boards whose writes are counted with the creates. What they say is the fake's.
pub struct CountedBoards {
    pub provider: Arc<Provider>,
    pub inner: FakeBoards,
}

impl CountedBoards {
    fn sends(&self, token: &Secret) {
        if let Some(account) = self.provider.account_name(token) {
            self.provider.sends(account);
        }
    }
}

#[async_trait]
impl Boards for CountedBoards {
    async fn boards(&self, token: &Secret) -> Result<BoardPages, ReadFailure> {
        self.inner.boards(token).await
    }

    async fn board(&self, token: &Secret, board_id: &str) -> Result<Board, ReadFailure> {
        self.inner.board(token, board_id).await
    }

    async fn create_board(&self, token: &Secret, draft: &BoardDraft) -> Result<Board, ReadFailure> {
        self.sends(token);
        self.inner.create_board(token, draft).await
    }

    async fn update_board(&self, token: &Secret, board_id: &str, change: &BoardChange) -> Result<Board, ReadFailure> {
        self.sends(token);
        self.inner.update_board(token, board_id, change).await
    }

    async fn delete_board(&self, token: &Secret, board_id: &str) -> Result<(), ReadFailure> {
        self.sends(token);
        self.inner.delete_board(token, board_id).await
    }

    async fn sections(&self, token: &Secret, board_id: &str) -> Result<Vec<Section>, ReadFailure> {
        self.inner.sections(token, board_id).await
    }

    async fn create_section(&self, token: &Secret, board_id: &str, name: &str) -> Result<Section, ReadFailure> {
        self.sends(token);
        self.provider.limits_own_write()?;
        self.inner.create_section(token, board_id, name).await
    }

    async fn related_terms(&self, token: &Secret, terms: &[String]) -> Result<RelatedTerms, ReadFailure> {
        self.inner.related_terms(token, terms).await
    }
}
