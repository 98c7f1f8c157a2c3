//! Announces the events that a process writes: the table as a process sees it, with a message to the notify queue after
//! each write that records an event which a webhook of the workspace hears.
//!
//! [`around`] wraps a context's store. The events themselves are in the rows, so the message is a shortcut: it is never
//! a reason for a write to fail. If it is lost, the rescuer finds the event by a recovery marker that is read after the
//! write. A pin's history keeps few entries, so a write that drops the entry of an event sends that event's message
//! once more, before it is made ([`dropped`](pin_events::dropped)). The markers exist for other reasons, but for the
//! last one below:
//!
//! - Acceptance of a pin that goes to the queue: the marker of `flows/accept/accept_pins.rs`, written before the pin.
//! - Publishing (deferred, retrying, unknown, published, failed): the same marker, or that of
//!   `dispatch/release_backlog.rs`. The rescuer files it again until it finds the pin ended, or in a backlog.
//! - An outcome that a board resolves: the same, and that of `reconcile/register_unresolved.rs`.
//! - A pin that is retried: the marker of `pins/retry_pin.rs`, written before the pin waits.
//! - A waiting pin that is deleted, or whose schedule is canceled: the marker that it has while it is queued; that of
//!   `pins/delete_pin.rs` and `schedules/cancel_schedule.rs` while it is deferred.
//! - An outcome that a person decides: the marker of `pins/resolve_pin.rs`, written before the decision.
//! - A pin that its dead-letter message fails: the marker of its acceptance, release or retry, as above.
//! - A pin that comes too late: the markers of `accept_pins.rs` and `retry_pin.rs` for that time.
//! - Acceptance of a pin that joins a backlog: a marker that is filed here, if a webhook hears of acceptances or the
//!   webhooks can't be read. (The next one comes with the pin's release, which may be days off.)
//!
//! Events of schedules, imports and accounts have markers of their own: see `announce_changes.rs`.

use std::sync::Arc;

use async_trait::async_trait;

use super::announce_changes::Changes;
use super::known_endpoints::KnownEndpoints;
use crate::altered_port;
use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::event::EventType;
use crate::domain::event::pin_events::{self, ACCEPTED, PinEvent};
use crate::domain::event::told::{EventCopy, Told};
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::message::NotifyMessage;
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::{Bucket, Link, OwnWrite, Pause, Take};
use crate::domain::pacing::budget::DaySpending;
use crate::domain::pacing::pacer::Pacer;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::said::Said;
use crate::domain::pin::{Pin, Placement, Priority};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::recovery::{OWNED_WITHIN_MS, RecoveryMarker};
use crate::domain::time::Moment;
use crate::ports::{
    Accounts, Backlog, Budget, DispatcherLease, Pacing, Ping, Pins, PortResult, Reconciliation, RecoveryMarkers, Store,
    Taken, Write,
};

/// How often the message of events that a write drops is tried.
const DROPPED_TRIES: u32 = 2;

/// The context, whose store announces the events that it writes.
#[must_use]
pub fn around(context: Context) -> Context {
    let changes = Arc::new(Changes::new(&context));
    let store = Announcing {
        inner: Arc::clone(&context.store),
        endpoints: KnownEndpoints::new(&context),
        changes: Arc::clone(&changes),
        context: context.clone(),
    };
    changes.around(Context { store: Arc::new(store), ..context })
}

struct Announcing {
    inner: Arc<dyn Store>,
    /// Around the inner store.
    context: Context,
    endpoints: KnownEndpoints,
    changes: Arc<Changes>,
}

impl Announcing {
    /// The events among these that an endpoint hears; `None`: the endpoints can't be read.
    async fn heard(&self, key: PinKey, mut events: Vec<PinEvent>) -> Option<Vec<PinEvent>> {
        if events.is_empty() {
            return Some(events);
        }
        match self.endpoints.of(key.workspace).await {
            Ok(endpoints) => {
                events.retain(|event| endpoints.iter().any(|endpoint| endpoint.hears(event.event, event.at)));
                Some(events)
            }
            Err(error) => {
                tracing::warn!(
                    workspace_id = %key.workspace, pin_id = %key.pin, %error,
                    "webhooks not read; the rescuer announces the events"
                );
                None
            }
        }
    }

