//! One Pinterest user, connected in several workspaces: Pinterest counts all of their calls together.

use pinbridge_shared::domain::account::PUBLISHING_SCOPES;
use pinbridge_shared::domain::ids::{AccountKey, PinKey, WorkspaceId};
use pinbridge_shared::domain::pacing::bucket::{ACCEPT_HORIZON_MS, Bucket, CROWDED_FOR_MS, Take};
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{PinRequest, WaitReason};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accept::accept_pin::{Acceptance, accept_pin};
use pinbridge_shared::flows::accounts::connect::connect_account;
use pinbridge_shared::flows::accounts::connect_simulated::connect_simulated;
use pinbridge_shared::flows::accounts::refresh_due::refresh_due;
use pinbridge_shared::flows::pacing::rate_meter;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};
use uuid::Uuid;

use super::connect::USER;

/// What Pinterest lets pass of a user and an app in any minute.
const WRITES_PER_MINUTE: usize = 100;

fn workspace(number: u128) -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(0x1000 + number))
}

fn key(number: u128) -> AccountKey {
    AccountKey::of_pinterest_user(workspace(number), USER)
}

async fn connect(world: &TestWorld, number: u128) {
    let tokens = world.oauth.grant(USER, &PUBLISHING_SCOPES.join(","));
    let account = connect_account(&world.context, workspace(number), &tokens).await.expect("connected");
    assert_eq!(account.key, key(number));
}

async fn bucket(world: &TestWorld, number: u128) -> Bucket {
    world.context.store.bucket(key(number)).await.expect("read")
}

async fn accept(world: &TestWorld, number: u128, indices: std::ops::Range<usize>) -> Vec<PinKey> {
    let mut keys = Vec::new();
    for index in indices {
        let title = format!("Pin {index} of {number}");
        let request = PinRequest { title: title.clone(), account: key(number).account, ..testdata::request(&title) };
        match accept_pin(&world.context, workspace(number), request).await.expect("accepted") {
            Acceptance::New(pin, _) | Acceptance::Replay(pin, _) => keys.push(pin.key),
        }
    }
    keys
}

fn calls_of(world: &TestWorld, number: u128) -> usize {
    let suffix = format!(" of {number}");
    world.pinterest.calls().iter().filter(|call| call.request.title.ends_with(&suffix)).count()
}

#[tokio::test]
async fn accounts_of_one_user_share_a_pace_and_others_do_not() {
    let world = TestWorld::new(1).await;
    for number in 1..=2 {
        connect(&world, number).await;
    }
    let pacer = bucket(&world, 1).await.pacer.expect("linked");
    assert_eq!(bucket(&world, 2).await.pacer, Some(pacer.clone()));
    assert!(!pacer.name().contains(USER), "the row says nothing about the user");
    let tokens = world.oauth.grant("9002", &PUBLISHING_SCOPES.join(","));
    let other = connect_account(&world.context, workspace(1), &tokens).await.expect("connected");
    let other = world.context.store.bucket(other.key).await.expect("read");
    assert!(other.pacer.is_some_and(|name| name != pacer));
    let simulated = connect_simulated(&world.context, workspace(3), 1).await.expect("connected");
    assert_eq!(world.context.store.bucket(simulated.key).await.expect("read").pacer, None, "it paces itself");
    connect(&world, 1).await;
    assert_eq!(bucket(&world, 1).await.pacer, Some(pacer), "connected again");
}

#[tokio::test]
async fn three_workspaces_of_one_user_stay_within_what_pinterest_lets_pass() {
    let world = TestWorld::new(1).await;
    let mut keys = Vec::new();
    for number in 1..=3 {
        connect(&world, number).await;
        keys.extend(accept(&world, number, 0..60).await);
    }
    world.run_until_finished(&keys, START.plus_ms(5 * MINUTE_MS)).await;
    let times: Vec<i64> = world.pinterest.calls().iter().map(|call| call.at.0).collect();
    let most = times.iter().map(|from| times.iter().filter(|at| (*from..from + MINUTE_MS).contains(at)).count());
    let most = most.max().unwrap_or(0);
    assert!(most <= WRITES_PER_MINUTE, "{most} in a minute");
    assert!(world.pins(&keys).await.iter().all(|(_, attempt)| attempt.status == Status::Published));
}

