//! Port: mail.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::mail::Mail;

/// Sends mails.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands the mail over. Delivery isn't known; a call that is repeated may send it twice.
    async fn send(&self, mail: &Mail) -> PortResult<()>;
}
