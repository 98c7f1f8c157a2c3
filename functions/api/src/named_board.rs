//! The board that a request named: part of what is answered about pins, and of the errors of a name.

use schemars::JsonSchema;
use serde::Serialize;

/// A board that a request named.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NamedBoard {
    pub id: String,
    pub name: String,
}
