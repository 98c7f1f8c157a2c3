//! The page that a person sees after Pinterest's consent page. It is one file without scripts and external resources.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use pinbridge_shared::flows::accounts::oauth::Connected;

use crate::content_type::HTML;
use crate::error::ApiError;

/// The content of the only inline element. The policy below names its hash.
pub const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;\
                         color:#1b1b1b;background:#fff}h1{font-size:1.4rem}p.do{border-left:3px solid #767676;\
                         padding-left:.8rem}";
/// The SHA-256 of [`STYLE`], in Base64.
pub const STYLE_HASH: &str = "C1E/up1yBDoE399fttsonNC+QR6MVdtFN/iC0FOr+VQ=";

/// Whether the client prefers a page to JSON. A browser does. A client without a preference receives JSON.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let html = weight(headers, "text/html");
    html > 0.0 && html >= weight(headers, "application/json")
}

/// How much the client wants this content type by its name.
pub fn weight(headers: &HeaderMap, wanted: &str) -> f32 {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = accepts.flat_map(|accept| accept.split(',')).map(range);
    let named = ranges.filter(|(kind, _)| kind.eq_ignore_ascii_case(wanted));
    named.map(|(_, weight)| weight).fold(0.0, f32::max)
}

/// A media range and its weight.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
    (kind, weight)
}

pub fn connected(connected: &Connected) -> Response {
    let account = &connected.account;
    let name = account.username.as_deref().or(account.display_name.as_deref()).unwrap_or(&account.pinterest_user_id);
    let missing = account.missing_scopes();
    let what = format!("The Pinterest account {name} is connected to the workspace {}.", connected.workspace_name);
    if missing.is_empty() {
        return page(StatusCode::OK, "Connected", &what, "You can close this page.");
    }
    let what = format!("{what} It can't publish yet, because these scopes were not granted: {}.", missing.join(", "));
    page(StatusCode::OK, "Connected, but not complete", &what, "Connect the account again and grant every scope.")
}

pub fn failed(error: &ApiError) -> Response {
    page(error.status(), "Not connected", error.message(), remedy(error))
}

/// What the person in front of the page can do. The remediation of the error is for the developer of a client.
fn remedy(error: &ApiError) -> &'static str {
    match error.code() {
        "oauth_denied" => {
            "To connect the account, return to the application that sent you here, start again, and grant access."
        }
        "scope_missing" => {
            "Return to the application that sent you here, start again, and grant every permission that Pinterest \
             asks for."
        }
        "oauth_state_invalid" | "oauth_code_missing" | "oauth_code_refused" => {
            "Return to the application that sent you here and connect the account again."
        }
        "pinterest_app_refused" | "trial_access" | "feature_restricted" => {
            "Send this message to the operator of this installation."
        }
        _ => {
            "Return to the application that sent you here and connect the account again. If it fails again, send this \
             message to the operator of this installation."
        }
    }
}

pub fn page(status: StatusCode, title: &str, what: &str, then: &str) -> Response {
    page_of(status, title, &format!("<p>{}</p><p class=\"do\">{}</p>", escaped(what), escaped(then)), "'none'")
}

/// A page around HTML, whose forms go to `form_action` only.
pub fn page_of(status: StatusCode, title: &str, html: &str, form_action: &str) -> Response {
    let title = escaped(title);
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{html}</main></body></html>\n"
    );
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action {form_action}; \
         frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, HTML),
        (CACHE_CONTROL, "no-store"),
        // The address has the code in it.
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, policy.as_str()),
    ];
    (status, headers, body).into_response()
}

/// The text with the special characters of HTML escaped.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use http::HeaderValue;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_names_the_style() {
        assert_eq!(STANDARD.encode(Sha256::digest(STYLE)), STYLE_HASH);
    }

    #[test]
    fn browsers_get_the_page_and_clients_json() {
        let is_wanted =
            |accept: &'static str| is_wanted(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        assert!(is_wanted("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(is_wanted("TEXT/HTML"));
        for client in
            ["", "*/*", "application/json", "application/json, text/html;q=0.5", "text/html;q=0", "text/plain"]
        {
            assert!(!is_wanted(client), "{client}");
        }
        assert!(!super::is_wanted(&HeaderMap::new()));
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

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escaped("<b>&\"'</b>"), "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;");
    }
}
