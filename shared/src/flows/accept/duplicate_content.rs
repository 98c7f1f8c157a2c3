//! Finds pins of the same content that were requested shortly before: same account, board, title, link and image.
//!
//! This is a courtesy, not a guarantee: two requests at the same moment don't see each other, and of many pins of the
//! same content only some are compared. It costs reads only.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use crate::context::Context;
use crate::domain::ids::{AccountKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::idempotency::{content_hashes_to_read, is_same_content, is_same_picture};
use crate::domain::pin::{Pin, PinRequest};
use crate::domain::time::{DAY_MS, Moment};
use crate::ports::PortResult;

/// How far back pins are compared.
pub const WITHIN_MS: i64 = DAY_MS;
/// At most this many pins of the same board, title and link are compared.
pub const COMPARED_MAX: usize = 100;

/// A pin of the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub pin: PinId,
    pub created_at: Moment,
    pub status: Status,
}

/// Returns the newest other pin of this content, except pins that failed or were deleted. `own` is the id of the
/// request's own pin.
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
    let hashes = content_hashes_to_read(request);
    let reads = hashes.iter().map(|hash| context.store.first_siblings(account, hash, COMPARED_MAX));
    let siblings: BTreeSet<PinId> = try_join_all(reads).await?.into_iter().flatten().collect();
    let keys: Vec<PinKey> =
        siblings.into_iter().filter(|pin| *pin != own).map(|pin| PinKey { workspace, pin }).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let since = context.system.now().plus_ms(-WITHIN_MS);
    let is_duplicate = |(pin, attempt): &(Pin, Attempt)| {
        pin.hidden_at.is_none()
            && pin.created_at >= since
            && attempt.status != Status::Failed
            // The sibling rows of a pin's content from before an edit lead here too.
            && pin.request.account == request.account
            && is_same_content(&pin.request, request)
            && is_same_picture(&pin.request, request)
    };
    let found = context.store.pins(&keys).await?.into_iter().flatten().filter(is_duplicate);
    let newest = found.max_by_key(|(pin, _)| (pin.created_at, pin.key.pin));
    Ok(newest.map(|(pin, attempt)| Duplicate { pin: pin.key.pin, created_at: pin.created_at, status: attempt.status }))
}
