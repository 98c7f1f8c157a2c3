//! Port: the stored checks of boards, and the boards of accounts as last listed.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::account::board_check::BoardCheck;
use crate::domain::account::board_list::BoardList;
use crate::domain::ids::{AccountKey, BoardKey};
use crate::domain::time::Moment;

/// The claim of one process to list an account's boards, so that of many at once only one asks Pinterest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingClaim {
    pub at: Moment,
    /// The claim is made unless there is one after this.
    pub unless_after: Moment,
    /// Identifies the write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

/// The boards' checks and lists, in the store's table: a cache, whose rows expire.
#[async_trait]
pub trait BoardChecks: Send + Sync {
    /// The last check of the board; `None` when there is none. Eventually consistent.
    async fn board_check(&self, board: &BoardKey) -> PortResult<Option<BoardCheck>>;
    /// Writes the check over any earlier one.
    async fn save_board_check(&self, board: &BoardKey, check: &BoardCheck) -> PortResult<()>;
    /// The account's boards as last listed; `None` when they were never listed. Eventually consistent, unless
    /// `is_consistent`.
    async fn board_list(&self, account: AccountKey, is_consistent: bool) -> PortResult<Option<BoardList>>;
    /// Writes the list if the stored one has the revision before `next.rev` (for 1: if none is stored).
    async fn save_board_list(&self, account: AccountKey, next: &BoardList) -> PortResult<Write<()>>;
    /// Claims the listing of the account's boards. A conflict has the time of the claim that counts.
    async fn claim_board_listing(&self, account: AccountKey, claim: &ListingClaim)
    -> PortResult<Write<Option<Moment>>>;
}
