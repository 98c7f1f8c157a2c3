//! The pages that a person sees after Pinterest's consent page: one that asks, and one that shows the result. Each is
//! one file without scripts and external resources. They show plain sentences only, and neither routes nor codes.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Method, StatusCode};
use pinbridge_shared::domain::account::return_to::ReturnTo;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::shown;
use pinbridge_shared::flows::accounts::oauth::{Callback, Connected, Question};

use crate::accept;
use crate::content_type::{HTML, JSON};
use crate::error::ApiError;

/// The content of the only inline element. The policy below names its hash.
pub const STYLE: &str = "\
    body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;\
    padding:0 1rem;color:#1b1b1b;background:#fff}h1{font-size:1.4rem}\
    p.do{border-left:3px solid #767676;padding-left:.8rem}\
    p.which{font-size:1.2rem;background:#f2f2f2;border-radius:.4rem;\
    padding:.8rem;overflow-wrap:anywhere}p.which small{font-size:.9rem}\
    button{font:inherit;padding:.5rem 1rem;margin:.3rem .6rem .3rem 0;\
    border-radius:.4rem;border:1px solid #767676;background:none;color:inherit;\
    cursor:pointer}button.first{background:#0b57d0;border-color:#0b57d0;\
    color:#fff}@media(prefers-color-scheme:dark){body{color:#e6e6e6;\
    background:#161616}p.which{background:#2a2a2a}\
    button.first{background:#a8c7fa;border-color:#a8c7fa;color:#062e6f}}";
/// The SHA-256 of [`STYLE`], in Base64.
pub const STYLE_HASH: &str = "79N0aKVCaPW2jWJjqaxL5JrN6SmEVPxAoTPIdZM8T/o=";

/// Whether opening a link is a program's own decision, so that it needs no page and no second step: a `GET` that names
/// JSON, and that no other site has led here. Mail scanners, link checkers and proxies open links too, with
/// `Accept: */*` or with `HEAD`, and must not agree in a person's name.
pub fn is_decided(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && accept::weight(headers, JSON) > 0.0 && !is_wanted(headers)
}

/// Whether the client is a browser with a person in front of it: it prefers a page to JSON, or another site has led it
/// here. For an answer only: whether a `GET` may change anything is [`is_decided`].
pub fn is_wanted(headers: &HeaderMap) -> bool {
    prefers_html(headers) || is_led(headers)
}

/// Whether another site has made a browser send the request, be it for a page, a picture or a script. `fetch` may ask
/// for JSON in its victim's name, and must not connect the victim's account without a question.
fn is_led(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}

fn prefers_html(headers: &HeaderMap) -> bool {
    let html = accept::weight(headers, "text/html");
    html > 0.0 && html >= accept::weight(headers, JSON)
}

/// A name that somebody else chose. It turns no text around it.
pub fn isolated(name: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(&shown::line(name)))
}

/// Asks the person whether their account may be connected to this workspace: nothing is connected before.
pub fn question(question: &Question, callback: &Callback, to: Option<ReturnTo>) -> Response {
    let of = question.organization_name.as_ref().map(|of| format!("<br><small>of {}</small>", isolated(of)));
    let then = to.as_ref().map(|to| format!("<p>You then return to {}.</p>", escaped(to.host())));
    let secret = |text: &Option<Secret>| escaped(text.as_ref().map_or("", Secret::expose));
    let content = format!(
        "<p>The Pinterest account with which you have just agreed will be connected to this workspace:</p>\
         <p class=\"which\"><strong>{}</strong>{}</p>\
         <p>The people of the workspace can then publish Pins with your account, and read and change its boards.</p>\
         <p class=\"do\">If you do not know this workspace, somebody else has sent you here. Cancel, and nothing is \
         connected.</p>\
         <form method=\"post\" action=\"callback\"><input type=\"hidden\" name=\"state\" value=\"{}\">\
         <input type=\"hidden\" name=\"code\" value=\"{}\">\
         <button class=\"first\" name=\"decision\" value=\"connect\">Connect</button>\
         <button name=\"decision\" value=\"cancel\">Cancel</button></form>{}",
        isolated(&question.workspace_name),
        of.unwrap_or_default(),
        secret(&callback.state),
        secret(&callback.code),
        then.unwrap_or_default(),
    );
    // A browser applies this policy to the redirect after the form, too.
    let to = to.map(|to| format!(" {}", to.origin()));
    let forms = format!("'self'{}", to.unwrap_or_default());
    page(StatusCode::OK, "Connect your Pinterest account?", &content, &forms)
}

pub fn connected(connected: &Connected) -> Response {
    let account = &connected.account;
    let name = account.username.as_deref().or(account.display_name.as_deref()).unwrap_or(&account.pinterest_user_id);
    let missing = account.missing_scopes();
    let (name, workspace) = (shown::line(name), shown::line(&connected.workspace_name));
    let what = format!("The Pinterest account {name} is connected to the workspace {workspace}.");
    if missing.is_empty() {
        return said(StatusCode::OK, "Connected", &what, "You can close this page.");
    }
    let what = format!(
        "{what} It can't publish yet, because Pinterest was not told to allow everything. Missing: {}.",
        missing.join(", ")
    );
    let then = "Return to the application that sent you here, connect the account again, and allow everything that \
                Pinterest asks for.";
    said(StatusCode::OK, "Connected, but not complete", &what, then)
}

pub fn failed(error: &ApiError) -> Response {
    said(error.status(), "Not connected", sentence(error), remedy(error))
}

