//! What every door for pins has in common: its options, how it names unknown fields, whose error a bad item is, and
//! what a refusal says about other accounts. A door is an endpoint that takes pins: one, a batch, a schedule, an
//! import, or a dry run of these.

mod boards;
mod misplaced;

use axum::body::Body;
use http::{HeaderMap, Request};
use pinbridge_api::endpoint::{Endpoint, Parameter, Place};
use pinbridge_api::routes;
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, PinKey};
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::HOUR_MS;
use pinbridge_shared::flows::pins::retry_pin::retry_pin_with;
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As};

/// The first board that the fake knows.
const BOARD: &str = "700000000000000002";
const HALF: &str = r#""half an emoji \ud83d""#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Pins,
    Validate,
    Batch,
    Schedules,
    ValidateSchedule,
    Json,
    JsonDry,
    Csv,
    CsvDry,
}

use Door::{Batch, Csv, CsvDry, Json, JsonDry, Pins, Schedules, Validate, ValidateSchedule};

const DOORS: [Door; 9] = [Pins, Validate, Batch, Schedules, ValidateSchedule, Json, JsonDry, Csv, CsvDry];

impl Door {
    fn path(self) -> &'static str {
        match self {
            Pins => "/v1/pins",
            Validate => "/v1/pins/validate",
            Batch => "/v1/pins/batch",
            Schedules => "/v1/schedules",
            ValidateSchedule => "/v1/schedules/validate",
            Json | JsonDry => "/v1/pins/imports/json",
            Csv | CsvDry => "/v1/pins/imports/csv",
        }
    }

    fn is_dry(self) -> bool {
        matches!(self, Validate | ValidateSchedule | JsonDry | CsvDry)
    }

    /// Whether the pin is one of many, so that its error is in its own result.
    fn has_items(self) -> bool {
        matches!(self, Batch | Json | JsonDry | Csv | CsvDry)
    }
}

async fn api() -> Api {
    let api = Api::new().await;
    assert_eq!(api.world.boards.add("Cranes"), BOARD);
    api
}

fn pin(key: &str) -> Value {
    json!({"account_id": testdata::account(), "board_id": BOARD, "title": "Crane",
           "image_url": "https://example.com/a.jpg", "link_url": "https://example.com/a", "idempotency_key": key})
}

fn with(mut pin: Value, name: &str, value: Value) -> Value {
    pin[name] = value;
    pin
}

fn without(mut pin: Value, name: &str) -> Value {
    pin.as_object_mut().expect("an object").remove(name);
    pin
}

/// A call of the door with one pin, and with options beside it.
struct Call<'a> {
    key: &'a str,
    query: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

impl<'a> Call<'a> {
    fn of(api: &'a Api) -> Self {
        Self { key: &api.key, query: "", headers: &[] }
    }

    async fn send(&self, api: &Api, door: Door, pin: &Value) -> (u16, HeaderMap, Value) {
        let scheduled = || with(pin.clone(), "run_at", json!(START.plus_ms(HOUR_MS).rfc3339()));
        let body = match door {
            Pins | Validate => pin.to_string(),
            Batch => json!({"pins": [pin]}).to_string(),
            Schedules | ValidateSchedule => scheduled().to_string(),
            Json | JsonDry => json!([pin]).to_string(),
            Csv | CsvDry => csv(pin),
        };
        self.send_text(api, door, body).await
    }

    async fn send_text(&self, api: &Api, door: Door, body: String) -> (u16, HeaderMap, Value) {
        let dry = if matches!(door, JsonDry | CsvDry) { "dry_run=true" } else { "" };
        let request = Request::post(format!("{}?{dry}&{}", door.path(), self.query)).header("x-api-key", self.key);
        let request = match door {
            Csv | CsvDry => request.header("content-type", "multipart/form-data; boundary=xyz"),
            _ => request,
        };
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = api.send(request.body(Body::from(body)).expect("a request")).await;
        if !door.is_dry() {
            // The importer works on its rows. Nothing is published yet.
            while api.world.run_importer_once().await {}
        }
        match (door, answer) {
            (Json | Csv, (202, headers, import)) => {
                let path = format!("/v1/pins/imports/{}", import["id"].as_str().expect("an id"));
                let (status, done) = api.call("GET", &path, As::Key(self.key), Value::Null).await;
                assert_eq!(status, 200, "{done}");
                (202, headers, done)
            }
            (_, answer) => answer,
        }
    }
}

/// The pin as a form with a file of one row.
fn csv(pin: &Value) -> String {
    let cells = pin.as_object().expect("an object");
    let names: Vec<&str> = cells.keys().map(String::as_str).collect();
    let quoted = |value: &Value| format!("\"{}\"", value.as_str().unwrap_or_default().replace('"', "\"\""));
    let row: Vec<String> = cells.values().map(quoted).collect();
    format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{}\r\n{}\r\n--xyz--\r\n",
        names.join(","),
        row.join(",")
    )
}

/// What the door makes of its one pin: `created`, `existing`, or the code of the refusal.
fn outcome(door: Door, (status, _, answer): &(u16, HeaderMap, Value)) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match door {
        Pins | Schedules if *status == 201 => "created".into(),
        Pins | Schedules if *status == 200 => "existing".into(),
        _ if !matches!(status, 200 | 202) => text(&answer["code"]),
        Validate | ValidateSchedule => {
            let failed = answer["checks"].as_array().and_then(|checks| {
                checks.iter().find(|check| check["status"] == "failed").map(|check| text(&check["code"]))
            });
            assert_eq!(failed.is_none(), answer["valid"], "{answer}");
            failed.unwrap_or_else(|| "created".into())
        }
        _ => {
            let result = &answer["results"][0];
            let code = [&result["error"]["code"], &result["error_code"]].into_iter().find(|code| code.is_string());
            code.map_or_else(|| text(&result["status"]), text)
        }
    }
}

