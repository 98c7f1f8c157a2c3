//! The delivery log, deliveries again, and tests.

use pinbridge_shared::domain::ids::PinId;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::time::HOUR_MS;
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::testing::fake_webhook_sender::answered;
use uuid::Uuid;

use super::*;

const WAITING: State = State::Waiting { next_at: None };

/// Of each minute one delivery: number 0 is the oldest. Every third waits, has failed, was delivered.
async fn filled(api: &Api, endpoint: EndpointKey, count: i64) -> Vec<Delivery> {
    let start = api.world.now().plus_ms(-HOUR_MS);
    let mut all = Vec::new();
    for number in 0..count {
        let state = [WAITING, State::Failed, State::Delivered][usize::try_from(number).expect("small") % 3];
        let event = if number % 2 == 0 { EventType::PinPublished } else { EventType::PinFailed };
        let one = delivery(endpoint, event, number, start.plus_ms(number * 60_000), state);
        put(api, &one).await;
        all.push(one);
    }
    all
}

/// The numbers of the deliveries of a page.
fn numbers(page: &Value) -> Vec<i64> {
    let items = page.as_array().expect("a list").iter();
    items.map(|item| item["payload"]["number"].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn those_that_wait_come_first_then_the_newest_that_ended() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    filled(&api, endpoint, 9).await;
    let path = format!("{}/deliveries", path_of(endpoint));
    assert_eq!(numbers(&read(&api, &path).await), [0, 3, 6, 8, 7, 5, 4, 2, 1]);
    for (filter, expected) in [
        ("status=waiting", vec![0, 3, 6]),
        ("status=failed", vec![7, 4, 1]),
        ("status=delivered", vec![8, 5, 2]),
        ("event=pin.failed", vec![3, 7, 5, 1]),
        ("event=pin.published&status=failed", vec![4]),
        ("event=webhook.test", vec![]),
    ] {
        assert_eq!(numbers(&read(&api, &format!("{path}?{filter}")).await), expected, "{filter}");
    }
    let since = api.world.now().plus_ms(-HOUR_MS + 4 * 60_000).rfc3339();
    assert_eq!(numbers(&read(&api, &format!("{path}?since={since}")).await), [6, 8, 7, 5, 4]);
    assert_eq!(numbers(&read(&api, &format!("{path}?since={since}&status=waiting")).await), [6]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_and_end() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    filled(&api, endpoint, 300).await;
    let key = As::Key(&api.key);
    for (filter, limit, count) in
        [("", 7, 300), ("", 100, 300), ("&status=failed", 9, 100), ("&event=pin.failed", 50, 150)]
    {
        let path = format!("{}/deliveries?limit={limit}{filter}", path_of(endpoint));
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, headers, page) = api.full("GET", &format!("{path}{cursor}"), key, Value::Null).await;
            assert_eq!(status, 200, "{page}");
            let found = numbers(&page);
            assert!(!found.is_empty() && found.len() <= limit, "{filter} {limit}: {} found", found.len());
            assert_eq!(headers["x-total-count"], found.len().to_string().as_str());
            seen.extend(found);
            assert_eq!(headers.contains_key("x-next-cursor"), headers.contains_key("x-total-count-relation"));
            let Some(next) = headers.get("x-next-cursor") else { break };
            cursor = format!("&cursor={}", next.to_str().expect("text"));
        }
        assert_eq!(seen.len(), count, "{filter} {limit}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count, "{filter} {limit}: none twice");
    }
}

#[tokio::test]
async fn a_list_that_finds_nothing_near_continues_with_a_cursor() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let start = api.world.now().plus_ms(-HOUR_MS);
    // The oldest of more than one call looks through.
    put(&api, &delivery(endpoint, EventType::PinAccepted, 0, start, State::Delivered)).await;
    for number in 1..=1_100 {
        put(&api, &delivery(endpoint, EventType::PinFailed, number, start.plus_ms(number), State::Delivered)).await;
    }
    let path = format!("{}/deliveries?event=pin.accepted", path_of(endpoint));
    let (_, headers, page) = api.full("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!(page, json!([]));
    let cursor = headers["x-next-cursor"].to_str().expect("text");
    assert_eq!(numbers(&read(&api, &format!("{path}&cursor={cursor}")).await), [0]);
}

#[tokio::test]
async fn a_query_that_can_not_be_meant_is_refused() {
    let api = Api::new().await;
    let path = format!("{}/deliveries", path_of(created(&api, &["pin.failed"]).await));
    for (query, name) in [
        ("status=queued", "status"),
        ("event=pin.exploded", "event"),
        ("since=yesterday", "since"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let whole = format!("{path}?{query}");
        let refused = api.refused("GET", &whole, As::Key(&api.key), Value::Null, 422, "validation_error").await;
        assert_eq!(refused["detail"][0]["loc"], json!(["query", name]), "{refused}");
    }
}

#[tokio::test]
async fn a_delivery_shows_its_tries_and_the_payload_of_its_pin() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.published"]).await;
    let key = api.world.accept("crane").await;
    let (pin, attempt) = api.world.pin(key).await;
    let begun = attempt.begin(api.world.now(), "b".into()).expect("begins");
    assert!(api.world.context.store.save_attempt(&pin, &begun).await.expect("saved").is_done());
    let done = begun.published(api.world.now(), "9".into(), &Upstream::default(), &pin, "p".into()).expect("publishes");
    assert!(api.world.context.store.save_attempt(&pin, &done).await.expect("saved").is_done());
    let event_id = EventId::of_pin(key, 2);
    let next_at = api.world.now().plus_ms(5_000);
    let of_pin = Delivery {
        key: DeliveryKey { id: DeliveryId::of(endpoint, event_id), endpoint, event_at: api.world.now() },
        source: Source::Pin { pin: key.pin, sequence: 2, told: None },
        tries: 2,
        last: Some(LastTry {
            at: api.world.now(),
            status: Some(503),
            error: Some("http_status".into()),
            answer: Some("busy".into()),
            latency_ms: 47,
        }),
        ..delivery(endpoint, EventType::PinPublished, 1, api.world.now(), State::Waiting { next_at: Some(next_at) })
    };
    put(&api, &of_pin).await;
    let item = read(&api, &format!("{}/deliveries", path_of(endpoint))).await[0].take();
    for (name, value) in [
        ("id", json!(of_pin.key.id.0)),
        ("delivery_id", json!(of_pin.key.id.0)),
        ("webhook_id", json!(endpoint.endpoint)),
        ("event_type", json!("pin.published")),
        ("event_id", json!(event_id.0)),
        ("pin_id", json!(key.pin)),
        ("sequence", json!(2)),
        ("status", json!("waiting")),
        ("attempt_count", json!(2)),
        ("last_status_code", json!(503)),
        ("last_error", json!("http_status")),
        ("answer", json!("busy")),
        ("latency_ms", json!(47)),
        ("next_attempt_at", json!(next_at.rfc3339())),
        ("occurred_at", json!(of_pin.key.event_at.rfc3339())),
        ("last_attempt_at", json!(api.world.now().rfc3339())),
        ("is_replayed", json!(false)),
        ("first_delivered_at", json!(null)),
        ("body_sha256", json!("ab".repeat(32))),
    ] {
        assert_eq!(item[name], value, "{name}: {item}");
    }
    let payload = &item["payload"];
    assert_eq!((&payload["event"], &payload["pin_id"]), (&json!("pin.published"), &json!(key.pin)), "{payload}");
    assert_eq!((&payload["id"], &payload["pinterest_pin_id"]), (&json!(event_id.0), &json!("9")), "{payload}");
    let gone = Source::Pin { pin: PinId(Uuid::from_u128(5)), sequence: 2, told: None };
    put(&api, &Delivery { source: gone, ..delivery(endpoint, EventType::PinFailed, 2, api.world.now(), WAITING) })
        .await;
    let all = read(&api, &format!("{}/deliveries?event=pin.failed", path_of(endpoint))).await;
    assert_eq!((&all[0]["payload"], &all[0]["sequence"]), (&json!({}), &json!(2)), "its pin is gone");
}

#[tokio::test]
async fn a_delivery_shows_the_turn_that_sends_it_and_no_time_before_its_webhook_may_be_sent_to() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let now = api.world.now();
    let before = api.world.context.webhooks.endpoint_health(endpoint).await.expect("read");
    let (turn_at, held_until) = (now.plus_ms(600_000), now.plus_ms(60_000));
    let health = Health {
        rev: before.rev + 1,
        nonce: "turn".into(),
        turn_at: Some(turn_at),
        held_until: Some(held_until),
        ..before
    };
    assert!(api.world.context.webhooks.save_endpoint_health(endpoint, &health).await.expect("saved").is_done());
    put(&api, &delivery(endpoint, EventType::PinFailed, 1, now, WAITING)).await;
    let due = State::Waiting { next_at: Some(now) };
    put(&api, &delivery(endpoint, EventType::PinFailed, 2, now.plus_ms(1), due)).await;
    put(&api, &delivery(endpoint, EventType::PinFailed, 3, now, State::Failed)).await;
    let path = format!("{}/deliveries", path_of(endpoint));
    let times = async || {
        let page = read(&api, &path).await;
        page.as_array().expect("a list").iter().map(|item| item["next_attempt_at"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(times().await, [json!(turn_at.rfc3339()), json!(held_until.rfc3339()), Value::Null]);
    disable(&api, endpoint, DisabledBy::Failures).await;
    assert_eq!(times().await, [Value::Null, Value::Null, Value::Null], "they wait until it is enabled");
}

#[tokio::test]
async fn a_delivery_is_found_by_its_id_and_sooner_by_its_time() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let all = filled(&api, endpoint, 6).await;
    let path = format!("{}/deliveries", path_of(endpoint));
    for one in &all {
        let (id, at) = (one.key.id.0, one.key.event_at.rfc3339());
        let by_id = read(&api, &format!("{path}/{id}")).await;
        assert_eq!((&by_id["id"], &by_id["occurred_at"]), (&json!(id), &json!(at)));
        api.world.faults.take_calls();
        assert_eq!(read(&api, &format!("{path}/{id}?occurred_at={at}")).await, by_id);
        let calls = api.world.faults.take_calls();
        assert!(!calls.contains(&"webhooks.deliveries"), "one read: {calls:?}");
        let other = one.key.event_at.plus_ms(1).rfc3339();
        let elsewhere = format!("{path}/{id}?occurred_at={other}");
        api.refused("GET", &elsewhere, As::Key(&api.key), Value::Null, 404, "not_found").await;
    }
    api.refused("GET", &format!("{path}/{NOBODYS}"), As::Key(&api.key), Value::Null, 404, "not_found").await;
    let refused =
        api.refused("GET", &format!("{path}/x"), As::Key(&api.key), Value::Null, 422, "validation_error").await;
    assert_eq!(refused["detail"][0]["loc"], json!(["path", "delivery_id"]), "{refused}");
    let other = created(&api, &["pin.failed"]).await;
    let of_other = format!("{}/deliveries/{}", path_of(other), all[0].key.id.0);
    api.refused("GET", &of_other, As::Key(&api.key), Value::Null, 404, "not_found").await;
}

#[tokio::test]
async fn an_id_that_is_not_among_the_newest_needs_its_time() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let start = api.world.now().plus_ms(-HOUR_MS);
    let oldest = delivery(endpoint, EventType::PinFailed, 0, start, State::Failed);
    put(&api, &oldest).await;
    for number in 1..=2_000 {
        put(&api, &delivery(endpoint, EventType::PinFailed, number, start.plus_ms(number), State::Failed)).await;
    }
    let path = format!("{}/deliveries/{}", path_of(endpoint), oldest.key.id.0);
    let refused = api.refused("GET", &path, As::Key(&api.key), Value::Null, 422, "validation_error").await;
    assert_eq!(refused["detail"][0]["loc"], json!(["query", "occurred_at"]), "{refused}");
    let found = read(&api, &format!("{path}?occurred_at={}", start.rfc3339())).await;
    assert_eq!(found["id"], json!(oldest.key.id.0));
}

#[tokio::test]
async fn a_delivery_is_requested_again_whatever_became_of_it() {
    for state in [State::Failed, State::Delivered, State::Waiting { next_at: Some(Moment(i64::MAX / 2)) }] {
        let api = Api::new().await;
        let endpoint = created(&api, &["pin.failed"]).await;
        let one = delivery(endpoint, EventType::PinFailed, 1, api.world.now().plus_ms(-HOUR_MS), state);
        put(&api, &one).await;
        assert!(!has_turn(&api, endpoint));
        let path = format!("{}/deliveries/{}/redeliver", path_of(endpoint), one.key.id.0);
        let (status, again) = api.call("POST", &path, As::Key(&api.key), Value::Null).await;
        assert_eq!(status, 202, "{again}");
        let (now, id) = (api.world.now(), json!(one.key.id.0));
        assert_eq!((&again["status"], &again["id"], &again["is_replayed"]), (&json!("waiting"), &id, &json!(true)));
        assert_eq!((&again["attempt_count"], &again["next_attempt_at"]), (&json!(0), &json!(now.rfc3339())));
        let stored = api.world.context.webhooks.delivery(one.key).await.expect("read").expect("there");
        assert_eq!((stored.state, stored.tries, stored.is_replayed), (State::Waiting { next_at: Some(now) }, 0, true));
        let first = one.last.as_ref().filter(|_| state == State::Delivered).map(|last| last.at);
        assert_eq!(
            (stored.delivered_before, &again["first_delivered_at"]),
            (first, &json!(first.map(|at| at.rfc3339())))
        );
        assert_eq!(stored.expires_at, now.plus_ms(30 * DAY_MS), "it is kept as long as a new one");
        assert!(has_turn(&api, endpoint), "{state:?}");
    }
}

#[tokio::test]
async fn a_delivered_event_whose_pin_is_gone_is_not_requested_again() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let source = Source::Pin { pin: PinId(Uuid::from_u128(5)), sequence: 2, told: None };
    let one = delivery(endpoint, EventType::PinFailed, 1, api.world.now(), State::Delivered);
    let gone = Delivery { source, ..one };
    put(&api, &gone).await;
    let path = format!("{}/deliveries/{}/redeliver", path_of(endpoint), gone.key.id.0);
    api.refused("POST", &path, As::Key(&api.key), Value::Null, 409, "event_gone").await;
    let stored = api.world.context.webhooks.delivery(gone.key).await.expect("read").expect("there");
    assert_eq!(stored, gone, "it stays delivered");
    assert!(!has_turn(&api, endpoint));
}

