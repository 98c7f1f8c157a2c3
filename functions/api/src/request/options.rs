//! Options beside the fields of a body: which operation knows which, and what happens to unknown fields. An option that
//! is silently dropped would publish what its caller meant to prevent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use pinbridge_shared::domain::pin::Priority;
use serde_json::Value;
use strsim::generic_levenshtein;

use super::body::{BODY_MAX, read_up_to};
use super::field::{Fields, Wrong};
use super::names::{UNKNOWN_NAME_MAX, shortened};
use super::{json, query};
use crate::endpoint::{Endpoint, Place};
use crate::error::{ApiError, FieldError};
use crate::flag;

/// Names what a response ignores or warns about. The official client's models drop unknown fields of answers, so the
/// header repeats the warnings of the body.
const WARNING_HEADER: &str = "x-pinbridge-warning";
/// The unknown fields that an answer names.
pub const UNKNOWN_MAX: usize = 50;
/// The unknown fields that the header names, and the longest name there, in bytes; what a longer one ends with.
const IN_HEADER_MAX: usize = 10;
const IN_HEADER_NAME_MAX: usize = 64;
const CUT: &str = "...";
/// The prefix of the header fields that are options.
const OPTION_PREFIX: &str = "x-pinbridge-";
/// Header fields with the prefix that are no options: what the hosted API's clients say about themselves.
const NO_OPTIONS: [&str; 1] = ["x-pinbridge-source"];
/// The parts of the prefix, one by one: `X-On-Duplicate` and `Pinbridge-On-Duplicate` are meant as `On-Duplicate` is.
const PREFIX_PARTS: [&str; 2] = ["x", "pinbridge"];
const DRY_RUN: &str = "dry_run";
/// Clients and proxies send a header field of this name for themselves: `u=1, i` (RFC 9218).
const PRIORITY: &str = "priority";
/// A field only. Beside the fields, it would be ignored, and the pins would be published now.
const RUN_AT: &str = "run_at";
/// So many changed, missing or added letters still mean `dry_run`.
const TYPOS_MAX: usize = 2;
/// Tables have columns of this name. As a field of an item it is like any unknown one.
const DRY: &str = "dry";
/// A shorter name means something else.
const NEAR_LENGTH_MIN: usize = 4;

/// Whether the name was certainly meant to be `dry_run`: `dryrun`, `Dry-Run`, `dry_rn`, `is_dry_run`. Where it is
/// ignored, the call does what its caller meant to try.
pub fn is_nearly_dry_run(name: &str) -> bool {
    let letters = |name: &str| -> Vec<char> {
        let all = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        all.take(UNKNOWN_NAME_MAX).collect()
    };
    let (meant, name) = (letters(DRY_RUN), letters(name));
    let is_within = name.windows(meant.len()).any(|part| part == meant);
    let has_length = (NEAR_LENGTH_MIN..=meant.len() + TYPOS_MAX).contains(&name.len());
    is_within
        || name == ['d', 'r', 'y']
        || (has_length && name[0] == 'd' && generic_levenshtein(&name, &meant) <= TYPOS_MAX)
}

/// The letters of a header field's name without the prefix, by which options are compared: `OnDuplicate`,
/// `On_Duplicate` and `Pinbridge-On-Duplicate` all mean `on_duplicate`.
fn letters_of_option(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let bare = PREFIX_PARTS.into_iter().fold(letters.as_str(), |name, part| name.strip_prefix(part).unwrap_or(name));
    bare.to_owned()
}

/// Whether an option has these letters.
fn has_letters(option: &str, letters: &str) -> bool {
    option.replace('_', "") == letters
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
                    names.insert(name.trim_start_matches(OPTION_PREFIX).replace('-', "_"));
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

    /// The option that has these letters.
    fn of_letters(&self, letters: &str) -> Option<&str> {
        self.names.iter().map(String::as_str).find(|name| has_letters(name, letters))
    }
}

fn no_such_option() -> Wrong {
    Wrong::new("This operation does not have this option, which other operations have", "extra_forbidden")
}

fn not_dry_run() -> Wrong {
    Wrong::new("Unknown, and nearly dry_run, where an import has it as a query parameter", "extra_forbidden")
}

fn only_a_field() -> Wrong {
    let msg = "run_at is a field: of the body of POST /v1/schedules, and of each row of an import";
    Wrong::new(msg, "extra_forbidden")
}

fn called(name: &str) -> Wrong {
    Wrong::new(format!("As a header field, this option is called {name}"), "extra_forbidden")
}

fn more_than_once() -> Wrong {
    Wrong::new("The header field is there more than once", "value_error")
}