#[tokio::test]
async fn duplicates_are_refused_at_every_door_however_that_is_asked_for() {
    for door in DOORS {
        let api = api().await;
        let call = Call::of(&api);
        let (status, _, first) = call.send(&api, Pins, &pin("first")).await;
        assert_eq!(status, 201);
        let refusing = with(pin("second"), "on_duplicate", json!("refuse"));
        let in_body = call.send(&api, door, &refusing).await;
        let in_query = Call { query: "on_duplicate=refuse", ..Call::of(&api) }.send(&api, door, &pin("second")).await;
        let header = [("x-pinbridge-on-duplicate", "refuse")];
        let in_header = Call { headers: &header, ..Call::of(&api) }.send(&api, door, &pin("second")).await;
        for (place, answer) in [("body", in_body), ("query", in_query), ("header", in_header)] {
            assert_eq!(outcome(door, &answer), "duplicate_content", "{door:?}, {place}: {}", answer.2);
        }
        // The pin's own word counts, and what is only warned about names the other pin.
        let warned = with(pin("second"), "on_duplicate", json!("warn"));
        let answer = Call { headers: &header, ..Call::of(&api) }.send(&api, door, &warned).await;
        assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
        assert!(answer.2.to_string().contains(first["id"].as_str().expect("an id")), "{door:?}: {}", answer.2);
        // What exists already is answered again.
        let answer = call.send(&api, door, &refusing).await;
        let wanted = match door {
            Validate | ValidateSchedule | JsonDry | CsvDry => "duplicate_content",
            _ => "existing",
        };
        assert_eq!(outcome(door, &answer), wanted, "{door:?}: {}", answer.2);
        for (query, headers) in [("on_duplicate=perhaps", &[][..]), ("", &[("x-pinbridge-on-duplicate", "perhaps")])] {
            let answer = Call { key: &api.key, query, headers }.send(&api, door, &pin("third")).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
        }
    }
}

#[tokio::test]
async fn twins_of_one_import_are_refused_as_those_of_a_batch_are() {
    let api = api().await;
    let call = Call { query: "on_duplicate=refuse", ..Call::of(&api) };
    let rows = json!([pin("a"), pin("b"), with(pin("c"), "on_duplicate", json!("warn")), pin("a")]);
    for (door, body) in [(JsonDry, rows.clone()), (Json, rows.clone())] {
        let (_, _, answer) = call.send_text(&api, door, body.to_string()).await;
        let told: Vec<(&str, Option<&str>)> = answer["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| (row["status"].as_str().expect("a text"), row["error_code"].as_str()))
            .collect();
        let wanted = [("created", None), ("failed", Some("duplicate_content")), ("created", None), ("existing", None)];
        assert_eq!(told, wanted, "{door:?}: {answer}");
        assert_eq!(answer["results"][2]["same_content_as_pin"], answer["results"][0]["pin_id"], "{answer}");
    }
    let (_, _, answer) = call.send_text(&api, Batch, json!({"pins": rows}).to_string()).await;
    let statuses: Vec<&str> =
        answer["results"].as_array().expect("a list").iter().filter_map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses, ["existing", "failed", "existing", "existing"], "{answer}");
}

#[tokio::test]
async fn a_priority_and_a_key_of_the_headers_count_at_every_door() {
    for door in [Pins, Validate, Batch, Schedules, ValidateSchedule] {
        for name in ["idempotency-key", "x-pinbridge-idempotency-key"] {
            let api = api().await;
            let headers = [(name, "from-the-header"), ("x-pinbridge-priority", "urgent")];
            let call = Call { headers: &headers, ..Call::of(&api) };
            let answer = call.send(&api, door, &without(pin(""), "idempotency_key")).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
            let shown = match door {
                Pins => (&answer.2["idempotency_key"], &answer.2["priority"]),
                Schedules => (&answer.2["idempotency_key"], &answer.2["payload"]["priority"]),
                Batch => {
                    (&answer.2["results"][0]["pin"]["idempotency_key"], &answer.2["results"][0]["pin"]["priority"])
                }
                _ => (&answer.2["resolved"]["idempotency_key"], &answer.2["resolved"]["priority"]),
            };
            let key = if door == Batch { "from-the-header:0" } else { "from-the-header" };
            assert_eq!(shown, (&json!(key), &json!("urgent")), "{door:?}: {}", answer.2);
            if !door.is_dry() {
                let again = call.send(&api, door, &without(pin(""), "idempotency_key")).await;
                assert_eq!(outcome(door, &again), "existing", "{door:?}: {}", again.2);
            }
            let own = call.send(&api, door, &pin("own")).await;
            assert!(own.2.to_string().contains("\"own\""), "the pin's own key counts: {door:?}: {}", own.2);
        }
    }
}

#[tokio::test]
async fn an_option_of_another_operation_is_refused_and_nothing_is_made() {
    let api = api().await;
    for (door, query) in [
        (Pins, "dry_run=true"),
        (Batch, "dry_run=true"),
        (Schedules, "dry_run=1"),
        (Pins, "accept_duplicate=true"),
        (Json, "idempotency_key=k"),
        (Schedules, "delete_from_pinterest=true"),
    ] {
        let answer = Call { query, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
        assert_eq!((answer.0, outcome(door, &answer).as_str()), (422, "validation_error"), "{door:?} {query}");
    }
    for door in [Pins, Batch, Schedules, Json, Csv] {
        let answer = Call::of(&api).send(&api, door, &with(pin("a"), "dry_run", json!("true"))).await;
        assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
    }
    let headers = [("x-pinbridge-accept-duplicate", "true")];
    let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, Pins, &pin("a")).await;
    assert_eq!(answer.0, 422, "{}", answer.2);
    let request = Request::post("/v1/pinterest/boards").header("x-api-key", &api.key).header("idempotency-key", "k");
    let board = json!({"account_id": testdata::account(), "name": "New"});
    let (status, _, answer) = api.send(request.body(Body::from(board.to_string())).expect("a request")).await;
    assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{answer}");
    let (_, pins) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
    let (_, schedules) = api.call("GET", "/v1/schedules", As::Key(&api.key), Value::Null).await;
    assert_eq!((pins, schedules), (json!([]), json!([])));
}

