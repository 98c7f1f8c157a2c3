//! What the hosted service sells, and a system of one's own has or has no need of: billing, quotas, teams, mail.

use axum::Json;
use axum::extract::State;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use serde_json::{Value, json};

use crate::error::{ApiError, codes};
use crate::views::people::PLAN;

/// Pins a month, and connected accounts: numbers that nobody reaches, because clients want numbers. (They fit 32 bits.)
const PINS_A_MONTH: u32 = 1_000_000_000;
const ACCOUNTS: u32 = 1_000_000;
/// What this version can do already.
const UPLOADED_ASSETS: bool = false;
const BULK_IMPORTS: bool = true;

pub async fn billing_status() -> Json<Value> {
    Json(json!({
        "plan": PLAN,
        "billing_provider": "self_hosted",
        "billing_status": "active",
        "quota_calls_monthly": PINS_A_MONTH,
        "calls_used": 0,
        "pinterest_accounts_limit": ACCOUNTS,
        "uploaded_media_assets": UPLOADED_ASSETS,
        "bulk_imports": BULK_IMPORTS,
    }))
}

pub async fn pricing(State(context): State<Context>) -> Json<Value> {
    let free =
        |cycle: &str| json!({"billing_cycle": cycle, "unit_amount": 0, "currency": "usd", "amount_display": "$0"});
    Json(json!({
        "source": "self_hosted",
        "refreshed_at": context.system.now().rfc3339(),
        "plans": [{
            "plan": PLAN,
            "name": "Self-hosted",
            "subtitle": "Your own deployment: what it costs, AWS charges.",
            "highlight": true,
            "feature_bullets": ["No quota of pins or accounts"],
            "quota_calls_monthly": PINS_A_MONTH,
            "pinterest_accounts_limit": ACCOUNTS,
            "uploaded_media_assets": UPLOADED_ASSETS,
            "bulk_imports": BULK_IMPORTS,
            "activity_log_retention_days": context.settings.activity_kept_ms / DAY_MS,
            "monthly_price": free("monthly"),
            "annual_price": free("annual"),
        }],
    }))
}

/// No limit, so nothing is counted.
pub async fn mcp_quota(State(context): State<Context>) -> Json<Value> {
    let (week, resets_at) = week(context.system.now());
    Json(json!({
        "week": week,
        "requests_used": 0,
        "requests_limit": 0,
        "quota_exhausted": false,
        "resets_at": resets_at,
    }))
}

/// The ISO week, and when the next one begins.
fn week(now: Moment) -> (String, String) {
    let day = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let iso = day.iso_week_date();
    let monday = day.saturating_add(jiff::Span::new().days(7 - i64::from(iso.weekday().to_monday_zero_offset())));
    (format!("{:04}-W{:02}", iso.year(), iso.week()), format!("{monday}T00:00:00.000Z"))
}

/// Something of the hosted service that a system of one's own does otherwise, or has no need of.
fn not_available(message: &'static str, remediation: &'static str) -> ApiError {
    ApiError::from(codes::NOT_AVAILABLE_SELF_HOSTED).worded(message.into(), remediation)
}

pub async fn no_billing() -> ApiError {
    not_available(
        "There is nothing to pay: the system is hosted by its operator.",
        "See the costs in the operator's AWS account.",
    )
}

pub async fn no_team() -> ApiError {
    not_available(
        "Teams are managed by the operator.",
        "Ask the operator: operator create-user adds a person to a workspace.",
    )
}

/// The same whoever asks and whatever the address: it tells nothing of who has an account.
pub async fn no_password_mail() -> ApiError {
    not_available(
        "No mail is sent, so that a password can't be reset by mail.",
        "Ask the operator: operator set-password sets a new one. Knowing the old one, use POST /v1/auth/change-password.",
    )
}

pub async fn no_mail() -> ApiError {
    not_available(
        "No mail is sent: there is nothing to verify, to change by mail or to unsubscribe from.",
        "Ask the operator: operator create-user makes an account for another address.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_ends_when_the_next_monday_begins() {
        // 2026-11-23 is a Monday, 2027-01-01 a Friday of the 53rd week.
        for (now, wanted) in [
            ("2026-11-22T23:59:59Z", ("2026-W47", "2026-11-23T00:00:00.000Z")),
            ("2026-11-23T00:00:00Z", ("2026-W48", "2026-11-30T00:00:00.000Z")),
            ("2027-01-01T12:00:00Z", ("2026-W53", "2027-01-04T00:00:00.000Z")),
        ] {
            let (week, resets_at) = week(Moment::parse_rfc3339(now).expect("a time"));
            assert_eq!((week.as_str(), resets_at.as_str()), wanted);
        }
    }
}
