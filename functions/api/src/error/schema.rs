//! The body of every error, as a schema: what [`ApiError::body`](super::ApiError::body) makes.

use schemars::JsonSchema;

/// What went wrong, for three kinds of client: `code` and `message`, the same with a remedy in `error`, and the fields in
/// `detail`.
#[derive(JsonSchema)]
pub struct Error {
    /// Stable: what a program decides by.
    pub code: String,
    /// For a person.
    pub message: String,
    pub error: Explanation,
    /// The same as `error.errors`, where there are any.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<Field>,
}

/// What went wrong, and what to do.
#[derive(JsonSchema)]
pub struct Explanation {
    pub code: String,
    pub message: String,
    /// What to do.
    pub remediation: String,
    /// When to try again.
    pub retry_after_seconds: Option<u64>,
    pub request_id: String,
    /// Every field that is wrong.
    pub errors: Vec<Field>,
}

/// What is wrong with one field.
#[derive(JsonSchema)]
pub struct Field {
    /// Where: `["body", "title"]`.
    pub loc: Vec<String>,
    pub msg: String,
    /// A stable word for the kind of mistake.
    #[schemars(rename = "type")]
    pub kind: String,
}