#[tokio::test]
async fn an_unknown_field_is_named_and_refused_if_that_is_preferred() {
    for door in DOORS {
        let api = api().await;
        for (field, key) in [("linkurl", "a"), ("Title", "b"), ("boardId", "c")] {
            let typo = with(with(pin(key), "title", json!(format!("Crane {key}"))), field, json!("x"));
            let strict = [("prefer", "return=minimal, handling=strict")];
            let refused = Call { headers: &strict, ..Call::of(&api) }.send(&api, door, &typo).await;
            // The columns of a file are known by their names in any case.
            if (door == CsvDry || door == Csv) && field == "Title" {
                continue;
            }
            assert_eq!(outcome(door, &refused), "validation_error", "{door:?} {field}: {}", refused.2);
            assert!(refused.2.to_string().contains(field), "{door:?} {field}: {}", refused.2);
            let lenient = [("prefer", "handling=lenient")];
            let taken = Call { headers: &lenient, ..Call::of(&api) }.send(&api, door, &typo).await;
            assert_eq!(outcome(door, &taken), "created", "{door:?} {field}: {}", taken.2);
            let told = match door {
                Pins | Schedules => taken.2["warnings"].clone(),
                Batch => taken.2["results"][0]["warnings"].clone(),
                Validate | ValidateSchedule => taken.2["checks"][0].clone(),
                _ => taken.2["unknown_columns"].clone(),
            };
            assert!(told.to_string().contains(field), "{door:?} {field}: {}", taken.2);
            if matches!(door, Pins | Schedules | Batch) {
                assert!(told.to_string().contains("unknown_field"), "{told}");
                let header = taken.1["x-pinbridge-warning"].to_str().expect("a text");
                assert_eq!(header, format!("unknown_field; field={field}"));
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_field_is_named_in_every_other_body_too() {
    let api = api().await;
    let send = async |method: &str, path: &str, body: Value, prefer: Option<&str>| {
        let request = Request::builder().method(method).uri(path).header("x-api-key", &api.key);
        let request = prefer.into_iter().fold(request, |request, value| request.header("prefer", value));
        api.send(request.body(Body::from(body.to_string())).expect("a request")).await
    };
    let account = testdata::account();
    for (method, path, body) in [(
        "POST",
        "/v1/pinterest/boards/700000000000000002/sections",
        json!({"account_id": account, "name": "C", "secret": 1}),
    )] {
        let (status, _, answer) = send(method, path, body.clone(), Some("handling=strict")).await;
        assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "secret"])), "{path}: {answer}");
        let (status, headers, answer) = send(method, path, body, None).await;
        assert!(status < 300, "{path}: {answer}");
        assert_eq!(headers["x-pinbridge-warning"], "unknown_field; field=secret", "{path}");
    }
    // A retry publishes: an unknown field is always refused.
    for path in [
        "/v1/pins/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/retry",
        "/v1/schedules/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/retry",
    ] {
        for body in [json!({"acceptduplicate": true}), json!({"on_duplicate": "refuse"}), json!({"dry_run": true})] {
            let (status, _, answer) = send("POST", path, body, None).await;
            assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{path}: {answer}");
        }
    }
    let (status, _, answer) =
        send("POST", "/v1/schedules/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/retry", json!({"board_id": BOARD}), None)
            .await;
    assert_eq!(status, 422, "a schedule's retry moves nothing: {answer}");
}

/// Every endpoint that refuses what it doesn't know, from the table.
const EXACT: [&str; 22] = [
    "bulk_cancel_schedules",
    "bulk_delete_schedules",
    "bulk_retry_schedules",
    "cancel_schedule",
    "create_api_key",
    "create_board",
    "create_sandbox",
    "delete_board",
    "delete_pin",
    "delete_pins",
    "delete_schedule",
    "disconnect_account",
    "reset_sandbox",
    "resume_import",
    "retry_pin",
    "retry_pins",
    "retry_schedule",
    "revoke_api_key",
    "update_api_key",
    "update_board",
    "update_pin",
    "update_schedule",
];

/// The endpoints of this service, with their paths filled in.
fn calls() -> Vec<(Endpoint, String)> {
    let table = routes::table().into_iter().filter(|endpoint| endpoint.tag != "Hosted service");
    let filled = |endpoint: Endpoint| {
        let example = |path: String, parameter: &Parameter| {
            path.replace(&format!("{{{}}}", parameter.name), parameter.example.unwrap_or_default())
        };
        let path = endpoint.parameters.iter().fold(endpoint.path.to_owned(), example);
        (endpoint, path)
    };
    table.map(filled).collect()
}

#[tokio::test]
async fn grants_deletions_and_changes_in_mass_refuse_every_parameter_they_do_not_know() {
    let api = api().await;
    let mut exact = Vec::new();
    for (endpoint, path) in calls().into_iter().filter(|(endpoint, _)| endpoint.is_exact()) {
        for (query, header) in
            [("scopez=read", None), ("delete_from_pintrest=false", None), ("", Some("x-pinbridge-priorty"))]
        {
            let request = Request::builder().method(&endpoint.method).uri(format!("{path}?{query}"));
            let request = header.into_iter().fold(request, |request, name| request.header(name, "bulk"));
            let request = request.header("x-api-key", &api.key).body(Body::empty()).expect("a request");
            let (status, _, answer) = api.send(request).await;
            let name = header.unwrap_or_else(|| query.split('=').next().unwrap_or_default());
            let place = if header.is_some() { "header" } else { "query" };
            assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!([place, name])), "{} {answer}", endpoint.id);
        }
        exact.push(endpoint.id);
    }
    exact.sort_unstable();
    assert_eq!(exact, EXACT);
}

