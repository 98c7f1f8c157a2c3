//! The errors of imports as API errors.

use pinbridge_shared::domain::import::RowError;
use pinbridge_shared::flows::imports::{ResumeError, SubmitError};

use super::sees;
use crate::auth::Caller;
use crate::error::{ApiError, codes};

impl ApiError {
    /// The error as the result of a row: `board_id: Field required`.
    pub fn of_row(&self) -> RowError {
        if self.errors().is_empty() {
            return RowError::new(self.code(), self.message(), &[]);
        }
        let name = |loc: &[String]| loc.last().cloned().unwrap_or_default();
        let texts: Vec<String> =
            self.errors().iter().map(|error| format!("{}: {}", name(&error.loc), error.msg)).collect();
        let mut fields: Vec<String> = self.errors().iter().map(|error| name(&error.loc)).collect();
        fields.dedup();
        RowError { code: self.code().to_owned(), message: texts.join("; "), fields }
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
