//! The events of accounts: each once, also if the process dies right after the write, and none without the write.

use std::collections::BTreeSet;

use pinbridge_shared::domain::account::credentials::{Death, TokenLife};
use pinbridge_shared::domain::account::{Account, PUBLISHING_SCOPES};
use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::event::occurrence::EXPIRY_TOLD_AHEAD_MS;
use pinbridge_shared::domain::ids::AccountKey;
use pinbridge_shared::domain::pacing::bucket::Pause;
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, Moment};
use pinbridge_shared::domain::webhook::endpoint::EndpointKey;
use pinbridge_shared::flows::accounts::connect::connect_account;
use pinbridge_shared::flows::pacing::pause_account;
use pinbridge_shared::flows::pacing::release_hold::release_hold;
use pinbridge_shared::flows::webhooks::endpoints::{EndpointChange, NewEndpoint, create_endpoint, update_endpoint};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::{DEATHS, Fault};
use serde_json::json;

use super::{OTHER_URL, URL, bodies, ended, listening, names, of_events, publish, subscribe};

const USER: &str = "9001";
const PAUSES: [EventType; 2] = [EventType::AccountPaused, EventType::AccountResumed];
const CONNECTIONS: [EventType; 2] = [EventType::AccountConnected, EventType::AccountReconnectRequired];

fn key() -> AccountKey {
    testdata::connected_account().key
}

/// Every way to lose what comes after a write.
fn lost() -> impl Iterator<Item = Fault> {
    DEATHS.into_iter().chain([Fault::FailBefore, Fault::FailAfter])
}

/// Connects another Pinterest user; `None` if the process died.
async fn connect(world: &TestWorld) -> Option<Account> {
    let tokens = world.oauth.grant(USER, &PUBLISHING_SCOPES.join(","));
    let work = connect_account(&world.context, testdata::workspace(), &tokens);
    world.faults.mortal(work).await?.ok()
}

async fn account(world: &TestWorld) -> Account {
    world.faults.spare(world.context.store.account(key())).await.expect("read").expect("there")
}

/// Writes the next row of the account; answers whether it was written, or `None` if that failed or the process died.
async fn write(world: &TestWorld, next: &Account) -> Option<bool> {
    let written = world.faults.mortal(world.context.store.save_account(next)).await?;
    written.ok().map(|written| written.is_done())
}

async fn given_up(world: &TestWorld) -> Account {
    let now = world.now();
    let life = TokenLife { dead: Some(Death { at: now, answer_lost: false }), ..TokenLife::default() };
    Account { life, ..account(world).await.next(now, "given up".into()) }
}

fn block(world: &TestWorld, until: Moment) -> Pause {
    Pause::new(&world.context.settings.pace, until, WaitReason::AccountPaused).because(Failure::SpamBlock)
}

/// Creates a webhook as a caller does.
async fn create(world: &TestWorld, events: &[EventType]) -> EndpointKey {
    let new = NewEndpoint {
        url: URL.into(),
        secret: Secret::new("a secret of the receiver"),
        events: events.to_vec(),
        is_enabled: true,
    };
    create_endpoint(&world.context, testdata::workspace(), new).await.expect("created").key
}

/// Pauses the account, by a call that is refused.
async fn pause_until(world: &TestWorld, until: Moment) {
    pause_account::pause(&world.context, key(), block(world, until)).await.expect("paused");
}

