//! [`Pacers`] on Secrets Manager: one secret, `<prefix>/pacing-key`, which is never rotated. With another key every
//! user would have another pacing row, beside the tokens that the old one has given out.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use tokio::sync::OnceCell;

use super::stack_key::{CURRENT, StackKey};
use crate::domain::pacing::pacer::Pacer;
use crate::domain::secret::Secret;
use crate::ports::{Pacers, PortResult, System};

/// The stack's pacing key, kept in memory once it was read.
pub struct PacingKey {
    key: StackKey,
    read: OnceCell<Secret>,
}

impl PacingKey {
    pub fn new(client: Client, prefix: &str, system: Arc<dyn System>) -> Self {
        let (name, purpose) = (format!("{prefix}/pacing-key"), "Names Pinterest users' pacing rows, kept by pinbridge");
        Self { key: StackKey::new(client, name, purpose, "pacing key", system), read: OnceCell::new() }
    }

    async fn read_or_create(&self) -> PortResult<Secret> {
        if let Some(version) = self.key.version(CURRENT).await? {
            return Ok(version.secret);
        }
        self.key.create().await?;
        let created = self.key.version(CURRENT).await?;
        created.map(|version| version.secret).ok_or_else(|| self.key.missing())
    }
}

#[async_trait]
impl Pacers for PacingKey {
    async fn pacer(&self, pinterest_user_id: &str) -> PortResult<Pacer> {
        let key = self.read.get_or_try_init(|| self.read_or_create()).await?;
        Ok(Pacer::of(key, pinterest_user_id))
    }
}
