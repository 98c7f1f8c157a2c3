//! People's rows.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::item::{Builder, Item, Reader, moment, unreadable};
use super::{DynamoStore, keys};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::secret::Secret;
use crate::domain::tenant::session::SessionId;
use crate::domain::tenant::user::{Email, Ended, Role, User};
use crate::domain::time::Moment;
use crate::ports::{PortResult, Write};

fn item(user: &User) -> Item {
    let row = Builder::keyed(keys::user(user.id), keys::USER)
        .text("email", user.email.as_str())
        .maybe_text("name", user.full_name.as_deref())
        .text("tz", &user.timezone)
        .text("pw", user.password.expose())
        .text("org", user.organization.to_string())
        .text("role", user.role.name())
        .number("epoch", user.epoch)
        .value("at", moment(user.created_at))
        .number("rev", user.rev)
        .text("n", &user.nonce);
    let ended = user.ended.iter().map(|one| (one.session.0.to_string(), moment(one.until)));
    if user.ended.is_empty() { row } else { row.value("ended", AttributeValue::M(ended.collect())) }.build()
}

/// Sessions that were logged out, the first to be forgotten first. 0.2.0 wrote none.
fn ended(item: &Item) -> PortResult<Vec<Ended>> {
    let Some(rows) = item.get("ended").and_then(|value| value.as_m().ok()) else { return Ok(Vec::new()) };
    let one = |(session, until): (&String, &AttributeValue)| {
        let until = Moment(until.as_n().ok()?.parse().ok()?);
        Some(Ended { session: SessionId(session.parse().ok()?), until })
    };
    let mut all: Vec<Ended> = rows.iter().map(one).collect::<Option<_>>().ok_or_else(|| unreadable("ended"))?;
    all.sort_by_key(|one| (one.until, one.session));
    Ok(all)
}

fn read(id: UserId, item: &Item) -> PortResult<User> {
    let row = Reader(item);
    Ok(User {
        id,
        email: Email::parse(&row.text("email")?).ok_or_else(|| unreadable("email"))?,
        full_name: row.maybe_text("name"),
        timezone: row.text("tz")?,
        password: Secret::new(row.text("pw")?),
        organization: row.text("org")?.parse().map_err(|_| unreadable("org"))?,
        role: Role::parse(&row.text("role")?).ok_or_else(|| unreadable("role"))?,
        epoch: row.number("epoch")?,
        ended: ended(item)?,
        created_at: row.moment("at")?,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

impl DynamoStore {
    pub(super) async fn write_user(&self, next: &User) -> PortResult<Write<()>> {
        if next.rev <= 1 {
            self.point(next.organization, keys::USER_POINTER, &next.id.to_string()).await?;
        }
        self.put_revision(item(next), next.rev, &next.nonce).await
    }

    pub(super) async fn get_user(&self, id: UserId) -> PortResult<Option<User>> {
        let item = self.get(keys::user(id), keys::USER, true).await?;
        item.map(|item| read(id, &item)).transpose()
    }

    pub(super) async fn list_users(&self, organization: OrganizationId) -> PortResult<Vec<User>> {
        let ids: Vec<UserId> = self.pointers(organization, keys::USER_POINTER).await?;
        let rows = try_join_all(ids.into_iter().map(|id| self.get_user(id))).await?;
        Ok(rows.into_iter().flatten().filter(|user| user.organization == organization).collect())
    }
}
