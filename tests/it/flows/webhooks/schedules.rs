//! The events of schedules: each once, also if the process dies right after the write, and none without the write.

use std::collections::BTreeSet;

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::ids::ScheduleKey;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::schedule::{ScheduleChange, ScheduleStatus};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment};
use pinbridge_shared::domain::webhook::delivery::State;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::flows::accounts::disconnect::disconnect;
use pinbridge_shared::flows::schedules::cancel_schedule::cancel;
use pinbridge_shared::flows::schedules::edit_schedule::edit;
use pinbridge_shared::flows::schedules::retry_schedule::retry;
use pinbridge_shared::flows::schedules::{self, Created};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use serde_json::json;

use super::super::schedules::asked;
use super::{URL, bodies, ended, listening, names, of_events, subscribe};
use crate::support::sweep::{FAULTS, sweep};

const ALL: [EventType; 5] = [
    EventType::ScheduleCreated,
    EventType::ScheduleUpdated,
    EventType::ScheduleReleased,
    EventType::ScheduleCanceled,
    EventType::ScheduleFailed,
];

/// Creates a schedule; `None` if that failed, or the process died.
async fn try_to_create(world: &TestWorld, key: &str, run_at: Moment) -> Option<ScheduleKey> {
    let work = schedules::create(&world.context, testdata::workspace(), asked(key, key, run_at));
    match world.faults.mortal(work).await?.ok()? {
        Created::New(view) | Created::Replay(view) => Some(view.schedule.key),
    }
}

fn retitled(title: &str) -> ScheduleChange {
    ScheduleChange { title: Some(title.into()), ..ScheduleChange::default() }
}

#[tokio::test]
async fn each_change_of_a_schedule_is_delivered_once() {
    let (world, endpoint) = listening(&ALL).await;
    let run_at = world.now().plus_ms(HOUR_MS);
    let key = try_to_create(&world, "one", run_at).await.expect("created");
    edit(&world.context, key, &retitled("another")).await.expect("edited");
    cancel(&world.context, key, None).await.expect("canceled");
    world.run_for_ms(20 * MINUTE_MS).await;
    let mut sent = bodies(&world, endpoint);
    sent.sort_by_key(|body| body["sequence"].as_u64());
    assert_eq!(names(&sent), ["schedule.created", "schedule.updated", "schedule.canceled"]);
    for (number, body) in (1..).zip(&sent) {
        assert_eq!((&body["sequence"], &body["schedule_id"]), (&json!(number), &json!(key.schedule)));
        assert_eq!(body["run_at"], json!(run_at.rfc3339()));
    }
    assert_eq!(ended(&world, endpoint).await.len(), 3);
}

#[tokio::test]
async fn a_schedule_is_released_and_fails_if_no_pin_can_be_made_of_it() {
    let (world, endpoint) = listening(&ALL).await;
    let run_at = world.now().plus_ms(10 * MINUTE_MS);
    let key = try_to_create(&world, "one", run_at).await.expect("created");
    world.run_until(run_at.plus_ms(-2 * MINUTE_MS)).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["schedule.created", "schedule.released"]);
    let view = world.faults.spare(schedules::read(&world.context, key)).await.expect("there");
    assert_eq!(sent[1]["pin_id"], json!(view.schedule.pin_key().pin));

    let (world, endpoint) = listening(&ALL).await;
    let run_at = world.now().plus_ms(10 * MINUTE_MS);
    try_to_create(&world, "one", run_at).await.expect("created");
    disconnect(&world.context, testdata::connected_account().key).await.expect("disconnected");
    world.run_until(run_at.plus_ms(20 * MINUTE_MS)).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["schedule.created", "schedule.released", "schedule.failed"]);
    assert_eq!(sent[2]["error_code"], json!("account_disconnected"));
}