#[tokio::test]
async fn a_connection_is_delivered_once_and_its_renewal_is_not() {
    let (world, endpoint) = listening(&CONNECTIONS).await;
    let connected = connect(&world).await.expect("connected");
    let again = connect(&world).await.expect("connected again, while it works");
    assert_eq!(again.key, connected.key);
    world.run_for_ms(20 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.connected"]);
    assert_eq!(sent[0]["account_id"], json!(connected.key.account));
}

#[tokio::test]
async fn a_death_after_a_connection_is_mended_with_the_same_id() {
    for fault in lost() {
        let (world, endpoint) = listening(&CONNECTIONS).await;
        world.faults.plan("queue.send_notify", 1, fault);
        let _ = connect(&world).await;
        assert!(!world.faults.heal(), "{fault:?}: the message was sent");
        world.run_for_ms(10 * MINUTE_MS).await;
        assert_eq!(names(&bodies(&world, endpoint)), ["account.connected"], "{fault:?}");
        assert_eq!(ended(&world, endpoint).await.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_given_up_asks_for_a_person_once() {
    for fault in [None].into_iter().chain(lost().map(Some)) {
        let (world, endpoint) = listening(&CONNECTIONS).await;
        if let Some(fault) = fault {
            world.faults.plan("queue.send_notify", 1, fault);
        }
        let _ = write(&world, &given_up(&world).await).await;
        assert!(!world.faults.heal(), "{fault:?}: the message was sent");
        world.run_for_ms(10 * MINUTE_MS).await;
        let sent = bodies(&world, endpoint);
        assert_eq!(names(&sent), ["account.reconnect_required"], "{fault:?}");
        assert_eq!((&sent[0]["reason"], &sent[0]["publishes_until"]), (&json!("given_up"), &json!(null)));
    }
}

#[tokio::test]
async fn a_write_of_an_account_that_was_not_made_tells_nothing() {
    for fault in [None, Some(Fault::DieBefore), Some(Fault::FailBefore)] {
        let (world, endpoint) = listening(&CONNECTIONS).await;
        let mut next = given_up(&world).await;
        match fault {
            Some(fault) => world.faults.plan("store.save_account", 1, fault),
            // Another writer has come first.
            None => next.rev += 1,
        }
        assert_ne!(write(&world, &next).await, Some(true), "{fault:?}");
        world.run_for_ms(10 * MINUTE_MS).await;
        assert!(bodies(&world, endpoint).is_empty(), "{fault:?}");
    }
}

/// The write of another process has followed the one that this process died after.
#[tokio::test]
async fn a_change_that_was_followed_by_another_is_told_all_the_same() {
    let (world, endpoint) = listening(&CONNECTIONS).await;
    world.faults.plan("queue.send_notify", 1, Fault::DieBefore);
    let given_up = given_up(&world).await;
    assert_eq!(write(&world, &given_up).await, None, "it died");
    let after = given_up.next(world.now(), "another".into());
    assert_eq!(write(&world, &after).await, Some(true));
    world.run_for_ms(10 * MINUTE_MS).await;
    assert_eq!(names(&bodies(&world, endpoint)), ["account.reconnect_required"]);
}

#[tokio::test]
async fn an_access_token_that_nothing_renews_asks_for_a_person_days_ahead() {
    let (world, endpoint) = listening(&CONNECTIONS).await;
    let (now, told_at) = (world.now(), world.now().plus_ms(30 * MINUTE_MS));
    let expires_at = told_at.plus_ms(EXPIRY_TOLD_AHEAD_MS);
    let life = TokenLife::issued(now, Some(expires_at), None, false, 0.5);
    let next = Account { life, ..account(&world).await.next(now, "bare".into()) };
    assert_eq!(write(&world, &next).await, Some(true));
    world.run_until(told_at).await;
    assert!(bodies(&world, endpoint).is_empty(), "not before its time");
    world.run_for_ms(20 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.reconnect_required"]);
    let expected = [json!("expires"), json!(expires_at.rfc3339()), json!(told_at.rfc3339())];
    assert_eq!(["reason", "publishes_until", "occurred_at"].map(|name| sent[0][name].clone()), expected);
}

#[tokio::test]
async fn a_block_pauses_an_account_and_its_end_is_told() {
    let (world, endpoint) = listening(&PAUSES).await;
    world.pinterest.answer_next([Answer::Refused(Failure::SpamBlock, None)]);
    publish(&world, 0..1).await;
    let bucket = world.faults.spare(world.context.store.bucket(key())).await.expect("read");
    let until = bucket.pause.expect("paused").until;
    world.run_for_ms(MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.paused"]);
    let expected = [json!("pause"), json!(Failure::SpamBlock.code()), json!(until.rfc3339())];
    assert_eq!(["kind", "reason", "until"].map(|name| sent[0][name].clone()), expected);
    world.run_until(until).await;
    assert_eq!(bodies(&world, endpoint).len(), 1, "it goes on");
    world.run_for_ms(20 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.paused", "account.resumed"]);
    assert_eq!((&sent[1]["occurred_at"], &sent[1]["kind"]), (&json!(until.rfc3339()), &json!("pause")));
}

#[tokio::test]
async fn a_pause_that_is_extended_has_one_beginning_and_one_end() {
    let (world, endpoint) = listening(&PAUSES).await;
    let (first, last) = (world.now().plus_ms(HOUR_MS), world.now().plus_ms(2 * HOUR_MS));
    for until in [first, first, last] {
        pause_account::pause(&world.context, key(), block(&world, until)).await.expect("paused");
    }
    world.run_until(last.plus_ms(20 * MINUTE_MS)).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.paused", "account.resumed"]);
    assert_eq!(sent[1]["occurred_at"], json!(last.rfc3339()));
}

#[tokio::test]
async fn a_death_after_a_pause_is_mended_and_its_end_is_told() {
    for fault in lost() {
        let (world, endpoint) = listening(&PAUSES).await;
        let until = world.now().plus_ms(HOUR_MS);
        world.faults.plan("queue.send_notify", 1, fault);
        let pause = pause_account::pause(&world.context, key(), block(&world, until));
        let _ = world.faults.mortal(pause).await;
        assert!(!world.faults.heal(), "{fault:?}: the message was sent");
        world.run_until(until.plus_ms(20 * MINUTE_MS)).await;
        assert_eq!(names(&bodies(&world, endpoint)), ["account.paused", "account.resumed"], "{fault:?}");
        assert_eq!(ended(&world, endpoint).await.len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_pause_that_was_not_written_tells_nothing() {
    for fault in [Fault::DieBefore, Fault::FailBefore] {
        let (world, endpoint) = listening(&PAUSES).await;
        world.faults.plan("store.pause", 1, fault);
        let pause = pause_account::pause(&world.context, key(), block(&world, world.now().plus_ms(HOUR_MS)));
        let _ = world.faults.mortal(pause).await;
        assert!(!world.faults.heal(), "{fault:?}");
        world.run_for_ms(90 * MINUTE_MS).await;
        assert!(bodies(&world, endpoint).is_empty(), "{fault:?}");
    }
}

/// What stops calls doesn't wait for what tells of it. The message is lost, too: the marker that is filed after the
/// pause makes up for it.
#[tokio::test]
async fn a_pause_is_written_and_told_although_its_marker_can_not_be_filed_at_first() {
    for (call, failures) in [("store.put_marker", 1), ("store.put_marker", 2), ("store.bucket", 1)] {
        let (world, endpoint) = listening(&PAUSES).await;
        let until = world.now().plus_ms(HOUR_MS);
        for _ in 0..failures {
            world.faults.plan(call, 1, Fault::FailBefore);
        }
        world.faults.plan("queue.send_notify", 1, Fault::FailBefore);
        world.context.store.pause(key(), &block(&world, until)).await.expect("paused all the same");
        assert!(!world.faults.heal(), "{call}: each fault has happened");
        let bucket = world.faults.spare(world.context.store.bucket(key())).await.expect("read");
        assert_eq!(bucket.pause.map(|pause| pause.until), Some(until), "{call}");
        world.run_for_ms(10 * MINUTE_MS).await;
        assert_eq!(names(&bodies(&world, endpoint)), ["account.paused"], "{call}");
    }
}

#[tokio::test]
async fn a_hold_is_told_and_that_it_was_lifted_whatever_dies() {
    for fault in [None].into_iter().chain(lost().map(Some)) {
        let (world, endpoint) = listening(&PAUSES).await;
        let plan = || {
            if let Some(fault) = fault {
                world.faults.plan("queue.send_notify", 1, fault);
            }
        };
        plan();
        let _ = world.faults.mortal(pause_account::hold(&world.context, key(), Failure::TrialAccess)).await;
        assert!(!world.faults.heal(), "{fault:?}");
        world.run_for_ms(10 * MINUTE_MS).await;
        assert_eq!(names(&bodies(&world, endpoint)), ["account.paused"], "{fault:?}");
        // It is tried again, and refused again.
        world.run_for_ms(10 * MINUTE_MS).await;
        let _ = world.faults.mortal(pause_account::hold(&world.context, key(), Failure::TrialAccess)).await;
        plan();
        let _ = world.faults.mortal(release_hold(&world.context, key())).await;
        assert!(!world.faults.heal(), "{fault:?}");
        let lifted_at = world.now();
        world.run_for_ms(HOUR_MS).await;
        let sent = bodies(&world, endpoint);
        assert_eq!(names(&sent), ["account.paused", "account.resumed"], "{fault:?}");
        assert_eq!((&sent[0]["until"], &sent[1]["kind"]), (&json!(null), &json!("hold")), "{fault:?}");
        assert_eq!(sent[1]["occurred_at"], json!(lifted_at.rfc3339()), "{fault:?}");
    }
}

/// While its access token is renewed, the account's hold is another one, of which nobody hears.
#[tokio::test]
async fn the_end_of_a_hold_is_told_also_if_a_renewal_ends_it() {
    let (world, endpoint) = listening(&PAUSES).await;
    pause_account::hold(&world.context, key(), Failure::TokenRevoked).await.expect("held");
    world.run_for_ms(20 * MINUTE_MS).await;
    let until = world.now().plus_ms(MINUTE_MS);
    let renewing = Pause::new(&world.context.settings.pace, until, WaitReason::TokenRefresh);
    pause_account::pause(&world.context, key(), renewing).await.expect("paused");
    release_hold(&world.context, key()).await;
    let lifted_at = world.now();
    world.run_for_ms(2 * HOUR_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.paused", "account.resumed"]);
    assert_eq!(sent[1]["occurred_at"], json!(lifted_at.rfc3339()));
}

#[tokio::test]
async fn short_pauses_and_accounts_without_an_endpoint_cost_no_write() {
    let (world, endpoint) = listening(&[EventType::PinPublished]).await;
    world.faults.take_calls();
    pause_account::pause(&world.context, key(), block(&world, world.now().plus_ms(HOUR_MS))).await.expect("paused");
    pause_account::hold(&world.context, key(), Failure::TrialAccess).await.expect("held");
    release_hold(&world.context, key()).await;
    assert_eq!(write(&world, &given_up(&world).await).await, Some(true));
    let calls = BTreeSet::from_iter(of_events(&world.faults.take_calls()));
    assert_eq!(calls, BTreeSet::from(["webhooks.endpoints"]));

    let (other, _) = listening(&PAUSES).await;
    other.faults.take_calls();
    let short = block(&other, other.now().plus_ms(4 * MINUTE_MS));
    pause_account::pause(&other.context, key(), short).await.expect("paused");
    assert!(of_events(&other.faults.take_calls()).is_empty());
    other.run_for_ms(20 * MINUTE_MS).await;
    assert!(other.webhook_sender.sent().is_empty() && bodies(&world, endpoint).is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_created_during_a_pause_hears_its_end() {
    let world = TestWorld::new(1).await;
    let until = world.now().plus_ms(2 * HOUR_MS);
    pause_until(&world, until).await;
    world.run_for_ms(20 * MINUTE_MS).await;
    // The other one has heard nothing of the beginning, and hears nothing of the end.
    subscribe(&world, 2, OTHER_URL, &PAUSES).await;
    let endpoint = create(&world, &[EventType::AccountResumed]).await;
    world.run_until(until).await;
    assert!(bodies(&world, endpoint).is_empty(), "it goes on");
    world.run_for_ms(20 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.resumed"]);
    assert_eq!((&sent[0]["occurred_at"], &sent[0]["kind"]), (&json!(until.rfc3339()), &json!("pause")));
}

#[tokio::test]
async fn a_webhook_whose_list_is_changed_during_a_pause_hears_its_end_whatever_dies() {
    for fault in [None, Some(Fault::DieAfter), Some(Fault::FailAfter)] {
        let (world, endpoint) = listening(&[EventType::PinFailed]).await;
        let until = world.now().plus_ms(2 * HOUR_MS);
        pause_until(&world, until).await;
        world.run_for_ms(20 * MINUTE_MS).await;
        if let Some(fault) = fault {
            world.faults.plan("webhooks.save_endpoint", 1, fault);
        }
        let change = EndpointChange { events: Some(PAUSES.to_vec()), ..EndpointChange::default() };
        let _ = world.faults.mortal(update_endpoint(&world.context, endpoint, change)).await;
        assert!(!world.faults.heal(), "{fault:?}");
        world.run_until(until.plus_ms(20 * MINUTE_MS)).await;
        assert_eq!(names(&bodies(&world, endpoint)), ["account.resumed"], "{fault:?}");
    }
}

/// A process knows a workspace's webhooks for half a minute without reading them.
#[tokio::test]
async fn the_end_of_a_pause_is_told_also_if_it_began_before_the_process_knew_the_webhook() {
    let world = TestWorld::new(1).await;
    pause_account::hold(&world.context, key(), Failure::TrialAccess).await.expect("held");
    release_hold(&world.context, key()).await;
    let endpoint = create(&world, &PAUSES).await;
    let until = world.now().plus_ms(HOUR_MS);
    pause_until(&world, until).await;
    world.run_until(until.plus_ms(20 * MINUTE_MS)).await;
    assert_eq!(names(&bodies(&world, endpoint)), ["account.resumed"]);
}

#[tokio::test]
async fn a_webhook_that_is_created_during_a_hold_hears_its_end_also_if_a_renewal_ends_it() {
    let world = TestWorld::new(1).await;
    pause_account::hold(&world.context, key(), Failure::TokenRevoked).await.expect("held");
    world.run_for_ms(20 * MINUTE_MS).await;
    let endpoint = create(&world, &PAUSES).await;
    world.run_for_ms(20 * MINUTE_MS).await;
    let until = world.now().plus_ms(MINUTE_MS);
    let renewing = Pause::new(&world.context.settings.pace, until, WaitReason::TokenRefresh);
    pause_account::pause(&world.context, key(), renewing).await.expect("paused");
    release_hold(&world.context, key()).await;
    let lifted_at = world.now();
    world.run_for_ms(2 * HOUR_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.resumed"]);
    assert_eq!((&sent[0]["occurred_at"], &sent[0]["kind"]), (&json!(lifted_at.rfc3339()), &json!("hold")));
}

#[tokio::test]
async fn a_webhook_that_is_created_later_hears_that_an_access_token_expires() {
    let world = TestWorld::new(1).await;
    let (now, told_at) = (world.now(), world.now().plus_ms(HOUR_MS));
    let expires_at = told_at.plus_ms(EXPIRY_TOLD_AHEAD_MS);
    let life = TokenLife::issued(now, Some(expires_at), None, false, 0.5);
    let next = Account { life, ..account(&world).await.next(now, "bare".into()) };
    assert_eq!(write(&world, &next).await, Some(true));
    world.run_for_ms(20 * MINUTE_MS).await;
    let endpoint = create(&world, &CONNECTIONS).await;
    world.run_until(told_at).await;
    assert!(bodies(&world, endpoint).is_empty(), "not before its time");
    world.run_for_ms(20 * MINUTE_MS).await;
    let sent = bodies(&world, endpoint);
    assert_eq!(names(&sent), ["account.reconnect_required"]);
    let expected = [json!("expires"), json!(expires_at.rfc3339()), json!(told_at.rfc3339())];
    assert_eq!(["reason", "publishes_until", "occurred_at"].map(|name| sent[0][name].clone()), expected);
}

#[tokio::test]
async fn what_was_over_before_a_webhook_was_created_is_not_told() {
    let world = TestWorld::new(1).await;
    let until = world.now().plus_ms(HOUR_MS);
    pause_until(&world, until).await;
    pause_account::hold(&world.context, key(), Failure::TrialAccess).await.expect("held");
    release_hold(&world.context, key()).await;
    world.run_until(until.plus_ms(MINUTE_MS)).await;
    let endpoint = create(&world, &PAUSES).await;
    world.run_for_ms(HOUR_MS).await;
    assert!(bodies(&world, endpoint).is_empty());
}

#[tokio::test]
async fn a_webhook_costs_a_marker_only_if_it_asks_for_what_may_have_begun() {
    for (events, markers) in [(EventType::defaults(), 0), (PAUSES.to_vec(), 1), (CONNECTIONS.to_vec(), 1)] {
        let world = TestWorld::new(1).await;
        let endpoint = create(&world, &events).await;
        // The same list again asks for nothing new.
        let change = EndpointChange { events: Some(events), ..EndpointChange::default() };
        update_endpoint(&world.context, endpoint, change).await.expect("changed");
        let filed = world.faults.take_calls().into_iter().filter(|call| *call == "store.put_marker").count();
        assert_eq!(filed, markers);
    }
}
