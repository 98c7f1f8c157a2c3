//! A waiting pin says why it waits now: by its account's present state, and not by what held it when it was written.

use pinbridge_shared::domain::account::credentials::{Death, TokenLife};
use pinbridge_shared::domain::account::{Account, PUBLISHING_SCOPES};
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::flows::accounts::connect::connect_account;
use pinbridge_shared::flows::accounts::refresh_due::refresh_due;
use pinbridge_shared::ports::System;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::{START, TestWorld};
use serde_json::{Value, json};

use crate::flows::accept_numbered;
use crate::support::api::{Api, As};

/// At the pace of the test worlds: 50 at once, 89 with a slot, the others in the backlog.
const PINS: usize = 150;
/// The largest page.
const PAGE: usize = 100;

async fn ask(api: &Api, method: &str, path: &str, body: Value) -> (u16, Value) {
    api.call(method, path, As::Key(&api.key), body).await
}

async fn get(api: &Api, path: &str) -> Value {
    let (status, answer) = ask(api, "GET", path, Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// The pins of the list with this filter that aren't finished, and the list's count.
async fn listed(api: &Api, filter: &str) -> (Vec<Value>, String) {
    let (mut pins, mut count) = (Vec::new(), String::new());
    for offset in (0..).step_by(PAGE) {
        let path = format!("/v1/pins?limit={PAGE}&offset={offset}{filter}");
        let (status, headers, page) = api.full("GET", &path, As::Key(&api.key), Value::Null).await;
        assert_eq!(status, 200, "{page}");
        if offset == 0 {
            count = headers["x-total-count"].to_str().expect("text").to_owned();
        }
        let page = page.as_array().expect("a list").clone();
        let is_last = page.len() < PAGE;
        pins.extend(page);
        if is_last {
            break;
        }
    }
    pins.retain(|pin| pin["status"] != "published" && pin["status"] != "failed");
    (pins, count)
}

fn time(value: &Value) -> Moment {
    Moment::parse_rfc3339(value.as_str().unwrap_or_else(|| panic!("{value} is no time"))).expect("a time")
}

fn text<'a>(pin: &'a Value, field: &str) -> &'a str {
    pin[field].as_str().unwrap_or_else(|| panic!("{field} of {pin}"))
}

/// What a pin says: its code, remedy, action and time.
fn said(pin: &Value) -> (&str, &str, &str, &Value) {
    (text(pin, "error_code"), text(pin, "error_remediation"), text(pin, "next_action"), &pin["next_at"])
}

/// A pin, its job and its timeline agree.
async fn assert_agree(api: &Api, pin: &Value) {
    let id = text(pin, "id");
    let alone = get(api, &format!("/v1/pins/{id}")).await;
    assert_eq!(said(&alone), said(pin), "the pin alone and in its list");
    let (job, timeline) =
        (get(api, &format!("/v1/jobs/{id}")).await, get(api, &format!("/v1/pins/{id}/timeline")).await);
    for other in [&job, &timeline] {
        assert_eq!((&other["error_code"], &other["error_message"]), (&pin["error_code"], &pin["error_message"]));
    }
    assert_eq!(job["next_at"], pin["next_at"]);
    let next = &timeline["next"];
    assert_eq!(
        (&next["action"], &next["at"], &next["reason"]),
        (&pin["next_action"], &pin["next_at"], &pin["next_reason"])
    );
}

/// Every unfinished pin says so, and the list finds it by its code and by no other.
async fn assert_all_held(api: &Api, wanted: usize, code: &str, remedy: &str, action: &str) {
    let (pins, _) = listed(api, "").await;
    assert_eq!(pins.len(), wanted);
    for pin in &pins {
        assert_eq!(said(pin), (code, remedy, action, &Value::Null), "{pin}");
    }
    for pin in [&pins[0], &pins[wanted / 2], &pins[wanted - 1]] {
        assert_agree(api, pin).await;
    }
    let (found, count) = listed(api, &format!("&error_code={code}")).await;
    assert_eq!((found.len(), count), (wanted, wanted.to_string()), "by {code}");
    for other in ["account_pacing", "account_paused", "token_expired"] {
        assert_eq!(listed(api, &format!("&error_code={other}")).await.1, "0", "by {other}");
    }
}

fn words(pin: &Value) -> String {
    ["error_message", "error_remediation", "next_reason"].map(|field| text(pin, field)).join(" ")
}

