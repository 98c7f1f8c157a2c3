//! The document as a page: one file without scripts, nothing from elsewhere.

use std::fmt::Write;
use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde_json::{Map, Value};

use crate::connection_page::{CONTENT_TYPE_HTML, escaped};

/// What the one inline element says, between its tags: the policy below names its hash.
pub const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;\
                         background:#fff}h2{margin-top:3rem}h3{margin-bottom:.2rem}code,pre{font:.85rem/1.4 ui-monospace,\
                         monospace}pre{background:#f4f4f4;padding:.6rem;overflow-x:auto}table{border-collapse:collapse;\
                         width:100%}th,td{border-bottom:1px solid #ddd;padding:.3rem .5rem;text-align:left;\
                         vertical-align:top}nav ul{columns:2;padding-left:1rem;list-style:none}summary{cursor:pointer}\
                         .m{font-weight:600}@media(max-width:40rem){nav ul{columns:1}}";
/// The SHA-256 of [`STYLE`], in Base64.
pub const STYLE_HASH: &str = "/2Zj3ItI4cTc1ugAvsfa9VPYyKexzBLsBwkmYIDELR4=";

pub fn page() -> Response {
    static PAGE: OnceLock<String> = OnceLock::new();
    let body = PAGE.get_or_init(|| html(super::document())).as_str();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, CONTENT_TYPE_HTML),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, policy.as_str()),
    ];
    (headers, body).into_response()
}

/// Writing into a `String` can't fail.
macro_rules! put {
    ($page:expr, $($arg:tt)*) => { let _ = write!($page, $($arg)*); };
}

fn html(document: &Value) -> String {
    let mut page = String::new();
    let title = text(&document["info"]["title"]);
    put!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body><main>\
         <h1>{title}</h1><p>{}</p><p>Version {} · <a href=\"/openapi.json\">/openapi.json</a></p>",
        prose(&document["info"]["description"]),
        text(&document["info"]["version"])
    );
    let tags: Vec<&str> = list(&document["tags"]).iter().filter_map(|tag| tag["name"].as_str()).collect();
    put!(page, "<nav>");
    for tag in &tags {
        put!(page, "<p class=\"m\">{}</p><ul>", escaped(tag));
        for (method, path, operation) in operations(document, tag) {
            let id = text(&operation["operationId"]);
            put!(page, "<li><a href=\"#{id}\"><code>{} {}</code></a></li>", method.to_uppercase(), escaped(path));
        }
        put!(page, "</ul>");
    }
    put!(page, "<p class=\"m\"><a href=\"#errors\">Errors</a> · <a href=\"#schemas\">Schemas</a></p></nav>");
    for tag in &tags {
        put!(page, "<h2>{}</h2>", escaped(tag));
        for (method, path, described) in operations(document, tag) {
            operation(&mut page, method, path, described);
        }
    }
    errors(&mut page, document);
    put!(page, "<h2 id=\"schemas\">Schemas</h2>");
    for (name, described) in map(&document["components"]["schemas"]) {
        put!(page, "<h3 id=\"schema-{0}\">{0}</h3>", escaped(name));
        schema(&mut page, described);
    }
    put!(page, "</main></body></html>\n");
    page
}

fn operations<'a>(document: &'a Value, tag: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    let all = map(&document["paths"]).flat_map(|(path, methods)| {
        map(methods).map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    all.filter(move |(.., operation)| operation["tags"][0] == tag)
}

fn operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    put!(
        page,
        "<section><h3 id=\"{}\"><code>{} {}</code></h3><p><b>{}.</b> {}</p>",
        text(&operation["operationId"]),
        method.to_uppercase(),
        escaped(path),
        text(&operation["summary"]),
        prose(&operation["description"])
    );
    let parameters = list(&operation["parameters"]);
    if !parameters.is_empty() {
        put!(page, "<table><tr><th>Parameter<th>In<th>Type<th></tr>");
        for one in parameters {
            let required = if one["required"] == true { " (required)" } else { "" };
            let (name, place, kind) = (text(&one["name"]), text(&one["in"]), kind(&one["schema"]));
            let about = prose(&one["description"]);
            put!(page, "<tr><td><code>{name}</code>{required}<td>{place}<td>{kind}<td>{about}</tr>");
        }
        put!(page, "</table>");
    }
    for (content, described) in map(&operation["requestBody"]["content"]) {
        put!(page, "<p>Body: <code>{}</code>, {}</p>", escaped(content), kind(&described["schema"]));
        example(page, &described["example"]);
    }
    put!(page, "<table><tr><th>Status<th>Answer</tr>");
    for (status, response) in map(&operation["responses"]) {
        put!(page, "<tr><td>{}<td>{}", escaped(status), prose(&response["description"]));
        for (content, described) in map(&response["content"]) {
            if described["example"].is_null() {
                continue;
            }
            put!(page, "<details><summary><code>{}</code>, {}</summary>", escaped(content), kind(&described["schema"]));
            example(page, &described["example"]);
            put!(page, "</details>");
        }
        put!(page, "</tr>");
    }
    put!(page, "</table></section>");
}

fn errors(page: &mut String, document: &Value) {
    put!(page, "<h2 id=\"errors\">Errors</h2><table><tr><th>Code<th>Message<th>What to do</tr>");
    for (_, described) in map(&document["components"]["examples"]) {
        let error = &described["value"]["error"];
        let (message, remedy) = (text(&error["message"]), text(&error["remediation"]));
        put!(page, "<tr><td><code>{}</code><td>{message}<td>{remedy}</tr>", text(&error["code"]));
    }
    put!(page, "</table>");
}

fn schema(page: &mut String, schema: &Value) {
    put!(page, "<p>{}</p>", prose(&schema["description"]));
    if schema["properties"].is_null() {
        put!(page, "<p>{}</p>", kind(schema));
        return;
    }
    put!(page, "<table><tr><th>Field<th>Type<th></tr>");
    for (name, field) in map(&schema["properties"]) {
        let required = list(&schema["required"]).iter().any(|one| one == name);
        let optional = if required { "" } else { " (optional)" };
        put!(page, "<tr><td><code>{}</code>{optional}<td>{}", escaped(name), kind(field));
        put!(page, "<td>{}</tr>", prose(&field["description"]));
    }
    put!(page, "</table>");
}

fn example(page: &mut String, example: &Value) {
    let written = match example {
        Value::String(written) => written.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    put!(page, "<pre>{}</pre>", escaped(&written));
}

/// A schema in a few words, linked where it has a name.
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

/// With `code` where the text has it.
fn prose(value: &Value) -> String {
    let written = text(value);
    let parts = written.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
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

    #[test]
    fn the_policy_names_the_style() {
        assert_eq!(STANDARD.encode(Sha256::digest(STYLE)), STYLE_HASH);
    }

    #[test]
    fn the_page_has_every_route_and_error_and_nothing_from_elsewhere() {
        let page = html(super::super::document());
        for endpoint in crate::endpoint::table() {
            assert!(page.contains(&format!("<h3 id=\"{}\">", endpoint.id)), "{}", endpoint.id);
        }
        for sample in crate::error::samples() {
            assert!(page.contains(&format!("<code>{}</code>", sample.code())), "{}", sample.code());
        }
        for elsewhere in ["<script", "src=", "http-equiv", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }
}
