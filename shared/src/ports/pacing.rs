//! Each account's token bucket.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, Pause, Resume, Take, Token};
use crate::domain::time::Moment;

/// The answer to a take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// In the order of their slots.
    Tokens(Vec<Token>),
    /// The condition failed; the bucket as it is.
    Refused(Bucket),
}

/// Each account's token bucket. The same table as every other [`Store`](super::Store) port.
#[async_trait]
pub trait Pacing: Send + Sync {
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket>;
    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken>;
    /// Moves the bucket as [`Pause::apply`] says, whatever others write meanwhile.
    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()>;
    /// Forgets that the account was on hold, if its pause is still the one that was seen.
    async fn lift_hold(&self, account: AccountKey, seen: Moment) -> PortResult<()>;
    /// Ends a hold as [`Resume::apply`] says, if it is still as it was seen; answers whether it was.
    async fn resume(&self, account: AccountKey, resume: &Resume) -> PortResult<bool>;
    /// Marks that pins of the account wait.
    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()>;
    /// Clears the mark if it is still the one that was seen.
    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()>;
    /// Accounts that are marked; eventually consistent.
    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>>;
}
