//! Webhooks: the endpoints of a workspace, and the delivery of events to them.

pub mod deliveries;
pub mod endpoints;
pub mod replay;
