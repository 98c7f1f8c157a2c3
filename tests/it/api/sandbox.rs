//! The sandbox: `infra/runbooks/sandbox.md` played row by row, and nothing of it ever reaches Pinterest.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use pinbridge_shared::domain::ids::{AccountKey, PinKey, WorkspaceId};
use pinbridge_shared::domain::pin::attempt::Attempt;
use pinbridge_shared::domain::sandbox::{ACCOUNTS_MAX, FIXED_BOARDS, OWN_BOARDS_MAX, SECTIONS_MAX, trigger};
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use pinbridge_shared::flows::accounts::refresh_due::refresh_due;
use pinbridge_shared::flows::tenants::purge;
use pinbridge_shared::testing::fake_pinterest::Answer;
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};

use crate::support::api::{Api, As};

const PAGE: &str = include_str!("../../../infra/runbooks/sandbox.md");
const ADA: &str = "ada@example.com";

/// A workspace whose every call of Pinterest's and of custody's is counted.
struct Sandbox {
    api: Api,
    workspace: WorkspaceId,
    token: String,
}

impl Sandbox {
    async fn new() -> Self {
        let api = Api::new().await;
        api.person(ADA, Role::Owner).await;
        let first = api.log_in(ADA).await;
        api.world.faults.take_calls();
        let (status, made) = api.call("POST", "/v1/projects/sandbox", As::Bearer(&first), Value::Null).await;
        assert_eq!(status, 201, "{made}");
        let id = made["projects"][1]["id"].as_str().expect("an id").to_owned();
        let mut sandbox = Self { api, workspace: id.parse().expect("an id"), token: String::new() };
        sandbox.log_in().await;
        sandbox
    }

    /// A session lasts an hour.
    async fn log_in(&mut self) {
        let first = self.api.log_in(ADA).await;
        let body = json!({"project_id": self.workspace});
        let (status, switched) = self.api.call("POST", "/v1/projects/switch", As::Bearer(&first), body).await;
        assert_eq!(status, 200, "{switched}");
        self.token = switched["access_token"].as_str().expect("a token").to_owned();
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.api.call(method, path, As::Bearer(&self.token), body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path} {answer}");
        answer
    }

    async fn publish(&self, title: &str) -> PinKey {
        self.publish_to(FIXED_BOARDS[0].0, title, "https://example.com/soup").await
    }

    async fn publish_to(&self, board: &str, title: &str, link: &str) -> PinKey {
        let account = AccountKey::simulated(self.workspace, 1).account;
        let body = json!({"account_id": account, "board_id": board, "title": title, "link_url": link,
                          "image_url": "https://example.com/a.jpg", "idempotency_key": format!("{title} {link} {board}")});
        let (status, pin) = self.call("POST", "/v1/pins", body).await;
        assert_eq!(status, 201, "{pin}");
        PinKey { workspace: self.workspace, pin: pin["id"].as_str().expect("an id").parse().expect("an id") }
    }

    async fn reported(&self, pin: PinKey) -> Reported {
        let attempt: Attempt = self.api.world.attempt(pin).await;
        let (_, shown) = self.call("GET", &format!("/v1/pins/{}", pin.pin), Value::Null).await;
        let text = |name: &str| shown[name].as_str().map(str::to_owned);
        // An hour later the session is over. The row of a finished pin says the same.
        let of_row = || attempt.failure.map(|failure| failure.code().to_owned());
        match text("status") {
            Some(status) => Reported { status, code: text("error_code"), attempts: attempt.attempt },
            None => Reported { status: attempt.status.name().to_owned(), code: of_row(), attempts: attempt.attempt },
        }
    }

    /// Time passes, and the refresher works too.
    async fn run_for_ms(&self, ms: i64) {
        let end = self.api.world.now().plus_ms(ms);
        while self.api.world.now() < end {
            let next = self.api.world.now().plus_ms(5 * MINUTE_MS).min(end);
            self.api.world.run_until(next).await;
            let ends_at_ms = self.api.world.context.system.monotonic_ms() + 60 * SECOND_MS;
            refresh_due(&self.api.world.context, ends_at_ms).await.expect("refreshed");
        }
    }

