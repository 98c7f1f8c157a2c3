//! The activity log: writing entries, and reading pages of them. Read [`page`] first.
//!
//! Stored entries are what people and keys do (written by one layer over the API's routes,
//! `functions/api/src/activity.rs`) and every pin that fails. Creating and publishing pins, the most frequent actions,
//! are derived from the list of pins at reading, so that they cost no write. Both lists are merged by time.
//!
//! The list of pins is ordered by acceptance. So the entry of a published pin stands just above that of its acceptance,
//! although its time is later.

mod audit;
mod newest_pins;

use std::collections::btree_map::Entry as Known;
use std::collections::{BTreeMap, VecDeque};

pub use audit::{audit_failure, record};

use newest_pins::{From, newest_pins};

use crate::context::Context;
use crate::domain::ids::{AccountId, KeyId, PinId, WorkspaceId};
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::origin::Actor;
use crate::domain::pin::{LIFETIME_MS, Pin};
use crate::domain::stats::activity::{By, Cursor, Entry, List, PIN_CREATED, PIN_PUBLISHED, Wanted};
use crate::domain::time::Moment;
use crate::ports::PortResult;

/// Entries that are examined for one page. A page that isn't full by then says where to continue.
pub const EXAMINED_MAX: usize = 1_000;
/// Entries of a list that are read at once, at most.
const AT_ONCE: usize = 100;

/// Who reads the log, and which entries it may see.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub workspace: WorkspaceId,
    /// The key that reads.
    pub key: Option<KeyId>,
    /// The accounts that the key is limited to: it sees entries about one of them, and what it did itself.
    pub limited_to: Option<&'a [AccountId]>,
}

impl Reader<'_> {
    fn sees(&self, entry: &Entry) -> bool {
        let is_own = self.key.is_some_and(|key| entry.by == By::Key(key));
        self.limited_to.is_none_or(|allowed| is_own || entry.account.is_some_and(|account| allowed.contains(&account)))
    }
}

/// A page of the activity log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins, if there may be more.
    pub next: Option<Cursor>,
}

/// One of the two lists, read in pieces.
struct Source {
    list: List,
    /// The position after which the list is read on.
    behind: Option<Cursor>,
    read: VecDeque<(Cursor, Option<Entry>)>,
    is_over: bool,
}

/// Returns the newest entries after `cursor` that match `wanted` and are visible to the reader.
///
/// # Errors
/// When the table is unavailable.
pub async fn page(
    context: &Context,
    reader: Reader<'_>,
    wanted: &Wanted,
    cursor: Option<Cursor>,
    limit: usize,
) -> PortResult<Page> {
    let kept_since = context.system.now().plus_ms(-context.settings.activity_kept_ms);
    let since = wanted.since.map_or(kept_since, |since| since.max(kept_since));
    let source = |list, is_wanted: bool| Source { list, behind: cursor, read: VecDeque::new(), is_over: !is_wanted };
    let mut stored = source(List::Stored, wanted.admits_stored());
    let of_pins = wanted.admits_all(&PIN_CREATED) || wanted.admits_all(&PIN_PUBLISHED);
    let mut pins = source(List::Created, of_pins);
    // A pin may have been accepted long before it was published. Only a caller who asks for published pins waits until
    // all of those were looked at.
    let accepted_since = if wanted.is_about_published() { since.plus_ms(-LIFETIME_MS) } else { since };
    let at_once = (limit + 1).min(AT_ONCE);
    let mut page = Page::default();
    let mut examined = 0;
    loop {
        stored.fill(context, reader.workspace, since, at_once).await?;
        pins.fill(context, reader.workspace, accepted_since, at_once).await?;
        let first = [&stored, &pins].into_iter().filter_map(Source::position).min_by_key(order);
        let Some(position) = first else {
            page.next = None;
            break;
        };
        if page.entries.len() >= limit || examined >= EXAMINED_MAX {
            break;
        }
        examined += 1;
        page.next = Some(position);
        let source = if position.list == List::Stored { &mut stored } else { &mut pins };
        let entry = source.take();
        let is_wanted = |entry: &Entry| entry.at >= since && wanted.admits(entry) && reader.sees(entry);
        page.entries.extend(entry.filter(is_wanted));
    }
    name_actors(context, reader.workspace, &mut page.entries).await?;
    Ok(page)
}

/// Newest first; at the same moment, stored entries come first, then the larger id.
fn order(position: &Cursor) -> impl Ord + use<> {
    (std::cmp::Reverse(position.at), position.list != List::Stored, std::cmp::Reverse(position.id), position.list)
}

impl Source {
    fn position(&self) -> Option<Cursor> {
        self.read.front().map(|(position, _)| *position)
    }