#[tokio::test]
async fn a_repetition_takes_the_time_in_its_body_and_nothing_else() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let one = delivery(endpoint, EventType::PinFailed, 1, api.world.now(), State::Failed);
    put(&api, &one).await;
    let path = format!("{}/deliveries/{}/redeliver", path_of(endpoint), one.key.id.0);
    let key = As::Key(&api.key);
    api.refused("POST", &path, key, json!({"occured_at": "x"}), 422, "validation_error").await;
    api.refused("POST", &path, key, json!({"occurred_at": "x"}), 422, "validation_error").await;
    let other = json!({"occurred_at": one.key.event_at.plus_ms(1).rfc3339()});
    api.refused("POST", &path, key, other, 404, "not_found").await;
    let at = json!({"occurred_at": one.key.event_at.rfc3339()});
    assert_eq!(api.call("POST", &path, key, at).await.0, 202);
}

#[tokio::test]
async fn a_test_is_sent_to_its_webhook_only() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    created(&api, &["pin.failed"]).await;
    let path = format!("{}/test", path_of(endpoint));
    let (status, test) = api.call("POST", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 202, "{test}");
    let sent = asked(&api);
    let [NotifyWork::Stored { event_id, event, at, payload, to }] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((*event, *at, *to), (EventType::WebhookTest, api.world.now(), Some(endpoint.endpoint)));
    assert_eq!(test["id"], json!(DeliveryId::of(endpoint, *event_id).0));
    assert_eq!((&test["event_id"], &test["event_type"]), (&json!(event_id.0), &json!("webhook.test")));
    assert_eq!((&test["occurred_at"], &test["next_attempt_at"]), (&json!(at.rfc3339()), &json!(at.rfc3339())));
    let payload: Value = serde_json::from_str(payload).expect("JSON");
    assert_eq!((&payload["id"], &payload["event"]), (&test["event_id"], &test["event_type"]));
    api.world.system.advance_ms(1);
    let (_, second) = api.call("POST", &path, As::Key(&api.key), Value::Null).await;
    assert_ne!(second["id"], test["id"], "another event");
}

