//! Announces the events of schedules, imports and accounts: the ports as a process sees them, with a recovery marker
//! before each write that brings an event which a webhook of the workspace hears, and a message to the notify queue
//! after it.
//!
//! These rows don't record their events, so the marker does ([`note`](crate::domain::event::note)): the event itself,
//! and which write it comes of. If the process dies after the write, the rescuer reads the row, finds the write, and
//! sends the message ([`rescue_event`](crate::flows::webhooks::rescue_event)). If it dies before the write, the rescuer
//! finds no such write, and sends nothing. A write that another writer has prevented makes its marker void.
//!
//! A caller's write of a schedule fails if its marker can't be filed: the caller hears of it, and repeats it. The other
//! writes are publishing's own, and are made all the same. Their marker is filed after them then, so an event of theirs
//! is lost only if the process dies, or the queue fails, while the table takes no marker.
//!
//! | Event | Write |
//! |---|---|
//! | `schedule.*` | each write of the schedule's row; its number and its nonce show whether it was made |
//! | `import.completed` | the totals |
//! | `import.failed` | a stop |
//! | `account.connected`, `account.reconnect_required` | a write of the account's row, compared with the row before |
//! | `account.paused` | a pause or a hold of some minutes of an account that has none |
//! | `account.resumed` | the end of a hold. A pause ends without a write: the rescuer waits for its end. |
//!
//! An access token that can't be renewed has a marker for the time when a person is to hear that it expires.
//!
//! An endpoint that asks for `account.resumed` or `account.reconnect_required` later has a marker of its own: see
//! `flows/webhooks/catch_up.rs`.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::known_endpoints::KnownEndpoints;
use crate::altered_port;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::event::EventType;
use crate::domain::event::note::{Note, Source};
use crate::domain::event::occurrence::{self, Halt, Occurrence};
use crate::domain::ids::{AccountKey, ScheduleId, ScheduleKey, WorkspaceId};
use crate::domain::import::{ChunkResult, Import, ImportKey, Row, Stop, Totals};
use crate::domain::pacing::bucket::{Bucket, Pause};
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::schedule::{ReleaseRow, Schedule};
use crate::domain::time::Moment;
use crate::ports::{ByTime, Imports, PortResult, Schedules, Write};

/// A marker that is not waited for is filed at most so often.
const LATE_TRIES: usize = 2;

/// Announces the events of a process's writes.
pub(super) struct Changes {
    /// Around the stores that announce nothing.
    context: Context,
    endpoints: KnownEndpoints,
}

/// An event that a write brings, and that an endpoint may hear.
struct Pending {
    occurrence: Occurrence,
    source: Source,
    /// The id of what it is about.
    subject: Uuid,
}

impl Changes {
    pub fn new(context: &Context) -> Self {
        Self { context: context.clone(), endpoints: KnownEndpoints::new(context) }
    }

    /// The context, whose schedules and imports announce their events.
    pub fn around(self: Arc<Self>, context: Context) -> Context {
        let schedules = AnnouncingSchedules { inner: Arc::clone(&self.context.schedules), changes: Arc::clone(&self) };
        let imports = AnnouncingImports { inner: Arc::clone(&self.context.imports), changes: self };
        Context { schedules: Arc::new(schedules), imports: Arc::new(imports), ..context }
    }

    /// Whether an endpoint may hear one of these events. If the endpoints can't be read, one may: the rescuer reads
    /// them again.
    async fn may_hear(&self, workspace: WorkspaceId, events: &[EventType], at: Moment) -> bool {
        match self.endpoints.of(workspace).await {
            Ok(endpoints) => endpoints.iter().any(|one| events.iter().any(|event| one.hears(*event, at))),
            Err(error) => {
                tracing::warn!(workspace_id = %workspace, %error, "webhooks not read; an event keeps a marker");
                true
            }
        }
    }

    async fn pending(&self, occurrence: Option<Occurrence>, source: Source, subject: Uuid) -> Option<Pending> {
        let occurrence = occurrence?;
        let may_hear = self.may_hear(occurrence.workspace, &[occurrence.event], occurrence.at).await;
        may_hear.then_some(Pending { occurrence, source, subject })
    }

