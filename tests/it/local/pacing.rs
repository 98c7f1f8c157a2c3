//! Never noisy, in real time: a burst on one account goes out as its capacity, then one pin a second.
//!
//! The short form runs beside other stages, where only what holds on a busy machine can be asked. The long form is
//! `tests/full realtime`.

use std::time::Duration;

use futures_util::future::join_all;
use pinbridge_shared::domain::pacing::pace::DEFAULT_CAPACITY;
use serde_json::Value;

use super::process::{Local, pins_at, simulator_get};

/// With nothing beside it, the last pin starts within 3 % of the floor of one pin a second.
const LATEST_PERCENT: i64 = 103;

struct Burst {
    pins: usize,
    capacity: usize,
    /// How long until all are published, on a busy machine too.
    within: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_at_once_go_out_as_twenty_and_then_one_a_second_without_a_429() {
    publish_burst(&Burst { pins: 40, capacity: 20, within: Duration::from_secs(120) }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "180 s of real time, with nothing beside it: tests/full realtime"]
async fn two_hundred_at_once_go_out_as_twenty_five_and_then_one_a_second_without_a_429() {
    // The default: the simulator refuses whatever doesn't fit into Pinterest's minute.
    let burst = Burst { pins: 200, capacity: DEFAULT_CAPACITY as usize, within: Duration::from_secs(260) };
    let since_first = publish_burst(&burst).await;
    assert!(since_first[burst.capacity - 1] < 5_000, "the burst at once");
    let latest_ms = burst.floor_ms() * LATEST_PERCENT / 100;
    assert!(since_first[burst.pins - 1] <= latest_ms, "{} ms", since_first[burst.pins - 1]);
}

impl Burst {
    /// What the pace allows: one a second after the capacity.
    fn floor_ms(&self) -> i64 {
        (self.pins - self.capacity) as i64 * 1_000
    }
}

/// Publishes a burst; milliseconds after the first for each Pin, in order.
async fn publish_burst(burst: &Burst) -> Vec<i64> {
    let folder = tempfile::tempdir().expect("a folder");
    let capacity = burst.capacity.to_string();
    let local = Local::start(folder.path(), &[], &[("PINBRIDGE_ACCOUNT_CAPACITY", &capacity)]).await;
    let bodies: Vec<Value> = (0..burst.pins).map(|index| local.pin_body(&format!("burst-{index}"))).collect();
    local.await_tokens(burst.capacity).await;
    let answers = join_all(bodies.iter().map(|body| local.create(body))).await;
    assert!(answers.iter().all(|(status, _)| *status == 201));

    let deferred: Vec<&Value> = answers.iter().map(|(_, pin)| pin).filter(|pin| pin["status"] == "deferred").collect();
    assert_eq!(deferred.len(), burst.pins - burst.capacity, "the burst is the capacity");
    for pin in &deferred {
        assert_eq!(pin["error_code"], "account_pacing", "a reason");
        assert!(pin["next_at"].is_string(), "a next time");
    }
    let last =
        local.get(&format!("/v1/pins/{}/timeline", deferred[deferred.len() - 1]["id"].as_str().expect("id"))).await;
    assert!(last["next"]["at"].is_string(), "{last}");

    local.await_published(burst.pins, burst.within).await;
    let url = local.text("pinterest_url");
    let mut created: Vec<i64> =
        pins_at(&local.http, url).await.iter().map(|pin| pin["created_at_ms"].as_i64().expect("a time")).collect();
    created.sort_unstable();
    assert_eq!(created.len(), burst.pins, "each once");
    let since_first: Vec<i64> = created.iter().map(|at| at - created[0]).collect();
    let (full, last) = (since_first[burst.capacity - 1], since_first[burst.pins - 1]);
    println!("{}th after {full} ms, last after {last} ms (floor {} ms)", burst.capacity, burst.floor_ms());
    let requests = simulator_get(&local.http, url, "/_sim/requests").await;
    assert!(requests["operations"]["pins/create"].get("429").is_none(), "{requests}");
    since_first
}
