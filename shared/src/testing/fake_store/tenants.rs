//! Organisations, workspaces, keys and people in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{FakeStore, Tables};
use crate::domain::ids::{InvitationId, KeyId, OrganizationId, UserId, WorkspaceId};
use crate::domain::repeated_write::is_same_write;
use crate::domain::tenant::api_key::ApiKey;
use crate::domain::tenant::claim::Claim;
use crate::domain::tenant::invitation::Invitation;
use crate::domain::tenant::login::{AddressAttempts, Bucket, Source, SourceAttempts};
use crate::domain::tenant::user::{Email, User};
use crate::domain::tenant::{Organization, Workspace};
use crate::domain::time::Moment;
use crate::ports::{AddressRows, Admission, PortResult, Tenants, Write};

#[derive(Default)]
pub(super) struct Rows {
    organizations: BTreeMap<OrganizationId, Organization>,
    pub(super) workspaces: BTreeMap<WorkspaceId, Workspace>,
    pub(super) api_keys: BTreeMap<(WorkspaceId, KeyId), ApiKey>,
    users: BTreeMap<UserId, User>,
    addresses: BTreeMap<String, UserId>,
    claims: BTreeMap<String, Claim>,
    invitations: BTreeMap<InvitationId, Invitation>,
    source_attempts: BTreeMap<String, SourceAttempts>,
    address_attempts: BTreeMap<Bucket, AddressAttempts>,
    known_sources: BTreeMap<(UserId, String), Moment>,
}

/// Writes a row if the stored one has the revision before, or if this very write is stored already.
fn save<K: Ord, V: Clone>(rows: &mut BTreeMap<K, V>, key: K, next: &V, revision: fn(&V) -> (u64, &str)) -> Write<()> {
    let (rev, nonce) = revision(next);
    let stored = rows.get(&key).map(revision);
    if stored.map_or(0, |(rev, _)| rev) + 1 == rev {
        rows.insert(key, next.clone());
        return Write::Done;
    }
    let is_ours = |(stored_rev, stored_nonce): (u64, &str)| stored_rev == rev && is_same_write(stored_nonce, nonce);
    Write::done_if(stored.is_some_and(is_ours))
}

/// Whether the row's version before is the stored one.
fn is_next<K: Ord, V>(rows: &BTreeMap<K, V>, key: &K, rev: u64, revision: fn(&V) -> u64) -> bool {
    rows.get(key).map_or(0, revision) + 1 == rev
}

impl Rows {
    pub(super) fn put_user(&mut self, user: &User) {
        self.users.insert(user.id, user.clone());
    }

    fn is_saved(&self, user: &User) -> bool {
        self.users
            .get(&user.id)
            .is_some_and(|stored| stored.rev == user.rev && is_same_write(&stored.nonce, &user.nonce))
    }

    fn admit(&mut self, admission: &Admission<'_>) -> Write<()> {
        let Admission { user, founds, invitation } = *admission;
        let is_taken = self.addresses.get(user.email.as_str()).is_some_and(|owner| self.users.contains_key(owner));
        let fits = match founds {
            Some((organization, workspace)) => {
                !self.organizations.contains_key(&organization.id) && !self.workspaces.contains_key(&workspace.id)
            }
            None => self.organizations.contains_key(&user.organization),
        };
        let is_invited = invitation.is_none_or(|id| self.invitations.contains_key(&id));
        let is_next = is_next(&self.users, &user.id, user.rev, |row| row.rev);
        if is_taken || !fits || !is_invited || !is_next {
            return Write::done_if(self.is_saved(user));
        }
        if let Some((organization, workspace)) = founds {
            self.organizations.insert(organization.id, organization.clone());
            self.workspaces.insert(workspace.id, workspace.clone());
        }
        if let Some(id) = invitation {
            self.invitations.remove(&id);
        }
        self.addresses.insert(user.email.as_str().to_owned(), user.id);
        self.users.insert(user.id, user.clone());
        Write::Done
    }

