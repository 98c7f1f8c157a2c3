//! Joins the operations with the route table and the errors' samples into one document.

use std::collections::BTreeMap;

use pinbridge_shared::config::VERSION;
use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

use super::operation::{Answer, Content, Header, Operation, Parameter};
use super::refusals;
use crate::auth::Access;
use crate::error::{self, ApiError};
use crate::routes;

const ABOUT: &str = "Publishes pins to Pinterest: every accepted pin once, at its account's pace, with its story in a timeline. \
                     Lists are bare arrays with their total in `X-Total-Count`. Times are RFC 3339 in UTC. Every answer has \
                     `x-request-id`. Every error has `code`, `message` and `error`, which says what to do; field errors are \
                     in `detail` too. What is marked `Ours` is beyond the hosted service's contract.";

/// Requests and answers are described apart: of a request, what may be left out; of an answer, all there is.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let generator = |contract: Contract| {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.contract = contract;
            });
            SchemaGenerator::new(settings)
        };
        Self { requests: generator(Contract::Deserialize), answers: generator(Contract::Serialize) }
    }

    /// Every schema by its name.
    fn components(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        for (name, mut schema) in self.answers.take_definitions(true) {
            close(&mut schema);
            let other = all.insert(name.clone(), schema.clone());
            debug_assert!(other.is_none_or(|other| other == schema), "two schemas are called {name}");
        }
        all
    }
}

/// An answer has no field that its schema doesn't name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".into(), Value::Bool(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let samples = error::samples();
    let operations = super::operations();
    let mut paths = Map::new();
    for route in routes::table() {
        let is_its = |operation: &&Operation| operation.method == route.method && operation.path == route.path;
        let Some(operation) = operations.iter().find(is_its) else {
            continue;
        };
        let described = describe(operation, route.access, &mut schemas, &samples);
        paths.entry(route.path).or_insert_with(|| json!({}))[route.method.as_str().to_lowercase()] = described;
    }
    // The schema of the body that every error has.
    let _ = schemas.answers.subschema_for::<error::schema::Error>();
    let mut tags: Vec<&str> = Vec::new();
    for operation in &operations {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "PinBridge API", "version": VERSION, "description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "tags": tags.iter().map(|tag| json!({"name": tag})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "examples": examples(&samples),
            "headers": {
                "RequestId": {"description": "Names the request, in logs too.", "required": true, "schema": {"type": "string"}},
                "RetryAfter": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 0}},
                "Authenticate": {"description": "How to authenticate.", "required": true, "schema": {"type": "string"}},
                "Allow": {"description": "The methods that there are.", "schema": {"type": "string"}},
            },
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A workspace's key."},
                "Bearer": {"type": "http", "scheme": "bearer", "description": "A session's token, or a key."},
            },
        },
    })
}

/// Every error, under its name.
fn examples(samples: &[ApiError]) -> Map<String, Value> {
    let of = |sample: &ApiError| json!({"summary": sample.message(), "value": sample.body("3f0c1f5e-6d1b-4f8a-9c57-2a3b4c5d6e7f")});
    samples.iter().map(|sample| (name(sample, samples), of(sample))).collect()
}

/// A code's example; with the status where a code has several.
fn name(sample: &ApiError, samples: &[ApiError]) -> String {
    let has_other = samples.iter().any(|other| other.code() == sample.code() && other.status() != sample.status());
    if has_other { format!("{}_{}", sample.code(), sample.status().as_u16()) } else { sample.code().to_owned() }
}

fn describe(operation: &Operation, access: Access, schemas: &mut Schemas, samples: &[ApiError]) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": description(operation, access),
        "security": security(access),
        // For whom: `public`, a scope, `session` or `administer`.
        "x-access": access.name(),
        "responses": responses(operation, access, schemas, samples),
    });
    if !operation.parameters.is_empty() {
        described["parameters"] = operation.parameters.iter().map(|one| parameter(one, schemas)).collect();
    }
    if let Some(body) = &operation.body {
        let content = contents(&body.contents, &mut schemas.requests, false);
        described["requestBody"] = json!({"required": body.required, "content": content});
    }
    described
}

