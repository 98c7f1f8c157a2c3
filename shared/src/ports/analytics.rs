//! How Pins and accounts did: a part of Pinterest's API that people use through ours.

use async_trait::async_trait;

use super::pinterest::ReadFailure;
use crate::domain::analytics::{Figures, Question};
use crate::domain::secret::Secret;

#[async_trait]
pub trait Analytics: Send + Sync {
    /// `None`: Pinterest has no such Pin.
    async fn pin_figures(
        &self,
        token: &Secret,
        pinterest_pin_id: &str,
        question: &Question,
    ) -> Result<Option<Figures>, ReadFailure>;
    /// Those of the token's user.
    async fn account_figures(&self, token: &Secret, question: &Question) -> Result<Figures, ReadFailure>;
}
