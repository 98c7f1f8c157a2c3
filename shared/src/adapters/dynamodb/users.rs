//! People's rows, and their attempts to log in.

use futures_util::future::try_join_all;

use super::item::{Builder, Item, Reader, moment, unreadable};
use super::{DynamoStore, keys};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::secret::Secret;
use crate::domain::tenant::login::LoginAttempts;
use crate::domain::tenant::user::{Email, Role, User};
use crate::ports::{PortResult, Write};

fn item(user: &User) -> Item {
    Builder::keyed(keys::user(user.id), keys::USER)
        .text("email", user.email.as_str())
        .maybe_text("name", user.full_name.as_deref())
        .text("tz", &user.timezone)
        .text("pw", user.password.expose())
        .text("org", user.organization.to_string())
        .text("role", user.role.name())
        .number("epoch", user.epoch)
        .value("at", moment(user.created_at))
        .number("rev", user.rev)
        .text("n", &user.nonce)
        .build()
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

    pub(super) async fn write_login_attempts(&self, next: &LoginAttempts) -> PortResult<Write<()>> {
        let row = Builder::keyed(keys::user(next.user), keys::ATTEMPTS)
            .value("since", moment(next.since))
            .number("count", next.count)
            .number("rev", next.rev)
            .text("n", &next.nonce)
            .number("expires_at", next.expires_at().unix_seconds());
        self.put_revision(row.build(), next.rev, &next.nonce).await
    }

    pub(super) async fn get_login_attempts(&self, user: UserId) -> PortResult<LoginAttempts> {
        let Some(item) = self.get(keys::user(user), keys::ATTEMPTS, true).await? else {
            return Ok(LoginAttempts::none(user));
        };
        let row = Reader(&item);
        Ok(LoginAttempts {
            user,
            since: row.moment("since")?,
            count: row.number("count")?,
            rev: row.number("rev")?,
            nonce: row.text("n")?,
        })
    }
}
