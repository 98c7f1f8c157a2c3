//! What imports refuse.

use http::StatusCode;
use pinbridge_shared::domain::ids::ImportId;
use pinbridge_shared::domain::import::{ImportStatus, RowError};
use pinbridge_shared::flows::imports::{ResumeError, SubmitError};
use uuid::Uuid;

use super::ApiError;

/// See [`super::samples`].
pub fn samples() -> Vec<ApiError> {
    vec![
        SubmitError::KeyReused { existing: ImportId(Uuid::nil()) }.into(),
        ResumeError::NotStopped(ImportStatus::Completed).into(),
    ]
}

impl ApiError {
    /// As the result of a row: `board_id: Field required`.
    pub fn of_row(&self) -> RowError {
        if self.errors.is_empty() {
            return RowError::new(self.code, self.message.clone(), &[]);
        }
        let name = |loc: &[String]| loc.last().cloned().unwrap_or_default();
        let texts: Vec<String> =
            self.errors.iter().map(|error| format!("{}: {}", name(&error.loc), error.msg)).collect();
        let mut fields: Vec<String> = self.errors.iter().map(|error| name(&error.loc)).collect();
        fields.dedup();
        RowError { code: self.code.to_owned(), message: texts.join("; "), fields }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::KeyReused { existing } => {
                let message =
                    format!("The idempotency key already stands for import {existing}, which has other rows.");
                let remedy = "Use a new key for other rows.";
                Self::new(StatusCode::CONFLICT, "idempotency_key_reused", message, remedy)
            }
            SubmitError::Port(error) => error.into(),
        }
    }
}

impl From<ResumeError> for ApiError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::NotFound => Self::not_found("import"),
            ResumeError::NotStopped(status) => {
                let message = format!("Only a failed import can be resumed; this one is {}.", status.name());
                Self::new(
                    StatusCode::CONFLICT,
                    "conflict",
                    message,
                    "Read the import: it goes on by itself, or is done.",
                )
            }
            ResumeError::Port(error) => error.into(),
        }
    }
}
