//! Mail through SES: the one request that the adapter makes, as a server sees it.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{Credentials, Region};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use pinbridge_shared::adapters::aws;
use pinbridge_shared::adapters::ses::Ses;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::domain::mail;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::user::Email;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::ports::{Mailer, PortError, PortResult};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TOKEN: &str = "token-in-the-mail";

/// What the server received: method and path, the header that signs, and the body.
type Received = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A server that answers every request with this status and kind of error.
async fn server(status: u16, kind: &'static str) -> (String, Received) {
    let received = Received::default();
    let seen = Arc::clone(&received);
    let answer = move |request: Request| {
        let seen = Arc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let text =
                |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
            let body = to_bytes(body, usize::MAX).await.expect("a body");
            let signed = format!("{} {} {}", text("authorization"), text("x-amz-date"), text("x-amz-security-token"));
            let body = serde_json::from_slice(&body).expect("JSON");
            seen.lock().expect("unpoisoned").push((format!("{} {}", parts.method, parts.uri), signed, body));
            let answer = Response::builder().status(status).header("x-amzn-errortype", kind);
            answer.body(Body::from(json!({"message": "about ada@example.com"}).to_string())).expect("a response")
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    (url, received)
}

async fn send(url: &str) -> PortResult<()> {
    let config = aws::loader()
        .endpoint_url(url)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKLOCAL", "secret", Some("session-token".into()), None, "test"))
        .load()
        .await;
    let ses = Ses::new(&config, "pins@example.com".into(), Arc::new(RealSystem::default())).expect("built");
    let to = Email::parse("ada@example.com").expect("an address");
    let registration = testdata::prospect("Ada\r\nBcc: eve@example.com");
    ses.send(&mail::verification(to, "https://api.example.com", &registration, &Secret::new(TOKEN))).await
}

#[tokio::test]
async fn a_mail_is_one_signed_request() {
    let (url, received) = server(200, "").await;
    send(&url).await.expect("sent");
    let received = received.lock().expect("unpoisoned");
    let [(line, signed, body)] = &received[..] else { panic!("{received:?}") };
    assert_eq!(line, "POST /v2/email/outbound-emails");
    for part in
        ["AWS4-HMAC-SHA256 Credential=AKLOCAL/", "/eu-west-1/ses/aws4_request", "content-type;host;", " session-token"]
    {
        assert!(signed.contains(part), "{part} in {signed}");
    }
    assert_eq!(body["FromEmailAddress"], json!("pins@example.com"));
    assert_eq!(body["Destination"], json!({"ToAddresses": ["ada@example.com"]}));
    let content = &body["Content"]["Simple"];
    assert_eq!(content["Subject"]["Data"], json!("Confirm your email address"));
    let text = content["Body"]["Text"]["Data"].as_str().expect("a text");
    assert!(text.contains(TOKEN) && text.contains("\"Ada Bcc: eve@ example. com\""), "{text}");
}

#[tokio::test]
async fn a_refusal_is_told_from_an_outage_and_names_nobody() {
    for (status, kind, is_outage) in [
        (400, "MessageRejected", false),
        (403, "AccessDeniedException:http://internal/", false),
        (404, "NotFoundException", false),
        (429, "TooManyRequestsException", true),
        (500, "", true),
        (503, "ServiceUnavailable", true),
    ] {
        let (url, _) = server(status, kind).await;
        let error = send(&url).await.expect_err("refused");
        assert_eq!(matches!(error, PortError::Unavailable { port: "mail", .. }), is_outage, "{error}");
        let text = error.to_string();
        assert!(text.contains(&status.to_string()) && !text.contains("ada") && !text.contains("internal"), "{text}");
        assert!(!text.contains(TOKEN), "{text}");
    }
    let nobody = send("http://127.0.0.1:1").await.expect_err("nobody answers");
    assert!(matches!(nobody, PortError::Unavailable { port: "mail", .. }), "{nobody}");
}
