//! The embedded AWS with this system's table and queue, and the real SDK clients on it.

use aws_sdk_dynamodb::config::{Credentials, Region};
use pinbridge_local::aws::{LocalAws, Options};

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