#[tokio::test]
async fn nothing_is_sent_to_a_disabled_webhook() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.failed"]).await;
    let one = delivery(endpoint, EventType::PinFailed, 1, api.world.now().plus_ms(-HOUR_MS), State::Failed);
    put(&api, &one).await;
    disable(&api, endpoint, DisabledBy::Caller).await;
    let path = path_of(endpoint);
    let replay = json!({"since": one.key.event_at.rfc3339(), "only": "failed"});
    for (path, body) in [
        (format!("{path}/test"), Value::Null),
        (format!("{path}/deliveries/{}/redeliver", one.key.id.0), Value::Null),
        (format!("{path}/replay"), replay),
    ] {
        api.refused("POST", &path, As::Key(&api.key), body, 409, "webhook_disabled").await;
    }
    let stored = api.world.context.webhooks.delivery(one.key).await.expect("read");
    assert_eq!((stored, asked(&api)), (Some(one), vec![]));
}

/// The entries of the pin's timeline that are about webhooks.
async fn in_timeline(api: &Api, pin: PinId) -> Vec<Value> {
    let timeline = read(api, &format!("/v1/pins/{pin}/timeline")).await;
    let events = timeline["events"].as_array().expect("events").iter();
    events.filter(|event| event["type"].as_str().is_some_and(|name| name.starts_with("webhook_"))).cloned().collect()
}

