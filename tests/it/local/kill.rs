//! Never twice, never lost, with a real kill: 40 calls held open and 60 pins waiting when the process dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::process::{Local, Simulator};

const PINS: usize = 100;
const HELD: u64 = 40;
/// As required.
const WITHIN: Duration = Duration::from_secs(7 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_forty_calls_out_and_sixty_waiting_all_hundred_are_published_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let simulator = Simulator::start().await;
    let arguments = ["--pinterest-url", simulator.url.as_str()];
    // A burst of 40, so that 60 wait; every other setting is production's, Tq = 120 s included.
    let environment = [("PINBRIDGE_ACCOUNT_CAPACITY", "40")];
    let mut local = Local::start(folder.path(), &arguments, &environment).await;
    simulator.set_faults(json!([{"operation": "pins/create", "fault": "delay", "delay_ms": 30_000}])).await;

    let bodies: Vec<Value> = (0..PINS).map(|index| local.pin_body(&format!("kill-{index}"))).collect();
    let answers = join_all(bodies.iter().map(|body| local.create(body))).await;
    assert!(answers.iter().all(|(status, _)| *status == 201));
    let accepted: BTreeSet<String> =
        answers.iter().map(|(_, pin)| pin["title"].as_str().expect("a title").to_owned()).collect();
    let began = Instant::now();
    while simulator.in_flight_creates().await < HELD {
        assert!(began.elapsed() < Duration::from_secs(20), "{} calls are out", simulator.in_flight_creates().await);
        sleep(Duration::from_millis(50)).await;
    }
    local.process.kill();
    simulator.set_faults(json!([])).await;

    let restarted = Instant::now();
    let local = Local::start(folder.path(), &arguments, &environment).await;
    local.await_published(PINS, WITHIN).await;
    println!("all {PINS} published {} s after the restart", restarted.elapsed().as_secs());
    let titles: Vec<String> =
        simulator.pins().await.iter().map(|pin| pin["title"].as_str().unwrap_or("").to_owned()).collect();
    assert_eq!(titles.len(), PINS, "each once");
    assert_eq!(titles.into_iter().collect::<BTreeSet<_>>(), accepted);
}
