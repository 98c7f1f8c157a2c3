//! Options beside the fields of a body: which operation knows which, and what happens to unknown fields. An option that
//! is silently dropped would publish what its caller meant to prevent.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::field::{Fields, Wrong};
use super::query;
use crate::endpoint::{Endpoint, Place};
use crate::error::ApiError;

/// Names what a response ignores or warns about. The official client's models drop unknown fields of answers, so the
/// header repeats the warnings of the body.
const WARNING_HEADER: &str = "x-pinbridge-warning";
/// The unknown fields that an answer names.
pub const UNKNOWN_MAX: usize = 50;
/// The unknown fields that the header names, and the longest name there, in bytes.
const IN_HEADER_MAX: usize = 10;
const IN_HEADER_NAME_MAX: usize = 64;
/// The length of the name of an unknown field in an answer, in characters.
const UNKNOWN_NAME_MAX: usize = 100;

pub fn shortened(name: &str) -> String {
    name.chars().take(UNKNOWN_NAME_MAX).collect()
}

/// The options of all operations: headers, and names of query parameters and fields.
#[derive(Debug, Default)]
pub struct AllOptions {
    headers: Vec<HeaderName>,
    names: BTreeSet<String>,
}

impl AllOptions {
    /// The options of the endpoints that aren't reads.
    pub fn of(table: &[Endpoint]) -> Self {
        let (mut headers, mut names) = (Vec::new(), BTreeSet::new());
        for endpoint in table.iter().filter(|endpoint| endpoint.method != Method::GET) {
            for parameter in endpoint.parameters.iter().filter(|parameter| !parameter.required) {
                let name = parameter.name.to_ascii_lowercase();
                if parameter.place == Place::Header {
                    names.insert(name.trim_start_matches("x-pinbridge-").replace('-', "_"));
                    headers.extend(HeaderName::try_from(name));
                } else {
                    names.insert(name);
                }
            }
        }
        Self { headers, names }
    }

    /// Whether some operation has an option of this name.
    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

fn no_such_option() -> Wrong {
    Wrong::new("This operation does not have this option, which other operations have", "extra_forbidden")
}

/// The options of one operation, beside those of all.
#[derive(Clone)]
pub struct Known {
    own: Arc<Vec<(Place, String)>>,
    all: Arc<AllOptions>,
}

impl Known {
    pub fn of(endpoint: &Endpoint, all: &Arc<AllOptions>) -> Self {
        let name = |name: &str| name.to_ascii_lowercase();
        let own = endpoint.parameters.iter().map(|one| (one.place, name(one.name))).collect();
        Self { own: Arc::new(own), all: Arc::clone(all) }
    }

    fn has(&self, place: Place, name: &str) -> bool {
        self.own.iter().any(|(known, other)| *known == place && other == name)
    }

    /// Refuses the options of other operations.
    fn check(&self, query: &query::Query, headers: &HeaderMap) -> Result<(), ApiError> {
        let Wrong { msg, kind } = no_such_option();
        let is_off = |value: &str| matches!(value, "" | "false" | "0");
        let in_query =
            query.iter().find(|(name, value)| self.all.has(name) && !self.has(Place::Query, name) && !is_off(value));
        if let Some((name, _)) = in_query {
            return Err(ApiError::invalid("query", name, msg, kind));
        }
        let in_headers =
            self.all.headers.iter().find(|name| headers.contains_key(*name) && !self.has(Place::Header, name.as_str()));
        in_headers.map_or(Ok(()), |name| Err(ApiError::invalid("header", name.as_str(), msg, kind)))
    }
}

/// The layer over one endpoint that isn't a read.
pub async fn check(State(known): State<Known>, mut request: Request, next: Next) -> Response {
    let query = Query::<query::Query>::try_from_uri(request.uri()).map(|Query(query)| query).unwrap_or_default();
    if let Err(error) = known.check(&query, request.headers()) {
        return error.into_response();
    }
    let unknown =
        Unknown { is_strict: is_strict(request.headers()), names: Arc::default(), all: Arc::clone(&known.all) };
    request.extensions_mut().insert(unknown.clone());
    let mut response = next.run(request).await;
    if response.status().is_success() {
        unknown.names().iter().for_each(|name| warn(&mut response, &format!("unknown_field; field={name}")));
    }
    response
}

/// Adds a warning to the header.
pub fn warn(response: &mut Response, warning: &str) {
    if let Ok(value) = HeaderValue::try_from(warning) {
        response.headers_mut().append(WARNING_HEADER, value);
    }
}

/// `Prefer: handling=strict` (RFC 7240).
fn is_strict(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let names = preferences.flat_map(|value| value.split(',')).filter_map(|one| one.split(';').next());
    names.into_iter().any(|name| {
        let (name, value) = name.split_once('=').unwrap_or((name, ""));
        name.trim().eq_ignore_ascii_case("handling") && value.trim().trim_matches('"').eq_ignore_ascii_case("strict")
    })
}

/// The unknown fields of a request. They are ignored, and the answer names them; with `Prefer: handling=strict` they
/// are errors.
#[derive(Clone, Debug, Default)]
pub struct Unknown {
    pub is_strict: bool,
    names: Arc<Mutex<BTreeSet<String>>>,
    all: Arc<AllOptions>,
}

impl Unknown {
    /// Names the field in the header of the answer.
    pub fn note(&self, name: &str) {
        let is_plain = name.len() <= IN_HEADER_NAME_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if is_plain && names.len() < IN_HEADER_MAX {
            names.insert(name.to_owned());
        }
    }

    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Fields<'_> {
    /// The unknown fields, which are ignored. With `Prefer: handling=strict` they are errors. An option that only other
    /// operations have always is one.
    pub fn ignored(&mut self, unknown: &Unknown, is_known: impl Fn(&str) -> bool) -> Vec<String> {
        let (mut names, object) = (Vec::new(), self.object);
        for (name, value) in object.iter().filter(|(name, _)| !is_known(name)) {
            let is_off = matches!(value, Value::Null | Value::Bool(false));
            if unknown.all.has(name) && !is_off {
                let Wrong { msg, kind } = no_such_option();
                self.reject(name, msg, kind);
            } else if names.len() >= UNKNOWN_MAX {
                // Many more say nothing more.
            } else if unknown.is_strict {
                self.reject(&shortened(name), "Unknown field", "extra_forbidden");
                names.push(shortened(name));
            } else {
                unknown.note(name);
                names.push(shortened(name));
            }
        }
        names
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Unknown {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
