//! Corrections of `winterbaume-secretsmanager` where it differs from the real service in a way that loses data or
//! breaks retries.

use super::super::reply::Reply;
use serde_json::{Value, json};
use winterbaume_secretsmanager::SecretsmanagerStateView;
use winterbaume_secretsmanager::views::{SecretVersionView, SecretView};

/// The limit of the real service for one secret value.
const MAX_SECRET_BYTES: usize = 65_536;

/// Responds where the crate would be wrong: it drops binary secrets silently, and it does not recognise a request token
/// that was used before.
pub(super) fn answer_early(action: &str, request: &Value, state: &SecretsmanagerStateView) -> Option<Reply> {
    let refuse = |message: &str| Some(Reply::error(400, "InvalidParameterException", message));
    if !request["SecretBinary"].is_null() {
        return refuse("The local Secrets Manager keeps SecretString only, not SecretBinary.");
    }
    let text = request["SecretString"].as_str();
    if text.is_some_and(|text| text.len() > MAX_SECRET_BYTES) {
        return refuse("SecretString is longer than 65536 bytes.");
    }
    if action == "UpdateSecretVersionStage" {
        return label_elsewhere(request, state)
            .then(|| refuse("The staging label is not attached to that version."))
            .flatten();
    }
    let (name, stages) = match action {
        "CreateSecret" => (request["Name"].as_str()?, None),
        "PutSecretValue" => (request["SecretId"].as_str()?, request["VersionStages"].as_array()),
        _ => return None,
    };
    let secret = find(state, name)?;
    let version = secret.versions.get(request["ClientRequestToken"].as_str()?)?;
    if version.secret_string.as_deref() != text {
        let message = "A version with this ClientRequestToken and another value exists already.";
        return Some(Reply::error(400, "ResourceExistsException", message));
    }
    if stages.is_some() {
        return None;
    }
    Some(Reply::ok(&json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.version_id,
        "VersionStages": version.version_stages,
    })))
}

/// Whether the request moves a label from a version that does not have it. The real service refuses that; the crate
/// does not.
fn label_elsewhere(request: &Value, state: &SecretsmanagerStateView) -> bool {
    let label = request["VersionStage"].as_str().unwrap_or_default();
    let Some(from) = request["RemoveFromVersionId"].as_str() else {
        return false;
    };
    let version = request["SecretId"].as_str().and_then(|name| find(state, name)).and_then(|s| s.versions.get(from));
    version.is_some_and(|version| !version.version_stages.iter().any(|stage| stage == label))
}

/// Corrects the crate's state after a change. The first version of a new secret is named by its request token. Only one
/// version is the previous one: the crate never removes that label, so old versions would accumulate.
pub(super) fn put_right(action: &str, request: &Value, state: &mut SecretsmanagerStateView, reply: &mut Reply) {
    for secret in state.secrets.values_mut() {
        keep_one_previous(secret);
    }
    if action != "CreateSecret" {
        return;
    }
    let (Some(name), Some(token)) = (request["Name"].as_str(), request["ClientRequestToken"].as_str()) else {
        return;
    };
    let Some(secret) = state.secrets.get_mut(name) else {
        return;
    };
    let Some(mut version) = secret.current_version_id.as_ref().and_then(|id| secret.versions.remove(id)) else {
        return;
    };
    version.version_id = token.to_owned();
    secret.current_version_id = Some(token.to_owned());
    secret.versions.insert(token.to_owned(), version);
    let mut answer = reply.value();
    answer["VersionId"] = json!(token);
    *reply = Reply::ok(&answer);
}

fn keep_one_previous(secret: &mut SecretView) {
    const PREVIOUS: &str = "AWSPREVIOUS";
    let is_previous = |version: &&SecretVersionView| version.version_stages.iter().any(|stage| stage == PREVIOUS);
    let latest = secret
        .versions
        .values()
        .filter(is_previous)
        .max_by(|a, b| a.created_date.cmp(&b.created_date))
        .map(|version| version.version_id.clone());
    for version in secret.versions.values_mut() {
        if Some(&version.version_id) != latest.as_ref() {
            version.version_stages.retain(|stage| stage != PREVIOUS);
        }
    }
    secret.versions.retain(|_, version| !version.version_stages.is_empty());
}

/// A secret by its name or its ARN.
fn find<'a>(state: &'a SecretsmanagerStateView, id: &str) -> Option<&'a SecretView> {
    let by_arn = || state.secrets.values().find(|secret| secret.arn == id);
    state.secrets.get(id).or_else(by_arn)
}
