//! Operations of the hosted service that a self-hosted system does not need: billing, quotas, teams and mail. Clients
//! read some of them, so these have a fixed answer. The others answer 501.

use axum::Json;
use axum::extract::State;
use http::Method;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::time::{DAY_MS, Moment};
use schemars::JsonSchema;
use serde::Serialize;

use crate::endpoint::{ADMINISTER, Endpoint, PUBLIC, READ, SESSION, delete, get, patch, post, tagged};
use crate::error::ApiError;
use crate::error::codes::NOT_AVAILABLE_SELF_HOSTED;
use crate::openapi::schema::{Text, Time, names};

/// The plan of every self-hosted system.
pub const PLAN: Plan = Plan("enterprise");
/// The limit of pins per month. Clients expect a number, so it is one that nobody reaches and that fits 32 bits.
const PINS_A_MONTH: u64 = 1_000_000_000;
/// The same for connected accounts.
const ACCOUNTS: u64 = 1_000_000;
/// The features of this version.
const UPLOADED_ASSETS: bool = false;
const BULK_IMPORTS: bool = true;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "Hosted service",
        vec![
            get("/v1/billing/status", READ, billing_status)
                .operation("get_billing_status", "Read the plan of the workspace")
                .about("A self-hosted system has one plan, without limits and at no charge.")
                .answers::<BillingStatus>(200, "The plan."),
            get("/v1/billing/pricing", PUBLIC, pricing)
                .operation("get_pricing", "List the plans and prices")
                .about("A self-hosted system has one plan at no charge.")
                .answers::<Pricing>(200, "The plans."),
            get("/v1/mcp/quota", READ, mcp_quota)
                .operation("get_mcp_quota", "Read the quota of the MCP server")
                .about("The MCP server has no quota: `requests_limit` is 0.")
                .answers::<McpQuota>(200, "The quota."),
            post("/v1/mcp/track", READ, mcp_quota)
                .operation("track_mcp", "Count a request of the MCP server")
                .about("Changes nothing, because the MCP server has no quota.")
                .unaudited("it changes nothing")
                .answers::<McpQuota>(200, "The quota."),
            absent(post("/v1/auth/forgot-password", PUBLIC, no_password_mail), "forgot_password", ASK_FOR_MAIL),
            absent(post("/v1/auth/reset-password", PUBLIC, no_password_mail), "reset_password", ASK_FOR_MAIL),
            absent(post("/v1/auth/email/change/request", SESSION, no_mail), "request_email_change", ASK_FOR_MAIL),
            absent(get("/v1/auth/email/change/confirm", PUBLIC, no_mail), "confirm_email_change", NO_MAIL),
            absent(post("/v1/billing/checkout", ADMINISTER, no_billing), "checkout", NOTHING_TO_PAY),
            absent(post("/v1/billing/portal", ADMINISTER, no_billing), "open_billing_portal", NOTHING_TO_PAY),
            absent(post("/v1/stripe/webhook", PUBLIC, no_billing), "stripe_webhook", NOTHING_TO_PAY),
            absent(get("/v1/team/members", READ, no_team), "list_team_members", TEAMS),
            absent(patch("/v1/team/members/{id}", ADMINISTER, no_team), "update_team_member", TEAMS),
            absent(delete("/v1/team/members/{id}", ADMINISTER, no_team), "remove_team_member", TEAMS),
            absent(get("/v1/team/invitations", READ, no_team), "list_invitations", TEAMS),
            absent(post("/v1/team/invitations", ADMINISTER, no_team), "invite", TEAMS),
            absent(get("/v1/team/invitations/preview", PUBLIC, no_team), "preview_invitation", TEAMS),
            absent(post("/v1/team/invitations/accept", PUBLIC, no_team), "accept_invitation", TEAMS),
            absent(delete("/v1/team/invitations/{id}", ADMINISTER, no_team), "withdraw_invitation", TEAMS),
            absent(post("/v1/team/invitations/{id}/resend", ADMINISTER, no_team), "resend_invitation", TEAMS),
            absent(get("/v1/email/preferences", SESSION, no_mail), "get_email_preferences", NO_MAIL),
            absent(patch("/v1/email/preferences", SESSION, no_mail), "update_email_preferences", NO_MAIL),
            absent(get("/v1/email/unsubscribe", PUBLIC, no_mail), "unsubscribe", NO_MAIL),
        ],
    )
}

const ASK_FOR_MAIL: &str = "Not available: the system sends no such mail; ask the operator";
const NO_MAIL: &str = "Not available: the system sends no such mail";
const NOTHING_TO_PAY: &str = "Not available: the system has no billing";
const TEAMS: &str = "Not available: the operator manages teams";

fn absent(endpoint: Endpoint, id: &'static str, summary: &'static str) -> Endpoint {
    let mut endpoint = endpoint.operation(id, summary).fails(&[NOT_AVAILABLE_SELF_HOSTED]);
    if endpoint.path.contains("{id}") {
        endpoint = endpoint.path::<Text>("id", "The id of the member or invitation.", "1");
    }
    if endpoint.method == Method::GET { endpoint } else { endpoint.unaudited("it answers 501 and changes nothing") }
}

