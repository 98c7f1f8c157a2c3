//! A receiver of webhooks, byte by byte.

use std::sync::Arc;
use std::time::Duration;

use pinbridge_shared::adapters::webhook_sender::{HttpsSender, Limits, SystemResolver, TcpConnector};
use pinbridge_shared::domain::webhook::sending::WebhookAnswer;
use pinbridge_shared::ports::WebhookSender;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{LOCAL, request};

/// How long a connection that must not come is waited for.
const NOBODY_WITHIN: Duration = Duration::from_millis(100);

/// A sender that may reach this machine.
pub fn local(limits: Limits) -> HttpsSender {
    HttpsSender::over(LOCAL, limits, Arc::new(SystemResolver), Arc::new(TcpConnector))
}

/// A port of this machine, and the URL of an endpoint there.
pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}/hooks?a=1#part", listener.local_addr().expect("an address"));
    (listener, url)
}

pub async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.expect("a connection").0
}

pub async fn nobody_came(listener: &TcpListener) -> bool {
    timeout(NOBODY_WITHIN, listener.accept()).await.is_err()
}

/// The next request, as it was sent.
pub async fn received(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8(bytes.clone()).expect("text");
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
            if body.len() >= length.parse::<usize>().expect("a number") {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.expect("read"), 0, "closed after {text:?}");
    }
}

/// Waits until the sender closes the connection.
pub async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

/// The outcome of a request whose receiver reads it, answers these bytes and closes.
pub async fn answered(limits: Limits, answer: &[u8]) -> WebhookAnswer {
    let (listener, url) = listen().await;
    let (sender, request) = (local(limits), request(&url));
    let receive = async {
        let mut stream = accept(&listener).await;
        received(&mut stream).await;
        // The sender may have closed before the end.
        let _ = stream.write_all(answer).await;
    };
    let (answer, ()) = tokio::join!(sender.send(&request), receive);
    answer
}
