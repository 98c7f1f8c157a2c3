//! Changes and deletes a pin.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::account::board::is_board_id;
use pinbridge_shared::domain::account::board_list::Fit;
use pinbridge_shared::domain::ids::{AccountKey, BoardKey};
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::image_url::ImageProblem;
use pinbridge_shared::flows::boards::board_access::Obstacle;
use pinbridge_shared::flows::boards::board_preflight::{PreflightError, preflight};
use pinbridge_shared::flows::boards::resolve_boards::{Boards, Found, Unfit};
use pinbridge_shared::flows::pins::delete_on_pinterest::delete_on_pinterest;
use pinbridge_shared::flows::pins::delete_pin::{DeleteError, delete_pin, delete_unpublished, delete_with_its_pin};
use pinbridge_shared::flows::pins::edit_pin::{EditError, edit_pin};
use pinbridge_shared::flows::pins::read_pins;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::create::{TOO_SOON, publish_before};
use super::pin::{Pin, PinUpdate};
use super::warnings::{Warned, changed, image_problem};
use super::{find, of_pin};
use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{DESTRUCTIVE, Endpoint, WRITE, delete, patch};
use crate::error::ApiError;
use crate::error::codes::{
    self, BOARD_ACCESS_DENIED, BOARD_NOT_FOUND, BOARD_SECTION_NOT_FOUND, OUTCOME_UNKNOWN, PIN_ALREADY_PUBLISHED,
    PIN_JUST_PUBLISHED, PIN_PUBLISHING, PIN_SUPERSEDED,
};
use crate::error::pinterest::whole_seconds;
use crate::named_board::NamedBoard;
use crate::openapi::schema::Flag;
use crate::request::{JsonObject, query};

pub fn endpoints() -> [Endpoint; 2] {
    [
        of_pin(patch("/v1/pins/{id}", WRITE, update))
            .operation("update_pin", "Change a pin before it is published")
            .about(
                "Changes a pin with the status `queued`, `deferred` or `failed`. An omitted field keeps its value; \
                 `null` clears it. If the pin failed because of its image, change `image_url`, then retry it. An \
                 attempt publishes the values that the pin had when the attempt started. A new \
                 board is checked first; if Pinterest can't be reached, the change is accepted without the check. The \
                 idempotency key continues to identify the original request.",
            )
            .audited("pin.updated", Resource::Path, &["status"])
            .takes::<PinUpdate>(|| json!({"title": "Eleven ways to fold a paper crane", "link_url": null}))
            .answers::<Warned<Pin>>(200, "The changed pin.")
            .fails(&[PIN_ALREADY_PUBLISHED, PIN_PUBLISHING, PIN_SUPERSEDED])
            .fails(codes::PREFLIGHT)
            .fails(codes::RESOLVING),
        of_pin(delete("/v1/pins/{id}", DESTRUCTIVE, remove))
            .operation("delete_pin", "Delete a pin")
            .about(
                "Removes the pin from every list. Its own path then answers 404 `pin_deleted` with its outcome. A \
                 waiting pin is never published. If the pin is being published, \
                 its Pin may still appear on Pinterest. The idempotency key can't be used again (409 `pin_deleted`). \
                 With `delete_from_pinterest=true`, the Pin is deleted on Pinterest first; if that fails, nothing is \
                 deleted.",
            )
            .audited("pin.deleted", Resource::Path, &["removed_from_pinterest", "reason"])
            .query::<Flag>("delete_from_pinterest", "Also delete the Pin on Pinterest.")
            .answers_nothing("The pin is deleted.")
            .answers::<PinDeleted>(
                200,
                "With `delete_from_pinterest=true`: the pin is deleted. The answer says \
                 whether a Pin was deleted too.",
            )
            .fails(codes::PINTEREST)
            .fails(&[PIN_PUBLISHING, OUTCOME_UNKNOWN, BOARD_NOT_FOUND, BOARD_ACCESS_DENIED])
            .fails(&[BOARD_SECTION_NOT_FOUND]),
    ]
}

/// The result of deleting a pin and its Pin on Pinterest.
#[derive(Serialize, JsonSchema)]
pub struct PinDeleted {
    pub id: Uuid,
    pub deleted: bool,
    pub removed_from_pinterest: bool,
    pub pinterest_pin_id: Option<String>,
    /// Why no Pin was deleted: `not_published`, or `simulated_sandbox` in a sandbox.
    pub reason: Option<&'static str>,
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NotFound => Self::not_found("pin"),
            EditError::AlreadyPublished => PIN_ALREADY_PUBLISHED.into(),
            // Only a schedule's edit asks whether the pin has begun.
            EditError::Publishing | EditError::Begun => PIN_PUBLISHING.into(),
            EditError::Superseded => PIN_SUPERSEDED.into(),
            EditError::TooLate => publish_before(TOO_SOON),
            EditError::Port(error) => error.into(),
        }
    }
}

impl From<DeleteError> for ApiError {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::NotFound => Self::not_found("pin"),
            DeleteError::Publishing => PIN_PUBLISHING.into(),
            DeleteError::Published => PIN_JUST_PUBLISHED.into(),
            DeleteError::Port(error) => error.into(),
        }
    }
}

