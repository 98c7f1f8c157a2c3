//! Receivers that fail: the schedule, isolation, probing, and what they ask for.

use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::{ANSWER_KEPT_WAITING, Delivery, State};
use pinbridge_shared::domain::webhook::health::PROBES_AFTER;
use pinbridge_shared::domain::webhook::schedule::{TRIES_MAX, WAITS_MS};
use pinbridge_shared::domain::webhook::sending::SendOutcome;
use pinbridge_shared::flows::webhooks::deliver_one::SECRETS_UNREADABLE;
use pinbridge_shared::flows::webhooks::deliveries::send_test;
use pinbridge_shared::flows::webhooks::endpoints::{EndpointChange, update_endpoint};
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_webhook_sender::{answered, answered_later};
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

use super::{OTHER_URL, URL, ended, health, publish, run_notifier, subscribe, waiting};

#[tokio::test]
async fn a_receiver_that_is_down_is_tried_by_the_schedule_until_nothing_is_left() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer(URL, answered(500));
    publish(&world, 0..1).await;
    run_notifier(&world, START.plus_ms(5 * DAY_MS)).await;

    let sent = world.webhook_sender.sent();
    assert_eq!(sent.len(), TRIES_MAX as usize);
    for (pair, wait_ms) in sent.windows(2).zip(&WAITS_MS[1..]) {
        let waited_ms = pair[1].at.since_ms(pair[0].at);
        // Messages arrive within the second.
        let range = wait_ms * 9 / 10..=wait_ms * 11 / 10 + SECOND_MS;
        assert!(range.contains(&waited_ms), "{waited_ms} ms instead of {wait_ms}");
    }
    let id = sent[0].header("X-PinBridge-Delivery-ID");
    assert!(id.is_some() && sent.iter().all(|one| one.header("X-PinBridge-Delivery-ID") == id));
    assert!(sent.iter().all(|one| one.request.body == sent[0].request.body), "the same event");

    let ended = ended(&world, endpoint).await;
    assert_eq!((ended.len(), ended[0].state, ended[0].tries), (1, State::Failed, TRIES_MAX));
    let last = ended[0].last.clone().expect("a last try");
    assert_eq!((last.status, last.error.as_deref()), (Some(500), Some("http_status")));
    assert_eq!(last.answer.as_deref(), Some("status 500"));
    let health = health(&world, endpoint).await;
    assert_eq!((health.failures, health.turn_at), (TRIES_MAX, None));
    assert_eq!(world.queue.next_due(QueueName::Notify), None, "nothing is left to do");
}

#[tokio::test]
async fn a_long_answer_is_kept_in_part_while_the_delivery_waits_and_whole_once_it_has_failed() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    let mut long = answered(500);
    let answer = format!("a{}", "é".repeat(1_023));
    if let SendOutcome::Answered { body, .. } = &mut long {
        body.clone_from(&answer);
    }
    world.webhook_sender.answer(URL, long);
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    let kept = waiting(&world, endpoint).await[0].last.clone().and_then(|last| last.answer).expect("an answer");
    // A letter of two bytes would be cut.
    assert_eq!(kept.len(), ANSWER_KEPT_WAITING - 1);
    assert!(answer.starts_with(&kept));
    run_notifier(&world, START.plus_ms(5 * DAY_MS)).await;
    assert_eq!(ended(&world, endpoint).await[0].last.clone().and_then(|last| last.answer), Some(answer));
}

#[tokio::test]
async fn a_failing_endpoint_delays_no_other_of_its_batch() {
    // Failures that come at once are five until the others wait, a time-out is one.
    for (takes_ms, requests) in [(0, PROBES_AFTER as usize), (15 * SECOND_MS, 1)] {
        let world = TestWorld::new(1).await;
        let failing = subscribe(&world, 1, URL, &EventType::defaults()).await;
        let healthy = subscribe(&world, 2, OTHER_URL, &EventType::defaults()).await;
        world.webhook_sender.answer(URL, answered(503));
        world.webhook_sender.take_ms(URL, takes_ms);
        publish(&world, 0..8).await;
        assert_eq!(world.run_notifier_once().await, 8);
        assert_eq!(ended(&world, healthy).await.len(), 8, "{takes_ms} ms");
        assert_eq!(world.webhook_sender.sent_to(URL).len(), requests, "{takes_ms} ms");
        assert_eq!(waiting(&world, failing).await.len(), 8);
    }
}

