//! The dashboard and the rollup behind it.

pub mod dashboard;
pub mod dashboard_counts;
pub mod roll_up;
