//! Port: the part of Pinterest's API that publishing needs.

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::pin::PinRequest;
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::pin::outcome::{Limit, TOO_MANY_REQUESTS};
use crate::domain::pin::retry::limit_pause_ms;
use crate::domain::reconcile::matching::BoardPin;
use crate::domain::secret::Secret;

/// The result of a create request to Pinterest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    Created {
        pinterest_pin_id: String,
        upstream: Upstream,
        /// Set if the answer reports that nothing is left of the rate limit: until its reset, in milliseconds.
        nothing_left_for_ms: Option<i64>,
    },
    /// Certainly not created.
    Refused { failure: Failure, upstream: Upstream, retry_after_ms: Option<i64> },
    /// Possibly created. `limit`: the pause that the answer asks of the account, whether or not the Pin exists.
    Unknown { upstream: Upstream, limit: Option<Limit> },
}

impl Creation {
    /// No answer came, so it asks for nothing.
    pub fn lost(upstream: Upstream) -> Self {
        Self::Unknown { upstream, limit: None }
    }
}

/// A read or a deletion that Pinterest refused, or that didn't reach Pinterest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", failure.message())]
pub struct ReadFailure {
    pub failure: Failure,
    pub upstream: Upstream,
    /// Pinterest's own hint, in milliseconds from the answer.
    pub retry_after_ms: Option<i64>,
}

impl ReadFailure {
    /// What the answer asks of the whole account, if it asks anything: [`Failure::RateLimited`] or
    /// [`Failure::SpamBlock`].
    pub fn limit(&self) -> Option<Failure> {
        let is_429 = self.upstream.status == Some(TOO_MANY_REQUESTS);
        match self.failure {
            limit @ (Failure::RateLimited | Failure::SpamBlock) => Some(limit),
            _ => is_429.then_some(Failure::RateLimited),
        }
    }

    /// How soon the call may be repeated, in milliseconds; `None` when the answer doesn't say. After a rate limit
    /// without a hint, it is the usual pause.
    pub fn repeat_after_ms(&self) -> Option<i64> {
        // A block of writes says nothing of how soon a read may be repeated.
        self.limit().map(|_| limit_pause_ms(Failure::RateLimited, self.retry_after_ms)).or(self.retry_after_ms)
    }
}

/// One page of a board's Pins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardPage {
    pub pins: Vec<BoardPin>,
    pub next: Option<String>,
}

/// The user whom an access token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinterestUser {
    pub id: String,
    pub username: Option<String>,
    pub business_name: Option<String>,
}

/// The part of Pinterest's API that publishing needs.
#[async_trait]
pub trait Pinterest: Send + Sync {
    /// Makes the one call that creates the Pin. The call is not repeated here, whatever comes of it.
    async fn create_pin(&self, token: &Secret, request: &PinRequest) -> Creation;
    /// A page of the board's Pins, the newest first; `bookmark` is the `next` of the page before.
    async fn board_pins(
        &self,
        token: &Secret,
        board_id: &str,
        bookmark: Option<&str>,
    ) -> Result<BoardPage, ReadFailure>;
    /// Deletes a Pin; a Pin that doesn't exist any more counts as deleted.
    async fn delete_pin(&self, token: &Secret, pinterest_pin_id: &str) -> Result<(), ReadFailure>;
    /// The user of the token.
    async fn user(&self, token: &Secret) -> Result<PinterestUser, ReadFailure>;
}
