//! `/v5` as pure functions over the world: each reads a request, calls one operation and writes the answer.
//! There is one file per noun; `dispatch` lists the functions.

mod account;
mod analytics;
mod boards;
mod media;
mod media_view;
pub mod oauth;
mod params;
pub mod pins;
mod sections;
mod terms;
pub mod uploads;
mod views;

pub use media::is_web_url;
use serde::Serialize;
use serde_json::Value;

use crate::errors::{self, ApiError};
use crate::operations::Operation;
use crate::rewrite::Way;
use crate::world::World;
use crate::world::account::Caller;
use crate::world::page::PRESENT;

/// A request of `/v5`, read completely and independent of HTTP.
#[derive(Debug, Clone)]
pub struct Request {
    pub operation: Operation,
    /// The id in the path, if the operation has one.
    pub path_id: String,
    /// The section's id in the path, which follows the board's id.
    pub section_id: String,
    /// Query parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// Host and port by which the client reached the simulator, for `upload_url`.
    pub host: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    pub body: Vec<u8>,
    /// Pins are listed as they were at this time: [`PRESENT`], unless a fault sets another.
    pub as_of_ms: i64,
}

impl Request {
    /// A request without parameters, for tests and simulations to fill in.
    pub fn new(operation: Operation, access_token: &str) -> Self {
        Self {
            operation,
            path_id: String::new(),
            section_id: String::new(),
            query: Vec::new(),
            host: String::new(),
            authorization: Some(format!("Bearer {access_token}")),
            body: Vec::new(),
            as_of_ms: PRESENT,
        }
    }

    /// The bearer token, if there is one.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization.as_deref()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

/// An answer of `/v5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// By lower-case name. The HTTP shell adds only the headers that HTTP needs.
    pub headers: Vec<(String, String)>,
    /// JSON, or empty.
    pub body: Option<Vec<u8>>,
}

impl Reply {
    fn with_json(status: u16, body: &impl Serialize) -> Self {
        Self { status, headers: Vec::new(), body: Some(json(body)) }
    }

    fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    /// The body as JSON; `null` when there is none.
    pub fn json(&self) -> serde_json::Value {
        self.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
    }
}

impl Reply {
    /// Writes the links and texts of the Pins of a list in these ways, one after another.
    pub fn rewrite_pins(&mut self, ways: &[Way]) {
        let mut body = self.json();
        for pin in body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            for (field, write) in
                [("link", Way::link as fn(Way, &str) -> String), ("title", Way::text), ("description", Way::text)]
            {
                if let Some(Value::String(text)) = pin.get_mut(field) {
                    *text = ways.iter().fold(std::mem::take(text), |text, way| write(*way, &text));
                }
            }
        }
        if body.get("items").is_some() {
            self.body = Some(json(&body));
        }
    }
}

impl From<&ApiError> for Reply {
    fn from(error: &ApiError) -> Self {
        Self { status: error.status, headers: Vec::new(), body: Some(error.body()) }
    }
}

/// JSON text. The serialized types are plain data, for which serialization can't fail; if it did, the body would be
/// empty.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Handles one request of an authenticated caller.
pub fn dispatch(world: &mut World, now_ms: i64, caller: Caller, request: &Request) -> Result<Reply, ApiError> {
    match request.operation {
        Operation::OauthToken => oauth::token(world, now_ms, request),
        Operation::UserAccountGet => account::get(world, caller),
        Operation::BoardsCreate => boards::create(world, now_ms, caller, request),
        Operation::BoardsGet => boards::get(world, caller, request),
        Operation::BoardsList => boards::list(world, caller, request),
        Operation::BoardsUpdate => boards::update(world, caller, request),
        Operation::BoardsDelete => boards::delete(world, now_ms, caller, request),
        Operation::BoardsListPins => boards::list_pins(world, caller, request),
        Operation::BoardSectionsCreate => sections::create(world, now_ms, caller, request),
        Operation::BoardSectionsList => sections::list(world, caller, request),
        Operation::BoardSectionsUpdate => sections::update(world, caller, request),
        Operation::BoardSectionsDelete => sections::delete(world, now_ms, caller, request),
        Operation::BoardSectionsListPins => sections::list_pins(world, caller, request),
        Operation::MediaCreate => uploads::create(world, now_ms, caller, request),
        Operation::MediaGet => uploads::get(world, now_ms, caller, request),
        Operation::MediaList => uploads::list(world, now_ms, caller, request),
        Operation::PinsCreate => pins::create(world, now_ms, caller, request),
        Operation::PinsGet => pins::get(world, caller, request),
        Operation::PinsList => pins::list(world, caller, request),
        Operation::PinsDelete => pins::delete(world, now_ms, caller, request),
        Operation::PinsAnalytics => analytics::pin(world, now_ms, caller, request),
        Operation::UserAccountAnalytics => analytics::account(world, now_ms, caller, request),
        Operation::TermsRelatedList => terms::related(request),
        Operation::Unknown => Err(errors::ROUTE_NOT_FOUND),
    }
}

#[cfg(test)]
mod tests;
