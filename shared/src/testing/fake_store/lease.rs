//! The dispatcher's lease in memory.

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::time::Moment;
use crate::ports::{DispatcherLease, PortResult};

#[async_trait]
impl DispatcherLease for FakeStore {
    async fn take_lease(&self, holder: &str, now: Moment, until: Moment) -> PortResult<bool> {
        self.call("store.take_lease", |t| {
            let free = t.lease.as_ref().is_none_or(|(name, held_until)| *held_until <= now || name == holder);
            if free {
                t.lease = Some((holder.to_owned(), until));
            }
            free
        })
        .await
    }

    async fn release_lease(&self, holder: &str) -> PortResult<()> {
        let release = |t: &mut Tables| {
            t.lease.take_if(|(name, _)| name == holder);
        };
        self.call("store.release_lease", release).await
    }
}