#[tokio::test]
async fn every_pin_behind_a_refused_connection_says_what_helps_and_no_time() {
    for (failure, action) in [
        (Failure::TokenRevoked, "reconnect_account"),
        (Failure::ScopeMissing, "reconnect_account"),
        (Failure::TrialAccess, "upgrade_app_access"),
        (Failure::FeatureRestricted, "check_app_access"),
    ] {
        let api = Api::new().await;
        accept_numbered(&api.world, 0..PINS).await;
        api.world.pinterest.refuse(Some(failure));
        api.world.run_for_ms(5 * MINUTE_MS).await;
        assert_all_held(&api, PINS, failure.code(), failure.remedy(), action).await;
        let (pins, _) = listed(&api, "").await;
        let says_reconnect = words(&pins[0]).to_lowercase().contains("reconnect");
        assert_eq!(says_reconnect, action == "reconnect_account", "{}", pins[0]);
        // The account is tried again now and then; nothing else has changed.
        api.world.run_for_ms(12 * MINUTE_MS).await;
        assert_all_held(&api, PINS, failure.code(), failure.remedy(), action).await;
        // It works again: all of them say when they start, and start.
        api.world.pinterest.refuse(None);
        api.world.run_for_ms(15 * MINUTE_MS).await;
        for pin in listed(&api, "").await.0 {
            assert_eq!(
                (&pin["error_code"], &pin["next_action"]),
                (&json!("account_pacing"), &json!("publish")),
                "{pin}"
            );
            assert!(time(&pin["next_at"]) >= api.world.now(), "{pin}");
        }
    }
}

#[tokio::test]
async fn an_account_that_we_disconnected_is_not_said_to_be_refused_by_pinterest() {
    for after_ms in [0, 20 * SECOND_MS, 20 * MINUTE_MS] {
        let api = Api::new().await;
        accept_numbered(&api.world, 0..PINS).await;
        let path = format!("/v1/pinterest/accounts/{}", testdata::account().0);
        assert_eq!(ask(&api, "DELETE", &path, Value::Null).await.0, 204);
        api.world.run_for_ms(after_ms).await;
        let failure = Failure::AccountDisconnected;
        assert_all_held(&api, PINS, failure.code(), failure.remedy(), "reconnect_account").await;
        for pin in listed(&api, "").await.0 {
            assert!(!words(&pin).contains("Pinterest"), "{pin}");
        }
    }
}

#[tokio::test]
async fn an_account_whose_grant_is_revoked_asks_for_a_person_from_the_first_refusal_on() {
    const USER: &str = "549755885175";
    for minutes in [1, 4, 8, 20, 60] {
        let api = Api::new().await;
        let tokens = api.world.oauth.grant(USER, &PUBLISHING_SCOPES.join(","));
        let connected = connect_account(&api.world.context, testdata::workspace(), &tokens).await.expect("connected");
        for index in 0..PINS {
            let numbered = testdata::request(&format!("key-{index}"));
            let title = format!("Crane number {index}");
            api.world.accept_request(PinRequest { account: connected.key.account, title, ..numbered }).await;
        }
        api.world.oauth.revoke(USER);
        for minute in 0..minutes {
            // As the refresher's schedule does.
            if minute % 5 == 4 {
                let ends_at_ms = api.world.system.monotonic_ms() + 50 * SECOND_MS;
                refresh_due(&api.world.context, ends_at_ms).await.expect("refreshed");
            }
            api.world.run_for_ms(MINUTE_MS).await;
        }
        let failure = Failure::TokenRevoked;
        assert_all_held(&api, PINS, failure.code(), failure.remedy(), "reconnect_account").await;
        let accounts = get(&api, "/v1/pinterest/accounts").await;
        let account =
            accounts.as_array().into_iter().flatten().find(|account| account["id"] == json!(connected.key.account));
        assert_eq!(account.map(|account| &account["reconnect_required"]), Some(&json!(true)), "{accounts}");
    }
}

/// The account's row says that the connection is over. No refusal was recorded in its bucket yet.
async fn give_up(world: &TestWorld, answer_lost: bool) {
    let account = world.context.store.account(testdata::connected_account().key).await.expect("read").expect("there");
    let life = TokenLife { dead: Some(Death { at: world.now(), answer_lost }), ..account.life.clone() };
    let next = Account { life, ..account.next(world.now(), "given-up".into()) };
    assert!(world.context.store.save_account(&next).await.expect("stored").is_done());
}

