//! Connecting, accounts, boards, sections, access and related terms, through the API's own routes over fakes.

use axum::body::Body;
use http::{HeaderMap, Method, Request};
use pinbridge_shared::domain::account::Account;
use pinbridge_shared::domain::account::credentials::TokenLife;
use pinbridge_shared::domain::pin::attempt::Upstream;
use pinbridge_shared::domain::pin::failure::Failure;
use pinbridge_shared::domain::tenant::{Workspace, WorkspaceEnvironment};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::flows::tenants::projects::create_workspace;
use pinbridge_shared::ports::ReadFailure;
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_boards::refused;
use pinbridge_shared::testing::fake_oauth::GrantAnswer;
use serde_json::{Value, json};

use crate::support::api::answer;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const ALL_SCOPES: &str = "ads:read,boards:read,boards:read_secret,boards:write,boards:write_secret,pins:read,\
                          pins:read_secret,pins:write,pins:write_secret,user_accounts:read";

struct Api {
    world: TestWorld,
    key: String,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    fn told(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl Api {
    /// The account of [`testdata`] is connected, with every scope.
    async fn new() -> Self {
        let world = TestWorld::new(1).await;
        let key =
            create_workspace(&world.context, testdata::workspace(), "Paper <&> Co.", [7; 32]).await.expect("created");
        let api = Self { world, key };
        api.change(|account| account.scopes = ALL_SCOPES.into()).await;
        api
    }

    async fn change(&self, change: impl FnOnce(&mut Account)) {
        let key = testdata::connected_account().key;
        let account = self.world.context.store.account(key).await.expect("read").expect("there");
        let mut next = account.next(self.world.now(), self.world.context.nonce());
        change(&mut next);
        assert!(self.world.context.store.save_account(&next).await.expect("written").is_done());
    }

    fn account(&self) -> String {
        testdata::connected_account().key.account.to_string()
    }

    async fn send(&self, method: Method, path: &str, accept: &str, body: Option<Value>) -> Answer {
        let request =
            Request::builder().method(method).uri(path).header("x-api-key", &self.key).header("accept", accept);
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).expect("a request");
        let (status, headers, text) = answer(&self.world.context, request).await;
        Answer { status, headers, text }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "application/json", None).await
    }

    async fn page(&self, path: &str) -> Answer {
        self.send(Method::GET, path, BROWSER, None).await
    }

    /// The state of an authorization that is pending from now on.
    async fn begin(&self) -> String {
        let answer = self.get("/v1/pinterest/oauth/start").await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        let url = answer.json()["authorization_url"].as_str().expect("a URL").to_owned();
        url.split_once("state=").expect("a state").1.to_owned()
    }

    /// What a person sees who reads the question and agrees.
    async fn agree(&self, path: &str) -> Answer {
        let asked = self.page(path).await;
        assert!(asked.text.contains("<h1>Connect your Pinterest account?</h1>"), "{}", asked.text);
        let (_, query) = path.split_once('?').expect("a query");
        let request = Request::post("/v1/pinterest/oauth/callback").header("accept", BROWSER);
        let request = request.body(Body::from(format!("{query}&decision=connect"))).expect("a request");
        let (status, headers, text) = answer(&self.world.context, request).await;
        Answer { status, headers, text }
    }

    fn code(&self, user: &str) -> String {
        self.world.oauth.code(user).expose().to_owned()
    }

    async fn callback(&self, user: &str) -> String {
        format!("/v1/pinterest/oauth/callback?code={}&state={}", self.code(user), self.begin().await)
    }
}

fn assert_is_safe(page: &Answer) {
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(page.headers.contains_key("x-request-id"));
    for forbidden in ["<script", "http://", "https://", "src=", "href="] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn a_client_finishes_a_connection_with_json() {
    let api = Api::new().await;
    let path = api.callback("9001").await;
    let answer = api.get(&path).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["status"]), (200, &json!("success")), "{body}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let accounts = api.get("/v1/pinterest/accounts").await.json();
    let connected = accounts.as_array().expect("a list").iter().find(|account| account["id"] == body["account_id"]);
    let connected = connected.expect("listed");
    assert_eq!((&connected["pinterest_user_id"], &connected["health_status"]), (&json!("9001"), &json!("healthy")));
    assert_eq!((&connected["reconnect_required"], &connected["missing_scopes"]), (&json!(false), &json!([])));
    assert!(connected["token_expires_at"].is_string() && connected["health_checked_at"].is_string());
    assert_eq!(api.get(&path).await.told(), (400, "oauth_state_invalid".into()), "once");
}

