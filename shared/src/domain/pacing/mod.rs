//! How fast an account publishes: the token bucket, its pace, the backlog, and the daily budget.

pub mod backlog;
pub mod bucket;
pub mod budget;
pub mod pace;
pub mod pacer;
