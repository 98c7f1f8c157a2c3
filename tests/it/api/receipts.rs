//! Receipts of pins through the API's own routes over fakes: what they say, and that their keys verify them.

use std::collections::BTreeMap;

use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::jws;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::receipt_key::{PublicKey, key_set};
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::api::{Api, As};

const ACCOUNT: &str = "00000000-0000-0000-0000-00000000000b";
const KEYS: &str = "/.well-known/pinbridge-receipt-keys.json";
const EXAMPLES: &str = include_str!("../../../functions/api/src/openapi/examples.json");

async fn create(api: &Api, name: &str) -> String {
    let body = json!({
        "account_id": ACCOUNT,
        "board_id": "1000000000000000001",
        "title": format!("Title of {name}: \"Ähren\""),
        "description": "Patience",
        "link_url": "https://example.com/a",
        "image_url": "https://images.example.com/a.jpg",
        "related_terms": ["paper", "crane"],
        "idempotency_key": name,
    });
    let (status, pin) = api.call("POST", "/v1/pins", As::Key(&api.key), body).await;
    assert_eq!(status, 201, "{pin}");
    pin["id"].as_str().expect("an id").to_owned()
}

async fn keys(api: &Api) -> Vec<PublicKey> {
    let (status, keys) = api.call("GET", KEYS, As::Nobody, Value::Null).await;
    assert_eq!(status, 200, "{keys}");
    key_set(&keys.to_string()).expect("keys")
}

