//! Endpoints that are disabled, deleted and enabled while events are under way.

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use pinbridge_shared::domain::webhook::delivery::State;
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, Endpoint, EndpointKey};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::flows::webhooks::plan_turn::plan_turn;
use pinbridge_shared::testing::fake_webhook_sender::answered;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};

use super::{OTHER_URL, URL, ended, endpoint, health, publish, run_notifier, subscribe, waiting};

/// The entries of the activity log about disabled webhooks.
async fn audited(world: &TestWorld) -> usize {
    let read = world.context.activity.entries(testdata::workspace(), START.plus_ms(-DAY_MS), None, 100);
    let entries = world.faults.spare(read).await.expect("read");
    entries.iter().filter(|entry| entry.action.name == "webhook.disabled").count()
}

#[tokio::test]
async fn a_receiver_that_answers_410_is_disabled_and_the_others_hear_of_it() {
    let world = TestWorld::new(1).await;
    let gone = subscribe(&world, 1, URL, &EventType::defaults()).await;
    let other = subscribe(&world, 2, OTHER_URL, &[EventType::WebhookDisabled]).await;
    world.webhook_sender.answer(URL, answered(410));
    publish(&world, 0..3).await;
    run_notifier(&world, START.plus_ms(HOUR_MS)).await;

    assert_eq!(endpoint(&world, gone).await.disabled, Some(DisabledBy::Receiver));
    assert_eq!(audited(&world).await, 1);
    let heard = world.webhook_sender.sent_to(OTHER_URL);
    assert_eq!(heard.len(), 1);
    let body: Value = serde_json::from_str(&heard[0].request.body).expect("JSON");
    assert_eq!((&body["event"], &body["reason"]), (&json!("webhook.disabled"), &json!("receiver")));
    assert_eq!(ended(&world, other).await.len(), 1);

    // Its events wait without a request and without a turn.
    let requests = world.webhook_sender.sent_to(URL).len();
    publish(&world, 3..4).await;
    run_notifier(&world, START.plus_ms(DAY_MS)).await;
    assert_eq!(world.webhook_sender.sent_to(URL).len(), requests);
    assert!(waiting(&world, gone).await.iter().all(|one| one.state == State::Waiting { next_at: None }));
    assert_eq!((waiting(&world, gone).await.len(), health(&world, gone).await.turn_at), (4, None));

    // Enabled again, everything is sent.
    let disabled = endpoint(&world, gone).await;
    let enabled = Endpoint { rev: disabled.rev + 1, nonce: "enabled".into(), disabled: None, ..disabled };
    let saved = world.faults.spare(world.context.webhooks.save_endpoint(&enabled, None)).await;
    assert!(saved.expect("saved").is_done());
    world.webhook_sender.answer(URL, answered(204));
    plan_turn(&world.context, gone, world.now()).await.expect("planned");
    run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
    assert_eq!((waiting(&world, gone).await.len(), ended(&world, gone).await.len()), (0, 4));
}

/// Writes the endpoint as a person changes it, who may enable it.
async fn changed(world: &TestWorld, key: EndpointKey, is_enabled: bool) {
    let known = endpoint(world, key).await;
    let disabled = known.disabled.filter(|_| !is_enabled);
    let updated_at = world.now();
    let next = Endpoint { rev: known.rev + 1, nonce: "changed".into(), disabled, updated_at, ..known };
    let saved = world.faults.spare(world.context.webhooks.save_endpoint(&next, None)).await;
    assert!(saved.expect("saved").is_done());
}

