//! Finds the pins that may be unfinished, without paging through those that are finished.
//!
//! The rollup knows which of the pins that it has were unfinished, by the hour of their acceptance. Newer pins are in
//! the listing; those of them that ended in a burst are among the recent outcomes. Who looks for a pin that has left
//! its backlog needn't read those that are in one. Every pin that is found is a candidate: its rows decide.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::read_pins::rows;
use crate::context::Context;
use crate::domain::ids::{AccountId, AccountKey, PinId, ScheduleId, WorkspaceId};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pin::attempt::Status;
use crate::domain::pin::filter::{ByKey, PinFilter};
use crate::domain::pin::listing::{Order, Partition, Position, Span, Start};
use crate::domain::stats::rollup::{ENDS_WITHIN_MS, End, Sample, Sums, hour};
use crate::flows::stats::unrolled::{self, InBacklog, Unrolled};
use crate::ports::PortResult;

/// Keys of the listing that are read at once.
const KEYS_AT_ONCE: usize = 2_000;
/// Hours of the rollup that are read at once.
const HOURS_AT_ONCE: usize = 4;
/// Candidates that are handed out at once.
const BATCH: usize = 200;
/// With more candidates than this, those in a backlog are left out by their rows there.
const READ_ANYWAY: usize = 200;

/// Newer pins that are read for the schedules that started them.
const NEWEST_OF_SCHEDULES: usize = 200;

/// What is known of the pins in backlogs.
enum Backlogs {
    /// The caller wants these pins too: their rows are not read.
    Wanted,
    /// The caller leaves them out. The rows are read once there are too many candidates.
    Unread,
    Read(HashMap<PinId, InBacklog>),
}

/// The candidates, in the order of their acceptance.
pub struct Unfinished<'a> {
    context: &'a Context,
    workspace: WorkspaceId,
    accounts: Option<&'a [AccountId]>,
    by_key: ByKey,
    span: Span,
    unrolled: Unrolled,
    /// The part of the listing that isn't read yet.
    listing: Option<Span>,
    /// The hours of the rollup that aren't read yet.
    hours: VecDeque<i64>,
    found: VecDeque<Position>,
    backlogs: Backlogs,
    /// Of the rollup's pins, only those that schedules have started.
    is_of_schedules: bool,
    handed_out: usize,
}

impl<'a> Unfinished<'a> {
    /// Begins a search in this span of the listing.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn of(
        context: &'a Context,
        workspace: WorkspaceId,
        filter: &'a PinFilter,
        span: Span,
    ) -> PortResult<Self> {
        let span = Span { partition: Partition::Every, ..span };
        let unrolled = unrolled::read(context, workspace).await?;
        // Without a rollup, all there is to read is the listing.
        let since = if unrolled.has_rollup { span.since.max(Some(unrolled.from)) } else { span.since };
        let listing = Some(Span { since, ..span });
        let accounts = filter.accounts.as_deref();
        let backlogs = match filter.status {
            Some(Status::Queued | Status::Publishing) => Backlogs::Unread,
            _ => Backlogs::Wanted,
        };
        let mut this = Self {
            context,
            workspace,
            accounts,
            by_key: filter.by_key(),
            span,
            unrolled,
            listing,
            hours: VecDeque::new(),
            found: VecDeque::new(),
            backlogs,
            is_of_schedules: false,
            handed_out: 0,
        };
        if this.unrolled.has_rollup {
            this.hours = this.open_hours().await?;
        }
        Ok(this)
    }

    /// The hours of the rollup in which pins were accepted that may be unfinished.
    async fn open_hours(&self) -> PortResult<VecDeque<i64>> {
        let span = &self.span;
        let oldest = self.context.system.now().plus_ms(-ENDS_WITHIN_MS);
        let (mut since, mut until) = (
            span.since.max(Some(oldest)),
            span.until.map_or(self.unrolled.from, |until| until.min(self.unrolled.from)),
        );
        if let Some(Start::At(start) | Start::Behind(start)) = span.start {
            match span.order {
                Order::NewestFirst => until = until.min(start.at),
                Order::OldestFirst => since = since.max(Some(start.at)),
            }
        }
        let (first, last) = (hour(since.unwrap_or(oldest)), hour(until));
        let sums = self.context.rollups.sums(self.workspace, first, last).await?;
        let open = sums.into_iter().filter(|(_, sums)| self.has_open(sums)).map(|(hour, _)| hour);
        let retried = self.unrolled.recent.samples().filter(|sample| sample.end == End::Open).map(Sample::hour);
        let hours: BTreeSet<i64> = open.chain(retried.filter(|hour| (first..=last).contains(hour))).collect();
        Ok(match span.order {
            Order::NewestFirst => hours.into_iter().rev().collect(),
            Order::OldestFirst => hours.into_iter().collect(),
        })
    }

    fn has_open(&self, sums: &Sums) -> bool {
        sums.0.iter().any(|(account, of)| self.has_account(*account) && of.open.iter().any(|count| *count > 0))
    }

    fn has_account(&self, account: AccountId) -> bool {
        self.accounts.is_none_or(|accounts| accounts.contains(&account))
    }

    /// Some more candidates; `None` when there are no more.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn next(&mut self) -> PortResult<Option<Vec<Position>>> {
        loop {
            if self.found.is_empty() && !self.read_on().await? {
                return Ok(None);
            }
            if matches!(self.backlogs, Backlogs::Unread) && self.handed_out + self.found.len() > READ_ANYWAY {
                let waiting = unrolled::in_backlogs(self.context, self.workspace, self.accounts).await?;
                self.backlogs = Backlogs::Read(waiting);
            }
            let mut batch: Vec<Position> = self.found.drain(..self.found.len().min(BATCH)).collect();
            if let Backlogs::Read(waiting) = &self.backlogs {
                batch.retain(|position| !waiting.contains_key(&position.pin));
            }
            self.handed_out += batch.len();
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    /// Reads the next part; returns whether there was one.
    async fn read_on(&mut self) -> PortResult<bool> {
        let is_listing_next = self.span.order == Order::NewestFirst || self.hours.is_empty();
        match self.listing.take() {
            Some(span) if is_listing_next => {
                self.read_listing(span).await?;
                Ok(true)
            }
            left => {
                self.listing = left;
                if self.hours.is_empty() {
                    return Ok(false);
                }
                self.read_hours().await?;
                Ok(true)
            }
        }
    }

    async fn read_listing(&mut self, span: Span) -> PortResult<()> {
        let stretch = self.context.pin_index.stretch(self.workspace, &span, KEYS_AT_ONCE).await?;
        self.listing = stretch.end.map(|end| span.behind(end));
        let recent = &self.unrolled.recent;
        let open = stretch
            .entries
            .into_iter()
            .filter(|entry| self.by_key.accepts(entry) && recent.end(entry.position.pin).is_none());
        self.found.extend(open.map(|entry| entry.position));
        Ok(())
    }

    async fn read_hours(&mut self) -> PortResult<()> {
        let hours: BTreeSet<i64> = self.hours.drain(..self.hours.len().min(HOURS_AT_ONCE)).collect();
        let samples = unrolled::samples(self.context, self.workspace, &hours).await?;
        let recent = &self.unrolled.recent;
        let is_open = |sample: &Sample| {
            let is_listed = sample.created_at >= self.unrolled.from;
            let position = Position { at: sample.created_at, pin: sample.pin };
            let may_wait = recent.or(*sample).end == End::Open || recent.is_reopened(sample.pin);
            let is_wanted = sample.is_scheduled || !self.is_of_schedules;
            may_wait && is_wanted && !is_listed && self.has_account(sample.account) && self.span.contains(&position)
        };
        let open = samples.values().filter(|sample| is_open(sample));
        let mut open: Vec<Position> = open.map(|of| Position { at: of.created_at, pin: of.pin }).collect();
        open.sort_unstable_by(|a, b| self.span.order.compare(a, b));
        self.found.extend(open);
        Ok(())
    }
}

