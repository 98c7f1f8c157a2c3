//! Resolves unknown outcomes: the work of the function `reconciler`.
//!
//! Read [`reconcile_board`] first: it reads a board ([`read_board`]) and resolves the board's pins
//! ([`resolve_outcomes`]). [`check_duplicate`] looks for a second Pin of a published pin, a day later.

pub mod check_duplicate;
pub mod plan_duplicate_check;
pub mod plan_reconciliation;
pub mod read_board;
pub mod reconcile_board;
pub mod register_unresolved;
pub mod resolve_outcomes;
