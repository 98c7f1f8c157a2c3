//! An endpoint: a URL of a subscriber, and the events that it receives.

use serde::{Deserialize, Serialize};

use super::super::event::EventType;
use super::super::ids::{EndpointId, WorkspaceId};
use super::super::secret::Secret;
use super::super::time::{HOUR_MS, MINUTE_MS, Moment};

/// A workspace has at most this many endpoints. (PinBridge's hosted API allows one.)
pub const ENDPOINTS_MAX: usize = 10;
/// The bounds of a secret's length, in characters.
pub const SECRET_MIN: usize = 16;
pub const SECRET_MAX: usize = 255;
/// After a secret is replaced, requests are signed with the previous one too for this time.
pub const ROTATION_MS: i64 = 24 * HOUR_MS;
/// An endpoint hears every event that is committed later than this after its creation.
pub const HEARS_AFTER_MS: i64 = MINUTE_MS;

/// An endpoint together with its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    pub workspace: WorkspaceId,
    pub endpoint: EndpointId,
}

/// The row of an endpoint keeps so many of the times that its answers disabled it. Somebody would have to enable it as
/// often before the rescuer reads the marker of the first one, minutes later.
pub const DISABLINGS_KEPT: usize = 20;

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBy {
    /// A caller disabled it.
    Caller,
    /// Its deliveries kept failing for days.
    Failures,
    /// It answered 410, or asked for it with the header `webhook-delivery: disable`.
    Receiver,
}

impl DisabledBy {
    pub const ALL: [Self; 3] = [Self::Caller, Self::Failures, Self::Receiver];

    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Failures => "failures",
            Self::Receiver => "receiver",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }
}

/// The secrets that requests are signed with.
#[derive(Clone)]
pub struct Secrets {
    pub current: Secret,
    /// The one before, and until when it is valid.
    pub previous: Option<(Secret, Moment)>,
}

/// The write by which an endpoint's answers disabled it: its revision, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disabling {
    pub rev: u64,
    pub at: Moment,
}

/// An endpoint, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub key: EndpointKey,
    /// Counts the writes of its row, from 1.
    pub rev: u64,
    /// Names the last write.
    pub nonce: String,
    pub url: String,
    /// Sorted, without repeats.
    pub events: Vec<EventType>,
    /// `None`: it is enabled.
    pub disabled: Option<DisabledBy>,
    /// The last times that its answers disabled it, the newest first. They stay when it is enabled again.
    pub disablings: Vec<Disabling>,
    /// Until when the previous secret is valid, if there is one.
    pub previous_secret_until: Option<Moment>,
    pub created_at: Moment,
    pub updated_at: Moment,
}

impl Endpoint {
    /// The endpoint's next write, which disables it because of its answers.
    #[must_use]
    pub fn disabled_by(self, by: DisabledBy, now: Moment, nonce: String) -> Self {
        let rev = self.rev + 1;
        let this = Disabling { rev, at: now };
        let disablings = std::iter::once(this).chain(self.disablings).take(DISABLINGS_KEPT).collect();
        Self { rev, nonce, disabled: Some(by), disablings, updated_at: now, ..self }
    }

    /// Whether an event of this type that was committed at `at` is delivered here. (A disabled endpoint's events wait.)
    pub fn hears(&self, event: EventType, at: Moment) -> bool {
        self.events.contains(&event) && at >= self.created_at
    }
}
