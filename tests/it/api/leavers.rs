//! What people and keys leave behind when they go.

use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS};
use pinbridge_shared::flows::tenants::leavers::{self, Leaver, Left};
use pinbridge_shared::flows::tenants::{api_keys, people};
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};

use crate::support::api::{Api, As, answer};

const BOARD: &str = "700000000000000042";
const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

async fn api() -> Api {
    let api = Api::new().await;
    api.world.boards.insert(BOARD);
    api
}

async fn plant(api: &Api, who: As<'_>, name: &str) -> String {
    let body = json!({
        "account_id": testdata::account(), "run_at": START.plus_ms(HOUR_MS).rfc3339(), "board_id": BOARD,
        "title": name, "image_url": "https://example.com/a.jpg", "idempotency_key": name,
    });
    let (status, answer) = api.call("POST", "/v1/schedules", who, body).await;
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().expect("an id").to_owned()
}

async fn key_by(api: &Api, who: As<'_>, name: &str) -> (String, String) {
    let (status, made) = api.call("POST", "/v1/api-keys", who, json!({"name": name})).await;
    assert_eq!(status, 201, "{made}");
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    (text("api_key"), text("id"))
}

async fn status(api: &Api, schedule: &str) -> String {
    let (_, answer) = api.call("GET", &format!("/v1/schedules/{schedule}"), As::Key(&api.key), Value::Null).await;
    answer["status"].as_str().expect("a status").to_owned()
}

fn keys(left: &Left) -> Vec<String> {
    let mut names: Vec<String> = left.keys.iter().map(|key| key.name.clone()).collect();
    names.sort();
    names
}

fn schedules(left: &Left) -> Vec<String> {
    let mut ids: Vec<String> = left.schedules.iter().map(|view| view.schedule.key.schedule.to_string()).collect();
    ids.sort();
    ids
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test]
async fn a_person_leaves_with_their_keys_their_keys_keys_and_what_all_of_them_planted() {
    let api = api().await;
    let ada = api.person(ADA, Role::Owner).await;
    api.person(BOB, Role::Owner).await;
    let (adas, bobs) = (api.log_in(ADA).await, api.log_in(BOB).await);
    let (first, _) = key_by(&api, As::Bearer(&adas), "of Ada").await;
    let (second, _) = key_by(&api, As::Key(&first), "of Ada's key").await;
    let (spent, spent_id) = key_by(&api, As::Bearer(&adas), "revoked before").await;
    let (other, _) = key_by(&api, As::Bearer(&bobs), "of Bob").await;
    let mut planted = Vec::new();
    for (who, name) in
        [(As::Bearer(&adas), "a"), (As::Key(&first), "b"), (As::Key(&second), "c"), (As::Key(&spent), "d")]
    {
        planted.push(plant(&api, who, name).await);
    }
    let planted = sorted(planted);
    let kept = [
        plant(&api, As::Bearer(&bobs), "e").await,
        plant(&api, As::Key(&other), "f").await,
        plant(&api, As::Key(&api.key), "g").await,
    ];
    api.call("DELETE", &format!("/v1/api-keys/{spent_id}"), As::Key(&api.key), Value::Null).await;

    let world = &api.world.context;
    let leaver = Leaver::person(world, &ada).await.expect("read");
    let left = leavers::list(world, &leaver).await.expect("listed");
    assert_eq!(keys(&left), ["of Ada", "of Ada's key"]);
    assert_eq!(schedules(&left), planted);
    for id in &planted {
        assert_eq!(status(&api, id).await, "scheduled", "listing changes nothing");
    }
    let ended = leavers::revoke(world, &leaver).await.expect("revoked");
    assert_eq!((keys(&ended), schedules(&ended)), (keys(&left), planted.clone()));
    for id in &planted {
        assert_eq!(status(&api, id).await, "canceled");
    }
    for id in &kept {
        assert_eq!(status(&api, id).await, "scheduled");
    }
    for key in [&first, &second, &spent] {
        api.refused("GET", "/v1/pins", As::Key(key), Value::Null, 401, "invalid_api_key").await;
    }
    for who in [As::Key(&other), As::Key(&api.key), As::Bearer(&bobs)] {
        assert_eq!(api.call("GET", "/v1/pins", who, Value::Null).await.0, 200);
    }
    let nothing = leavers::revoke(world, &leaver).await.expect("repeated");
    assert!(nothing.keys.is_empty() && nothing.schedules.is_empty());
}

