//! Signed requests to services of AWS that few of whose operations are used. An SDK crate for each would be the largest
//! dependency for the smallest use.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Client;
use serde::Deserialize;

use crate::domain::time::Moment;
use crate::ports::{PortError, PortResult, System};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Names the kind of an error. Some services name it in the body only.
const ERROR_TYPE: &str = "x-amzn-errortype";
const UNKNOWN_KIND: &str = "unknown";
/// HTTP's "too many requests".
const TOO_MANY: u16 = 429;
/// Kinds of errors after which the same request may work later, whatever their status.
const PASSING: [&str; 4] = ["ThrottlingException", "Throttling", "InternalException", "ServiceUnavailable"];

/// A service and one of its paths.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The port, as errors name it.
    pub port: &'static str,
    /// As signatures name the service.
    pub signing_name: &'static str,
    /// The first label of its host.
    pub host: &'static str,
    pub path: &'static str,
    /// Of a whole request.
    pub timeout: Duration,
}

/// Makes requests to one service, in the region of the SDK's configuration.
pub struct SignedPosts {
    service: Service,
    /// Built at the first request: most processes never make one.
    http: OnceLock<Client>,
    url: String,
    region: String,
    credentials: SharedCredentialsProvider,
    system: Arc<dyn System>,
}

/// An answer that isn't a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// The kind of the error, of letters and digits. The message is left out: it may quote data.
    pub kind: String,
}

impl Refusal {
    /// As an error of the port: an outage, or a refusal that repeating doesn't change.
    pub fn into_error(self, port: &'static str) -> PortError {
        let Self { status, kind } = self;
        let reason = format!("{kind} (HTTP {status})");
        if status >= 500 || status == TOO_MANY || PASSING.contains(&kind.as_str()) {
            PortError::Unavailable { port, reason }
        } else {
            PortError::Broken { port, reason }
        }
    }
}

impl SignedPosts {
    /// # Errors
    /// When the region or the credentials are not configured.
    pub fn new(config: &SdkConfig, service: Service, system: Arc<dyn System>) -> anyhow::Result<Self> {
        let port = service.port;
        let region = config.region().with_context(|| format!("no AWS region for {port} (AWS_REGION)"))?.to_string();
        let credentials = config.credentials_provider().with_context(|| format!("no AWS credentials for {port}"))?;
        let origin = config.endpoint_url().map_or_else(
            || {
                let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{}.{region}.{suffix}", service.host)
            },
            |url| url.trim_end_matches('/').to_owned(),
        );
        let url = format!("{origin}{}", service.path);
        Ok(Self { service, http: OnceLock::new(), url, region, credentials, system })
    }

    /// Makes one request; answers the body of a success. `headers` have lower-case names, `content-type` among them.
    ///
    /// # Errors
    /// When no answer came, or the request could not be signed.
    pub async fn post(&self, headers: &[(&str, &str)], body: Vec<u8>) -> PortResult<Result<Vec<u8>, Refusal>> {
        let mut request = self.http()?.post(&self.url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in self.signature(headers, &body).await? {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await.map_err(|error| self.unanswered(&error))?;
        let status = answer.status().as_u16();
        let named = answer.headers().get(ERROR_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body = answer.bytes().await.map_err(|error| self.unanswered(&error))?.to_vec();
        if (200..300).contains(&status) {
            return Ok(Ok(body));
        }
        Ok(Err(Refusal { status, kind: kind_of(named.as_deref(), &body) }))
    }

    fn unanswered(&self, error: &reqwest::Error) -> PortError {
        let reason = if error.is_timeout() { "timed out" } else { "connection failed" };
        PortError::Unavailable { port: self.service.port, reason: reason.into() }
    }

    fn http(&self) -> PortResult<&Client> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.service.timeout)
            .build()
            .map_err(|_| PortError::Broken { port: self.service.port, reason: "no TLS backend".into() })?;
        Ok(self.http.get_or_init(|| client))
    }

    /// The headers that sign the body and the other headers.
    async fn signature(&self, headers: &[(&str, &str)], body: &[u8]) -> PortResult<Vec<(String, String)>> {
        let port = self.service.port;
        let unsigned = |what: &str| PortError::Broken { port, reason: format!("a request was not signed: {what}") };
        let credentials = self.credentials.provide_credentials().await;
        let identity =
            credentials.map_err(|_| PortError::Unavailable { port, reason: "no AWS credentials".into() })?.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.signing_name)
            .time(time_of(self.system.now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unsigned("parameters"))?
            .into();
        let request = SignableRequest::new("POST", &self.url, headers.iter().copied(), SignableBody::Bytes(body));
        let signed = sign(request.map_err(|_| unsigned("request"))?, &params).map_err(|_| unsigned("signature"))?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn time_of(now: Moment) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0))
}

/// The kind of an error: of `AccessDeniedException:http://…` and `com.amazonaws.events#InternalException` the name.
fn kind_of(header: Option<&str>, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "__type")]
        kind: String,
    }
    let name = |text: &str| -> Option<String> {
        let text = text.split(':').next().unwrap_or_default();
        let text = text.rsplit('#').next().unwrap_or_default();
        let name: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
        (!name.is_empty()).then_some(name)
    };
    let in_body = || serde_json::from_slice::<Named>(body).ok().and_then(|named| name(&named.kind));
    header.and_then(name).or_else(in_body).unwrap_or_else(|| UNKNOWN_KIND.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_an_error_is_a_name_and_nothing_else() {
        let body = "{\"__type\": \"com.amazonaws.events#InternalException\", \"message\": \"x\"}";
        for (header, body, kind) in [
            (Some("AccessDeniedException:http://internal/#x"), body, "AccessDeniedException"),
            (None, body, "InternalException"),
            (Some(""), "{\"__type\": \"TaskTimedOut\"}", "TaskTimedOut"),
            (Some(""), "{\"__type\": \"a b\"}", "a"),
            (None, "<html>", UNKNOWN_KIND),
        ] {
            assert_eq!(kind_of(header, body.as_bytes()), kind);
        }
    }

    #[test]
    fn throttling_is_an_outage_whatever_its_status() {
        for (status, kind, is_outage) in [
            (500, "unknown", true),
            (429, "unknown", true),
            (400, "ThrottlingException", true),
            (400, "ValidationException", false),
            (403, "AccessDeniedException", false),
        ] {
            let error = Refusal { status, kind: kind.into() }.into_error("a port");
            assert_eq!(matches!(error, PortError::Unavailable { port: "a port", .. }), is_outage, "{error}");
        }
    }
}
