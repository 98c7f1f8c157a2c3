//! What a person decides about an outcome that the board could not, whatever happens meanwhile.

use futures_util::future::join_all;
use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::event::pin_events;
use pinbridge_shared::domain::ids::{KeyId, PinKey};
use pinbridge_shared::domain::pin::attempt::{Attempt, Status, Upstream};
use pinbridge_shared::domain::pin::candidate::Candidate;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::origin::Actor;
use pinbridge_shared::domain::reconcile::duplicate_check::DuplicateCheck;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::pins::edit_pin::edit_pin;
use pinbridge_shared::flows::pins::resolve_pin::{Decision, ResolveError, Resolved, resolve_pin};
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin};
use pinbridge_shared::ports::SAVED_TOGETHER_MAX;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use crate::support::sweep::{FAULTS_AND_REPEATS, sweep};

fn somebody() -> Actor {
    Actor::Key(KeyId(Uuid::from_u128(7)))
}

/// A world in which the answers of these pins are lost, and somebody else created more Pins that show the same.
async fn lost(keys: &[&str]) -> (TestWorld, Vec<PinKey>) {
    let world = TestWorld::new(3).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next(std::iter::repeat_n(Answer::LOST_WITHOUT_COMMIT, keys.len()));
    let mut pins = Vec::new();
    for key in keys {
        pins.push(world.accept(key).await);
    }
    world.run_publisher_once().await;
    assert_eq!(world.pinterest.calls().len(), keys.len(), "all are sent");
    for _ in 0..=keys.len() {
        world.pinterest.add_lookalike(&testdata::request("any"));
    }
    (world, pins)
}

async fn ambiguous(keys: &[&str]) -> (TestWorld, Vec<PinKey>) {
    let (world, pins) = lost(keys).await;
    world.run_until_finished(&pins, START.plus_ms(10 * MINUTE_MS)).await;
    for pin in &pins {
        assert_eq!(world.attempt(*pin).await.failure, Some(Failure::OutcomeAmbiguous));
    }
    (world, pins)
}

/// The candidates of the pin's first attempt.
async fn candidates(world: &TestWorld, key: PinKey) -> Vec<Candidate> {
    let (pin, _) = world.pin(key).await;
    let said = world.faults.spare(world.context.store.said(&pin)).await.expect("read");
    said.into_iter().flat_map(|said| said.candidates).collect()
}

async fn decide(world: &TestWorld, key: PinKey, decision: &Decision) -> Result<Resolved, ResolveError> {
    resolve_pin(&world.context, key, decision, somebody()).await
}

#[tokio::test]
async fn of_two_pins_that_are_left_to_a_person_one_takes_a_pin_and_the_other_another() {
    let (world, pins) = ambiguous(&["first", "second"]).await;
    let shown = candidates(&world, pins[0]).await;
    assert_eq!((shown.len(), &candidates(&world, pins[1]).await), (3, &shown));
    let named = |index: usize| Decision::Found(shown[index].pinterest_pin_id.clone());
    let before = world.attempt(pins[1]).await;
    let resolved = decide(&world, pins[0], &named(0)).await.expect("recorded");
    assert_eq!((resolved.attempt.status, resolved.is_repeat), (Status::Published, false));
    assert_eq!(resolved.attempt, world.attempt(pins[0]).await, "the answer is what was written");
    // A decision that had read the other pin before can't be written any more.
    let after = world.attempt(pins[1]).await;
    assert_eq!(after.rev, before.rev + 1);
    let as_before = Attempt { rev: before.rev, nonce: before.nonce.clone(), updated_at: before.updated_at, ..after };
    assert_eq!(as_before, before);
    let taken = decide(&world, pins[1], &named(0)).await;
    assert!(matches!(taken, Err(ResolveError::Taken(owner)) if owner == pins[0].pin), "{taken:?}");
    assert_eq!(decide(&world, pins[1], &named(1)).await.expect("recorded").attempt.status, Status::Published);
    assert!(decide(&world, pins[0], &named(0)).await.expect("as it is").is_repeat);
}