fn unknown_parameter(place: Place) -> Wrong {
    let msg = match place {
        Place::Header => "Unknown header field",
        Place::Query | Place::Path => "Unknown query parameter",
    };
    Wrong::new(msg, "extra_forbidden")
}

/// The options of one operation, beside those of all.
#[derive(Clone)]
pub struct Known {
    own: Arc<Vec<(Place, String)>>,
    all: Arc<AllOptions>,
    is_read: bool,
    is_exact: bool,
    takes_body: bool,
}

impl Known {
    pub fn of(endpoint: &Endpoint, all: &Arc<AllOptions>) -> Self {
        let name = |name: &str| name.to_ascii_lowercase();
        let own = endpoint.parameters.iter().map(|one| (one.place, name(one.name))).collect();
        let (is_read, is_exact) = (endpoint.method == Method::GET, endpoint.is_exact());
        let takes_body = endpoint.body.is_some();
        Self { own: Arc::new(own), all: Arc::clone(all), is_read, is_exact, takes_body }
    }

    fn has(&self, place: Place, name: &str) -> bool {
        self.own.iter().any(|(known, other)| *known == place && other == name)
    }

    /// The header fields of the operation that are there with several values.
    fn repeated(&self, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        let own = self.own.iter().filter(|(place, _)| *place == Place::Header).map(|(_, name)| name.as_str());
        own.filter(|name| {
            let mut values = headers.get_all(*name).iter();
            let first = values.next();
            values.any(|value| Some(value) != first)
        })
    }

    /// Options among the header fields that lack the prefix or are spelt otherwise, such as `On-Duplicate: refuse` and
    /// `Pinbridge-OnDuplicate: refuse`, and what is wrong with them. They have no effect, and were certainly meant to
    /// have one.
    fn misnamed(&self, headers: &HeaderMap) -> BTreeMap<String, Wrong> {
        let is_known = |name: &str| {
            self.has(Place::Header, name)
                || NO_OPTIONS.contains(&name)
                || self.all.headers.iter().any(|known| known == name)
        };
        let others = headers.keys().map(HeaderName::as_str).filter(|name| !is_known(name));
        let wrong = |name: &str| -> Option<Wrong> {
            let letters = letters_of_option(name);
            if has_letters(RUN_AT, &letters) {
                return Some(only_a_field());
            }
            if is_nearly_dry_run(&letters) {
                return Some(not_dry_run());
            }
            let option = self.all.of_letters(&letters)?;
            if option == PRIORITY && !has_our_priority(headers, name) {
                return None;
            }
            let in_full = format!("{OPTION_PREFIX}{}", option.replace('_', "-"));
            Some(if self.has(Place::Header, &in_full) { called(&in_full) } else { no_such_option() })
        };
        others.filter_map(|name| Some((name.to_owned(), wrong(name)?))).collect()
    }

    /// The parameters that the operation doesn't have, in the order of their names.
    fn unknown(&self, query: &query::Query, headers: &HeaderMap) -> Vec<(Place, String)> {
        let in_query = query.keys().filter(|name| !self.has(Place::Query, name)).cloned();
        let is_option = |name: &&str| name.starts_with(OPTION_PREFIX) && !NO_OPTIONS.contains(name);
        let in_headers = headers.keys().map(HeaderName::as_str).filter(is_option);
        let in_headers = in_headers.filter(|name| !self.has(Place::Header, name)).map(str::to_owned);
        let query = in_query.map(|name| (Place::Query, name)).collect::<BTreeSet<_>>();
        let headers = in_headers.map(|name| (Place::Header, name)).collect::<BTreeSet<_>>();
        query.into_iter().chain(headers).collect()
    }

