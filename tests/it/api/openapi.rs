//! The OpenAPI document is complete, true to itself, and its examples work.
//!
//! The examples of answers are in `functions/api/src/openapi/examples.json`. [`RENEW`] is the command that writes the
//! file anew: an example that is of its schema stays, another one is made of what the system answers. Run the tests
//! again without the variable, and review the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pinbridge_api::error::{ApiError, samples};
use pinbridge_api::routes::system::description as document;
use pinbridge_api::routes::{examples, table};
use serde_json::{Map, Value, json};

use super::isolation;
use crate::support::agreement::{errors, fits, resolved};
use crate::support::real::{Real, pin};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/api/src/openapi/examples.json");
const RENEW: &str = "PINBRIDGE_WRITE=1 cargo test --workspace --test it api::openapi";

fn renews() -> bool {
    std::env::var_os("PINBRIDGE_WRITE").is_some()
}

#[test]
fn every_endpoint_is_described_once() {
    let endpoints = table();
    let routes: BTreeSet<(&str, &str)> = endpoints.iter().map(|one| (one.method.as_str(), one.path)).collect();
    assert_eq!(routes.len(), endpoints.len(), "a route has two endpoints");
    let ids: BTreeSet<&str> = endpoints.iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), endpoints.len(), "an operation's id is used twice");
    for endpoint in endpoints {
        let id = endpoint.id;
        assert!(!id.is_empty() && !endpoint.tag.is_empty() && !endpoint.summary.is_empty(), "{}", endpoint.path);
        assert!(!endpoint.answers.is_empty() || endpoint.errors == ["not_available_self_hosted"], "{id}");
        let in_path: BTreeSet<&str> =
            endpoint.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect();
        let named = endpoint.parameters.iter().filter(|one| one.place.name() == "path").map(|one| one.name);
        assert_eq!(in_path, named.collect(), "the segments of {id}");
    }
}

#[test]
fn every_error_is_of_an_operation() {
    let samples: BTreeSet<&str> = samples().iter().map(ApiError::code).collect();
    let described = document()["paths"].to_string();
    let unused: Vec<&&str> = samples.iter().filter(|code| !described.contains(&format!("\"{code}\""))).collect();
    assert!(unused.is_empty(), "no operation is described with {unused:?}");
}

#[test]
fn the_oauth_callback_has_no_errors_of_accounts_and_boards() {
    let described = document()["paths"]["/v1/pinterest/oauth/callback"]["get"]["responses"].to_string();
    for code in ["board_not_found", "board_section_not_found", "not_found", "token_expired", "token_revoked"] {
        assert!(!described.contains(&format!("\"{code}\"")), "{code}");
    }
    assert!(described.contains("oauth_state_invalid"));
}

#[test]
fn every_example_is_of_its_schema() {
    let document = document();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let what = format!("the example of {method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if !parameter["example"].is_null() {
                    let name = format!("{what}, {}", parameter["name"]);
                    fits(&name, &parameter["schema"], &parameter["example"], &what);
                }
            }
            for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                fits(&format!("{what}, body {kind}"), &content["schema"], &content["example"], &what);
            }
            for (status, response) in operation["responses"].as_object().expect("responses") {
                for (kind, content) in response["content"].as_object().into_iter().flatten() {
                    let name = format!("{what}, {status} {kind}");
                    let examples = content["examples"].as_object().into_iter().flatten();
                    for (_, example) in examples {
                        fits(&name, &content["schema"], &resolved(document, example)["value"], &what);
                    }
                    let Some(schema) = schema_of_answer(kind, content).filter(|_| !renews()) else { continue };
                    let example = value_of(kind, &content["example"]);
                    let what = format!("{what}. This renews it: {RENEW}");
                    fits(&format!("{name} example"), schema, &example, &what);
                }
            }
        }
    }
}

/// What an answer's example is of: of JSON lines, the schema of a line. `None` of errors, pages and plain text.
fn schema_of_answer<'a>(kind: &str, content: &'a Value) -> Option<&'a Value> {
    match kind {
        "application/json" => Some(&content["schema"]).filter(|_| content["examples"].is_null()),
        "application/x-ndjson" => Some(&content["x-line-schema"]),
        _ => None,
    }
}

