//! The pin index of a workspace: its pins by acceptance, as keys without contents.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::PinRequest;
use crate::domain::ids::{AccountId, PinId};
use crate::domain::time::Moment;

/// A pin's position in the index. Pins accepted at the same moment are ordered by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub at: Moment,
    pub pin: PinId,
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl Order {
    /// Which of two positions comes first in this order.
    pub fn compare(self, a: &Position, b: &Position) -> std::cmp::Ordering {
        match self {
            Self::NewestFirst => b.cmp(a),
            Self::OldestFirst => a.cmp(b),
        }
    }
}

/// The two partitions of the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    #[default]
    Every,
    /// Pins that have failed and were not retried.
    Failed,
}

/// A tag in an index key: 24 bits of a hash of the pin's account or board. Without the tag, a pin certainly belongs to
/// another account or board. With it, the pin very likely matches, and its row decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(u32);

const TAG_DIGITS: usize = 6;

impl Tag {
    fn of(text: &str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        Self(u32::from_be_bytes([0, hash[0], hash[1], hash[2]]))
    }

    /// The tag of the account's pins.
    pub fn of_account(account: AccountId) -> Self {
        Self::of(&account.to_string())
    }

    /// The tag of the board's pins.
    pub fn of_board(board_id: &str) -> Self {
        Self::of(board_id)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}

/// The tags of one pin; twelve hex digits in the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags {
    pub account: Tag,
    pub board: Tag,
}

impl Tags {
    pub fn of(request: &PinRequest) -> Self {
        Self::of_board(request.account, &request.board_id)
    }

    /// The tags of the pins on a board.
    pub fn of_board(account: AccountId, board_id: &str) -> Self {
        Self { account: Tag::of_account(account), board: Tag::of_board(board_id) }
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}{:06x}", self.account.0, self.board.0)
    }
}

impl FromStr for Tags {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (account, board) = text.split_at_checked(TAG_DIGITS).filter(|(_, b)| b.len() == TAG_DIGITS).ok_or(())?;
        let tag = |digits| u32::from_str_radix(digits, 16).map(Tag).map_err(|_| ());
        Ok(Self { account: tag(account)?, board: tag(board)? })
    }
}

/// What the index holds of a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub position: Position,
    pub tags: Tags,
}

/// Where to begin reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    At(Position),
    Behind(Position),
}

/// A part of an index partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub partition: Partition,
    pub order: Order,
    /// Inclusive.
    pub since: Option<Moment>,
    /// Exclusive.
    pub until: Option<Moment>,
    /// `None` begins at the span's first pin.
    pub start: Option<Start>,
}

impl Span {
    /// The rest of the span after this position.
    #[must_use]
    pub fn behind(self, position: Position) -> Self {
        Self { start: Some(Start::Behind(position)), ..self }
    }

    /// Whether the span has this position.
    pub fn contains(&self, position: &Position) -> bool {
        self.since.is_none_or(|since| position.at >= since)
            && self.until.is_none_or(|until| position.at < until)
            && match self.start {
                None => true,
                Some(Start::At(start)) => self.order.compare(position, &start).is_ge(),
                Some(Start::Behind(start)) => self.order.compare(position, &start).is_gt(),
            }
    }
}

/// What was read from the beginning of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// In the span's order, without gaps up to `end`.
    pub entries: Vec<Entry>,
    /// The position up to which the span was read; `None` means all of it. It need not have an entry.
    pub end: Option<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testdata;

    #[test]
    fn tags_are_read_back_and_distinguish_accounts_and_boards() {
        let tags = Tags::of(&testdata::request("a"));
        assert_eq!(tags.to_string().len(), 2 * TAG_DIGITS);
        assert_eq!(tags.to_string().parse(), Ok(tags));
        assert_ne!(tags.board, Tag::of_board("1000000000000000002"));
        assert_ne!(tags.account, Tag::of_account(AccountId(uuid::Uuid::from_u128(0xc))));
        for text in ["", "12345", "12345678901", "1234567890123", "12345é7890ab", "zzzzzz000000"] {
            assert_eq!(text.parse::<Tags>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_span_contains_what_its_bounds_say() {
        let position = |at, pin| Position { at: Moment(at), pin: PinId(uuid::Uuid::from_u128(pin)) };
        let newest = Span { since: Some(Moment(2)), until: Some(Moment(5)), ..Span::default() };
        assert!(newest.contains(&position(2, 0)) && newest.contains(&position(4, 9)));
        assert!(!newest.contains(&position(1, 9)) && !newest.contains(&position(5, 0)));
        let from = newest.behind(position(3, 5));
        assert!(from.contains(&position(3, 4)) && !from.contains(&position(3, 5)) && !from.contains(&position(3, 6)));
        let oldest = Span { order: Order::OldestFirst, start: Some(Start::At(position(3, 5))), ..newest };
        assert!(
            !oldest.contains(&position(3, 4)) && oldest.contains(&position(3, 5)) && oldest.contains(&position(4, 0))
        );
    }
}
