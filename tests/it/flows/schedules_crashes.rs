//! Killed at any port call, of the API's or the dispatcher's: a schedule becomes one Pin, at its time, or none if it
//! was canceled.

use pinbridge_shared::domain::ids::ScheduleKey;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::schedule::{ScheduleChange, ScheduleStatus};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::schedules::cancel_schedule::cancel;
use pinbridge_shared::flows::schedules::edit_schedule::edit;
use pinbridge_shared::flows::schedules::{self, Created, ScheduleError};
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use pinbridge_shared::testing::{START, TestWorld};

use super::schedules::{asked, world};
use crate::support::sweep::{FAULTS, sweep};

/// Schedules, retrying like a client until the answer arrives.
async fn schedule_stubbornly(world: &TestWorld, key: &str, run_at: Moment) -> ScheduleKey {
    for _ in 0..5 {
        let work = schedules::create(&world.context, testdata::workspace(), asked(key, key, run_at));
        if let Some(Ok(Created::New(view) | Created::Replay(view))) = world.faults.mortal(work).await {
            return view.schedule.key;
        }
    }
    panic!("five tries, and one fault only");
}

#[tokio::test]
async fn a_pin_whose_message_died_with_its_dispatcher_is_sent_by_the_first_run_that_lives() {
    let (world, _) = world().await;
    let due = START.plus_ms(5 * MINUTE_MS);
    let key = schedule_stubbornly(&world, "one", due).await;
    world.system.advance_to(due.plus_ms(-2 * MINUTE_MS));
    world.faults.plan("queue.send", 1, Fault::DieBefore);
    assert!(world.run_dispatcher_once().await.is_none(), "it died with the pin accepted and no message");
    // The next runs are lost too.
    world.system.advance_to(due.plus_ms(300));
    world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    while world.run_publisher_once().await > 0 {}
    let view = schedules::read(&world.context, key).await.expect("there");
    assert_eq!(view.status(), ScheduleStatus::Done);
    assert!(view.started_at().expect("started").since_ms(due) < SECOND_MS);
}

#[tokio::test]
async fn a_dispatcher_that_keeps_dying_over_the_backlog_makes_no_schedule_late() {
    let (world, _) = world().await;
    let due = START.plus_ms(5 * MINUTE_MS + 17_250);
    let key = schedule_stubbornly(&world, "one", due).await;
    for minute in 1..=5 {
        world.system.advance_to(START.plus_ms(minute * MINUTE_MS));
        world.faults.plan("store.waiting_accounts", 1, Fault::DieBefore);
        assert!(world.run_dispatcher_once().await.is_none(), "it dies");
    }
    world.system.advance_to(due.plus_ms(300));
    while world.run_publisher_once().await > 0 {}
    let view = schedules::read(&world.context, key).await.expect("there");
    assert_eq!(view.status(), ScheduleStatus::Done);
    assert!(view.started_at().expect("started").since_ms(due) < SECOND_MS);
}

/// One story; answers whether the fault went off. `lead_ms`: how long before its time the schedule is made.
async fn story(nth: usize, fault: Fault, lead_ms: i64) -> bool {
    let (world, store) = world().await;
    let due = START.plus_ms(lead_ms);
    world.faults.plan_any(nth, fault);
    let keys =
        [schedule_stubbornly(&world, "one", due).await, schedule_stubbornly(&world, "two", due.plus_ms(500)).await];
    // A fault until the pins are out; then a while for whatever has to be mended.
    let end = due.plus_ms(2 * MINUTE_MS);
    world.run_until(end).await;
    let went_off = !world.faults.heal();
    world.run_for_ms(30 * MINUTE_MS).await;
    let what = format!("{fault:?} at call {nth}, {lead_ms} ms ahead");
    for key in keys {
        let view = schedules::read(&world.context, key).await.expect("there");
        let started = view.pin.as_ref().and_then(|(_, attempt)| attempt.started_at).expect("started");
        assert_eq!(view.status(), ScheduleStatus::Done, "{what}");
        assert!(started >= view.schedule.not_before, "{what}: never early");
    }
    assert_eq!(world.pinterest.pins().len(), 2, "{what}: each once");
    assert!(store.all_release_rows().is_empty(), "{what}: nothing stays due");
    assert_eq!((world.queue.messages().len(), world.queue.dead().len()), (0, 0), "{what}");
    went_off
}

