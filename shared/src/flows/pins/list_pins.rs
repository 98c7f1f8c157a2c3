//! Lists a page of a workspace's pins: filtered, searched, sorted, at a cost that doesn't grow with the workspace.
//!
//! The index holds keys in the order of acceptance, with tags for accounts and boards. What keys can answer is read
//! from keys alone, as deep as an offset reaches. Pins that wait, and error codes, are [searched](super::search) for
//! where such pins are. Everything else (published ones, texts, other orders) needs the pins themselves: one call reads
//! at most [`WINDOW`] of them, and the next call continues from there with a cursor.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

use super::accounts_now::AccountsNow;
use super::read_pins::{PinView, rows, views, views_among};
use super::search::{Matched, search};
use crate::context::Context;
use crate::domain::ids::{PinId, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::filter::{PinFilter, PinSort};
use crate::domain::pin::listing::{Entry, Position, Span, Start};
use crate::domain::time::Moment;
use crate::ports::{PortError, PortResult};

/// At least this many pins are counted, if they exist.
pub const COUNTED: usize = 600;
/// Pins that one call reads for what keys can't answer.
pub const WINDOW: usize = 1_000;
/// A window with fewer pins is filled with more keys.
const ENOUGH: usize = WINDOW / 10 * 9;
/// Keys that one call examines at most for the pins of some accounts or of a board, beside those that its offset skips.
pub const KEYS_MAX: usize = 10_000;
/// Keys that are read at once for them.
const KEYS_AT_ONCE: usize = 2_000;
/// Moments in rows have at most thirteen digits.
const MOMENTS: std::ops::Range<i64> = 0..10_000_000_000_000;

/// Where a page continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub start: Start,
    /// Pins to skip from there, in a window whose order isn't that of its keys.
    pub skip: usize,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, position) = match self.start {
            Start::At(position) => ('a', position),
            Start::Behind(position) => ('b', position),
        };
        write!(f, "{kind}_{}_{}_{}", position.at.0, position.pin.0.simple(), self.skip)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('_').collect();
        let [kind, at, pin, skip] = parts[..] else { return Err(()) };
        let at = at.parse().ok().filter(|at| MOMENTS.contains(at)).map(Moment).ok_or(())?;
        let position = Position { at, pin: PinId(Uuid::try_parse(pin).map_err(|_| ())?) };
        let skip = skip.parse().ok().filter(|skip| *skip < WINDOW).ok_or(())?;
        match kind {
            "a" => Ok(Self { start: Start::At(position), skip }),
            "b" if skip == 0 => Ok(Self { start: Start::Behind(position), skip }),
            _ => Err(()),
        }
    }
}

/// Which page of which list is asked for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub filter: PinFilter,
    pub sort: PinSort,
    /// Used instead of an offset.
    pub cursor: Option<Cursor>,
    pub offset: usize,
    pub limit: usize,
}

/// A page of a list of pins.
#[derive(Clone, Debug, Default)]
pub struct PinPage {
    pub pins: Vec<PinView>,
    /// How many pins match, from the cursor on if there was one. While the list continues, a lower bound is more than
    /// the offset and the page's pins together, unless the page is empty.
    pub total: u64,
    pub total_is_at_least: bool,
    /// `None`: this is the last page.
    pub next: Option<Cursor>,
}

