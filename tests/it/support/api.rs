//! The API's own router over fakes, as a client sees it.

use std::cell::RefCell;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use pinbridge_shared::config::Registration;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::api_key::PresentedKey;
use pinbridge_shared::domain::tenant::user::{Email, Role, User};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::flows::tenants::people::{self, NewUser};
use pinbridge_shared::flows::tenants::projects::create_workspace;
use pinbridge_shared::testing::TestWorld;
use serde_json::Value;
use tower::ServiceExt;

use super::agreement;

pub const PASSWORD: &str = "correct horse battery";

/// What a request carries to say who sends it.
#[derive(Clone, Copy, Debug)]
pub enum As<'a> {
    Nobody,
    Key(&'a str),
    Bearer(&'a str),
}

thread_local! {
    /// The router of the latest request, with the world that it was made for. To make one takes longer than a request.
    static LATEST: RefCell<Option<(Context, Router)>> = const { RefCell::new(None) };
}

/// The API over this world.
fn router(world: &Context) -> Router {
    LATEST.with_borrow_mut(|latest| match latest {
        Some((known, router)) if is_same(known, world) => router.clone(),
        _ => {
            let router = pinbridge_api::router(world.clone());
            *latest = Some((world.clone(), router.clone()));
            router
        }
    })
}

/// Whether these are the same ports, with equal settings.
fn is_same(one: &Context, other: &Context) -> bool {
    // Every field: a test may put another port or setting in place between two requests.
    let Context {
        store,
        tenants,
        oauth_states,
        board_checks,
        pin_index,
        imports,
        activity,
        schedules,
        credits,
        webhooks,
        webhook_sender,
        destinations,
        task_tokens,
        lanes,
        purses,
        passwords,
        session_keys,
        receipt_keys,
        pacers,
        purge,
        rollups,
        queue,
        secrets,
        pinterest,
        boards,
        analytics,
        oauth,
        mailer,
        system,
        settings,
    } = other;
    let is_mailer = match (&one.mailer, mailer) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    };
    // They can't be compared; few tests have them.
    let has_destinations = !one.destinations.is_empty() || !destinations.is_empty();
    let of_the_table = Arc::ptr_eq(&one.store, store)
        && Arc::ptr_eq(&one.tenants, tenants)
        && Arc::ptr_eq(&one.oauth_states, oauth_states)
        && Arc::ptr_eq(&one.board_checks, board_checks)
        && Arc::ptr_eq(&one.pin_index, pin_index)
        && Arc::ptr_eq(&one.imports, imports)
        && Arc::ptr_eq(&one.activity, activity)
        && Arc::ptr_eq(&one.schedules, schedules)
        && Arc::ptr_eq(&one.credits, credits)
        && Arc::ptr_eq(&one.webhooks, webhooks)
        && Arc::ptr_eq(&one.task_tokens, task_tokens)
        && Arc::ptr_eq(&one.purge, purge)
        && Arc::ptr_eq(&one.rollups, rollups);
    let of_the_process = Arc::ptr_eq(&one.lanes, lanes)
        && Arc::ptr_eq(&one.purses, purses)
        && Arc::ptr_eq(&one.passwords, passwords)
        && Arc::ptr_eq(&one.session_keys, session_keys)
        && Arc::ptr_eq(&one.receipt_keys, receipt_keys)
        && Arc::ptr_eq(&one.pacers, pacers)
        && Arc::ptr_eq(&one.queue, queue)
        && Arc::ptr_eq(&one.secrets, secrets)
        && Arc::ptr_eq(&one.system, system)
        && one.settings == *settings;
    let of_others = Arc::ptr_eq(&one.webhook_sender, webhook_sender)
        && Arc::ptr_eq(&one.pinterest, pinterest)
        && Arc::ptr_eq(&one.boards, boards)
        && Arc::ptr_eq(&one.analytics, analytics)
        && Arc::ptr_eq(&one.oauth, oauth)
        && is_mailer;
    !has_destinations && of_the_table && of_the_process && of_others
}

