//! Port: the accounts' token buckets.

use async_trait::async_trait;

use super::{PortResult, Write};
use crate::domain::ids::AccountKey;
use crate::domain::pacing::bucket::{Bucket, Link, OwnWrite, Pause, Take, Token};
use crate::domain::pacing::pacer::Pacer;
use crate::domain::time::Moment;

/// The result of a take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one answer a take, moved once: a box would gain nothing")]
pub enum Taken {
    /// In the order of their slots.
    Tokens(Vec<Token>),
    /// The condition failed; the bucket as it is now.
    Refused(Bucket),
}

/// Names the pacing rows of Pinterest users.
#[async_trait]
pub trait Pacers: Send + Sync {
    /// The same name for the same user at all times.
    async fn pacer(&self, pinterest_user_id: &str) -> PortResult<Pacer>;
}

/// The accounts' token buckets, in the table that all [`Store`](super::Store) ports share.
#[async_trait]
pub trait Pacing: Send + Sync {
    /// The account's row, and the row of its [`Pacer`](crate::domain::pacing::pacer::Pacer) if it has one.
    async fn bucket(&self, account: AccountKey) -> PortResult<Bucket>;
    /// Takes tokens as [`Take::apply`] does. The first take from a pacer's missing row is refused, and makes an empty
    /// one.
    async fn take(&self, account: AccountKey, take: &Take) -> PortResult<Taken>;
    /// Takes a write of the reserve as [`OwnWrite::apply`] does.
    async fn take_own_write(&self, account: AccountKey, write: &OwnWrite) -> PortResult<Write<()>>;
    /// Changes the bucket as [`Pause::apply`] does, whatever other writes happen meanwhile.
    async fn pause(&self, account: AccountKey, pause: &Pause) -> PortResult<()>;
    /// Ends the account's hold, if it still lasts until `seen`.
    async fn lift_hold(&self, account: AccountKey, seen: Moment, now: Moment) -> PortResult<Write<()>>;
    /// Counts one release of the account's backlog, if none was counted since `seen` was read.
    async fn claim_release(&self, account: AccountKey, seen: u64) -> PortResult<Write<()>>;
    /// Keeps new pins of the user's accounts to their backlogs until then, unless they are kept longer already.
    async fn crowd(&self, pacer: &Pacer, until: Moment) -> PortResult<()>;
    /// Lets the account share a user's tokens as [`Link::apply`] does. Linking it again changes nothing.
    async fn link(&self, account: AccountKey, link: &Link) -> PortResult<()>;
    /// Marks that pins of the account wait in the backlog.
    async fn mark_waiting(&self, account: AccountKey, now: Moment) -> PortResult<()>;
    /// Clears the mark, if it is still the one that was read.
    async fn clear_waiting(&self, account: AccountKey, seen: Moment) -> PortResult<()>;
    /// The marked accounts; eventually consistent.
    async fn waiting_accounts(&self) -> PortResult<Vec<AccountKey>>;
}