/// Each interleaving of a leaver's requests with the operator's command, as far as one wait at one port call makes
/// them.
#[tokio::test]
async fn whoever_goes_on_making_keys_while_leaving_leaves_none() {
    for nth in 1..=40 {
        let api = api().await;
        let user = api.person(ADA, Role::Owner).await;
        let session = api.log_in(ADA).await;
        let context = &api.world.context;
        let leave = async {
            let leaver = Leaver::person(context, &user).await.expect("read");
            people::lock(context, user.id).await.expect("locked");
            leavers::revoke(context, &leaver).await.expect("revoked");
            people::remove(context, user.id).await.expect("removed");
        };
        let make = async {
            let mut who = As::Bearer(&session);
            let mut made = String::new();
            for number in 0..6 {
                let body = json!({"name": format!("key {number}")});
                let (status, answer) = api.call("POST", "/v1/api-keys", who, body).await;
                assert!([201, 401].contains(&status), "{answer}");
                if status == 201 {
                    made = answer["api_key"].as_str().expect("a key").to_owned();
                }
                who = if made.is_empty() { As::Bearer(&session) } else { As::Key(&made) };
            }
        };
        for skip in 0..6 {
            api.world.faults.plan_any(nth + 7 * skip, Fault::Yield);
        }
        tokio::join!(make, leave);
        api.world.faults.heal();
        let keys = api_keys::list(context, testdata::workspace()).await.expect("listed");
        let alive: Vec<&str> =
            keys.iter().filter(|key| key.revoked_at.is_none()).map(|key| key.name.as_str()).collect();
        assert!(alive.iter().all(|name| !name.starts_with("key ")), "wait at call {nth}: {alive:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_given_up_takes_what_it_made_along() {
    let api = api().await;
    let (leaked, id) = key_by(&api, As::Key(&api.key), "leaked").await;
    let (child, _) = key_by(&api, As::Key(&leaked), "made by it").await;
    let planted = sorted(vec![plant(&api, As::Key(&leaked), "a").await, plant(&api, As::Key(&child), "b").await]);
    let kept = plant(&api, As::Key(&api.key), "c").await;
    let world = &api.world.context;
    let id = id.parse().expect("an id");
    let leaver = Leaver::key(&api.world.context, testdata::workspace(), id).await.expect("read");
    assert_eq!(api.call("DELETE", &format!("/v1/api-keys/{id}"), As::Key(&api.key), Value::Null).await.0, 204);
    let left = leavers::list(world, &leaver).await.expect("listed");
    assert_eq!((keys(&left), schedules(&left)), (vec!["made by it".to_owned()], planted.clone()));
    leavers::revoke(world, &leaver).await.expect("revoked");
    api.refused("GET", "/v1/pins", As::Key(&child), Value::Null, 401, "invalid_api_key").await;
    for id in &planted {
        assert_eq!(status(&api, id).await, "canceled");
    }
    assert_eq!(status(&api, &kept).await, "scheduled");
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&api.key), Value::Null).await.0, 200);
}

/// The row of a key goes 90 days after it was revoked; what it made stays.
#[tokio::test]
async fn a_chain_of_keys_holds_when_the_row_of_one_in_the_middle_is_gone() {
    let api = api().await;
    let ada = api.person(ADA, Role::Owner).await;
    let token = api.log_in(ADA).await;
    let (first, first_id) = key_by(&api, As::Bearer(&token), "first").await;
    let (second, second_id) = key_by(&api, As::Key(&first), "second").await;
    let (third, third_id) = key_by(&api, As::Key(&second), "third").await;
    let (fourth, _) = key_by(&api, As::Key(&third), "fourth").await;
    let planted = sorted(vec![
        plant(&api, As::Key(&second), "a").await,
        plant(&api, As::Key(&third), "b").await,
        plant(&api, As::Key(&fourth), "c").await,
    ]);
    let kept = plant(&api, As::Key(&api.key), "d").await;
    let world = &api.world.context;
    for id in [&second_id, &third_id] {
        let id = id.parse().expect("an id");
        api_keys::revoke(world, testdata::workspace(), id).await.expect("revoked");
        world.tenants.remove_api_key(testdata::workspace(), id).await.expect("expired");
    }
    let of_ada = Leaver::person(world, &ada).await.expect("read");
    let left = leavers::list(world, &of_ada).await.expect("listed");
    assert_eq!((keys(&left), schedules(&left)), (vec!["first".to_owned(), "fourth".to_owned()], planted.clone()));
    for maker in [&first_id, &second_id, &third_id] {
        let id = maker.parse().expect("an id");
        let leaver = Leaver::key(&api.world.context, testdata::workspace(), id).await.expect("read");
        assert_eq!(keys(&leavers::list(world, &leaver).await.expect("listed")), ["fourth"], "made by way of {maker}");
    }
    leavers::revoke(world, &of_ada).await.expect("revoked");
    api.refused("GET", "/v1/pins", As::Key(&fourth), Value::Null, 401, "invalid_api_key").await;
    for id in &planted {
        assert_eq!(status(&api, id).await, "canceled");
    }
    assert_eq!(status(&api, &kept).await, "scheduled");
}

