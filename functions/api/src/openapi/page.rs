//! Makes the page at `/docs` from the guide and the document. It is one file without scripts and external resources.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::pin::failure::Failure;
use serde_json::{Map, Value};

use super::guide;
use super::samples::Sample;
use crate::connection_page::escaped;
use crate::content_type::{HTML, JSON};
use crate::endpoint::Endpoint;
use crate::error;

/// The content of the only inline element. The policy below names its hash.
const STYLE: &str = include_str!("page.css");
/// The SHA-256 of [`STYLE`], in Base64.
const STYLE_HASH: &str = "Jg2d/hErXh30TNUQk83zS15TlSW85vP7nShPbTEoND4=";

/// The response with the page.
pub fn page(body: &'static str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors \
         'none'"
    );
    let headers =
        [(CONTENT_TYPE, HTML), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CONTENT_SECURITY_POLICY, policy.as_str())];
    (headers, body).into_response()
}

/// Writing into a `String` can't fail.
macro_rules! put {
    ($page:expr, $($arg:tt)*) => { let _ = write!($page, $($arg)*); };
}

/// The page of the document. The operations are in the order of the endpoints.
pub fn html(document: &Value, endpoints: &[Endpoint]) -> String {
    let mut page = String::new();
    let title = text(&document["info"]["title"]);
    put!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body>"
    );
    let tags: Vec<&str> = list(&document["tags"]).iter().filter_map(|tag| tag["name"].as_str()).collect();
    index(&mut page, &tags);
    put!(
        page,
        "<main><h1>{title}</h1><p>{}</p><p>Version {} · <a href=\"/openapi.json\">/openapi.json</a></p>",
        prose(&document["info"]["description"]),
        text(&document["info"]["version"])
    );
    page.push_str(&with_linked_codes(guide::GUIDE));
    let operations = operations(document, endpoints);
    summaries(&mut page, &tags, &operations);
    for tag in &tags {
        put!(page, "<h2 id=\"{}\">{}</h2>", anchor(tag), escaped(tag));
        for (method, path, described) in operations.iter().filter(|(.., one)| one["tags"][0] == *tag) {
            operation(&mut page, method, path, described);
        }
    }
    webhooks(&mut page, document);
    timeline(&mut page);
    errors(&mut page, document);
    put!(page, "<h2 id=\"schemas\">Schemas</h2>");
    for (name, described) in map(&document["components"]["schemas"]) {
        put!(page, "<h3 id=\"schema-{0}\">{0}</h3>", escaped(name));
        schema(&mut page, described);
    }
    put!(page, "</main></body></html>\n");
    page
}

/// The sections that come after the operations.
const REFERENCE: [(&str, &str); 6] = [
    ("webhook-events", "Events of webhooks"),
    ("events", "Events of a timeline"),
    ("notes", "Notes of a timeline"),
    ("errors", "Error codes of requests"),
    ("pin-errors", "Error codes of pins"),
    ("schemas", "Schemas"),
];

fn index(page: &mut String, tags: &[&str]) {
    put!(page, "<nav class=\"index\">");
    let mut links = |heading: &str, links: &mut dyn Iterator<Item = (String, String)>| {
        put!(page, "<p>{heading}</p><ul>");
        for (anchor, name) in links {
            put!(page, "<li><a href=\"#{anchor}\">{name}</a></li>");
        }
        put!(page, "</ul>");
    };
    let owned = |(anchor, name): (&str, &str)| (anchor.to_owned(), name.to_owned());
    links("Guide", &mut guide::SECTIONS.into_iter().map(owned));
    let all = std::iter::once(("operations".to_owned(), "All operations".to_owned()));
    links("Operations", &mut all.chain(tags.iter().map(|tag| (anchor(tag), escaped(tag)))));
    links("Reference", &mut REFERENCE.into_iter().map(owned));
    put!(page, "</nav>");
}

fn anchor(tag: &str) -> String {
    format!("tag-{}", tag.to_lowercase().replace(' ', "-"))
}

