//! Temporary, while the API is moved to one description: the structure of the document stays what it was.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Words and examples may change.
const WORDING: [&str; 6] = ["description", "summary", "example", "examples", "tags", "version"];
/// Objects whose keys are names, of which none is a word about something.
const NAMED: [&str; 9] =
    ["properties", "paths", "schemas", "headers", "content", "responses", "parameters", "securitySchemes", "$defs"];

fn structure(value: &Value, is_named: bool) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter(|(name, _)| is_named || !WORDING.contains(&name.as_str()));
            kept.map(|(name, value)| {
                let value = structure(value, !is_named && NAMED.contains(&name.as_str()));
                let is_set = !is_named && ["required", "enum"].contains(&name.as_str());
                (name.clone(), if is_set { sorted(value) } else { value })
            })
            .collect::<Map<_, _>>()
            .into()
        }
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().map(|item| structure(item, false)).collect();
            let is_parameters = items.iter().any(|item| !item["in"].is_null());
            if is_parameters { sorted(Value::Array(items)) } else { Value::Array(items) }
        }
        other => other.clone(),
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

fn document(whole: &Value) -> Value {
    let mut document = structure(whole, false);
    let names = whole["components"]["examples"].as_object().expect("errors").keys();
    document["components"]["errors"] = names.map(|name| Value::from(name.as_str())).collect();
    document
}

fn differences(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                differences(&format!("{path}/{name}"), &before[name], &after[name], found);
            }
        }
        _ if before != after => found.push(format!("{path}:\n   was {before}\n   is  {after}")),
        _ => {}
    }
}

/// Schedules had components of their own for their bulk calls. They share those of pins, which have the same fields; the
/// body of the bulk retry has also `accept_duplicate`, which was read before and not documented.
const SHARED: [(&str, &str); 3] =
    [("ScheduleBulkIds", "BulkIds"), ("ScheduleBulkOutcome", "BulkResult"), ("ScheduleBulkResult", "BulkItemResult")];

fn with_shared_bulk(before: &str) -> Value {
    let reference = |name: &str| format!("#/components/schemas/{name}");
    let text = SHARED.iter().fold(before.to_owned(), |text, (own, shared)| {
        text.replace(&format!("\"{}\"", reference(own)), &format!("\"{}\"", reference(shared)))
    });
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    let schemas = document["components"]["schemas"].as_object_mut().expect("schemas");
    for (own, _) in SHARED {
        schemas.remove(own).expect("a component of before");
    }
    let retry = &mut document["paths"]["/v1/schedules/bulk-retry"]["post"]["requestBody"];
    retry["content"]["application/json"]["schema"]["$ref"] = reference("BulkRetry").into();
    document
}

/// What was added since: codes of pins, and what was said about an attempt.
fn with_additions(mut before: Value) -> Value {
    add_codes(&mut before);
    let event = &mut before["components"]["schemas"]["TimelineEvent"];
    for name in ["upstream_message", "trouble"] {
        event["properties"][name] = event["properties"]["note"].clone();
        event["required"].as_array_mut().into_iter().for_each(|required| required.push(name.into()));
    }
    before
}

fn add_codes(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(add_codes),
        Value::Array(items) if items.iter().any(|item| item == "link_blocked") => {
            items.push("description_blocked".into());
        }
        Value::Array(items) => items.iter_mut().for_each(add_codes),
        _ => {}
    }
}

#[test]
fn the_document_is_what_it_was() {
    let before = with_additions(with_shared_bulk(include_str!("document.json")));
    let mut found = Vec::new();
    differences("", &document(&before), &document(pinbridge_api::openapi::document()), &mut found);
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}