#[tokio::test]
async fn a_pin_without_a_pin_claims_none_of_the_next_one() {
    let (world, pins) = ambiguous(&["first"]).await;
    let refused = retry_pin(&world.context, pins[0], false).await;
    assert!(matches!(refused, Err(RetryError::MayDuplicate)), "{refused:?}");
    decide(&world, pins[0], &Decision::NoPin).await.expect("recorded");
    retry_pin(&world.context, pins[0], false).await.expect("retried");
    world.run_until_finished(&pins, world.now().plus_ms(5 * MINUTE_MS)).await;
    let attempt = world.attempt(pins[0]).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Published, 2));
    assert_eq!(world.pinterest.calls().len(), 2);
}

#[tokio::test]
async fn the_candidates_are_there_whatever_dies_before_the_pin_fails() {
    sweep(&[Fault::DieBefore, Fault::DieAfter], 12, async |nth, fault| {
        let (world, pins) = lost(&["first"]).await;
        world.faults.plan_any(nth, fault);
        world.run_until_finished(&pins, START.plus_ms(30 * MINUTE_MS)).await;
        let went_off = !world.faults.heal();
        let case = format!("{fault:?} at call {nth}");
        assert_eq!(world.attempt(pins[0]).await.failure, Some(Failure::OutcomeAmbiguous), "{case}");
        assert_eq!(candidates(&world, pins[0]).await.len(), 2, "{case}");
        went_off
    })
    .await;
}

#[tokio::test]
async fn a_decision_that_died_half_way_is_made_again() {
    for finds in [true, false] {
        sweep(&FAULTS_AND_REPEATS, 2, async |nth, fault| {
            let (world, pins) = ambiguous(&["first", "second"]).await;
            let id = candidates(&world, pins[0]).await[0].pinterest_pin_id.clone();
            let decision = if finds { Decision::Found(id) } else { Decision::NoPin };
            world.faults.plan_any(nth, fault);
            let answer = world.faults.mortal(decide(&world, pins[0], &decision)).await;
            let went_off = !world.faults.heal();
            let again = decide(&world, pins[0], &decision).await.expect("recorded").attempt;
            let case = format!("{fault:?} at call {nth}: {answer:?}");
            let status = if finds { Status::Published } else { Status::Failed };
            assert_eq!((again.status, again.is_left_to_a_person()), (status, false), "{case}");
            let decisions = again.history.iter().filter(|event| event.kind.is_act()).count();
            assert_eq!(decisions, 1, "{case}");
            went_off
        })
        .await;
    }
}

/// So many pins of the same content, each left to a person as if its answer had been lost just now.
async fn left_to_a_person(world: &TestWorld, count: usize) -> Vec<PinKey> {
    let mut pins = Vec::with_capacity(count);
    for index in 0..count {
        let key = world.accept(&format!("left-{index}")).await;
        let ((pin, attempt), now) = (world.pin(key).await, world.now());
        let begun = attempt.begin(now, format!("begun-{index}")).expect("begins");
        let failed = begun.failed(now, Failure::OutcomeAmbiguous, &Upstream::default(), &pin, format!("left-{index}"));
        for next in [begun, failed.expect("legal")] {
            assert!(world.context.store.save_attempt(&pin, &next).await.expect("written").is_done());
        }
        pins.push(key);
    }
    pins
}

/// The id of a Pin that somebody creates now with the content of these pins.
fn lookalike(world: &TestWorld) -> String {
    world.pinterest.add_lookalike(&testdata::request("any"));
    world.pinterest.pins().pop().expect("it is there").id
}

/// Ends as `failure` before anything else happens to the pin.
async fn ended(world: &TestWorld, key: PinKey, failure: Failure) -> Attempt {
    world.run_until_finished(&[key], world.now().plus_ms(10 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.failure), (Status::Failed, Some(failure)));
    attempt
}

#[tokio::test]
async fn of_many_corrections_at_once_one_gets_the_pin() {
    let world = TestWorld::new(3).await;
    let pins = left_to_a_person(&world, 6).await;
    let id = lookalike(&world);
    for pin in &pins {
        decide(&world, *pin, &Decision::NoPin).await.expect("recorded");
    }
    // Each of them has read the others by the time that the first one writes.
    for nth in 1..=pins.len() {
        world.faults.plan("store.put_marker", nth, Fault::Yield);
    }
    let found = Decision::Found(id.clone());
    let answers = join_all(pins.iter().map(|pin| decide(&world, *pin, &found))).await;
    assert!(!world.faults.heal(), "all came to their write");
    let is_owner = |attempt: &Attempt| attempt.pinterest_pin_id.as_deref() == Some(id.as_str());
    let owners = world.pins(&pins).await.into_iter().filter(|(_, attempt)| is_owner(attempt)).count();
    assert_eq!((owners, answers.iter().filter(|answer| answer.is_ok()).count()), (1, 1), "{answers:?}");
    let is_taken = |answer: &&Result<Resolved, ResolveError>| matches!(answer, Err(ResolveError::Taken(_)));
    assert_eq!(answers.iter().filter(is_taken).count(), pins.len() - 1, "{answers:?}");
}

