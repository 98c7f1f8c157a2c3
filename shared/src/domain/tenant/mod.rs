//! The tenants: organisations, and their workspaces, people and keys.

pub mod api_key;
pub mod claim;
pub mod invitation;
pub mod login;
pub mod one_time;
pub mod proof;
pub mod scope;
pub mod session;
pub mod user;

use uuid::Uuid;

use super::ids::{KeyId, OrganizationId, WorkspaceId};
use super::time::Moment;

/// The longest name of a workspace, an organisation or a key, in characters (as in the public API).
pub const NAME_MAX: usize = 255;
/// The time zone of a new workspace or person.
pub const DEFAULT_TIMEZONE: &str = "UTC";
/// The name from which the id of an organisation's one sandbox is derived.
const SANDBOX: &[u8] = b"sandbox";

/// A customer: its workspaces and people belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub profile: CompanyProfile,
    pub created_at: Moment,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl Organization {
    pub fn new(id: OrganizationId, name: impl Into<String>, now: Moment, nonce: String) -> Self {
        Self { id, name: name.into(), profile: CompanyProfile::default(), created_at: now, rev: 1, nonce }
    }

    /// The row's next version.
    #[must_use]
    pub fn next(&self, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, ..self.clone() }
    }

    /// The id of the organisation's one sandbox. It is derived, so that the sandbox can't be created twice.
    pub fn sandbox(&self) -> WorkspaceId {
        WorkspaceId(Uuid::new_v5(&self.id.0, SANDBOX))
    }
}

/// The company's profile, with the public API's fields. Publishing needs none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompanyProfile([Option<String>; PROFILE_FIELDS.len()]);

/// The fields of the company's profile with their longest value in characters, as in the public API.
pub const PROFILE_FIELDS: [(&str, usize); 11] = [
    ("company_name", 255),
    ("company_website", 255),
    ("billing_email", 255),
    ("billing_phone", 50),
    ("tax_id", 100),
    ("address_line1", 255),
    ("address_line2", 255),
    ("address_city", 120),
    ("address_state", 120),
    ("address_postal_code", 40),
    ("address_country", 10),
];

impl CompanyProfile {
    /// Every field with its value, in the order of [`PROFILE_FIELDS`].
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        PROFILE_FIELDS.iter().zip(&self.0).map(|((name, _), value)| (*name, value.as_deref()))
    }

    /// Sets a field; an empty text clears it. An unknown field changes nothing.
    pub fn set(&mut self, field: &str, value: &str) {
        if let Some(at) = PROFILE_FIELDS.iter().position(|(name, _)| *name == field) {
            self.0[at] = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    }
}

/// Whether a workspace publishes on Pinterest or simulates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceEnvironment {
    Production,
    Sandbox,
}

impl WorkspaceEnvironment {
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Production, Self::Sandbox].into_iter().find(|environment| environment.name() == name)
    }
}

/// Whether a workspace can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceState {
    Active,
    /// Its contents are being removed; then it is active again.
    Resetting,
    /// Its contents are being removed, or have been.
    Deleted,
}

impl WorkspaceState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Resetting => "resetting",
            Self::Deleted => "deleted",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Resetting, Self::Deleted].into_iter().find(|state| state.name() == name)
    }
}

/// A tenant. The public API calls it a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub organization: OrganizationId,
    pub name: String,
    pub environment: WorkspaceEnvironment,
    /// An IANA name.
    pub timezone: String,
    pub created_at: Moment,
    pub state: WorkspaceState,
    /// A sandbox's: the key that came with its creation. It is set by one conditional write, so only one call gets it.
    pub first_key: Option<KeyId>,
    /// Counts the row's writes; each write is conditional on the `rev` before it.
    pub rev: u64,
    /// Identifies the last write, so that the SDK's repetition of it is recognised.
    pub nonce: String,
}

impl Workspace {
    /// A new workspace that publishes on Pinterest.
    pub fn production(
        id: WorkspaceId,
        organization: OrganizationId,
        name: impl Into<String>,
        now: Moment,
        nonce: String,
    ) -> Self {
        let environment = WorkspaceEnvironment::Production;
        Self {
            id,
            organization,
            name: name.into(),
            environment,
            timezone: DEFAULT_TIMEZONE.into(),
            created_at: now,
            state: WorkspaceState::Active,
            first_key: None,
            rev: 1,
            nonce,
        }
    }

    /// The row's next version.
    #[must_use]
    pub fn next(&self, nonce: String) -> Self {
        Self { rev: self.rev + 1, nonce, ..self.clone() }
    }
}

/// Whether a text has the form of an IANA time zone name. The list of names changes several times a year, so it isn't
/// checked.
pub fn is_timezone(text: &str) -> bool {
    const LONGEST: usize = 64;
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
    };
    text.len() <= LONGEST && text.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_the_public_apis_fields_and_no_others() {
        let mut profile = CompanyProfile::default();
        profile.set("company_name", " Paper & Co. ");
        profile.set("tax_id", "1");
        profile.set("tax_id", " ");
        profile.set("password", "x");
        let set: Vec<_> = profile.fields().filter(|(_, value)| value.is_some()).collect();
        assert_eq!(set, [("company_name", Some("Paper & Co."))]);
    }

    #[test]
    fn each_organisation_has_its_own_sandbox() {
        let organization = |id| Organization::new(OrganizationId(Uuid::from_u128(id)), "o", Moment(1), "n".into());
        assert_eq!(organization(1).sandbox(), organization(1).sandbox());
        assert_ne!(organization(1).sandbox(), organization(2).sandbox());
    }

    #[test]
    fn names_are_parsed_back() {
        for state in [WorkspaceState::Active, WorkspaceState::Resetting, WorkspaceState::Deleted] {
            assert_eq!(WorkspaceState::parse(state.name()), Some(state));
        }
        assert_eq!(WorkspaceEnvironment::parse("sandbox"), Some(WorkspaceEnvironment::Sandbox));
        assert_eq!(WorkspaceEnvironment::parse("staging"), None);
    }

    #[test]
    fn a_time_zone_has_the_form_of_one() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(is_timezone(good), "{good}");
        }
        for bad in ["", "/", "Europe/", "Europe Berlin", "Europe/\u{e4}", &"a".repeat(65)] {
            assert!(!is_timezone(bad), "{bad}");
        }
    }
}
