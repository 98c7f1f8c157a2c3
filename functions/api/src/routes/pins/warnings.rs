//! Warnings of an accepted pin or schedule: another pin with the same content, and unknown fields.

use axum::response::Response;
use pinbridge_shared::flows::accept::duplicate_content::{Duplicate, Verdict};
use pinbridge_shared::flows::accept::validate_pin;
use pinbridge_shared::ports::PortResult;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::pin::PinStatus;
use crate::error::ApiError;
use crate::error::codes::{DUPLICATE_CONTENT, DUPLICATE_IN_CALL};
use crate::openapi::schema::Time;
use crate::request::options::warn;

/// A warning. `duplicate_content`: another pin of the last 24 hours has the same content. `unknown_field`: a field is
/// unknown and ignored.
#[derive(Serialize, JsonSchema)]
pub struct PinWarning {
    pub code: &'static str,
    pub message: String,
    pub remediation: &'static str,
    pub details: WarningDetails,
}

/// The other pin, or the unknown field.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WarningDetails {
    Duplicate { pin_id: Uuid, created_at: Time, status: PinStatus },
    UnknownField { field: String },
}

impl PinWarning {
    pub fn all(unknown: &[String], duplicate: Option<&Duplicate>) -> Vec<Self> {
        unknown.iter().map(|field| Self::unknown(field)).chain(duplicate.map(Self::from)).collect()
    }

    fn unknown(field: &str) -> Self {
        Self {
            code: "unknown_field",
            message: format!("The field {field} is unknown and was ignored."),
            remediation: "Correct or remove the field. With the header Prefer: handling=strict it is an error.",
            details: WarningDetails::UnknownField { field: field.to_owned() },
        }
    }
}

impl From<&Duplicate> for PinWarning {
    fn from(duplicate: &Duplicate) -> Self {
        let check = validate_pin::about_duplicate(duplicate);
        Self {
            code: check.code.unwrap_or_default(),
            message: check.message,
            remediation: check.remedy.unwrap_or_default(),
            details: WarningDetails::Duplicate {
                pin_id: duplicate.pin.0,
                created_at: Time(duplicate.created_at),
                status: PinStatus(duplicate.status.name()),
            },
        }
    }
}

/// Repeats the warning of the body in the header.
pub fn warn_of(response: &mut Response, duplicate: Option<&Duplicate>) {
    if let Some(Duplicate { pin, .. }) = duplicate {
        warn(response, &format!("duplicate_content; pin_id={pin}"));
    }
}

/// The other pin with the same content, if there is one.
///
/// # Errors
/// When the pin is refused because of it.
pub fn accepted(verdict: Option<PortResult<Verdict>>) -> Result<Option<Duplicate>, ApiError> {
    match verdict.unwrap_or(Ok(Verdict::Accepted(None)))? {
        Verdict::Accepted(duplicate) => Ok(duplicate),
        Verdict::Refused(duplicate) => Err(DUPLICATE_CONTENT.with("existing", duplicate.pin)),
        Verdict::Twin => Err(DUPLICATE_IN_CALL.into()),
    }
}
