//! Exports a workspace's accounts, pins and schedules, page by page, as they are now.
//!
//! Accounts come first, then the pins in the order of their acceptance, then the schedules in the order of their time
//! (a schedule that is moved meanwhile may be in the export twice, or not at all). The end of a page is part of the
//! cursor, so pins that are added meanwhile shift nothing: each pin that was accepted [`LISTED_AFTER_MS`] before its
//! page is read is in the export once, and later ones are in the next export.

use std::fmt;
use std::str::FromStr;

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::ids::{AccountId, PinId, PinKey, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::pacing::bucket::Bucket;
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pins::read_pins::{self, PinView};
use crate::flows::schedules::list_schedules::with_pins;
use crate::flows::schedules::{ScheduleView, explained};
use crate::ports::{ByTime, PortResult};

/// A pin is written at most 15 s after the moment that it is filed under, by machines whose clocks differ by up to 10
/// s, and the index is some milliseconds behind. Pins younger than this wait for the next export.
pub const LISTED_AFTER_MS: i64 = 30 * SECOND_MS;

/// Where the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// After this account.
    Account(AccountId),
    /// At the first pin.
    Pins,
    /// After this pin.
    Pin(Moment, PinId),
    /// At the first schedule.
    Schedules,
    /// After this schedule.
    Schedule(Moment, ScheduleId),
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account_{id}"),
            Self::Pins => f.write_str("pins"),
            Self::Pin(at, id) => write!(f, "pin_{}_{id}", at.0),
            Self::Schedules => f.write_str("schedules"),
            Self::Schedule(at, id) => write!(f, "schedule_{}_{id}", at.0),
        }
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "pins" {
            return Ok(Self::Pins);
        }
        if let Some(id) = text.strip_prefix("account_") {
            return id.parse().map(Self::Account).map_err(|_| ());
        }
        if text == "schedules" {
            return Ok(Self::Schedules);
        }
        let (kind, rest) = text.split_once('_').ok_or(())?;
        let (at, id) = rest.split_once('_').ok_or(())?;
        let at: i64 = at.parse().map_err(|_| ())?;
        // Other numbers are no moments of rows, and don't sort as text.
        if !(0..10_000_000_000_000).contains(&at) {
            return Err(());
        }
        match kind {
            "pin" => Ok(Self::Pin(Moment(at), id.parse().map_err(|_| ())?)),
            "schedule" => Ok(Self::Schedule(Moment(at), id.parse().map_err(|_| ())?)),
            _ => Err(()),
        }
    }
}

/// One line of an export.
#[derive(Clone, Debug)]
pub enum Entry {
    Account(Box<Account>, Box<Bucket>),
    Pin(Box<PinView>),
    Schedule(Box<ScheduleView>),
}

impl Entry {
    /// The cursor after this entry.
    pub fn cursor(&self) -> Cursor {
        match self {
            Self::Account(account, _) => Cursor::Account(account.key.account),
            Self::Pin(view) => Cursor::Pin(view.pin.created_at, view.pin.key.pin),
            Self::Schedule(view) => Cursor::Schedule(view.schedule.run_at, view.schedule.key.schedule),
        }
    }
}

/// A page of an export.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// `None`: this is the last page. An empty page may be followed by others: what the caller may not see is left out.
    pub next: Option<Cursor>,
}

/// One page of at most `limit` entries; `sees` says which accounts the caller may see.
///
/// # Errors
/// When the table is unavailable.
pub async fn page(
    context: &Context,
    workspace: WorkspaceId,
    from: Option<Cursor>,
    limit: usize,
    sees: impl Fn(AccountId) -> bool + Send + Sync,
) -> PortResult<Page> {
    let after = match from {
        None => None,
        Some(Cursor::Account(id)) => Some(id),
        Some(Cursor::Pins) => return pins(context, workspace, None, limit, sees).await,
        Some(Cursor::Pin(at, id)) => return pins(context, workspace, Some((at, id)), limit, sees).await,
        Some(Cursor::Schedules) => return schedules(context, workspace, None, limit, sees).await,
        Some(Cursor::Schedule(at, id)) => return schedules(context, workspace, Some((at, id)), limit, sees).await,
    };
    let mut accounts = context.store.accounts(workspace).await?;
    accounts.sort_by_key(|account| account.key.account);
    accounts.retain(|account| after.is_none_or(|after| account.key.account > after) && sees(account.key.account));
    let is_last = accounts.len() <= limit;
    let mut entries = Vec::new();
    for account in accounts.into_iter().take(limit) {
        let bucket = context.store.bucket(account.key).await?;
        entries.push(Entry::Account(Box::new(account), Box::new(bucket)));
    }
    let next = if is_last { Some(Cursor::Pins) } else { entries.last().map(Entry::cursor) };
    Ok(Page { entries, next })
}

async fn pins(
    context: &Context,
    workspace: WorkspaceId,
    after: Option<(Moment, PinId)>,
    limit: usize,
    sees: impl Fn(AccountId) -> bool,
) -> PortResult<Page> {
    let by = context.system.now().plus_ms(-LISTED_AFTER_MS);
    let listed = context.store.listing_after(workspace, after, by, limit).await?;
    let keys: Vec<PinKey> = listed.iter().map(|(_, pin)| PinKey { workspace, pin: *pin }).collect();
    let found = context.store.pins(&keys).await?;
    let is_last = listed.len() < limit;
    let next = listed.last().filter(|_| !is_last).map_or(Cursor::Schedules, |(at, pin)| Cursor::Pin(*at, *pin));
    let open = found.into_iter().flatten().filter(|(pin, _)| pin.hidden_at.is_none() && sees(pin.request.account));
    let views = read_pins::without_positions(context, open.collect()).await?;
    Ok(Page { entries: views.into_iter().map(|view| Entry::Pin(Box::new(view))).collect(), next: Some(next) })
}

async fn schedules(
    context: &Context,
    workspace: WorkspaceId,
    after: Option<(Moment, ScheduleId)>,
    limit: usize,
    sees: impl Fn(AccountId) -> bool,
) -> PortResult<Page> {
    let range = ByTime { after, ..ByTime::default() };
    let listed = context.schedules.schedules_by_time(workspace, &range, limit).await?;
    let keys: Vec<ScheduleKey> =
        listed.iter().map(|(_, schedule)| ScheduleKey { workspace, schedule: *schedule }).collect();
    let mut found: Vec<_> = context.schedules.schedules(&keys).await?.into_iter().flatten().collect();
    found.retain(|schedule| sees(schedule.request.account) && schedule.is_shown(context.system.now()));
    let next = listed.last().filter(|_| listed.len() >= limit).map(|(at, schedule)| Cursor::Schedule(*at, *schedule));
    let views = explained(context, with_pins(context, found).await?).await?;
    Ok(Page { entries: views.into_iter().map(|view| Entry::Schedule(Box::new(view))).collect(), next })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let id = Uuid::from_u128(7);
        let at = Moment(1_767_225_600_000);
        let cursors = [
            Cursor::Account(AccountId(id)),
            Cursor::Pins,
            Cursor::Pin(at, PinId(id)),
            Cursor::Schedules,
            Cursor::Schedule(at, ScheduleId(id)),
        ];
        for cursor in cursors {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let bad = [
            "",
            "pin_",
            "pin_1",
            "pin_-1_x",
            &format!("pin_-1_{id}"),
            &format!("pin_99999999999999_{id}"),
            "account_",
            "schedule_1",
        ];
        for text in bad {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
    }
}
