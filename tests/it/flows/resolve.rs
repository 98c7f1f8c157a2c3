//! What a person decides about an outcome that the board could not, whatever happens meanwhile.

use pinbridge_shared::domain::ids::{KeyId, PinKey};
use pinbridge_shared::domain::pin::attempt::{Attempt, Status};
use pinbridge_shared::domain::pin::candidate::Candidate;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::origin::Actor;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::flows::pins::resolve_pin::{Decision, ResolveError, Resolved, resolve_pin};
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin};
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
