//! `POST /v1/pins/{id}/resolve`: what a person decides about an outcome that the board could not.

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, PinKey};
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, MINUTE_MS};
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As};

/// A pin whose answer was lost, and the ids of two Pins on its board that show the same. Before it, `twins` other pins
/// of the same content were published.
async fn ambiguous(twins: usize) -> (Api, PinKey, [String; 2]) {
    let api = Api::new().await;
    let world = &api.world;
    world.pinterest.add_stranger(&testdata::request("any").board_id, "Somebody's soup");
    world.pinterest.answer_next(std::iter::repeat_n(Answer::Created, twins).chain([Answer::LOST_WITHOUT_COMMIT]));
    for twin in 0..twins {
        world.accept(&format!("twin-{twin}")).await;
    }
    let key = world.accept("key").await;
    world.run_publisher_once().await;
    assert_eq!(world.pinterest.calls().len(), twins + 1, "all are sent");
    for _ in 0..2 {
        world.pinterest.add_lookalike(&testdata::request("key"));
    }
    world.run_until_finished(&[key], START.plus_ms(10 * MINUTE_MS)).await;
    assert_eq!(world.attempt(key).await.failure, Some(Failure::OutcomeAmbiguous));
    let ids: Vec<String> = world.pinterest.pins().into_iter().skip(twins).map(|pin| pin.id).collect();
    (api, key, ids.try_into().expect("two lookalikes"))
}

/// When the first Pin was created.
fn created(api: &Api) -> Value {
    json!(api.world.pinterest.pins()[0].created_at.expect("a time").rfc3339())
}

