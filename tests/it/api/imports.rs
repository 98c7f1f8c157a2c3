//! Imports over the API: what is handed in, what is answered, what is refused.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{HeaderMap, Request};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As};

fn row(key: &str) -> Value {
    let board = testdata::request(key).board_id;
    json!({"account_id": testdata::account(), "board_id": board, "title": format!("Crane {key}"),
           "image_url": "https://example.com/a.jpg", "link_url": format!("https://example.com/{key}"), "idempotency_key": key})
}

fn with(mut row: Value, name: &str, value: Value) -> Value {
    row[name] = value;
    row
}

/// A form with a file, as a client sends it.
async fn send_csv(api: &Api, key: &str, query: &str, contents: &[u8]) -> (u16, HeaderMap, Value) {
    send_form(api, key, query, &[("file", contents)]).await
}

/// A form with these parts; one named `file` has a file's name.
async fn send_form(api: &Api, key: &str, query: &str, parts: &[(&str, &[u8])]) -> (u16, HeaderMap, Value) {
    let mut body = Vec::new();
    for (name, contents) in parts {
        let file = if *name == "file" { "; filename=\"cranes.csv\"\r\nContent-Type: text/csv" } else { "" };
        let head = format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(contents);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xyz--\r\n");
    let request =
        Request::builder().method("POST").uri(format!("/v1/pins/imports/csv{query}")).header("x-api-key", key);
    let request = request.header("content-type", "multipart/form-data; boundary=xyz").body(Body::from(body));
    api.send(request.expect("a request")).await
}

/// `-F dry_run=true` beside the file would publish what its caller meant to try.
#[tokio::test]
async fn an_option_or_a_second_file_in_the_form_is_refused_and_another_field_is_named() {
    let api = Api::new().await;
    let file = format!("{HEADER}{}", line("one", ",,"));
    let file = ("file", file.as_bytes());
    for name in ["dry_run", "dryrun", "Dry-Run", "on_duplicate", "priority", "publish_before", "idempotency_key"] {
        for parts in [[file, (name, b"true".as_slice())], [(name, b"true".as_slice()), file]] {
            let (status, _, answer) = send_form(&api, &api.key, "", &parts).await;
            assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", name])), "{answer}");
        }
    }
    let (status, _, answer) = send_form(&api, &api.key, "", &[file, file]).await;
    assert_eq!((status, &answer["detail"][0]["loc"]), (422, &json!(["body", "file"])), "{answer}");
    let (status, _, list) = send_form(&api, &api.key, "", &[file, ("note", b"hello")]).await;
    assert_eq!((status, &list["unknown_columns"]), (202, &json!(["size", "note"])), "{list}");
}

async fn send_json(api: &Api, key: &str, rows: &Value) -> Value {
    let (status, answer) = api.call("POST", "/v1/pins/imports/json", As::Key(key), rows.clone()).await;
    assert_eq!(status, 202, "{answer}");
    answer
}

async fn finished(api: &Api, key: &str, id: &Value) -> Value {
    api.world.run_for_ms(1_000).await;
    let path = format!("/v1/pins/imports/{}", id.as_str().expect("an id"));
    let (status, answer) = api.call("GET", &path, As::Key(key), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["completed_at"].is_string(), "{answer}");
    answer
}

fn counts(import: &Value) -> [u64; 5] {
    ["total_rows", "processed_rows", "created_rows", "existing_rows", "failed_rows"]
        .map(|name| import[name].as_u64().expect("a number"))
}

#[tokio::test]
async fn a_list_is_taken_in_at_once_and_its_rows_tell_what_became_of_them() {
    let api = Api::new().await;
    let rows = json!([
        row("one"),
        with(row("two"), "related_terms", json!("paper, crane")),
        row("one"),
        with(row("two"), "title", json!("Another")),
        {"title": "nowhere to go", "idempotency_key": "three", "colour": "red"},
        with(row("four"), "account_id", json!(Uuid::from_u128(99))),
        with(row("five"), "asset_id", json!(Uuid::from_u128(1))).as_object().map(|row| {
            let mut row = row.clone();
            row.remove("image_url");
            Value::Object(row)
        }),
        "no row at all",
        with(row("six"), "priority", json!("urgent")),
    ]);
    let taken = send_json(&api, &api.key, &rows).await;
    assert_eq!((&taken["status"], counts(&taken)), (&json!("queued"), [9, 0, 0, 0, 0]));
    assert_eq!((&taken["source_type"], &taken["source_filename"]), (&json!("json"), &Value::Null));
    assert_eq!(taken["unknown_columns"], json!(["colour"]));
    assert!(taken["forecast"]["finishes_at"].is_string(), "{taken}");
    let done = finished(&api, &api.key, &taken["id"]).await;
    assert_eq!((&done["status"], counts(&done)), (&json!("completed_with_errors"), [9, 9, 3, 1, 5]));
    let told: Vec<(u64, &str, Option<&str>)> = done["results"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            let number = row["row_number"].as_u64().expect("a number");
            (number, row["status"].as_str().expect("a text"), row["error_code"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, "created", None),
            (2, "created", None),
            (3, "existing", None),
            (4, "failed", Some("idempotency_key_reused")),
            (5, "failed", Some("validation_error")),
            (6, "failed", Some("not_found")),
            (7, "failed", Some("assets_not_enabled")),
            (8, "failed", Some("validation_error")),
            (9, "created", None),
        ]
    );
    let wrong = &done["results"][4];
    let message = wrong["error_message"].as_str().expect("a message");
    assert!(message.contains("board_id: Field required") && message.contains("image_url: Field required"), "{message}");
    assert_eq!(wrong["fields"], json!(["account_id", "board_id", "image_url"]));
    assert_eq!(wrong["idempotency_key"], "three");
    assert_eq!(done["results"][0]["pin_id"], done["results"][2]["pin_id"]);
    let pin = |at: usize| format!("/v1/pins/{}", done["results"][at]["pin_id"].as_str().expect("an id"));
    let (_, two) = api.call("GET", &pin(1), As::Key(&api.key), Value::Null).await;
    assert_eq!((&two["related_terms"], &two["priority"]), (&json!(["paper", "crane"]), &json!("bulk")));
    let (_, six) = api.call("GET", &pin(8), As::Key(&api.key), Value::Null).await;
    assert_eq!(six["priority"], "urgent");
}

const HEADER: &str = "account_id,board_id,title,image_url,idempotency_key,description,related_terms,size\r\n";

fn line(key: &str, rest: &str) -> String {
    let board = testdata::request(key).board_id;
    format!("{},{board},Crane {key},https://example.com/a.jpg,{key},{rest}\r\n", testdata::account())
}

#[tokio::test]
async fn a_file_is_read_with_its_quotes_its_byte_order_mark_and_columns_nobody_knows() {
    let api = Api::new().await;
    let text = format!(
        "\u{feff}{HEADER}{}{}{}",
        line("one", "\"first\nsecond, \"\"quoted\"\"\",\"paper, crane\",XL"),
        line("two", ",,"),
        line("three", "too,many,fields,here")
    );
    let (status, _, taken) = send_csv(&api, &api.key, "", text.as_bytes()).await;
    assert_eq!(status, 202, "{taken}");
    assert_eq!((&taken["source_type"], &taken["source_filename"]), (&json!("csv"), &json!("cranes.csv")));
    assert_eq!(taken["unknown_columns"], json!(["size"]));
    let done = finished(&api, &api.key, &taken["id"]).await;
    assert_eq!(counts(&done), [3, 3, 2, 0, 1], "{done}");
    let id = done["results"][0]["pin_id"].as_str().expect("an id");
    let (_, pin) = api.call("GET", &format!("/v1/pins/{id}"), As::Key(&api.key), Value::Null).await;
    assert_eq!(pin["description"], "first\nsecond, \"quoted\"");
    assert_eq!(pin["related_terms"], json!(["paper", "crane"]));
    assert_eq!(done["results"][2]["error_message"], "The row has 9 fields, but the first row names 8 columns");
}

#[tokio::test]
async fn a_file_that_is_none_is_refused_as_a_whole_and_says_why() {
    let api = Api::new().await;
    let full = HEADER.to_owned() + &line("k", ",,").repeat(501);
    let latin = [&HEADER.as_bytes()[..HEADER.trim_end().len()], b",gr\xf6\xdfe\r\n"].concat();
    for (contents, why) in [
        (b"".to_vec(), "The file is empty"),
        (HEADER.into(), "at least 1 row"),
        (full.into_bytes(), "at most 500 rows"),
        (latin, "not UTF-8"),
        (b"account_id,title\r\na,b\r\n".to_vec(), "lacks the column board_id, idempotency_key"),
        (format!("title,{HEADER}").into_bytes(), "title twice"),
    ] {
        let (status, _, answer) = send_csv(&api, &api.key, "", &contents).await;
        assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{answer}");
        assert!(answer["message"].as_str().is_some_and(|text| text.contains(why)), "{why}: {answer}");
        assert_eq!(answer["detail"][0]["loc"], json!(["body", "file"]));
    }
    let (status, _, _) = send_csv(&api, &api.key, "", &vec![b'a'; 4 * 1024 * 1024 + 1]).await;
    assert_eq!(status, 413);
    let key = As::Key(&api.key);
    let answer = api.refused("POST", "/v1/pins/imports/csv", key, json!({}), 422, "validation_error").await;
    assert!(answer["message"].as_str().is_some_and(|text| text.contains("multipart/form-data")), "{answer}");
    for (body, why) in [
        (json!({"pins": []}), "a list of rows"),
        (json!([]), "at least 1 row"),
        (Value::Array(vec![row("k"); 501]), "at most 500 rows"),
    ] {
        let answer = api.refused("POST", "/v1/pins/imports/json", key, body, 422, "validation_error").await;
        assert!(answer["message"].as_str().is_some_and(|text| text.contains(why)), "{why}: {answer}");
    }
    let (_, listed) = api.call("GET", "/v1/pins/imports", key, Value::Null).await;
    assert_eq!(listed, json!([]), "nothing was taken in");
}

#[tokio::test]
async fn five_hundred_rows_of_csv_are_exact_while_the_importer_is_killed_twice() {
    let api = Api::new().await;
    let lines = (1..=500).map(|number: u32| match number % 10 {
        // 50 that are the same pin as one before, 50 without a board, 50 that make another pin of a key.
        3 => line(&format!("key-{}", number - 1), ",,"),
        6 => line(&format!("key-{number}"), ",,").replacen(&testdata::request("").board_id, "", 1),
        9 => line(&format!("key-{}", number - 1), "another,,"),
        _ => line(&format!("key-{number}"), ",,"),
    });
    let text = HEADER.to_owned() + &lines.collect::<String>();
    let (status, _, taken) = send_csv(&api, &api.key, "", text.as_bytes()).await;
    assert_eq!(status, 202, "{taken}");
    api.world.faults.plan("store.put_pin", 55, Fault::DieAfter);
    api.world.faults.plan("imports.put_import_result", 9, Fault::DieBefore);
    api.world.run_for_ms(10 * MINUTE_MS).await;
    assert!(!api.world.faults.heal(), "it was killed twice");
    let done = finished(&api, &api.key, &taken["id"]).await;
    assert_eq!(counts(&done), [500, 500, 350, 50, 100]);
    let results = done["results"].as_array().expect("a list");
    let created = results.iter().filter(|row| row["status"] == "created").map(|row| row["pin_id"].to_string());
    assert_eq!(created.collect::<BTreeSet<_>>().len(), 350, "no pin for two rows");
    let (_, headers, _) = api.full("GET", "/v1/pins?limit=1", As::Key(&api.key), Value::Null).await;
    assert_eq!(headers["x-total-count"], "350");
    api.world.run_for_ms(10 * MINUTE_MS).await;
    assert_eq!(api.world.pinterest.pins().len(), 350, "each published once");
}

#[tokio::test]
async fn handing_in_again_under_the_same_key_is_the_same_import() {
    let api = Api::new().await;
    let hand_in = async |header: &str, rows: Value| {
        let request = Request::builder().method("POST").uri("/v1/pins/imports/json").header("x-api-key", &api.key);
        let request = request.header(header, "file-7").body(Body::from(rows.to_string()));
        api.send(request.expect("a request")).await
    };
    let (status, headers, first) = hand_in("idempotency-key", json!([row("one")])).await;
    assert_eq!((status, headers.contains_key("idempotent-replayed")), (202, false));
    finished(&api, &api.key, &first["id"]).await;
    let (status, headers, again) = hand_in("x-pinbridge-idempotency-key", json!([row("one")])).await;
    assert_eq!(
        (status, &headers["idempotent-replayed"], &again["id"]),
        (202, &"true".parse().expect("text"), &first["id"])
    );
    assert_eq!(counts(&again), [1, 1, 1, 0, 0]);
    let (status, _, refused) = hand_in("idempotency-key", json!([row("two")])).await;
    assert_eq!((status, &refused["code"]), (409, &json!("idempotency_key_reused")));
}

/// Hands the row in under a key; whether the import existed, and the options that were ignored.
async fn hand_in_with(api: &Api, key: &str, query: &str, headers: &[(&str, &str)]) -> (bool, Vec<String>) {
    let uri = format!("/v1/pins/imports/json?{query}");
    let request = Request::builder().method("POST").uri(uri).header("x-api-key", &api.key);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let body = Body::from(json!([row("one")]).to_string());
    let (status, headers, answer) =
        api.send(request.header("idempotency-key", key).body(body).expect("a request")).await;
    assert!(matches!(status, 200 | 202), "{answer}");
    let warnings = headers.get_all("x-pinbridge-warning").iter().filter_map(|value| value.to_str().ok());
    let ignored = warnings.filter_map(|warning| warning.strip_prefix("option_ignored; option=")).map(str::to_owned);
    (headers.contains_key("idempotent-replayed"), ignored.collect())
}

#[tokio::test]
async fn an_option_that_a_repeated_import_has_otherwise_is_named() {
    let api = Api::new().await;
    let strict = [("prefer", "handling=strict")];
    let none = Vec::<String>::new();
    let all = ["on_duplicate", "prefer", "priority", "publish_before"].map(str::to_owned).to_vec();
    let options = "on_duplicate=refuse&priority=urgent&publish_before=2030-01-01T00:00:00Z";
    assert_eq!(hand_in_with(&api, "with", options, &strict).await, (false, none.clone()));
    // The same, sent otherwise.
    let headers = [
        ("x-pinbridge-on-duplicate", "refuse"),
        ("x-pinbridge-priority", "urgent"),
        ("x-pinbridge-publish-before", "2030-01-01T01:00:00+01:00"),
        ("prefer", "respond-async, handling=strict"),
    ];
    assert_eq!(hand_in_with(&api, "with", "", &headers).await, (true, none.clone()));
    for dry in ["", "dry_run=true"] {
        assert_eq!(hand_in_with(&api, "with", dry, &[]).await, (true, all.clone()), "{dry}");
        let query = format!("{}&{dry}", options.replace("urgent", "normal"));
        let ignored = vec!["priority".to_owned()];
        assert_eq!(hand_in_with(&api, "with", &query, &strict).await, (true, ignored), "{dry}");
    }
    // The defaults are the same as none.
    assert_eq!(hand_in_with(&api, "without", "", &[]).await, (false, none.clone()));
    assert_eq!(hand_in_with(&api, "without", "on_duplicate=warn&priority=bulk", &[]).await, (true, none.clone()));
    assert_eq!(hand_in_with(&api, "without", options, &strict).await, (true, all));
    assert_eq!(hand_in_with(&api, "new", options, &strict).await, (false, none));
}

#[tokio::test]
async fn a_dry_run_looks_its_key_up_as_the_import_would() {
    let api = Api::new().await;
    let hand_in = async |query: &str, key: Option<&str>, rows: Value| {
        let uri = format!("/v1/pins/imports/json{query}");
        let request = Request::builder().method("POST").uri(uri).header("x-api-key", &api.key);
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        api.send(request.body(Body::from(rows.to_string())).expect("a request")).await
    };
    let rows = json!([row("one"), {"title": "wrong"}]);
    let (status, headers, told) = hand_in("?dry_run=true", Some("file-7"), rows.clone()).await;
    assert_eq!((status, headers.contains_key("idempotent-replayed")), (200, false), "{told}");
    let (_, _, first) = hand_in("", Some("file-7"), rows.clone()).await;
    let done = finished(&api, &api.key, &first["id"]).await;
    let (status, headers, told) = hand_in("?dry_run=true", Some("file-7"), rows.clone()).await;
    assert_eq!((status, headers.contains_key("idempotent-replayed")), (200, true), "{told}");
    for (row, wanted) in told["results"].as_array().expect("rows").iter().zip(done["results"].as_array().expect("rows"))
    {
        assert_eq!((&row["status"], &row["pin_id"]), (&wanted["status"], &wanted["pin_id"]), "{told}");
    }
    for rows in [json!([row("two")]), json!([row("one")]), json!([{"title": "wrong"}, row("one")])] {
        let real = hand_in("", Some("file-7"), rows.clone()).await;
        let dry = hand_in("?dry_run=true", Some("file-7"), rows.clone()).await;
        assert_eq!((dry.0, &dry.2["code"], &dry.2["message"]), (409, &real.2["code"], &real.2["message"]), "{}", dry.2);
        assert_eq!(hand_in("?dry_run=true", None, rows).await.0, 200);
    }
}

#[tokio::test]
async fn a_cell_in_another_encoding_is_an_error_of_its_row() {
    let api = Api::new().await;
    let known = testdata::request("k").board_id;
    let line = |key: &str, title: &[u8]| {
        let start = format!("{},{known},", testdata::account());
        [start.as_bytes(), title, format!(",{key},https://example.com/a.jpg\r\n").as_bytes()].concat()
    };
    for bad in [&b"caf\xe9"[..], b"\xff", b"\xf0\x9f\x98"] {
        let header = b"account_id,board_id,title,idempotency_key,image_url\r\n".to_vec();
        let file = [header, line("a", b"Fine"), line("b", bad), line("c", "Ünï".as_bytes())].concat();
        let (status, _, told) = send_csv(&api, &api.key, "?dry_run=true", &file).await;
        assert_eq!(status, 200, "{told}");
        let statuses: Vec<&str> =
            told["results"].as_array().expect("rows").iter().filter_map(|row| row["status"].as_str()).collect();
        assert_eq!(statuses, ["created", "failed", "created"], "{told}");
        let row = &told["results"][1];
        assert_eq!((&row["error_code"], &row["fields"]), (&json!("validation_error"), &json!(["title"])), "{row}");
        assert_eq!(row["idempotency_key"], "b");
    }
}

#[tokio::test]
async fn lists_filter_and_count_and_give_no_results() {
    let api = Api::new().await;
    send_json(&api, &api.key, &json!([row("one")])).await;
    api.world.run_for_ms(1_000).await;
    send_json(&api, &api.key, &json!([{"title": "wrong"}])).await;
    api.world.run_for_ms(1_000).await;
    let (status, _, _) = send_csv(&api, &api.key, "", (HEADER.to_owned() + &line("two", ",,")).as_bytes()).await;
    assert_eq!(status, 202);
    let list = async |query: &str| {
        let (status, headers, list) =
            api.full("GET", &format!("/v1/pins/imports{query}"), As::Key(&api.key), Value::Null).await;
        assert_eq!(status, 200, "{list}");
        let list = list.as_array().expect("a list").clone();
        let statuses: Vec<String> = list.iter().map(|one| one["status"].as_str().expect("a text").to_owned()).collect();
        assert!(list.iter().all(|one| one["results"] == json!([])));
        (statuses, headers["x-total-count"].to_str().expect("text").to_owned())
    };
    let all = ["queued", "completed_with_errors", "completed"].map(str::to_owned);
    assert_eq!(list("").await, (all.to_vec(), "3".into()), "newest first");
    assert_eq!(list("?limit=1&offset=1").await, (all[1..2].to_vec(), "3".into()));
    assert_eq!(list("?status=completed").await, (all[2..].to_vec(), "1".into()));
    assert_eq!(list("?source_type=csv").await, (all[..1].to_vec(), "1".into()));
    assert_eq!(list("?status=processing").await, (Vec::new(), "0".into()));
    for query in ["?status=done", "?source_type=xml", "?limit=0"] {
        let path = format!("/v1/pins/imports{query}");
        api.refused("GET", &path, As::Key(&api.key), Value::Null, 422, "validation_error").await;
    }
}

#[tokio::test]
async fn a_key_with_an_allow_list_imports_for_its_accounts_and_sees_only_such_imports() {
    let api = Api::new().await;
    let (mine, _) = api.new_key(json!({"name": "mine", "pinterest_account_ids": [testdata::account()]})).await;
    let (none, _) = api.new_key(json!({"name": "none", "pinterest_account_ids": []})).await;
    let rows = json!([row("one"), with(row("two"), "account_id", json!(Uuid::from_u128(99)))]);
    let taken = send_json(&api, &mine, &rows).await;
    let done = finished(&api, &mine, &taken["id"]).await;
    assert_eq!((counts(&done), &done["results"][1]["error_code"]), ([2, 2, 1, 0, 1], &json!("account_not_permitted")));
    let path = format!("/v1/pins/imports/{}", taken["id"].as_str().expect("an id"));
    api.refused("GET", &path, As::Key(&none), Value::Null, 404, "not_found").await;
    api.refused("POST", &format!("{path}/resume"), As::Key(&none), Value::Null, 404, "not_found").await;
    let (_, listed) = api.call("GET", "/v1/pins/imports", As::Key(&none), Value::Null).await;
    assert_eq!(listed, json!([]));
    let (_, listed) = api.call("GET", "/v1/pins/imports", As::Key(&mine), Value::Null).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_dry_run_tells_of_every_row_and_creates_nothing() {
    let api = Api::new().await;
    let known = api.world.boards.add("Cranes");
    let row = |key: &str| with(row(key), "board_id", json!(known));
    send_json(&api, &api.key, &json!([row("there")])).await;
    api.world.run_for_ms(1_000).await;
    let before = api.world.pinterest.pins().len();
    let rows = json!([
        row("there"),
        row("new"),
        row("new"),
        with(row("new"), "title", json!("Another")),
        with(with(row("twin"), "title", json!("Crane new")), "link_url", json!("https://example.com/new")),
        with(row("elsewhere"), "board_id", json!("999000000000000000")),
        with(row("nobody"), "account_id", json!(Uuid::from_u128(99))),
        {"title": "wrong"},
    ]);
    let (status, told) = api.call("POST", "/v1/pins/imports/json?dry_run=true", As::Key(&api.key), rows).await;
    assert_eq!((status, &told["dry_run"]), (200, &json!(true)), "{told}");
    let rows = told["results"].as_array().expect("a list");
    let verdicts: Vec<(&str, Option<&str>)> =
        rows.iter().map(|row| (row["status"].as_str().expect("a text"), row["error_code"].as_str())).collect();
    assert_eq!(
        verdicts,
        [
            ("existing", None),
            ("created", None),
            ("existing", None),
            ("failed", Some("idempotency_key_reused")),
            ("created", None),
            ("failed", Some("board_not_found")),
            ("failed", Some("not_found")),
            ("failed", Some("validation_error")),
        ]
    );
    assert_eq!((&rows[2]["duplicate_of_row"], &rows[3]["duplicate_of_row"]), (&json!(2), &json!(2)));
    assert_eq!((&rows[4]["same_content_as_row"], &rows[4]["duplicate_of_row"]), (&json!(2), &Value::Null));
    let boards = told["boards"].as_array().expect("a list");
    assert_eq!(boards.len(), 1, "each board that is known once: {boards:?}");
    assert_eq!(told["forecast"]["accounts"][0]["pins"], 2);
    let (_, listed) = api.call("GET", "/v1/pins/imports", As::Key(&api.key), Value::Null).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let (_, headers, _) = api.full("GET", "/v1/pins?limit=1", As::Key(&api.key), Value::Null).await;
    assert_eq!((headers["x-total-count"].to_str().expect("text"), api.world.pinterest.pins().len()), ("1", before));
}

#[tokio::test]
async fn an_import_that_is_not_there_or_has_not_stopped_is_not_resumed() {
    let api = Api::new().await;
    let nobodys = format!("/v1/pins/imports/{}", Uuid::from_u128(7));
    let key = As::Key(&api.key);
    api.refused("GET", &nobodys, key, Value::Null, 404, "not_found").await;
    api.refused("POST", &format!("{nobodys}/resume"), key, Value::Null, 404, "not_found").await;
    api.refused("GET", "/v1/pins/imports/seven", key, Value::Null, 422, "validation_error").await;
    let taken = send_json(&api, &api.key, &json!([row("one")])).await;
    let resume = format!("/v1/pins/imports/{}/resume", taken["id"].as_str().expect("an id"));
    api.refused("POST", &resume, key, Value::Null, 409, "conflict").await;
}

#[tokio::test]
async fn a_stopped_import_says_why_and_goes_on_when_it_is_resumed() {
    let api = Api::new().await;
    api.world.queue.set_max_receives(1);
    (1..=20).for_each(|nth| api.world.faults.plan("imports.import_chunk", nth, Fault::FailBefore));
    let taken = send_json(&api, &api.key, &json!([row("one")])).await;
    let path = format!("/v1/pins/imports/{}", taken["id"].as_str().expect("an id"));
    api.world.run_for_ms(5 * MINUTE_MS).await;
    let (_, stopped) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((&stopped["status"], &stopped["error_code"]), (&json!("failed"), &json!("import_dead_lettered")));
    assert!(stopped["error_message"].as_str().is_some_and(|text| text.contains("/resume")), "{stopped}");
    api.world.faults.heal();
    let (status, resumed) = api.call("POST", &format!("{path}/resume"), As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &resumed["status"]), (200, &json!("queued")));
    let done = finished(&api, &api.key, &taken["id"]).await;
    assert_eq!(counts(&done), [1, 1, 1, 0, 0]);
}

#[tokio::test]
async fn with_a_forecast_an_import_tells_when_its_pins_will_be_out() {
    let api = Api::new().await;
    let rows = Value::Array((0..200).map(|index| row(&format!("key-{index}"))).collect());
    let taken = send_json(&api, &api.key, &rows).await;
    let seconds = |text: &Value| {
        use pinbridge_shared::domain::time::Moment;
        let at = Moment::parse_rfc3339(text.as_str().expect("a time")).expect("a time");
        at.since_ms(api.world.now()) / 1_000
    };
    // A burst of fifty, then one a second.
    assert_eq!(seconds(&taken["forecast"]["finishes_at"]), 150);
    finished(&api, &api.key, &taken["id"]).await;
    let path = format!("/v1/pins/imports/{}?forecast=true", taken["id"].as_str().expect("an id"));
    let (_, told) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    let left = seconds(&told["forecast"]["finishes_at"]);
    assert!((140..=155).contains(&left), "{left} s");
}

#[tokio::test]
async fn the_timeline_of_an_import_says_what_came_of_its_rows() {
    let api = Api::new().await;
    let rows = json!([row("one"), with(row("two"), "title", json!(""))]);
    let made = send_json(&api, &api.key, &rows).await;
    let path = format!("/v1/pins/imports/{}/timeline", made["id"].as_str().expect("an id"));
    let (status, waits) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &waits["summary"]), (200, &json!("None of 2 rows has a result yet.")));
    assert_eq!(
        (&waits["events"][0]["type"], &waits["events"][0]["by"]["type"]),
        (&json!("submitted"), &json!("api_key"))
    );
    finished(&api, &api.key, &made["id"]).await;
    let (_, done) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    let events = done["events"].as_array().expect("events").iter();
    let types: Vec<&str> = events.filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        (types, &done["status"]),
        (vec!["submitted", "rows_done", "completed"], &json!("completed_with_errors"))
    );
    let summary = done["summary"].as_str().expect("a sentence");
    assert!(summary.contains("1 created, 0 existed already, 1 failed"), "{summary}");
}
