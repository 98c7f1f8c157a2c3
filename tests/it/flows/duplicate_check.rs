//! A Pin that Pinterest creates later than `Tq` allows for: found a day later, and removed where that is asked for.

use axum::body::Body;
use http::Request as HttpRequest;
use pinbridge_shared::config::Settings;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::message::ReconcileMessage;
use pinbridge_shared::domain::pacing::budget::{DaySpending, Request, day_of};
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::reconcile::duplicate_check::{
    DUPLICATE_CHECK_AFTER_MS, DuplicateCheck, READ_TRIES_MAX, REMOVE_TRIES_MAX,
};
use pinbridge_shared::domain::reconcile::matching::BoardPin;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment};
use pinbridge_shared::flows::dispatch::dispatch;
use pinbridge_shared::flows::dispatch::rescue::Mode;
use pinbridge_shared::flows::tenants::projects::create_workspace;
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};

use crate::support::api::answer;

/// Ten minutes after the call, when the second attempt has long been published.
const TOO_LATE: Answer = Answer::Lost { commits_after_ms: Some(10 * MINUTE_MS) };

fn board() -> String {
    testdata::request("any").board_id
}

async fn world(duplicate_check: DuplicateCheck) -> TestWorld {
    let mut world = TestWorld::new(3).await;
    world.context.settings.duplicate_check = duplicate_check;
    world.pinterest.add_stranger(&board(), "Somebody's soup");
    world
}

