//! Routes, headers, errors and limits.

use std::collections::HashSet;

use pinterest_simulator::Config;
use serde_json::json;

use crate::client::{Client, start};

#[tokio::test]
async fn every_answer_has_a_request_id_and_quota_headers() {
    let client = start(Config::default()).await;
    let board = client.account.boards[0].id.clone();
    let mut ids = HashSet::new();
    for (method, path, status) in [
        ("GET", "/v5/user_account".to_owned(), 200),
        ("GET", "/v5/boards".to_owned(), 200),
        ("GET", format!("/v5/boards/{board}"), 200),
        ("GET", format!("/v5/boards/{board}/pins"), 200),
        ("GET", "/v5/pins".to_owned(), 200),
        ("GET", "/v5/pins/1".to_owned(), 404),
        ("DELETE", "/v5/pins/1".to_owned(), 404),
        ("POST", "/v5/pins".to_owned(), 400),
        ("POST", "/v5/boards".to_owned(), 400),
        ("POST", "/v5/oauth/token".to_owned(), 401),
        ("PATCH", "/v5/boards/1".to_owned(), 400),
        ("DELETE", "/v5/boards/1".to_owned(), 404),
        ("GET", format!("/v5/boards/{board}/sections"), 200),
        ("POST", format!("/v5/boards/{board}/sections"), 400),
        ("PATCH", format!("/v5/boards/{board}/sections/1"), 400),
        ("DELETE", format!("/v5/boards/{board}/sections/1"), 404),
        ("GET", format!("/v5/boards/{board}/sections/1/pins"), 404),
        ("GET", "/v5/media".to_owned(), 200),
        ("POST", "/v5/media".to_owned(), 400),
        ("GET", "/v5/media/1".to_owned(), 404),
        ("GET", "/v5/soup".to_owned(), 404),
        ("PATCH", "/v5/pins".to_owned(), 405),
    ] {
        let answer = client.call(method, &path, None).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/json");
        let id: u64 = answer.header("x-pinterest-rid").parse().expect("a decimal id");
        assert!(ids.insert(id));
        assert!(answer.header("x-ratelimit-limit").contains(";w=1;name=\"safety_net_app_id_user_id\""));
        assert!(answer.header("x-ratelimit-remaining").parse::<u64>().is_ok());
        assert!(answer.header("x-ratelimit-reset").parse::<u64>().is_ok());
        if status >= 400 {
            let body = answer.json();
            assert!(body["code"].is_i64() && body["message"].is_string(), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_client_that_sends_too_slowly_is_refused_and_no_other() {
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let client = start(Config { client_timeout: Duration::from_millis(300), ..Config::default() }).await;
    let answer = async |sent: &str| {
        let mut stream = tokio::net::TcpStream::connect(client.address).await.expect("connects");
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut bytes)).await;
        let _ = read.expect("the simulator keeps the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    for head in ["", "POST", "POST /v5/pins HTTP/1.1\r\nHost: localhost\r\n"] {
        assert!(!answer(head).await.contains(" 200 "), "{head:?}");
    }
    for path in ["/v5/pins", "/_sim/faults"] {
        let half = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n[");
        let answer = answer(&half).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
    }
    // The limit is that of the sending, not that of the answer.
    client.set_faults(json!([{"operation": "pins/create", "fault": "delay", "delay_ms": 900}])).await;
    assert_eq!(client.create("Soup").await.status, 201);
}

#[tokio::test]
async fn the_read_quota_has_the_format_of_live_headers() {
    let client = start(Config::default()).await;
    let answer = client.get("/v5/boards").await;
    assert_eq!(
        answer.header("x-ratelimit-limit"),
        "100, 100;w=1;name=\"safety_net_app_id_user_id\", 1000;w=60;name=\"org_read_app_id_user_id\""
    );
    assert_eq!(answer.header("x-ratelimit-remaining"), "99");
}

#[tokio::test]
async fn a_pin_can_be_created_read_listed_and_deleted() {
    let client = start(Config::default()).await;
    let created = client.create("Soup").await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/v5/pins/{id}");
    assert_eq!(client.get(&path).await.json(), created.json());
    let list = client.get(&format!("/v5/boards/{}/pins", client.account.boards[0].id)).await.json();
    assert_eq!(list, json!({"items": [created.json()], "bookmark": null}));
    let deleted = client.call("DELETE", &path, None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(client.get(&path).await.status, 404);
    let committed = client.get("/_sim/pins").await.json();
    let mut pin = committed[0].clone();
    let created_at_ms = pin["created_at_ms"].take().as_i64().expect("a time");
    assert!(created_at_ms > 1_700_000_000_000);
    assert_eq!(
        pin,
        json!({
            "id": id, "account": "sim_account_1", "account_id": client.account.id,
            "board_id": client.account.boards[0].id, "board_section_id": null,
            "title": "Soup", "description": null, "link": null,
            "alt_text": null, "media": {"source_type": "image_url", "url": "https://example.com/a.jpg"},
            "created_at": created.json()["created_at"], "created_at_ms": null, "deleted": true,
        })
    );
}

#[tokio::test]
async fn a_pin_can_be_created_in_a_section() {
    let client = start(Config::default()).await;
    let sections = format!("/v5/boards/{}/sections", client.account.boards[0].id);
    let section = client.call("POST", &sections, Some(json!({"name": "Starters"}))).await;
    assert_eq!(section.status, 201, "{}", section.text);
    let id = section.json()["id"].as_str().expect("an id").to_owned();
    let mut pin = client.pin("Soup");
    pin["board_section_id"] = json!(id);
    let created = client.call("POST", "/v5/pins", Some(pin)).await;
    assert_eq!((created.status, &created.json()["board_section_id"]), (201, &json!(id)));
    client.create("Stew").await;
    let within = client.get(&format!("{sections}/{id}/pins")).await;
    assert_eq!(within.json(), json!({"items": [created.json()], "bookmark": null}));
    assert_eq!(client.get("/_sim/pins").await.json()[0]["board_section_id"], json!(id));
    let renamed = client.call("PATCH", &format!("{sections}/{id}"), Some(json!({"name": "Snacks"}))).await;
    assert_eq!((renamed.status, renamed.json()), (200, json!({"id": id, "name": "Snacks"})));
    assert_eq!(client.call("DELETE", &format!("{sections}/{id}"), None).await.status, 204);
    assert_eq!(client.get(&sections).await.json(), json!({"items": [], "bookmark": null}));
    assert_eq!(client.get("/v5/pins").await.json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_board_can_be_renamed_and_deleted_with_its_pins() {
    let client = start(Config::default()).await;
    let board = format!("/v5/boards/{}", client.account.boards[0].id);
    client.create("Soup").await;
    let renamed = client.call("PATCH", &board, Some(json!({"name": "Soups"}))).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!("Soups")));
    let deleted = client.call("DELETE", &board, None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(client.get(&board).await.status, 404);
    let refused = client.create("Stew").await;
    assert_eq!((refused.status, refused.json()), (404, json!({"code": 40, "message": "Board not found."})));
    let committed = client.get("/_sim/pins").await.json();
    assert_eq!((committed.as_array().map(Vec::len), &committed[0]["deleted"]), (Some(1), &json!(true)));
}

#[tokio::test]
async fn bookmarks_list_all_pins() {
    let client = start(Config { enforce_limits: false, ..Config::default() }).await;
    for number in 0..7 {
        client.create(&number.to_string()).await;
    }
    let (mut seen, mut bookmark) = (Vec::new(), String::new());
    loop {
        let path = format!("/v5/boards/{}/pins?page_size=3&bookmark={bookmark}", client.account.boards[0].id);
        let page = client.get(&path).await.json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        seen.extend(items.iter().filter_map(|pin| pin["title"].as_str().map(str::to_owned)));
        match page["bookmark"].as_str() {
            Some(next) => bookmark = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn a_wrong_or_absent_token_is_401_code_2() {
    let client = start(Config::default()).await;
    for authorization in ["Bearer pina_wrong", "Bearer ", "Basic pina_sim_1_access", ""] {
        let answer = client.try_send("GET", "/v5/boards", &[("authorization", authorization)], "").await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 401, "{authorization:?}");
        assert_eq!(answer.json(), json!({"code": 2, "message": "Authentication failed."}));
    }
}

#[tokio::test]
async fn more_than_a_hundred_writes_in_a_minute_are_refused() {
    let client = start(Config::default()).await;
    let mut statuses = Vec::new();
    for number in 0..110 {
        statuses.push(client.create(&number.to_string()).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 100);
    assert!(statuses[100..].iter().all(|status| *status == 429));
    assert_eq!(client.committed_titles().await.len(), 100);
    assert_eq!(client.get("/v5/boards").await.status, 200, "reads have a window of their own");
}

#[tokio::test]
async fn one_account_does_not_use_the_rate_limit_of_another() {
    let client = start(Config::default()).await;
    while client.create("Soup").await.status == 201 {}
    assert_eq!(Client::new(client.address, 2).create("Stew").await.status, 201);
}

#[tokio::test]
async fn control_routes_answer_errors_in_the_same_format() {
    let client = start(Config::default()).await;
    assert_eq!(client.get("/_sim/soup").await.status, 404);
    assert_eq!(client.call("POST", "/_sim/faults", None).await.status, 405);
}
