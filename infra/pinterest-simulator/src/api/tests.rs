//! Requests and answers of `/v5`, without HTTP.

use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::seed::seed_accounts;

const NOW_MS: i64 = 1_665_625_229_000;

struct Desk {
    world: World,
    caller: Caller,
}

impl Desk {
    fn open() -> Self {
        let mut world = World::new(Config::default());
        world.seed_accounts(NOW_MS);
        let caller = world.authenticate(NOW_MS, &seed_accounts(1)[0].access_token).expect("a documented token");
        Self { world, caller }
    }

    fn call(&mut self, operation: Operation, path_id: &str, query: &str, body: Value) -> Result<Reply, ApiError> {
        let mut request = Request::new(operation, "");
        request.path_id = path_id.to_owned();
        request.query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        request.body = json(&body);
        dispatch(&mut self.world, NOW_MS, self.caller, &request)
    }

    fn create(&mut self, change: Value) -> Result<Reply, ApiError> {
        self.call(Operation::PinsCreate, "", "", pin(change))
    }

    fn refusal(&mut self, change: Value) -> (u16, i64, String) {
        let error = self.create(change).expect_err("must be refused");
        (error.status, error.code, error.message.into_owned())
    }
}

/// A valid request body with some fields changed.
fn pin(change: Value) -> Value {
    let mut pin = json!({
        "board_id": seed_accounts(1)[0].boards[0].id,
        "title": "Soup",
        "media_source": {"source_type": "image_url", "url": "https://example.com/soup.jpg"},
    });
    for (name, value) in change.as_object().into_iter().flatten() {
        pin[name] = value.clone();
    }
    pin
}

#[test]
fn a_pin_is_answered_with_every_field_of_the_schema() {
    let mut desk = Desk::open();
    let reply = desk.create(json!({"link": "https://example.com/", "alt_text": "soup"})).expect("created");
    assert_eq!(reply.status, 201);
    let id = desk.world.every_pin()[0].id.clone();
    let image = |size: &str, width: u32, height: u32| json!({"width": width, "height": height, "url": format!("https://i.pinimg.com/{size}/{id}.jpg")});
    let expected = json!({
        "id": id,
        "created_at": "2022-10-13T01:40:29",
        "link": "https://example.com/",
        "title": "Soup",
        "description": null,
        "dominant_color": "#6E7874",
        "alt_text": "soup",
        "creative_type": "REGULAR",
        "board_id": seed_accounts(1)[0].boards[0].id,
        "board_section_id": null,
        "board_owner": {"username": "sim_account_1"},
        "is_owner": true,
        "media": {"media_type": "image", "images": {
            "150x150": image("150x150", 150, 150),
            "400x300": image("400x300", 400, 300),
            "600x": image("600x", 600, 900),
            "1200x": image("1200x", 1200, 1800),
        }},
        "parent_pin_id": null,
        "is_standard": true,
        "has_been_promoted": false,
        "pin_metrics": null,
    });
    assert_eq!(reply.json(), expected);
    let got = desk.call(Operation::PinsGet, &id, "", Value::Null).expect("found");
    assert_eq!((got.status, got.json()), (200, expected));
}

#[test]
fn explicit_nulls_count_as_absent() {
    let nulls = json!({
        "title": null, "description": null, "link": null, "alt_text": null, "dominant_color": null,
        "board_section_id": null, "parent_pin_id": null,
    });
    assert_eq!(Desk::open().create(nulls).expect("created").status, 201);
}

#[test]
fn a_text_at_its_limit_is_accepted_and_a_longer_one_is_refused() {
    for (field, limit) in [("title", 100), ("description", 800), ("alt_text", 500)] {
        let mut desk = Desk::open();
        assert!(desk.create(json!({field: "ü".repeat(limit)})).is_ok(), "{field}");
        let (status, code, message) = desk.refusal(json!({field: "ü".repeat(limit + 1)}));
        assert_eq!((status, code), (400, 1));
        assert!(message.contains(field), "{message}");
    }
    let link = |chars: usize| format!("https://example.com/{}", "x".repeat(chars - 20));
    let mut desk = Desk::open();
    assert!(desk.create(json!({"link": link(2048)})).is_ok());
    assert_eq!(desk.refusal(json!({"link": link(2049)})).0, 400);
}

