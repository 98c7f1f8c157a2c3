//! When an account may publish next.

pub mod budget_left;
pub mod forecast;
pub mod headroom;
pub mod join_backlog;
pub mod rate_meter;
pub mod release_hold;
pub mod spend_budget;
