//! What comes of one request to a subscriber's endpoint.

/// The largest answer that is read, in bytes. A longer one is a failure.
pub const ANSWER_MAX: usize = 64 * 1_024;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    pub url: String,
    /// The names go out in exactly this casing.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAnswer {
    pub outcome: SendOutcome,
    pub latency_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// An answer came, of any status.
    Answered {
        status: u16,
        /// Its beginning: [`ANSWER_KEPT`](super::delivery::ANSWER_KEPT) bytes.
        body: String,
        retry_after: Option<String>,
        /// The header `webhook-delivery`.
        delivery_control: Option<String>,
        /// The answer was longer than [`ANSWER_MAX`] and was not read to its end.
        is_too_long: bool,
    },
    /// The address must not be called, and nothing was sent. The reason is a stable code, such as `private_address`.
    Refused { reason: &'static str },
    /// No answer came. The reason is a stable code, such as `timeout`.
    Failed { reason: &'static str },
}
