//! Connecting, disconnecting and connecting again.

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::credentials::{Death, TokenLife};
use pinbridge_shared::domain::account::oauth::STATE_LIFE_MS;
use pinbridge_shared::domain::ids::AccountKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accounts::disconnect::{DisconnectError, disconnect};
use pinbridge_shared::flows::accounts::oauth::{self, Callback, Connected, FinishError, Start};
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::flows::boards::boards;
use pinbridge_shared::flows::tenants::projects::create_workspace;
use pinbridge_shared::testing::fake_oauth::GrantAnswer;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::sweep::{FAULTS_AND_REPEATS, sweep};

pub const USER: &str = "9001";

pub async fn world() -> TestWorld {
    let world = TestWorld::new(1).await;
    create_workspace(&world.context, testdata::workspace(), "Paper & Co.", [7; 32]).await.expect("created");
    world
}

/// The state of an authorization that is pending from now on.
async fn begin(world: &TestWorld) -> Secret {
    let start = Start { by: "key k", callback_url: "https://example.com/", return_to: None, client_state: None };
    let url = oauth::start(&world.context, testdata::workspace(), start).await.expect("started");
    Secret::new(url.split_once("state=").expect("a state").1)
}

async fn finish(world: &TestWorld, callback: Callback) -> Result<Connected, FinishError> {
    oauth::finish(&world.context, callback).await.result
}

fn agreed(world: &TestWorld, state: &Secret) -> Callback {
    Callback { state: Some(state.clone()), code: Some(world.oauth.code(USER)), error: None }
}

async fn connect(world: &TestWorld) -> Connected {
    let state = begin(world).await;
    finish(world, agreed(world, &state)).await.expect("connected")
}

pub fn key() -> AccountKey {
    AccountKey::of_pinterest_user(testdata::workspace(), USER)
}

async fn account(world: &TestWorld) -> Option<Account> {
    world.faults.spare(world.context.store.account(key())).await.expect("read")
}

fn request(name: &str) -> PinRequest {
    PinRequest { account: key().account, title: name.into(), ..testdata::request(name) }
}

#[tokio::test]
async fn a_connection_that_was_agreed_to_publishes() {
    let world = world().await;
    let connected = connect(&world).await;
    assert_eq!((connected.account.key, connected.workspace_name.as_str()), (key(), "Paper & Co."));
    assert!(connected.account.life.refresh_at.is_some() && connected.account.life.access_expires_at.is_some());
    let pin = world.accept_request(request("crane")).await;
    // A user whom no workspace had has an empty bucket.
    world.run_for_ms(SECOND_MS).await;
    assert_eq!(world.attempt(pin).await.status, Status::Published);
}

#[tokio::test]
async fn a_state_works_once_and_for_ten_minutes() {
    let world = world().await;
    let state = begin(&world).await;
    let denied = Callback { state: Some(state.clone()), error: Some("access_denied".into()), code: None };
    assert!(matches!(finish(&world, denied).await, Err(FinishError::Denied)));
    let again = finish(&world, agreed(&world, &state)).await;
    assert!(matches!(again, Err(FinishError::StateInvalid)), "{again:?}");
    let state = begin(&world).await;
    world.system.advance_ms(STATE_LIFE_MS);
    assert!(matches!(finish(&world, agreed(&world, &state)).await, Err(FinishError::StateInvalid)));
    for wrong in [None, Some(Secret::new("")), Some(Secret::new("0".repeat(96)))] {
        let callback = Callback { state: wrong, code: Some(world.oauth.code(USER)), error: None };
        assert!(matches!(finish(&world, callback).await, Err(FinishError::StateInvalid)));
    }
    assert_eq!(account(&world).await, None);
    let state = begin(&world).await;
    world.system.advance_ms(STATE_LIFE_MS - 1);
    finish(&world, agreed(&world, &state)).await.expect("within its time");
}

