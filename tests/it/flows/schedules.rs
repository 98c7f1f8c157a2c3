//! Schedules: each becomes one pin at its second, whatever is changed before, whoever is late.

use std::sync::Arc;

use pinbridge_shared::domain::ids::ScheduleKey;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::{PinRequest, Priority};
use pinbridge_shared::domain::schedule::{RELEASE_AHEAD_MS, ScheduleChange, ScheduleStatus};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::accounts::disconnect::disconnect;
use pinbridge_shared::flows::pins::delete_pin::delete_pin;
use pinbridge_shared::flows::pins::edit_pin::{EditError, edit_pin};
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin};
use pinbridge_shared::flows::schedules::cancel_schedule::cancel;
use pinbridge_shared::flows::schedules::edit_schedule::edit;
use pinbridge_shared::flows::schedules::retry_schedule::retry;
use pinbridge_shared::flows::schedules::{self, Created, ScheduleError, ScheduleRequest, ScheduleView};
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::fake_store::FakeStore;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

pub async fn world() -> (TestWorld, Arc<FakeStore>) {
    let (world, store) = TestWorld::with_store(1).await;
    world.boards.insert(&testdata::request("any").board_id);
    (world, store)
}

pub fn asked(title: &str, key: &str, run_at: Moment) -> ScheduleRequest {
    let request = PinRequest { title: title.into(), ..testdata::request(key) };
    ScheduleRequest { request, run_at, origin: Origin::default() }
}

async fn schedule(world: &TestWorld, title: &str, run_at: Moment) -> ScheduleKey {
    match schedules::create(&world.context, testdata::workspace(), asked(title, "", run_at)).await.expect("scheduled") {
        Created::New(view) => view.schedule.key,
        Created::Replay(_) => panic!("it has no key"),
    }
}

async fn read(world: &TestWorld, key: ScheduleKey) -> ScheduleView {
    world.faults.spare(schedules::read(&world.context, key)).await.expect("there")
}

async fn status(world: &TestWorld, key: ScheduleKey) -> ScheduleStatus {
    read(world, key).await.status()
}

async fn attempt(world: &TestWorld, key: ScheduleKey) -> Attempt {
    read(world, key).await.pin.expect("its pin").1
}

/// Without its dispatcher's ticks.
fn let_pass(world: &TestWorld, ms: i64) {
    world.system.advance_ms(ms);
}

#[tokio::test]
async fn a_schedule_starts_in_its_second_and_never_before() {
    let (world, store) = world().await;
    let mut due = Vec::new();
    // Inside and beyond what is released at once, at odd milliseconds.
    for (index, after_ms) in [1, 999, 30_001, 59_999, 179_999, 180_001, 240_000, 3_600_123].into_iter().enumerate() {
        let at = START.plus_ms(after_ms);
        due.push((schedule(&world, &format!("Crane {index}"), at).await, at));
    }
    world.run_until(START.plus_ms(HOUR_MS + MINUTE_MS)).await;
    for (key, at) in due {
        let attempt = attempt(&world, key).await;
        let late_ms = attempt.started_at.map(|started| started.since_ms(at));
        assert!(late_ms.is_some_and(|ms| (0..SECOND_MS).contains(&ms)), "{late_ms:?} ms late");
        assert_eq!((attempt.status, status(&world, key).await), (Status::Published, ScheduleStatus::Done));
        assert_eq!(read(&world, key).await.schedule.late_by_ms(), None);
    }
    assert_eq!(world.pinterest.pins().len(), 8, "each once");
    assert!(store.all_release_rows().is_empty(), "nothing is due any more");
}

#[tokio::test]
async fn what_is_near_is_released_without_waiting_for_the_dispatcher() {
    let (world, _) = world().await;
    let near = schedule(&world, "near", START.plus_ms(RELEASE_AHEAD_MS)).await;
    let far = schedule(&world, "far", START.plus_ms(RELEASE_AHEAD_MS + 1)).await;
    assert_eq!(
        (status(&world, near).await, status(&world, far).await),
        (ScheduleStatus::Scheduled, ScheduleStatus::Scheduled),
        "for clients, both wait"
    );
    assert!(read(&world, far).await.pin.is_none());
    let pin = read(&world, near).await.pin.expect("its pin").0;
    assert_eq!(pin.origin.schedule, Some((near.schedule, 0)), "its pin says where it comes from");
}

