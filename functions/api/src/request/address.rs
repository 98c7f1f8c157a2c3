//! Refuses control characters in what stands in an address: the segments of its path, and the names and values of its
//! query. They would end up in searches, in Pinterest's paths and in logs.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Uri;
use url::form_urlencoded;

use super::field::Wrong;
use super::options::shortened;
use crate::endpoint::{Endpoint, Place};
use crate::error::ApiError;

/// Whether the endpoint takes anything from its address.
pub fn has_parameters(endpoint: &Endpoint) -> bool {
    endpoint.parameters.iter().any(|parameter| parameter.place != Place::Header)
}

/// The layer over every endpoint with parameters in its address.
pub async fn check(request: Request, next: Next) -> Response {
    match readable(request.uri()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn readable(uri: &Uri) -> Result<(), ApiError> {
    let Wrong { msg, kind } = control_characters();
    if has_control(&decoded(uri.path())) {
        return Err(ApiError::invalid("path", "id", msg, kind));
    }
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if has_control(&name) || has_control(&value) {
            let name: String = shortened(&name).chars().filter(|c| !c.is_control()).collect();
            return Err(ApiError::invalid("query", &name, msg, kind));
        }
    }
    Ok(())
}

fn control_characters() -> Wrong {
    Wrong::new("String should have no control characters", "string_pattern_mismatch")
}

fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
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
        let error = readable(&uri.parse().expect("a URI")).err()?;
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
    fn everything_else_passes() {
        for uri in
            ["/", "/v1/pins?q=a+b%20c", "/v1/a%2Fb+c&d=e", "/?q=%F0%9F%98%80&terms=%c3%bc,%e2%80%8b", "/%ff?a=%ff&&b"]
        {
            assert_eq!(refused(uri), None, "{uri}");
        }
    }
}
