//! Makes the document from the table of endpoints, the table of errors and the catalogue of events.

use std::collections::BTreeMap;

use pinbridge_shared::config::VERSION;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::events;
use crate::auth::Access;
use crate::content_type::{HTML, JSON};
use crate::endpoint::{Answer, Endpoint, Header, Parameter, Place};
use crate::error::codes::{
    ACCOUNT_NOT_PERMITTED, BAD_REQUEST, BODY_UNREADABLE, CALLER_LIMIT, Code, EMAIL_NOT_VERIFIED, INSUFFICIENT_SCOPE,
    INTERNAL_ERROR, INVALID_API_KEY, INVALID_SESSION, MALFORMED_JSON, METHOD_NOT_ALLOWED, MISSING_API_KEY,
    PAYLOAD_TOO_LARGE, ROUTE_NOT_FOUND, SESSION_REQUIRED, UNAVAILABLE, VALIDATION_ERROR, WORKSPACE_RESETTING,
};
use crate::error::{self, ApiError};
use crate::request::address;

const ABOUT: &str = "\
    Publishes pins to Pinterest. The system publishes each accepted pin once, at the pace of its account, and records \
    every step in a timeline. A list is a JSON array; `X-Total-Count` has the total number. Times are RFC 3339 in UTC. \
    Every answer has the header `x-request-id`. Every error has `code`, `message` and `error`, which has a remediation. \
    Field errors are also in `detail`. `Extension` marks fields that the hosted PinBridge API does not have.";

const PREFER: &str = "\
    `handling=strict`: an unknown field of the body, query parameter, or header field `X-Pinbridge-…` is an error. \
    Otherwise it is ignored, and `X-Pinbridge-Warning` names it.";
const EXACT: &str = "An unknown field or parameter is always an error.";

/// What the operations of each heading are about.
const TAGS: [(&str, &str); 15] = [
    ("Connections", "Connect Pinterest accounts, and read their health."),
    ("Boards", "Boards, sections and related terms on Pinterest."),
    ("Pins", "Create, check, read, change, retry and delete pins."),
    ("Imports", "Create many pins from a file."),
    ("Schedules", "Publish pins at a set time."),
    ("Webhooks", "Receive events of pins at an address of your own, and read what was delivered."),
    ("Pace and export", "The pace of an account, and everything in a workspace."),
    ("Analytics", "Pinterest's metrics of accounts and pins."),
    ("Dashboard", "Counts and rates of a period."),
    ("Activity", "Who did what in the workspace."),
    ("People", "Registration, login and profile."),
    ("Projects", "The production workspace and its sandbox."),
    ("API keys", "The keys of a workspace."),
    ("System", "The state and the description of the API."),
    ("Hosted service", "What clients of the hosted service ask for, and what only the hosted service offers."),
];
const POLICY: &str = "\
    What the caller may spend (draft-ietf-httpapi-ratelimit-headers): `\"key\";q=30000;w=60;pinbridge-unit=\"credits\"`. \
    The policy is `key`, `person`, or `source` for calls without valid credentials. Each operation costs at least its \
    `x-credits`, and more if it reads more; a call to Pinterest costs 150.";
const STANDING: &str = "\
    About what is left: `\"key\";r=29995`. With 429 `caller_limit`, `t` is the time to wait, as in `Retry-After`.";

/// Requests and answers have separate generators: a request may omit optional fields, an answer has every field.
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

    /// The schemas by name.
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

/// Closes a schema: an answer has only the fields of its schema.
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

/// The document of the endpoints.
pub fn document(endpoints: &[Endpoint]) -> Value {
    let mut assembly = Assembly { schemas: Schemas::new(), samples: error::samples(), examples: answer_examples() };
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    for endpoint in endpoints {
        let described = assembly.operation(endpoint);
        paths.entry(endpoint.path).or_insert_with(|| json!({}))[endpoint.method.as_str().to_lowercase()] = described;
        if !tags.contains(&endpoint.tag) {
            tags.push(endpoint.tag);
        }
    }
    let Assembly { mut schemas, samples, .. } = assembly;
    // The schema of the body that every error has.
    let _ = schemas.answers.subschema_for::<error::Error>();
    let mut components = schemas.components();
    components.extend(events::components());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "PinBridge API",
            "version": VERSION,
            "description": ABOUT,
            "contact": {"name": "The operator of this installation"},
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags.iter().map(|tag| described_tag(tag)).collect::<Vec<_>>(),
        "paths": paths,
        "webhooks": events::webhooks(),
        "components": {
            "schemas": components,
            "examples": error_examples(&samples),
            "headers": {
                "RequestId": {"description": "The id of the request. The logs have it too.", "required": true, "schema": {"type": "string"}},
                "RetryAfter": {"description": "The seconds to wait before the next request.", "schema": {"type": "integer", "minimum": 0}},
                "Authenticate": {"description": "The authentication scheme.", "required": true, "schema": {"type": "string"}},
                "Warning": {
                    "description": "A warning, once for each: `unknown_field; field=…` (a field of the body, a query parameter or a header field), `duplicate_content; pin_id=…`, `board_not_checked; reason=…`, `option_ignored; option=…` (an import that exists has other options), or the code with which a pin would fail because of its image, such as `image_unreachable; field=image_url`.",
                    "schema": {"type": "string"},
                },
                "Allow": {"description": "The methods that the path accepts.", "schema": {"type": "string"}},
                "RateLimitPolicy": {"description": POLICY, "schema": {"type": "string"}},
                "RateLimit": {"description": STANDING, "schema": {"type": "string"}},
            },
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key of the workspace."},
                "Bearer": {"type": "http", "scheme": "bearer", "description": "A session token or an API key."},
            },
        },
    })
}

