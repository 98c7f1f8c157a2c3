//! Makes examples of calls with curl and with PinBridge's Python client from the document.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::content_type::{FORM, JSON};

/// The longest arguments of a Python call on one line, in characters. Longer ones have a line each.
const LINE_MAX: usize = 60;

/// An example call of an operation, with the values of the document's examples.
pub struct Sample<'a> {
    method: String,
    path: &'a str,
    operation: &'a Value,
}

impl<'a> Sample<'a> {
    pub fn new(method: &str, path: &'a str, operation: &'a Value) -> Self {
        Self { method: method.to_uppercase(), path, operation }
    }

    pub fn curl(&self) -> String {
        let mut url = self.path.to_owned();
        for (name, example) in self.parameters("path") {
            url = url.replace(&format!("{{{name}}}"), &example);
        }
        for (at, (name, example)) in self.parameters("query").enumerate() {
            let separator = if at == 0 { '?' } else { '&' };
            let example: String = url::form_urlencoded::byte_serialize(example.as_bytes()).collect();
            let _ = write!(url, "{separator}{name}={example}");
        }
        let method = match (self.method.as_str(), self.body()) {
            ("GET", _) | ("POST", Some(_)) => String::new(),
            (method, _) => format!("-X {method} "),
        };
        let access = match self.operation["x-access"].as_str() {
            Some("public") => "",
            Some("session") => " -H \"Authorization: Bearer $TOKEN\"",
            _ => " -H \"X-API-Key: $KEY\"",
        };
        let body = match self.body() {
            Some(Body::Json(example)) => format!(
                " \\\n  -H 'Content-Type: application/json' -d '{}'",
                serde_json::to_string_pretty(example).unwrap_or_default().replace('\'', "'\\''")
            ),
            Some(Body::Form(fields)) => fields.keys().map(|name| format!(" \\\n  -F {name}=@{name}.csv")).collect(),
            None => String::new(),
        };
        format!("curl {method}\"$BASE{url}\"{access}{body}")
    }

    pub fn python(&self) -> String {
        let client = if self.operation["x-access"] == "session" { "session" } else { "client" };
        let mut arguments = vec![format!("\"{}\"", self.method), format!("\"{}\"", self.path)];
        for (place, argument) in [("path", "path_params"), ("query", "params")] {
            let values: Vec<String> =
                self.parameters(place).map(|(name, example)| format!("\"{name}\": {}", Value::from(example))).collect();
            if !values.is_empty() {
                arguments.push(format!("{argument}={{{}}}", values.join(", ")));
            }
        }
        // The first line of a body is short.
        let is_wide = arguments.iter().map(String::len).sum::<usize>() > LINE_MAX;
        match self.body() {
            Some(Body::Json(example)) => arguments.push(format!("json={}", literal(example, usize::from(is_wide)))),
            Some(Body::Form(fields)) => {
                let files: Vec<String> =
                    fields.keys().map(|name| format!("\"{name}\": open(\"{name}.csv\", \"rb\")")).collect();
                arguments.push(format!("files={{{}}}", files.join(", ")));
            }
            None => {}
        }
        let arguments = arguments.join(if is_wide { ",\n    " } else { ", " });
        let call = if is_wide {
            format!("{client}.request(\n    {arguments},\n)")
        } else {
            format!("{client}.request({arguments})")
        };
        if self.answers_json() { format!("answer = {call}.json()") } else { call }
    }

    /// The parameters of a place that a call can't leave out, with their examples.
    fn parameters(&self, place: &'a str) -> impl Iterator<Item = (&'a str, String)> {
        let all = self.operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |one| one["in"] == place && one["required"] == true).map(|one| {
            let example = match &one["example"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (one["name"].as_str().unwrap_or_default(), example)
        })
    }

    fn body(&self) -> Option<Body<'a>> {
        let contents = &self.operation["requestBody"]["content"];
        match (&contents[JSON]["example"], &contents[FORM]["example"]) {
            (Value::Null, Value::Object(fields)) => Some(Body::Form(fields)),
            (Value::Null, _) => None,
            (example, _) => Some(Body::Json(example)),
        }
    }

    fn answers_json(&self) -> bool {
        let mut answers = self.operation["responses"].as_object().into_iter().flatten();
        answers.any(|(status, answer)| status.starts_with('2') && !answer["content"][JSON].is_null())
    }
}

enum Body<'a> {
    Json(&'a Value),
    Form(&'a Map<String, Value>),
}

/// A value as a Python literal. A JSON string is a Python string too.
fn literal(value: &Value, depth: usize) -> String {
    let indent = "    ".repeat(depth + 1);
    let close = "    ".repeat(depth);
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Object(fields) if !fields.is_empty() => {
            let lines = fields.iter().map(|(name, field)| {
                format!("{indent}{}: {},\n", Value::from(name.as_str()), literal(field, depth + 1))
            });
            format!("{{\n{}{close}}}", lines.collect::<String>())
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let lines = items.iter().map(|item| format!("{indent}{},\n", literal(item, depth + 1)));
            format!("[\n{}{close}]", lines.collect::<String>())
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| literal(item, depth)).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_has_its_path_query_key_and_body() {
        let operation = json!({
            "x-access": "write",
            "parameters": [
                {"name": "id", "in": "path", "required": true, "example": "7"},
                {"name": "account_id", "in": "query", "required": true, "example": "a b"},
                {"name": "fresh", "in": "query", "required": false},
            ],
            "requestBody": {"content": {JSON: {
                "example": {"title": "It's", "link": null, "tags": ["a"], "late": true},
            }}},
            "responses": {"200": {"content": {JSON: {}}}},
        });
        let sample = Sample::new("patch", "/v1/pins/{id}", &operation);
        let curl = sample.curl();
        assert!(curl.starts_with("curl -X PATCH \"$BASE/v1/pins/7?account_id=a+b\" -H \"X-API-Key: $KEY\""), "{curl}");
        assert!(curl.contains("-d '{") && curl.contains(r#""title": "It'\''s""#), "{curl}");
        let python = sample.python();
        assert!(
            python.starts_with(
                "answer = client.request(\n    \"PATCH\",\n    \"/v1/pins/{id}\",\n    \
                 path_params={\"id\": \"7\"},\n    params={\"account_id\": \"a b\"},\n    json={\n    "
            ),
            "{python}"
        );
        for line in ["    \"link\": None,\n", "    \"late\": True,\n", "    \"tags\": [\"a\"],\n", ",\n).json()"] {
            assert!(python.contains(line), "{python}");
        }
    }

    #[test]
    fn a_session_is_named_and_a_file_is_sent_as_a_form() {
        let operation = json!({
            "x-access": "session",
            "requestBody": {"content": {FORM: {"example": {"file": "a,b\n"}}}},
            "responses": {"204": {}},
        });
        let sample = Sample::new("post", "/v1/x", &operation);
        assert_eq!(sample.curl(), "curl \"$BASE/v1/x\" -H \"Authorization: Bearer $TOKEN\" \\\n  -F file=@file.csv");
        assert_eq!(
            sample.python(),
            "session.request(\"POST\", \"/v1/x\", files={\"file\": open(\"file.csv\", \"rb\")})"
        );
    }
}
