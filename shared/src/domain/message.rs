//! The queues' messages.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::event::told::EventCopy;
use super::event::{EventId, EventType};
use super::ids::{AccountId, AccountKey, BoardKey, EndpointId, ImportId, PinId, PinKey, WorkspaceId};
use super::import::ImportKey;
use super::pacing::bucket::Token;
use super::time::Moment;
use super::webhook::endpoint::EndpointKey;
use super::webhook::replay::ReplayId;

/// The version of the message's own format.
pub const MESSAGE_VERSION: u8 = 1;

/// Asks a publisher to publish a pin: names the pin, its generation, and the token that was taken for it, if any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishMessage {
    #[serde(rename = "v")]
    pub version: u8,
    #[serde(rename = "w")]
    pub workspace: WorkspaceId,
    #[serde(rename = "a")]
    pub account: AccountId,
    #[serde(rename = "p")]
    pub pin: PinId,
    #[serde(rename = "g")]
    pub generation: u32,
    /// The slot of the pin's token. Without a token, the publisher takes one before the call.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Moment>,
    /// Until when the token may be used.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Moment>,
    /// How often the queue has delivered the message, this delivery included; 0 is unknown. Not a part of the message.
    #[serde(skip)]
    pub deliveries: u32,
}

/// What a message is about, as a log line names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub workspace: Option<WorkspaceId>,
    pub account: Option<AccountId>,
    pub pin: Option<PinId>,
    pub board_id: Option<String>,
    pub import: Option<ImportId>,
}

/// A message of a queue that a function reads.
pub trait Delivered {
    /// The ids of what the message is about.
    fn subject(&self) -> Subject;

    /// Notes in the message how often the queue has delivered it. Most messages don't need it.
    fn delivered(&mut self, _deliveries: u32) {}
}

impl Delivered for PublishMessage {
    fn subject(&self) -> Subject {
        let Self { workspace, account, pin, .. } = *self;
        Subject { workspace: Some(workspace), account: Some(account), pin: Some(pin), ..Subject::default() }
    }

    fn delivered(&mut self, deliveries: u32) {
        self.deliveries = deliveries;
    }
}

impl Delivered for ReconcileMessage {
    fn subject(&self) -> Subject {
        Subject {
            workspace: Some(self.workspace),
            account: Some(self.account),
            pin: self.duplicate_check,
            board_id: Some(self.board_id.clone()),
            import: None,
        }
    }
}

impl Delivered for ImportMessage {
    fn subject(&self) -> Subject {
        Subject { workspace: Some(self.workspace), import: Some(self.import), ..Subject::default() }
    }
}

impl Delivered for NotifyMessage {
    fn subject(&self) -> Subject {
        let pin = match self.work {
            NotifyWork::Pin { pin, .. } => Some(pin),
            NotifyWork::Turn { .. } | NotifyWork::Replay { .. } | NotifyWork::Stored { .. } => None,
        };
        Subject { workspace: Some(self.workspace), pin, ..Subject::default() }
    }
}

/// Asks a reconciler to read a board: some pins' outcomes are unresolved, or a published pin's duplicate check is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileMessage {
    #[serde(rename = "v")]
    pub version: u8,
    #[serde(rename = "w")]
    pub workspace: WorkspaceId,
    #[serde(rename = "a")]
    pub account: AccountId,
    #[serde(rename = "b")]
    pub board_id: String,
    /// The time for which this reading was planned. If the plan has changed since, the message is void.
    #[serde(rename = "t")]
    pub planned_for: Moment,
    /// Set for a duplicate check: the published pin whose second Pin is searched for.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub duplicate_check: Option<PinId>,
    /// How many times this duplicate check was tried without a result.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub tries: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl ReconcileMessage {
    /// Asks for a reading of the board that was planned for that time.
    pub fn new(board: &BoardKey, planned_for: Moment) -> Self {
        Self {
            version: MESSAGE_VERSION,
            workspace: board.account.workspace,
            account: board.account.account,
            board_id: board.board_id.clone(),
            planned_for,
            duplicate_check: None,
            tries: 0,
        }
    }

    /// Asks whether a published pin has a second Pin on its board.
    pub fn duplicate_check(board: &BoardKey, pin: PinId, tries: u32, now: Moment) -> Self {
        Self { duplicate_check: Some(pin), tries, ..Self::new(board, now) }
    }

    /// The board to read.
    pub fn board(&self) -> BoardKey {
        let account = AccountKey { workspace: self.workspace, account: self.account };
        BoardKey { account, board_id: self.board_id.clone() }
    }

    /// # Errors
    /// When the text isn't a message, or has another version.
    pub fn parse(body: &str) -> Result<Self, BadMessage> {
        parse(body)
    }
}