#[tokio::test]
async fn a_person_sees_a_page_that_is_safe_to_show() {
    let api = Api::new().await;
    let page = api.agree(&api.callback("9001").await).await;
    assert_eq!(page.status, 200);
    assert_is_safe(&page);
    assert!(page.text.contains("<h1>Connected</h1>") && page.text.contains("paperfolder"), "{}", page.text);
    assert!(page.text.contains("Paper &lt;&amp;&gt; Co.") && !page.text.contains("Paper <"), "{}", page.text);
}

#[tokio::test]
async fn each_failure_has_its_words_for_people_and_its_code_for_clients() {
    let api = Api::new().await;
    let callback = "/v1/pinterest/oauth/callback";
    let cases: [(Option<GrantAnswer>, &str, u16, &str); 7] = [
        (None, "error=access_denied", 400, "oauth_denied"),
        (None, "error=server_error&code=x", 400, "oauth_denied"),
        (None, "", 400, "oauth_code_missing"),
        (Some(GrantAnswer::Refused), "code=x", 400, "oauth_code_refused"),
        (Some(GrantAnswer::AppRefused), "code=x", 502, "pinterest_app_refused"),
        (Some(GrantAnswer::NotNow), "code=x", 502, "pinterest_unreachable"),
        (Some(GrantAnswer::LostWithCommit), "code=x", 502, "pinterest_unreachable"),
    ];
    for (answer, query, status, code) in cases {
        for is_person in [false, true] {
            api.world.oauth.answer_next(answer);
            let path = format!("{callback}?{query}&state={}", api.begin().await);
            if is_person {
                // Who refused on Pinterest's page is not asked again.
                let page = if query.starts_with("code=") { api.agree(&path).await } else { api.page(&path).await };
                assert_eq!(page.status, status, "{query}");
                assert_is_safe(&page);
                assert!(page.text.contains("<h1>Not connected</h1>") && page.text.contains("class=\"do\""), "{query}");
                assert!(!page.text.contains("/v1/"), "a person can't call the API: {}", page.text);
            } else {
                assert_eq!(api.get(&path).await.told(), (status, code.into()), "{query}");
            }
        }
    }
    for state in ["", "&state=", "&state=nonsense", &format!("&state={}", "a".repeat(96))] {
        let path = format!("{callback}?code=x{state}");
        assert_eq!(api.get(&path).await.told(), (400, "oauth_state_invalid".into()), "{state}");
        let page = api.page(&path).await;
        assert_eq!(page.status, 400);
        assert_is_safe(&page);
    }
    let path = api.callback("9001").await;
    api.world.system.advance_ms(10 * MINUTE_MS);
    assert_eq!(api.get(&path).await.told(), (400, "oauth_state_invalid".into()), "too late");
    assert_eq!(
        api.get("/v1/pinterest/accounts").await.json().as_array().map(Vec::len),
        Some(1),
        "nothing was connected"
    );
}

#[tokio::test]
async fn without_an_app_no_authorization_starts() {
    let api = Api::new().await;
    api.world.oauth.remove_app();
    assert_eq!(api.get("/v1/pinterest/oauth/start").await.told(), (409, "pinterest_app_missing".into()));
}

