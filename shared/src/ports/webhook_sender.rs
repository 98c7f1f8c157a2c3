//! Port: requests to the endpoints of webhooks.

use async_trait::async_trait;

use crate::domain::webhook::sending::{WebhookAnswer, WebhookRequest};

/// Sends requests to endpoints of subscribers, whose addresses nobody has to trust.
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Makes one request, without redirects and repetitions. It takes 15 s at most.
    async fn send(&self, request: &WebhookRequest) -> WebhookAnswer;
}
