//! Reads the names of those who caused the events of a timeline: of API keys and of people.

use crate::context::Context;
use crate::domain::ids::WorkspaceId;
use crate::domain::pin::origin::Actor;
use crate::domain::pin::timeline::{By, Known, TimelineEvent, with_names};
use crate::ports::PortResult;

/// The events with those names. For the sender, one row is read; for a key that changed or retried the pin, or decided
/// its outcome, the workspace's keys are listed, and for a person the people of its organisation. A key or a person
/// that is gone has no name.
///
/// # Errors
/// When the table is unavailable.
pub async fn name_actors(
    context: &Context,
    workspace: WorkspaceId,
    events: Vec<TimelineEvent>,
) -> PortResult<Vec<TimelineEvent>> {
    let known = || events.iter().filter_map(|event| event.by.as_ref());
    let is_marked = |is_key: bool| known().any(|by| by.is_key() == is_key && matches!(by.known, Known::Mark(_)));
    let (has_marked_key, has_marked_person) = (is_marked(true), is_marked(false));
    let actors: Vec<Actor> = known().filter_map(By::actor).collect();
    let mut names: Vec<(Actor, String)> = Vec::new();
    if has_marked_key {
        let keys = context.tenants.api_keys(workspace).await?;
        names.extend(keys.into_iter().map(|key| (Actor::Key(key.id), key.name)));
    }
    if has_marked_person && let Some(workspace) = context.tenants.workspace(workspace).await? {
        let people = context.tenants.users(workspace.organization).await?;
        names.extend(people.into_iter().filter_map(|person| Some((Actor::User(person.id), person.full_name?))));
    }
    for actor in actors {
        // A key that isn't among those of the workspace is gone.
        let is_looked_up = match actor {
            Actor::Key(_) => has_marked_key,
            Actor::User(_) => names.iter().any(|(known, _)| *known == actor),
        };
        let name = if is_looked_up { None } else { name_of(context, workspace, actor).await? };
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