    /// Opens the address that begins a connection; answers the account's id.
    async fn connect(&self) -> String {
        let url = self.get("/v1/pinterest/oauth/start").await["authorization_url"].as_str().expect("a URL").to_owned();
        let path = url.strip_prefix("http://localhost").expect("our own callback").to_owned();
        let request =
            || Request::get(&path).header("accept", "application/json").body(Body::empty()).expect("a request");
        let (status, _, answer) = self.api.send(request()).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(self.api.send(request()).await.0, 400, "once");
        answer["account_id"].as_str().expect("an id").to_owned()
    }

    /// Every call since the sandbox was made, but for those of its own table.
    fn assert_untouched(&self) {
        let called: BTreeSet<&str> = self.api.world.faults.take_calls().into_iter().collect();
        assert!(called.contains("store.account"), "the calls are counted: {called:?}");
        let outside = ["pinterest.", "boards.", "analytics.", "oauth.", "secrets."];
        let touched: Vec<_> =
            called.into_iter().filter(|call| outside.iter().any(|port| call.starts_with(port))).collect();
        assert_eq!(touched, [""; 0], "a sandbox touches neither Pinterest nor custody");
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reported {
    status: String,
    code: Option<String>,
    attempts: u32,
}

/// A row of the page.
struct Row {
    marker: &'static str,
    at_first: Option<(String, Option<String>)>,
    in_the_end: (String, Option<String>),
    attempts: u32,
    within_ms: i64,
    reconnects: bool,
}

/// `` `failed` `image_broken` ``.
fn outcome(cell: &str) -> (String, Option<String>) {
    let mut codes = cell.split('`').filter(|part| !part.trim().is_empty()).map(str::to_owned);
    (codes.next().expect("a status"), codes.next())
}

fn rows() -> Vec<Row> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&'static str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [marker, _, at_first, in_the_end, attempts, within, takes] = cells.as_slice() else {
            panic!("seven cells: {line}");
        };
        let (number, unit) = within.split_once(' ').expect("a duration");
        let unit_ms = if unit == "h" { HOUR_MS } else { MINUTE_MS };
        Row {
            marker: marker.trim_matches('`'),
            at_first: (*at_first != "—").then(|| outcome(at_first)),
            in_the_end: outcome(in_the_end),
            attempts: attempts.parse().expect("a number"),
            within_ms: number.parse::<i64>().expect("a number") * unit_ms,
            reconnects: takes.starts_with("connecting"),
        }
    })
    .collect()
}

#[test]
fn the_page_has_every_trigger_and_no_other() {
    let documented: Vec<&str> = rows().iter().map(|row| row.marker).collect();
    let known: Vec<&str> = trigger::all().map(|(name, _)| name).collect();
    assert_eq!(documented, known);
    for (what, number) in [("up to ", ACCOUNTS_MAX as usize), ("up to ", OWN_BOARDS_MAX)] {
        assert!(PAGE.contains(&format!("{what}{number} ")), "{what}{number}");
    }
}

