//! Deaths and lost messages: the rescuer finds what has no delivery, and what has no turn.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use pinbridge_shared::altered_port;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::ids::{EndpointId, WorkspaceId};
use pinbridge_shared::domain::pin::Placement;
use pinbridge_shared::domain::recovery::RecoveryMarker;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryKey, State};
use pinbridge_shared::domain::webhook::endpoint::{DisabledBy, Endpoint, EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::health::Health;
use pinbridge_shared::domain::webhook::replay::ReplayRun;
use pinbridge_shared::flows::webhooks::rescue_endpoint::rescue_endpoint;
use pinbridge_shared::ports::{Listed, PortResult, QueueName, Webhooks, Write};
use pinbridge_shared::testing::fake_webhook_sender::answered;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use super::super::accept_numbered;
use super::{URL, delivery_id, ended, publish, run_notifier, subscribe, waiting};
use crate::support::sweep::{FAULTS, sweep};

/// The number of the event that an ordinary pin was published, after its acceptance.
const PUBLISHED: u32 = 2;

#[tokio::test]
async fn a_death_between_the_commit_and_its_message_is_mended_by_the_rescuer_with_the_same_id() {
    for fault in DEATHS.into_iter().chain([Fault::FailBefore, Fault::FailAfter]) {
        let world = TestWorld::new(1).await;
        let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
        world.faults.plan("queue.send_notify", 1, fault);
        let pin = publish(&world, 0..1).await[0];
        assert!(!world.faults.heal(), "{fault:?}: the message was sent");
        world.run_until(START.plus_ms(10 * MINUTE_MS)).await;
        let sent = world.webhook_sender.sent();
        let id = delivery_id(endpoint, pin, PUBLISHED).0.to_string();
        assert_eq!(sent.len(), 1, "{fault:?}");
        assert_eq!(sent[0].header("X-PinBridge-Delivery-ID"), Some(id.as_str()), "{fault:?}");
        assert_eq!(ended(&world, endpoint).await.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn an_event_whose_message_was_lost_is_delivered_within_minutes() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &[EventType::PinAccepted, EventType::PinPublished]).await;
    publish(&world, 0..3).await;
    assert!(world.queue.lose_all() >= 6);
    world.run_until(START.plus_ms(5 * MINUTE_MS)).await;
    assert_eq!(ended(&world, endpoint).await.len(), 6);
}

/// Lets the dispatcher run ten times, longer than it reads a minute again. Every message that it sends is lost; returns
/// how many.
async fn lose_messages_of_the_dispatcher(world: &TestWorld) -> usize {
    let mut lost = world.queue.lose_all();
    for _ in 0..10 {
        world.system.advance_ms(MINUTE_MS);
        world.run_dispatcher_once().await.expect("alive").expect("run");
        lost += world.queue.lose_all();
    }
    lost
}

#[tokio::test]
async fn an_event_whose_second_message_was_lost_too_is_delivered() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    let pin = publish(&world, 0..1).await[0];
    assert!(world.attempt(pin).await.status.is_terminal());
    assert!(lose_messages_of_the_dispatcher(&world).await >= 2, "the second one, too");
    assert_eq!(ended(&world, endpoint).await.len(), 0);
    world.run_for_ms(HOUR_MS).await;
    assert_eq!(ended(&world, endpoint).await.len(), 1);
    // It is not asked for any more.
    world.faults.take_calls();
    world.run_for_ms(2 * HOUR_MS).await;
    assert!(!world.faults.take_calls().contains(&"webhooks.deliveries_exist"), "its pin has no marker");
}

#[tokio::test]
async fn a_finished_pin_that_nobody_hears_of_has_no_second_marker() {
    let world = TestWorld::new(1).await;
    publish(&world, 0..1).await;
    world.faults.take_calls();
    lose_messages_of_the_dispatcher(&world).await;
    assert!(!world.faults.take_calls().contains(&"store.put_marker"));
}

/// More pins than the account has tokens: the last ones join the backlog.
#[tokio::test]
async fn the_acceptance_of_a_pin_in_a_backlog_is_announced_although_its_message_was_lost() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &[EventType::PinAccepted]).await;
    let keys = accept_numbered(&world, 0..400).await;
    world.queue.lose_all();
    let last = *keys.last().expect("some");
    assert!(matches!(world.pin(last).await.0.placement, Placement::Backlog(_)), "it waits in the backlog");
    world.run_until(START.plus_ms(4 * MINUTE_MS)).await;
    let ids: Vec<_> = ended(&world, endpoint).await.iter().map(|one| one.key.id).collect();
    assert!(ids.contains(&delivery_id(endpoint, last, 1)));
    assert!(!world.attempt(last).await.status.is_terminal(), "long before it is published");
}