    fn save_claim(&mut self, user: &User, claim: &Claim) -> Write<()> {
        let address = claim.email.as_str().to_owned();
        if !is_next(&self.users, &user.id, user.rev, |row| row.rev)
            || !is_next(&self.claims, &address, claim.rev, |row| row.rev)
        {
            return Write::done_if(self.is_saved(user));
        }
        self.users.insert(user.id, user.clone());
        self.claims.insert(address, claim.clone());
        Write::Done
    }
}

#[async_trait]
impl Tenants for FakeStore {
    async fn save_organization(&self, next: &Organization) -> PortResult<Write<()>> {
        let write = |t: &mut Tables| save(&mut t.tenants.organizations, next.id, next, |row| (row.rev, &row.nonce));
        self.call("tenants.save_organization", write).await
    }

    async fn organization(&self, id: OrganizationId) -> PortResult<Option<Organization>> {
        self.call("tenants.organization", |t| t.tenants.organizations.get(&id).cloned()).await
    }

    async fn save_workspace(&self, next: &Workspace) -> PortResult<Write<()>> {
        let write = |t: &mut Tables| save(&mut t.tenants.workspaces, next.id, next, |row| (row.rev, &row.nonce));
        self.call("tenants.save_workspace", write).await
    }

    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>> {
        self.call("tenants.workspace", |t| t.tenants.workspaces.get(&id).cloned()).await
    }

    async fn workspaces(&self, organization: OrganizationId) -> PortResult<Vec<Workspace>> {
        let list = |t: &mut Tables| {
            let rows = t.tenants.workspaces.values();
            rows.filter(|row| row.organization == organization).cloned().collect()
        };
        self.call("tenants.workspaces", list).await
    }

    async fn save_api_key(&self, next: &ApiKey) -> PortResult<Write<()>> {
        let key = (next.workspace, next.id);
        let write = |t: &mut Tables| save(&mut t.tenants.api_keys, key, next, |row| (row.rev, &row.nonce));
        self.call("tenants.save_api_key", write).await
    }

    async fn api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<Option<ApiKey>> {
        self.call("tenants.api_key", |t| t.tenants.api_keys.get(&(workspace, id)).cloned()).await
    }

    async fn api_keys(&self, workspace: WorkspaceId) -> PortResult<Vec<ApiKey>> {
        let list = |t: &mut Tables| {
            let rows = t.tenants.api_keys.values();
            rows.filter(|row| row.workspace == workspace).cloned().collect()
        };
        self.call("tenants.api_keys", list).await
    }

    async fn remove_api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<()> {
        let remove = |t: &mut Tables| {
            t.tenants.api_keys.remove(&(workspace, id));
        };
        self.call("tenants.remove_api_key", remove).await
    }

    async fn note_use(&self, workspace: WorkspaceId, id: KeyId, now: Moment, unless_since: Moment) -> PortResult<bool> {
        let note = |t: &mut Tables| match t.tenants.api_keys.get_mut(&(workspace, id)) {
            Some(row) if row.last_used_at.is_none_or(|at| at <= unless_since) => {
                row.last_used_at = Some(now);
                true
            }
            _ => false,
        };
        self.call("tenants.note_use", note).await
    }

    async fn admit(&self, admission: Admission<'_>) -> PortResult<Write<()>> {
        self.call("tenants.admit", |t| t.tenants.admit(&admission)).await
    }

    async fn save_claim(&self, user: &User, claim: &Claim) -> PortResult<Write<()>> {
        self.call("tenants.save_claim", |t| t.tenants.save_claim(user, claim)).await
    }

    async fn address(&self, email: &Email) -> PortResult<AddressRows> {
        let read = |t: &mut Tables| AddressRows {
            owner: t.tenants.addresses.get(email.as_str()).copied(),
            claim: t.tenants.claims.get(email.as_str()).cloned(),
        };
        self.call("tenants.address", read).await
    }

    async fn save_user(&self, next: &User) -> PortResult<Write<()>> {
        let write = |t: &mut Tables| {
            if next.rev <= 1 {
                return Write::Conflict(());
            }
            save(&mut t.tenants.users, next.id, next, |row| (row.rev, &row.nonce))
        };
        self.call("tenants.save_user", write).await
    }

    async fn save_invitation(&self, invitation: &Invitation) -> PortResult<()> {
        let write = |t: &mut Tables| {
            t.tenants.invitations.insert(invitation.id, invitation.clone());
        };
        self.call("tenants.save_invitation", write).await
    }