/// Asks an importer to continue an import. The chunks that have no results yet are the work that is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportMessage {
    #[serde(rename = "v")]
    pub version: u8,
    #[serde(rename = "w")]
    pub workspace: WorkspaceId,
    #[serde(rename = "i")]
    pub import: ImportId,
}

impl ImportMessage {
    /// Asks for the work on the import.
    pub fn new(key: ImportKey) -> Self {
        Self { version: MESSAGE_VERSION, workspace: key.workspace, import: key.import }
    }

    pub fn key(&self) -> ImportKey {
        ImportKey { workspace: self.workspace, import: self.import }
    }

    /// # Errors
    /// When the text isn't a message, or has another version.
    pub fn parse(body: &str) -> Result<Self, BadMessage> {
        parse(body)
    }
}

/// Asks a notifier to deliver events, or to take an endpoint's turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyMessage {
    #[serde(rename = "v")]
    pub version: u8,
    #[serde(rename = "w")]
    pub workspace: WorkspaceId,
    #[serde(flatten)]
    pub work: NotifyWork,
}

/// What a notifier is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum NotifyWork {
    /// Events of a pin, which its rows record: those with these sequence numbers, both included.
    Pin {
        #[serde(rename = "p")]
        pin: PinId,
        #[serde(rename = "f")]
        from: u32,
        #[serde(rename = "l")]
        to: u32,
        /// These events as they were when the message was sent; the rows show those that are missing here.
        #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
        copies: Vec<EventCopy>,
    },
    /// The turn of an endpoint whose deliveries wait. If another time is planned by now, the message is void.
    Turn {
        #[serde(rename = "e")]
        endpoint: EndpointId,
        #[serde(rename = "t")]
        planned_for: Moment,
    },
    /// The next pages of a replay of an endpoint. If it has ended by now, the message is void.
    Replay {
        #[serde(rename = "e")]
        endpoint: EndpointId,
        #[serde(rename = "r")]
        replay: Uuid,
    },
    /// An event that no pin's rows record.
    Stored {
        #[serde(rename = "i", with = "event_id")]
        event_id: EventId,
        #[serde(rename = "n", with = "event_name")]
        event: EventType,
        #[serde(rename = "t")]
        at: Moment,
        /// The body, as JSON.
        #[serde(rename = "b")]
        payload: String,
        /// The only endpoint that receives it; `None`: each that hears it.
        #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
        to: Option<EndpointId>,
    },
}

/// An event's id in a message: its UUID.
mod event_id {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use uuid::Uuid;

    use crate::domain::event::EventId;

    pub fn serialize<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
        id.0.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventId, D::Error> {
        Uuid::deserialize(deserializer).map(EventId)
    }
}

/// An event's type in a message: its name.
mod event_name {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::event::EventType;

