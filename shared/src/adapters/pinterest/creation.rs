//! Reads Pinterest's answer to a create.

use reqwest::header::HeaderMap;
use url::Url;

use super::wire::{Created, ErrorBody};
use super::words::{self, Words};
use super::{error_codes, hints};
use crate::domain::pin::PinRequest;
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::outcome::Limit;
use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::ports::Creation;

/// An answer to a create. `body` is `None` when it didn't arrive whole.
pub struct CreateAnswer<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: Option<&'a [u8]>,
    pub request: &'a PinRequest,
    /// The token of the call, which must not be repeated anywhere.
    pub token: &'a Secret,
    pub now: Moment,
}

impl CreateAnswer<'_> {
    /// Whether the Pin was created. Any success with an id is one; everything that isn't a refusal by Pinterest's own
    /// validation is unknown.
    pub fn read(&self) -> Creation {
        let is_success = (200..300).contains(&self.status);
        let created = self.body.filter(|_| is_success).and_then(Created::read);
        if let Some(Created { id }) = created {
            let nothing_left_for_ms = hints::nothing_left_for_ms(self.headers, self.now);
            let upstream = self.upstream(None, None, None);
            return Creation::Created { pinterest_pin_id: id, upstream, nothing_left_for_ms };
        }
        let error = self.body.filter(|_| !is_success).map(ErrorBody::read).unwrap_or_default();
        let said = Words::of(&error.message, &own_texts(self.request));
        let retry_after_ms = |failure| hints::retry_after_ms(failure, self.headers, &said.text(), self.now);
        let message = Some(words::scrubbed(&error.message, self.token)).filter(|message| !message.is_empty());
        match error_codes::of_create(self.status, error.code, &said) {
            Failure::OutcomeUnknown => {
                let limit = error_codes::limit_of(self.status, error.code, &said);
                let limit = limit.map(|failure| Limit { failure, retry_after_ms: retry_after_ms(failure) });
                let transport_error = match (self.body, is_success) {
                    (None, _) => Some("Pinterest's answer was cut off"),
                    (Some(_), true) => Some("Pinterest's answer names no Pin"),
                    (Some(_), false) if error.code.is_none() => Some("the answer is not one of Pinterest's validation"),
                    _ => None,
                };
                Creation::Unknown { upstream: self.upstream(error.code, message, transport_error), limit }
            }
            failure => {
                let retry_after_ms = match failure {
                    Failure::SpamBlock => retry_after_ms(failure),
                    _ if self.status == 429 => retry_after_ms(Failure::RateLimited),
                    _ => retry_after_ms(failure),
                };
                let upstream = self.upstream(error.code, message, None);
                Creation::Refused { failure, upstream, retry_after_ms }
            }
        }
    }

    fn upstream(&self, code: Option<i64>, message: Option<String>, transport_error: Option<&'static str>) -> Upstream {
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

/// The texts that Pinterest may repeat in an answer.
fn own_texts(request: &PinRequest) -> Vec<&str> {
    let texts = [request.description.as_deref(), request.alt_text.as_deref(), request.link_url.as_deref()];
    let mut own: Vec<&str> = texts.into_iter().flatten().collect();
    own.extend([request.title.as_str(), request.image_url.as_str(), request.board_id.as_str()]);
    own.extend(request.link_url.as_deref().and_then(host));
    own.extend(host(&request.image_url));
    own
}

/// The host as it stands in the address.
fn host(address: &str) -> Option<&str> {
    Url::parse(address).ok()?;
    let behind = address.split_once("://")?.1;
    let host = behind.split(['/', '?', '#']).next()?;
    Some(host.strip_prefix("www.").unwrap_or(host))
}

#[cfg(test)]
mod tests;
