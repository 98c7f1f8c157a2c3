//! Newtype ids, so that a workspace is never mistaken for a pin.

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
    /// The workspaces, and the people, that belong together.
    OrganizationId
);
uuid_id!(
    /// A person who logs in.
    UserId
);
uuid_id!(
    /// An API key's public name, which isn't secret.
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
    /// A pin that is to be published at a moment of its own.
    ScheduleId
);
uuid_id!(
    /// Many pins or schedules that were handed in together.
    ImportId
);

/// A pin together with its tenant: the full name of a publish job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PinKey {
    pub workspace: WorkspaceId,
    pub pin: PinId,
}

/// A board as one account sees it.
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

impl AccountKey {
    /// The account id is derived from the tenant and the Pinterest user, so that reconnecting keeps the id.
    pub fn of_pinterest_user(workspace: WorkspaceId, pinterest_user_id: &str) -> Self {
        let name = format!("account\0{pinterest_user_id}");
        let account = AccountId(Uuid::new_v5(&workspace.0, name.as_bytes()));
        Self { workspace, account }
    }
}