    /// Files the marker of a write that is made, or that doesn't wait for it; once more if that fails.
    async fn put_marker_late(&self, workspace: WorkspaceId, subject: Uuid, note: &Note) {
        for _ in 0..LATE_TRIES {
            match self.put_marker(workspace, subject, note.clone()).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(workspace_id = %workspace, %error, "recovery marker of an event not filed");
                }
            }
        }
    }

    /// Makes the write that brings the event, if it brings one. `is_made` tells from its answer whether it was made.
    async fn announced<T: Send>(
        &self,
        event: Option<Pending>,
        write: impl Future<Output = PortResult<T>> + Send,
        is_made: impl Fn(&T) -> bool + Send,
    ) -> PortResult<T> {
        let Some(Pending { occurrence, source, subject }) = event else { return write.await };
        let message = occurrence.message();
        let note = Note { source, message: Some(message.clone()) };
        let began = self.context.begin();
        let marker = match self.put_marker(occurrence.workspace, subject, note.clone()).await {
            Ok(marker) => Some(marker),
            Err(error) if waits_for_marker(occurrence.event) => return Err(error),
            Err(error) => {
                tracing::warn!(
                    workspace_id = %occurrence.workspace, event = occurrence.event.name(), %error,
                    "recovery marker of an event not filed; it is filed after the write"
                );
                None
            }
        };
        let written = write.await?;
        if !is_made(&written) {
            if let Some(marker) = &marker {
                self.make_void(marker).await;
            }
            return Ok(written);
        }
        // The rescuer may have read the marker before the write.
        if marker.is_none() || self.context.took_ms(began) > OWNED_WITHIN_MS {
            self.put_marker_late(occurrence.workspace, subject, &note).await;
        }
        if let Err(error) = self.context.queue.send_notify(&message, 0).await {
            tracing::warn!(
                workspace_id = %occurrence.workspace, event = occurrence.event.name(), %error,
                "event not announced; the rescuer announces it"
            );
        }
        Ok(written)
    }

    async fn put_marker(&self, workspace: WorkspaceId, subject: Uuid, note: Note) -> PortResult<RecoveryMarker> {
        let now = self.context.system.now();
        let marker = RecoveryMarker::of_event(workspace, subject, note, now, self.context.nonce());
        self.context.store.put_marker(&marker).await?;
        Ok(marker)
    }

    /// The write was not made. If this fails, the rescuer finds that out.
    async fn make_void(&self, marker: &RecoveryMarker) {
        if let Err(error) = self.context.store.put_marker(&marker.void()).await {
            tracing::warn!(%error, "recovery marker of an event that didn't happen not made void");
        }
    }

    pub async fn save_account(&self, next: &Account) -> PortResult<Write<()>> {
        let (key, at) = (next.key, next.updated_at);
        let events = [EventType::AccountConnected, EventType::AccountReconnectRequired];
        let write = self.context.store.save_account(next);
        if next.revoked_at.is_some() || !self.may_hear(key.workspace, &events, at).await {
            return write.await;
        }
        let before = self.context.store.account(key).await?;
        self.watch_expiry(before.as_ref(), next).await;
        let source = Source::Account { account: key.account, rev: next.rev, nonce: next.nonce.clone() };
        let event = self.pending(occurrence::of_account(before.as_ref(), next), source, key.account.0).await;
        self.announced(event, write, Write::is_done).await
    }

    /// Files the marker for the end of an access token that can't be renewed, when the account gets it.
    async fn watch_expiry(&self, before: Option<&Account>, next: &Account) {
        let known = before.and_then(occurrence::expiry);
        let expiry = occurrence::expiry(next).filter(|at| known != Some(*at));
        let (Some(expires_at), Some(at)) = (expiry, occurrence::expiry_told_at(next)) else { return };
        let (key, event) = (next.key, EventType::AccountReconnectRequired);
        if !self.may_hear(key.workspace, &[event], next.updated_at).await {
            return;
        }
        let note = Note { source: Source::Expiry { account: key.account, expires_at, at }, message: None };
        let (now, id) = (self.context.system.now(), self.context.nonce());
        let marker = RecoveryMarker::of_event(key.workspace, key.account.0, note, now.max(at), id);
        for _ in 0..LATE_TRIES {
            match self.context.store.put_marker(&marker).await {
                Ok(()) => return,
                // Tokens that Pinterest has renewed must be kept.
                Err(error) => tracing::warn!(
                    workspace_id = %key.workspace, account_id = %key.account, %error, "marker of an expiry not filed"
                ),
            }
        }
    }

    pub async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
        let now = self.context.system.now();
        let events = [EventType::AccountPaused, EventType::AccountResumed];
        let write = self.context.store.pause(account, pause);
        if !occurrence::is_told(pause, now) || !self.may_hear(account.workspace, &events, now).await {
            return write.await;
        }
        // Read once: what stops calls must not wait. If it can't be read, the pause is told as a new one.
        let before = self.context.store.bucket(account).await.unwrap_or_else(|error| {
            tracing::warn!(workspace_id = %account.workspace, account_id = %account.account, %error, "bucket not read");
            Bucket::default()
        });
        let (halt, until) = (Halt::of(pause), pause.until);
        let source = Source::Pause { account: account.account, halt, since: now, until };
        // Also if an endpoint only hears of the pause's end: the rescuer waits for it by this marker.
        let event = occurrence::of_pause(account, pause, &before, now);
        let event = event.map(|occurrence| Pending { occurrence, source, subject: account.account.0 });
        self.announced(event, write, |_| true).await
    }

    pub async fn lift_hold(&self, account: AccountKey, seen: Moment, now: Moment) -> PortResult<Write<()>> {
        let write = self.context.store.lift_hold(account, seen, now);
        if !self.may_hear(account.workspace, &[EventType::AccountResumed], now).await {
            return write.await;
        }
        let before = match self.context.store.bucket(account).await {
            Ok(before) => before,
            Err(error) => {
                // The marker that waits for the hold's end tells it.
                tracing::warn!(
                    workspace_id = %account.workspace, account_id = %account.account, %error, "bucket not read"
                );
                return write.await;
            }
        };
        let source = Source::Lift { account: account.account, at: now };
        let event = occurrence::of_lift(account, &before, seen, now);
        let event = event.map(|occurrence| Pending { occurrence, source, subject: account.account.0 });
        self.announced(event, write, Write::is_done).await
    }
}

