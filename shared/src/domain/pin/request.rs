//! What was asked for: the immutable part of a publish job.

use serde::{Deserialize, Serialize};

use super::idempotency::PayloadHash;
use super::origin::Origin;
use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinKey};
use crate::domain::time::{DAY_MS, Moment};

/// Field limits in characters, as Pinterest's and PinBridge's API give them.
pub const TITLE_MAX: usize = 100;
pub const DESCRIPTION_MAX: usize = 800;
pub const ALT_TEXT_MAX: usize = 500;
pub const URL_MAX: usize = 2048;
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// A pin that could not be published within this time of its acceptance fails as `expired_unpublished`, so that its
/// rows, which expire later than that, never disappear while it waits.
pub const LIFETIME_MS: i64 = 30 * DAY_MS;

/// How urgent a deferred pin is among those of its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Urgent,
    #[default]
    Normal,
    Bulk,
}

impl Priority {
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == text)
    }

    /// The leading character of a backlog row's key: smaller goes first.
    pub fn rank(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        }
    }

    /// The classes that are served after this one.
    pub fn lower(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |other| *other > self)
    }

    pub fn of_rank(rank: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.rank() == rank)
    }
}

/// A validated request to publish one image by its URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinRequest {
    pub account: AccountId,
    pub board_id: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_url: Option<String>,
    pub image_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover_image_url: Option<String>,
    /// `#RRGGBB`, upper-case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominant_color: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_terms: Option<Vec<String>>,
    pub idempotency_key: String,
    pub priority: Priority,
}

/// Where acceptance put the pin. Written with the pin, so that a pin nobody has touched since still says why it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A token was free: straight to the queue.
    Now,
    /// The account's next free second is in the future; the message is delayed until then.
    Slot(Moment),
    /// The account is over its horizon, paused, or others already wait.
    Backlog(WaitReason),
    /// It is for this moment and never starts before it; its token is taken then.
    Due(Moment),
}

/// Why a pin waits before an attempt. The names are public `error_code`s of deferred pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// The account's own pacing: its tokens are spent.
    AccountPacing,
    /// Pinterest asked this account to wait.
    AccountPaused,
    /// The account's connection needs a person.
    AccountOnHold,
    /// The account's tokens are being refreshed.
    TokenRefresh,
    /// The app's requests of the day are spent, or kept for other workspaces.
    DailyBudget,
    /// It is for a moment that is still to come.
    Scheduled,
}

impl WaitReason {
    pub const ALL: [Self; 6] = [
        Self::AccountPacing,
        Self::AccountPaused,
        Self::AccountOnHold,
        Self::TokenRefresh,
        Self::DailyBudget,
        Self::Scheduled,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::AccountPacing => "account_pacing",
            Self::AccountPaused => "account_paused",
            Self::AccountOnHold => "account_on_hold",
            Self::TokenRefresh => "token_refresh",
            Self::DailyBudget => "daily_budget",
            Self::Scheduled => "scheduled",
        }
    }

    /// Whether an account that is paused for this waits for its connection, and is tried with a single pin.
    pub fn is_hold(self) -> bool {
        matches!(self, Self::AccountOnHold | Self::TokenRefresh)
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::AccountPacing => {
                "The account's publishing tokens are spent, or others wait before it; the pin starts in its turn."
            }
            Self::AccountPaused => {
                "Pinterest asked this account to wait or blocks it; the pin starts in its turn after the pause's end."
            }
            Self::DailyBudget => {
                "The app's requests to Pinterest for today (UTC) are spent or kept for other workspaces; the pin starts tomorrow, in its turn."
            }
            Self::TokenRefresh => {
                "The account's access to Pinterest is being renewed; the pin starts in its turn after that."
            }
            Self::AccountOnHold => "The account's connection needs attention; the pin is held until it is restored.",
            Self::Scheduled => "The pin is for a later moment and starts then, not before.",
        }
    }
}

/// An accepted pin, as stored. Only what is published of it can be changed, and only before it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub key: PinKey,
    pub request: PinRequest,
    pub payload_hash: PayloadHash,
    pub created_at: Moment,
    pub placement: Placement,
    pub origin: Origin,
    /// How often what is to be published was changed; the attempt row counts along.
    pub edit: u32,
    /// Deleted by its owner: from then on there is no such pin for anybody, but its key stays taken.
    pub hidden_at: Option<Moment>,
    /// When the row disappears: after the longest life plus the retention time.
    pub expires_at: Moment,
    /// Names the write, so that one the SDK repeated is recognised as our own and not answered as a replay.
    pub nonce: String,
}

impl Pin {
    pub fn account_key(&self) -> AccountKey {
        AccountKey { workspace: self.key.workspace, account: self.request.account }
    }

    pub fn board_key(&self) -> BoardKey {
        BoardKey { account: self.account_key(), board_id: self.request.board_id.clone() }
    }

    /// The moment before which no attempt of it may start, whatever it waited for meanwhile.
    pub fn not_before(&self) -> Option<Moment> {
        match self.placement {
            Placement::Due(at) => Some(at),
            Placement::Now | Placement::Slot(_) | Placement::Backlog(_) => None,
        }
    }

    /// Whether the pin has waited longer than any pin may.
    pub fn is_overdue(&self, now: Moment) -> bool {
        now.since_ms(self.created_at) > LIFETIME_MS
    }
}
