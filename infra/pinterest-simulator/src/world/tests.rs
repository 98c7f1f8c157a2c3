use super::account::Caller;
use super::board::{BoardDraft, Privacy};
use super::media::Media;
use super::page::PageRequest;
use super::pin::PinDraft;
use super::scopes::{self, Scopes};
use super::*;
use crate::errors;
use crate::seed::seed_accounts;

const NOW_MS: i64 = 1_700_000_000_000;

fn world() -> World {
    let mut world = World::new(Config::default());
    world.record();
    world.seed_accounts(NOW_MS);
    world
}

fn caller(world: &World, number: usize) -> Caller {
    world.authenticate(NOW_MS, &seed_accounts(number)[number - 1].access_token).expect("a documented token")
}

fn draft(board_id: &str, title: &str) -> PinDraft {
    PinDraft {
        board_id: board_id.to_owned(),
        board_section_id: None,
        title: Some(title.to_owned()),
        description: None,
        link: None,
        alt_text: None,
        dominant_color: None,
        parent_pin_id: None,
        is_standard: true,
        media: Media::ImageUrl { url: "https://example.com/a.jpg".to_owned() },
    }
}

fn first_board() -> String {
    seed_accounts(1)[0].boards[0].id.clone()
}

fn titles(world: &World, caller: Caller, size: usize, bookmark: Option<String>) -> (Vec<String>, Option<String>) {
    let page = world
        .list_board_pins(caller, &first_board(), PageRequest { size, bookmark, ..PageRequest::default() })
        .expect("a page");
    let titles = page.items.iter().filter_map(|pin| pin.draft.title.clone()).collect();
    (titles, page.bookmark)
}

#[test]
fn the_same_calls_give_the_same_world() {
    let run = || {
        let mut world = world();
        let caller = caller(&world, 1);
        world.create_pin(NOW_MS, caller, draft(&first_board(), "a")).expect("created");
        let token = seed_accounts(1)[0].refresh_token.clone();
        world.refresh(NOW_MS, &token, None, true).expect("refreshed");
        format!("{:?}", world.take_recorded())
    };
    assert_eq!(run(), run());
}

#[test]
fn replaying_the_events_gives_the_same_world() {
    let mut world = world();
    let caller = caller(&world, 1);
    let board = BoardDraft { name: "New".to_owned(), description: None, privacy: Privacy::Public };
    let board_id = world.create_board(NOW_MS, caller, board).expect("created").id.clone();
    let pin_id = world.create_pin(NOW_MS, caller, draft(&board_id, "a")).expect("created").id.clone();
    world.create_pin(NOW_MS + 1, caller, draft(&board_id, "b")).expect("created");
    world.delete_pin(NOW_MS + 2, caller, &pin_id).expect("deleted");
    world.plan_pin(NOW_MS, NOW_MS + 9, caller, draft(&board_id, "c")).expect("planned");
    let mut replayed = World::new(Config::default());
    world.take_recorded().into_iter().for_each(|event| replayed.apply(event));
    for world in [&mut world, &mut replayed] {
        assert_eq!(world.next_due_ms(), Some(NOW_MS + 9));
        world.commit_due(NOW_MS + 10);
        assert_eq!(world.next_due_ms(), None);
    }
    assert_eq!(world.every_pin(), replayed.every_pin());
    let (ours, theirs) = (world.board(caller, &board_id), replayed.board(caller, &board_id));
    assert_eq!(ours.expect("a board").pin_count, 2);
    assert_eq!(theirs.expect("a board").pin_count, 2);
}

