//! The queues in memory, on the manual clock: delays, visibility, redelivery and dead-letter messages as in
//! SQS.
//!
//! Stricter than SQS where a test requests it: messages are delivered twice, all are lost, parts of a batch are
//! refused. Always stricter: a delayed message arrives at the exact millisecond, and an unacknowledged reconcile
//! message is never dead-lettered. Every queue hides a delivered message as long as the publish queue does, so
//! that the messages of a dead worker return late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::message::{ImportMessage, NotifyMessage, PublishMessage, ReconcileMessage};
use crate::domain::time::{Moment, SECOND_MS};
use crate::ports::{DeadLetterMessage, MAX_DELAY_MS, PortError, PortResult, Queue, QueueName, RedriveQueue, System};

/// As in template.yaml.
pub const VISIBILITY_MS: i64 = 150 * SECOND_MS;
pub const MAX_RECEIVES: u32 = 20;

/// A message as a worker receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub receipt: String,
    pub body: String,
    /// How many times it was delivered, including this time.
    pub receives: u32,
}

impl Delivery {
    /// The message, which must be one of the publish queue.
    pub fn message(&self) -> PublishMessage {
        PublishMessage::parse(&self.body).expect("a publish message")
    }
}

struct Held {
    queue: QueueName,
    body: String,
    visible_at: Moment,
    receives: u32,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<u64, Held>,
    /// The same messages by queue and time, so that the next one is found without a search.
    order: BTreeSet<(QueueName, Moment, u64)>,
    next_id: u64,
    redrive_messages: BTreeMap<u64, (String, Moment)>,
    max_receives: Option<u32>,
    unsent_next: Vec<usize>,
}

pub struct FakeQueue {
    system: Arc<dyn System>,
    gate: Arc<dyn Gate>,
    state: Mutex<State>,
}

impl FakeQueue {
    pub fn new(system: Arc<dyn System>, gate: Arc<dyn Gate>) -> Self {
        Self { system, gate, state: Mutex::default() }
    }

    /// Delivers up to `max` messages that are visible at `now`, the longest due first; each is then hidden for a while.
    pub fn deliver_due(&self, queue: QueueName, now: Moment, max: usize) -> Vec<Delivery> {
        let mut state = self.state();
        let due: Vec<u64> = state.due(queue, now).take(max).collect();
        due.into_iter().filter_map(|id| state.deliver(id, now)).collect()
    }

    /// Acknowledges a message. A message that is already gone is no error.
    pub fn delete(&self, receipt: &str) {
        if let Some(id) = id_of(receipt) {
            self.state().remove(id);
        }
    }

    /// When the next message of the queue becomes visible.
    pub fn next_due(&self, queue: QueueName) -> Option<Moment> {
        let state = self.state();
        let mut from_here = state.order.range((queue, Moment(i64::MIN), 0)..);
        from_here.next().filter(|(name, ..)| *name == queue).map(|(_, at, _)| *at)
    }

    /// Every publish message with the moment at which it becomes visible, oldest first.
    pub fn messages(&self) -> Vec<(PublishMessage, Moment)> {
        let state = self.state();
        let publish = state.messages.values().filter(|held| held.queue == QueueName::Publish);
        publish.filter_map(|held| Some((PublishMessage::parse(&held.body).ok()?, held.visible_at))).collect()
    }

    /// The same for the reconciliation queue.
    pub fn reconciliations(&self) -> Vec<(ReconcileMessage, Moment)> {
        let state = self.state();
        let reconciliations = state.messages.values().filter(|held| held.queue == QueueName::Reconcile);
        reconciliations.filter_map(|held| Some((ReconcileMessage::parse(&held.body).ok()?, held.visible_at))).collect()
    }

    /// The same for the notify queue.
    pub fn notifications(&self) -> Vec<(NotifyMessage, Moment)> {
        let state = self.state();
        let notifications = state.messages.values().filter(|held| held.queue == QueueName::Notify);
        notifications.filter_map(|held| Some((NotifyMessage::parse(&held.body).ok()?, held.visible_at))).collect()
    }

