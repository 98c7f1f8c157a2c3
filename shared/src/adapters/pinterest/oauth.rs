//! The app's side of OAuth: the authorize URL and the token endpoint.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::client::{Answer, describe, plain};
use super::hints;
use super::wire::{ErrorBody, read_text};
use crate::adapters::app_secret::AppSecret;
use crate::config::OAuthApp;
use crate::domain::pin::attempt::Upstream;
use crate::domain::pin::failure::Failure;
use crate::domain::secret::Secret;
use crate::domain::time::SECOND_MS;
use crate::ports::{GrantFailure, OAuth, PortResult, System, Tokens};

/// A refresh has to end well within the function's timeout, with time left to store its tokens.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(6);

/// Pinterest's token endpoint over HTTP.
pub struct PinterestOAuth {
    http: Client,
    token_url: String,
    app: Option<OAuthApp>,
    /// Read at first need, and again after Pinterest refused it: an operator may have set another.
    app_secret: Mutex<Option<Secret>>,
    app_secret_source: AppSecret,
    system: Arc<dyn System>,
}

/// A grant that succeeded.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default, deserialize_with = "read_text")]
    refresh_token: Option<String>,
    /// Seconds. What isn't a number is left out: it is no reason to lose the tokens.
    #[serde(default, deserialize_with = "read_seconds")]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "read_seconds")]
    refresh_token_expires_in: Option<i64>,
    /// Names with commas or blanks between them.
    #[serde(default, deserialize_with = "read_scope")]
    scope: Option<String>,
}

/// A text, or a list of texts. Anything else counts as missing: Pinterest has given the old tokens up for these.
fn read_scope<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        _ => None,
    }
    .filter(|scope| !scope.is_empty()))
}

fn read_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// A refused grant: Pinterest's own format, and that of RFC 6749.
#[derive(Default)]
struct Refusal {
    code: Option<i64>,
    message: Option<String>,
    data: Option<Value>,
    error: Option<String>,
}

impl Refusal {
    /// A field that isn't of its type is left out.
    fn read(body: &[u8]) -> Self {
        let ErrorBody { code, message } = ErrorBody::read(body);
        let mut answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = answer.get("error").and_then(Value::as_str).map(str::to_owned);
        let data = answer.get_mut("data").map(Value::take);
        Self { code, message: Some(message).filter(|message| !message.is_empty()), data, error }
    }
}

