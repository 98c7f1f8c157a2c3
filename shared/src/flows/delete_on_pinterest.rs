//! Deleting a published pin's Pin on Pinterest.

use super::with_token::{CallError, with_token};
use crate::domain::account::PINS_WRITE;
use crate::domain::pin::Pin;
use crate::ports::World;

/// One that isn't there any more is as good as deleted.
///
/// # Errors
/// When the account can't be used, Pinterest refuses, or a port is unavailable.
pub async fn delete_on_pinterest(world: &World, pin: &Pin, pinterest_pin_id: &str) -> Result<(), CallError> {
    let delete = |token| async move { world.pinterest.delete_pin(&token, pinterest_pin_id).await };
    with_token(world, pin.account_key(), &[PINS_WRITE], delete).await
}
