//! `GET /v1/pins/{id}/analytics` and `GET /v1/pinterest/accounts/{id}/analytics`.

use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::analytics::{DailyMetrics, MetricSeries, Metrics};
use pinbridge_shared::domain::ids::{AccountId, AccountKey, PinKey};
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::attempt::Status;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::history::EventKind;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};
use pinbridge_shared::ports::ReadFailure;
use pinbridge_shared::testing::fake_boards::refused;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::api::{Api, As};

async fn published(api: &Api) -> PinKey {
    let key = api.world.accept("key").await;
    api.world.run_publisher_once().await;
    assert_eq!(api.world.attempt(key).await.status, Status::Published);
    api.world.system.advance_ms(DAY_MS);
    key
}

async fn get(api: &Api, path: &str) -> (u16, Value) {
    api.call("GET", path, As::Key(&api.key), Value::Null).await
}

fn metrics() -> MetricSeries {
    let metrics = |save: f64, rate: f64| Metrics::from([("save".to_owned(), save), ("save_rate".to_owned(), rate)]);
    let daily = DailyMetrics {
        day: "2026-01-01".parse().expect("a day"),
        data_status: Some("READY".into()),
        metrics: metrics(3.0, 0.25),
    };
    MetricSeries { totals: metrics(3.0, 0.25), daily: vec![daily] }
}

#[tokio::test]
async fn a_pins_figures_are_pinterests_own() {
    let api = Api::new().await;
    let key = published(&api).await;
    api.world.analytics.answer_next([Ok(Some(metrics())), Ok(Some(metrics()))]);
    let path = format!("/v1/pins/{}/analytics", key.pin);
    let (status, answer) = get(&api, &path).await;
    let attempt = api.world.attempt(key).await;
    let wanted = json!({
        "pin_id": key.pin,
        "pinterest_pin_id": attempt.pinterest_pin_id,
        "account_id": testdata::account(),
        // Today is 2026-01-02.
        "start_date": "2025-12-04",
        "end_date": "2026-01-02",
        "provider_mode": "pinterest",
        "source": "live",
        "totals": {"save": 3, "save_rate": 0.25},
        "daily": [{"date": "2026-01-01", "data_status": "READY", "metrics": {"save": 3, "save_rate": 0.25}}],
        "data_as_of": api.world.now().rfc3339(),
        "history_start": null,
        "removed_from_pinterest_at": null,
    });
    assert_eq!((status, answer), (200, wanted));
    let asked = api.world.analytics.asked().remove(0);
    assert_eq!(asked.pinterest_pin_id, attempt.pinterest_pin_id);
    assert_eq!(asked.question.metrics.len(), 7, "the usual ones");

    let query = "?start_date=2025-10-04&end_date=2025-12-31&metrics=save,%20Impression&metrics=SAVE_RATE,,save\
                 &source=live&include_daily=false";
    let (status, answer) = get(&api, &format!("{path}{query}")).await;
    assert_eq!((status, &answer["daily"], &answer["totals"]["save"]), (200, &json!([]), &json!(3)));
    assert_eq!((&answer["start_date"], &answer["end_date"]), (&json!("2025-10-04"), &json!("2025-12-31")));
    assert_eq!(api.world.analytics.asked().remove(1).question.metrics, ["SAVE", "IMPRESSION", "SAVE_RATE"]);
}

#[tokio::test]
async fn an_accounts_figures_are_pinterests_own() {
    let api = Api::new().await;
    api.world.analytics.answer_next([Ok(Some(metrics()))]);
    let path = format!("/v1/pinterest/accounts/{}/analytics", testdata::account());
    let (status, answer) = get(&api, &path).await;
    let wanted = json!({
        "account_id": testdata::account(),
        "start_date": "2025-12-03",
        "end_date": "2026-01-01",
        "provider_mode": "pinterest",
        "source": "live",
        "totals": {"save": 3, "save_rate": 0.25},
        "daily": [{"date": "2026-01-01", "data_status": "READY", "metrics": {"save": 3, "save_rate": 0.25}}],
        "data_as_of": api.world.now().rfc3339(),
        "history_start": null,
    });
    assert_eq!((status, answer), (200, wanted));
    let asked = api.world.analytics.asked().remove(0);
    assert_eq!((asked.pinterest_pin_id, asked.question.metrics.len()), (None, 9));
    let nobody = format!("/v1/pinterest/accounts/{}/analytics", Uuid::from_u128(404));
    api.refused("GET", &nobody, As::Key(&api.key), Value::Null, 404, "not_found").await;
}