#[tokio::test]
async fn a_key_with_an_allow_list_begins_nothing_and_a_sandbox_takes_no_code_of_pinterests() {
    let mut api = Api::new().await;
    let body = json!({"name": "limited", "pinterest_account_ids": [api.account()]});
    let made = api.send(Method::POST, "/v1/api-keys", "*/*", Some(body)).await.json();
    let whole = std::mem::replace(&mut api.key, made["api_key"].as_str().expect("a key").to_owned());
    assert_eq!(api.get("/v1/pinterest/oauth/start").await.told(), (403, "account_not_permitted".into()));
    api.key = whole;
    let path = api.callback("9001").await;
    let tenants = &api.world.context.tenants;
    let workspace = tenants.workspace(testdata::workspace()).await.expect("read").expect("there");
    let sandbox = Workspace { environment: WorkspaceEnvironment::Sandbox, ..workspace.next("sandbox".into()) };
    assert!(tenants.save_workspace(&sandbox).await.expect("written").is_done());
    assert_eq!(
        api.get(&path).await.told(),
        (400, "oauth_code_refused".into()),
        "Pinterest's codes are not for a sandbox"
    );
}

#[tokio::test]
async fn a_revoked_account_is_shown_as_such_and_comes_back() {
    let api = Api::new().await;
    let path = format!("/v1/pinterest/accounts/{}", api.account());
    for _ in 0..2 {
        let answer = api.send(Method::DELETE, &path, "application/json", None).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    let account = api.get("/v1/pinterest/accounts").await.json()[0].clone();
    assert_eq!((&account["health_status"], &account["reconnect_required"]), (&json!("token_revoked"), &json!(true)));
    assert!(account["revoked_at"].is_string());
    let boards = api.get(&format!("/v1/pinterest/boards?account_id={}", api.account())).await;
    assert_eq!(boards.told(), (409, "token_revoked".into()));
    for (id, wanted) in
        [("7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6", (404, "not_found")), ("nonsense", (422, "validation_error"))]
    {
        let answer = api.send(Method::DELETE, &format!("/v1/pinterest/accounts/{id}"), "*/*", None).await;
        assert_eq!(answer.told(), (wanted.0, wanted.1.into()));
    }
}

#[tokio::test]
async fn boards_are_created_changed_and_deleted() {
    let api = Api::new().await;
    let boards = "/v1/pinterest/boards";
    let body = json!({"account_id": api.account(), "name": "Paper", "description": "Folded", "privacy": "SECRET"});
    let created = api.send(Method::POST, boards, "*/*", Some(body.clone())).await;
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(created.json(), json!({"id": id, "name": "Paper", "description": "Folded", "privacy": "SECRET"}));
    let twice = api.send(Method::POST, boards, "*/*", Some(body)).await;
    assert_eq!(twice.told(), (422, "validation_error".into()));
    let path = format!("{boards}/{id}");
    let change = json!({"account_id": api.account(), "name": "Cranes", "privacy": null});
    let changed = api.send(Method::PATCH, &path, "*/*", Some(change)).await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("Cranes")));
    let listed = api.get(&format!("{boards}?account_id={}", api.account())).await.json();
    let made: Vec<&Value> =
        listed.as_array().expect("a list").iter().filter(|board| board["id"] == id.as_str()).collect();
    assert_eq!(made, [&changed.json()]);
    let sections = format!("{path}/sections");
    let section = json!({"account_id": api.account(), "name": "Small"});
    assert_eq!(api.send(Method::POST, &sections, "*/*", Some(section)).await.status, 201);
    let listed = api.get(&format!("{sections}?account_id={}", api.account())).await.json();
    assert_eq!(listed[0]["name"], "Small");
    let with_account = format!("{path}?account_id={}", api.account());
    assert_eq!(api.send(Method::DELETE, &with_account, "*/*", None).await.status, 204);
    let gone = api.send(Method::DELETE, &with_account, "*/*", None).await;
    assert_eq!(gone.told(), (404, "board_not_found".into()));
}

