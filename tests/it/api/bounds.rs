//! Bounds of answers and requests: pages whatever the rows hold, control characters at every door, and the memory that
//! a body takes.

use std::process::Command;

use axum::body::Body;
use http::Request;
use pinbridge_api::endpoint::Place;
use pinbridge_shared::domain::account::board::BoardDraft;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::ports::Boards;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

/// What Lambda takes at most is above this.
const ANSWER_MAX: usize = 5 * 1024 * 1024;
const CRANE: &str = "\u{1f426}";

/// A pin with every text at its limit, in characters of four bytes.
fn largest(key: &str) -> Value {
    let url = |name: &str| format!("https://example.com/{name}?{}", "a".repeat(2_000));
    json!({
        "account_id": testdata::account(), "board_id": testdata::request(key).board_id, "idempotency_key": key,
        "title": CRANE.repeat(100), "description": CRANE.repeat(800), "alt_text": CRANE.repeat(500),
        "related_terms": vec![CRANE.repeat(100); 50], "link_url": url("link"), "image_url": url("image"),
    })
}

/// A page that fits, with the limit that the refusal of a larger one names.
async fn largest_page(api: &Api, path: &str) -> usize {
    let (asked, key) = (format!("{path}?limit=200"), As::Key(&api.key));
    let refused = api.refused("GET", &asked, key, Value::Null, 422, "validation_error").await;
    assert_eq!(refused["detail"][0]["type"], "page_too_large", "{refused}");
    assert_eq!(refused["detail"][0]["loc"], json!(["query", "limit"]));
    let message = refused["message"].as_str().expect("text");
    let limit: usize = message.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a limit");
    let (status, page) = api.call("GET", &format!("{path}?limit={limit}"), As::Key(&api.key), Value::Null).await;
    let (items, bytes) = (page.as_array().expect("a list").len(), page.to_string().len());
    assert_eq!((status, items), (200, limit), "a whole page, and no short one");
    assert!(bytes <= ANSWER_MAX && bytes > ANSWER_MAX * 9 / 10, "{bytes} bytes");
    let (status, _) = api.call("GET", &format!("{path}?limit={}", limit + 1), As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 422, "the largest one");
    limit
}

#[tokio::test]
async fn a_page_of_the_largest_pins_is_refused_with_the_limit_that_fits() {
    let api = Api::new().await;
    for batch in 0..8 {
        let pins: Vec<Value> = (0..25).map(|n| largest(&format!("{batch}-{n}"))).collect();
        let (status, answer) = api.call("POST", "/v1/pins/batch", As::Key(&api.key), json!({"pins": pins})).await;
        assert_eq!((status, &answer["created_count"]), (200, &json!(25)), "{}", answer["results"][0]["error"]);
    }
    let limit = largest_page(&api, "/v1/pins").await;
    assert!((100..200).contains(&limit), "{limit}");
    let (status, all) = api.call("GET", "/v1/pins?limit=50&offset=150", As::Key(&api.key), Value::Null).await;
    assert_eq!((status, all.as_array().map(Vec::len)), (200, Some(50)));
}

#[tokio::test]
async fn a_page_of_the_largest_schedules_is_refused_with_the_limit_that_fits() {
    let api = Api::new().await;
    for n in 0..200 {
        let mut schedule = largest(&format!("{n}"));
        schedule["run_at"] = json!(api.world.now().plus_ms(60 * MINUTE_MS).rfc3339());
        let (status, answer) = api.call("POST", "/v1/schedules", As::Key(&api.key), schedule).await;
        assert_eq!(status, 201, "{answer}");
    }
    largest_page(&api, "/v1/schedules").await;
}

#[tokio::test]
async fn a_list_without_pages_leaves_its_long_parts_out_and_says_so() {
    let api = Api::new().await;
    let path = format!("/v1/pinterest/boards?account_id={}", testdata::account());
    let draft =
        |n: usize| BoardDraft { name: format!("Board {n}"), description: Some(CRANE.repeat(800)), privacy: None };
    for (boards, is_cut) in [(1_000, false), (3_000, true)] {
        let (_, _, now) = api.full("GET", &path, As::Key(&api.key), Value::Null).await;
        for n in now.as_array().expect("a list").len()..boards {
            api.world.boards.create_board(&Secret::new("token-1"), &draft(n)).await.expect("created");
        }
        let (status, headers, listed) = api.full("GET", &path, As::Key(&api.key), Value::Null).await;
        assert_eq!((status, listed.as_array().map(Vec::len)), (200, Some(boards)));
        let flag = headers.get("x-pinbridge-left-out").map(|flag| flag.to_str().expect("text"));
        assert_eq!(flag, is_cut.then_some("description"));
        assert_eq!(listed[boards - 1]["description"].is_null(), is_cut);
        assert!(listed.to_string().len() <= ANSWER_MAX);
    }
}

