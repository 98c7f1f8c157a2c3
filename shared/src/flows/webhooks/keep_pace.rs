//! Waits until an endpoint may be sent another request. The pace is that of this instance: each sends at its own.

use super::deliver_one::SEND_NEEDS_MS;
use crate::context::Context;
use crate::domain::webhook::destination::Destination;
use crate::domain::webhook::endpoint::EndpointKey;

/// Waits for the endpoint's next slot; returns `false` at once if a request then would not end before `ends_at_ms` of
/// the monotonic clock. A destination of the stack has no pace.
pub(super) async fn keep_pace(context: &Context, key: EndpointKey, ends_at_ms: i64) -> bool {
    let (now_ms, latest_ms) = (context.system.monotonic_ms(), ends_at_ms - SEND_NEEDS_MS);
    if Destination::of(key.endpoint).is_some() {
        return now_ms <= latest_ms;
    }
    let Some(slot_ms) = context.lane(key).slot(now_ms, latest_ms) else { return false };
    if slot_ms > now_ms {
        context.system.sleep_ms(slot_ms - now_ms).await;
    }
    true
}