#[tokio::test]
async fn one_that_floods_leaves_the_others_their_share() {
    let world = TestWorld::new(1).await;
    for number in 1..=3 {
        connect(&world, number).await;
    }
    accept(&world, 1, 0..2_000).await;
    accept(&world, 2, 0..2_000).await;
    world.run_for_ms(3 * MINUTE_MS).await;
    let before = [1, 2].map(|number| calls_of(&world, number));
    // The third sends one pin, while both others wait with thousands.
    let [pin] = accept(&world, 3, 0..1).await[..] else { panic!("one") };
    assert_eq!(world.attempt(pin).await.wait, Some(WaitReason::AccountPacing));
    world.run_for_ms(3 * MINUTE_MS).await;
    let attempt = world.attempt(pin).await;
    let waited_ms = attempt.finished_at.expect("published").since_ms(world.pin(pin).await.0.created_at);
    assert!(waited_ms <= MINUTE_MS + 100 * SECOND_MS + 3 * SECOND_MS, "a tick, the window, and its turn: {waited_ms}");
    world.run_for_ms(7 * MINUTE_MS).await;
    let got = [1, 2].map(|number| calls_of(&world, number) - before[number as usize - 1]);
    assert!(got[0].abs_diff(got[1]) <= 2 && got[0] > 290, "both get the same: {got:?}");
}

#[tokio::test]
async fn retries_of_a_crowd_wait_for_their_turn() {
    let world = TestWorld::new(1).await;
    connect(&world, 1).await;
    connect(&world, 2).await;
    let [pin] = accept(&world, 1, 0..1).await[..] else { panic!("one") };
    let now = bucket(&world, 1).await;
    let pace = world.context.settings.pace;
    let crowds_until = Some(world.now().plus_ms(CROWDED_FOR_MS));
    let take = Take { crowds_until, ..Take::plan(&now, &pace, world.now(), 1, ACCEPT_HORIZON_MS, "n".into()) };
    world.context.store.take(key(2), &take).await.expect("taken");
    world.pinterest.answer_next([Answer::Refused(Failure::PinterestBusy, Some(5 * SECOND_MS))]);
    world.run_for_ms(40 * SECOND_MS).await;
    let attempt = world.attempt(pin).await;
    assert_eq!((attempt.status, attempt.attempt), (Status::Deferred, 1), "its second token is a matter of turns");
    let meter = rate_meter::read(&world.context, key(2)).await.expect("read");
    assert!(meter.tokens_available < 1.0, "and a new pin would wait, as the meter says");
    world.run_for_ms(3 * MINUTE_MS).await;
    assert_eq!(world.attempt(pin).await.status, Status::Published);
}

#[tokio::test]
async fn pins_that_wait_while_a_window_has_no_token_keep_all_others_waiting() {
    let world = TestWorld::new(1).await;
    connect(&world, 1).await;
    connect(&world, 2).await;
    let pace = world.context.settings.pace;
    let now = bucket(&world, 1).await;
    let everything = Take::plan(&now, &pace, world.now(), 200, 300 * SECOND_MS, "n".into());
    world.context.store.take(key(1), &everything).await.expect("taken");
    world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    assert!(!bucket(&world, 1).await.is_crowded(world.now()), "nobody waits");
    accept(&world, 1, 0..1).await;
    world.run_dispatcher_once().await.expect("survives").expect("dispatched");
    assert!(bucket(&world, 2).await.is_crowded(world.now()), "the other account's pins wait for their turn");
}

#[tokio::test]
async fn a_429_pauses_all_accounts_of_the_user_and_a_hold_only_its_own() {
    let world = TestWorld::new(1).await;
    connect(&world, 1).await;
    connect(&world, 2).await;
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(90 * SECOND_MS))]);
    accept(&world, 1, 0..1).await;
    world.run_for_ms(2 * SECOND_MS).await;
    for number in [1, 2] {
        let bucket = bucket(&world, number).await;
        assert!(bucket.is_paused_by_pinterest(world.now()) && bucket.slow_until.is_some(), "{number}");
    }
    world.run_for_ms(5 * MINUTE_MS).await;
    world.pinterest.answer_next([Answer::Refused(Failure::TrialAccess, None)]);
    accept(&world, 1, 1..2).await;
    world.run_for_ms(10 * SECOND_MS).await;
    assert!(bucket(&world, 1).await.is_on_hold() && !bucket(&world, 2).await.is_on_hold());
    let beside = accept(&world, 2, 0..1).await;
    world.run_until_finished(&beside, world.now().plus_ms(MINUTE_MS)).await;
}

#[tokio::test]
async fn the_refresher_links_an_account_that_was_not_linked() {
    let world = TestWorld::new(1).await;
    world.faults.plan("pacers.pacer", 1, Fault::FailBefore);
    connect(&world, 1).await;
    assert_eq!(bucket(&world, 1).await.pacer, None, "connected all the same");
    let pins = accept(&world, 1, 0..30).await;
    world.run_until_finished(&pins, START.plus_ms(MINUTE_MS)).await;
    while bucket(&world, 1).await.pacer.is_none() {
        world.system.advance_ms(DAY_MS);
        assert!(world.now() < START.plus_ms(40 * DAY_MS), "the tokens were due");
        refresh_due(&world.context, world.context.system.monotonic_ms() + MINUTE_MS).await.expect("runs");
    }
    connect(&world, 2).await;
    assert_eq!(bucket(&world, 2).await.pacer, bucket(&world, 1).await.pacer);
}
