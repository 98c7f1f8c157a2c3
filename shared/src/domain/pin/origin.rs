//! The origin of a pin: who requested it, and through which schedule or import.
//!
//! It is stored in the pin's row, which is charged by the kilobyte: a few bytes per part, each behind a letter, so that
//! parts that a later build adds don't hide the known parts before them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::ids::{ImportId, KeyId, PinId, ScheduleId, UserId};

/// The longest request id that is kept, in bytes: that of a UUID as text. API Gateway's have 16.
pub const REQUEST_ID_MAX: usize = 36;
/// The digits of an actor's id that a [`Mark`] keeps.
const MARK_DIGITS: usize = 8;

/// Who acts: an API key or a user with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Key(KeyId),
    User(UserId),
}

impl Actor {
    /// The actor's id.
    pub fn id(self) -> Uuid {
        match self {
            Self::Key(id) => id.0,
            Self::User(id) => id.0,
        }
    }

    /// What an event keeps of the actor, such as `key:1a2b3c4d`: the history of a pin must stay small.
    pub fn mark(self) -> String {
        let kind = match self {
            Self::Key(_) => "key",
            Self::User(_) => "user",
        };
        let mut digits = self.id().simple().to_string();
        digits.truncate(MARK_DIGITS);
        format!("{kind}:{digits}")
    }
}

/// The beginning of an actor's id, as an event keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whether the actor is an API key, and not a person.
    pub is_key: bool,
    /// The first eight hexadecimal digits of the id.
    pub digits: String,
}

impl Mark {
    /// `None`: the text is no mark.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, digits) = text.split_once(':')?;
        let is_hex = digits.len() == MARK_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_key = match kind {
            "key" => true,
            "user" => false,
            _ => return None,
        };
        is_hex.then(|| Self { is_key, digits: digits.to_owned() })
    }

    /// Whether the mark is this actor's.
    pub fn is_of(&self, actor: Actor) -> bool {
        Self::parse(&actor.mark()).as_ref() == Some(self)
    }
}

/// The id of the request that submitted a pin, as its answer's header `x-request-id` and the logs have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    bytes: [u8; REQUEST_ID_MAX],
    length: usize,
}

impl RequestId {
    /// `None`: the text is empty, too long, or has anything but visible ASCII characters.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let mut bytes = [0_u8; REQUEST_ID_MAX];
        bytes.get_mut(..text.len()).filter(|_| is_plain)?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// The id as a UUID, if it is one in the usual form: that takes less than half the bytes.
    fn uuid(&self) -> Option<Uuid> {
        Uuid::try_parse(self.as_str()).ok().filter(|id| id.hyphenated().to_string() == self.as_str())
    }
}

/// Who requested a pin, and by what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `None`: the system itself, or a build that didn't record it.
    pub by: Option<Actor>,
    /// The schedule that started the pin, and the number of its run.
    pub schedule: Option<(ScheduleId, u32)>,
    /// The import that contained the pin, and its row number, from 1.
    pub import: Option<(ImportId, u32)>,
    /// Of a schedule that a key created: who made the first key of the chain that the key comes from. The rows of keys
    /// expire before their schedules do.
    pub root: Option<Actor>,
    /// The request that submitted the pin itself. A pin of a schedule or an import has none: its row would no longer be
    /// one write unit.
    pub request: Option<RequestId>,
    /// The pin that the answer to the submission warned of: it has the same content.
    pub twin: Option<PinId>,
}

impl Origin {
    /// Requested by this key or person, and nothing else is known.
    pub fn by(actor: Actor) -> Self {
        Self { by: Some(actor), ..Self::default() }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The form in which the row stores it.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut part = |letter: u8, id: Uuid, number: Option<u32>| {
            bytes.push(letter);
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend(number.into_iter().flat_map(u32::to_be_bytes));
        };
        match self.by {
            Some(Actor::Key(id)) => part(b'k', id.0, None),
            Some(Actor::User(id)) => part(b'u', id.0, None),
            None => {}
        }
        if let Some((id, run)) = self.schedule {
            part(b's', id.0, Some(run));
        }
        if let Some((id, row)) = self.import {
            part(b'i', id.0, Some(row));
        }
        // Builds that don't know the parts from here on stop reading here.
        match self.root {
            Some(Actor::Key(id)) => part(b'K', id.0, None),
            Some(Actor::User(id)) => part(b'U', id.0, None),
            None => {}
        }
        if let Some(request) = self.request {
            match (request.uuid(), u8::try_from(request.length)) {
                (Some(id), _) => part(b'q', id, None),
                (None, Ok(length)) => {
                    bytes.extend_from_slice(&[b'r', length]);
                    bytes.extend_from_slice(request.as_str().as_bytes());
                }
                (None, Err(_)) => {}
            }
        }
        if let Some(twin) = self.twin {
            bytes.push(b'd');
            bytes.extend_from_slice(twin.0.as_bytes());
        }
        bytes
    }

