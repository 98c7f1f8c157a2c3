//! The pages of a verification link, which look as those of a connection.

use axum::response::Response;
use http::{HeaderMap, StatusCode};

use crate::accept;
use crate::activity::Attribution;
use crate::connection_page::{self, page, said};
use crate::error::ApiError;

/// Whether the client names JSON and doesn't prefer a page. Programs that only follow links don't.
pub fn is_json_wanted(headers: &HeaderMap) -> bool {
    accept::weight(headers, "application/json") > 0.0 && !connection_page::is_wanted(headers)
}

/// Asks before it verifies. The form goes to the page's own address, which has the token.
pub fn ask() -> Response {
    let html = "<p>Somebody registered with the email address to which this link was sent. If it was you, confirm that \
                the address is yours.</p><form method=\"post\"><p><button>Confirm the address</button></p></form>\
                <p class=\"do\">If it was not you, close this page: the registration expires by itself.</p>";
    page(StatusCode::OK, "Confirm your email address", html, "'self'")
}

/// The page in place of a verification's JSON.
pub fn verified(mut json: Response) -> Response {
    let response = said(
        StatusCode::OK,
        "Confirmed",
        "The email address is confirmed.",
        "Return to the application in which you registered, and go on or log in.",
    );
    match json.extensions_mut().remove::<Attribution>() {
        Some(attribution) => attribution.of(response),
        None => response,
    }
}

pub fn failed(error: &ApiError) -> Response {
    said(error.status(), "Not confirmed", error.message(), remedy(error))
}

/// What the person in front of the page can do. The remediation of the error is for the developer of a client.
fn remedy(error: &ApiError) -> &'static str {
    match error.code() {
        "verification_invalid" | "validation_error" => {
            "Return to the application in which you registered, log in and ask for another mail, or register again. \
             Use the link in the newest mail."
        }
        "registration_closed" => "Ask the operator of this installation for an account.",
        _ => {
            "Open the link again in a few minutes. If it fails again, send this message to the operator of this installation."
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn only_a_program_that_names_json_verifies_by_opening_the_link() {
        let is_wanted =
            |accept: &'static str| is_json_wanted(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        assert!(is_wanted("application/json") && is_wanted("application/json, text/html;q=0.5"));
        for other in
            ["", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html, application/json", "text/plain"]
        {
            assert!(!is_wanted(other), "{other}");
        }
        assert!(!is_json_wanted(&HeaderMap::new()));
    }

    #[test]
    fn the_remedy_is_for_the_person_in_front_of_the_page() {
        for error in crate::error::samples() {
            let remedy = remedy(&error);
            for word in ["GET", "POST", "/v1/", "PINBRIDGE_", "retry_after"] {
                assert!(!remedy.contains(word), "{}: {remedy}", error.code());
            }
        }
    }
}
