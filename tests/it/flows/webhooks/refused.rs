//! One event that its receiver refuses for ever, and one task that can't be ended: the others are not held up.

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::idempotency::pin_id;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::Awaited;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use pinbridge_shared::domain::webhook::delivery::{Delivery, DeliveryId, State};
use pinbridge_shared::domain::webhook::destination::Destination;
use pinbridge_shared::domain::webhook::health::PROBES_AFTER;
use pinbridge_shared::flows::webhooks::wait_for_end::wait_for_end;
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::TestWorld;

use super::{URL, delivery_id, ended, health, publish, run_notifier, subscribe};

/// The number of the event that an ordinary pin was published, after its acceptance.
const PUBLISHED: u32 = 2;
const PINS: usize = 30;

#[tokio::test]
async fn an_event_that_is_refused_for_ever_delays_no_other_one() {
    let world = TestWorld::new(1).await;
    let key = subscribe(&world, 1, URL, &[EventType::PinPublished]).await;
    let began = world.now();
    let refused = delivery_id(key, publish(&world, 0..1).await[0], PUBLISHED);
    world.webhook_sender.refuse(refused);
    run_notifier(&world, began).await;
    for index in 1..=PINS {
        let next = world.now().plus_ms(3 * HOUR_MS);
        run_notifier(&world, next).await;
        world.system.advance_to(next);
        if index == 1 {
            let failures = health(&world, key).await.failures;
            assert!(failures > PROBES_AFTER, "{failures} failures in a row, all of one event");
        }
        let pin = publish(&world, index..index + 1).await[0];
        let minute = world.now().plus_ms(MINUTE_MS);
        run_notifier(&world, minute).await;
        let id = delivery_id(key, pin, PUBLISHED);
        let is_delivered = |one: &Delivery| is_of(one, id, State::Delivered);
        assert!(ended(&world, key).await.iter().any(is_delivered), "{index} is not there within a minute");
    }
    run_notifier(&world, began.plus_ms(6 * DAY_MS)).await;
    let ended = ended(&world, key).await;
    assert_eq!(ended.len(), PINS + 1);
    assert!(ended.iter().any(|one| is_of(one, refused, State::Failed)), "after its last try");
}

fn is_of(delivery: &Delivery, id: DeliveryId, state: State) -> bool {
    delivery.key.id == id && delivery.state == state
}

#[tokio::test]
async fn a_task_that_can_not_be_ended_holds_up_no_other_task() {
    let (world, _) = TestWorld::with_destination(1, Destination::TaskTokens).await;
    world.tasks.refuse("token-0");
    for number in 0..10 {
        let key = format!("key-{number}");
        let pin = PinKey { workspace: testdata::workspace(), pin: pin_id(testdata::workspace(), &key) };
        let token = format!("token-{number}");
        let secret = Secret::new(token.as_str());
        let stored = wait_for_end(&world.context, Awaited::Pin(pin), &secret);
        world.faults.spare(stored).await.expect("stored");
        // Titles differ, so that no pin is taken for a duplicate.
        let mut request = testdata::request(&key);
        request.title = format!("{number} {}", request.title);
        assert_eq!(world.accept_request(request).await, pin);
        while world.queue.next_due(QueueName::Publish).is_some_and(|due| due <= world.now()) {
            world.run_publisher_once().await;
        }
        let minute = world.now().plus_ms(MINUTE_MS);
        run_notifier(&world, minute).await;
        let is_ended = world.tasks.ended().iter().any(|(ended, _)| *ended == token);
        assert_eq!(is_ended, number > 0, "{token}");
        let next = world.now().plus_ms(3 * HOUR_MS);
        run_notifier(&world, next).await;
        world.system.advance_to(next);
    }
}