#[tokio::test]
async fn a_slow_endpoint_that_answers_keeps_its_events_to_its_turns() {
    let world = TestWorld::new(1).await;
    let slow = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.take_ms(URL, 9 * SECOND_MS);
    publish(&world, 0..8).await;
    assert_eq!(world.run_notifier_once().await, 8);
    assert!(world.webhook_sender.sent().len() < 8, "not all of them in one invocation");
    assert!(!waiting(&world, slow).await.is_empty());
    assert!(health(&world, slow).await.is_slow);
    run_notifier(&world, START.plus_ms(20 * MINUTE_MS)).await;
    assert_eq!((waiting(&world, slow).await.len(), ended(&world, slow).await.len()), (0, 8));
    let sent = world.webhook_sender.sent();
    assert_eq!(sent.len(), 8, "each once");
    for pair in sent.windows(2) {
        let apart_ms = pair[1].at.since_ms(pair[0].at);
        assert!(apart_ms >= 3 * 9 * SECOND_MS, "{apart_ms} ms: a pause is at least twice as long as a request");
    }
    assert_eq!(health(&world, slow).await.failures, 0);

    // A quick answer, which comes by a turn too, ends that.
    world.webhook_sender.take_ms(URL, SECOND_MS);
    world.system.advance_ms(10 * MINUTE_MS);
    for index in [8, 9] {
        let before = world.now();
        publish(&world, index..index + 1).await;
        run_notifier(&world, before.plus_ms(MINUTE_MS)).await;
        assert!(!health(&world, slow).await.is_slow);
    }
    let ended = ended(&world, slow).await;
    let at_once = ended.iter().filter(|one| one.created_at == one.updated_at).count();
    assert_eq!((ended.len(), at_once), (10, 2), "the first one and the last one");
}

#[tokio::test]
async fn an_event_whose_webhooks_secrets_can_not_be_read_waits_in_the_log_and_is_sent_later() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.faults.plan("webhooks.endpoint_secrets", 1, Fault::FailBefore);
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    assert!(world.webhook_sender.sent().is_empty());
    let waits = waiting(&world, endpoint).await;
    assert_eq!(waits.len(), 1);
    let error = waits[0].last.as_ref().and_then(|last| last.error.as_deref());
    assert_eq!(error, Some(SECRETS_UNREADABLE));
    assert!(matches!(waits[0].state, State::Waiting { next_at: Some(_) }), "{waits:?}");
    run_notifier(&world, START.plus_ms(MINUTE_MS)).await;
    assert_eq!((world.webhook_sender.sent().len(), ended(&world, endpoint).await.len()), (1, 1));
}

#[tokio::test]
async fn after_five_failures_one_request_probes_and_the_rest_follows_its_success() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer(URL, answered(500));
    publish(&world, 0..8).await;
    run_notifier(&world, START.plus_ms(3 * SECOND_MS)).await;
    assert_eq!(world.webhook_sender.sent().len(), PROBES_AFTER as usize);
    let until = health(&world, endpoint).await.held_until.expect("held");

    // A new event is held like the others.
    publish(&world, 8..9).await;
    run_notifier(&world, until.plus_ms(-1)).await;
    assert_eq!(world.webhook_sender.sent().len(), PROBES_AFTER as usize);
    assert_eq!(waiting(&world, endpoint).await.len(), 9);

    // Several probes, one by one.
    let mut until = until;
    for probes in 1..4 {
        run_notifier(&world, until.plus_ms(SECOND_MS)).await;
        assert_eq!(world.webhook_sender.sent().len(), PROBES_AFTER as usize + probes);
        until = health(&world, endpoint).await.held_until.expect("held");
    }
    world.webhook_sender.answer(URL, answered(200));
    run_notifier(&world, until.plus_ms(SECOND_MS)).await;
    assert_eq!((waiting(&world, endpoint).await.len(), ended(&world, endpoint).await.len()), (0, 9));
    let health = health(&world, endpoint).await;
    assert_eq!((health.failures, health.held_until, health.turn_at), (0, None, None));
}

#[tokio::test]
async fn nothing_is_sent_before_the_time_that_a_receiver_asks_for() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer_next(URL, [answered_later(429, 3_600)]);
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    publish(&world, 1..3).await;
    run_notifier(&world, START.plus_ms(HOUR_MS - 1)).await;
    assert_eq!(world.webhook_sender.sent().len(), 1);
    run_notifier(&world, START.plus_ms(HOUR_MS + 10 * SECOND_MS)).await;
    assert_eq!((world.webhook_sender.sent().len(), ended(&world, endpoint).await.len()), (4, 3));
}

