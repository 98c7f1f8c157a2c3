//! `POST /v1/pins/{id}/retry`, through the API's own routes over fakes.

use axum::body::Body;
use http::Request;
use pinbridge_shared::domain::ids::PinKey;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{HOUR_MS, SECOND_MS};
use pinbridge_shared::flows::accept::accept_pin::AcceptError;
use pinbridge_shared::testing::START;
use pinbridge_shared::testing::fake_pinterest::Answer;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

/// A pin that Pinterest has refused.
async fn failed(api: &Api) -> PinKey {
    api.world.pinterest.answer_next([Answer::Refused(Failure::ImageBroken, None)]);
    let key = api.world.accept("key").await;
    api.world.run_publisher_once().await;
    api.world.system.advance_ms(SECOND_MS);
    key
}

async fn retry(api: &Api, pin: &str, body: &str, header: Option<&str>) -> (u16, Value) {
    let mut request = Request::post(format!("/v1/pins/{pin}/retry")).header("x-api-key", &api.key);
    if let Some(value) = header {
        request = request.header("X-Pinbridge-Accept-Duplicate", value);
    }
    let (status, _, answer) = api.send(request.body(Body::from(body.to_owned())).expect("a request")).await;
    (status, answer)
}

async fn assert_refused(api: &Api, pin: &str, body: &str, header: Option<&str>, status: u16, code: &str) {
    let (got, answer) = retry(api, pin, body, header).await;
    assert_eq!((got, answer["code"].as_str()), (status, Some(code)), "{answer}");
    assert!(answer["error"]["remediation"].as_str().is_some_and(|text| !text.is_empty()));
}

#[tokio::test]
async fn a_retried_pin_is_answered_as_it_waits() {
    for body in ["", " \n", "{}", r#"{"board_id": null, "account_id": null, "accept_duplicate": false}"#] {
        let api = Api::new().await;
        let key = failed(&api).await;
        let (status, pin) = retry(&api, &key.pin.to_string(), body, None).await;
        assert_eq!((status, &pin["status"]), (200, &json!("queued")), "{pin}");
        assert_eq!((&pin["id"], &pin["attempts"]), (&json!(key.pin), &json!(1)));
        assert_eq!(
            (&pin["error_code"], &pin["failed_at"], &pin["next_action"]),
            (&Value::Null, &Value::Null, &json!("publish"))
        );
        assert_refused(&api, &key.pin.to_string(), body, None, 409, "conflict").await;
    }
}

