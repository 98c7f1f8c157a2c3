//! Filters and sort orders for listing a workspace's pins.

use std::cmp::Ordering;

use super::Pin;
use super::attempt::{Attempt, Status};
use super::blocker::Blocker;
use super::listing::{Entry, Order, Partition, Position, Span, Tag};
use crate::domain::ids::AccountId;
use crate::domain::time::Moment;

/// Which pins a list has. Every field that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinFilter {
    pub status: Option<Status>,
    /// Only pins of these accounts.
    pub accounts: Option<Vec<AccountId>>,
    pub board_id: Option<String>,
    /// The public code of what the pins wait for or failed with, [now](super::waits).
    pub error_code: Option<String>,
    /// The earliest acceptance, inclusive.
    pub since: Option<Moment>,
    /// The latest acceptance, exclusive.
    pub until: Option<Moment>,
    /// A part of the title, the description or the link, in any case.
    pub text: Option<String>,
    /// Whether the pins were published and are known to be gone from Pinterest.
    pub removed: Option<bool>,
}

impl PinFilter {
    /// The part of the index that holds the pins.
    pub fn span(&self, order: Order) -> Span {
        // Only failed pins have an index partition of their own.
        let partition = if self.status == Some(Status::Failed) { Partition::Failed } else { Partition::Every };
        Span { partition, order, since: self.since, until: self.until, start: None }
    }

    /// The part of the filter that index keys can answer, prepared for checking many entries.
    pub fn by_key(&self) -> ByKey {
        let accounts = self.accounts.as_ref();
        ByKey {
            accounts: accounts.map(|accounts| accounts.iter().map(|account| Tag::of_account(*account)).collect()),
            board: self.board_id.as_deref().map(Tag::of_board),
        }
    }

    /// Whether the filter needs the pins' rows, because index keys can't answer all of it.
    pub fn needs_rows(&self) -> bool {
        self.status.is_some_and(|status| status != Status::Failed)
            || self.error_code.is_some()
            || self.text.is_some()
            || self.removed.is_some()
    }

    /// Whether the rows match. What a pin waits for isn't in its rows alone: [`PinFilter::accepts_blocker`].
    pub fn accepts(&self, pin: &Pin, attempt: &Attempt) -> bool {
        let request = &pin.request;
        pin.hidden_at.is_none()
            && self.status.is_none_or(|status| status == attempt.status)
            && self.accounts.as_ref().is_none_or(|accounts| accounts.contains(&request.account))
            && self.board_id.as_ref().is_none_or(|board| *board == request.board_id)
            && self.since.is_none_or(|since| pin.created_at >= since)
            && self.until.is_none_or(|until| pin.created_at < until)
            && self.removed.is_none_or(|removed| removed == attempt.removed_at.is_some())
            && self.text.as_ref().is_none_or(|text| {
                let texts = [Some(&request.title), request.description.as_ref(), request.link_url.as_ref()];
                let text = text.to_lowercase();
                texts.into_iter().flatten().any(|field| field.to_lowercase().contains(&text))
            })
    }

    /// Whether the filter by `error_code` lets the pin pass.
    pub fn accepts_blocker(&self, blocker: Option<Blocker>) -> bool {
        self.error_code.as_deref().is_none_or(|code| blocker.map(Blocker::code) == Some(code))
    }
}

/// See [`PinFilter::by_key`].
#[derive(Clone, Debug)]
pub struct ByKey {
    accounts: Option<Vec<Tag>>,
    board: Option<Tag>,
}

impl ByKey {
    /// Whether no filter is set.
    pub fn is_everything(&self) -> bool {
        self.accounts.is_none() && self.board.is_none()
    }

    /// Whether the pin may match. Tags can collide, so the row decides.
    pub fn accepts(&self, entry: &Entry) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(&entry.tags.account))
            && self.board.is_none_or(|board| board == entry.tags.board)
    }
}

/// The sort orders of the public API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PinSort {
    #[default]
    CreatedDesc,
    CreatedAsc,
    PublishedDesc,
    PublishedAsc,
    TitleAsc,
    TitleDesc,
    StatusAsc,
    StatusDesc,
}

impl PinSort {
    pub const ALL: [Self; 8] = [
        Self::CreatedDesc,
        Self::CreatedAsc,
        Self::PublishedDesc,
        Self::PublishedAsc,
        Self::TitleAsc,
        Self::TitleDesc,
        Self::StatusAsc,
        Self::StatusDesc,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedDesc => "created_at_desc",
            Self::CreatedAsc => "created_at_asc",
            Self::PublishedDesc => "published_at_desc",
            Self::PublishedAsc => "published_at_asc",
            Self::TitleAsc => "title_asc",
            Self::TitleDesc => "title_desc",
            Self::StatusAsc => "status_asc",
            Self::StatusDesc => "status_desc",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == text)
    }

    /// Whether index keys alone give this order.
    pub fn is_by_key(self) -> bool {
        matches!(self, Self::CreatedDesc | Self::CreatedAsc)
    }

    /// The order in which to read the index: pins accepted first were mostly published first.
    pub fn reads(self) -> Order {
        match self {
            Self::CreatedAsc | Self::PublishedAsc => Order::OldestFirst,
            _ => Order::NewestFirst,
        }
    }

    /// Sorts the pins; pins that compare equal are ordered by acceptance and id.
    pub fn sort(self, pins: &mut [(Pin, Attempt)]) {
        let position = |pin: &Pin| Position { at: pin.created_at, pin: pin.key.pin };
        pins.sort_by(|(a, a_is), (b, b_is)| {
            self.compare((a, a_is), (b, b_is)).then_with(|| self.reads().compare(&position(a), &position(b)))
        });
    }

    fn compare(self, (a, a_is): (&Pin, &Attempt), (b, b_is): (&Pin, &Attempt)) -> Ordering {
        let title = |pin: &Pin| (pin.request.title.to_lowercase(), pin.request.title.clone());
        match self {
            Self::CreatedDesc | Self::CreatedAsc => Ordering::Equal,
            Self::PublishedDesc => last_if_none(published_at(a_is), published_at(b_is), |a, b| b.cmp(&a)),
            Self::PublishedAsc => last_if_none(published_at(a_is), published_at(b_is), |a, b| a.cmp(&b)),
            Self::TitleAsc => title(a).cmp(&title(b)),
            Self::TitleDesc => title(b).cmp(&title(a)),
            Self::StatusAsc => a_is.status.name().cmp(b_is.status.name()),
            Self::StatusDesc => b_is.status.name().cmp(a_is.status.name()),
        }
    }
}

fn published_at(attempt: &Attempt) -> Option<Moment> {
    attempt.finished_at.filter(|_| attempt.status == Status::Published)
}

fn last_if_none(a: Option<Moment>, b: Option<Moment>, compare: impl Fn(Moment, Moment) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
