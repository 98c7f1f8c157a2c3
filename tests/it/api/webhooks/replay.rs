//! Sending the events of a time again.

use pinbridge_shared::domain::ids::{PinId, PinKey};
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS};
use uuid::Uuid;

use super::*;

async fn replay(api: &Api, endpoint: EndpointKey, body: Value) -> Value {
    let path = format!("{}/replay", path_of(endpoint));
    let (status, answer) = api.call("POST", &path, As::Key(&api.key), body).await;
    assert_eq!(status, 202, "{answer}");
    answer
}

/// The counts of missing, failed and delivered events.
fn counts(report: &Value) -> [&Value; 3] {
    ["missing_count", "failed_count", "delivered_count"].map(|name| &report[name])
}

/// Three accepted pins, of which the first was announced to the webhook.
async fn with_missing(api: &Api) -> (EndpointKey, Vec<PinKey>) {
    let endpoint = created(api, &["pin.accepted"]).await;
    let mut pins = Vec::new();
    for name in ["a", "b", "c"] {
        api.world.system.advance_ms(1_000);
        pins.push(api.world.accept(name).await);
    }
    let (pin, _) = api.world.pin(pins[0]).await;
    let id = DeliveryId::of(endpoint, EventId::of_pin(pins[0], 1));
    let known = Delivery {
        key: DeliveryKey { endpoint, event_at: pin.created_at, id },
        source: Source::Pin { pin: pins[0].pin, sequence: 1, told: None },
        ..delivery(endpoint, EventType::PinAccepted, 1, pin.created_at, State::Delivered)
    };
    put(api, &known).await;
    (endpoint, pins)
}

/// The pins whose acceptance these messages name, each with a copy of that event.
fn acceptances(sent: &[NotifyWork]) -> Vec<PinId> {
    let named = sent.iter().map(|work| match work {
        NotifyWork::Pin { pin, from: 1, to: 1, copies } if copies.len() == 1 => *pin,
        other => panic!("{other:?}"),
    });
    named.collect()
}

/// Forgets what was announced so far.
fn forget(api: &Api) {
    asked(api);
}

#[tokio::test]
async fn what_is_missing_is_counted_and_then_sent() {
    let api = Api::new().await;
    let since = api.world.now().rfc3339();
    let (endpoint, pins) = with_missing(&api).await;
    let body = json!({"since": since, "only": "missing", "dry_run": true});
    let early = replay(&api, endpoint, body.clone()).await;
    assert_eq!((counts(&early), &early["pins_read"]), ([&json!(0); 3], &json!(0)), "they may be on their way");
    api.world.system.advance_ms(2 * MINUTE_MS);
    forget(&api);
    let dry = replay(&api, endpoint, body).await;
    assert_eq!((counts(&dry), &dry["pins_read"]), ([&json!(2), &json!(0), &json!(0)], &json!(3)), "{dry}");
    assert_eq!((&dry["dry_run"], &dry["next_cursor"], asked(&api)), (&json!(true), &Value::Null, vec![]));
    let done = replay(&api, endpoint, json!({"since": since, "only": "missing"})).await;
    assert_eq!((counts(&done), &done["dry_run"]), (counts(&dry), &json!(false)));
    let sent = asked(&api);
    assert_eq!(acceptances(&sent), [pins[1], pins[2]].map(|pin| pin.pin));
}

#[tokio::test]
async fn only_events_of_the_time_that_the_webhook_hears_are_missing() {
    let api = Api::new().await;
    let before = api.world.now();
    let (endpoint, pins) = with_missing(&api).await;
    let (last, _) = api.world.pin(pins[2]).await;
    api.world.system.advance_ms(2 * MINUTE_MS);
    let count = async |body: Value| {
        let mut whole = json!({"since": before.rfc3339(), "only": "missing", "dry_run": true});
        whole.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        replay(&api, endpoint, whole).await["missing_count"].clone()
    };
    assert_eq!(count(json!({})).await, 2);
    assert_eq!(count(json!({"until": last.created_at.rfc3339()})).await, 1, "until is not in it");
    assert_eq!(count(json!({"since": last.created_at.rfc3339()})).await, 1, "since is");
    assert_eq!(count(json!({"since": last.created_at.plus_ms(1).rfc3339()})).await, 0);
    assert_eq!(count(json!({"event_types": ["pin.failed"]})).await, 0);
    assert_eq!(count(json!({"event_types": ["pin.failed", "pin.accepted"]})).await, 2);
    let other = created(&api, &["pin.accepted"]).await;
    let body = json!({"since": before.rfc3339(), "only": "missing", "dry_run": true});
    assert_eq!(replay(&api, other, body).await["missing_count"], 0, "they are from before its creation");
}

#[tokio::test]
async fn what_has_failed_is_sent_again_and_the_rest_stays() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let start = api.world.now().plus_ms(-HOUR_MS);
    let states = [State::Failed, State::Delivered, State::Waiting { next_at: None }, State::Failed, State::Failed];
    let mut all = Vec::new();
    for (number, state) in (0..).zip(states) {
        let event = if number == 3 { EventType::PinPublished } else { EventType::PinFailed };
        all.push(delivery(endpoint, event, number, start.plus_ms(number * MINUTE_MS), state));
        put(&api, &all[all.len() - 1]).await;
    }
    let body = json!({
        "since": start.rfc3339(), "until": start.plus_ms(4 * MINUTE_MS).rfc3339(), "only": "failed",
        "event_types": ["pin.failed"],
    });
    let mut dry = body.clone();
    dry["dry_run"] = json!(true);
    let dry = replay(&api, endpoint, dry).await;
    assert_eq!((counts(&dry), &dry["next_cursor"]), ([&json!(0), &json!(1), &json!(0)], &Value::Null), "{dry}");
    let stored =
        async |nth: usize| api.world.context.webhooks.delivery(all[nth].key).await.expect("read").expect("there");
    assert_eq!((stored(0).await, asked(&api)), (all[0].clone(), vec![]), "a dry run changes nothing");
    assert_eq!(counts(&replay(&api, endpoint, body.clone()).await), counts(&dry));
    let again = stored(0).await;
    assert_eq!((again.state, again.is_replayed), (State::Waiting { next_at: Some(api.world.now()) }, true));
    assert!(has_turn(&api, endpoint));
    for (nth, other) in all.iter().enumerate().skip(1) {
        assert_eq!(stored(nth).await, *other, "{nth}");
    }
    assert_eq!(counts(&replay(&api, endpoint, body).await), [&json!(0); 3], "it waits by now");
}

