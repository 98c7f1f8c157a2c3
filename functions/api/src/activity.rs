//! Which routes leave an entry in the activity log, and the layer that writes it: once for all of them, after the handler, so that a
//! handler can't forget it. `tests/it/activity.rs` walks the route table: a route that changes something is in one of
//! these lists.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::ids::{AccountId, AccountKey, UserId, WorkspaceId};
use pinbridge_shared::domain::stats::activity::{Action, By, Entry, Outcome};
use pinbridge_shared::flows::activity;
use pinbridge_shared::flows::tenants::authenticate::Who;
use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::request_id::RequestId;

/// Where the entry finds what it was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The path's `{id}`.
    Path,
    /// This field of the answer.
    Answer(&'static str),
    /// The account that was used.
    Account,
    /// The person who does it.
    Actor,
    /// Nothing of its own.
    Nothing,
}

/// A route that leaves an entry.
#[derive(Clone, Copy, Debug)]
pub struct Noted {
    method: &'static str,
    path: &'static str,
    action: &'static str,
    about: About,
    /// Fields of the answer that the entry repeats: plain values, none of them secret.
    details: &'static [&'static str],
}

const fn noted(
    method: &'static str,
    path: &'static str,
    action: &'static str,
    about: About,
    details: &'static [&'static str],
) -> Noted {
    Noted { method, path, action, about, details }
}

#[rustfmt::skip] // One row each reads as the table it is.
pub const NOTED: [Noted; 34] = [
    noted("POST", "/v1/auth/register", "auth.registered", About::Actor, &[]),
    noted("POST", "/v1/auth/login", "auth.login", About::Actor, &[]),
    noted("POST", "/v1/auth/change-password", "auth.password_changed", About::Actor, &[]),
    noted("PUT", "/v1/auth/profile", "profile.updated", About::Actor, &[]),
    noted("POST", "/v1/projects/sandbox", "project.sandbox_created", About::Nothing, &[]),
    noted("POST", "/v1/projects/sandbox/reset", "project.sandbox_reset", About::Nothing, &[]),
    noted("POST", "/v1/projects/switch", "project.switched", About::Nothing, &[]),
    noted("POST", "/v1/api-keys", "api_key.created", About::Answer("id"), &["name"]),
    noted("PATCH", "/v1/api-keys/{id}", "api_key.updated", About::Path, &["name"]),
    noted("DELETE", "/v1/api-keys/{id}", "api_key.revoked", About::Path, &[]),
    // Both of these change something although they are read.
    noted("GET", "/v1/pinterest/oauth/start", "account.connection_started", About::Nothing, &[]),
    noted("GET", "/v1/pinterest/oauth/callback", "account.connected", About::Account, &[]),
    noted("DELETE", "/v1/pinterest/accounts/{id}", "account.disconnected", About::Path, &[]),
    noted("POST", "/v1/pinterest/boards", "board.created", About::Answer("id"), &["name"]),
    noted("PATCH", "/v1/pinterest/boards/{id}", "board.updated", About::Path, &["name"]),
    noted("DELETE", "/v1/pinterest/boards/{id}", "board.deleted", About::Path, &[]),
    noted("POST", "/v1/pinterest/boards/{id}/sections", "board_section.created", About::Path, &["id", "name"]),
    noted("POST", "/v1/pins/batch", "pin.batch_created", About::Nothing, &["created_count", "existing_count", "failed_count"]),
    noted("PATCH", "/v1/pins/{id}", "pin.updated", About::Path, &["status"]),
    noted("DELETE", "/v1/pins/{id}", "pin.deleted", About::Path, &["removed_from_pinterest", "reason"]),
    noted("POST", "/v1/pins/{id}/retry", "pin.retried", About::Path, &["status"]),
    noted("POST", "/v1/pins/bulk-delete", "pin.bulk_deleted", About::Nothing, &["succeeded_count", "skipped_count", "failed_count"]),
    noted("POST", "/v1/pins/bulk-retry", "pin.bulk_retried", About::Nothing, &["succeeded_count", "skipped_count", "failed_count"]),
    noted("POST", "/v1/pins/imports/json", "import.created", About::Answer("id"), &["source_type", "total_rows"]),
    noted("POST", "/v1/pins/imports/csv", "import.created", About::Answer("id"), &["source_type", "total_rows"]),
    noted("POST", "/v1/pins/imports/{id}/resume", "import.resumed", About::Path, &["status"]),
    noted("POST", "/v1/schedules", "schedule.created", About::Answer("id"), &["status", "run_at"]),
    noted("PATCH", "/v1/schedules/{id}", "schedule.updated", About::Path, &["status", "run_at"]),
    noted("POST", "/v1/schedules/{id}/cancel", "schedule.canceled", About::Path, &["status"]),
    noted("POST", "/v1/schedules/{id}/retry", "schedule.retried", About::Path, &["status"]),
    noted("DELETE", "/v1/schedules/{id}", "schedule.deleted", About::Path, &[]),
    noted("POST", "/v1/schedules/bulk-cancel", "schedule.bulk_canceled", About::Nothing, &["succeeded_count", "skipped_count", "failed_count"]),
    noted("POST", "/v1/schedules/bulk-retry", "schedule.bulk_retried", About::Nothing, &["succeeded_count", "skipped_count", "failed_count"]),
    noted("POST", "/v1/schedules/bulk-delete", "schedule.bulk_deleted", About::Nothing, &["succeeded_count", "skipped_count", "failed_count"]),
];