#[tokio::test]
async fn only_a_published_pin_has_figures() {
    let api = Api::new().await;
    let key = api.world.accept("key").await;
    let path = |id: &str| format!("/v1/pins/{id}/analytics");
    let id = key.pin.to_string();
    api.refused("GET", &path(&id), As::Key(&api.key), Value::Null, 409, "pin_not_published").await;
    let unknown = "7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    api.refused("GET", &path(unknown), As::Key(&api.key), Value::Null, 404, "not_found").await;
    api.refused("GET", &path("me"), As::Key(&api.key), Value::Null, 422, "validation_error").await;
    assert_eq!(api.world.analytics.asked(), []);
    // What is not allowed by the key is asked of nobody.
    let mut other = testdata::connected_account();
    other.key.account = AccountId(Uuid::from_u128(77));
    assert!(api.world.context.store.save_account(&other).await.expect("written").is_done());
    let (limited, _) = api.new_key(json!({"name": "limited", "pinterest_account_ids": [other.key.account]})).await;
    api.refused("GET", &path(&id), As::Key(&limited), Value::Null, 404, "not_found").await;
    let account = format!("/v1/pinterest/accounts/{}/analytics", testdata::account());
    api.refused("GET", &account, As::Key(&limited), Value::Null, 403, "account_not_permitted").await;
}

#[tokio::test]
async fn values_that_cant_be_are_refused_before_anybody_is_asked() {
    let api = Api::new().await;
    let key = published(&api).await;
    for path in
        [format!("/v1/pins/{}/analytics", key.pin), format!("/v1/pinterest/accounts/{}/analytics", testdata::account())]
    {
        for (query, field, code) in [
            ("start_date=yesterday", "start_date", "validation_error"),
            ("start_date=2026-01-01T00:00:00Z", "start_date", "validation_error"),
            ("end_date=2026-02-30", "end_date", "validation_error"),
            ("end_date=2026-01-03", "end_date", "invalid_date_range"),
            ("start_date=2026-01-02&end_date=2026-01-01", "start_date", "invalid_date_range"),
            ("start_date=2025-10-03", "start_date", "invalid_date_range"),
            ("metrics=save,fish", "metrics", "validation_error"),
            ("source=cache", "source", "validation_error"),
            ("include_daily=perhaps", "include_daily", "validation_error"),
        ] {
            let path = format!("{path}?{query}");
            let answer = api.refused("GET", &path, As::Key(&api.key), Value::Null, 422, code).await;
            assert_eq!(answer["detail"][0]["loc"], json!(["query", field]), "{query}");
        }
        let stored = format!("{path}?source=stored");
        api.refused("GET", &stored, As::Key(&api.key), Value::Null, 422, "analytics_not_stored").await;
    }
    assert_eq!(api.world.analytics.asked(), []);
}

#[tokio::test]
async fn pinterests_refusals_are_named_and_only_a_429_holds_up_publishing() {
    let api = Api::new().await;
    let key = published(&api).await;
    let bucket = api.world.context.store.bucket(testdata::connected_account().key).await.expect("read");
    let mut limited_at = api.world.now();
    let limited = ReadFailure { retry_after_ms: Some(7 * SECOND_MS), ..refused(Failure::RateLimited) };
    for path in
        [format!("/v1/pins/{}/analytics", key.pin), format!("/v1/pinterest/accounts/{}/analytics", testdata::account())]
    {
        for (failure, status, code) in [
            (limited.clone(), 429, "rate_limited"),
            (refused(Failure::TokenRevoked), 409, "token_revoked"),
            (refused(Failure::ScopeMissing), 409, "scope_missing"),
            (refused(Failure::BoardAccessDenied), 422, "board_access_denied"),
            (refused(Failure::PinterestUnreachable), 502, "pinterest_unreachable"),
        ] {
            // A single refusal of a token is asked again.
            let answers = if failure.failure == Failure::TokenRevoked { 2 } else { 1 };
            limited_at = if status == 429 { api.world.now() } else { limited_at };
            api.world.analytics.answer_next(vec![Err(failure); answers]);
            let answer = api.refused("GET", &path, As::Key(&api.key), Value::Null, status, code).await;
            if status == 429 {
                assert_eq!(answer["error"]["retry_after_seconds"], 7);
            }
        }
    }
    let after = api.world.context.store.bucket(testdata::connected_account().key).await.expect("read");
    let pause = after.pause.clone().expect("paused by the 429");
    assert_eq!((pause.until, pause.failure), (limited_at.plus_ms(7 * SECOND_MS), Some(Failure::RateLimited)));
    assert_eq!((after.slow_until, after.hold), (bucket.slow_until, bucket.hold), "neither slowed nor held");
}

