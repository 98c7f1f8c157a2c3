//! Pins: the endpoints in the page's order, and reading one pin.

pub mod batch;
mod bulk;
pub mod create;
mod edit;
pub mod fields;
pub mod list;
pub mod pin;
pub mod retry;
pub mod timeline;
pub mod validation;

use axum::Json;
use axum::extract::{Path, State};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::flows::pins::read_pins::{self, PinView};
use uuid::Uuid;

use self::pin::Pin;
use crate::auth::Caller;
use crate::endpoint::{Endpoint, READ, get, tagged};
use crate::error::ApiError;
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, NOT_FOUND, VALIDATION_ERROR};
use crate::request::path_id;
use crate::routes::examples::PIN;

pub use pin::parse;

pub fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        create::endpoint(),
        list::endpoint(),
        of_pin(get("/v1/pins/{id}", READ, read)).operation("get_pin", "Read a pin").answers::<Pin>(200, "The pin."),
        timeline::timeline_endpoint(),
        retry::endpoint(),
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
    endpoint.path::<Uuid>("id", "The pin's id.", PIN).fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED])
}

async fn read(State(context): State<Context>, caller: Caller, Path(id): Path<String>) -> Result<Json<Pin>, ApiError> {
    find(&context, &caller, &id).await.map(|view| Json(Pin::from(&view)))
}

/// The key of that id in the caller's workspace; another workspace's pin doesn't exist for it.
pub fn key(caller: &Caller, id: &str) -> Result<PinKey, ApiError> {
    Ok(PinKey { workspace: caller.workspace, pin: path_id(id, "id")? })
}

/// The caller's pin of that id.
pub async fn find(context: &Context, caller: &Caller, id: &str) -> Result<PinView, ApiError> {
    let view = read_pins::pin(context, key(caller, id)?).await?.ok_or_else(|| ApiError::not_found("pin"))?;
    caller.may_use(view.pin.request.account).map(|()| view)
}
