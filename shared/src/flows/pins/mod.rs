//! Pins as API clients see them: read, list, edit, delete, retry, decide, and their receipts.
//!
//! Read [`read_pins`] first; each other file is one operation.

pub mod accounts_now;
pub mod delete_on_pinterest;
pub mod delete_pin;
pub mod edit_pin;
pub mod list_pins;
pub mod name_actors;
pub mod read_pins;
pub mod receipt;
pub mod resolve_pin;
pub mod retry_pin;
pub mod search;
pub mod unfinished;
