//! Handles the recovery marker of an event that no row records: an event of a schedule, an import or an account, or
//! that an endpoint was disabled.
//!
//! The marker was filed before the write that brings the event. If the write was made, and an endpoint that hears the
//! event has no delivery of it, the event's message is sent again. If it wasn't made, nothing is sent: the marker stays
//! until it expires, so that the next runs read it again while a slow writer might still write.
//!
//! Some markers wait: for the end of a pause or a hold, and for the time at which a person is to hear that an access
//! token expires. What they find then is an event like the others. An endpoint that asks for these events later has a
//! marker by which the missing ones are filed: see `catch_up.rs`.

use super::catch_up::catch_up;
use super::disable_endpoint::record_disabled;
use super::end_task::deliveries_of;
use super::plan_turn::plan_for_waiting;
use super::resend_missing::{EXPIRES_SOON_MS, Subscribers};
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::event::disabled::Disabled;
use crate::domain::event::note::{Note, Source};
use crate::domain::event::occurrence::{self, Halt};
use crate::domain::event::{EventType, payload};
use crate::domain::ids::{AccountId, AccountKey, EndpointId, ScheduleKey, WorkspaceId};
use crate::domain::import::ImportKey;
use crate::domain::message::{NotifyMessage, NotifyWork};
use crate::domain::recovery::RecoveryMarker;
use crate::domain::repeated_write::Writes;
use crate::domain::task::Awaited;
use crate::domain::time::Moment;
use crate::domain::webhook::delivery::DeliveryKey;
use crate::domain::webhook::endpoint::EndpointKey;
use crate::flows::schedules::cancel_schedule::finish_cancellation;
use crate::ports::{Listed, PortResult};
use crate::telemetry;

/// Handles the marker; returns how many messages were sent. One whose minute is still to come stays as it is: also when
/// the queue was lost, it is read in time.
///
/// # Errors
/// When the marker can't be filed again; it stays.
pub async fn rescue_event(context: &Context, subscribers: &mut Subscribers, row: &RecoveryMarker) -> PortResult<usize> {
    let now = context.system.now();
    if row.minute >= now.minute() {
        return Ok(0);
    }
    let (Some(note), Some(workspace)) = (row.event.as_deref(), row.pins.first().map(|pin| pin.workspace)) else {
        // The event didn't happen.
        context.store.delete_marker(row).await?;
        return Ok(0);
    };
    let work = Work { context, subscribers, row, workspace, now };
    let error = match work.handle(note).await {
        Ok(sent) => return Ok(sent),
        Err(error) => error,
    };
    // Filed again: a minute that stays open would keep the rescuer from what publishing needs.
    telemetry::count_failed_work("dispatcher", error.port(), now);
    tracing::warn!(
        workspace_id = %workspace, minute = row.minute, %error, "event not checked; its marker is filed again"
    );
    context.store.put_marker(&row.event_again(note.clone(), now, context.nonce())).await?;
    context.store.delete_marker(row).await?;
    Ok(0)
}

/// The work on a marker.
struct Work<'a> {
    context: &'a Context,
    subscribers: &'a mut Subscribers,
    row: &'a RecoveryMarker,
    workspace: WorkspaceId,
    now: Moment,
}

