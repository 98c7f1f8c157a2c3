//! Pending authorizations.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;

use super::item::{Builder, Reader, moment};
use super::{DynamoStore, failed, keys};
use crate::domain::account::oauth::{PendingAuthorization, PresentedState};
use crate::ports::{OAuthStates, PortResult};

#[async_trait]
impl OAuthStates for DynamoStore {
    async fn put_state(&self, state: &PresentedState, pending: &PendingAuthorization) -> PortResult<()> {
        let row = Builder::keyed(keys::oauth_states(state.workspace), state.hash_hex())
            .text("by", &pending.by)
            .value("until", moment(pending.expires_at))
            .number("expires_at", pending.expires_at.unix_seconds());
        self.put(row.build()).await
    }

    /// One deletion, which returns the row: of two callbacks that come together, one gets it. A deletion that the SDK
    /// repeats returns nothing: the state is spent, and the person starts again.
    async fn take_state(&self, state: &PresentedState) -> PortResult<Option<PendingAuthorization>> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::oauth_states(state.workspace), state.hash_hex()).build()))
            .return_values(ReturnValue::AllOld);
        let output = delete.send().await.map_err(failed)?;
        let Some(item) = output.attributes else { return Ok(None) };
        let row = Reader(&item);
        Ok(Some(PendingAuthorization { by: row.text("by")?, expires_at: row.moment("until")? }))
    }
}
