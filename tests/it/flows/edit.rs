//! Pins that are changed and deleted while others work on them: what is published was in force, and a deleted pin
//! isn't.

use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::edit::Edit;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accept::accept_pin::AcceptError;
use pinbridge_shared::flows::accept::duplicate_content;
use pinbridge_shared::flows::pins::delete_pin::{DeleteError, delete_pin, delete_unpublished};
use pinbridge_shared::flows::pins::edit_pin::{EditError, edit_pin};
use pinbridge_shared::flows::pins::read_pins;
use pinbridge_shared::flows::pins::retry_pin::{RetryError, retry_pin, retry_pin_with};
use pinbridge_shared::flows::tenants::export;
use pinbridge_shared::ports::PortError;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::sweep::{FAULTS_AND_REPEATS, sweep};

fn titled(title: &str) -> Edit {
    Edit { title: Some(title.into()), ..Edit::default() }
}

async fn failed(world: &TestWorld) -> PinKey {
    world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let key = world.accept("key").await;
    world.run_publisher_once().await;
    world.system.advance_ms(SECOND_MS);
    key
}

#[tokio::test]
async fn what_is_published_is_what_it_was_changed_to() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    let (pin, attempt) = edit_pin(&world.context, key, &titled("Better")).await.expect("edited");
    assert_eq!((pin.edit, attempt.edit, attempt.status), (1, 1, Status::Queued));
    assert_eq!(world.pin(key).await, (pin, attempt));
    world.run_publisher_once().await;
    let pins = world.pinterest.pins();
    assert_eq!((pins.len(), pins[0].title.as_deref()), (1, Some("Better")));
    assert!(matches!(edit_pin(&world.context, key, &titled("Late")).await, Err(EditError::AlreadyPublished)));
    // The key stands for what was asked for at first.
    assert_eq!(world.accept("key").await, key);
}

#[tokio::test]
async fn an_edit_that_changes_nothing_writes_nothing() {
    let world = TestWorld::new(1).await;
    let key = world.accept("key").await;
    world.faults.take_calls();
    let same = titled(&testdata::request("key").title);
    assert_eq!(edit_pin(&world.context, key, &same).await.expect("answered").0.edit, 0);
    assert_eq!(world.faults.take_calls(), ["store.pins"]);
}

#[tokio::test]
async fn a_pin_that_is_being_published_can_be_neither_changed_nor_ended() {
    let world = TestWorld::new(1).await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let key = world.accept("key").await;
    world.run_publisher_once().await;
    assert_eq!(world.attempt(key).await.status, Status::Publishing);
    assert!(matches!(edit_pin(&world.context, key, &titled("Late")).await, Err(EditError::Publishing)));
    let deleted = delete_unpublished(&world.context, key).await;
    assert!(matches!(deleted, Err(DeleteError::Publishing)), "{deleted:?}");
    delete_pin(&world.context, key).await.expect("hidden");
    let (pin, attempt) = world.pin(key).await;
    assert!(pin.hidden_at.is_some() && attempt.status == Status::Publishing, "{attempt:?}");
    world.run_for_ms(10 * MINUTE_MS).await;
    assert_eq!(world.attempt(key).await.status, Status::Published, "the call under way was made");
}

#[tokio::test]
async fn of_a_pin_deleted_while_it_is_being_published_no_other_attempt_begins() {
    let world = TestWorld::new(1).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
    let key = world.accept("key").await;
    world.run_publisher_once().await;
    delete_pin(&world.context, key).await.expect("hidden");
    world.run_until_finished(&[key], START.plus_ms(20 * MINUTE_MS)).await;
    let attempt = world.attempt(key).await;
    assert_eq!((attempt.status, attempt.failure, attempt.attempt), (Status::Failed, Some(Failure::PinDeleted), 1));
    assert_eq!(world.pinterest.pins(), [], "the stranger's are not ours");
}