/// A pin whose first attempt is created too late, published by its second.
async fn published_twice(world: &TestWorld) -> PinKey {
    world.pinterest.answer_next([TOO_LATE]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
    assert_eq!((world.attempt(key).await.attempt, world.pinterest.pins().len()), (2, 1), "published, once so far");
    key
}

fn checked() -> Moment {
    START.plus_ms(DUPLICATE_CHECK_AFTER_MS + 10 * MINUTE_MS)
}

fn told(attempt: &Attempt, kind: EventKind) -> Vec<&str> {
    attempt.history.iter().filter(|event| event.kind == kind).filter_map(|event| event.note.as_deref()).collect()
}

/// The Pin that the row doesn't name.
fn duplicate(world: &TestWorld, attempt: &Attempt) -> BoardPin {
    let is_other = |pin: &BoardPin| attempt.pinterest_pin_id.as_deref() != Some(pin.id.as_str());
    world.pinterest.pins().into_iter().find(is_other).expect("a second Pin")
}

#[tokio::test]
async fn a_duplicate_is_reported_a_day_later_and_left_alone() {
    let world = world(DuplicateCheck::Report).await;
    let key = published_twice(&world).await;
    let reconciliations = world.pinterest.list_reads().len();
    world.run_until(START.plus_ms(DUPLICATE_CHECK_AFTER_MS)).await;
    assert_eq!(
        (world.pinterest.list_reads().len(), world.attempt(key).await.duplicate_pin_id),
        (reconciliations, None),
        "not before"
    );
    world.run_until(checked()).await;
    let attempt = world.attempt(key).await;
    let second = duplicate(&world, &attempt).id;
    assert_eq!((attempt.status, attempt.duplicate_pin_id.as_ref()), (Status::Published, Some(&second)));
    assert_eq!(told(&attempt, EventKind::DuplicateFound), [second]);
    assert_eq!((world.pinterest.pins().len(), world.pinterest.deletions()), (2, vec![]));
    world.run_for_ms(48 * HOUR_MS).await;
    assert_eq!(
        (world.pinterest.list_reads().len(), world.attempt(key).await),
        (reconciliations + 1, attempt),
        "one look, once"
    );
}

#[tokio::test]
async fn a_duplicate_is_removed_where_that_is_asked_for() {
    let world = world(DuplicateCheck::Remove).await;
    let key = published_twice(&world).await;
    world.run_until(checked()).await;
    let attempt = world.attempt(key).await;
    let second = attempt.duplicate_pin_id.clone().expect("reported");
    assert_eq!(told(&attempt, EventKind::DuplicateRemoved), [second.as_str()]);
    assert_eq!(world.pinterest.deletions(), [second]);
    let left: Vec<String> = world.pinterest.pins().into_iter().map(|pin| pin.id).collect();
    assert_eq!(left, [attempt.pinterest_pin_id.expect("published")], "its own stays");
}

#[tokio::test]
async fn a_check_that_is_off_reads_no_board_and_files_no_marker() {
    let world = world(DuplicateCheck::Off).await;
    assert_eq!(Settings::default().duplicate_check, DuplicateCheck::Off, "the default");
    world.faults.take_calls();
    let key = published_twice(&world).await;
    let puts = world.faults.take_calls().into_iter().filter(|call| *call == "store.put_marker").count();
    let reconciliations = world.pinterest.list_reads().len();
    world.run_until(checked()).await;
    assert_eq!(
        (world.pinterest.list_reads().len(), world.attempt(key).await.duplicate_pin_id),
        (reconciliations, None)
    );
    let same = self::world(DuplicateCheck::Report).await;
    same.faults.take_calls();
    published_twice(&same).await;
    let with_check = same.faults.take_calls().into_iter().filter(|call| *call == "store.put_marker").count();
    assert_eq!(with_check, puts + 1, "the check is one row");
}

#[tokio::test]
async fn a_pin_of_one_attempt_is_not_checked_and_neither_is_a_harmless_retry() {
    for answers in [vec![], vec![Answer::Refused(Failure::PinterestBusy, None)], vec![Answer::LOST_WITH_COMMIT]] {
        let world = world(DuplicateCheck::Remove).await;
        world.pinterest.answer_next(answers);
        let key = world.accept("key").await;
        world.run_until_finished(&[key], START.plus_ms(10 * MINUTE_MS)).await;
        let reconciliations = world.pinterest.list_reads().len();
        world.pinterest.add_lookalike(&testdata::request("key"));
        world.run_until(checked()).await;
        assert_eq!((world.pinterest.list_reads().len(), world.pinterest.pins().len()), (reconciliations, 2));
    }
}

#[tokio::test]
async fn a_strangers_identical_pin_cannot_be_told_from_a_duplicate() {
    let world = world(DuplicateCheck::Remove).await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
    world.pinterest.add_lookalike(&testdata::request("key"));
    world.run_until(checked()).await;
    assert_eq!(told(&world.attempt(key).await, EventKind::DuplicateRemoved).len(), 1, "as the README says");
}

#[tokio::test]
async fn several_duplicates_or_one_that_says_less_are_only_reported() {
    let less = PinRequest { description: None, ..testdata::request("less") };
    for (others, found) in [(vec![testdata::request("a"), testdata::request("b")], 3), (vec![less], 1)] {
        let world = world(DuplicateCheck::Remove).await;
        world.pinterest.answer_next([if found == 1 { Answer::LOST_WITHOUT_COMMIT } else { TOO_LATE }]);
        let key = world.accept("key").await;
        world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
        for other in &others {
            world.pinterest.add_lookalike(other);
        }
        world.run_until(checked()).await;
        let attempt = world.attempt(key).await;
        assert_eq!(told(&attempt, EventKind::DuplicateFound).len(), found);
        assert_eq!(world.pinterest.deletions(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_pin_that_another_of_ours_names_is_no_duplicate() {
    let world = world(DuplicateCheck::Remove).await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
    let other = world.accept("other").await;
    world.run_until(checked()).await;
    for key in [key, other] {
        assert_eq!(world.attempt(key).await.duplicate_pin_id, None);
    }
    assert_eq!((world.pinterest.pins().len(), world.pinterest.deletions().len()), (2, 0));
}

#[tokio::test]
async fn nothing_is_removed_while_a_twin_of_ours_is_unresolved() {
    let world = world(DuplicateCheck::Remove).await;
    let key = published_twice(&world).await;
    world.run_until(START.plus_ms(DUPLICATE_CHECK_AFTER_MS + 2 * MINUTE_MS)).await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let twin = world.accept("twin").await;
    world.run_for_ms(2 * MINUTE_MS).await;
    assert_eq!(world.attempt(twin).await.status, Status::Publishing);
    assert!(world.attempt(key).await.duplicate_pin_id.is_some(), "reported");
    assert_eq!(world.pinterest.deletions(), Vec::<String>::new(), "it could be the twin's");
    world.run_for_ms(2 * HOUR_MS).await;
    assert_eq!(
        (world.pinterest.deletions().len(), world.pinterest.pins().len()),
        (1, 2),
        "removed once that is resolved"
    );
    assert_eq!(world.attempt(twin).await.status, Status::Published);
}

#[tokio::test]
async fn a_pin_that_is_gone_itself_keeps_its_double() {
    let world = world(DuplicateCheck::Remove).await;
    let key = published_twice(&world).await;
    world.run_until(START.plus_ms(HOUR_MS)).await;
    let attempt = world.attempt(key).await;
    let id = attempt.pinterest_pin_id.as_deref().expect("published");
    let token = Secret::new("token-1");
    world.context.pinterest.delete_pin(&token, id).await.expect("a person deletes it");
    world.run_until(checked()).await;
    assert!(world.attempt(key).await.duplicate_pin_id.is_some(), "reported");
    assert_eq!(
        (world.pinterest.pins().len(), world.pinterest.deletions().len()),
        (1, 1),
        "by the person, and no other"
    );
}

#[tokio::test]
async fn a_failed_removal_is_tried_three_times_more_an_hour_apart() {
    for (failures, removed) in [(1, true), (REMOVE_TRIES_MAX as usize, true), (50, false)] {
        let world = world(DuplicateCheck::Remove).await;
        let key = published_twice(&world).await;
        world.pinterest.fail_deletions(std::iter::repeat_n(Failure::PinterestUnreachable, failures));
        world.run_until(START.plus_ms(DUPLICATE_CHECK_AFTER_MS + 20 * HOUR_MS)).await;
        let attempt = world.attempt(key).await;
        assert_eq!(world.pinterest.deletions().len(), (failures + 1).min(1 + REMOVE_TRIES_MAX as usize));
        assert_eq!(told(&attempt, EventKind::DuplicateRemoved).len(), usize::from(removed));
        assert_eq!(told(&attempt, EventKind::DuplicateFound).len(), 1, "reported once");
        let reconciliations = world.pinterest.list_reads();
        let apart =
            reconciliations.windows(2).rev().take(failures.min(3)).all(|pair| pair[1].since_ms(pair[0]) >= HOUR_MS);
        assert!(apart, "{reconciliations:?}");
    }
}

#[tokio::test]
async fn a_board_that_cannot_be_read_is_tried_hourly_for_a_day() {
    for (failures, is_found) in [(5, true), (READ_TRIES_MAX as usize + 1, false)] {
        let world = world(DuplicateCheck::Report).await;
        let key = published_twice(&world).await;
        world.pinterest.fail_lists(std::iter::repeat_n(Failure::TokenRevoked, failures));
        let reconciliations = world.pinterest.list_reads().len();
        world.run_until(START.plus_ms(DUPLICATE_CHECK_AFTER_MS + 48 * HOUR_MS)).await;
        assert_eq!(world.attempt(key).await.duplicate_pin_id.is_some(), is_found);
        assert_eq!(
            world.pinterest.list_reads().len() - reconciliations,
            (failures + 1).min(READ_TRIES_MAX as usize + 1)
        );
    }
}

#[tokio::test]
async fn an_account_without_a_budget_for_it_is_looked_at_the_next_day() {
    let mut world = world(DuplicateCheck::Report).await;
    let key = published_twice(&world).await;
    world.run_until(START.plus_ms(DUPLICATE_CHECK_AFTER_MS)).await;
    world.context.settings.daily_budget = 1.into();
    world.context.store.save_day_spending(&spent(&world)).await.expect("written");
    world.run_until(START.plus_ms(2 * DUPLICATE_CHECK_AFTER_MS)).await;
    assert_eq!(world.attempt(key).await.duplicate_pin_id, None, "nothing is left today");
    world.run_for_ms(10 * MINUTE_MS).await;
    assert!(world.attempt(key).await.duplicate_pin_id.is_some());
}

/// The whole day's budget of one.
fn spent(world: &TestWorld) -> DaySpending {
    DaySpending::nothing(day_of(world.now())).with(Request::Reconcile, "n".into())
}

#[tokio::test]
async fn a_check_that_could_not_be_sent_is_sent_by_a_later_run() {
    for fault in [Fault::FailBefore, Fault::FailAfter, Fault::DieBefore, Fault::DieAfter] {
        let world = world(DuplicateCheck::Remove).await;
        let key = published_twice(&world).await;
        world.run_until(START.plus_ms(DUPLICATE_CHECK_AFTER_MS)).await;
        world.faults.plan("queue.send_reconcile", 1, fault);
        world.run_until(checked()).await;
        assert!(!world.faults.heal(), "it went off");
        assert_eq!(told(&world.attempt(key).await, EventKind::DuplicateRemoved).len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_written_leaves_the_publish_alone_and_skips_the_check() {
    let rows = {
        let world = world(DuplicateCheck::Report).await;
        published_twice(&world).await;
        world.faults.take_calls().into_iter().filter(|call| *call == "store.put_marker").count()
    };
    for fault in [Fault::FailBefore, Fault::DieBefore] {
        let world = world(DuplicateCheck::Report).await;
        // The check's row is the last that is written.
        world.faults.plan("store.put_marker", rows, fault);
        let key = published_twice(&world).await;
        assert!(!world.faults.heal(), "it went off");
        world.run_until(checked()).await;
        let attempt = world.attempt(key).await;
        assert_eq!((attempt.status, attempt.duplicate_pin_id), (Status::Published, None), "{fault:?}");
    }
}

#[tokio::test]
async fn a_recovery_leaves_checks_that_are_to_come() {
    let world = world(DuplicateCheck::Remove).await;
    let key = published_twice(&world).await;
    let recover = Mode::Recover { from: Some(world.now().minute() + 24 * 60 + 10), accepted_before: world.now() };
    let reconciliations = world.queue.reconciliations().len();
    dispatch(&world.context, recover, i64::MAX).await.expect("recovers");
    assert_eq!(world.queue.reconciliations().len(), reconciliations);
    world.run_until(checked()).await;
    assert!(world.attempt(key).await.duplicate_pin_id.is_some());
}

#[tokio::test]
async fn a_second_message_of_the_same_check_changes_nothing() {
    let world = world(DuplicateCheck::Remove).await;
    let key = published_twice(&world).await;
    world.run_until(checked()).await;
    let attempt = world.attempt(key).await;
    let (pin, _) = world.pin(key).await;
    let again = ReconcileMessage::duplicate_check(&pin.board_key(), key.pin, 0, world.now());
    world.queue.insert(QueueName::Reconcile, serde_json::to_string(&again).expect("plain"), world.now());
    world.run_for_ms(MINUTE_MS).await;
    assert_eq!((world.attempt(key).await, world.pinterest.deletions().len()), (attempt, 1));
}

#[tokio::test]
async fn a_broken_reconciliation_queue_does_not_hold_up_the_rescuer() {
    let world = world(DuplicateCheck::Report).await;
    published_twice(&world).await;
    world.run_until(START.plus_ms(DUPLICATE_CHECK_AFTER_MS)).await;
    (0..2).for_each(|_| world.faults.plan("queue.send_reconcile", 1, Fault::FailBefore));
    for _ in 0..5 {
        world.run_for_ms(MINUTE_MS).await;
        let watermark = world.faults.spare(world.context.store.watermark()).await.expect("read");
        assert_eq!(watermark, Some(world.now().minute() - 1), "every minute that has passed is done");
    }
}

#[tokio::test]
async fn the_api_names_the_duplicate() {
    let world = world(DuplicateCheck::Report).await;
    let api_key = create_workspace(&world.context, testdata::workspace(), "test", [7; 32]).await.expect("created");
    let key = published_twice(&world).await;
    world.run_until(checked()).await;
    let second = world.attempt(key).await.duplicate_pin_id.expect("reported");
    for path in [format!("/v1/pins/{}", key.pin), format!("/v1/pins/{}/timeline", key.pin)] {
        let request = HttpRequest::get(&path).header("x-api-key", &api_key).body(Body::empty()).expect("a request");
        let (_, _, text) = answer(&world.context, request).await;
        let view: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(view["duplicate_pin_id"], json!(second), "{path}");
        let last = view["events"].as_array().and_then(|events| events.last());
        assert!(
            last.is_none_or(|event| event["event"] == "duplicate_found" && event["note"] == json!(second)),
            "{last:?}"
        );
    }
}
