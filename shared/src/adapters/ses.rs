//! Mail with Amazon SES, version 2 of its API: one signed request. Its SDK crate would be the largest dependency for
//! the smallest use.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::domain::mail::Mail;
use crate::domain::time::Moment;
use crate::ports::{Mailer, PortError, PortResult, System};

const PORT: &str = "mail";
const PATH: &str = "/v2/email/outbound-emails";
const JSON: &str = "application/json";
/// A registration waits for it, below API Gateway's limit.
const TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Names the kind of an error.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// Sends mail with Amazon SES in the region of the SDK's configuration.
pub struct Ses {
    http: Client,
    url: String,
    region: String,
    from: String,
    credentials: SharedCredentialsProvider,
    system: Arc<dyn System>,
}

impl Ses {
    /// # Errors
    /// When the region or the credentials are not configured, or the TLS backend can't be initialised.
    pub fn new(config: &SdkConfig, from: String, system: Arc<dyn System>) -> anyhow::Result<Self> {
        let region = config.region().context("no AWS region for mail (AWS_REGION)")?.to_string();
        let credentials = config.credentials_provider().context("no AWS credentials for mail")?;
        let origin = config.endpoint_url().map_or_else(
            || {
                let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://email.{region}.{suffix}")
            },
            |url| url.trim_end_matches('/').to_owned(),
        );
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { http, url: format!("{origin}{PATH}"), region, from, credentials, system })
    }

    /// The headers that sign the body.
    async fn signature(&self, body: &[u8]) -> PortResult<Vec<(String, String)>> {
        let unsigned =
            |what: &str| PortError::Broken { port: PORT, reason: format!("a request was not signed: {what}") };
        let credentials = self.credentials.provide_credentials().await;
        let identity =
            credentials.map_err(|_| PortError::Unavailable { port: PORT, reason: "no AWS credentials".into() })?.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ses")
            .time(time_of(self.system.now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unsigned("parameters"))?
            .into();
        let headers = [(CONTENT_TYPE.as_str(), JSON)].into_iter();
        let request = SignableRequest::new("POST", &self.url, headers, SignableBody::Bytes(body));
        let signed = sign(request.map_err(|_| unsigned("request"))?, &params).map_err(|_| unsigned("signature"))?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn time_of(now: Moment) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0))
}

#[async_trait]
impl Mailer for Ses {
    async fn send(&self, mail: &Mail) -> PortResult<()> {
        let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
        let body = json!({
            "FromEmailAddress": self.from,
            "Destination": {"ToAddresses": [mail.to.as_str()]},
            "Content": {"Simple": {"Subject": text(mail.subject), "Body": {"Text": text(mail.text.expose())}}},
        })
        .to_string()
        .into_bytes();
        let mut request = self.http.post(&self.url).header(CONTENT_TYPE, JSON);
        for (name, value) in self.signature(&body).await? {
            request = request.header(name, value);
        }
        let unavailable = |reason: String| PortError::Unavailable { port: PORT, reason };
        let answer = request.body(body).send().await.map_err(|error| {
            let reason = if error.is_timeout() { "timed out" } else { "connection failed" };
            unavailable(reason.into())
        })?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(());
        }
        // The message of an error may name the address.
        let kind = answer.headers().get(ERROR_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("unknown");
        let kind: String = kind.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        let reason = format!("{kind} (HTTP {status})");
        if status >= 500 || status == 429 {
            Err(unavailable(reason))
        } else {
            Err(PortError::Broken { port: PORT, reason })
        }
    }
}
