//! The dashboard.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use uuid::Uuid;

use super::schema::{Text, Time, names};
use crate::endpoint::{Endpoint, get, tagged};
use crate::error::codes::{ACCOUNT_NOT_PERMITTED, VALIDATION_ERROR};
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Dashboard",
        vec![
            get("/v1/dashboard/summary", READ, dashboard::summary).operation("get_dashboard_summary", "Read what became of the pins of a period")
                .about(
                    "Of `[start, end)`; unless told otherwise the 30 days up to now, at most 366 days. A time without an \
                     offset is the wall clock's in `tz`: one that a change of the clocks leaves out means as much later \
                     as they jump, one that happens twice means the first. Up to 48 hours are told by the hour, more by \
                     the day, both by the wall clock: a day may have 23 or 25 hours. A key with an allow-list gets the \
                     figures of its accounts.",
                )
                .query::<Text>("start", "Its begin: an ISO 8601 time or date.")
                .query::<Text>("end", "Its end, which is no part of it.")
                .query::<Text>("tz", "An IANA time zone; `UTC` unless told otherwise.")
                .query::<Uuid>("account_id", "Only this account.")
                .answers::<DashboardSummary>(200, "The figures.")
                .fails(&[VALIDATION_ERROR, ACCOUNT_NOT_PERMITTED]),
        ],
    )
}

names!(Granularity, "What a step of the series is.", ["hour", "day"]);

/// What became of the pins of a period.
#[derive(JsonSchema)]
pub struct DashboardSummary {
    pub start: Time,
    pub end: Time,
    pub timezone: String,
    pub granularity: Granularity,
    /// The period of the same length just before.
    pub previous_start: Time,
    pub previous_end: Time,
    /// The account that was asked for.
    pub account_id: Option<Uuid>,
    pub pins: PinFigures,
    pub previous_pins: PinFigures,
    pub series: Vec<SeriesStep>,
    /// Most first.
    pub published_by_account: Vec<AccountFigure>,
    pub queue: QueueFigures,
    pub schedules: ScheduleFigures,
    /// `null` when an account was asked for.
    pub import_jobs: Option<ImportFigures>,
    /// Ours: the moment of these figures.
    pub as_of: Time,
    /// Ours: more pins than are looked at came in the last minutes; the figures leave some of them out.
    pub counts_are_at_least: bool,
    /// Ours: more pins than are looked at are unfinished; the others count as deferred.
    pub waiting_is_estimated: bool,
    /// Ours: the period begins or ends within a quarter of an hour that is too long ago to be cut; it counts whole if it
    /// began in the period.
    pub rounded_to_quarter_hours: bool,
}

/// Pins of a period.
#[derive(JsonSchema)]
pub struct PinFigures {
    /// The sum of `by_status`.
    pub total: u64,
    /// Accepted in the period.
    pub submitted: u64,
    pub by_status: PinsByStatus,
    /// Published ones of those that ended in the period; `null` when none did.
    pub success_rate: Option<f64>,
}

/// Published and failed: in the period, and still failed. The others: accepted in the period and still waiting.
#[derive(JsonSchema)]
pub struct PinsByStatus {
    pub queued: u64,
    pub deferred: u64,
    pub publishing: u64,
    pub published: u64,
    pub failed: u64,
}

/// An hour or a day.
#[derive(JsonSchema)]
pub struct SeriesStep {
    /// By the wall clock of the time zone. The first one may have begun before the period.
    pub start: Time,
    pub created: u64,
    pub published: u64,
    pub failed: u64,
}

/// An account's published pins of the period.
#[derive(JsonSchema)]
pub struct AccountFigure {
    pub account_id: Uuid,
    pub published: u64,
}

/// Pins that wait now, whenever they were accepted.
#[derive(JsonSchema)]
pub struct QueueFigures {
    pub queued: u64,
    pub deferred: u64,
    pub publishing: u64,
}

/// Schedules, as they stand now.
#[derive(JsonSchema)]
pub struct ScheduleFigures {
    /// Those whose time is in the period.
    pub by_status: BTreeMap<String, u64>,
    /// Those that are still to come, whenever; counted up to 1,000.
    pub upcoming: u64,
    /// Ours: there are more in the period than were looked at (1,000).
    pub counts_are_at_least: bool,
}

/// Imports that were submitted in the period, as they stand now.
#[derive(JsonSchema)]
pub struct ImportFigures {
    pub by_status: BTreeMap<String, u64>,
    /// Ours: there are more than were looked at (the newest 1,000).
    pub counts_are_at_least: bool,
}
