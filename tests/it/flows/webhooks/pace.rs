//! The pace of requests to a webhook: a tenth of a second apart, whatever they are for.

use pinbridge_shared::domain::event::{EventId, EventType};
use pinbridge_shared::domain::message::NotifyMessage;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::destination::Destination;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::domain::webhook::health::PROBES_AFTER;
use pinbridge_shared::domain::webhook::pace::REQUESTS_PER_SECOND_MAX;
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_webhook_sender::answered;
use uuid::Uuid;

use super::{OTHER_URL, URL, ended, run_notifier, subscribe, waiting};

const APART_MS: i64 = SECOND_MS / REQUESTS_PER_SECOND_MAX;

/// Announces an event to this endpoint.
async fn announce(world: &TestWorld, endpoint: EndpointKey, number: usize) {
    let (id, event) = (EventId(Uuid::from_u128(number as u128)), EventType::PinPublished);
    let to = Some(endpoint.endpoint);
    let message = NotifyMessage::stored(endpoint.workspace, id, event, world.now(), "{}".into(), to);
    world.faults.spare(world.context.queue.send_notify(&message, 0)).await.expect("sent");
}

/// The times between the requests to this URL, in milliseconds.
fn times_between(world: &TestWorld, url: &str) -> Vec<i64> {
    let sent = world.webhook_sender.sent_to(url);
    sent.windows(2).map(|pair| pair[1].at.since_ms(pair[0].at)).collect()
}

#[tokio::test]
async fn fifty_events_of_a_webhook_take_five_seconds_and_those_of_another_one_no_time() {
    let world = TestWorld::new(1).await;
    let busy = subscribe(&world, 1, URL, &EventType::defaults()).await;
    let other = subscribe(&world, 2, OTHER_URL, &EventType::defaults()).await;
    let began = world.now();
    // The tenth of each batch is the other one's.
    for number in 1..=55 {
        announce(&world, if number % 10 == 0 { other } else { busy }, number).await;
    }
    run_notifier(&world, began).await;

    assert_eq!((ended(&world, busy).await.len(), ended(&world, other).await.len()), (50, 5));
    let sent = world.webhook_sender.sent_to(URL);
    assert_eq!(sent.len(), 50);
    assert!(times_between(&world, URL).iter().all(|ms| *ms >= APART_MS), "{:?}", times_between(&world, URL));
    // The clock of this world moves only while somebody waits. So the other one's requests have waited for nothing.
    assert_eq!(sent[49].at.since_ms(began), 49 * APART_MS);
    let first = world.webhook_sender.sent_to(OTHER_URL)[0].at.since_ms(began);
    assert!(first <= APART_MS, "{first} ms");
}

#[tokio::test]
async fn what_has_waited_is_sent_at_the_same_pace_and_what_a_turn_has_no_time_for_by_the_next_one() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer(URL, answered(503));
    for number in 1..=300 {
        announce(&world, endpoint, number).await;
    }
    run_notifier(&world, world.now()).await;
    assert_eq!(waiting(&world, endpoint).await.len(), 300);
    let tried = world.webhook_sender.sent().len();
    assert_eq!(tried, PROBES_AFTER as usize, "then it is held");

    world.webhook_sender.answer(URL, answered(200));
    while ended(&world, endpoint).await.is_empty() {
        world.system.advance_to(world.queue.next_due(QueueName::Notify).expect("a turn is planned"));
        world.run_notifier_once().await;
    }
    let left = waiting(&world, endpoint).await.len();
    assert!((1..100).contains(&left), "{left} are left by the first turn that sends");
    run_notifier(&world, world.now().plus_ms(5 * MINUTE_MS)).await;
    assert_eq!((waiting(&world, endpoint).await.len(), ended(&world, endpoint).await.len()), (0, 300));
    assert_eq!(world.webhook_sender.sent().len(), tried + 300, "each once");
    assert!(times_between(&world, URL).iter().all(|ms| *ms >= APART_MS));
}

#[tokio::test]
async fn a_destination_of_the_stack_has_no_pace() {
    let (world, _) = TestWorld::with_destination(1, Destination::EventBus).await;
    run_notifier(&world, world.now()).await;
    let (began, before) = (world.now(), world.event_bus.taken().len());
    let bus = Destination::EventBus.endpoint(testdata::workspace()).key;
    for number in 1..=30 {
        announce(&world, bus, number).await;
    }
    run_notifier(&world, began).await;
    assert_eq!(world.event_bus.taken().len() - before, 30);
    assert_eq!(world.now(), began, "nobody has waited");
}
