//! The Pinterest adapter against the simulator: what it takes for created, refused and unknown, and that it never calls
//! twice.

use std::sync::Arc;

use pinbridge_shared::adapters::pinterest::PinterestClient;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::domain::deadlines::Deadlines;
use pinbridge_shared::domain::pin::PinRequest;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::pin::outcome::Limit;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::ports::{Boards, Creation, Pinterest};
use pinterest_simulator::{Config, SeedAccount, Simulator, seed_accounts};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::real::Real;

const CLIENT_TIMEOUT_MS: i64 = 700;

/// A simulator in this process, and the adapter pointed at it.
struct Rig {
    url: String,
    client: PinterestClient,
    token: Secret,
    account: SeedAccount,
    http: reqwest::Client,
}

impl Rig {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let simulator = Simulator::open(Config::default()).expect("opens");
        tokio::spawn(async move { simulator.serve(listener, std::future::pending()).await });
        let account = seed_accounts(1).remove(0);
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { client: client(&url), url, token: Secret::new(account.access_token.clone()), account, http }
    }

    fn request(&self, title: &str) -> PinRequest {
        PinRequest { board_id: self.account.boards[0].id.clone(), title: title.into(), ..testdata::request(title) }
    }

    async fn create(&self, title: &str) -> Creation {
        self.client.create_pin(&self.token, &self.request(title)).await
    }

    async fn set_fault(&self, rule: Value) {
        let put = self.http.put(format!("{}/_sim/faults", self.url)).json(&json!([rule]));
        assert!(put.send().await.expect("answers").status().is_success());
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.expect("answers").json().await.expect("JSON")
    }

    /// How many creates the simulator was sent.
    async fn calls(&self) -> u64 {
        let counts = self.get("/_sim/requests").await;
        let answered = counts["operations"]["pins/create"].as_object().into_iter().flatten();
        let answered: u64 = answered.filter_map(|(_, count)| count.as_u64()).sum();
        answered + counts["in_flight"]["pins/create"].as_u64().unwrap_or(0)
    }
}

fn client(url: &str) -> PinterestClient {
    let deadlines = Deadlines { client_timeout_ms: CLIENT_TIMEOUT_MS, ..Deadlines::default() };
    PinterestClient::new(url, &deadlines, Arc::new(RealSystem::default())).expect("a client")
}

fn refusal(creation: Creation) -> (Failure, Option<i64>) {
    match creation {
        Creation::Refused { failure, retry_after_ms, .. } => (failure, retry_after_ms),
        other => panic!("{other:?} is no refusal"),
    }
}

#[tokio::test]
async fn a_created_pin_comes_with_its_id_and_pinterests_request_id() {
    let rig = Rig::start().await;
    let Creation::Created { pinterest_pin_id, upstream, nothing_left_for_ms } = rig.create("created").await else {
        panic!("not created");
    };
    assert_eq!(upstream.status, Some(201));
    assert!(upstream.request_id.is_some());
    assert_eq!(nothing_left_for_ms, None, "of fifty, 49 are left");
    let page = rig.client.board_pins(&rig.token, &rig.account.boards[0].id, None).await.expect("lists");
    let found = page.pins.iter().find(|pin| pin.id == pinterest_pin_id).expect("on its board");
    assert_eq!(found.title.as_deref(), Some("created"));
    assert!(found.created_at.is_some() && found.link.is_some() && found.description.is_some());
}

#[tokio::test]
async fn refusals_are_classified_and_their_hints_read() {
    let rig = Rig::start().await;
    let cases = [
        (json!({"status": 403, "code": 235, "message": "Sorry, this image is broken."}), Failure::ImageBroken, None),
        (
            json!({"status": 409, "code": 409, "message": "Could not get exclusive access"}),
            Failure::PinterestBusy,
            None,
        ),
        (json!({"status": 401, "code": 2, "message": "Authentication failed."}), Failure::TokenRevoked, None),
        (
            json!({"status": 429, "code": 8, "message": "slow down", "headers": {"Retry-After": "7"}}),
            Failure::RateLimited,
            Some(7_000),
        ),
    ];
    for (mut rule, failure, hint) in cases {
        rule["operation"] = json!("pins/create");
        rule["fault"] = json!("status");
        rig.set_fault(rule).await;
        let (found, retry_after_ms) = refusal(rig.create("refused").await);
        assert_eq!(found, failure);
        assert!(hint.is_none() || retry_after_ms == hint, "{retry_after_ms:?}");
    }
    let elsewhere = PinRequest { board_id: "1".into(), ..rig.request("nowhere") };
    rig.set_fault(json!({"operation": "boards/list", "fault": "delay", "delay_ms": 0})).await;
    assert_eq!(refusal(rig.client.create_pin(&rig.token, &elsewhere).await).0, Failure::BoardNotFound);
}