    fn take(&mut self) -> Option<Entry> {
        let (position, entry) = self.read.pop_front()?;
        self.behind = Some(position);
        entry
    }

    /// Reads the next entries when none are left.
    async fn fill(&mut self, context: &Context, workspace: WorkspaceId, since: Moment, limit: usize) -> PortResult<()> {
        while self.read.is_empty() && !self.is_over {
            match self.list {
                List::Stored => {
                    // At the same moment, every stored entry comes before the other list's.
                    let before = self.behind.map(|at| (at.at, (at.list == List::Stored).then_some(at.id)));
                    let found = context.activity.entries(workspace, since, before, limit).await?;
                    self.is_over = found.len() < limit;
                    self.read.extend(found.into_iter().map(|entry| {
                        let position = Cursor { at: entry.at, list: List::Stored, id: entry.id };
                        (position, Some(entry))
                    }));
                }
                List::Published | List::Created => {
                    let from = self.behind.map(|Cursor { at, list, id }| match list {
                        List::Stored => From::Moment(at),
                        // Its acceptance is still to come.
                        List::Published => From::Pin(at, PinId(id)),
                        List::Created => From::After(at, PinId(id)),
                    });
                    let begun = self.behind.filter(|behind| behind.list == List::Published);
                    let found = newest_pins(context, workspace, since, from, limit).await?;
                    self.is_over = found.is_over;
                    for ((at, pin), row) in found.pins {
                        let position = |list| Cursor { at, list, id: pin.0 };
                        let published = row.as_ref().and_then(|(pin, attempt)| published(pin, attempt));
                        if begun != Some(position(List::Published)) {
                            self.read.extend(published.map(|entry| (position(List::Published), Some(entry))));
                        }
                        self.read.push_back((position(List::Created), row.map(|(pin, _)| created(&pin))));
                    }
                    if let (true, Some((at, pin))) = (self.read.is_empty(), found.end) {
                        self.behind = Some(Cursor { at, list: List::Created, id: pin.0 });
                    }
                }
            }
        }
        Ok(())
    }
}

/// The entry of an accepted pin.
fn created(pin: &Pin) -> Entry {
    let by = match pin.origin.by {
        Some(Actor::Key(id)) => By::Key(id),
        Some(Actor::User(id)) => By::User(id),
        None => By::System,
    };
    let mut entry = Entry::of_pin(pin.key.pin, 0, pin.created_at, by, &PIN_CREATED);
    entry.account = Some(pin.request.account);
    entry = entry.with("board_id", &pin.request.board_id).with("title", &pin.request.title);
    if let Some((schedule, _)) = pin.origin.schedule {
        entry = entry.with("schedule_id", schedule.to_string());
    }
    if let Some((import, row)) = pin.origin.import {
        entry = entry.with("import_job_id", import.to_string()).with("import_row", row.to_string());
    }
    entry
}

/// The entry of a published pin.
fn published(pin: &Pin, attempt: &Attempt) -> Option<Entry> {
    let at = attempt.finished_at.filter(|_| attempt.status == Status::Published)?;
    let mut entry = Entry::of_pin(pin.key.pin, 0, at, By::Worker, &PIN_PUBLISHED);
    entry.account = Some(pin.request.account);
    entry = entry.with("board_id", &pin.request.board_id).with("title", &pin.request.title);
    Some(match &attempt.pinterest_pin_id {
        Some(id) => entry.with("pinterest_pin_id", id),
        None => entry,
    })
}

/// Adds the actors' names to derived entries, which have only the actor's id.
async fn name_actors(context: &Context, workspace: WorkspaceId, entries: &mut [Entry]) -> PortResult<()> {
    let nameless = |entry: &&mut Entry| entry.label.is_none();
    if entries.iter_mut().filter(nameless).any(|entry| matches!(entry.by, By::Key(_))) {
        let keys = context.tenants.api_keys(workspace).await?;
        let names: BTreeMap<_, _> = keys.into_iter().map(|key| (key.id, key.name)).collect();
        for entry in entries.iter_mut().filter(nameless) {
            if let By::Key(id) = entry.by {
                entry.label = names.get(&id).cloned();
            }
        }
    }
    let mut people: BTreeMap<_, Option<String>> = BTreeMap::new();
    for entry in entries.iter_mut().filter(nameless) {
        if let By::User(id) = entry.by {
            entry.label = match people.entry(id) {
                Known::Occupied(known) => known.get().clone(),
                Known::Vacant(unknown) => {
                    let user = context.tenants.user(id).await?;
                    unknown.insert(user.map(|user| user.email.as_str().to_owned())).clone()
                }
            };
        }
    }
    Ok(())
}
