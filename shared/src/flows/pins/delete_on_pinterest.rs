//! Deletes a published pin's Pin on Pinterest.

use crate::context::Context;
use crate::domain::account::PINS_WRITE;
use crate::domain::pin::Pin;
use crate::flows::accounts::with_token::{CallError, with_token_to_write};

/// Deletes the Pin. A Pin that doesn't exist any more counts as deleted.
///
/// # Errors
/// When the account can't be used, the account has no token for a write, Pinterest refuses, or a port is unavailable.
pub async fn delete_on_pinterest(context: &Context, pin: &Pin, pinterest_pin_id: &str) -> Result<(), CallError> {
    let delete = |token| async move { context.pinterest.delete_pin(&token, pinterest_pin_id).await };
    with_token_to_write(context, pin.account_key(), &[PINS_WRITE], delete).await
}
