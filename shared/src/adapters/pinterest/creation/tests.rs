use super::*;
use crate::domain::testdata;

const NOW: Moment = Moment(1_795_394_096_000);

fn read_as(
    request: &PinRequest,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: Option<&str>,
) -> Creation {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, reqwest::header::HeaderValue::from_static(value));
    }
    let (headers, body, token) = (&map, body.map(str::as_bytes), &Secret::new("pina_T"));
    CreateAnswer { status, headers, body, request, token, now: NOW }.read()
}

fn read(status: u16, headers: &[(&'static str, &'static str)], body: Option<&str>) -> Creation {
    read_as(&testdata::request("k"), status, headers, body)
}

fn limit_of(creation: Creation) -> Option<Limit> {
    match creation {
        Creation::Unknown { limit, .. } => limit,
        other => panic!("{other:?} is not unknown"),
    }
}

#[test]
fn any_success_with_an_id_is_one_and_without_an_id_it_is_unknown() {
    for status in [200, 201, 202, 204, 299] {
        for body in [r#"{"id":"7"}"#, r#"{"id":7}"#, r#"{"id":"7","is_product":false,"ai_disclosures":{"values":[]}}"#]
        {
            let created = read(status, &[], Some(body));
            let is_it = matches!(&created, Creation::Created { pinterest_pin_id, .. } if pinterest_pin_id == "7");
            assert!(is_it, "{status} {body} {created:?}");
        }
        for body in [Some(""), Some("{}"), Some(r#"{"id":""}"#), Some(r#"{"id":null}"#), Some("<html>"), None] {
            assert_eq!(limit_of(read(status, &[], body)), None, "{status} {body:?}");
        }
        for no_id in [r#"{"id":"abc/../def"}"#, r#"{"id":"-5"}"#, r#"{"id":-5}"#, r#"{"id":"0"}"#, r#"{"id":"pin"}"#] {
            let unknown = read(status, &[], Some(no_id));
            let Creation::Unknown { upstream, limit: None } = unknown else { panic!("{status} {no_id} {unknown:?}") };
            assert_eq!(upstream.transport_error, Some("Pinterest's answer names no Pin"), "{no_id}");
        }
    }
}

#[test]
fn a_429_limits_the_account_whatever_its_body() {
    let rate = |retry_after_ms| Some(Limit { failure: Failure::RateLimited, retry_after_ms });
    for body in [None, Some(""), Some("<html>Too many requests</html>"), Some("{}"), Some(r#"{"message":"slow down"}"#)]
    {
        assert_eq!(limit_of(read(429, &[], body)), rate(None), "{body:?}");
        assert_eq!(limit_of(read(429, &[("retry-after", "7")], body)), rate(Some(7_000)), "{body:?}");
        let date = [("retry-after", "Mon, 23 Nov 2026 00:35:26 GMT")];
        assert_eq!(limit_of(read(429, &date, body)), rate(Some(30_000)), "{body:?}");
        let lists = [("x-ratelimit-remaining", "9, 0;w=60"), ("x-ratelimit-reset", "1, 12;w=60")];
        assert_eq!(limit_of(read(429, &lists, body)), rate(Some(12_000)), "{body:?}");
    }
    let unknown = read(429, &[], Some(r#"{"code":2787,"message":"Something went wrong on our end."}"#));
    assert_eq!(limit_of(unknown), rate(None));
    let blocked = r#"{"code":9,"message":"Sorry! We blocked this link because it may lead to spam."}"#;
    let Creation::Refused { failure, upstream, retry_after_ms } =
        read(429, &[("x-ratelimit-reset", "9")], Some(blocked))
    else {
        panic!("refused")
    };
    assert_eq!((failure, upstream.status, retry_after_ms), (Failure::LinkBlocked, Some(429), Some(9_000)));
}

#[test]
fn what_was_not_saved_for_no_reason_is_unknown_and_a_429_pauses_all_the_same() {
    for message in ["Pin could not be saved", "The server is busy", "Your request took too long"] {
        let body = format!(r#"{{"code":1,"message":"{message}"}}"#);
        assert_eq!(limit_of(read(400, &[], Some(&body))), None, "{message}");
        let limit = limit_of(read(429, &[("retry-after", "7")], Some(&body)));
        assert_eq!(limit, Some(Limit { failure: Failure::RateLimited, retry_after_ms: Some(7_000) }), "{message}");
    }
    let not_in_time = r#"{"code":16,"message":"Request didn't complete in time"}"#;
    assert_eq!(limit_of(read(400, &[], Some(not_in_time))), None);
}

#[test]
fn a_block_counts_also_where_the_outcome_is_unknown() {
    let words = "Sorry! You've hit a block (Pins) we have in place to combat spam";
    let body = format!(r#"{{"code":9,"message":"{words}"}}"#);
    for status in [408, 500, 503] {
        let limit = limit_of(read(status, &[], Some(&body)));
        assert_eq!(limit.map(|limit| limit.failure), Some(Failure::SpamBlock), "{status}");
    }
    for status in [400, 401, 403, 404, 409, 418, 429] {
        let refused = read(status, &[], Some(&body));
        assert!(matches!(refused, Creation::Refused { failure: Failure::SpamBlock, .. }), "{status} {refused:?}");
    }
}

#[test]
fn what_we_sent_is_not_taken_for_pinterests_words() {
    let request = PinRequest {
        title: "Curly hair: how to combat spam".into(),
        description: Some("A broken image on a board".into()),
        link_url: Some("https://www.spam.example.com/trial access?url=1".into()),
        alt_text: Some("access token is invalid".into()),
        ..testdata::request("k")
    };
    for message in [
        "Title Curly hair: how to combat spam is too long",
        "Curly hair: how to combat sp… is too long",
        "A broken image on a board is too long",
        "spam.example.com is too long",
        "The alternative text access token is invalid is too long",
        "alt_text access token is invalid exceeds 500 characters",
        "'Curly hair: how to combat spam' is too long",
    ] {
        let body = serde_json::json!({"code": 1, "message": message}).to_string();
        let refused = read_as(&request, 400, &[], Some(&body));
        let Creation::Refused { failure, upstream, .. } = refused else { panic!("{message}: {refused:?}") };
        assert_eq!(failure, Failure::InvalidRequest, "{message}");
        assert_eq!(upstream.message.as_deref(), Some(message), "its words are kept as they are");
    }
}

#[test]
fn a_token_in_an_answer_is_not_kept() {
    let Creation::Refused { upstream, .. } = read(401, &[], Some(r#"{"code":2,"message":"Bad token pina_T!"}"#)) else {
        panic!("refused")
    };
    assert_eq!(upstream.message.as_deref(), Some("Bad token [token]!"));
}

#[test]
fn what_our_client_saw_is_never_pinterests_message() {
    for (status, body) in [(503, Some("")), (403, Some("<html>")), (201, Some("{}")), (201, None), (500, None)] {
        let Creation::Unknown { upstream, .. } = read(status, &[], body) else { panic!("unknown") };
        assert_eq!(upstream.message, None, "{status} {body:?}");
        assert!(upstream.transport_error.is_some(), "{status} {body:?}");
    }
}
