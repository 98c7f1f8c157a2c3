//! Boards and sections.

use super::*;

#[test]
fn boards_are_created_read_and_filtered() {
    let mut desk = Desk::open();
    let body = json!({"name": "Attic", "description": null, "privacy": "SECRET"});
    let created = desk.call(Operation::BoardsCreate, "", "", body).expect("created");
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(desk.call(Operation::BoardsGet, &id, "", Value::Null).expect("found").json(), created.json());
    let mut names = |query: &str| {
        let list = desk.call(Operation::BoardsList, "", query, Value::Null).expect("a page").json();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|board| board["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["Attic", "Interiors", "Recipes"]);
    assert_eq!(names("privacy=SECRET"), ["Attic"]);
    assert_eq!(names("privacy=PUBLIC"), ["Interiors", "Recipes"]);
    let twice = desk.call(Operation::BoardsCreate, "", "", json!({"name": "attic"})).expect_err("duplicated");
    assert_eq!((twice.status, twice.code), (400, 400));
}

#[test]
fn boards_are_updated_and_deleted() {
    let mut desk = Desk::open();
    let id = seed_accounts(1)[0].boards[0].id.clone();
    let change = json!({"name": "Soups", "description": null, "privacy": "SECRET"});
    let updated = desk.call(Operation::BoardsUpdate, &id, "", change).expect("updated");
    assert_eq!(updated.status, 200);
    assert_eq!(updated.json()["name"], "Soups");
    assert_eq!(desk.call(Operation::BoardsGet, &id, "", Value::Null).expect("found").json(), updated.json());
    for wrong in [json!({"privacy": "PROTECTED"}), json!({"privacy": "OPEN"}), json!({"name": "interiors"})] {
        let error = desk.call(Operation::BoardsUpdate, &id, "", wrong.clone()).expect_err("must be refused");
        assert_eq!(error, errors::BOARD_PARAMETERS_INVALID, "{wrong}");
    }
    let deleted = desk.call(Operation::BoardsDelete, &id, "", Value::Null).expect("deleted");
    assert_eq!((deleted.status, deleted.body), (204, None));
    assert_eq!(desk.refusal(json!({})), (404, 40, "Board not found.".to_owned()));
    for operation in [Operation::BoardsGet, Operation::BoardsUpdate, Operation::BoardsDelete, Operation::BoardsListPins]
    {
        let error = desk.call(operation, &id, "", json!({})).expect_err("gone");
        assert_eq!(error, errors::BOARD_NOT_FOUND, "{operation:?}");
    }
}

#[test]
fn sections_are_created_listed_renamed_and_deleted() {
    let mut desk = Desk::open();
    let board = seed_accounts(1)[0].boards[0].id.clone();
    let mut call = |operation, section: &str, query: &str, body: Value| {
        let mut request = Request::new(operation, "");
        (request.path_id, request.section_id) = (board.clone(), section.to_owned());
        request.query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        request.body = json(&body);
        dispatch(&mut desk.world, NOW_MS, desk.caller, &request)
    };
    let starters = call(Operation::BoardSectionsCreate, "", "", json!({"name": "Starters"})).expect("created");
    let id = starters.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!((starters.status, starters.json()), (201, json!({"id": id, "name": "Starters"})));
    let mains = call(Operation::BoardSectionsCreate, "", "", json!({"name": "Mains"})).expect("created").json();

    let page = call(Operation::BoardSectionsList, "", "page_size=1", Value::Null).expect("a page").json();
    assert_eq!(page["items"], json!([mains]));
    let next = format!("bookmark={}", page["bookmark"].as_str().expect("a bookmark"));
    let page = call(Operation::BoardSectionsList, "", &next, Value::Null).expect("a page").json();
    assert_eq!(page, json!({"items": [starters.json()], "bookmark": null}));

    let renamed = call(Operation::BoardSectionsUpdate, &id, "", json!({"name": "Snacks"})).expect("renamed");
    assert_eq!((renamed.status, renamed.json()), (200, json!({"id": id, "name": "Snacks"})));
    for wrong in [json!({}), json!({"name": ""}), json!({"name": 7}), json!({"name": "x".repeat(181)})] {
        for (operation, section) in [(Operation::BoardSectionsCreate, ""), (Operation::BoardSectionsUpdate, &id)] {
            let error = call(operation, section, "", wrong.clone()).expect_err("must be refused");
            assert_eq!(error, errors::SECTION_PARAMETERS_INVALID, "{wrong}");
        }
    }
    assert_eq!(call(Operation::BoardSectionsDelete, &id, "", Value::Null).expect("deleted").status, 204);
    let error = call(Operation::BoardSectionsDelete, &id, "", Value::Null).expect_err("gone");
    assert_eq!(error, errors::SECTION_NOT_FOUND);
    let error = call(Operation::BoardSectionsUpdate, &id, "", json!({"name": "x"})).expect_err("gone");
    assert_eq!(error, errors::SECTION_NOT_FOUND);
    let error = call(Operation::BoardSectionsListPins, &id, "", Value::Null).expect_err("gone");
    assert_eq!(error, errors::SECTION_PINS_NOT_FOUND);
}
