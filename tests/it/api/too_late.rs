//! `publish_before`: too late is worse than not at all. And why a pin is late.

use axum::body::Body;
use http::Request;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::ports::System;
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};

use crate::flows::accept_numbered;
use crate::support::api::{Api, As};

fn pin(key: &str, publish_before: Option<Moment>) -> Value {
    json!({"account_id": testdata::account(), "board_id": "700000000000000002", "title": format!("Crane {key}"),
           "image_url": "https://example.com/a.jpg", "idempotency_key": key,
           "publish_before": publish_before.map(|at| at.rfc3339())})
}

async fn api() -> Api {
    let api = Api::new().await;
    api.world.boards.add("Cranes");
    api
}

async fn send(api: &Api, method: &str, path: &str, body: Value) -> (u16, Value) {
    api.call(method, path, As::Key(&api.key), body).await
}

async fn get(api: &Api, path: &str) -> Value {
    let (status, answer) = send(api, "GET", path, Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// Accepts a pin; returns its path.
async fn accept(api: &Api, body: Value) -> String {
    let (status, made) = send(api, "POST", "/v1/pins", body).await;
    assert_eq!(status, 201, "{made}");
    format!("/v1/pins/{}", made["id"].as_str().expect("an id"))
}

/// Status, code, and the cause in the timeline.
async fn end(api: &Api, path: &str) -> (String, Value, Value) {
    let timeline = get(api, &format!("{path}/timeline")).await;
    let pin = get(api, path).await;
    assert_eq!(pin["error_code"], timeline["error_code"]);
    (pin["status"].as_str().expect("a status").to_owned(), pin["error_code"].clone(), timeline["late_cause"].clone())
}

fn failed(cause: &str) -> (String, Value, Value) {
    ("failed".into(), json!("too_late"), json!(cause))
}

/// Everything that keeps a pin from starting, with the cause that is told.
#[tokio::test]
async fn a_pin_that_has_not_started_in_time_fails_soon_and_says_what_it_waited_for() {
    for (failure, cause) in [
        (Failure::TokenRevoked, "hold"),
        (Failure::TrialAccess, "hold"),
        (Failure::RateLimited, "pause"),
        (Failure::SpamBlock, "pause"),
    ] {
        let api = api().await;
        api.world.pinterest.refuse(Some(failure));
        accept(&api, pin("first", None)).await;
        api.world.run_for_ms(MINUTE_MS).await;
        let before = api.world.now().plus_ms(20 * SECOND_MS);
        let (doomed, patient) =
            (accept(&api, pin("doomed", Some(before))).await, accept(&api, pin("patient", None)).await);
        api.world.run_until(before.plus_ms(2 * MINUTE_MS + 10 * SECOND_MS)).await;
        assert_eq!(end(&api, &doomed).await, failed(cause), "{failure:?}");
        assert!(["deferred", "queued", "published"].contains(&end(&api, &patient).await.0.as_str()), "{failure:?}");
        api.world.pinterest.refuse(None);
        api.world.run_for_ms(6 * HOUR_MS).await;
        assert_eq!(end(&api, &doomed).await, failed(cause), "{failure:?}: it stays failed");
        let sent = api.world.pinterest.calls();
        assert!(sent.iter().all(|call| call.request.title != "Crane doomed"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_pin_behind_many_others_fails_for_the_backlog_and_one_that_starts_in_time_is_published() {
    let api = api().await;
    accept_numbered(&api.world, 0..400).await;
    let soon = accept(&api, pin("soon", Some(START.plus_ms(2 * MINUTE_MS)))).await;
    let late = accept(&api, pin("late", Some(START.plus_ms(20 * MINUTE_MS)))).await;
    api.world.run_for_ms(30 * MINUTE_MS).await;
    assert_eq!(end(&api, &soon).await, failed("backlog"));
    assert_eq!(end(&api, &late).await.0, "published");
}

#[tokio::test]
async fn an_unresolved_outcome_is_never_dropped_for_coming_too_late() {
    for (answer, wanted) in [(Answer::LOST_WITH_COMMIT, "published"), (Answer::LOST_WITHOUT_COMMIT, "failed")] {
        let api = api().await;
        api.world.pinterest.answer("Crane lost", [answer.clone()]);
        let path = accept(&api, pin("lost", Some(START.plus_ms(20 * SECOND_MS)))).await;
        api.world.run_for_ms(90 * SECOND_MS).await;
        let pin = get(&api, &path).await;
        assert_eq!((&pin["status"], &pin["error_code"]), (&json!("publishing"), &json!("outcome_unknown")), "{pin}");
        api.world.run_for_ms(7 * HOUR_MS).await;
        let (status, code, cause) = end(&api, &path).await;
        assert_eq!(status, wanted, "{answer:?}");
        if wanted == "failed" {
            assert_eq!((code, cause), (json!("too_late"), json!("retries")), "the board shows that it does not exist");
        }
        let pins = api.world.pinterest.pins().len();
        assert_eq!(pins, usize::from(wanted == "published"));
    }
}

#[tokio::test]
async fn a_waiting_pin_says_when_it_is_given_up() {
    let api = api().await;
    api.world.pinterest.refuse(Some(Failure::RateLimited));
    accept(&api, pin("first", None)).await;
    api.world.run_for_ms(MINUTE_MS).await;
    api.world.pinterest.refuse(Some(Failure::TokenRevoked));
    let before = api.world.now().plus_ms(2 * SECOND_MS);
    let path = accept(&api, pin("doomed", Some(before))).await;
    let waiting = get(&api, &path).await;
    assert_eq!((&waiting["next_action"], &waiting["next_at"]), (&json!("give_up"), &json!(before.rfc3339())));
    assert_eq!(waiting["publish_before"], json!(before.rfc3339()));
    let reason = waiting["next_reason"].as_str().expect("a text");
    assert!(reason.contains("too_late") && reason.contains(&before.rfc3339()), "{reason}");
    api.world.system.advance_ms(6 * SECOND_MS);
    let over = get(&api, &path).await;
    assert_eq!(
        (&over["next_action"], &over["next_at"], &over["error_code"]),
        (&json!("give_up"), &Value::Null, &json!("too_late"))
    );
}

#[tokio::test]
async fn a_repetition_after_the_time_still_answers_the_pin() {
    let api = api().await;
    let body = pin("once", Some(START.plus_ms(30 * SECOND_MS)));
    let path = accept(&api, body.clone()).await;
    api.world.run_for_ms(HOUR_MS).await;
    for body in [body, pin("once", None), pin("once", Some(START.plus_ms(2 * HOUR_MS)))] {
        let (status, again) = send(&api, "POST", "/v1/pins", body).await;
        assert_eq!((status, format!("/v1/pins/{}", again["id"].as_str().expect("an id"))), (200, path.clone()));
        assert_eq!(again["publish_before"], json!(START.plus_ms(30 * SECOND_MS).rfc3339()), "the first counts");
    }
}

/// A pin that failed with `too_late` while its account was on hold, which works again: the pin's path.
async fn with_a_pin_that_came_too_late() -> (Api, String) {
    let api = api().await;
    api.world.pinterest.refuse(Some(Failure::TokenRevoked));
    let path = accept(&api, pin("again", Some(START.plus_ms(30 * SECOND_MS)))).await;
    api.world.run_for_ms(10 * MINUTE_MS).await;
    assert_eq!(end(&api, &path).await.1, json!("too_late"));
    api.world.pinterest.refuse(None);
    api.world.run_for_ms(20 * MINUTE_MS).await;
    (api, path)
}

#[tokio::test]
async fn a_pin_that_came_too_late_is_retried_only_with_another_time() {
    for (body, patch) in [
        (json!({"publish_before": null}), false),
        (json!({"publish_before": START.plus_ms(3 * HOUR_MS).rfc3339()}), false),
        (json!({"publish_before": null}), true),
        (json!({"publish_before": START.plus_ms(3 * HOUR_MS).rfc3339()}), true),
    ] {
        let (api, path) = with_a_pin_that_came_too_late().await;
        let retry = format!("{path}/retry");
        for refused in [Value::Null, json!({"publish_before": START.rfc3339()})] {
            let (status, answer) = send(&api, "POST", &retry, refused).await;
            assert_eq!((status, &answer["code"]), (409, &json!("too_late")), "{answer}");
        }
        let (status, answer) = send(&api, "PATCH", &path, json!({"publish_before": START.rfc3339()})).await;
        assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{answer}");
        let (status, answer) = if patch {
            let (status, answer) = send(&api, "PATCH", &path, body.clone()).await;
            assert_eq!(status, 200, "{answer}");
            send(&api, "POST", &retry, Value::Null).await
        } else {
            send(&api, "POST", &retry, body.clone()).await
        };
        assert_eq!((status, &answer["publish_before"]), (200, &body["publish_before"]), "{answer}");
        api.world.run_for_ms(20 * MINUTE_MS).await;
        let (status, _, cause) = end(&api, &path).await;
        assert_eq!((status.as_str(), cause), ("published", Value::Null));
    }
}

#[tokio::test]
async fn a_changed_time_leaves_a_second_to_start() {
    let api = api().await;
    api.world.pinterest.refuse(Some(Failure::TokenRevoked));
    let path = accept(&api, pin("held", None)).await;
    let at = START.plus_ms(MINUTE_MS);
    let scheduled = plan(&api, schedule("Soon", at, None)).await;
    api.world.run_for_ms(SECOND_MS).await;
    let scheduled_pin = format!("/v1/pins/{}", get(&api, &scheduled).await["pin_id"].as_str().unwrap_or_default());
    let is_released = scheduled_pin.len() > "/v1/pins/".len();
    for (path, start) in [(&path, api.world.system.now()), (&scheduled, at), (&scheduled_pin, at)] {
        if path == &scheduled_pin && !is_released {
            continue;
        }
        for ms in [0, 1, 500, 999] {
            let change = json!({"publish_before": start.plus_ms(ms).rfc3339()});
            let (status, answer) = send(&api, "PATCH", path, change).await;
            assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{path} {ms}: {answer}");
            assert!(answer["message"].as_str().is_some_and(|text| text.contains("at least a second")), "{answer}");
        }
        let change = json!({"publish_before": start.plus_ms(MINUTE_MS).rfc3339()});
        assert_eq!(send(&api, "PATCH", path, change).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn a_retry_leaves_a_second_to_start() {
    let api = api().await;
    api.world.pinterest.refuse(Some(Failure::BoardNotFound));
    let path = accept(&api, pin("again", None)).await;
    api.world.run_for_ms(MINUTE_MS).await;
    assert_eq!(get(&api, &path).await["status"], "failed");
    let retry = format!("{path}/retry");
    for ms in [1, 500, 999] {
        let before = api.world.system.now().plus_ms(ms).rfc3339();
        let (status, answer) = send(&api, "POST", &retry, json!({"publish_before": before})).await;
        assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{ms}: {answer}");
    }
    let before = api.world.system.now().plus_ms(SECOND_MS).rfc3339();
    assert_eq!(send(&api, "POST", &retry, json!({"publish_before": before})).await.0, 200);
}

#[tokio::test]
async fn a_changed_time_counts_also_where_nothing_else_reads_the_pin() {
    let api = api().await;
    api.world.pinterest.refuse(Some(Failure::TokenRevoked));
    accept(&api, pin("first", None)).await;
    api.world.run_for_ms(MINUTE_MS).await;
    let path = accept(&api, pin("later", None)).await;
    let before = api.world.now().plus_ms(5 * MINUTE_MS).rfc3339();
    let (status, changed) = send(&api, "PATCH", &path, json!({"publish_before": before})).await;
    assert_eq!((status, &changed["publish_before"]), (200, &json!(before)));
    api.world.run_for_ms(4 * MINUTE_MS).await;
    assert_eq!(end(&api, &path).await.0, "deferred");
    api.world.run_for_ms(3 * MINUTE_MS).await;
    assert_eq!(end(&api, &path).await, failed("hold"));
}

fn schedule(title: &str, run_at: Moment, publish_before: Option<Moment>) -> Value {
    json!({"account_id": testdata::account(), "board_id": "700000000000000002", "title": title,
           "image_url": "https://example.com/a.jpg", "run_at": run_at.rfc3339(),
           "publish_before": publish_before.map(|at| at.rfc3339())})
}

/// Creates a schedule; returns its path.
async fn plan(api: &Api, body: Value) -> String {
    let (status, made) = send(api, "POST", "/v1/schedules", body).await;
    assert_eq!(status, 201, "{made}");
    format!("/v1/schedules/{}", made["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_schedule_that_is_late_says_by_how_much_and_why() {
    let at = START.plus_ms(HOUR_MS);
    // The dispatcher doesn't run for a while.
    let slow = api().await;
    let path = plan(&slow, schedule("Outage", at, None)).await;
    slow.world.system.advance_ms(HOUR_MS + 10 * MINUTE_MS);
    slow.world.run_for_ms(2 * MINUTE_MS).await;
    let done = get(&slow, &path).await;
    assert_eq!((&done["status"], &done["late_cause"]), (&json!("done"), &json!("outage")), "{done}");
    assert!(done["late_by_seconds"].as_f64().is_some_and(|late| late >= 600.0), "{done}");
    let timeline = get(&slow, &format!("/v1/pins/{}/timeline", done["pin_id"].as_str().expect("a pin"))).await;
    assert_eq!((&timeline["due_at"], &timeline["late_cause"]), (&json!(at.rfc3339()), &json!("outage")), "{timeline}");
    assert_eq!(timeline["late_by_seconds"], done["late_by_seconds"]);
    // Pinterest pauses the account over its time; its connection doesn't work at its time.
    for (failure, cause) in [(Failure::SpamBlock, "pause"), (Failure::TokenRevoked, "hold")] {
        let api = api().await;
        let path = plan(&api, schedule("Waits", at, None)).await;
        api.world.run_until(at.plus_ms(-5 * MINUTE_MS)).await;
        api.world.pinterest.refuse(Some(failure));
        accept(&api, pin("first", None)).await;
        api.world.run_until(at.plus_ms(10 * MINUTE_MS)).await;
        api.world.pinterest.refuse(None);
        api.world.run_for_ms(6 * HOUR_MS).await;
        let done = get(&api, &path).await;
        assert_eq!((&done["status"], &done["late_cause"]), (&json!("done"), &json!(cause)), "{failure:?}: {done}");
    }
}

#[tokio::test]
async fn a_schedule_in_time_has_no_cause_and_one_that_comes_too_late_is_not_published() {
    let at = START.plus_ms(HOUR_MS);
    let in_time = api().await;
    let path = plan(&in_time, schedule("In time", at, Some(at.plus_ms(SECOND_MS)))).await;
    in_time.world.run_until(at.plus_ms(MINUTE_MS)).await;
    let done = get(&in_time, &path).await;
    assert_eq!((&done["status"], &done["late_cause"]), (&json!("done"), &Value::Null), "{done}");
    assert_eq!(done["payload"]["publish_before"], json!(at.plus_ms(SECOND_MS).rfc3339()));
    // The dispatcher sleeps over its time; its account doesn't work.
    let slow = api().await;
    let path = plan(&slow, schedule("Too late", at, Some(at.plus_ms(MINUTE_MS)))).await;
    slow.world.system.advance_ms(HOUR_MS + 10 * MINUTE_MS);
    slow.world.run_for_ms(2 * MINUTE_MS).await;
    let failed = get(&slow, &path).await;
    assert_eq!(
        (&failed["status"], &failed["error_code"], &failed["late_cause"]),
        (&json!("failed"), &json!("too_late"), &json!("outage")),
        "{failed}"
    );
    let held = api().await;
    let path = plan(&held, schedule("Held", at, Some(at.plus_ms(MINUTE_MS)))).await;
    held.world.pinterest.refuse(Some(Failure::TokenRevoked));
    held.world.run_until(at.plus_ms(4 * MINUTE_MS)).await;
    let failed = get(&held, &path).await;
    assert_eq!((&failed["status"], &failed["error_code"]), (&json!("failed"), &json!("too_late")), "{failed}");
    for world in [&slow.world, &held.world] {
        assert!(world.pinterest.pins().is_empty());
    }
}

/// With a pin and without one; by the body, a header, and in bulk.
#[tokio::test]
async fn a_schedule_that_came_too_late_is_retried_with_another_time() {
    let at = START.plus_ms(HOUR_MS);
    let later = at.plus_ms(5 * HOUR_MS).rfc3339();
    for has_pin in [false, true] {
        for (body, header, wanted) in [
            (json!({"publish_before": null}), None, Value::Null),
            (json!({"publish_before": later}), None, json!(later)),
            (json!({}), Some(later.as_str()), json!(later)),
            (json!({"publish_before": null}), Some(later.as_str()), Value::Null),
        ] {
            for is_bulk in [false, true] {
                let api = api().await;
                let path = plan(&api, schedule("Too late", at, Some(at.plus_ms(MINUTE_MS)))).await;
                if has_pin {
                    api.world.pinterest.refuse(Some(Failure::TokenRevoked));
                    api.world.run_until(at.plus_ms(4 * MINUTE_MS)).await;
                    api.world.pinterest.refuse(None);
                    api.world.run_for_ms(20 * MINUTE_MS).await;
                } else {
                    api.world.system.advance_ms(HOUR_MS + 10 * MINUTE_MS);
                    api.world.run_for_ms(2 * MINUTE_MS).await;
                }
                let failed = get(&api, &path).await;
                assert_eq!(failed["error_code"], json!("too_late"), "{failed}");
                let retry = async |body: Value, header: Option<&str>| {
                    let (path, mut body) = if is_bulk {
                        ("/v1/schedules/bulk-retry".to_owned(), body)
                    } else {
                        (format!("{path}/retry"), body)
                    };
                    if is_bulk {
                        body["ids"] = json!([failed["id"]]);
                    }
                    let request = Request::post(path).header("x-api-key", &api.key);
                    let request = header
                        .into_iter()
                        .fold(request, |request, at| request.header("x-pinbridge-publish-before", at));
                    let (status, _, answer) =
                        api.send(request.body(Body::from(body.to_string())).expect("a request")).await;
                    let code = if is_bulk { &answer["results"][0]["error_code"] } else { &answer["code"] };
                    (status, code.clone())
                };
                let soon = api.world.system.now().plus_ms(500).rfc3339();
                for (refused, code) in [
                    (json!({}), "too_late"),
                    (json!({"publish_before": START.rfc3339()}), "too_late"),
                    (json!({"publish_before": soon}), "validation_error"),
                ] {
                    let (status, got) = retry(refused.clone(), None).await;
                    assert_eq!((status >= 400 || is_bulk, &got), (true, &json!(code)), "{has_pin} {refused}");
                }
                let (status, code) = retry(body.clone(), header).await;
                assert_eq!((status, code), (200, Value::Null), "{has_pin} {is_bulk} {body} {header:?}");
                api.world.run_for_ms(20 * MINUTE_MS).await;
                let done = get(&api, &path).await;
                assert_eq!((&done["status"], &done["payload"]["publish_before"]), (&json!("done"), &wanted), "{done}");
                assert_eq!(api.world.pinterest.pins().len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn pins_that_came_too_late_are_retried_in_bulk_with_another_time() {
    for in_header in [false, true] {
        let (api, path) = with_a_pin_that_came_too_late().await;
        let id = path.rsplit('/').next().expect("an id");
        let later = START.plus_ms(3 * HOUR_MS).rfc3339();
        let bulk = "/v1/pins/bulk-retry";
        let (_, refused) = send(&api, "POST", bulk, json!({"ids": [id]})).await;
        assert_eq!(refused["results"][0]["error_code"], json!("too_late"), "{refused}");
        let body = if in_header { json!({"ids": [id]}) } else { json!({"ids": [id], "publish_before": later}) };
        let request = Request::post(bulk).header("x-api-key", &api.key);
        let request = if in_header { request.header("x-pinbridge-publish-before", &later) } else { request };
        let (status, _, answer) = api.send(request.body(Body::from(body.to_string())).expect("a request")).await;
        assert_eq!((status, &answer["succeeded_count"]), (200, &json!(1)), "{answer}");
        api.world.run_for_ms(20 * MINUTE_MS).await;
        let pin = get(&api, &path).await;
        assert_eq!((&pin["status"], &pin["publish_before"]), (&json!("published"), &json!(later)), "{pin}");
    }
    let api = api().await;
    let request = Request::post("/v1/pins/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/retry").header("x-api-key", &api.key);
    let request = request.header("x-pinbridge-publish-before", "tomorrow").body(Body::empty()).expect("a request");
    let (status, _, answer) = api.send(request).await;
    assert_eq!((status, &answer["detail"][0]["loc"][0]), (422, &json!("header")), "{answer}");
}

#[tokio::test]
async fn a_schedule_may_not_end_before_it_begins() {
    let api = api().await;
    let at = START.plus_ms(HOUR_MS);
    for before in [START, at.plus_ms(-1), at] {
        let (status, answer) = send(&api, "POST", "/v1/schedules", schedule("Never", at, Some(before))).await;
        assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{answer}");
    }
    let path = plan(&api, schedule("Once", at, Some(at.plus_ms(MINUTE_MS)))).await;
    for change in [json!({"run_at": at.plus_ms(MINUTE_MS).rfc3339()}), json!({"publish_before": at.rfc3339()})] {
        let (status, answer) = send(&api, "PATCH", &path, change).await;
        assert_eq!((status, &answer["code"]), (422, &json!("validation_error")), "{answer}");
    }
    let (status, answer) = send(&api, "PATCH", &path, json!({"publish_before": null})).await;
    assert_eq!((status, &answer["payload"]["publish_before"]), (200, &Value::Null));
}
