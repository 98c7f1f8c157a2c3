//! Speed of a release build: `tests/full throughput`.

use std::time::Instant;

use pinterest_simulator::Config;

use crate::client::{Connection, Folder, start};

const PINS: usize = 100_000;
const CONNECTIONS: usize = 8;
/// Calls per second. Fewer are too slow for the tests of a publishing system.
const MIN_PER_SECOND: f64 = 2_000.0;

#[tokio::test(flavor = "current_thread")]
#[ignore = "for release builds, with nothing beside it: tests/full throughput"]
async fn throughput_of_creates_and_lists_on_one_core() {
    let folder = Folder::new("throughput");
    let config = Config { data_dir: Some(folder.0.clone()), enforce_limits: false, ..Config::default() };
    let client = start(config).await;
    let board = client.account.boards[0].id.clone();
    let list = format!("/v5/boards/{board}/pins");
    let body = client.pin("Soup").to_string();

    let creates = measure(&client, "POST", "/v5/pins", &body, PINS).await;
    let lists = measure(&client, "GET", &list, "", 10_000).await;
    let long_lists = measure(&client, "GET", &format!("{list}?page_size=250"), "", 2_000).await;
    let begin = Instant::now();
    let committed = client.committed_titles().await.len();
    println!("creates {creates:.0}/s, lists {lists:.0}/s, lists of 250 {long_lists:.0}/s");
    println!("GET /_sim/pins with {committed} Pins: {:?}", begin.elapsed());
    assert_eq!(committed, PINS);
    assert!(creates > MIN_PER_SECOND && lists > MIN_PER_SECOND);
}

async fn measure(client: &crate::client::Client, method: &str, path: &str, body: &str, count: usize) -> f64 {
    let bearer = format!("Bearer {}", client.account.access_token);
    let begin = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(client.address).await;
        let (method, path, body, bearer) = (method.to_owned(), path.to_owned(), body.to_owned(), bearer.clone());
        workers.push(tokio::spawn(async move {
            for _ in 0..count / CONNECTIONS {
                let answer = connection.send(&method, &path, &[("authorization", &bearer)], &body).await;
                assert!(answer.is_some_and(|answer| answer.status < 300));
            }
        }));
    }
    for worker in workers {
        worker.await.expect("every call is answered");
    }
    count as f64 / begin.elapsed().as_secs_f64()
}