#[tokio::test]
async fn a_misspelt_parameter_is_named_by_every_other_endpoint_and_refused_if_that_is_preferred() {
    let api = api().await;
    api.person("ada@example.com", Role::Owner).await;
    for (endpoint, path) in calls().into_iter().filter(|(endpoint, _)| !endpoint.is_exact()) {
        let required = endpoint.parameters.iter().filter(|one| one.required && one.place == Place::Query);
        let query: Vec<String> =
            required.map(|one| format!("{}={}", one.name, one.example.unwrap_or_default())).collect();
        let send = async |prefer: &str| {
            let token = api.log_in("ada@example.com").await;
            let uri = format!("{path}?{}&acount_id=7&z%C3%BC=1", query.join("&"));
            let request = Request::builder().method(&endpoint.method).uri(uri).header("prefer", prefer);
            let request = request.header("authorization", format!("Bearer {token}"));
            let request = request.header("x-pinbridge-acount", "7").header("x-pinbridge-source", "mcp");
            api.send(request.body(Body::empty()).expect("a request")).await
        };
        let (status, _, answer) = send("handling=strict").await;
        let names: Vec<&Value> = answer["detail"].as_array().into_iter().flatten().map(|error| &error["loc"]).collect();
        let wanted = [json!(["query", "acount_id"]), json!(["query", "zü"]), json!(["header", "x-pinbridge-acount"])];
        assert_eq!((status, names), (422, wanted.iter().collect()), "{} {answer}", endpoint.id);
        let (status, headers, _) = send("handling=lenient").await;
        let told: Vec<&str> =
            headers.get_all("x-pinbridge-warning").iter().filter_map(|value| value.to_str().ok()).collect();
        let wanted = ["acount_id", "x-pinbridge-acount", "z%C3%BC"].map(|name| format!("unknown_field; field={name}"));
        if (200..300).contains(&status) {
            assert_eq!(told, wanted, "{}", endpoint.id);
        }
    }
}

#[tokio::test]
async fn a_misspelt_parameter_of_a_door_is_told_in_its_answer() {
    for door in DOORS {
        let api = api().await;
        let headers = [("x-pinbridge-priorty", "bulk")];
        let call = Call { query: "on_duplicat=refuse", headers: &headers, ..Call::of(&api) };
        let answer = call.send(&api, door, &pin("a")).await;
        assert_eq!(outcome(door, &answer), "created", "{door:?}: {}", answer.2);
        let told = match door {
            Pins | Schedules | Batch => answer.2["warnings"].to_string(),
            Validate | ValidateSchedule => answer.2["checks"][0].to_string(),
            _ => continue,
        };
        assert!(told.contains("on_duplicat") && told.contains("x-pinbridge-priorty"), "{door:?}: {}", answer.2);
        let strict = [("prefer", "handling=strict")];
        let refused = Call { headers: &strict, ..call }.send(&api, door, &pin("b")).await;
        assert_eq!((refused.0, &refused.2["code"]), (422, &json!("validation_error")), "{door:?}: {}", refused.2);
    }
}

#[tokio::test]
async fn what_is_nearly_dry_run_makes_nothing_at_any_door() {
    for door in [Pins, Batch, Schedules, Json, Csv] {
        let api = api().await;
        for query in
            ["dryrun=true", "dry-run=true", "Dry_Run=1", "dry_rn=true", "dryRun=false", "is_dry_run=yes", "dry=1"]
        {
            let answer = Call { query, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
            assert_eq!((answer.0, outcome(door, &answer).as_str()), (422, "validation_error"), "{door:?} {query}");
        }
        let headers = [("x-pinbridge-dry-run", "true")];
        let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
        assert_eq!(answer.0, 422, "{door:?}: {}", answer.2);
        for field in ["dryrun", "dryRun", "dry-run"] {
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), field, json!("true"))).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {field}: {}", answer.2);
        }
        let (_, pins) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
        let (_, schedules) = api.call("GET", "/v1/schedules", As::Key(&api.key), Value::Null).await;
        assert_eq!((pins, schedules), (json!([]), json!([])), "{door:?}");
    }
}

#[tokio::test]
async fn a_board_never_becomes_public_by_a_typo() {
    let api = api().await;
    let account = testdata::account();
    let who = As::Key(&api.key);
    for typo in [json!({"privcy": "SECRET"}), json!({"secret": true}), json!({"Privacy": "SECRET"})] {
        let mut body = typo.clone();
        body["account_id"] = json!(account);
        body["name"] = json!("Mine");
        for (method, path) in [("POST", "/v1/pinterest/boards"), ("PATCH", "/v1/pinterest/boards/700000000000000002")] {
            let answer = api.refused(method, path, who, body.clone(), 422, "validation_error").await;
            let name = typo.as_object().and_then(|typo| typo.keys().next()).expect("a name");
            assert_eq!(answer["detail"][0]["loc"], json!(["body", name]), "{answer}");
        }
    }
    let twice = r#"{"account_id": "A", "name": "Mine", "privacy": "SECRET", "privacy": "PUBLIC"}"#;
    let request = Request::post("/v1/pinterest/boards").header("x-api-key", &api.key);
    let body = Body::from(twice.replace("\"A\"", &json!(account).to_string()));
    let (status, _, answer) = api.send(request.body(body).expect("a request")).await;
    assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "privacy"])), "{answer}");
}

#[tokio::test]
async fn an_unknown_field_with_any_name_is_in_the_header() {
    let api = api().await;
    for (name, shown) in
        [("böard", "b%C3%B6ard".to_owned()), ("a b", "a%20b".into()), (&"x".repeat(99), "x".repeat(64) + "...")]
    {
        let body = with(with(pin(name), "title", json!(name)), name, json!(1));
        let answer = Call::of(&api).send(&api, Pins, &body).await;
        assert_eq!(answer.1["x-pinbridge-warning"], format!("unknown_field; field={shown}"), "{}", answer.2);
    }
}

/// What an answer of a door warns about, as a code.
fn warned(door: Door, answer: &Value) -> Option<&str> {
    match door {
        Pins | Schedules => answer["warnings"][0]["code"].as_str(),
        Batch => answer["results"][0]["warnings"][0]["code"].as_str(),
        _ => answer["results"][0]["warning_code"].as_str(),
    }
}

