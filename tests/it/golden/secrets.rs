//! The secrets in Secrets Manager (accounts' tokens, data keys, the session key, the Pinterest app's secret), and the
//! rows that are sealed under the data keys.
//!
//! Data keys, sealed bytes and the session key are random. Their files were written once; what this build writes is
//! compared by names, kinds and lengths.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use pinbridge_shared::adapters::app_secret::AppSecret;
use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::adapters::envelope::Envelope;
use pinbridge_shared::adapters::secrets::SecretsManager;
use pinbridge_shared::adapters::session_keys::SecretsManagerKeys;
use pinbridge_shared::adapters::system::RealSystem;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::ports::{Custody, Secrets, SessionKeys, Stored, System, Tokens};
use serde_json::{Value, json};

use super::Table;
use super::fixed::{account, at};
use super::fixture;
use crate::support::embedded_aws;

const PREFIX: &str = "pinbridge";
const DATA_KEYS: &str = "pinbridge/data-keys";
const SESSION_KEY: &str = "pinbridge/session-key";
const APP_SECRET: &str = "pinbridge/pinterest-app-secret";
const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

fn system() -> Arc<dyn System> {
    Arc::new(RealSystem::default())
}

fn version(number: u8) -> String {
    format!("{number:064x}")
}

fn full() -> Tokens {
    Tokens {
        access: Secret::new("pina_access"),
        refresh: Some(Secret::new("pinr_refresh")),
        access_expires_at: Some(at(1_000)),
        refresh_expires_at: Some(at(2_000)),
        scopes: Some("pins:read,pins:write".into()),
    }
}

/// Of an account with a pending refresh, and of an account with an access token only.
fn custodies() -> [Custody; 2] {
    let current = Stored { version: version(1), follows: None, tokens: full() };
    let next = Tokens { access: Secret::new("pina_next"), ..full() };
    let pending = Stored { version: version(2), follows: Some(version(1)), tokens: next };
    let bare = Stored { version: version(3), follows: None, tokens: Tokens::bare("pina_bare", None) };
    [Custody { current: Some(current), pending: Some(pending) }, Custody { current: Some(bare), pending: None }]
}

async fn keep(secrets: &dyn Secrets) {
    for (number, custody) in (0..).zip(custodies()) {
        let current = custody.current.expect("tokens");
        secrets.store_tokens(account(number), &current.version, &current.tokens).await.expect("stored");
        if let Some(pending) = custody.pending {
            secrets.stage_tokens(account(number), &pending).await.expect("staged");
        }
    }
}

async fn read_kept(secrets: &dyn Secrets) {
    for (number, custody) in (0..).zip(custodies()) {
        assert_eq!(secrets.custody(account(number)).await.expect("read"), custody);
    }
}

/// Every secret with its stages: the id and the text of each version.
async fn held(client: &Client) -> Value {
    let mut secrets = BTreeMap::new();
    let listed = client.list_secrets().send().await.expect("listed");
    for name in listed.secret_list().iter().filter_map(|secret| secret.name()) {
        let mut stages = BTreeMap::new();
        for stage in [CURRENT, PENDING] {
            let get = client.get_secret_value().secret_id(name).version_stage(stage).send().await;
            if let Ok(held) = get {
                stages.insert(stage, json!({"version": held.version_id(), "text": held.secret_string()}));
            }
        }
        secrets.insert(name.to_owned(), json!(stages));
    }
    json!(secrets)
}

/// Creates secrets with the ids and texts of a committed file.
async fn put_back(client: &Client, secrets: &Value) {
    for (name, stages) in secrets.as_object().expect("secrets") {
        let text = |stage: &str, field: &str| stages[stage][field].as_str().expect("a text").to_owned();
        let create = client.create_secret().name(name).client_request_token(text(CURRENT, "version"));
        create.secret_string(text(CURRENT, "text")).send().await.expect("created");
        if !stages[PENDING].is_null() {
            let put = client.put_secret_value().secret_id(name).client_request_token(text(PENDING, "version"));
            put.secret_string(text(PENDING, "text")).version_stages(PENDING).send().await.expect("put");
        }
    }
}