#[tokio::test]
async fn a_worker_that_read_before_the_change_reads_again() {
    for deletes in [false, true] {
        let world = TestWorld::new(1).await;
        let key = world.accept("key").await;
        // It stands still between its reading and its write-ahead.
        world.faults.plan("secrets.tokens", 1, Fault::Yield);
        let change = async {
            if deletes {
                delete_pin(&world.context, key).await.expect("deleted");
            } else {
                edit_pin(&world.context, key, &titled("Better")).await.expect("edited");
            }
        };
        futures_util::future::join(world.run_publisher_once(), change).await;
        world.run_for_ms(MINUTE_MS).await;
        let titles: Vec<_> = world.pinterest.pins().into_iter().filter_map(|pin| pin.title).collect();
        assert_eq!(titles, if deletes { vec![] } else { vec!["Better".to_owned()] });
    }
}

#[tokio::test]
async fn a_deleted_pin_is_gone_and_its_key_stays_taken() {
    let world = TestWorld::new(1).await;
    let failed = failed(&world).await;
    let waits = world.accept("waits").await;
    for key in [waits, failed] {
        delete_pin(&world.context, key).await.expect("deleted");
        assert!(read_pins::pin(&world.context, key).await.expect("read").is_none());
        assert!(matches!(delete_pin(&world.context, key).await, Err(DeleteError::NotFound)));
        assert!(matches!(edit_pin(&world.context, key, &titled("Late")).await, Err(EditError::NotFound)));
        assert!(matches!(retry_pin(&world.context, key, true).await, Err(RetryError::NotFound)));
    }
    world.run_for_ms(MINUTE_MS).await;
    let by = world.now();
    let listed = world.context.store.listing_after(testdata::workspace(), None, by, 10).await.expect("read");
    assert_eq!(listed, []);
    let page = export::page(&world.context, testdata::workspace(), Some(export::Cursor::Pins), 10, |_| true).await;
    assert_eq!(page.expect("read").entries.len(), 0);
    let again = world.try_accept(testdata::request("waits")).await.expect("survives");
    assert!(matches!(again, Err(AcceptError::KeyOfDeleted { existing, .. }) if existing == waits.pin));
    assert_eq!(world.pinterest.calls().len(), 1, "the failed one's, before");
}