type Operation<'a> = (String, &'static str, &'a Value);

/// The operations in the order of the endpoints. The document has them in alphabetical order.
fn operations<'a>(document: &'a Value, endpoints: &[Endpoint]) -> Vec<Operation<'a>> {
    let described = |one: &Endpoint| {
        let method = one.method.as_str().to_lowercase();
        let operation = &document["paths"][one.path][&method];
        (method, one.path, operation)
    };
    endpoints.iter().map(described).collect()
}

/// The list of all operations.
fn summaries(page: &mut String, tags: &[&str], operations: &[Operation<'_>]) {
    put!(page, "<h2 id=\"operations\">All operations</h2>");
    for tag in tags {
        put!(page, "<h3><a href=\"#{}\">{}</a></h3><table class=\"operations\">", anchor(tag), escaped(tag));
        for (method, path, operation) in operations.iter().filter(|(.., one)| one["tags"][0] == *tag) {
            let (id, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
            let (name, path) = (method.to_uppercase(), broken(path));
            put!(
                page,
                "<tr><td><a href=\"#{id}\"><code><b class=\"{method}\">{name}</b> {path}</code></a></td>\
                 <td>{summary}</td></tr>"
            );
        }
        put!(page, "</table>");
    }
}

/// A path that may be broken before each segment.
fn broken(path: &str) -> String {
    escaped(path).replace('/', "<wbr>/")
}

fn operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    put!(
        page,
        "<section><h3 id=\"{}\">{}</h3><p class=\"route\"><code><b class=\"{method}\">{}</b> {}</code></p><p>{}</p>",
        text(&operation["operationId"]),
        text(&operation["summary"]),
        method.to_uppercase(),
        broken(path),
        prose(&operation["description"])
    );
    parameters(page, list(&operation["parameters"]));
    for (content, described) in map(&operation["requestBody"]["content"]) {
        put!(page, "<p>Body: <code>{}</code>, {}</p>", escaped(content), kind(&described["schema"]));
    }
    let sample = Sample::new(method, path, operation);
    put!(page, "<p class=\"label\">curl</p><pre>{}</pre>", escaped(&sample.curl()));
    put!(page, "<p class=\"label\">Python</p><pre>{}</pre>", escaped(&sample.python()));
    put!(page, "<p class=\"label\">Answers</p><ul>");
    for (status, response) in map(&operation["responses"]) {
        put!(page, "<li><b>{}</b> {}", escaped(status), prose(&response["description"]));
        for (content, described) in map(&response["content"]) {
            if described["example"].is_null() {
                continue;
            }
            put!(page, "<details><summary><code>{}</code>, {}</summary>", escaped(content), kind(&described["schema"]));
            example(page, &described["example"]);
            put!(page, "</details>");
        }
        put!(page, "</li>");
    }
    put!(page, "</ul></section>");
}

fn parameters(page: &mut String, parameters: &[Value]) {
    if parameters.is_empty() {
        return;
    }
    table(page, &["Parameter", "In", "Type", ""]);
    for one in parameters {
        let required = if one["required"] == true { " (required)" } else { "" };
        let (name, place, kind) = (text(&one["name"]), text(&one["in"]), kind(&one["schema"]));
        let about = prose(&one["description"]);
        put!(page, "<tr><td><code>{name}</code>{required}<td>{place}<td>{kind}<td>{about}</tr>");
    }
    put!(page, "</table></div>");
}

/// The start of a table. If the table is too wide, it scrolls.
fn table(page: &mut String, headings: &[&str]) {
    put!(page, "<div class=\"wide\"><table><tr><th>{}</tr>", headings.join("<th>"));
}

fn webhooks(page: &mut String, document: &Value) {
    put!(
        page,
        "<h2 id=\"webhook-events\">Events of webhooks</h2><p>An event is sent as a POST request to each endpoint that \
         receives it: <a href=\"#receiving\">how to verify and answer it</a>. Later versions may add fields to a \
         body.</p>"
    );
    table(page, &["Event", "Means", "Body"]);
    let mut headers: &[Value] = &[];
    for (name, methods) in map(&document["webhooks"]) {
        let request = &methods["post"];
        let body = kind(&request["requestBody"]["content"][JSON]["schema"]);
        put!(page, "<tr><td><code>{}</code><td>{}<td>{body}</tr>", escaped(name), prose(&request["description"]));
        headers = list(&request["parameters"]);
    }
    put!(page, "</table></div><p>Every request has these headers, in exactly this casing:</p>");
    parameters(page, headers);
}

fn timeline(page: &mut String) {
    put!(
        page,
        "<h2 id=\"events\">Events of a timeline</h2><p><a href=\"#get_pin_timeline\">A pin's timeline</a> has its \
         events in order. <code>type</code> is one of those below (<code>event</code> is the same), and \
         <code>text</code> tells the event in sentences. <code>upstream_status</code>, <code>upstream_code</code>, \
         <code>upstream_request_id</code> and <code>upstream_latency_ms</code> are from Pinterest's answer. \
         <code>next_at</code> is the time for which the next step was planned.</p>"
    );
    table(page, &["Type", "Means"]);
    for (name, explanation) in guide::events() {
        put!(page, "<tr id=\"event-{name}\"><td><code>{name}</code><td>{}</tr>", prose(&explanation.into()));
    }
    put!(
        page,
        "</table></div><h2 id=\"notes\">Notes of a timeline</h2><p>A note is an \
         <a href=\"#pin-errors\">error code of a pin</a>; of <code>duplicate_found</code>, \
         <code>duplicate_removed</code> and <code>resolved_by_person</code> the id of a Pin; of \
         <code>attempt_started</code> and <code>deliveries_exhausted</code> how many deliveries of the pin's queue \
         message came to nothing, such as <code>2 deliveries did nothing</code>. The event \
         <a href=\"#event-look_up_inconclusive\"><code>look_up_inconclusive</code></a> has one of these notes:</p>"
    );
    table(page, &["Note", "Means"]);
    for (note, explanation) in guide::LOOK_UP_NOTES {
        put!(page, "<tr><td><code>{note}</code><td>{}</tr>", prose(&explanation.into()));
    }
    put!(page, "</table></div>");
}

fn errors(page: &mut String, document: &Value) {
    let mut anchored = BTreeSet::new();
    let mut row = |page: &mut String, code: &str, message: &str, remedy: &str| {
        // Links lead to the first row of a code.
        let id = if anchored.insert(code.to_owned()) { format!(" id=\"code-{code}\"") } else { String::new() };
        put!(page, "<tr{id}><td><code>{code}</code><td>{message}<td>{remedy}</tr>");
    };
    put!(page, "<h2 id=\"errors\">Error codes of requests</h2>");
    table(page, &["Code", "Message", "What to do"]);
    for (_, described) in map(&document["components"]["examples"]) {
        let error = &described["value"]["error"];
        row(page, &text(&error["code"]), &text(&error["message"]), &text(&error["remediation"]));
    }
    put!(
        page,
        "</table></div><h2 id=\"pin-errors\">Error codes of pins</h2><p>Why a pin failed or waits. A pin has the code \
         in <code>error_code</code> and in the notes of its timeline.</p>"
    );
    table(page, &["Code", "Message", "What to do"]);
    for failure in Failure::ALL {
        row(page, failure.code(), &escaped(failure.message()), &escaped(failure.remedy()));
    }
    for reason in WaitReason::ALL {
        row(page, reason.code(), &escaped(reason.message()), &escaped(reason.remedy()));
    }
    put!(page, "</table></div>");
}

/// The codes in the tables of errors.
fn codes() -> &'static BTreeSet<&'static str> {
    static CODES: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    CODES.get_or_init(|| {
        let requests = error::samples().into_iter().map(|sample| sample.code());
        requests.chain(Failure::ALL.map(Failure::code)).chain(WaitReason::ALL.map(WaitReason::code)).collect()
    })
}

/// An identifier. The code of an error has a link to its row.
fn identifier(name: &str) -> String {
    let written = format!("<code>{name}</code>");
    if codes().contains(name) { format!("<a href=\"#code-{name}\">{written}</a>") } else { written }
}

fn with_linked_codes(html: &str) -> String {
    codes().iter().fold(html.to_owned(), |html, code| html.replace(&format!("<code>{code}</code>"), &identifier(code)))
}

fn schema(page: &mut String, schema: &Value) {
    put!(page, "<p>{}</p>", prose(&schema["description"]));
    if schema["properties"].is_null() {
        put!(page, "<p>{}</p>", kind(schema));
        return;
    }
    table(page, &["Field", "Type", ""]);
    for (name, field) in map(&schema["properties"]) {
        let required = list(&schema["required"]).iter().any(|one| one == name);
        let optional = if required { "" } else { " (optional)" };
        put!(page, "<tr><td><code>{}</code>{optional}<td>{}", escaped(name), kind(field));
        put!(page, "<td>{}</tr>", prose(&field["description"]));
    }
    put!(page, "</table></div>");
}

fn example(page: &mut String, example: &Value) {
    let written = match example {
        Value::String(written) => written.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    put!(page, "<pre>{}</pre>", escaped(&written));
}

/// A short description of a schema. A schema with a name has a link.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    if let Some(either) = schema["anyOf"].as_array() {
        return either.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(names) = schema["enum"].as_array() {
        let names = names.iter().map(|name| format!("<code>{}</code>", text(name)));
        return names.collect::<Vec<_>>().join(", ");
    }
    let mut words = match &schema["type"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().map(text).collect(),
        _ => vec!["anything".to_owned()],
    };
    if !schema["items"].is_null() {
        words = vec![format!("list of {}", kind(&schema["items"]))];
    }
    let mut said = words.join(" or ");
    for (name, before) in [("format", ""), ("maxLength", "at most "), ("maximum", "up to "), ("maxItems", "at most ")] {
        if !schema[name].is_null() {
            put!(said, ", {before}{}", text(&schema[name]));
        }
    }
    said
}

/// A text with its `code` as HTML. The code of an error has a link to its row.
fn prose(value: &Value) -> String {
    let written = text(value);
    let parts = written.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { identifier(part) } else { part.to_owned() }).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => String::new(),
        other => escaped(&other.to_string()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn map(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    static NOTHING: OnceLock<Map<String, Value>> = OnceLock::new();
    value.as_object().unwrap_or_else(|| NOTHING.get_or_init(Map::new)).iter()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::routes::{system, table};

    fn written() -> String {
        html(system::description(), &table())
    }

    #[test]
    fn the_policy_names_the_style() {
        assert_eq!(STANDARD.encode(Sha256::digest(STYLE)), STYLE_HASH);
    }

    #[test]
    fn the_page_has_every_route_and_error_and_nothing_from_elsewhere() {
        let page = written();
        for endpoint in table() {
            assert!(page.contains(&format!("<h3 id=\"{}\">", endpoint.id)), "{}", endpoint.id);
        }
        for sample in crate::error::samples() {
            assert!(page.contains(&format!("<code>{}</code>", sample.code())), "{}", sample.code());
        }
        for elsewhere in ["<script", "src=", "http-equiv", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        let page = written();
        let after = |mark: &'static str| page.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
        let anchors: Vec<&str> = after(" id=\"").collect();
        let unique: BTreeSet<&str> = anchors.iter().copied().collect();
        assert_eq!(unique.len(), anchors.len(), "an anchor is there twice");
        for link in after(" href=\"#") {
            assert!(unique.contains(link), "#{link}");
        }
    }

    /// For eyes: `DOCS_PAGE=target/docs.html cargo test -p pinbridge-api the_page_is_written`.
    #[test]
    fn the_page_is_written_where_a_variable_names_a_file() {
        if let Ok(path) = std::env::var("DOCS_PAGE") {
            std::fs::write(path, written()).expect("a file");
        }
    }
}