#[tokio::test]
async fn what_pinterest_refuses_connects_nothing() {
    let world = world().await;
    for (answer, is_expected) in [
        (GrantAnswer::Refused, (|error| matches!(error, FinishError::CodeRefused)) as fn(&FinishError) -> bool),
        (GrantAnswer::AppRefused, |error| matches!(error, FinishError::AppRefused)),
        (GrantAnswer::NotNow, |error| matches!(error, FinishError::Unreachable { .. })),
        (GrantAnswer::LostWithCommit, |error| matches!(error, FinishError::Unreachable { .. })),
        (GrantAnswer::LostWithoutCommit, |error| matches!(error, FinishError::Unreachable { .. })),
    ] {
        let state = begin(&world).await;
        world.oauth.answer_next([answer]);
        let error = finish(&world, agreed(&world, &state)).await.expect_err("refused");
        assert!(is_expected(&error), "{answer:?}: {error:?}");
        assert_eq!((account(&world).await, world.secrets.look(key()).current), (None, None), "{answer:?}");
    }
    let state = begin(&world).await;
    let empty = Callback { state: Some(state), code: Some(Secret::new("")), error: None };
    assert!(matches!(finish(&world, empty).await, Err(FinishError::NoCode)));
    connect(&world).await;
}

#[tokio::test]
async fn one_lost_answer_about_the_user_does_not_waste_the_code() {
    let world = world().await;
    world.faults.plan("pinterest.user", 1, Fault::FailBefore);
    connect(&world).await;
}

#[tokio::test]
async fn a_disconnected_account_is_called_for_nothing_and_its_pins_wait_in_view() {
    let world = world().await;
    connect(&world).await;
    let pin = world.accept_request(request("crane")).await;
    disconnect(&world.context, key()).await.expect("disconnected");
    world.run_for_ms(60 * MINUTE_MS).await;
    let attempt = world.attempt(pin).await;
    assert_eq!((attempt.status, attempt.failure), (Status::Deferred, Some(Failure::AccountDisconnected)));
    let bucket = world.context.store.bucket(key()).await.expect("read");
    assert_eq!(bucket.pause_failure(), Some(Failure::AccountDisconnected), "the hold says who ended the connection");
    assert_eq!((world.pinterest.calls().len(), world.secrets.look(key()).current), (0, None));
    assert!(matches!(boards(&world.context, key()).await, Err(CallError::Disconnected)));
    assert_eq!(world.boards.tokens(), []);
    let first = account(&world).await.expect("kept").revoked_at;
    disconnect(&world.context, key()).await.expect("again is harmless");
    assert_eq!(account(&world).await.expect("kept").revoked_at, first);
    let stranger = AccountKey::of_pinterest_user(testdata::workspace(), "1");
    assert!(matches!(disconnect(&world.context, stranger).await, Err(DisconnectError::AccountNotFound)));
}

#[tokio::test]
async fn held_pins_are_published_within_two_minutes_of_reconnecting() {
    for held_for_ms in [SECOND_MS, 50 * SECOND_MS, 5 * MINUTE_MS, 14 * MINUTE_MS, 47 * MINUTE_MS] {
        let world = world().await;
        let first = connect(&world).await.account;
        let pin = world.accept_request(request("crane")).await;
        disconnect(&world.context, key()).await.expect("disconnected");
        world.run_for_ms(held_for_ms).await;
        let second = connect(&world).await.account;
        assert_eq!((second.key, second.created_at, second.revoked_at), (first.key, first.created_at, None));
        let others = world.accept_request(request("swan")).await;
        world.run_for_ms(2 * MINUTE_MS).await;
        for key in [pin, others] {
            let attempt = world.attempt(key).await;
            assert_eq!(attempt.status, Status::Published, "held for {held_for_ms} ms: {attempt:?}");
        }
        let accounts = world.context.store.accounts(testdata::workspace()).await.expect("read");
        assert_eq!(accounts.iter().filter(|account| account.pinterest_user_id == USER).count(), 1);
    }
}

#[tokio::test]
async fn an_account_that_pinterest_gave_up_is_mended_by_reconnecting() {
    let world = world().await;
    let account = connect(&world).await.account;
    let pin = world.accept_request(request("crane")).await;
    world.oauth.revoke(USER);
    let death = Death { at: START, answer_lost: true };
    let dead =
        Account { life: TokenLife { dead: Some(death), ..TokenLife::default() }, ..account.next(START, "n".into()) };
    assert!(world.context.store.save_account(&dead).await.expect("written").is_done());
    world.run_for_ms(20 * MINUTE_MS).await;
    assert_eq!(world.attempt(pin).await.status, Status::Deferred);
    assert_eq!(connect(&world).await.account.life.dead, None);
    world.run_for_ms(2 * MINUTE_MS).await;
    assert_eq!(world.attempt(pin).await.status, Status::Published);
}