/// The form of a value: names, kinds and lengths.
fn form(value: &Value) -> Value {
    // A data key's name is random, too.
    let is_name = |name: &str| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (if is_name(name) { "(id)".to_owned() } else { name.clone() }, form(value)))
            .collect(),
        Value::Array(values) => values.iter().map(form).collect(),
        Value::String(text) => json!(text.len()),
        Value::Number(_) => json!("number"),
        other => other.clone(),
    }
}

fn form_of_text(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(fields @ Value::Object(_)) => form(&fields),
        _ => json!(text.len()),
    }
}

fn text_of<'a>(secrets: &'a Value, name: &str) -> &'a str {
    secrets[name][CURRENT]["text"].as_str().expect("a text")
}

#[tokio::test]
async fn secrets_are_kept_as_before() {
    let aws = embedded_aws::start().await;
    let client = embedded_aws::secrets_manager(&aws);
    keep(&SecretsManager::new(client.clone(), PREFIX, system())).await;
    AppSecret::new(client.clone(), PREFIX).write(&Secret::new("the app's secret")).await.expect("written");
    SecretsManagerKeys::new(client.clone(), PREFIX, system()).keyring(true).await.expect("made");
    let mut now = held(&client).await;
    // What is random stays as it was made once.
    if let Some(committed) = fixture::committed_now("secrets") {
        assert_eq!(form_of_text(text_of(&now, SESSION_KEY)), form_of_text(text_of(&committed, SESSION_KEY)));
        now[SESSION_KEY] = committed[SESSION_KEY].clone();
        now[APP_SECRET][CURRENT]["version"] = committed[APP_SECRET][CURRENT]["version"].clone();
    }
    fixture::check("secrets", &now);
}

#[tokio::test]
async fn the_secrets_of_every_version_are_read() {
    for version in fixture::versions() {
        let aws = embedded_aws::start().await;
        let client = embedded_aws::secrets_manager(&aws);
        let committed = fixture::committed(&version, "secrets");
        put_back(&client, &committed).await;
        read_kept(&SecretsManager::new(client.clone(), PREFIX, system())).await;
        let app_secret = AppSecret::new(client.clone(), PREFIX).read().await.expect("read");
        assert!(app_secret == Secret::new("the app's secret"));
        let ring = SecretsManagerKeys::new(client, PREFIX, system()).keyring(true).await.expect("read");
        assert!(ring.current.secret == Secret::new(text_of(&committed, SESSION_KEY)));
        assert_eq!(ring.current.id, committed[SESSION_KEY][CURRENT]["version"]);
    }
}

/// Envelope mode over a table and secrets of its own.
fn envelope(table: &Table, client: Client) -> Envelope {
    let store = DynamoStore::new(table.client.clone(), pinbridge_local::resources::TABLE);
    Envelope::new(client, PREFIX, Arc::new(store), system())
}

#[tokio::test]
async fn tokens_are_sealed_as_before() {
    let table = Table::fresh().await;
    let client = embedded_aws::secrets_manager(&table.aws);
    keep(&envelope(&table, client.clone())).await;
    let rows: BTreeMap<(String, String), Value> =
        table.items().await.iter().map(|item| (fixture::key(item), fixture::json_of_item(item))).collect();
    let now = json!({"secrets": held(&client).await, "rows": rows.into_values().collect::<Vec<_>>()});
    let Some(committed) = fixture::committed_now("sealed") else {
        return fixture::check("sealed", &now);
    };
    let forms = |all: &Value| (form_of_text(text_of(&all["secrets"], DATA_KEYS)), form(&all["rows"]));
    assert_eq!(forms(&now), forms(&committed), "the forms of data keys and seals");
}

#[tokio::test]
async fn the_sealed_tokens_of_every_version_are_opened() {
    for version in fixture::versions() {
        let table = Table::fresh().await;
        let client = embedded_aws::secrets_manager(&table.aws);
        let committed = fixture::committed(&version, "sealed");
        put_back(&client, &committed["secrets"]).await;
        for row in committed["rows"].as_array().expect("rows") {
            table.put(fixture::item(row)).await;
        }
        read_kept(&envelope(&table, client)).await;
    }
}
