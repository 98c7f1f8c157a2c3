//! What people leave behind: the keys that they made, the keys that those made, and the schedules that any of them
//! planted. A session ends with its person; these don't.

use std::collections::BTreeSet;

use super::api_keys;
use super::people::PeopleError;
use crate::context::Context;
use crate::domain::ids::{KeyId, OrganizationId, ScheduleKey, UserId, WorkspaceId};
use crate::domain::pin::origin::Actor;
use crate::domain::tenant::api_key::ApiKey;
use crate::domain::tenant::user::{Email, User};
use crate::domain::time::Moment;
use crate::flows::schedules::list_schedules::with_pins;
use crate::flows::schedules::{ScheduleError, ScheduleView, cancel_schedule};
use crate::ports::{ByTime, PortResult};

/// Schedules that are read together.
const PAGE: usize = 200;

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

    pub fn key(workspace: WorkspaceId, key: KeyId) -> Self {
        Self { workspaces: vec![workspace], person: None, key: Some(key) }
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

    /// The ids of every key of the leaver's, revoked ones too: what a revoked key planted is still there. Rows of keys
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

/// What the leaver left behind, and what of it still has power.
///
/// # Errors
/// When a port is unavailable.
pub async fn list(context: &Context, leaver: &Leaver) -> PortResult<Left> {
    let mut left = Left::default();
    for workspace in &leaver.workspaces {
        let all = api_keys::list(context, *workspace).await?;
        let keys = leaver.keys_of(&all);
        // The key that is given up is no news to whoever asked for it.
        let is_listed = |key: &ApiKey| keys.contains(&key.id) && Some(key.id) != leaver.key && key.revoked_at.is_none();
        left.keys.extend(all.into_iter().filter(is_listed));
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
/// # Errors
/// When a port is unavailable; repeating it continues.
pub async fn revoke(context: &Context, leaver: &Leaver) -> Result<Left, PeopleError> {
    let mut ended = Left::default();
    for key in list(context, leaver).await?.keys {
        match api_keys::revoke(context, key.workspace, key.id).await {
            Ok(key) => ended.keys.push(key),
            // Its row has expired, or its workspace was purged.
            Err(api_keys::KeyError::Port(error)) => return Err(error.into()),
            Err(_) => {}
        }
    }
    // Listed again: a key could plant schedules until it was revoked.
    for view in list(context, leaver).await?.schedules {
        match cancel_schedule::cancel(context, view.schedule.key).await {
            Ok(view) => ended.schedules.push(view),
            Err(ScheduleError::Port(error)) => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok(ended)
}
