//! Lost answers: adopt what happened, repeat what didn't, never both.

use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::{Attempt, Status, Upstream};
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::pin::retry::ATTEMPT_LIMIT;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::pins::delete_pin::delete_pin;
use pinbridge_shared::flows::pins::edit_pin::edit_pin;
use pinbridge_shared::flows::pins::retry_pin::{retry_pin, retry_pin_with};
use pinbridge_shared::ports::Write;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::{START, TestWorld};

fn quiesced_at() -> Moment {
    START.plus_ms(Deadlines::default().quiesce_ms)
}

fn board() -> String {
    testdata::request("any").board_id
}

fn has(attempt: &Attempt, kind: EventKind) -> bool {
    attempt.history.iter().any(|event| event.kind == kind)
}

/// A world whose board has a Pin on it that isn't ours.
async fn world() -> TestWorld {
    let world = TestWorld::new(3).await;
    world.pinterest.add_stranger(&board(), "Somebody's soup");
    world
}

#[tokio::test]
async fn a_lost_answer_with_a_commit_is_adopted_after_the_quiesce_period() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let key = world.accept("key").await;
    world.run_until(quiesced_at().plus_ms(-1)).await;
    let open = world.attempt(key).await;
    assert_eq!((open.status, open.failure), (Status::Publishing, Some(Failure::OutcomeUnknown)));
    assert_eq!(world.pinterest.list_reads(), [], "nobody looks before Tq");
    world.run_until_finished(&[key], quiesced_at().plus_ms(5 * SECOND_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 1));
    assert_eq!(attempt.pinterest_pin_id, Some(world.pinterest.pins()[0].id.clone()));
    assert!(has(&attempt, EventKind::Adopted));
    assert_eq!((world.pinterest.calls().len(), world.pinterest.pins().len()), (1, 1));
}

#[tokio::test]
async fn a_lost_answer_without_a_commit_is_sent_again_after_the_quiesce_period() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], quiesced_at().plus_ms(MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 2));
    assert!(has(&attempt, EventKind::NotOnPinterest));
    let calls = world.pinterest.calls();
    assert!(calls[1].at >= quiesced_at(), "not a moment earlier");
    assert_eq!((calls.len(), world.pinterest.pins().len()), (2, 1));
}

#[tokio::test]
async fn an_empty_list_is_believed_only_after_six_hours_for_an_outage_of_lists_looks_just_the_same() {
    let world = TestWorld::new(3).await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let key = world.accept("key").await;
    world.run_until(START.plus_ms(6 * HOUR_MS)).await;
    let open = world.attempt(key).await;
    assert_eq!((open.status, open.failure), (Status::Publishing, Some(Failure::OutcomeUnknown)), "visibly waiting");
    world.run_until_finished(&[key], START.plus_ms(7 * HOUR_MS)).await;
    let reconciliations = world.pinterest.list_reads();
    assert!(reconciliations.windows(2).all(|pair| pair[1].since_ms(pair[0]) >= 30 * SECOND_MS), "{reconciliations:?}");
    assert!((5..40).contains(&reconciliations.len()), "ever more rarely: {}", reconciliations.len());
    assert_eq!((world.pinterest.calls().len(), world.pinterest.pins().len()), (2, 1));
}

#[tokio::test]
async fn a_pin_doesnt_take_the_pin_of_another_that_says_more_or_less() {
    let plain = PinRequest { description: None, ..testdata::request("plain") };
    let long = PinRequest { title: format!("{}, part two", plain.title), ..testdata::request("long") };
    for (lost, published) in [
        (plain.clone(), testdata::request("full")),
        (testdata::request("full"), plain.clone()),
        (long.clone(), testdata::request("short")),
        (testdata::request("short"), long),
    ] {
        let world = world().await;
        world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
        let keys = [world.accept_request(lost.clone()).await, world.accept_request(published).await];
        world.run_until_finished(&keys, quiesced_at().plus_ms(3 * MINUTE_MS)).await;
        let (ours, other) = (world.attempt(keys[0]).await, world.attempt(keys[1]).await);
        assert_eq!((ours.status, ours.attempt), (Status::Published, 2), "{}", lost.idempotency_key);
        assert_ne!(ours.pinterest_pin_id, other.pinterest_pin_id);
    }
}

