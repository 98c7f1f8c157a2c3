//! Refuses what can't be meant in an address: the segments of its path, and the names and values of its query. Control
//! characters would end up in searches, in Pinterest's paths and in logs; different bytes that aren't UTF-8 would
//! become the same text; and of a parameter that a change has twice, nobody can say which one counts.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Uri;
use url::form_urlencoded;

use super::field::Wrong;
use super::names::shortened;
use crate::endpoint::{Endpoint, Place};
use crate::error::ApiError;

/// Whether the endpoint takes anything from its address.
pub fn has_parameters(endpoint: &Endpoint) -> bool {
    endpoint.parameters.iter().any(|parameter| parameter.place != Place::Header)
}

/// The layer over every endpoint with parameters in its address.
pub async fn check(State(is_read): State<bool>, request: Request, next: Next) -> Response {
    match readable(request.uri(), is_read) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Refuses what can't be read, and a parameter that a change has more than once.
fn readable(uri: &Uri, is_read: bool) -> Result<(), ApiError> {
    if let Err(Wrong { msg, kind }) = text(&decoded(uri.path())) {
        return Err(ApiError::invalid("path", "id", msg, kind));
    }
    let (mut names, mut repeated) = (BTreeSet::new(), None);
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if let Err(Wrong { msg, kind }) = text(&name).and_then(|()| text(&value)) {
            let name: String = shortened(&name).chars().filter(|c| !c.is_control()).collect();
            return Err(ApiError::invalid("query", &name, msg, kind));
        }
        if !is_read && !names.insert(name.to_string()) {
            repeated.get_or_insert(name);
        }
    }
    match repeated {
        None => Ok(()),
        Some(name) => {
            let msg = "The parameter is there more than once";
            Err(ApiError::invalid("query", &shortened(&name), msg, "value_error"))
        }
    }
}

fn text(text: &str) -> Result<(), Wrong> {
    if text.contains(char::is_control) {
        return Err(Wrong::new("String should have no control characters", "string_pattern_mismatch"));
    }
    // Decoding puts this character in place of bytes that aren't UTF-8.
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Wrong::new("String should be UTF-8, without the character U+FFFD", "string_unicode"));
    }
    Ok(())
}

/// The path with its percent-encoded bytes decoded. A plus sign means itself there.
fn decoded(path: &str) -> String {
    let path = path.replace('+', "%2B").replace(['&', '='], "_");
    form_urlencoded::parse(path.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(uri: &str) -> Option<(String, String)> {
        let error = readable(&uri.parse().expect("a URI"), true).err()?;
        let [place, name] = &error.errors()[0].loc[..] else { panic!("two parts") };
        Some((place.clone(), name.clone()))
    }

    #[test]
    fn control_characters_are_found_wherever_they_stand_and_however_they_are_written() {
        for code in ["%00", "%0a", "%0D", "%09", "%1b", "%7F", "%C2%85", "%c2%9f"] {
            for uri in [format!("/v1/pins/a{code}"), format!("/v1/{code}/x?q=a")] {
                assert_eq!(refused(&uri), Some(("path".into(), "id".into())), "{uri}");
            }
            for uri in [format!("/v1/pins?limit=1&q=a{code}b"), format!("/v1/pins?q={code}"), format!("/?q{code}=1")] {
                assert_eq!(refused(&uri), Some(("query".into(), "q".into())), "{uri}");
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_found() {
        for bytes in ["%ff", "a%E4", "%c3", "%ed%a0%80", "%ef%bf%bd"] {
            assert_eq!(
                refused(&format!("/v1/pins?client_state={bytes}&b=1")),
                Some(("query".into(), "client_state".into()))
            );
            assert_eq!(refused(&format!("/v1/pins/{bytes}")), Some(("path".into(), "id".into())));
        }
    }

    #[test]
    fn a_parameter_that_is_there_twice_is_found() {
        let repeated_in = |uri: &str, is_read: bool| {
            let error = readable(&uri.parse().expect("a URI"), is_read).err();
            error.map(|error| error.errors()[0].loc[1].clone())
        };
        let repeated = |uri: &str| repeated_in(uri, false);
        for uri in ["/?dry_run=true&dry_run=false", "/?a=1&dry_run=1&dry%5Frun=1", "/?dry_run&b&dry_run"] {
            assert_eq!(repeated(uri).as_deref(), Some("dry_run"), "{uri}");
            assert_eq!(repeated_in(uri, true), None, "a read may repeat it: {uri}");
        }
        assert_eq!(repeated("/?a=1&b=1&c"), None);
    }

    #[test]
    fn everything_else_passes() {
        for uri in [
            "/",
            "/v1/pins?q=a+b%20c",
            "/v1/a%2Fb+c&d=e",
            "/?q=%F0%9F%98%80&terms=%c3%bc,%e2%80%8b",
            "/a?a=%ef%bf%bc&&b",
        ] {
            assert_eq!(refused(uri), None, "{uri}");
        }
    }
}