#[tokio::test]
async fn a_moved_schedule_starts_at_its_new_time_only() {
    let (world, _) = world().await;
    let key = schedule(&world, "moves", START.plus_ms(HOUR_MS)).await;
    let to = |ms: i64| ScheduleChange { run_at: Some(START.plus_ms(ms)), ..ScheduleChange::default() };
    edit(&world.context, key, &to(2 * HOUR_MS)).await.expect("moved");
    world.run_until(START.plus_ms(HOUR_MS + 10 * MINUTE_MS)).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Scheduled);
    let sooner = START.plus_ms(HOUR_MS + 11 * MINUTE_MS);
    edit(&world.context, key, &to(HOUR_MS + 11 * MINUTE_MS)).await.expect("moved back, and near");
    world.run_until(START.plus_ms(3 * HOUR_MS)).await;
    let attempt = attempt(&world, key).await;
    assert!(attempt.started_at.is_some_and(|at| (0..SECOND_MS).contains(&at.since_ms(sooner))), "{attempt:?}");
    assert_eq!(world.pinterest.pins().len(), 1);
}

#[tokio::test]
async fn what_is_edited_is_what_is_published_until_the_pin_begins() {
    let (world, _) = world().await;
    let due = START.plus_ms(10 * MINUTE_MS);
    let key = schedule(&world, "before", due).await;
    let title = |title: &str| ScheduleChange { title: Some(title.into()), ..ScheduleChange::default() };
    edit(&world.context, key, &title("after")).await.expect("edited");
    // Handed over long since, and still a schedule that waits.
    for left_ms in [MINUTE_MS, 2_000, 1] {
        world.run_until(due.plus_ms(-left_ms)).await;
        assert_eq!(status(&world, key).await, ScheduleStatus::Scheduled, "{left_ms} ms before");
        let view = edit(&world.context, key, &title(&format!("{left_ms} before"))).await.expect("edited");
        assert_eq!(view.request().title, format!("{left_ms} before"));
        let moved = ScheduleChange { run_at: Some(due.plus_ms(HOUR_MS)), ..ScheduleChange::default() };
        let priority = ScheduleChange { priority: Some(Priority::Urgent), ..ScheduleChange::default() };
        for settled in [moved, priority] {
            let refused = edit(&world.context, key, &settled).await;
            assert!(matches!(refused, Err(ScheduleError::TimeSettled)), "{refused:?}");
        }
        let same = ScheduleChange { run_at: Some(due), priority: Some(Priority::Normal), ..title("the same time") };
        edit(&world.context, key, &same).await.expect("it moves nothing");
    }
    world.run_until(due.plus_ms(MINUTE_MS)).await;
    let refused = edit(&world.context, key, &title("too late")).await;
    assert!(matches!(refused, Err(ScheduleError::NotEditable(ScheduleStatus::Done))), "{refused:?}");
    let titles: Vec<String> = world.pinterest.pins().into_iter().filter_map(|pin| pin.title).collect();
    assert_eq!(titles, ["the same time"]);
}

#[tokio::test]
async fn every_field_of_a_handed_over_schedule_is_published_as_it_was_changed() {
    let (world, _) = world().await;
    let key = schedule(&world, "near", START.plus_ms(MINUTE_MS)).await;
    let board = world.boards.add("Other");
    let change = ScheduleChange {
        board_id: Some(board.clone()),
        title: Some("Title".into()),
        image_url: Some("https://example.com/new.jpg".into()),
        description: Some(None),
        alt_text: Some(Some("Alt".into())),
        link_url: Some(None),
        dominant_color: Some(Some("#AABBCC".into())),
        ..ScheduleChange::default()
    };
    edit(&world.context, key, &change).await.expect("edited");
    world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
    let published = read(&world, key).await.request().clone();
    assert_eq!(
        (published.board_id, published.title.as_str(), published.image_url.as_str()),
        (board, "Title", "https://example.com/new.jpg")
    );
    assert_eq!((published.description, published.link_url, published.alt_text.as_deref()), (None, None, Some("Alt")));
    assert_eq!(status(&world, key).await, ScheduleStatus::Done);
}