#[tokio::test]
async fn the_acceptance_of_a_pin_in_a_backlog_is_announced_although_the_webhooks_could_not_be_read() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &[EventType::PinAccepted]).await;
    accept_numbered(&world, 0..500).await;
    // Longer than a process knows webhooks without reading them.
    world.system.advance_ms(31 * SECOND_MS);
    world.faults.plan("webhooks.endpoints", 1, Fault::FailBefore);
    let last = accept_numbered(&world, 500..501).await[0];
    assert!(!world.faults.heal(), "they could not be read");
    assert!(matches!(world.pin(last).await.0.placement, Placement::Backlog(_)), "it waits in the backlog");
    world.run_until(START.plus_ms(5 * MINUTE_MS)).await;
    let ids: Vec<_> = ended(&world, endpoint).await.iter().map(|one| one.key.id).collect();
    assert!(ids.contains(&delivery_id(endpoint, last, 1)));
    assert!(!world.attempt(last).await.status.is_terminal(), "long before it is published");
}

#[tokio::test]
async fn a_turn_whose_message_was_lost_is_taken_within_minutes_of_its_time() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer_next(URL, [answered(500)]);
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    assert_eq!(waiting(&world, endpoint).await.len(), 1);
    assert!(world.queue.lose_all() >= 1);
    world.run_until(START.plus_ms(25 * MINUTE_MS)).await;
    assert_eq!((waiting(&world, endpoint).await.len(), ended(&world, endpoint).await.len()), (0, 1));
    // Its marker goes when nothing waits any more.
    world.run_until(START.plus_ms(HOUR_MS)).await;
    world.faults.take_calls();
    world.run_for_ms(HOUR_MS).await;
    let calls = world.faults.take_calls();
    assert!(!calls.contains(&"webhooks.endpoint_health"), "no marker is left");
}

/// Accepts a pin, repeating the request like a client until the answer arrives.
async fn accept_stubbornly(world: &TestWorld) {
    for _ in 0..5 {
        if let Some(Ok(_)) = world.try_accept(testdata::request("key")).await {
            return;
        }
    }
    panic!("five tries, and one fault only");
}

/// A pin is published while its receiver fails once, with `fault` at the nth port call; answers whether it went off.
async fn story(nth: usize, fault: Fault) -> bool {
    let world = TestWorld::new(7).await;
    // An empty board would be believed to lack the Pin only after hours.
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer_next(URL, [answered(500)]);
    world.faults.plan_any(nth, fault);
    accept_stubbornly(&world).await;
    world.run_until(START.plus_ms(4 * MINUTE_MS)).await;
    let went_off = !world.faults.heal();
    world.run_until(START.plus_ms(50 * MINUTE_MS)).await;

    let sent = world.webhook_sender.sent();
    let ids: BTreeSet<_> = sent.iter().filter_map(|one| one.header("X-PinBridge-Delivery-ID")).collect();
    assert_eq!(ids.len(), 1, "{fault:?} at call {nth}: one id for every try");
    let states: Vec<State> = ended(&world, endpoint).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [State::Delivered], "{fault:?} at call {nth}");
    assert_eq!(waiting(&world, endpoint).await, [], "{fault:?} at call {nth}");
    assert_eq!(world.queue.next_due(QueueName::Notify), None, "{fault:?} at call {nth}: nothing is left to do");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_ends_in_one_event_under_one_id() {
    sweep(&FAULTS, 20, story).await;
}

#[tokio::test]
async fn a_marker_of_an_endpoint_that_never_was_goes() {
    let world = TestWorld::new(1).await;
    let key = EndpointKey { workspace: testdata::workspace(), endpoint: EndpointId(Uuid::from_u128(5)) };
    let row = RecoveryMarker::webhook(key, world.now(), "marker".into());
    world.faults.spare(world.context.store.put_marker(&row)).await.expect("filed");
    world.run_for_ms(HOUR_MS).await;
    assert_eq!(world.faults.spare(world.context.store.markers(row.minute, row.shard)).await.expect("read"), []);
}

