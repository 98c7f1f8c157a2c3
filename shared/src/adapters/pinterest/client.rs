//! The HTTP client: no redirects, no automatic retries, HTTP/1.1.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;

use super::creation::CreateAnswer;
use super::wire::{CreatePin, ErrorBody, Page, PinSummary, UserAccount};
use super::words::{self, Words};
use super::{error_codes, hints};
use crate::domain::deadlines::Deadlines;
use crate::domain::pin::PinRequest;
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::retry::limit_pause_ms;
use crate::domain::secret::Secret;
use crate::ports::{BoardPage, Creation, Pinterest, PinterestUser, ReadFailure, System};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
const READ_TIMEOUT: Duration = Duration::from_secs(6);
/// A larger answer is not one of Pinterest's.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// The largest page that Pinterest serves.
const PAGE_SIZE: &str = "250";

/// Pinterest's API over HTTP, without its token endpoint.
pub struct PinterestClient {
    /// Each create has its own connection: on a kept one that the server has just closed, "not sent" and "sent, answer
    /// lost" can't be told apart.
    creates: Client,
    pub(super) reads: Client,
    pub(super) base: String,
    system: Arc<dyn System>,
}

impl PinterestClient {
    /// `origin` has no `/v5`.
    ///
    /// # Errors
    /// When the TLS backend can't be initialised.
    pub fn new(origin: &str, deadlines: &Deadlines, system: Arc<dyn System>) -> anyhow::Result<Self> {
        let create_timeout = Duration::from_millis(u64::try_from(deadlines.client_timeout_ms)?);
        Ok(Self {
            creates: plain(create_timeout).timeout(create_timeout).pool_max_idle_per_host(0).build()?,
            reads: plain(READ_TIMEOUT).timeout(READ_TIMEOUT).build()?,
            base: format!("{}/v5", origin.trim_end_matches('/')),
            system,
        })
    }

    /// Reads an answer. `own` are the texts of the request that Pinterest may repeat.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        token: &Secret,
        own: &[&str],
    ) -> Result<T, ReadFailure> {
        let response = request.bearer_auth(token.expose()).send().await.map_err(|error| lost(describe(&error)))?;
        let answer = Answer::read(response).await;
        match answer.body {
            Some(body) if answer.is_success() => {
                serde_json::from_slice(&body).map_err(|_| lost("Pinterest's answer could not be read"))
            }
            None => Err(lost("Pinterest's answer was cut off")),
            Some(ref body) => {
                let refusal = Refusal::read(body, token, own);
                Err(self.refused(&answer, refusal))
            }
        }
    }

    fn refused(&self, answer: &Answer, refusal: Refusal) -> ReadFailure {
        let failure = error_codes::of_read(answer.status, refusal.code, &refusal.said);
        self.refused_as(failure, answer, refusal)
    }

    pub(super) fn refused_as(&self, failure: Failure, answer: &Answer, refusal: Refusal) -> ReadFailure {
        let Refusal { code, message, said } = refusal;
        let hint_ms = hints::retry_after_ms(failure, &answer.headers, &said.text(), self.system.now());
        // A rate-limit answer always carries a wait.
        let is_limited = matches!(failure, Failure::RateLimited | Failure::SpamBlock);
        let retry_after_ms = if is_limited { Some(limit_pause_ms(Failure::RateLimited, hint_ms)) } else { hint_ms };
        let message = Some(message).filter(|message| !message.is_empty());
        ReadFailure { failure, retry_after_ms, upstream: answer.upstream(code, message, None) }
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.reads.request(Method::GET, format!("{}{path}", self.base))
    }
}

/// What all clients of Pinterest share: no redirects, no retries of their own.
pub(super) fn plain(timeout: Duration) -> reqwest::ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .no_proxy()
        .user_agent(concat!("pinbridge/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
}

/// A response. `body` is `None` when it didn't arrive whole, or is too large.
pub(super) struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Option<Vec<u8>>,
}

