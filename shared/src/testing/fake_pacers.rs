//! Names of Pinterest users' pacing rows, with a key of the tests.

use std::sync::Arc;

use async_trait::async_trait;

use super::gate::{Gate, around};
use crate::domain::pacing::pacer::Pacer;
use crate::domain::secret::Secret;
use crate::ports::{Pacers, PortResult};

pub struct FakePacers(Arc<dyn Gate>);

impl FakePacers {
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self(gate)
    }
}

#[async_trait]
impl Pacers for FakePacers {
    async fn pacer(&self, pinterest_user_id: &str) -> PortResult<Pacer> {
        around(&*self.0, "pacers.pacer", || Ok(Pacer::of(&Secret::new("pacing key"), pinterest_user_id))).await
    }
}