#[tokio::test]
async fn the_timeline_of_a_pin_shows_its_deliveries_as_they_stand() {
    let api = Api::new().await;
    let endpoint = created(&api, &["pin.accepted", "pin.published"]).await;
    api.world.webhook_sender.answer_next(URL, [answered(204), answered(500)]);
    let key = api.world.accept("key").await;
    assert!(in_timeline(&api, key.pin).await.is_empty(), "nothing was sent yet");
    assert_eq!(api.world.run_notifier_once().await, 1);
    api.world.run_publisher_once().await;
    assert_eq!(api.world.run_notifier_once().await, 1);

    let shown = in_timeline(&api, key.pin).await;
    let names: Vec<&str> = shown.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(names, ["webhook_delivered", "webhook_failing"], "{shown:?}");
    let wanted = json!({
        "webhook_id": endpoint.endpoint.0,
        "delivery_id": DeliveryId::of(endpoint, EventId::of_pin(key, 2)).0,
        "event_type": "pin.published",
        "sequence": 2,
        "tries": 1,
        "last_status": 500,
        "last_error": "http_status",
        "is_replayed": false,
        "first_delivered_at": null,
    });
    assert_eq!(shown[1]["delivery"], wanted);
    assert!(shown[1]["next_at"].is_string() && shown[0]["next_at"].is_null(), "{shown:?}");
    let text = shown[0]["text"].as_str().expect("a sentence");
    assert!(text.contains("pin.accepted was delivered") && text.contains("(HTTP 204)"), "{text}");

    // No other endpoint hears of it, and a key with an allow-list sees the deliveries of its account's pin.
    let (limited, _) = api.new_key(json!({"name": "limited", "pinterest_account_ids": [testdata::account()]})).await;
    let path = format!("/v1/pins/{}/timeline", key.pin);
    let (status, timeline) = api.call("GET", &path, As::Key(&limited), Value::Null).await;
    assert_eq!(status, 200, "{timeline}");
    assert!(timeline["events"].as_array().expect("events").contains(&shown[1]), "{timeline}");
}

#[tokio::test]
async fn the_timeline_of_a_workspace_without_webhooks_reads_that_there_are_none() {
    let api = Api::new().await;
    let key = api.world.accept("key").await;
    api.world.faults.take_calls();
    assert!(in_timeline(&api, key.pin).await.is_empty());
    let calls = api.world.faults.take_calls();
    let of_webhooks: Vec<&str> = calls.into_iter().filter(|call| call.starts_with("webhooks.")).collect();
    assert_eq!(of_webhooks, ["webhooks.endpoints"]);
}
