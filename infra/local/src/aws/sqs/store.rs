//! The messages of all queues. It replaces the store of `winterbaume-sqs`, which keeps the receipts of deleted
//! messages for ever, searches a list at every call, omits received messages that are visible again from its counts,
//! ignores the retention period, and drops dead-letter messages whose queue is missing.

use super::queue::{Counts, MessageQueue, Settings, Stored};
use super::receipt::is_of;
use md5::{Digest, Md5};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::time::Instant;
use winterbaume_sqs::state::SqsError;
use winterbaume_sqs::types::{Message, MessageAttribute};

pub(super) struct Store {
    queues: Mutex<Queues>,
    /// Part of every receipt, so that receipts of an earlier run are refused.
    pub(super) nonce: String,
    started: Instant,
    started_unix_ms: i64,
}

#[derive(Default)]
pub(super) struct Queues {
    pub(super) by_name: HashMap<String, MessageQueue>,
    last_number: u64,
}

impl Queues {
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn get(&mut self, name: &str) -> Result<&mut MessageQueue, SqsError> {
        self.by_name.get_mut(name).ok_or(SqsError::NonExistentQueue)
    }

    pub(super) fn name_of(&self, arn: &str) -> Option<String> {
        let found = self.by_name.iter().find(|(_, queue)| queue.settings.arn == arn);
        found.map(|(name, _)| name.clone())
    }
}

impl Store {
    pub(super) fn new() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            queues: Mutex::default(),
            nonce: uuid::Uuid::new_v4().simple().to_string(),
            started: Instant::now(),
            started_unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Unix time in milliseconds, counted from the start with the monotonic clock, so that a change of the system time
    /// does not affect the visibility of messages.
    pub(super) fn now(&self) -> i64 {
        let run = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_unix_ms.saturating_add(run)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queues> {
        // No code panics while it holds the lock, so a poisoned lock has consistent contents.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a queue or changes its settings.
    pub(super) fn set(&self, name: &str, settings: Settings) {
        self.lock().by_name.entry(name.to_owned()).or_default().settings = settings;
    }

    /// Removes a queue and wakes its long polls, which then fail.
    pub(super) fn remove(&self, name: &str) {
        if let Some(queue) = self.lock().by_name.remove(name) {
            queue.wake.notify_waiters();
        }
    }

    pub(super) fn settings(&self, name: &str) -> Option<Settings> {
        self.lock().by_name.get(name).map(|queue| queue.settings.clone())
    }

    pub(super) fn len(&self, name: &str) -> usize {
        self.lock().by_name.get(name).map_or(0, MessageQueue::len)
    }

    /// What a long poll waits for: the notification of the queue, and the time at which its next message becomes
    /// visible.
    pub(super) fn bell(&self, name: &str) -> Option<(Arc<Notify>, Option<i64>)> {
        let queues = self.lock();
        let queue = queues.by_name.get(name)?;
        Some((Arc::clone(&queue.wake), queue.next_due()))
    }

    /// Adds a message; returns its id and the MD5 digest of its body.
    pub(super) fn send(
        &self,
        name: &str,
        body: String,
        delay_s: Option<u32>,
        attributes: HashMap<String, MessageAttribute>,
    ) -> Result<(String, String), SqsError> {
        let now = self.now();
        let id = uuid::Uuid::new_v4().to_string();
        let md5 = format!("{:x}", Md5::digest(body.as_bytes()));
        let mut queues = self.lock();
        let number = queues.next_number();
        let queue = queues.get(name)?;
        let delay = delay_s.map_or(queue.settings.delay_ms, |s| i64::from(s) * 1000);
        let message = Stored {
            id: id.clone(),
            body,
            md5: md5.clone(),
            attributes,
            sent_ms: now,
            first_received_ms: None,
            receives: 0,
            visible_at: now + delay,
            source_arn: None,
        };
        queue.insert(number, message);
        Ok((id, md5))
    }

    /// Receives up to `max` visible messages. Messages older than the retention period are deleted on the way, and
    /// those received too often move to the dead-letter queue.
    pub(super) fn receive(&self, name: &str, max: usize, visibility_s: Option<u32>) -> Result<Vec<Message>, SqsError> {
        let now = self.now();
        let mut queues = self.lock();
        let settings = queues.get(name)?.settings.clone();
        let dead_letters = settings
            .redrive
            .as_ref()
            .and_then(|(arn, max)| queues.name_of(arn).filter(|to| to != name).map(|to| (to, *max)));
        let visibility = visibility_s.map_or(settings.visibility_ms, |s| i64::from(s) * 1000);
        let mut received = Vec::new();
        while received.len() < max {
            let queue = queues.get(name)?;
            let Some(number) = queue.first_visible(now) else {
                break;
            };
            let Some(message) = queue.get(number) else {
                break;
            };
            let (age, receives) = (now - message.sent_ms, message.receives);
            if age >= settings.retention_ms {
                queue.remove(number);
            } else if let Some((to, _)) = dead_letters.as_ref().filter(|(_, max)| receives >= *max) {
                let Some(mut message) = queue.remove(number) else {
                    break;
                };
                message.visible_at = now;
                message.source_arn = Some(settings.arn.clone());
                let number = queues.next_number();
                queues.get(to)?.insert(number, message);
            } else if visibility == 0 && received.iter().any(|m: &Message| is_of(m, number)) {
                break;
            } else {
                received.extend(queue.take(number, now, now + visibility, &self.nonce));
            }
        }
        Ok(received)
    }

    pub(super) fn purge(&self, name: &str) -> Result<(), SqsError> {
        self.lock().get(name).map(MessageQueue::clear)
    }

    pub(super) fn counts(&self, name: &str) -> Option<Counts> {
        let now = self.now();
        self.lock().by_name.get(name).map(|queue| queue.counts(now))
    }
}