impl Work<'_> {
    fn account(&self, account: AccountId) -> AccountKey {
        AccountKey { workspace: self.workspace, account }
    }

    async fn handle(mut self, note: &Note) -> PortResult<usize> {
        let is_sent = match &note.source {
            Source::Resumption { account, halt, to } => self.wait_for_end(note, *account, *halt, *to).await?,
            Source::Expiry { account, expires_at, at } => {
                let account = self.context.store.account(self.account(*account)).await?;
                let event = account.and_then(|account| occurrence::of_expiry(&account, *expires_at, *at));
                self.tell(event.map(|event| event.message())).await?
            }
            Source::Subscription { endpoint, since } => {
                let key = EndpointKey { workspace: self.workspace, endpoint: *endpoint };
                if let Some(endpoint) = self.context.webhooks.endpoint(key).await? {
                    catch_up(self.context, &endpoint, *since).await?;
                }
                self.drop_marker().await?
            }
            Source::Cancellation { schedule, by } => {
                let key = ScheduleKey { workspace: self.workspace, schedule: *schedule };
                if !finish_cancellation(self.context, key, *by).await? {
                    return Ok(0);
                }
                self.drop_marker().await?
            }
            Source::Disabled(disabled) => {
                if !self.was_disabled(disabled).await? {
                    return Ok(0);
                }
                record_disabled(self.context, self.workspace, disabled).await;
                self.mend(&disabled.message(self.workspace)).await?
            }
            source => {
                let Some(message) = &note.message else { return self.drop_marker().await.map(usize::from) };
                if !self.has_happened(source, message).await? {
                    return Ok(0);
                }
                self.watch_end(source).await?;
                self.mend(message).await?
            }
        };
        Ok(usize::from(is_sent))
    }

    /// Whether the endpoint was disabled by that write. If it was not, what the writer left waiting gets a turn.
    async fn was_disabled(&self, disabled: &Disabled) -> PortResult<bool> {
        let (context, key) = (self.context, EndpointKey { workspace: self.workspace, endpoint: disabled.endpoint });
        let Some(endpoint) = context.webhooks.endpoint(key).await? else { return Ok(false) };
        if disabled.was_made(&endpoint) {
            return Ok(true);
        }
        let is_enabled = endpoint.disabled.is_none();
        if is_enabled && !context.webhooks.deliveries(key, Listed::Waiting, None, 1).await?.is_empty() {
            plan_for_waiting(context, key).await?;
        }
        Ok(false)
    }

    /// Whether the event has happened. Of a write that too many have followed to know, what the row says now decides.
    async fn has_happened(&self, source: &Source, message: &NotifyMessage) -> PortResult<bool> {
        let NotifyWork::Stored { event, at, .. } = &message.work else { return Ok(false) };
        let (event, at) = (*event, *at);
        let (context, workspace) = (self.context, self.workspace);
        Ok(match source {
            Source::Certain => true,
            Source::Schedule { schedule, version, nonce } => {
                let key = ScheduleKey { workspace, schedule: *schedule };
                let row = context.schedules.schedules(&[key]).await?.pop().flatten();
                row.is_some_and(|row| {
                    let writes = Writes { number: row.version, nonce: &row.nonce, trail: &row.trail };
                    writes.has(*version, nonce).unwrap_or_else(|| occurrence::schedule_shows(&row, event, at))
                })
            }
            Source::Account { account, rev, nonce } => {
                let row = context.store.account(self.account(*account)).await?;
                row.is_some_and(|row| {
                    let writes = Writes { number: row.rev, nonce: &row.nonce, trail: &row.trail };
                    writes.has(*rev, nonce).unwrap_or_else(|| occurrence::account_shows(&row, event, self.now))
                })
            }
            Source::Import { import } => {
                let import = context.imports.import(ImportKey { workspace, import: *import }).await?;
                import.is_some_and(|import| import.finished.is_some())
            }
            Source::ImportStop { import, at } => {
                let import = context.imports.import(ImportKey { workspace, import: *import }).await?;
                let stop = import.filter(|import| import.finished.is_none()).and_then(|import| import.stopped);
                stop.is_some_and(|stop| stop.at == *at)
            }
            Source::Pause { account, halt, since, until } => {
                let bucket = context.store.bucket(self.account(*account)).await?;
                match halt {
                    Halt::Pause => bucket.pause.is_some_and(|pause| pause.until >= *until),
                    // It may be over by now.
                    Halt::Hold => {
                        bucket.hold.is_some_and(|hold| hold.until >= *until) || bucket.held_until >= Some(*since)
                    }
                }
            }
            Source::Lift { account, at } => context.store.bucket(self.account(*account)).await?.held_until == Some(*at),
            // They have no message yet.
            Source::Resumption { .. }
            | Source::Expiry { .. }
            | Source::Subscription { .. }
            | Source::Cancellation { .. }
            | Source::Disabled(_) => false,
        })
    }

    /// Files the marker that waits for the end of this pause or hold, if an endpoint hears of it.
    async fn watch_end(&mut self, source: &Source) -> PortResult<()> {
        let Source::Pause { account, halt, until, .. } = source else { return Ok(()) };
        let endpoints = self.subscribers.of(self.context, self.workspace).await?;
        if !endpoints.iter().any(|endpoint| endpoint.hears(EventType::AccountResumed, self.now)) {
            return Ok(());
        }
        let source = Source::Resumption { account: *account, halt: *halt, to: None };
        let note = Note { source, message: None };
        let at = match halt {
            Halt::Pause => *until,
            Halt::Hold => self.now,
        };
        self.put(self.row.event_at(note, at, self.now, self.context.nonce())).await
    }

    /// Tells that the account's pause or hold is over, or waits on. An account that isn't connected has no end of it:
    /// connecting it again is an event of its own.
    async fn wait_for_end(
        &mut self,
        note: &Note,
        account: AccountId,
        halt: Halt,
        to: Option<EndpointId>,
    ) -> PortResult<bool> {
        let key = self.account(account);
        let is_connected = self.context.store.account(key).await?.as_ref().is_some_and(Account::is_connected);
        let bucket = self.context.store.bucket(key).await?;
        let (goes_on_until, ended_at) = match halt {
            Halt::Hold => (bucket.hold.map(|_| self.now), bucket.held_until),
            Halt::Pause => {
                let until = bucket.pause.map(|pause| pause.until);
                (until.filter(|until| *until > self.now), until)
            }
        };
        match goes_on_until.filter(|_| is_connected) {
            Some(_) if halt == Halt::Hold => {
                self.replace(self.row.event_again(note.clone(), self.now, self.context.nonce())).await
            }
            Some(until) => self.replace(self.row.event_at(note.clone(), until, self.now, self.context.nonce())).await,
            None => {
                let ended_at = ended_at.filter(|_| is_connected);
                self.tell(ended_at.map(|at| occurrence::resumed(key, halt, at).message_to(to))).await
            }
        }
    }

    /// Sends an event that is found now. Returns whether there is one to send.
    async fn tell(&mut self, message: Option<NotifyMessage>) -> PortResult<bool> {
        match message {
            Some(message) => self.mend(&message).await,
            None => self.drop_marker().await,
        }
    }

    /// Sends an event if a delivery of it is missing. Returns whether one is.
    async fn mend(&mut self, message: &NotifyMessage) -> PortResult<bool> {
        if self.misses_delivery(message).await? { self.send(message).await } else { self.drop_marker().await }
    }

    /// Whether an endpoint hears the event and has no delivery of it. One that was delivered so long ago that its row
    /// may be gone is not missed.
    async fn misses_delivery(&mut self, message: &NotifyMessage) -> PortResult<bool> {
        let NotifyWork::Stored { event_id, event, at, payload, to } = &message.work else { return Ok(false) };
        let kept_ms = self.context.settings.webhooks.deliveries_kept_ms() - EXPIRES_SOON_MS;
        if self.now.since_ms(*at) >= kept_ms {
            return Ok(false);
        }
        let endpoints = self.subscribers.of(self.context, self.workspace).await?;
        let ends = Awaited::import_of(self.workspace, *event, payload);
        let is_own_end = |endpoint: EndpointKey| payload::is_own_end(*event, payload, endpoint.endpoint);
        let is_for = |key: EndpointKey| to.is_none_or(|to| key.endpoint == to) && !is_own_end(key);
        let hearing = endpoints.iter().filter(|endpoint| endpoint.hears(*event, *at) && is_for(endpoint.key));
        let hearing: Vec<EndpointKey> = hearing.map(|endpoint| endpoint.key).collect();
        let mut expected = Vec::new();
        for endpoint in hearing {
            let deliveries = deliveries_of(self.context, endpoint, *event_id, ends).await?;
            expected.extend(deliveries.into_iter().map(|id| DeliveryKey { endpoint, event_at: *at, id }));
        }
        if expected.is_empty() {
            return Ok(false);
        }
        Ok(self.context.webhooks.deliveries_exist(&expected).await?.contains(&false))
    }

    /// Sends the message, and checks it again later.
    async fn send(&self, message: &NotifyMessage) -> PortResult<bool> {
        let again = self.row.event_again(Note::certain(message.clone()), self.now, self.context.nonce());
        self.put(again).await?;
        self.context.queue.send_notify(message, 0).await?;
        self.context.store.delete_marker(self.row).await?;
        tracing::info!(workspace_id = %self.workspace, "event without a delivery sent again");
        Ok(true)
    }

    async fn put(&self, row: RecoveryMarker) -> PortResult<()> {
        self.context.store.put_marker(&row).await
    }

    async fn replace(&self, next: RecoveryMarker) -> PortResult<bool> {
        self.put(next).await?;
        self.drop_marker().await
    }

    async fn drop_marker(&self) -> PortResult<bool> {
        self.context.store.delete_marker(self.row).await?;
        Ok(false)
    }
}
