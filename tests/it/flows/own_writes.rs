//! Writes that a caller waits for: every one takes a token of its account's pace at once, or is refused with the time.

use pinbridge_shared::domain::account::board::{BoardChange, BoardDraft};
use pinbridge_shared::domain::ids::{AccountKey, BoardKey};
use pinbridge_shared::domain::pacing::bucket::Pause;
use pinbridge_shared::domain::pacing::pace::{RESERVED_EVERY, RESERVED_WRITES};
use pinbridge_shared::domain::pin::WaitReason;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::flows::boards;
use pinbridge_shared::flows::pins::delete_on_pinterest::delete_on_pinterest;
use pinbridge_shared::testing::{START, TestWorld};

use super::accept_numbered;

fn account() -> AccountKey {
    testdata::connected_account().key
}

fn board() -> BoardKey {
    BoardKey { account: account(), board_id: testdata::request("any").board_id }
}

async fn world() -> TestWorld {
    let world = TestWorld::new(1).await;
    world.boards.insert(&board().board_id);
    world
}

async fn create(world: &TestWorld, number: usize) -> Result<(), CallError> {
    let draft = BoardDraft { name: format!("Board {number}"), description: None, privacy: None };
    boards::create_board(&world.context, account(), &draft).await.map(|_| ())
}

/// When the refused write may be sent again, in milliseconds from now.
fn told(answer: Result<(), CallError>) -> i64 {
    match answer {
        Err(CallError::Paced { retry_after_ms }) => retry_after_ms,
        other => panic!("not paced: {other:?}"),
    }
}

#[tokio::test]
async fn beside_waiting_pins_a_few_writes_go_out_at_once_and_the_next_is_told_its_time() {
    let world = world().await;
    let keys = accept_numbered(&world, 0..200).await;
    for number in 0..RESERVED_WRITES as usize {
        create(&world, number).await.expect("reserved");
    }
    let asked = world.boards.tokens().len();
    let wait_ms = told(create(&world, 3).await);
    assert_eq!(wait_ms, RESERVED_EVERY * SECOND_MS);
    assert_eq!(world.boards.tokens().len(), asked, "nothing was sent");
    world.run_for_ms(wait_ms).await;
    create(&world, 3).await.expect("in the time that it was told");
    told(create(&world, 4).await);
    // The pins lose nothing by it.
    world.run_until_finished(&keys, START.plus_ms(152 * SECOND_MS)).await;
}

#[tokio::test]
async fn what_no_pin_waits_for_may_be_written() {
    let world = world().await;
    for number in 0..50 + RESERVED_WRITES as usize {
        create(&world, number).await.expect("free");
    }
    let wait_ms = told(create(&world, 99).await);
    assert!((1..=3 * SECOND_MS).contains(&wait_ms), "the account's next token: {wait_ms}");
    world.run_for_ms(wait_ms).await;
    create(&world, 99).await.expect("in the time that it was told");
    // And they are counted.
    let bucket = world.context.store.bucket(account()).await.expect("readable");
    assert!(bucket.tokens_available(&world.context.settings.pace, world.now()) < 1.0, "{bucket:?}");
}

#[tokio::test]
async fn every_kind_of_write_takes_a_token_and_no_read_does() {
    let world = world().await;
    let pin = world.accept("published").await;
    world.run_until_finished(&[pin], START.plus_ms(MINUTE_MS)).await;
    let (pin, attempt) = world.pin(pin).await;
    let id = attempt.pinterest_pin_id.expect("a Pin");
    accept_numbered(&world, 0..200).await;
    for number in 0..RESERVED_WRITES as usize {
        create(&world, number).await.expect("reserved");
    }
    let rename = BoardChange { name: Some("Other".into()), description: None, privacy: None };
    told(create(&world, 9).await);
    told(boards::update_board(&world.context, &board(), &rename).await.map(|_| ()));
    told(boards::create_section(&world.context, &board(), "Small ones").await.map(|_| ()));
    told(boards::delete_board(&world.context, &board()).await);
    told(delete_on_pinterest(&world.context, &pin, &id).await);
    assert!(world.pinterest.pins().iter().any(|made| made.id == id), "the Pin is still there");
    for _ in 0..20 {
        boards::boards(&world.context, account()).await.expect("a read");
        boards::sections(&world.context, &board()).await.expect("a read");
    }
    world.run_for_ms(RESERVED_EVERY * SECOND_MS).await;
    delete_on_pinterest(&world.context, &pin, &id).await.expect("a token");
    told(boards::create_section(&world.context, &board(), "Small ones").await.map(|_| ()));
}

#[tokio::test]
async fn a_pause_of_pinterests_keeps_writes_away_and_a_hold_does_not() {
    let world = world().await;
    let pause = |ms, reason| Pause::new(&world.context.settings.pace, START.plus_ms(ms), reason);
    world.context.store.pause(account(), &pause(90 * SECOND_MS, WaitReason::AccountPaused)).await.expect("paused");
    assert_eq!(told(create(&world, 0).await), 90 * SECOND_MS);
    world.run_for_ms(90 * SECOND_MS).await;
    create(&world, 0).await.expect("after the pause");
    world.context.store.pause(account(), &pause(HOUR_MS, WaitReason::AccountOnHold)).await.expect("held");
    create(&world, 1).await.expect("Pinterest itself answers");
}