#[tokio::test]
async fn reconnecting_does_not_end_pinterests_own_pauses() {
    let world = world().await;
    connect(&world).await;
    world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(600_000))]);
    let pin = world.accept_request(request("crane")).await;
    world.run_publisher_once().await;
    connect(&world).await;
    world.run_for_ms(9 * MINUTE_MS).await;
    assert_eq!((world.attempt(pin).await.status, world.pinterest.calls().len()), (Status::Deferred, 1));
}

/// A fault at the nth port call of a callback; answers whether it went off. `reconnects`: the account was there and
/// disconnected before.
async fn callback_story(nth: usize, fault: Fault, reconnects: bool) -> bool {
    let world = world().await;
    if reconnects {
        connect(&world).await;
        disconnect(&world.context, key()).await.expect("disconnected");
        world.run_for_ms(3 * MINUTE_MS).await;
    }
    let state = begin(&world).await;
    let callback = agreed(&world, &state);
    world.faults.plan_any(nth, fault);
    let finished = world.faults.mortal(finish(&world, callback)).await;
    let went_off = !world.faults.heal();
    let what = format!("{fault:?} at call {nth}, reconnects: {reconnects}");
    let left = account(&world).await;
    let custody = world.secrets.look(key()).current;
    // No account, or one with tokens that Pinterest accepts.
    if left.as_ref().is_some_and(Account::is_connected) {
        let tokens = custody.unwrap_or_else(|| panic!("{what}: no tokens")).tokens;
        assert_eq!(world.oauth.accepts(&tokens.access), Some((USER.into(), true)), "{what}");
    }
    if matches!(finished, Some(Ok(_))) {
        assert!(left.is_some_and(|account| account.is_connected()), "{what}: said to be connected");
    }
    // And beginning again works.
    connect(&world).await;
    let pin = world.accept_request(request("crane")).await;
    world.run_for_ms(2 * MINUTE_MS).await;
    assert_eq!(world.attempt(pin).await.status, Status::Published, "{what}");
    went_off
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_callback_leaves_a_working_account_or_none() {
    for (reconnects, calls_min) in [(false, 6), (true, 9)] {
        sweep(&FAULTS_AND_REPEATS, calls_min, async |nth, fault| callback_story(nth, fault, reconnects).await).await;
    }
}

#[tokio::test]
async fn a_fault_at_any_call_of_a_disconnection_is_mended_by_repeating_it() {
    sweep(&FAULTS_AND_REPEATS, 4, async |nth, fault| {
        let world = world().await;
        connect(&world).await;
        world.faults.plan_any(nth, fault);
        let _ = world.faults.mortal(disconnect(&world.context, key())).await;
        let went_off = !world.faults.heal();
        disconnect(&world.context, key()).await.expect("repeated");
        assert!(account(&world).await.is_some_and(|account| account.revoked_at.is_some()));
        assert_eq!(world.secrets.look(key()).current, None, "{fault:?} at call {nth}");
        went_off
    })
    .await;
}

#[tokio::test]
async fn somebody_who_reconnects_while_it_is_disconnected_never_has_an_account_without_tokens() {
    for fault_at in 1..12 {
        let world = world().await;
        connect(&world).await;
        let state = begin(&world).await;
        let callback = agreed(&world, &state);
        // Whoever is at that call lets the other go on first.
        world.faults.plan_any(fault_at, Fault::Yield);
        world.faults.plan_any(fault_at + 2, Fault::Yield);
        let (disconnected, connected) = tokio::join!(disconnect(&world.context, key()), finish(&world, callback));
        world.faults.heal();
        assert!(disconnected.is_ok() && connected.is_ok(), "{disconnected:?} {connected:?}");
        let is_connected = account(&world).await.is_some_and(|account| account.is_connected());
        let has_tokens = world.secrets.look(key()).current.is_some();
        assert!(!is_connected || has_tokens, "yielding at call {fault_at}");
    }
}