#[tokio::test]
async fn an_edit_just_after_the_claim_of_a_dead_worker_makes_the_pin_and_edits_it() {
    let (world, _) = world().await;
    let key = schedule(&world, "claimed", START.plus_ms(10 * MINUTE_MS)).await;
    let schedule = read(&world, key).await.schedule;
    let claimed =
        schedule.released(world.now(), world.context.settings.retention_ms, "claim".into()).expect("released");
    assert!(world.context.schedules.save_schedule(&claimed).await.expect("saved").is_done());
    let change = ScheduleChange { title: Some("edited".into()), ..ScheduleChange::default() };
    edit(&world.context, key, &change).await.expect("edited");
    assert_eq!(status(&world, key).await, ScheduleStatus::Scheduled);
    world.run_until(START.plus_ms(11 * MINUTE_MS)).await;
    let late_ms = attempt(&world, key).await.started_at.expect("begun").since_ms(START.plus_ms(10 * MINUTE_MS));
    assert!((0..SECOND_MS).contains(&late_ms), "{late_ms}");
    let titles: Vec<String> = world.pinterest.pins().into_iter().filter_map(|pin| pin.title).collect();
    assert_eq!(titles, ["edited"]);
}

#[tokio::test]
async fn a_canceled_schedule_is_never_published_before_its_release_or_after() {
    let (world, store) = world().await;
    let waiting = schedule(&world, "waits", START.plus_ms(HOUR_MS)).await;
    let released = schedule(&world, "released", START.plus_ms(MINUTE_MS)).await;
    for key in [waiting, released] {
        assert_eq!(cancel(&world.context, key, None).await.expect("canceled").status(), ScheduleStatus::Canceled);
        let again = cancel(&world.context, key, None).await;
        assert!(matches!(again, Err(ScheduleError::WrongStatus(ScheduleStatus::Canceled))), "{again:?}");
    }
    world.run_until(START.plus_ms(2 * HOUR_MS)).await;
    assert_eq!(world.pinterest.calls().len(), 0);
    assert!(store.all_release_rows().is_empty());
    let pin = store.peek(read(&world, released).await.schedule.pin_key()).expect("its pin");
    assert_eq!(pin.1.failure, Some(Failure::ScheduleCanceled));
    schedules::remove(&world.context, waiting).await.expect("removed");
    assert!(matches!(schedules::read(&world.context, waiting).await, Err(ScheduleError::NotFound)));
}

#[tokio::test]
async fn a_schedule_that_is_moved_away_and_back_keeps_its_time_whatever_is_removed_late() {
    let (world, _) = world().await;
    let (at, other) = (START.plus_ms(HOUR_MS), START.plus_ms(2 * HOUR_MS));
    let key = schedule(&world, "to and fro", at).await;
    let first = read(&world, key).await.schedule.release_row();
    for to in [other, at] {
        let change = ScheduleChange { run_at: Some(to), ..ScheduleChange::default() };
        edit(&world.context, key, &change).await.expect("moved");
    }
    // The first edit's removal was on its way since the first edit.
    world.context.schedules.delete_release_rows(&[first]).await.expect("removed");
    world.run_until(at.plus_ms(MINUTE_MS)).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Done);
}

#[tokio::test]
async fn a_retried_schedule_publishes_its_pin_with_what_was_mended_in_it() {
    let (world, _) = world().await;
    world.pinterest.answer_next([Answer::Refused(Failure::InvalidRequest, None)]);
    let key = schedule(&world, "Tpyo", START.plus_ms(MINUTE_MS)).await;
    world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
    let old = read(&world, key).await.schedule.pin_key();
    let edit = Edit { title: Some("Typo".into()), ..Edit::default() };
    edit_pin(&world.context, old, &edit).await.expect("edited");
    let retried = retry(&world.context, key, false, None).await.expect("retried");
    assert_eq!((retried.request().title.as_str(), retried.schedule.pin_key()), ("Typo", old));
    let refused = retry_pin(&world.context, old, true).await;
    assert!(matches!(refused, Err(RetryError::NotFailed(_))), "{refused:?}");
    world.run_for_ms(MINUTE_MS).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Done);
    let titles: Vec<String> = world.pinterest.pins().into_iter().filter_map(|pin| pin.title).collect();
    assert_eq!(titles, ["Typo"]);
}