impl PinterestOAuth {
    /// `origin` is without `/v5`.
    ///
    /// # Errors
    /// When the TLS backend can't be initialised.
    pub fn new(
        origin: &str,
        app: Option<OAuthApp>,
        app_secret_source: AppSecret,
        system: Arc<dyn System>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            // Each grant has its own connection, as each create has: on a kept one that the server has just closed,
            // "not sent" and "sent, answer lost" can't be told apart.
            http: plain(TOKEN_TIMEOUT).timeout(TOKEN_TIMEOUT).pool_max_idle_per_host(0).build()?,
            token_url: format!("{}/v5/oauth/token", origin.trim_end_matches('/')),
            app,
            app_secret: Mutex::default(),
            app_secret_source,
            system,
        })
    }

    async fn ask(&self, form: &[(&str, &str)]) -> Result<Tokens, GrantFailure> {
        let app = self.app.as_ref().ok_or_else(|| not_configured("no Pinterest app is configured"))?;
        let secret = self.secret().await.map_err(|error| {
            tracing::error!(%error, "app secret unreadable");
            not_configured("the Pinterest app's secret can't be read")
        })?;
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .http
            .post(&self.token_url)
            .basic_auth(&app.app_id, Some(secret.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let upstream = Upstream { transport_error: Some(describe(&error)), ..Upstream::default() };
                return Err(if error.is_connect() {
                    GrantFailure::NotNow { upstream, retry_after_ms: None }
                } else {
                    GrantFailure::Unknown(upstream)
                });
            }
        };
        let asked_at = self.system.now();
        let answer = Answer::read(response).await;
        let Some(body) = &answer.body else {
            return Err(GrantFailure::Unknown(answer.upstream(None, None, Some("Pinterest's answer was cut off"))));
        };
        if answer.is_success() {
            let unreadable =
                || GrantFailure::Unknown(answer.upstream(None, None, Some("Pinterest's answer could not be read")));
            let granted: Granted = serde_json::from_slice(body).map_err(|_| unreadable())?;
            let in_seconds = |seconds: Option<i64>| {
                seconds.filter(|s| *s > 0).map(|s| asked_at.plus_ms(s.saturating_mul(SECOND_MS)))
            };
            let tokens = Tokens {
                access: Secret::new(granted.access_token),
                // An empty one is none.
                refresh: granted.refresh_token.filter(|token| !token.trim().is_empty()).map(Secret::new),
                access_expires_at: in_seconds(granted.expires_in),
                refresh_expires_at: in_seconds(granted.refresh_token_expires_in),
                scopes: granted
                    .scope
                    .map(|scope| scope.split([',', ' ']).filter(|s| !s.is_empty()).collect::<Vec<_>>().join(",")),
            };
            return if tokens.are_whole() { Ok(tokens) } else { Err(unreadable()) };
        }
        let refusal = Refusal::read(body);
        let failure = self.classify(&answer, &refusal);
        if matches!(failure, GrantFailure::AppRefused(_)) {
            *self.app_secret.lock().await = None;
        }
        Err(failure)
    }

    async fn secret(&self) -> PortResult<Secret> {
        let mut known = self.app_secret.lock().await;
        if let Some(secret) = &*known {
            return Ok(secret.clone());
        }
        let secret = self.app_secret_source.read().await?;
        *known = Some(secret.clone());
        Ok(secret)
    }

    fn classify(&self, answer: &Answer, refusal: &Refusal) -> GrantFailure {
        let message = refusal.message.clone().or_else(|| refusal.error.clone()).unwrap_or_default();
        let verdict = Verdict::of(answer.status, refusal);
        let upstream = answer.upstream(refusal.code, Some(message.clone()).filter(|message| !message.is_empty()), None);
        match verdict {
            Verdict::Grant => GrantFailure::Refused(upstream),
            Verdict::App => GrantFailure::AppRefused(upstream),
            Verdict::Unknown => GrantFailure::Unknown(upstream),
            Verdict::NotNow => {
                let now = self.system.now();
                let retry_after_ms = hints::retry_after_ms(Failure::RateLimited, &answer.headers, &message, now);
                GrantFailure::NotNow { upstream, retry_after_ms }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Grant,
    App,
    NotNow,
    Unknown,
}

impl Verdict {
    /// Only an answer that names the grant counts against it. Wrong app credentials get 401 with code 2
    /// ("Authentication failed."). An unknown answer is taken for a passing failure.
    fn of(status: u16, refusal: &Refusal) -> Self {
        let data = refusal.data.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = format!("{} {data}", refusal.message.as_deref().unwrap_or("")).to_lowercase();
        let error = refusal.error.as_deref().unwrap_or("");
        match status {
            408 | 500.. => Self::Unknown,
            429 => Self::NotNow,
            400 | 401 | 403
                if text.contains("application") || text.contains("client") || error.ends_with("_client") =>
            {
                Self::App
            }
            400 | 401 if refusal.code == Some(283) || error == "invalid_grant" => Self::Grant,
            400 | 401 if text.contains("refresh token") || text.contains("authorization grant") => Self::Grant,
            401 | 403 => Self::App,
            _ => Self::NotNow,
        }
    }
}

fn not_configured(transport_error: &'static str) -> GrantFailure {
    GrantFailure::AppRefused(Upstream { transport_error: Some(transport_error), ..Upstream::default() })
}

#[async_trait]
impl OAuth for PinterestOAuth {
    fn is_configured(&self) -> bool {
        self.app.is_some()
    }

    fn callback_url(&self) -> Option<String> {
        self.app.as_ref().map(|app| app.redirect_url.clone())
    }

    fn authorization_url(&self, state: &str) -> Option<String> {
        let app = self.app.as_ref()?;
        let mut url = Url::parse(&app.authorize_url).ok()?;
        url.query_pairs_mut()
            .append_pair("client_id", &app.app_id)
            .append_pair("redirect_uri", &app.redirect_url)
            .append_pair("response_type", "code")
            .append_pair("scope", &app.scopes)
            .append_pair("state", state);
        Some(url.into())
    }

    async fn exchange(&self, code: &Secret) -> Result<Tokens, GrantFailure> {
        let redirect_url = self.app.as_ref().map_or("", |app| app.redirect_url.as_str());
        self.ask(&[
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_url),
            ("continuous_refresh", "true"),
        ])
        .await
    }

    async fn refresh(&self, refresh: &Secret) -> Result<Tokens, GrantFailure> {
        // Apps created before 2025-09-25 get a new refresh token only when they ask for it; for others the parameter
        // has no effect.
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", refresh.expose()), ("continuous_refresh", "true")];
        let mut tokens = self.ask(&form).await?;
        // Without a new refresh token the old one stays valid: never overwrite it with nothing.
        tokens.refresh.get_or_insert_with(|| refresh.clone());
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grants_lives_are_read_in_any_form_and_its_tokens_in_any_case() {
        let read = |lives: &str| {
            let body = format!(r#"{{"access_token":"pina_A"{lives}}}"#);
            let granted: Granted = serde_json::from_str(&body).expect("readable");
            (granted.refresh_token, granted.expires_in)
        };
        assert_eq!(read(""), (None, None));
        assert_eq!(read(r#","refresh_token":null,"expires_in":null"#), (None, None));
        for lives in [r#""expires_in":9"#, r#""expires_in":9.0"#, r#""expires_in":"9""#] {
            assert_eq!(read(&format!(",{lives}")), (None, Some(9)), "{lives}");
        }
        assert_eq!(read(r#","expires_in":{"days":1}"#), (None, None));
    }

    #[test]
    fn issued_tokens_are_kept_whatever_form_the_rest_of_the_answer_has() {
        let read = |rest: &str| {
            let body = format!(r#"{{"access_token":"pina_A","refresh_token":"pinr_R"{rest}}}"#);
            let granted: Granted = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{rest}: {error}"));
            (granted.refresh_token, granted.scope)
        };
        let scope = |scope: &str| read(&format!(r#","scope":{scope}"#)).1;
        for written in [r#""pins:read,pins:write""#, r#"["pins:read","pins:write"]"#, r#"["pins:read",7,"pins:write"]"#]
        {
            assert_eq!(scope(written).as_deref(), Some("pins:read,pins:write"), "{written}");
        }
        for none in ["null", "[]", r#""""#, "7", "{}", "true"] {
            assert_eq!(scope(none), None, "{none}");
        }
        let odd = r#","token_type":7,"response_type":["token"],"expires_in":[],"refresh_token_expires_at":{}"#;
        assert_eq!(read(odd), (Some("pinr_R".into()), None));
        let odd: Granted =
            serde_json::from_str(r#"{"access_token":"pina_A","refresh_token":false}"#).expect("readable");
        assert_eq!(odd.refresh_token, None, "the old one stays");
    }

    #[test]
    fn a_refusal_is_read_although_one_of_its_fields_is_of_another_type() {
        for body in [
            r#"{"code":283,"message":["no"],"data":[]}"#,
            r#"{"code":283,"message":{"text":"no"},"error":{}}"#,
            r#"{"code":"?","error":"invalid_grant","message":null}"#,
        ] {
            assert_eq!(verdict(400, body), Verdict::Grant, "{body}");
        }
    }

    fn verdict(status: u16, body: &str) -> Verdict {
        Verdict::of(status, &Refusal::read(body.as_bytes()))
    }

    #[test]
    fn only_an_answer_that_names_the_grant_counts_against_it() {
        let grant = r#"{"code":283,"message":"The authorization grant is invalid"}"#;
        let app = r#"{"status":"failure","code":283,"data":"Invalid Application ID","message":"The authorization grant is invalid"}"#;
        let cases = [
            (400, grant, Verdict::Grant),
            (401, grant, Verdict::Grant),
            (400, r#"{"error":"invalid_grant"}"#, Verdict::Grant),
            (400, r#"{"code":1,"message":"Invalid refresh token"}"#, Verdict::Grant),
            (400, app, Verdict::App),
            (401, r#"{"code":2,"message":"Authentication failed."}"#, Verdict::App),
            (401, r#"{"error":"invalid_client"}"#, Verdict::App),
            (403, r#"{"code":29,"message":"You are not permitted to access that resource."}"#, Verdict::App),
            (429, r#"{"code":8,"message":"This request exceeded a rate limit."}"#, Verdict::NotNow),
            (400, r#"{"code":1,"message":"Something nobody has seen"}"#, Verdict::NotNow),
            (404, "<html>", Verdict::NotNow),
            (500, grant, Verdict::Unknown),
            (503, "", Verdict::Unknown),
            (408, "", Verdict::Unknown),
        ];
        for (status, body, wanted) in cases {
            assert_eq!(verdict(status, body), wanted, "{status} {body}");
        }
    }
}