/// The value of an example or an answer: of JSON lines, the first one.
fn value_of(kind: &str, example: &Value) -> Value {
    match example.as_str().filter(|_| kind == "application/x-ndjson") {
        Some(lines) => serde_json::from_str(lines.lines().next().unwrap_or_default()).expect("a line of JSON"),
        None => example.clone(),
    }
}

/// What an operation has answered.
struct Seen {
    id: String,
    status: String,
    schema: Value,
    value: Value,
}

/// The file of the examples, with those of the schemas as they are now.
fn renewed(seen: &[Seen]) -> Value {
    let known: Value = serde_json::from_str(&std::fs::read_to_string(EXAMPLES).expect("the examples")).expect("JSON");
    let mut all = Map::new();
    let paths = document()["paths"].as_object().expect("paths").values();
    for operation in paths.flat_map(|methods| methods.as_object().expect("methods").values()) {
        let (id, mut of_operation) = (operation["operationId"].as_str().expect("an id"), Map::new());
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let mut of_status = Map::new();
            for (kind, content) in response["content"].as_object().into_iter().flatten() {
                let known = &known[id][status][kind];
                let example = match schema_of_answer(kind, content) {
                    Some(schema) => example(id, status, kind, schema, known, seen),
                    None => known.clone(),
                };
                if !example.is_null() {
                    of_status.insert(kind.clone(), example);
                }
            }
            if !of_status.is_empty() {
                of_operation.insert(status.clone(), of_status.into());
            }
        }
        if !of_operation.is_empty() {
            all.insert(id.to_owned(), of_operation.into());
        }
    }
    all.into()
}

/// The first that is of the schema: the known example, then one made of the operation's answer, then of another answer
/// with the same schema.
fn example(id: &str, status: &str, kind: &str, schema: &Value, known: &Value, seen: &[Seen]) -> Value {
    let old = value_of(kind, known);
    let own = seen.iter().filter(|one| one.id == id && one.status == status);
    let alike = seen.iter().filter(|one| one.schema == *schema);
    let made = own.chain(alike).flat_map(|one| [merged(&old, &one.value), one.value.clone()]);
    let name = format!("{id}, {status} {kind}");
    let is_good = |value: &Value| !value.is_null() && errors(&name, schema, value).is_empty();
    if is_good(&old) {
        return known.clone();
    }
    let new = made.into_iter().find(is_good);
    let new = new.unwrap_or_else(|| panic!("no test sees such an answer; write the example of {name} into {EXAMPLES}"));
    if kind == "application/x-ndjson" { format!("{new}\n").into() } else { new }
}

/// The fields of the answer, with the values of the example where it has them: they tell a story, and stay the same.
fn merged(example: &Value, answer: &Value) -> Value {
    match (example, answer) {
        (Value::Object(known), Value::Object(fields)) => {
            let value = |(name, field): (&String, &Value)| {
                (name.clone(), known.get(name).map_or_else(|| field.clone(), |known| merged(known, field)))
            };
            fields.iter().map(value).collect()
        }
        (Value::Array(known), Value::Array(items)) if !items.is_empty() => {
            known.iter().map(|known| merged(known, &items[0])).collect()
        }
        _ => example.clone(),
    }
}

fn retry_after_s(answer: &str) -> Option<u64> {
    serde_json::from_str::<Value>(answer).ok()?["error"]["retry_after_seconds"].as_u64()
}

/// Operations that end something that others need.
const LAST: [&str; 5] = ["delete_board", "revoke_api_key", "reset_sandbox", "disconnect_account", "change_password"];
/// Without what only Pinterest gives a browser, there is nothing to finish; an address is verified once; nothing is
/// published here; nothing is left for a person to decide; an import that hasn't stopped isn't resumed, nor a schedule
/// that was canceled retried; what is sent to a webhook is in no log before it was tried.
const REFUSED: [(&str, u16); 10] = [
    ("finish_oauth", 400),
    ("confirm_oauth", 400),
    ("get_pin_analytics", 409),
    ("resolve_pin", 409),
    ("resume_import", 409),
    ("retry_schedule", 400),
    ("confirm_email", 400),
    ("verify_email", 400),
    ("get_webhook_delivery", 404),
    ("redeliver_webhook_delivery", 404),
];

