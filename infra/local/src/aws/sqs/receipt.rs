//! Receipts: what a holder of a message can do, and for how long. A receipt is
//! `run:message number:how often it had been received`, so a message's newest
//! receipt is told from its older ones without keeping any of them.

use super::store::Store;
use winterbaume_sqs::state::SqsError;
use winterbaume_sqs::types::Message;

impl Store {
    /// Deletes by receipt. As on the real service, a receipt that is not the
    /// message's newest is accepted but deletes nothing.
    pub(super) fn delete(&self, name: &str, receipt: &str) -> Result<(), SqsError> {
        let mut queues = self.lock();
        let queue = queues.get(name)?;
        let (number, receives) = self.parse(receipt)?;
        if queue.get(number).is_some_and(|message| message.receives == receives) {
            queue.remove(number);
        }
        Ok(())
    }

    /// Changes how long a message in hand stays hidden. Refused once the message
    /// is back in the queue or in other hands: that lease has ended.
    pub(super) fn change_visibility(&self, name: &str, receipt: &str, seconds: u32) -> Result<(), SqsError> {
        let now = self.now();
        let mut queues = self.lock();
        let queue = queues.get(name)?;
        let (number, receives) = self.parse(receipt)?;
        let held = queue.get(number).is_some_and(|message| message.receives == receives && message.visible_at > now);
        if !held {
            return Err(invalid(receipt));
        }
        queue.reschedule(number, now + i64::from(seconds) * 1000);
        Ok(())
    }

    /// A receipt's message number and which receive it was given for.
    fn parse(&self, receipt: &str) -> Result<(u64, u32), SqsError> {
        let parts = || {
            let rest = receipt.strip_prefix(self.nonce.as_str())?.strip_prefix(':')?;
            let (number, receives) = rest.split_once(':')?;
            Some((number.parse().ok()?, receives.parse().ok()?))
        };
        parts().ok_or_else(|| invalid(receipt))
    }
}

/// Whether this answer already holds the message: with a visibility of zero it
/// is visible again at once, and must not be handed out twice in one answer.
pub(super) fn is_of(message: &Message, number: u64) -> bool {
    let mut parts = message.receipt_handle.as_deref().unwrap_or_default().split(':');
    parts.nth(1).and_then(|part| part.parse().ok()) == Some(number)
}

fn invalid(receipt: &str) -> SqsError {
    SqsError::InvalidReceiptHandle { receipt_handle: receipt.to_owned() }
}
