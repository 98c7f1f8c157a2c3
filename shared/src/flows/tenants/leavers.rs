//! What people leave behind: the keys that they made, the keys that those made, and the schedules that any of them
//! created. A session ends with its person; these don't.

use std::collections::BTreeSet;

use super::api_keys;
use super::people::PeopleError;
use crate::context::Context;
use crate::domain::ids::{KeyId, OrganizationId, ScheduleKey, UserId, WorkspaceId};
use crate::domain::pin::origin::Actor;
use crate::domain::tenant::api_key::ApiKey;
use crate::domain::tenant::user::{Email, User};
use crate::domain::time::{Moment, SECOND_MS};
use crate::flows::schedules::list_schedules::with_pins;
use crate::flows::schedules::{ScheduleError, ScheduleView, cancel_schedule};
use crate::ports::{ByTime, PortError, PortResult};

/// Schedules that are read together.
const PAGE: usize = 200;
/// Whoever goes on making keys meanwhile is listed up to this often.
const LISTINGS_MAX: usize = 50;
/// A request ends within this: the API's function is stopped then.
const REQUEST_MAX_MS: i64 = 20 * SECOND_MS;

/// Whose traces are followed, in which workspaces.
#[derive(Clone, Debug)]
pub struct Leaver {
    workspaces: Vec<WorkspaceId>,
    person: Option<Person>,
    /// A key that is given up.
    key: Option<KeyId>,
}

#[derive(Clone, Debug)]
struct Person {
    id: UserId,
    email: Email,
    /// Whoever had the address before made nothing of this person's.
    since: Moment,
}

/// What a leaver left behind in one workspace.
#[derive(Clone, Debug, Default)]
pub struct Left {
    pub keys: Vec<ApiKey>,
    /// Those that can still start a pin, in the order of their time.
    pub schedules: Vec<ScheduleView>,
}

impl Leaver {
    /// # Errors
    /// When the table is unavailable.
    pub async fn person(context: &Context, user: &User) -> PortResult<Self> {
        let workspaces = workspaces_of(context, user.organization).await?;
        let person = Person { id: user.id, email: user.email.clone(), since: user.created_at };
        Ok(Self { workspaces, person: Some(person), key: None })
    }

    /// # Errors
    /// When the table is unavailable.
    pub async fn key(context: &Context, workspace: WorkspaceId, key: KeyId) -> PortResult<Self> {
        // The key may have made one in the organisation's sandbox.
        let workspaces = match context.tenants.workspace(workspace).await? {
            Some(known) => workspaces_of(context, known.organization).await?,
            None => vec![workspace],
        };
        Ok(Self { workspaces, person: None, key: Some(key) })
    }

    /// Whether the actor is the leaver, or one of the leaver's keys; `at` is when it acted.
    fn is(&self, actor: Actor, at: Moment, keys: &BTreeSet<KeyId>) -> bool {
        match actor {
            Actor::Key(id) => keys.contains(&id),
            Actor::User(id) => self.person.as_ref().is_some_and(|person| person.id == id && at >= person.since),
        }
    }

    fn made(&self, key: &ApiKey, known: &BTreeSet<KeyId>) -> bool {
        // 0.2.0 recorded only the address.
        let is_by_address = |person: &Person| {
            key.made_by.is_none() && key.authorized_by.as_ref() == Some(&person.email) && key.created_at >= person.since
        };
        key.makers().any(|maker| self.is(maker, key.created_at, known))
            || self.person.as_ref().is_some_and(is_by_address)
    }

    /// The ids of every key of the leaver's, revoked ones too: what a revoked key created is still there. Rows of keys
    /// expire, so a key names all of its makers, and a schedule the first one.
    fn keys_of(&self, all: &[ApiKey]) -> BTreeSet<KeyId> {
        let mut known: BTreeSet<KeyId> = self.key.into_iter().collect();
        loop {
            let new: Vec<KeyId> =
                all.iter().filter(|key| !known.contains(&key.id) && self.made(key, &known)).map(|key| key.id).collect();
            if new.is_empty() {
                return known;
            }
            known.extend(new);
        }
    }

    fn planted(&self, view: &ScheduleView, keys: &BTreeSet<KeyId>) -> bool {
        let origin = &view.schedule.origin;
        [origin.by, origin.root].into_iter().flatten().any(|actor| self.is(actor, view.schedule.created_at, keys))
    }
}

