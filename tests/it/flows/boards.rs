//! The list of an account's boards: who reads it, and how often; and the pins of a board that is deleted.

use futures_util::future::join_all;
use pinbridge_shared::domain::ids::{BoardKey, PinKey};
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Attempt;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::origin::Origin;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accept::submit_pins::{Answer, Refusal, Submission, submit_pin};
use pinbridge_shared::flows::boards::board_access::board_access;
use pinbridge_shared::flows::boards::delete_board;
use pinbridge_shared::flows::boards::resolve_boards::{Boards, Unfit};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_boards::refused;
use pinbridge_shared::testing::faults::{DEATHS, Fault};

fn request(key: &str, board: &str) -> PinRequest {
    PinRequest { board_id: board.into(), ..testdata::request(key) }
}

async fn submit(world: &TestWorld, key: &str, board: &str) -> Answer {
    let submission = Submission { request: request(key, board), origin: Origin::default(), refuses_duplicates: false };
    submit_pin(&world.context, testdata::workspace(), submission).await
}

fn is_missing(answer: &Answer) -> bool {
    matches!(answer, Err(Refusal::Board(Unfit::Missing { .. })))
}

#[tokio::test]
async fn of_many_calls_at_once_one_lists_the_boards_and_all_have_its_answer() {
    for unknown in ["404", "Gardening"] {
        let world = TestWorld::new(1).await;
        // The call to Pinterest is under way while the others come.
        world.faults.plan("boards.boards", 1, Fault::Yield);
        // Each of them lets a moment pass on the one clock, of the seconds that they wait.
        let keys: Vec<String> = (0..16).map(|n| format!("k{n}")).collect();
        let answers = join_all(keys.iter().map(|key| submit(&world, key, unknown))).await;
        assert!(answers.iter().all(is_missing), "{unknown}");
        assert_eq!(world.boards.tokens().len(), 1, "{unknown}");
    }
}

#[tokio::test]
async fn while_pinterest_is_down_few_calls_ask_it_and_nobody_waits_for_long() {
    let world = TestWorld::new(1).await;
    world.boards.fail_next(vec![refused(Failure::PinterestUnreachable); 100]);
    let began = world.now();
    for n in 0..20 {
        let answer = submit(&world, &format!("k{n}"), "404").await.expect("accepted unchecked");
        assert!(answer.board.unchecked.is_some());
    }
    assert!(world.boards.tokens().len() <= 2, "{}", world.boards.tokens().len());
    assert!(world.now().since_ms(began) <= 10 * SECOND_MS, "the others saw that somebody asks, and went on");
    // When it answers again, so do we.
    world.boards.fail_next([]);
    world.system.advance_ms(5 * MINUTE_MS);
    let mut is_refused = false;
    for n in 0..120 {
        is_refused |= is_missing(&submit(&world, &format!("later{n}"), "404").await);
        world.system.advance_ms(3 * MINUTE_MS);
    }
    assert!(is_refused);
}

#[tokio::test]
async fn a_list_that_was_read_once_serves_for_a_day() {
    let world = TestWorld::new(1).await;
    let board = testdata::request("any").board_id;
    for n in 0..23 {
        assert!(submit(&world, &format!("k{n}"), &board).await.is_ok());
        world.system.advance_ms(HOUR_MS);
    }
    assert_eq!(world.boards.tokens().len(), 1);
    world.system.advance_ms(2 * HOUR_MS);
    assert!(submit(&world, "next day", &board).await.is_ok());
    assert_eq!(world.boards.tokens().len(), 2);
}

#[tokio::test]
async fn many_boards_of_one_call_are_found_with_one_list() {
    let world = TestWorld::new(1).await;
    let ids: Vec<String> = (0..300).map(|n| world.boards.add(&format!("Board of number {n}"))).collect();
    let account = testdata::connected_account().key;
    let mut boards = Boards::new(&world.context);
    for (n, id) in ids.iter().enumerate() {
        for text in [id.clone(), format!("board of number {n}")] {
            let found = boards.find(account, &text).await.expect("read").expect("found");
            assert_eq!(&found.id, id);
        }
    }
    assert_eq!(world.boards.tokens().len(), 1);
}

/// So many published pins on the board.
async fn publish(world: &TestWorld, board: &str, count: usize) -> Vec<PinKey> {
    let mut keys = Vec::new();
    for n in 0..count {
        let title = format!("{n:060}");
        keys.push(world.accept_request(PinRequest { title, ..request(&format!("{board}-{n}"), board) }).await);
    }
    world.run_until_finished(&keys, world.now().plus_ms(HOUR_MS)).await;
    keys
}

