//! A started local AWS and the real SDK clients on it.
#![allow(dead_code)] // Each test file uses its part.

use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use pinbridge_local::aws::{LocalAws, Options};
use std::collections::HashMap;
use std::path::Path;

pub type Item = HashMap<String, AttributeValue>;

pub async fn memory() -> LocalAws {
    LocalAws::start(Options::default()).await.expect("starts")
}

pub async fn on(path: &Path) -> LocalAws {
    let options = Options { data_dir: Some(path.to_owned()), ..Options::default() };
    LocalAws::start(options).await.expect("starts")
}

pub fn credentials() -> Credentials {
    Credentials::new("AKLOCAL", "secret", None, None, "test")
}

macro_rules! client {
    ($name:ident, $sdk:ident) => {
        pub fn $name(aws: &LocalAws) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version_latest()
                .region(Region::new("eu-west-1"))
                .credentials_provider(credentials())
                .endpoint_url(aws.endpoint_url())
                .build();
            $sdk::Client::from_conf(config)
        }
    };
}
client!(dynamodb, aws_sdk_dynamodb);
client!(sqs, aws_sdk_sqs);
client!(secrets, aws_sdk_secretsmanager);

pub fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Table `items`: key `pk`+`sk`, a KEYS_ONLY index `by_kind` on `kind`, and a sparse
/// index `by_due` on `state`+`due`, which only items with both are in.
pub async fn table(db: &aws_sdk_dynamodb::Client) {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    };
    let attribute = |name: &str, kind: ScalarAttributeType| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let key =
        |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let index = |name: &str, projection: ProjectionType, keys: Vec<KeySchemaElement>| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .projection(Projection::builder().projection_type(projection).build())
            .set_key_schema(Some(keys))
            .build()
            .unwrap()
    };
    use ScalarAttributeType::{N, S};
    db.create_table()
        .table_name("items")
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(vec![
            attribute("pk", S.clone()),
            attribute("sk", S.clone()),
            attribute("kind", S.clone()),
            attribute("state", S),
            attribute("due", N),
        ]))
        .set_key_schema(Some(vec![key("pk", KeyType::Hash), key("sk", KeyType::Range)]))
        .global_secondary_indexes(index("by_kind", ProjectionType::KeysOnly, vec![key("kind", KeyType::Hash)]))
        .global_secondary_indexes(index(
            "by_due",
            ProjectionType::All,
            vec![key("state", KeyType::Hash), key("due", KeyType::Range)],
        ))
        .send()
        .await
        .expect("the table is made");
}