/// Operations that want a pin of their own, which has failed.
const OF_A_FAILED_PIN: [&str; 6] =
    ["retry_pin", "retry_pins", "update_pin", "delete_pin", "delete_pins", "get_pin_analytics"];

/// Sends every request as the document has it, with real ids for those of the examples.
#[tokio::test]
async fn every_example_of_a_request_is_accepted() {
    let real = Real::start(1).await;
    let document = document();
    let mut all: Vec<(&str, &str, &Value)> = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        all.extend(
            methods.as_object().expect("methods").iter().map(|(method, op)| (path.as_str(), method.as_str(), op)),
        );
    }
    let order: Vec<&str> = table().iter().map(|endpoint| endpoint.id).collect();
    let id = |operation: &Value| operation["operationId"].as_str().expect("an id").to_owned();
    all.sort_by_key(|(.., operation)| {
        let id = id(operation);
        let last = LAST.iter().position(|last| *last == id);
        // Who registers first has the session and the key that the rest is sent with; lists come after what they list.
        (id != "register", last, order.iter().position(|known| *known == id))
    });
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let (mut session, mut key, mut seen) = (String::new(), String::new(), Vec::new());
    let mut spare_session = String::new();
    for (path, method, operation) in all {
        let id = id(operation);
        if OF_A_FAILED_PIN.contains(&id.as_str()) {
            let body = pin(&ids[examples::ACCOUNT], &ids[examples::BOARD], &format!("for {id}"));
            ids.insert(examples::PIN.into(), isolation::fail(&real, &key, body).await);
        }
        let with_ids = |text: String| ids.iter().fold(text, |text, (example, real)| text.replace(example, real));
        let (uri, body) = request(path, operation);
        let (uri, body) = (with_ids(uri), with_ids(body));
        // The session that the rest is sent with stays.
        let bearer = format!("Bearer {}", if id == "log_out" { &spare_session } else { &session });
        let mut headers: Vec<(&str, &str)> = match operation["x-access"].as_str().expect("access") {
            "public" => vec![],
            "session" => vec![("authorization", &bearer)],
            _ => vec![("x-api-key", &key)],
        };
        if body.starts_with(&format!("--{BOUNDARY}")) {
            headers.push(("content-type", MULTIPART));
        }
        let method = method.to_uppercase();
        let mut made = real.call(&method, &uri, &headers, &body).await;
        if let (429, Some(wait_s)) = (made.0, retry_after_s(&made.2)) {
            // Several writes at once have used up the reserve of an account that was connected a moment ago.
            tokio::time::sleep(Duration::from_secs(wait_s)).await;
            made = real.call(&method, &uri, &headers, &body).await;
        }
        let (status, answered, answer) = made;
        let statuses = operation["responses"].as_object().expect("responses");
        let is_as_wanted = match REFUSED.iter().find(|(refused, _)| *refused == id) {
            Some((_, wanted)) => status == *wanted,
            None if statuses.keys().any(|status| status.starts_with('2')) => (200..300).contains(&status),
            None => status == 501,
        };
        assert!(is_as_wanted, "the example of {id}: {method} {uri} {body} answers {status} {answer}");
        let kind = answered.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let content = &operation["responses"][status.to_string()]["content"][kind];
        let value = serde_json::from_str(answer.lines().next().unwrap_or_default());
        if let (Some(schema), Ok(value)) = (schema_of_answer(kind, content), value) {
            seen.push(Seen { id: id.clone(), status: status.to_string(), schema: schema.clone(), value });
        }
        let answer: Value = serde_json::from_str(&answer).unwrap_or(Value::Null);
        let example = &operation["responses"][status.to_string()]["content"]["application/json"]["example"];
        if let (201 | 202, Some(example), Some(made)) = (status, example["id"].as_str(), answer["id"].as_str()) {
            ids.insert(example.to_owned(), made.to_owned());
        }
        if id == "log_in" {
            spare_session = answer["access_token"].as_str().expect("a token").to_owned();
        }
        if id == "register" {
            session = answer["access_token"].as_str().expect("a token").to_owned();
            let email = answer["user"]["email"].as_str().expect("an address");
            let link = format!("/v1/auth/email/verify?token={}", real.mailer.token(email).expect("a link"));
            let (status, ..) = real.call("POST", &link, &[], "").await;
            assert_eq!(status, 200, "the address is proven");
            let bearer = format!("Bearer {session}");
            let (_, _, made) =
                real.call("POST", "/v1/api-keys", &[("authorization", &bearer)], r#"{"name":"examples"}"#).await;
            let made: Value = serde_json::from_str(&made).expect("JSON");
            key = made["api_key"].as_str().expect("a key").to_owned();
            let account = real.connect(&key, "sim_account_1").await;
            let boards = format!("/v1/pinterest/boards?account_id={account}");
            let boards = real.must("GET", &boards, &key, Value::Null).await;
            ids.insert(examples::ACCOUNT.into(), account);
            ids.insert(examples::BOARD.into(), boards[0]["id"].as_str().expect("a board").to_owned());
            let workspace = answer["workspace"]["id"].as_str().expect("an id").to_owned();
            ids.insert(examples::WORKSPACE.into(), workspace);
        }
    }
    if renews() {
        for one in &mut seen {
            let written = ids.iter().fold(one.value.to_string(), |text, (example, real)| text.replace(real, example));
            one.value = serde_json::from_str(&written).expect("JSON");
        }
        let text = serde_json::to_string_pretty(&renewed(&seen)).expect("JSON") + "\n";
        std::fs::write(EXAMPLES, text).expect("written");
    }
}