#[tokio::test]
async fn an_answer_that_no_validation_gave_is_unknown_and_its_429_limits_the_account() {
    let rig = Rig::start().await;
    for (body, headers, hint) in [
        ("<html>Too many requests</html>", json!({}), None),
        ("", json!({"Retry-After": "7"}), Some(7_000)),
        ("{}", json!({"x-ratelimit-remaining": "9, 0;w=60", "x-ratelimit-reset": "1, 12;w=60"}), Some(12_000)),
    ] {
        let mut rule = json!({"operation": "pins/create", "fault": "status", "status": 429, "body": body});
        rule["headers"] = headers;
        // The simulator's own reset is a number of seconds.
        if hint.is_none() {
            rule["headers"] = json!({"x-ratelimit-reset": "soon"});
        }
        rig.set_fault(rule).await;
        let Creation::Unknown { upstream, limit } = rig.create("limited").await else { panic!("unknown: {body}") };
        assert_eq!((upstream.status, upstream.message), (Some(429), None));
        assert_eq!(limit, Some(Limit { failure: Failure::RateLimited, retry_after_ms: hint }), "{body}");
    }
    rig.set_fault(json!({"operation": "pins/create", "fault": "error_after_commit", "status": 202, "body": "{}"}))
        .await;
    assert!(matches!(rig.create("without an id").await, Creation::Unknown { limit: None, .. }));
    for (status, body) in [(200, r#"{"id":"77"}"#), (202, r#"{"id":77}"#)] {
        rig.set_fault(json!({"operation": "pins/create", "fault": "status", "status": status, "body": body})).await;
        let created = rig.create("with an id").await;
        assert!(matches!(created, Creation::Created { pinterest_pin_id, .. } if pinterest_pin_id == "77"), "{status}");
    }
}

#[tokio::test]
async fn a_reads_429_always_says_for_how_long() {
    let rig = Rig::start().await;
    for (headers, hint) in [
        (json!({"x-ratelimit-reset": "soon"}), 60_000),
        (json!({"Retry-After": "9"}), 9_000),
        (json!({"x-ratelimit-reset": "1, 30;w=60"}), 30_000),
    ] {
        let rule = json!({"fault": "status", "status": 429, "body": "<html>", "headers": headers});
        rig.set_fault(rule).await;
        let board = &rig.account.boards[0].id;
        let page = rig.client.board_pins(&rig.token, board, None).await.expect_err("limited");
        let user = rig.client.user(&rig.token).await.expect_err("limited");
        for read in [page, user] {
            assert_eq!((read.failure, read.retry_after_ms), (Failure::RateLimited, Some(hint)));
        }
    }
}

#[tokio::test]
async fn a_grants_answer_without_a_refresh_token_keeps_the_old_one() {
    let real = Real::start(1).await;
    for body in [
        json!({"access_token": "pina_new", "expires_in": 2_592_000}),
        json!({"access_token": "pina_new", "refresh_token": null, "expires_in": "2592000"}),
        json!({"access_token": "pina_new", "refresh_token": "", "token_type": "bearer"}),
    ] {
        for status in [200, 201] {
            let rule =
                json!([{"operation": "oauth/token", "fault": "status", "status": status, "body": body.to_string()}]);
            let put = real.http.put(format!("{}/_sim/faults", real.pinterest_url)).json(&rule);
            assert!(put.send().await.expect("answers").status().is_success());
            let tokens = real.world.oauth.refresh(&Secret::new("pinr_old")).await.expect("refreshed");
            assert_eq!((tokens.access.expose(), tokens.refresh), ("pina_new", Some(Secret::new("pinr_old"))), "{body}");
        }
    }
}

#[tokio::test]
async fn a_deletion_may_be_answered_with_any_success() {
    for (status, body) in [(200, "{}"), (200, ""), (202, "{}"), (204, "")] {
        let rig = Rig::start().await;
        rig.set_fault(json!({"operation": "pins/delete", "fault": "status", "status": status, "body": body})).await;
        rig.client.delete_pin(&rig.token, "5").await.expect("deleted");
        let of_boards = json!({"operation": "boards/delete", "fault": "status", "status": status, "body": body});
        rig.set_fault(of_boards).await;
        rig.client.delete_board(&rig.token, "5").await.expect("deleted");
    }
    let rig = Rig::start().await;
    for (status, body) in [(200, r#"{"id":"5"}"#), (201, r#"{"id":5,"name":"Soups"}"#)] {
        let rule = json!({"operation": "board_sections/create", "fault": "status", "status": status, "body": body});
        rig.set_fault(rule).await;
        let section = rig.client.create_section(&rig.token, "1", "Soups").await.expect("created");
        assert_eq!((section.id.as_str(), section.name.as_str()), ("5", "Soups"));
    }
    rig.set_fault(json!({"operation": "board_sections/create", "fault": "status", "status": 201, "body": "{}"})).await;
    let unknown = rig.client.create_section(&rig.token, "1", "Soups").await.expect_err("no id");
    assert_eq!(unknown.failure, Failure::OutcomeUnknown);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_whether_or_not_the_pin_exists_and_is_asked_for_once() {
    for (fault, pins) in [("timeout_before_commit", 0), ("timeout_after_commit", 1), ("error_after_commit", 1)] {
        let rig = Rig::start().await;
        rig.set_fault(json!({"operation": "pins/create", "fault": fault})).await;
        assert!(matches!(rig.create("lost").await, Creation::Unknown { .. }), "{fault}");
        assert_eq!(rig.get("/_sim/pins").await.as_array().map(Vec::len), Some(pins), "{fault}");
        assert_eq!(rig.calls().await, 1, "{fault}: never sent again by itself");
    }
}

#[tokio::test]
async fn only_a_failure_to_connect_is_surely_unsent() {
    let rig = Rig::start().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let creation = client(&nobody).create_pin(&rig.token, &rig.request("unsent")).await;
    assert_eq!(refusal(creation).0, Failure::PinterestUnreachable);

    // Somebody accepts the connection and hangs up: the request may have been read.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let rude = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let creation = client(&rude).create_pin(&rig.token, &rig.request("cut")).await;
    assert!(matches!(creation, Creation::Unknown { .. }), "{creation:?}");
}

#[tokio::test]
async fn a_pin_is_deleted_and_one_that_is_gone_is_as_good() {
    let rig = Rig::start().await;
    let Creation::Created { pinterest_pin_id, .. } = rig.create("deleted").await else { panic!("not created") };
    let stranger = Secret::new("pina_wrong");
    let refused = rig.client.delete_pin(&stranger, &pinterest_pin_id).await.expect_err("refused");
    assert_eq!(refused.failure, Failure::TokenRevoked);
    for (status, failure) in [(503, Failure::PinterestUnreachable), (429, Failure::RateLimited)] {
        let rule = json!({"operation": "pins/delete", "fault": "status", "status": status, "code": 8, "message": "no"});
        rig.set_fault(rule).await;
        let refused = rig.client.delete_pin(&rig.token, &pinterest_pin_id).await.expect_err("refused");
        assert_eq!(refused.failure, failure);
    }
    rig.set_fault(json!({"operation": "boards/list", "fault": "delay", "delay_ms": 0})).await;
    let board = &rig.account.boards[0].id;
    assert_eq!(rig.client.board_pins(&rig.token, board, None).await.expect("lists").pins.len(), 1, "still there");
    for time in ["the first time", "again"] {
        rig.client.delete_pin(&rig.token, &pinterest_pin_id).await.expect(time);
        assert_eq!(rig.client.board_pins(&rig.token, board, None).await.expect("lists").pins, [], "{time}");
    }
}

#[tokio::test]
async fn a_board_is_read_page_by_page_and_a_missing_one_is_named() {
    let rig = Rig::start().await;
    for index in 0..3 {
        assert!(matches!(rig.create(&format!("page {index}")).await, Creation::Created { .. }));
    }
    let board = &rig.account.boards[0].id;
    let page = rig.client.board_pins(&rig.token, board, None).await.expect("lists");
    assert_eq!((page.pins.len(), page.next), (3, None), "250 a page");
    let missing = rig.client.board_pins(&rig.token, "1", None).await.expect_err("no such board");
    assert_eq!(missing.failure, Failure::BoardNotFound);
    let boards = rig.client.boards(&rig.token).await.expect("lists").boards;
    assert!(boards.iter().any(|known| known.id == *board));
    assert_eq!(rig.client.user(&rig.token).await.expect("a user").id, rig.account.id);
    let stranger = rig.client.user(&Secret::new("pina_wrong")).await.expect_err("refused");
    assert_eq!(stranger.failure, Failure::TokenRevoked);
}
