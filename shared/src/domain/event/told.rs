//! What the body of a pin's event says that the pin's rows may not show later: the history drops entries, and a retry
//! or an edit changes the request. A delivery's row keeps it, and so does the message that asks for the delivery.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::EventType;
use super::pin_events::{self, PinEvent};
use crate::domain::ids::AccountId;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::history::{Event, EventKind};
use crate::domain::time::Moment;

/// What an event's body is made of, beside what never changes of its pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The entry of the history that records the event, as the row keeps it; `None` for the acceptance.
    pub entry: Option<Event>,
    pub account: AccountId,
    pub board_id: String,
    /// Only of an event that says that the Pin exists.
    pub pinterest_pin_id: Option<String>,
}

impl Told {
    /// Of an event that the rows show. The account and the board are the present ones.
    pub fn of(pin: &Pin, attempt: &Attempt, event: &PinEvent) -> Self {
        use EventKind as K;
        let exists = |entry: &Event| matches!(entry.kind, K::Published | K::Adopted | K::ResolvedByPerson);
        let is_published = event.entry.as_ref().is_some_and(exists);
        Self {
            entry: event.entry.as_ref().map(|entry| Event::decode(&entry.encode(event.at), event.at)),
            account: pin.request.account,
            board_id: pin.request.board_id.clone(),
            pinterest_pin_id: attempt.pinterest_pin_id.clone().filter(|_| is_published),
        }
    }

    /// The entry as it is stored; times are relative to that of the event.
    pub fn entry_text(&self, at: Moment) -> Option<String> {
        self.entry.as_ref().map(|entry| entry.encode(at))
    }
}

/// Reads the stored entry of the event of that time; `None`: only a later build knows its form.
pub fn parse_entry(text: &str, at: Moment) -> Option<Event> {
    Some(Event::decode(text, at)).filter(|entry| entry.kind != EventKind::Omitted)
}

/// An event in a message, so that it can be delivered when the history has dropped its entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCopy {
    #[serde(rename = "s")]
    sequence: u32,
    #[serde(rename = "n")]
    event: String,
    #[serde(rename = "t")]
    at: Moment,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    #[serde(rename = "a")]
    account: AccountId,
    #[serde(rename = "b")]
    board_id: String,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pinterest_pin_id: Option<String>,
}

impl EventCopy {
    pub fn of(event: &PinEvent, told: &Told) -> Self {
        Self {
            sequence: event.sequence,
            event: event.event.name().to_owned(),
            at: event.at,
            entry: told.entry_text(event.at),
            account: told.account,
            board_id: told.board_id.clone(),
            pinterest_pin_id: told.pinterest_pin_id.clone(),
        }
    }

    /// `None`: only a later build knows the event, or its entry.
    pub fn read(&self) -> Option<(PinEvent, Told)> {
        let entry = match &self.entry {
            Some(text) => Some(parse_entry(text, self.at)?),
            None => None,
        };
        let event = EventType::parse(&self.event)?;
        let told = Told {
            entry: entry.clone(),
            account: self.account,
            board_id: self.board_id.clone(),
            pinterest_pin_id: self.pinterest_pin_id.clone(),
        };
        Some((PinEvent { event, sequence: self.sequence, at: self.at, entry }, told))
    }
}

/// The copies of the events with these numbers that the rows show.
pub fn copies(pin: &Pin, attempt: &Attempt, numbers: RangeInclusive<u32>) -> Vec<EventCopy> {
    let events = pin_events::of(pin, attempt);
    let meant = events.iter().filter(|event| numbers.contains(&event.sequence));
    meant.map(|event| EventCopy::of(event, &Told::of(pin, attempt, event))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::payload;
    use crate::domain::pin::attempt::Upstream;
    use crate::domain::pin::failure::Failure;
    use crate::domain::testdata;

    fn later(ms: i64) -> Moment {
        testdata::pin().created_at.plus_ms(ms)
    }

    #[test]
    fn a_copy_says_what_the_rows_said_although_they_say_something_else_by_now() {
        let (pin, nothing) = (testdata::pin(), Upstream::default());
        let attempt = Attempt::untouched(&pin)
            .begin(later(1), "a".into())
            .and_then(|a| a.retry_at(later(2), later(9), Failure::PinterestBusy, &nothing, "b".into()))
            .and_then(|a| a.begin(later(9), "c".into()))
            .and_then(|a| a.published(later(10), "9".into(), &nothing, &pin, "d".into()))
            .expect("legal");
        let said = pin_events::of(&pin, &attempt);
        let kept = copies(&pin, &attempt, 1..=3);
        let mut moved = pin.clone();
        moved.request.board_id = "2".into();
        assert_eq!(kept.len(), said.len());
        for (copy, event) in kept.iter().zip(&said) {
            let text = serde_json::to_string(copy).expect("plain data");
            let copy: EventCopy = serde_json::from_str(&text).expect("read");
            let (read, told) = copy.read().expect("known");
            let body = payload::of_told(&moved, read.event, read.sequence, read.at, &told);
            assert_eq!(body, payload::of_pin(&pin, &attempt, event));
        }
        assert_eq!(copies(&pin, &attempt, 2..=2), kept[1..2]);
    }

    #[test]
    fn a_copy_of_a_later_build_is_left_out() {
        let text = r#"{"s":2,"n":"pin.failed","t":7,"h":"f,0,1","a":"00000000-0000-0000-0000-000000000001","b":"1"}"#;
        let read = |text: &str| serde_json::from_str::<EventCopy>(text).expect("read").read();
        assert!(read(text).is_some());
        for (known, unknown) in [("pin.failed", "pin.exploded"), ("f,0,1", "?,0,1")] {
            assert_eq!(read(&text.replace(known, unknown)), None, "{unknown}");
        }
    }
}
