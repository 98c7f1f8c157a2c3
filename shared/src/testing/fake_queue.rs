//! The publish queue in memory, on the manual clock: delays, visibility, redelivery and dead letters as SQS has them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::faults::Faults;
use super::manual_system::ManualSystem;
use crate::domain::message::PublishMessage;
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::{MAX_DELAY_MS, PortError, PortResult, Queue, System};

/// As in template.yaml.
pub const VISIBILITY_MS: i64 = 180 * SECOND_MS;
pub const MAX_RECEIVES: u32 = 20;

/// A message as a worker receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub receipt: String,
    pub message: PublishMessage,
    /// How often it was delivered, this time included.
    pub receives: u32,
}

struct Held {
    message: PublishMessage,
    visible_at: Moment,
    receives: u32,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<u64, Held>,
    next_id: u64,
    dead: Vec<PublishMessage>,
    sent: Vec<(PublishMessage, Moment)>,
    unsent_next: Vec<usize>,
}

pub struct FakeQueue {
    system: Arc<ManualSystem>,
    faults: Arc<Faults>,
    state: Mutex<State>,
}

impl FakeQueue {
    pub fn new(system: Arc<ManualSystem>, faults: Arc<Faults>) -> Self {
        Self { system, faults, state: Mutex::default() }
    }

    /// Delivers up to `max` messages that are visible at `now`, longest due first; each is then hidden for a while.
    pub fn deliver_due(&self, now: Moment, max: usize) -> Vec<Delivery> {
        let mut state = self.state();
        let mut due: Vec<(Moment, u64)> = state
            .messages
            .iter()
            .filter(|(_, held)| held.visible_at <= now)
            .map(|(id, h)| (h.visible_at, *id))
            .collect();
        due.sort_unstable();
        due.truncate(max);
        due.into_iter().filter_map(|(_, id)| state.deliver(id, now)).collect()
    }

    /// Acknowledges. A message that is gone already is no error.
    pub fn delete(&self, receipt: &str) {
        if let Some(id) = id_of(receipt) {
            self.state().messages.remove(&id);
        }
    }

    /// When the next message becomes visible.
    pub fn next_due(&self) -> Option<Moment> {
        self.state().messages.values().map(|held| held.visible_at).min()
    }

    /// Every message there is with the moment at which it becomes visible, oldest first.
    pub fn messages(&self) -> Vec<(PublishMessage, Moment)> {
        self.state().messages.values().map(|held| (held.message.clone(), held.visible_at)).collect()
    }

    /// Every message that was ever sent, with the moment it was due at first.
    pub fn sent(&self) -> Vec<(PublishMessage, Moment)> {
        self.state().sent.clone()
    }

    pub fn dead(&self) -> Vec<PublishMessage> {
        self.state().dead.clone()
    }

    /// Loses every message, as a broken queue would; answers how many.
    pub fn lose_all(&self) -> usize {
        std::mem::take(&mut self.state().messages).len()
    }

    /// Puts a second copy of every message beside the first.
    pub fn duplicate_all(&self) {
        let mut state = self.state();
        let copies: Vec<(PublishMessage, Moment)> =
            state.messages.values().map(|held| (held.message.clone(), held.visible_at)).collect();
        copies.into_iter().for_each(|(message, at)| state.insert(message, at));
    }

    /// The next batch answers that these of its messages were not taken.
    pub fn refuse_next(&self, indices: &[usize]) {
        self.state().unsent_next = indices.to_vec();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, message: PublishMessage, visible_at: Moment) {
        self.next_id += 1;
        self.messages.insert(self.next_id, Held { message, visible_at, receives: 0 });
    }

    fn deliver(&mut self, id: u64, now: Moment) -> Option<Delivery> {
        if self.messages.get(&id)?.receives >= MAX_RECEIVES {
            self.dead.extend(self.messages.remove(&id).map(|held| held.message));
            return None;
        }
        let held = self.messages.get_mut(&id)?;
        held.receives += 1;
        held.visible_at = now.plus_ms(VISIBILITY_MS);
        let receipt = format!("{id}:{}", held.receives);
        Some(Delivery { receipt, message: held.message.clone(), receives: held.receives })
    }
}

fn id_of(receipt: &str) -> Option<u64> {
    receipt.split_once(':')?.0.parse().ok()
}

#[async_trait]
impl Queue for FakeQueue {
    async fn send(&self, messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>> {
        let send = || {
            let now = self.system.now();
            let mut state = self.state();
            let unsent = std::mem::take(&mut state.unsent_next);
            for (index, (message, delay_ms)) in messages.iter().enumerate() {
                if !unsent.contains(&index) {
                    let delay_ms = delay_ms.clamp(&0, &MAX_DELAY_MS) / SECOND_MS * SECOND_MS;
                    state.sent.push((message.clone(), now.plus_ms(delay_ms)));
                    state.insert(message.clone(), now.plus_ms(delay_ms));
                }
            }
            Ok(unsent)
        };
        self.faults.around("queue.send", send).await
    }

    async fn change_visibility(&self, receipt: &str, after_ms: i64) -> PortResult<()> {
        let change = || {
            let after_ms = after_ms.max(0).saturating_add(SECOND_MS - 1) / SECOND_MS * SECOND_MS;
            let visible_at = self.system.now().plus_ms(after_ms);
            match id_of(receipt)
                .and_then(|id| self.state().messages.get_mut(&id).map(|held| held.visible_at = visible_at))
            {
                Some(()) => Ok(()),
                None => Err(PortError::Broken { port: "queue", reason: "no such message".into() }),
            }
        };
        self.faults.around("queue.change_visibility", change).await
    }
}