#[tokio::test]
async fn a_connection_that_is_given_up_holds_the_pins_from_that_moment_on() {
    for (answer_lost, after_ms) in [(false, 0), (true, 0), (false, 10 * MINUTE_MS)] {
        let api = Api::new().await;
        accept_numbered(&api.world, 0..PINS).await;
        give_up(&api.world, answer_lost).await;
        api.world.run_for_ms(after_ms).await;
        let failure = Failure::TokenRevoked;
        assert_all_held(&api, PINS, failure.code(), failure.remedy(), "reconnect_account").await;
        let (pins, _) = listed(&api, "").await;
        assert_eq!(words(&pins[0]).contains("was not revoked"), answer_lost, "{}", pins[0]);
    }
}

#[tokio::test]
async fn every_pin_beside_a_pause_says_pinterests_reason_and_a_time_after_it() {
    const BLOCKED: (Failure, Option<i64>) = (Failure::SpamBlock, None);
    const LIMITED: (Failure, Option<i64>) = (Failure::RateLimited, Some(10 * MINUTE_MS));
    for (answer, code, remedy, pause_ms) in [
        (Answer::Refused(BLOCKED.0, BLOCKED.1), BLOCKED.0.code(), BLOCKED.0.remedy(), 4 * HOUR_MS),
        (Answer::Refused(LIMITED.0, LIMITED.1), LIMITED.0.code(), LIMITED.0.remedy(), 10 * MINUTE_MS),
        (Answer::CreatedAsLast(10 * MINUTE_MS), "account_paused", "Nothing to do", 10 * MINUTE_MS),
    ] {
        let api = Api::new().await;
        accept_numbered(&api.world, 0..PINS).await;
        api.world.pinterest.answer_next([answer.clone()]);
        for after_ms in [SECOND_MS, 3 * MINUTE_MS] {
            api.world.run_for_ms(after_ms).await;
            let (pins, _) = listed(&api, "").await;
            assert!(pins.len() >= PINS - 50, "{} wait", pins.len());
            for pin in &pins {
                let (is, helps, action, at) = said(pin);
                assert_eq!((is, action), (code, "publish"), "{answer:?}: {pin}");
                assert!(helps.starts_with(remedy) && time(at) >= START.plus_ms(pause_ms), "{pin}");
            }
            for pin in [&pins[0], &pins[pins.len() / 2], &pins[pins.len() - 1]] {
                assert_agree(&api, pin).await;
            }
            let (found, count) = listed(&api, &format!("&error_code={code}")).await;
            assert_eq!((found.len(), count), (pins.len(), pins.len().to_string()));
            assert_eq!(listed(&api, "&error_code=account_pacing").await.1, "0");
        }
    }
}

/// The list of accounts and the check of a board say what the waiting pins say.
#[tokio::test]
async fn an_account_says_that_pinterest_pauses_it_until_when_and_why() {
    let limited = Answer::Refused(Failure::RateLimited, Some(10 * MINUTE_MS));
    for (answer, status, code, pause_ms) in [
        (Answer::Refused(Failure::SpamBlock, None), "paused", json!("pinterest_spam_block"), 4 * HOUR_MS),
        (limited, "healthy", json!("pinterest_rate_limited"), 10 * MINUTE_MS),
        (Answer::CreatedAsLast(10 * MINUTE_MS), "healthy", Value::Null, 10 * MINUTE_MS),
    ] {
        let api = Api::new().await;
        accept_numbered(&api.world, 0..2).await;
        api.world.pinterest.answer_next([answer]);
        api.world.run_for_ms(SECOND_MS).await;
        let account = get(&api, "/v1/pinterest/accounts").await[0].clone();
        assert_eq!((&account["health_status"], &account["pause_code"]), (&json!(status), &code), "{account}");
        assert_eq!(account["reconnect_required"], json!(false));
        let until = time(&account["paused_until"]);
        assert!(until >= START.plus_ms(pause_ms), "{account}");
        assert!(text(&account, "health_message").contains(&until.rfc3339()), "{account}");
        let helps = text(&account, "health_message").contains(Failure::SpamBlock.remedy());
        assert_eq!(helps, status == "paused", "{account}");
        let path = format!("/v1/pinterest/boards/1/access?account_id={}", testdata::account().0);
        let health = get(&api, &path).await["account_health"].clone();
        assert_eq!(
            (&health["status"], &health["message"]),
            (&account["health_status"], &account["health_message"]),
            "{health}"
        );
        api.world.system.advance_to(until);
        let after = get(&api, "/v1/pinterest/accounts").await[0].clone();
        assert_eq!((&after["health_status"], after.get("paused_until")), (&json!("healthy"), None), "{after}");
    }
}

