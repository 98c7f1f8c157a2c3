//! [`Tenants`] on the table: organisations and workspaces here, keys and people in their own files.

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::item::{Builder, Item, Reader, moment, unreadable};
use super::{DynamoStore, keys};
use crate::domain::ids::{InvitationId, KeyId, OrganizationId, UserId, WorkspaceId};
use crate::domain::tenant::api_key::ApiKey;
use crate::domain::tenant::claim::Claim;
use crate::domain::tenant::invitation::Invitation;
use crate::domain::tenant::login::{AddressAttempts, Bucket, Source, SourceAttempts};
use crate::domain::tenant::user::{Email, User};
use crate::domain::tenant::{CompanyProfile, Organization, Workspace, WorkspaceEnvironment, WorkspaceState};
use crate::domain::time::Moment;
use crate::ports::{AddressRows, Admission, PortResult, Tenants, Write};

pub(super) fn organization_item(organization: &Organization) -> Item {
    let row = Builder::keyed(keys::organization(organization.id), keys::ORGANIZATION)
        .text("name", &organization.name)
        .value("at", moment(organization.created_at))
        .number("rev", organization.rev)
        .text("n", &organization.nonce);
    organization.profile.fields().fold(row, |row, (field, value)| row.maybe_text(field, value)).build()
}