/// What happened, for the person in front of the page. The message of the error is for the developer of a client.
fn sentence(error: &ApiError) -> &'static str {
    match error.code() {
        "oauth_denied" => "You did not agree, so your Pinterest account was not connected.",
        "oauth_state_invalid" => {
            "This connection was finished before, or was begun more than ten minutes ago. Nothing new was connected."
        }
        "oauth_code_missing" | "oauth_code_refused" => {
            "Pinterest did not confirm that you agreed, so your account was not connected."
        }
        "scope_missing" => "Pinterest was not allowed to say which account this is, so your account was not connected.",
        "pinterest_unreachable" | "pinterest_busy" | "rate_limited" => {
            "Pinterest did not answer at the moment, so your account was not connected."
        }
        "pinterest_app_refused" | "trial_access" | "feature_restricted" => {
            "Pinterest does not let this installation connect accounts at the moment."
        }
        _ => "Something went wrong, and your account was not connected.",
    }
}

/// What the person in front of the page can do. The remediation of the error is for the developer of a client.
fn remedy(error: &ApiError) -> &'static str {
    match error.code() {
        "oauth_denied" => {
            "If you want to connect it, return to the application that sent you here, begin again, and agree."
        }
        "scope_missing" => {
            "Return to the application that sent you here, begin again, and allow everything that Pinterest asks for."
        }
        "oauth_state_invalid" | "oauth_code_missing" | "oauth_code_refused" => {
            "Return to the application that sent you here and connect the account again."
        }
        "pinterest_app_refused" | "trial_access" | "feature_restricted" => {
            "Send this message to the people of the application that sent you here."
        }
        _ => {
            "Return to the application that sent you here and connect the account again. If it fails again, send this \
             message to its people."
        }
    }
}

/// A page of two paragraphs.
pub fn said(status: StatusCode, title: &str, what: &str, then: &str) -> Response {
    let content = format!("<p>{}</p><p class=\"do\">{}</p>", escaped(what), escaped(then));
    page(status, title, &content, "'none'")
}

/// `content` is HTML. `forms` is where its form may lead.
pub fn page(status: StatusCode, title: &str, content: &str, forms: &str) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>\n"
    );
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action {forms}; frame-ancestors \
         'none'"
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
    use http::header::ACCEPT;
    use http::{HeaderName, HeaderValue};
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
    fn only_a_get_that_names_json_decides_by_opening_a_link() {
        let is_decided = |method: Method, accept: &'static str| {
            is_decided(&method, &HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
        };
        for program in ["application/json", "application/json, text/html;q=0.5", "application/json, text/plain, */*"] {
            assert!(is_decided(Method::GET, program), "{program}");
            assert!(!is_decided(Method::HEAD, program), "{program}");
        }
        for other in [
            "",
            "*/*",
            "application/*",
            "application/json;q=0",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/html, application/json",
            "text/plain",
        ] {
            assert!(!is_decided(Method::GET, other), "{other}");
        }
        assert!(!super::is_decided(&Method::GET, &HeaderMap::new()));
    }

    #[test]
    fn a_person_reads_sentences() {
        for error in crate::error::samples() {
            for text in [sentence(&error), remedy(&error)] {
                let code = error.code();
                assert!(text.ends_with('.') && text.contains(' '), "{code}: {text}");
                let words = ["GET", "POST", "/", "_", "PINBRIDGE", "state", "scope", "token", "OAuth", "code", "API"];
                for word in words {
                    assert!(!text.contains(word), "{code}: {word} in {text}");
                }
            }
        }
    }

    #[test]
    fn a_browser_that_another_site_leads_here_is_asked_whatever_it_accepts() {
        for site in ["cross-site", "same-site"] {
            for accept in ["", "*/*", "application/json", "image/avif,image/webp,*/*;q=0.8"] {
                let headers = [(ACCEPT, accept), (HeaderName::from_static("sec-fetch-site"), site)];
                let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
                assert!(super::is_wanted(&HeaderMap::from_iter(headers)), "{site} {accept}");
            }
        }
        for site in ["same-origin", "none"] {
            let headers = [("accept", "application/json"), ("sec-fetch-site", site)];
            let headers = headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            assert!(!super::is_wanted(&HeaderMap::from_iter(headers)), "{site}: our own page's, or a person's");
        }
    }

    /// The relative luminance of WCAG.
    fn luminance(color: &str) -> f64 {
        let digits = color.trim_start_matches('#');
        let wide: String =
            if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.into() };
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&wide[at..at + 2], 16).expect("hex")) / 255.0;
            if value <= 0.039_28 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }

    #[test]
    fn every_text_can_be_read_in_the_light_and_in_the_dark() {
        let (light, dark) = STYLE.split_once("@media(prefers-color-scheme:dark)").expect("both");
        let (lights, darks) = (
            [("#1b1b1b", "#fff"), ("#1b1b1b", "#f2f2f2"), ("#fff", "#0b57d0")],
            [("#e6e6e6", "#161616"), ("#e6e6e6", "#2a2a2a"), ("#062e6f", "#a8c7fa")],
        );
        for (style, pairs) in [(light, lights), (dark, darks)] {
            for (text, ground) in pairs {
                let named = style.contains(&format!("color:{text}")) && style.contains(&format!("background:{ground}"));
                let (a, b) = (luminance(text), luminance(ground));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(named && contrast >= 4.5, "{text} on {ground}: {contrast}");
            }
        }
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escaped("<b>&\"'</b>"), "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;");
    }
}
