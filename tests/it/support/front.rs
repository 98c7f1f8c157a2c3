//! An HTTP front of the embedded AWS: it notes each call, and may answer in its place what no emulator answers.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// A call to AWS.
#[derive(Clone, Debug)]
pub struct Call {
    /// Service and operation, such as `DynamoDB_20120810.PutItem`.
    pub target: String,
    /// The header that carries a trace, and with it the chain of invocations.
    pub trace: Option<String>,
    pub body: Value,
}

/// An answer in the place of AWS: its HTTP status and its body.
pub type Refusal = (u16, Value);
type Rule = Box<dyn FnMut(&Call) -> Option<Refusal> + Send>;

pub struct Front {
    pub url: String,
    forward_to: OnceLock<String>,
    http: reqwest::Client,
    calls: Mutex<Vec<Call>>,
    rule: Mutex<Option<Rule>>,
}

impl Front {
    /// Listens. It passes calls on once it knows where to.
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let front = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().expect("known")),
            forward_to: OnceLock::new(),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            calls: Mutex::default(),
            rule: Mutex::default(),
        });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&front));
        tokio::spawn(async move { axum::serve(listener, app).await });
        front
    }

    pub fn forward_to(&self, url: &str) {
        self.forward_to.set(url.to_owned()).expect("told once");
    }

    /// Asks `rule` about every call from now on.
    pub fn refuse(&self, rule: impl FnMut(&Call) -> Option<Refusal> + Send + 'static) {
        *lock(&self.rule) = Some(Box::new(rule));
    }

    /// The calls since this was last called.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.calls))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(front): State<Arc<Front>>, headers: http::HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let call = Call {
        target: header("x-amz-target").unwrap_or_default(),
        trace: header("x-amzn-trace-id"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let refusal = lock(&front.rule).as_mut().and_then(|rule| rule(&call));
    lock(&front.calls).push(call);
    if let Some((status, body)) = refusal {
        let status = http::StatusCode::from_u16(status).expect("a status");
        return (status, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response();
    }
    let url = front.forward_to.get().expect("where to");
    let sent = front.http.post(url).headers(headers).body(body).send().await.expect("answered");
    (sent.status(), sent.headers().clone(), sent.bytes().await.expect("read")).into_response()
}