#[tokio::test]
async fn a_pin_that_is_gone_is_noted_once_and_stays_published() {
    let api = Api::new().await;
    let key = published(&api).await;
    let path = format!("/v1/pins/{}/analytics", key.pin);
    let list = async |query: &str| get(&api, &format!("/v1/pins?{query}")).await.1.as_array().map(Vec::len);
    assert_eq!((list("removed=true").await, list("removed=false").await), (Some(0), Some(1)));
    api.world.analytics.answer_next([Ok(None), Ok(None)]);
    let (status, answer) = get(&api, &path).await;
    let noted = api.world.now().rfc3339();
    assert_eq!((status, &answer["totals"], &answer["daily"]), (200, &json!({}), &json!([])));
    assert_eq!(answer["removed_from_pinterest_at"], noted.as_str());
    let rev = api.world.attempt(key).await.rev;
    api.world.system.advance_ms(HOUR_MS);
    assert_eq!(get(&api, &path).await.1["removed_from_pinterest_at"], noted.as_str(), "when it was found first");
    let attempt = api.world.attempt(key).await;
    assert_eq!((attempt.rev, attempt.status), (rev, Status::Published));
    assert_eq!(attempt.history.last().map(|event| event.kind), Some(EventKind::RemovedFromPinterest));
    let (_, pin) = get(&api, &format!("/v1/pins/{}", key.pin)).await;
    assert_eq!((&pin["status"], &pin["removed_from_pinterest_at"]), (&json!("published"), &json!(noted)));
    assert_eq!((list("removed=true").await, list("removed=false").await), (Some(1), Some(0)));
    let (_, timeline) = get(&api, &format!("/v1/pins/{}/timeline", key.pin)).await;
    let last = timeline["events"].as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!(last["event"], "removed_from_pinterest");
}

#[tokio::test]
async fn a_pin_that_was_just_published_may_be_missing_for_a_while() {
    let api = Api::new().await;
    let key = api.world.accept("key").await;
    api.world.run_publisher_once().await;
    api.world.analytics.answer_next([Ok(None)]);
    let (status, answer) = get(&api, &format!("/v1/pins/{}/analytics", key.pin)).await;
    assert_eq!((status, &answer["removed_from_pinterest_at"]), (200, &Value::Null));
    assert_eq!(api.world.attempt(key).await.removed_at, None);
}

#[tokio::test]
async fn a_sandboxs_figures_are_zeros_and_say_so() {
    let api = Api::new().await;
    let simulated = AccountKey::simulated(testdata::workspace(), 1);
    let account = Account { key: simulated, ..testdata::connected_account() };
    assert!(api.world.context.store.save_account(&account).await.expect("written").is_done());
    let query = "start_date=2025-12-31&end_date=2026-01-01&metrics=save";
    let (status, answer) = get(&api, &format!("/v1/pinterest/accounts/{}/analytics?{query}", simulated.account)).await;
    let day = |date: &str| json!({"date": date, "data_status": null, "metrics": {"save": 0}});
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["provider_mode"], &answer["source"]), (&json!("simulated"), &json!("simulated")));
    assert_eq!(answer["totals"], json!({"save": 0}));
    assert_eq!(answer["daily"], json!([day("2025-12-31"), day("2026-01-01")]));
    let nobody = AccountKey::simulated(testdata::workspace(), 9).account;
    let path = format!("/v1/pinterest/accounts/{nobody}/analytics");
    api.refused("GET", &path, As::Key(&api.key), Value::Null, 404, "not_found").await;

    // A pin of its, published whichever way.
    let request = PinRequest { account: simulated.account, ..testdata::request("simulated") };
    let pin = testdata::pin_of(request, api.world.now(), pinbridge_shared::domain::pin::Placement::Now);
    let store = &api.world.context.store;
    store.put_pin(&pin).await.expect("written");
    let begun = pinbridge_shared::domain::pin::attempt::Attempt::untouched(&pin).begin(api.world.now(), "a".into());
    let done =
        begun.and_then(|begun| begun.published(api.world.now(), "1".into(), &Default::default(), &pin, "b".into()));
    let done = pinbridge_shared::domain::pin::attempt::Attempt { rev: 1, ..done.expect("is published") };
    store.save_attempt(&pin, &done).await.expect("written");
    let (status, answer) = get(&api, &format!("/v1/pins/{}/analytics?{query}", pin.key.pin)).await;
    assert_eq!((status, &answer["source"], &answer["totals"]), (200, &json!("simulated"), &json!({"save": 0})));
    assert_eq!(api.world.analytics.asked(), []);
}