#[tokio::test]
async fn what_a_board_cannot_be_is_refused_by_field() {
    let api = Api::new().await;
    let account = api.account();
    let id = api.world.boards.add("Paper");
    let cases = [
        (Method::POST, "", json!({"account_id": account})),
        (Method::POST, "", json!({"account_id": "x", "name": "n"})),
        (Method::POST, "", json!({"account_id": account, "name": " "})),
        (Method::POST, "", json!({"account_id": account, "name": "n".repeat(181)})),
        (Method::POST, "", json!({"account_id": account, "name": "n", "privacy": "OPEN"})),
        (Method::PATCH, &format!("/{id}"), json!({"account_id": account})),
        (Method::PATCH, &format!("/{id}"), json!({"account_id": account, "name": null})),
        (Method::PATCH, &format!("/{id}"), json!({"account_id": account, "privacy": "PROTECTED"})),
        (Method::POST, &format!("/{id}/sections"), json!({"account_id": account, "name": ""})),
    ];
    for (method, rest, body) in cases {
        let answer = api.send(method, &format!("/v1/pinterest/boards{rest}"), "*/*", Some(body.clone())).await;
        assert_eq!(answer.told(), (422, "validation_error".into()), "{body}");
    }
    for wrong in ["..%2Fuser_account", "12a", "1%3Fx=1"] {
        let path = format!("/v1/pinterest/boards/{wrong}?account_id={account}");
        assert_eq!(
            api.send(Method::DELETE, &path, "*/*", None).await.told(),
            (404, "board_not_found".into()),
            "{wrong}"
        );
    }
    assert_eq!(api.world.boards.tokens(), [], "Pinterest was asked for none of them");
}

#[tokio::test]
async fn pinterests_refusals_have_the_contracts_codes() {
    let slow = ReadFailure { retry_after_ms: Some(6_001), ..refused(Failure::RateLimited) };
    let scopes = Upstream { code: Some(3), message: Some("Missing: ['boards:read']".into()), ..Upstream::default() };
    let words =
        Upstream { code: Some(400), message: Some("The board name is <invalid>.".into()), ..Upstream::default() };
    let cases = [
        (slow, 429, "rate_limited", ""),
        (refused(Failure::SpamBlock), 429, "rate_limited", ""),
        (ReadFailure { upstream: scopes, ..refused(Failure::ScopeMissing) }, 409, "scope_missing", "boards:read"),
        (ReadFailure { upstream: words, ..refused(Failure::InvalidRequest) }, 422, "validation_error", "<invalid>"),
        (refused(Failure::TokenRevoked), 409, "token_revoked", ""),
        (refused(Failure::BoardAccessDenied), 422, "board_access_denied", ""),
        (refused(Failure::PinterestBusy), 503, "pinterest_busy", ""),
        (refused(Failure::PinterestUnreachable), 502, "pinterest_unreachable", ""),
        (refused(Failure::OutcomeUnknown), 502, "outcome_unknown", ""),
        (refused(Failure::TrialAccess), 409, "trial_access", ""),
        (refused(Failure::Unrecognised), 502, "pinterest_rejected", ""),
    ];
    for (failure, status, code, word) in cases {
        for is_write in [false, true] {
            let api = Api::new().await;
            // A single refusal of a token is asked again.
            let answers = if failure.failure == Failure::TokenRevoked { 2 } else { 1 };
            api.world.boards.fail_next(vec![failure.clone(); answers]);
            let answer = if is_write {
                let create = json!({"account_id": api.account(), "name": "Paper"});
                api.send(Method::POST, "/v1/pinterest/boards", "*/*", Some(create)).await
            } else {
                api.get(&format!("/v1/pinterest/boards?account_id={}", api.account())).await
            };
            assert_eq!(answer.told(), (status, code.into()));
            assert!(answer.json()["message"].as_str().is_some_and(|message| message.contains(word)), "{}", answer.text);
            if status == 429 {
                // Always a number: Pinterest's, rounded up, or ours.
                let seconds = if failure.retry_after_ms.is_some() { 7 } else { 60 };
                assert_eq!(answer.json()["error"]["retry_after_seconds"], json!(seconds));
                assert_eq!(answer.headers["retry-after"], seconds.to_string());
            }
            // A 429 pauses the account, and so does a block.
            let bucket = api.world.context.store.bucket(testdata::connected_account().key).await.expect("read");
            let pauses = matches!(failure.failure, Failure::RateLimited | Failure::SpamBlock);
            assert_eq!(bucket.is_paused(api.world.now()), pauses, "{failure:?} {is_write}");
        }
    }
}