#[tokio::test]
async fn a_receiver_can_end_a_delivery() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    let mut abort = answered(500);
    if let SendOutcome::Answered { delivery_control, .. } = &mut abort {
        *delivery_control = Some("abort-message".into());
    }
    world.webhook_sender.answer_next(URL, [abort]);
    publish(&world, 0..2).await;
    run_notifier(&world, START.plus_ms(DAY_MS)).await;
    let mut states: Vec<&str> = ended(&world, endpoint).await.iter().map(|one| one.state.name()).collect();
    states.sort_unstable();
    assert_eq!(states, ["delivered", "failed"]);
    assert_eq!((world.webhook_sender.sent().len(), health(&world, endpoint).await.failures), (2, 0));
}

#[tokio::test]
async fn a_change_sends_what_waits_for_its_own_next_try_once_and_at_once() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer(URL, answered(500));
    publish(&world, 0..2).await;
    run_notifier(&world, START.plus_ms(10 * MINUTE_MS)).await;
    let tried = world.webhook_sender.sent().len();
    let is_later = |one: &Delivery| one.due_at(START).is_some_and(|at| at > world.now().plus_ms(10 * MINUTE_MS));
    assert!(waiting(&world, endpoint).await.iter().all(is_later), "both wait for half an hour");
    for (status, left) in [(500, 2), (200, 0)] {
        world.webhook_sender.answer(URL, answered(status));
        world.system.advance_ms(MINUTE_MS);
        let change = EndpointChange { is_enabled: Some(true), ..EndpointChange::default() };
        update_endpoint(&world.context, endpoint, change).await.expect("changed");
        run_notifier(&world, world.now().plus_ms(MINUTE_MS)).await;
        assert_eq!(waiting(&world, endpoint).await.len(), left, "{status}");
    }
    assert_eq!(world.webhook_sender.sent().len(), tried + 4, "each once for each change");
}

#[tokio::test]
async fn a_test_is_sent_while_its_endpoint_is_held_and_its_success_sends_what_waits() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.answer(URL, answered(500));
    publish(&world, 0..8).await;
    run_notifier(&world, START.plus_ms(10 * MINUTE_MS)).await;
    publish(&world, 8..9).await;
    run_notifier(&world, world.now()).await;
    let (before, until) = (world.webhook_sender.sent().len(), health(&world, endpoint).await.held_until);
    assert!(until.is_some_and(|until| until > world.now().plus_ms(MINUTE_MS)), "held");
    let untried = async || waiting(&world, endpoint).await.iter().filter(|one| one.tries == 0).count();
    assert!(untried().await > 0);

    for (status, requests) in [(500, 1), (204, 2)] {
        world.webhook_sender.answer(URL, answered(status));
        world.system.advance_ms(SECOND_MS);
        let test = send_test(&world.context, endpoint).await.expect("requested");
        assert_eq!(test.next_at, world.now());
        // The message of the test, and not yet the turn that follows its success.
        world.run_notifier_once().await;
        assert_eq!(world.webhook_sender.sent().len(), before + requests, "{status}");
        let now = health(&world, endpoint).await.held_until;
        assert!(if status == 500 { now >= until } else { now.is_none() }, "{status}: {now:?}");
    }
    run_notifier(&world, world.now().plus_ms(SECOND_MS)).await;
    assert_eq!(untried().await, 0, "the others have times of their own");
}

#[tokio::test]
async fn a_slow_endpoint_gets_a_test_by_its_turn_and_the_answer_says_when() {
    let world = TestWorld::new(1).await;
    let endpoint = subscribe(&world, 1, URL, &EventType::defaults()).await;
    world.webhook_sender.take_ms(URL, 9 * SECOND_MS);
    publish(&world, 0..1).await;
    run_notifier(&world, world.now()).await;
    let until = health(&world, endpoint).await.held_until.expect("paused");
    let test = send_test(&world.context, endpoint).await.expect("requested");
    assert_eq!(test.next_at, until);
    run_notifier(&world, until.plus_ms(-1)).await;
    assert_eq!(world.webhook_sender.sent().len(), 1);
    run_notifier(&world, until.plus_ms(SECOND_MS)).await;
    assert_eq!((world.webhook_sender.sent().len(), waiting(&world, endpoint).await.len()), (2, 0));
}
