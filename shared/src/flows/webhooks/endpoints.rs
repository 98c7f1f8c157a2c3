//! Creates, reads, changes and deletes a workspace's webhook endpoints.

use futures_util::future::try_join_all;
use thiserror::Error;

use super::catch_up::save_endpoint;
use super::deliveries::SPARE_TURN_MS;
use super::plan_turn::plan_turn;
use crate::context::Context;
use crate::domain::event::EventType;
use crate::domain::ids::{EndpointId, WorkspaceId};
use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::domain::webhook::address::{AddressError, AddressRules, check_url};
use crate::domain::webhook::endpoint::{DisabledBy, ENDPOINTS_MAX, Endpoint, EndpointKey, ROTATION_MS, Secrets};
use crate::domain::webhook::health::Health;
use crate::ports::{OptimisticWrites, PortError, PortResult};

/// Another writer of a row comes first this often at most; these rows have few writers.
const WRITES_MAX: usize = 5;
/// How often the call that creates an endpoint checks whether others have withdrawn theirs.
const ROOM_READS_MAX: usize = 10;

/// Why an endpoint was not read, created, changed or deleted.
#[derive(Debug, Error)]
pub enum EndpointError {
    #[error("no such webhook in this workspace")]
    NotFound,
    #[error("the workspace has as many webhooks as it may have")]
    TooMany,
    /// The URL must not be called.
    #[error("{0}")]
    Address(AddressError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The endpoint to create.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    pub url: String,
    pub secret: Secret,
    pub events: Vec<EventType>,
    pub is_enabled: bool,
}

/// The change; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    pub url: Option<String>,
    pub secret: Option<Secret>,
    pub events: Option<Vec<EventType>>,
    pub is_enabled: Option<bool>,
}

/// An endpoint, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointView {
    pub endpoint: Endpoint,
    pub health: Health,
}

/// The workspace's endpoints, the oldest first.
///
/// # Errors
/// When the table is unavailable.
pub async fn list_endpoints(context: &Context, workspace: WorkspaceId) -> PortResult<Vec<EndpointView>> {
    let endpoints = context.webhooks.endpoints(workspace).await?;
    let healths = try_join_all(endpoints.iter().map(|endpoint| context.webhooks.endpoint_health(endpoint.key))).await?;
    Ok(endpoints.into_iter().zip(healths).map(|(endpoint, health)| EndpointView { endpoint, health }).collect())
}

/// One endpoint.
///
/// # Errors
/// When there is no such endpoint, or the table is unavailable.
pub async fn read_endpoint(context: &Context, key: EndpointKey) -> Result<EndpointView, EndpointError> {
    let endpoint = context.webhooks.endpoint(key).await?.ok_or(EndpointError::NotFound)?;
    view(context, endpoint).await
}

/// The endpoint as it was just written, and how it stands.
///
/// # Errors
/// When the table is unavailable.
pub async fn view(context: &Context, endpoint: Endpoint) -> Result<EndpointView, EndpointError> {
    let health = context.webhooks.endpoint_health(endpoint.key).await?;
    Ok(EndpointView { endpoint, health })
}

/// Creates an endpoint.
///
/// # Errors
/// When the URL must not be called, there are too many endpoints, or the table is unavailable.
pub async fn create_endpoint(
    context: &Context,
    workspace: WorkspaceId,
    new: NewEndpoint,
) -> Result<Endpoint, EndpointError> {
    check_address(context, &new.url)?;
    if context.webhooks.endpoints(workspace).await?.len() >= ENDPOINTS_MAX {
        return Err(EndpointError::TooMany);
    }
    let now = context.system.now();
    let endpoint = Endpoint {
        key: EndpointKey { workspace, endpoint: EndpointId(context.uuid()) },
        rev: 1,
        nonce: context.nonce(),
        url: new.url,
        events: sorted(new.events),
        disabled: (!new.is_enabled).then_some(DisabledBy::Caller),
        disablings: Vec::new(),
        previous_secret_until: None,
        created_at: now,
        updated_at: now,
    };
    let secrets = Secrets { current: new.secret, previous: None };
    if !save_endpoint(context, &endpoint, Some(&secrets), &[]).await? {
        return Err(PortError::Contended { row: "webhook", writes: 1 }.into());
    }
    if has_room(context, &endpoint).await? {
        return Ok(endpoint);
    }
    context.webhooks.delete_endpoint(endpoint.key).await?;
    Err(EndpointError::TooMany)
}

/// Whether the endpoint may stay, now that it is written. Parallel calls may all have found room for one more; so each
/// looks again at what the others wrote. The newest withdraw, and the others wait for that a few times.
async fn has_room(context: &Context, endpoint: &Endpoint) -> PortResult<bool> {
    let place = |endpoint: &Endpoint| (endpoint.created_at, endpoint.key.endpoint);
    for _ in 0..ROOM_READS_MAX {
        let all = context.webhooks.endpoints(endpoint.key.workspace).await?;
        if all.len() <= ENDPOINTS_MAX {
            return Ok(true);
        }
        if all.iter().filter(|other| place(other) < place(endpoint)).count() >= ENDPOINTS_MAX {
            break;
        }
    }
    Ok(false)
}