fn described_tag(name: &str) -> Value {
    let known = TAGS.iter().find(|(known, _)| *known == name);
    json!({"name": name, "description": known.map(|(_, description)| description)})
}

/// The examples of answers by operation id, status and content type. `tests/it/api/openapi.rs` writes the file from
/// real answers. `{version}` stands for the version of the system.
fn answer_examples() -> Value {
    serde_json::from_str(&include_str!("examples.json").replace("{version}", VERSION)).unwrap_or_default()
}

/// The errors by the names of their examples.
fn error_examples(samples: &[ApiError]) -> Map<String, Value> {
    let request_id = "3f0c1f5e-6d1b-4f8a-9c57-2a3b4c5d6e7f";
    let of = |sample: &ApiError| json!({"summary": sample.message(), "value": sample.body(request_id)});
    samples.iter().map(|sample| (name(sample, samples), of(sample))).collect()
}

/// The name of the example of an error: its code, and its status if the code has several.
fn name(sample: &ApiError, samples: &[ApiError]) -> String {
    let has_other = samples.iter().any(|other| other.code() == sample.code() && other.status() != sample.status());
    if has_other { format!("{}_{}", sample.code(), sample.status().as_u16()) } else { sample.code().to_owned() }
}

/// The state that the parts of the document share.
struct Assembly {
    schemas: Schemas,
    samples: Vec<ApiError>,
    examples: Value,
}

impl Assembly {
    fn operation(&mut self, endpoint: &Endpoint) -> Value {
        let mut described = json!({
            "operationId": endpoint.id,
            "tags": [endpoint.tag],
            "summary": endpoint.summary,
            "description": description(endpoint),
            "security": security(endpoint.access),
            // Who may call: `public`, a scope, `read_or_write`, `write_or_dry_run`, `session` or `administer`.
            "x-access": endpoint.access.name(),
            // The least that a call costs.
            "x-credits": endpoint.credits(),
            "responses": self.responses(endpoint),
        });
        let mut parameters: Vec<Value> = endpoint.parameters.iter().map(|one| self.parameter(one)).collect();
        if is_preferable(endpoint) && !endpoint.is_exact() {
            parameters.push(json!({"name": "Prefer", "in": "header", "required": false, "description": PREFER, "schema": {"type": "string"}}));
        }
        if !parameters.is_empty() {
            described["parameters"] = parameters.into();
        }
        if let Some(body) = &endpoint.body {
            let mut contents = Map::new();
            for content in &body.contents {
                let schema = (content.schema)(&mut self.schemas.requests);
                contents.insert(content.kind.into(), json!({"schema": schema, "example": (content.example)()}));
            }
            described["requestBody"] = json!({"required": body.required, "content": contents});
        }
        described
    }

    fn parameter(&mut self, parameter: &Parameter) -> Value {
        let mut described = json!({
            "name": parameter.name,
            "in": parameter.place.name(),
            "required": parameter.required,
            "description": parameter.description,
            "schema": (parameter.schema)(&mut self.schemas.requests),
        });
        if let Some(example) = parameter.example {
            described["example"] = example.into();
        }
        described
    }

    fn responses(&mut self, endpoint: &Endpoint) -> Value {
        let mut all: BTreeMap<u16, Value> = BTreeMap::new();
        for answer in &endpoint.answers {
            let mut described = self.answer(endpoint.id, answer);
            described["headers"]["X-Pinbridge-Warning"] = json!({"$ref": "#/components/headers/Warning"});
            all.insert(answer.status, described);
        }
        let codes = error_codes(endpoint);
        let mut by_status: BTreeMap<u16, Vec<&ApiError>> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| codes.contains(&sample.code())) {
            by_status.entry(sample.status().as_u16()).or_default().push(sample);
        }
        for (status, errors) in by_status {
            let mut response = error_response(&errors, &self.samples);
            if endpoint.errors_as_page {
                response["content"][HTML] = json!({"schema": {"type": "string"}});
            }
            all.entry(status).or_insert(response);
        }
        all.into_iter().map(|(status, response)| (status.to_string(), response)).collect()
    }

    fn answer(&mut self, id: &str, answer: &Answer) -> Value {
        let generator = &mut self.schemas.answers;
        let mut headers = usual_headers();
        for Header { name, description, required, schema } in &answer.headers {
            headers[*name] = json!({"description": description, "required": required, "schema": schema(generator)});
        }
        let mut described = json!({"description": answer.description, "headers": headers});
        for content in &answer.contents {
            let written = &mut described["content"][content.kind];
            written["schema"] = closed((content.schema)(generator));
            if let Some(line) = content.line {
                written["x-line-schema"] = closed(line(generator));
            }
            let example = &self.examples[id][answer.status.to_string()][content.kind];
            if !example.is_null() {
                written["example"] = example.clone();
            }
        }
        described
    }
}

