//! Ids as newtypes, so that the compiler refuses a workspace's id where a pin's is expected.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A tenant. Every read and write is keyed by one.
    WorkspaceId
);
uuid_id!(
    /// A customer: its workspaces and its people.
    OrganizationId
);
uuid_id!(
    /// A person who logs in.
    UserId
);
uuid_id!(
    /// An operator's invitation to register. It isn't secret.
    InvitationId
);
uuid_id!(
    /// The public id of an API key. It isn't secret.
    KeyId
);
uuid_id!(
    /// A connected Pinterest user of one workspace.
    AccountId
);
uuid_id!(
    /// One publish job; the public API's `job_id` is the same value.
    PinId
);
uuid_id!(
    /// A pin that is to be published at a time that the caller chose.
    ScheduleId
);
uuid_id!(
    /// Many pins or schedules that were submitted in one request.
    ImportId
);
uuid_id!(
    /// A webhook: a subscriber's URL. It isn't secret.
    EndpointId
);

/// A pin together with its tenant: the full name of a publish job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PinKey {
    pub workspace: WorkspaceId,
    pub pin: PinId,
}

/// A schedule together with its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScheduleKey {
    pub workspace: WorkspaceId,
    pub schedule: ScheduleId,
}

/// A board as seen by one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoardKey {
    pub account: AccountKey,
    pub board_id: String,
}

/// An account together with its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountKey {
    pub workspace: WorkspaceId,
    pub account: AccountId,
}

impl AccountId {
    /// Whether the account is a sandbox's. A simulated account is answered by pinbridge itself, not by Pinterest. The
    /// id alone shows it (a UUID of version 8, where a real account's has version 5), so that no call needs a read
    /// first.
    pub fn is_simulated(self) -> bool {
        self.0.get_version_num() == 8
    }
}

impl AccountKey {
    /// The simulated account with this number, from 1.
    pub fn simulated(workspace: WorkspaceId, number: u32) -> Self {
        let name = format!("simulated account\0{number}");
        let bytes = Uuid::new_v5(&workspace.0, name.as_bytes()).into_bytes();
        Self { workspace, account: AccountId(uuid::Builder::from_custom_bytes(bytes).into_uuid()) }
    }

    /// Derives the account's id from the tenant and the Pinterest user, so that reconnecting keeps the id.
    pub fn of_pinterest_user(workspace: WorkspaceId, pinterest_user_id: &str) -> Self {
        let name = format!("account\0{pinterest_user_id}");
        let account = AccountId(Uuid::new_v5(&workspace.0, name.as_bytes()));
        Self { workspace, account }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sandboxs_accounts_are_simulated() {
        let workspace = WorkspaceId(Uuid::from_u128(1));
        let ids: Vec<AccountId> = (1..4).map(|number| AccountKey::simulated(workspace, number).account).collect();
        assert!(ids.iter().all(|id| id.is_simulated()));
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert!(!AccountKey::of_pinterest_user(workspace, "simulated-1").account.is_simulated());
        assert!(!AccountId(Uuid::from_u128(8)).is_simulated());
    }
}