#[tokio::test]
async fn a_reason_ends_with_its_cause() {
    for minutes in [2, 10, 30] {
        let api = Api::new().await;
        accept_numbered(&api.world, 0..PINS).await;
        let pause_ms = minutes * MINUTE_MS;
        api.world.pinterest.answer_next([Answer::Refused(Failure::RateLimited, Some(pause_ms))]);
        api.world.run_for_ms(SECOND_MS).await;
        let (pins, _) = listed(&api, "").await;
        assert!(pins.iter().all(|pin| pin["error_code"] == "pinterest_rate_limited"));
        // The pause is over, and no tick has come to change a row.
        api.world.system.advance_to(START.plus_ms(pause_ms + 2 * SECOND_MS));
        for pin in listed(&api, "").await.0 {
            let (code, _, action, at) = said(&pin);
            assert_eq!((code, action), ("account_pacing", "publish"), "{minutes} minutes: {pin}");
            assert!(time(at) >= api.world.now() && time(at) <= api.world.now().plus_ms(HOUR_MS), "{pin}");
        }
        assert_eq!(listed(&api, "&error_code=pinterest_rate_limited").await.1, "0");
    }
}

#[tokio::test]
async fn what_the_days_budget_keeps_says_so_and_names_the_next_day() {
    for budget in [10, 40, 60] {
        let mut world = TestWorld::new(1).await;
        world.context.settings.daily_budget = budget.into();
        let api = Api::over(world).await;
        accept_numbered(&api.world, 0..PINS).await;
        api.world.run_for_ms(3 * MINUTE_MS).await;
        let (pins, _) = listed(&api, "").await;
        assert_eq!(pins.len(), PINS - (budget as usize - budget as usize / 10));
        for pin in &pins {
            let (code, _, action, at) = said(pin);
            assert_eq!((code, action), ("daily_budget", "publish"), "{pin}");
            assert!(time(at) >= START.plus_ms(DAY_MS), "{pin}");
        }
    }
}

#[tokio::test]
async fn a_new_pin_of_a_held_account_is_answered_as_it_is_read() {
    for failure in [Failure::TokenRevoked, Failure::TrialAccess, Failure::FeatureRestricted] {
        let api = Api::new().await;
        api.world.boards.insert("700000000000000042");
        let first = api.world.accept("first").await;
        api.world.pinterest.refuse(Some(failure));
        api.world.run_for_ms(2 * MINUTE_MS).await;
        let body = |key: &str| {
            json!({"account_id": testdata::account(), "board_id": "700000000000000042", "title": key,
                   "image_url": "https://images.example.com/a.jpg", "idempotency_key": key})
        };
        let (status, made) = ask(&api, "POST", "/v1/pins", body("new")).await;
        assert_eq!(status, 201, "{made}");
        let (_, replay) = ask(&api, "POST", "/v1/pins", body("new")).await;
        let (_, batch) = ask(&api, "POST", "/v1/pins/batch", json!({"pins": [body("new"), body("newer")]})).await;
        let changed = ask(&api, "PATCH", &format!("/v1/pins/{}", first.pin), json!({"title": "Better"})).await.1;
        let read = get(&api, &format!("/v1/pins/{}", text(&made, "id"))).await;
        let of_batch = |index: usize| batch["results"][index]["pin"].clone();
        for pin in [&made, &replay, &of_batch(0), &of_batch(1), &changed] {
            assert_eq!(said(pin), said(&read), "{pin}");
            assert_eq!((text(pin, "error_code"), &pin["next_at"]), (failure.code(), &Value::Null));
        }
        let exported = exported(&api).await;
        assert_eq!(exported.len(), 3);
        for pin in &exported {
            assert_eq!((&pin["error_code"], &pin["next_at"]), (&json!(failure.code()), &Value::Null), "{pin}");
        }
    }
}

/// The exported pins.
async fn exported(api: &Api) -> Vec<Value> {
    api.world.run_for_ms(MINUTE_MS).await;
    let request = http::Request::get("/v1/export?limit=100&cursor=pins").header("x-api-key", &api.key);
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let (status, _, text) = crate::support::api::answer(&api.world.context, request).await;
    assert_eq!(status, 200);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.into_iter().filter(|line| line["kind"] == "pin").collect()
}

