//! Reads the names of those who caused the events of a timeline: of API keys, and of the person who sent the pin.

use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::origin::Actor;
use crate::domain::pin::timeline::{By, Known, TimelineEvent, with_names};
use crate::ports::PortResult;

/// The events with those names. For the sender, one row is read; for a key that changed or retried the pin, the
/// workspace's keys are listed. A key or a person that is gone has no name.
///
/// # Errors
/// When the table is unavailable.
pub async fn name_actors(
    context: &Context,
    workspace: WorkspaceId,
    events: Vec<TimelineEvent>,
) -> PortResult<Vec<TimelineEvent>> {
    let known = || events.iter().filter_map(|event| event.by.as_ref());
    let has_marked_key = known().any(|by| by.is_key() && matches!(by.known, Known::Mark(_)));
    let actors: Vec<Actor> = known().filter_map(By::actor).collect();
    let mut names: Vec<(Actor, String)> = Vec::new();
    if has_marked_key {
        let keys = context.tenants.api_keys(workspace).await?;
        names.extend(keys.into_iter().map(|key| (Actor::Key(key.id), key.name)));
    }
    for actor in actors {
        let name = match actor {
            Actor::Key(_) if has_marked_key => None,
            actor => name_of(context, workspace, actor).await?,
        };
        names.extend(name.map(|name| (actor, name)));
    }
    Ok(with_names(events, &names))
}

/// The actor with the name.
///
/// # Errors
/// When the table is unavailable.
pub async fn named(context: &Context, workspace: WorkspaceId, actor: Option<Actor>) -> PortResult<Option<By>> {
    let Some(actor) = actor else { return Ok(None) };
    Ok(Some(By::named(actor, name_of(context, workspace, actor).await?)))
}

/// The name of a key or a person; `None` for one that has none, or is gone.
async fn name_of(context: &Context, workspace: WorkspaceId, actor: Actor) -> PortResult<Option<String>> {
    Ok(match actor {
        Actor::Key(id) => context.tenants.api_key(workspace, id).await?.map(|key| key.name),
        Actor::User(id) => context.tenants.user(id).await?.and_then(|person| person.full_name),
    })
}
