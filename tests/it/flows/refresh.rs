//! Token custody: refreshed ahead, by one at a time, through crashes and faults; given up only when that is certain.

use pinbridge_shared::domain::account::credentials::TokenLife;
use pinbridge_shared::domain::account::{Account, PUBLISHING_SCOPES};
use pinbridge_shared::domain::ids::AccountKey;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::{PinRequest, WaitReason};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::accept::accept_pin::AcceptError;
use pinbridge_shared::flows::accounts::connect::connect_account;
use pinbridge_shared::flows::accounts::refresh_due::{Report, refresh_due};
use pinbridge_shared::flows::accounts::refresh_tokens::{Renewal, Why, renew};
use pinbridge_shared::ports::{PortResult, Removal, Tokens};
use pinbridge_shared::testing::fake_oauth::GrantAnswer;
use pinbridge_shared::testing::faults::Fault;
use pinbridge_shared::testing::{START, TestWorld};

use crate::support::sweep::sweep;

const USER: &str = "549755885175";
const REFRESHER_TIMEOUT_MS: i64 = 60_000;
const FAULTS: [Fault; 6] =
    [Fault::DieBefore, Fault::DieAfter, Fault::FailBefore, Fault::FailAfter, Fault::Repeated, Fault::Slow(6_000)];

/// A world with an account that was connected by a person.
async fn connected() -> (TestWorld, AccountKey) {
    let world = TestWorld::new(11).await;
    let key = connect(&world).await;
    (world, key)
}

async fn connect(world: &TestWorld) -> AccountKey {
    let tokens = world.oauth.grant(USER, &PUBLISHING_SCOPES.join(","));
    let connected = world.faults.spare(connect_account(&world.context, testdata::workspace(), &tokens)).await;
    connected.expect("connected").key
}

async fn account(world: &TestWorld, key: AccountKey) -> Account {
    world.faults.spare(world.context.store.account(key)).await.expect("read").expect("there")
}

fn current(world: &TestWorld, key: AccountKey) -> Tokens {
    world.secrets.look(key).current.expect("there are tokens").tokens
}

fn refresh_of(tokens: &Tokens) -> pinbridge_shared::domain::secret::Secret {
    tokens.refresh.clone().expect("a refresh token")
}

/// One run of the refresher; `None` when a fault killed it.
async fn run(world: &TestWorld) -> Option<PortResult<Report>> {
    let ends_at_ms = world.context.system.monotonic_ms() + REFRESHER_TIMEOUT_MS;
    world.faults.mortal(refresh_due(&world.context, ends_at_ms)).await
}

/// Runs the refresher every five minutes until then.
async fn run_until(world: &TestWorld, end: Moment) {
    while world.now() < end {
        let _ = run(world).await;
        world.system.advance_ms(5 * MINUTE_MS);
    }
}

/// Until the tokens are due.
async fn advance_to_due(world: &TestWorld, key: AccountKey) {
    let refresh_at = account(world, key).await.life.refresh_at.expect("due some day");
    world.system.advance_to(refresh_at);
}

async fn pin_of(world: &TestWorld, key: AccountKey, name: &str) -> pinbridge_shared::domain::ids::PinKey {
    world.accept_request(PinRequest { account: key.account, ..testdata::request(name) }).await
}

#[tokio::test]
async fn tokens_are_refreshed_ahead_of_their_end_for_as_long_as_it_takes() {
    let (world, key) = connected().await;
    for _ in 0..200 {
        world.system.advance_ms(DAY_MS);
        run(&world).await.expect("survives").expect("runs");
        let tokens = current(&world, key);
        assert!(tokens.access_expires_at > Some(world.now().plus_ms(8 * DAY_MS)), "nine days are left for faults");
        assert!(world.oauth.honours(&refresh_of(&tokens)));
    }
    let asked = world.oauth.asked();
    assert!((9..=11).contains(&asked.len()), "one refresh in 18 to 21 days: {}", asked.len());
    assert!(asked.iter().enumerate().all(|(i, token)| !asked[..i].contains(token)), "no refresh token is used twice");
    assert!(account(&world, key).await.is_connected());
}

