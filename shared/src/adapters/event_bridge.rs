//! [`EventBus`] on an EventBridge bus: `PutEvents`, signed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use serde::Deserialize;
use serde_json::{Value, json};

use super::signed_posts::{Service, SignedPosts};
use crate::config::EventFormat;
use crate::domain::event::bus_event::{BusEvent, SOURCE};
use crate::ports::{EventBus, PortError, PortResult, System};

const SERVICE: Service =
    Service { port: "event bus", signing_name: "events", host: "events", path: "/", timeout: Duration::from_secs(8) };
const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AWSEvents.PutEvents")];
/// EventBridge takes ten entries a call.
const ENTRIES_PER_CALL: usize = 10;

/// Puts events on one bus.
pub struct EventBridge {
    posts: SignedPosts,
    bus: String,
    format: EventFormat,
    /// The deployment's name, which CloudEvents carry.
    environment: String,
}

impl EventBridge {
    /// `bus` is a bus's name.
    ///
    /// # Errors
    /// When the region or the credentials are not configured.
    pub fn new(config: &SdkConfig, bus: String, system: Arc<dyn System>) -> anyhow::Result<Self> {
        let posts = SignedPosts::new(config, SERVICE, system)?;
        Ok(Self { posts, bus, format: EventFormat::default(), environment: String::new() })
    }

    /// The same, which puts the events in this form.
    #[must_use]
    pub fn with_format(self, format: EventFormat, environment: String) -> Self {
        Self { format, environment, ..self }
    }

    fn entry(&self, event: &BusEvent) -> PortResult<Value> {
        let detail = match self.format {
            EventFormat::Envelope => Some(event.body.clone()),
            EventFormat::CloudEvents => event.cloud_event(&self.environment),
        };
        let no_json = || PortError::Broken { port: SERVICE.port, reason: "an event without a body of JSON".into() };
        Ok(json!({
            "EventBusName": self.bus,
            "Source": SOURCE,
            "DetailType": event.event.name(),
            "Time": event.at.unix_seconds(),
            "Detail": detail.ok_or_else(no_json)?,
        }))
    }

    /// Puts up to ten events; answers which of them were refused.
    async fn put_ten(&self, events: &[BusEvent]) -> PortResult<Vec<usize>> {
        let entries: Vec<Value> = events.iter().map(|event| self.entry(event)).collect::<PortResult<_>>()?;
        let body = json!({"Entries": entries}).to_string().into_bytes();
        let answer = self.posts.post(&HEADERS, body).await?.map_err(|refusal| refusal.into_error(SERVICE.port))?;
        let unreadable = || PortError::Unavailable { port: SERVICE.port, reason: "unreadable answer".into() };
        let answer: PutAnswer = serde_json::from_slice(&answer).map_err(|_| unreadable())?;
        if answer.entries.len() != events.len() {
            return Err(unreadable());
        }
        let refused = answer.entries.into_iter().enumerate();
        Ok(refused.filter_map(|(index, entry)| Some((index, entry.error_code?))).map(logged).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutAnswer {
    entries: Vec<PutEntry>,
}

/// Of an entry that was refused, its code. The message is left out: it may quote the entry.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEntry {
    error_code: Option<String>,
}

fn logged((index, error_code): (usize, String)) -> usize {
    tracing::warn!(error_code, "event refused by the bus");
    index
}

#[async_trait]
impl EventBus for EventBridge {
    async fn put(&self, events: &[BusEvent]) -> PortResult<Vec<usize>> {
        let mut refused = Vec::new();
        for (call, ten) in events.chunks(ENTRIES_PER_CALL).enumerate() {
            let first = call * ENTRIES_PER_CALL;
            refused.extend(self.put_ten(ten).await?.into_iter().map(|index| first + index));
        }
        Ok(refused)
    }
}
