//! The rate meter and the export.

use schemars::JsonSchema;
use uuid::Uuid;

use super::pins::ACCOUNT;
use super::pins::schemas::{Pin, TimelineEvent};
use super::schedules::Schedule;
use super::schema::{Limit, Text, Time, names};
use crate::endpoint::{Endpoint, get, tagged};
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, NOT_FOUND, VALIDATION_ERROR};
use crate::routes::accounts::Account;
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Pace and export",
        vec![
            get("/v1/rate-meter", READ, rate_meter::read).operation("get_rate_meter", "Read what an account may publish now")
                .required_query::<Uuid>("account_id", "The account.", ACCOUNT)
                .answers::<RateMeter>(200, "The account's real bucket, and what all accounts share.")
                .fails(&[NOT_FOUND, VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
            get("/v1/export", READ, export::read).operation("export", "Export the workspace's accounts, pins and schedules")
                .about(
                    "JSON lines, each an object with its `kind` (`account`, `pin`, `schedule`), oldest first; a pin's line has its \
                     `events`. Without the header `X-Next-Cursor` the page is the last.",
                )
                .query::<Text>("cursor", "`X-Next-Cursor` of the page before.")
                .query::<Limit>("limit", "Lines of a page.")
                .answers_lines::<ExportLine>(200, "A page of lines.")
                .with_header::<Text>("X-Next-Cursor", false, "Where the next page begins, if there is one.")
                .fails(&[VALIDATION_ERROR]),
        ],
    )
}

names!(
    PauseReason,
    "Why the account is paused.",
    pinbridge_shared::domain::pin::WaitReason::ALL.map(pinbridge_shared::domain::pin::WaitReason::code)
);

names!(AccountKind, "What the line is.", ["account"]);
names!(PinKind, "What the line is.", ["pin"]);
names!(ScheduleKind, "What the line is.", ["schedule"]);

/// A line of the export.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum ExportLine {
    Account(AccountLine),
    Pin(PinLine),
    Schedule(ScheduleLine),
}

/// An account, without its tokens.
#[derive(JsonSchema)]
pub struct AccountLine {
    pub kind: AccountKind,
    #[schemars(flatten)]
    pub account: Account,
}

/// A pin, with what happened to it.
#[derive(JsonSchema)]
pub struct PinLine {
    pub kind: PinKind,
    #[schemars(flatten)]
    pub pin: Pin,
    pub events: Vec<TimelineEvent>,
}

/// A schedule.
#[derive(JsonSchema)]
pub struct ScheduleLine {
    pub kind: ScheduleKind,
    #[schemars(flatten)]
    pub schedule: Schedule,
}

/// What an account may publish now.
#[derive(JsonSchema)]
pub struct RateMeter {
    pub account: AccountMeter,
    /// What all accounts share: the daily budget; without one, the account's own figures.
    pub global: Meter,
    /// Ours: the budget of requests a day, if there is one.
    pub daily_budget: Option<DailyBudget>,
}

/// A token bucket.
#[derive(JsonSchema)]
pub struct Meter {
    /// Pins that may start now; below 1 the next one waits.
    pub tokens_available: f64,
    /// Pins at once.
    pub capacity: f64,
    /// Pins a second.
    pub refill_rate: f64,
}

/// An account's token bucket.
#[derive(JsonSchema)]
pub struct AccountMeter {
    pub account_id: Uuid,
    /// Pins that may start now; below 1 the next one waits.
    pub tokens_available: f64,
    /// Pins at once, at the pace that counts now.
    pub capacity: f64,
    /// Pins a second, at the pace that counts now.
    pub refill_rate: f64,
    /// Ours.
    pub configured_capacity: f64,
    /// Ours.
    pub configured_refill_rate: f64,
    /// Ours: until when the pace is lower than configured.
    pub slowed_until: Option<Time>,
    /// Ours.
    pub paused_until: Option<Time>,
    /// Ours.
    pub pause_reason: Option<PauseReason>,
    /// Ours: whether the account waits for a person.
    pub on_hold: bool,
    /// Ours: pins in the backlog.
    pub waiting: u64,
    /// Ours: whether that is a lower bound.
    pub waiting_is_at_least: bool,
}

/// The app's requests to Pinterest of this UTC day.
#[derive(JsonSchema)]
pub struct DailyBudget {
    pub requests: u32,
    pub spent: u32,
    /// How many more this workspace may make today.
    pub allowance: u32,
    pub resets_at: Time,
}