#[tokio::test]
async fn a_request_whose_answer_is_always_lost_is_given_up_at_the_limit() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT; 50]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(HOUR_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.failure), (Status::Failed, Some(Failure::AttemptsExhausted)));
    assert_eq!(world.pinterest.calls().len(), ATTEMPT_LIMIT as usize);
}

#[tokio::test]
async fn a_late_commit_inside_the_quiesce_period_is_adopted() {
    // As late as the deadlines allow: the client gave up, and a minute later the Pin appears.
    for late_ms in [1_000, 30_000, 75_000, 99_000] {
        let world = world().await;
        world.pinterest.answer_next([Answer::Lost { commits_after_ms: Some(late_ms) }]);
        let key = world.accept("key").await;
        world.run_until_finished(&[key], quiesced_at().plus_ms(MINUTE_MS)).await;
        let attempt = world.attempt(key).await;
        assert_eq!((attempt.status, attempt.attempt), (Status::Published, 1), "after {late_ms} ms");
        assert_eq!(world.pinterest.pins().len(), 1, "after {late_ms} ms");
    }
}

#[tokio::test]
async fn lost_answers_in_a_row_still_end_in_one_pin() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT, Answer::LOST_WITHOUT_COMMIT, Answer::LOST_WITH_COMMIT]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(15 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 3));
    assert_eq!(world.pinterest.pins().len(), 1);
}

#[tokio::test]
async fn a_board_that_cannot_be_read_is_looked_at_again() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    world.pinterest.fail_lists([Failure::RateLimited, Failure::PinterestUnreachable, Failure::TokenRevoked]);
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(30 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 1));
    assert_eq!((world.pinterest.list_reads().len(), world.pinterest.pins().len()), (4, 1), "no view is no verdict");
    assert_eq!(world.pinterest.calls().len(), 1);
}

#[tokio::test]
async fn a_board_that_is_gone_ends_an_unresolved_outcome() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    world.pinterest.remove_board(&board());
    let key = world.accept("key").await;
    world.run_until_finished(&[key], quiesced_at().plus_ms(MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.failure, Some(Failure::BoardNotFound));
}

