//! The counts of wrong passwords, and the sources that people logged in from.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::item::{Builder, Item, Reader, moment, number, unreadable};
use super::{DynamoStore, failed, keys};
use crate::domain::ids::UserId;
use crate::domain::tenant::login::{AddressAttempts, AddressId, Bucket, Failures, Source, SourceAttempts};
use crate::domain::time::Moment;
use crate::ports::{PortResult, Write};

fn source_item(attempts: &SourceAttempts) -> Item {
    let failures = attempts.failures.iter().map(|(address, failures)| {
        let of = AttributeValue::L(vec![moment(failures.since), number(failures.count)]);
        (address.0.clone(), of)
    });
    Builder::keyed(keys::login_source(&attempts.source), keys::LOGIN_SOURCE)
        .value("by", AttributeValue::M(failures.collect()))
        .number("rev", attempts.rev)
        .text("n", &attempts.nonce)
        .number("expires_at", attempts.expires_at().unix_seconds())
        .build()
}

fn failures(value: &AttributeValue) -> Option<Failures> {
    let [since, count] = value.as_l().ok()?.as_slice() else { return None };
    Some(Failures { since: Moment(since.as_n().ok()?.parse().ok()?), count: count.as_n().ok()?.parse().ok()? })
}

fn read_source(source: &Source, item: &Item) -> PortResult<SourceAttempts> {
    let row = Reader(item);
    let by = item.get("by").and_then(|value| value.as_m().ok()).ok_or_else(|| unreadable("by"))?;
    let read = by.iter().map(|(address, value)| Some((AddressId(address.clone()), failures(value)?)));
    Ok(SourceAttempts {
        source: source.digest(),
        failures: read.collect::<Option<_>>().ok_or_else(|| unreadable("by"))?,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

fn address_item(attempts: &AddressAttempts) -> Item {
    Builder::keyed(keys::login_address(attempts.bucket), keys::LOGIN_ADDRESS)
        .value("since", moment(attempts.since))
        .number("count", attempts.count)
        .maybe_moment("lifted", attempts.lifted_at)
        .number("rev", attempts.rev)
        .text("n", &attempts.nonce)
        .number("expires_at", attempts.expires_at().unix_seconds())
        .build()
}

impl DynamoStore {
    pub(super) async fn write_source_attempts(&self, next: &SourceAttempts) -> PortResult<Write<()>> {
        self.put_revision(source_item(next), next.rev, &next.nonce).await
    }

    pub(super) async fn get_source_attempts(&self, source: &Source) -> PortResult<SourceAttempts> {
        let item = self.get(keys::login_source(&source.digest()), keys::LOGIN_SOURCE, true).await?;
        item.map_or_else(|| Ok(SourceAttempts::none(source)), |item| read_source(source, &item))
    }

    pub(super) async fn delete_source_attempts(&self, source: &Source) -> PortResult<bool> {
        let key = Builder::keyed(keys::login_source(&source.digest()), keys::LOGIN_SOURCE).build();
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        let output = delete.return_values(ReturnValue::AllOld).send().await.map_err(failed)?;
        Ok(output.attributes.is_some())
    }

    pub(super) async fn write_address_attempts(&self, next: &AddressAttempts) -> PortResult<Write<()>> {
        self.put_revision(address_item(next), next.rev, &next.nonce).await
    }

    pub(super) async fn get_address_attempts(&self, bucket: Bucket) -> PortResult<AddressAttempts> {
        let Some(item) = self.get(keys::login_address(bucket), keys::LOGIN_ADDRESS, true).await? else {
            return Ok(AddressAttempts::none(bucket));
        };
        let row = Reader(&item);
        Ok(AddressAttempts {
            bucket,
            since: row.moment("since")?,
            count: row.number("count")?,
            lifted_at: row.maybe_moment("lifted"),
            rev: row.number("rev")?,
            nonce: row.text("n")?,
        })
    }

    pub(super) async fn put_known_source(&self, user: UserId, source: &Source, until: Moment) -> PortResult<()> {
        let row = Builder::keyed(keys::user(user), keys::known_source(&source.known_to(user)));
        self.put(row.number("expires_at", until.unix_seconds()).build()).await
    }

    pub(super) async fn has_known_source(&self, user: UserId, source: &Source, now: Moment) -> PortResult<bool> {
        let sk = keys::known_source(&source.known_to(user));
        let item = self.get(keys::user(user), &sk, true).await?;
        Ok(item.and_then(|item| Reader(&item).maybe_expiry("expires_at")).is_some_and(|until| until > now))
    }
}