/// The claims of a receipt, which the published keys verify.
async fn claims(api: &Api, id: &str) -> Value {
    let (status, answer) = api.call("GET", &format!("/v1/pins/{id}/receipt"), As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let keys = keys(api).await;
    let signed = jws::verify(answer["receipt"].as_str().expect("a receipt"), &keys).expect("valid");
    assert_eq!(signed, answer["claims"]);
    assert_eq!(answer["kid"], keys[0].kid);
    signed
}

/// As `infra/docs/api.md` says it, from the answer of `GET /v1/pins/{id}`.
async fn content_hash(api: &Api, id: &str) -> String {
    let (_, pin) = api.call("GET", &format!("/v1/pins/{id}"), As::Key(&api.key), Value::Null).await;
    let same = ["alt_text", "board_id", "cover_image_url", "description", "dominant_color", "image_url", "link_url"];
    let names = same.into_iter().chain(["related_terms", "title"]).map(|name| (name, name));
    let names = names.chain([("account_id", "pinterest_account_id")]);
    let fields: BTreeMap<&str, &Value> =
        names.map(|(name, in_pin)| (name, &pin[in_pin])).filter(|(_, value)| !value.is_null()).collect();
    let json = serde_json::to_string(&fields).expect("JSON");
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_published_pins_receipt_says_what_pinterest_answered() {
    let mut api = Api::new().await;
    api.world.context.settings.api_url = "https://api.example.com/".into();
    let id = create(&api, "a").await;
    let waiting = claims(&api, &id).await;
    assert_eq!((&waiting["status"], &waiting["outcome_known_by"]), (&json!("queued"), &json!("not_finished")));
    assert_eq!((&waiting["attempts"], &waiting["pinterest_pin_id"]), (&json!([]), &Value::Null));
    api.world.run_for_ms(MINUTE_MS).await;
    let claims = claims(&api, &id).await;
    assert_eq!((&claims["status"], &claims["outcome_known_by"]), (&json!("published"), &json!("pinterest_answered")));
    assert_eq!(claims["pinterest_pin_id"], api.world.pinterest.pins()[0].id.as_str());
    let attempt = &claims["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["outcome"]), (&json!(1), &json!("published")), "{claims}");
    assert_eq!((&claims["attempts_made"], &claims["events_omitted"]), (&json!(1), &json!(0)));
    assert_eq!((&claims["pin_id"], &claims["account_id"]), (&json!(id), &json!(ACCOUNT)));
    assert_eq!((&claims["iss"], &claims["receipt_version"]), (&json!("https://api.example.com"), &json!(1)));
    assert_eq!((&claims["idempotency_key"], &claims["requested_by"]["actor_type"]), (&json!("a"), &json!("api_key")));
    assert_eq!(claims["requested_by"]["actor_name"], "first key");
    let path = format!("/v1/pins/{id}/timeline");
    let (_, timeline) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    let request = &timeline["events"][0]["origin"]["request_id"];
    assert!(request.is_string() && claims["requested_by"]["request_id"] == *request, "{claims}");
    assert_eq!((&claims["created_on_pinterest_at"], claims.get("candidates")), (&Value::Null, None));
    assert_eq!(claims["requested_at"], START.rfc3339());
    assert_eq!(claims["issued_at"], api.world.now().rfc3339());
    assert!(claims["finished_at"].is_string() && claims["no_second_pin_seen_until"].is_null(), "{claims}");
}

#[tokio::test]
async fn the_content_hash_is_computed_again_from_the_pin_and_follows_its_changes() {
    let api = Api::new().await;
    let id = create(&api, "a").await;
    let before = claims(&api, &id).await;
    assert_eq!(before["content_hash"], content_hash(&api, &id).await);
    assert!(before.get("iss").is_none(), "the deployment has no address of its own");
    let change = json!({"title": "Better", "description": null, "alt_text": "A crane"});
    let (status, _) = api.call("PATCH", &format!("/v1/pins/{id}"), As::Key(&api.key), change).await;
    assert_eq!(status, 200);
    let after = claims(&api, &id).await;
    assert_eq!(after["content_hash"], content_hash(&api, &id).await);
    assert_ne!(after["content_hash"], before["content_hash"]);
    assert_eq!((&before["edits"], &after["edits"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_lost_answer_shows_in_the_receipt() {
    let api = Api::new().await;
    let board = "1000000000000000001";
    api.world.pinterest.add_stranger(board, "Somebody's soup");
    api.world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
    let id = create(&api, "a").await;
    api.world.run_for_ms(MINUTE_MS).await;
    let open = claims(&api, &id).await;
    assert_eq!((&open["status"], &open["attempts"][0]["outcome"]), (&json!("publishing"), &json!("unknown")), "{open}");
    api.world.run_for_ms(Deadlines::default().quiesce_ms + MINUTE_MS).await;
    let adopted = claims(&api, &id).await;
    assert_eq!((&adopted["status"], &adopted["outcome_known_by"]), (&json!("published"), &json!("found_on_board")));
    assert_eq!(adopted["attempts"][0]["outcome"], "found_on_board");
    assert_eq!(adopted["no_second_pin_seen_until"], adopted["finished_at"], "{adopted}");
    assert_eq!(adopted["created_on_pinterest_at"], START.rfc3339());
    assert_ne!(adopted["finished_at"], adopted["created_on_pinterest_at"], "it was found later");
}

#[tokio::test]
async fn a_refused_pins_receipt_says_so() {
    let api = Api::new().await;
    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let id = create(&api, "a").await;
    api.world.run_for_ms(MINUTE_MS).await;
    let claims = claims(&api, &id).await;
    assert_eq!((&claims["status"], &claims["error_code"]), (&json!("failed"), &json!("image_broken")));
    assert_eq!(claims["outcome_known_by"], "refused_by_pinterest");
    assert_eq!(claims["attempts"][0]["outcome"], "refused_by_pinterest", "{claims}");
}

#[tokio::test]
async fn a_receipt_is_verified_by_the_keys_of_later_rotations() {
    let api = Api::new().await;
    let id = create(&api, "a").await;
    let path = format!("/v1/pins/{id}/receipt");
    let (_, early) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    api.world.context.receipt_keys.rotate().await.expect("rotated");
    let late = claims(&api, &id).await;
    let published = keys(&api).await;
    assert_eq!((published.len(), &early["kid"]), (2, &json!(published[1].kid)));
    assert_eq!(jws::verify(early["receipt"].as_str().expect("a receipt"), &published), Ok(early["claims"].clone()));
    assert_eq!(late["pin_id"], early["claims"]["pin_id"]);
}

#[tokio::test]
async fn a_pin_that_is_not_there_has_no_receipt() {
    let api = Api::new().await;
    let id = create(&api, "a").await;
    let (status, _) = api.call("DELETE", &format!("/v1/pins/{id}"), As::Key(&api.key), Value::Null).await;
    assert_eq!(status, 204);
    let path = format!("/v1/pins/{id}/receipt");
    api.refused("GET", &path, As::Key(&api.key), Value::Null, 404, "pin_deleted").await;
    let unknown = "/v1/pins/7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6/receipt";
    api.refused("GET", unknown, As::Key(&api.key), Value::Null, 404, "not_found").await;
    api.refused("GET", &path, As::Nobody, Value::Null, 401, "missing_api_key").await;
    let (writes, _) = api.new_key(json!({"name": "writes", "scopes": ["write"]})).await;
    api.refused("GET", &path, As::Key(&writes), Value::Null, 403, "insufficient_scope").await;
}

#[test]
fn the_receipt_of_the_documentation_is_valid() {
    let examples: Value = serde_json::from_str(EXAMPLES).expect("JSON");
    let example = |id: &str| examples[id]["200"]["application/json"].clone();
    let (receipt, keys) = (example("get_pin_receipt"), example("get_receipt_keys"));
    let keys = key_set(&keys.to_string()).expect("keys");
    let signed = jws::verify(receipt["receipt"].as_str().expect("a receipt"), &keys).expect("valid");
    assert_eq!((&signed, &receipt["kid"]), (&receipt["claims"], &json!(keys[0].kid)));
}
