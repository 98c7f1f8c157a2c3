//! The workspace's API keys.

use pinbridge_shared::domain::tenant::NAME_MAX;
use pinbridge_shared::domain::tenant::api_key::{ALLOWED_MAX, KeySource};
use pinbridge_shared::domain::tenant::scope::Scope;
use schemars::JsonSchema;
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::{Example, Operation, delete, get, patch, post, tagged};
use super::pins::ACCOUNT;
use super::types::{FILLED, Time, names};

const KEY: &str = "3f2b8f0e-9a51-4f8b-8a3e-6c1d2e4f5a6b";

pub fn operations() -> Vec<Operation> {
    tagged(
        "API keys",
        vec![
            post("/v1/api-keys", "create_api_key", "Create a key")
                .about("The key itself is in this answer and nowhere else. Without `scopes` it may do everything.")
                .takes::<ApiKeyCreate>()
                .answers::<NewApiKey>(201, "The key.")
                .refuses(&["too_many_keys", "not_found", "key_revoked"]),
            get("/v1/api-keys", "list_api_keys", "List the workspace's keys")
                .answers::<Vec<ApiKey>>(200, "The keys, without the keys themselves."),
            patch("/v1/api-keys/{id}", "update_api_key", "Change a key")
                .about("What isn't named, or is null, stays. An allow-list can be changed, and is never lifted.")
                .path::<Uuid>("id", "The key's id.", KEY)
                .takes::<ApiKeyUpdate>()
                .answers::<ApiKey>(200, "The key as it is now.")
                .refuses(&["not_found", "key_revoked", "too_many_keys"]),
            delete("/v1/api-keys/{id}", "revoke_api_key", "Revoke a key")
                .path::<Uuid>("id", "The key's id.", KEY)
                .answers_nothing("The key is revoked.")
                .refuses(&["not_found", "validation_error", "key_revoked", "too_many_keys"]),
        ],
    )
}

names!(ScopeName, "One kind of thing to do; none implies another.", Scope::ALL.map(Scope::name));
names!(Source, "Who made the key.", [KeySource::Manual.name(), KeySource::OAuth.name()]);

/// A key to be created.
#[derive(JsonSchema)]
pub struct ApiKeyCreate {
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = FILLED))]
    pub name: String,
    #[schemars(length(min = 1))]
    pub scopes: Option<Vec<ScopeName>>,
    /// The accounts that the key may use; an empty list opens none.
    #[schemars(length(max = ALLOWED_MAX))]
    pub pinterest_account_ids: Option<Vec<Uuid>>,
}

impl Example for ApiKeyCreate {
    fn example() -> Value {
        json!({"name": "n8n", "scopes": ["read", "write"], "pinterest_account_ids": [ACCOUNT]})
    }
}

/// What of a key is to be changed: at least one field.
#[derive(JsonSchema)]
pub struct ApiKeyUpdate {
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = FILLED))]
    pub name: Option<String>,
    #[schemars(length(min = 1))]
    pub scopes: Option<Vec<ScopeName>>,
    #[schemars(length(max = ALLOWED_MAX))]
    pub pinterest_account_ids: Option<Vec<Uuid>>,
}

impl Example for ApiKeyUpdate {
    fn example() -> Value {
        json!({"name": "n8n, reading", "scopes": ["read"]})
    }
}

/// A key, without the key itself.
#[derive(JsonSchema)]
pub struct ApiKey {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub name: String,
    pub scopes: Vec<ScopeName>,
    pub pinterest_account_ids: Option<Vec<Uuid>>,
    pub source: Source,
    pub client_name: Option<String>,
    pub authorized_by_email: Option<String>,
    pub last_used_at: Option<Time>,
    pub created_at: Time,
    pub revoked_at: Option<Time>,
}

/// The same with the key itself.
#[derive(JsonSchema)]
pub struct NewApiKey {
    #[schemars(flatten)]
    pub key: ApiKey,
    /// Shown once.
    pub api_key: String,
}

impl Example for ApiKey {
    fn example() -> Value {
        json!({
            "id": KEY,
            "workspace_id": "00000000-0000-0000-0000-00000000000a",
            "name": "n8n",
            "scopes": ["read", "write"],
            "pinterest_account_ids": [ACCOUNT],
            "source": "manual",
            "client_name": null,
            "authorized_by_email": "ada@example.com",
            "last_used_at": null,
            "created_at": "2026-11-23T12:00:00.000Z",
            "revoked_at": null,
        })
    }
}

impl Example for NewApiKey {
    fn example() -> Value {
        let mut example = ApiKey::example();
        example["api_key"] = json!("pb_live_…");
        example
    }
}
