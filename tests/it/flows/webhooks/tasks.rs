//! Tasks of state machines that wait for pins: each ends with its pin, and its token is kept no longer. Those that wait
//! for imports are in `import_tasks.rs`.

use pinbridge_shared::domain::ids::{KeyId, PinKey};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::idempotency::pin_id;
use pinbridge_shared::domain::pin::origin::Actor;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::task::{Awaited, TASKS_MAX, TaskAnswer, TaskEnd};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS};
use pinbridge_shared::domain::webhook::delivery::State;
use pinbridge_shared::domain::webhook::destination::Destination;
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::flows::pins::delete_pin::delete_pin;
use pinbridge_shared::flows::pins::resolve_pin::{Decision, resolve_pin};
use pinbridge_shared::flows::webhooks::wait_for_end::{WaitError, end_if_over, wait_for_end, withdraw};
use pinbridge_shared::ports::QueueName;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ended, run_notifier, waiting};

const KEY: &str = "key-1";
const TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAQ";
const OTHER_TOKEN: &str = "AAAAKgAAAAIAAAAAAAAAAR";

async fn world() -> (TestWorld, EndpointKey) {
    let (world, _) = TestWorld::with_destination(1, Destination::TaskTokens).await;
    (world, Destination::TaskTokens.endpoint(testdata::workspace()).key)
}

fn pin() -> PinKey {
    PinKey { workspace: testdata::workspace(), pin: pin_id(testdata::workspace(), KEY) }
}

async fn wait(world: &TestWorld, token: &str) -> Result<(), WaitError> {
    let token = Secret::new(token);
    world.faults.spare(wait_for_end(&world.context, Awaited::Pin(pin()), &token)).await.map(|_| ())
}

/// How many tasks wait for the pin.
async fn tasks(world: &TestWorld) -> usize {
    world.faults.spare(world.context.task_tokens.task_tokens(Awaited::Pin(pin()))).await.expect("read").len()
}

/// Accepts the pin and publishes it, and leaves its events to the notifier.
async fn publish(world: &TestWorld) {
    assert_eq!(world.accept(KEY).await, pin());
    while world.queue.next_due(QueueName::Publish).is_some_and(|due| due <= world.now()) {
        world.run_publisher_once().await;
    }
}

#[tokio::test]
async fn a_published_pin_ends_each_of_its_tasks_with_its_event() {
    let (world, key) = world().await;
    wait(&world, TOKEN).await.expect("stored");
    wait(&world, TOKEN).await.expect("stored again");
    wait(&world, OTHER_TOKEN).await.expect("stored");
    publish(&world).await;
    world.queue.duplicate_all();
    run_notifier(&world, START.plus_ms(HOUR_MS)).await;

    let all = world.tasks.ended();
    let mut tokens: Vec<&str> = all.iter().map(|(token, _)| token.as_str()).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, [TOKEN, OTHER_TOKEN]);
    for (_, end) in &all {
        let TaskEnd::Success { output } = end else { panic!("{end:?}") };
        let output: Value = serde_json::from_str(output).expect("JSON");
        assert_eq!((&output["event"], &output["pin_id"]), (&json!("pin.published"), &json!(pin().pin)));
    }
    assert_eq!((tasks(&world).await, waiting(&world, key).await.len()), (0, 0));
    let ended = ended(&world, key).await;
    assert!(ended.len() == 2 && ended.iter().all(|one| one.state == State::Delivered), "{ended:?}");
}

#[tokio::test]
async fn a_failed_pin_ends_its_task_with_the_code_of_the_failure() {
    let (world, _) = world().await;
    wait(&world, TOKEN).await.expect("stored");
    world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    publish(&world).await;
    run_notifier(&world, world.now()).await;
    let end = TaskEnd::Failure {
        error: Failure::ImageBroken.code().to_owned(),
        cause: Failure::ImageBroken.message().to_owned(),
    };
    assert_eq!(world.tasks.ended(), [(TOKEN.to_owned(), end)]);
    assert_eq!(tasks(&world).await, 0);
}