#[tokio::test]
async fn nothing_is_asked_before_its_time() {
    let (world, key) = connected().await;
    assert_eq!(run(&world).await.expect("survives").expect("runs"), Report::default());
    let end = world.context.system.monotonic_ms() + REFRESHER_TIMEOUT_MS;
    assert_eq!(renew(&world.context, key, Why::Due, end).await.expect("runs"), Renewal::NotDue);
    advance_to_due(&world, key).await;
    let soon = world.context.system.monotonic_ms() + SECOND_MS;
    assert!(matches!(renew(&world.context, key, Why::Due, soon).await.expect("runs"), Renewal::RetryAt(_)));
    assert_eq!(world.oauth.asked().len(), 0, "with too little time left, Pinterest isn't asked");
}

/// A fault at one port call of a refresh; answers whether it went off, and whether the account was lost.
async fn story(nth: usize, fault: Fault) -> (bool, bool, Vec<&'static str>) {
    let (world, key) = connected().await;
    advance_to_due(&world, key).await;
    world.faults.take_calls();
    world.faults.plan_any(nth, fault);
    let _ = run(&world).await;
    let calls = world.faults.take_calls();
    let went_off = !world.faults.heal();
    run_until(&world, world.now().plus_ms(13 * HOUR_MS)).await;
    // Pinterest counts as honouring the account as long as the grant's newest refresh token is ours.
    let tokens = current(&world, key);
    let is_lost = !world.oauth.honours(&refresh_of(&tokens));
    let row = account(&world, key).await;
    assert!(row.is_connected(), "{fault:?} at call {nth}: the access token still works, so nobody gives up");
    assert!(world.oauth.accepts(&tokens.access).is_some_and(|(_, is_good)| is_good), "{fault:?} at call {nth}");
    if !is_lost {
        assert_eq!(row.life.lease, None, "{fault:?} at call {nth}");
        assert!(row.life.announced.is_none() && row.life.refused.is_none(), "{fault:?} at call {nth}: {row:?}");
        assert!(row.life.refresh_at > Some(world.now().plus_ms(15 * DAY_MS)), "{fault:?} at call {nth}: {row:?}");
        assert_eq!(row.life.access_expires_at, tokens.access_expires_at);
    }
    (went_off, is_lost, calls)
}

/// What can be lost is exactly what the flow's head says: what Pinterest issued and nobody could store.
#[tokio::test]
async fn a_fault_at_any_call_of_a_refresh_loses_nothing_but_what_never_came_to_be_stored() {
    let window = [
        ("oauth.refresh", Fault::DieAfter),
        ("oauth.refresh", Fault::FailAfter),
        ("secrets.stage_tokens", Fault::DieBefore),
    ];
    sweep(&FAULTS, 6, async |nth, fault| {
        let (went_off, is_lost, calls) = story(nth, fault).await;
        // Our client of the token endpoint repeats nothing by itself.
        if went_off && (calls[nth - 1], fault) != ("oauth.refresh", Fault::Repeated) {
            let call = calls[nth - 1];
            assert_eq!(is_lost, window.contains(&(call, fault)), "{fault:?} at call {nth}, {call}");
        }
        went_off
    })
    .await;
}

#[tokio::test]
async fn a_lost_refresh_token_costs_nothing_until_the_access_token_ends_and_says_so_in_time() {
    let (world, key) = connected().await;
    advance_to_due(&world, key).await;
    world.oauth.answer_next([GrantAnswer::LostWithCommit]);
    run_until(&world, world.now().plus_ms(DAY_MS)).await;
    let row = account(&world, key).await;
    assert!(row.is_connected() && row.life.refused.is_some(), "it publishes, and says that it won't for ever: {row:?}");
    let pin = pin_of(&world, key, "still-works").await;
    world.run_until_finished(&[pin], world.now().plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.attempt(pin).await.status, Status::Published);
    run_until(&world, row.life.access_expires_at.expect("known").plus_ms(DAY_MS)).await;
    let row = account(&world, key).await;
    assert!(row.life.dead.is_some_and(|death| death.answer_lost), "{row:?}");
    assert_eq!(row.life.refresh_at, None, "nobody asks any more");
}

#[tokio::test]
async fn an_answer_that_was_lost_before_pinterest_acted_costs_nothing() {
    let (world, key) = connected().await;
    advance_to_due(&world, key).await;
    world.oauth.answer_next([GrantAnswer::LostWithoutCommit]);
    let _ = run(&world).await;
    let asked_at = world.now();
    assert_eq!(account(&world, key).await.life.failures, 1);
    run_until(&world, asked_at.plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.oauth.asked().len(), 2);
    let row = account(&world, key).await;
    assert!(row.life.failures == 0 && row.life.refresh_at > Some(asked_at.plus_ms(15 * DAY_MS)), "{row:?}");
}

