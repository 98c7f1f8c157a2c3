//! One request and its answer over an open connection, with HTTP/1.1.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderName, RETRY_AFTER};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls;

use super::limits::Limits;
use super::spelled_head::SpelledHead;
use crate::domain::webhook::address::EndpointUrl;
use crate::domain::webhook::sending::{SendOutcome, WebhookRequest};

/// Headers that decide where the request ends and what becomes of the connection: callers don't set them.
const OWN_HEADERS: [&str; 6] = ["host", "content-length", "connection", "transfer-encoding", "upgrade", "expect"];
const OWN_SPELLINGS: [&str; 3] = ["Host", "Content-Length", "Connection"];
/// The header by which a receiver asks to stop the delivery or the endpoint.
const DELIVERY_CONTROL: &str = "webhook-delivery";
/// The length of an answer's header that is handed on, in bytes. Longer ones are ignored.
const ANSWER_HEADER_MAX: usize = 256;

/// A request that is ready to be sent.
pub struct Prepared {
    request: Request<String>,
    spellings: Vec<String>,
}

/// Builds the request, or `None` if a header is invalid or the sender's own.
pub fn prepare(url: &EndpointUrl, request: &WebhookRequest) -> Option<Prepared> {
    let mut spellings = OWN_SPELLINGS.map(str::to_owned).to_vec();
    let mut head = Request::post(url.target()).header(HOST, url.authority());
    for (name, value) in &request.headers {
        spellings.push(name.clone());
        let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !OWN_HEADERS.contains(&name.as_str()))?;
        head = head.header(name, value.as_str());
    }
    let request = head.header(CONNECTION, "close").body(request.body.clone()).ok()?;
    Some(Prepared { request, spellings })
}

/// Sends the request and reads the answer. The connection closes with the returned future, also half-way.
pub async fn exchange<S>(stream: S, prepared: Prepared, limits: Limits) -> SendOutcome
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let Prepared { request, spellings } = prepared;
    let (mut sender, connection) = match http1::handshake(TokioIo::new(SpelledHead::new(stream, spellings))).await {
        Ok(both) => both,
        Err(error) => return failed(&error),
    };
    let mut answer = pin!(async move { read(sender.send_request(request).await?, limits).await });
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // The connection may end before the last bytes that it has read are taken from it.
        _ = connection => answer.await,
    };
    answer.unwrap_or_else(|error| failed(&error))
}

async fn read(answer: Response<Incoming>, limits: Limits) -> hyper::Result<SendOutcome> {
    let (head, mut body) = answer.into_parts();
    let (mut kept, mut read_bytes) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else { continue };
        read_bytes += data.len();
        let room_bytes = limits.kept_bytes.saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room_bytes)]);
        if read_bytes > limits.answer_bytes {
            break;
        }
    }
    let header = |name: &str| {
        let value = head.headers.get(name)?.to_str().ok()?;
        (value.len() <= ANSWER_HEADER_MAX).then(|| value.to_owned())
    };
    Ok(SendOutcome::Answered {
        status: head.status.as_u16(),
        body: String::from_utf8_lossy(&kept).into_owned(),
        retry_after: header(RETRY_AFTER.as_str()),
        delivery_control: header(DELIVERY_CONTROL),
        is_too_long: read_bytes > limits.answer_bytes,
    })
}

fn failed(error: &hyper::Error) -> SendOutcome {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    // A receiver that wants a certificate of its client refuses it only after the handshake.
    let is_tls = source.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<rustls::Error>());
    let is_malformed =
        source.is_some_and(|error| matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
    let reason = if is_tls {
        "tls_failed"
    } else if error.is_parse() || is_malformed {
        "bad_answer"
    } else {
        "closed"
    };
    SendOutcome::Failed { reason }
}
