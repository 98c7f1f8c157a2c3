//! Reads what a worker's decision on a message depends on.

use futures_util::future::try_join3;

use crate::context::Context;
use crate::domain::account::Account;
use crate::domain::ids::AccountKey;
use crate::domain::message::PublishMessage;
use crate::domain::pacing::bucket::Bucket;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::decide::Situation;
use crate::ports::PortResult;

/// A message, with the rows that were read for it.
pub struct Reading {
    pub message: PublishMessage,
    pub pin: Pin,
    pub attempt: Attempt,
    pub account: Option<Account>,
    pub bucket: Bucket,
    /// When the invocation ends, on the monotonic clock.
    pub ends_at_ms: i64,
    /// How long Pinterest took to answer the call that was made for this reading, if one was.
    pub latency_ms: Option<u32>,
}

impl Reading {
    /// The key of the pin's account.
    pub fn account_key(&self) -> AccountKey {
        self.pin.account_key()
    }

    /// The reading as a situation to decide on now.
    pub fn situation<'a>(&'a self, context: &'a Context) -> Situation<'a> {
        Situation {
            message: &self.message,
            pin: &self.pin,
            attempt: &self.attempt,
            account: self.account.as_ref(),
            bucket: &self.bucket,
            now: context.system.now(),
            remaining_ms: self.remaining_ms(context),
            deadlines: &context.settings.deadlines,
            pace: &context.settings.pace,
        }
    }

    /// The remaining time of the invocation.
    pub fn remaining_ms(&self, context: &Context) -> i64 {
        self.ends_at_ms - context.system.monotonic_ms()
    }
}

/// Reads everything that a decision needs; `None` when the pin has expired.
///
/// # Errors
/// When a port is unavailable.
pub async fn read(context: &Context, message: PublishMessage, ends_at_ms: i64) -> PortResult<Option<Reading>> {
    let account_key = AccountKey { workspace: message.workspace, account: message.account };
    let key = message.key();
    let pins = context.store.pins(std::slice::from_ref(&key));
    let (pins, account, bucket) =
        try_join3(pins, context.store.account(account_key), context.store.bucket(account_key)).await?;
    let mut found = pins.into_iter().flatten().next();
    if let Some((_, attempt)) = found.as_ref().filter(|(_, attempt)| attempt.attempt > 0) {
        // A pin that is deleted during an attempt is only hidden. Its row is read after the attempt's, so that a worker
        // that sees that attempt over also sees whether the pin was deleted meanwhile.
        let attempt = attempt.clone();
        let again = context.store.pins(std::slice::from_ref(&key)).await?.into_iter().flatten().next();
        // If the pin was edited in between, the attempt has another revision too, and the write-ahead is refused.
        found = again.map(|(pin, _)| (pin, attempt));
    }
    Ok(found.map(|(pin, attempt)| Reading { message, pin, attempt, account, bucket, ends_at_ms, latency_ms: None }))
}
