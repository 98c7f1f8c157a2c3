//! The use cases: each a verb, each over the [ports](crate::ports) only.

pub mod accept_pin;
pub mod backlog;
pub mod connect;
pub mod daily_budget;
pub mod dispatch;
pub mod publish_pin;
pub mod rate_meter;
pub mod read_boards;
pub mod read_pins;
pub mod reconcile;
pub mod release_backlog;
mod settle;
pub mod watchdog;