impl From<Obstacle> for ApiError {
    fn from(obstacle: Obstacle) -> Self {
        let code = match &obstacle {
            Obstacle::NotFound => codes::PREFLIGHT_BOARD_NOT_FOUND,
            Obstacle::Deleted => codes::PREFLIGHT_BOARD_DELETED,
            Obstacle::Denied => codes::PREFLIGHT_BOARD_ACCESS_DENIED,
            Obstacle::TokenExpired => codes::TOKEN_EXPIRED,
            Obstacle::TokenRevoked | Obstacle::CallRefused | Obstacle::Disconnected => codes::TOKEN_REVOKED,
            Obstacle::ScopeMissing(_) => codes::SCOPE_MISSING,
            // A check that could not be made refuses nothing but a name.
            Obstacle::RateLimited { .. } => codes::PINTEREST_RATE_LIMITED,
            Obstacle::Unreachable | Obstacle::Unlisted => codes::PINTEREST_UNREACHABLE,
        };
        Self::from(code).worded(obstacle.message(), obstacle.remedy())
    }
}

impl From<Unfit> for ApiError {
    fn from(unfit: Unfit) -> Self {
        let error: Self = match &unfit {
            Unfit::Missing { .. } => codes::PREFLIGHT_BOARD_NOT_FOUND.into(),
            Unfit::Ambiguous { .. } => codes::BOARD_AMBIGUOUS.into(),
            Unfit::Closed(obstacle) | Unfit::NameUnknown { why: obstacle, .. } => obstacle.clone().into(),
        };
        let named = |fit: &Fit| NamedBoard { id: fit.id.clone(), name: fit.name.clone() };
        let retried = match &unfit {
            Unfit::NameUnknown { why: Obstacle::RateLimited { retry_after_ms }, .. } => {
                whole_seconds(Some(*retry_after_ms))
            }
            _ => None,
        };
        let error = error.worded(unfit.message(), unfit.remedy()).retried(retried);
        error.meaning(unfit.fits().iter().map(named).collect())
    }
}

/// The board that a change names. The caller checks whether the account can publish to it.
///
/// # Errors
/// When the account has no such board.
pub async fn meant_board(context: &Context, account: AccountKey, text: String) -> Result<Found, ApiError> {
    if is_board_id(&text) {
        return Ok(Found { id: text, name: None, unchecked: None });
    }
    Ok(Boards::new(context).find(account, &text).await??)
}

impl From<PreflightError> for ApiError {
    fn from(error: PreflightError) -> Self {
        match error {
            PreflightError::AccountNotFound => Self::not_found("account"),
            PreflightError::Obstacle(obstacle) => obstacle.into(),
            PreflightError::Port(error) => error.into(),
        }
    }
}

async fn update(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let mut edit = Edit { by: Some(caller.who), ..PinUpdate::parse(&body)? };
    let found = find(&context, &caller, &id).await?;
    let mut named = None;
    if let Some(text) = edit.board_id.take() {
        let board = meant_board(&context, found.pin.account_key(), text).await?;
        edit.board_id = Some(board.id.clone());
        named = Some(board);
    }
    let is_open = matches!(found.attempt.status, Status::Queued | Status::Deferred | Status::Failed);
    if let Some(board_id) = edit.board_id.clone().filter(|board| is_open && *board != found.pin.request.board_id) {
        preflight(&context, &BoardKey { account: found.pin.account_key(), board_id }).await?;
    }
    let (pin, attempt) = edit_pin(&context, found.pin.key, &edit).await?;
    let is_news =
        |problem: &ImageProblem| edit.image_url.is_some() || (edit.publish_before.is_some() && problem.is_of_time());
    let image = image_problem(&pin.request, pin.due_at, Some(attempt.status), context.system.now()).filter(is_news);
    let pin = Pin::from(&read_pins::changed(&context, pin, attempt).await?);
    Ok(changed(pin, named.as_ref(), image))
}

/// Answers 204, or 200 with the result for the Pin if the request deletes the Pin too.
async fn remove(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<query::Query>,
) -> Result<Response, ApiError> {
    let on_pinterest = query::flag(&query, "delete_from_pinterest")?;
    let view = find(&context, &caller, &id).await?;
    if !on_pinterest {
        delete_pin(&context, view.pin.key).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // It isn't known yet whether there is a Pin to delete.
    if view.attempt.status == Status::Publishing {
        return Err(PIN_PUBLISHING.into());
    }
    // The Pin first: a failure leaves a pin that can be deleted again.
    let is_simulated = view.pin.request.account.is_simulated();
    let there = view.attempt.pinterest_pin_id.as_ref().filter(|_| !is_simulated);
    match there {
        Some(pinterest_pin_id) => {
            delete_on_pinterest(&context, &view.pin, pinterest_pin_id).await?;
            delete_with_its_pin(&context, view.pin.key).await?;
        }
        None if view.attempt.status == Status::Published => {
            delete_pin(&context, view.pin.key).await?;
        }
        // If the pin is published in the meantime, its Pin must be deleted too.
        None => {
            delete_unpublished(&context, view.pin.key).await?;
        }
    }
    let was_there = there.is_some();
    let why_not = if is_simulated { "simulated_sandbox" } else { "not_published" };
    let body = PinDeleted {
        id: view.pin.key.pin.0,
        deleted: true,
        removed_from_pinterest: was_there,
        pinterest_pin_id: view.attempt.pinterest_pin_id,
        reason: (!was_there).then_some(why_not),
    };
    Ok(Json(body).into_response())
}