fn description(operation: &Operation, access: Access) -> String {
    let whom = match access {
        Access::Public => "For anybody.".to_owned(),
        Access::Scope(scope) => format!("Needs the scope `{}`.", scope.name()),
        Access::Session => "For people (a session), not for keys.".to_owned(),
        Access::Administer => "For owners, and for keys with every scope and no allow-list.".to_owned(),
    };
    if operation.description.is_empty() { whom } else { format!("{} {whom}", operation.description) }
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Session => json!([{"Bearer": []}]),
        Access::Scope(_) | Access::Administer => json!([{"ApiKey": []}, {"Bearer": []}]),
    }
}

fn parameter(parameter: &Parameter, schemas: &mut Schemas) -> Value {
    let mut described = json!({
        "name": parameter.name,
        "in": parameter.place.name(),
        "required": parameter.required,
        "description": parameter.description,
        "schema": (parameter.schema)(&mut schemas.requests),
    });
    if let Some(example) = &parameter.example {
        described["example"] = example.clone();
    }
    described
}

fn contents(contents: &[Content], generator: &mut SchemaGenerator, closed: bool) -> Map<String, Value> {
    let mut all = Map::new();
    for content in contents {
        let mut schema: Value = (content.schema)(generator).into();
        if closed {
            close(&mut schema);
        }
        let mut described = json!({"schema": schema});
        if let Some(line) = content.line {
            let mut line: Value = line(generator).into();
            close(&mut line);
            described["x-line-schema"] = line;
        }
        if let Some(example) = &content.example {
            described["example"] = example.clone();
        }
        all.insert(content.kind.to_owned(), described);
    }
    all
}

fn responses(operation: &Operation, access: Access, schemas: &mut Schemas, samples: &[ApiError]) -> Value {
    let mut all: BTreeMap<u16, Value> = BTreeMap::new();
    for answer in &operation.answers {
        all.insert(answer.status, response(answer, schemas));
    }
    let mut codes = refusals::common(access, operation);
    codes.extend(&operation.refusals);
    let mut by_status: BTreeMap<u16, Vec<&ApiError>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| codes.contains(&sample.code())) {
        by_status.entry(sample.status().as_u16()).or_default().push(sample);
    }
    for (status, refused) in by_status {
        let mut refusal = refusal(&refused, samples);
        if operation.refuses_as_page {
            refusal["content"][crate::connection_page::CONTENT_TYPE_HTML] = json!({"schema": {"type": "string"}});
        }
        all.entry(status).or_insert(refusal);
    }
    all.into_iter().map(|(status, response)| (status.to_string(), response)).collect()
}

fn response(answer: &Answer, schemas: &mut Schemas) -> Value {
    let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
    for header in &answer.headers {
        let Header { name, description, required, schema } = header;
        headers[*name] =
            json!({"description": description, "required": required, "schema": schema(&mut schemas.answers)});
    }
    let mut described = json!({"description": answer.description, "headers": headers});
    if !answer.contents.is_empty() {
        described["content"] = Value::Object(contents(&answer.contents, &mut schemas.answers, true));
    }
    described
}

/// The errors of one status.
fn refusal(refused: &[&ApiError], samples: &[ApiError]) -> Value {
    let mut codes: Vec<&str> = refused.iter().map(|sample| sample.code()).collect();
    codes.dedup();
    let examples: Map<String, Value> = refused
        .iter()
        .map(|sample| {
            let name = name(sample, samples);
            (sample.code().to_owned(), json!({"$ref": format!("#/components/examples/{name}")}))
        })
        .collect();
    let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
    let headers_of = refused.iter().flat_map(|sample| sample.headers());
    for name in headers_of {
        let component = match name {
            "retry-after" => "RetryAfter",
            "www-authenticate" => "Authenticate",
            _ => "Allow",
        };
        headers[name] = json!({"$ref": format!("#/components/headers/{component}")});
    }
    let described: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    json!({
        "description": described.join(", "),
        "headers": headers,
        "content": {"application/json": {
            "schema": {"allOf": [
                {"$ref": "#/components/schemas/Error"},
                {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}},
            ]},
            "examples": examples,
        }},
    })
}
