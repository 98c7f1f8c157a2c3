//! Pins, their attempts and their listing.

use super::Tables;
use crate::domain::ids::{BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::invariants::is_same_write;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::history::Event;
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::time::Moment;
use crate::ports::{Accepted, Saved};

impl Tables {
    pub(super) fn put_pin(&mut self, pin: &Pin) -> Accepted {
        match self.pins.get(&pin.key) {
            None => {
                self.pins.insert(pin.key, Pin { expires_at: in_seconds(pin.expires_at), ..pin.clone() });
                Accepted::New
            }
            Some(existing) if is_same_write(&existing.nonce, &pin.nonce) => Accepted::New,
            Some(existing) => Accepted::Existing(Box::new(existing.clone())),
        }
    }

    pub(super) fn pin(&self, key: PinKey) -> Option<(Pin, Attempt)> {
        let pin = self.pins.get(&key)?;
        let attempt = self.attempts.get(&key).cloned().unwrap_or_else(|| Attempt::untouched(pin));
        Some((pin.clone(), attempt))
    }

    pub(super) fn save_attempt(&mut self, pin: &Pin, next: &Attempt) -> Saved {
        let current = self.attempts.get(&pin.key);
        let fits = match next.rev {
            0 | 1 => current.is_none(),
            rev => current.is_some_and(|current| current.rev == rev - 1),
        };
        if fits {
            self.attempts.insert(pin.key, as_stored(pin, next));
            return Saved::Yes;
        }
        match current {
            Some(current) if current.rev == next.rev && is_same_write(&current.nonce, &next.nonce) => Saved::Yes,
            current => Saved::Lost(current.cloned().map(Box::new)),
        }
    }

    pub(super) fn save_pin(&mut self, pin: &Pin, next: &Attempt) -> bool {
        let current = self.attempts.get(&pin.key);
        if current.is_some_and(|now| now.rev == next.rev && is_same_write(&now.nonce, &next.nonce)) {
            return true;
        }
        let follows = current.map_or(next.rev <= 1, |current| current.rev + 1 == next.rev);
        let is_open = |stored: &Pin| stored.nonce == pin.nonce && stored.hidden_at.is_none();
        if !follows || !self.pins.get(&pin.key).is_some_and(is_open) {
            return false;
        }
        self.pins.insert(pin.key, pin.clone());
        self.attempts.insert(pin.key, as_stored(pin, next));
        true
    }

    pub(super) fn hide_pin(&mut self, pin: &Pin) {
        let stored = self.pins.get_mut(&pin.key);
        if let Some(stored) = stored.filter(|stored| stored.nonce == pin.nonce && stored.hidden_at.is_none()) {
            stored.hidden_at = pin.hidden_at;
        }
    }

    pub(super) fn save_attempts(&mut self, writes: &[(Pin, Attempt)]) -> bool {
        let is_saved = |t: &Self, pin: &Pin, next: &Attempt| {
            let current = t.attempts.get(&pin.key);
            current.is_some_and(|now| now.rev == next.rev && is_same_write(&now.nonce, &next.nonce))
        };
        if writes.iter().all(|(pin, next)| is_saved(self, pin, next)) {
            return true;
        }
        let fits = |(pin, next): &(Pin, Attempt)| {
            self.attempts.get(&pin.key).map_or(next.rev <= 1, |current| current.rev + 1 == next.rev)
        };
        if !writes.iter().all(fits) {
            return false;
        }
        for (pin, next) in writes {
            self.attempts.insert(pin.key, as_stored(pin, next));
        }
        true
    }

    pub(super) fn save_board_scan(&mut self, board: &BoardKey, next: &BoardScan) -> bool {
        let current = self.scans.entry(board.clone()).or_default();
        if current.rev == next.rev && is_same_write(&current.nonce, &next.nonce) {
            return true;
        }
        let fits = current.rev + 1 == next.rev;
        if fits {
            *current = next.clone();
        }
        fits
    }

    pub(super) fn listing_after(
        &self,
        workspace: WorkspaceId,
        is_deleted: bool,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> Vec<(Moment, PinId)> {
        let all = self.pins.values().filter(|pin| pin.key.workspace == workspace);
        let mine = all.filter(|pin| pin.hidden_at.is_some() == is_deleted && pin.created_at <= by);
        let mut oldest: Vec<_> = mine.map(|pin| (pin.created_at, pin.key.pin)).collect();
        oldest.sort_unstable();
        oldest.into_iter().filter(|position| after.is_none_or(|after| *position > after)).take(limit).collect()
    }
}

/// What a row gives back: the history is stored compactly, and TTLs are whole seconds.
fn as_stored(pin: &Pin, attempt: &Attempt) -> Attempt {
    let again = |event: &Event| Event::decode(&event.encode(pin.created_at), pin.created_at);
    Attempt {
        history: attempt.history.iter().map(again).collect(),
        expires_at: attempt.expires_at.map(in_seconds),
        ..attempt.clone()
    }
}

fn in_seconds(moment: Moment) -> Moment {
    Moment(moment.unix_seconds() * 1_000)
}