    /// The bodies of the messages in the dead-letter queue.
    pub fn dead(&self) -> Vec<String> {
        let state = self.state();
        let dead = state.messages.values().filter(|held| held.queue == QueueName::DeadLetters);
        dead.map(|held| held.body.clone()).collect()
    }

    pub fn redrive_messages(&self) -> Vec<String> {
        self.state().redrive_messages.values().map(|(body, _)| body.clone()).collect()
    }

    /// Puts any text into a queue.
    pub fn insert(&self, queue: QueueName, body: impl Into<String>, visible_at: Moment) {
        self.state().insert(queue, body.into(), visible_at);
    }

    /// Loses every message, as a broken queue would; returns how many.
    pub fn lose_all(&self) -> usize {
        let mut state = self.state();
        state.order.clear();
        std::mem::take(&mut state.messages).len()
    }

    /// Adds a second copy of every message.
    pub fn duplicate_all(&self) {
        let mut state = self.state();
        let copies: Vec<(QueueName, String, Moment)> =
            state.messages.values().map(|held| (held.queue, held.body.clone(), held.visible_at)).collect();
        copies.into_iter().for_each(|(queue, body, at)| state.insert(queue, body, at));
    }

    /// Moves messages to the dead-letter queue after fewer deliveries than template.yaml allows.
    pub fn set_max_receives(&self, max: u32) {
        self.state().max_receives = Some(max);
    }

    /// Makes the next batch report that these of its messages were not sent.
    pub fn refuse_next(&self, indices: &[usize]) {
        self.state().unsent_next = indices.to_vec();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn due(&self, queue: QueueName, now: Moment) -> impl Iterator<Item = u64> {
        let range = (queue, Moment(i64::MIN), 0)..=(queue, now, u64::MAX);
        self.order.range(range).map(|(.., id)| *id)
    }

    fn insert(&mut self, queue: QueueName, body: String, visible_at: Moment) {
        self.next_id += 1;
        self.order.insert((queue, visible_at, self.next_id));
        self.messages.insert(self.next_id, Held { queue, body, visible_at, receives: 0 });
    }

    fn remove(&mut self, id: u64) -> Option<Held> {
        let held = self.messages.remove(&id)?;
        self.order.remove(&(held.queue, held.visible_at, id));
        Some(held)
    }

    fn show_at(&mut self, id: u64, visible_at: Moment) -> Option<()> {
        let held = self.messages.get_mut(&id)?;
        self.order.remove(&(held.queue, held.visible_at, id));
        held.visible_at = visible_at;
        self.order.insert((held.queue, visible_at, id));
        Some(())
    }

    fn deliver(&mut self, id: u64, now: Moment) -> Option<Delivery> {
        let held = self.messages.get(&id)?;
        let dead_letters = match held.queue {
            QueueName::Publish => Some(QueueName::DeadLetters),
            QueueName::Import => Some(QueueName::ImportDeadLetters),
            QueueName::Notify => Some(QueueName::NotifyDeadLetters),
            QueueName::Reconcile
            | QueueName::DeadLetters
            | QueueName::ImportDeadLetters
            | QueueName::NotifyDeadLetters => None,
        };
        if let Some(dead_letters) = dead_letters.filter(|_| held.receives >= self.max_receives.unwrap_or(MAX_RECEIVES))
        {
            let dead = self.remove(id)?;
            self.insert(dead_letters, dead.body, now);
            return None;
        }
        self.show_at(id, now.plus_ms(VISIBILITY_MS))?;
        let held = self.messages.get_mut(&id)?;
        held.receives += 1;
        let receipt = format!("{id}:{}", held.receives);
        Some(Delivery { receipt, body: held.body.clone(), receives: held.receives })
    }
}

fn id_of(receipt: &str) -> Option<u64> {
    receipt.split_once(':')?.0.parse().ok()
}

/// Whole seconds, rounded down.
fn delay_ms(ms: i64) -> i64 {
    ms.clamp(0, MAX_DELAY_MS) / SECOND_MS * SECOND_MS
}

fn text<T: serde::Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("plain data")
}

