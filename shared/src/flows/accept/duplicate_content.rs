//! Whether the same was asked for a short while ago: same account, board, title, link and picture.
//!
//! A courtesy, not a promise: two that are asked for at the same moment don't see each other, and of many pins of one
//! content only some are looked at. It costs reads only.

use crate::context::Context;
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::idempotency::{content_hash, is_same_picture};
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::time::{DAY_MS, Moment};
use crate::ports::PortResult;

/// How far back it looks.
pub const WITHIN_MS: i64 = DAY_MS;
/// So many pins of the same board, title and link are looked at.
pub const COMPARED_MAX: usize = 100;

/// A pin of the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub pin: PinId,
    pub created_at: Moment,
    pub status: Status,
}

/// The newest other pin of this content, but for those that failed or were deleted; `own` is the request's own.
///
/// # Errors
/// When the table is unavailable.
pub async fn find(
    context: &Context,
    workspace: WorkspaceId,
    request: &PinRequest,
    own: PinId,
) -> PortResult<Option<Duplicate>> {
    let account = AccountKey { workspace, account: request.account };
    let hash = content_hash(request);
    let siblings = context.store.first_siblings(account, &hash, COMPARED_MAX).await?;
    let keys: Vec<PinKey> =
        siblings.into_iter().filter(|pin| *pin != own).map(|pin| PinKey { workspace, pin }).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let since = context.system.now().plus_ms(-WITHIN_MS);
    let is_one = |(pin, attempt): &(Pin, Attempt)| {
        pin.hidden_at.is_none()
            && pin.created_at >= since
            && attempt.status != Status::Failed
            // What a pin was before it was edited leads here too.
            && pin.request.account == request.account
            && content_hash(&pin.request) == hash
            && is_same_picture(&pin.request, request)
    };
    let found = context.store.pins(&keys).await?.into_iter().flatten().filter(is_one);
    let newest = found.max_by_key(|(pin, _)| (pin.created_at, pin.key.pin));
    Ok(newest.map(|(pin, attempt)| Duplicate { pin: pin.key.pin, created_at: pin.created_at, status: attempt.status }))
}
