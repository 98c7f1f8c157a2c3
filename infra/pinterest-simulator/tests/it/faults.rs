//! Every fault, over real connections.

use std::time::{Duration, Instant};

use pinterest_simulator::Config;
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::client::{Client, start};

#[tokio::test]
async fn a_status_is_answered_as_often_as_times_says() {
    let client = start(Config::default()).await;
    client
        .set_faults(json!([{
            "operation": "pins/create", "title_contains": "Soup", "times": 1, "fault": "status",
            "status": 429, "message": "Retry after 3 seconds", "headers": {"Retry-After": "3"},
        }]))
        .await;
    assert_eq!(client.create("Stew").await.status, 201);
    let refused = client.create("Soup").await;
    assert_eq!(refused.json(), json!({"code": 8, "message": "Retry after 3 seconds"}));
    assert_eq!((refused.status, refused.header("retry-after")), (429, "3"));
    assert_eq!(client.create("Soup").await.status, 201);
    let rules = client.get("/_sim/faults").await.json();
    assert_eq!((&rules[0]["remaining"], &rules[0]["fired"]), (&json!(0), &json!(1)));
    assert_eq!(client.committed_titles().await, ["Stew", "Soup"]);
}

#[tokio::test]
async fn an_answer_may_have_any_body_and_a_rule_may_end_by_itself() {
    let client = start(Config::default()).await;
    let edge = json!({"operation": "pins/create", "fault": "status", "status": 429, "body": "<html>slow</html>"});
    client.set_faults(json!([edge])).await;
    let refused = client.create("Soup").await;
    assert_eq!((refused.status, refused.text.as_str()), (429, "<html>slow</html>"));
    let image = json!({"operation": "pins/create", "fault": "status", "status": 400, "code": 1, "for_ms": 0,
                       "message": "Sorry we could not fetch the image."});
    client.set_faults(json!([image])).await;
    assert_eq!(client.create("Soup").await.status, 201, "over before it began");
    client
        .set_faults(json!([{"operation": "pins/create", "fault": "error_after_commit", "status": 202, "body": "{}"}]))
        .await;
    let accepted = client.create("Stew").await;
    assert_eq!((accepted.status, accepted.text.as_str()), (202, "{}"));
    assert_eq!(client.committed_titles().await, ["Soup", "Stew"]);
}

#[tokio::test]
async fn a_delayed_request_is_answered_after_the_delay() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "delay", "delay_ms": 150, "operation": "pins/create"}])).await;
    let start = Instant::now();
    assert_eq!(client.create("Soup").await.status, 201);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn forty_delayed_requests_commit_although_their_client_was_killed() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "delay", "delay_ms": 300, "operation": "pins/create"}])).await;
    let mut streams = Vec::new();
    for number in 0..40 {
        streams.push(client.create_and_hang_up(&number.to_string()).await);
    }
    client.wait_until_in_flight("pins/create", 40).await;
    assert!(client.committed_titles().await.is_empty());
    drop(streams);
    client.wait_until_committed(40).await;
    client.wait_until_in_flight("pins/create", 0).await;
}

#[tokio::test]
async fn a_timeout_before_the_commit_creates_no_pin() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "timeout_before_commit", "hold_ms": 100, "times": 1}])).await;
    let begin = Instant::now();
    assert!(client.try_call("POST", "/v5/pins", Some(client.pin("Soup"))).await.is_none());
    assert!(begin.elapsed() >= Duration::from_millis(100));
    assert!(client.committed_titles().await.is_empty());
    let report = client.get("/_sim/requests").await.json();
    assert_eq!(report["operations"]["pins/create"], json!({"unanswered": 1}));
}

#[tokio::test]
async fn a_timeout_after_the_commit_creates_the_pin() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "timeout_after_commit", "hold_ms": 100, "times": 1}])).await;
    assert!(client.try_call("POST", "/v5/pins", Some(client.pin("Soup"))).await.is_none());
    assert_eq!(client.committed_titles().await, ["Soup"]);
}

#[tokio::test]
async fn a_dropped_connection_is_closed_at_once_and_without_a_byte() {
    for (after_commit, committed) in [(false, vec![]), (true, vec!["Soup".to_owned()])] {
        let client = start(Config::default()).await;
        client.set_faults(json!([{"fault": "drop_connection", "after_commit": after_commit, "times": 1}])).await;
        let begin = Instant::now();
        let mut stream = client.create_and_hang_up("Soup").await;
        let mut answer = Vec::new();
        // A connection reset counts as closed, too.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() && begin.elapsed() < Duration::from_secs(5), "{answer:?}");
        assert_eq!(client.committed_titles().await, committed);
        let report = client.get("/_sim/requests").await.json();
        assert_eq!(report["operations"]["pins/create"], json!({"unanswered": 1}));
        assert_eq!(report["in_flight"]["pins/create"], 0);
        assert_eq!(client.create("Stew").await.status, 201);
    }
}

