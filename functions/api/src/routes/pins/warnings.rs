//! Warnings of an accepted pin or schedule: another pin with the same content, and unknown fields.

use axum::response::Response;
use pinbridge_shared::flows::accept::duplicate_content::Duplicate;
use pinbridge_shared::flows::accept::validate_pin;
use pinbridge_shared::flows::boards::resolve_boards::Found;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::pin::PinStatus;
use crate::openapi::schema::Time;
use crate::request::options::warn;

pub const BOARD_NOT_CHECKED: &str = "board_not_checked";

/// A warning. `duplicate_content`: another pin of the last 24 hours has the same content. `unknown_field`: a field is
/// unknown and ignored. `board_not_checked`: it is not known whether the board exists.
#[derive(Serialize, JsonSchema)]
pub struct PinWarning {
    pub code: &'static str,
    pub message: String,
    pub remediation: &'static str,
    pub details: WarningDetails,
}

/// The other pin, the unknown field, or the board with the code of what kept it from being checked.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WarningDetails {
    Duplicate { pin_id: Uuid, created_at: Time, status: PinStatus },
    UnknownField { field: String },
    Board { board_id: String, reason: &'static str },
}

impl PinWarning {
    pub fn all(unknown: &[String], board: Option<&Found>, duplicate: Option<&Duplicate>) -> Vec<Self> {
        let unknown = unknown.iter().map(|field| Self::unknown(field));
        unknown.chain(board.and_then(Self::unchecked)).chain(duplicate.map(Self::from)).collect()
    }

    fn unchecked(board: &Found) -> Option<Self> {
        let why = board.unchecked.as_ref()?;
        Some(Self {
            code: BOARD_NOT_CHECKED,
            message: format!("The board was accepted unchecked. {}", why.message()),
            remediation: why.remedy(),
            details: WarningDetails::Board { board_id: board.id.clone(), reason: why.code() },
        })
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

/// Repeats the warnings of the body in the header, which names unknown fields itself.
pub fn warn_of(response: &mut Response, board: &Found, duplicate: Option<&Duplicate>) {
    if let Some(why) = &board.unchecked {
        warn(response, &format!("{BOARD_NOT_CHECKED}; reason={}", why.code()));
    }
    if let Some(Duplicate { pin, .. }) = duplicate {
        warn(response, &format!("duplicate_content; pin_id={pin}"));
    }
}
