//! A 429 on any call with an account's token pauses the account, for as long as Pinterest asks.

use pinbridge_shared::domain::account::board::BoardDraft;
use pinbridge_shared::domain::ids::{AccountKey, BoardKey};
use pinbridge_shared::domain::pacing::bucket::Bucket;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::retry::{LONGEST_HINT_MS, RATE_LIMIT_PAUSE_MS, SPAM_PAUSE_MS};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accounts::with_token::CallError;
use pinbridge_shared::flows::boards;
use pinbridge_shared::flows::pins::delete_on_pinterest::delete_on_pinterest;
use pinbridge_shared::ports::ReadFailure;
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_boards::refused;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;

fn account() -> AccountKey {
    testdata::connected_account().key
}

fn board() -> BoardKey {
    BoardKey { account: account(), board_id: testdata::request("any").board_id }
}

async fn bucket(world: &TestWorld) -> Bucket {
    world.context.store.bucket(account()).await.expect("readable")
}

async fn paused_for_ms(world: &TestWorld) -> Option<i64> {
    bucket(world).await.paused_until().map(|until| until.since_ms(world.now()))
}

/// What a caller asks Pinterest for, and whether it is a write.
const CALLS: [(&str, bool); 5] = [
    ("create a board", true),
    ("create a section", true),
    ("delete a board", true),
    ("boards", false),
    ("sections", false),
];

async fn call(world: &TestWorld, name: &str) -> Result<(), CallError> {
    let context = &world.context;
    match name {
        "create a board" => {
            let draft = BoardDraft { name: "Rate limit tips".into(), description: None, privacy: None };
            boards::create_board(context, account(), &draft).await.map(|_| ())
        }
        "create a section" => boards::create_section(context, &board(), "Small ones").await.map(|_| ()),
        "delete a board" => boards::delete_board(context, &board()).await,
        "boards" => boards::boards(context, account()).await.map(|_| ()),
        _ => boards::sections(context, &board()).await.map(|_| ()),
    }
}

async fn limited(retry_after_ms: Option<i64>) -> TestWorld {
    let world = TestWorld::new(1).await;
    world.boards.insert(&board().board_id);
    world.boards.fail_next([ReadFailure { retry_after_ms, ..refused(Failure::RateLimited) }]);
    world
}

#[tokio::test]
async fn a_429_on_any_call_of_a_caller_pauses_the_account() {
    for (name, is_write) in CALLS {
        for (hint_ms, pause_ms) in [
            (Some(120 * SECOND_MS), 120 * SECOND_MS),
            (Some(25 * HOUR_MS), LONGEST_HINT_MS),
            (None, RATE_LIMIT_PAUSE_MS),
        ] {
            let world = limited(hint_ms).await;
            let told = call(&world, name).await;
            let is_told = matches!(told, Err(CallError::RateLimited { retry_after_ms }) if retry_after_ms == pause_ms);
            assert!(is_told, "{name} {hint_ms:?}: {told:?}");
            assert_eq!(paused_for_ms(&world).await, Some(pause_ms), "{name}");
            let bucket = bucket(&world).await;
            assert_eq!(bucket.pause_failure(), Some(Failure::RateLimited), "{name}");
            assert_eq!(bucket.slow_until.is_some(), is_write, "{name}: only writes share the limit of creates");
            // The next pin waits for it.
            let key = world.accept("key").await;
            world.run_publisher_once().await;
            assert_eq!(world.pinterest.calls().len(), 0, "{name}");
            assert_ne!(world.attempt(key).await.status, Status::Published, "{name}");
        }
    }
}

#[tokio::test]
async fn a_block_that_any_call_meets_is_one_of_the_account() {
    for (name, _) in CALLS {
        let world = TestWorld::new(1).await;
        world.boards.insert(&board().board_id);
        world.boards.fail_next([refused(Failure::SpamBlock)]);
        assert!(call(&world, name).await.is_err(), "{name}");
        assert_eq!(paused_for_ms(&world).await, Some(SPAM_PAUSE_MS), "{name}");
    }
}

#[tokio::test]
async fn other_refusals_pause_nothing() {
    for (name, _) in CALLS {
        for failure in [Failure::BoardNotFound, Failure::InvalidRequest, Failure::PinterestUnreachable] {
            let world = TestWorld::new(1).await;
            world.boards.insert(&board().board_id);
            world.boards.fail_next([refused(failure)]);
            assert!(call(&world, name).await.is_err(), "{name}");
            assert_eq!(paused_for_ms(&world).await, None, "{name} {failure:?}");
        }
    }
}

#[tokio::test]
async fn a_pause_that_cannot_be_written_is_tried_again() {
    let world = limited(Some(90 * SECOND_MS)).await;
    world.faults.plan("store.pause", 1, Fault::FailBefore);
    assert!(matches!(call(&world, "boards").await, Err(CallError::RateLimited { .. })));
    assert!(paused_for_ms(&world).await.is_some_and(|ms| (89 * SECOND_MS..=90 * SECOND_MS).contains(&ms)));
}

#[tokio::test]
async fn a_429_on_a_deletion_pauses_the_account() {
    let world = TestWorld::new(1).await;
    let key = world.accept("published").await;
    world.run_publisher_once().await;
    let (pin, attempt) = world.pin(key).await;
    world.pinterest.fail_deletions([Failure::RateLimited]);
    let id = attempt.pinterest_pin_id.expect("published");
    assert!(matches!(delete_on_pinterest(&world.context, &pin, &id).await, Err(CallError::RateLimited { .. })));
    assert_eq!(paused_for_ms(&world).await, Some(RATE_LIMIT_PAUSE_MS));
}

#[tokio::test]
async fn a_reading_of_a_board_waits_for_the_hint_and_pauses_the_account() {
    for hint_ms in [3 * MINUTE_MS, 10 * MINUTE_MS, 2 * HOUR_MS] {
        let world = TestWorld::new(1).await;
        world.pinterest.add_stranger(&board().board_id, "Somebody's soup");
        world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
        let key = world.accept("key").await;
        world.pinterest.limit_lists(hint_ms);
        world.run_until_finished(&[key], world.now().plus_ms(hint_ms + 10 * MINUTE_MS)).await;
        let reads = world.pinterest.list_reads();
        let apart_ms = reads[1].since_ms(reads[0]);
        assert!((hint_ms..hint_ms + 5 * MINUTE_MS).contains(&apart_ms), "{hint_ms}: read again after {apart_ms}");
        let until = bucket(&world).await.paused_until().expect("paused");
        assert!((0..5 * SECOND_MS).contains(&until.since_ms(reads[0].plus_ms(hint_ms))), "{hint_ms}: {until:?}");
        assert_eq!(world.attempt(key).await.status, Status::Published);
        assert_eq!(world.pinterest.pins().len(), 1);
    }
}
