//! Invitations to register.

use aws_sdk_dynamodb::types::ReturnValue;

use super::item::{Builder, Item, Reader, bytes, moment, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::InvitationId;
use crate::domain::tenant::invitation::{Invitation, Joins};
use crate::domain::tenant::one_time::TokenHash;
use crate::domain::tenant::user::{Email, Role};
use crate::ports::PortResult;

fn item(invitation: &Invitation) -> Item {
    let row = Builder::keyed(keys::INVITATIONS.into(), invitation.id.to_string())
        .value("hash", bytes(invitation.hash.0.to_vec()))
        .text("email", invitation.email.as_str())
        .value("at", moment(invitation.created_at))
        .value("until", moment(invitation.expires_at))
        .number("expires_at", invitation.expires_at.unix_seconds());
    match &invitation.joins {
        None => row,
        Some(Joins { organization, workspace, role }) => {
            row.text("org", organization.to_string()).text("ws", workspace.to_string()).text("role", role.name())
        }
    }
    .build()
}

fn read(item: &Item) -> PortResult<Invitation> {
    let row = Reader(item);
    let joins = match row.maybe_text("org") {
        None => None,
        Some(organization) => Some(Joins {
            organization: organization.parse().map_err(|_| unreadable("org"))?,
            workspace: row.text("ws")?.parse().map_err(|_| unreadable("ws"))?,
            role: Role::parse(&row.text("role")?).ok_or_else(|| unreadable("role"))?,
        }),
    };
    Ok(Invitation {
        id: row.text("sk")?.parse().map_err(|_| unreadable("sk"))?,
        hash: TokenHash(row.bytes("hash")?.try_into().map_err(|_| unreadable("hash"))?),
        email: Email::parse(&row.text("email")?).ok_or_else(|| unreadable("email"))?,
        joins,
        created_at: row.moment("at")?,
        expires_at: row.moment("until")?,
    })
}

impl DynamoStore {
    pub(super) async fn put_invitation(&self, invitation: &Invitation) -> PortResult<()> {
        self.put(item(invitation)).await
    }

    pub(super) async fn get_invitation(&self, id: InvitationId) -> PortResult<Option<Invitation>> {
        let item = self.get(keys::INVITATIONS.into(), &id.to_string(), true).await?;
        item.as_ref().map(read).transpose()
    }

    pub(super) async fn list_invitations(&self) -> PortResult<Vec<Invitation>> {
        self.partition(keys::INVITATIONS.into()).await?.iter().map(read).collect()
    }

    pub(super) async fn delete_invitation(&self, id: InvitationId) -> PortResult<bool> {
        let key = Builder::keyed(keys::INVITATIONS.into(), id.to_string()).build();
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        let output = delete.return_values(ReturnValue::AllOld).send().await.map_err(failed)?;
        Ok(output.attributes.is_some())
    }
}
