//! What comes of one request to a subscriber's endpoint.

/// One request to a subscriber's endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    pub url: String,
    /// Names go out in exactly this casing. `Host`, `Content-Length` and `Connection` are the sender's.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAnswer {
    pub outcome: SendOutcome,
    pub latency_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// An answer came, of any status. A redirect is an answer like others and is not followed.
    Answered {
        status: u16,
        /// The first 2,048 bytes of the body, as text: bytes that aren't UTF-8 are replaced.
        body: String,
        /// The header `Retry-After`, as it was sent.
        retry_after: Option<String>,
        /// The header `Webhook-Delivery`, by which a receiver asks to stop the delivery or the endpoint.
        delivery_control: Option<String>,
        /// The body was longer than 64 KiB and was not read on.
        is_too_long: bool,
    },
    /// The address must not be called, or the request is invalid (`bad_header`). Nothing was sent. The code is stable:
    /// one of [`AddressError`](crate::domain::webhook::address::AddressError), such as `private_address`.
    Refused { reason: &'static str },
    /// No whole answer came. The code is stable: `dns_failed`, `connect_failed`, `connect_timeout`, `tls_failed`,
    /// `tls_unavailable` (this machine has no root certificates), `timeout`, `closed` or `bad_answer`. The receiver may
    /// have got the request unless the connection was not made.
    Failed { reason: &'static str },
}
