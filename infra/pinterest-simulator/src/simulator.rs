//! The running simulator: one [`Provider`], one journal and the real clock.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use pinbridge_loopback::Limits;

use crate::config::Config;
use crate::errors::{self, ApiError};
use crate::journal::Journal;
use crate::provider::Provider;
use crate::seed::{SeedAccount, seed_accounts};
use crate::world::pin::Pin;
use crate::{http, limits};

/// A running simulator. Clones share its state.
#[derive(Debug, Clone)]
pub struct Simulator {
    shared: Arc<Mutex<State>>,
    limits: Arc<Limits>,
}

#[derive(Debug)]
struct State {
    provider: Provider,
    journal: Option<Journal>,
    /// The latest time that was passed to `provider`. It never decreases, even if the system clock does.
    now_ms: i64,
}

impl Simulator {
    /// Replays the journal, if there is one, and adds the documented accounts that it lacks.
    ///
    /// # Errors
    /// A setting is out of range, or the journal can't be opened, read or written.
    pub fn open(config: Config) -> anyhow::Result<Self> {
        ensure!(
            (1..=limits::MAX_ACCOUNTS).contains(&config.accounts),
            "accounts must be 1 to {}",
            limits::MAX_ACCOUNTS
        );
        let opened = config.data_dir.as_deref().map(Journal::open).transpose()?;
        let (head, body) = (config.client_timeout, config.client_timeout);
        let limits = Arc::new(Limits { head, body, hosts: config.allow_hosts.clone() });
        let mut provider = Provider::new(config);
        let journal = opened.map(|(journal, events)| {
            events.into_iter().for_each(|event| provider.world.apply(event));
            provider.world.record();
            journal
        });
        let shared = Arc::new(Mutex::new(State { provider, journal, now_ms: i64::MIN }));
        let simulator = Self { shared, limits };
        simulator.commit(|provider, now_ms| {
            provider.world.seed_accounts(now_ms);
            provider.world.commit_due(now_ms);
        })?;
        Ok(simulator)
    }

    /// All routes. Served by another server than [`Simulator::serve`], a request without an answer gets an empty 504.
    pub fn router(&self) -> axum::Router {
        http::routes::router(self.clone())
    }

    /// Serves until `shutdown` is ready, then gives open requests a short time to finish and returns. Requests for
    /// other hosts and clients that send too slowly are refused.
    pub async fn serve(
        &self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        http::server::serve(self, &self.limits, listener, shutdown).await
    }

    /// The documented accounts of this simulator.
    pub fn seed_accounts(&self) -> Vec<SeedAccount> {
        seed_accounts(self.lock().provider.world.accounts().len())
    }

    /// Every Pin ever committed, including deleted ones, in the order of the commits.
    pub fn pins(&self) -> Vec<Pin> {
        self.with(|provider, now_ms| {
            provider.world.commit_due(now_ms);
            provider.world.every_pin().to_vec()
        })
        .unwrap_or_default()
    }

    /// Calls `work` with the [`Provider`] and the current time, and journals the events that it committed. `work` is
    /// not async, so the lock is never held over an await.
    ///
    /// # Errors
    /// [`errors::JOURNAL_FAILED`] when the journal can't be written.
    pub fn with<T>(&self, work: impl FnOnce(&mut Provider, i64) -> T) -> Result<T, ApiError> {
        self.commit(work).map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "journal not written");
            errors::JOURNAL_FAILED
        })
    }

    fn commit<T>(&self, work: impl FnOnce(&mut Provider, i64) -> T) -> anyhow::Result<T> {
        let mut state = self.lock();
        state.now_ms = state.now_ms.max(jiff::Timestamp::now().as_millisecond());
        let now_ms = state.now_ms;
        let result = work(&mut state.provider, now_ms);
        let events = state.provider.world.take_recorded();
        if let Some(journal) = state.journal.as_mut().filter(|_| !events.is_empty()) {
            journal.append(&events)?;
        }
        Ok(result)
    }

    /// Ignores poisoning: a panic while the lock was held leaves at most one request counted in part.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