#[tokio::test]
async fn an_outcome_that_is_never_resolved_is_handed_to_a_person() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    world.pinterest.fail_lists(std::iter::repeat_n(Failure::PinterestUnreachable, 100_000));
    let key = world.accept("key").await;
    world.run_until(START.plus_ms(71 * HOUR_MS)).await;
    assert_eq!(world.attempt(key).await.status, Status::Publishing, "visibly waiting");
    world.run_until_finished(&[key], START.plus_ms(73 * HOUR_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!(attempt.failure.map(Failure::code), Some("outcome_unverifiable"));
    assert_eq!(world.pinterest.calls().len(), 1, "without having sent it again");
}

/// Two pins of the same content, whose answers are lost like this.
async fn twins(answers: [Answer; 2], apart_ms: i64) -> (TestWorld, [PinKey; 2]) {
    let world = world().await;
    world.pinterest.answer_next(answers);
    let first = world.accept("first").await;
    world.run_for_ms(apart_ms).await;
    let second = world.accept("second").await;
    world.run_publisher_once().await;
    assert_eq!(world.pinterest.calls().len(), 2, "both are sent");
    (world, [first, second])
}

async fn assert_two_pins(world: &TestWorld, twins: [PinKey; 2], attempts: u32) {
    world.run_until_finished(&twins, START.plus_ms(20 * MINUTE_MS)).await;
    let (first, second) = (world.attempt(twins[0]).await, world.attempt(twins[1]).await);
    assert_eq!((first.status, second.status), (Status::Published, Status::Published), "{first:?} {second:?}");
    assert_ne!(first.pinterest_pin_id, second.pinterest_pin_id, "each has its own");
    assert_eq!(first.attempt + second.attempt, attempts);
    assert_eq!(world.pinterest.pins().len(), 2, "two accepted, two published");
}

#[tokio::test]
async fn of_unresolved_twins_the_one_pin_is_adopted_once_and_the_other_is_sent_again() {
    for answers in [
        [Answer::LOST_WITH_COMMIT, Answer::LOST_WITHOUT_COMMIT],
        [Answer::LOST_WITHOUT_COMMIT, Answer::LOST_WITH_COMMIT],
    ] {
        for apart_ms in [0, 400, 20_000, 90_000] {
            let (world, twins) = twins(answers.clone(), apart_ms).await;
            assert_two_pins(&world, twins, 3).await;
        }
    }
}

#[tokio::test]
async fn unresolved_twins_that_were_both_created_are_both_adopted() {
    for apart_ms in [0, 400, 20_000, 90_000] {
        let (world, twins) = twins([Answer::LOST_WITH_COMMIT, Answer::LOST_WITH_COMMIT], apart_ms).await;
        assert_two_pins(&world, twins, 2).await;
    }
}

#[tokio::test]
async fn unresolved_twins_of_which_neither_was_created_are_both_sent_again() {
    let (world, twins) = twins([Answer::LOST_WITHOUT_COMMIT, Answer::LOST_WITHOUT_COMMIT], 0).await;
    assert_two_pins(&world, twins, 4).await;
}

#[tokio::test]
async fn a_published_twins_pin_is_never_adopted() {
    for answers in [[Answer::Created, Answer::LOST_WITHOUT_COMMIT], [Answer::LOST_WITHOUT_COMMIT, Answer::Created]] {
        let (world, twins) = twins(answers, 0).await;
        assert_two_pins(&world, twins, 3).await;
    }
}

#[tokio::test]
async fn strangers_that_look_like_ours_are_a_question_for_a_person() {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let request = testdata::request("key");
    let key = world.accept_request(request.clone()).await;
    world.run_publisher_once().await;
    for _ in 0..2 {
        world.pinterest.add_lookalike(&request);
    }
    world.run_until_finished(&[key], START.plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.failure, Some(Failure::OutcomeAmbiguous));
    assert_eq!(world.pinterest.calls().len(), 1);
}

/// Twins with different pictures, of which only the first has a Pin, when the first has been left to a person.
async fn left_to_a_person() -> (TestWorld, [PinKey; 2]) {
    let world = world().await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT, Answer::LOST_WITHOUT_COMMIT]);
    let first = world.accept("first").await;
    let image_url = "https://images.example.com/another.jpg".to_owned();
    let second = world.accept_request(PinRequest { image_url, ..testdata::request("second") }).await;
    world.run_publisher_once().await;
    assert_eq!(world.pinterest.calls().len(), 2, "both are sent");
    // Its readings were due earlier than those of the second.
    let ((pin, attempt), now) = (world.pin(first).await, world.context.system.now());
    let left = attempt.failed(now, Failure::OutcomeAmbiguous, &Upstream::default(), &pin, "left".into());
    assert!(world.context.store.save_attempt(&pin, &left.expect("legal")).await.expect("written") == Write::Done);
    (world, [first, second])
}

async fn assert_left_to_a_person_too(world: &TestWorld, second: PinKey) {
    world.run_until_finished(&[second], START.plus_ms(20 * MINUTE_MS)).await;
    let second = world.attempt(second).await;
    assert_eq!((second.failure, second.pinterest_pin_id), (Some(Failure::OutcomeAmbiguous), None));
}

#[tokio::test]
async fn a_twin_that_was_left_to_a_person_may_own_a_pin_whatever_became_of_it() {
    let (world, [_, second]) = left_to_a_person().await;
    assert_left_to_a_person_too(&world, second).await;

    // Its content is another one by now: the Pin doesn't look like its own any more.
    let (world, [first, second]) = left_to_a_person().await;
    let edit = Edit { title: Some("Another title altogether".into()), ..Edit::default() };
    edit_pin(&world.context, first, &edit).await.expect("edited");
    assert_left_to_a_person_too(&world, second).await;

    // It was retried, and has another Pin by now.
    let (world, [first, second]) = left_to_a_person().await;
    retry_pin(&world.context, first, true).await.expect("retried");
    assert_left_to_a_person_too(&world, second).await;
    assert_eq!(world.attempt(first).await.status, Status::Published);

    // Both.
    let (world, [first, second]) = left_to_a_person().await;
    retry_pin_with(&world.context, first, true, &edit).await.expect("retried");
    assert_left_to_a_person_too(&world, second).await;
    assert_eq!(world.attempt(first).await.status, Status::Published);

    // It was deleted.
    let (world, [first, second]) = left_to_a_person().await;
    delete_pin(&world.context, first).await.expect("deleted");
    assert_left_to_a_person_too(&world, second).await;
}
