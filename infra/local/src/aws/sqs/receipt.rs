//! Receipt handles: `run:message number:receive count`. The count identifies the newest receipt of a message, so
//! receipts need not be stored.

use super::store::Store;
use winterbaume_sqs::state::SqsError;
use winterbaume_sqs::types::Message;

impl Store {
    /// Deletes a message by its receipt. As on the real service, an older receipt is accepted but deletes nothing.
    pub(super) fn delete(&self, name: &str, receipt: &str) -> Result<(), SqsError> {
        let mut queues = self.lock();
        let queue = queues.get(name)?;
        let (number, receives) = self.parse(receipt)?;
        if queue.get(number).is_some_and(|message| message.receives == receives) {
            queue.remove(number);
        }
        Ok(())
    }

    /// Changes how long a received message stays hidden. Refused when the message is visible again or was received
    /// again.
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

    /// The message number and the receive count in a receipt.
    fn parse(&self, receipt: &str) -> Result<(u64, u32), SqsError> {
        let parts = || {
            let rest = receipt.strip_prefix(self.nonce.as_str())?.strip_prefix(':')?;
            let (number, receives) = rest.split_once(':')?;
            Some((number.parse().ok()?, receives.parse().ok()?))
        };
        parts().ok_or_else(|| invalid(receipt))
    }
}

/// Whether `message` has this number. With a visibility timeout of zero, a message is visible again at once, and one
/// response must not contain it twice.
pub(super) fn is_of(message: &Message, number: u64) -> bool {
    let mut parts = message.receipt_handle.as_deref().unwrap_or_default().split(':');
    parts.nth(1).and_then(|part| part.parse().ok()) == Some(number)
}

fn invalid(receipt: &str) -> SqsError {
    SqsError::InvalidReceiptHandle { receipt_handle: receipt.to_owned() }
}
