//! The errors of imports as API errors.

use pinbridge_shared::domain::import::RowError;
use pinbridge_shared::flows::imports::{ResumeError, SubmitError};

use super::sees;
use crate::auth::Caller;
use crate::error::{ApiError, codes};
use crate::request::names::shortened;

/// The most fields that the error of a row names. A chunk of rows, and one of results, must fit into one item of the
/// table, whatever a file calls its columns.
const FIELDS_MAX: usize = 10;
/// The longest message of a row's error, in characters.
const MESSAGE_MAX: usize = 1_000;

impl ApiError {
    /// The error as the result of a row: `board_id: Field required`. Of many fields it names the first.
    pub fn of_row(&self) -> RowError {
        let bounded = |text: &str| text.chars().take(MESSAGE_MAX).collect::<String>();
        if self.errors().is_empty() {
            return RowError::new(self.code(), bounded(self.message()), &[]);
        }
        let name = |loc: &[String]| loc.last().map(|name| shortened(name)).unwrap_or_default();
        let named = || self.errors().iter().take(FIELDS_MAX);
        let texts: Vec<String> = named().map(|error| format!("{}: {}", name(&error.loc), error.msg)).collect();
        let mut fields: Vec<String> = named().map(|error| name(&error.loc)).collect();
        fields.dedup();
        let more = self.errors().len().saturating_sub(FIELDS_MAX);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        RowError { code: self.code().to_owned(), message: bounded(&texts.join("; ")) + &more, fields }
    }
}

/// The error for the caller, who may not see every import.
pub fn refusal(error: SubmitError, caller: &Caller) -> ApiError {
    match error {
        SubmitError::KeyReused { existing } if sees(caller, &existing) => {
            codes::IMPORT_KEY_REUSED.with("existing", format!("import {}", existing.key.import))
        }
        SubmitError::KeyReused { .. } => codes::IMPORT_KEY_REUSED.with("existing", "an import of another account"),
        SubmitError::Port(error) => error.into(),
    }
}

impl From<ResumeError> for ApiError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::NotFound => Self::not_found("import"),
            ResumeError::NotStopped(status) => codes::IMPORT_NOT_STOPPED.with("status", status.name()),
            ResumeError::Port(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FieldError;

    #[test]
    fn the_error_of_a_row_is_bounded_whatever_its_fields_are_called() {
        let wrong = |name: &str| FieldError::new("body", name, "Unknown field", "extra_forbidden");
        let (long, wide) = ("x".repeat(400_000), "\u{1f600}".repeat(100_000));
        for (name, count) in [(&*long, 1), (&long, 11), (&wide, 10), (&wide, 20), ("a", 5_000)] {
            let errors = (0..count).map(|n| wrong(&format!("{n}{name}"))).collect();
            let error = ApiError::validation(errors).of_row();
            let bytes = serde_json::to_vec(&error).expect("plain data").len();
            assert!(bytes < 10_000, "{count} fields: {bytes} bytes");
            assert_eq!(error.fields.len(), count.min(FIELDS_MAX));
            assert_eq!(error.message.ends_with("; and 4990 more"), count == 5_000);
        }
        let other = ApiError::from(codes::MALFORMED_JSON).worded("x".repeat(1_000_000), "r").of_row();
        assert_eq!(other.message.len(), MESSAGE_MAX);
    }
}