async fn attempts(world: &TestWorld, keys: &[PinKey]) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for chunk in keys.chunks(100) {
        attempts.extend(world.pins(chunk).await.into_iter().map(|(_, attempt)| attempt));
    }
    attempts
}

fn key(board: &str) -> BoardKey {
    BoardKey { account: testdata::connected_account().key, board_id: board.into() }
}

#[tokio::test]
async fn the_pins_of_a_deleted_board_are_marked_at_once_if_they_are_few_and_soon_if_they_are_many() {
    for (count, at_once) in [(3, 3), (130, 100)] {
        let world = TestWorld::new(1).await;
        let (doomed, other) = (world.boards.add("Doomed"), world.boards.add("Other"));
        let keys = publish(&world, &doomed, count).await;
        let others = publish(&world, &other, 2).await;
        world.system.advance_ms(HOUR_MS);
        delete_board(&world.context, &key(&doomed)).await.expect("deleted");
        let marked = |attempts: &[Attempt]| attempts.iter().filter(|one| one.removed_at.is_some()).count();
        assert!((at_once..=count).contains(&marked(&attempts(&world, &keys).await)), "of {count}, some at once");
        world.run_for_ms(5 * MINUTE_MS).await;
        let all = attempts(&world, &keys).await;
        assert_eq!(marked(&all), count, "and soon all");
        assert!(all.iter().all(|one| one.status.name() == "published" && one.pinterest_pin_id.is_some()));
        assert_eq!(marked(&attempts(&world, &others).await), 0, "of no other board");
    }
}

#[tokio::test]
async fn a_deletion_that_pinterest_refused_marks_nothing() {
    for failure in [Failure::BoardAccessDenied, Failure::PinterestUnreachable, Failure::RateLimited] {
        let world = TestWorld::new(1).await;
        let board = world.boards.add("Stays");
        let keys = publish(&world, &board, 2).await;
        world.boards.fail_next([refused(failure)]);
        delete_board(&world.context, &key(&board)).await.expect_err("refused");
        world.run_for_ms(5 * MINUTE_MS).await;
        assert!(attempts(&world, &keys).await.iter().all(|one| one.removed_at.is_none()), "{failure:?}");
    }
}

/// A death at every port call of the deletion and of what follows: the client repeats its request, and every pin is
/// marked.
#[tokio::test]
async fn a_deletion_that_dies_anywhere_is_finished_when_it_is_repeated() {
    for fault in DEATHS {
        let mut nth = 1;
        loop {
            let world = TestWorld::new(1).await;
            let board = world.boards.add("Doomed");
            // Pinterest was asked about it before.
            assert!(submit(&world, "known", &board).await.is_ok());
            board_access(&world.context, &key(&board), true).await.expect("checked");
            let keys = publish(&world, &board, 3).await;
            world.system.advance_ms(HOUR_MS);
            world.faults.plan_any(nth, fault);
            let _ = world.faults.mortal(delete_board(&world.context, &key(&board))).await;
            let died = !world.faults.heal();
            world.run_for_ms(2 * MINUTE_MS).await;
            let _ = delete_board(&world.context, &key(&board)).await;
            world.run_for_ms(5 * MINUTE_MS).await;
            let all = attempts(&world, &keys).await;
            assert!(all.iter().all(|one| one.removed_at.is_some()), "{fault:?} at call {nth}");
            if !died {
                assert!(nth > 8, "it makes more calls than {nth}");
                break;
            }
            nth += 1;
        }
    }
}

/// The rescuer dies at every call of its own; the marker stays until all is done.
#[tokio::test]
async fn a_rescuer_that_dies_while_it_marks_leaves_the_rest_to_the_next_one() {
    for fault in DEATHS {
        for nth in [1, 5, 20, 40, 45, 50, 55, 60, 80, 120] {
            let world = TestWorld::new(1).await;
            let board = world.boards.add("Doomed");
            let keys = publish(&world, &board, 115).await;
            world.system.advance_ms(HOUR_MS);
            delete_board(&world.context, &key(&board)).await.expect("deleted");
            world.faults.plan_any(nth, fault);
            world.run_for_ms(6 * MINUTE_MS).await;
            world.faults.heal();
            world.run_for_ms(6 * MINUTE_MS).await;
            let left = attempts(&world, &keys).await.iter().filter(|one| one.removed_at.is_none()).count();
            assert_eq!(left, 0, "{fault:?} at call {nth}");
        }
    }
}