    /// Sends the message of these events of a pin, with copies of them: the history may have dropped an entry when the
    /// message is read, and a retry may have changed the board. Returns whether it was sent.
    async fn send(&self, pin: &Pin, attempt: &Attempt, events: &[PinEvent]) -> bool {
        let key = pin.key;
        let numbers = || events.iter().map(|event| event.sequence);
        let (Some(from), Some(to)) = (numbers().min(), numbers().max()) else { return true };
        let copies = events.iter().map(|event| EventCopy::of(event, &Told::of(pin, attempt, event))).collect();
        let message = NotifyMessage::of_copies(key, from, to, copies);
        let sent = self.context.queue.send_notify(&message, 0).await;
        if let Err(error) = &sent {
            tracing::warn!(
                workspace_id = %key.workspace, pin_id = %key.pin, from, to, %error,
                "events not announced; the rescuer announces those that the pin's history keeps"
            );
        }
        sent.is_ok()
    }

    /// Announces what the write of this row has recorded.
    async fn announce(&self, pin: &Pin, written: &Attempt) {
        let heard = self.heard(pin.key, pin_events::of_last_write(pin, written)).await;
        self.send(pin, written, &heard.unwrap_or_default()).await;
    }

    /// Announces the events whose entries the write of this row will drop, if a webhook hears them or none could be
    /// read. Tries twice, and leaves it at that: the write doesn't wait for webhooks.
    async fn announce_dropped(&self, key: PinKey, next: &Attempt) {
        if !pin_events::may_drop(next) || self.endpoints.of(key.workspace).await.is_ok_and(|known| known.is_empty()) {
            return;
        }
        for _ in 0..DROPPED_TRIES {
            let before = match self.inner.pins(&[key]).await {
                Ok(rows) => rows.into_iter().flatten().next(),
                Err(error) => {
                    tracing::warn!(workspace_id = %key.workspace, pin_id = %key.pin, %error, "pin's events not read");
                    continue;
                }
            };
            // Without a row, or with a later one, the write is refused.
            let Some((pin, before)) = before.filter(|(_, before)| before.rev < next.rev) else { return };
            let dropped = pin_events::dropped(&pin, &before, next);
            let heard = self.heard(key, dropped.clone()).await.unwrap_or(dropped);
            if self.send(&pin, &before, &heard).await {
                return;
            }
        }
    }

    /// Files the marker of a pin that joins a backlog. Returns whether it is filed: acceptance doesn't wait for it.
    async fn put_owner(&self, pin: &Pin) -> bool {
        let now = self.context.system.now();
        let marker = RecoveryMarker::new(vec![pin.key], now, 0, self.context.nonce());
        let filed = self.inner.put_marker(&marker).await;
        if let Err(error) = &filed {
            tracing::warn!(
                workspace_id = %pin.key.workspace, pin_id = %pin.key.pin, %error,
                "recovery marker of an acceptance not filed"
            );
        }
        filed.is_ok()
    }
}

fn accepted(pin: &Pin) -> PinEvent {
    PinEvent { event: EventType::PinAccepted, sequence: ACCEPTED, at: pin.created_at, entry: None }
}