#[tokio::test]
async fn a_deleted_pin_leaves_the_backlog_and_costs_no_token() {
    let world = TestWorld::new(1).await;
    let mut keys = Vec::new();
    for index in 0..140 {
        keys.push(world.accept(&format!("key-{index}")).await);
    }
    let last = keys[139];
    let account = testdata::connected_account().key;
    assert_eq!(world.context.store.backlog(account, 10).await.expect("read").len(), 2);
    delete_pin(&world.context, last).await.expect("deleted");
    assert_eq!(world.context.store.backlog(account, 10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_retry_with_a_change_publishes_the_change() {
    let world = TestWorld::new(1).await;
    let key = failed(&world).await;
    let elsewhere = Edit { board_id: Some("1000000000000000002".into()), ..Edit::default() };
    let (pin, attempt) = retry_pin_with(&world.context, key, false, &elsewhere).await.expect("retried");
    assert_eq!((pin.edit, attempt.edit, attempt.status), (1, 1, Status::Queued));
    world.run_until_finished(&[key], START.plus_ms(5 * MINUTE_MS)).await;
    let (pin, attempt) = world.pin(key).await;
    assert_eq!((attempt.status, pin.request.board_id.as_str()), (Status::Published, "1000000000000000002"));
}

#[tokio::test]
async fn the_same_content_of_the_last_day_is_found_whatever_it_was_before() {
    let world = TestWorld::new(1).await;
    let first = world.accept("first").await;
    let find = async |key: &str| {
        let request = testdata::request(key);
        let own = pinbridge_shared::domain::pin::idempotency::pin_id(testdata::workspace(), key);
        let found = duplicate_content::find(&world.context, testdata::workspace(), &request, own).await;
        found.expect("read").map(|duplicate| duplicate.pin)
    };
    assert_eq!(find("second").await, Some(first.pin));
    assert_eq!(find("first").await, None, "not itself");
    edit_pin(&world.context, first, &titled("Another")).await.expect("edited");
    assert_eq!(find("second").await, None, "not what it was");
    edit_pin(&world.context, first, &titled(&testdata::request("any").title)).await.expect("edited");
    assert_eq!(find("second").await, Some(first.pin));
    world.system.advance_ms(duplicate_content::WITHIN_MS + 1);
    assert_eq!(find("second").await, None, "a day later");
}

/// A change or a deletion with a fault at the nth call of the whole story; answers whether it went off.
async fn story(nth: usize, fault: Fault, deletes: bool) -> bool {
    let world = TestWorld::new(5).await;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    let key = world.accept("key").await;
    world.faults.plan_any(nth, fault);
    let mut was_answered = false;
    for _ in 0..3 {
        let answer = if deletes {
            let deleted = world.faults.mortal(delete_pin(&world.context, key)).await;
            deleted.map(|answer| answer.is_ok() || matches!(answer, Err(DeleteError::NotFound)))
        } else {
            world.faults.mortal(edit_pin(&world.context, key, &titled("Better"))).await.map(|answer| answer.is_ok())
        };
        if answer == Some(true) {
            was_answered = true;
            break;
        }
    }
    assert!(was_answered, "{fault:?} at call {nth}: one fault only");
    // Only the table's calls are repeated by the SDK; one that creates a Pin never is.
    let mut went_off = fault == Fault::Repeated && !world.faults.heal();
    world.run_until_finished(&[key], START.plus_ms(25 * MINUTE_MS)).await;
    went_off |= fault != Fault::Repeated && !world.faults.heal();
    let titles: Vec<_> = world.pinterest.pins().into_iter().filter_map(|pin| pin.title).collect();
    let (_, attempt) = world.pin(key).await;
    if deletes {
        assert_eq!(titles, Vec::<String>::new(), "{fault:?} at call {nth}: {attempt:?}");
        assert_eq!(attempt.failure, Some(Failure::PinDeleted), "{fault:?} at call {nth}");
    } else {
        assert_eq!(titles, ["Better"], "{fault:?} at call {nth}: {attempt:?}");
        assert_eq!(attempt.status, Status::Published, "{fault:?} at call {nth}");
    }
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_change_or_a_deletion_ends_as_it_was_answered() {
    for deletes in [false, true] {
        // With repetitions only the change's or the deletion's own calls.
        sweep(&FAULTS_AND_REPEATS, 2, async |nth, fault| story(nth, fault, deletes).await).await;
    }
}

#[tokio::test]
async fn a_write_that_met_another_transaction_changes_nothing_and_may_be_made_again() {
    let world = TestWorld::new(1).await;
    let failed = failed(&world).await;
    let (edited, deleted) = (world.accept("edited").await, world.accept("deleted").await);
    let before = world.pins(&[failed, edited, deleted]).await;
    let contend = |call| world.faults.plan(call, 1, Fault::Contended);
    contend("store.put_pin");
    let new = world.try_accept(testdata::request("new")).await.expect("survives");
    assert!(matches!(new, Err(AcceptError::Port(PortError::Contended { .. }))));
    contend("store.save_pin");
    let edit = edit_pin(&world.context, edited, &titled("Better")).await;
    assert!(matches!(edit, Err(EditError::Port(PortError::Contended { .. }))), "{edit:?}");
    contend("store.save_pin");
    let delete = delete_pin(&world.context, deleted).await;
    assert!(matches!(delete, Err(DeleteError::Port(PortError::Contended { .. }))), "{delete:?}");
    contend("store.save_attempt");
    let retry = retry_pin(&world.context, failed, false).await;
    assert!(matches!(retry, Err(RetryError::Port(PortError::Contended { .. }))), "{retry:?}");
    assert_eq!(world.pins(&[failed, edited, deleted]).await, before);

    let new = world.accept("new").await;
    edit_pin(&world.context, edited, &titled("Better")).await.expect("edited");
    delete_pin(&world.context, deleted).await.expect("deleted");
    retry_pin(&world.context, failed, false).await.expect("retried");
    // The publisher's announcement and its outcome meet one too.
    contend("store.save_attempt");
    world.faults.plan("store.save_attempt", 3, Fault::Contended);
    world.run_until_finished(&[new, edited, failed], START.plus_ms(20 * MINUTE_MS)).await;
    assert_eq!(world.pinterest.pins().len(), 3, "each once");
}