async fn get(api: &Api, path: &str) -> Value {
    let (status, answer) = api.call("GET", path, As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn resolve(api: &Api, key: PinKey, body: Value) -> (u16, bool, Value) {
    let path = format!("/v1/pins/{}/resolve", key.pin);
    let (status, headers, answer) = api.full("POST", &path, As::Key(&api.key), body).await;
    (status, headers.contains_key("idempotent-replayed"), answer)
}

async fn refused(api: &Api, key: PinKey, body: Value, status: u16, code: &str) {
    let path = format!("/v1/pins/{}/resolve", key.pin);
    api.refused("POST", &path, As::Key(&api.key), body, status, code).await;
}

async fn retry(api: &Api, key: PinKey) -> (u16, Value) {
    api.call("POST", &format!("/v1/pins/{}/retry", key.pin), As::Key(&api.key), Value::Null).await
}

#[tokio::test]
async fn an_ambiguous_outcome_names_its_candidates_and_takes_a_persons_decision() {
    let (api, key, [first, second]) = ambiguous(0).await;
    let path = format!("/v1/pins/{}", key.pin);
    let (pin, timeline) = (get(&api, &path).await, get(&api, &format!("{path}/timeline")).await);
    let named = |candidates: &Value| -> Vec<String> {
        let candidates = candidates.as_array().expect("candidates").iter();
        candidates.map(|candidate| candidate["pinterest_pin_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(named(&pin["candidates"]), [first.as_str(), second.as_str()], "{pin}");
    let url = format!("https://www.pinterest.com/pin/{first}/");
    assert_eq!(pin["candidates"][0]["pinterest_url"], url.as_str());
    let created = created(&api);
    assert_eq!(pin["candidates"][0]["created_at"], created);
    assert_eq!(timeline["candidates"], pin["candidates"]);
    let last = timeline["events"].as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!((&last["type"], &last["candidates"]), (&json!("failed"), &pin["candidates"]));
    for text in [&timeline["summary"], &last["text"]] {
        let text = text.as_str().expect("a sentence");
        assert!(text.contains(&first) && text.contains(&second), "{text}");
    }
    assert!(pin["error_remediation"].as_str().is_some_and(|text| text.contains("/resolve")), "{pin}");
    let list = get(&api, "/v1/pins").await;
    assert_eq!(list[0].get("candidates"), None, "not read for lists");
    let claims = get(&api, &format!("{path}/receipt")).await["claims"].clone();
    assert_eq!((&claims["candidates"], &claims["no_second_pin_seen_until"]), (&pin["candidates"], &Value::Null));

    let (status, is_replay, resolved) = resolve(&api, key, json!({"pinterest_pin_id": second})).await;
    assert_eq!((status, is_replay), (200, false), "{resolved}");
    assert_eq!((&resolved["status"], &resolved["pinterest_pin_id"]), (&json!("published"), &json!(second)));
    assert_eq!((&resolved["error_code"], resolved.get("candidates")), (&Value::Null, None));
    let written = api.world.attempt(key).await;
    let (status, is_replay, again) = resolve(&api, key, json!({"pinterest_pin_id": second})).await;
    assert_eq!((status, is_replay, &again["updated_at"]), (200, true, &resolved["updated_at"]));
    assert_eq!(api.world.attempt(key).await, written, "a repeat writes nothing");
    refused(&api, key, json!({"pinterest_pin_id": first}), 409, "outcome_not_open").await;
    refused(&api, key, json!({"none": true}), 409, "outcome_not_open").await;

    let timeline = get(&api, &format!("{path}/timeline")).await;
    assert_eq!((&timeline["published_at_source"], timeline.get("candidates")), (&json!("person"), None));
    assert_eq!(timeline["created_on_pinterest_at"], created);
    let last = timeline["events"].as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!((&last["type"], &last["by"]["type"]), (&json!("resolved_by_person"), &json!("api_key")));
    assert!(
        timeline["summary"].as_str().is_some_and(|text| text.contains("it was decided by the API key")),
        "{timeline}"
    );
    let receipt = get(&api, &format!("{path}/receipt")).await;
    let claims = &receipt["claims"];
    assert_eq!((&claims["outcome_known_by"], claims.get("candidates")), (&json!("decided_by_person"), None));
    assert_eq!((&claims["created_on_pinterest_at"], &claims["no_second_pin_seen_until"]), (&created, &Value::Null));
    let log = get(&api, "/v1/activity-logs?action=pin.resolved").await;
    let entries = log["items"].as_array().expect("entries").iter();
    let decided: Vec<&Value> = entries.filter(|entry| entry["status"] == "success").collect();
    assert_eq!(decided.len(), 1, "a repeat is no second decision: {log}");
    assert_eq!(decided[0]["metadata"]["pinterest_pin_id"], second.as_str());
}

#[tokio::test]
async fn a_pin_that_a_person_did_not_find_is_retried_without_a_word() {
    let (api, key, [first, _]) = ambiguous(0).await;
    let (status, refusal) = retry(&api, key).await;
    assert_eq!((status, &refusal["code"]), (409, &json!("retry_may_duplicate")));
    for is_replay in [false, true] {
        let (status, replayed, pin) = resolve(&api, key, json!({"none": true})).await;
        assert_eq!((status, replayed, &pin["status"]), (200, is_replay, &json!("failed")), "{pin}");
        assert_eq!((&pin["error_code"], pin.get("candidates")), (&json!("confirmed_absent"), None));
    }
    let timeline = get(&api, &format!("/v1/pins/{}/timeline", key.pin)).await;
    let last = timeline["events"].as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!((&last["type"], &last["note"]), (&json!("none_by_person"), &json!("outcome_ambiguous")));
    assert!(timeline["summary"].as_str().is_some_and(|text| text.starts_with("Not published")), "{timeline}");

    let (status, pin) = retry(&api, key).await;
    assert_eq!((status, &pin["status"]), (200, &json!("queued")), "{pin}");
    api.world.run_until_finished(&[key], api.world.now().plus_ms(MINUTE_MS)).await;
    let attempt = api.world.attempt(key).await;
    assert_eq!((attempt.pinterest_pin_id.is_some(), attempt.attempt), (true, 2));
    assert_ne!(attempt.pinterest_pin_id, Some(first.clone()));
    refused(&api, key, json!({"pinterest_pin_id": first}), 409, "outcome_not_open").await;
}

#[tokio::test]
async fn a_wrong_decision_can_be_corrected_until_the_pin_is_retried() {
    let (api, key, [first, _]) = ambiguous(0).await;
    assert_eq!(resolve(&api, key, json!({"none": true})).await.0, 200);
    let (status, _, pin) = resolve(&api, key, json!({"pinterest_pin_id": first})).await;
    assert_eq!((status, &pin["status"], &pin["pinterest_pin_id"]), (200, &json!("published"), &json!(first)));
}

#[tokio::test]
async fn only_a_free_pin_of_the_board_is_taken_and_only_by_a_clear_request() {
    let (api, key, _) = ambiguous(1).await;
    let taken = api.world.pinterest.pins()[0].id.clone();
    for (body, status, code) in [
        (json!({}), 422, "validation_error"),
        (json!({"none": false}), 422, "validation_error"),
        (json!({"none": true, "pinterest_pin_id": taken}), 422, "validation_error"),
        (json!({"pinterest_pin_id": "the-first"}), 422, "validation_error"),
        (json!({"pinterest_pin_id": 7}), 422, "validation_error"),
        (json!({"none": true, "why": "I looked"}), 422, "validation_error"),
        (json!({"pinterest_pin_id": "123"}), 422, "pinterest_pin_not_found"),
        (json!({"pinterest_pin_id": taken}), 409, "pinterest_pin_taken"),
    ] {
        refused(&api, key, body, status, code).await;
    }
    assert_eq!(api.world.attempt(key).await.failure, Some(Failure::OutcomeAmbiguous), "nothing was written");
    let failed = {
        api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
        let failed = api.world.accept("failed").await;
        api.world.run_until_finished(&[failed], api.world.now().plus_ms(MINUTE_MS)).await;
        failed
    };
    refused(&api, failed, json!({"none": true}), 409, "outcome_not_open").await;
    refused(&api, failed, json!({"pinterest_pin_id": taken}), 409, "outcome_not_open").await;
    let unknown = PinKey { pin: testdata::pin().key.pin, ..key };
    refused(&api, unknown, json!({"none": true}), 404, "not_found").await;
}

#[tokio::test]
async fn a_pin_that_cant_be_the_pins_is_refused_with_the_reason() {
    let (api, key, [first, second]) = ambiguous(0).await;
    // As it is edited on Pinterest.
    api.world.pinterest.rewrite_lists(|shown| shown.title = Some("Somebody's stew".into()));
    refused(&api, key, json!({"pinterest_pin_id": second}), 422, "pinterest_pin_differs").await;
    api.world.pinterest.rewrite_lists(|shown| shown.created_at = Some(START.plus_ms(-HOUR_MS)));
    refused(&api, key, json!({"pinterest_pin_id": second}), 422, "pinterest_pin_too_old").await;
    api.world.pinterest.rewrite_lists(|_| ());
    api.world.context.pinterest.delete_pin(&Secret::new("token-1"), &first).await.expect("deleted");
    refused(&api, key, json!({"pinterest_pin_id": first}), 422, "pinterest_pin_not_found").await;
    let (status, pin) =
        api.call("PATCH", &format!("/v1/pins/{}", key.pin), As::Key(&api.key), json!({"title": "A stew"})).await;
    assert_eq!(status, 200, "{pin}");
    refused(&api, key, json!({"pinterest_pin_id": second}), 409, "edited_since_attempt").await;
    assert_eq!(resolve(&api, key, json!({"none": true})).await.0, 200);
    assert_eq!(retry(&api, key).await.0, 200);
}

#[tokio::test]
async fn a_pin_that_pinterest_has_confirmed_is_no_repeat() {
    let api = Api::new().await;
    let key = api.world.accept("key").await;
    api.world.run_until_finished(&[key], START.plus_ms(MINUTE_MS)).await;
    let own = api.world.attempt(key).await.pinterest_pin_id.expect("published");
    refused(&api, key, json!({"pinterest_pin_id": own}), 409, "outcome_not_open").await;
}

#[tokio::test]
async fn of_an_outcome_without_candidates_the_board_is_read() {
    let api = Api::new().await;
    api.world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let key = api.world.accept("key").await;
    api.world.run_publisher_once().await;
    api.world.pinterest.refuse(Some(Failure::PinterestUnreachable));
    api.world.run_until_finished(&[key], START.plus_ms(73 * HOUR_MS)).await;
    assert_eq!(api.world.attempt(key).await.failure, Some(Failure::OutcomeUnverifiable));
    let id = api.world.pinterest.pins()[0].id.clone();
    refused(&api, key, json!({"pinterest_pin_id": id}), 502, "pinterest_unreachable").await;
    api.world.pinterest.refuse(None);
    let (status, _, pin) = resolve(&api, key, json!({"pinterest_pin_id": id})).await;
    assert_eq!((status, &pin["status"], &pin["pinterest_pin_id"]), (200, &json!("published"), &json!(id)), "{pin}");
    let timeline = get(&api, &format!("/v1/pins/{}/timeline", key.pin)).await;
    assert_eq!(timeline["created_on_pinterest_at"], created(&api), "as the board shows it");
}

#[tokio::test]
async fn a_key_of_other_accounts_and_one_that_only_reads_decide_nothing() {
    let (api, key, [id, _]) = ambiguous(0).await;
    let path = format!("/v1/pins/{}/resolve", key.pin);
    let (reads, _) = api.new_key(json!({"name": "reads", "scopes": ["read"]})).await;
    api.refused("POST", &path, As::Key(&reads), json!({"none": true}), 403, "insufficient_scope").await;
    let other = AccountId(Uuid::from_u128(0xbb));
    let of_other = AccountKey { workspace: testdata::workspace(), account: other };
    let account = Account { key: of_other, ..testdata::connected_account() };
    assert!(api.world.context.store.save_account(&account).await.expect("saved").is_done());
    let (limited, _) = api.new_key(json!({"name": "other", "pinterest_account_ids": [other]})).await;
    for decision in [json!({"none": true}), json!({"pinterest_pin_id": id})] {
        api.refused("POST", &path, As::Key(&limited), decision, 404, "not_found").await;
    }
    assert_eq!(api.world.attempt(key).await.failure, Some(Failure::OutcomeAmbiguous));
}
