//! Which endpoints leave an entry in the activity log, and the layer that writes it: once for all of them, after the
//! handler, so that a handler can't forget it.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, UserId, WorkspaceId};
use pinbridge_shared::domain::stats::activity::{Action, By, Entry, Outcome};
use pinbridge_shared::flows::activity;
use pinbridge_shared::flows::tenants::authenticate::Who;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::request_id::RequestId;

/// Whether a call of an endpoint leaves an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// The endpoint only reads.
    Unstated,
    Audited(Audited),
    Unaudited {
        reason: &'static str,
    },
    /// A mistake in the table: the endpoint says both, or one of them twice.
    StatedTwice,
}

/// The entry of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audited {
    pub action: &'static str,
    pub resource: Resource,
    /// Fields of the answer that the entry repeats: plain values, none of them secret.
    pub details: &'static [&'static str],
}

/// Where the id of the entry's resource comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The path's `{id}`.
    Path,
    /// A field of the answer.
    Answer(&'static str),
    /// The account that the call used.
    Account,
    /// The person who calls.
    Actor,
    /// The entry has no resource id.
    None,
}

impl Audited {
    pub fn action(&self) -> Option<&'static Action> {
        Action::parse(self.action)
    }
}

/// The segment of the address at the position of the path's `{id}`.
fn id_in(path: &str, address: &str) -> Option<String> {
    let at = path.split('/').position(|part| part == "{id}")?;
    address.split('/').nth(at).map(str::to_owned)
}

/// Who made a call of a public endpoint. The endpoint's handler adds it to the response.
#[derive(Clone, Debug)]
pub struct Attribution {
    pub workspace: WorkspaceId,
    pub by: By,
    /// `None`: a reader of the log looks it up.
    pub label: Option<String>,
    pub account: Option<AccountId>,
}

impl Attribution {
    pub fn person(workspace: WorkspaceId, id: UserId, email: &str) -> Self {
        // A person without a workspace is unknown: the entry names nobody.
        let is_known = !workspace.0.is_nil();
        let by = if is_known { By::User(id) } else { By::System };
        Self { workspace, by, label: is_known.then(|| email.to_owned()), account: None }
    }

    /// The response with this attribution.
    #[must_use]
    pub fn of(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// Statuses of refused calls that leave an entry. An invalid request, or a rate limit, leaves none.
const REFUSALS_KEPT: [StatusCode; 4] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::CONFLICT, StatusCode::BAD_GATEWAY];

/// The state of the layer of one endpoint.
#[derive(Clone)]
pub struct Layer {
    pub context: Context,
    pub path: &'static str,
    pub audited: Audited,
}

/// The layer over one endpoint, inside of [`auth::enforce`](crate::auth::enforce).
pub async fn keep(State(layer): State<Layer>, request: Request, next: Next) -> Response {
    let Layer { context, path, audited } = layer;
    let caller = request.extensions().get::<Caller>().cloned();
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let in_path = id_in(path, request.uri().path());
    let mut response = next.run(request).await;
    let found = response.extensions_mut().remove::<Attribution>();
    let Some(attribution) = found.or_else(|| caller.as_ref().map(attribution)) else { return response };
    let is_replay = response.headers().contains_key("idempotent-replayed");
    let status = response.status();
    // A browser that was sent on after its call was done.
    let is_done = status.is_success() || status.is_redirection();
    if is_replay || !(is_done || REFUSALS_KEPT.contains(&status)) {
        return response;
    }
    let (response, answer) = read(response, audited).await;
    let Some(action) = audited.action() else { return response };
    let id = context.uuid();
    let mut entry = Entry::new(id, context.system.now(), attribution.by, action);
    let text = |name: &str| answer.get(name).and_then(plain);
    // A dry run changes nothing. Neither does a bulk call in which no item succeeded.
    let done = ["created_count", "existing_count", "succeeded_count"].map(text);
    let changed_nothing = done.iter().any(Option::is_some) && done.iter().flatten().all(|count| count == "0");
    if changed_nothing || text("dry_run").as_deref() == Some("true") {
        return response;
    }
    entry.label = attribution.label;
    entry.request_id = request_id;
    entry.account = attribution.account.or_else(|| {
        let named = text("account_id").or_else(|| text("pinterest_account_id"));
        named.and_then(|text| text.parse().ok())
    });
    entry.resource_id = match audited.resource {
        Resource::Path => in_path,
        Resource::Answer(name) => text(name),
        Resource::Account => entry.account.map(|account| account.to_string()),
        Resource::Actor => entry.by.id().map(|id| id.to_string()),
        Resource::None => None,
    };
    if action.resource == "account" && entry.account.is_none() {
        entry.account = entry.resource_id.as_deref().and_then(|id| id.parse().ok());
    }
    if let Some(error) = response.extensions().get::<ApiError>() {
        entry.outcome = Outcome::Failed;
        entry = entry.with("error_code", error.code());
    } else {
        for name in audited.details {
            if let Some(value) = text(name) {
                entry = entry.with(name, value);
            }
        }
        let ids = succeeded(&answer);
        if !ids.is_empty() {
            entry = entry.with_ids(&ids);
        }
    }
    // A caller can name any account. The entry names only accounts of the workspace.
    if let Some(account) = entry.account {
        let key = AccountKey { workspace: attribution.workspace, account };
        entry.account = context.store.account(key).await.ok().flatten().map(|_| account);
    }
    activity::record(&context, attribution.workspace, &entry).await;
    response
}

fn attribution(caller: &Caller) -> Attribution {
    let by = match caller.who {
        Who::Key(id) => By::Key(id),
        Who::User(id) => By::User(id),
    };
    let account = caller.touched.only();
    Attribution { workspace: caller.workspace, by, label: Some(caller.label.to_string()), account }
}

/// The JSON of the answer, if the entry needs it, and the unchanged response.
async fn read(response: Response, audited: Audited) -> (Response, Value) {
    let is_json = response.headers().get("content-type").is_some_and(|kind| kind == "application/json");
    if !is_json || (audited.details.is_empty() && !matches!(audited.resource, Resource::Answer(_))) {
        return (response, Value::Null);
    }
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            (Response::from_parts(parts, Body::from(bytes)), answer)
        }
        // The body was broken before this layer.
        Err(error) => {
            tracing::warn!(%error, "response body unreadable");
            (Response::from_parts(parts, Body::empty()), Value::Null)
        }
    }
}

/// The ids that a bulk call changed.
fn succeeded(answer: &Value) -> Vec<&str> {
    let results = answer.get("results").and_then(Value::as_array);
    let is_done = |result: &&Value| result["status"] == "succeeded";
    results.into_iter().flatten().filter(is_done).filter_map(|result| result["id"].as_str()).collect()
}

/// A text, a number or a flag.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_audited_endpoint_names_an_action_and_its_id_where_the_path_has_one() {
        for endpoint in crate::routes::table() {
            assert_ne!(endpoint.audit, Audit::StatedTwice, "{} {}", endpoint.method, endpoint.path);
            let Audit::Audited(audited) = endpoint.audit else { continue };
            assert!(audited.action().is_some(), "{} {}", endpoint.path, audited.action);
            assert_eq!(audited.resource == Resource::Path, endpoint.path.contains("{id}"), "{}", endpoint.path);
        }
    }

    #[test]
    fn an_id_is_read_from_where_the_path_has_it() {
        let path = "/v1/pinterest/boards/{id}/sections";
        assert_eq!(id_in(path, "/v1/pinterest/boards/800/sections").as_deref(), Some("800"));
        assert_eq!(id_in("/v1/pins", "/v1/pins"), None);
    }
}