    pub fn serialize<S: Serializer>(event: &EventType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(event.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventType, D::Error> {
        let name = String::deserialize(deserializer)?;
        EventType::parse(&name).ok_or_else(|| D::Error::custom(format!("no event is called {name}")))
    }
}

impl NotifyMessage {
    /// Asks for the delivery of the pin's events with these sequence numbers, both included.
    pub fn of_pin(key: PinKey, from: u32, to: u32) -> Self {
        Self::of_copies(key, from, to, Vec::new())
    }

    /// The same, with copies of the events: they are delivered also if the history has dropped their entries.
    pub fn of_copies(key: PinKey, from: u32, to: u32, copies: Vec<EventCopy>) -> Self {
        Self::new(key.workspace, NotifyWork::Pin { pin: key.pin, from, to, copies })
    }

    /// Asks for the endpoint's turn that was planned for that time.
    pub fn turn(key: EndpointKey, planned_for: Moment) -> Self {
        Self::new(key.workspace, NotifyWork::Turn { endpoint: key.endpoint, planned_for })
    }

    /// Asks for the next pages of the endpoint's replay.
    pub fn replay(key: EndpointKey, id: ReplayId) -> Self {
        Self::new(key.workspace, NotifyWork::Replay { endpoint: key.endpoint, replay: id.0 })
    }

    /// Asks for the delivery of an event with this body, to one endpoint or to each that hears it.
    pub fn stored(
        workspace: WorkspaceId,
        event_id: EventId,
        event: EventType,
        at: Moment,
        payload: String,
        to: Option<EndpointId>,
    ) -> Self {
        Self::new(workspace, NotifyWork::Stored { event_id, event, at, payload, to })
    }

    fn new(workspace: WorkspaceId, work: NotifyWork) -> Self {
        Self { version: MESSAGE_VERSION, workspace, work }
    }

    /// # Errors
    /// When the text isn't a message, or has another version.
    pub fn parse(body: &str) -> Result<Self, BadMessage> {
        parse(body)
    }
}

/// Why the text of a message is not one that this build reads.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadMessage {
    #[error("not a publish message: {0}")]
    Malformed(String),
    #[error("a publish message of version {0}; this build reads version {MESSAGE_VERSION}")]
    Version(u8),
}

impl PublishMessage {
    /// Asks for the publishing of the pin in this generation, with the token that was taken for it.
    pub fn new(key: PinKey, account: AccountId, generation: u32, token: Option<Token>) -> Self {
        let message = Self {
            version: MESSAGE_VERSION,
            workspace: key.workspace,
            account,
            pin: key.pin,
            generation,
            slot: None,
            valid_until: None,
            deliveries: 0,
        };
        message.with_token(token)
    }

    /// The same message with another token, or with none.
    pub fn with_token(self, token: Option<Token>) -> Self {
        Self { slot: token.map(|token| token.slot), valid_until: token.map(|token| token.valid_until), ..self }
    }

    pub fn key(&self) -> PinKey {
        PinKey { workspace: self.workspace, pin: self.pin }
    }

    /// # Errors
    /// When the text isn't a message, or has another version.
    pub fn parse(body: &str) -> Result<Self, BadMessage> {
        parse(body)
    }
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, BadMessage> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u8,
    }
    let malformed = |error: serde_json::Error| BadMessage::Malformed(error.to_string());
    let versioned: Versioned = serde_json::from_str(body).map_err(malformed)?;
    if versioned.v != MESSAGE_VERSION {
        return Err(BadMessage::Version(versioned.v));
    }
    serde_json::from_str(body).map_err(malformed)
}

