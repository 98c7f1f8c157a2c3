//! Writes very many pins at once, as they are stored: for measurements.

use super::DynamoStore;
use super::rows::{attempt_item, pin_item};
use crate::domain::pin::Pin;
use crate::domain::pin::attempt::Attempt;
use crate::ports::PortResult;

impl DynamoStore {
    /// Writes the rows of pins over any existing ones. A pin that no worker has worked on has no attempt row.
    ///
    /// # Errors
    /// When the table is unavailable.
    pub async fn load(&self, pins: &[(Pin, Option<Attempt>)]) -> PortResult<()> {
        let rows = pins.iter().flat_map(|(pin, attempt)| {
            [Some(pin_item(pin)), attempt.as_ref().map(|attempt| attempt_item(pin, attempt))].into_iter().flatten()
        });
        self.put_all(rows.collect()).await
    }
}