#[tokio::test]
async fn of_a_schedules_retry_and_its_pins_only_one_succeeds_whoever_is_first() {
    for (nth, call) in ["store.save_attempt", "schedules.save_schedule", "store.put_marker"].into_iter().enumerate() {
        let (world, _) = world().await;
        world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
        let key = schedule(&world, "twice", START.plus_ms(MINUTE_MS)).await;
        world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
        let old = read(&world, key).await.schedule.pin_key();
        world.faults.plan(call, 1, Fault::Yield);
        let (one, other) = tokio::join!(retry(&world.context, key, false, None), retry_pin(&world.context, old, false));
        assert!(one.is_ok() != other.is_ok(), "{nth}: {one:?} and {other:?}");
        world.run_for_ms(5 * MINUTE_MS).await;
        assert_eq!(world.pinterest.pins().len(), 1, "{nth}");
    }
}

#[tokio::test]
async fn a_creation_that_is_repeated_late_brings_nothing_back_that_was_removed() {
    let (world, _) = world().await;
    let at = START.plus_ms(HOUR_MS);
    let create = || schedules::create(&world.context, testdata::workspace(), asked("one", "key", at));
    let Ok(Created::New(made)) = create().await else { panic!("a new one") };
    let key = made.schedule.key;
    cancel(&world.context, key, None).await.expect("canceled");
    schedules::remove(&world.context, key).await.expect("removed");
    let again = create().await;
    assert!(
        matches!(again, Err(ScheduleError::KeyOfRemoved { existing, .. }) if existing == key.schedule),
        "{again:?}"
    );
    for gone in [schedules::remove(&world.context, key).await, cancel(&world.context, key, None).await.map(drop)] {
        assert!(matches!(gone, Err(ScheduleError::NotFound)), "{gone:?}");
    }
    world.run_until(START.plus_ms(2 * HOUR_MS)).await;
    assert_eq!(world.pinterest.calls().len(), 0);
}

#[tokio::test]
async fn what_has_run_can_be_neither_canceled_nor_retried_only_removed() {
    let (world, _) = world().await;
    let key = schedule(&world, "runs", START.plus_ms(MINUTE_MS)).await;
    let early = schedules::remove(&world.context, key).await;
    assert!(matches!(early, Err(ScheduleError::WrongStatus(ScheduleStatus::Scheduled))), "{early:?}");
    world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
    let canceled = cancel(&world.context, key, None).await;
    assert!(matches!(canceled, Err(ScheduleError::WrongStatus(ScheduleStatus::Done))), "{canceled:?}");
    let retried = retry(&world.context, key, false, None).await;
    assert!(matches!(retried, Err(ScheduleError::WrongStatus(ScheduleStatus::Done))), "{retried:?}");
    schedules::remove(&world.context, key).await.expect("removed");
}

#[tokio::test]
async fn a_missed_window_is_caught_up_oldest_first_and_marked_late() {
    let (world, _) = world().await;
    let mut keys = Vec::new();
    for minutes in [40, 20, 30, 10, 50] {
        keys.push((minutes, schedule(&world, &format!("at {minutes}"), START.plus_ms(minutes * MINUTE_MS)).await));
    }
    world.run_until(START.plus_ms(MINUTE_MS)).await;
    // The dispatcher is out for three quarters of an hour.
    let_pass(&world, 45 * MINUTE_MS);
    world.run_until(world.now().plus_ms(10 * MINUTE_MS)).await;
    let titles: Vec<String> = world.pinterest.pins().into_iter().filter_map(|pin| pin.title).collect();
    assert_eq!(titles, ["at 10", "at 20", "at 30", "at 40", "at 50"]);
    for (minutes, key) in keys {
        let late_ms = read(&world, key).await.schedule.late_by_ms();
        assert_eq!(late_ms.is_some(), minutes < 45, "{minutes}: {late_ms:?}");
    }
}

