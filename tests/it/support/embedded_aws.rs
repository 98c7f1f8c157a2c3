//! The embedded AWS with this system's table and queue, and the real SDK clients on it.

use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use pinbridge_local::aws::{LocalAws, Options};

pub const TABLE: &str = "pinbridge";

pub async fn start() -> LocalAws {
    LocalAws::start(Options::default()).await.expect("the embedded AWS starts")
}

macro_rules! client {
    ($name:ident, $sdk:ident) => {
        pub fn $name(aws: &LocalAws) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version_latest()
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("AKLOCAL", "secret", None, None, "test"))
                .endpoint_url(aws.endpoint_url())
                .build();
            $sdk::Client::from_conf(config)
        }
    };
}
client!(dynamodb, aws_sdk_dynamodb);
client!(sqs, aws_sdk_sqs);
client!(secrets_manager, aws_sdk_secretsmanager);

/// The table as template.yaml describes it.
pub async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let names = ["pk", "sk", "lpk", "lsk", "wpk", "wsk"];
    let attributes = names.map(|name| {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        attribute.build().expect("an attribute")
    });
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.to_vec()))
        .set_key_schema(Some(key("pk", "sk")))
        .global_secondary_indexes(index("listing", "lpk", "lsk"))
        .global_secondary_indexes(index("waiting", "wpk", "wsk"))
        .send()
        .await
        .expect("the table is created");
}

fn key(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    vec![element(hash, KeyType::Hash).expect("a key"), element(range, KeyType::Range).expect("a key")]
}

fn index(name: &str, hash: &str, range: &str) -> GlobalSecondaryIndex {
    let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let index = GlobalSecondaryIndex::builder().index_name(name).projection(keys_only);
    index.set_key_schema(Some(key(hash, range))).build().expect("an index")
}
