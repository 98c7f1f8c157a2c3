//! Resolving unknown outcomes: the work of the function `reconciler`.

pub mod check_duplicate;
pub mod plan_duplicate_check;
pub mod plan_reconciliation;
pub mod read_board;
pub mod reconcile_board;
pub mod register_unresolved;
pub mod resolve_outcomes;