#[tokio::test]
async fn a_deleted_pin_ends_its_task_as_a_failure() {
    let (world, _) = world().await;
    wait(&world, TOKEN).await.expect("stored");
    world.accept(KEY).await;
    delete_pin(&world.context, pin()).await.expect("deleted");
    run_notifier(&world, world.now()).await;
    let ended = world.tasks.ended();
    let [(token, TaskEnd::Failure { error, .. })] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!((token.as_str(), error.as_str()), (TOKEN, Failure::PinDeleted.code()));
}

#[tokio::test]
async fn a_task_that_is_over_ends_its_delivery_and_its_token() {
    let (world, key) = world().await;
    wait(&world, TOKEN).await.expect("stored");
    world.tasks.answer(Some(TaskAnswer::Gone));
    publish(&world).await;
    run_notifier(&world, START.plus_ms(HOUR_MS)).await;
    assert_eq!(world.tasks.ended().len(), 1, "asked once");
    let ended = ended(&world, key).await;
    let last = ended[0].last.clone().expect("a try");
    assert_eq!((ended[0].state, last.error.as_deref()), (State::Failed, Some("task_gone_or_ended_before")));
    assert_eq!((tasks(&world).await, world.queue.next_due(QueueName::Notify)), (0, None));
}

#[tokio::test]
async fn a_task_waits_for_step_functions() {
    let (world, key) = world().await;
    wait(&world, TOKEN).await.expect("stored");
    world.tasks.answer(None);
    publish(&world).await;
    run_notifier(&world, world.now()).await;
    assert_eq!((waiting(&world, key).await.len(), tasks(&world).await), (1, 1));
    world.tasks.answer(Some(TaskAnswer::Ended));
    run_notifier(&world, START.plus_ms(MINUTE_MS)).await;
    assert_eq!((world.tasks.ended().len(), tasks(&world).await), (1, 0));
    assert_eq!((waiting(&world, key).await.len(), ended(&world, key).await.len()), (0, 1));
}

