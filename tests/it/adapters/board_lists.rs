//! The list of an account's boards on the embedded AWS and against the simulator, in real time.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::real::{Real, pin};

/// Requests of that operation that the simulator has answered.
async fn requests(real: &Real, operation: &str) -> u64 {
    let asked = real.http.get(format!("{}/_sim/requests", real.pinterest_url)).send().await.expect("answers");
    let report: Value = serde_json::from_slice(&asked.bytes().await.expect("a body")).expect("JSON");
    let answers = report["operations"][operation].as_object().into_iter().flatten();
    answers.filter_map(|(_, count)| count.as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_forty_requests_at_once_for_unknown_boards_one_asks_pinterest() {
    let real = Real::start(1).await;
    let key = real.register("tenant").await;
    let account = real.connect(&key, "sim_account_1").await;
    let before = (requests(&real, "boards/list").await, requests(&real, "boards/get").await);
    let bodies: Vec<String> = (0..40)
        .map(|n| {
            let board = if n % 2 == 0 { "404".to_owned() } else { format!("No such board {n}") };
            pin(&account, &board, &format!("k{n}")).to_string()
        })
        .collect();
    let headers = [("x-api-key", key.as_str())];
    let answers = join_all(bodies.iter().map(|body| real.call("POST", "/v1/pins", &headers, body))).await;
    for (status, _, answer) in &answers {
        let answer: Value = serde_json::from_str(answer).expect("JSON");
        assert_eq!((*status, &answer["code"]), (422, &json!("board_not_found")), "{answer}");
    }
    let after = (requests(&real, "boards/list").await, requests(&real, "boards/get").await);
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 0), "one list, and no board by itself");
    // A board's name and its id are the same board, and cost no call.
    let boards = real.must("GET", &format!("/v1/pinterest/boards?account_id={account}"), &key, Value::Null).await;
    let listed = requests(&real, "boards/list").await;
    let (id, name) = (boards[0]["id"].as_str().expect("an id"), boards[0]["name"].as_str().expect("a name"));
    let made = real.must("POST", "/v1/pins", &key, pin(&account, name, "named")).await;
    assert_eq!((&made["board_id"], &made["resolved"]["board"]["id"]), (&json!(id), &json!(id)), "{made}");
    let again = real.must("POST", "/v1/pins", &key, pin(&account, id, "named")).await;
    assert_eq!(again["id"], made["id"]);
    assert_eq!(requests(&real, "boards/list").await, listed);
}
