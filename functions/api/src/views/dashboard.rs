//! The dashboard's figures as JSON.

use pinbridge_shared::domain::ids::AccountId;
use pinbridge_shared::domain::stats::metrics::{Totals, Waiting};
use pinbridge_shared::domain::stats::period::Period;
use pinbridge_shared::domain::time::Moment;
use pinbridge_shared::flows::stats::dashboard::Summary;
use pinbridge_shared::flows::stats::dashboard_counts::{ByStatus, Schedules};
use serde_json::{Value, json};

fn waiting(waiting: &Waiting) -> Value {
    json!({"queued": waiting.queued, "deferred": waiting.deferred, "publishing": waiting.publishing})
}

fn totals(totals: &Totals) -> Value {
    let mut by_status = waiting(&totals.waiting);
    by_status["published"] = totals.published.into();
    by_status["failed"] = totals.failed.into();
    json!({
        "total": totals.total(),
        "submitted": totals.submitted,
        "by_status": by_status,
        "success_rate": totals.success_rate(),
    })
}

/// `account`: the one that was asked for.
pub fn summary(
    summary: &Summary,
    schedules: &Schedules,
    imports: Option<&ByStatus>,
    period: &Period,
    account: Option<AccountId>,
    now: Moment,
) -> Value {
    let (figures, zone) = (&summary.metrics, &period.zone);
    let series: Vec<Value> = figures
        .series
        .iter()
        .map(|step| {
            json!({
                "start": zone.rfc3339(step.start),
                "created": step.created,
                "published": step.published,
                "failed": step.failed,
            })
        })
        .collect();
    let mut by_account: Vec<(&AccountId, &u64)> = figures.published_by_account.iter().collect();
    by_account.sort_by_key(|(account, published)| (std::cmp::Reverse(**published), **account));
    let by_account: Vec<Value> =
        by_account.iter().map(|(account, published)| json!({"account_id": account, "published": published})).collect();
    json!({
        "start": zone.rfc3339(period.start),
        "end": zone.rfc3339(period.end),
        "timezone": zone.name(),
        "granularity": period.granularity().name(),
        "previous_start": zone.rfc3339(period.previous_start()),
        "previous_end": zone.rfc3339(period.start),
        "account_id": account,
        "pins": totals(&figures.now),
        "previous_pins": totals(&figures.previous),
        "series": series,
        "published_by_account": by_account,
        "queue": waiting(&figures.queue),
        "schedules": {
            "by_status": schedules.by_status.counts,
            "upcoming": schedules.upcoming,
            "counts_are_at_least": schedules.by_status.is_at_least,
        },
        "import_jobs": imports.map(|imports| json!({
            "by_status": imports.counts,
            "counts_are_at_least": imports.is_at_least,
        })),
        // Ours.
        "as_of": now.rfc3339(),
        "counts_are_at_least": summary.is_at_least,
        "waiting_is_estimated": summary.is_waiting_estimated,
        "rounded_to_quarter_hours": summary.is_rounded,
    })
}