#[tokio::test]
async fn a_released_schedule_says_what_its_pin_says() {
    for failure in [Failure::TokenRevoked, Failure::TrialAccess, Failure::FeatureRestricted] {
        let api = Api::new().await;
        api.world.boards.insert("700000000000000042");
        let body = |title: &str, at: Moment| {
            json!({"account_id": testdata::account(), "board_id": "700000000000000042", "title": title,
                   "run_at": at.rfc3339(), "image_url": "https://images.example.com/a.jpg"})
        };
        let mut ids = Vec::new();
        for index in 0..5 {
            let at = START.plus_ms(10 * MINUTE_MS + index * SECOND_MS);
            let (status, made) = ask(&api, "POST", "/v1/schedules", body(&format!("Crane {index}"), at)).await;
            assert_eq!(status, 201, "{made}");
            ids.push(text(&made, "id").to_owned());
        }
        api.world.run_for_ms(9 * MINUTE_MS).await;
        api.world.pinterest.refuse(Some(failure));
        api.world.run_for_ms(4 * MINUTE_MS).await;
        for id in &ids {
            let schedule = get(&api, &format!("/v1/schedules/{id}")).await;
            assert_eq!(
                (&schedule["error_code"], &schedule["error_remediation"]),
                (&json!(failure.code()), &json!(failure.remedy())),
                "{schedule}"
            );
        }
        let all = get(&api, "/v1/schedules?status=deferred").await;
        assert!(all.as_array().expect("a list").iter().all(|one| one["error_code"] == failure.code()), "{all}");
    }
}

#[tokio::test]
async fn a_lost_answer_on_an_empty_board_says_how_long_emptiness_proves_nothing() {
    for after_ms in [5 * MINUTE_MS, 40 * MINUTE_MS, 3 * HOUR_MS] {
        let api = Api::new().await;
        api.world.pinterest.answer_next([Answer::LOST_WITHOUT_COMMIT]);
        let key = api.world.accept("key").await;
        api.world.run_publisher_once().await;
        let started = api.world.attempt(key).await.started_at.expect("started");
        api.world.run_for_ms(after_ms).await;
        let pin = get(&api, &format!("/v1/pins/{}", key.pin)).await;
        let (code, _, action, at) = said(&pin);
        assert_eq!((code, action), ("outcome_unknown", "look_up"));
        assert!(time(at) > api.world.now(), "{pin}");
        let until = started.plus_ms(6 * HOUR_MS).rfc3339();
        assert!(text(&pin, "next_reason").contains(&until), "{pin}");
        assert_agree(&api, &pin).await;
    }
}

/// What the refusal says about the deleted pin: how it ended, and its Pin.
async fn deleted(api: &Api, pin: PinKey, reason: &str, outcome: &str) -> Value {
    let id = pin.pin;
    for (method, path) in [
        ("GET", format!("/v1/pins/{id}")),
        ("GET", format!("/v1/pins/{id}/timeline")),
        ("GET", format!("/v1/jobs/{id}")),
        ("PATCH", format!("/v1/pins/{id}")),
        ("DELETE", format!("/v1/pins/{id}")),
        ("POST", format!("/v1/pins/{id}/retry")),
    ] {
        let body = if method == "PATCH" { json!({"title": "x"}) } else { Value::Null };
        let answer = api.refused(method, &path, As::Key(&api.key), body, 404, "pin_deleted").await;
        let told = &answer["error"]["deleted_pin"];
        assert_eq!((&told["reason"], &told["outcome"]), (&json!(reason), &json!(outcome)), "{method} {path}: {answer}");
        assert!(text(&answer, "message").contains(text(told, "deleted_at")), "{answer}");
    }
    let answer = ask(api, "GET", &format!("/v1/pins/{id}"), Value::Null).await.1;
    answer["error"]["deleted_pin"].clone()
}

async fn delete(api: &Api, pin: PinKey) {
    assert_eq!(ask(api, "DELETE", &format!("/v1/pins/{}", pin.pin), Value::Null).await.0, 204);
}