names!(Plan, "The plan. A self-hosted system always has `enterprise`.", [PLAN.0]);
names!(Provider, "The billing provider. Always `self_hosted`.", ["self_hosted"]);
names!(Billing, "The billing status. Always `active`.", ["active"]);
names!(Cycle, "The billing cycle.", ["monthly", "annual"]);

/// The plan of a workspace and its limits.
#[derive(Serialize, JsonSchema)]
pub struct BillingStatus {
    pub plan: Plan,
    pub billing_provider: Provider,
    pub billing_status: Billing,
    pub quota_calls_monthly: u64,
    pub calls_used: u64,
    pub pinterest_accounts_limit: u64,
    pub uploaded_media_assets: bool,
    pub bulk_imports: bool,
}

/// The available plans.
#[derive(Serialize, JsonSchema)]
pub struct Pricing {
    pub source: Provider,
    pub refreshed_at: Time,
    pub plans: Vec<PricedPlan>,
}

/// A plan and its prices.
#[derive(Serialize, JsonSchema)]
pub struct PricedPlan {
    pub plan: Plan,
    pub name: &'static str,
    pub subtitle: &'static str,
    pub highlight: bool,
    pub feature_bullets: Vec<&'static str>,
    pub quota_calls_monthly: u64,
    pub pinterest_accounts_limit: u64,
    pub uploaded_media_assets: bool,
    pub bulk_imports: bool,
    #[schemars(with = "u64")]
    pub activity_log_retention_days: i64,
    pub monthly_price: Price,
    pub annual_price: Price,
}

/// The price of a plan for one billing cycle.
#[derive(Serialize, JsonSchema)]
pub struct Price {
    pub billing_cycle: Cycle,
    pub unit_amount: u64,
    pub currency: &'static str,
    pub amount_display: &'static str,
}

/// The weekly quota of requests of the MCP server.
#[derive(Serialize, JsonSchema)]
pub struct McpQuota {
    /// The ISO week, such as `2026-W48`.
    pub week: String,
    pub requests_used: u64,
    /// The limit per week. 0 means no limit.
    pub requests_limit: u64,
    pub quota_exhausted: bool,
    #[schemars(with = "Time")]
    pub resets_at: String,
}

async fn billing_status() -> Json<BillingStatus> {
    Json(BillingStatus {
        plan: PLAN,
        billing_provider: Provider("self_hosted"),
        billing_status: Billing("active"),
        quota_calls_monthly: PINS_A_MONTH,
        calls_used: 0,
        pinterest_accounts_limit: ACCOUNTS,
        uploaded_media_assets: UPLOADED_ASSETS,
        bulk_imports: BULK_IMPORTS,
    })
}

async fn pricing(State(context): State<Context>) -> Json<Pricing> {
    let free = |cycle| Price { billing_cycle: Cycle(cycle), unit_amount: 0, currency: "usd", amount_display: "$0" };
    let plan = PricedPlan {
        plan: PLAN,
        name: "Self-hosted",
        subtitle: "Your own deployment. You pay only AWS.",
        highlight: true,
        feature_bullets: vec!["No limit of pins or accounts"],
        quota_calls_monthly: PINS_A_MONTH,
        pinterest_accounts_limit: ACCOUNTS,
        uploaded_media_assets: UPLOADED_ASSETS,
        bulk_imports: BULK_IMPORTS,
        activity_log_retention_days: context.settings.activity_kept_ms / DAY_MS,
        monthly_price: free("monthly"),
        annual_price: free("annual"),
    };
    Json(Pricing { source: Provider("self_hosted"), refreshed_at: context.system.now().into(), plans: vec![plan] })
}

/// Counts nothing, because there is no quota.
async fn mcp_quota(State(context): State<Context>) -> Json<McpQuota> {
    let (week, resets_at) = week(context.system.now());
    Json(McpQuota { week, requests_used: 0, requests_limit: 0, quota_exhausted: false, resets_at })
}

/// The ISO week, and the start of the next one.
fn week(now: Moment) -> (String, String) {
    let day = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let iso = day.iso_week_date();
    let monday = day.saturating_add(jiff::Span::new().days(7 - i64::from(iso.weekday().to_monday_zero_offset())));
    (format!("{:04}-W{:02}", iso.year(), iso.week()), format!("{monday}T00:00:00.000Z"))
}

/// The error of an operation that a self-hosted system does not offer.
fn not_available(message: &'static str, remediation: &'static str) -> ApiError {
    ApiError::from(NOT_AVAILABLE_SELF_HOSTED).worded(message.into(), remediation)
}

async fn no_billing() -> ApiError {
    not_available(
        "A self-hosted system has no billing.",
        "Find the costs of the system in the AWS account of the operator.",
    )
}

async fn no_team() -> ApiError {
    not_available(
        "A self-hosted system has no team management. The operator manages people.",
        "Ask the operator to add the person with operator create-user.",
    )
}

/// The answer is the same for every address, so it does not reveal who has an account.
async fn no_password_mail() -> ApiError {
    not_available(
        "The system sends mail only to verify an address. It can't reset a password by mail.",
        "Ask the operator to set a new password with operator set-password. With the current password, use POST \
         /v1/auth/change-password.",
    )
}

async fn no_mail() -> ApiError {
    not_available(
        "The system sends mail only to verify an address. It has no address to change and no mail to unsubscribe from.",
        "To use another address, ask the operator for a new account with operator create-user.",
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
