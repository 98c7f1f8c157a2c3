//! The stack's own receiver of webhooks: it verifies each delivery, prints a line for it, and answers.
//!
//! The workspace has a webhook for it. Its secret is kept in the data folder; its port is another one at each start.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use pinbridge_loopback::{BODY_TIMEOUT, HEAD_TIMEOUT, Limits};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::event::EventType;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use pinbridge_shared::domain::webhook::delivery::DeliveryId;
use pinbridge_shared::domain::webhook::endpoint::{EndpointKey, Secrets};
use pinbridge_shared::domain::webhook::signature::{self, Signing};
use pinbridge_shared::flows::webhooks::endpoints::{self, EndpointChange, EndpointError, NewEndpoint};
use pinbridge_shared::ports::System;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::identity::Identity;

/// By this path a start finds the webhook that an earlier one has made.
const PATH: &str = "/hooks/local-stack";
const ORIGIN_START: &str = "http://127.0.0.1:";
/// A request whose signed time is further away is refused.
const TOLERANCE_MS: i64 = 5 * MINUTE_MS;
/// How long the requests under way may take when the stack stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// A running receiver.
pub struct Receiver {
    pub url: String,
    /// How many deliveries came.
    received: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts it on a free port, and makes the workspace's webhook for it or gives the port to the one that there is.
    /// Returns `None` when the workspace has as many other webhooks as it may have.
    ///
    /// # Errors
    /// When the table or the folder can't be written.
    pub async fn start(
        context: &Context,
        identity: &mut Identity,
        data_dir: &Path,
        stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Option<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the receiver found no port")?;
        let url = format!("http://{}{PATH}", listener.local_addr()?);
        let secret = secret_of(identity, data_dir)?;
        if !subscribe(context, identity.workspace_id, &url, &secret).await? {
            eprintln!("pinbridge: no receiver: the workspace has as many webhooks as it may have");
            return Ok(None);
        }
        let (count, received) = watch::channel(0);
        let secrets = Secrets { current: secret, previous: None };
        let hook = Arc::new(Hook { secrets, system: Arc::clone(&context.system), count });
        let router = Router::new().route(PATH, post(receive)).with_state(hook);
        let limits = Limits { head: HEAD_TIMEOUT, body: BODY_TIMEOUT, hosts: Vec::new() };
        let task = tokio::spawn(pinbridge_loopback::serve(listener, router, limits, stop, DRAIN_LIMIT));
        Ok(Some(Self { url, received, task }))
    }

    /// Waits until a delivery has come and its line is printed, or the patience is over.
    pub async fn await_delivery(&self, patience: Duration) {
        let mut received = self.received.clone();
        let _ = timeout(patience, received.wait_for(|count| *count > 0)).await;
    }

    /// The task that serves, which ends once it is told to stop.
    pub fn into_task(self) -> JoinHandle<()> {
        self.task
    }
}

/// Removes the webhook that an earlier start has made for its receiver: nobody would answer its deliveries.
///
/// # Errors
/// When the table is unavailable.
pub async fn remove(context: &Context, identity: &Identity) -> anyhow::Result<()> {
    if identity.receiver_secret.is_none() {
        return Ok(());
    }
    if let Some(key) = find(context, identity.workspace_id).await? {
        endpoints::delete_endpoint(context, key).await?;
    }
    Ok(())
}

/// The secret of the folder. It is kept before the webhook has it, so that a start that ends in between loses nothing.
fn secret_of(identity: &mut Identity, data_dir: &Path) -> anyhow::Result<Secret> {
    if let Some(known) = &identity.receiver_secret {
        return Ok(Secret::new(known.as_str()));
    }
    let made = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    identity.receiver_secret = Some(made.clone());
    identity.save(data_dir)?;
    Ok(Secret::new(made))
}

