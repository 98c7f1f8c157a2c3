//! Pins: their endpoints in the order of `/docs`, and reading one pin.

pub mod batch;
mod bulk;
pub mod candidate;
pub mod create;
pub mod edit;
pub mod fields;
pub mod list;
pub mod options;
pub mod pin;
pub mod receipt;
pub mod resolve;
pub mod retry;
pub mod task_token;
pub mod timeline;
pub mod validation;
pub mod warnings;

use axum::Json;
use axum::extract::{Path, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::flows::pins::read_pins::{self, PinView};
use uuid::Uuid;

use self::candidate::Candidate;
use self::pin::Pin;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::PIN_GONE;
use crate::request::path_id;
use crate::routes::examples::PIN;

pub use pin::parse;

pub fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        create::endpoint(),
        list::endpoint(),
        of_pin(get("/v1/pins/{id}", READ, read)).operation("get_pin", "Read a pin").answers::<Pin>(200, "The pin."),
        timeline::timeline_endpoint(),
        receipt::endpoint(),
        receipt::keys_endpoint(),
        retry::endpoint(),
        resolve::endpoint(),
        timeline::job_endpoint(),
        validation::endpoint(),
        batch::endpoint(),
    ];
    endpoints.extend(bulk::endpoints());
    endpoints.extend(edit::endpoints());
    tagged("Pins", endpoints)
}

/// An endpoint of one pin.
fn of_pin(endpoint: Endpoint) -> Endpoint {
    endpoint.of_one("The id of the pin.", PIN).fails(&[PIN_GONE])
}

async fn read(State(context): State<Context>, caller: Caller, Path(id): Path<String>) -> Result<Json<Pin>, ApiError> {
    let view = find(&context, &caller, &id).await?;
    let candidates = read_pins::candidates(&context, &view).await?;
    Ok(Json(Pin::from(&view).with_candidates(Candidate::all(&view.pin.request, candidates))))
}

/// The key of the pin in the caller's workspace. For the caller, pins of other workspaces don't exist.
pub fn key(caller: &Caller, id: &str) -> Result<PinKey, ApiError> {
    path_id(id, "id").map(|id| key_of(caller, id))
}

fn key_of(caller: &Caller, id: Uuid) -> PinKey {
    PinKey { workspace: caller.workspace, pin: PinId(id) }
}

/// Reads the caller's pin.
pub async fn find(context: &Context, caller: &Caller, id: &str) -> Result<PinView, ApiError> {
    open(context, caller, key(caller, id)?).await
}

/// Reads a pin. For the caller, pins of accounts that they may not use don't exist.
async fn open(context: &Context, caller: &Caller, key: PinKey) -> Result<PinView, ApiError> {
    let Some(view) = read_pins::pin(context, key).await? else { return Err(missing(context, caller, key).await?) };
    caller.may_see(view.pin.request.account, "pin").map(|()| view)
}

/// The error about a pin that isn't there: a caller who could read it before learns its outcome.
pub async fn missing(context: &Context, caller: &Caller, key: PinKey) -> Result<ApiError, ApiError> {
    let deleted = read_pins::deleted(context, key).await?;
    let theirs = deleted.filter(|(pin, _)| caller.may_use(pin.request.account).is_ok());
    Ok(theirs.map_or_else(|| ApiError::not_found("pin"), |(_, deleted)| deleted.into()))
}
