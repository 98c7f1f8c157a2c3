//! What is sent, and what is read of an answer.

use std::time::Duration;

use pinbridge_shared::adapters::webhook_sender::Limits;
use pinbridge_shared::domain::webhook::sending::SendOutcome;
use pinbridge_shared::ports::WebhookSender;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::receiver::{accept, answered, closed, listen, local, nobody_came, received};
use super::{BODY, request};

const KB: usize = 1_024;
/// Far above what the buffers of both sockets hold.
const HUGE_BYTES: usize = 64 * KB * KB;

/// So little time that a test can wait for its end.
fn short() -> Limits {
    Limits { whole: Duration::from_millis(300), ..Limits::default() }
}

async fn outcome(answer: &str) -> SendOutcome {
    answered(Limits::default(), answer.as_bytes()).await.outcome
}

fn failed(reason: &'static str) -> SendOutcome {
    SendOutcome::Failed { reason }
}

#[tokio::test]
async fn the_request_goes_out_with_its_header_names_as_given() {
    let (listener, url) = listen().await;
    let (sender, request) = (local(Limits::default()), request(&url));
    let receive = async {
        let mut stream = accept(&listener).await;
        let text = received(&mut stream).await;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("answered");
        text
    };
    let (answer, text) = tokio::join!(sender.send(&request), receive);
    let expected = format!(
        "POST /hooks?a=1 HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         X-PinBridge-Signature: sha256=0a1b\r\nX-PinBridge-Event: pin.published\r\nX-PinBridge-Delivery-ID: d-1\r\n\
         webhook-id: d-1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{BODY}",
        listener.local_addr().expect("an address"),
        BODY.len(),
    );
    assert_eq!(text, expected);
    assert!(matches!(answer.outcome, SendOutcome::Answered { status: 204, .. }), "{answer:?}");
    assert!(nobody_came(&listener).await, "one request is one connection");
}

#[tokio::test]
async fn an_answer_is_handed_on_with_the_headers_that_matter() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 120\r\nWebhook-Delivery: disable\r\n\
                  Content-Length: 4\r\n\r\nbusy";
    let answer = outcome(answer).await;
    let expected = SendOutcome::Answered {
        status: 503,
        body: "busy".into(),
        retry_after: Some("120".into()),
        delivery_control: Some("disable".into()),
        is_too_long: false,
    };
    assert_eq!(answer, expected);
    let plain = |status, body: &str| SendOutcome::Answered {
        status,
        body: body.into(),
        retry_after: None,
        delivery_control: None,
        is_too_long: false,
    };
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    assert_eq!(outcome(chunked).await, plain(200, "abc"));
    assert_eq!(outcome("HTTP/1.1 410 Gone\r\n\r\nuntil it closes").await, plain(410, "until it closes"));
    assert_eq!(outcome("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").await, plain(204, ""));
    let odd = [b"HTTP/1.1 200 OK\r\n\r\na".as_slice(), &[0xff], b"b"].concat();
    assert_eq!(answered(Limits::default(), &odd).await.outcome, plain(200, "a\u{fffd}b"));
    let long = format!("HTTP/1.1 200 OK\r\nRetry-After: {}\r\n\r\n", "1".repeat(300));
    assert_eq!(outcome(&long).await, plain(200, ""), "no time is that long");
}

#[tokio::test]
async fn redirects_are_answers() {
    for status in [300, 301, 302, 303, 307, 308] {
        let (elsewhere, url) = listen().await;
        let answer = format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n");
        let answer = outcome(&answer).await;
        assert!(matches!(answer, SendOutcome::Answered { status: got, .. } if got == status), "{status}: {answer:?}");
        assert!(nobody_came(&elsewhere).await, "{status}");
    }
}

#[tokio::test]
async fn a_body_is_kept_to_2_kib_and_read_to_64_kib() {
    for (bytes, kept, too_long) in
        [(2_048, 2_048, false), (2_049, 2_048, false), (64 * KB, 2_048, false), (64 * KB + 1, 2_048, true)]
    {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{}", "a".repeat(bytes));
        let SendOutcome::Answered { status: 200, body, is_too_long, .. } = outcome(&answer).await else {
            panic!("{bytes} bytes aren't answered")
        };
        assert_eq!((body.len(), is_too_long), (kept, too_long), "{bytes}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    for length in [format!("Content-Length: {HUGE_BYTES}\r\n"), String::new()] {
        let (listener, url) = listen().await;
        let (sender, request) = (local(Limits::default()), request(&url));
        let receive = async {
            let mut stream = accept(&listener).await;
            received(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\n").as_bytes()).await.expect("a head");
            let (piece, mut written_bytes) = (vec![b'a'; 64 * KB], 0);
            while written_bytes < HUGE_BYTES && stream.write_all(&piece).await.is_ok() {
                written_bytes += piece.len();
            }
            written_bytes
        };
        let (answer, written_bytes) = tokio::join!(sender.send(&request), receive);
        let SendOutcome::Answered { body, is_too_long, .. } = answer.outcome else { panic!("no answer") };
        assert_eq!((body.len(), is_too_long), (2_048, true));
        assert!(written_bytes < HUGE_BYTES / 2, "{written_bytes} bytes were taken");
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_time_is_given_up() {
    let (listener, url) = listen().await;
    let (sender, request) = (local(short()), request(&url));
    let (answer, ()) = tokio::join!(sender.send(&request), async { closed(accept(&listener).await).await });
    assert_eq!(answer.outcome, failed("timeout"));
    assert!((300..15_000).contains(&answer.latency_ms), "{answer:?}");
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_extend_the_time() {
    for start in
        ["HTTP/1.1 200 OK\r\nX-Slow: ", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
    {
        let (listener, url) = listen().await;
        let (sender, request) = (local(short()), request(&url));
        let drip = async {
            let mut stream = accept(&listener).await;
            received(&mut stream).await;
            stream.write_all(start.as_bytes()).await.expect("a start");
            while stream.write_all(b"a").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let (answer, ()) = tokio::join!(sender.send(&request), drip);
        assert_eq!(answer.outcome, failed("timeout"), "{start:?}");
        assert!((300..15_000).contains(&answer.latency_ms), "{answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_early_is_no_answer() {
    let (listener, url) = listen().await;
    let (sender, request) = (local(Limits::default()), request(&url));
    let (answer, ()) = tokio::join!(sender.send(&request), async { drop(accept(&listener).await) });
    assert_eq!(answer.outcome, failed("closed"), "before the request was read");
    for part in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ] {
        assert_eq!(outcome(part).await, failed("closed"), "{part:?}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_answer() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(101));
    let long = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "b".repeat(KB * KB));
    for bytes in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "220 mail.example.com ESMTP\r\n",
        "HTTP/1.1 ok\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        &many,
        &long,
    ] {
        let start: String = bytes.chars().take(60).collect();
        assert_eq!(outcome(bytes).await, failed("bad_answer"), "{start:?}");
    }
}
