//! Port: Pinterest's boards. API users manage them through pinbridge; publishing doesn't use this port.

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
    async fn board(&self, token: &Secret, board_id: &str) -> Result<Board, ReadFailure>;
    async fn create_board(&self, token: &Secret, draft: &BoardDraft) -> Result<Board, ReadFailure>;
    async fn update_board(&self, token: &Secret, board_id: &str, change: &BoardChange) -> Result<Board, ReadFailure>;
    /// Deletes the board with every Pin on it.
    async fn delete_board(&self, token: &Secret, board_id: &str) -> Result<(), ReadFailure>;
    async fn sections(&self, token: &Secret, board_id: &str) -> Result<Vec<Section>, ReadFailure>;
    async fn create_section(&self, token: &Secret, board_id: &str, name: &str) -> Result<Section, ReadFailure>;
    async fn related_terms(&self, token: &Secret, terms: &[String]) -> Result<RelatedTerms, ReadFailure>;
}