#[async_trait]
impl Queue for FakeQueue {
    async fn send(&self, messages: &[(PublishMessage, i64)]) -> PortResult<Vec<usize>> {
        let send = || {
            let now = self.system.now();
            let mut state = self.state();
            let unsent = std::mem::take(&mut state.unsent_next);
            for (index, (message, after_ms)) in messages.iter().enumerate() {
                if !unsent.contains(&index) {
                    state.insert(QueueName::Publish, text(message), now.plus_ms(delay_ms(*after_ms)));
                }
            }
            Ok(unsent)
        };
        around(&*self.gate, "queue.send", send).await
    }

    async fn send_reconcile(&self, reconciliation: &ReconcileMessage, after_ms: i64) -> PortResult<()> {
        let send = || {
            self.insert(
                QueueName::Reconcile,
                text(reconciliation),
                self.system.now().plus_ms(delay_ms(after_ms + SECOND_MS - 1)),
            );
            Ok(())
        };
        around(&*self.gate, "queue.send_reconcile", send).await
    }

    async fn send_import(&self, message: &ImportMessage) -> PortResult<()> {
        let send = || {
            self.insert(QueueName::Import, text(message), self.system.now());
            Ok(())
        };
        around(&*self.gate, "queue.send_import", send).await
    }

    async fn send_notify(&self, message: &NotifyMessage, after_ms: i64) -> PortResult<()> {
        let send = || {
            let visible_at = self.system.now().plus_ms(delay_ms(after_ms + SECOND_MS - 1));
            self.insert(QueueName::Notify, text(message), visible_at);
            Ok(())
        };
        around(&*self.gate, "queue.send_notify", send).await
    }

    async fn move_to_redrive(&self, message: &str) -> PortResult<()> {
        let insert = || {
            let mut state = self.state();
            state.next_id += 1;
            let id = state.next_id;
            state.redrive_messages.insert(id, (message.to_owned(), self.system.now()));
            Ok(())
        };
        around(&*self.gate, "queue.move_to_redrive", insert).await
    }

    async fn change_visibility(&self, _: QueueName, receipt: &str, after_ms: i64) -> PortResult<()> {
        let change = || {
            let after_ms = after_ms.max(0).saturating_add(SECOND_MS - 1) / SECOND_MS * SECOND_MS;
            let visible_at = self.system.now().plus_ms(after_ms);
            match id_of(receipt).and_then(|id| self.state().show_at(id, visible_at)) {
                Some(()) => Ok(()),
                None => Err(PortError::Broken { port: "queue", reason: "no such message".into() }),
            }
        };
        around(&*self.gate, "queue.change_visibility", change).await
    }
}

/// How many messages one receive call returns.
const RECEIVED_PER_CALL: usize = 10;

#[async_trait]
impl RedriveQueue for FakeQueue {
    async fn receive(&self, hidden_ms: i64) -> PortResult<Vec<DeadLetterMessage>> {
        let receive = || {
            let now = self.system.now();
            let mut state = self.state();
            let visible = state.redrive_messages.iter_mut().filter(|(_, (_, at))| *at <= now).take(RECEIVED_PER_CALL);
            Ok(visible
                .map(|(id, (body, at))| {
                    *at = now.plus_ms(hidden_ms);
                    DeadLetterMessage { receipt: format!("{id}:1"), body: body.clone() }
                })
                .collect())
        };
        around(&*self.gate, "redrive.receive", receive).await
    }

    async fn delete(&self, message: &DeadLetterMessage) -> PortResult<()> {
        let delete = || {
            id_of(&message.receipt).and_then(|id| self.state().redrive_messages.remove(&id));
            Ok(())
        };
        around(&*self.gate, "redrive.delete", delete).await
    }

    async fn send_again(&self, message: &DeadLetterMessage) -> PortResult<()> {
        let send = || {
            self.insert(QueueName::Publish, message.body.clone(), self.system.now());
            Ok(())
        };
        around(&*self.gate, "redrive.send_again", send).await
    }

    async fn put_back(&self, message: &DeadLetterMessage) -> PortResult<()> {
        let put_back = || {
            let now = self.system.now();
            if let Some(kept) =
                id_of(&message.receipt).and_then(|id| self.state().redrive_messages.get_mut(&id).map(|k| k.1 = now))
            {
                return Ok(kept);
            }
            Ok(())
        };
        around(&*self.gate, "redrive.put_back", put_back).await
    }
}