#[tokio::test]
async fn of_many_refreshers_one_asks() {
    for yields in 1..12 {
        let (world, key) = connected().await;
        advance_to_due(&world, key).await;
        world.faults.plan_any(yields, Fault::Yield);
        let end = world.context.system.monotonic_ms() + REFRESHER_TIMEOUT_MS;
        let used = current(&world, key).access;
        let all = tokio::join!(
            renew(&world.context, key, Why::Due, end),
            renew(&world.context, key, Why::Refused(&used), end),
            renew(&world.context, key, Why::Due, end),
        );
        for renewal in [all.0, all.1, all.2] {
            assert_ne!(renewal.expect("answered"), Renewal::NeedsReconnect);
        }
        assert_eq!(world.oauth.asked().len(), 1, "{yields}");
        assert!(world.oauth.honours(&refresh_of(&current(&world, key))));
    }
}

#[tokio::test]
async fn a_refresher_that_slept_after_its_announcement_doesnt_ask_any_more() {
    for sleep in [Fault::Asleep(10 * MINUTE_MS), Fault::Slow(6 * SECOND_MS)] {
        let (world, key) = connected().await;
        advance_to_due(&world, key).await;
        // Somebody else may be at it by then.
        world.faults.plan("store.save_account", 1, sleep);
        let _ = run(&world).await;
        assert_eq!(world.oauth.asked().len(), 0, "{sleep:?}");
        assert!(account(&world, key).await.life.refresh_at <= Some(world.now().plus_ms(HOUR_MS)), "tried again soon");
    }
}

#[tokio::test]
async fn a_person_who_reconnects_in_the_middle_of_a_refresh_counts() {
    sweep(&[Fault::DieAfter], 6, async |nth, fault| {
        let (world, key) = connected().await;
        advance_to_due(&world, key).await;
        world.faults.take_calls();
        world.faults.plan_any(nth, fault);
        let died = run(&world).await.is_none();
        world.faults.heal();
        let reconnected = world.oauth.grant(USER, "boards:read");
        let connection = connect_account(&world.context, testdata::workspace(), &reconnected).await.expect("connected");
        assert_eq!(connection.key, key, "the account keeps its id");
        run_until(&world, world.now().plus_ms(2 * HOUR_MS)).await;
        assert_eq!(current(&world, key), reconnected, "at call {nth}: the new grant's tokens stay");
        let row = account(&world, key).await;
        assert!(row.is_connected() && row.life.announced.is_none() && row.scopes == "boards:read", "{row:?}");
        died
    })
    .await;
}