#[tokio::test]
async fn every_trigger_does_what_the_page_says_and_reaches_nobody() {
    for row in rows() {
        let mut sandbox = Sandbox::new().await;
        let pin = sandbox.publish(&format!("Soup [sandbox:{}]", row.marker)).await;
        sandbox.run_for_ms(10 * SECOND_MS).await;
        if let Some((status, code)) = &row.at_first {
            let reported = sandbox.reported(pin).await;
            assert_eq!((&reported.status, &reported.code), (status, code), "{} at first", row.marker);
        }
        if row.reconnects {
            // Less than the hold, at whose end a single pin is tried.
            sandbox.run_for_ms(12 * MINUTE_MS).await;
            let reported = sandbox.reported(pin).await;
            assert_eq!(reported.status, "deferred", "{} is held until a person acts: {reported:?}", row.marker);
            let account = &sandbox.get("/v1/pinterest/accounts").await[0];
            // At Pinterest, no connection mends the app's access; the sandbox takes it for mended.
            let is_of_app = ["trial_access", "feature_restricted"].contains(&row.marker);
            assert_eq!(account["reconnect_required"], json!(!is_of_app), "{} {account}", row.marker);
            let id = sandbox.connect().await;
            assert_eq!(id, AccountKey::simulated(sandbox.workspace, 1).account.to_string(), "the same account");
        }
        sandbox.run_for_ms(row.within_ms).await;
        sandbox.log_in().await;
        let reported = sandbox.reported(pin).await;
        let (status, code) = row.in_the_end;
        assert_eq!((reported.status, reported.code, reported.attempts), (status, code, row.attempts), "{}", row.marker);
        sandbox.assert_untouched();
    }
}

#[tokio::test]
async fn a_person_chooses_from_the_pins_of_the_sandbox() {
    let sandbox = Sandbox::new().await;
    let pin = sandbox.publish("Soup [sandbox:outcome_ambiguous]").await;
    sandbox.run_for_ms(10 * MINUTE_MS).await;
    let path = format!("/v1/pins/{}", pin.pin);
    let shown = sandbox.get(&path).await;
    let id = &shown["candidates"][1]["pinterest_pin_id"];
    assert!(id.is_string(), "{shown}");
    for decision in [json!({"none": true}), json!({"pinterest_pin_id": id})] {
        let (status, decided) = sandbox.call("POST", &format!("{path}/resolve"), decision).await;
        assert_eq!(status, 200, "{decided}");
    }
    assert_eq!(sandbox.get(&path).await["pinterest_pin_id"], *id);
    sandbox.assert_untouched();
}

#[tokio::test]
async fn a_lost_answer_of_the_sandbox_says_what_was_sent_as_one_of_pinterests_does() {
    let sandbox = Sandbox::new().await;
    let pin = sandbox.publish("Soup [sandbox:answer_lost_created]").await;
    sandbox.run_for_ms(MINUTE_MS).await;
    let timeline = sandbox.get(&format!("/v1/pins/{}/timeline", pin.pin)).await;
    let events = timeline["events"].as_array().expect("a list");
    let lost = events.iter().find(|event| event["event"] == "outcome_unknown").expect("an unknown outcome");
    assert_eq!(lost["transport_error"], "the connection to Pinterest broke", "{timeline}");
    assert!(lost["content_hash"].is_string() && lost["upstream_latency_ms"].is_u64(), "{timeline}");
    sandbox.assert_untouched();
}

#[tokio::test]
async fn a_marker_in_the_link_does_the_same_and_a_misspelt_one_is_noticed() {
    let sandbox = Sandbox::new().await;
    let board = FIXED_BOARDS[1].0;
    let link = "https://example.com/?a=1&pinbridge_sandbox=link_blocked";
    let blocked = sandbox.publish_to(board, "Soup", link).await;
    let misspelt = sandbox.publish("Soup [sandbox:link_bloked]").await;
    let plain = sandbox.publish("Soup").await;
    sandbox.run_for_ms(MINUTE_MS).await;
    let code = async |pin| sandbox.reported(pin).await.code;
    assert_eq!(code(blocked).await.as_deref(), Some("link_blocked"));
    assert_eq!(code(misspelt).await.as_deref(), Some("invalid_request"));
    let body = json!({"account_id": AccountKey::simulated(sandbox.workspace, 1).account, "board_id": "123", "title": "Soup",
                      "image_url": "https://example.com/a.jpg", "idempotency_key": "elsewhere"});
    let (status, refused) = sandbox.call("POST", "/v1/pins", body).await;
    assert_eq!((status, &refused["code"]), (422, &json!("board_not_found")), "no such board in the sandbox");
    assert_eq!(sandbox.reported(plain).await.status, "published");
    let shown = sandbox.get(&format!("/v1/pins/{}", plain.pin)).await;
    assert!(shown["pinterest_pin_id"].as_str().is_some_and(|id| id.len() == 18), "{shown}");
    sandbox.assert_untouched();
}