/// A worker's decision about a message; [`sqs_batch`](crate::adapters::sqs_batch) turns it into SQS calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The pin is finished or has another owner: the message is acknowledged.
    Done,
    /// This message stays the pin's owner and is delivered again at that time.
    Keep { until: Moment },
    /// A copy of the message is sent for that time, then this message is acknowledged.
    Resend { message: PublishMessage, at: Moment },
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_message_is_read_back_and_other_texts_are_refused() {
        let key = PinKey { workspace: WorkspaceId(Uuid::from_u128(1)), pin: PinId(Uuid::from_u128(2)) };
        let token = Token { slot: Moment(5), valid_until: Moment(6) };
        let message = PublishMessage::new(key, AccountId(Uuid::from_u128(3)), 4, Some(token));
        let text = serde_json::to_string(&message).expect("plain data");
        assert_eq!(PublishMessage::parse(&text), Ok(message));
        assert_eq!(PublishMessage::parse(r#"{"v":9}"#), Err(BadMessage::Version(9)));
        assert!(matches!(PublishMessage::parse("garbage"), Err(BadMessage::Malformed(_))));
        assert!(matches!(PublishMessage::parse(r#"{"v":1}"#), Err(BadMessage::Malformed(_))));
    }

    const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));
    const ENDPOINT: EndpointId = EndpointId(Uuid::from_u128(5));

    #[test]
    fn a_notify_message_is_short_and_is_read_back() {
        let pin = PinKey { workspace: WORKSPACE, pin: PinId(Uuid::from_u128(2)) };
        let endpoint = EndpointKey { workspace: WORKSPACE, endpoint: ENDPOINT };
        let id = EventId(Uuid::from_u128(9));
        let test = |to| NotifyMessage::stored(WORKSPACE, id, EventType::WebhookTest, Moment(7), "{}".into(), to);
        let of = |last: u8| format!("00000000-0000-0000-0000-00000000000{last}");
        let begin = format!(r#"{{"v":1,"w":"{}","k":"#, of(1));
        let known = [
            (NotifyMessage::of_pin(pin, 3, 4), format!(r#""pin","p":"{}","f":3,"l":4}}"#, of(2))),
            (NotifyMessage::turn(endpoint, Moment(6)), format!(r#""turn","e":"{}","t":6}}"#, of(5))),
            (test(None), format!(r#""stored","i":"{}","n":"webhook.test","t":7,"b":"{{}}"}}"#, of(9))),
            (
                test(Some(ENDPOINT)),
                format!(r#""stored","i":"{}","n":"webhook.test","t":7,"b":"{{}}","e":"{}"}}"#, of(9), of(5)),
            ),
        ];
        for (message, end) in known {
            let text = serde_json::to_string(&message).expect("plain data");
            assert_eq!(text, format!("{begin}{end}"));
            assert_eq!(NotifyMessage::parse(&text), Ok(message.clone()));
            // A later build may say more.
            let more = text.replacen("{\"v\":1,", "{\"v\":1,\"x\":{\"y\":[1]},", 1);
            assert_ne!(more, text);
            assert_eq!(NotifyMessage::parse(&more), Ok(message));
            let newer = text.replacen("{\"v\":1,", "{\"v\":2,", 1);
            assert_eq!(NotifyMessage::parse(&newer), Err(BadMessage::Version(2)));
        }
    }

    #[test]
    fn a_notify_message_about_something_else_is_refused() {
        let message = NotifyMessage::stored(
            WORKSPACE,
            EventId(Uuid::from_u128(9)),
            EventType::WebhookTest,
            Moment(7),
            "{}".into(),
            None,
        );
        let text = serde_json::to_string(&message).expect("plain data");
        for other in [
            text.replace("stored", "pin"),
            text.replace("stored", "else"),
            text.replace("webhook.test", "pin.exploded"),
            text.replace(r#""t":7"#, r#""t":"7""#),
            text.replace(r#","k":"stored""#, ""),
        ] {
            assert_ne!(other, text);
            assert!(matches!(NotifyMessage::parse(&other), Err(BadMessage::Malformed(_))), "{other}");
        }
    }

    #[test]
    fn a_notify_message_names_its_pin_in_logs() {
        let pin = PinKey { workspace: WORKSPACE, pin: PinId(Uuid::from_u128(2)) };
        let of_pin = Subject { workspace: Some(WORKSPACE), pin: Some(pin.pin), ..Subject::default() };
        assert_eq!(NotifyMessage::of_pin(pin, 1, 1).subject(), of_pin);
        let turn = NotifyMessage::turn(EndpointKey { workspace: WORKSPACE, endpoint: ENDPOINT }, Moment(6));
        assert_eq!(turn.subject(), Subject { workspace: Some(WORKSPACE), ..Subject::default() });
    }
}