/// A table whose first reader of a webhook sees it as it was before a caller enabled it.
struct EnabledMeanwhile {
    inner: Arc<dyn Webhooks>,
    is_read: AtomicBool,
}

altered_port! {
    Webhooks for EnabledMeanwhile {
        async fn endpoint(&self, key: EndpointKey) -> PortResult<Option<Endpoint>> {
            let stored = self.inner.endpoint(key).await?;
            if self.is_read.swap(true, Ordering::Relaxed) {
                return Ok(stored);
            }
            Ok(stored.map(|endpoint| Endpoint { disabled: Some(DisabledBy::Failures), ..endpoint }))
        }
    }

    fn save_endpoint(next: &Endpoint, secrets: Option<&Secrets>) -> PortResult<Write<()>>;
    fn endpoints(workspace: WorkspaceId) -> PortResult<Vec<Endpoint>>;
    fn endpoint_secrets(key: EndpointKey) -> PortResult<Option<Secrets>>;
    fn delete_endpoint(key: EndpointKey) -> PortResult<()>;
    fn endpoint_health(key: EndpointKey) -> PortResult<Health>;
    fn save_endpoint_health(key: EndpointKey, next: &Health) -> PortResult<Write<()>>;
    fn put_delivery(delivery: &Delivery) -> PortResult<()>;
    fn delivery(key: DeliveryKey) -> PortResult<Option<Delivery>>;
    fn deliveries_exist(keys: &[DeliveryKey]) -> PortResult<Vec<bool>>;
    fn deliveries_of(keys: &[DeliveryKey]) -> PortResult<Vec<Option<Delivery>>>;
    fn deliveries(
        endpoint: EndpointKey, listed: Listed, after: Option<DeliveryKey>, limit: usize
    ) -> PortResult<Vec<Delivery>>;
    fn replay(key: EndpointKey) -> PortResult<Option<ReplayRun>>;
    fn save_replay(next: &ReplayRun) -> PortResult<Write<()>>;
    fn wipe_webhooks(workspace: WorkspaceId) -> PortResult<bool>;
}

#[tokio::test]
async fn a_webhook_that_is_enabled_while_its_marker_is_handled_keeps_a_turn() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer_next(URL, [answered(500)]);
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    assert_eq!(waiting(&world, endpoint).await.len(), 1, "it relies on the turn that is planned");

    world.system.advance_ms(5 * MINUTE_MS);
    let read_before = EnabledMeanwhile { inner: Arc::clone(&world.context.webhooks), is_read: AtomicBool::new(false) };
    let context = Context { webhooks: Arc::new(read_before), ..world.context.clone() };
    let row = RecoveryMarker::webhook(endpoint, world.now(), "marker".into());
    world.faults.spare(rescue_endpoint(&context, &row, false)).await.expect("handled");
    run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
    assert_eq!((waiting(&world, endpoint).await.len(), ended(&world, endpoint).await.len()), (0, 1));
}

#[tokio::test]
async fn the_marker_of_a_disabled_webhook_stays_for_a_round_after_it_has_ended_a_turn() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer_next(URL, [answered(500)]);
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    let stored = super::endpoint(&world, endpoint).await;
    let disabled =
        Endpoint { rev: stored.rev + 1, nonce: "disabled".into(), disabled: Some(DisabledBy::Caller), ..stored };
    let saved = world.faults.spare(world.context.webhooks.save_endpoint(&disabled, None)).await;
    assert!(saved.expect("saved").is_done());
    let mut row = RecoveryMarker::webhook(endpoint, world.now(), "marker".into());
    for (round, stays) in [true, false].into_iter().enumerate() {
        world.system.advance_ms(HOUR_MS);
        let markers_before = world.now();
        world.faults.spare(rescue_endpoint(&world.context, &row, false)).await.expect("handled");
        row = RecoveryMarker::webhook(endpoint, markers_before, "next".into());
        let read = world.context.store.markers(row.minute, row.shard);
        let there = world.faults.spare(read).await.expect("read");
        assert_eq!(there.iter().any(|marker| marker.endpoint_key() == Some(endpoint)), stays, "round {round}");
    }
}
