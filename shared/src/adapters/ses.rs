//! Mail with Amazon SES, version 2 of its API: one signed request.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use serde_json::json;

use super::signed_posts::{Service, SignedPosts};
use crate::domain::mail::Mail;
use crate::ports::{Mailer, PortResult, System};

const SERVICE: Service = Service {
    port: "mail",
    signing_name: "ses",
    host: "email",
    path: "/v2/email/outbound-emails",
    // A registration waits for it, below API Gateway's limit.
    timeout: Duration::from_secs(8),
};
const HEADERS: [(&str, &str); 1] = [("content-type", "application/json")];

/// Sends mail with Amazon SES in the region of the SDK's configuration.
pub struct Ses {
    posts: SignedPosts,
    from: String,
}

impl Ses {
    /// # Errors
    /// When the region or the credentials are not configured.
    pub fn new(config: &SdkConfig, from: String, system: Arc<dyn System>) -> anyhow::Result<Self> {
        Ok(Self { posts: SignedPosts::new(config, SERVICE, system)?, from })
    }
}

#[async_trait]
impl Mailer for Ses {
    async fn send(&self, mail: &Mail) -> PortResult<()> {
        let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
        let body = json!({
            "FromEmailAddress": self.from,
            "Destination": {"ToAddresses": [mail.to.as_str()]},
            "Content": {"Simple": {"Subject": text(mail.subject), "Body": {"Text": text(mail.text.expose())}}},
        });
        match self.posts.post(&HEADERS, body.to_string().into_bytes()).await? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.into_error(SERVICE.port)),
        }
    }
}