    /// Refuses the options of other operations, `run_at`, and what is nearly `dry_run`. A read publishes nothing
    /// without them.
    ///
    /// # Errors
    /// The first of them; if unknown parameters are refused, all.
    fn check(&self, query: &query::Query, headers: &HeaderMap, is_strict: bool) -> Result<Vec<String>, ApiError> {
        let is_off = |name: &str| query.get(name).is_some_and(|value| flag::read(value) == Some(false));
        let refused = |place: Place, name: &str, Wrong { msg, kind }: Wrong| {
            FieldError::new(place.name(), &shortened(name), msg, kind)
        };
        let other = self.all.headers.iter().map(HeaderName::as_str);
        let other = other.filter(|name| headers.contains_key(*name) && !self.has(Place::Header, name));
        let mut errors = Vec::new();
        errors.extend(self.repeated(headers).map(|name| refused(Place::Header, name, more_than_once())));
        if !self.is_read {
            errors.extend(other.map(|name| refused(Place::Header, name, no_such_option())));
            let misnamed = self.misnamed(headers).into_iter();
            errors.extend(misnamed.map(|(name, wrong)| refused(Place::Header, &name, wrong)));
        }
        let (mut unknown, is_refused) = (Vec::new(), is_strict || self.is_exact);
        for (place, name) in self.unknown(query, headers) {
            let option = match place {
                Place::Header => name.trim_start_matches(OPTION_PREFIX).replace('-', "_"),
                Place::Query | Place::Path => name.clone(),
            };
            let is_header = place == Place::Header;
            if errors.iter().any(|error: &FieldError| is_header && error.loc.last() == Some(&name)) {
                // It is named already.
            } else if !self.is_read && option.replace('-', "_").eq_ignore_ascii_case(RUN_AT) {
                errors.push(refused(place, &name, only_a_field()));
            } else if !self.is_read && is_nearly_dry_run(&option) && (is_header || option != DRY_RUN) {
                errors.push(refused(place, &name, not_dry_run()));
            } else if !self.is_read && self.all.has(&option) && (is_header || !is_off(&name)) {
                errors.push(refused(place, &name, no_such_option()));
            } else if is_refused && !self.all.has(&option) {
                errors.push(refused(place, &name, unknown_parameter(place)));
            } else if self.is_read || !self.all.has(&option) {
                unknown.push(name);
            }
            if errors.len() + unknown.len() >= UNKNOWN_MAX {
                break;
            }
        }
        if errors.is_empty() { Ok(unknown) } else { Err(ApiError::validation(errors)) }
    }
}

/// Whether the header field has a priority of ours as its value, and not one of RFC 9218.
fn has_our_priority(headers: &HeaderMap, name: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| Priority::parse(&value.trim().trim_matches('"').to_ascii_lowercase()).is_some())
}

/// The layer over one endpoint.
pub async fn check(State(known): State<Known>, mut request: Request, next: Next) -> Response {
    let query = Query::<query::Query>::try_from_uri(request.uri()).map(|Query(query)| query).unwrap_or_default();
    let is_strict = is_strict(request.headers());
    let parameters = match known.check(&query, request.headers(), is_strict) {
        Ok(parameters) => parameters,
        Err(error) => return error.into_response(),
    };
    let unknown = Unknown {
        is_strict: is_strict || known.is_exact,
        is_of_item: false,
        names: Arc::default(),
        parameters: parameters.iter().map(|name| shortened(name)).collect(),
        all: Arc::clone(&known.all),
    };
    parameters.iter().for_each(|name| unknown.note(name));
    request.extensions_mut().insert(unknown.clone());
    if !known.is_read && !known.takes_body {
        request = match without_body(request, &unknown).await {
            Ok(request) => request,
            Err(error) => return error.into_response(),
        };
    }
    let mut response = next.run(request).await;
    if response.status().is_success() {
        unknown.names().iter().for_each(|name| warn(&mut response, &format!("unknown_field; field={name}")));
    }
    response
}

/// The request without its body, which the operation doesn't take. What it says is unknown: an option in it would be
/// dropped as silently as anywhere else.
async fn without_body(request: Request, unknown: &Unknown) -> Result<Request, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = read_up_to(body, BODY_MAX).await?;
    if !bytes.iter().all(u8::is_ascii_whitespace) {
        match json::value(&bytes) {
            // What clients send who always send something.
            Ok(Value::Null) => {}
            Ok(Value::String(text)) if text.is_empty() => {}
            Ok(Value::Array(items)) if items.is_empty() => {}
            Ok(Value::Object(object)) => {
                let mut fields = Fields::of(&object);
                fields.ignored(unknown, |_| false);
                fields.finish_with(Some(()))?;
            }
            _ => {
                let msg = "This operation takes no body";
                return Err(ApiError::validation(vec![FieldError::new("body", "", msg, "extra_forbidden")]));
            }
        }
    }
    Ok(Request::from_parts(parts, Body::empty()))
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

/// A name as it stands in a header: everything but plain characters escaped as in addresses, and cut.
fn in_header(name: &str) -> String {
    let mut escaped = String::new();
    for c in name.chars() {
        let is_plain = c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).bytes();
        let next = if is_plain { c.to_string() } else { bytes.map(|byte| format!("%{byte:02X}")).collect() };
        if escaped.len() + next.len() > IN_HEADER_NAME_MAX {
            return escaped + CUT;
        }
        escaped.push_str(&next);
    }
    escaped
}

