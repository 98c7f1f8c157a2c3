//! The duplicate check: is there a second Pin of a pin that was published a day ago? It handles the messages of the
//! reconciliation queue that ask for it.
//!
//! A duplicate is a Pin on the board that has the pin's content and that none of our pins owns. Nothing marks a Pin as
//! ours, so a Pin that a person made by hand looks the same: that is why `remove` is a setting.

use std::collections::BTreeSet;

use super::plan_duplicate_check::file;
use super::read_board::{Read, Search, read};
use crate::context::Context;
use crate::domain::ids::{BoardKey, PinId, PinKey};
use crate::domain::message::Disposition;
use crate::domain::pacing::budget::Request;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::{Attempt, Status};
use crate::domain::pin::failure::Failure;
use crate::domain::pin::history::EventKind;
use crate::domain::pin::idempotency::{content_hashes_of, content_hashes_to_read};
use crate::domain::reconcile::board_scan::Reading;
use crate::domain::reconcile::duplicate_check::{self, AGAIN_ONE_IN, DuplicateCheck, READ_TRIES_MAX, REMOVE_TRIES_MAX};
use crate::domain::reconcile::matching::{self, BoardPin};
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::heed_limit::{self, Call};
use crate::flows::pacing::own_write::{self, OwnWriteError};
use crate::flows::pacing::spend_budget::{self, Granted};
use crate::ports::{PortResult, ReadFailure, Write};
use crate::telemetry::{self, Metric};

/// A check that lost the race for the row is repeated after this.
const LOST_RACE_MS: i64 = 5 * SECOND_MS;

/// One check.
struct Check<'a> {
    context: &'a Context,
    board: &'a BoardKey,
    pin: Pin,
    attempt: Attempt,
    /// How often the check was inconclusive before.
    tries: u32,
}

/// Our other pins, to which the Pins on the board could belong.
struct Others {
    /// Every Pin that one of them names.
    owned: BTreeSet<String>,
    /// Whether one of them may still come to own a Pin that it doesn't name yet.
    is_any_open: bool,
}

/// Works on one message until it is disposed of.
///
/// # Errors
/// When a port is unavailable; the message is redelivered.
pub async fn check(
    context: &Context,
    board: &BoardKey,
    pin: PinId,
    tries: u32,
    ends_at_ms: i64,
) -> PortResult<Disposition> {
    let key = PinKey { workspace: board.account.workspace, pin };
    let found = context.store.pins(&[key]).await?.into_iter().flatten().next();
    let Some((pin, attempt)) = found.filter(|(_, attempt)| attempt.status == Status::Published) else {
        return Ok(Disposition::Done);
    };
    if context.settings.duplicate_check == DuplicateCheck::Off {
        return Ok(Disposition::Done);
    }
    Check { context, board, pin, attempt, tries }.run(ends_at_ms).await
}