#[tokio::test]
async fn a_temporary_fault_never_disconnects() {
    for answer in [GrantAnswer::NotNow, GrantAnswer::LostWithoutCommit, GrantAnswer::AppRefused, GrantAnswer::Refused] {
        let (world, key) = connected().await;
        advance_to_due(&world, key).await;
        world.oauth.answer_next(std::iter::repeat_n(answer, 20));
        run_until(&world, world.now().plus_ms(6 * DAY_MS)).await;
        let row = account(&world, key).await;
        assert!(row.is_connected(), "{answer:?}: {row:?}");
        assert!(row.life.refused.is_none() && row.life.failures == 0, "{answer:?}: it ends, and is forgotten: {row:?}");
        assert!(world.oauth.honours(&refresh_of(&current(&world, key))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_revoked_grant_is_given_up_only_when_both_tokens_were_refused_twice() {
    let (world, key) = connected().await;
    advance_to_due(&world, key).await;
    let pin = pin_of(&world, key, "held").await;
    world.oauth.revoke(USER);
    let _ = run(&world).await;
    let row = account(&world, key).await;
    assert!(row.is_connected() && row.life.refused.is_some(), "once is not certain: {row:?}");
    run_until(&world, world.now().plus_ms(11 * MINUTE_MS)).await;
    let row = account(&world, key).await;
    assert!(row.life.dead.is_some_and(|death| !death.answer_lost), "{row:?}");
    assert_eq!(world.oauth.asked().len(), 2);
    world.run_for_ms(HOUR_MS).await;
    let attempt = world.attempt(pin).await;
    assert_eq!((attempt.status, attempt.wait), (Status::Deferred, Some(WaitReason::AccountOnHold)));
    assert_eq!(world.pinterest.calls().len(), 0, "nothing is sent with a token that is known to be dead");
    let refused = world.try_accept(PinRequest { account: key.account, ..testdata::request("new") }).await;
    assert!(matches!(refused, Some(Err(AcceptError::AccountDisconnected))), "and nothing new is taken");
}

#[tokio::test]
async fn a_refused_access_token_is_renewed_on_demand_and_the_pin_goes_on() {
    let (world, key) = connected().await;
    // Nobody refreshed, and the access token has ended.
    world.system.advance_ms(31 * DAY_MS);
    let pins = [pin_of(&world, key, "a").await, pin_of(&world, key, "b").await];
    world.run_until_finished(&pins, world.now().plus_ms(10 * MINUTE_MS)).await;
    let (first, second) = (world.attempt(pins[0]).await, world.attempt(pins[1]).await);
    assert_eq!((first.status, first.attempts_spent()), (Status::Published, 2), "{first:?}");
    assert_eq!((second.status, second.attempts_spent()), (Status::Published, 1), "{second:?}");
    assert_eq!(world.oauth.asked().len(), 1, "one refresh for both");
}

#[tokio::test]
async fn while_tokens_cant_be_renewed_the_accounts_pins_wait_with_that_reason() {
    let (world, key) = connected().await;
    world.system.advance_ms(31 * DAY_MS);
    world.oauth.answer_next([GrantAnswer::NotNow, GrantAnswer::NotNow]);
    let pin = pin_of(&world, key, "waits").await;
    world.run_publisher_once().await;
    let attempt = world.attempt(pin).await;
    assert_eq!(
        (attempt.status, attempt.wait, attempt.failure),
        (Status::Deferred, Some(WaitReason::TokenRefresh), Some(Failure::TokenExpired))
    );
    // The refresher comes every five minutes; the refresh that succeeds lets the pin go.
    world.system.advance_ms(5 * MINUTE_MS);
    let _ = run(&world).await;
    let _ = run(&world).await;
    assert_eq!(world.oauth.asked().len(), 2, "the second try has its time, too");
    world.system.advance_ms(5 * MINUTE_MS);
    assert_eq!(run(&world).await.expect("survives").expect("runs").renewed, 1);
    world.run_until_finished(&[pin], world.now().plus_ms(2 * MINUTE_MS)).await;
    assert_eq!(world.attempt(pin).await.status, Status::Published);
    assert_eq!(world.oauth.asked().len(), 3);
}

#[tokio::test]
async fn an_account_that_was_disconnected_is_left_alone() {
    for nth in 0..12 {
        let (world, key) = connected().await;
        advance_to_due(&world, key).await;
        if nth > 0 {
            world.faults.plan_any(nth, Fault::DieAfter);
            let _ = run(&world).await;
            world.faults.heal();
        }
        let row = account(&world, key).await;
        let revoked = Account {
            revoked_at: Some(world.now()),
            life: TokenLife::default(),
            ..row.next(world.now(), "gone".into())
        };
        assert!(world.context.store.save_account(&revoked).await.expect("written").is_done());
        world.context.secrets.remove_tokens(key, Removal::Recoverable).await.expect("removed");
        let asked = world.oauth.asked().len();
        run_until(&world, world.now().plus_ms(DAY_MS)).await;
        assert_eq!(world.oauth.asked().len(), asked);
        assert_eq!(world.secrets.look(key).current, None);
        assert_eq!(account(&world, key).await, revoked);
    }
}

#[tokio::test]
async fn accounts_that_cant_be_refreshed_dont_keep_others_waiting() {
    let (world, good) = connected().await;
    let row = account(&world, good).await;
    for id in 1_000..1_300_u128 {
        let key = AccountKey { account: pinbridge_shared::domain::ids::AccountId(uuid::Uuid::from_u128(id)), ..good };
        let life =
            pinbridge_shared::domain::account::credentials::TokenLife { refresh_at: Some(START), ..row.life.clone() };
        let broken = Account { key, life, rev: 1, ..row.clone() };
        assert!(world.context.store.save_account(&broken).await.expect("written").is_done());
    }
    advance_to_due(&world, good).await;
    let report = run(&world).await.expect("survives").expect("runs");
    assert_eq!((report.renewed, report.needs_reconnect), (1, 300), "{report:?}");
    assert_eq!(run(&world).await.expect("survives").expect("runs"), Report::default(), "they have been put off");
}