/// The headers of every answer.
fn usual_headers() -> Value {
    json!({
        "x-request-id": {"$ref": "#/components/headers/RequestId"},
        "RateLimit": {"$ref": "#/components/headers/RateLimit"},
        "RateLimit-Policy": {"$ref": "#/components/headers/RateLimitPolicy"},
    })
}

fn closed(schema: Schema) -> Value {
    let mut schema = schema.into();
    close(&mut schema);
    schema
}

/// The codes of the errors of an endpoint, and of those that follow from its access, parameters and body.
fn error_codes(endpoint: &Endpoint) -> Vec<&'static str> {
    let mut codes = vec![INTERNAL_ERROR, CALLER_LIMIT, UNAVAILABLE];
    if endpoint.access != Access::Public {
        codes.extend([MISSING_API_KEY, INVALID_API_KEY, INVALID_SESSION]);
    }
    match endpoint.access {
        Access::Public => {}
        Access::Scope(_) | Access::ReadOrWrite | Access::WriteOrDryRun => {
            codes.extend([INSUFFICIENT_SCOPE, WORKSPACE_RESETTING]);
        }
        Access::Session | Access::AnySession => codes.push(SESSION_REQUIRED),
        Access::Administer => codes.extend([INSUFFICIENT_SCOPE, ACCOUNT_NOT_PERMITTED, WORKSPACE_RESETTING]),
    }
    if !matches!(endpoint.access, Access::Public | Access::AnySession) {
        codes.push(EMAIL_NOT_VERIFIED);
    }
    // Unknown parameters are refused if that is preferred.
    codes.push(VALIDATION_ERROR);
    // Control characters are refused in every parameter.
    if address::has_parameters(endpoint) {
        codes.push(BAD_REQUEST);
    }
    // With an empty segment, the request has another path.
    if endpoint.parameters.iter().any(|parameter| parameter.place == Place::Path) {
        codes.extend([ROUTE_NOT_FOUND, METHOD_NOT_ALLOWED]);
    }
    if endpoint.body.is_some() {
        codes.extend([MALFORMED_JSON, BODY_UNREADABLE, PAYLOAD_TOO_LARGE]);
    }
    codes.iter().map(Code::code).chain(endpoint.errors.iter().copied()).collect()
}

/// Whether the operation has anything that a caller could misspell.
fn is_preferable(endpoint: &Endpoint) -> bool {
    endpoint.body.is_some() || endpoint.parameters.iter().any(|parameter| parameter.place != Place::Path)
}

fn description(endpoint: &Endpoint) -> String {
    let whom = match endpoint.access {
        Access::Public => "Needs no credentials.".to_owned(),
        Access::Scope(scope) => format!("Needs the scope `{}`.", scope.name()),
        Access::ReadOrWrite => "Needs the scope `read` or `write`.".to_owned(),
        Access::WriteOrDryRun => "Needs the scope `write`; with `dry_run=true`, `read` or `write`.".to_owned(),
        Access::Session => "Needs the session of a person.".to_owned(),
        Access::AnySession => "Needs the session of a person, whose email address may still be unverified.".to_owned(),
        Access::Administer => "Needs the session of an owner, or a key with every scope and no allow-list.".to_owned(),
    };
    let exact = endpoint.is_exact().then(|| EXACT.to_owned());
    let about = Some(endpoint.description.to_owned()).filter(|text| !text.is_empty());
    about.into_iter().chain(exact).chain([whom]).collect::<Vec<_>>().join(" ")
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Session | Access::AnySession => json!([{"Bearer": []}]),
        Access::Scope(_) | Access::ReadOrWrite | Access::WriteOrDryRun | Access::Administer => {
            json!([{"ApiKey": []}, {"Bearer": []}])
        }
    }
}

/// The response with the errors of one status.
fn error_response(errors: &[&ApiError], samples: &[ApiError]) -> Value {
    let mut codes: Vec<&str> = errors.iter().map(|sample| sample.code()).collect();
    codes.dedup();
    let examples: Map<String, Value> = errors
        .iter()
        .map(|sample| {
            let name = name(sample, samples);
            (sample.code().to_owned(), json!({"$ref": format!("#/components/examples/{name}")}))
        })
        .collect();
    let mut headers = usual_headers();
    let headers_of = errors.iter().flat_map(|sample| sample.headers());
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
        "content": {JSON: {
            "schema": {"allOf": [
                {"$ref": "#/components/schemas/Error"},
                {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}},
            ]},
            "examples": examples,
        }},
    })
}