async fn sweep_ahead(lead_ms: i64) {
    sweep(&FAULTS, 12, async |nth, fault| story(nth, fault, lead_ms).await).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_schedule_that_is_released_by_the_dispatcher_ends_in_one_pin() {
    sweep_ahead(6 * MINUTE_MS).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_schedule_that_is_released_at_once_ends_in_one_pin() {
    sweep_ahead(30 * SECOND_MS).await;
}

/// The dispatcher alone: dead at any of its calls, it releases in its next run, and nothing is late.
#[tokio::test]
async fn a_dispatcher_that_dies_at_any_call_makes_no_schedule_late() {
    sweep(&DEATHS, 12, async |nth, fault| {
        let (world, _) = world().await;
        let due = START.plus_ms(5 * MINUTE_MS + 17_250);
        let key = schedule_stubbornly(&world, "one", due).await;
        // The run that would release it.
        world.run_until(START.plus_ms(3 * MINUTE_MS - 1)).await;
        world.system.advance_to(START.plus_ms(3 * MINUTE_MS));
        world.faults.plan_any(nth, fault);
        let died = world.run_dispatcher_once().await.is_none();
        world.faults.heal();
        world.system.advance_to(START.plus_ms(3 * MINUTE_MS + SECOND_MS));
        world.run_until(due.plus_ms(10 * MINUTE_MS)).await;
        let view = schedules::read(&world.context, key).await.expect("there");
        let (_, attempt) = view.pin.expect("its pin");
        let late_ms = attempt.started_at.map(|at| at.since_ms(due));
        assert_eq!(attempt.status, Status::Published, "{fault:?} at call {nth}");
        assert!(late_ms.is_some_and(|ms| (0..SECOND_MS).contains(&ms)), "{fault:?} at call {nth}: {late_ms:?} ms");
        assert_eq!(world.pinterest.pins().len(), 1, "{fault:?} at call {nth}");
        died
    })
    .await;
}

/// One whose cancel was confirmed is never published; one whose cancel wasn't is either.
#[tokio::test]
async fn a_fault_at_any_call_of_a_cancel_publishes_nothing_that_was_canceled() {
    for lead_ms in [MINUTE_MS, 30 * MINUTE_MS] {
        sweep(&FAULTS, 2, async |nth, fault| {
            let (world, store) = world().await;
            let key = schedule_stubbornly(&world, "one", START.plus_ms(lead_ms)).await;
            world.faults.plan_any(nth, fault);
            let answer = world.faults.mortal(cancel(&world.context, key, None)).await;
            let went_off = !world.faults.heal();
            let is_confirmed = match answer {
                Some(Ok(_)) => true,
                _ => match cancel(&world.context, key, None).await {
                    Ok(_) | Err(ScheduleError::WrongStatus(ScheduleStatus::Canceled)) => true,
                    other => panic!("{fault:?} at call {nth}: {other:?}"),
                },
            };
            world.run_until(START.plus_ms(lead_ms + 30 * MINUTE_MS)).await;
            assert!(is_confirmed && world.pinterest.calls().is_empty(), "{fault:?} at call {nth}");
            let view = schedules::read(&world.context, key).await.expect("there");
            assert_eq!(view.status(), ScheduleStatus::Canceled, "{fault:?} at call {nth}");
            assert!(store.all_release_rows().is_empty(), "{fault:?} at call {nth}");
            went_off
        })
        .await;
    }
}

/// A move that was cut off happens or doesn't; either way there is one Pin.
#[tokio::test]
async fn a_fault_at_any_call_of_a_move_ends_in_one_pin() {
    sweep(&FAULTS, 3, async |nth, fault| {
        let (world, _) = world().await;
        let key = schedule_stubbornly(&world, "one", START.plus_ms(20 * MINUTE_MS)).await;
        world.faults.plan_any(nth, fault);
        let to = START.plus_ms(10 * MINUTE_MS);
        let change = ScheduleChange { run_at: Some(to), ..ScheduleChange::default() };
        let moved = world.faults.mortal(edit(&world.context, key, &change)).await;
        let went_off = !world.faults.heal();
        world.run_until(START.plus_ms(40 * MINUTE_MS)).await;
        let view = schedules::read(&world.context, key).await.expect("there");
        assert_eq!(view.status(), ScheduleStatus::Done, "{fault:?} at call {nth}");
        assert!(!matches!(moved, Some(Ok(_))) || view.schedule.run_at == to, "{fault:?} at call {nth}");
        assert_eq!(world.pinterest.pins().len(), 1, "{fault:?} at call {nth}");
        went_off
    })
    .await;
}