/// Every parameter of every operation, as the table of endpoints has it.
#[tokio::test]
async fn control_characters_are_refused_in_every_path_and_query() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let mut tried = 0;
    for endpoint in pinbridge_api::routes::table() {
        let who = match endpoint.access.name() {
            "public" => As::Nobody,
            "session" => As::Bearer(&token),
            _ => As::Key(&api.key),
        };
        for parameter in endpoint.parameters.iter().filter(|parameter| parameter.place != Place::Header) {
            for code in ["%00", "%1B", "%0A", "%7f", "%C2%9B"] {
                let filled = |place: Place, name: &str| match (place, name) {
                    (Place::Path, name) if name == parameter.name => format!("a{code}b"),
                    _ => "1".to_owned(),
                };
                let path: Vec<String> = endpoint
                    .path
                    .split('/')
                    .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                        Some(name) => filled(Place::Path, name),
                        None => part.to_owned(),
                    })
                    .collect();
                let query = if parameter.place == Place::Query {
                    format!("?{}=a{code}b", parameter.name)
                } else {
                    String::new()
                };
                let path = format!("{}{query}", path.join("/"));
                let (status, answer) = api.call(endpoint.method.as_str(), &path, who, Value::Null).await;
                assert_eq!(status, 422, "{} {path}: {answer}", endpoint.method);
                assert_eq!(answer["detail"][0]["msg"], "String should have no control characters", "{path}");
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

/// Every text of every body that the document has an example of.
#[tokio::test]
async fn control_characters_are_refused_in_every_text_of_a_body() {
    let api = Api::new().await;
    api.person("ada@example.com", Role::Owner).await;
    let token = api.log_in("ada@example.com").await;
    let mut tried = 0;
    for endpoint in pinbridge_api::routes::table() {
        let Some(content) = endpoint.body.as_ref().and_then(|body| body.contents.first()) else { continue };
        let Value::Object(example) = (content.example)() else { continue };
        if content.kind != "application/json" {
            continue;
        }
        let who = match endpoint.access.name() {
            "public" => As::Nobody,
            "session" => As::Bearer(&token),
            _ => As::Key(&api.key),
        };
        for name in example.iter().filter(|(_, value)| value.is_string()).map(|(name, _)| name) {
            for code in ["\u{0}", "\u{1b}", "\u{7f}", "\u{9b}"] {
                let mut body = example.clone();
                body[name] = json!(format!("{}{code}", example[name].as_str().unwrap_or_default()));
                let path = endpoint.path.replace("{id}", &testdata::account().to_string());
                let (status, answer) = api.call(endpoint.method.as_str(), &path, who, body.into()).await;
                let is_dry_refusal = status == 200 && answer["valid"] == false;
                // 501: nobody reads the body.
                let is_refused = (400..500).contains(&status) || status == 501 || is_dry_refusal;
                assert!(is_refused, "{} {path} {name}: {status} {answer}", endpoint.method);
                tried += 1;
            }
        }
    }
    assert!(tried > 80, "{tried}");
}

#[tokio::test]
async fn names_are_one_line() {
    let api = Api::new().await;
    for name in ["a\nb", "a\tb", "a\r", "\u{85}"] {
        api.refused("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": name}), 422, "validation_error").await;
    }
    let (status, _) = api.call("POST", "/v1/api-keys", As::Key(&api.key), json!({"name": "Ünïcode ✂"})).await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn a_row_with_fields_of_any_name_is_an_error_that_fits_into_its_chunk() {
    let api = Api::new().await;
    let strict = |body: Value| {
        Request::post("/v1/pins/imports/json")
            .header("x-api-key", &api.key)
            .header("prefer", "handling=strict")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("a request")
    };
    // Sixty rows, each with fields whose names are as long as a row can be.
    let row = |n: usize| {
        let mut row = json!({"title": "T", "idempotency_key": format!("k{n}")});
        row["x".repeat(30_000)] = json!(1);
        row["y".repeat(30_000)] = json!(2);
        row
    };
    let rows: Vec<Value> = (0..60).map(row).collect();
    let (status, _, accepted) = api.send(strict(json!(rows))).await;
    assert_eq!(status, 202, "{accepted}");
    api.world.run_for_ms(5_000).await;
    let path = format!("/v1/pins/imports/{}", accepted["id"].as_str().expect("an id"));
    let (status, read) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &read["failed_rows"]), (200, &json!(60)), "{}", read["status"]);
    assert!(read.to_string().len() < 200_000, "{} bytes", read.to_string().len());
    assert!(read["results"][0]["error_message"].as_str().is_some_and(|message| message.contains("board_id")));
}

