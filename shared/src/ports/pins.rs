//! Pins, their attempt rows, and the rows by which pins of the same content are found.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::time::Moment;

/// Pins that are settled together: `TransactWriteItems` takes a hundred writes, and each row has at most some kilobytes.
pub const SAVED_TOGETHER_MAX: usize = 50;

/// Pins, their attempt rows, and the rows by which pins of the same content are found. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait Pins: Send + Sync {
    /// Writes the pin unless its id is taken.
    async fn put_pin(&self, pin: &Pin) -> PortResult<Write<Box<Pin>>>;
    /// Consistent reads, in the order of the keys; a pin nobody has touched has [`Attempt::untouched`]'s state.
    async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>>;
    /// Writes the attempt row if the stored one still has the revision before `next.rev`.
    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>>;
    /// The same for several pins (at most [`SAVED_TOGETHER_MAX`]) in one transaction: all, or none and `false`.
    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<bool>;
    /// Writes a pin's row, changed or hidden, and its attempt row in one transaction: both, if the stored attempt row still
    /// has the revision before `next.rev` and nobody has hidden the pin, or none and `false`.
    async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<bool>;
    /// Hides the pin as its `hidden_at` says, and nothing else of it; one that is hidden or gone stays so.
    async fn hide_pin(&self, pin: &Pin) -> PortResult<()>;
    async fn put_sibling(
        &self,
        account: AccountKey,
        content_hash: &str,
        pin: PinId,
        expires_at: Moment,
    ) -> PortResult<()>;
    /// The pins of the same content, read consistently.
    async fn siblings(&self, account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>>;
    /// Some of them, up to `limit`, the very newest perhaps not yet.
    async fn first_siblings(&self, account: AccountKey, content_hash: &str, limit: usize) -> PortResult<Vec<PinId>>;
    /// The first pins, oldest first, that were created after `after` (pins of one moment in the order of their ids) and not
    /// after `by`; eventually consistent.
    async fn listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>>;
    /// The same of deleted pins.
    async fn deleted_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>>;
}
