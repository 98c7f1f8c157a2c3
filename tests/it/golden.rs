//! Golden files: what each version stored and sent. They cover the table's rows and index keys, the secrets, the
//! queues' messages, and the texts that clients keep, such as cursors.
//!
//! `golden/<version>/` holds what that version's adapters wrote for fixed values. The tests check that
//! - this build writes the same files for the same values (newest version only), and
//! - this build reads the values back from the files of every version.
//!
//! To change a stored format, raise [`fixture::VERSION`], run the tests with `PINBRIDGE_GOLDEN=write`, then run them
//! without it, and review the difference between the two folders. The folder of a released version never changes: write
//! mode refuses every version but the newest one, and that one too once it is the workspace's version in `Cargo.toml`.

mod accounts;
mod clients;
mod deferred;
mod fixed;
mod fixture;
mod messages;
mod publishing;
mod secrets;
mod tenants;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

use pinbridge_local::aws::LocalAws;
use pinbridge_local::resources;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::dynamodb::row_kinds::{self, Purged, RowKind};
use serde_json::json;

use crate::support::embedded_aws;
use fixture::Item;

/// A table of its own, and the client that sees its raw items.
struct Table {
    store: DynamoStore,
    client: aws_sdk_dynamodb::Client,
    aws: LocalAws,
}

impl Table {
    async fn fresh() -> Self {
        let aws = embedded_aws::start().await;
        let client = embedded_aws::dynamodb(&aws);
        resources::create_table(&client).await.expect("the table is created");
        Self { store: DynamoStore::new(client.clone(), resources::TABLE), client, aws }
    }

    async fn items(&self) -> Vec<Item> {
        let mut pages = self.client.scan().table_name(resources::TABLE).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.expect("scanned").items.unwrap_or_default());
        }
        items
    }

    async fn put(&self, item: Item) {
        let put = self.client.put_item().table_name(resources::TABLE).set_item(Some(item));
        put.send().await.expect("written");
    }
}

/// Kinds of rows that a version did not have yet.
const NEWER_THAN: [(&str, &str); 17] = [
    ("0.2.0", "samples of pins that ended a moment ago"),
    ("0.2.0", "board list"),
    ("0.2.0", "claim to list the boards"),
    ("0.2.0", "words about an attempt"),
    ("0.2.0", "pacing row of a Pinterest user"),
    ("0.2.0", "a source that they logged in from"),
    ("0.2.0", "wrong passwords from a source"),
    ("0.2.0", "wrong passwords for an address"),
    ("0.2.0", "whose an address is"),
    ("0.2.0", "the newest claim of an address"),
    ("0.2.0", "invitation"),
    ("0.2.0", "credit of a caller"),
    ("0.2.0", "webhook endpoint, or the mark of a deleted one"),
    ("0.2.0", "health of a webhook endpoint"),
    ("0.2.0", "newest replay of a webhook"),
    ("0.2.0", "webhook delivery"),
    ("0.2.0", "task token"),
];
/// The sort key of rows that are neither written nor read any more: 0.2.0 counted attempts to log in there, for 15
/// minutes.
const RETIRED: &str = "attempts";

/// The name of the file that holds a row: the first word of its partition key, and the first word of its sort key
/// unless that is an id, a hash or a time.
fn file_of(pk: &str, sk: &str) -> String {
    if pk == sk {
        return pk.replace('#', "-");
    }
    let is_word = |part: &&str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    let part = pk.split('#').find(is_word).expect("every partition is named");
    match sk.split('#').next().filter(is_word) {
        Some(word) => format!("{part}-{word}"),
        None => part.to_owned(),
    }
}

fn kind_of(pk: &str, sk: &str) -> &'static str {
    // The marks share the first word of their keys with the clock's rows.
    let is_mark = |kind: &&RowKind| kind.purged == Purged::Stays && kind.name.contains("lease");
    let mark = row_kinds::ALL.iter().find(is_mark).filter(|_| pk == sk);
    mark.or_else(|| RowKind::of(pk, sk)).unwrap_or_else(|| panic!("{pk} {sk} is of no kind")).name
}

#[tokio::test]
async fn every_kind_of_row_is_written_as_before() {
    let table = Table::fresh().await;
    publishing::write(&table.store).await;
    deferred::write(&table.store).await;
    accounts::write(&table.store).await;
    tenants::write(&table.store).await;
    webhooks::write(&table.store).await;
    let mut files: BTreeMap<String, BTreeMap<(String, String), Item>> = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for item in table.items().await {
        let (pk, sk) = fixture::key(&item);
        kinds.insert(kind_of(&pk, &sk));
        files.entry(file_of(&pk, &sk)).or_default().insert((pk, sk), item);
    }
    for kind in row_kinds::ALL {
        assert!(kinds.contains(kind.name), "no row of the kind \"{}\" is among the golden rows", kind.name);
    }
    fixture::check_rows(&files);
}

#[tokio::test]
async fn the_rows_of_every_version_are_read() {
    for version in fixture::versions() {
        let table = Table::fresh().await;
        for item in fixture::rows(&version) {
            table.put(item).await;
        }
        publishing::read(&table.store).await;
        deferred::read(&table.store, &version).await;
        accounts::read(&table.store).await;
        tenants::read(&table.store, &version).await;
        webhooks::read(&table.store, &version).await;
    }
}

#[tokio::test]
async fn every_kind_of_row_is_in_the_committed_files() {
    for version in fixture::versions() {
        let rows = fixture::rows(&version);
        let keys = rows.iter().map(fixture::key).filter(|(_, sk)| sk != RETIRED);
        let kinds: BTreeSet<&str> = keys.map(|(pk, sk)| kind_of(&pk, &sk)).collect();
        let is_newer = |name: &&str| NEWER_THAN.contains(&(version.as_str(), *name));
        let names = row_kinds::ALL.iter().map(|kind| kind.name).filter(|name| !is_newer(name));
        let lacking: Vec<&str> = names.filter(|name| !kinds.contains(name)).collect();
        assert!(lacking.is_empty(), "{version} has no rows of the kinds {lacking:?}");
    }
}

#[tokio::test]
async fn the_table_and_its_indexes_are_named_as_before() {
    let table = Table::fresh().await;
    let shown = table.client.describe_table().table_name(resources::TABLE).send().await.expect("described");
    let shown = shown.table().expect("a table");
    let keys = |schema: &[aws_sdk_dynamodb::types::KeySchemaElement]| -> Vec<String> {
        schema.iter().map(|key| format!("{} {}", key.attribute_name(), key.key_type())).collect()
    };
    let indexes: BTreeMap<&str, Vec<String>> = shown
        .global_secondary_indexes()
        .iter()
        .map(|index| (index.index_name().expect("a name"), keys(index.key_schema())))
        .collect();
    let ttl = table.client.describe_time_to_live().table_name(resources::TABLE).send().await.expect("described");
    let expiry = ttl.time_to_live_description().and_then(|ttl| ttl.attribute_name()).expect("expiry is on");
    fixture::check("table", &json!({"key": keys(shown.key_schema()), "indexes": indexes, "expiry": expiry}));
}
