//! Stores what was said about an attempt of a pin, by whoever was told it: a publisher, or a reading of the board.

use crate::context::Context;
use crate::domain::pin::Pin;
use crate::domain::pin::said::Said;

/// Nothing depends on the words, so a failure is only logged.
pub async fn store_said(context: &Context, pin: &Pin, said: &Said) {
    if let Err(error) = context.store.put_said(pin, said).await {
        tracing::warn!(
            workspace_id = %pin.key.workspace, pin_id = %pin.key.pin, %error, "upstream message not stored"
        );
    }
}
