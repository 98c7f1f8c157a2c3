//! To the second, in real time: schedules of the local stack, from the due time to Pinterest's journal.
//!
//! The short form runs beside other stages, where only what holds on a busy machine can be asked. The long form is
//! `tests/full realtime`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pinbridge_shared::domain::time::Moment;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::process::{Local, Simulator};

/// As required, when the account has tokens and nothing runs beside it.
const P99_MAX_MS: i64 = 1_000;
/// Requests under way at once: a client with a pool of connections.
const AT_ONCE: usize = 8;

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Moment(i64::try_from(since.as_millis()).expect("in this age"))
}

struct Plan {
    schedules: usize,
    /// The first is due after this, the others evenly behind it.
    first_after_ms: i64,
    over_ms: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_schedules_start_after_their_time_each_once() {
    publish_schedules(&Plan { schedules: 40, first_after_ms: 15_000, over_ms: 10_000 }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two minutes of real time, with nothing beside it: tests/full realtime"]
async fn three_hundred_schedules_start_in_their_second_and_never_before() {
    let plan = Plan { schedules: 300, first_after_ms: 60_000, over_ms: 60_000 };
    let (late_ms, schedule) = publish_schedules(&plan).await;
    assert!(schedule["late_by_seconds"].is_null(), "{schedule}");
    let p99 = of(&late_ms, 0.99);
    assert!(p99 < P99_MAX_MS, "{p99} ms");
}

fn of(late_ms: &[i64], share: f64) -> i64 {
    late_ms[(late_ms.len() as f64 * share) as usize]
}

/// Milliseconds that each schedule started after its time, sorted; and one of them as the API tells it.
async fn publish_schedules(plan: &Plan) -> (Vec<i64>, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    // Tokens for all of them: what is measured is the schedule, not the pace.
    let simulator = Simulator::start_with(&["--no-limits"]).await;
    let arguments = ["--pinterest-url", simulator.url.as_str()];
    let local = Local::start(folder.path(), &arguments, &[("PINBRIDGE_ACCOUNT_CAPACITY", "400")]).await;
    let begin = now();
    let due: BTreeMap<String, Moment> = (0..plan.schedules)
        .map(|number| {
            let after_ms = plan.first_after_ms + plan.over_ms * number as i64 / plan.schedules as i64;
            (format!("Scheduled {number}"), begin.plus_ms(after_ms))
        })
        .collect();
    let bodies: Vec<Value> = due
        .iter()
        .map(|(title, at)| {
            let mut body = local.pin_body(&title.replace(' ', "-"));
            body["title"] = json!(title);
            body["run_at"] = json!(at.rfc3339());
            body
        })
        .collect();
    for some in bodies.chunks(AT_ONCE) {
        let answers = futures_util::future::join_all(some.iter().map(|body| {
            local.http.post(local.url("/v1/schedules")).header("x-api-key", local.text("api_key")).json(body).send()
        }));
        for answer in answers.await {
            assert_eq!(answer.expect("answers").status(), 201);
        }
    }
    println!("{} schedules made in {} ms", plan.schedules, now().since_ms(begin));
    let mut made = Vec::new();
    while made.len() < plan.schedules && now() < begin.plus_ms(plan.first_after_ms + plan.over_ms + 30_000) {
        sleep(Duration::from_millis(500)).await;
        made = simulator.pins().await;
    }
    let late = |pin: &Value| {
        let at = pin["created_at_ms"].as_i64().expect("a time");
        at - due[pin["title"].as_str().expect("a title")].0
    };
    let mut late_ms: Vec<i64> = made.iter().map(late).collect();
    late_ms.sort_unstable();
    assert_eq!(late_ms.len(), plan.schedules, "each once");
    println!(
        "{} schedules, late by {} ms at least, {} ms at the median, {} ms at p90, {} ms at p99, {} ms at most",
        plan.schedules,
        late_ms[0],
        of(&late_ms, 0.5),
        of(&late_ms, 0.9),
        of(&late_ms, 0.99),
        late_ms[late_ms.len() - 1]
    );
    assert!(late_ms[0] >= 0, "never early");
    let list = local.get("/v1/schedules?status=done&limit=200").await;
    assert_eq!(list.as_array().map(Vec::len), Some(plan.schedules.min(200)));
    assert!(list[0]["pin_id"].is_string(), "{}", list[0]);
    (late_ms, list[0].clone())
}