/// How many pins of an account wait for their start outside its backlog: with a slot or a retry to come, in the queue.
/// `backlog` is all of the backlog.
///
/// # Errors
/// When the table is unavailable.
pub async fn waiting_in_queue(
    context: &Context,
    account: AccountKey,
    backlog: &[BacklogRow],
    count_max: usize,
) -> PortResult<usize> {
    let filter = PinFilter { accounts: Some(vec![account.account]), ..PinFilter::default() };
    let mut unfinished = Unfinished::of(context, account.workspace, &filter, Span::default()).await?;
    let of_row = |row: &BacklogRow| (row.pin, InBacklog { account: account.account, created_at: row.created_at });
    unfinished.backlogs = Backlogs::Read(backlog.iter().map(of_row).collect());
    let mut waiting = 0;
    while waiting < count_max
        && let Some(batch) = unfinished.next().await?
    {
        let pins = rows(context, account.workspace, &batch).await?;
        let waits = |status| matches!(status, Status::Queued | Status::Deferred);
        waiting += pins.iter().filter(|(pin, is)| filter.accepts(pin, is) && waits(is.status)).count();
    }
    Ok(waiting.min(count_max))
}

/// The schedules whose pins may be unfinished: of the rollup's pins all of them, and of the newer pins those of the
/// newest few. (Schedules that run now are found by their time; this is for those that ran long ago, or again.)
///
/// # Errors
/// When the table is unavailable.
pub async fn schedules_of_unfinished(
    context: &Context,
    workspace: WorkspaceId,
    accounts: Option<&[AccountId]>,
) -> PortResult<BTreeSet<ScheduleId>> {
    let filter = PinFilter { accounts: accounts.map(<[AccountId]>::to_vec), ..PinFilter::default() };
    let mut unfinished = Unfinished::of(context, workspace, &filter, Span::default()).await?;
    unfinished.is_of_schedules = true;
    if let Some(span) = unfinished.listing.take() {
        unfinished.read_listing(span).await?;
        (unfinished.listing, unfinished.found) =
            (None, unfinished.found.into_iter().take(NEWEST_OF_SCHEDULES).collect());
    }
    let mut schedules = BTreeSet::new();
    while let Some(batch) = unfinished.next().await? {
        let pins = rows(context, workspace, &batch).await?;
        let open = pins.into_iter().filter(|(_, attempt)| !attempt.status.is_terminal());
        schedules.extend(open.filter_map(|(pin, _)| pin.origin.schedule.map(|(schedule, _)| schedule)));
    }
    Ok(schedules)
}
