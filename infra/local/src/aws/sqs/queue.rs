//! The messages of one queue, ordered by the time at which each may next be received.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::Notify;
use winterbaume_sqs::types::{Message, MessageAttribute};

/// The attributes of a queue that decide how its messages are handled.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) arn: String,
    pub(super) visibility_ms: i64,
    pub(super) delay_ms: i64,
    pub(super) retention_ms: i64,
    pub(super) wait_ms: i64,
    pub(super) max_bytes: usize,
    /// The ARN of the dead-letter queue, and how often a message may be received before it moves there.
    pub(super) redrive: Option<(String, u32)>,
}

/// A stored message.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) md5: String,
    pub(super) attributes: HashMap<String, MessageAttribute>,
    pub(super) sent_ms: i64,
    pub(super) first_received_ms: Option<i64>,
    pub(super) receives: u32,
    pub(super) visible_at: i64,
    /// The ARN of the queue that a dead-letter message came from, for a move back.
    pub(super) source_arn: Option<String>,
}

/// The number of messages by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

#[derive(Debug, Default)]
pub(super) struct MessageQueue {
    pub(super) settings: Settings,
    messages: BTreeMap<u64, Stored>,
    /// The same messages by the time they become visible.
    due: BTreeSet<(i64, u64)>,
    /// Wakes the long polls of this queue.
    pub(super) wake: Arc<Notify>,
}

impl MessageQueue {
    pub(super) fn insert(&mut self, number: u64, message: Stored) {
        self.due.insert((message.visible_at, number));
        self.messages.insert(number, message);
        self.wake.notify_waiters();
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Stored> {
        let message = self.messages.remove(&number)?;
        self.due.remove(&(message.visible_at, number));
        Some(message)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Stored> {
        self.messages.get(&number)
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.due.clear();
    }

    /// The number of the message that has been visible longest.
    pub(super) fn first_visible(&self, now: i64) -> Option<u64> {
        let (at, number) = self.due.first()?;
        (*at <= now).then_some(*number)
    }

    /// When the next message becomes visible.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Hides or shows a message from the given time on.
    pub(super) fn reschedule(&mut self, number: u64, at: i64) {
        if let Some(message) = self.messages.get_mut(&number) {
            self.due.remove(&(message.visible_at, number));
            message.visible_at = at;
            self.due.insert((at, number));
            self.wake.notify_waiters();
        }
    }

    /// Receives a message: counts the receive, hides the message until `until`, and creates the receipt handle.
    pub(super) fn take(&mut self, number: u64, now: i64, until: i64, nonce: &str) -> Option<Message> {
        let message = self.messages.get_mut(&number)?;
        self.due.remove(&(message.visible_at, number));
        message.receives += 1;
        message.first_received_ms.get_or_insert(now);
        message.visible_at = until;
        self.due.insert((until, number));
        Some(Message {
            message_id: message.id.clone(),
            body: message.body.clone(),
            body_md5: message.md5.clone(),
            receipt_handle: Some(format!("{nonce}:{number}:{}", message.receives)),
            all_receipt_handles: Vec::new(),
            sender_id: "local".to_owned(),
            sent_timestamp: message.sent_ms,
            approximate_first_receive_timestamp: message.first_received_ms,
            approximate_receive_count: message.receives,
            visible_at: until,
            message_attributes: message.attributes.clone(),
        })
    }

    pub(super) fn counts(&self, now: i64) -> Counts {
        let visible = self.due.range(..=(now, u64::MAX)).count();
        let hidden = self.due.range((now + 1, 0)..);
        let in_flight = hidden.filter(|(_, number)| self.messages.get(number).is_some_and(|m| m.receives > 0)).count();
        Counts { visible, in_flight, delayed: self.messages.len() - visible - in_flight }
    }
}
