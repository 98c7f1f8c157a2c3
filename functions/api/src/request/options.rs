//! Options beside the fields of a body: which operation knows which, and what happens to unknown fields. An option that
//! is silently dropped would publish what its caller meant to prevent.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::field::Wrong;
use super::query;
use crate::endpoint::{Endpoint, Place};
use crate::error::ApiError;
use crate::routes;

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
struct Options {
    headers: Vec<HeaderName>,
    names: BTreeSet<String>,
}

static OPTIONS: LazyLock<Options> = LazyLock::new(|| {
    let (mut headers, mut names) = (Vec::new(), BTreeSet::new());
    for endpoint in routes::table().iter().filter(|endpoint| endpoint.method != Method::GET) {
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
    Options { headers, names }
});

/// Whether some operation has an option of this name.
pub fn is_option(name: &str) -> bool {
    OPTIONS.names.contains(name)
}

pub fn no_such_option() -> Wrong {
    Wrong::new("This operation does not have this option, which other operations have", "extra_forbidden")
}

/// The options of one operation.
#[derive(Clone)]
pub struct Known(Arc<Vec<(Place, String)>>);

impl Known {
    pub fn of(endpoint: &Endpoint) -> Self {
        let name = |name: &str| name.to_ascii_lowercase();
        Self(Arc::new(endpoint.parameters.iter().map(|one| (one.place, name(one.name))).collect()))
    }

    fn has(&self, place: Place, name: &str) -> bool {
        self.0.iter().any(|(known, other)| *known == place && other == name)
    }

    /// Refuses the options of other operations.
    fn check(&self, query: &query::Query, headers: &HeaderMap) -> Result<(), ApiError> {
        let Wrong { msg, kind } = no_such_option();
        let is_off = |value: &str| matches!(value, "" | "false" | "0");
        let in_query =
            query.iter().find(|(name, value)| is_option(name) && !self.has(Place::Query, name) && !is_off(value));
        if let Some((name, _)) = in_query {
            return Err(ApiError::invalid("query", name, msg, kind));
        }
        let in_headers =
            OPTIONS.headers.iter().find(|name| headers.contains_key(*name) && !self.has(Place::Header, name.as_str()));
        in_headers.map_or(Ok(()), |name| Err(ApiError::invalid("header", name.as_str(), msg, kind)))
    }
}

/// The layer over one endpoint that isn't a read.
pub async fn check(State(known): State<Known>, mut request: Request, next: Next) -> Response {
    let query = Query::<query::Query>::try_from_uri(request.uri()).map(|Query(query)| query).unwrap_or_default();
    if let Err(error) = known.check(&query, request.headers()) {
        return error.into_response();
    }
    let unknown = Unknown { is_strict: is_strict(request.headers()), names: Arc::default() };
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

impl<S: Send + Sync> FromRequestParts<S> for Unknown {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
