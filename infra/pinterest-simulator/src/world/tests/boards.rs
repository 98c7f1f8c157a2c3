//! Updates and deletions of boards, and their sections.

use super::*;
use crate::world::board_change::BoardChange;

#[test]
fn deleting_a_board_deletes_its_sections_and_pins_and_frees_its_name() {
    let mut world = world();
    let caller = caller(&world, 1);
    let id = first_board();
    let section = world.create_section(NOW_MS, caller, &id, "Starters".to_owned()).expect("created").id.clone();
    let pin = world.create_pin(NOW_MS, caller, draft(&id, "a")).expect("created").id.clone();
    world.plan_pin(NOW_MS, NOW_MS + 9, caller, draft(&id, "late")).expect("planned");
    let name = world.board(caller, &id).expect("a board").name.clone();
    world.delete_board(NOW_MS + 1, caller, &id).expect("deleted");

    assert_eq!(world.board(caller, &id).err(), Some(errors::BOARD_NOT_FOUND));
    assert_eq!(world.create_pin(NOW_MS + 1, caller, draft(&id, "b")).err(), Some(errors::PIN_BOARD_NOT_FOUND));
    assert_eq!(world.delete_board(NOW_MS + 2, caller, &id).err(), Some(errors::BOARD_NOT_FOUND));
    assert_eq!(world.pin(caller, &pin).err(), Some(errors::PIN_NOT_FOUND));
    assert!(world.section(&id, &section).is_none() && world.sections[0].deleted);
    assert_eq!(world.every_pin()[0].deleted_at_ms, Some(NOW_MS + 1));
    assert_eq!(world.account(0).expect("an account").pin_count, 0);
    let listed = world.list_boards(caller, |_| true, PageRequest::default()).expect("a page");
    assert!(listed.items.iter().all(|board| board.id != id));
    world.commit_due(NOW_MS + 10);
    assert_eq!(world.every_pin().len(), 1, "the late Pin is not committed: its board is deleted");
    let again = BoardDraft { name, description: None, privacy: Privacy::Public };
    assert!(world.create_board(NOW_MS, caller, again).is_ok());
}

#[test]
fn a_board_update_changes_only_the_given_properties() {
    let mut world = world();
    let caller = caller(&world, 1);
    let id = first_board();
    let described = BoardChange { description: Some("Hot".to_owned()), ..BoardChange::default() };
    world.update_board(caller, &id, described).expect("updated");
    let renamed = BoardChange { name: Some("Soups".to_owned()), ..BoardChange::default() };
    world.update_board(caller, &id, renamed.clone()).expect("updated");
    world.update_board(caller, &id, renamed).expect("its own name is not taken");
    let board = world.board(caller, &id).expect("a board");
    let is = (board.name.as_str(), board.description.as_deref(), board.privacy);
    assert_eq!(is, ("Soups", Some("Hot"), Privacy::Public));
    for taken_or_wrong in ["interiors", " ", &"x".repeat(51)] {
        let change = BoardChange { name: Some(taken_or_wrong.to_owned()), ..BoardChange::default() };
        assert_eq!(world.update_board(caller, &id, change).err(), Some(errors::BOARD_PARAMETERS_INVALID));
    }
}

#[test]
fn making_a_board_secret_needs_the_scope_for_it() {
    let mut world = world();
    let all = caller(&world, 1);
    let public = Caller { scopes: Scopes::of(&[scopes::BOARDS_WRITE]), ..all };
    let secret = BoardChange { privacy: Some(Privacy::Secret), ..BoardChange::default() };
    assert_eq!(world.update_board(public, &first_board(), secret.clone()).err().map(|error| error.status), Some(401));
    world.update_board(all, &first_board(), secret).expect("updated");
    assert!(world.board(public, &first_board()).is_err());
    assert_eq!(world.delete_board(NOW_MS, public, &first_board()).err().map(|error| error.status), Some(401));
}

#[test]
fn an_account_can_not_change_the_boards_and_sections_of_another() {
    let mut world = world();
    let (owner, stranger) = (caller(&world, 1), caller(&world, 2));
    let id = first_board();
    let section = world.create_section(NOW_MS, owner, &id, "Starters".to_owned()).expect("created").id.clone();
    let name = || "Mains".to_owned();
    let refusals = [
        world.update_board(stranger, &id, BoardChange::default()).err(),
        world.delete_board(NOW_MS, stranger, &id).err(),
        world.create_section(NOW_MS, stranger, &id, name()).err(),
        world.rename_section(stranger, &id, &section, name()).err(),
        world.delete_section(NOW_MS, stranger, &id, &section).err(),
        world.list_section_pins(stranger, &id, &section, PageRequest::default()).err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.map(|error| (error.status, error.code)), Some((403, 403)));
    }
    assert_eq!(world.list_sections(stranger, &id, PageRequest::default()).err(), Some(errors::BOARD_NOT_FOUND));
}

#[test]
fn a_section_lists_its_pins_and_is_deleted_with_them() {
    let mut world = world();
    let caller = caller(&world, 1);
    let id = first_board();
    let section = world.create_section(NOW_MS, caller, &id, "Starters".to_owned()).expect("created").id.clone();
    let other = world.create_section(NOW_MS, caller, &id, "Mains".to_owned()).expect("created").id.clone();
    let within = |section: &str, title: &str| PinDraft {
        board_section_id: Some(section.to_owned()),
        ..draft(&first_board(), title)
    };
    world.create_pin(NOW_MS, caller, within(&section, "a")).expect("created");
    world.create_pin(NOW_MS, caller, within(&other, "b")).expect("created");
    world.create_pin(NOW_MS, caller, draft(&id, "c")).expect("created");
    world.plan_pin(NOW_MS, NOW_MS + 9, caller, within(&section, "late")).expect("planned");
    let titles_in = |world: &World, section: &str| {
        let page = world.list_section_pins(caller, &first_board(), section, PageRequest::default());
        page.map(|page| page.items.iter().filter_map(|pin| pin.draft.title.clone()).collect::<Vec<_>>())
    };
    assert_eq!(titles_in(&world, &section).expect("a page"), ["a"]);
    assert_eq!(titles(&world, caller, 9, None).0, ["c", "b", "a"]);

    world.delete_section(NOW_MS + 1, caller, &id, &section).expect("deleted");
    world.commit_due(NOW_MS + 10);
    assert_eq!(titles_in(&world, &section).err(), Some(errors::SECTION_PINS_NOT_FOUND));
    assert_eq!(titles(&world, caller, 9, None).0, ["c", "b"]);
    assert_eq!(titles_in(&world, &other).expect("a page"), ["b"]);
    let gone = world.create_pin(NOW_MS, caller, within(&section, "d")).err();
    assert_eq!(gone, Some(errors::PIN_SECTION_NOT_FOUND));
    let second_board = seed_accounts(1)[0].boards[1].id.clone();
    let elsewhere = PinDraft { board_id: second_board, ..within(&other, "d") };
    assert_eq!(world.create_pin(NOW_MS, caller, elsewhere).err(), Some(errors::PIN_SECTION_NOT_FOUND));
}
