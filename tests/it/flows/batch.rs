//! Accepting many pins at once, and pins that are for a moment.

use pinbridge_shared::domain::ids::{AccountId, PinKey, ScheduleId};
use pinbridge_shared::domain::pacing::pace::Pace;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::pin::{PinRequest, Placement, Priority, WaitReason};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::accept::accept_pin::{AcceptError, Acceptance, PublishRequest};
use pinbridge_shared::flows::accept::accept_pins::accept_pins;
use pinbridge_shared::ports::PortResult;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use crate::support::sweep::{FAULTS, sweep};

type Answers = Vec<Result<Acceptance, AcceptError>>;

fn request_to_publish(name: &str) -> PublishRequest {
    PublishRequest::from(PinRequest { title: format!("Crane {name}"), ..testdata::request(name) })
}

fn due(name: &str, at: Moment) -> PublishRequest {
    PublishRequest { not_before: Some(at), ..request_to_publish(name) }
}

async fn accept(world: &TestWorld, publish_requests: Vec<PublishRequest>) -> Answers {
    try_accept(world, publish_requests).await.expect("survives").expect("accepted")
}

async fn try_accept(world: &TestWorld, publish_requests: Vec<PublishRequest>) -> Option<PortResult<Answers>> {
    world.faults.mortal(accept_pins(&world.context, testdata::workspace(), publish_requests)).await
}

fn new_keys(answers: &Answers) -> Vec<PinKey> {
    let key = |answer: &Result<Acceptance, AcceptError>| match answer {
        Ok(Acceptance::New(pin, _)) => pin.key,
        other => panic!("{other:?}"),
    };
    answers.iter().map(key).collect()
}

#[tokio::test]
async fn a_bad_order_spoils_no_good_one_and_the_answers_keep_their_order() {
    let world = TestWorld::new(1).await;
    let before = world.accept_request(request_to_publish("before").request).await;
    let mut stranger = request_to_publish("stranger");
    stranger.request.account = AccountId(Uuid::from_u128(404));
    let mut other = request_to_publish("before");
    other.request.title = "Another".into();
    let answers = accept(
        &world,
        vec![request_to_publish("a"), stranger, request_to_publish("before"), other, request_to_publish("b")],
    )
    .await;
    assert!(matches!(&answers[0], Ok(Acceptance::New(..))));
    assert!(matches!(&answers[1], Err(AcceptError::AccountNotFound)));
    assert!(matches!(&answers[2], Ok(Acceptance::Replay(pin, _)) if pin.key == before));
    assert!(matches!(&answers[3], Err(AcceptError::KeyReused { existing, .. }) if *existing == before.pin));
    assert!(matches!(&answers[4], Ok(Acceptance::New(..))));
    assert_eq!(answers.len(), 5);
}

#[tokio::test]
async fn of_one_key_in_one_call_the_first_that_can_be_accepted_is() {
    let world = TestWorld::new(1).await;
    let mut stranger = request_to_publish("twice");
    stranger.request.account = AccountId(Uuid::from_u128(404));
    let mut other = request_to_publish("twice");
    other.request.title = "Another".into();
    let answers = accept(&world, vec![stranger, request_to_publish("twice"), request_to_publish("twice"), other]).await;
    assert!(matches!(&answers[0], Err(AcceptError::AccountNotFound)));
    assert!(matches!(&answers[1], Ok(Acceptance::New(..))));
    assert!(matches!(&answers[2], Ok(Acceptance::Replay(..))));
    assert!(matches!(&answers[3], Err(AcceptError::KeyReused { .. })));
    assert_eq!(world.queue.messages().len(), 1);
}

#[tokio::test]
async fn a_batch_fills_the_slots_and_the_rest_waits_in_the_backlog() {
    let world = TestWorld::new(1).await;
    let mut publish_requests: Vec<PublishRequest> =
        (0..160).map(|index| request_to_publish(&index.to_string())).collect();
    publish_requests[159].request.priority = Priority::Urgent;
    let answers = accept(&world, publish_requests.split_off(60)).await;
    let placements: Vec<Placement> = answers
        .iter()
        .map(|answer| match answer {
            Ok(Acceptance::New(pin, _)) => pin.placement,
            other => panic!("{other:?}"),
        })
        .collect();
    let count = |wanted: fn(&Placement) -> bool| placements.iter().filter(|placement| wanted(placement)).count();
    assert_eq!(count(|placement| *placement == Placement::Now), 50);
    assert_eq!(count(|placement| matches!(placement, Placement::Slot(_))), 50);
    assert_eq!(placements[99], Placement::Now, "the most urgent goes first");
    let more = accept(&world, publish_requests).await;
    let waiting = more.iter().filter(
        |answer| matches!(answer, Ok(Acceptance::New(pin, _)) if pin.placement == Placement::Backlog(WaitReason::AccountPacing)),
    );
    assert_eq!(waiting.count(), 22, "88 slots are within the horizon");
    let keys: Vec<PinKey> = new_keys(&answers).into_iter().chain(new_keys(&more)).collect();
    world.run_until_finished(&keys, START.plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.pinterest.pins().len(), 160);
}

