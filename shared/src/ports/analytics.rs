//! Port: Pinterest's analytics of Pins and accounts. API users read them through pinbridge.

use async_trait::async_trait;

use super::pinterest::ReadFailure;
use crate::domain::account::analytics::{MetricSeries, Question};
use crate::domain::secret::Secret;

/// Pinterest's analytics. The days and metrics are those of the [`Question`].
#[async_trait]
pub trait Analytics: Send + Sync {
    /// The metrics of a Pin; `None` when Pinterest has no such Pin.
    async fn pin_metrics(
        &self,
        token: &Secret,
        pinterest_pin_id: &str,
        question: &Question,
    ) -> Result<Option<MetricSeries>, ReadFailure>;
    /// The metrics of the token's user.
    async fn account_metrics(&self, token: &Secret, question: &Question) -> Result<MetricSeries, ReadFailure>;
}