#[tokio::test]
async fn the_answers_for_a_schedule_name_who_planted_it() {
    let api = api().await;
    let ada = api.person(ADA, Role::Owner).await;
    let token = api.log_in(ADA).await;
    let (key, key_id) = key_by(&api, As::Bearer(&token), "of Ada").await;
    let by_ada = plant(&api, As::Bearer(&token), "a").await;
    let by_key = plant(&api, As::Key(&key), "b").await;
    let who = As::Key(&api.key);
    let change = json!({"title": "Changed by somebody else"});
    assert_eq!(api.call("PATCH", &format!("/v1/schedules/{by_key}"), who, change).await.0, 200);
    let (_, listed) = api.call("GET", "/v1/schedules", who, Value::Null).await;
    for (id, kind, actor) in [(by_ada, "user", ada.id.to_string()), (by_key, "api_key", key_id)] {
        let (_, read) = api.call("GET", &format!("/v1/schedules/{id}"), who, Value::Null).await;
        let found = listed.as_array().expect("a list").iter().find(|one| one["id"] == id.as_str()).expect("listed");
        for answer in [&read, found] {
            assert_eq!(json!([answer["origin"]["actor_type"], answer["origin"]["actor_id"]]), json!([kind, actor]));
        }
        let (_, canceled) = api.call("POST", &format!("/v1/schedules/{id}/cancel"), who, Value::Null).await;
        assert_eq!(canceled["origin"], read["origin"]);
    }
}

#[tokio::test]
async fn the_export_names_who_planted_a_schedule() {
    let api = api().await;
    let ada = api.person(ADA, Role::Owner).await;
    let token = api.log_in(ADA).await;
    let (key, key_id) = key_by(&api, As::Bearer(&token), "of Ada").await;
    let planted = [
        (plant(&api, As::Bearer(&token), "a").await, json!(["user", ada.id])),
        (plant(&api, As::Key(&key), "b").await, json!(["api_key", key_id])),
    ];
    let request = http::Request::get("/v1/export?cursor=schedules").header("x-api-key", &api.key);
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let (status, _, text) = answer(&api.world.context, request).await;
    assert_eq!(status, 200, "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (id, actor) in planted {
        let line = lines.iter().find(|line| line["id"] == id.as_str()).expect("exported");
        assert_eq!(json!([line["origin"]["actor_type"], line["origin"]["actor_id"]]), actor);
    }
}

#[tokio::test]
async fn schedules_that_were_handed_over_are_canceled_and_finished_ones_are_left() {
    let api = api().await;
    let ada = api.person(ADA, Role::Owner).await;
    let token = api.log_in(ADA).await;
    let (canceled, handed_over) =
        (plant(&api, As::Bearer(&token), "a").await, plant(&api, As::Bearer(&token), "b").await);
    let path = format!("/v1/schedules/{canceled}/cancel");
    assert_eq!(api.call("POST", &path, As::Bearer(&token), Value::Null).await.0, 200);
    api.world.run_until(START.plus_ms(HOUR_MS - MINUTE_MS)).await;
    let read = api.call("GET", &format!("/v1/schedules/{handed_over}"), As::Bearer(&token), Value::Null).await.1;
    assert!(read["pin_id"].is_string(), "its pin waits for the second: {read}");
    let leaver = Leaver::person(&api.world.context, &ada).await.expect("read");
    let ended = leavers::revoke(&api.world.context, &leaver).await.expect("revoked");
    assert_eq!(schedules(&ended), std::slice::from_ref(&handed_over));
    api.world.run_for_ms(HOUR_MS).await;
    assert_eq!(status(&api, &handed_over).await, "canceled");
}

#[tokio::test]
async fn whoever_has_an_address_next_is_not_blamed_for_the_one_before() {
    let api = api().await;
    let first = api.person(ADA, Role::Owner).await;
    let token = api.log_in(ADA).await;
    let (key, _) = key_by(&api, As::Bearer(&token), "of the first").await;
    plant(&api, As::Bearer(&token), "of the first").await;
    people::remove(&api.world.context, first.id).await.expect("removed");
    api.world.system.advance_ms(1);
    let second = api.person(ADA, Role::Owner).await;
    let leaver = Leaver::person(&api.world.context, &second).await.expect("read");
    let ended = leavers::revoke(&api.world.context, &leaver).await.expect("revoked");
    assert!(ended.keys.is_empty() && ended.schedules.is_empty(), "{ended:?}");
    assert_eq!(api.call("GET", "/v1/pins", As::Key(&key), Value::Null).await.0, 200);
}
