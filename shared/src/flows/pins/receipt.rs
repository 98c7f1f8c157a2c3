//! The receipt of a pin: what its rows show of it, and the signature over what the API says of it.

use serde::Serialize;

use super::read_pins::PinView;
use crate::context::Context;
use crate::domain::jws;
use crate::domain::pin::receipt::Receipt;
use crate::ports::{PortError, PortResult};

/// A signed receipt, and the id of the key that signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub receipt: String,
    pub kid: String,
}

/// What the pin's rows show.
pub fn of_pin(context: &Context, view: &PinView) -> Receipt {
    Receipt::of(&view.pin, &view.attempt, context.settings.deadlines.quiesce_ms)
}

/// Signs the claims as they are serialised.
///
/// # Errors
/// When the keys are unavailable, or can't sign.
pub async fn sign<T: Serialize + Sync>(context: &Context, claims: &T) -> PortResult<Signed> {
    let broken = |reason: &str| PortError::Broken { port: "receipt keys", reason: reason.into() };
    let payload = serde_json::to_vec(claims).map_err(|_| broken("a receipt could not be written"))?;
    let key = context.receipt_keys.signing().await?;
    let receipt = jws::sign(&key, &payload).map_err(|_| broken("a receipt could not be signed"))?;
    Ok(Signed { receipt, kid: key.public.kid })
}