/// Why a page could not be read.
#[derive(Debug, Error)]
pub enum ListError {
    /// There may be more, but no offset reaches them: one call has found only so many.
    #[error("no offset beyond {found} is within reach")]
    OutOfReach { found: usize },
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Returns a page.
///
/// # Errors
/// When the offset is out of reach, or the table is unavailable.
pub async fn page(context: &Context, workspace: WorkspaceId, ask: &Ask) -> Result<PinPage, ListError> {
    let start = ask.cursor.map(|cursor| cursor.start);
    let span = Span { start, ..ask.filter.span(ask.sort.reads()) };
    if ask.filter.needs_rows() || !ask.sort.is_by_key() {
        by_rows(context, workspace, ask, span).await
    } else {
        by_keys(context, workspace, ask, span).await
    }
}

/// Keys of pins that may match.
struct Found {
    entries: Vec<Entry>,
    /// The position up to which keys were read; `None`: to the end.
    end: Option<Position>,
}

/// Reads `at_once` keys, and continues until `enough` of them may match.
async fn find_keys(
    context: &Context,
    workspace: WorkspaceId,
    filter: &PinFilter,
    mut span: Span,
    enough: usize,
    at_once: usize,
) -> PortResult<Found> {
    let by_key = filter.by_key();
    let at_once = if by_key.is_everything() { at_once } else { at_once.max(KEYS_AT_ONCE) };
    let mut found = Found { entries: Vec::new(), end: None };
    let mut examined = 0;
    loop {
        let stretch = context.pin_index.stretch(workspace, &span, at_once).await?;
        examined += stretch.entries.len();
        found.entries.extend(stretch.entries.into_iter().filter(|entry| by_key.accepts(entry)));
        found.end = stretch.end;
        match stretch.end {
            Some(end) if found.entries.len() < enough && examined < KEYS_MAX + enough => span = span.behind(end),
            _ => return Ok(found),
        }
    }
}

/// Answers from keys alone.
async fn by_keys(context: &Context, workspace: WorkspaceId, ask: &Ask, span: Span) -> Result<PinPage, ListError> {
    let enough = ask.offset + ask.limit + 1;
    let Found { entries, end } = find_keys(context, workspace, &ask.filter, span, enough, enough.max(COUNTED)).await?;
    let listed = entries.iter().skip(ask.offset).take(ask.limit);
    let positions: Vec<Position> = listed.map(|entry| entry.position).collect();
    let page = Counted { found: entries.len(), offset: ask.offset, len: positions.len(), is_all: end.is_none() };
    page.check()?;
    let goes_on = page.goes_on();
    let behind = if positions.len() == ask.limit { positions.last().copied() } else { end };
    let next = behind.filter(|_| goes_on).map(|position| Cursor { start: Start::Behind(position), skip: 0 });
    let mut pins = rows(context, workspace, &positions).await?;
    pins.retain(|(pin, attempt)| ask.filter.accepts(pin, attempt));
    let (total, total_is_at_least) = page.total();
    Ok(PinPage { pins: views(context, pins).await?, total, total_is_at_least, next })
}

/// Answers from the pins themselves.
async fn by_rows(context: &Context, workspace: WorkspaceId, ask: &Ask, span: Span) -> Result<PinPage, ListError> {
    let skip = ask.cursor.map_or(ask.offset, |cursor| cursor.skip);
    let wanted = if ask.sort.is_by_key() { (skip + ask.limit + 1).clamp(COUNTED, WINDOW) } else { WINDOW };
    let matched = match search(context, workspace, &ask.filter, span, wanted).await? {
        Some(matched) => matched,
        None => window(context, workspace, &ask.filter, span).await?,
    };
    let Matched { mut pins, first, end, accounts } = matched;
    ask.sort.sort(&mut pins);
    let found = pins.len();
    let shown: Vec<(Pin, Attempt)> = pins.into_iter().skip(skip).take(ask.limit).collect();
    let page = Counted { found, offset: skip, len: shown.len(), is_all: end.is_none() };
    if ask.cursor.is_none() {
        page.check()?;
    }
    let next = if skip + shown.len() < found {
        let last = shown.last().map(|(pin, _)| Position { at: pin.created_at, pin: pin.key.pin });
        if ask.sort.is_by_key() {
            last.map(|position| Cursor { start: Start::Behind(position), skip: 0 })
        } else {
            // The next page reads the same window, so pins accepted meanwhile don't shift it.
            first.map(|first| Cursor { start: Start::At(first), skip: skip + shown.len() })
        }
    } else {
        end.map(|position| Cursor { start: Start::Behind(position), skip: 0 })
    };
    let (total, total_is_at_least) = page.total();
    let pins = match ask.filter.error_code {
        // As they were when they were counted.
        Some(_) => views_among(context, shown, &accounts).await?,
        None => views(context, shown).await?,
    };
    Ok(PinPage { pins, total, total_is_at_least, next })
}

/// The pins of one window that match.
async fn window(context: &Context, workspace: WorkspaceId, filter: &PinFilter, span: Span) -> PortResult<Matched> {
    let Found { mut entries, mut end } = find_keys(context, workspace, filter, span, ENOUGH, WINDOW).await?;
    if entries.len() > WINDOW {
        entries.truncate(WINDOW);
        end = entries.last().map(|entry| entry.position);
    }
    let positions: Vec<Position> = entries.iter().map(|entry| entry.position).collect();
    let mut pins = rows(context, workspace, &positions).await?;
    pins.retain(|(pin, attempt)| filter.accepts(pin, attempt));
    Ok(Matched { pins, first: positions.first().copied(), end, accounts: AccountsNow::default() })
}

/// What is known of the number of matching pins.
struct Counted {
    found: usize,
    offset: usize,
    /// The number of pins on the page.
    len: usize,
    /// Whether the list was read to its end.
    is_all: bool,
}

impl Counted {
    /// Refuses a page that would be empty only because the list wasn't read further.
    fn check(&self) -> Result<(), ListError> {
        if self.len == 0 && self.offset > 0 && !self.is_all {
            return Err(ListError::OutOfReach { found: self.found });
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        !self.is_all || self.offset + self.len < self.found
    }

    /// The number, and whether it is a lower bound. A page that isn't the last reports a number beyond itself, because
    /// the official client decides by it whether to continue; with an empty page it would ask forever.
    fn total(&self) -> (u64, bool) {
        let beyond = if self.len > 0 && !self.is_all { self.offset + self.len + 1 } else { 0 };
        (self.found.max(beyond) as u64, !self.is_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let position = Position { at: Moment(1_767_225_600_000), pin: PinId(Uuid::from_u128(7)) };
        let cursors = [
            Cursor { start: Start::Behind(position), skip: 0 },
            Cursor { start: Start::At(position), skip: 0 },
            Cursor { start: Start::At(position), skip: WINDOW - 1 },
        ];
        for cursor in cursors {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let id = Uuid::from_u128(7).simple();
        for text in [
            String::new(),
            "b".into(),
            format!("b_1_{id}"),
            format!("b_1_{id}_1"),
            format!("c_1_{id}_0"),
            format!("a_1_{id}_{WINDOW}"),
            format!("a_-1_{id}_0"),
            format!("a_10000000000000_{id}_0"),
            format!("a_1_{id}_0_"),
            "a_1_x_0".into(),
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_count_is_beyond_the_page_exactly_while_it_goes_on() {
        for (found, offset, len, is_all, total) in [
            (10, 0, 10, true, (10, false)),
            (10, 10, 0, true, (10, false)),
            (10, 0, 5, true, (10, false)),
            (10, 0, 5, false, (10, true)),
            (10, 5, 5, false, (11, true)),
            (0, 0, 0, false, (0, true)),
        ] {
            let page = Counted { found, offset, len, is_all };
            assert_eq!(page.total(), total, "{found} {offset} {len} {is_all}");
            if len > 0 {
                assert_eq!(page.goes_on(), (offset + len) < total.0 as usize, "{found} {offset} {len} {is_all}");
            }
        }
        assert!(Counted { found: 3, offset: 3, len: 0, is_all: false }.check().is_err());
        assert!(Counted { found: 3, offset: 3, len: 0, is_all: true }.check().is_ok());
        assert!(Counted { found: 0, offset: 0, len: 0, is_all: false }.check().is_ok());
    }
}
