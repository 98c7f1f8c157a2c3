//! The rescuer: reads the recovery markers of the minutes that have passed, and brings back pins that have lost their
//! owner.
//!
//! When a pin's message was lost, its worker died or its sender was killed, its marker still names it.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use crate::context::Context;
use crate::domain::ids::PinKey;
use crate::domain::message::{PublishMessage, ReconcileMessage};
use crate::domain::pacing::backlog::BacklogRow;
use crate::domain::pacing::bucket::DISPATCH_HORIZON_MS;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::{Pin, Placement};
use crate::domain::reconcile::duplicate_check::DuplicateCheck;
use crate::domain::recovery::{
    FIRST_REACH_BACK_MINUTES, KEPT_MS, MARKER_SHARDS, Purpose, RESCAN_MINUTES, RecoveryMarker,
};
use crate::domain::time::{MINUTE_MS, Moment, SECOND_MS};
use crate::flows::boards::mark_removed::continue_removal;
use crate::flows::imports::rescue_imports::rescue_import;
use crate::flows::reconcile::plan_duplicate_check;
use crate::flows::webhooks::rescue_endpoint::rescue_endpoint;
use crate::flows::webhooks::rescue_event::rescue_event;
use crate::flows::webhooks::resend_missing::{Subscribers, resend_missing_to};
use crate::ports::{PortError, PortResult};
use crate::telemetry::{self, Metric};

/// Minutes caught up in a run, oldest first: an outage of a day takes eight runs.
const MINUTES_PER_RUN: i64 = 180;
/// Messages sent in a run: after an outage the queue fills no faster than it is worked off.
const RESENDS_PER_RUN: usize = 2_000;
/// The farthest minute, from now, under which a marker that owns pins is ever filed. A recovery reads from there back.
const FARTHEST_MINUTES: i64 = 62;
/// A pin that waits for a time further off than this isn't resent yet: its marker is filed again for that time.
const SOON_MS: i64 = 60 * SECOND_MS;
/// No slot is given out further ahead than this, clock differences included.
const SLOTS_AHEAD_MS: i64 = DISPATCH_HORIZON_MS + 30 * SECOND_MS;
/// A duplicate check that couldn't be sent is sent this much later.
const DUPLICATE_CHECK_RESENT_MS: i64 = 5 * MINUTE_MS;
/// A run stops before the invocation does.
const STOP_BEFORE_END_MS: i64 = 8 * SECOND_MS;
/// Empty minutes share a write of the watermark, up to this many. A run that dies repeats at most so many.
const MINUTES_PER_MARK: i64 = 5;
/// Markers whose pins are read together.
const ROWS_AT_ONCE: usize = 50;

/// Which markers a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The minutes that have passed since the watermark, then the minutes just before it once more.
    Tick,
    /// The queue has lost its messages (the local stack was restarted): reads every marker, due or not, the newest
    /// first, from this minute back.
    ///
    /// Resends only pins that were accepted before that moment: the messages of later ones are in the queue, and a
    /// second message without a token would cost the account one.
    Recover { from: Option<i64>, accepted_before: Moment },
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    pub resent: usize,
    /// The minute from which a recovery that ran out of time continues.
    pub go_on_from: Option<i64>,
}

/// One run.
struct Run<'a> {
    context: &'a Context,
    mode: Mode,
    stop_at_ms: i64,
    resent: usize,
    /// The webhooks of the workspaces whose pins were read.
    subscribers: Subscribers,
}

/// # Errors
/// When the table or the queue is unavailable; the next run starts with the minute that could not be finished.
pub async fn run(context: &Context, mode: Mode, ends_at_ms: i64) -> PortResult<Rescued> {
    let stop_at_ms = ends_at_ms - STOP_BEFORE_END_MS;
    let mut run = Run { context, mode, stop_at_ms, resent: 0, subscribers: Subscribers::default() };
    let this_minute = context.system.now().minute();
    let watermark = context.store.watermark().await?.unwrap_or(this_minute - FIRST_REACH_BACK_MINUTES);
    let worked = match mode {
        Mode::Tick => run.tick(this_minute, watermark).await.map(|()| None),
        Mode::Recover { from, .. } => {
            let from = from.unwrap_or(this_minute + FARTHEST_MINUTES);
            let kept = this_minute - KEPT_MS / MINUTE_MS;
            run.recover(from, (watermark + 1 - RESCAN_MINUTES).max(kept)).await
        }
    };
    telemetry::count(Metric::RescuerResent, run.resent as u64, None, context.system.now());
    Ok(Rescued { resent: run.resent, go_on_from: worked? })
}

