//! The dashboard, and the rollups behind it.
//!
//! Read [`roll_up`] first, which writes the rollups; [`dashboard`] reads them.

pub mod dashboard;
pub mod dashboard_counts;
pub mod roll_up;
pub mod unrolled;