#[tokio::test]
async fn what_cant_be_retried_is_refused_by_name() {
    let api = Api::new().await;
    let failed = failed(&api).await.pin.to_string();
    let refused = [
        ("7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6", "", None, 404, "not_found"),
        ("not-a-uuid", "", None, 422, "validation_error"),
        (&failed, "[]", None, 400, "malformed_json"),
        (&failed, "{", None, 400, "malformed_json"),
        (&failed, r#"{"board_id": "1"}"#, None, 422, "board_not_found"),
        (&failed, r#"{"account_id": "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6"}"#, None, 404, "not_found"),
        (&failed, r#"{"accept_duplicate": "yes"}"#, None, 422, "validation_error"),
        (&failed, "", Some("yes"), 422, "validation_error"),
    ];
    for (pin, body, header, status, code) in refused {
        assert_refused(&api, pin, body, header, status, code).await;
    }
    assert_eq!(retry(&api, &failed, "", None).await.0, 200, "none of them changed anything");
}

#[tokio::test]
async fn what_may_exist_already_needs_a_word() {
    for (body, header) in [(r#"{"accept_duplicate": true}"#, None), ("", Some("true"))] {
        let api = Api::new().await;
        api.world.pinterest.answer_next([Answer::LOST_WITH_COMMIT]);
        api.world.pinterest.fail_lists(std::iter::repeat_n(Failure::PinterestUnreachable, 100_000));
        let key = api.world.accept("key").await;
        api.world.run_until_finished(&[key], START.plus_ms(73 * HOUR_MS)).await;
        let id = key.pin.to_string();
        for (body, header) in [("", None), (r#"{"accept_duplicate": false}"#, Some("true")), ("{}", Some("false"))] {
            assert_refused(&api, &id, body, header, 409, "retry_may_duplicate").await;
        }
        let (status, pin) = retry(&api, &id, body, header).await;
        assert_eq!((status, &pin["status"]), (200, &json!("queued")), "{pin}");
    }
}

/// Every failure that an image can be at fault for: the remedy names the field, the field can be changed, and the retry
/// publishes the other image. The key stands for what was asked for at first.
#[tokio::test]
async fn a_failed_image_is_mended_before_the_retry() {
    let of_images = [
        Failure::ImageTooSmall,
        Failure::ImageBroken,
        Failure::ImageUnreachable,
        Failure::ImageFormatUnsupported,
        Failure::InvalidUrl,
    ];
    for failure in of_images {
        let api = Api::new().await;
        api.world.pinterest.answer_next(std::iter::repeat_n(Answer::Refused(failure, None), 6));
        let key = api.world.accept("key").await;
        api.world.run_until_finished(&[key], START.plus_ms(3 * HOUR_MS)).await;
        let path = format!("/v1/pins/{}", key.pin);
        let calls_before = api.world.pinterest.calls().len();
        let (_, pin) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
        assert_eq!((&pin["status"], &pin["error_code"]), (&json!("failed"), &json!(failure.code())), "{pin}");
        assert!(pin["error_remediation"].as_str().expect("a remedy").contains("image_url"), "{pin}");
        // What is left of the script.
        api.world.pinterest.forget_answers();

        let other = json!({"image_url": "https://images.example.com/mended.png"});
        let (status, pin) = api.call("PATCH", &path, As::Key(&api.key), other.clone()).await;
        assert_eq!((status, &pin["image_url"], &pin["edits"]), (200, &other["image_url"], &json!(1)), "{pin}");
        assert_eq!((&pin["media_url"], &pin["status"]), (&other["image_url"], &json!("failed")), "{pin}");
        assert_eq!(retry(&api, &key.pin.to_string(), "", None).await.0, 200);
        api.world.run_until_finished(&[key], api.world.now().plus_ms(HOUR_MS)).await;
        let calls = api.world.pinterest.calls();
        assert_eq!(calls.len(), calls_before + 1, "{failure:?}");
        assert_eq!(Some(calls[calls_before].request.image_url.as_str()), other["image_url"].as_str());
        let (_, pin) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
        assert_eq!(pin["status"], "published", "{pin}");

        assert_eq!(api.world.accept("key").await, key, "the first request again");
        let mended =
            PinRequest { image_url: "https://images.example.com/mended.png".into(), ..testdata::request("key") };
        let again = api.world.try_accept(mended).await.expect("survives");
        assert!(matches!(again, Err(AcceptError::KeyReused { .. })), "{again:?}");
        let (status, late) = api.call("PATCH", &path, As::Key(&api.key), other).await;
        assert_eq!((status, &late["code"]), (409, &json!("pin_already_published")));
    }
}

#[tokio::test]
async fn an_image_is_changed_to_another_and_to_nothing_else() {
    let api = Api::new().await;
    let path = format!("/v1/pins/{}", failed(&api).await.pin);
    for wrong in [json!(null), json!(""), json!("crane.jpg"), json!("ftp://images.example.com/a.jpg"), json!(7)] {
        let body = json!({"image_url": wrong});
        api.refused("PATCH", &path, As::Key(&api.key), body, 422, "validation_error").await;
    }
    let (_, pin) = api.call("GET", &path, As::Key(&api.key), Value::Null).await;
    assert_eq!((&pin["edits"], &pin["image_url"]), (&json!(0), &json!(testdata::request("key").image_url)));
}