#[test]
fn lists_are_newest_first_and_stable_while_pins_are_created_and_deleted() {
    let mut world = world();
    let caller = caller(&world, 1);
    let mut ids = Vec::new();
    for number in 0..5 {
        let pin = world.create_pin(NOW_MS, caller, draft(&first_board(), &number.to_string()));
        ids.push(pin.expect("created").id.clone());
    }
    let (first, bookmark) = titles(&world, caller, 2, None);
    assert_eq!(first, ["4", "3"]);
    world.create_pin(NOW_MS, caller, draft(&first_board(), "5")).expect("created");
    world.delete_pin(NOW_MS, caller, &ids[1]).expect("deleted");
    let (rest, bookmark) = titles(&world, caller, 2, bookmark);
    assert_eq!(rest, ["2", "0"]);
    assert_eq!(bookmark, None);
}

#[test]
fn a_late_pin_is_created_at_its_own_time() {
    let mut world = world();
    let caller = caller(&world, 1);
    world.plan_pin(NOW_MS, NOW_MS + 5_000, caller, draft(&first_board(), "late")).expect("planned");
    world.commit_due(NOW_MS + 4_999);
    assert!(world.every_pin().is_empty());
    world.commit_due(NOW_MS + 60_000);
    assert_eq!(world.every_pin()[0].created_at_ms, NOW_MS + 5_000);
}

#[test]
fn an_account_can_not_read_or_change_the_pins_of_another() {
    let mut world = world();
    let (one, two) = (caller(&world, 1), caller(&world, 2));
    let id = world.create_pin(NOW_MS, one, draft(&first_board(), "a")).expect("created").id.clone();
    assert_eq!(world.pin(two, &id).err(), Some(errors::NOT_PERMITTED));
    assert_eq!(world.delete_pin(NOW_MS, two, &id).err(), Some(errors::PIN_DELETE_NOT_AUTHORIZED));
    assert_eq!(world.board(two, &first_board()).err(), Some(errors::BOARD_NOT_FOUND));
    let foreign = world.create_pin(NOW_MS, two, draft(&first_board(), "b")).err();
    assert_eq!(foreign, Some(errors::NOT_PERMITTED));
    let unknown = world.create_pin(NOW_MS, two, draft("1", "b")).err();
    assert_eq!(unknown, Some(errors::PIN_BOARD_NOT_FOUND));
    let page = world.list_pins(two, PageRequest::default()).expect("a page");
    assert!(page.items.is_empty());
}

#[test]
fn secret_boards_need_scopes_of_their_own() {
    let mut world = world();
    let all = caller(&world, 1);
    let public = Caller {
        scopes: Scopes::of(&[scopes::BOARDS_READ, scopes::BOARDS_WRITE, scopes::PINS_READ, scopes::PINS_WRITE]),
        ..all
    };
    let secret = |name: &str| BoardDraft { name: name.to_owned(), description: None, privacy: Privacy::Secret };
    let refused = world.create_board(NOW_MS, public, secret("a")).err();
    assert_eq!(refused, Some(errors::ApiError::missing_scopes(&["boards:write_secret"])));
    let id = world.create_board(NOW_MS, all, secret("a")).expect("created").id.clone();
    let pin = world.create_pin(NOW_MS, all, draft(&id, "hidden")).expect("created").id.clone();
    assert!(world.board(public, &id).is_err());
    assert!(world.pin(public, &pin).is_err());
    assert!(world.list_pins(public, PageRequest::default()).expect("a page").items.is_empty());
    assert_eq!(world.list_pins(all, PageRequest::default()).expect("a page").items.len(), 1);
}

#[test]
fn a_board_name_is_unique_within_an_account() {
    let mut world = world();
    let (one, two) = (caller(&world, 1), caller(&world, 2));
    let board = |name: &str| BoardDraft { name: name.to_owned(), description: None, privacy: Privacy::Public };
    assert!(world.create_board(NOW_MS, one, board("New")).is_ok());
    assert!(world.create_board(NOW_MS, two, board("New")).is_ok());
    for wrong in ["new", "", "  ", &"x".repeat(51)] {
        let refused = world.create_board(NOW_MS, one, board(wrong)).err();
        assert_eq!(refused, Some(errors::BOARD_INVALID_OR_DUPLICATED), "{wrong:?}");
    }
}

