//! Never noisy, in real time: 200 pins at once on one account with capacity 50 and one a second.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use super::process::{Local, pins_at, simulator_get};

const PINS: usize = 200;
const CAPACITY: usize = 50;
/// Of the floor of (200 − 50) / 1 s, as required: 1.03.
const LATEST_MS: i64 = 150_000 * 103 / 100;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_go_out_as_fifty_and_then_one_a_second_without_a_429() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = Local::start(folder.path(), &[], &[]).await;
    let bodies: Vec<Value> = (0..PINS).map(|index| local.pin_body(&format!("burst-{index}"))).collect();
    let answers = join_all(bodies.iter().map(|body| local.create(body))).await;
    assert!(answers.iter().all(|(status, _)| *status == 201));

    let deferred: Vec<&Value> = answers.iter().map(|(_, pin)| pin).filter(|pin| pin["status"] == "deferred").collect();
    assert_eq!(deferred.len(), PINS - CAPACITY, "the burst is the capacity");
    for pin in &deferred {
        assert_eq!(pin["error_code"], "account_pacing", "a reason");
        assert!(pin["next_at"].is_string(), "a next time");
    }
    let last =
        local.get(&format!("/v1/pins/{}/timeline", deferred[deferred.len() - 1]["id"].as_str().expect("id"))).await;
    assert!(last["next"]["at"].is_string(), "{last}");

    local.await_published(PINS, Duration::from_secs(240)).await;
    let url = local.text("pinterest_url");
    let mut created: Vec<i64> =
        pins_at(&local.http, url).await.iter().map(|pin| pin["created_at_ms"].as_i64().expect("a time")).collect();
    created.sort_unstable();
    assert_eq!(created.len(), PINS, "each once");
    let since_first = |index: usize| created[index] - created[0];
    println!("50th after {} ms, last after {} ms (floor 150000)", since_first(CAPACITY - 1), since_first(PINS - 1));
    assert!(since_first(CAPACITY - 1) < 5_000, "fifty at once");
    assert!(since_first(PINS - 1) <= LATEST_MS, "{} ms", since_first(PINS - 1));
    let requests = simulator_get(&local.http, url, "/_sim/requests").await;
    assert!(requests["operations"]["pins/create"].get("429").is_none(), "{requests}");
}