/// Routes that don't, although they aren't reads; and why.
pub const NOT_NOTED: [(&str, &str, &str); 18] = [
    ("POST", "/v1/pins", "its entry is derived from the pin"),
    ("POST", "/v1/pins/validate", "it changes nothing"),
    ("POST", "/v1/schedules/validate", "it changes nothing"),
    ("POST", "/v1/auth/forgot-password", "it does nothing here (501)"),
    ("POST", "/v1/auth/reset-password", "it does nothing here (501)"),
    ("POST", "/v1/auth/email/verify/request", "it does nothing here (501)"),
    ("POST", "/v1/auth/email/change/request", "it does nothing here (501)"),
    ("POST", "/v1/billing/checkout", "it does nothing here (501)"),
    ("POST", "/v1/billing/portal", "it does nothing here (501)"),
    ("POST", "/v1/stripe/webhook", "it does nothing here (501)"),
    ("POST", "/v1/mcp/track", "it counts nothing"),
    ("PATCH", "/v1/team/members/{id}", "it does nothing here (501)"),
    ("DELETE", "/v1/team/members/{id}", "it does nothing here (501)"),
    ("POST", "/v1/team/invitations", "it does nothing here (501)"),
    ("POST", "/v1/team/invitations/accept", "it does nothing here (501)"),
    ("DELETE", "/v1/team/invitations/{id}", "it does nothing here (501)"),
    ("POST", "/v1/team/invitations/{id}/resend", "it does nothing here (501)"),
    ("PATCH", "/v1/email/preferences", "it does nothing here (501)"),
];

impl Noted {
    /// What the route leaves, if it leaves anything.
    pub fn of(method: &Method, path: &str) -> Option<&'static Self> {
        NOTED.iter().find(|noted| noted.method == method.as_str() && noted.path == path)
    }

    /// Method and path.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn action(&self) -> Option<&'static Action> {
        Action::parse(self.action)
    }

    /// What stands in the address where the route has `{id}`.
    fn id_in(&self, address: &str) -> Option<String> {
        let at = self.path.split('/').position(|part| part == "{id}")?;
        address.split('/').nth(at).map(str::to_owned)
    }
}

/// Which accounts a request was about, as far as it had to be allowed to use them.
#[derive(Clone, Debug, Default)]
pub struct Touched(Arc<Mutex<Vec<AccountId>>>);

impl Touched {
    pub fn add(&self, account: AccountId) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Two are as good as many.
        if accounts.len() < 2 && !accounts.contains(&account) {
            accounts.push(account);
        }
    }

    fn only(&self) -> Option<AccountId> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() == 1 { accounts.first().copied() } else { None }
    }
}

/// Whom a public route found out to have been there. Its handler adds it to the response.
#[derive(Clone, Debug)]
pub struct Attribution {
    pub workspace: WorkspaceId,
    pub by: By,
    /// `None` is looked up when the log is read.
    pub label: Option<String>,
    pub account: Option<AccountId>,
}

impl Attribution {
    pub fn person(workspace: WorkspaceId, id: UserId, email: &str) -> Self {
        // What is written for nobody names nobody.
        let is_known = !workspace.0.is_nil();
        let by = if is_known { By::User(id) } else { By::System };
        Self { workspace, by, label: is_known.then(|| email.to_owned()), account: None }
    }

