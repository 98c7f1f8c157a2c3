//! The simulated Pinterest with virtual time, as a seeded simulation uses it.

use serde_json::json;

use super::*;
use crate::config::Access;
use crate::seed::{APP_ID, APP_SECRET, seed_accounts};
use crate::world::window::DAY_MS;

const NOW_MS: i64 = 1_700_000_000_000;

fn provider() -> Provider {
    let mut provider = Provider::new(Config::default());
    provider.world.seed_accounts(NOW_MS);
    provider
}

fn create(number: usize) -> Request {
    let account = &seed_accounts(number)[number - 1];
    let mut request = Request::new(Operation::PinsCreate, &account.access_token);
    request.body = json!({
        "board_id": account.boards[0].id,
        "title": "Soup",
        "media_source": {"source_type": "image_url", "url": "https://example.com/soup.jpg"},
    })
    .to_string()
    .into_bytes();
    request
}

fn with_fault(json: &str) -> Provider {
    let mut provider = provider();
    provider.faults.replace(json.as_bytes()).expect("the rule is valid");
    provider
}

fn status(plan: Plan) -> u16 {
    match plan {
        Plan::Answer(reply) => reply.status,
        other => panic!("not answered: {other:?}"),
    }
}

fn committed(provider: &Provider) -> usize {
    provider.world.every_pin().len()
}

#[test]
fn a_hundred_creates_pass_in_any_minute_and_refused_ones_count() {
    let mut provider = provider();
    let unpaced: Vec<u16> = (0..130).map(|_| status(provider.receive(NOW_MS, create(1)))).collect();
    assert_eq!(unpaced.iter().filter(|status| **status == 201).count(), 100);
    assert_eq!(unpaced.iter().filter(|status| **status == 429).count(), 30);
    assert_eq!(status(provider.receive(NOW_MS + 59_999, create(1))), 429);
    assert_eq!(status(provider.receive(NOW_MS + 60_000, create(1))), 201, "all but one of them have left the window");
    for second in 0..200 {
        assert_eq!(status(provider.receive(NOW_MS + second * 1000, create(2))), 201, "second {second}");
    }
    // A client that goes on at twice the pace isn't let in by its own refusals.
    let stubborn: Vec<u16> = (0..600).map(|half| status(provider.receive(NOW_MS + half * 300, create(3)))).collect();
    let passed = stubborn.iter().filter(|status| **status == 201).count();
    assert_eq!(passed, 100, "{passed} of 600");
}

#[test]
fn every_write_of_a_user_counts_and_reads_have_a_window_of_their_own() {
    let mut provider = provider();
    let account = &seed_accounts(1)[0];
    let section = || {
        let mut request = Request::new(Operation::BoardSectionsCreate, &account.access_token);
        request.path_id = account.boards[0].id.clone();
        request.body = br#"{"name": "Small ones"}"#.to_vec();
        request
    };
    for _ in 0..50 {
        assert_eq!(status(provider.receive(NOW_MS, section())), 201);
        assert_eq!(status(provider.receive(NOW_MS, create(1))), 201);
    }
    assert_eq!(status(provider.receive(NOW_MS, create(1))), 429);
    assert_eq!(status(provider.receive(NOW_MS, section())), 429);
    let read = || Request::new(Operation::BoardsList, &account.access_token);
    let reads = (0..1_100).filter(|_| status(provider.receive(NOW_MS, read())) == 200).count();
    assert_eq!(reads, 1_000);
}

#[test]
fn trial_access_ends_a_day_of_all_users_after_three_hundred_writes() {
    let mut provider = Provider::new(Config { access: Access::Trial, ..Config::default() });
    provider.world.seed_accounts(NOW_MS);
    let day = NOW_MS.div_euclid(DAY_MS) * DAY_MS;
    let create_at = |provider: &mut Provider, number: i64| {
        status(provider.receive(day + number * 1_000, create(1 + number as usize % 2)))
    };
    let passed = (0..400).filter(|number| create_at(&mut provider, *number) == 201).count();
    assert_eq!(passed, 300);
    assert_eq!(create_at(&mut provider, DAY_MS / 1_000), 201, "the next day");
}

