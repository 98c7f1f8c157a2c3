//! Webhooks: the endpoints of a workspace, what is delivered to them, and how they stand.

pub mod address;
pub mod delivery;
pub mod destination;
pub mod endpoint;
pub mod health;
pub mod pace;
pub mod probing;
pub mod replay;
pub mod schedule;
pub mod sending;
pub mod signature;
pub mod slowness;
pub mod verdict;
