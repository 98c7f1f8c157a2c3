//! Warnings of an accepted pin or schedule: another pin with the same content, and unknown fields.

use axum::Json;
use axum::response::{IntoResponse, Response};
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::image_url::{self, ImageProblem};
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::accept::duplicate_content::Duplicate;
use pinbridge_shared::flows::accept::validate_pin;
use pinbridge_shared::flows::boards::resolve_boards::Found;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::pin::{Meant, PinStatus};
use crate::openapi::schema::Time;
use crate::request::options::warn;

pub const BOARD_NOT_CHECKED: &str = "board_not_checked";
const IMAGE_URL: &str = "image_url";

/// A warning. `duplicate_content`: another pin of the last 24 hours has the same content. `unknown_field`: a field or
/// parameter is unknown and ignored. `board_not_checked`: it is not known whether the board exists. `image_unreachable`
/// or `image_format_unsupported`: the pin would fail so, because Pinterest can't fetch an image from that URL.
#[derive(Serialize, JsonSchema)]
pub struct PinWarning {
    pub code: &'static str,
    pub message: String,
    pub remediation: &'static str,
    pub details: WarningDetails,
}

/// The other pin, the field, or the board with the code of what kept it from being checked.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WarningDetails {
    Duplicate { pin_id: Uuid, created_at: Time, status: PinStatus },
    Field { field: String },
    Board { board_id: String, reason: &'static str },
}

/// The changed pin or schedule.
#[derive(Serialize, JsonSchema)]
pub struct Warned<T> {
    #[serde(flatten)]
    pub of: T,
    /// Extension: what the name of a board means. `null` if the request has an id, or no board.
    pub resolved: Option<Meant>,
    /// Extension: what keeps Pinterest from fetching the image, if `image_url` or a time was changed.
    pub warnings: Vec<PinWarning>,
}

/// What an answer reports about an accepted pin or schedule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    pub board: Option<&'a Found>,
    pub image: Option<ImageProblem>,
    pub duplicate: Option<&'a Duplicate>,
}

impl PinWarning {
    /// All warnings of a request, unknown fields first.
    pub fn all(unknown: &[String], told: &Told<'_>) -> Vec<Self> {
        let unknown = unknown.iter().map(|field| Self::unknown(field));
        let board = told.board.and_then(Self::unchecked);
        unknown.chain(board).chain(told.image.map(Self::from)).chain(told.duplicate.map(Self::from)).collect()
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
            message: format!("{field} is unknown and was ignored."),
            remediation: "Correct or remove it. With the header Prefer: handling=strict it is an error.",
            details: WarningDetails::Field { field: field.to_owned() },
        }
    }
}

impl From<ImageProblem> for PinWarning {
    fn from(problem: ImageProblem) -> Self {
        Self {
            code: problem.failure().code(),
            message: problem.message().to_owned(),
            remediation: problem.remedy(),
            details: WarningDetails::Field { field: IMAGE_URL.to_owned() },
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
pub fn warn_of(response: &mut Response, told: &Told<'_>) {
    if let Some(why) = told.board.and_then(|board| board.unchecked.as_ref()) {
        warn(response, &format!("{BOARD_NOT_CHECKED}; reason={}", why.code()));
    }
    if let Some(problem) = told.image {
        warn(response, &format!("{}; field={IMAGE_URL}", problem.failure().code()));
    }
    if let Some(Duplicate { pin, .. }) = told.duplicate {
        warn(response, &format!("duplicate_content; pin_id={pin}"));
    }
}

/// What keeps Pinterest from fetching the image of a pin with that status, if it has one. A published pin shows that it
/// could.
pub fn image_problem(
    request: &PinRequest,
    run_at: Option<Moment>,
    status: Option<Status>,
    now: Moment,
) -> Option<ImageProblem> {
    image_url::problem_of(request, run_at, now).filter(|_| status != Some(Status::Published))
}

/// An answer to a change, with the board that a name means, and the warnings that the change causes.
pub fn changed<T: Serialize>(of: T, board: Option<&Found>, image: Option<ImageProblem>) -> Response {
    let told = Told { image, ..Told::default() };
    let (resolved, warnings) = (board.and_then(Meant::by), PinWarning::all(&[], &told));
    let mut response = Json(Warned { of, resolved, warnings }).into_response();
    warn_of(&mut response, &told);
    response
}
