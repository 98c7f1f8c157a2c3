//! The late check: is there a second Pin of a pin that was published a day ago? What the reconciler does with a message that
//! asks so.
//!
//! A duplicate is a Pin on the board that says what the pin does and that no pin of ours owns. Nothing marks a Pin as ours, so
//! one that somebody made by hand looks the same: that is why `remove` is a setting.

use std::collections::BTreeSet;

use super::board_reading::{Read, Search, read};
use super::daily_budget::{self, Granted};
use super::planned_late_check::file;
use crate::domain::attempt::{Attempt, Status};
use crate::domain::board_scan::Reading;
use crate::domain::daily_budget::Request;
use crate::domain::failure::Failure;
use crate::domain::history::EventKind;
use crate::domain::idempotency::{content_hash, content_hash_of};
use crate::domain::ids::{BoardKey, PinId, PinKey};
use crate::domain::late_check::{self, AGAIN_ONE_IN, LateCheck, READ_TRIES_MAX, REMOVE_TRIES_MAX};
use crate::domain::lookup::{self, BoardPin};
use crate::domain::message::Disposition;
use crate::domain::pin::Pin;
use crate::domain::secret::Secret;
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::{PortResult, Saved, World};
use crate::telemetry::{self, Metric};

/// Whoever lost the race for the row looks anew after this.
const LOST_RACE_MS: i64 = 5 * SECOND_MS;

/// One check.
struct Check<'a> {
    world: &'a World,
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
    world: &World,
    board: &BoardKey,
    pin: PinId,
    tries: u32,
    ends_at_ms: i64,
) -> PortResult<Disposition> {
    let key = PinKey { workspace: board.account.workspace, pin };
    let found = world.store.pins(&[key]).await?.into_iter().flatten().next();
    let Some((pin, attempt)) = found.filter(|(_, attempt)| attempt.status == Status::Published) else {
        return Ok(Disposition::Done);
    };
    if world.settings.late_check == LateCheck::Off {
        return Ok(Disposition::Done);
    }
    Check { world, board, pin, attempt, tries }.run(ends_at_ms).await
}

impl Check<'_> {
    async fn run(mut self, ends_at_ms: i64) -> PortResult<Disposition> {
        let world = self.world;
        // Fresh: a check a day is not worth the retry that a token out of memory may need.
        let Some(tokens) = world.secrets.tokens(self.board.account, true).await? else {
            return self.again(None, READ_TRIES_MAX, Failure::TokenRevoked.code()).await;
        };
        let window = late_check::window(&self.pin, world.system.now(), &world.settings.deadlines);
        let request = self.pin.request.clone();
        let could_be = |found: &BoardPin| lookup::could_be(&request, found, window);
        let search = Search {
            board: self.board,
            earliest: window.from,
            could_be: &could_be,
            is_noted: false,
            token: &tokens.access,
        };
        let reading = match read(world, &search, Reading::new(world.system.now(), Vec::new()), ends_at_ms).await? {
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
        let duplicates = late_check::duplicates(&self.pin, &reading.found, window, &owned);
        match (duplicates.is_empty(), reading.unclear) {
            (true, None) => return Ok(Disposition::Done),
            (true, Some(unclear)) => return self.again(None, REMOVE_TRIES_MAX, unclear.name()).await,
            (false, _) => {}
        }
        if !self.report(&duplicates).await? {
            return Ok(Disposition::Keep { until: world.system.now().plus_ms(LOST_RACE_MS) });
        }
        if world.settings.late_check != LateCheck::Remove {
            return Ok(Disposition::Done);
        }
        let Some(id) = late_check::removable(&self.pin, &self.attempt, &reading.found, &duplicates) else {
            return Ok(Disposition::Done);
        };
        // A list may show it a while longer.
        if self.attempt.says_of_duplicate(EventKind::DuplicateRemoved, id) {
            return Ok(Disposition::Done);
        }
        // What another of ours may yet adopt, or was just told of, stays until that is settled.
        let is_settled = late_check::is_settled(&duplicates[0], world.system.now(), &world.settings.deadlines);
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
            pins.extend(self.world.store.siblings(board.account, &hash).await?);
        }
        let workspace = board.account.workspace;
        let keys: Vec<PinKey> = pins.into_iter().map(|pin| PinKey { workspace, pin }).collect();
        let read = self.world.store.pins(&keys).await?;
        let mut others = Others { owned: BTreeSet::new(), is_any_open: false };
        let quiesce_ms = self.world.settings.deadlines.quiesce_ms(self.world.rules);
        for (pin, attempt) in read.into_iter().flatten() {
            others.is_any_open |= !attempt.status.is_terminal() || attempt.ended_in_doubt(quiesce_ms);
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
        let (world, now) = (self.world, self.world.system.now());
        let is_new = |id: &String| !self.attempt.says_of_duplicate(EventKind::DuplicateFound, id);
        let ids: Vec<String> = duplicates.iter().map(|pin| pin.id.clone()).filter(is_new).collect();
        if ids.is_empty() {
            return Ok(true);
        }
        let Ok(next) = self.attempt.with_duplicates(now, &ids, world.nonce()) else {
            return Ok(false);
        };
        if world.store.save_attempt(&self.pin, &next).await? != Saved::Yes {
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
        let world = self.world;
        match daily_budget::ask(world, self.board.account.account, Request::LookUp).await? {
            Granted::Yes => {}
            Granted::NotBefore(at) | Granted::AskAgain(at) => {
                return self.again(Some(at), REMOVE_TRIES_MAX, "daily_budget").await;
            }
        }
        if let Err(failure) = world.pinterest.delete_pin(token, id).await {
            return self.again(None, REMOVE_TRIES_MAX, failure.failure.code()).await;
        }
        let now = world.system.now();
        tracing::warn!(pin_id = %self.pin.key.pin, pinterest_pin_id = id, "the duplicate was removed");
        if let Ok(next) = self.attempt.duplicate_removed(now, id, world.nonce())
            && world.store.save_attempt(&self.pin, &next).await? == Saved::Yes
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
        let later = self.world.system.now().plus_ms(self.world.settings.late_check_after_ms / AGAIN_ONE_IN);
        file(self.world, self.pin.key, later.max(at.unwrap_or(later)), self.tries + 1).await?;
        tracing::info!(pin_id = %self.pin.key.pin, why, "the late check is repeated later");
        Ok(Disposition::Done)
    }

    fn give_up(&self, why: &'static str) -> Disposition {
        tracing::warn!(pin_id = %self.pin.key.pin, tries = self.tries, why, "the late check ends here");
        Disposition::Done
    }
}