#[tokio::test]
async fn a_pin_for_a_moment_starts_then_and_holds_nobody_up() {
    let world = TestWorld::new(1).await;
    let at = START.plus_ms(171_234);
    let mut scheduled = due("scheduled", at);
    scheduled.origin.schedule = Some((ScheduleId(Uuid::from_u128(9)), 2));
    let answers = accept(&world, vec![scheduled]).await;
    let [Ok(Acceptance::New(pin, attempt))] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((attempt.status, attempt.wait), (Status::Deferred, Some(WaitReason::Scheduled)));
    assert_eq!((pin.placement, attempt.not_before), (Placement::Due(at), Some(at)));
    assert_eq!(pin.origin, Origin { schedule: Some((ScheduleId(Uuid::from_u128(9)), 2)), ..Origin::default() });
    let other = world.accept("other").await;
    assert_eq!(world.pin(other).await.0.placement, Placement::Now, "the token isn't taken ahead");
    world.run_until_finished(&[pin.key, other], START.plus_ms(5 * MINUTE_MS)).await;
    assert_eq!(world.attempt(pin.key).await.started_at, Some(at), "never early, and not late");
}

#[tokio::test]
async fn a_moment_that_has_passed_is_now() {
    let world = TestWorld::new(1).await;
    let answers = accept(&world, vec![due("late", START.plus_ms(-1)), due("now", START)]).await;
    assert!(
        answers.iter().all(|answer| matches!(answer, Ok(Acceptance::New(pin, _)) if pin.placement == Placement::Now))
    );
}

#[tokio::test]
async fn a_pin_for_a_moment_waits_its_turn_when_its_account_has_no_token() {
    let mut world = TestWorld::new(1).await;
    world.context.settings.pace = Pace::new(1, 0.02);
    let at = START.plus_ms(30_500);
    let keys = new_keys(&accept(&world, vec![due("a", at), due("b", at), due("c", at)]).await);
    world.run_until_finished(&keys, START.plus_ms(10 * MINUTE_MS)).await;
    let mut started = Vec::new();
    for key in keys {
        started.extend(world.attempt(key).await.started_at.map(|started| started.since_ms(at)));
    }
    started.sort_unstable();
    assert_eq!(started[0], 0);
    assert!(started[1] >= 50 * SECOND_MS && started[2] >= 100 * SECOND_MS, "{started:?}");
}

/// Accepts pins of every placement with a fault at the nth port call, repeating the call like a client; answers whether
/// it went off.
async fn story(nth: usize, fault: Fault) -> bool {
    let mut world = TestWorld::new(5).await;
    // Two at once, one with a slot, the rest in the backlog.
    world.context.settings.pace = Pace::new(2, 0.02);
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    let at = START.plus_ms(95_500);
    let publish_requests = || {
        let now = (0..6).map(|index| request_to_publish(&format!("now-{index}")));
        now.chain((0..2).map(|index| due(&format!("due-{index}"), at))).collect::<Vec<_>>()
    };
    world.faults.plan_any(nth, fault);
    let mut keys = Vec::new();
    for _ in 0..3 {
        let Some(Ok(answers)) = try_accept(&world, publish_requests()).await else { continue };
        let is_done = answers.iter().all(Result::is_ok);
        keys = answers
            .into_iter()
            .flatten()
            .map(|(Acceptance::New(pin, _) | Acceptance::Replay(pin, _))| pin.key)
            .collect();
        if is_done {
            break;
        }
    }
    assert_eq!(keys.len(), 8, "{fault:?} at call {nth}: one fault only");
    let went_off = !world.faults.heal();
    world.run_until_finished(&keys, START.plus_ms(25 * MINUTE_MS)).await;
    assert_eq!(world.pinterest.pins().len(), 8, "{fault:?} at call {nth}");
    for (pin, attempt) in world.pins(&keys).await {
        assert_eq!(attempt.status, Status::Published, "{fault:?} at call {nth}: {attempt:?}");
        let is_early = pin.not_before().is_some_and(|due| attempt.started_at < Some(due));
        assert!(!is_early, "{fault:?} at call {nth}: {attempt:?} of {pin:?}");
    }
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_batch_loses_and_doubles_nothing_and_starts_nothing_early() {
    sweep(&FAULTS, 25, story).await;
}
