//! The app's daily budget, through the flows.

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::{AccountKey, BoardKey, WorkspaceId};
use pinbridge_shared::domain::pacing::budget::{DailyBudget, Request, TRIAL_WRITES, day_of, next_day};
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accept::accept_pin::{Acceptance, accept_pin};
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::flows::boards;
use pinbridge_shared::flows::pins::{list_pins, read_pins};
use pinbridge_shared::ports::Tokens;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::{START, TestWorld};

use super::{accept_numbered, numbered};

async fn world_with(budget: impl Into<DailyBudget>) -> TestWorld {
    let mut world = TestWorld::new(1).await;
    world.context.settings.daily_budget = budget.into();
    world
}

#[tokio::test]
async fn what_the_day_does_not_allow_waits_for_the_next_with_its_reason() {
    let world = world_with(40).await;
    let keys = accept_numbered(&world, 0..100).await;
    world.run_for_ms(10 * MINUTE_MS).await;
    assert_eq!(world.pinterest.calls().len(), 36, "forty less a tenth for look-ups");
    let tomorrow = next_day(START);
    let mut waiting = 0;
    for (pin, attempt) in world.pins(&keys).await {
        let view = read_pins::pin(&world.context, pin.key).await.expect("readable").expect("exists");
        if attempt.status == Status::Deferred {
            waiting += 1;
            assert!(view.next.at >= Some(tomorrow), "{:?}", view.next);
        }
        if attempt.wait == Some(WaitReason::DailyBudget) {
            assert_eq!((attempt.not_before, attempt.attempts_spent()), (Some(tomorrow), 0), "{attempt:?}");
        }
    }
    assert_eq!(waiting, 64);
    let ask = list_pins::Ask { limit: 50, ..list_pins::Ask::default() };
    let page = list_pins::page(&world.context, testdata::workspace(), &ask).await;
    let deferred = page.expect("readable").pins.into_iter().filter(|view| view.attempt.status == Status::Deferred);
    assert!(deferred.map(|view| view.next.at).all(|at| at >= Some(tomorrow)));
    // Nobody goes round in circles meanwhile.
    world.faults.take_calls();
    world.run_for_ms(HOUR_MS).await;
    let calls = world.faults.take_calls();
    assert!(!calls.contains(&"store.save_attempt") && world.queue.messages().is_empty(), "they wait in the backlog");
    // Thirty-six a day.
    world.run_until(tomorrow.plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.pinterest.calls().len(), 72);
    world.run_until_finished(&keys, next_day(tomorrow).plus_ms(10 * MINUTE_MS)).await;
}

#[tokio::test]
async fn another_workspace_has_its_share_of_the_day() {
    let world = world_with(100).await;
    let other = AccountKey { workspace: WorkspaceId(uuid::Uuid::from_u128(77)), account: testdata::account() };
    let tokens = Tokens::bare("token-2", None);
    world.context.store.save_account(&Account { key: other, ..testdata::connected_account() }).await.expect("stored");
    world.context.secrets.store_tokens(other, "v", &tokens).await.expect("stored");
    let accept_there = async |index: usize| match accept_pin(&world.context, other.workspace, numbered(index)).await {
        Ok(Acceptance::New(pin, _)) => pin.key,
        answer => panic!("{answer:?}"),
    };
    accept_there(1_000).await;
    world.run_for_ms(SECOND_MS).await;
    accept_numbered(&world, 0..120).await;
    world.run_for_ms(20 * MINUTE_MS).await;
    assert_eq!(world.pinterest.calls().len(), 1 + 45, "half of ninety is kept");
    let mut keys = Vec::new();
    for index in 1_001..1_045 {
        keys.push(accept_there(index).await);
    }
    world.run_until_finished(&keys, world.now().plus_ms(5 * MINUTE_MS)).await;
    assert_eq!(world.pinterest.calls().len(), 90);
}

#[tokio::test]
async fn a_look_up_counts_and_waits_for_the_next_day_when_nothing_is_left() {
    let world = world_with(10).await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let lost = accept_numbered(&world, 0..1).await;
    world.run_for_ms(MINUTE_MS).await;
    // The day's other requests are spent elsewhere before the look-up.
    let mut day = world.context.store.day_spending(day_of(START)).await.expect("readable");
    assert_eq!(day.spent(), 1);
    while day.allowance(10, Request::Reconcile) > 0 {
        day = day.with(Request::Reconcile, format!("n{}", day.rev));
        world.context.store.save_day_spending(&day).await.expect("saved");
    }
    world.run_for_ms(3 * HOUR_MS).await;
    assert_eq!(world.pinterest.list_reads().len(), 0);
    let attempt = world.attempt(lost[0]).await;
    assert_eq!((attempt.status, attempt.reconcile_at), (Status::Publishing, Some(next_day(START))), "{attempt:?}");
    world.run_until_finished(&lost, next_day(START).plus_ms(20 * MINUTE_MS)).await;
    assert_eq!((world.pinterest.list_reads().len(), world.pinterest.calls().len()), (1, 1), "found");
    assert_eq!(world.context.store.day_spending(day_of(START) + 1).await.expect("readable").reconciliations, 1);
}

#[tokio::test]
async fn without_a_budget_nothing_is_counted() {
    let world = world_with(0).await;
    world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let keys = accept_numbered(&world, 0..150).await;
    world.run_until_finished(&keys, START.plus_ms(10 * MINUTE_MS)).await;
    let calls = world.faults.take_calls();
    assert!(calls.len() > 500 && !calls.iter().any(|call| call.contains("day_spending")));
}

#[tokio::test]
async fn with_trial_access_reads_and_own_writes_of_callers_are_counted_and_refused_until_midnight() {
    let world = world_with(DailyBudget::TRIAL).await;
    let key = testdata::connected_account().key;
    let list = async || boards::boards(&world.context, key).await.map(|_| ());
    list().await.expect("a read");
    let board = world.boards.add("Cranes");
    let board = BoardKey { account: key, board_id: board };
    boards::create_section(&world.context, &board, "Small ones").await.expect("a write");
    let day = world.context.store.day_spending(day_of(START)).await.expect("readable");
    assert_eq!((day.reads.values().sum::<u32>(), day.creates.values().sum::<u32>()), (1, 1));
    // The rest of the day's reads.
    while list().await.is_ok() {}
    let asked = world.boards.tokens().len();
    let refused = list().await;
    let left_ms = next_day(world.now()).since_ms(world.now());
    assert!(matches!(refused, Err(CallError::BudgetSpent { retry_after_ms }) if retry_after_ms == left_ms));
    assert_eq!(world.boards.tokens().len(), asked, "nothing was sent");
    // Publishing has its part: it goes on, up to the writes of a day.
    let keys = accept_numbered(&world, 0..400).await;
    world.run_for_ms(20 * MINUTE_MS).await;
    assert_eq!(world.pinterest.calls().len() as u32, TRIAL_WRITES - 1);
    let more = boards::create_section(&world.context, &board, "Others").await;
    assert!(matches!(more, Err(CallError::BudgetSpent { .. })), "{more:?}");
    world.run_until(next_day(START)).await;
    list().await.expect("the next day");
    world.run_until_finished(&keys, next_day(START).plus_ms(20 * MINUTE_MS)).await;
}

#[tokio::test]
async fn a_budget_without_the_preset_counts_no_reads() {
    let world = world_with(10).await;
    let key = testdata::connected_account().key;
    for _ in 0..50 {
        boards::boards(&world.context, key).await.expect("a read");
    }
    assert_eq!(world.context.store.day_spending(day_of(START)).await.expect("readable").spent(), 0);
}