    async fn invitation(&self, id: InvitationId) -> PortResult<Option<Invitation>> {
        self.call("tenants.invitation", |t| t.tenants.invitations.get(&id).cloned()).await
    }

    async fn invitations(&self) -> PortResult<Vec<Invitation>> {
        self.call("tenants.invitations", |t| t.tenants.invitations.values().cloned().collect()).await
    }

    async fn remove_invitation(&self, id: InvitationId) -> PortResult<bool> {
        self.call("tenants.remove_invitation", |t| t.tenants.invitations.remove(&id).is_some()).await
    }

    async fn user(&self, id: UserId) -> PortResult<Option<User>> {
        self.call("tenants.user", |t| t.tenants.users.get(&id).cloned()).await
    }

    async fn users(&self, organization: OrganizationId) -> PortResult<Vec<User>> {
        let list = |t: &mut Tables| {
            let rows = t.tenants.users.values().filter(|row| row.is_proven());
            rows.filter(|row| row.organization == organization).cloned().collect()
        };
        self.call("tenants.users", list).await
    }

    async fn remove_user(&self, user: &User) -> PortResult<()> {
        let remove = |t: &mut Tables| {
            t.tenants.users.remove(&user.id);
            t.tenants.addresses.retain(|_, owner| *owner != user.id);
            t.tenants.known_sources.retain(|(of, _), _| *of != user.id);
        };
        self.call("tenants.remove_user", remove).await
    }

    async fn close_organization(&self, id: OrganizationId) -> PortResult<()> {
        let close = |t: &mut Tables| {
            t.tenants.organizations.remove(&id);
        };
        self.call("tenants.close_organization", close).await
    }

    async fn remove_organization(&self, id: OrganizationId) -> PortResult<()> {
        let remove = |t: &mut Tables| {
            t.tenants.organizations.remove(&id);
        };
        self.call("tenants.remove_organization", remove).await
    }

    async fn save_source_attempts(&self, next: &SourceAttempts) -> PortResult<Write<()>> {
        let key = next.source.clone();
        let write =
            |t: &mut Tables| save(&mut t.tenants.source_attempts, key.clone(), next, |row| (row.rev, &row.nonce));
        self.call("tenants.save_source_attempts", write).await
    }

    async fn source_attempts(&self, source: &Source) -> PortResult<SourceAttempts> {
        let read = |t: &mut Tables| {
            let row = t.tenants.source_attempts.get(&source.digest()).cloned();
            row.unwrap_or_else(|| SourceAttempts::none(source))
        };
        self.call("tenants.source_attempts", read).await
    }

    async fn remove_source_attempts(&self, source: &Source) -> PortResult<bool> {
        let remove = |t: &mut Tables| t.tenants.source_attempts.remove(&source.digest()).is_some();
        self.call("tenants.remove_source_attempts", remove).await
    }

    async fn save_address_attempts(&self, next: &AddressAttempts) -> PortResult<Write<()>> {
        let write =
            |t: &mut Tables| save(&mut t.tenants.address_attempts, next.bucket, next, |row| (row.rev, &row.nonce));
        self.call("tenants.save_address_attempts", write).await
    }

    async fn address_attempts(&self, bucket: Bucket) -> PortResult<AddressAttempts> {
        let read = |t: &mut Tables| {
            let row = t.tenants.address_attempts.get(&bucket).cloned();
            row.unwrap_or_else(|| AddressAttempts::none(bucket))
        };
        self.call("tenants.address_attempts", read).await
    }

    async fn note_source(&self, user: UserId, source: &Source, until: Moment) -> PortResult<()> {
        let note = |t: &mut Tables| {
            t.tenants.known_sources.insert((user, source.known_to(user)), until);
        };
        self.call("tenants.note_source", note).await
    }

    async fn knows_source(&self, user: UserId, source: &Source, now: Moment) -> PortResult<bool> {
        let knows = |t: &mut Tables| {
            t.tenants.known_sources.get(&(user, source.known_to(user))).is_some_and(|until| *until > now)
        };
        self.call("tenants.knows_source", knows).await
    }
}