#[tokio::test]
async fn a_pin_is_not_given_away_beside_more_twins_than_are_written_together() {
    let world = TestWorld::new(3).await;
    let pins = left_to_a_person(&world, SAVED_TOGETHER_MAX + 1).await;
    let found = Decision::Found(lookalike(&world));
    let refused = decide(&world, pins[0], &found).await;
    assert!(matches!(refused, Err(ResolveError::TooManyTwins(SAVED_TOGETHER_MAX))), "{refused:?}");
    assert_eq!(world.attempt(pins[0]).await.status, Status::Failed);
    decide(&world, pins[1], &Decision::NoPin).await.expect("recorded");
    let refused = decide(&world, pins[0], &found).await;
    assert!(matches!(refused, Err(ResolveError::TooManyTwins(_))), "it could be corrected: {refused:?}");
    retry_pin(&world.context, pins[1], false).await.expect("retried");
    assert_eq!(decide(&world, pins[0], &found).await.expect("recorded").attempt.status, Status::Published);
}

#[tokio::test]
async fn an_edit_hides_no_owner() {
    let (world, pins) = ambiguous(&["first", "second"]).await;
    let shown = candidates(&world, pins[0]).await;
    let named = |index: usize| Decision::Found(shown[index].pinterest_pin_id.clone());
    decide(&world, pins[0], &named(0)).await.expect("recorded");
    let edit = Edit {
        title: Some("Another title altogether".into()),
        link_url: Some(Some("https://example.com/another".into())),
        ..Edit::default()
    };
    edit_pin(&world.context, pins[1], &edit).await.expect("edited");
    for index in [0, 1] {
        let refused = decide(&world, pins[1], &named(index)).await;
        assert!(matches!(refused, Err(ResolveError::Edited)), "{refused:?}");
    }
    let refused = retry_pin(&world.context, pins[1], false).await;
    assert!(matches!(refused, Err(RetryError::MayDuplicate)), "{refused:?}");
    // What the refusal advises.
    decide(&world, pins[1], &Decision::NoPin).await.expect("recorded");
    retry_pin(&world.context, pins[1], false).await.expect("retried");
}

#[tokio::test]
async fn a_candidate_that_is_gone_or_that_nobody_can_see_is_not_believed() {
    let (world, pins) = ambiguous(&["first"]).await;
    let id = candidates(&world, pins[0]).await[0].pinterest_pin_id.clone();
    let before = world.attempt(pins[0]).await;
    world.pinterest.fail_lists([Failure::PinterestUnreachable]);
    let unreadable = decide(&world, pins[0], &Decision::Found(id.clone())).await;
    assert!(matches!(unreadable, Err(ResolveError::Call(_))), "{unreadable:?}");
    world.context.pinterest.delete_pin(&Secret::new("token-1"), &id).await.expect("deleted");
    let gone = decide(&world, pins[0], &Decision::Found(id)).await;
    assert!(matches!(gone, Err(ResolveError::NotOnBoard)), "{gone:?}");
    assert_eq!(world.attempt(pins[0]).await, before, "nothing was written");
}

#[tokio::test]
async fn a_pin_of_the_board_that_no_call_can_have_created_is_refused() {
    let world = TestWorld::new(3).await;
    let old = lookalike(&world);
    world.system.advance_ms(MINUTE_MS);
    let pins = left_to_a_person(&world, 1).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    let refused = decide(&world, pins[0], &Decision::Found(old)).await;
    assert!(matches!(refused, Err(ResolveError::TooOld)), "{refused:?}");
    let refused = decide(&world, pins[0], &Decision::Found("stranger-Somebody's soup".into())).await;
    assert!(matches!(refused, Err(ResolveError::OtherContent)), "{refused:?}");
    // A person may know that Pinterest created it later than it should.
    world.system.advance_ms(60 * MINUTE_MS);
    let late = Decision::Found(lookalike(&world));
    assert_eq!(decide(&world, pins[0], &late).await.expect("recorded").attempt.status, Status::Published);
}