#[tokio::test]
async fn a_disconnected_account_ends_its_schedule_visibly_at_its_time_and_a_retry_goes_on() {
    let (world, store) = world().await;
    let due = START.plus_ms(10 * MINUTE_MS);
    let key = schedule(&world, "held", due).await;
    let account = testdata::connected_account().key;
    disconnect(&world.context, account).await.expect("disconnected");
    world.run_until(due.plus_ms(-SECOND_MS)).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Scheduled, "until its time it may be connected again");
    world.run_until(due.plus_ms(2 * MINUTE_MS)).await;
    let ended = read(&world, key).await;
    assert_eq!(ended.status(), ScheduleStatus::Failed);
    assert_eq!(ended.schedule.stage, pinbridge_shared::domain::schedule::Stage::Failed(Failure::AccountDisconnected));
    assert!(store.all_release_rows().is_empty());
    let refused = retry(&world.context, key, false, None).await;
    assert!(matches!(refused, Err(ScheduleError::AccountDisconnected)), "{refused:?}");
    let row = world.context.store.account(account).await.expect("read").expect("there");
    let again = pinbridge_shared::domain::account::Account { revoked_at: None, ..row.next(world.now(), "n".into()) };
    assert!(world.context.store.save_account(&again).await.expect("saved").is_done());
    world.store_token("token-2").await;
    retry(&world.context, key, false, None).await.expect("retried");
    world.run_for_ms(40 * MINUTE_MS).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Done);
}

#[tokio::test]
async fn a_retry_of_a_failed_schedule_is_the_same_pin_at_once() {
    let (world, _) = world().await;
    world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let key = schedule(&world, "again", START.plus_ms(MINUTE_MS)).await;
    world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Failed);
    let first = read(&world, key).await.schedule.pin_key();
    let retried = retry(&world.context, key, false, None).await.expect("retried");
    assert_eq!((retried.schedule.pin_key(), retried.schedule.run), (first, 0));
    assert_eq!(retried.status(), ScheduleStatus::Queued);
    world.run_for_ms(MINUTE_MS).await;
    assert_eq!(status(&world, key).await, ScheduleStatus::Done);
    assert_eq!(world.pinterest.pins().len(), 1);
}

#[tokio::test]
async fn a_schedule_whose_pin_is_gone_or_superseded_is_retried_with_another_one() {
    // Deleted by its owner; retried by 0.2.0, whose process died half-way; older than any pin gets.
    for how in ["deleted", "superseded", "overdue"] {
        let (world, _) = world().await;
        world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
        let key = schedule(&world, "again", START.plus_ms(MINUTE_MS)).await;
        world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
        let first = read(&world, key).await.schedule.pin_key();
        let (pin, attempt) = world.pin(first).await;
        match how {
            "deleted" => drop(delete_pin(&world.context, first).await.expect("deleted")),
            "superseded" => {
                let next = attempt.superseded(world.now(), "s".into()).expect("superseded");
                assert!(world.context.store.save_attempt(&pin, &next).await.expect("saved").is_done());
            }
            _ => let_pass(&world, 31 * 24 * HOUR_MS),
        }
        let retried = retry(&world.context, key, false, None).await.expect("retried");
        assert_ne!(retried.schedule.pin_key(), first, "{how}");
        assert_eq!(retried.schedule.run, 1, "{how}");
        if how != "deleted" {
            let refused = edit_pin(&world.context, first, &Edit { title: Some("T".into()), ..Edit::default() }).await;
            assert!(matches!(refused, Err(EditError::Superseded)), "{how}: {refused:?}");
            let refused = retry_pin(&world.context, first, true).await;
            assert!(matches!(refused, Err(RetryError::Superseded)), "{how}: {refused:?}");
        }
        world.run_for_ms(2 * MINUTE_MS).await;
        assert_eq!((status(&world, key).await, world.pinterest.pins().len()), (ScheduleStatus::Done, 1), "{how}");
    }
}