    /// Parts that a later build wrote after the known parts are skipped, never an error.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut origin = Self::default();
        let mut rest = bytes;
        while let Some((letter, behind)) = rest.split_first() {
            if *letter == b'r' {
                let Some((length, behind)) = behind.split_first() else { break };
                let Some((text, behind)) = behind.split_at_checked(usize::from(*length)) else { break };
                origin.request = std::str::from_utf8(text).ok().and_then(RequestId::parse);
                rest = behind;
                continue;
            }
            let Some((id, behind)) = behind.split_first_chunk::<16>() else { break };
            let id = Uuid::from_bytes(*id);
            rest = match letter {
                b'k' => {
                    origin.by = Some(Actor::Key(KeyId(id)));
                    behind
                }
                b'u' => {
                    origin.by = Some(Actor::User(UserId(id)));
                    behind
                }
                b'K' => {
                    origin.root = Some(Actor::Key(KeyId(id)));
                    behind
                }
                b'U' => {
                    origin.root = Some(Actor::User(UserId(id)));
                    behind
                }
                b'd' => {
                    origin.twin = Some(PinId(id));
                    behind
                }
                b'q' => {
                    origin.request = RequestId::parse(&id.hyphenated().to_string());
                    behind
                }
                b's' | b'i' => {
                    let Some((number, behind)) = behind.split_first_chunk::<4>() else { break };
                    let number = u32::from_be_bytes(*number);
                    match letter {
                        b's' => origin.schedule = Some((ScheduleId(id), number)),
                        _ => origin.import = Some((ImportId(id), number)),
                    }
                    behind
                }
                _ => break,
            };
        }
        origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_back_from_its_bytes() {
        let id = Uuid::from_u128;
        let origins = [
            Origin::default(),
            Origin::by(Actor::Key(KeyId(id(1)))),
            Origin {
                by: Some(Actor::User(UserId(id(2)))),
                schedule: Some((ScheduleId(id(3)), 70_000)),
                import: Some((ImportId(id(4)), 500)),
                ..Origin::default()
            },
            Origin { root: Some(Actor::User(UserId(id(5)))), ..Origin::by(Actor::Key(KeyId(id(1)))) },
            Origin { root: Some(Actor::Key(KeyId(id(6)))), ..Origin::by(Actor::Key(KeyId(id(1)))) },
            Origin { request: RequestId::parse("JKJaXmPLvHcESHA="), ..Origin::by(Actor::Key(KeyId(id(1)))) },
            Origin {
                root: Some(Actor::Key(KeyId(id(6)))),
                request: RequestId::parse("3f0c1f5e-6d1b-4f8a-9c57-2a3b4c5d6e7f"),
                ..Origin::by(Actor::User(UserId(id(2))))
            },
            Origin {
                request: RequestId::parse("JKJaXmPLvHcESHA="),
                twin: Some(PinId(id(7))),
                ..Origin::by(Actor::Key(KeyId(id(1))))
            },
        ];
        for origin in origins {
            assert_eq!(Origin::from_bytes(&origin.to_bytes()), origin);
        }
    }

    #[test]
    fn a_request_id_takes_few_bytes_and_is_plain_text() {
        let stored = |text: &str| {
            let request = RequestId::parse(text).expect("an id");
            assert_eq!(request.as_str(), text);
            Origin { request: Some(request), ..Origin::default() }.to_bytes().len()
        };
        assert_eq!(stored("JKJaXmPLvHcESHA="), 2 + 16, "API Gateway's");
        assert_eq!(stored("3f0c1f5e-6d1b-4f8a-9c57-2a3b4c5d6e7f"), 1 + 16, "a UUID");
        assert_eq!(stored("3F0C1F5E-6D1B-4F8A-9C57-2A3B4C5D6E7F"), 2 + 36, "it is read back as it was");
        for text in ["", "a b", "\u{e9}", &"a".repeat(REQUEST_ID_MAX + 1)] {
            assert_eq!(RequestId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_mark_identifies_its_actor() {
        let key = Actor::Key(KeyId(Uuid::from_u128(0x1a2b_3c4d << 96)));
        assert_eq!(key.mark(), "key:1a2b3c4d");
        let mark = Mark::parse(&key.mark()).expect("a mark");
        assert!(mark.is_of(key) && !mark.is_of(Actor::User(UserId(key.id()))));
        assert!(!mark.is_of(Actor::Key(KeyId(Uuid::from_u128(1)))));
        for text in ["", "1234567890123456", "key:", "key:1a2b3c4", "key:1a2b3c4dd", "key:1a2b3c4g", "bot:1a2b3c4d"] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parts_of_a_later_build_do_not_hide_the_known_parts() {
        let known = Origin::by(Actor::Key(KeyId(Uuid::from_u128(1))));
        let mut bytes = known.to_bytes();
        bytes.extend_from_slice(&[b'z', 1, 2, 3]);
        assert_eq!(Origin::from_bytes(&bytes), known);
    }
}