#[test]
fn an_invalid_pin_is_refused_with_pinterests_message() {
    let whoops = "Whoops! It looks like you entered an invalid URL. Try creating a Pin again with a valid URL.";
    let broken = "Sorry, this image is broken. Please pick a different image.";
    let no_section = "Sorry! We couldn't find this board section.";
    let base64 = |data: &str| json!({"media_source": {"source_type": "image_base64", "content_type": "image/png", "data": data}});
    for (change, expected) in [
        (json!({"link": "not a url"}), (400, 1, whoops)),
        (json!({"media_source": {"source_type": "image_url", "url": "soup.jpg"}}), (400, 1, whoops)),
        (json!({"board_id": "1"}), (404, 40, "Board not found.")),
        (json!({"board_section_id": "1"}), (404, 2031, no_section)),
        (base64("c291cA=="), (403, 235, broken)),
        (base64("%%%"), (400, 1, "Invalid request: 'data' does not match '^[a-zA-Z0-9+/=]+$'")),
        (json!({"board_id": "soup"}), (400, 1, "Invalid request: 'board_id' does not match '^\\d+$'")),
        (json!({"board_id": null}), (400, 1, "Invalid request: 'board_id' is a required property")),
        (json!({"media_source": null}), (400, 1, "Invalid request: 'media_source' is a required property")),
        (json!({"media_source": {"url": "x"}}), (400, 1, "Invalid request: 'source_type' is a required property")),
        (json!({"media_source": {"source_type": "fax"}}), (400, 1, "Invalid request: 'fax' is not a source_type")),
        (json!({"title": 7}), (400, 1, "Invalid request: 'title' is not of type 'string'")),
    ] {
        let (status, code, message) = Desk::open().refusal(change.clone());
        assert_eq!((status, code, message.as_str()), expected, "{change}");
    }
}

#[test]
fn a_refused_pin_is_not_committed() {
    let mut desk = Desk::open();
    desk.refusal(json!({"board_id": "1"}));
    assert!(desk.world.every_pin().is_empty());
}

#[test]
fn media_that_is_not_simulated_is_refused_clearly() {
    let (status, _, message) = Desk::open().refusal(json!({"media_source": {"source_type": "pin_url"}}));
    assert_eq!(status, 400);
    assert!(message.contains("is not simulated"), "{message}");
}

#[test]
fn an_image_may_come_as_base64() {
    let source =
        json!({"source_type": "image_base64", "content_type": "image/png", "data": "iVBORw0KGgo=", "url": null});
    assert!(Desk::open().create(json!({"media_source": source})).is_ok());
}

#[test]
fn a_deleted_pin_is_not_found_but_stays_among_every_pin() {
    let mut desk = Desk::open();
    let id = desk.create(json!({})).expect("created").json()["id"].as_str().expect("an id").to_owned();
    let deleted = desk.call(Operation::PinsDelete, &id, "", Value::Null).expect("deleted");
    assert_eq!((deleted.status, deleted.body), (204, None));
    let error = desk.call(Operation::PinsGet, &id, "", Value::Null).expect_err("gone");
    assert_eq!((error.status, error.code), (404, 50));
    let again = desk.call(Operation::PinsDelete, &id, "", Value::Null).expect_err("gone");
    assert_eq!((again.status, again.code), (404, 404));
    assert!(desk.world.every_pin()[0].deleted_at_ms.is_some());
}

#[test]
fn page_sizes_beyond_250_and_foreign_bookmarks_are_refused() {
    let mut desk = Desk::open();
    let board = seed_accounts(1)[0].boards[0].id.clone();
    for (query, fine) in [
        ("page_size=250", true),
        ("page_size=1&bookmark=", true),
        ("page_size=251", false),
        ("page_size=0", false),
        ("page_size=many", false),
        ("bookmark=soup", false),
    ] {
        let reply = desk.call(Operation::BoardsListPins, &board, query, Value::Null);
        assert_eq!(reply.is_ok(), fine, "{query}");
        assert!(fine || reply.is_err_and(|error| (error.status, error.code) == (400, 1)), "{query}");
    }
}

#[test]
fn the_account_counts_its_pins_and_boards() {
    let mut desk = Desk::open();
    desk.create(json!({})).expect("created");
    let account = desk.call(Operation::UserAccountGet, "", "", Value::Null).expect("found").json();
    assert_eq!(account["username"], "sim_account_1");
    assert_eq!((&account["pin_count"], &account["board_count"]), (&json!(1), &json!(2)));
}

mod analytics;
mod boards;
mod media;
mod terms;