#[tokio::test]
async fn in_production_a_marker_is_text() {
    let api = Api::new().await;
    let mut request = testdata::request("marked");
    request.title = "Soup [sandbox:image_broken]".into();
    request.link_url = Some("https://example.com/?pinbridge_sandbox=token_revoked".into());
    let pin = api.world.accept_request(request).await;
    api.world.pinterest.answer_next([Answer::Created]);
    api.world.run_for_ms(10 * SECOND_MS).await;
    assert_eq!(api.world.attempt(pin).await.status.name(), "published");
    assert_eq!(api.world.pinterest.calls().len(), 1, "Pinterest was asked");
}

/// As many boards at once as the account's pace lets through.
const AT_ONCE: usize = 25;

#[tokio::test]
async fn boards_that_are_created_at_once_beyond_the_limit_all_get_the_limits_error() {
    // How many boards there are before, and whether the new ones all have one name.
    for (before, is_one_name) in [(0, false), (7, false), (9, false), (9, true), (10, false)] {
        let sandbox = Sandbox::new().await;
        let account = AccountKey::simulated(sandbox.workspace, 1).account;
        let create = async |name: String| {
            sandbox.call("POST", "/v1/pinterest/boards", json!({"account_id": account, "name": name})).await
        };
        for n in 0..before {
            assert_eq!(create(format!("Before {n}")).await.0, 201);
        }
        sandbox.api.world.system.advance_ms(10 * MINUTE_MS);
        let expected = told_alone().await;
        // All of them read the same state of the account before the first one is through.
        for call in ["simulated_accounts.simulated_account", "simulated_accounts.save_simulated_account"] {
            for nth in 1..=AT_ONCE * AT_ONCE {
                sandbox.api.world.faults.plan(call, nth, Fault::Yield);
            }
        }
        let name = |n: usize| if is_one_name { "The last one".to_owned() } else { format!("At once {n}") };
        let answers = futures_util::future::join_all((0..AT_ONCE).map(|n| create(name(n)))).await;
        sandbox.api.world.faults.heal();
        let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 201);
        assert_eq!(made.len(), OWN_BOARDS_MAX - before, "{before} before: {refused:?}");
        for (status, answer) in refused {
            let told = (status, answer["code"].clone(), answer["error"]["message"].clone());
            assert_eq!(told, expected, "{before} before, one name: {is_one_name}");
        }
        let all = sandbox.get(&format!("/v1/pinterest/boards?account_id={account}")).await;
        assert_eq!(all.as_array().map(Vec::len), Some(FIXED_BOARDS.len() + OWN_BOARDS_MAX));
    }
}

/// What a caller beyond the limit gets who is alone.
async fn told_alone() -> (u16, Value, Value) {
    let sandbox = Sandbox::new().await;
    let account = AccountKey::simulated(sandbox.workspace, 1).account;
    let mut last = (0, Value::Null);
    for n in 0..=OWN_BOARDS_MAX {
        let body = json!({"account_id": account, "name": format!("Board {n}")});
        last = sandbox.call("POST", "/v1/pinterest/boards", body).await;
    }
    let (status, answer) = last;
    assert_eq!((status, &answer["code"]), (403, &json!("sandbox_board_limit")));
    (status, answer["code"].clone(), answer["error"]["message"].clone())
}

