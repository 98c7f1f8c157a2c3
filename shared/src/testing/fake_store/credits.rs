//! The credit of callers in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::credit::Holder;
use crate::domain::credit::row::{CreditRow, Lease};
use crate::domain::repeated_write::is_same_write;
use crate::ports::{Credits, Leased, PortResult};

#[async_trait]
impl Credits for FakeStore {
    async fn lease(&self, holder: &Holder, lease: &Lease) -> PortResult<Leased> {
        let write = |t: &mut Tables| {
            let row = t.credits.get(holder);
            if let Some(row) = row.filter(|row| is_same_write(&row.nonce, &lease.nonce)) {
                return Leased::Done(row.clone());
            }
            match lease.apply(row) {
                Some(after) => {
                    t.credits.insert(holder.clone(), after.clone());
                    Leased::Done(after)
                }
                None => Leased::Refused(row.cloned().unwrap_or_default()),
            }
        };
        self.call("credits.lease", write).await
    }
}

impl FakeStore {
    /// The holders that have a row.
    pub fn credit_holders(&self) -> Vec<Holder> {
        self.tables().credits.keys().cloned().collect()
    }

    /// Replaces the row of a holder, as a machine with another clock might.
    pub fn set_credit(&self, holder: &Holder, paid_us: i64) {
        self.tables().credits.insert(holder.clone(), CreditRow { paid_us, nonce: "another machine".into() });
    }
}
