//! What the hosted service sells: read-only stand-ins, and clear refusals.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::operation::{Example, Operation, delete, get, patch, post, tagged};
use super::people::Plan;
use super::types::{Text, Time, names};
use crate::views::people::PLAN;

pub fn operations() -> Vec<Operation> {
    let absent = |operation: Operation| operation.refuses(&["not_available_self_hosted"]);
    let one = |operation: Operation| absent(operation.path::<Text>("id", "An id.", "1"));
    tagged(
        "Hosted service",
        vec![
            get("/v1/billing/status", "get_billing_status", "Read the plan: without a limit")
                .answers::<BillingStatus>(200, "All of it, at no price."),
            get("/v1/billing/pricing", "get_pricing", "Read the prices: none").answers::<Pricing>(200, "One plan."),
            get("/v1/mcp/quota", "get_mcp_quota", "Read the quota of the MCP server: none")
                .answers::<McpQuota>(200, "No limit (0)."),
            post("/v1/mcp/track", "track_mcp", "Count a request of the MCP server: nothing is counted")
                .answers::<McpQuota>(200, "No limit (0)."),
            absent(post("/v1/auth/forgot-password", "forgot_password", "No mail is sent: ask the operator")),
            absent(post("/v1/auth/reset-password", "reset_password", "No mail is sent: ask the operator")),
            absent(post("/v1/auth/email/verify/request", "request_email_verification", "No mail is sent")),
            absent(get("/v1/auth/email/verify", "verify_email", "No mail is sent")),
            absent(post("/v1/auth/email/change/request", "request_email_change", "No mail is sent: ask the operator")),
            absent(get("/v1/auth/email/change/confirm", "confirm_email_change", "No mail is sent")),
            absent(post("/v1/billing/checkout", "checkout", "There is nothing to pay")),
            absent(post("/v1/billing/portal", "open_billing_portal", "There is nothing to pay")),
            absent(post("/v1/stripe/webhook", "stripe_webhook", "There is nothing to pay")),
            absent(get("/v1/team/members", "list_team_members", "Teams are managed by the operator")),
            one(patch("/v1/team/members/{id}", "update_team_member", "Teams are managed by the operator")),
            one(delete("/v1/team/members/{id}", "remove_team_member", "Teams are managed by the operator")),
            absent(get("/v1/team/invitations", "list_invitations", "Teams are managed by the operator")),
            absent(post("/v1/team/invitations", "invite", "Teams are managed by the operator")),
            absent(get("/v1/team/invitations/preview", "preview_invitation", "Teams are managed by the operator")),
            absent(post("/v1/team/invitations/accept", "accept_invitation", "Teams are managed by the operator")),
            one(delete("/v1/team/invitations/{id}", "withdraw_invitation", "Teams are managed by the operator")),
            one(post("/v1/team/invitations/{id}/resend", "resend_invitation", "Teams are managed by the operator")),
            absent(get("/v1/email/preferences", "get_email_preferences", "No mail is sent")),
            absent(patch("/v1/email/preferences", "update_email_preferences", "No mail is sent")),
            absent(get("/v1/email/unsubscribe", "unsubscribe", "No mail is sent")),
        ],
    )
}

names!(Provider, "Nobody bills.", ["self_hosted"]);
names!(Billing, "Always active.", ["active"]);
names!(Cycle, "How often nothing is paid.", ["monthly", "annual"]);

/// The plan.
#[derive(JsonSchema)]
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

impl Example for BillingStatus {
    fn example() -> Value {
        json!({
            "plan": PLAN,
            "billing_provider": "self_hosted",
            "billing_status": "active",
            "quota_calls_monthly": 1_000_000_000,
            "calls_used": 0,
            "pinterest_accounts_limit": 1_000_000,
            "uploaded_media_assets": false,
            "bulk_imports": true,
        })
    }
}

/// The plans that there are.
#[derive(JsonSchema)]
pub struct Pricing {
    pub source: Provider,
    pub refreshed_at: Time,
    pub plans: Vec<PricedPlan>,
}

/// A plan.
#[derive(JsonSchema)]
pub struct PricedPlan {
    pub plan: Plan,
    pub name: String,
    pub subtitle: String,
    pub highlight: bool,
    pub feature_bullets: Vec<String>,
    pub quota_calls_monthly: u64,
    pub pinterest_accounts_limit: u64,
    pub uploaded_media_assets: bool,
    pub bulk_imports: bool,
    pub activity_log_retention_days: u64,
    pub monthly_price: Price,
    pub annual_price: Price,
}

/// A price.
#[derive(JsonSchema)]
pub struct Price {
    pub billing_cycle: Cycle,
    pub unit_amount: u64,
    pub currency: String,
    pub amount_display: String,
}

impl Example for Pricing {
    fn example() -> Value {
        let free = |cycle| json!({"billing_cycle": cycle, "unit_amount": 0, "currency": "usd", "amount_display": "$0"});
        json!({
            "source": "self_hosted",
            "refreshed_at": "2026-11-23T12:00:00.000Z",
            "plans": [{
                "plan": PLAN,
                "name": "Self-hosted",
                "subtitle": "Your own deployment: what it costs, AWS charges.",
                "highlight": true,
                "feature_bullets": ["No quota of pins or accounts"],
                "quota_calls_monthly": 1_000_000_000,
                "pinterest_accounts_limit": 1_000_000,
                "uploaded_media_assets": false,
                "bulk_imports": true,
                "activity_log_retention_days": 30,
                "monthly_price": free("monthly"),
                "annual_price": free("annual"),
            }],
        })
    }
}

/// The quota of the MCP server's requests.
#[derive(JsonSchema)]
pub struct McpQuota {
    /// The ISO week.
    pub week: String,
    pub requests_used: u64,
    /// 0 is no limit.
    pub requests_limit: u64,
    pub quota_exhausted: bool,
    pub resets_at: Time,
}

impl Example for McpQuota {
    fn example() -> Value {
        json!({
            "week": "2026-W48",
            "requests_used": 0,
            "requests_limit": 0,
            "quota_exhausted": false,
            "resets_at": "2026-11-30T00:00:00.000Z",
        })
    }
}
