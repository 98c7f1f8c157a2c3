//! A delivery: one event for one endpoint, and how it stands.

use uuid::Uuid;

use super::super::event::told::Told;
use super::super::event::{EventId, EventType, derived_uuid};
use super::super::ids::{PinId, PinKey};
use super::super::time::Moment;
use super::endpoint::EndpointKey;

/// Of the answer to the try that ended a delivery as failed, this many bytes are kept.
pub const ANSWER_KEPT: usize = 2_048;
/// Of the answer to a failed try, this many bytes are kept while the delivery waits. With them, its row has less than a
/// kilobyte, so that each try costs one write unit for it. With [`ANSWER_KEPT`], it would have more than two kilobytes
/// and cost three, and a retry, which writes the state of its endpoint too, may cost three in all.
pub const ANSWER_KEPT_WAITING: usize = 512;
/// Of the answer to a repeat, so many bytes less are kept: its row also says when the event was first delivered.
pub const MARK_OF_FIRST: usize = 24;

/// The id of a delivery: of an event for an endpoint. Every try and every repeat carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub Uuid);

impl DeliveryId {
    pub fn of(endpoint: EndpointKey, event: EventId) -> Self {
        Self(derived_uuid(&endpoint.workspace.0, &["delivery", &endpoint.endpoint.to_string(), &event.to_string()]))
    }
}

/// Names a delivery's row: deliveries of an endpoint are ordered by the time of their events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey {
    pub endpoint: EndpointKey,
    pub event_at: Moment,
    pub id: DeliveryId,
}

/// Where the event comes from: its payload is built from it again for each try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The pin's event with this sequence number.
    Pin {
        pin: PinId,
        sequence: u32,
        /// What its body says: some tens of bytes, with which a row that waits has less than a kilobyte. `None`: the
        /// row is from before rows kept it, and the pin's rows are read.
        told: Option<Box<Told>>,
    },
    /// Not about a pin: the payload itself, as JSON.
    Stored { payload: String },
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is tried again; `None` means when its endpoint answers again, or is enabled.
    Waiting {
        next_at: Option<Moment>,
    },
    Delivered,
    /// Its last try failed, and none follows.
    Failed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// How many bytes of a failed try's answer are kept in this state.
    pub fn answer_kept(self) -> usize {
        match self {
            Self::Waiting { .. } => ANSWER_KEPT_WAITING,
            Self::Delivered | Self::Failed => ANSWER_KEPT,
        }
    }
}

/// What came of the last try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastTry {
    pub at: Moment,
    pub status: Option<u16>,
    /// A stable code when no acceptable answer came, such as `timeout` or `redirect`.
    pub error: Option<String>,
    /// The first bytes of the answer of a failed try: [`ANSWER_KEPT`], or [`ANSWER_KEPT_WAITING`].
    pub answer: Option<String>,
    pub latency_ms: i64,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub key: DeliveryKey,
    pub event: EventType,
    pub source: Source,
    pub state: State,
    /// How many requests were made.
    pub tries: u32,
    pub last: Option<LastTry>,
    /// SHA-256 of the body of the last request, in lower-case hex.
    pub body_sha256: Option<String>,
    /// Whether it was requested again by a caller.
    pub is_replayed: bool,
    /// When it was first delivered, if it was requested again after that.
    pub delivered_before: Option<Moment>,
    /// Whether a later request had another body than one before it.
    pub is_changed: bool,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub expires_at: Moment,
}

impl Delivery {
    /// Whether a request with this body, by its SHA-256, makes the delivery a changed one.
    pub fn is_changed_by(&self, body_sha256: &str) -> bool {
        self.is_changed || self.body_sha256.as_deref().is_some_and(|before| before != body_sha256)
    }

    /// When the receiver first took it, if it did. Repeats don't change that.
    pub fn first_delivered_at(&self) -> Option<Moment> {
        let is_delivered = self.state == State::Delivered;
        let this = is_delivered.then(|| self.last.as_ref().map_or(self.updated_at, |last| last.at));
        self.delivered_before.or(this)
    }

    /// The time of its own next try; `None`: its endpoint's next turn sends it. A time that was planned before the
    /// endpoint was last changed counts for nothing: whoever repairs an endpoint gets at once what waits.
    pub fn due_at(&self, endpoint_changed_at: Moment) -> Option<Moment> {
        let State::Waiting { next_at } = self.state else { return None };
        let is_before = self.last.as_ref().is_some_and(|last| last.at < endpoint_changed_at);
        next_at.filter(|_| !is_before)
    }

    /// The pin whose event it is, and the event's number.
    pub fn pin(&self) -> Option<(PinKey, u32)> {
        match self.source {
            Source::Pin { pin, sequence, .. } => {
                Some((PinKey { workspace: self.key.endpoint.workspace, pin }, sequence))
            }
            Source::Stored { .. } => None,
        }
    }
}