/// Bodies that are small, and large in memory: what they are sent to, and as what.
const SHAPES: [&str; 8] = ["rows", "numbers", "objects", "small-objects", "halves", "lists", "commas", "batch"];
const JSON: &str = "/v1/pins/imports/json";
/// Beside the body itself: rows that are checked one by one, copies of the body, and what the allocator keeps.
const MEMORY_MAX_KIB: u64 = 48 * 1024;

fn shape(name: &str) -> (&'static str, &'static str, Vec<u8>) {
    let up_to = |bytes: usize, open: &str, item: &str, close: &str| {
        let count = (bytes - open.len() - close.len()) / (item.len() + 1);
        format!("{open}{}{close}", vec![item; count].join(",")).into_bytes()
    };
    let (body, most) = (4_000_000, "application/json");
    match name {
        "rows" => (JSON, most, up_to(body, "[", r#"{"":0}"#, "]")),
        "numbers" => (JSON, most, up_to(body, "[", "0", "]")),
        "objects" => (JSON, most, up_to(body, r#"[{"x":["#, r#"{"":0}"#, "]}]")),
        "small-objects" => {
            let row = String::from_utf8(up_to(7_900, r#"{"x":["#, r#"{"":0}"#, "]}")).expect("text");
            (JSON, most, up_to(body, "[", &row, "]"))
        }
        "halves" => (JSON, most, up_to(body, r#"[{"x":["#, r#""\ud83d""#, "]}]")),
        "lists" => (JSON, most, up_to(body, "[", "[[[[[[]]]]]]", "]")),
        "commas" => {
            let head = b"--xyz\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".to_vec();
            let columns = b"account_id,board_id,title,idempotency_key\n".to_vec();
            let commas = vec![b','; 3_900_000];
            let body = [head, columns, commas, b"x\r\n--xyz--\r\n".to_vec()].concat();
            ("/v1/pins/imports/csv", "multipart/form-data; boundary=xyz", body)
        }
        _ => ("/v1/pins/batch", most, up_to(2_000_000, r#"{"pins":[{"x":["#, r#"{"":0}"#, "]}]}")),
    }
}

/// The most memory that this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[tokio::test]
#[ignore = "runs in a process of its own, which the test below starts"]
async fn a_body_in_a_process_of_its_own() {
    let (path, kind, body) = shape(&std::env::var("PINBRIDGE_BODY_SHAPE").unwrap_or_default());
    let api = Api::new().await;
    // What the first request makes once, such as the document.
    api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
    let request = Request::post(path).header("x-api-key", &api.key).header("content-type", kind);
    let request = request.body(Body::from(body)).expect("a request");
    let before = peak_kib();
    let (status, _, answer) = api.send(request).await;
    let grown = peak_kib() - before;
    println!("status={status} code={} grown={grown}", answer["code"]);
}

#[test]
fn the_memory_of_a_body_is_bounded_whatever_it_holds() {
    let test = "api::bounds::a_body_in_a_process_of_its_own";
    for name in SHAPES {
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
            .env("PINBRIDGE_BODY_SHAPE", name)
            .output()
            .expect("runs");
        let printed = String::from_utf8_lossy(&child.stdout).into_owned();
        let line = printed
            .lines()
            .find(|line| line.contains("grown="))
            .unwrap_or_else(|| panic!("{name}: {printed}{}", String::from_utf8_lossy(&child.stderr)));
        println!("{name}: {line}");
        let grown: u64 = line.rsplit('=').next().and_then(|kib| kib.trim().parse().ok()).expect("a number");
        assert!(grown <= MEMORY_MAX_KIB, "{name}: {line}");
    }
}
