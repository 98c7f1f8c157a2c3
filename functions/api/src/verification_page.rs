//! The pages of a verification link, which look as those of a connection.

use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::domain::tenant::proof::Prospect;

use crate::activity::Attribution;
use crate::connection_page::{isolated, page, said};
use crate::error::ApiError;

/// Asks before it verifies, and names what is confirmed: anybody may have registered. The form goes to the page's own
/// address, which has the token.
pub fn ask(registration: &Prospect) -> Response {
    let html = format!(
        "<p>Somebody registered with the email address to which this link was sent:</p>\
         <p class=\"which\"><strong>{}</strong><br>Workspace: {}<br>\
         <small>Registered: {}<br>Person id: {}</small></p>\
         <p>Confirming gives whoever made this registration, and knows its password, an account under your email \
         address and the ownership of that workspace.</p>\
         <form method=\"post\"><p><button>Confirm the address</button></p></form>\
         <p class=\"do\">If it was not you, close this page, also if you registered under another name or at another \
         time. The registration expires by itself.</p>",
        isolated(&registration.name),
        isolated(&registration.workspace_name),
        registration.made_at(),
        registration.id,
    );
    page(StatusCode::OK, "Confirm your email address?", &html, "'self'")
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
            "If you registered yourself, return to the application in which you did, and ask for another mail or \
             register again. Then open the link of the newest mail, if that mail names your registration."
        }
        "registration_closed" => "Ask the operator of this installation for an account.",
        _ => {
            "Open the link again in a few minutes. If it fails again, send this message to the operator of this installation."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