#[tokio::test]
async fn a_stale_list_lacks_the_newest_pins_until_the_fault_is_cleared() {
    let client = start(Config::default()).await;
    client.create("Soup").await;
    client.set_faults(json!([{"fault": "stale_list", "lag_ms": 3_600_000, "times": 2}])).await;
    let board = format!("/v5/boards/{}/pins", client.account.boards[0].id);
    for (path, pins) in [("/v5/pins", 0), (board.as_str(), 0), ("/v5/pins", 1), (board.as_str(), 1)] {
        let list = client.get(path).await;
        assert_eq!(list.status, 200);
        assert_eq!(list.json()["items"].as_array().map(Vec::len), Some(pins), "{path}");
    }
    assert_eq!(client.committed_titles().await, ["Soup"]);
}

#[tokio::test]
async fn a_silence_ends_when_the_client_disconnects() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "timeout_after_commit", "times": 1}])).await;
    let stream = client.create_and_hang_up("Soup").await;
    client.wait_until_in_flight("pins/create", 1).await;
    drop(stream);
    client.wait_until_in_flight("pins/create", 0).await;
}

#[tokio::test]
async fn an_error_after_the_commit_creates_the_pin() {
    let client = start(Config::default()).await;
    let message = "Something went wrong on our end";
    client
        .set_faults(
            json!([{"fault": "error_after_commit", "status": 400, "code": 2787, "message": message, "times": 1}]),
        )
        .await;
    let answer = client.create("Soup").await;
    assert_eq!((answer.status, answer.json()), (400, json!({"code": 2787, "message": message})));
    assert_eq!(client.committed_titles().await, ["Soup"]);
}

#[tokio::test]
async fn a_late_commit_happens_although_the_client_disconnected() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "late_commit", "commit_after_ms": 200, "operation": "pins/create"}])).await;
    let stream = client.create_and_hang_up("Soup").await;
    client.wait_until_in_flight("pins/create", 1).await;
    let asked_ms = client.get("/_sim/pins").await.json().as_array().map(Vec::len);
    assert_eq!(asked_ms, Some(0));
    drop(stream);
    client.wait_until_committed(1).await;
}

#[tokio::test]
async fn a_revoked_token_is_replaced_by_a_refresh() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "revoke_token", "account": "sim_account_1", "times": 1}])).await;
    let other = Client::new(client.address, 2);
    assert_eq!(other.create("Stew").await.status, 201);
    let refused = client.create("Soup").await;
    assert_eq!((refused.status, refused.json()["code"].as_i64()), (401, Some(2)));
    assert_eq!(client.get("/v5/boards").await.status, 401);
    assert_eq!(other.get("/v5/boards").await.status, 200);
}

#[tokio::test]
async fn rules_are_replaced_listed_and_cleared() {
    let client = start(Config::default()).await;
    client.set_faults(json!([{"fault": "delay", "delay_ms": 1}])).await;
    let wrong = client.call("PUT", "/_sim/faults", Some(json!([{"fault": "sleep"}]))).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["message"].as_str().is_some_and(|text| text.contains("rule 0: unknown fault 'sleep'")));
    let expected = json!([{"fault": "delay", "delay_ms": 1, "remaining": null, "fired": 0}]);
    assert_eq!(client.get("/_sim/faults").await.json(), expected);
    let cleared = client.call("DELETE", "/_sim/faults", None).await;
    assert_eq!((cleared.status, cleared.json()), (200, json!([])));
}

#[tokio::test]
async fn a_list_shows_links_and_texts_in_other_ways_and_the_truth_stays() {
    let client = start(Config::default()).await;
    let mut pin = client.pin("Café & cranes");
    pin["link"] = json!("https://xn--bcher-kva.example/caf%C3%A9?a=1&b=2");
    let board = pin["board_id"].as_str().expect("an id").to_owned();
    let created = client.call("POST", "/v5/pins", Some(pin)).await.json();
    let list = format!("/v5/boards/{board}/pins");
    for (ways, title, link) in [
        (json!(["html_escaped"]), "Café &amp; cranes", "https://xn--bcher-kva.example/caf%C3%A9?a=1&amp;b=2"),
        (json!(["percent_decoded", "unicode_host"]), "Café & cranes", "https://bücher.example/café?a=1&b=2"),
        (json!(["nfd", "with_port"]), "Cafe\u{301} & cranes", "https://xn--bcher-kva.example:443/caf%C3%A9?a=1&b=2"),
    ] {
        client.set_faults(json!([{"fault": "rewrite_list", "ways": ways, "operation": "boards/list_pins"}])).await;
        let listed = client.call("GET", &list, None).await.json();
        assert_eq!(
            (&listed["items"][0]["title"], &listed["items"][0]["link"]),
            (&json!(title), &json!(link)),
            "{ways}"
        );
        let one = client.call("GET", &format!("/v5/pins/{}", created["id"].as_str().expect("an id")), None).await;
        assert_eq!(one.json()["title"], "Café & cranes", "only lists");
    }
    assert_eq!(client.committed_titles().await, ["Café & cranes"]);
}