#[tokio::test]
async fn sections_that_are_created_at_once_are_all_made_or_refused_by_the_limit() {
    let sandbox = Sandbox::new().await;
    let account = AccountKey::simulated(sandbox.workspace, 1).account;
    let path = format!("/v1/pinterest/boards/{}/sections", FIXED_BOARDS[0].0);
    for round in 0..3 {
        sandbox.api.world.system.advance_ms(10 * MINUTE_MS);
        for nth in 1..=AT_ONCE * AT_ONCE {
            sandbox.api.world.faults.plan("simulated_accounts.save_simulated_account", nth, Fault::Yield);
        }
        let create = |n: usize| {
            let body = json!({"account_id": account, "name": format!("Round {round}, {n}")});
            let path = path.as_str();
            let sandbox = &sandbox;
            async move { sandbox.call("POST", path, body).await }
        };
        let answers = futures_util::future::join_all((0..AT_ONCE).map(create)).await;
        sandbox.api.world.faults.heal();
        let left = SECTIONS_MAX.saturating_sub(round * AT_ONCE).min(AT_ONCE);
        assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), left, "{answers:?}");
        let refused: BTreeSet<String> = answers
            .iter()
            .filter(|(status, _)| *status != 201)
            .map(|(status, told)| format!("{status} {}", told["code"]))
            .collect();
        assert!(refused.len() <= 1, "{refused:?}");
    }
}

#[tokio::test]
async fn boards_live_as_at_pinterest_up_to_a_limit() {
    let sandbox = Sandbox::new().await;
    let account = AccountKey::simulated(sandbox.workspace, 1).account;
    let boards = async || sandbox.get(&format!("/v1/pinterest/boards?account_id={account}")).await;
    assert_eq!(boards().await.as_array().map(Vec::len), Some(FIXED_BOARDS.len()));
    let create = async |name: String| {
        sandbox.call("POST", "/v1/pinterest/boards", json!({"account_id": account, "name": name})).await
    };
    for n in 0..OWN_BOARDS_MAX {
        assert_eq!(create(format!("Board {n}")).await.0, 201);
    }
    let (status, refused) = create("One more".into()).await;
    assert_eq!((status, &refused["code"]), (403, &json!("sandbox_board_limit")));
    let all = boards().await;
    let own = all[FIXED_BOARDS.len()]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/pinterest/boards/{own}");
    let (status, changed) = sandbox.call("PATCH", &path, json!({"account_id": account, "name": "Soups"})).await;
    assert_eq!((status, &changed["name"]), (200, &json!("Soups")));
    let body = json!({"account_id": account, "name": "Hot"});
    assert_eq!(sandbox.call("POST", &format!("{path}/sections"), body).await.0, 201);
    let sections = sandbox.get(&format!("{path}/sections?account_id={account}")).await;
    assert_eq!(sections[0]["name"], json!("Hot"));
    let access = sandbox.get(&format!("{path}/access?account_id={account}&fresh=true")).await;
    assert_eq!((&access["status"], &access["publishable"]), (&json!("ok"), &json!(true)));
    let terms = sandbox.get(&format!("/v1/pinterest/terms/related?account_id={account}&terms=soup")).await;
    assert_eq!(terms["related_term_count"], json!(2));
    let delete = async |id: &str| {
        sandbox.call("DELETE", &format!("/v1/pinterest/boards/{id}?account_id={account}"), Value::Null).await
    };
    let (status, refused) = delete(FIXED_BOARDS[0].0).await;
    assert_eq!((status, &refused["code"]), (403, &json!("sandbox_board_fixed")));
    assert_eq!(delete(&own).await.0, 204);
    let access = sandbox.get(&format!("{path}/access?account_id={account}&fresh=true")).await;
    assert_eq!(access["code"], json!("board_deleted"));
    sandbox.assert_untouched();
}