#[test]
fn a_429_has_the_documented_body_and_no_retry_after() {
    let mut provider = provider();
    (0..100).for_each(|_| drop(provider.receive(NOW_MS, create(1))));
    let Plan::Answer(reply) = provider.receive(NOW_MS + 1_000, create(1)) else { panic!("not answered") };
    assert_eq!(reply.status, 429);
    assert_eq!(reply.json()["code"], 8);
    let header = |name: &str| reply.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(header("retry-after"), None);
    assert_eq!(header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(header("x-ratelimit-reset"), Some("59"));
    let limit = header("x-ratelimit-limit").expect("a limit");
    assert!(limit.starts_with("100, 100;w=1;") && limit.contains("100;w=60;name=\"org_write"), "{limit}");
}

#[test]
fn without_enforcement_every_request_passes() {
    let mut provider = Provider::new(Config { enforce_limits: false, ..Config::default() });
    provider.world.seed_accounts(NOW_MS);
    assert!((0..500).all(|_| status(provider.receive(NOW_MS, create(1))) == 201));
}

#[test]
fn a_missing_scope_is_named() {
    let mut provider = provider();
    let mut request = create(1);
    request.authorization = Some(format!("Bearer {}", seed_accounts(1)[0].read_only_access_token));
    let Plan::Answer(reply) = provider.receive(NOW_MS, request) else { panic!("not answered") };
    assert_eq!(reply.status, 401);
    assert_eq!(reply.json(), json!({"code": 3, "message": "Missing: ['boards:write', 'pins:write']"}));
}

#[test]
fn a_delayed_request_is_handled_when_it_is_resumed() {
    let mut provider = with_fault(r#"[{"fault":"delay","delay_ms":700,"operation":"pins/create"}]"#);
    let Plan::Resume { after_ms, admitted } = provider.receive(NOW_MS, create(1)) else { panic!("not delayed") };
    assert_eq!((after_ms, committed(&provider)), (700, 0));
    assert_eq!(provider.resume(NOW_MS + 700, admitted).status, 201);
    assert_eq!(provider.world.every_pin()[0].created_at_ms, NOW_MS + 700);
}

#[test]
fn a_timeout_commits_only_if_it_comes_after_the_commit() {
    for (fault, expected) in [("timeout_before_commit", 0), ("timeout_after_commit", 1)] {
        let mut provider = with_fault(&format!(r#"[{{"fault":"{fault}","hold_ms":9}}]"#));
        let plan = provider.receive(NOW_MS, create(1));
        assert!(matches!(plan, Plan::Silence { hold_ms: 9, .. }), "{fault}");
        assert_eq!(committed(&provider), expected, "{fault}");
    }
}

#[test]
fn a_dropped_connection_commits_only_if_asked_to() {
    for (after_commit, expected) in [(false, 0), (true, 1)] {
        let mut provider = with_fault(&format!(r#"[{{"fault":"drop_connection","after_commit":{after_commit}}}]"#));
        assert!(matches!(provider.receive(NOW_MS, create(1)), Plan::Silence { hold_ms: 0, .. }));
        assert_eq!(committed(&provider), expected);
        let mut wrong = create(1);
        wrong.body = b"{}".to_vec();
        assert!(matches!(provider.receive(NOW_MS, wrong), Plan::Silence { hold_ms: 0, .. }), "no answer either");
    }
}

#[test]
fn a_stale_list_shows_the_pins_of_an_earlier_time() {
    let mut provider = provider();
    let id = |plan: Plan| match plan {
        Plan::Answer(reply) => reply.json()["id"].as_str().expect("an id").to_owned(),
        other => panic!("not answered: {other:?}"),
    };
    let deleted = id(provider.receive(NOW_MS, create(1)));
    let old = id(provider.receive(NOW_MS + 1_000, create(1)));
    let new = id(provider.receive(NOW_MS + 1_001, create(1)));
    let mut delete = Request::new(Operation::PinsDelete, &seed_accounts(1)[0].access_token);
    delete.path_id = deleted.clone();
    assert_eq!(status(provider.receive(NOW_MS + 1_001, delete)), 204);
    let mut listed = |rule: &str, operation: Operation| {
        provider.faults.replace(rule.as_bytes()).expect("the rule is valid");
        let mut list = Request::new(operation, &seed_accounts(1)[0].access_token);
        list.path_id = seed_accounts(1)[0].boards[0].id.clone();
        let Plan::Answer(reply) = provider.receive(NOW_MS + 6_000, list) else { panic!("not answered") };
        let items = reply.json()["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|pin| pin["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for operation in [Operation::BoardsListPins, Operation::PinsList] {
        assert_eq!(listed(r#"[{"fault":"stale_list","lag_ms":5000}]"#, operation), [old.clone(), deleted.clone()]);
        assert_eq!(listed(r#"[{"fault":"stale_list","lag_ms":4999}]"#, operation), [new.clone(), old.clone()]);
        assert_eq!(listed("[]", operation), [new.clone(), old.clone()]);
    }
}

#[test]
fn an_error_after_the_commit_is_answered_and_the_pin_stays() {
    let mut provider = with_fault(r#"[{"fault":"error_after_commit","status":502,"code":2787,"message":"Oops"}]"#);
    let Plan::Answer(reply) = provider.receive(NOW_MS, create(1)) else { panic!("not answered") };
    assert_eq!((reply.status, reply.json()), (502, json!({"code": 2787, "message": "Oops"})));
    assert_eq!(committed(&provider), 1);
}

#[test]
fn a_late_pin_is_listed_from_its_commit_on() {
    let mut provider = with_fault(r#"[{"fault":"late_commit","commit_after_ms":5000,"times":1}]"#);
    assert!(matches!(provider.receive(NOW_MS, create(1)), Plan::Silence { hold_ms: 60_000, .. }));
    let mut list = Request::new(Operation::BoardsListPins, &seed_accounts(1)[0].access_token);
    list.path_id = seed_accounts(1)[0].boards[0].id.clone();
    let mut seen = |now_ms: i64| match provider.receive(now_ms, list.clone()) {
        Plan::Answer(reply) => reply.json()["items"].as_array().map_or(0, Vec::len),
        other => panic!("not answered: {other:?}"),
    };
    assert_eq!((seen(NOW_MS + 4_999), seen(NOW_MS + 5_000)), (0, 1));
}

#[test]
fn an_invalid_request_gets_its_own_refusal_instead_of_the_fault() {
    for fault in [
        r#"[{"fault":"timeout_after_commit"}]"#,
        r#"[{"fault":"error_after_commit"}]"#,
        r#"[{"fault":"late_commit","commit_after_ms":5}]"#,
    ] {
        let mut request = create(1);
        request.body = b"{}".to_vec();
        assert_eq!(status(with_fault(fault).receive(NOW_MS, request)), 400, "{fault}");
    }
}

#[test]
fn a_rate_limited_request_uses_up_no_fault() {
    let mut provider = with_fault(r#"[{"fault":"status","status":503,"times":105}]"#);
    let answers: Vec<u16> = (0..105).map(|_| status(provider.receive(NOW_MS, create(1)))).collect();
    assert_eq!(answers.iter().filter(|status| **status == 503).count(), 100);
    assert_eq!(provider.faults.view()[0]["remaining"], 5);
}

#[test]
fn a_revoked_token_is_refused_until_it_is_refreshed() {
    let mut provider = with_fault(r#"[{"fault":"revoke_token","times":1}]"#);
    assert_eq!(status(provider.receive(NOW_MS, create(1))), 401);
    assert_eq!(status(provider.receive(NOW_MS, create(1))), 401);
    let Plan::Answer(reply) = provider.receive(NOW_MS, refresh(&seed_accounts(1)[0].refresh_token)) else {
        panic!("not answered")
    };
    let mut request = create(1);
    request.authorization = Some(format!("Bearer {}", reply.json()["access_token"].as_str().unwrap_or_default()));
    assert_eq!(status(provider.receive(NOW_MS, request)), 201);
}

#[test]
fn a_revocation_may_include_the_refresh_token() {
    let mut provider = with_fault(r#"[{"fault":"revoke_token","refresh_too":true,"times":1}]"#);
    assert_eq!(status(provider.receive(NOW_MS, create(1))), 401);
    assert_eq!(status(provider.receive(NOW_MS, refresh(&seed_accounts(1)[0].refresh_token))), 401);
}

#[test]
fn a_refresh_whose_answer_is_lost_still_rotates_the_token() {
    let mut provider = with_fault(
        r#"[{"fault":"timeout_after_commit","operation":"oauth/token","account":"sim_account_1","times":1}]"#,
    );
    let token = &seed_accounts(1)[0].refresh_token;
    assert!(matches!(provider.receive(NOW_MS, refresh(token)), Plan::Silence { .. }));
    assert_eq!(status(provider.receive(NOW_MS, refresh(token))), 401);
}

fn refresh(token: &str) -> Request {
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{APP_ID}:{APP_SECRET}"));
    let mut request = Request::new(Operation::OauthToken, "");
    request.authorization = Some(format!("Basic {basic}"));
    request.body = format!("grant_type=refresh_token&refresh_token={token}").into_bytes();
    request
}

#[test]
fn the_counts_report_arrived_and_accepted_requests() {
    let mut provider = provider();
    (0..110).for_each(|_| drop(provider.receive(NOW_MS, create(1))));
    (0..3).for_each(|_| drop(provider.receive(NOW_MS + 5_000, create(1))));
    let report = serde_json::to_value(provider.meter.report(&provider.world)).expect("plain data");
    assert_eq!(report["operations"]["pins/create"], json!({"201": 100, "429": 13}));
    assert_eq!(report["in_flight"]["pins/create"], 0);
    assert_eq!(
        report["accounts"]["sim_account_1"]["pins/create"],
        json!({"total": 113, "max_per_second": 110, "accepted_total": 100, "accepted_max_per_second": 100})
    );
}
