//! Resolving unknown outcomes: which Pins on a board are ours.

pub mod assignment;
pub mod board_scan;
pub mod duplicate_check;
pub mod equivalence;
pub mod left_behind;
pub mod matching;