altered_port! {
    Pins for Announcing {
        async fn put_pin(&self, pin: &Pin) -> PortResult<Write<Box<Pin>>> {
            let heard = self.heard(pin.key, vec![accepted(pin)]).await;
            let may_be_heard = heard.as_ref().is_none_or(|heard| !heard.is_empty());
            let has_no_marker = may_be_heard && matches!(pin.placement, Placement::Backlog(_));
            let began = self.context.begin();
            let is_filed = has_no_marker && self.put_owner(pin).await;
            let written = self.inner.put_pin(pin).await?;
            if written.is_done() {
                // The rescuer may have dropped the marker as one without a pin.
                let is_late = self.context.took_ms(began) > OWNED_WITHIN_MS;
                if has_no_marker && (!is_filed || is_late) && !self.put_owner(pin).await {
                    self.put_owner(pin).await;
                }
                self.send(pin, &Attempt::untouched(pin), &heard.unwrap_or_default()).await;
            }
            Ok(written)
        }

        async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>> {
            self.announce_dropped(pin.key, next).await;
            let saved = self.inner.save_attempt(pin, next).await?;
            if saved.is_done() {
                self.announce(pin, next).await;
            }
            Ok(saved)
        }

        async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<Write<()>> {
            for (pin, next) in writes {
                self.announce_dropped(pin.key, next).await;
            }
            let saved = self.inner.save_attempts(writes).await?;
            if saved.is_done() {
                for (pin, next) in writes {
                    self.announce(pin, next).await;
                }
            }
            Ok(saved)
        }

        async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<()>> {
            self.announce_dropped(pin.key, next).await;
            let saved = self.inner.save_pin(pin, next).await?;
            if saved.is_done() {
                self.announce(pin, next).await;
            }
            Ok(saved)
        }
    }

    fn pins(keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>>;
    fn hide_pin(pin: &Pin) -> PortResult<()>;
    fn put_said(pin: &Pin, said: &Said) -> PortResult<()>;
    fn said(pin: &Pin) -> PortResult<Vec<Said>>;
    fn put_sibling(account: AccountKey, content_hash: &str, pin: PinId, expires_at: Moment) -> PortResult<()>;
    fn siblings(account: AccountKey, content_hash: &str) -> PortResult<Vec<PinId>>;
    fn first_siblings(account: AccountKey, content_hash: &str, limit: usize) -> PortResult<Vec<PinId>>;
    fn listing_after(
        workspace: WorkspaceId, after: Option<(Moment, PinId)>, by: Moment, limit: usize
    ) -> PortResult<Vec<(Moment, PinId)>>;
    fn deleted_after(
        workspace: WorkspaceId, after: Option<(Moment, PinId)>, by: Moment, limit: usize
    ) -> PortResult<Vec<(Moment, PinId)>>;
}

altered_port! {
    Ping for Announcing {}
    fn ping() -> PortResult<()>;
}

altered_port! {
    Accounts for Announcing {
        async fn save_account(&self, next: &Account) -> PortResult<Write<()>> {
            self.changes.save_account(next).await
        }
    }

    fn account(key: AccountKey) -> PortResult<Option<Account>>;
    fn accounts(workspace: WorkspaceId) -> PortResult<Vec<Account>>;
    fn accounts_due(by: Moment, limit: usize) -> PortResult<Vec<AccountKey>>;
}

altered_port! {
    Reconciliation for Announcing {}
    fn put_unresolved(board: &BoardKey, pin: PinId, expires_at: Moment) -> PortResult<()>;
    fn unresolved(board: &BoardKey, limit: usize) -> PortResult<Vec<PinId>>;
    fn delete_unresolved(board: &BoardKey, pins: &[PinId]) -> PortResult<()>;
    fn board_scan(board: &BoardKey) -> PortResult<BoardScan>;
    fn save_board_scan(board: &BoardKey, next: &BoardScan) -> PortResult<Write<()>>;
}

altered_port! {
    Pacing for Announcing {
        async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()> {
            self.changes.pause(account, pause).await
        }

        async fn lift_hold(&self, account: AccountKey, seen: Moment, now: Moment) -> PortResult<Write<()>> {
            self.changes.lift_hold(account, seen, now).await
        }
    }

    fn bucket(account: AccountKey) -> PortResult<Bucket>;
    fn take(account: AccountKey, take: &Take) -> PortResult<Taken>;
    fn take_own_write(account: AccountKey, write: &OwnWrite) -> PortResult<Write<()>>;
    fn claim_release(account: AccountKey, seen: u64) -> PortResult<Write<()>>;
    fn crowd(pacer: &Pacer, until: Moment) -> PortResult<()>;
    fn link(account: AccountKey, link: &Link) -> PortResult<()>;
    fn mark_waiting(account: AccountKey, now: Moment) -> PortResult<()>;
    fn clear_waiting(account: AccountKey, seen: Moment) -> PortResult<()>;
    fn waiting_accounts() -> PortResult<Vec<AccountKey>>;
}

altered_port! {
    Budget for Announcing {}
    fn day_spending(day: i64) -> PortResult<DaySpending>;
    fn save_day_spending(next: &DaySpending) -> PortResult<Write<DaySpending>>;
}

altered_port! {
    Backlog for Announcing {}
    fn put_backlog(account: AccountKey, row: &BacklogRow) -> PortResult<()>;
    fn backlog(account: AccountKey, limit: usize) -> PortResult<Vec<BacklogRow>>;
    fn backlog_of(account: AccountKey, priority: Priority, limit: usize) -> PortResult<Vec<BacklogRow>>;
    fn backlog_position(account: AccountKey, row: &BacklogRow, limit: u64) -> PortResult<Option<u64>>;
    fn in_backlog(account: AccountKey, row: &BacklogRow) -> PortResult<bool>;
    fn delete_backlog(account: AccountKey, rows: &[BacklogRow]) -> PortResult<()>;
}

altered_port! {
    RecoveryMarkers for Announcing {}
    fn put_marker(row: &RecoveryMarker) -> PortResult<()>;
    fn delete_marker(row: &RecoveryMarker) -> PortResult<()>;
    fn markers(minute: i64, shard: u32) -> PortResult<Vec<RecoveryMarker>>;
    fn watermark() -> PortResult<Option<i64>>;
    fn set_watermark(minute: i64) -> PortResult<()>;
}

altered_port! {
    DispatcherLease for Announcing {}
    fn take_lease(holder: &str, now: Moment, until: Moment) -> PortResult<bool>;
    fn release_lease(holder: &str) -> PortResult<()>;
}
