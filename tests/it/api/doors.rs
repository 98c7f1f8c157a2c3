//! What every door for pins has in common: its options, how it names unknown fields, whose error a bad item is, and
//! what a refusal says about other accounts. A door is an endpoint that takes pins: one, a batch, a schedule, an
//! import, or a dry run of these.

mod boards;
mod images;
mod items;
mod misplaced;
mod options;
mod other_accounts;
mod unknown;

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

pub use self::options::row_of_page;
use crate::support::api::{Api, As};

/// The first board that the fake knows.
const BOARD: &str = "700000000000000002";

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

/// A body with this item and a good one.
fn beside_a_good_one(door: Door, item: &str) -> String {
    let items = format!("[{item}, {}]", pin("good"));
    if door == Batch { format!(r#"{{"pins": {items}}}"#) } else { items }
}
