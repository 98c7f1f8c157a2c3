//! What was requested: a pin's row, which doesn't change except by edits.

use serde::{Deserialize, Serialize};

use super::idempotency::PayloadHash;
use super::origin::Origin;
use crate::domain::ids::{AccountId, AccountKey, BoardKey, PinKey};
use crate::domain::time::{DAY_MS, Moment, SECOND_MS};

/// The longest title, in characters. This limit and those below are Pinterest's and PinBridge's.
pub const TITLE_MAX: usize = 100;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 800;
/// The longest alternative text, in characters.
pub const ALT_TEXT_MAX: usize = 500;
/// The longest URL of an image or a link, in characters.
pub const URL_MAX: usize = 2048;
/// The longest idempotency key, in characters.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// A pin that could not be published within this time after its acceptance fails as `expired_unpublished`. Its rows
/// expire later, so they never disappear while the pin waits.
pub const LIFETIME_MS: i64 = 30 * DAY_MS;

/// The shortest time between the moment at which a pin may start and its `publish_before`: with less, it is accepted
/// only to fail.
pub const START_NEEDS_MS: i64 = SECOND_MS;

/// The priority of a deferred pin among the pins of its account.
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

    /// The first character of a backlog row's key: a smaller rank is released first.
    pub fn rank(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        }
    }

    /// The priorities that are released after this one.
    pub fn lower(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |other| *other > self)
    }

    /// The priority with this rank.
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
    /// `#RRGGBB` in upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominant_color: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_terms: Option<Vec<String>>,
    pub idempotency_key: String,
    pub priority: Priority,
    /// No attempt starts at this time or later: the pin fails as `too_late` instead. Not a part of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_before: Option<Moment>,
}

impl PinRequest {
    /// Whether its `publish_before` has passed.
    pub fn is_too_late(&self, now: Moment) -> bool {
        self.publish_before.is_some_and(|before| now >= before)
    }

    /// Whether its `publish_before` leaves no time to start, if it can't start before that moment.
    pub fn ends_too_soon(&self, start: Moment) -> bool {
        self.publish_before.is_some_and(|before| before < start.plus_ms(START_NEEDS_MS))
    }
}

/// Where acceptance put the pin. It is stored with the pin, so that a pin without an attempt row still shows why it
/// waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A token was free: the pin went straight to the queue.
    Now,
    /// The account's next slot is in the future; the message is delayed until then.
    Slot(Moment),
    /// The account is over its horizon or paused, or other pins already wait.
    Backlog(WaitReason),
    /// The pin has a time of its own and never starts before it; its token is taken then.
    Due(Moment),
}

/// Why a pin waits before an attempt. The codes are the public `error_code`s of deferred pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// The account's own pacing: its tokens are spent.
    AccountPacing,
    /// Pinterest asked this account to wait.
    AccountPaused,
    /// A person has to restore the account's connection.
    AccountOnHold,
    /// The account's tokens are being refreshed.
    TokenRefresh,
    /// The app's requests of the day are spent, or kept for other workspaces.
    DailyBudget,
    /// The pin's time is in the future.
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

    /// The public `error_code`.
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

    /// Whether an account paused for this reason waits for its connection, and is then tried with a single pin. A
    /// person mends the connection, or the refresh of its tokens does.
    pub fn is_hold(self) -> bool {
        matches!(self, Self::AccountOnHold | Self::TokenRefresh)
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// One sentence for the user.
    pub fn message(self) -> &'static str {
        match self {
            Self::AccountPacing => {
                "The account's pace allows no pin now, or other pins wait before this one; the pin starts in its turn."
            }
            Self::AccountPaused => {
                "Pinterest asked this account to wait or blocks it; the pin starts in its turn after the pause."
            }
            Self::DailyBudget => {
                "The app's requests to Pinterest for today (UTC) are spent or kept for other workspaces; the pin starts tomorrow, in its turn."
            }
            Self::TokenRefresh => {
                "The account's access token is being renewed, or tried again; the pin starts in its turn after that."
            }
            Self::AccountOnHold => "The account's connection needs attention; the pin is held until it is restored.",
            Self::Scheduled => "The pin is scheduled for a later time and does not start before it.",
        }
    }

    /// What the user can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::AccountPacing => "Nothing to do: the pin starts in its turn.",
            Self::AccountPaused => "Nothing to do: the pin starts after the pause.",
            Self::AccountOnHold => {
                "Read the account's health (GET /v1/pinterest/accounts), and reconnect the account if it asks for that (GET /v1/pinterest/oauth/start)."
            }
            Self::TokenRefresh => "Nothing to do: the pin starts after that.",
            Self::DailyBudget => "Nothing to do: the pin starts when the day allows it.",
            Self::Scheduled => "Nothing to do: the pin starts at its time.",
        }
    }
}

/// An accepted pin, as stored. Only its content can be edited, and only before it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub key: PinKey,
    pub request: PinRequest,
    pub payload_hash: PayloadHash,
    pub created_at: Moment,
    /// The time at which it was to start, if it has one: its schedule's. It may have passed before the acceptance.
    pub due_at: Option<Moment>,
    pub placement: Placement,
    pub origin: Origin,
    /// Counts the edits of the content; the attempt row counts them too.
    pub edit: u32,
    /// Deleted by its owner: callers no longer see the pin, but its key stays taken.
    pub hidden_at: Option<Moment>,
    /// When the row expires: after the longest life plus the retention period.
    pub expires_at: Moment,
    /// Identifies the write, so that the SDK's repetition of it is recognised and not answered as a replay.
    pub nonce: String,
}

impl Pin {
    /// The key of the pin's account.
    pub fn account_key(&self) -> AccountKey {
        AccountKey { workspace: self.key.workspace, account: self.request.account }
    }

    /// The key of the pin's board.
    pub fn board_key(&self) -> BoardKey {
        BoardKey { account: self.account_key(), board_id: self.request.board_id.clone() }
    }

    /// The time before which no attempt may start, for whatever reason the pin has waited since.
    pub fn not_before(&self) -> Option<Moment> {
        match self.placement {
            Placement::Due(at) => Some(at),
            Placement::Now | Placement::Slot(_) | Placement::Backlog(_) => None,
        }
    }

    /// When an attempt may start, as far as only the pin's own time keeps it.
    pub fn may_start_at(&self, now: Moment) -> Moment {
        self.not_before().map_or(now, |at| at.max(now))
    }

    /// Whether no attempt may start any more.
    pub fn is_too_late(&self, now: Moment) -> bool {
        self.request.is_too_late(now)
    }

    /// Whether the pin has waited longer than its lifetime.
    pub fn is_overdue(&self, now: Moment) -> bool {
        now.since_ms(self.created_at) > LIFETIME_MS
    }
}
