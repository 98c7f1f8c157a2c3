//! Port: Pinterest's boards. API users manage them through pinbridge, and a pin's board is looked up with it before the
//! pin is accepted. The publisher and the reconciler don't use this port.

use async_trait::async_trait;

use super::pinterest::ReadFailure;
use crate::domain::account::board::{Board, BoardChange, BoardDraft, BoardPages, RelatedTerms, Section};
use crate::domain::secret::Secret;

/// Boards, their sections, and keyword suggestions.
///
/// A write whose answer was lost fails as [`OutcomeUnknown`](crate::domain::pin::failure::Failure::OutcomeUnknown): it
/// may have taken effect. With any other failure, it has not.
#[async_trait]
pub trait Boards: Send + Sync {
    /// The boards that the user owns or collaborates on.
    async fn boards(&self, token: &Secret) -> Result<BoardPages, ReadFailure>;
    /// One board by its id; `BoardNotFound` when Pinterest doesn't show it to the user.
    async fn board(&self, token: &Secret, board_id: &str) -> Result<Board, ReadFailure>;
    /// Creates a board for the user.
    async fn create_board(&self, token: &Secret, draft: &BoardDraft) -> Result<Board, ReadFailure>;
    /// Changes the given fields of the board.
    async fn update_board(&self, token: &Secret, board_id: &str, change: &BoardChange) -> Result<Board, ReadFailure>;
    /// Deletes the board with every Pin on it.
    async fn delete_board(&self, token: &Secret, board_id: &str) -> Result<(), ReadFailure>;
    /// All sections of the board.
    async fn sections(&self, token: &Secret, board_id: &str) -> Result<Vec<Section>, ReadFailure>;
    /// Creates a section in the board.
    async fn create_section(&self, token: &Secret, board_id: &str, name: &str) -> Result<Section, ReadFailure>;
    /// The terms that Pinterest relates to the given ones.
    async fn related_terms(&self, token: &Secret, terms: &[String]) -> Result<RelatedTerms, ReadFailure>;
}
