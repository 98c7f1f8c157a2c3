//! Pins, their attempts and their listing in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::{AccountKey, BoardKey, PinId, PinKey, WorkspaceId};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::history::Event;
use crate::domain::pin::said::{Part, Said};
use crate::domain::reconcile::board_scan::BoardScan;
use crate::domain::repeated_write::is_same_write;
use crate::domain::time::Moment;
use crate::ports::{Pins, PortResult, Write};

#[async_trait]
impl Pins for FakeStore {
    async fn put_pin(&self, pin: &Pin) -> PortResult<Write<Box<Pin>>> {
        self.call("store.put_pin", |t| t.put_pin(pin)).await
    }

    async fn pins(&self, keys: &[PinKey]) -> PortResult<Vec<Option<(Pin, Attempt)>>> {
        self.call("store.pins", |t| keys.iter().map(|key| t.pin(*key)).collect()).await
    }

    async fn save_attempt(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<Option<Box<Attempt>>>> {
        self.call("store.save_attempt", |t| {
            let before = t.pin(pin.key);
            let saved = t.save_attempt(pin, next);
            if let Some((pin, before)) = before.filter(|(_, before)| saved == Write::Done && before.rev < next.rev) {
                self.notify(&pin, &before, next);
            }
            saved
        })
        .await
    }

    async fn save_attempts(&self, writes: &[(Pin, Attempt)]) -> PortResult<Write<()>> {
        self.call("store.save_attempts", |t| {
            let before: Vec<Option<(Pin, Attempt)>> = writes.iter().map(|(pin, _)| t.pin(pin.key)).collect();
            let is_saved = t.save_attempts(writes);
            for ((pin, before), (_, next)) in before.into_iter().flatten().zip(writes) {
                if is_saved && before.rev < next.rev {
                    self.notify(&pin, &before, next);
                }
            }
            Write::done_if(is_saved)
        })
        .await
    }

    async fn save_pin(&self, pin: &Pin, next: &Attempt) -> PortResult<Write<()>> {
        self.call("store.save_pin", |t| {
            let before = t.pin(pin.key);
            let is_saved = t.save_pin(pin, next);
            if let Some((_, before)) = before.filter(|(_, before)| is_saved && before.rev < next.rev) {
                self.notify(pin, &before, next);
            }
            Write::done_if(is_saved)
        })
        .await
    }

    async fn hide_pin(&self, pin: &Pin) -> PortResult<()> {
        self.call("store.hide_pin", |t| t.hide_pin(pin)).await
    }

    async fn put_said(&self, pin: &Pin, said: &Said) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.said.insert((pin.key, said.attempt, said.part()), (pin.nonce.clone(), said.clone()));
        };
        self.call("store.put_said", put).await
    }

    async fn said(&self, pin: &Pin) -> PortResult<Vec<Said>> {
        let list = |t: &mut Tables| {
            let of_pin = (pin.key, 0, Part::Call)..=(pin.key, u32::MAX, Part::Candidates);
            let rows = t.said.range(of_pin).map(|(_, row)| row);
            rows.filter(|(nonce, _)| *nonce == pin.nonce).map(|(_, said)| said.clone()).collect()
        };
        self.call("store.said", list).await
    }

    async fn put_sibling(&self, account: AccountKey, hash: &str, pin: PinId, _: Moment) -> PortResult<()> {
        let put = |t: &mut Tables| {
            t.siblings.entry((account, hash.to_owned())).or_default().insert(pin);
        };
        self.call("store.put_sibling", put).await
    }

    async fn siblings(&self, account: AccountKey, hash: &str) -> PortResult<Vec<PinId>> {
        let key = (account, hash.to_owned());
        self.call("store.siblings", |t| t.siblings.get(&key).into_iter().flatten().copied().collect()).await
    }

    async fn first_siblings(&self, account: AccountKey, hash: &str, limit: usize) -> PortResult<Vec<PinId>> {
        let key = (account, hash.to_owned());
        let first = |t: &mut Tables| t.siblings.get(&key).into_iter().flatten().take(limit).copied().collect();
        self.call("store.first_siblings", first).await
    }

    async fn listing_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.call("store.listing_after", |t| t.listing_after(workspace, false, after, by, limit)).await
    }

    async fn deleted_after(
        &self,
        workspace: WorkspaceId,
        after: Option<(Moment, PinId)>,
        by: Moment,
        limit: usize,
    ) -> PortResult<Vec<(Moment, PinId)>> {
        self.call("store.deleted_after", |t| t.listing_after(workspace, true, after, by, limit)).await
    }
}

impl Tables {
    pub(super) fn put_pin(&mut self, pin: &Pin) -> Write<Box<Pin>> {
        match self.pins.get(&pin.key) {
            None => {
                self.pins.insert(pin.key, Pin { expires_at: in_seconds(pin.expires_at), ..pin.clone() });
                Write::Done
            }
            Some(existing) if is_same_write(&existing.nonce, &pin.nonce) => Write::Done,
            Some(existing) => Write::Conflict(Box::new(existing.clone())),
        }
    }

    pub(super) fn pin(&self, key: PinKey) -> Option<(Pin, Attempt)> {
        let pin = self.pins.get(&key)?;
        let attempt = self.attempts.get(&key).cloned().unwrap_or_else(|| Attempt::untouched(pin));
        Some((pin.clone(), attempt))
    }

    pub(super) fn save_attempt(&mut self, pin: &Pin, next: &Attempt) -> Write<Option<Box<Attempt>>> {
        let current = self.attempts.get(&pin.key);
        let fits = match next.rev {
            0 | 1 => current.is_none(),
            rev => current.is_some_and(|current| current.rev == rev - 1),
        };
        if fits {
            self.attempts.insert(pin.key, as_stored(pin, next));
            return Write::Done;
        }
        match current {
            Some(current) if current.rev == next.rev && is_same_write(&current.nonce, &next.nonce) => Write::Done,
            current => Write::Conflict(current.cloned().map(Box::new)),
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

/// The attempt as a row returns it: the history is stored compactly, and TTLs are whole seconds.
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