#[tokio::test]
async fn an_outcome_that_ended_with_its_board_is_open() {
    for finds in [true, false] {
        let world = TestWorld::new(3).await;
        world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
        world.pinterest.fail_lists([Failure::BoardNotFound]);
        let key = world.accept("key").await;
        let attempt = ended(&world, key, Failure::BoardNotFound).await;
        let (pin, _) = world.pin(key).await;
        let events = pin_events::of_last_write(&pin, &attempt);
        let events: Vec<EventType> = events.into_iter().map(|event| event.event).collect();
        assert_eq!(events, [EventType::PinOutcomeResolved, EventType::PinFailed]);
        let refused = retry_pin(&world.context, key, false).await;
        assert!(matches!(refused, Err(RetryError::MayDuplicate)), "{refused:?}");
        if finds {
            let found = Decision::Found(world.pinterest.pins()[0].id.clone());
            let resolved = decide(&world, key, &found).await.expect("recorded");
            assert_eq!(resolved.attempt.status, Status::Published);
        } else {
            decide(&world, key, &Decision::NoPin).await.expect("recorded");
            retry_pin(&world.context, key, false).await.expect("retried");
        }
    }
}

#[tokio::test]
async fn a_pin_with_an_orphan_is_open() {
    for finds in [true, false] {
        let world = TestWorld::new(3).await;
        world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
        let key = world.accept("key").await;
        let attempt = ended(&world, key, Failure::ImageBroken).await;
        let refused = decide(&world, key, &Decision::NoPin).await;
        assert!(matches!(refused, Err(ResolveError::NotOpen(Status::Failed))), "{refused:?}");
        let (orphan, (pin, _)) = (lookalike(&world), world.pin(key).await);
        let orphaned = attempt.with_orphan(world.now(), orphan.clone(), "orphan".into());
        assert!(world.context.store.save_attempt(&pin, &orphaned).await.expect("written").is_done());
        let refused = retry_pin(&world.context, key, false).await;
        assert!(matches!(refused, Err(RetryError::MayDuplicate)), "{refused:?}");
        let decision = if finds { Decision::Found(orphan.clone()) } else { Decision::NoPin };
        let resolved = decide(&world, key, &decision).await.expect("recorded").attempt;
        assert_eq!((&resolved.pinterest_pin_id, &resolved.orphan_pin_id), (&finds.then_some(orphan), &None));
        assert_eq!(retry_pin(&world.context, key, false).await.is_ok(), !finds);
    }
}

#[tokio::test]
async fn what_pinterest_answered_is_no_decision_of_a_person() {
    let world = TestWorld::new(3).await;
    let key = world.accept("key").await;
    world.run_until_finished(&[key], START.plus_ms(MINUTE_MS)).await;
    let own = world.attempt(key).await.pinterest_pin_id.expect("published");
    let refused = decide(&world, key, &Decision::Found(own)).await;
    assert!(matches!(refused, Err(ResolveError::NotOpen(Status::Published))), "{refused:?}");
}

#[tokio::test]
async fn a_decision_about_a_later_attempt_is_checked_for_a_duplicate_of_an_earlier_one() {
    let mut markers = Vec::new();
    for duplicate_check in [DuplicateCheck::Off, DuplicateCheck::Report] {
        let mut world = TestWorld::new(3).await;
        world.context.settings.duplicate_check = duplicate_check;
        world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
        world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT, Answer::LOST_WITHOUT_COMMIT]);
        let key = world.accept("key").await;
        while world.pinterest.calls().len() < 2 {
            assert!(world.now() < START.plus_ms(10 * MINUTE_MS), "it is sent again");
            world.run_for_ms(SECOND_MS).await;
        }
        let ids = [lookalike(&world), lookalike(&world)];
        ended(&world, key, Failure::OutcomeAmbiguous).await;
        world.faults.take_calls();
        let [first, _] = ids;
        decide(&world, key, &Decision::Found(first)).await.expect("recorded");
        markers.push(world.faults.take_calls().into_iter().filter(|call| *call == "store.put_marker").count());
    }
    assert_eq!(markers[1], markers[0] + 1, "one more, for the check");
}