/// Changes an endpoint. A new secret leaves the one before valid for [`ROTATION_MS`]. An endpoint that is enabled, or
/// has another URL, begins anew: its failures are forgotten, and what waits is sent at once, also what waits for its
/// own next try ([`Delivery::due_at`](crate::domain::webhook::delivery::Delivery::due_at)). After another change, that
/// is sent by the endpoint's next turn.
///
/// # Errors
/// When the URL must not be called, there is no such endpoint, or the table is unavailable.
pub async fn update_endpoint(
    context: &Context,
    key: EndpointKey,
    change: EndpointChange,
) -> Result<Endpoint, EndpointError> {
    if let Some(url) = &change.url {
        check_address(context, url)?;
    }
    // Also if it was enabled before, or had this URL: a call that is repeated after an error finishes the first one.
    let begins_anew = change.url.is_some() || change.is_enabled == Some(true);
    if begins_anew {
        context.webhooks.endpoint(key).await?.ok_or(EndpointError::NotFound)?;
        // Whoever dies after the change leaves a turn for what waits.
        plan_turn(context, key, context.system.now().plus_ms(SPARE_TURN_MS)).await?;
    }
    let endpoint = write_change(context, key, &change).await?;
    if begins_anew {
        forget_failures(context, key).await?;
        if endpoint.disabled.is_none() {
            plan_turn(context, key, context.system.now()).await?;
        }
    }
    Ok(endpoint)
}

async fn write_change(context: &Context, key: EndpointKey, change: &EndpointChange) -> Result<Endpoint, EndpointError> {
    let mut writes = OptimisticWrites::of("webhook", WRITES_MAX);
    loop {
        writes.begin()?;
        let endpoint = context.webhooks.endpoint(key).await?.ok_or(EndpointError::NotFound)?;
        let now = context.system.now();
        // Read after the endpoint's row: secrets of a later write make this one a conflict.
        let secrets = match &change.secret {
            Some(secret) => rotated(context, key, secret, now).await?,
            None => None,
        };
        let disabled = match change.is_enabled {
            Some(true) => None,
            Some(false) => endpoint.disabled.or(Some(DisabledBy::Caller)),
            None => endpoint.disabled,
        };
        let heard = endpoint.events.clone();
        let mut next =
            Endpoint { rev: endpoint.rev + 1, nonce: context.nonce(), disabled, updated_at: now, ..endpoint };
        if let Some(url) = &change.url {
            next.url.clone_from(url);
        }
        if let Some(events) = &change.events {
            next.events = sorted(events.clone());
        }
        if let Some(secrets) = &secrets {
            next.previous_secret_until = secrets.previous.as_ref().map(|(_, until)| *until);
        }
        if save_endpoint(context, &next, secrets.as_ref(), &heard).await? {
            return Ok(next);
        }
    }
}

/// The secrets after the rotation. `None`: the secret is the current one, as in a call that is repeated; the previous
/// one stays.
async fn rotated(
    context: &Context,
    key: EndpointKey,
    secret: &Secret,
    now: Moment,
) -> Result<Option<Secrets>, EndpointError> {
    let before = context.webhooks.endpoint_secrets(key).await?.ok_or(EndpointError::NotFound)?;
    if before.current == *secret {
        return Ok(None);
    }
    Ok(Some(Secrets { current: secret.clone(), previous: Some((before.current, now.plus_ms(ROTATION_MS))) }))
}

/// The endpoint counts as one that has never failed. Its next turn stays planned.
async fn forget_failures(context: &Context, key: EndpointKey) -> PortResult<()> {
    let mut writes = OptimisticWrites::of("webhook health", WRITES_MAX);
    loop {
        writes.begin()?;
        let health = context.webhooks.endpoint_health(key).await?;
        if health.failures == 0 && health.held_until.is_none() && !health.is_slow {
            return Ok(());
        }
        let next = health.answered(context.nonce());
        if context.webhooks.save_endpoint_health(key, &next).await?.is_done() {
            return Ok(());
        }
    }
}

/// Deletes an endpoint. Nothing is sent to it any more.
///
/// # Errors
/// When there is no such endpoint, or the table is unavailable.
pub async fn delete_endpoint(context: &Context, key: EndpointKey) -> Result<(), EndpointError> {
    context.webhooks.endpoint(key).await?.ok_or(EndpointError::NotFound)?;
    context.webhooks.delete_endpoint(key).await?;
    Ok(())
}

fn check_address(context: &Context, url: &str) -> Result<(), EndpointError> {
    let rules = AddressRules { allow_loopback_http: context.settings.webhooks.allow_loopback_http };
    check_url(url, rules).map(|_| ()).map_err(EndpointError::Address)
}

fn sorted(mut events: Vec<EventType>) -> Vec<EventType> {
    events.sort_unstable();
    events.dedup();
    events
}