/// The unknown fields of a request. They are ignored, and the answer names them; with `Prefer: handling=strict` they
/// are errors.
#[derive(Clone, Debug, Default)]
pub struct Unknown {
    pub is_strict: bool,
    /// Of an item of a list, whose fields are columns of somebody's table.
    is_of_item: bool,
    names: Arc<Mutex<BTreeSet<String>>>,
    /// The unknown query parameters and header fields, which were ignored.
    parameters: Arc<[String]>,
    all: Arc<AllOptions>,
}

impl Unknown {
    /// Names the field in the header of the answer.
    pub fn note(&self, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < IN_HEADER_MAX {
            names.insert(in_header(name));
        }
    }

    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The unknown query parameters and header fields.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// Of an item of the request, which has fields only.
    #[must_use]
    pub fn of_item(&self) -> Self {
        Self { parameters: Arc::default(), is_of_item: true, ..self.clone() }
    }
}

impl Fields<'_> {
    /// The unknown fields, which are ignored. With `Prefer: handling=strict` they are errors. An option that only other
    /// operations have always is one.
    pub fn ignored(&mut self, unknown: &Unknown, is_known: impl Fn(&str) -> bool) -> Vec<String> {
        let (mut names, object) = (Vec::new(), self.object);
        for (name, value) in object.iter().filter(|(name, _)| !is_known(name)) {
            let is_off = matches!(value, Value::Null | Value::Bool(false));
            let is_column = unknown.is_of_item && name.trim().eq_ignore_ascii_case(DRY);
            let is_nearly_dry_run = name != DRY_RUN && !is_column && is_nearly_dry_run(name);
            if (unknown.all.has(name) && !is_off) || is_nearly_dry_run {
                let Wrong { msg, kind } = if is_nearly_dry_run { not_dry_run() } else { no_such_option() };
                self.reject(&shortened(name), msg, kind);
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

    /// The unknown parameters of the request, and then its unknown fields.
    pub fn all_ignored(&mut self, unknown: &Unknown, is_known: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names = unknown.parameters().to_vec();
        names.extend(self.ignored(unknown, is_known));
        names
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Unknown {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_to_be_dry_run_is_known_by_its_letters() {
        for name in [
            "dry_run",
            "dryrun",
            "dry-run",
            "DryRun",
            "DRY_RUN",
            "dry run",
            "dry_rn",
            "dy_run",
            "dyr_run",
            "drry_run",
            "dry_runn",
            "dry_ruun",
            "is_dry_run",
            "dryRunOnly",
            "dry",
            "dry_run[]",
            "dry.run",
        ] {
            assert!(is_nearly_dry_run(name), "{name}");
        }
        for name in ["", "d", "do", "rerun", "run", "run_at", "drain", "draft", "priority", "description", "\u{1f600}"]
        {
            assert!(!is_nearly_dry_run(name), "{name}");
        }
        assert!(!is_nearly_dry_run(&"d".repeat(1_000_000)));
    }

    #[test]
    fn an_option_is_known_by_its_letters_whatever_stands_before_and_between_them() {
        for name in [
            "on-duplicate",
            "onduplicate",
            "on_duplicate",
            "x-on-duplicate",
            "x-onduplicate",
            "pinbridge-on-duplicate",
            "pinbridge_onduplicate",
            "x-pinbridge-onduplicate",
            "xpinbridge.on.duplicate",
        ] {
            assert!(has_letters("on_duplicate", &letters_of_option(name)), "{name}");
        }
        for name in ["duplicate", "on-duplicates", "x-my-on-duplicate", "pinbridge", "x", ""] {
            assert!(!has_letters("on_duplicate", &letters_of_option(name)), "{name}");
        }
    }

    #[test]
    fn a_name_in_a_header_is_escaped_and_cut() {
        let long = "\u{fc}".repeat(99);
        for (name, shown) in [
            ("linkurl", "linkurl".to_owned()),
            ("x-pinbridge-priorty", "x-pinbridge-priorty".to_owned()),
            ("böard", "b%C3%B6ard".to_owned()),
            ("a b\r\n", "a%20b%0D%0A".to_owned()),
            ("a;b=\"c\"", "a%3Bb%3D%22c%22".to_owned()),
            ("\u{1f600}", "%F0%9F%98%80".to_owned()),
            (&"x".repeat(64), "x".repeat(64)),
            (&"x".repeat(65), "x".repeat(64) + "..."),
            (&long, "%C3%BC".repeat(10) + "..."),
        ] {
            assert_eq!(in_header(name), shown, "{name}");
            assert!(HeaderValue::try_from(in_header(name)).is_ok());
        }
    }
}
