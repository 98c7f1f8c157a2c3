//! `GET /v1/dashboard/summary`: what happened a second ago counts, nothing counts twice, and a day is what the wall
//! clock says.

use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::pins::retry_pin::retry_pin;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const BOARD: &str = "700000000000000042";

async fn summary(api: &Api, key: &str, query: &str) -> Value {
    let path = format!("/v1/dashboard/summary?{query}");
    let (status, answer) = api.call("GET", &path, As::Key(key), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn of_all(api: &Api) -> Value {
    summary(api, &api.key, "").await
}

fn request(index: usize) -> PinRequest {
    PinRequest { title: format!("Crane {index}"), ..testdata::request(&format!("key-{index:04}")) }
}

async fn accept(api: &Api, indices: std::ops::Range<usize>) {
    for index in indices {
        api.world.accept_request(request(index)).await;
    }
}

async fn publish(api: &Api) {
    while api.world.run_publisher_once().await > 0 {}
}

fn by_status(queued: u64, deferred: u64, publishing: u64, published: u64, failed: u64) -> Value {
    json!({
        "queued": queued, "deferred": deferred, "publishing": publishing, "published": published, "failed": failed,
    })
}

/// Submitted, published and failed, as the totals, the series and the accounts report them.
fn assert_counts(answer: &Value, submitted: u64, published: u64, failed: u64, what: &str) {
    let pins = &answer["pins"];
    let status = &pins["by_status"];
    assert_eq!(
        (pins["submitted"].as_u64(), status["published"].as_u64(), status["failed"].as_u64()),
        (Some(submitted), Some(published), Some(failed)),
        "{what}: {answer}"
    );
    let sum = |name: &str| {
        let series = answer["series"].as_array().expect("a series");
        series.iter().map(|step| step[name].as_u64().expect("a count")).sum::<u64>()
    };
    assert_eq!((sum("created"), sum("published"), sum("failed")), (submitted, published, failed), "{what}: {answer}");
    let accounts = answer["published_by_account"].as_array().expect("accounts");
    let by_account = accounts.iter().map(|of| of["published"].as_u64().expect("a count"));
    assert_eq!(by_account.sum::<u64>(), published, "{what}: {answer}");
    for name in ["counts_are_at_least", "waiting_is_estimated"] {
        assert_eq!(answer[name], false, "{what}: {answer}");
    }
}

#[tokio::test]
async fn an_empty_workspace_has_nothing_and_no_rate() {
    let api = Api::new().await;
    let answer = of_all(&api).await;
    assert_counts(&answer, 0, 0, 0, "nothing");
    assert_eq!(answer["pins"]["success_rate"], Value::Null);
    assert_eq!((&answer["timezone"], &answer["granularity"]), (&json!("UTC"), &json!("day")));
    assert_eq!(answer["series"].as_array().map(Vec::len), Some(30));
    assert_eq!(
        (&answer["start"], &answer["end"]),
        (&json!("2025-12-02T00:00:00+00:00"), &json!("2026-01-01T00:00:00+00:00"))
    );
    assert_eq!(answer["previous_start"], "2025-11-02T00:00:00+00:00");
    assert_eq!((&answer["previous_end"], &answer["account_id"]), (&answer["start"], &Value::Null));
    assert_eq!(answer["queue"], json!({"queued": 0, "deferred": 0, "publishing": 0}));
    assert!(answer["schedules"]["upcoming"].is_u64() && answer["import_jobs"]["by_status"].is_object());
    assert_eq!(answer["as_of"], "2026-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn what_happened_a_second_ago_counts_and_nothing_counts_twice_while_it_is_folded() {
    let api = Api::new().await;
    api.world.system.advance_ms(30 * MINUTE_MS);
    api.world.pinterest.answer_next([Answer::Created, Answer::Refused(Failure::ImageBroken, None)]);
    accept(&api, 0..3).await;
    api.world.system.advance_ms(1);
    let fresh = of_all(&api).await;
    assert_counts(&fresh, 3, 0, 0, "accepted");
    assert_eq!(fresh["pins"]["by_status"], by_status(3, 0, 0, 0, 0));
    assert_eq!((&fresh["pins"]["total"], &fresh["queue"]["queued"]), (&json!(3), &json!(3)));
    publish(&api).await;
    // The metrics end before the present moment.
    api.world.system.advance_ms(SECOND_MS);
    for minute in 0..40 {
        let answer = of_all(&api).await;
        assert_counts(&answer, 3, 2, 1, &format!("minute {minute}"));
        let rate = answer["pins"]["success_rate"].as_f64().expect("a rate");
        assert!((rate - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(answer["pins"]["total"], 3);
        api.world.run_for_ms(MINUTE_MS).await;
    }
    let rolled_up = api.world.context.rollups.rolled_up().await.expect("read");
    assert!(
        rolled_up > Some((api.world.now().0 - 15 * MINUTE_MS) / MINUTE_MS),
        "all of it was folded meanwhile: {rolled_up:?}"
    );
    let sums = api.world.context.rollups.sums(testdata::workspace(), 0, i64::from(u32::MAX)).await.expect("read");
    assert_eq!(sums.len(), 1, "it was really folded");
}

#[tokio::test]
async fn what_is_deleted_counts_the_same_before_it_is_folded_and_after() {
    let api = Api::new().await;
    api.world.system.advance_ms(30 * MINUTE_MS);
    accept(&api, 0..3).await;
    publish(&api).await;
    api.world.system.advance_ms(SECOND_MS);
    let (_, pins) = api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await;
    let path = format!("/v1/pins/{}", pins[0]["id"].as_str().expect("an id"));
    let (status, _) = api.call("DELETE", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 204);
    for minute in 0..40 {
        assert_counts(&of_all(&api).await, 3, 3, 0, &format!("minute {minute}"));
        api.world.run_for_ms(MINUTE_MS).await;
    }
}

#[tokio::test]
async fn waiting_pins_count_by_what_they_wait_for_and_a_retried_one_is_not_failed_any_more() {
    let mut world = pinbridge_shared::testing::TestWorld::new(1).await;
    world.context.settings.pace = Pace::new(2, 0.01);
    let api = Api::over(world).await;
    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    accept(&api, 0..20).await;
    publish(&api).await;
    api.world.run_for_ms(14 * MINUTE_MS + SECOND_MS).await;
    let answer = of_all(&api).await;
    let status = &answer["pins"]["by_status"];
    assert_eq!(status["failed"], 1, "{answer}");
    let (total, waiting) = (answer["pins"]["total"].as_u64(), answer["queue"]["deferred"].as_u64());
    assert_eq!(total, Some(20), "every pin is in one state: {answer}");
    assert!(waiting > Some(5), "{answer}");
    let failed = api.world.pins(&[key(0), key(1)]).await.into_iter().find(|(_, attempt)| attempt.failure.is_some());
    retry_pin(&api.world.context, failed.expect("it failed").0.key, false).await.expect("retried");
    let answer = of_all(&api).await;
    assert_eq!(answer["pins"]["by_status"]["failed"], 0, "at once: {answer}");
    assert_eq!(answer["pins"]["total"], 20);
    assert!(answer["queue"]["deferred"].as_u64() > waiting, "{answer}");
}

fn key(index: usize) -> pinbridge_shared::domain::ids::PinKey {
    let workspace = testdata::workspace();
    let pin = pinbridge_shared::domain::pin::idempotency::pin_id(workspace, &request(index).idempotency_key);
    pinbridge_shared::domain::ids::PinKey { workspace, pin }
}

/// A pin in each half hour of a night in which Berlin's clocks jump from 2 to 3, then of one in which they go back.
#[tokio::test]
async fn hours_and_days_are_the_wall_clocks_when_the_clocks_change() {
    for (midnight, hours) in [
        ("2026-03-28T23:00:00Z", vec!["00:00:00+01:00", "01:00:00+01:00", "03:00:00+02:00", "04:00:00+02:00"]),
        ("2026-10-24T22:00:00Z", vec!["00:00:00+02:00", "01:00:00+02:00", "02:00:00+02:00", "02:00:00+01:00"]),
    ] {
        let api = Api::new().await;
        let midnight = Moment::parse_rfc3339(midnight).expect("a time");
        api.world.system.advance_to(midnight.plus_ms(-10 * MINUTE_MS));
        api.world.context.store.set_watermark(api.world.now().minute() - 1).await.expect("set");
        for index in 0..8 {
            api.world.run_until(midnight.plus_ms(index * 30 * MINUTE_MS + MINUTE_MS)).await;
            accept(&api, index as usize..index as usize + 1).await;
        }
        // A day later: by sums, but for what is cut.
        for wait_ms in [MINUTE_MS, 20 * MINUTE_MS, DAY_MS] {
            api.world.run_for_ms(wait_ms).await;
            let (day, night) = match hours[2] {
                "03:00:00+02:00" => ("2026-03-29", ("2026-03-29T00:00:00", "2026-03-29T05:00:00")),
                _ => ("2026-10-25", ("2026-10-25T00:00:00", "2026-10-25T03:00:00")),
            };
            let query = format!("tz=Europe/Berlin&start={}&end={}", night.0, night.1);
            let answer = summary(&api, &api.key, &query).await;
            assert_eq!(answer["granularity"], "hour");
            let steps: Vec<(String, u64)> = answer["series"]
                .as_array()
                .expect("a series")
                .iter()
                .map(|step| {
                    (step["start"].as_str().expect("a time").to_owned(), step["created"].as_u64().expect("a count"))
                })
                .collect();
            let expected: Vec<(String, u64)> = hours.iter().map(|hour| (format!("{day}T{hour}"), 2)).collect();
            assert_eq!(steps, expected, "{answer}");
            assert_counts(&answer, 8, 8, 0, day);
        }
        let answer = summary(&api, &api.key, "tz=Europe/Berlin&start=2026-01-02&end=2026-12-31").await;
        assert_eq!((&answer["granularity"], answer["series"].as_array().map(Vec::len)), (&json!("day"), Some(363)));
        assert_counts(&answer, 8, 8, 0, "by the day");
    }
}

#[tokio::test]
async fn a_period_is_cut_to_the_millisecond() {
    let api = Api::new().await;
    api.world.system.advance_ms(DAY_MS);
    api.world.context.store.set_watermark(api.world.now().minute() - 1).await.expect("set");
    let begin = api.world.now();
    for index in 0..6 {
        accept(&api, index..index + 1).await;
        publish(&api).await;
        api.world.system.advance_ms(100);
    }
    for wait_ms in [SECOND_MS, 30 * MINUTE_MS, 2 * DAY_MS] {
        api.world.run_for_ms(wait_ms).await;
        let query = format!("start={}&end={}", begin.plus_ms(200).rfc3339(), begin.plus_ms(500).rfc3339());
        let answer = summary(&api, &api.key, &query).await;
        assert_counts(&answer, 3, 3, 0, "the third to the fifth");
        assert_eq!(answer["rounded_to_quarter_hours"], false);
        let previous = &answer["previous_pins"];
        assert_eq!((&previous["submitted"], &previous["by_status"]["published"]), (&json!(2), &json!(2)), "{answer}");
    }
}

#[tokio::test]
async fn schedules_and_imports_count_by_their_states() {
    let api = Api::new().await;
    api.world.boards.insert(BOARD);
    let body = |run_at: Moment| {
        json!({"account_id": testdata::account(), "board_id": BOARD, "title": "Crane", "run_at": run_at.rfc3339(),
               "image_url": "https://example.com/crane.jpg", "media_type": "image"})
    };
    let begin = api.world.now();
    for hours in [1, 2, 200] {
        let run_at = begin.plus_ms(hours * 60 * MINUTE_MS);
        let (status, answer) = api.call("POST", "/v1/schedules", As::Key(&api.key), body(run_at)).await;
        assert_eq!(status, 201, "{answer}");
    }
    api.world.run_for_ms(90 * MINUTE_MS).await;
    let query = format!("start={}&end={}", begin.rfc3339(), begin.plus_ms(DAY_MS).rfc3339());
    let answer = summary(&api, &api.key, &query).await;
    let by_status = &answer["schedules"]["by_status"];
    assert_eq!((&by_status["done"], &by_status["scheduled"], &by_status["failed"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(answer["schedules"]["upcoming"], 2, "{answer}");
    assert_counts(&answer, 1, 1, 0, "its pin");
    assert_eq!(answer["import_jobs"]["by_status"]["completed"], 0);
}

#[tokio::test]
async fn a_limited_key_sees_its_accounts_figures_only() {
    let api = Api::new().await;
    accept(&api, 0..2).await;
    publish(&api).await;
    api.world.system.advance_ms(SECOND_MS);
    let (ours, other) = (testdata::account(), "00000000-0000-0000-0000-0000000000cc");
    let limited_to =
        |account: String| json!({"name": "limited", "scopes": ["read"], "pinterest_account_ids": [account]});
    let (own, _) = api.new_key(limited_to(ours.to_string())).await;
    assert_counts(&summary(&api, &own, "").await, 2, 2, 0, "its account");
    let asked = summary(&api, &own, &format!("account_id={ours}")).await;
    assert_counts(&asked, 2, 2, 0, "its account by name");
    assert_eq!((&asked["import_jobs"], &asked["account_id"]), (&Value::Null, &json!(ours)));
    let path = format!("/v1/dashboard/summary?account_id={other}");
    api.refused("GET", &path, As::Key(&own), Value::Null, 403, "account_not_permitted").await;
}

#[tokio::test]
async fn an_unknown_account_is_told_as_everywhere_and_a_disconnected_one_keeps_its_figures() {
    let api = Api::new().await;
    accept(&api, 0..2).await;
    publish(&api).await;
    api.world.system.advance_ms(SECOND_MS);
    let rate_meter = async |id: &str| {
        let path = format!("/v1/rate-meter?account_id={id}");
        api.call("GET", &path, As::Key(&api.key), Value::Null).await
    };
    for id in ["00000000-0000-0000-0000-0000000000cc", "7", "", "00000000-0000-0000-0000-00000000000g"] {
        let path = format!("/v1/dashboard/summary?account_id={id}");
        let (status, told) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
        let (wanted, of_rate_meter) = rate_meter(id).await;
        assert_eq!((status, &told["code"]), (wanted, &of_rate_meter["code"]), "{id}: {told}");
        assert_eq!(told["error"]["message"], of_rate_meter["error"]["message"], "{id}");
        assert!([404, 422].contains(&status), "{id}: {told}");
        // A filter of a list that nothing fits leaves an empty list, whatever it names.
        for list in ["/v1/pins", "/v1/schedules"] {
            let path = format!("{list}?account_id={id}");
            let (of_list, answer) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
            match status {
                404 => assert_eq!((of_list, &answer), (200, &json!([])), "{path}"),
                _ => assert_eq!((of_list, &answer["code"]), (status, &told["code"]), "{path}"),
            }
        }
    }
    let ours = testdata::account();
    let path = format!("/v1/pinterest/accounts/{ours}");
    assert_eq!(api.call("DELETE", &path, As::Key(&api.key), Value::Null).await.0, 204);
    let kept = summary(&api, &api.key, &format!("account_id={ours}")).await;
    assert_counts(&kept, 2, 2, 0, "a disconnected account");
}

#[tokio::test]
async fn the_plus_of_an_offset_may_be_escaped_or_not() {
    let api = Api::new().await;
    for plus in ["%2B", "+"] {
        let path = format!("/v1/dashboard/summary?start=2025-12-30T00:00:00{plus}02:00");
        let (status, answer) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
        assert_eq!((status, &answer["start"]), (200, &json!("2025-12-29T22:00:00+00:00")), "{answer}");
        let (status, _) = api
            .call(
                "GET",
                &format!("/v1/activity-logs?since=2025-12-30T00:00:00{plus}02:00"),
                As::Key(&api.key),
                Value::Null,
            )
            .await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn what_cannot_be_a_period_is_refused_by_name() {
    let api = Api::new().await;
    for (query, field, code) in [
        ("tz=Mars/Olympus", "tz", "invalid_timezone"),
        ("tz=%2B02:00", "tz", "invalid_timezone"),
        ("tz=", "tz", "invalid_timezone"),
        ("tz=Local", "tz", "invalid_timezone"),
        ("start=yesterday", "start", "validation_error"),
        ("end=2026-02-30", "end", "validation_error"),
        ("start=2026-01-01&end=2026-01-01", "start", "invalid_date_range"),
        ("start=2027-01-01", "start", "invalid_date_range"),
        ("start=2024-01-01&end=2025-01-02", "end", "invalid_date_range"),
        ("account_id=7", "account_id", "validation_error"),
    ] {
        let path = format!("/v1/dashboard/summary?{query}");
        let answer = api.refused("GET", &path, As::Key(&api.key), Value::Null, 422, code).await;
        assert_eq!(answer["detail"][0]["loc"], json!(["query", field]), "{query}: {answer}");
    }
}