/// Whether the write that brings the event is not made without a marker: it is a caller's, who can repeat it.
fn waits_for_marker(event: EventType) -> bool {
    matches!(event, EventType::ScheduleCreated | EventType::ScheduleUpdated | EventType::ScheduleCanceled)
}

/// Which write of the schedule an event comes of.
fn source_of(schedule: &Schedule) -> Source {
    let Schedule { key, version, nonce, .. } = schedule;
    Source::Schedule { schedule: key.schedule, version: *version, nonce: nonce.clone() }
}

struct AnnouncingSchedules {
    inner: Arc<dyn Schedules>,
    changes: Arc<Changes>,
}

impl AnnouncingSchedules {
    async fn event(&self, next: &Schedule) -> Option<Pending> {
        self.changes.pending(occurrence::of_schedule(next), source_of(next), next.key.schedule.0).await
    }
}

altered_port! {
    Schedules for AnnouncingSchedules {
        async fn put_schedule(&self, schedule: &Schedule) -> PortResult<Write<Box<Schedule>>> {
            let event = self.event(schedule).await;
            self.changes.announced(event, self.inner.put_schedule(schedule), Write::is_done).await
        }

        async fn save_schedule(&self, next: &Schedule) -> PortResult<Write<Option<Box<Schedule>>>> {
            let event = self.event(next).await;
            self.changes.announced(event, self.inner.save_schedule(next), Write::is_done).await
        }
    }

    fn schedules(keys: &[ScheduleKey]) -> PortResult<Vec<Option<Schedule>>>;
    fn schedules_by_time(
        workspace: WorkspaceId, range: &ByTime, limit: usize
    ) -> PortResult<Vec<(Moment, ScheduleId)>>;
    fn put_release_row(row: &ReleaseRow) -> PortResult<()>;
    fn delete_release_rows(rows: &[ReleaseRow]) -> PortResult<()>;
    fn release_rows(minute: i64, shard: u32) -> PortResult<Vec<ReleaseRow>>;
    fn release_watermark() -> PortResult<Option<i64>>;
    fn set_release_watermark(minute: i64) -> PortResult<()>;
}

struct AnnouncingImports {
    inner: Arc<dyn Imports>,
    changes: Arc<Changes>,
}

impl AnnouncingImports {
    /// Stops the import. Returns whether it has stopped: one that is finished by now does not.
    async fn stop(&self, key: ImportKey, stop: &Stop) -> PortResult<bool> {
        self.inner.stop_import(key, Some(stop)).await?;
        let import = self.inner.import(key).await?.filter(|import| import.finished.is_none());
        Ok(import.and_then(|import| import.stopped).is_some_and(|stored| stored == *stop))
    }
}

altered_port! {
    Imports for AnnouncingImports {
        async fn finish_import(&self, key: ImportKey, totals: &Totals) -> PortResult<()> {
            let event = occurrence::of_import(key, totals, self.changes.context.system.now());
            let source = Source::Import { import: key.import };
            let event = self.changes.pending(Some(event), source, key.import.0).await;
            self.changes.announced(event, self.inner.finish_import(key, totals), |_| true).await
        }

        async fn stop_import(&self, key: ImportKey, stop: Option<&Stop>) -> PortResult<()> {
            let Some(stop) = stop else { return self.inner.stop_import(key, None).await };
            let source = Source::ImportStop { import: key.import, at: stop.at };
            let event = occurrence::of_import_stop(key, stop);
            let event = self.changes.pending(Some(event), source, key.import.0).await;
            if event.is_none() {
                return self.inner.stop_import(key, Some(stop)).await;
            }
            self.changes.announced(event, self.stop(key, stop), |has_stopped| *has_stopped).await.map(|_| ())
        }
    }

    fn put_import_chunks(import: &Import, chunks: &[Vec<Row>]) -> PortResult<()>;
    fn put_import(import: &Import) -> PortResult<Write<Box<Import>>>;
    fn import(key: ImportKey) -> PortResult<Option<Import>>;
    fn import_chunk(import: &Import, chunk: u32) -> PortResult<Option<Vec<Row>>>;
    fn put_import_result(import: &Import, result: &ChunkResult) -> PortResult<()>;
    fn import_results(key: ImportKey) -> PortResult<Vec<ChunkResult>>;
    fn drop_import_chunks(key: ImportKey, nonce: &str) -> PortResult<()>;
    fn imports(workspace: WorkspaceId, limit: usize) -> PortResult<Vec<Import>>;
    fn wipe_imports(workspace: WorkspaceId) -> PortResult<bool>;
}
