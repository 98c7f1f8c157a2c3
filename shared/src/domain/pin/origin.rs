//! The origin of a pin: who requested it, and through which schedule or import.
//!
//! It is stored in the pin's row, which is charged by the kilobyte: a few bytes per part, each behind a letter, so that
//! parts that a later build adds don't hide the known parts before them.

use uuid::Uuid;

use crate::domain::ids::{ImportId, KeyId, ScheduleId, UserId};

/// Who acts: an API key or a user with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Key(KeyId),
    User(UserId),
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
        // Last: builds that don't know it stop reading here.
        match self.root {
            Some(Actor::Key(id)) => part(b'K', id.0, None),
            Some(Actor::User(id)) => part(b'U', id.0, None),
            None => {}
        }
        bytes
    }

    /// Parts that a later build wrote after the known parts are skipped, never an error.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut origin = Self::default();
        let mut rest = bytes;
        while let Some((letter, behind)) = rest.split_first() {
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
                root: None,
            },
            Origin { root: Some(Actor::User(UserId(id(5)))), ..Origin::by(Actor::Key(KeyId(id(1)))) },
            Origin { root: Some(Actor::Key(KeyId(id(6)))), ..Origin::by(Actor::Key(KeyId(id(1)))) },
        ];
        for origin in origins {
            assert_eq!(Origin::from_bytes(&origin.to_bytes()), origin);
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