#[tokio::test]
async fn a_deleted_pin_says_when_and_what_became_of_it() {
    let api = Api::new().await;
    let pinterest = &api.world.pinterest;
    let waits = api.world.accept("waits").await;
    delete(&api, waits).await;
    let told = deleted(&api, waits, "deleted", "never_published").await;
    assert_eq!((&told["deleted_at"], &told["pinterest_pin_id"]), (&json!(START.rfc3339()), &Value::Null));

    let published = api.world.accept("published").await;
    api.world.run_for_ms(SECOND_MS).await;
    let id = api.world.attempt(published).await.pinterest_pin_id.expect("published");
    delete(&api, published).await;
    let told = deleted(&api, published, "deleted", "published").await;
    assert_eq!((&told["pinterest_pin_id"], &told["removed_from_pinterest"]), (&json!(id), &json!(false)));

    let removed = api.world.accept("removed").await;
    api.world.run_for_ms(SECOND_MS).await;
    let id = api.world.attempt(removed).await.pinterest_pin_id.expect("published");
    let path = format!("/v1/pins/{}?delete_from_pinterest=true", removed.pin);
    assert_eq!(ask(&api, "DELETE", &path, Value::Null).await.0, 200);
    let told = deleted(&api, removed, "deleted", "published").await;
    assert_eq!((&told["pinterest_pin_id"], &told["removed_from_pinterest"]), (&json!(id), &json!(true)));

    pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let failed = api.world.accept("failed").await;
    api.world.run_for_ms(SECOND_MS).await;
    delete(&api, failed).await;
    deleted(&api, failed, "deleted", "failed").await;

    pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let during = api.world.accept("during").await;
    api.world.run_publisher_once().await;
    delete(&api, during).await;
    deleted(&api, during, "deleted", "publishing").await;
    api.world.run_for_ms(10 * MINUTE_MS).await;
    let id = api.world.attempt(during).await.pinterest_pin_id.expect("the call under way was made");
    assert_eq!(deleted(&api, during, "deleted", "published").await["pinterest_pin_id"], json!(id));
}

#[tokio::test]
async fn a_canceled_schedules_pin_says_that_it_was_canceled() {
    for priority in ["urgent", "normal", "bulk"] {
        let api = Api::new().await;
        api.world.boards.insert("700000000000000042");
        let body = json!({"account_id": testdata::account(), "board_id": "700000000000000042", "title": "Crane",
                          "run_at": START.plus_ms(5 * MINUTE_MS).rfc3339(), "priority": priority,
                          "image_url": "https://images.example.com/a.jpg"});
        let (_, made) = ask(&api, "POST", "/v1/schedules", body).await;
        let path = format!("/v1/schedules/{}", text(&made, "id"));
        api.world.run_for_ms(4 * MINUTE_MS).await;
        let released = get(&api, &path).await;
        let pin = uuid::Uuid::parse_str(text(&released, "pin_id")).expect("released");
        assert_eq!(ask(&api, "POST", &format!("{path}/cancel"), Value::Null).await.0, 200);
        let key = PinKey { workspace: testdata::workspace(), pin: pinbridge_shared::domain::ids::PinId(pin) };
        deleted(&api, key, "schedule_canceled", "never_published").await;
    }
}

#[tokio::test]
async fn only_who_could_read_a_pin_learns_that_it_was_deleted() {
    let api = Api::new().await;
    let pin = api.world.accept("secret").await;
    delete(&api, pin).await;
    let path = format!("/v1/pins/{}", pin.pin);
    let other = uuid::Uuid::from_u128(0xdead);
    let (limited, _) = api.new_key(json!({"name": "other", "pinterest_account_ids": []})).await;
    let (same, _) = api.new_key(json!({"name": "same", "pinterest_account_ids": [testdata::account()]})).await;
    let unknown = format!("/v1/pins/{other}");
    let mut plain = api.refused("GET", &unknown, As::Key(&limited), Value::Null, 404, "not_found").await;
    let mut hidden = api.refused("GET", &path, As::Key(&limited), Value::Null, 404, "not_found").await;
    for answer in [&mut plain, &mut hidden] {
        answer["error"]["request_id"] = Value::Null;
    }
    assert_eq!(hidden, plain, "as a pin that never was");
    api.refused("GET", &path, As::Key(&same), Value::Null, 404, "pin_deleted").await;
    api.refused("GET", &path, As::Nobody, Value::Null, 401, "missing_api_key").await;
}

#[tokio::test]
async fn a_page_reads_each_account_once_however_many_of_its_pins_wait() {
    let api = Api::new().await;
    accept_numbered(&api.world, 0..PINS).await;
    for filter in ["", "&status=deferred", "&error_code=account_pacing"] {
        api.world.faults.take_calls();
        let (status, page) = ask(&api, "GET", &format!("/v1/pins?limit={PAGE}{filter}"), Value::Null).await;
        assert_eq!((status, page.as_array().map(Vec::len)), (200, Some(PAGE)));
        let calls = api.world.faults.take_calls();
        for call in ["store.account", "store.bucket", "store.backlog"] {
            assert_eq!(calls.iter().filter(|made| **made == call).count(), 1, "{filter}: {call}");
        }
    }
}