/// What the rate meter and the next pin say after a board's 429.
#[tokio::test]
async fn a_429_on_any_call_is_seen_in_the_rate_meter_and_by_the_next_pin() {
    for is_write in [false, true] {
        let api = Api::new().await;
        let limited = ReadFailure { retry_after_ms: Some(120_000), ..refused(Failure::RateLimited) };
        api.world.boards.fail_next([limited]);
        let answer = if is_write {
            let create = json!({"account_id": api.account(), "name": "Rate limit tips"});
            api.send(Method::POST, "/v1/pinterest/boards", "*/*", Some(create)).await
        } else {
            api.get(&format!("/v1/pinterest/boards?account_id={}", api.account())).await
        };
        assert_eq!(answer.json()["error"]["retry_after_seconds"], json!(120), "{}", answer.text);
        let meter = api.get(&format!("/v1/rate-meter?account_id={}", api.account())).await;
        assert!(meter.text.contains("paused_until\":\""), "{}", meter.text);
        let key = api.world.accept("key").await;
        assert_eq!(api.world.attempt(key).await.wait.map(|wait| wait.code()), Some("account_paused"));
    }
}

#[tokio::test]
async fn a_refused_token_is_read_afresh_once() {
    let api = Api::new().await;
    api.world.boards.fail_next(vec![refused(Failure::TokenRevoked); 2]);
    api.world.store_token("token-2").await;
    let path = format!("/v1/pinterest/boards?account_id={}", api.account());
    let refused_alone = api.get(&path).await;
    assert_eq!(refused_alone.told(), (409, "token_revoked".into()), "custody has no other");
    // The account publishes: nothing says otherwise.
    let told = refused_alone.json();
    let text = |name: &str| told[name].as_str().or(told["error"][name].as_str()).unwrap_or_default().to_owned();
    assert!(text("message").contains("publishing goes on"), "{told}");
    assert!(
        text("remediation").contains("reconnect the account") && !told.to_string().contains("held until"),
        "{told}"
    );
    let account = api.world.context.store.account(testdata::connected_account().key).await.expect("read");
    let bucket = api.world.context.store.bucket(testdata::connected_account().key).await.expect("read");
    assert!(account.is_some_and(|account| account.is_connected()) && !bucket.is_held_for_token());
    let expired = TokenLife { access_expires_at: Some(api.world.now()), ..TokenLife::default() };
    api.change(|account| account.life = expired).await;
    api.world.boards.fail_next([refused(Failure::TokenRevoked)]);
    assert_eq!(api.get(&path).await.told(), (409, "token_expired".into()));
}