impl Answer {
    pub async fn read(mut response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        Self { status, headers, body: read_body(response).await }
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn upstream(
        &self,
        code: Option<i64>,
        message: Option<String>,
        transport_error: Option<&'static str>,
    ) -> Upstream {
        let request_id = self.headers.get("x-pinterest-rid").and_then(|value| value.to_str().ok());
        Upstream {
            status: Some(self.status),
            code,
            request_id: request_id.map(str::to_owned),
            message,
            transport_error,
        }
    }
}

async fn read_body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_MAX => body.extend_from_slice(&chunk),
            Ok(None) => return Some(body),
            Ok(Some(_)) | Err(_) => return None,
        }
    }
}

/// Pinterest's code and words.
pub(super) struct Refusal {
    pub code: Option<i64>,
    /// As Pinterest wrote it, without the token.
    message: String,
    /// The words, without our own texts.
    pub said: Words,
}

impl Refusal {
    pub fn read(body: &[u8], token: &Secret, own: &[&str]) -> Self {
        let error = ErrorBody::read(body);
        let said = Words::of(&error.message, own);
        Self { code: error.code, message: words::scrubbed(&error.message, token), said }
    }
}

/// The failure of a read whose answer never came, or can't be read.
pub(super) fn lost(what: &'static str) -> ReadFailure {
    ReadFailure {
        failure: Failure::PinterestUnreachable,
        upstream: Upstream { transport_error: Some(what), ..Upstream::default() },
        retry_after_ms: None,
    }
}

/// Describes an error without quoting anything of the request.
pub(super) fn describe(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "could not connect to Pinterest"
    } else if error.is_timeout() {
        "Pinterest did not answer in time"
    } else {
        "the connection to Pinterest broke"
    }
}

#[async_trait]
impl Pinterest for PinterestClient {
    async fn create_pin(&self, token: &Secret, request: &PinRequest) -> Creation {
        let call =
            self.creates.post(format!("{}/pins", self.base)).bearer_auth(token.expose()).json(&CreatePin::of(request));
        let response = match call.send().await {
            Ok(response) => response,
            Err(error) => {
                let upstream = Upstream { transport_error: Some(describe(&error)), ..Upstream::default() };
                // Only a failure to connect is surely unsent.
                return if error.is_connect() {
                    Creation::Refused { failure: Failure::PinterestUnreachable, upstream, retry_after_ms: None }
                } else {
                    Creation::lost(upstream)
                };
            }
        };
        let Answer { status, headers, body } = Answer::read(response).await;
        let (headers, body, now) = (&headers, body.as_deref(), self.system.now());
        CreateAnswer { status, headers, body, request, token, now }.read()
    }

    async fn board_pins(
        &self,
        token: &Secret,
        board_id: &str,
        bookmark: Option<&str>,
    ) -> Result<BoardPage, ReadFailure> {
        let mut request = self.get(&format!("/boards/{}/pins", encode(board_id))).query(&[("page_size", PAGE_SIZE)]);
        if let Some(bookmark) = bookmark {
            request = request.query(&[("bookmark", bookmark)]);
        }
        let page: Page<PinSummary> = self.read(request, token, &[]).await?;
        Ok(BoardPage {
            pins: page.items.into_iter().map(Into::into).collect(),
            next: page.bookmark.filter(|mark| !mark.is_empty()),
        })
    }

    async fn delete_pin(&self, token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure> {
        let url = format!("{}/pins/{}", self.base, encode(pinterest_pin_id));
        let response = self.reads.delete(url).bearer_auth(token.expose()).send().await;
        let answer = Answer::read(response.map_err(|error| lost(describe(&error)))?).await;
        let refusal = Refusal::read(answer.body.as_deref().unwrap_or_default(), token, &[pinterest_pin_id]);
        match (answer.status, refusal.code) {
            // A 404 without a code of Pinterest's own comes from another server on the way.
            (200..300, _) | (404, Some(_)) => Ok(()),
            _ => Err(self.refused(&answer, refusal)),
        }
    }

    async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure> {
        let account: UserAccount = self.read(self.get("/user_account"), token, &[]).await?;
        account.identified().ok_or_else(|| ReadFailure {
            failure: Failure::Unrecognised,
            upstream: Upstream { transport_error: Some("Pinterest's answer names no user"), ..Upstream::default() },
            retry_after_ms: None,
        })
    }
}

/// Encodes a path segment. Board ids come from clients: nothing but a path segment may reach the path.
pub(super) fn encode(segment: &str) -> String {
    segment
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
