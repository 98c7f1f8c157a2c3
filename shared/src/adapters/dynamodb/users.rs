//! People's rows. [`addresses`](super::addresses) writes the first version of one.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::item::{Builder, Item, Reader, bytes, moment, unreadable};
use super::{DynamoStore, keys};
use crate::domain::ids::{OrganizationId, UserId};
use crate::domain::secret::Secret;
use crate::domain::tenant::one_time::TokenHash;
use crate::domain::tenant::proof::{Awaited, Proof};
use crate::domain::tenant::session::SessionId;
use crate::domain::tenant::user::{Email, Ended, Role, User};
use crate::domain::time::Moment;
use crate::ports::{PortResult, Write};

pub(super) fn item(user: &User) -> Item {
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
    let row = if user.ended.is_empty() { row } else { row.value("ended", AttributeValue::M(ended.collect())) };
    match &user.proof {
        Proof::Proven(at) => row.value("proven", moment(*at)),
        Proof::Awaited(Awaited { until, workspace, workspace_name, link, link_until }) => row
            .text("ws", workspace.to_string())
            .text("wsname", workspace_name)
            .value("link", bytes(link.0.to_vec()))
            .value("luntil", moment(*link_until))
            .value("until", moment(*until))
            .number("expires_at", until.unix_seconds()),
    }
    .build()
}

/// Whoever was there before addresses were proven counts as proven.
fn proof(item: &Item, created_at: Moment) -> PortResult<Proof> {
    let row = Reader(item);
    let Some(until) = row.maybe_moment("until") else {
        return Ok(Proof::Proven(row.maybe_moment("proven").unwrap_or(created_at)));
    };
    Ok(Proof::Awaited(Awaited {
        until,
        workspace: row.text("ws")?.parse().map_err(|_| unreadable("ws"))?,
        workspace_name: row.text("wsname")?,
        link: TokenHash(row.bytes("link")?.try_into().map_err(|_| unreadable("link"))?),
        link_until: row.moment("luntil")?,
    }))
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
        proof: proof(item, row.moment("at")?)?,
        created_at: row.moment("at")?,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

impl DynamoStore {
    pub(super) async fn write_user(&self, next: &User) -> PortResult<Write<()>> {
        // A first version is written with its address only.
        if next.rev <= 1 { Ok(Write::Conflict(())) } else { self.put_revision(item(next), next.rev, &next.nonce).await }
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
