//! What callers changed of a schedule before it was handed over, as its row keeps it.

use uuid::Uuid;

use crate::domain::ids::{KeyId, UserId};
use crate::domain::pin::fields;
use crate::domain::pin::origin::Actor;
use crate::domain::time::Moment;

/// A row keeps the newest changes, up to this many.
pub const CHANGES_KEPT: usize = 5;
/// The letter of the time, beside those of a pin's [`fields`].
const RUN_AT: char = 'w';

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub at: Moment,
    /// The letters of the changed fields.
    pub fields: String,
    pub by: Option<Actor>,
}

impl Change {
    /// `None`: nothing is different.
    pub fn new(at: Moment, fields: String, is_moved: bool, by: Option<Actor>) -> Option<Self> {
        let fields = if is_moved { format!("{fields}{RUN_AT}") } else { fields };
        (!fields.is_empty()).then_some(Self { at, fields, by })
    }

    /// The names of the changed fields.
    pub fn names(&self) -> Vec<&'static str> {
        let of_pin = fields::names(&self.fields.replace(RUN_AT, ""));
        let of_time = self.fields.contains(RUN_AT).then_some("run_at");
        of_pin.into_iter().chain(of_time).collect()
    }

    /// As the row has it.
    pub fn text(&self) -> String {
        let by = match self.by {
            Some(Actor::Key(id)) => format!("k{}", id.0.simple()),
            Some(Actor::User(id)) => format!("u{}", id.0.simple()),
            None => String::new(),
        };
        format!("{},{},{by}", self.at.0, self.fields)
    }

    /// `None`: it is of a form that only a later build knows.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let (at, fields, by) = (parts.next()?, parts.next()?, parts.next()?);
        let by = match by.split_at_checked(1) {
            Some(("k", id)) => Some(Actor::Key(KeyId(Uuid::try_parse(id).ok()?))),
            Some(("u", id)) => Some(Actor::User(UserId(Uuid::try_parse(id).ok()?))),
            Some(_) => return None,
            None => None,
        };
        Some(Self { at: Moment(at.parse().ok()?), fields: fields.to_owned(), by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_back_and_names_its_fields() {
        let (key, user) = (Actor::Key(KeyId(Uuid::from_u128(5))), Actor::User(UserId(Uuid::from_u128(6))));
        for by in [Some(key), Some(user), None] {
            let change = Change::new(Moment(1_767_225_600_000), "ti".into(), true, by).expect("something changed");
            assert_eq!(Change::parse(&change.text()), Some(change.clone()));
            assert_eq!(change.names(), ["title", "image_url", "run_at"]);
        }
        assert_eq!(Change::new(Moment(1), String::new(), false, None), None);
        for text in ["", "1,t", "x,t,", "1,t,zabc", "1,t,k1"] {
            assert_eq!(Change::parse(text), None, "{text}");
        }
    }
}
