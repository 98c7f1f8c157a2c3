//! Pending authorizations.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;

use super::item::{Builder, Item, Reader, moment};
use super::{DynamoStore, failed, keys};
use crate::domain::account::oauth::{PendingAuthorization, PresentedState};
use crate::ports::{OAuthStates, PortResult};

#[async_trait]
impl OAuthStates for DynamoStore {
    async fn put_state(&self, state: &PresentedState, pending: &PendingAuthorization) -> PortResult<()> {
        let row = Builder::keyed(keys::oauth_states(state.workspace), state.hash_hex())
            .text("by", &pending.by)
            .maybe_text("return_to", pending.return_to.as_deref())
            .maybe_text("client_state", pending.client_state.as_deref())
            .value("until", moment(pending.expires_at))
            .number("expires_at", pending.expires_at.unix_seconds());
        self.put(row.build()).await
    }

    async fn state(&self, state: &PresentedState) -> PortResult<Option<PendingAuthorization>> {
        let row = self.get(keys::oauth_states(state.workspace), &state.hash_hex(), true).await?;
        row.map(|item| read(&item)).transpose()
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
        output.attributes.map(|item| read(&item)).transpose()
    }
}

fn read(item: &Item) -> PortResult<PendingAuthorization> {
    let row = Reader(item);
    Ok(PendingAuthorization {
        by: row.text("by")?,
        return_to: row.maybe_text("return_to"),
        client_state: row.maybe_text("client_state"),
        expires_at: row.moment("until")?,
    })
}
