//! Port: the accounts' token buckets.

use async_trait::async_trait;

use super::PortResult;
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, OwnWrite, Pause, Resume, Take, Token};
use crate::domain::time::Moment;

/// The result of a take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// In the order of their slots.
    Tokens(Vec<Token>),
    /// The condition failed; the bucket as it is now.
    Refused(Bucket),
}

/// The accounts' token buckets, in the table that all [`Store`](super::Store) ports share.
#[async_trait]
pub trait Pacing: Send + Sync {
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket>;
    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken>;
    /// Takes a write of the reserve as [`OwnWrite::apply`] does; returns whether it did.
    async fn take_own_write(&self, account: AccountKey, write: &OwnWrite) -> PortResult<bool>;
    /// Changes the bucket as [`Pause::apply`] does, whatever other writes happen meanwhile.
    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()>;
    /// Clears the hold's reason, if the pause still ends at `seen`.
    async fn lift_hold(&self, account: AccountKey, seen: Moment) -> PortResult<()>;
    /// Ends a hold as [`Resume::apply`] does, if the bucket is unchanged since it was read; returns whether it was.
    async fn resume(&self, account: AccountKey, resume: &Resume) -> PortResult<bool>;
    /// Marks that pins of the account wait in the backlog.
    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()>;
    /// Clears the mark, if it is still the one that was read.
    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()>;
    /// The marked accounts; eventually consistent.
    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>>;
}
