//! Port: pins, their attempt rows, and the sibling rows, by which pins with the same content are found.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::said::Said;
use crate::domain::time::Moment;

/// The most pins that are written together: `TransactWriteItems` takes a hundred writes, and each row has at most a few
/// kilobytes.
pub const SAVED_TOGETHER_MAX: usize = 50;

/// Pins, attempt rows and sibling rows, in the table that all [`Store`](super::Store) ports share.
#[async_trait]
pub trait Pins: Send + Sync {
    /// Writes the pin unless its id is taken.
    async fn put_pin(&self, pin: &Pin) -> PortResult<Write<Box<Pin>>>;
    /// The pins in the order of the keys; `None` for a key without a pin. A pin without an attempt row has the state of
    /// [`Attempt::untouched`].
    /// Consistent reads.
    async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>>;
    /// Writes the attempt row if the stored one has the revision before `next.rev`.
    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>>;
    /// The same for several pins (at most [`SAVED_TOGETHER_MAX`]) in one transaction: writes all, or none and
    /// answers a conflict.
    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<Write<()>>;
    /// Writes a pin's row, edited or hidden, and its attempt row in one transaction. Both are written if the stored
    /// attempt row has the revision before `next.rev` and the pin isn't hidden. Otherwise none is written, and the
    /// answer is a conflict.
    async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<()>>;
    /// Sets the pin's `hidden_at` and nothing else. Does nothing if the pin is hidden already or gone.
    async fn hide_pin(&self, pin: &Pin) -> PortResult<()>;
    /// Keeps what was said about an attempt, as long as the pin's other rows.
    async fn put_said(&self, pin: &Pin, said: &Said) -> PortResult<()>;
    /// What was said about the pin's attempts, in their order.
    async fn said(&self, pin: &Pin) -> PortResult<Vec<Said>>;
    /// Records that the pin has content of this hash. The row expires at `expires_at`.
    async fn put_sibling(
        &self,
        account: AccountKey,
        content_hash: &str,
        pin: PinId,
        expires_at: Moment,
    ) -> PortResult<()>;
    /// The pins with the same content. Consistent read.
    async fn siblings(&self, account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>>;
    /// Some of these pins, up to `limit`; the newest ones may be missing.
    async fn first_siblings(&self, account: AccountKey, content_hash: &str, limit: usize) -> PortResult<Vec<PinId>>;
    /// The first pins, oldest first, that were created after `after` (pins of the same moment are ordered by id) and at
    /// or before `by`; eventually consistent.
    async fn listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>>;
    /// The same for deleted pins.
    async fn deleted_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>>;
}