#[test]
fn a_refresh_token_works_once() {
    let mut world = world();
    let old = seed_accounts(1)[0].refresh_token.clone();
    let issued = world.refresh(NOW_MS, &old, None, true).expect("refreshed");
    let new = issued.refresh.expect("a new refresh token").token;
    assert!(world.authenticate(NOW_MS, &issued.access.token).is_ok());
    assert_eq!(world.refresh(NOW_MS, &old, None, true).err(), Some(errors::REFRESH_TOKEN_INVALID));
    assert!(world.refresh(NOW_MS, &new, None, true).is_ok());
}

#[test]
fn without_continuous_refresh_the_old_token_stays_valid() {
    let mut world = world();
    let token = seed_accounts(1)[0].refresh_token.clone();
    for _ in 0..2 {
        let issued = world.refresh(NOW_MS, &token, None, false).expect("refreshed");
        assert!(issued.refresh.is_none());
    }
}

#[test]
fn tokens_expire() {
    let mut world = world();
    let seed = &seed_accounts(1)[0];
    let access_ends_ms = NOW_MS + Config::default().access_token_lifetime_s * 1000;
    let refresh_ends_ms = NOW_MS + Config::default().refresh_token_lifetime_s * 1000;
    assert!(world.authenticate(access_ends_ms - 1, &seed.access_token).is_ok());
    assert!(world.authenticate(access_ends_ms, &seed.access_token).is_err());
    assert!(world.refresh(refresh_ends_ms, &seed.refresh_token, None, true).is_err());
    assert!(world.refresh(refresh_ends_ms - 1, &seed.refresh_token, None, true).is_ok());
}

#[test]
fn a_code_is_exchanged_once_with_the_same_redirect_uri_before_it_expires() {
    let mut world = world();
    let code = |world: &mut World| world.authorize(NOW_MS, 1, Scopes::of(&[scopes::PINS_READ]), "https://a.test/cb");
    let good = code(&mut world);
    let issued = world.exchange_code(NOW_MS, &good, "https://a.test/cb").expect("exchanged");
    assert_eq!((issued.access.account, issued.access.scopes.to_string()), (1, "pins:read".to_owned()));
    assert_eq!(world.exchange_code(NOW_MS, &good, "https://a.test/cb").err(), Some(errors::CODE_INVALID));
    let elsewhere = code(&mut world);
    assert!(world.exchange_code(NOW_MS, &elsewhere, "https://b.test/cb").is_err());
    let late = code(&mut world);
    assert!(world.exchange_code(NOW_MS + 600_000, &late, "https://a.test/cb").is_err());
}

#[test]
fn a_revocation_leaves_other_accounts_alone() {
    let mut world = world();
    let seeds = seed_accounts(2);
    world.revoke_tokens(0, false);
    assert!(world.authenticate(NOW_MS, &seeds[0].access_token).is_err());
    assert!(world.authenticate(NOW_MS, &seeds[1].access_token).is_ok());
    let issued = world.refresh(NOW_MS, &seeds[0].refresh_token, None, true).expect("refreshed");
    assert!(world.authenticate(NOW_MS, &issued.access.token).is_ok());
    world.revoke_tokens(0, true);
    let refresh = issued.refresh.expect("a refresh token").token;
    assert!(world.refresh(NOW_MS, &refresh, None, true).is_err());
}

#[test]
fn after_a_restart_no_token_is_issued_twice() {
    let mut world = world();
    let token = seed_accounts(1)[0].refresh_token.clone();
    let first = world.refresh(NOW_MS, &token, None, true).expect("refreshed");
    let mut restarted = World::new(Config::default());
    world.take_recorded().into_iter().for_each(|event| restarted.apply(event));
    let next = first.refresh.expect("a refresh token").token;
    let second = restarted.refresh(NOW_MS, &next, None, true).expect("refreshed");
    assert_ne!(first.access.token, second.access.token);
    assert_ne!(next, second.refresh.expect("a refresh token").token);
}

mod boards;
mod uploads;
