//! The API keys of a workspace. Only callers with every permission manage keys, so that no key can create or extend a
//! key with more permissions than its own.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::pin::origin::Actor;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::NAME_MAX;
use pinbridge_shared::domain::tenant::api_key::{self, ALLOWED_MAX, KeySource};
use pinbridge_shared::domain::tenant::scope::{Scope, Scopes};
use pinbridge_shared::flows::tenants::api_keys::{self, KeyChange, KeyError, NewKey};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::activity::Resource;
use crate::auth::Caller;
use crate::endpoint::{ADMINISTER, Endpoint, delete, get, patch, post, tagged};
use crate::error::ApiError;
use crate::error::codes::{INVALID_API_KEY, INVALID_SESSION, KEY_REVOKED, NOT_FOUND, TOO_MANY_KEYS};
use crate::openapi::schema::{Time, names};
use crate::request::field::{Field, FromFields, Line, NotNull, Wrong, field_schema, request, uuid_at};
use crate::request::{self, Fields, JsonObject, path_id};
use crate::routes::examples::{ACCOUNT, KEY};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "API keys",
        vec![
            post("/v1/api-keys", ADMINISTER, create)
                .operation("create_api_key", "Create an API key")
                .about(
                    "The answer has the key in `api_key`. It is the only answer with it, so store it. In a sandbox \
                     it begins with `pb_test_`, otherwise with `pb_live_`. Without `scopes`, the key has every scope. Without `pinterest_account_ids`, the key may use every \
                     account. Neither may be `null`, and an unknown field is an error.",
                )
                .audited("api_key.created", Resource::Answer("id"), &["name"])
                .takes::<ApiKeyCreate>(
                    || json!({"name": "n8n", "scopes": ["read", "write"], "pinterest_account_ids": [ACCOUNT]}),
                )
                .answers::<NewApiKey>(201, "The created key.")
                .fails(&[TOO_MANY_KEYS, NOT_FOUND, KEY_REVOKED]),
            get("/v1/api-keys", ADMINISTER, list)
                .operation("list_api_keys", "List API keys")
                .answers::<Vec<ApiKey>>(200, "The keys, without `api_key`."),
            patch("/v1/api-keys/{id}", ADMINISTER, update)
                .operation("update_api_key", "Change an API key")
                .about(
                    "An omitted or `null` field keeps its value. The allow-list of a key can be changed, but not \
                     removed. An unknown field is an error.",
                )
                .audited("api_key.updated", Resource::Path, &["name"])
                .of_one("The id of the key.", KEY)
                .takes::<ApiKeyUpdate>(|| json!({"name": "n8n, reading", "scopes": ["read"]}))
                .answers::<ApiKey>(200, "The changed key.")
                .fails(&[KEY_REVOKED, TOO_MANY_KEYS]),
            delete("/v1/api-keys/{id}", ADMINISTER, revoke)
                .operation("revoke_api_key", "Revoke an API key")
                .audited("api_key.revoked", Resource::Path, &[])
                .of_one("The id of the key.", KEY)
                .answers_nothing("The key is revoked.")
                .fails(&[KEY_REVOKED, TOO_MANY_KEYS]),
        ],
    )
}

request! {
    /// An API key to create.
    #[schemars(deny_unknown_fields)]
    pub struct ApiKeyCreate {
        pub name: Line<NAME_MAX>,
        /// What the key may do. If omitted: everything.
        pub scopes: Option<NotNull<ScopeNames>>,
        /// The allow-list: the ids of the accounts that the key may use. With an empty list, it may use none.
        pub pinterest_account_ids: Option<NotNull<Accounts>>,
    }
}

request! {
    /// The changes of an API key. At least one field is required.
    #[schemars(deny_unknown_fields)]
    pub struct ApiKeyUpdate {
        pub name: Option<Line<NAME_MAX>>,
        pub scopes: Option<ScopeNames>,
        pub pinterest_account_ids: Option<Accounts>,
    }
}

names!(ScopeName, "A scope of an API key. No scope includes another.", Scope::ALL.map(Scope::name));
names!(Source, "How the key was created.", [KeySource::Manual.name(), KeySource::OAuth.name()]);

/// At least one scope.
#[derive(Clone, Copy, Debug)]
pub struct ScopeNames(Scopes);

field_schema!(
    ScopeNames = |generator| json_schema!({
        "type": "array", "items": generator.subschema_for::<ScopeName>(), "minItems": 1
    })
);

impl Field for ScopeNames {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let named = value.as_array().map(|items| items.iter().map(|item| item.as_str().and_then(Scope::parse)));
        let scopes: Option<Vec<Scope>> = named.and_then(Iterator::collect);
        match scopes {
            None => Err(Wrong::new("Input should be a list of 'read', 'write' or 'destructive'", "enum")),
            Some(scopes) if scopes.is_empty() => Err(Wrong::new("List should have at least 1 item", "too_short")),
            Some(scopes) => Ok(Self(scopes.into_iter().collect())),
        }
    }
}

