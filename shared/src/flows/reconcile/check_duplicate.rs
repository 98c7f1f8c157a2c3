//! The late check: is there a second Pin of a pin that was published a day ago? What the reconciler does with a message that
//! asks so.
//!
//! A duplicate is a Pin on the board that says what the pin does and that no pin of ours owns. Nothing marks a Pin as ours, so
//! one that somebody made by hand looks the same: that is why `remove` is a setting.

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
use crate::domain::pin::idempotency::{content_hash, content_hash_of};
use crate::domain::reconcile::board_scan::Reading;
use crate::domain::reconcile::duplicate_check::{self, AGAIN_ONE_IN, DuplicateCheck, READ_TRIES_MAX, REMOVE_TRIES_MAX};
use crate::domain::reconcile::matching::{self, BoardPin};
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::pacing::spend_budget::{self, Granted};
use crate::ports::{PortResult, Saved};
use crate::telemetry::{self, Metric};

/// Whoever lost the race for the row looks anew after this.
const LOST_RACE_MS: i64 = 5 * SECOND_MS;

/// One check.
struct Check<'a> {
    context: &'a Context,
    board: &'a BoardKey,
    pin: Pin,
    attempt: Attempt,
    /// How often it came to nothing before.
    tries: u32,
}

/// Our other pins that the Pins on the board could belong to.
struct Others {
    /// Every Pin that one of ours names.
    owned: BTreeSet<String>,
    /// Whether one of them may still come to own a Pin that it doesn't name yet.
    is_any_open: bool,
}

/// Works on one message until it is disposed of.
///
/// # Errors
/// When a port is unavailable; the message comes back.
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
        // Fresh: a check a day is not worth the retry that a token out of memory may need.
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
            is_noted: false,
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
            Err(failure) => return self.again(None, READ_TRIES_MAX, failure.failure.code()).await,
        };
        // Read after the list: whatever a pin of ours owned by then is nobody's duplicate.
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
        // A list may show it a while longer.
        if self.attempt.says_of_duplicate(EventKind::DuplicateRemoved, id) {
            return Ok(Disposition::Done);
        }
        // What another of ours may yet adopt, or was just told of, stays until that is settled.
        let is_settled = duplicate_check::is_settled(&duplicates[0], context.system.now(), &context.settings.deadlines);
        if others.is_any_open || !is_settled {
            return self.again(None, REMOVE_TRIES_MAX, "owner_unclear").await;
        }
        self.remove(id, &tokens.access).await
    }

    /// The pins of ours that have this content, or that of a Pin that was found.
    async fn others(&self, found: &[BoardPin]) -> PortResult<Others> {
        let board = self.board;
        let of_found = found.iter().map(|pin| content_hash_of(&board.board_id, pin));
        let hashes: BTreeSet<String> = of_found.chain([content_hash(&self.pin.request)]).collect();
        let mut pins = BTreeSet::from([self.pin.key.pin]);
        for hash in hashes {
            pins.extend(self.context.store.siblings(board.account, &hash).await?);
        }
        let workspace = board.account.workspace;
        let keys: Vec<PinKey> = pins.into_iter().map(|pin| PinKey { workspace, pin }).collect();
        let read = self.context.store.pins(&keys).await?;
        let mut others = Others { owned: BTreeSet::new(), is_any_open: false };
        let quiesce_ms = self.context.settings.deadlines.quiesce_ms(self.context.rules);
        for (pin, attempt) in read.into_iter().flatten() {
            others.is_any_open |= !attempt.status.is_terminal() || attempt.ended_unresolved(quiesce_ms);
            others.owned.extend(attempt.pinterest_pin_id);
            others.owned.extend(attempt.orphan_pin_id);
            // Of twins, one reports it.
            if pin.key != self.pin.key {
                others.owned.extend(attempt.duplicate_pin_id);
            }
        }
        Ok(others)
    }

    /// Notes what wasn't noted before; `false` when somebody else wrote first.
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
        if context.store.save_attempt(&self.pin, &next).await? != Saved::Yes {
            return Ok(false);
        }
        self.attempt = next;
        telemetry::count(Metric::DuplicatePin, ids.len() as u64, None, now);
        tracing::error!(
            workspace_id = %self.pin.key.workspace, pin_id = %self.pin.key.pin, ?ids,
            "the late check found what looks like a second Pin"
        );
        Ok(true)
    }

    /// Deletes the Pin, then notes it. A death in between leaves a duplicate that was reported and is gone.
    async fn remove(mut self, id: &str, token: &Secret) -> PortResult<Disposition> {
        let context = self.context;
        match spend_budget::ask(context, self.board.account.account, Request::Reconcile).await? {
            Granted::Yes => {}
            Granted::NotBefore(at) | Granted::AskAgain(at) => {
                return self.again(Some(at), REMOVE_TRIES_MAX, "daily_budget").await;
            }
        }
        if let Err(failure) = context.pinterest.delete_pin(token, id).await {
            return self.again(None, REMOVE_TRIES_MAX, failure.failure.code()).await;
        }
        let now = context.system.now();
        tracing::warn!(pin_id = %self.pin.key.pin, pinterest_pin_id = id, "the duplicate was removed");
        if let Ok(next) = self.attempt.duplicate_removed(now, id, context.nonce())
            && context.store.save_attempt(&self.pin, &next).await? == Saved::Yes
        {
            self.attempt = next;
        }
        Ok(Disposition::Done)
    }

    /// Once more later, unless that was tried often enough.
    async fn again(&self, at: Option<Moment>, tries_max: u32, why: &'static str) -> PortResult<Disposition> {
        if self.tries >= tries_max {
            return Ok(self.give_up(why));
        }
        let later = self.context.system.now().plus_ms(self.context.settings.duplicate_check_after_ms / AGAIN_ONE_IN);
        file(self.context, self.pin.key, later.max(at.unwrap_or(later)), self.tries + 1).await?;
        tracing::info!(pin_id = %self.pin.key.pin, why, "the late check is repeated later");
        Ok(Disposition::Done)
    }

    fn give_up(&self, why: &'static str) -> Disposition {
        tracing::warn!(pin_id = %self.pin.key.pin, tries = self.tries, why, "the late check ends here");
        Disposition::Done
    }
}