/// Address and body of the example: what is required, and the whole body.
fn request(path: &str, operation: &Value) -> (String, String) {
    let (mut uri, mut query) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, example) = (parameter["name"].as_str().expect("a name"), &parameter["example"]);
        match (parameter["in"].as_str(), example.as_str()) {
            (Some("path"), Some(example)) => uri = uri.replace(&format!("{{{name}}}"), example),
            (Some("query"), Some(example)) => query.push(format!("{name}={example}")),
            _ => {}
        }
    }
    let contents = &operation["requestBody"]["content"];
    let form = contents["multipart/form-data"]["example"].as_object();
    let json = &contents["application/json"]["example"];
    let of_page = contents["application/x-www-form-urlencoded"]["example"].as_object();
    let body = match form.or(of_page) {
        Some(fields) if of_page.is_some() => url_encoded(fields),
        Some(fields) => multipart(fields),
        None if json.is_null() => String::new(),
        None => json.to_string(),
    };
    (if query.is_empty() { uri } else { format!("{uri}?{}", query.join("&")) }, body)
}

const BOUNDARY: &str = "boundary-of-the-examples";
const MULTIPART: &str = "multipart/form-data; boundary=boundary-of-the-examples";

fn url_encoded(fields: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let fields = fields.iter().map(|(name, value)| (name.clone(), text(value)));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Every field as a file.
fn multipart(fields: &serde_json::Map<String, Value>) -> String {
    let part = |(name, text): (&String, &Value)| {
        let text = text.as_str().expect("a text");
        format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}.csv\"\r\n\r\n{text}\r\n"
        )
    };
    fields.iter().map(part).collect::<String>() + &format!("--{BOUNDARY}--\r\n")
}

#[tokio::test]
async fn a_browser_reads_a_page_a_program_the_document_and_curl_the_routes() {
    let real = Real::start(1).await;
    let read = async |path: &str, accept: &str| real.call("GET", path, &[("accept", accept)], "").await;
    let (status, headers, page) = read("/docs", "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!((status, &headers["content-type"]), (200, &"text/html; charset=utf-8".parse().expect("a value")));
    assert!(headers["content-security-policy"].to_str().expect("text").starts_with("default-src 'none'"));
    assert!(page.contains("POST /v1/pins") && page.contains("idempotency_key_reused"));
    for accept in ["*/*", "text/plain"] {
        let (status, headers, text) = read("/docs", accept).await;
        assert_eq!((status, &headers["content-type"]), (200, &"text/plain; charset=utf-8".parse().expect("a value")));
        assert!(text.lines().any(|line| line == "POST /v1/pins write"), "{text}");
    }
    let (status, headers, text) = read("/openapi.json", "application/json").await;
    assert_eq!((status, &headers["content-type"]), (200, &"application/json".parse().expect("a value")));
    let served: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&served["openapi"], &served), (&json!("3.1.0"), document()));
}