/// Status, headers and text of the API's answer, which is what the document says.
pub async fn answer(world: &Context, request: Request<Body>) -> (u16, HeaderMap, String) {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = router(world).oneshot(request).await.expect("answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    agreement::check(&method, &path, status, &headers, &text);
    (status, headers, text)
}

fn request(method: &str, path: &str, who: As<'_>, body: Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = match who {
        As::Nobody => request,
        As::Key(key) => request.header("x-api-key", key),
        As::Bearer(token) => request.header("authorization", format!("Bearer {token}")),
    };
    let request = match body {
        Value::Null => request.body(Body::empty()),
        body => request.header("content-type", "application/json").body(Body::from(body.to_string())),
    };
    request.expect("a request")
}

pub struct Api {
    pub world: TestWorld,
    /// May do everything in the workspace of [`testdata`].
    pub key: String,
}

impl Api {
    pub async fn new() -> Self {
        Self::over(TestWorld::new(1).await).await
    }

    /// With registration open to anybody.
    pub async fn open() -> Self {
        let mut world = TestWorld::new(1).await;
        world.context.settings.registration = Registration::Open;
        world.context.settings.api_url = "https://api.example.com".into();
        Self::over(world).await
    }

    /// Over a world of the caller's.
    pub async fn over(world: TestWorld) -> Self {
        let key = create_workspace(&world.context, testdata::workspace(), "Paper", [7; 32]).await.expect("created");
        assert!(PresentedKey::parse(&key).is_ok());
        Self { world, key }
    }

    /// A person of the key's organisation.
    pub async fn person(&self, email: &str, role: Role) -> User {
        let workspace = self.world.context.tenants.workspace(testdata::workspace()).await.expect("read");
        let organization = workspace.expect("it was created").organization;
        let new = NewUser {
            email: Email::parse(email).expect("an address"),
            full_name: Some("Ada".into()),
            password: Secret::new(PASSWORD),
            timezone: "Europe/Berlin".into(),
            role,
        };
        people::create_user(&self.world.context, organization, new).await.expect("created")
    }

    /// A person's token.
    pub async fn log_in(&self, email: &str) -> String {
        let body = serde_json::json!({"email": email, "password": PASSWORD});
        let (status, answer) = self.call("POST", "/v1/auth/login", As::Nobody, body).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Status and JSON of an answer; null where it has none. A null body is none.
    pub async fn call(&self, method: &str, path: &str, who: As<'_>, body: Value) -> (u16, Value) {
        let (status, _, answer) = self.full(method, path, who, body).await;
        (status, answer)
    }

    pub async fn full(&self, method: &str, path: &str, who: As<'_>, body: Value) -> (u16, HeaderMap, Value) {
        self.send(request(method, path, who, body)).await
    }

    /// The same as API Gateway would pass it on from that IP address.
    pub async fn call_from(
        &self,
        ip: &str,
        method: &str,
        path: &str,
        who: As<'_>,
        body: Value,
    ) -> (u16, HeaderMap, Value) {
        let mut request = request(method, path, who, body);
        let mut gateway = ApiGatewayV2httpRequestContext::default();
        gateway.http.source_ip = Some(ip.to_owned());
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(gateway));
        self.send(request).await
    }

    pub async fn send(&self, request: Request<Body>) -> (u16, HeaderMap, Value) {
        let (status, headers, text) = answer(&self.world.context, request).await;
        let is_json = headers.get("content-type").is_some_and(|kind| kind == "application/json");
        let json = if is_json { serde_json::from_str(&text).expect("JSON") } else { Value::Null };
        (status, headers, json)
    }

    /// The refusal of that name, with a remedy.
    pub async fn refused(&self, method: &str, path: &str, who: As<'_>, body: Value, status: u16, code: &str) -> Value {
        let (got, answer) = self.call(method, path, who, body).await;
        assert_eq!((got, answer["code"].as_str()), (status, Some(code)), "{method} {path} as {who:?}: {answer}");
        assert!(answer["error"]["remediation"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
        answer
    }

    /// A further key, as its body asks for; its text and id.
    pub async fn new_key(&self, body: Value) -> (String, String) {
        let (status, answer) = self.call("POST", "/v1/api-keys", As::Key(&self.key), body).await;
        assert_eq!(status, 201, "{answer}");
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        (text("api_key"), text("id"))
    }
}
