//! Ownership of email addresses: the rows that map an address to a person, and the transactions that keep both in step.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem};

use super::item::{Builder, Item, Reader, moment, number, text, unreadable};
use super::{DynamoStore, PORT, keys, tenants, users};
use crate::domain::ids::{InvitationId, OrganizationId, UserId};
use crate::domain::repeated_write::is_same_write;
use crate::domain::tenant::claim::Claim;
use crate::domain::tenant::user::{Email, User};
use crate::ports::{AddressRows, Admission, PortError, PortResult, Write};

/// A row of an address is taken over at the second try, if the person whom it named is gone.
const TRIES_MAX: usize = 2;

fn address_item(email: &Email, user: UserId) -> Item {
    Builder::keyed(keys::address(email), keys::ADDRESS).text("usr", user.to_string()).build()
}

fn read_owner(item: &Item) -> PortResult<UserId> {
    Reader(item).text("usr")?.parse().map_err(|_| unreadable("usr"))
}

fn claim_item(claim: &Claim) -> Item {
    Builder::keyed(keys::address(&claim.email), keys::CLAIM)
        .text("usr", claim.user.to_string())
        .value("until", moment(claim.until))
        .value("since", moment(claim.mails_since))
        .number("mails", claim.mails)
        .value("mailed", moment(claim.mailed_at))
        .number("rev", claim.rev)
        .text("n", &claim.nonce)
        .number("expires_at", claim.expires_at().unix_seconds())
        .build()
}

