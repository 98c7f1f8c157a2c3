//! Endpoints that are disabled, deleted and enabled while events are under way.

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use pinbridge_shared::domain::webhook::delivery::State;
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, Endpoint};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::flows::webhooks::plan_turn::plan_turn;
use pinbridge_shared::testing::fake_webhook_sender::answered;
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
