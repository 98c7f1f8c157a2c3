//! The keys that sign receipts in Secrets Manager: made once, and replaced only by what was read.

use std::sync::Arc;

use futures_util::future::join_all;
use pinbridge_local::aws::LocalAws;
use pinbridge_shared::adapters::receipt_keys::{PUBLISHED_FOR_MS, SIGNS_FOR_MS, SecretsManagerReceiptKeys};
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::ports::ReceiptKeys;
use pinbridge_shared::testing::manual_system::ManualSystem;
use serde_json::Value;

use crate::support::embedded_aws;

const NAME: &str = "pinbridge/receipt-key";

fn process(aws: &LocalAws) -> SecretsManagerReceiptKeys {
    SecretsManagerReceiptKeys::new(embedded_aws::secrets_manager(aws), "pinbridge", Arc::new(RealSystem::default()))
}

async fn stored(aws: &LocalAws) -> Value {
    let read = embedded_aws::secrets_manager(aws).get_secret_value().secret_id(NAME).send().await.expect("there");
    serde_json::from_str(read.secret_string().expect("a text")).expect("JSON")
}

#[tokio::test]
async fn processes_that_need_a_key_at_once_agree_on_it() {
    let aws = embedded_aws::start().await;
    let processes = [process(&aws), process(&aws), process(&aws), process(&aws)];
    let first = join_all(processes.iter().map(|keys| keys.signing())).await;
    let keys: Vec<_> = first.into_iter().map(|key| key.expect("a key")).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(process(&aws).public().await.expect("keys"), [keys[0].public.clone()], "a later process too");
}

#[tokio::test]
async fn rotations_of_several_processes_lose_no_key_and_old_private_parts_are_not_kept() {
    let aws = embedded_aws::start().await;
    let (one, other) = (process(&aws), process(&aws));
    let first = one.signing().await.expect("a key").public;
    assert_eq!(other.signing().await.expect("a key").public, first);
    for keys in [&one, &other] {
        assert!(keys.rotate().await.expect("rotated").contains(&first));
    }
    let published = process(&aws).public().await.expect("keys");
    assert_eq!((published.len(), published.last()), (3, Some(&first)));
    let stored = stored(&aws).await;
    let has_seed: Vec<bool> =
        stored["keys"].as_array().expect("keys").iter().map(|key| key["seed"].is_string()).collect();
    assert_eq!(has_seed, [true, false, false]);
    assert_eq!(stored["keys"][0]["kid"], published[0].kid);
}

#[tokio::test]
async fn another_process_publishes_a_new_key_within_seconds_and_signs_with_it_within_minutes() {
    let aws = embedded_aws::start().await;
    let system = Arc::new(ManualSystem::new(Moment(1_767_225_600_000), 1));
    let client = embedded_aws::secrets_manager(&aws);
    let other = SecretsManagerReceiptKeys::new(client, "pinbridge", system.clone());
    let first = other.signing().await.expect("a key");
    let rotated = process(&aws).rotate().await.expect("rotated");
    assert_eq!(other.public().await.expect("keys"), std::slice::from_ref(&first.public));
    assert_eq!(other.signing().await.expect("a key"), first);
    system.advance_ms(PUBLISHED_FOR_MS);
    assert_eq!(other.public().await.expect("keys"), rotated);
    let second = process(&aws).rotate().await.expect("rotated");
    system.advance_ms(SIGNS_FOR_MS - 1);
    assert_eq!(other.signing().await.expect("a key").public, rotated[0]);
    system.advance_ms(1);
    assert_eq!(other.signing().await.expect("a key").public, second[0]);
}

#[tokio::test]
async fn an_unreadable_secret_is_an_error_that_does_not_show_it() {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::secrets_manager(&aws);
    client.create_secret().name(NAME).secret_string("{}").send().await.expect("created");
    for text in
        ["{}", r#"{"keys":[]}"#, r#"{"keys":[{"kid":"k","x":"x"}]}"#, r#"{"keys":[{"kid":"k","x":"x","seed":"x"}]}"#]
    {
        client.put_secret_value().secret_id(NAME).secret_string(text).send().await.expect("put");
        let error = process(&aws).signing().await.expect_err("refused").to_string();
        assert_eq!(error, "receipt keys failed: the secret of the receipt keys is unreadable", "{text}");
        assert!(process(&aws).rotate().await.is_err(), "it isn't replaced either");
    }
}
