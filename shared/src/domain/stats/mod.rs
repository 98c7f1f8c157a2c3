//! What is counted and recorded: the rollup, the periods and metrics of the dashboard, the activity log.

pub mod activity;
pub mod metrics;
pub mod period;
pub mod rollup;
