//! Holds the API's answers against its OpenAPI document: every answer that a test sees is described, to the field.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use http::{HeaderMap, Method};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

/// Headers that say nothing of the API's own.
const ANYBODYS: [&str; 1] = ["x-content-type-options"];

/// # Panics
/// When the answer isn't what the document says.
pub fn check(method: &Method, path: &str, status: u16, headers: &HeaderMap, text: &str) {
    let what = format!("{method} {path} answers {status} {text}");
    // What GET answers, without the body.
    if method == Method::HEAD {
        return;
    }
    let document = pinbridge_api::routes::system::description();
    let Some((template, operation)) = operation(document, method, path) else {
        let code = serde_json::from_str::<Value>(text).ok().map(|answer| answer["code"].clone());
        let is_nowhere = [(404, "route_not_found"), (405, "method_not_allowed")];
        let is_described = is_nowhere.iter().any(|(known, name)| status == *known && code == Some(json!(name)));
        assert!(is_described, "a route that the document doesn't have: {what}");
        return;
    };
    let response = &operation["responses"][status.to_string()];
    assert!(!response.is_null(), "a status that {method} {template} isn't described with: {what}");
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = resolved(document, header);
        let is_there = headers.contains_key(name.to_ascii_lowercase());
        assert!(is_there || header["required"] != true, "{name} is missing: {what}");
    }
    for name in headers.keys().map(|name| name.as_str()).filter(|name| is_ours(name)) {
        let described = response["headers"].as_object().into_iter().flatten();
        assert!(
            described.into_iter().any(|(known, _)| known.eq_ignore_ascii_case(name)),
            "{name} isn't described: {what}"
        );
    }
    let Some(contents) = response["content"].as_object() else {
        assert!(text.is_empty(), "a body where none is described: {what}");
        return;
    };
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let content = contents.get(kind).unwrap_or_else(|| panic!("content type {kind:?} isn't described: {what}"));
    let name = format!("{method} {template} {status} {kind}");
    match kind {
        "application/json" => {
            let answer = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {what}"));
            fits(&name, &content["schema"], &answer, &what);
        }
        "application/x-ndjson" => {
            for line in text.lines() {
                let line = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {what}"));
                fits(&name, &content["x-line-schema"], &line, &what);
            }
        }
        _ => {}
    }
}

fn is_ours(name: &str) -> bool {
    (name.starts_with("x-") || name.starts_with("idempotent-")) && !ANYBODYS.contains(&name)
}

/// # Panics
/// When the value isn't of the schema. `name` is the schema's, for the next time.
pub fn fits(name: &str, schema: &Value, value: &Value, what: &str) {
    let errors = errors(name, schema, value);
    assert!(errors.is_empty(), "{name} isn't as described:\n{}\nin {what}", errors.join("\n"));
}

/// Where the value isn't of the schema.
pub fn errors(name: &str, schema: &Value, value: &Value) -> Vec<String> {
    let validator = validator(name, schema);
    let errors = validator.iter_errors(value);
    errors.map(|error| format!("  at {:?}: {error}", error.instance_path().as_str())).collect()
}

/// The schema with the document's components, compiled once.
fn validator(name: &str, schema: &Value) -> Arc<Validator> {
    static KNOWN: OnceLock<Mutex<HashMap<String, Arc<Validator>>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let compiled = known.entry(name.to_owned()).or_insert_with(|| {
        assert!(!schema.is_null(), "{name} has no schema");
        let root = json!({"components": pinbridge_api::routes::system::description()["components"], "allOf": [schema]});
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&root).unwrap_or_else(|error| panic!("{name}: {error}")))
    });
    Arc::clone(compiled)
}

pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#'))) {
        Some(target) => target,
        None => value,
    }
}

/// The operation that the router takes: literal segments count before parameters.
fn operation<'a>(document: &'a Value, method: &Method, path: &str) -> Option<(&'a str, &'a Value)> {
    let wanted: Vec<&str> = path.split('/').collect();
    let matching = document["paths"].as_object()?.iter().filter(|(template, _)| {
        let segments: Vec<&str> = template.split('/').collect();
        segments.len() == wanted.len()
            && segments
                .iter()
                .zip(&wanted)
                .all(|(known, found)| known == found || is_parameter(known) && !found.is_empty())
    });
    let (template, methods) =
        matching.min_by_key(|(template, _)| template.split('/').map(is_parameter).collect::<Vec<_>>())?;
    methods.get(method.as_str().to_lowercase()).map(|operation| (template.as_str(), operation))
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}
