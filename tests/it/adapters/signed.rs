//! A server on loopback in the place of a service of AWS: it keeps the requests that it gets, and has set answers.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{Credentials, Region};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::HeaderMap;
use pinbridge_shared::adapters::aws;
use pinbridge_shared::adapters::sdk::SdkConfig;
use serde_json::Value;
use tokio::net::TcpListener;

/// A request as the service sees it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Method and path.
    pub line: String,
    headers: HeaderMap,
    pub body: Value,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub type Log = Arc<Mutex<Vec<Received>>>;

/// Answers the requests with these statuses and bodies, and the rest with the last one.
pub async fn server(answers: &'static [(u16, &'static str)]) -> (String, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let answer = move |request: Request| {
        let seen = Arc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("a body");
            let body = serde_json::from_slice(&body).expect("JSON");
            let mut seen = seen.lock().expect("unpoisoned");
            let (status, text) = answers[seen.len().min(answers.len() - 1)];
            seen.push(Received { line: format!("{} {}", parts.method, parts.uri), headers: parts.headers, body });
            Response::builder().status(status).body(Body::from(text)).expect("a response")
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (url, log)
}

/// A configuration whose services are all at that URL.
pub async fn config(url: &str) -> SdkConfig {
    aws::loader()
        .endpoint_url(url)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKLOCAL", "secret", Some("session-token".into()), None, "test"))
        .load()
        .await
}

/// The request is signed for that service, its target header too.
pub fn assert_signed(received: &Received, service: &str) {
    let signed = received.header("authorization");
    let headers = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let scope = format!("/eu-west-1/{service}/aws4_request");
    for part in ["AWS4-HMAC-SHA256 Credential=AKLOCAL/", &scope, headers] {
        assert!(signed.contains(part), "{part} in {signed}");
    }
    assert_eq!(received.header("x-amz-security-token"), "session-token");
}
