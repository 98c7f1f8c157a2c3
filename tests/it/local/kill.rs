//! Never twice, never lost, with a real kill: calls held open and pins waiting when the process dies.
//!
//! The short form has a shorter quiesce period and fewer pins. The long form, with production's settings, is
//! `tests/full realtime`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::process::{Local, Simulator};

/// As required of the hundred.
const WITHIN: Duration = Duration::from_secs(7 * 60);

/// The quiesce period is the sum of what it must cover.
const SHORT: &[(&str, &str)] = &[
    ("PINBRIDGE_COMMIT_LATENESS_MS", "5000"),
    ("PINBRIDGE_LIST_LAG_MS", "5000"),
    ("PINBRIDGE_CLOCK_SKEW_MS", "1000"),
    ("PINBRIDGE_QUIESCE_MS", "45000"),
];

struct Kill {
    pins: usize,
    /// The account's capacity: so many calls are out when the process dies.
    held: u64,
    /// Settings other than production's.
    settings: &'static [(&'static str, &'static str)],
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_ten_calls_out_and_ten_waiting_all_twenty_are_published_once() {
    publish_across_kill(&Kill { pins: 20, held: 10, settings: SHORT }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "four minutes of real time: tests/full realtime"]
async fn killed_with_forty_calls_out_and_sixty_waiting_all_hundred_are_published_once() {
    publish_across_kill(&Kill { pins: 100, held: 40, settings: &[] }).await;
}

async fn publish_across_kill(kill: &Kill) {
    let folder = tempfile::tempdir().expect("a folder");
    let simulator = Simulator::start().await;
    let arguments = ["--pinterest-url", simulator.url.as_str()];
    let capacity = kill.held.to_string();
    let environment: Vec<(&str, &str)> =
        kill.settings.iter().copied().chain([("PINBRIDGE_ACCOUNT_CAPACITY", capacity.as_str())]).collect();
    let mut local = Local::start(folder.path(), &arguments, &environment).await;
    simulator.set_faults(json!([{"operation": "pins/create", "fault": "delay", "delay_ms": 30_000}])).await;

    let bodies: Vec<Value> = (0..kill.pins).map(|index| local.pin_body(&format!("kill-{index}"))).collect();
    let answers = join_all(bodies.iter().map(|body| local.create(body))).await;
    assert!(answers.iter().all(|(status, _)| *status == 201));
    let accepted: BTreeSet<String> =
        answers.iter().map(|(_, pin)| pin["title"].as_str().expect("a title").to_owned()).collect();
    let began = Instant::now();
    while simulator.in_flight_creates().await < kill.held {
        assert!(began.elapsed() < Duration::from_secs(20), "{} calls are out", simulator.in_flight_creates().await);
        sleep(Duration::from_millis(50)).await;
    }
    local.process.kill();
    simulator.set_faults(json!([])).await;

    let restarted = Instant::now();
    let local = Local::start(folder.path(), &arguments, &environment).await;
    local.await_published(kill.pins, WITHIN).await;
    println!("all {} published {} s after the restart", kill.pins, restarted.elapsed().as_secs());
    let titles: Vec<String> =
        simulator.pins().await.iter().map(|pin| pin["title"].as_str().unwrap_or("").to_owned()).collect();
    assert_eq!(titles.len(), kill.pins, "each once");
    assert_eq!(titles.into_iter().collect::<BTreeSet<_>>(), accepted);
}