#[tokio::test]
async fn an_image_that_certainly_fails_is_told_at_every_door() {
    for (url, code) in [
        ("http://localhost/a.jpg", "image_unreachable"),
        ("https://192.168.1.1.nip.io/a.jpg", "image_unreachable"),
        ("https://drive.google.com/file/d/1/view", "image_format_unsupported"),
        ("https://example.com/a.svg", "image_format_unsupported"),
    ] {
        for door in [Pins, Batch, Schedules, Json, JsonDry, Csv, CsvDry] {
            let api = api().await;
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), "image_url", json!(url))).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?} {url}: {}", answer.2);
            assert_eq!(warned(door, &answer.2), Some(code), "{door:?} {url}: {}", answer.2);
            if matches!(door, Pins | Schedules) {
                assert_eq!(answer.1["x-pinbridge-warning"], format!("{code}; field=image_url"));
            }
            let fine = Call::of(&api).send(&api, door, &with(pin("b"), "title", json!("Another"))).await;
            assert_eq!(warned(door, &fine.2), None, "{door:?}: {}", fine.2);
        }
        // A change of it, too.
        for (door, list) in [(Pins, "pins"), (Schedules, "schedules")] {
            let api = api().await;
            api.world.pinterest.refuse(Some(Failure::TokenRevoked));
            let made = Call::of(&api).send(&api, door, &pin("a")).await;
            let path = format!("/v1/{list}/{}", made.2["id"].as_str().expect("an id"));
            let (status, headers, answer) =
                api.full("PATCH", &path, As::Key(&api.key), json!({"image_url": url})).await;
            assert_eq!((status, answer["warnings"][0]["code"].as_str()), (200, Some(code)), "{answer}");
            assert_eq!(headers["x-pinbridge-warning"], format!("{code}; field=image_url"));
            let (status, answer) = api.call("PATCH", &path, As::Key(&api.key), json!({"title": "New"})).await;
            assert_eq!((status, &answer["warnings"]), (200, &json!([])), "{answer}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_an_error_of_their_own_item() {
    for door in [Batch, Json, JsonDry] {
        for bad in [&b"caf\xe9"[..], b"a\x01b", b"a\nb\x00", b"\xf0\x9f\x98"] {
            let api = api().await;
            let items =
                format!("[{}, {}]", with(pin("bad"), "title", json!("BAD")), with(pin("good"), "title", json!("B")));
            let body = if door == Batch { format!(r#"{{"pins": {items}}}"#) } else { items };
            let (before, after) = body.split_once("BAD").expect("there");
            let body = [before.as_bytes(), bad, after.as_bytes()].concat();
            let query = if door == JsonDry { "?dry_run=true" } else { "" };
            let request = Request::post(format!("{}{query}", door.path())).header("x-api-key", &api.key);
            let (status, _, answer) = api.send(request.body(Body::from(body)).expect("a request")).await;
            while door == Json && api.world.run_importer_once().await {}
            let answer = match door {
                Json => {
                    let path = format!("/v1/pins/imports/{}", answer["id"].as_str().expect("an id"));
                    api.call("GET", &path, As::Key(&api.key), Value::Null).await.1
                }
                _ => answer,
            };
            assert!(status < 300, "{door:?}: {answer}");
            assert_eq!(outcome(door, &(status, HeaderMap::new(), answer.clone())), "validation_error", "{answer}");
            assert!(answer["results"][0].to_string().contains("title"), "{door:?}: {answer}");
            assert_eq!(answer["results"][1]["status"], "created", "{door:?}: {answer}");
        }
    }
}

/// A body with this item and a good one.
fn beside_a_good_one(door: Door, item: &str) -> String {
    let items = format!("[{item}, {}]", pin("good"));
    if door == Batch { format!(r#"{{"pins": {items}}}"#) } else { items }
}

#[tokio::test]
async fn an_item_that_is_no_object_is_invalid_at_every_door_alike() {
    for door in [Batch, Json, JsonDry] {
        for item in ["null", "1", "[]", "\"a\"", "true"] {
            let api = api().await;
            let body = beside_a_good_one(door, item);
            let answer = Call::of(&api).send_text(&api, door, body).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {item}: {}", answer.2);
            assert_eq!(answer.2["results"][1]["status"], "created", "{door:?} {item}: {}", answer.2);
        }
    }
}

#[tokio::test]
async fn a_dry_run_may_be_made_by_whoever_may_read_or_write() {
    let api = api().await;
    for (scope, imports) in [("read", 403), ("write", 202), ("destructive", 403)] {
        let (key, _) = api.new_key(json!({"name": scope, "scopes": [scope]})).await;
        for door in [Validate, ValidateSchedule, JsonDry, CsvDry] {
            let (status, _, answer) = Call { key: &key, ..Call::of(&api) }.send(&api, door, &pin("a")).await;
            let wanted = if scope == "destructive" { 403 } else { 200 };
            assert_eq!(status, wanted, "{scope} {door:?}: {answer}");
        }
        for path in ["/v1/pins/imports/json", "/v1/pins/imports/json?dry_run=false"] {
            let (status, answer) = api.call("POST", path, As::Key(&key), json!([pin(scope)])).await;
            assert_eq!(status, imports, "{scope} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_publish_before_that_leaves_no_second_is_refused_at_every_door() {
    for door in DOORS {
        let api = api().await;
        let is_schedule = matches!(door, Schedules | ValidateSchedule);
        let start = if is_schedule { START.plus_ms(HOUR_MS) } else { START };
        for (ms, wanted) in [
            (-1, "validation_error"),
            (0, "validation_error"),
            (1, "validation_error"),
            (999, "validation_error"),
            (60_000, "created"),
        ] {
            let body = with(pin("a"), "publish_before", json!(start.plus_ms(ms).rfc3339()));
            let answer = Call::of(&api).send(&api, door, &body).await;
            assert_eq!(outcome(door, &answer), wanted, "{door:?} {ms}: {}", answer.2);
        }
        let odd = with(pin("b"), "publish_before", json!("2030-01-01T00:00:00+25:00"));
        let answer = Call::of(&api).send(&api, door, &odd).await;
        assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
    }
}

#[tokio::test]
async fn half_an_emoji_is_an_error_of_its_own_field_and_item() {
    let bad = |key: &str| {
        [
            pin(key).to_string().replace("\"Crane\"", HALF),
            pin(key).to_string().replace("\"Crane\"", r#""\udc00 low""#),
            with(pin(key), "related_terms", json!(["HALF"])).to_string().replace("\"HALF\"", r#""\ud83d\u0020""#),
        ]
    };
    for door in [Pins, Validate, Batch, Schedules, ValidateSchedule, Json, JsonDry] {
        let api = api().await;
        for (number, bad) in bad("bad").into_iter().enumerate() {
            let good = with(pin("good"), "title", json!("A whole one \u{1f600}"))
                .to_string()
                .replace('\u{1f600}', r"\ud83d\ude00");
            let body = match door {
                Batch => format!(r#"{{"pins": [{bad}, {good}]}}"#),
                Json | JsonDry => format!("[{bad}, {good}]"),
                Schedules | ValidateSchedule => {
                    let run_at = START.plus_ms(HOUR_MS).rfc3339();
                    bad.replacen('{', &format!(r#"{{"run_at": "{run_at}","#), 1)
                }
                _ => bad,
            };
            let answer = Call::of(&api).send_text(&api, door, body).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?}: {}", answer.2);
            let field = if number == 2 { "related_terms" } else { "title" };
            assert!(answer.2.to_string().contains(field), "{door:?}: {}", answer.2);
            if door.has_items() {
                let other = answer.2["results"][1]["status"].as_str().expect("a status");
                assert!(matches!(other, "created" | "existing"), "{door:?}: {}", answer.2);
                assert_eq!(answer.2["results"][0]["idempotency_key"], "bad", "{door:?}: {}", answer.2);
            }
        }
    }
}

#[tokio::test]
async fn an_item_that_cant_be_read_at_all_spoils_no_other() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for door in [Batch, Json, JsonDry] {
        for bad in [deep.as_str(), r#"{"title": 1e999}"#, r#"{"title": -1e999, "idempotency_key": "k"}"#] {
            let api = api().await;
            let body = beside_a_good_one(door, bad);
            let answer = Call::of(&api).send_text(&api, door, body).await;
            assert_eq!(outcome(door, &answer), "malformed_json", "{door:?}: {}", answer.2);
            assert_eq!(answer.2["results"][1]["status"], "created", "{door:?}: {}", answer.2);
        }
        let api = api().await;
        let (status, _, answer) = Call::of(&api).send_text(&api, door, "[{\"pins\": ".into()).await;
        assert_eq!((status, &answer["code"]), (400, &json!("malformed_json")), "{answer}");
    }
}

#[tokio::test]
async fn a_key_has_no_blank_around_it_and_nothing_invisible() {
    for door in DOORS {
        let api = api().await;
        for key in [
            " a",
            "a ",
            "a\u{a0}b",
            "a\u{200b}b",
            "\u{feff}a",
            "a\tb",
            "a\nb",
            "a\u{202e}b",
            "a\u{ad}b",
            "\u{3000}",
            "a\u{1d173}b",
            "a\u{600}b",
            "a\u{13430}b",
            "a\u{1bca0}b",
            "a\u{e0041}b",
            "a\u{110bd}",
        ] {
            let answer = Call::of(&api).send(&api, door, &pin(key)).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {key:?}: {}", answer.2);
            assert!(answer.2.to_string().contains("idempotency_key"), "{door:?} {key:?}: {}", answer.2);
        }
        let fine = Call::of(&api).send(&api, door, &pin("Spring sale, no. 7/ü")).await;
        assert_eq!(outcome(door, &fine), "created", "{door:?}: {}", fine.2);
        for name in ["idempotency-key", "x-pinbridge-idempotency-key"] {
            let request = Request::post(door.path()).header(name, &b"caf\xe9"[..]).header("x-api-key", &api.key);
            let request = request.header("content-type", "multipart/form-data; boundary=xyz");
            let body = if matches!(door, Csv | CsvDry) { csv(&pin("b")) } else { json!([]).to_string() };
            let (status, _, answer) = api.send(request.body(Body::from(body)).expect("a request")).await;
            let told = answer["message"].as_str().unwrap_or_default();
            assert!(status == 422 && told.contains("UTF-8"), "{door:?}: {answer}");
        }
        if matches!(door, Pins | Schedules | Json | Csv) {
            let headers = [("idempotency-key", "a\tb")];
            let body = without(pin(""), "idempotency_key");
            let body = if door.has_items() { pin("b") } else { body };
            let answer = Call { headers: &headers, ..Call::of(&api) }.send(&api, door, &body).await;
            assert_eq!(answer.0, 422, "{door:?}: {}", answer.2);
        }
    }
}

/// A second account of the workspace, and the text of a key that may not use the first one.
async fn second_account(api: &Api) -> (AccountId, String) {
    let first = testdata::connected_account();
    let id = AccountId(Uuid::from_u128(0xc));
    let second = Account { key: AccountKey { account: id, ..first.key }, ..first };
    assert!(api.world.context.store.save_account(&second).await.expect("saved").is_done());
    (id, api.new_key(json!({"name": "second", "pinterest_account_ids": [id]})).await.0)
}

#[tokio::test]
async fn a_key_with_an_allow_list_learns_no_id_of_another_accounts_pin() {
    for door in DOORS {
        let api = api().await;
        let (second, limited) = second_account(&api).await;
        // The first account's pin and schedule, one of each deleted.
        let mut ids = Vec::new();
        for (made, key) in [(Pins, "taken"), (Schedules, "taken"), (Pins, "gone"), (Schedules, "gone")] {
            let (status, _, answer) = Call::of(&api).send(&api, made, &pin(key)).await;
            assert_eq!(status, 201, "{answer}");
            let id = answer["id"].as_str().expect("an id").to_owned();
            let path = format!("{}/{id}", made.path());
            if key == "gone" {
                if made == Schedules {
                    api.call("POST", &format!("{path}/cancel"), As::Key(&api.key), Value::Null).await;
                }
                assert_eq!(api.call("DELETE", &path, As::Key(&api.key), Value::Null).await.0, 204);
            }
            ids.push(id);
        }
        for (key, codes) in [("taken", ["idempotency_key_reused"; 2]), ("gone", ["pin_deleted", "schedule_removed"])] {
            let asked = with(pin(key), "account_id", json!(second));
            let answer = Call { key: &limited, ..Call::of(&api) }.send(&api, door, &asked).await;
            let text = answer.2.to_string();
            assert!(codes.iter().any(|code| text.contains(code)), "{door:?}: {text}");
            for id in &ids {
                assert!(!text.contains(id), "{door:?} {key} names {id}: {text}");
            }
            if !door.has_items() || door == Batch {
                let seen = Call::of(&api).send(&api, door, &with(pin(key), "title", json!("Other"))).await;
                assert!(ids.iter().any(|id| seen.2.to_string().contains(id)), "{door:?} {key}: {}", seen.2);
            }
        }
    }
}

#[tokio::test]
async fn a_repeated_request_shows_no_pin_that_was_sent_to_another_account_since() {
    let api = api().await;
    let (second, _) = second_account(&api).await;
    let first = testdata::connected_account().key.account;
    let limited = api.new_key(json!({"name": "first", "pinterest_account_ids": [first]})).await.0;
    api.world.pinterest.answer_next([Answer::Refused(Failure::LinkBlocked, None)]);
    let (status, _, made) = Call { key: &limited, ..Call::of(&api) }.send(&api, Pins, &pin("moved")).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().expect("an id");
    api.world.run_for_ms(1_000).await;
    let key = PinKey { workspace: testdata::workspace(), pin: id.parse().expect("an id") };
    let edit = Edit { account: Some(second), ..Edit::default() };
    retry_pin_with(&api.world.context, key, false, &edit).await.expect("sent to the other account");
    for door in [Pins, Batch, JsonDry, CsvDry, Json, Csv] {
        let (_, _, again) = Call { key: &limited, ..Call::of(&api) }.send(&api, door, &pin("moved")).await;
        let text = again.to_string();
        assert!(text.contains("idempotency_key_reused") && !text.contains(id), "{door:?}: {text}");
        let seen = Call::of(&api).send(&api, door, &pin("moved")).await.2.to_string();
        assert!(seen.contains(id), "{door:?}: {seen}");
    }
}

#[tokio::test]
async fn a_key_with_an_allow_list_learns_nothing_of_another_accounts_import() {
    let api = api().await;
    let (second, limited) = second_account(&api).await;
    let headers = [("idempotency-key", "file")];
    let (status, _, import) = Call { headers: &headers, ..Call::of(&api) }.send(&api, Json, &pin("one")).await;
    assert_eq!(status, 202);
    let id = import["id"].as_str().expect("an id");
    let pin_id = import["results"][0]["pin_id"].as_str().expect("an id");
    let call = Call { key: &limited, headers: &headers, ..Call::of(&api) };
    // The very same file, and another one.
    for row in [pin("one"), with(pin("one"), "account_id", json!(second)), pin("two")] {
        let (status, _, answer) = call.send(&api, Json, &row).await;
        assert_eq!((status, &answer["code"]), (409, &json!("idempotency_key_reused")), "{answer}");
        assert!(!answer.to_string().contains(id) && !answer.to_string().contains(pin_id), "{answer}");
    }
    let (status, _, answer) = Call { headers: &headers, ..Call::of(&api) }.send(&api, Json, &pin("two")).await;
    assert!(status == 409 && answer.to_string().contains(id), "{answer}");
}

#[tokio::test]
async fn a_dry_run_names_an_image_that_pinterest_cant_fetch() {
    let private = [
        "http://localhost/a.jpg",
        "http://localhost:8000/a.jpg",
        "https://app.localhost/a.jpg",
        "http://127.0.0.1/a.jpg",
        "http://10.0.0.7/a.jpg",
        "http://172.16.3.4/a.jpg",
        "http://192.168.1.2:9000/a.jpg",
        "http://169.254.169.254/a.jpg",
        "http://100.64.0.1/a.jpg",
        "http://0.0.0.0/a.jpg",
        "http://2130706433/a.jpg",
        "http://[::1]/a.jpg",
        "http://[fd00::7]/a.jpg",
        "http://[fe80::1]/a.jpg",
        "http://[::ffff:192.168.1.2]/a.jpg",
        "http://printer.local/a.jpg",
        "http://assets.corp.internal/a.jpg",
        "http://minio/a.jpg",
        "http://app.test/a.jpg",
    ];
    let pages = [
        "https://drive.google.com/file/d/1AbC/view?usp=sharing",
        "https://drive.google.com/open?id=1AbC",
        "https://www.dropbox.com/scl/fi/abc/crane.jpg?rlkey=x&dl=0",
        "https://www.dropbox.com/s/abc/crane.jpg",
        "https://1drv.ms/i/s!abc",
        "https://photos.app.goo.gl/abc",
        "https://photos.google.com/share/abc",
        "https://www.icloud.com/photos/#0abc",
        "https://www.instagram.com/p/abc/",
        "https://www.pinterest.com/pin/123456/",
        "https://pin.it/abc",
        "https://imgur.com/a/abc",
        "https://imgur.com/abc",
        "https://unsplash.com/photos/abc",
        "https://www.flickr.com/photos/someone/123/",
        "https://www.canva.com/design/abc/view",
        "https://we.tl/t-abc",
    ];
    let fine = [
        "https://example.com/a.jpg",
        "https://8.8.8.8/a.jpg",
        "http://172.32.0.1/a.jpg",
        "https://localhost.example.com/a.jpg",
        "https://i.imgur.com/abc.jpg",
        "https://images.unsplash.com/photo-1?w=1000",
        "https://www.dropbox.com/s/abc/crane.jpg?raw=1",
        "https://www.dropbox.com/s/abc/crane.jpg?dl=1",
        "https://dl.dropboxusercontent.com/s/abc/crane.jpg",
        "https://drive.google.com/uc?export=view&id=1AbC",
        "https://lh3.googleusercontent.com/abc",
        "https://i.pinimg.com/originals/a.jpg",
        "https://live.staticflickr.com/1/2.jpg",
    ];
    let api = api().await;
    let call = Call::of(&api);
    let check = |answer: &Value| {
        let checks = answer["checks"].as_array().expect("a list");
        checks.iter().find(|check| check["name"] == "media").expect("there").clone()
    };
    for (urls, wanted) in [(&private[..], Some("image_unreachable")), (&pages[..], Some("image_format_unsupported"))] {
        for url in urls {
            for door in [Validate, ValidateSchedule] {
                let (_, _, answer) = call.send(&api, door, &with(pin("a"), "image_url", json!(url))).await;
                let check = check(&answer);
                assert_eq!((&check["status"], check["code"].as_str()), (&json!("failed"), wanted), "{url}: {check}");
                assert_eq!(answer["valid"], false, "{url}");
            }
            for door in [JsonDry, CsvDry] {
                let (_, _, answer) = call.send(&api, door, &with(pin("a"), "image_url", json!(url))).await;
                assert_eq!(answer["results"][0]["warning_code"].as_str(), wanted, "{url}: {answer}");
            }
        }
    }
    for url in fine {
        let (_, _, answer) = call.send(&api, Validate, &with(pin("a"), "image_url", json!(url))).await;
        assert_eq!(check(&answer)["status"], "passed", "{url}: {answer}");
        let (_, _, answer) = call.send(&api, JsonDry, &with(pin("a"), "image_url", json!(url))).await;
        assert_eq!(answer["results"][0]["warning_code"], Value::Null, "{url}: {answer}");
    }
}

#[tokio::test]
async fn no_text_has_control_characters() {
    for door in DOORS {
        let api = api().await;
        for (field, value) in [
            ("title", json!("a\u{0}b")),
            ("description", json!("a\u{1b}[31mb")),
            ("alt_text", json!("a\u{7f}")),
            ("related_terms", json!("paper,cr\u{7}ane")),
            ("board_id", json!("7000\u{0}1")),
        ] {
            let answer = Call::of(&api).send(&api, door, &with(pin("a"), field, value)).await;
            assert_eq!(outcome(door, &answer), "validation_error", "{door:?} {field}: {}", answer.2);
        }
    }
}

const PAGE: &str = include_str!("../../../infra/docs/api.md");
const OPTIONS: [(&str, &str, &str); 3] = [
    ("on_duplicate", "X-Pinbridge-On-Duplicate", "warn"),
    ("priority", "X-Pinbridge-Priority", "bulk"),
    ("publish_before", "X-Pinbridge-Publish-Before", "2030-01-01T00:00:00Z"),
];

/// The cells of the page's row about the door, without the numbers of notes.
pub fn row_of_page(door: &str) -> Vec<String> {
    let start = format!("| `{door}` |");
    let line = PAGE.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("the page lacks {door}"));
    let cells = line.trim_matches('|').split('|').skip(1);
    cells.map(|cell| cell.split(" (").next().unwrap_or_default().trim().to_owned()).collect()
}

/// Where the door takes the option: what it says itself, and what of a body it doesn't refuse as unknown.
#[tokio::test]
async fn the_page_shows_which_door_takes_which_option_where() {
    let table = pinbridge_api::routes::table();
    let doors: Vec<_> = table
        .iter()
        .filter(|one| one.parameters.iter().any(|parameter| parameter.name == "on_duplicate"))
        .map(|one| (one.path, &one.parameters))
        .collect();
    let known: Vec<&str> = doors.iter().map(|(path, _)| *path).collect();
    for door in DOORS {
        assert!(known.contains(&door.path()), "{door:?} has no options");
    }
    for (path, parameters) in doors {
        let door = DOORS.into_iter().find(|door| door.path() == path).unwrap_or_else(|| panic!("{path} has no tests"));
        let has = |place: &str, name: &str| {
            parameters.iter().any(|parameter| parameter.place.name() == place && parameter.name == name)
        };
        let api = api().await;
        let strict = [("prefer", "handling=strict")];
        let call = Call { headers: &strict, ..Call::of(&api) };
        let mut row = Vec::new();
        for (number, (name, header, value)) in OPTIONS.into_iter().enumerate() {
            let answer = call.send(&api, door, &with(pin(&format!("k-{number}")), name, json!(value))).await;
            assert_eq!(outcome(door, &answer), "created", "{door:?} {name}: {}", answer.2);
            let mut places = vec![if door.has_items() { "item" } else { "body" }];
            if door == Batch {
                let mut body = json!({"pins": [pin("b")]});
                body[name] = json!(value);
                places.extend((call.send_text(&api, door, body.to_string()).await.0 == 200).then_some("body"));
            }
            places.extend(has("query", name).then_some("query"));
            places.extend(has("header", header).then_some("header"));
            row.push(places.join(", "));
        }
        assert!(has("header", "Idempotency-Key") && has("header", "X-Pinbridge-Idempotency-Key"), "{door:?}");
        row.push(if door.has_items() { "item, header".into() } else { "body, header".into() });
        let is_validation = path.ends_with("/validate");
        row.push(
            if has("query", "dry_run") {
                "query"
            } else if is_validation {
                "always"
            } else {
                "no"
            }
            .into(),
        );
        row.push("header".into());
        let board =
            async |board: &str| outcome(door, &call.send(&api, door, &with(pin("m"), "board_id", json!(board))).await);
        assert_eq!(board("Nowhere").await, "board_not_found", "{door:?}");
        row.push(if board("Cranes").await == "created" { "id, name".into() } else { "id".into() });
        assert_eq!(row, row_of_page(&format!("POST {path}")), "infra/docs/api.md, {path}");
    }
}

#[tokio::test]
async fn a_publish_before_counts_at_every_door_however_it_is_sent() {
    for door in DOORS {
        let api = api().await;
        let (past, soon) = (START.rfc3339(), START.plus_ms(2 * HOUR_MS).rfc3339());
        for (time, wanted) in
            [(past.as_str(), "validation_error"), ("tomorrow", "validation_error"), (&soon, "created")]
        {
            let places = [
                ("body", Call::of(&api), with(pin(&format!("body-{time}")), "publish_before", json!(time))),
                (
                    "query",
                    Call { query: &format!("publish_before={time}"), ..Call::of(&api) },
                    pin(&format!("query-{time}")),
                ),
                (
                    "header",
                    Call { headers: &[("x-pinbridge-publish-before", time)], ..Call::of(&api) },
                    pin(&format!("header-{time}")),
                ),
            ];
            for (place, call, pin) in places {
                let answer = call.send(&api, door, &pin).await;
                assert_eq!(outcome(door, &answer), wanted, "{door:?}, {place}, {time}: {}", answer.2);
            }
        }
    }
}
