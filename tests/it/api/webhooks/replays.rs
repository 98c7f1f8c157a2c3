//! Replays that the system works on: they end, show how far they are, and can be stopped.

use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::ports::Listed;
use pinbridge_shared::testing::faults::Fault;

use super::*;

/// More pages than one turn handles.
const MANY: i64 = 4_700;

async fn start(api: &Api, endpoint: EndpointKey, body: Value) -> Value {
    let path = format!("{}/replays", path_of(endpoint));
    let (status, run) = api.call("POST", &path, As::Key(&api.key), body).await;
    assert_eq!(status, 202, "{run}");
    run
}

fn path_of_run(endpoint: EndpointKey, run: &Value) -> String {
    format!("{}/replays/{}", path_of(endpoint), run["id"].as_str().expect("an id"))
}

/// A webhook with as many failed deliveries, and the time of the first one.
async fn with_failed(api: &Api, count: i64) -> (EndpointKey, Moment) {
    let endpoint = created(api, &["pin.failed"]).await;
    let first = api.world.now().plus_ms(-HOUR_MS);
    for number in 0..count {
        put(api, &delivery(endpoint, EventType::PinFailed, number, first.plus_ms(number), State::Failed)).await;
    }
    (endpoint, first)
}

/// The deliveries that wait or were sent because they were requested again.
async fn requested(api: &Api, endpoint: EndpointKey) -> usize {
    let mut found = 0;
    for listed in [Listed::Waiting, Listed::Ended] {
        let read = api.world.context.webhooks.deliveries(endpoint, listed, None, usize::try_from(MANY).expect("small"));
        found += read.await.expect("read").iter().filter(|one| one.is_replayed).count();
    }
    found
}

#[tokio::test]
async fn a_replay_is_worked_on_until_it_is_done() {
    let api = Api::new().await;
    let (endpoint, first) = with_failed(&api, 1_200).await;
    let run = start(&api, endpoint, json!({"since": first.rfc3339(), "only": "failed"})).await;
    assert_eq!((&run["status"], &run["progress"], &run["ended_at"]), (&json!("running"), &json!(0.0), &Value::Null));
    api.world.run_notifier_once().await;
    let done = read(&api, &path_of_run(endpoint, &run)).await;
    assert_eq!((&done["status"], &done["progress"]), (&json!("done"), &json!(1.0)), "{done}");
    assert_eq!((&done["failed_count"], &done["deliveries_read"]), (&json!(1_200), &json!(1_200)));
    assert_eq!((&done["estimated_end_at"], &done["event_types"]), (&Value::Null, &Value::Null));
    assert!(done["ended_at"].is_string());
    assert_eq!(requested(&api, endpoint).await, 1_200);
    // Another one takes its place.
    let again = start(&api, endpoint, json!({"since": first.rfc3339(), "only": "missing"})).await;
    api.refused("GET", &path_of_run(endpoint, &run), As::Key(&api.key), Value::Null, 404, "not_found").await;
    assert_eq!(read(&api, &path_of_run(endpoint, &again)).await["id"], again["id"]);
}

#[tokio::test]
async fn a_long_replay_shows_how_far_it_is_and_is_stopped() {
    let api = Api::new().await;
    let (endpoint, first) = with_failed(&api, MANY).await;
    let since = json!({"since": first.rfc3339(), "until": first.plus_ms(MANY).rfc3339(), "only": "failed"});
    let run = start(&api, endpoint, since.clone()).await;
    let path = path_of_run(endpoint, &run);
    let replays = format!("{}/replays", path_of(endpoint));
    api.refused("POST", &replays, As::Key(&api.key), since.clone(), 409, "replay_running").await;
    api.world.system.advance_ms(SECOND_MS);
    api.world.run_notifier_once().await;
    let open = read(&api, &path).await;
    assert_eq!((&open["status"], &open["failed_count"]), (&json!("running"), &json!(2_000)), "a turn has four pages");
    let progress = open["progress"].as_f64().expect("a number");
    assert!((0.4..0.45).contains(&progress), "{open}");
    let end = open["estimated_end_at"].as_str().and_then(Moment::parse_rfc3339).expect("a time");
    assert!(end > api.world.now() && end < api.world.now().plus_ms(2 * SECOND_MS), "{open}");

    let (status, stopped) = api.call("POST", &format!("{path}/stop"), As::Key(&api.key), Value::Null).await;
    assert_eq!((status, &stopped["status"]), (200, &json!("stopped")), "{stopped}");
    let (_, again) = api.call("POST", &format!("{path}/stop"), As::Key(&api.key), Value::Null).await;
    assert_eq!(again, stopped, "it stays as it is");
    api.world.run_for_ms(MINUTE_MS).await;
    assert_eq!(read(&api, &path).await, stopped);
    assert_eq!(requested(&api, endpoint).await, 2_000, "what was requested by then");
}

#[tokio::test]
async fn a_replay_whose_message_was_lost_or_whose_worker_died_is_continued() {
    for fault in [None, Some(Fault::DieBefore), Some(Fault::DieAfter)] {
        let api = Api::new().await;
        let (endpoint, first) = with_failed(&api, 1_200).await;
        let run = start(&api, endpoint, json!({"since": first.rfc3339(), "only": "failed"})).await;
        match fault {
            None => assert!(api.world.queue.lose_all() > 0),
            // After the first page was requested, and before or after that was written.
            Some(fault) => api.world.faults.plan("webhooks.save_replay", 1, fault),
        }
        api.world.run_for_ms(HOUR_MS).await;
        let done = read(&api, &path_of_run(endpoint, &run)).await;
        assert_eq!(done["status"], "done", "{fault:?}: {done}");
        assert_eq!(requested(&api, endpoint).await, 1_200, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_missing_is_sent_by_a_replay_too() {
    let api = Api::new().await;
    let since = api.world.now().rfc3339();
    let endpoint = created(&api, &["pin.accepted"]).await;
    api.world.system.advance_ms(SECOND_MS);
    api.world.accept("a").await;
    // Whatever it has sent is lost.
    asked(&api);
    api.world.system.advance_ms(2 * MINUTE_MS);
    let run = start(&api, endpoint, json!({"since": since, "only": "missing"})).await;
    api.world.run_notifier_once().await;
    let done = read(&api, &path_of_run(endpoint, &run)).await;
    assert_eq!((&done["status"], &done["missing_count"], &done["pins_read"]), (&json!("done"), &json!(1), &json!(1)));
}

#[tokio::test]
async fn a_replay_ends_with_its_webhook() {
    let api = Api::new().await;
    let (endpoint, first) = with_failed(&api, MANY).await;
    let run = start(&api, endpoint, json!({"since": first.rfc3339(), "only": "failed"})).await;
    disable(&api, endpoint, DisabledBy::Failures).await;
    api.world.run_notifier_once().await;
    assert_eq!(read(&api, &path_of_run(endpoint, &run)).await["status"], "stopped");
    let replays = format!("{}/replays", path_of(endpoint));
    let body = json!({"since": first.rfc3339(), "only": "failed"});
    api.refused("POST", &replays, As::Key(&api.key), body, 409, "webhook_disabled").await;
    assert_eq!(api.call("DELETE", &path_of(endpoint), As::Key(&api.key), Value::Null).await.0, 204);
    api.refused("GET", &path_of_run(endpoint, &run), As::Key(&api.key), Value::Null, 404, "not_found").await;
}