fn read_organization(id: OrganizationId, item: &Item) -> PortResult<Organization> {
    let row = Reader(item);
    let mut profile = CompanyProfile::default();
    for (field, _) in crate::domain::tenant::PROFILE_FIELDS {
        profile.set(field, &row.maybe_text(field).unwrap_or_default());
    }
    let created_at = row.moment("at")?;
    Ok(Organization {
        id,
        name: row.text("name")?,
        profile,
        created_at,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

pub(super) fn workspace_item(workspace: &Workspace) -> Item {
    let row = Builder::keyed(keys::workspace(workspace.id), keys::WORKSPACE)
        .text("org", workspace.organization.to_string())
        .text("name", &workspace.name)
        .text("env", workspace.environment.name())
        .text("tz", &workspace.timezone)
        .value("at", moment(workspace.created_at))
        .text("st", workspace.state.name())
        .maybe_text("key", workspace.first_key.map(|key| key.to_string()))
        .number("rev", workspace.rev)
        .text("n", &workspace.nonce);
    // The purge finds the workspace by these attributes.
    match workspace.state {
        WorkspaceState::Active => row,
        WorkspaceState::Resetting | WorkspaceState::Deleted => {
            row.text("wpk", keys::PURGE).text("wsk", workspace.id.to_string())
        }
    }
    .build()
}

fn read_workspace(id: WorkspaceId, item: &Item) -> PortResult<Workspace> {
    let row = Reader(item);
    Ok(Workspace {
        id,
        organization: row.text("org")?.parse().map_err(|_| unreadable("org"))?,
        name: row.text("name")?,
        environment: WorkspaceEnvironment::parse(&row.text("env")?).ok_or_else(|| unreadable("env"))?,
        timezone: row.text("tz")?,
        created_at: row.moment("at")?,
        state: WorkspaceState::parse(&row.text("st")?).ok_or_else(|| unreadable("st"))?,
        first_key: row.maybe_text("key").map(|id| id.parse().map_err(|_| unreadable("key"))).transpose()?,
        rev: row.number("rev")?,
        nonce: row.text("n")?,
    })
}

impl DynamoStore {
    async fn get_workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>> {
        let item = self.get(keys::workspace(id), keys::WORKSPACE, true).await?;
        item.map(|item| read_workspace(id, &item)).transpose()
    }

    /// Writes a pointer, which comes before the row that it points to: a pointer to a missing row is skipped, but a row
    /// without a pointer isn't found.
    pub(super) async fn point(&self, from: OrganizationId, kind: &str, to: &str) -> PortResult<()> {
        self.put(Builder::keyed(keys::organization(from), format!("{kind}{to}")).build()).await
    }

    /// Deletes every row of a small partition.
    async fn delete_partition(&self, pk: &str) -> PortResult<()> {
        let rows = self.partition(pk.to_owned()).await?;
        let names: Vec<String> = rows.iter().map(|item| Reader(item).text("sk")).collect::<PortResult<_>>()?;
        self.delete_all(pk, &names).await
    }

    /// The ids that an organisation's pointers of that kind name.
    pub(super) async fn pointers<T: std::str::FromStr>(&self, from: OrganizationId, kind: &str) -> PortResult<Vec<T>> {
        let rows = self.partition(keys::organization(from)).await?;
        let mut ids = Vec::new();
        for item in &rows {
            if let Some(id) = Reader(item).text("sk")?.strip_prefix(kind) {
                ids.push(id.parse().map_err(|_| unreadable("sk"))?);
            }
        }
        Ok(ids)
    }
}

#[async_trait]
impl Tenants for DynamoStore {
    async fn save_organization(&self, next: &Organization) -> PortResult<Write<()>> {
        self.put_revision(organization_item(next), next.rev, &next.nonce).await
    }

    async fn organization(&self, id: OrganizationId) -> PortResult<Option<Organization>> {
        let item = self.get(keys::organization(id), keys::ORGANIZATION, true).await?;
        item.map(|item| read_organization(id, &item)).transpose()
    }

    async fn save_workspace(&self, next: &Workspace) -> PortResult<Write<()>> {
        if next.rev <= 1 {
            self.point(next.organization, keys::WORKSPACE_POINTER, &next.id.to_string()).await?;
        }
        self.put_revision(workspace_item(next), next.rev, &next.nonce).await
    }

    async fn workspace(&self, id: WorkspaceId) -> PortResult<Option<Workspace>> {
        self.get_workspace(id).await
    }

    async fn workspaces(&self, organization: OrganizationId) -> PortResult<Vec<Workspace>> {
        let ids: Vec<WorkspaceId> = self.pointers(organization, keys::WORKSPACE_POINTER).await?;
        let rows = try_join_all(ids.into_iter().map(|id| self.get_workspace(id))).await?;
        Ok(rows.into_iter().flatten().filter(|workspace| workspace.organization == organization).collect())
    }

    async fn save_api_key(&self, next: &ApiKey) -> PortResult<Write<()>> {
        self.write_api_key(next).await
    }

    async fn api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<Option<ApiKey>> {
        self.get_api_key(workspace, id).await
    }

    async fn api_keys(&self, workspace: WorkspaceId) -> PortResult<Vec<ApiKey>> {
        self.list_api_keys(workspace).await
    }

    async fn remove_api_key(&self, workspace: WorkspaceId, id: KeyId) -> PortResult<()> {
        self.delete_all(&keys::api_keys(workspace), &[id.to_string()]).await
    }

    async fn note_use(&self, workspace: WorkspaceId, id: KeyId, now: Moment, unless_since: Moment) -> PortResult<bool> {
        self.write_use(workspace, id, now, unless_since).await
    }

    async fn admit(&self, admission: Admission<'_>) -> PortResult<Write<()>> {
        self.write_admission(&admission).await
    }

    async fn save_claim(&self, user: &User, claim: &Claim) -> PortResult<Write<()>> {
        self.write_claim(user, claim).await
    }

    async fn address(&self, email: &Email) -> PortResult<AddressRows> {
        self.get_address(email).await
    }

    async fn save_user(&self, next: &User) -> PortResult<Write<()>> {
        self.write_user(next).await
    }

    async fn user(&self, id: UserId) -> PortResult<Option<User>> {
        self.get_user(id).await
    }

    async fn users(&self, organization: OrganizationId) -> PortResult<Vec<User>> {
        self.list_users(organization).await
    }

    async fn save_invitation(&self, invitation: &Invitation) -> PortResult<()> {
        self.put_invitation(invitation).await
    }

    async fn invitation(&self, id: InvitationId) -> PortResult<Option<Invitation>> {
        self.get_invitation(id).await
    }

    async fn invitations(&self) -> PortResult<Vec<Invitation>> {
        self.list_invitations().await
    }

    async fn remove_invitation(&self, id: InvitationId) -> PortResult<bool> {
        self.delete_invitation(id).await
    }

    async fn remove_user(&self, user: &User) -> PortResult<()> {
        self.delete_person(user).await?;
        self.delete_partition(&keys::user(user.id)).await
    }

    async fn close_organization(&self, id: OrganizationId) -> PortResult<()> {
        self.delete_all(&keys::organization(id), &[keys::ORGANIZATION.to_owned()]).await
    }

    async fn remove_organization(&self, id: OrganizationId) -> PortResult<()> {
        self.delete_partition(&keys::organization(id)).await
    }

    async fn save_source_attempts(&self, next: &SourceAttempts) -> PortResult<Write<()>> {
        self.write_source_attempts(next).await
    }

    async fn source_attempts(&self, source: &Source) -> PortResult<SourceAttempts> {
        self.get_source_attempts(source).await
    }

    async fn remove_source_attempts(&self, source: &Source) -> PortResult<bool> {
        self.delete_source_attempts(source).await
    }

    async fn save_address_attempts(&self, next: &AddressAttempts) -> PortResult<Write<()>> {
        self.write_address_attempts(next).await
    }

    async fn address_attempts(&self, bucket: Bucket) -> PortResult<AddressAttempts> {
        self.get_address_attempts(bucket).await
    }

    async fn note_source(&self, user: UserId, source: &Source, until: Moment) -> PortResult<()> {
        self.put_known_source(user, source, until).await
    }

    async fn knows_source(&self, user: UserId, source: &Source, now: Moment) -> PortResult<bool> {
        self.has_known_source(user, source, now).await
    }
}