#[tokio::test]
async fn board_access_says_why_not_and_never_raises_for_a_board() {
    let api = Api::new().await;
    let id = api.world.boards.add("Paper");
    let access = async |board: &str, fresh: bool| {
        let path = format!("/v1/pinterest/boards/{board}/access?account_id={}&fresh={fresh}", api.account());
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let told = |answer: &Value| {
        let text = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
        (answer["publishable"].as_bool().expect("a flag"), text("status"), text("code"), text("source"))
    };
    let is = |publishable: bool, status: &str, code: &str, source: &str| {
        (publishable, status.to_owned(), code.to_owned(), source.to_owned())
    };
    let first = access(&id, false).await;
    assert_eq!(told(&first), is(true, "ok", "-", "pinterest"));
    assert_eq!((&first["board"]["name"], &first["account_health"]["status"]), (&json!("Paper"), &json!("healthy")));
    assert_eq!(told(&access(&id, false).await), is(true, "ok", "-", "cache"));
    assert_eq!(told(&access(&id, true).await), is(true, "ok", "-", "pinterest"));
    api.world.system.advance_ms(5 * MINUTE_MS);
    assert_eq!(told(&access(&id, false).await).3, "pinterest", "minutes later it is asked again");
    assert_eq!(told(&access("42", false).await), is(false, "failed", "board_not_found", "pinterest"));
    assert_eq!(told(&access("..%2Fuser_account", false).await), is(false, "failed", "board_not_found", "cache"));
    for (failure, status, code) in [
        (Failure::BoardAccessDenied, "failed", "board_access_denied"),
        (Failure::ScopeMissing, "failed", "scope_missing"),
        (Failure::TokenRevoked, "failed", "token_revoked"),
        (Failure::RateLimited, "skipped", "rate_limited"),
        (Failure::PinterestUnreachable, "skipped", "pinterest_unreachable"),
    ] {
        let answers = if failure == Failure::TokenRevoked { 2 } else { 1 };
        api.world.boards.fail_next(vec![refused(failure); answers]);
        let answer = access(&id, true).await;
        assert_eq!(told(&answer), is(false, status, code, "pinterest"));
        assert!(answer["remediation"].is_string());
        assert_eq!(answer["retry_after_seconds"].is_u64(), status == "skipped");
    }
    // The 429 has paused the account.
    api.world.system.advance_ms(5 * MINUTE_MS);
    let path = format!("/v1/pinterest/boards/{id}?account_id={}", api.account());
    assert_eq!(api.send(Method::DELETE, &path, "*/*", None).await.status, 204);
    assert_eq!(told(&access(&id, false).await), is(false, "failed", "board_deleted", "cache"));
    assert_eq!(told(&access(&id, true).await), is(false, "failed", "board_deleted", "pinterest"));
    api.change(|account| account.scopes = "boards:read".into()).await;
    let narrow = access(&id, true).await;
    assert_eq!(told(&narrow), is(false, "failed", "scope_missing", "cache"));
    assert_eq!(narrow["account_health"]["status"], "scope_missing");
    let stranger = "/v1/pinterest/boards/1/access?account_id=7d11ee90-a944-54ed-a55c-7f2e8a5ca0b6";
    assert_eq!(api.get(stranger).await.told(), (404, "not_found".into()));
    let wrong = format!("/v1/pinterest/boards/1/access?account_id={}&fresh=maybe", api.account());
    assert_eq!(api.get(&wrong).await.told(), (422, "validation_error".into()));
}

#[tokio::test]
async fn a_secret_board_needs_more_scopes() {
    let api = Api::new().await;
    let publishing = "boards:read,boards:write,pins:read,pins:write,user_accounts:read";
    let body = json!({"account_id": api.account(), "name": "Paper", "privacy": "secret"});
    let created = api.send(Method::POST, "/v1/pinterest/boards", "*/*", Some(body.clone())).await;
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    api.change(|account| account.scopes = publishing.into()).await;
    let answer = api.send(Method::POST, "/v1/pinterest/boards", "*/*", Some(body.clone())).await;
    assert_eq!(answer.told(), (409, "scope_missing".into()));
    assert!(answer.text.contains("boards:write_secret"), "{}", answer.text);
    let answer = api.send(Method::PATCH, &format!("/v1/pinterest/boards/{id}"), "*/*", Some(body)).await;
    assert_eq!(answer.told(), (409, "scope_missing".into()));
    let path = format!("/v1/pinterest/boards/{id}/access?account_id={}", api.account());
    assert_eq!(api.get(&path).await.json()["code"], "scope_missing");
}

#[tokio::test]
async fn related_terms_are_passed_through() {
    let api = Api::new().await;
    let path = format!("/v1/pinterest/terms/related?account_id={}", api.account());
    let wanted = json!({
        "id": "paper",
        "related_term_count": 2,
        "related_terms_list": [
            {"term": "paper", "related_terms": ["paper ideas"]}, {"term": "fold it", "related_terms": ["fold it ideas"]},
        ],
        "exact_match": false,
    });
    for query in ["&terms=paper&terms=fold%20it", "&terms=paper,fold+it&exact_match=false"] {
        assert_eq!(api.get(&format!("{path}{query}")).await.json(), wanted);
    }
    assert_eq!(api.get(&format!("{path}&terms=a&exact_match=true")).await.json()["exact_match"], true);
    assert_eq!(api.get(&path).await.told(), (422, "validation_error".into()));
    let calls = api.world.boards.tokens().len();
    api.change(|account| account.scopes = account.scopes.replace("ads:read,", "")).await;
    let refused = api.get(&format!("{path}&terms=a")).await;
    assert_eq!(refused.told(), (409, "scope_missing".into()));
    assert!(refused.text.contains("ads:read") && refused.text.contains("Reconnect"), "{}", refused.text);
    assert_eq!(api.world.boards.tokens().len(), calls, "Pinterest wasn't asked");
}