#[tokio::test]
async fn a_death_between_the_write_and_the_message_is_mended_with_the_same_id() {
    for fault in DEATHS.into_iter().chain([Fault::FailBefore, Fault::FailAfter]) {
        let (world, endpoint) = listening(&ALL).await;
        world.faults.plan("queue.send_notify", 1, fault);
        let _ = try_to_create(&world, "one", world.now().plus_ms(2 * HOUR_MS)).await;
        assert!(!world.faults.heal(), "{fault:?}: the message was sent");
        world.run_for_ms(10 * MINUTE_MS).await;
        assert_eq!(names(&bodies(&world, endpoint)), ["schedule.created"], "{fault:?}");
        assert_eq!(ended(&world, endpoint).await.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_change_that_was_followed_by_others_is_told_all_the_same() {
    let (world, endpoint) = listening(&ALL).await;
    world.faults.plan("queue.send_notify", 1, Fault::DieBefore);
    let run_at = world.now().plus_ms(2 * HOUR_MS);
    assert_eq!(try_to_create(&world, "one", run_at).await, None, "it died");
    let key = try_to_create(&world, "one", run_at).await.expect("it is there");
    for title in ["a", "b"] {
        edit(&world.context, key, &retitled(title)).await.expect("edited");
    }
    world.run_for_ms(10 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    let mut sequences: Vec<_> = sent.iter().filter_map(|body| body["sequence"].as_u64()).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn a_write_that_was_not_made_tells_nothing() {
    for call in ["schedules.put_schedule", "store.put_marker"] {
        for fault in [Fault::DieBefore, Fault::FailBefore] {
            let (world, endpoint) = listening(&ALL).await;
            world.faults.plan(call, 1, fault);
            assert_eq!(try_to_create(&world, "one", world.now().plus_ms(2 * HOUR_MS)).await, None);
            assert!(!world.faults.heal(), "{call} {fault:?}");
            world.run_for_ms(10 * MINUTE_MS).await;
            assert!(bodies(&world, endpoint).is_empty(), "{call} {fault:?}");
        }
    }
}

/// Too many other writes have followed to tell whether it was made.
#[tokio::test]
async fn a_cancellation_that_was_not_made_is_not_told_of_a_schedule_that_was_edited_often_since() {
    let (world, endpoint) = listening(&ALL).await;
    let key = try_to_create(&world, "one", world.now().plus_ms(2 * HOUR_MS)).await.expect("created");
    world.faults.plan("schedules.save_schedule", 1, Fault::DieBefore);
    assert!(world.faults.mortal(cancel(&world.context, key, None)).await.is_none(), "it died");
    assert!(!world.faults.heal());
    for title in ["a", "b", "c", "d", "e"] {
        edit(&world.context, key, &retitled(title)).await.expect("edited");
    }
    world.run_for_ms(10 * MINUTE_MS).await;
    let mut sent = bodies(&world, endpoint);
    sent.sort_by_key(|body| body["sequence"].as_u64());
    let mut expected = vec!["schedule.updated"; 6];
    expected[0] = "schedule.created";
    assert_eq!(names(&sent), expected);
}

/// Of two writers of one row, the one that comes second tells nothing of the write that it didn't make.
#[tokio::test]
async fn of_two_edits_at_once_each_is_told_by_the_write_that_was_made() {
    let (world, endpoint) = listening(&[EventType::ScheduleUpdated]).await;
    let key = try_to_create(&world, "one", world.now().plus_ms(2 * HOUR_MS)).await.expect("created");
    world.faults.plan("schedules.save_schedule", 1, Fault::Yield);
    let (a, b) = (retitled("a"), retitled("b"));
    let (one, other) = tokio::join!(edit(&world.context, key, &a), edit(&world.context, key, &b));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    world.run_for_ms(10 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    let sequences: BTreeSet<_> = sent.iter().filter_map(|body| body["sequence"].as_u64()).collect();
    assert_eq!((sent.len(), sequences), (2, BTreeSet::from([2, 3])));
}

#[tokio::test]
async fn without_an_endpoint_that_hears_it_nothing_is_written() {
    for event in [None, Some(EventType::PinPublished)] {
        let world = TestWorld::new(1).await;
        if let Some(event) = event {
            subscribe(&world, 1, URL, &[event]).await;
        }
        world.run_for_ms(MINUTE_MS).await;
        world.faults.take_calls();
        let key = try_to_create(&world, "one", world.now().plus_ms(2 * HOUR_MS)).await.expect("created");
        edit(&world.context, key, &retitled("another")).await.expect("edited");
        cancel(&world.context, key, None).await.expect("canceled");
        assert_eq!(of_events(&world.faults.take_calls()), ["webhooks.endpoints"], "one read for all of them");
    }
}

/// A schedule is created with `fault` at the nth port call; answers whether it went off.
async fn story(nth: usize, fault: Fault) -> bool {
    let (world, endpoint) = listening(&[EventType::ScheduleCreated]).await;
    let run_at = world.now().plus_ms(3 * HOUR_MS);
    world.faults.plan_any(nth, fault);
    let mut tries = 0;
    while try_to_create(&world, "one", run_at).await.is_none() {
        tries += 1;
        assert!(tries < 5, "five tries, and one fault only");
    }
    world.run_for_ms(4 * MINUTE_MS).await;
    let went_off = !world.faults.heal();
    world.run_for_ms(30 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    let ids: BTreeSet<_> = sent.iter().filter_map(|body| body["id"].as_str()).collect();
    assert_eq!(ids.len(), 1, "{fault:?} at call {nth}");
    let states: Vec<State> = ended(&world, endpoint).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [State::Delivered], "{fault:?} at call {nth}");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_ends_in_one_event_under_one_id() {
    sweep(&FAULTS, 12, story).await;
}

/// A world that hears the event, and a schedule whose pin is accepted and starts in two minutes.
async fn released(event: EventType) -> (TestWorld, EndpointKey, ScheduleKey) {
    let (world, endpoint) = listening(&[event]).await;
    let run_at = world.now().plus_ms(20 * MINUTE_MS);
    let key = try_to_create(&world, "one", run_at).await.expect("created");
    world.run_until(run_at.plus_ms(-2 * MINUTE_MS)).await;
    (world, endpoint, key)
}

async fn status(world: &TestWorld, key: ScheduleKey) -> ScheduleStatus {
    world.faults.spare(schedules::read(&world.context, key)).await.expect("there").status()
}

/// The ids of the events of that name which were sent.
fn ids(world: &TestWorld, endpoint: EndpointKey, event: &str) -> BTreeSet<String> {
    let sent = bodies(world, endpoint);
    sent.iter()
        .filter(|body| body["event"] == event)
        .filter_map(|body| body["id"].as_str())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_released_schedule_that_is_canceled_is_told_once_and_its_pin_is_canceled() {
    let (world, endpoint) =
        listening(&[EventType::ScheduleCanceled, EventType::PinCanceled, EventType::PinFailed]).await;
    let run_at = world.now().plus_ms(20 * MINUTE_MS);
    let key = try_to_create(&world, "one", run_at).await.expect("created");
    world.run_until(run_at.plus_ms(-2 * MINUTE_MS)).await;
    cancel(&world.context, key, None).await.expect("canceled");
    world.run_for_ms(20 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    let names: BTreeSet<&str> = names(&sent).into_iter().collect();
    assert_eq!((sent.len(), names), (2, BTreeSet::from(["pin.canceled", "schedule.canceled"])));
    let pin = sent.iter().find(|body| body["event"] == "pin.canceled").expect("sent");
    assert_eq!(pin["error_code"], json!(Failure::ScheduleCanceled.code()));
}

/// A released schedule is canceled once, with `fault` at the nth port call; answers whether it went off.
async fn story_of_a_cancellation(nth: usize, fault: Fault) -> bool {
    let (world, endpoint, key) = released(EventType::ScheduleCanceled).await;
    world.faults.plan_any(nth, fault);
    let _ = world.faults.mortal(cancel(&world.context, key, None)).await;
    let went_off = !world.faults.heal();
    world.run_for_ms(40 * MINUTE_MS).await;
    // Nobody repeats the call: what counts is whether the schedule is canceled.
    let expected = usize::from(status(&world, key).await == ScheduleStatus::Canceled);
    assert_eq!(ids(&world, endpoint, "schedule.canceled").len(), expected, "{fault:?} at call {nth}");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_cancellation_ends_in_its_event_if_it_was_made() {
    sweep(&FAULTS, 8, story_of_a_cancellation).await;
}

/// The pin is ended, and the process dies before the schedule's row is written. The schedule is removed at once.
#[tokio::test]
async fn a_cancellation_that_was_cut_off_is_told_also_if_the_schedule_is_removed() {
    let (world, endpoint, key) = released(EventType::ScheduleCanceled).await;
    world.faults.plan("store.save_pin", 1, Fault::DieAfter);
    assert!(world.faults.mortal(cancel(&world.context, key, None)).await.is_none(), "it died");
    assert_eq!(status(&world, key).await, ScheduleStatus::Canceled);
    schedules::remove(&world.context, key).await.expect("removed");
    world.run_for_ms(40 * MINUTE_MS).await;
    assert_eq!(ids(&world, endpoint, "schedule.canceled").len(), 1);
}

/// A schedule comes to its time with `fault` at the nth port call; answers whether it went off.
async fn story_of_a_release(nth: usize, fault: Fault) -> bool {
    let (world, endpoint) = listening(&[EventType::ScheduleReleased]).await;
    let run_at = world.now().plus_ms(20 * MINUTE_MS);
    try_to_create(&world, "one", run_at).await.expect("created");
    world.run_until(run_at.plus_ms(-4 * MINUTE_MS)).await;
    world.faults.plan_any(nth, fault);
    world.run_until(run_at.plus_ms(-2 * MINUTE_MS)).await;
    let went_off = !world.faults.heal();
    world.run_for_ms(40 * MINUTE_MS).await;
    assert_eq!(ids(&world, endpoint, "schedule.released").len(), 1, "{fault:?} at call {nth}");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_release_ends_in_one_event() {
    sweep(&FAULTS, 8, story_of_a_release).await;
}

async fn reconnect(world: &TestWorld) {
    let key = testdata::connected_account().key;
    let account = world.faults.spare(world.context.store.account(key)).await.expect("read").expect("there");
    let next = Account { revoked_at: None, ..account.next(world.now(), "connected again".into()) };
    let saved = world.faults.spare(world.context.store.save_account(&next)).await;
    assert!(saved.expect("saved").is_done());
}

/// A schedule of which no pin could be made is retried once, with `fault` at the nth port call; answers whether it went
/// off.
async fn story_of_a_retry(nth: usize, fault: Fault) -> bool {
    let (world, endpoint) = listening(&[EventType::ScheduleUpdated]).await;
    let run_at = world.now().plus_ms(10 * MINUTE_MS);
    let key = try_to_create(&world, "one", run_at).await.expect("created");
    disconnect(&world.context, testdata::connected_account().key).await.expect("disconnected");
    world.run_until(run_at.plus_ms(2 * MINUTE_MS)).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Failed);
    reconnect(&world).await;
    world.faults.plan_any(nth, fault);
    let _ = world.faults.mortal(retry(&world.context, key, false, None)).await;
    let went_off = !world.faults.heal();
    let view = world.faults.spare(schedules::read(&world.context, key)).await.expect("there");
    let runs = usize::try_from(view.schedule.run).expect("small");
    world.run_for_ms(40 * MINUTE_MS).await;
    assert_eq!(ids(&world, endpoint, "schedule.updated").len(), runs, "{fault:?} at call {nth}");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_retry_ends_in_its_event_if_it_was_made() {
    sweep(&FAULTS, 6, story_of_a_retry).await;
}

/// A release doesn't wait for what tells of it.
#[tokio::test]
async fn a_release_whose_marker_can_not_be_filed_is_neither_late_nor_untold() {
    let mut released_at = Vec::new();
    for fault in [None, Some(Fault::FailBefore)] {
        let (world, endpoint) = listening(&[EventType::ScheduleReleased]).await;
        let run_at = world.now().plus_ms(20 * MINUTE_MS);
        let key = try_to_create(&world, "one", run_at).await.expect("created");
        world.run_until(run_at.plus_ms(-4 * MINUTE_MS)).await;
        if let Some(fault) = fault {
            world.faults.plan("store.put_marker", 1, fault);
        }
        world.run_until(run_at.plus_ms(-2 * MINUTE_MS)).await;
        assert!(!world.faults.heal(), "{fault:?}");
        let view = world.faults.spare(schedules::read(&world.context, key)).await.expect("there");
        released_at.push(view.schedule.released_at);
        world.run_for_ms(10 * MINUTE_MS).await;
        assert_eq!(ids(&world, endpoint, "schedule.released").len(), 1, "{fault:?}");
    }
    assert!(released_at[0].is_some());
    assert_eq!(released_at[0], released_at[1]);
}