/// The ids of the events of this kind that reached the URL.
fn heard(world: &TestWorld, url: &str) -> Vec<String> {
    let bodies = world.webhook_sender.sent_to(url).into_iter();
    let bodies = bodies.map(|sent| serde_json::from_str::<Value>(&sent.request.body).expect("JSON"));
    let ends = bodies.filter(|body| body["event"] == json!("webhook.disabled"));
    ends.filter_map(|body| body["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_change_of_a_disabled_endpoint_tells_no_second_time_that_it_is_disabled() {
    let world = TestWorld::new(1).await;
    let gone = subscribe(&world, 1, URL, &[EventType::PinPublished, EventType::WebhookDisabled]).await;
    subscribe(&world, 2, OTHER_URL, &[EventType::WebhookDisabled]).await;
    world.webhook_sender.answer(URL, answered(410));
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    assert_eq!(heard(&world, OTHER_URL).len(), 1);
    world.system.advance_ms(MINUTE_MS);
    changed(&world, gone, false).await;
    world.run_for_ms(HOUR_MS).await;
    assert_eq!((heard(&world, OTHER_URL).len(), audited(&world).await), (1, 1));

    // Nor does it hear of its own end, when it is enabled.
    world.webhook_sender.answer(URL, answered(204));
    changed(&world, gone, true).await;
    plan_turn(&world.context, gone, world.now()).await.expect("planned");
    world.run_for_ms(HOUR_MS).await;
    assert_eq!((heard(&world, URL), waiting(&world, gone).await), (vec![], vec![]));
}

#[tokio::test]
async fn an_endpoint_that_is_enabled_before_the_rescuer_comes_is_told_of_and_logged_all_the_same() {
    let world = TestWorld::new(1).await;
    let gone = subscribe(&world, 1, URL, &EventType::defaults()).await;
    subscribe(&world, 2, OTHER_URL, &[EventType::WebhookDisabled]).await;
    world.webhook_sender.answer(URL, answered(410));
    publish(&world, 0..1).await;
    world.faults.plan("webhooks.save_endpoint", 1, Fault::DieAfter);
    world.run_notifier_once().await;
    assert!(!world.faults.heal(), "it died");
    assert_eq!(endpoint(&world, gone).await.disabled, Some(DisabledBy::Receiver));
    world.webhook_sender.answer(URL, answered(204));
    changed(&world, gone, true).await;
    world.run_for_ms(HOUR_MS).await;
    assert_eq!((heard(&world, OTHER_URL).len(), audited(&world).await), (1, 1));
}

#[tokio::test]
async fn an_endpoint_whose_worker_died_before_it_was_disabled_is_told_of_once_it_is() {
    let world = TestWorld::new(1).await;
    subscribe(&world, 1, URL, &EventType::defaults()).await;
    subscribe(&world, 2, OTHER_URL, &[EventType::WebhookDisabled]).await;
    world.webhook_sender.answer(URL, answered(410));
    publish(&world, 0..1).await;
    world.faults.plan("webhooks.save_endpoint", 1, Fault::DieBefore);
    world.run_notifier_once().await;
    assert!(!world.faults.heal(), "it died");
    world.run_for_ms(HOUR_MS).await;
    assert_eq!((heard(&world, OTHER_URL).len(), audited(&world).await), (1, 1));
}

#[tokio::test]
async fn an_endpoint_is_disabled_after_five_days_of_failures() {
    for (days, is_disabled) in [(5, true), (4, false)] {
        let world = TestWorld::new(1).await;
        let key = subscribe(&world, 1, URL, &EventType::defaults()).await;
        let failing = Health {
            rev: 1,
            nonce: "failing".into(),
            failures: 12,
            failing_since: Some(START.plus_ms(-days * DAY_MS)),
            ..Health::default()
        };
        let saved = world.faults.spare(world.context.webhooks.save_endpoint_health(key, &failing)).await;
        assert!(saved.expect("saved").is_done());
        world.webhook_sender.answer(URL, answered(500));
        publish(&world, 0..1).await;
        run_notifier(&world, START.plus_ms(MINUTE_MS)).await;
        let disabled = endpoint(&world, key).await.disabled;
        assert_eq!(disabled, is_disabled.then_some(DisabledBy::Failures), "{days} days");
        assert_eq!(audited(&world).await, usize::from(is_disabled));
        assert_eq!(waiting(&world, key).await.len(), 1, "its event waits");
    }
}

#[tokio::test]
async fn a_deleted_endpoint_gets_nothing_more() {
    let world = TestWorld::new(1).await;
    let key = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer(URL, answered(500));
    publish(&world, 0..2).await;
    run_notifier(&world, world.now()).await;
    let requests = world.webhook_sender.sent().len();
    world.faults.spare(world.context.webhooks.delete_endpoint(key)).await.expect("deleted");
    publish(&world, 2..3).await;
    world.run_for_ms(HOUR_MS).await;
    assert_eq!(world.webhook_sender.sent().len(), requests);
    assert_eq!(world.queue.notifications(), []);
    assert_eq!(health(&world, key).await, Health::default(), "and leaves no row behind");
}