#[tokio::test]
async fn everything_again_goes_through_the_log_and_then_through_the_pins() {
    let api = Api::new().await;
    let since = api.world.now().rfc3339();
    let (endpoint, pins) = with_missing(&api).await;
    api.world.system.advance_ms(2 * MINUTE_MS);
    forget(&api);
    let mut body = json!({"since": since, "only": "all"});
    let log = replay(&api, endpoint, body.clone()).await;
    assert_eq!((counts(&log), &log["deliveries_read"]), ([&json!(0), &json!(0), &json!(1)], &json!(1)), "{log}");
    body["cursor"] = log["next_cursor"].clone();
    let rest = replay(&api, endpoint, body).await;
    assert_eq!((counts(&rest), &rest["pins_read"]), ([&json!(2), &json!(0), &json!(0)], &json!(3)), "{rest}");
    assert_eq!(rest["next_cursor"], Value::Null);
    let sent: Vec<NotifyWork> =
        asked(&api).into_iter().filter(|work| !matches!(work, NotifyWork::Turn { .. })).collect();
    assert_eq!(acceptances(&sent), [pins[1], pins[2]].map(|pin| pin.pin));
}

#[tokio::test]
async fn a_delivered_event_whose_pin_is_gone_is_counted_and_stays_delivered() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let start = api.world.now().plus_ms(-HOUR_MS);
    let source = Source::Pin { pin: PinId(Uuid::from_u128(5)), sequence: 2, told: None };
    let gone = Delivery { source, ..delivery(endpoint, EventType::PinFailed, 0, start, State::Delivered) };
    put(&api, &gone).await;
    let report = replay(&api, endpoint, json!({"since": start.rfc3339(), "only": "all"})).await;
    assert_eq!((counts(&report), &report["gone_count"]), ([&json!(0); 3], &json!(1)), "{report}");
    let stored = api.world.context.webhooks.delivery(gone.key).await.expect("read").expect("there");
    assert_eq!(stored, gone);
}

#[tokio::test]
async fn a_long_replay_is_done_in_pages() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let start = api.world.now().plus_ms(-HOUR_MS);
    for number in 0..1_200 {
        put(&api, &delivery(endpoint, EventType::PinFailed, number, start.plus_ms(number), State::Failed)).await;
    }
    let mut body = json!({"since": start.plus_ms(100).rfc3339(), "only": "failed"});
    let (mut calls, mut failed) = (0, 0);
    loop {
        let page = replay(&api, endpoint, body.clone()).await;
        calls += 1;
        failed += page["failed_count"].as_u64().expect("a count");
        if page["next_cursor"].is_null() {
            break;
        }
        body["cursor"] = page["next_cursor"].clone();
    }
    assert_eq!((calls, failed), (3, 1_100));
}

#[tokio::test]
async fn what_is_wrong_with_a_replay_is_named() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let path = format!("{}/replay", path_of(endpoint));
    let now = api.world.now();
    let at = |ms: i64| now.plus_ms(ms).rfc3339();
    for (wrong, field) in [
        (json!({"only": "failed"}), "since"),
        (json!({"since": at(0)}), "only"),
        (json!({"since": "yesterday", "only": "failed"}), "since"),
        (json!({"since": at(0), "only": "lost"}), "only"),
        (json!({"since": at(0), "only": "all", "event_types": ["pin.exploded"]}), "event_types"),
        (json!({"since": at(0), "only": "all", "dryrun": true}), "dryrun"),
        (json!({"since": at(0), "only": "all", "cursor": "x"}), "cursor"),
        (json!({"since": at(0), "only": "failed", "cursor": "p"}), "cursor"),
        (json!({"since": at(0), "only": "missing", "cursor": "d"}), "cursor"),
    ] {
        let refused = api.refused("POST", &path, As::Key(&api.key), wrong, 422, "validation_error").await;
        assert_eq!(refused["detail"][0]["loc"], json!(["body", field]), "{refused}");
    }
    for range in [
        json!({"since": at(1), "until": at(0), "only": "all"}),
        json!({"since": at(-7 * DAY_MS - 1), "until": at(0), "only": "all"}),
    ] {
        api.refused("POST", &path, As::Key(&api.key), range, 422, "invalid_date_range").await;
    }
    let whole = json!({"since": at(-7 * DAY_MS), "until": at(0), "only": "all"});
    assert_eq!(replay(&api, endpoint, whole).await["next_cursor"], "p");
}

#[tokio::test]
async fn a_dry_run_counts_for_a_disabled_webhook_too() {
    let api = Api::new().await;
    let since = api.world.now().rfc3339();
    let (endpoint, _) = with_missing(&api).await;
    disable(&api, endpoint, DisabledBy::Failures).await;
    api.world.system.advance_ms(2 * MINUTE_MS);
    let dry = json!({"since": since, "only": "missing", "dry_run": true});
    assert_eq!(replay(&api, endpoint, dry).await["missing_count"], 2);
}