#[tokio::test]
async fn a_death_or_a_lost_message_leaves_no_task_behind() {
    for fault in DEATHS.into_iter().chain([Fault::FailBefore, Fault::FailAfter]) {
        for call in [
            "queue.send_notify",
            "task_tokens.task_tokens",
            "task_tokens.task_token",
            "tasks.end_task",
            "task_tokens.delete_task_token",
            "webhooks.put_delivery",
        ] {
            let (world, key) = world().await;
            wait(&world, TOKEN).await.expect("stored");
            world.faults.plan(call, 1, fault);
            publish(&world).await;
            run_notifier(&world, world.now()).await;
            world.run_until(START.plus_ms(30 * MINUTE_MS)).await;
            assert!(!world.faults.heal(), "{call} {fault:?} happened");
            let ended = world.tasks.ended();
            assert!(!ended.is_empty() && ended.iter().all(|(token, _)| token == TOKEN), "{call} {fault:?}: {ended:?}");
            assert_eq!((tasks(&world).await, waiting(&world, key).await.len()), (0, 0), "{call} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_pin_without_a_task_costs_no_delivery() {
    let (world, key) = world().await;
    publish(&world).await;
    run_notifier(&world, world.now()).await;
    assert_eq!((world.tasks.ended().len(), ended(&world, key).await.len()), (0, 0));
}

#[tokio::test]
async fn a_task_that_comes_after_the_end_of_its_pin_ends_too() {
    let (world, _) = world().await;
    publish(&world).await;
    run_notifier(&world, world.now()).await;
    wait(&world, TOKEN).await.expect("stored");
    let (row, attempt) = world.pin(pin()).await;
    end_if_over(&world.context, &row, &attempt).await.expect("sent");
    run_notifier(&world, world.now()).await;
    let ended = world.tasks.ended();
    assert!(matches!(&ended[..], [(token, TaskEnd::Success { .. })] if token == TOKEN), "{ended:?}");
}

/// The pin's answer is lost, and each of two Pins could be its own.
async fn leave_to_a_person(world: &TestWorld) {
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    assert_eq!(world.accept(KEY).await, pin());
    world.run_publisher_once().await;
    for _ in 0..2 {
        world.pinterest.add_lookalike(&testdata::request("any"));
    }
    world.run_until_finished(&[pin()], START.plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.attempt(pin()).await.failure, Some(Failure::OutcomeAmbiguous));
}

/// The person says that no Pin was made: the pin stays failed, and has a later event than its failure.
async fn decide_for_none(world: &TestWorld) {
    let (decision, by) = (Decision::NoPin, Actor::Key(KeyId(Uuid::from_u128(7))));
    let decided = resolve_pin(&world.context, pin(), &decision, by);
    world.faults.spare(decided).await.expect("decided");
    assert_eq!(world.attempt(pin()).await.failure, Some(Failure::ConfirmedAbsent));
}

#[tokio::test]
async fn a_task_that_comes_after_a_persons_decision_for_none_ends() {
    let (world, _) = world().await;
    leave_to_a_person(&world).await;
    decide_for_none(&world).await;
    run_notifier(&world, world.now()).await;
    wait(&world, TOKEN).await.expect("stored");
    let (row, attempt) = world.pin(pin()).await;
    end_if_over(&world.context, &row, &attempt).await.expect("sent");
    run_notifier(&world, world.now()).await;
    let ended = world.tasks.ended();
    assert!(matches!(&ended[..], [(token, TaskEnd::Failure { .. })] if token == TOKEN), "{ended:?}");
    assert_eq!(tasks(&world).await, 0);
}

/// The message of the failure is lost, and the person decides before the rescuer looks.
#[tokio::test]
async fn a_task_ends_though_a_person_decides_before_the_lost_end_is_found() {
    let (world, _) = world().await;
    wait(&world, TOKEN).await.expect("stored");
    world.faults.plan("queue.send_notify", 1, Fault::FailBefore);
    leave_to_a_person(&world).await;
    assert!(!world.faults.heal(), "the message of the end is lost");
    decide_for_none(&world).await;
    world.run_for_ms(30 * MINUTE_MS).await;
    let ended = world.tasks.ended();
    assert!(matches!(&ended[..], [(token, TaskEnd::Failure { .. })] if token == TOKEN), "{ended:?}");
    assert_eq!(tasks(&world).await, 0);
}

/// A request with the same token was accepted before: its task still waits.
#[tokio::test]
async fn a_refused_request_takes_back_no_token_that_was_there_before() {
    let (world, _) = world().await;
    let (awaited, token) = (Awaited::Pin(pin()), Secret::new(TOKEN));
    let first = wait_for_end(&world.context, awaited, &token).await.expect("stored");
    let again = wait_for_end(&world.context, awaited, &token).await.expect("stored again");
    assert!(first.is_new && !again.is_new);
    withdraw(&world.context, awaited, &again).await;
    assert_eq!(tasks(&world).await, 1);
    withdraw(&world.context, awaited, &first).await;
    assert_eq!(tasks(&world).await, 0);
}

#[tokio::test]
async fn a_pin_has_so_many_tasks_and_without_state_machines_none() {
    let (world, _) = world().await;
    for number in 0..TASKS_MAX {
        wait(&world, &format!("token-{number}")).await.expect("stored");
    }
    assert!(matches!(wait(&world, "token-more").await, Err(WaitError::TooMany)));
    wait(&world, "token-0").await.expect("it waits already");
    let without = TestWorld::new(1).await;
    assert!(matches!(wait(&without, TOKEN).await, Err(WaitError::NotConfigured)));
    assert_eq!(tasks(&without).await, 0);
}