/// Returns whether the workspace has a webhook for this URL now.
async fn subscribe(context: &Context, workspace: WorkspaceId, url: &str, secret: &Secret) -> anyhow::Result<bool> {
    if let Some(key) = find(context, workspace).await? {
        let (url, secret) = (Some(url.to_owned()), Some(secret.clone()));
        endpoints::update_endpoint(context, key, EndpointChange { url, secret, ..EndpointChange::default() }).await?;
        return Ok(true);
    }
    let events = EventType::defaults();
    let new = NewEndpoint { url: url.to_owned(), secret: secret.clone(), events, is_enabled: true };
    match endpoints::create_endpoint(context, workspace, new).await {
        Ok(_) => Ok(true),
        Err(EndpointError::TooMany) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn find(context: &Context, workspace: WorkspaceId) -> anyhow::Result<Option<EndpointKey>> {
    let all = context.webhooks.endpoints(workspace).await?;
    let is_ours = |url: &str| url.starts_with(ORIGIN_START) && url.ends_with(PATH);
    Ok(all.iter().find(|endpoint| is_ours(&endpoint.url)).map(|endpoint| endpoint.key))
}

/// What the requests share.
struct Hook {
    secrets: Secrets,
    system: Arc<dyn System>,
    count: watch::Sender<usize>,
}

/// A delivery whose signatures are right.
#[derive(Debug, PartialEq, Eq)]
struct Verified {
    event: EventType,
    id: DeliveryId,
    /// Of an event about a pin.
    pin: Option<String>,
}

/// Prints nothing of a request that anybody may have sent.
async fn receive(State(hook): State<Arc<Hook>>, headers: HeaderMap, body: String) -> StatusCode {
    let Some(verified) = verify(&headers, &body, &hook.secrets, hook.system.now()) else {
        println!("Webhook: a request was refused, because its signature is wrong");
        return StatusCode::UNAUTHORIZED;
    };
    println!("{}", line(&verified));
    hook.count.send_modify(|count| *count += 1);
    StatusCode::NO_CONTENT
}

fn line(verified: &Verified) -> String {
    let about = verified.pin.as_ref().map(|pin| format!(" of pin {pin}")).unwrap_or_default();
    format!("Webhook: {}{about}, delivery {}, signature verified", verified.event, verified.id.0)
}

/// Signs the request again and compares every header: those of PinBridge and of Standard Webhooks.
fn verify(headers: &HeaderMap, body: &str, secrets: &Secrets, now: Moment) -> Option<Verified> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = DeliveryId(text("X-PinBridge-Delivery-ID")?.parse().ok()?);
    let event = EventType::parse(text("X-PinBridge-Event")?)?;
    let sent_at = Moment(text("webhook-timestamp")?.parse::<i64>().ok()?.checked_mul(SECOND_MS)?);
    let is_recent = now.since_ms(sent_at).saturating_abs() <= TOLERANCE_MS;
    let signing = Signing { delivery: id, event, sent_at, body, secrets, now };
    let is_signed = signature::headers(&signing).iter().all(|(name, value)| text(name) == Some(value.as_str()));
    if !(is_recent && is_signed) {
        return None;
    }
    let payload: Value = serde_json::from_str(body).ok()?;
    Some(Verified { event, id, pin: payload["pin_id"].as_str().map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: Moment = Moment(1_795_394_096_000);
    const BODY: &str = r#"{"event":"pin.published","pin_id":"5e0e1f5a-0000-8000-8000-000000000000"}"#;

    fn secrets(text: &str) -> Secrets {
        Secrets { current: Secret::new(text), previous: None }
    }

    fn signed(body: &str, by: &Secrets) -> HeaderMap {
        let delivery = DeliveryId(Uuid::from_u128(1));
        let signing = Signing { delivery, event: EventType::PinPublished, sent_at: NOW, body, secrets: by, now: NOW };
        let headers = signature::headers(&signing).into_iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            (name, HeaderValue::from_str(&value).expect("a value"))
        });
        headers.collect()
    }

    #[test]
    fn a_delivery_is_printed_with_its_event_and_its_pin() {
        let known = secrets("a secret of the folder");
        let verified = verify(&signed(BODY, &known), BODY, &known, NOW).expect("verified");
        assert_eq!(
            line(&verified),
            "Webhook: pin.published of pin 5e0e1f5a-0000-8000-8000-000000000000, delivery \
             00000000-0000-0000-0000-000000000001, signature verified"
        );
        let test = Verified { event: EventType::WebhookTest, id: verified.id, pin: None };
        assert!(line(&test).starts_with("Webhook: webhook.test, delivery "), "{}", line(&test));
    }

    #[test]
    fn another_body_secret_header_or_time_is_refused() {
        let known = secrets("a secret of the folder");
        let headers = signed(BODY, &known);
        assert_eq!(verify(&headers, &BODY.replace("5e0e", "5e0f"), &known, NOW), None, "another body");
        assert_eq!(verify(&headers, BODY, &secrets("a secret of another"), NOW), None, "another secret");
        for later_ms in [TOLERANCE_MS + 1, -TOLERANCE_MS - 1] {
            assert_eq!(verify(&headers, BODY, &known, NOW.plus_ms(later_ms)), None, "{later_ms} ms later");
        }
        assert!(verify(&headers, BODY, &known, NOW.plus_ms(TOLERANCE_MS)).is_some());
        for name in ["x-pinbridge-signature", "webhook-signature", "webhook-timestamp", "x-pinbridge-event"] {
            let mut changed = headers.clone();
            changed.insert(name, HeaderValue::from_static("1"));
            assert_eq!(verify(&changed, BODY, &known, NOW), None, "another {name}");
            changed.remove(name);
            assert_eq!(verify(&changed, BODY, &known, NOW), None, "no {name}");
        }
    }
}
