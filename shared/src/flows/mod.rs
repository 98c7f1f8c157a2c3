//! The use cases: each a verb, each over the [ports](crate::ports) only.

pub mod accept;
pub mod accounts;
pub mod activity;
pub mod boards;
pub mod dead_letters;
pub mod dispatch;
pub mod imports;
pub mod pacing;
pub mod pins;
pub mod publish;
pub mod reconcile;
pub mod schedules;
pub mod stats;
pub mod tenants;
