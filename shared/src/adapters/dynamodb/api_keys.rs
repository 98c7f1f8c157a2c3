//! The rows of API keys.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Builder, Item, Reader, bytes, moment, text, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::{KeyId, WorkspaceId};
use crate::domain::pin::origin::{Actor, Origin};
use crate::domain::tenant::api_key::{ApiKey, KeyHash, KeySource};
use crate::domain::tenant::scope::{Scope, Scopes};
use crate::domain::tenant::user::Email;
use crate::domain::time::Moment;
use crate::ports::{PortResult, Write};

fn item(key: &ApiKey) -> Item {
    let list = |texts: Vec<String>| AttributeValue::L(texts.into_iter().map(text).collect());
    let row = Builder::keyed(keys::api_keys(key.workspace), key.id.to_string())
        .value("hash", bytes(key.hash.0.to_vec()))
        .text("name", &key.name)
        .value("scopes", list(key.scopes.names().into_iter().map(str::to_owned).collect()))
        .text("src", key.source.name())
        .maybe_text("client", key.client_name.as_deref())
        .maybe_text("by", key.authorized_by.as_ref().map(Email::as_str))
        .value("at", moment(key.created_at))
        .maybe_moment("used", key.last_used_at)
        .maybe_moment("revoked", key.revoked_at)
        .number("rev", key.rev)
        .text("n", &key.nonce);
    let row = match key.made_by {
        // In the form in which the rows of pins and schedules have it.
        Some(actor) => row.value("maker", bytes(Origin::by(actor).to_bytes())),
        None => row,
    };
    let row = match key.ancestors.is_empty() {
        true => row,
        false => row.value(
            "makers",
            AttributeValue::L(key.ancestors.iter().map(|actor| bytes(Origin::by(*actor).to_bytes())).collect()),
        ),
    };
    let row = match &key.allowed {
        Some(allowed) => row.value("allow", list(allowed.iter().map(ToString::to_string).collect())),
        None => row,
    };
    match key.expires_at {
        Some(at) => row.number("expires_at", at.unix_seconds()).build(),
        None => row.build(),
    }
}

/// The makers before the key's own, the first one first. Builds before 0.3.0 wrote none.
fn ancestors(item: &Item) -> PortResult<Vec<Actor>> {
    let Some(list) = item.get("makers").and_then(|value| value.as_l().ok()) else { return Ok(Vec::new()) };
    let one = |value: &AttributeValue| Origin::from_bytes(value.as_b().ok()?.as_ref()).by;
    list.iter().map(one).collect::<Option<_>>().ok_or_else(|| unreadable("makers"))
}

fn read(workspace: WorkspaceId, item: &Item) -> PortResult<ApiKey> {
    let row = Reader(item);
    let hash = row.bytes("hash")?.try_into().map_err(|_| unreadable("hash"))?;
    let scopes: PortResult<Scopes> =
        row.texts("scopes").iter().map(|name| Scope::parse(name).ok_or_else(|| unreadable("scopes"))).collect();
    let allowed = item.contains_key("allow").then(|| {
        row.texts("allow").iter().map(|id| id.parse().map_err(|_| unreadable("allow"))).collect::<PortResult<_>>()
    });
    Ok(ApiKey {
        id: row.text("sk")?.parse().map_err(|_| unreadable("sk"))?,
        workspace,
        hash: KeyHash(hash),
        name: row.text("name")?,
        scopes: scopes?,
        allowed: allowed.transpose()?,
        source: KeySource::parse(&row.text("src")?).ok_or_else(|| unreadable("src"))?,
        client_name: row.maybe_text("client"),
        authorized_by: row.maybe_text("by").and_then(|email| Email::parse(&email)),
        made_by: row.bytes("maker").ok().and_then(|bytes| Origin::from_bytes(&bytes).by),
        ancestors: ancestors(item)?,
        created_at: row.moment("at")?,
        last_used_at: row.maybe_moment("used"),
        revoked_at: row.maybe_moment("revoked"),
        expires_at: row.maybe_expiry("expires_at"),
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

impl DynamoStore {
    pub(super) async fn write_api_key(&self, next: &ApiKey) -> PortResult<Write<()>> {
        self.put_revision(item(next), next.rev, &next.nonce).await
    }

    pub(super) async fn get_api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<Option<ApiKey>> {
        let item = self.get(keys::api_keys(workspace), &id.to_string(), true).await?;
        item.map(|item| read(workspace, &item)).transpose()
    }

    pub(super) async fn list_api_keys(&self, workspace: WorkspaceId) -> PortResult<Vec<ApiKey>> {
        let rows = self.partition(keys::api_keys(workspace)).await?;
        rows.iter().map(|item| read(workspace, item)).collect()
    }

    pub(super) async fn write_use(
        &self,
        workspace: WorkspaceId,
        id: KeyId,
        now: Moment,
        unless_since: Moment,
    ) -> PortResult<bool> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Builder::keyed(keys::api_keys(workspace), id.to_string()).build()))
            .update_expression("SET used = :now")
            .condition_expression("attribute_exists(pk) AND (attribute_not_exists(used) OR used <= :since)")
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":since", moment(unless_since));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(false)
            }
            Err(error) => Err(failed(error)),
        }
    }
}
