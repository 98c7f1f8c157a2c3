//! Statistics and records: the rollup, the dashboard's periods and metrics, the activity log.

pub mod activity;
pub mod metrics;
pub mod period;
pub mod rollup;