    /// The response, which says that.
    #[must_use]
    pub fn of(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// Refusals that tell something. A mistake in a request, or a try too many, doesn't.
const TELLING: [StatusCode; 4] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::CONFLICT, StatusCode::BAD_GATEWAY];

/// The layer over one route, inside of [`auth::enforce`](crate::auth::enforce).
pub async fn keep(State((context, noted)): State<(Context, &'static Noted)>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let in_path = noted.id_in(request.uri().path());
    let mut response = next.run(request).await;
    let found = response.extensions_mut().remove::<Attribution>();
    let Some(attribution) = found.or_else(|| caller.as_ref().map(attribution)) else { return response };
    let is_replay = response.headers().contains_key("idempotent-replayed");
    let status = response.status();
    if is_replay || !(status.is_success() || TELLING.contains(&status)) {
        return response;
    }
    let (response, answer) = read(response, noted).await;
    let Some(action) = noted.action() else { return response };
    let id = context.uuid();
    let mut entry = Entry::new(id, context.system.now(), attribution.by, action);
    let text = |name: &str| answer.get(name).and_then(plain);
    // A dry run has changed nothing, nor has a call of many of which none came to anything.
    let done = ["created_count", "existing_count", "succeeded_count"].map(text);
    let is_in_vain = done.iter().any(Option::is_some) && done.iter().flatten().all(|count| count == "0");
    if is_in_vain || text("dry_run").as_deref() == Some("true") {
        return response;
    }
    entry.label = attribution.label;
    entry.request_id = request_id;
    entry.account = attribution.account.or_else(|| {
        let named = text("account_id").or_else(|| text("pinterest_account_id"));
        named.and_then(|text| text.parse().ok())
    });
    entry.resource_id = match noted.about {
        About::Path => in_path,
        About::Answer(name) => text(name),
        About::Account => entry.account.map(|account| account.to_string()),
        About::Actor => entry.by.id().map(|id| id.to_string()),
        About::Nothing => None,
    };
    if action.resource == "account" && entry.account.is_none() {
        entry.account = entry.resource_id.as_deref().and_then(|id| id.parse().ok());
    }
    if let Some(error) = response.extensions().get::<ApiError>() {
        entry.outcome = Outcome::Failed;
        entry = entry.with("error_code", error.code());
    } else {
        for name in noted.details {
            if let Some(value) = text(name) {
                entry = entry.with(name, value);
            }
        }
        let ids = succeeded(&answer);
        if !ids.is_empty() {
            entry = entry.with_ids(&ids);
        }
    }
    // A caller can name any account; what is noted names the workspace's own.
    if let Some(account) = entry.account {
        let key = AccountKey { workspace: attribution.workspace, account };
        entry.account = context.store.account(key).await.ok().flatten().map(|_| account);
    }
    activity::note(&context, attribution.workspace, &entry).await;
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

/// The answer's JSON, if anything of it is wanted; the response is as it was.
async fn read(response: Response, noted: &Noted) -> (Response, Value) {
    let is_json = response.headers().get("content-type").is_some_and(|kind| kind == "application/json");
    if !is_json || (noted.details.is_empty() && !matches!(noted.about, About::Answer(_))) {
        return (response, Value::Null);
    }
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            (Response::from_parts(parts, Body::from(bytes)), answer)
        }
        // It was broken before.
        Err(error) => {
            tracing::warn!(%error, "an answer could not be read");
            (Response::from_parts(parts, Body::empty()), Value::Null)
        }
    }
}

/// Of a call of many: what it was done to.
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
    fn every_row_names_an_action_that_there_is() {
        for noted in &NOTED {
            assert!(noted.action().is_some(), "{} {}", noted.method, noted.action);
            assert_eq!(noted.about == About::Path, noted.path.contains("{id}"), "{}", noted.path);
        }
    }

    #[test]
    fn an_id_is_read_from_where_the_route_has_it() {
        let noted = Noted::of(&Method::POST, "/v1/pinterest/boards/{id}/sections").expect("a row");
        assert_eq!(noted.id_in("/v1/pinterest/boards/800/sections").as_deref(), Some("800"));
        assert!(Noted::of(&Method::POST, "/v1/pins").is_none());
    }
}
