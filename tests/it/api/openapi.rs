//! The OpenAPI document is complete, true to itself, and its examples work.

use std::collections::{BTreeMap, BTreeSet};

use pinbridge_api::endpoint::table;
use pinbridge_api::error::{ApiError, samples};
use pinbridge_api::openapi::document;
use pinbridge_api::routes::examples;
use serde_json::{Value, json};

use super::isolation;
use crate::support::agreement::{fits, resolved};
use crate::support::real::{Real, pin};

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
                    if !content["example"].is_null() {
                        fits(&name, &content["schema"], &content["example"], &what);
                    }
                    let line = &content["x-line-schema"];
                    if !line.is_null() {
                        let example = content["example"].as_str().expect("lines");
                        fits(&format!("{name} line"), line, &serde_json::from_str(example).expect("JSON"), &what);
                    }
                }
            }
        }
    }
}

/// Operations that end something that others need.
const LAST: [&str; 5] = ["delete_board", "revoke_api_key", "reset_sandbox", "disconnect_account", "change_password"];
/// Without what only Pinterest gives a browser, there is nothing to finish; nothing is published here; an import that hasn't
/// stopped isn't resumed, nor a schedule that was canceled retried.
const REFUSED: [(&str, u16); 4] =
    [("finish_oauth", 400), ("get_pin_analytics", 409), ("resume_import", 409), ("retry_schedule", 400)];

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
    let (mut session, mut key) = (String::new(), String::new());
    for (path, method, operation) in all {
        let id = id(operation);
        if OF_A_FAILED_PIN.contains(&id.as_str()) {
            let body = pin(&ids[examples::ACCOUNT], &ids[examples::BOARD], &format!("for {id}"));
            ids.insert(examples::PIN.into(), isolation::fail(&real, &key, body).await);
        }
        let with_ids = |text: String| ids.iter().fold(text, |text, (example, real)| text.replace(example, real));
        let (uri, body) = request(path, operation);
        let (uri, body) = (with_ids(uri), with_ids(body));
        let bearer = format!("Bearer {session}");
        let mut headers: Vec<(&str, &str)> = match operation["x-access"].as_str().expect("access") {
            "public" => vec![],
            "session" => vec![("authorization", &bearer)],
            _ => vec![("x-api-key", &key)],
        };
        if body.starts_with(&format!("--{BOUNDARY}")) {
            headers.push(("content-type", MULTIPART));
        }
        let (status, _, answer) = real.call(&method.to_uppercase(), &uri, &headers, &body).await;
        let statuses = operation["responses"].as_object().expect("responses");
        let is_as_wanted = match REFUSED.iter().find(|(refused, _)| *refused == id) {
            Some((_, wanted)) => status == *wanted,
            None if statuses.keys().any(|status| status.starts_with('2')) => (200..300).contains(&status),
            None => status == 501,
        };
        assert!(is_as_wanted, "the example of {id}: {method} {uri} {body} answers {status} {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap_or(Value::Null);
        let example = &operation["responses"][status.to_string()]["content"]["application/json"]["example"];
        if let (201 | 202, Some(example), Some(made)) = (status, example["id"].as_str(), answer["id"].as_str()) {
            ids.insert(example.to_owned(), made.to_owned());
        }
        if id == "register" {
            session = answer["access_token"].as_str().expect("a token").to_owned();
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
    let body = match form {
        Some(fields) => multipart(fields),
        None if json.is_null() => String::new(),
        None => json.to_string(),
    };
    (if query.is_empty() { uri } else { format!("{uri}?{}", query.join("&")) }, body)
}

const BOUNDARY: &str = "boundary-of-the-examples";
const MULTIPART: &str = "multipart/form-data; boundary=boundary-of-the-examples";

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