async fn workspaces_of(context: &Context, organization: OrganizationId) -> PortResult<Vec<WorkspaceId>> {
    let mut rows = context.tenants.workspaces(organization).await?;
    rows.sort_by_key(|workspace| (workspace.created_at, workspace.id));
    Ok(rows.into_iter().map(|workspace| workspace.id).collect())
}

/// The leaver's keys that are not revoked.
async fn list_keys(context: &Context, leaver: &Leaver) -> PortResult<Vec<ApiKey>> {
    let mut left = Vec::new();
    for workspace in &leaver.workspaces {
        left.extend(keys_in(context, leaver, *workspace).await?.1);
    }
    Ok(left)
}

/// The ids of every key of the leaver's in the workspace, and the keys that still have power.
async fn keys_in(
    context: &Context,
    leaver: &Leaver,
    workspace: WorkspaceId,
) -> PortResult<(BTreeSet<KeyId>, Vec<ApiKey>)> {
    let mut all = api_keys::list(context, workspace).await?;
    let keys = leaver.keys_of(&all);
    // The key that is given up is no news to whoever asked for it.
    all.retain(|key| keys.contains(&key.id) && Some(key.id) != leaver.key && key.revoked_at.is_none());
    Ok((keys, all))
}

/// What the leaver left behind, and what of it still has power.
///
/// # Errors
/// When a port is unavailable.
pub async fn list(context: &Context, leaver: &Leaver) -> PortResult<Left> {
    let mut left = Left::default();
    for workspace in &leaver.workspaces {
        let (keys, powers) = keys_in(context, leaver, *workspace).await?;
        left.keys.extend(powers);
        let mut after = None;
        loop {
            let range = ByTime { after, ..ByTime::default() };
            let listed = context.schedules.schedules_by_time(*workspace, &range, PAGE).await?;
            let names: Vec<ScheduleKey> =
                listed.iter().map(|(_, schedule)| ScheduleKey { workspace: *workspace, schedule: *schedule }).collect();
            let mut rows: Vec<_> = context.schedules.schedules(&names).await?.into_iter().flatten().collect();
            rows.retain(|schedule| schedule.is_shown(context.system.now()));
            let views = with_pins(context, rows).await?;
            left.schedules
                .extend(views.into_iter().filter(|view| !view.status().is_over() && leaver.planted(view, &keys)));
            after = listed.last().filter(|_| listed.len() >= PAGE).copied();
            if after.is_none() {
                break;
            }
        }
    }
    Ok(left)
}

/// Revokes the keys, then cancels the schedules; returns what it ended. What began in the meantime goes on, and is not
/// among them.
///
/// Requests that were let in before may still be writing. So what is left is listed again until nothing is new, and
/// once more when the last such request is over.
///
/// # Errors
/// When a port is unavailable; repeating it continues.
pub async fn revoke(context: &Context, leaver: &Leaver) -> Result<Left, PeopleError> {
    let mut ended = Left::default();
    revoke_keys(context, leaver, &mut ended).await?;
    cancel_schedules(context, leaver, &mut ended).await?;
    context.system.sleep_ms(REQUEST_MAX_MS).await;
    revoke_keys(context, leaver, &mut ended).await?;
    cancel_schedules(context, leaver, &mut ended).await?;
    Ok(ended)
}

/// Revokes keys until a listing has none that wasn't tried.
async fn revoke_keys(context: &Context, leaver: &Leaver, ended: &mut Left) -> Result<(), PeopleError> {
    let mut tried: BTreeSet<KeyId> = BTreeSet::new();
    for _ in 0..LISTINGS_MAX {
        let left = list_keys(context, leaver).await?;
        let new: Vec<ApiKey> = left.into_iter().filter(|key| tried.insert(key.id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        for key in new {
            match api_keys::revoke(context, key.workspace, key.id).await {
                Ok(key) => ended.keys.push(key),
                // Its row has expired, or its workspace was purged.
                Err(api_keys::KeyError::Port(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
    }
    Err(PortError::Contended { row: "keys of the leaver", writes: LISTINGS_MAX }.into())
}

async fn cancel_schedules(context: &Context, leaver: &Leaver, ended: &mut Left) -> Result<(), PeopleError> {
    for view in list(context, leaver).await?.schedules {
        match cancel_schedule::cancel(context, view.schedule.key, None).await {
            Ok(view) => ended.schedules.push(view),
            Err(ScheduleError::Port(error)) => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok(())
}
