//! What a recovery marker keeps of an event that no pin's rows record: the event, and how to find out whether what it
//! says has happened.
//!
//! The marker is filed before the write that brings the event. So a process that dies after the write leaves a note of
//! an event that is sent again, and one that dies before it leaves a note of nothing.

use serde::{Deserialize, Serialize};

use super::disabled::Disabled;
use super::occurrence::Halt;
use crate::domain::ids::{AccountId, EndpointId, ImportId, ScheduleId};
use crate::domain::message::NotifyMessage;
use crate::domain::pin::origin::Actor;
use crate::domain::time::Moment;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    #[serde(rename = "s")]
    pub source: Source,
    /// Asks for the delivery of the event. `None`: the event is still to come, and its body is made then.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub message: Option<NotifyMessage>,
}

/// What to read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Source {
    /// Nothing: it has happened.
    Certain,
    /// The schedule's write with this number and this nonce.
    Schedule { schedule: ScheduleId, version: u64, nonce: String },
    /// The account's write with this number and this nonce.
    Account { account: AccountId, rev: u64, nonce: String },
    /// Whether the import is finished.
    Import { import: ImportId },
    /// Whether the import has stopped at that time, and hasn't been resumed since.
    ImportStop { import: ImportId, at: Moment },
    /// Whether the account was paused or held after `since`, until this time or longer.
    Pause { account: AccountId, halt: Halt, since: Moment, until: Moment },
    /// Whether the account's hold was lifted at that time.
    Lift { account: AccountId, at: Moment },
    /// When the account's pause, or its hold, is over. `to`: the only endpoint that is to hear of it; `None`: each that
    /// hears such events.
    Resumption {
        account: AccountId,
        halt: Halt,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<EndpointId>,
    },
    /// Whether the account still has the access token that expires then; subscribers are to hear of it at `at`.
    Expiry { account: AccountId, expires_at: Moment, at: Moment },
    /// Of which accounts the endpoint is still to hear something that began earlier. It asked for that at `since`.
    Subscription { endpoint: EndpointId, since: Moment },
    /// Whether the pin of the released schedule was ended by a cancellation that didn't come to the schedule's row. The
    /// row is canceled then, by `by`, and that write brings the event.
    Cancellation {
        schedule: ScheduleId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// Whether the endpoint was disabled by this write. Its body is made of this.
    Disabled(Disabled),
}

impl Note {
    /// Of an event that has happened.
    pub fn certain(message: NotifyMessage) -> Self {
        Self { source: Source::Certain, message: Some(message) }
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        // Plain data: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// `None`: another build wrote it, in a form that this one doesn't know.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::event::occurrence::resumed;
    use crate::domain::ids::{EndpointId, KeyId};
    use crate::domain::testdata;
    use crate::domain::webhook::endpoint::DisabledBy;

    #[test]
    fn a_note_is_read_back_and_stays_small() {
        let key = testdata::connected_account().key;
        let account = key.account;
        let event = resumed(key, Halt::Pause, Moment(7));
        let nonce = || "0123456789abcdef".to_owned();
        let sources = [
            Source::Certain,
            Source::Schedule { schedule: ScheduleId(Uuid::from_u128(1)), version: 3, nonce: nonce() },
            Source::Account { account, rev: 3, nonce: nonce() },
            Source::Import { import: ImportId(Uuid::from_u128(2)) },
            Source::ImportStop { import: ImportId(Uuid::from_u128(2)), at: Moment(1) },
            Source::Pause { account, halt: Halt::Hold, since: Moment(1), until: Moment(2) },
            Source::Lift { account, at: Moment(3) },
            Source::Resumption { account, halt: Halt::Pause, to: None },
            Source::Resumption { account, halt: Halt::Hold, to: Some(EndpointId(Uuid::from_u128(4))) },
            Source::Expiry { account, expires_at: Moment(4), at: Moment(5) },
            Source::Subscription { endpoint: EndpointId(Uuid::from_u128(4)), since: Moment(6) },
            Source::Cancellation { schedule: ScheduleId(Uuid::from_u128(1)), by: None },
            Source::Cancellation {
                schedule: ScheduleId(Uuid::from_u128(1)),
                by: Some(Actor::Key(KeyId(Uuid::from_u128(5)))),
            },
            Source::Disabled(Disabled {
                endpoint: EndpointId(Uuid::from_u128(3)),
                rev: 7,
                at: Moment(8),
                by: DisabledBy::Failures,
                failures: 99,
                failing_since: Some(Moment(6)),
                status: Some(503),
                error: Some("http_status".into()),
            }),
        ];
        for source in sources {
            for message in [None, Some(event.message())] {
                let note = Note { source: source.clone(), message };
                let text = note.text();
                assert_eq!(Note::parse(&text), Some(note));
                assert!(text.len() < 1_500, "{text}");
                // A later build may say more.
                assert_ne!(Note::parse(&text.replacen('{', "{\"x\":1,", 1)), None, "{text}");
            }
        }
        let text = Note { source: Source::Resumption { account, halt: Halt::Hold, to: None }, message: None }.text();
        assert_eq!(text, format!(r#"{{"s":{{"k":"resumption","account":"{account}","halt":"hold"}}}}"#));
        assert_eq!((Note::parse(""), Note::parse(r#"{"s":{"k":"else"}}"#)), (None, None));
    }
}