impl Check<'_> {
    async fn run(mut self, ends_at_ms: i64) -> PortResult<Disposition> {
        let context = self.context;
        // Read fresh: one check a day is not worth the retry that a cached token may need.
        let Some(tokens) = context.secrets.tokens(self.board.account, true).await? else {
            return self.again(None, READ_TRIES_MAX, Failure::TokenRevoked.code()).await;
        };
        let window = duplicate_check::window(&self.pin, context.system.now(), &context.settings.deadlines);
        let request = self.pin.request.clone();
        let could_be = |found: &BoardPin| matching::could_be(&request, found, window);
        let search = Search {
            board: self.board,
            earliest: window.from,
            could_be: &could_be,
            keeps_progress: false,
            token: &tokens.access,
        };
        let reading = match read(context, &search, Reading::new(context.system.now(), Vec::new()), ends_at_ms).await? {
            Ok(Read::Whole(reading)) => reading,
            Ok(Read::OutOfTime(_)) => return self.again(None, REMOVE_TRIES_MAX, "out_of_time").await,
            Ok(Read::OutOfBudget(at)) => return self.again(Some(at), READ_TRIES_MAX, "daily_budget").await,
            Ok(Read::TooLong(why)) => return Ok(self.give_up(why)),
            Err(failure) if failure.failure == Failure::BoardNotFound => {
                return Ok(self.give_up(failure.failure.code()));
            }
            Err(failure) => {
                let at = self.heed(Call::Read, &failure).await?;
                return self.again(at, READ_TRIES_MAX, failure.failure.code()).await;
            }
        };
        // Read after the list: a Pin that one of our pins owned by then is no duplicate.
        let others = self.others(&reading.found).await?;
        let owned: BTreeSet<&str> = others.owned.iter().map(String::as_str).collect();
        let duplicates = duplicate_check::duplicates(&self.pin, &reading.found, window, &owned);
        match (duplicates.is_empty(), reading.unclear) {
            (true, None) => return Ok(Disposition::Done),
            (true, Some(unclear)) => return self.again(None, REMOVE_TRIES_MAX, unclear.name()).await,
            (false, _) => {}
        }
        if !self.report(&duplicates).await? {
            return Ok(Disposition::Keep { until: context.system.now().plus_ms(LOST_RACE_MS) });
        }
        if context.settings.duplicate_check != DuplicateCheck::Remove {
            return Ok(Disposition::Done);
        }
        let Some(id) = duplicate_check::removable(&self.pin, &self.attempt, &reading.found, &duplicates) else {
            return Ok(Disposition::Done);
        };
        // A list may show a removed Pin for a while.
        if self.attempt.says_of_duplicate(EventKind::DuplicateRemoved, id) {
            return Ok(Disposition::Done);
        }
        // A Pin that another of our pins may adopt, or that a call still open may have created, stays until that is
        // resolved.
        let is_quiesced =
            duplicate_check::is_quiesced(&duplicates[0], context.system.now(), &context.settings.deadlines);
        if others.is_any_open || !is_quiesced {
            return self.again(None, REMOVE_TRIES_MAX, "owner_unclear").await;
        }
        self.remove(id, &tokens.access).await
    }

    /// Our pins that have this content, or that of a Pin that was found.
    async fn others(&self, found: &[BoardPin]) -> PortResult<Others> {
        let board = self.board;
        let of_found = found.iter().flat_map(|pin| content_hashes_of(&board.board_id, pin));
        let hashes: BTreeSet<String> = of_found.chain(content_hashes_to_read(&self.pin.request)).collect();
        let mut pins = BTreeSet::from([self.pin.key.pin]);
        for hash in hashes {
            pins.extend(self.context.store.siblings(board.account, &hash).await?);
        }
        let workspace = board.account.workspace;
        let keys: Vec<PinKey> = pins.into_iter().map(|pin| PinKey { workspace, pin }).collect();
        let read = self.context.store.pins(&keys).await?;
        let mut others = Others { owned: BTreeSet::new(), is_any_open: false };
        let quiesce_ms = self.context.settings.deadlines.quiesce_ms;
        for (pin, attempt) in read.into_iter().flatten() {
            others.is_any_open |= !attempt.status.is_terminal() || attempt.ended_unresolved(quiesce_ms);
            others.owned.extend(attempt.pinterest_pin_id);
            others.owned.extend(attempt.orphan_pin_id);
            // Of several pins with the same content, one reports the duplicate.
            if pin.key != self.pin.key {
                others.owned.extend(attempt.duplicate_pin_id);
            }
        }
        Ok(others)
    }

    /// Records the duplicates that weren't recorded before; `false` when another writer came first.
    async fn report(&mut self, duplicates: &[BoardPin]) -> PortResult<bool> {
        let (context, now) = (self.context, self.context.system.now());
        let is_new = |id: &String| !self.attempt.says_of_duplicate(EventKind::DuplicateFound, id);
        let ids: Vec<String> = duplicates.iter().map(|pin| pin.id.clone()).filter(is_new).collect();
        if ids.is_empty() {
            return Ok(true);
        }
        let Ok(next) = self.attempt.with_duplicates(now, &ids, context.nonce()) else {
            return Ok(false);
        };
        if context.store.save_attempt(&self.pin, &next).await? != Write::Done {
            return Ok(false);
        }
        self.attempt = next;
        telemetry::count(Metric::DuplicatePin, ids.len() as u64, None, now);
        tracing::error!(
            workspace_id = %self.pin.key.workspace, pin_id = %self.pin.key.pin, ?ids,
            "duplicate Pin found"
        );
        Ok(true)
    }

    /// Deletes the Pin, then records it. A crash in between leaves a duplicate that was reported and is gone.
    async fn remove(mut self, id: &str, token: &Secret) -> PortResult<Disposition> {
        let context = self.context;
        match spend_budget::ask(context, self.board.account.account, Request::Reconcile).await? {
            Granted::Yes => {}
            Granted::NotBefore(at) | Granted::AskAgain(at) => {
                return self.again(Some(at), REMOVE_TRIES_MAX, "daily_budget").await;
            }
        }
        match own_write::take(context, self.board.account).await {
            Ok(()) => {}
            Err(OwnWriteError::NotBefore(at)) => {
                return self.again(Some(at), REMOVE_TRIES_MAX, "account_pacing").await;
            }
            Err(OwnWriteError::Port(error)) => return Err(error),
        }
        if let Err(failure) = context.pinterest.delete_pin(token, id).await {
            let at = self.heed(Call::Write, &failure).await?;
            return self.again(at, REMOVE_TRIES_MAX, failure.failure.code()).await;
        }
        let now = context.system.now();
        tracing::warn!(
            workspace_id = %self.pin.key.workspace, pin_id = %self.pin.key.pin, pinterest_pin_id = id,
            "duplicate Pin removed"
        );
        if let Ok(next) = self.attempt.duplicate_removed(now, id, context.nonce())
            && context.store.save_attempt(&self.pin, &next).await? == Write::Done
        {
            self.attempt = next;
        }
        Ok(Disposition::Done)
    }

    /// Heeds what the answer asks of the account. Returns when the call may be repeated, if it says so.
    async fn heed(&self, call: Call, refused: &ReadFailure) -> PortResult<Option<Moment>> {
        heed_limit::heed(self.context, self.board.account, call, refused).await?;
        Ok(refused.repeat_after_ms().map(|ms| self.context.system.now().plus_ms(ms)))
    }

    /// Repeats the check later, unless it was tried often enough.
    async fn again(&self, at: Option<Moment>, tries_max: u32, reason: &'static str) -> PortResult<Disposition> {
        if self.tries >= tries_max {
            return Ok(self.give_up(reason));
        }
        let later = self.context.system.now().plus_ms(self.context.settings.duplicate_check_after_ms / AGAIN_ONE_IN);
        file(self.context, self.pin.key, later.max(at.unwrap_or(later)), self.tries + 1).await?;
        tracing::info!(
            workspace_id = %self.pin.key.workspace, pin_id = %self.pin.key.pin, reason, "duplicate check repeated later"
        );
        Ok(Disposition::Done)
    }

    fn give_up(&self, reason: &'static str) -> Disposition {
        tracing::warn!(
            workspace_id = %self.pin.key.workspace, pin_id = %self.pin.key.pin, tries = self.tries, reason,
            "duplicate check given up"
        );
        Disposition::Done
    }
}