fn read_claim(email: &Email, item: &Item) -> PortResult<Claim> {
    let row = Reader(item);
    Ok(Claim {
        email: email.clone(),
        user: read_owner(item)?,
        until: row.moment("until")?,
        mails_since: row.moment("since")?,
        mails: row.number("mails")?,
        mailed_at: row.moment("mailed")?,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

fn unbuilt(error: &BuildError) -> PortError {
    PortError::Broken { port: PORT, reason: error.to_string() }
}

impl DynamoStore {
    pub(super) async fn get_address(&self, email: &Email) -> PortResult<AddressRows> {
        let mut rows = AddressRows::default();
        for item in self.partition(keys::address(email)).await? {
            match Reader(&item).text("sk")?.as_str() {
                keys::ADDRESS => rows.owner = Some(read_owner(&item)?),
                keys::CLAIM => rows.claim = Some(read_claim(email, &item)?),
                // Of a later build.
                _ => {}
            }
        }
        Ok(rows)
    }

    pub(super) async fn write_admission(&self, admission: &Admission<'_>) -> PortResult<Write<()>> {
        for _ in 0..TRIES_MAX {
            let writes = self.admission(admission).map_err(|error| unbuilt(&error))?;
            let call = self.client.transact_write_items().set_transact_items(Some(writes));
            if self.transact(call, "person").await?.is_done() || self.is_saved(admission.user).await? {
                return Ok(Write::Done);
            }
            if !self.free_address(&admission.user.email).await? {
                break;
            }
        }
        Ok(Write::Conflict(()))
    }

    fn admission(&self, admission: &Admission<'_>) -> Result<Vec<TransactWriteItem>, BuildError> {
        let Admission { user, founds, invitation } = admission;
        let pointer = |kind: &str, to: String| {
            Builder::keyed(keys::organization(user.organization), format!("{kind}{to}")).build()
        };
        let mut writes = vec![
            self.put_next(users::item(user), user.rev)?,
            self.put_next(address_item(&user.email, user.id), 1)?,
            self.put_over(pointer(keys::USER_POINTER, user.id.to_string()))?,
        ];
        match founds {
            Some((organization, workspace)) => writes.extend([
                self.put_next(tenants::organization_item(organization), 1)?,
                self.put_next(tenants::workspace_item(workspace), 1)?,
                self.put_over(pointer(keys::WORKSPACE_POINTER, workspace.id.to_string()))?,
            ]),
            None => writes.push(self.must_exist(user.organization)?),
        }
        if let Some(invitation) = invitation {
            writes.push(self.take(*invitation)?);
        }
        Ok(writes)
    }

    pub(super) async fn write_claim(&self, user: &User, claim: &Claim) -> PortResult<Write<()>> {
        let writes = || -> Result<_, BuildError> {
            Ok(vec![self.put_next(users::item(user), user.rev)?, self.put_next(claim_item(claim), claim.rev)?])
        };
        let writes = writes().map_err(|error| unbuilt(&error))?;
        let call = self.client.transact_write_items().set_transact_items(Some(writes));
        match self.transact(call, "claim").await? {
            Write::Done => Ok(Write::Done),
            Write::Conflict(()) => self.is_saved(user).await.map(Write::done_if),
        }
    }

    /// Deletes the person with the pointer to them, and the address if it is theirs: together, so that no address names
    /// nobody.
    pub(super) async fn delete_person(&self, user: &User) -> PortResult<()> {
        for _ in 0..TRIES_MAX {
            let is_theirs = self.get_address(&user.email).await?.owner == Some(user.id);
            let pointer = format!("{}{}", keys::USER_POINTER, user.id);
            let rows = || -> Result<_, BuildError> {
                let mut rows = vec![
                    self.delete_any(keys::user(user.id), keys::USER)?,
                    self.delete_any(keys::organization(user.organization), &pointer)?,
                ];
                if is_theirs {
                    rows.push(self.delete_address(&user.email, user.id)?);
                }
                Ok(rows)
            };
            let rows = rows().map_err(|error| unbuilt(&error))?;
            let call = self.client.transact_write_items().set_transact_items(Some(rows));
            if self.transact(call, "person").await?.is_done() {
                return Ok(());
            }
        }
        Err(PortError::Contended { row: "address", writes: TRIES_MAX })
    }

    /// Deletes the row of an address whose person is gone; returns whether it did. A command of 0.2.0 that deletes an
    /// organisation leaves such rows.
    async fn free_address(&self, email: &Email) -> PortResult<bool> {
        let Some(owner) = self.get_address(email).await?.owner else { return Ok(false) };
        if self.get_user(owner).await?.is_some() {
            return Ok(false);
        }
        let delete = self.delete_address(email, owner).map_err(|error| unbuilt(&error))?;
        let call = self.client.transact_write_items().transact_items(delete);
        self.transact(call, "address").await.map(|write| write.is_done())
    }

    /// Whether the person's row is the one that was to be written: an earlier try of the same call may have succeeded.
    async fn is_saved(&self, user: &User) -> PortResult<bool> {
        let stored = self.get_user(user.id).await?;
        Ok(stored.is_some_and(|stored| stored.rev == user.rev && is_same_write(&stored.nonce, &user.nonce)))
    }

    fn put_next(&self, item: Item, rev: u64) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = match rev {
            0 | 1 => put.condition_expression("attribute_not_exists(pk)"),
            rev => put.condition_expression("rev = :seen").expression_attribute_values(":seen", number(rev - 1)),
        };
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    fn put_over(&self, item: Item) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    fn must_exist(&self, organization: OrganizationId) -> Result<TransactWriteItem, BuildError> {
        let key = Builder::keyed(keys::organization(organization), keys::ORGANIZATION).build();
        let check = ConditionCheck::builder().table_name(&self.table).set_key(Some(key));
        let check = check.condition_expression("attribute_exists(pk)").build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    fn take(&self, invitation: InvitationId) -> Result<TransactWriteItem, BuildError> {
        let key = Builder::keyed(keys::INVITATIONS.into(), invitation.to_string()).build();
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key));
        let delete = delete.condition_expression("attribute_exists(pk)").build()?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    fn delete_any(&self, pk: String, sk: &str) -> Result<TransactWriteItem, BuildError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(Builder::keyed(pk, sk).build()));
        Ok(TransactWriteItem::builder().delete(delete.build()?).build())
    }

    fn delete_address(&self, email: &Email, owner: UserId) -> Result<TransactWriteItem, BuildError> {
        let key = Builder::keyed(keys::address(email), keys::ADDRESS).build();
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key));
        let delete =
            delete.condition_expression("usr = :usr").expression_attribute_values(":usr", text(owner.to_string()));
        Ok(TransactWriteItem::builder().delete(delete.build()?).build())
    }
}
