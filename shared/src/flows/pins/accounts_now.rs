//! Reads the present state of the accounts that pins wait for: each account once, however many pins a page has.

use std::collections::HashMap;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::context::Context;
use crate::domain::ids::AccountKey;
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::domain::pin::waits::{AccountNow, depends_on_account};
use crate::flows::pacing::budget_left;
use crate::ports::PortResult;

/// Accounts that are read concurrently.
const READS_AT_ONCE: usize = 16;

/// The accounts of a page, all of one workspace.
#[derive(Debug, Default)]
pub struct AccountsNow(HashMap<AccountKey, AccountNow>);

impl AccountsNow {
    /// Reads the accounts of those pins whose report depends on them.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn of<'a>(context: &Context, pins: impl IntoIterator<Item = (&'a Pin, &'a Attempt)>) -> PortResult<Self> {
        let mut accounts = Self::default();
        accounts.add(context, pins).await?;
        Ok(accounts)
    }

    /// Reads those of the accounts that weren't read before.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn add<'a>(
        &mut self,
        context: &Context,
        pins: impl IntoIterator<Item = (&'a Pin, &'a Attempt)>,
    ) -> PortResult<()> {
        let waiting = pins.into_iter().filter(|(_, attempt)| depends_on_account(attempt));
        let mut keys: Vec<AccountKey> = waiting.map(|(pin, _)| pin.account_key()).collect();
        keys.retain(|key| !self.0.contains_key(key));
        keys.sort_unstable();
        keys.dedup();
        let Some(first) = keys.first() else { return Ok(()) };
        let budget_opens_at = budget_left::opens_at(context, first.workspace).await?;
        let reads = keys.iter().map(|key| async move {
            let (account, bucket) = try_join(context.store.account(*key), context.store.bucket(*key)).await?;
            PortResult::Ok((*key, AccountNow { account, bucket, budget_opens_at }))
        });
        let reads = reads.collect::<Vec<_>>();
        let read: Vec<(AccountKey, AccountNow)> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        self.0.extend(read);
        Ok(())
    }

    /// These accounts and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The state of the pin's account; `None` if it was not read.
    pub fn account(&self, pin: &Pin) -> Option<&AccountNow> {
        self.0.get(&pin.account_key())
    }
}
