//! How an endpoint stands: how often it failed in a row, and when its next turn is.

use super::super::time::Moment;

/// The state of an endpoint. The row doesn't exist while the endpoint has never failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Counts the writes of this row; 0 is the row that doesn't exist yet.
    pub rev: u64,
    /// Names the last write.
    pub nonce: String,
    /// How many tries in a row have failed.
    pub failures: u32,
    /// When the first of them failed.
    pub failing_since: Option<Moment>,
    /// No request is sent before this time.
    pub held_until: Option<Moment>,
    /// When waiting deliveries are sent next. A turn for another time is void.
    pub turn_at: Option<Moment>,
}
