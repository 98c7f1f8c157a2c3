//! What callers write to Pinterest themselves, through the API's own routes over fakes: without a token it answers 429
//! with the time.

use pinbridge_shared::domain::pacing::pace::RESERVED_WRITES;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::testing::START;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const BOARD: &str = "700000000000000042";

fn pin(number: usize) -> Value {
    json!({
        "account_id": testdata::account(), "board_id": BOARD, "title": format!("Crane {number}"),
        "image_url": "https://example.com/a.jpg", "idempotency_key": format!("own-{number}"),
    })
}

/// An account whose pins wait, and whose reserve is used up.
async fn busy() -> Api {
    let api = Api::new().await;
    api.world.boards.insert(BOARD);
    for number in 0..150 {
        let (status, answer) = api.call("POST", "/v1/pins", As::Key(&api.key), pin(number)).await;
        assert_eq!(status, 201, "{answer}");
    }
    for number in 0..RESERVED_WRITES {
        let body = json!({"account_id": testdata::account(), "name": format!("Board {number}")});
        let (status, answer) = api.call("POST", "/v1/pinterest/boards", As::Key(&api.key), body).await;
        assert_eq!(status, 201, "{answer}");
    }
    api
}

#[tokio::test]
async fn a_write_without_a_token_answers_429_with_the_time_and_never_queues() {
    let api = busy().await;
    let account = testdata::account();
    let sections = format!("/v1/pinterest/boards/{BOARD}/sections");
    let board = format!("/v1/pinterest/boards/{BOARD}");
    let asked = api.world.boards.tokens().len();
    for (method, path, body) in [
        ("POST", "/v1/pinterest/boards".to_owned(), json!({"account_id": account, "name": "One more"})),
        ("PATCH", board.clone(), json!({"account_id": account, "name": "Other"})),
        ("POST", sections, json!({"account_id": account, "name": "Small ones"})),
        ("DELETE", format!("{board}?account_id={}", account.0), Value::Null),
    ] {
        let (status, answer) = api.call(method, &path, As::Key(&api.key), body).await;
        assert_eq!((status, &answer["code"]), (429, &json!("account_pacing")), "{method} {path}: {answer}");
        let wait_s = answer["error"]["retry_after_seconds"].as_i64().expect("a number");
        assert!((1..=30).contains(&wait_s), "{answer}");
    }
    assert_eq!(api.world.boards.tokens().len(), asked, "nothing was sent");
    api.world.run_until(START.plus_ms(31 * SECOND_MS)).await;
    let body = json!({"account_id": account, "name": "In time"});
    let (status, answer) = api.call("POST", "/v1/pinterest/boards", As::Key(&api.key), body).await;
    assert_eq!(status, 201, "{answer}");
}

#[tokio::test]
async fn a_pin_that_could_not_be_deleted_on_pinterest_can_be_deleted_again() {
    let api = busy().await;
    api.world.run_until(START.plus_ms(20 * SECOND_MS)).await;
    let (_, list) = api.call("GET", "/v1/pins?status=published&limit=1", As::Key(&api.key), Value::Null).await;
    let id = list[0]["id"].as_str().expect("a published pin").to_owned();
    let path = format!("/v1/pins/{id}?delete_from_pinterest=true");
    let (status, answer) = api.call("DELETE", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &answer["code"]), (429, &json!("account_pacing")), "{answer}");
    let (status, answer) = api.call("GET", &format!("/v1/pins/{id}"), As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &answer["status"]), (200, &json!("published")), "it is still there");
    api.world.run_until(START.plus_ms(MINUTE_MS)).await;
    let (status, answer) = api.call("DELETE", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &answer["removed_from_pinterest"]), (200, &json!(true)), "{answer}");
}