#[tokio::test]
async fn a_pin_that_failed_before_its_time_is_not_published_before_it_by_a_retry() {
    let (world, _) = world().await;
    let due = START.plus_ms(2 * MINUTE_MS);
    let key = schedule(&world, "early", due).await;
    let pin_key = read(&world, key).await.schedule.pin_key();
    let (pin, attempt) = world.pin(pin_key).await;
    // Its message was delivered over and over.
    let failed = attempt.failed(world.now(), Failure::DeadLettered, &Default::default(), &pin, "f".into());
    assert!(world.context.store.save_attempt(&pin, &failed.expect("fails")).await.expect("saved").is_done());
    assert_eq!(status(&world, key).await, ScheduleStatus::Failed);
    let retried = retry(&world.context, key, false, None).await.expect("retried");
    assert_eq!(retried.status(), ScheduleStatus::Scheduled);
    world.run_until(due.plus_ms(-1)).await;
    assert_eq!(world.pinterest.calls().len(), 0);
    world.run_until(due.plus_ms(MINUTE_MS)).await;
    let late_ms = self::attempt(&world, key).await.started_at.expect("begun").since_ms(due);
    assert!((0..SECOND_MS).contains(&late_ms), "{late_ms}");
}

#[tokio::test]
async fn a_removal_and_a_retry_at_the_same_moment_leave_no_pin_of_a_removed_schedule() {
    for call in ["schedules.save_schedule", "store.pins"] {
        let (world, _) = world().await;
        world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
        let key = schedule(&world, "both", START.plus_ms(MINUTE_MS)).await;
        world.run_until(START.plus_ms(2 * MINUTE_MS)).await;
        world.faults.plan(call, 1, Fault::Yield);
        let (retried, removed) =
            tokio::join!(retry(&world.context, key, false, None), schedules::remove(&world.context, key));
        world.run_for_ms(2 * MINUTE_MS).await;
        assert!(retried.is_ok() != removed.is_ok(), "{call}: {retried:?} {removed:?}");
        assert_eq!(world.pinterest.pins().len(), usize::from(retried.is_ok()), "{call}");
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_schedule_and_another_payload_or_time_is_refused() {
    let (world, _) = world().await;
    let at = START.plus_ms(HOUR_MS);
    let create = |asked: ScheduleRequest| schedules::create(&world.context, testdata::workspace(), asked);
    let Ok(Created::New(first)) = create(asked("one", "key", at)).await else { panic!("a new one") };
    let Ok(Created::Replay(again)) = create(asked("one", "key", at)).await else { panic!("the same") };
    assert_eq!(first.schedule.key, again.schedule.key);
    for other in [asked("two", "key", at), asked("one", "key", at.plus_ms(1))] {
        let refused = create(other).await;
        assert!(matches!(refused, Err(ScheduleError::KeyReused { .. })), "{refused:?}");
    }
    let_pass(&world, 2 * HOUR_MS);
    let late = create(asked("one", "key", at)).await;
    assert!(matches!(late, Ok(Created::Replay(_))), "its time has passed, and it is the same: {late:?}");
}

#[tokio::test]
async fn what_cant_be_scheduled_is_refused_and_an_unreachable_pinterest_is_no_reason() {
    use pinbridge_shared::domain::schedule::AHEAD_MAX_MS;
    use pinbridge_shared::flows::boards::board_access::Obstacle;
    use pinbridge_shared::ports::ReadFailure;
    let (world, store) = world().await;
    let create = |asked: ScheduleRequest| schedules::create(&world.context, testdata::workspace(), asked);
    let at = START.plus_ms(HOUR_MS);
    assert!(matches!(create(asked("t", "", START)).await, Err(ScheduleError::Past)));
    assert!(matches!(create(asked("t", "", START.plus_ms(AHEAD_MAX_MS + 1))).await, Err(ScheduleError::TooFar)));
    let mut elsewhere = asked("t", "", at);
    elsewhere.request.board_id = "999".into();
    assert!(matches!(create(elsewhere).await, Err(ScheduleError::Board(Obstacle::NotFound))));
    let mut foreign = asked("t", "", at);
    foreign.request.account = pinbridge_shared::domain::ids::AccountId(uuid::Uuid::from_u128(404));
    assert!(matches!(create(foreign).await, Err(ScheduleError::AccountNotFound)));
    assert!(store.all_release_rows().is_empty(), "nothing was written");
    world.boards.fail_next([ReadFailure {
        failure: Failure::PinterestUnreachable,
        upstream: Default::default(),
        retry_after_ms: None,
    }]);
    assert!(matches!(create(asked("t", "", at)).await, Ok(Created::New(_))));
}