/// The ids of accounts, without repetitions.
#[derive(Clone, Debug)]
pub struct Accounts(Vec<AccountId>);

field_schema!(
    Accounts = |generator| json_schema!({
        "type": "array", "items": generator.subschema_for::<Uuid>(), "maxItems": ALLOWED_MAX
    })
);

impl Field for Accounts {
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let items = value.as_array().ok_or(Wrong::new("Input should be a list of valid UUIDs", "uuid_parsing"))?;
        let accounts = items.iter().enumerate().map(|(index, item)| uuid_at(index, item).map(AccountId));
        let mut accounts = accounts.collect::<Result<Vec<_>, _>>()?;
        accounts.sort_unstable();
        accounts.dedup();
        if accounts.len() > ALLOWED_MAX { Err(Wrong::too_long(ALLOWED_MAX)) } else { Ok(Self(accounts)) }
    }
}

/// An API key, without the secret key itself.
#[derive(Serialize, JsonSchema)]
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

impl From<api_key::ApiKey> for ApiKey {
    fn from(key: api_key::ApiKey) -> Self {
        Self {
            id: key.id.0,
            workspace_id: key.workspace.0,
            name: key.name,
            scopes: key.scopes.iter().map(|scope| ScopeName(scope.name())).collect(),
            pinterest_account_ids: key.allowed.map(|allowed| allowed.iter().map(|account| account.0).collect()),
            source: Source(key.source.name()),
            client_name: key.client_name,
            authorized_by_email: key.authorized_by.map(|email| email.as_str().to_owned()),
            last_used_at: key.last_used_at.map(Time),
            created_at: Time(key.created_at),
            revoked_at: key.revoked_at.map(Time),
        }
    }
}

/// A created API key.
#[derive(Serialize, JsonSchema)]
pub struct NewApiKey {
    #[serde(flatten)]
    pub key: ApiKey,
    /// The secret key. No other answer has it.
    pub api_key: String,
}

impl From<(api_key::ApiKey, Secret)> for NewApiKey {
    fn from((key, text): (api_key::ApiKey, Secret)) -> Self {
        Self { key: key.into(), api_key: text.expose().to_owned() }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NotFound => Self::not_found("key"),
            KeyError::Revoked => KEY_REVOKED.into(),
            KeyError::UnknownAccount(account) => {
                let msg = format!("The workspace has no account {account}");
                Self::invalid("body", "pinterest_account_ids", msg, "value_error")
            }
            KeyError::TooMany => TOO_MANY_KEYS.into(),
            KeyError::MakerEnded(Actor::Key(_)) => INVALID_API_KEY.into(),
            KeyError::MakerEnded(Actor::User(_)) => INVALID_SESSION.into(),
            KeyError::Port(error) => error.into(),
        }
    }
}

/// Without `scopes`, a key has every scope, as before keys had scopes. An empty list is refused.
async fn create(
    State(context): State<Context>,
    caller: Caller,
    request::StrictJson(body): request::StrictJson<ApiKeyCreate>,
) -> Result<(StatusCode, Json<NewApiKey>), ApiError> {
    let authorized_by = caller.email(&context).await?;
    let new = NewKey {
        name: body.name.trimmed(),
        scopes: body.scopes.map_or(Scopes::ALL, |NotNull(scopes)| scopes.0),
        allowed: body.pinterest_account_ids.map(|NotNull(accounts)| accounts.0),
        authorized_by,
        maker: Some(caller.maker()),
    };
    let made = api_keys::create(&context, caller.workspace, new).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

async fn list(State(context): State<Context>, caller: Caller) -> Result<Json<Vec<ApiKey>>, ApiError> {
    let keys = api_keys::list(&context, caller.workspace).await?;
    Ok(Json(keys.into_iter().map(ApiKey::from).collect()))
}

async fn update(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<ApiKey>, ApiError> {
    let id = path_id(&id, "id")?;
    let mut fields = Fields::of(&body);
    fields.only_known::<ApiKeyUpdate>();
    let update = ApiKeyUpdate::from_fields(&mut fields);
    if ["name", "scopes", "pinterest_account_ids"].into_iter().all(|name| fields.value(name).is_none()) {
        fields.reject_whole("Send at least one of name, scopes and pinterest_account_ids", "value_error");
    }
    let update = fields.finish_with(update)?;
    let change = KeyChange {
        name: update.name.map(|name| name.trimmed()),
        scopes: update.scopes.map(|scopes| scopes.0),
        allowed: update.pinterest_account_ids.map(|accounts| accounts.0),
    };
    let key = api_keys::change(&context, caller.workspace, id, change).await?;
    Ok(Json(key.into()))
}

async fn revoke(
    State(context): State<Context>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api_keys::revoke(&context, caller.workspace, path_id(&id, "id")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