impl Run<'_> {
    /// Reads new minutes first, so that the watermark moves however many markers the rescans hold. What was done before
    /// a failure counts: the more minutes are missed, the likelier it is that a read of one of them fails.
    async fn tick(&mut self, this_minute: i64, watermark: i64) -> PortResult<()> {
        let newest = (watermark + MINUTES_PER_RUN).min(this_minute - 1);
        let (mut marked, mut done) = (watermark, watermark);
        let (mut is_whole, mut failure) = (true, None);
        for minute in watermark + 1..=newest {
            let rows = match self.minute(minute).await {
                Ok(Some(rows)) => rows,
                Ok(None) => {
                    is_whole = false;
                    break;
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            };
            // A minute is done when it has passed and every marker of every shard of it is handled.
            done = minute;
            if rows > 0 || done - marked >= MINUTES_PER_MARK {
                self.context.store.set_watermark(done).await?;
                marked = done;
            }
        }
        if done > marked {
            self.context.store.set_watermark(done).await?;
        }
        // Writers whose clock is behind may have filed markers under minutes that were done.
        for minute in (watermark + 1 - RESCAN_MINUTES..=watermark).rev() {
            if !is_whole || self.minute(minute).await?.is_none() {
                tracing::warn!(done, resent = self.resent, "rescuer out of time; the next run continues");
                break;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Returns the minute from which to continue when time ran out.
    async fn recover(&mut self, from: i64, to: i64) -> PortResult<Option<i64>> {
        for minute in (to..=from).rev() {
            if self.minute(minute).await?.is_none() {
                return Ok(Some(minute));
            }
        }
        Ok(None)
    }

    /// Handles every marker of a minute; returns how many, or `None` when it had to stop before the end.
    async fn minute(&mut self, minute: i64) -> PortResult<Option<usize>> {
        if self.is_over() {
            return Ok(None);
        }
        let shards = try_join_all((0..MARKER_SHARDS).map(|shard| self.context.store.markers(minute, shard))).await?;
        let rows: Vec<RecoveryMarker> = shards.into_iter().flatten().collect();
        for chunk in rows.chunks(ROWS_AT_ONCE) {
            if self.is_over() {
                return Ok(None);
            }
            self.rescue(chunk).await?;
        }
        Ok(Some(rows.len()))
    }

    fn is_over(&self) -> bool {
        self.context.system.monotonic_ms() > self.stop_at_ms
            || (self.mode == Mode::Tick && self.resent >= RESENDS_PER_RUN)
    }

    /// Handles some markers. A marker that can't be refiled now doesn't keep the others from being handled.
    async fn rescue(&mut self, rows: &[RecoveryMarker]) -> PortResult<()> {
        let rows: Vec<&RecoveryMarker> = rows.iter().filter(|row| row.purpose != Purpose::Retired).collect();
        let keys: Vec<PinKey> = rows.iter().flat_map(|row| row.pins.iter().copied()).collect();
        let mut pins = read_all(self.context, &keys).await?.into_iter();
        let mut failure = None;
        for row in rows {
            // A marker without its pin needs nothing: the rescans read it again while an acceptance could still be
            // writing.
            let found: Vec<(Pin, Attempt)> = pins.by_ref().take(row.pins.len()).flatten().collect();
            let retired = match row.purpose {
                Purpose::Rescue => {
                    let unheard = self.resend_events(row, &found).await;
                    self.rescue_marker(row, &found, &unheard).await
                }
                Purpose::DuplicateCheck => self.request_duplicate_check(row, &found).await,
                Purpose::Import => rescue_import(self.context, row, self.mode != Mode::Tick).await,
                Purpose::BoardRemoval => continue_removal(self.context, row, self.stop_at_ms).await.map(|()| 0),
                Purpose::Webhook => rescue_endpoint(self.context, row, self.mode != Mode::Tick).await,
                Purpose::Event => rescue_event(self.context, &mut self.subscribers, row).await,
                Purpose::Retired => Ok(0),
            };
            match retired {
                Ok(resent) => self.resent += resent,
                Err(error) => {
                    tracing::warn!(
                        minute = row.minute, %error,
                        "recovery marker not handled; the next run tries again"
                    );
                    failure = Some(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Sends the messages of events that a webhook hears and doesn't have. Returns the pins that have such events; all
    /// of them if that failed.
    async fn resend_events(&mut self, row: &RecoveryMarker, pins: &[(Pin, Attempt)]) -> BTreeSet<PinKey> {
        let error = match resend_missing_to(self.context, &mut self.subscribers, pins).await {
            Ok(unheard) => return unheard,
            Err(error) => error,
        };
        telemetry::count_failed_work("dispatcher", error.port(), self.context.system.now());
        tracing::warn!(minute = row.minute, %error, "events not sent again; their pins are checked again later");
        pins.iter().map(|(pin, _)| pin.key).collect()
    }

    /// `unheard`: these pins have events without a delivery. Each keeps a marker until every event has one, or is so
    /// old that its delivery may be gone. (A minute that stays open for them would keep the rescuer from what
    /// publishing needs.)
    async fn rescue_marker(
        &self,
        row: &RecoveryMarker,
        pins: &[(Pin, Attempt)],
        unheard: &BTreeSet<PinKey>,
    ) -> PortResult<usize> {
        let now = self.context.system.now();
        let mut to_send = Vec::new();
        let mut next = Next { again: Vec::new(), owned: Vec::new(), later: Vec::new(), check_at: now };
        for (pin, attempt) in pins {
            match self.verdict(pin, attempt, row.rounds, now).await? {
                Action::None if !unheard.contains(&pin.key) => {}
                Action::None if attempt.status.is_terminal() => next.again.push(pin.key),
                Action::None => next.owned.push(pin.key),
                Action::Recheck(at) => {
                    next.check_at = next.check_at.max(at);
                    next.later.push(pin.key);
                }
                Action::Resend => {
                    // A worker whose clock is behind must see the end, too. Otherwise it would put the pin back.
                    let clocks_ms = 2 * self.context.settings.deadlines.clock_skew_ms;
                    let delay_ms = if pin.is_too_late(now) { clocks_ms } else { 0 };
                    let message = PublishMessage::new(pin.key, pin.request.account, attempt.generation, None);
                    to_send.push((message, delay_ms));
                    next.again.push(pin.key);
                    tracing::info!(
                        workspace_id = %pin.key.workspace, account_id = %pin.request.account, pin_id = %pin.key.pin,
                        status = attempt.status.name(), "pin without a message sent again"
                    );
                }
            }
        }
        if !self.context.queue.send(&to_send).await?.is_empty() {
            // The marker stays, and its minute isn't done: the next run sends again.
            return Err(PortError::Unavailable { port: "publish queue", reason: "messages could not be sent".into() });
        }
        self.refile(row, next).await?;
        Ok(to_send.len())
    }

    /// Requests the duplicate check of published pins, then deletes the marker. A marker whose minute is to come (in a
    /// recovery) stays.
    async fn request_duplicate_check(&self, row: &RecoveryMarker, pins: &[(Pin, Attempt)]) -> PortResult<usize> {
        let now = self.context.system.now();
        if row.minute >= now.minute() {
            return Ok(0);
        }
        let is_on = self.context.settings.duplicate_check != DuplicateCheck::Off;
        let mut asked = 0;
        for (pin, _) in pins.iter().filter(|(_, attempt)| is_on && attempt.status == Status::Published) {
            let reconcile_message = ReconcileMessage::duplicate_check(&pin.board_key(), pin.key.pin, row.rounds, now);
            match self.context.queue.send_reconcile(&reconcile_message, 0).await {
                Ok(()) => asked += 1,
                // Filed again: a minute that stays open would keep the rescuer from what publishing needs.
                Err(error) => {
                    tracing::warn!(
                        workspace_id = %pin.key.workspace, pin_id = %pin.key.pin, %error,
                        "duplicate check not sent; filed again"
                    );
                    plan_duplicate_check::file(
                        self.context,
                        pin.key,
                        now.plus_ms(DUPLICATE_CHECK_RESENT_MS),
                        row.rounds,
                    )
                    .await?;
                }
            }
        }
        self.context.store.delete_marker(row).await?;
        Ok(asked)
    }

    async fn verdict(&self, pin: &Pin, attempt: &Attempt, rounds: u32, now: Moment) -> PortResult<Action> {
        let is_later = matches!(self.mode, Mode::Recover { accepted_before, .. } if pin.created_at >= accepted_before);
        if attempt.status.is_terminal() || is_later {
            return Ok(Action::None);
        }
        // Whatever owns it, its next message ends it. In a backlog it might wait for as long as its account is on hold.
        if pin.is_too_late(now) && attempt.status != Status::Publishing {
            return Ok(Action::Resend);
        }
        if attempt.status == Status::Deferred {
            let store = &self.context.store;
            if store.in_backlog(pin.account_key(), &BacklogRow::of(pin, attempt.generation)).await? {
                // The backlog owns it. Make sure that the dispatcher sees the backlog.
                if store.bucket(pin.account_key()).await?.waiting_at.is_none() {
                    store.mark_waiting(pin.account_key(), now).await?;
                }
                return Ok(Action::None);
            }
            if let Some(slot) = self.released_slot(pin, attempt, rounds, now).await? {
                return Ok(Action::Recheck(slot));
            }
        }
        let waits_until = match attempt.status {
            Status::Publishing => {
                Some(attempt.quiesced_at(self.context.settings.deadlines.quiesce_ms)).max(attempt.reconcile_at)
            }
            _ => attempt.not_before,
        };
        // No message is under way for a deferred pin that waits longer than slots are given out ahead, and it isn't in
        // the backlog: the worker that was to put it there died before. The publisher puts it back.
        let is_ownerless = |at: Moment| attempt.status == Status::Deferred && at > now.plus_ms(SLOTS_AHEAD_MS);
        match waits_until {
            Some(at) if is_ownerless(at) => Ok(Action::Resend),
            Some(at) if self.mode == Mode::Tick && at.since_ms(now) > SOON_MS => Ok(Action::Recheck(at)),
            _ => Ok(Action::Resend),
        }
    }

    /// The latest slot that a pin which has left the backlog can have, if that slot is still to come.
    ///
    /// A marker from before the pin's last stay in the backlog can't distinguish a pin that was just released from one
    /// whose message was lost. A message without a token, sent on suspicion, would void the good one; so the first such
    /// marker waits until every slot that is given out by now has passed.
    async fn released_slot(
        &self,
        pin: &Pin,
        attempt: &Attempt,
        rounds: u32,
        now: Moment,
    ) -> PortResult<Option<Moment>> {
        let has_been_released = attempt.rev > 0 || matches!(pin.placement, Placement::Backlog(_));
        if self.mode != Mode::Tick || rounds > 0 || !has_been_released {
            return Ok(None);
        }
        let bucket = self.context.store.bucket(pin.account_key()).await?;
        let last_slot = bucket.last_slot(&self.context.settings.pace);
        // Slots are given out for the coming window only; a slot that a pause has pushed further off belongs to no
        // message.
        Ok((last_slot > now && last_slot <= now.plus_ms(SLOTS_AHEAD_MS)).then_some(last_slot))
    }

    /// Writes the markers that follow, then retires the old one: the rescans must not handle its pins again. The
    /// retired marker stays for the rollup, which reads it later, with the pins that have no marker after it. A
    /// recovery leaves future markers.
    async fn refile(&self, row: &RecoveryMarker, next: Next) -> PortResult<()> {
        let Next { again, owned, later, check_at } = next;
        let now = self.context.system.now();
        let is_future = row.minute >= now.minute();
        let is_done = again.is_empty() && owned.is_empty() && later.is_empty();
        if is_done || (is_future && self.mode != Mode::Tick) {
            return Ok(());
        }
        if !again.is_empty() {
            let next = RecoveryMarker::again(again, now, row.rounds, self.context.system.nonce());
            self.context.store.put_marker(&next).await?;
        }
        if !owned.is_empty() {
            // A marker of a later round would take a pin that was just released for one whose message was lost.
            let next = RecoveryMarker::again(owned, now, row.rounds, self.context.system.nonce());
            self.context.store.put_marker(&RecoveryMarker { rounds: row.rounds, ..next }).await?;
        }
        if !later.is_empty() {
            let mut next = RecoveryMarker::again(later, now, row.rounds, self.context.system.nonce());
            next.minute = check_at.plus_ms(2 * MINUTE_MS).minute();
            self.context.store.put_marker(&next).await?;
        }
        self.context.store.put_marker(&row.retired()).await
    }
}

/// The pins of a marker that need another one.
struct Next {
    /// They were sent again, or are finished and have events without a delivery.
    again: Vec<PinKey>,
    /// They have another owner, such as a backlog, and events without a delivery.
    owned: Vec<PinKey>,
    /// They wait, at most until `check_at`.
    later: Vec<PinKey>,
    check_at: Moment,
}

enum Action {
    None,
    Resend,
    Recheck(Moment),
}

/// Reads pins in the order of the keys. A pin that this build can't read (a later version's, after a rollback) is
/// logged and left out, so that it doesn't keep the rescuer from all others.
pub(crate) async fn read_all(context: &Context, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>> {
    match context.store.pins(keys).await {
        Err(PortError::Broken { .. }) => {}
        answer => return answer,
    }
    let mut pins = Vec::with_capacity(keys.len());
    for key in keys {
        match context.store.pins(std::slice::from_ref(key)).await {
            Ok(read) => pins.extend(read),
            Err(PortError::Broken { reason, .. }) => {
                tracing::error!(workspace_id = %key.workspace, pin_id = %key.pin, reason, "pin unreadable");
                pins.push(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(pins)
}