#[tokio::test]
async fn more_accounts_are_connected_up_to_a_limit_and_disconnected() {
    let sandbox = Sandbox::new().await;
    let mut ids: BTreeSet<String> = BTreeSet::new();
    for _ in 1..ACCOUNTS_MAX {
        sandbox.api.world.system.advance_ms(SECOND_MS);
        ids.insert(sandbox.connect().await);
    }
    let (status, refused) = sandbox.call("GET", "/v1/pinterest/oauth/start", Value::Null).await;
    assert_eq!((status, &refused["code"]), (403, &json!("sandbox_account_limit")));
    let listed = sandbox.get("/v1/pinterest/accounts").await;
    assert_eq!(listed.as_array().map(Vec::len), Some(ACCOUNTS_MAX as usize));
    let first = listed[0]["id"].as_str().expect("an id").to_owned();
    assert!(!ids.contains(&first) && listed[0]["health_status"] == json!("healthy"), "{listed}");
    assert_eq!(sandbox.call("DELETE", &format!("/v1/pinterest/accounts/{first}"), Value::Null).await.0, 204);
    let boards = sandbox.call("GET", &format!("/v1/pinterest/boards?account_id={first}"), Value::Null).await;
    assert_eq!((boards.0, &boards.1["code"]), (409, &json!("token_revoked")));
    assert_eq!(sandbox.connect().await, first, "what needs it is connected first");
    let due = sandbox.api.world.context.store.accounts_due(sandbox.api.world.now().plus_ms(90 * DAY_MS), 10).await;
    assert_eq!(due.expect("read"), [], "nothing of a sandbox is ever refreshed ahead");
    sandbox.assert_untouched();
}

#[tokio::test]
async fn a_reset_sandbox_has_an_account_again_and_nothing_else() {
    let mut sandbox = Sandbox::new().await;
    let pin = sandbox.publish("Soup [sandbox:pinterest_spam_block]").await;
    sandbox.run_for_ms(10 * SECOND_MS).await;
    assert_eq!(sandbox.reported(pin).await.status, "deferred");
    let (status, _) = sandbox.call("POST", "/v1/projects/sandbox/reset", Value::Null).await;
    assert_eq!(status, 200);
    for _ in 0..10 {
        let ends_at_ms = sandbox.api.world.context.system.monotonic_ms() + 600 * SECOND_MS;
        purge::continue_all(&sandbox.api.world.context, ends_at_ms).await.expect("purged");
        sandbox.run_for_ms(5 * MINUTE_MS).await;
    }
    sandbox.log_in().await;
    assert_eq!(sandbox.get("/v1/pins").await, json!([]));
    let accounts = sandbox.get("/v1/pinterest/accounts").await;
    assert_eq!((accounts.as_array().map(Vec::len), &accounts[0]["health_status"]), (Some(1), &json!("healthy")));
    let pin = sandbox.publish("Soup").await;
    sandbox.run_for_ms(MINUTE_MS).await;
    assert_eq!(sandbox.reported(pin).await.status, "published", "its pause is gone with the rest");
    sandbox.assert_untouched();
}

#[tokio::test]
async fn a_real_token_is_never_connected_in_a_sandbox_nor_a_simulated_one_elsewhere() {
    use pinbridge_shared::domain::sandbox::SimulatedToken;
    use pinbridge_shared::flows::accounts::connect::{ConnectError, connect_account};
    use pinbridge_shared::ports::Tokens;
    let sandbox = Sandbox::new().await;
    let world = &sandbox.api.world.context;
    let real = Tokens::bare("pina_ABC", None);
    let refused = connect_account(world, sandbox.workspace, &real).await;
    assert!(matches!(refused, Err(ConnectError::Sandbox)), "{refused:?}");
    let account = AccountKey::simulated(sandbox.workspace, 1);
    let simulated = SimulatedToken { account, grant: 1, serial: 0 }.text("access");
    let refused = connect_account(world, testdata::workspace(), &Tokens::bare(simulated.expose(), None)).await;
    assert!(matches!(refused, Err(ConnectError::Sandbox)), "{refused:?}");
    sandbox.assert_untouched();
}
