//! A Pin on the board that could be a pin's, for a person to choose from.

use crate::domain::time::Moment;

/// Of the Pins that could be an attempt's, this many are kept.
pub const CANDIDATES_MAX: usize = 10;

/// A Pin on the board that could be an attempt's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub pinterest_pin_id: String,
    /// `None`: the board didn't show it.
    pub created_at: Option<Moment>,
}
