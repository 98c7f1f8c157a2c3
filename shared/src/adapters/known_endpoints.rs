//! The webhooks of workspaces as a process knows them, so that the writes of a busy workspace don't each read them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::context::{Began, Context};
use crate::domain::ids::WorkspaceId;
use crate::domain::time::SECOND_MS;
use crate::domain::webhook::endpoint::Endpoint;
use crate::ports::PortResult;

/// A process knows a workspace's endpoints for this time. It must be well below
/// [`HEARS_AFTER_MS`](crate::domain::webhook::endpoint::HEARS_AFTER_MS).
const KNOWN_MS: i64 = 30 * SECOND_MS;
/// A process knows the endpoints of at most about this many workspaces.
const WORKSPACES_MAX: usize = 1_000;

struct Known {
    read: Began,
    endpoints: Arc<Vec<Endpoint>>,
}

/// The endpoints of workspaces, each read at most every [`KNOWN_MS`].
pub(super) struct KnownEndpoints {
    context: Context,
    known: Mutex<BTreeMap<WorkspaceId, Known>>,
}

impl KnownEndpoints {
    pub fn new(context: &Context) -> Self {
        Self { context: context.clone(), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<WorkspaceId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workspace's endpoints as they were at most [`KNOWN_MS`] ago.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn of(&self, workspace: WorkspaceId) -> PortResult<Arc<Vec<Endpoint>>> {
        let is_fresh = |known: &&Known| (0..KNOWN_MS).contains(&self.context.took_ms(known.read));
        if let Some(known) = self.known().get(&workspace).filter(is_fresh) {
            return Ok(Arc::clone(&known.endpoints));
        }
        let read = self.context.begin();
        let endpoints = Arc::new(self.context.subscribers(workspace).await?);
        let mut known = self.known();
        if known.len() >= WORKSPACES_MAX {
            known.retain(|_, known| is_fresh(&&*known));
        }
        known.insert(workspace, Known { read, endpoints: Arc::clone(&endpoints) });
        Ok(endpoints)
    }
}
