//! What the hosted service sells: read-only stand-ins, and clear refusals.

use schemars::JsonSchema;

use super::people::Plan;
use super::schema::{Text, Time, names};
use crate::endpoint::{Endpoint, delete, get, patch, post, tagged};
use crate::error::codes::NOT_AVAILABLE_SELF_HOSTED;
use crate::routes::*;

pub fn endpoints() -> Vec<Endpoint> {
    let absent = |operation: Endpoint| operation.fails(&[NOT_AVAILABLE_SELF_HOSTED]);
    let one = |operation: Endpoint| absent(operation.path::<Text>("id", "An id.", "1"));
    tagged(
        "Hosted service",
        vec![
            get("/v1/billing/status", READ, self_hosted::billing_status)
                .operation("get_billing_status", "Read the plan: without a limit")
                .answers::<BillingStatus>(200, "All of it, at no price."),
            get("/v1/billing/pricing", PUBLIC, self_hosted::pricing)
                .operation("get_pricing", "Read the prices: none")
                .answers::<Pricing>(200, "One plan."),
            get("/v1/mcp/quota", READ, self_hosted::mcp_quota)
                .operation("get_mcp_quota", "Read the quota of the MCP server: none")
                .answers::<McpQuota>(200, "No limit (0)."),
            post("/v1/mcp/track", READ, self_hosted::mcp_quota)
                .operation("track_mcp", "Count a request of the MCP server: nothing is counted")
                .unaudited("it counts nothing")
                .answers::<McpQuota>(200, "No limit (0)."),
            absent(
                post("/v1/auth/forgot-password", PUBLIC, self_hosted::no_password_mail)
                    .operation("forgot_password", "No mail is sent: ask the operator")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                post("/v1/auth/reset-password", PUBLIC, self_hosted::no_password_mail)
                    .operation("reset_password", "No mail is sent: ask the operator")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                post("/v1/auth/email/verify/request", SESSION, self_hosted::no_mail)
                    .operation("request_email_verification", "No mail is sent")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                get("/v1/auth/email/verify", PUBLIC, self_hosted::no_mail).operation("verify_email", "No mail is sent"),
            ),
            absent(
                post("/v1/auth/email/change/request", SESSION, self_hosted::no_mail)
                    .operation("request_email_change", "No mail is sent: ask the operator")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                get("/v1/auth/email/change/confirm", PUBLIC, self_hosted::no_mail)
                    .operation("confirm_email_change", "No mail is sent"),
            ),
            absent(
                post("/v1/billing/checkout", ADMINISTER, self_hosted::no_billing)
                    .operation("checkout", "There is nothing to pay")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                post("/v1/billing/portal", ADMINISTER, self_hosted::no_billing)
                    .operation("open_billing_portal", "There is nothing to pay")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                post("/v1/stripe/webhook", PUBLIC, self_hosted::no_billing)
                    .operation("stripe_webhook", "There is nothing to pay")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                get("/v1/team/members", READ, self_hosted::no_team)
                    .operation("list_team_members", "Teams are managed by the operator"),
            ),
            one(patch("/v1/team/members/{id}", ADMINISTER, self_hosted::no_team)
                .operation("update_team_member", "Teams are managed by the operator")
                .unaudited("it does nothing here (501)")),
            one(delete("/v1/team/members/{id}", ADMINISTER, self_hosted::no_team)
                .operation("remove_team_member", "Teams are managed by the operator")
                .unaudited("it does nothing here (501)")),
            absent(
                get("/v1/team/invitations", READ, self_hosted::no_team)
                    .operation("list_invitations", "Teams are managed by the operator"),
            ),
            absent(
                post("/v1/team/invitations", ADMINISTER, self_hosted::no_team)
                    .operation("invite", "Teams are managed by the operator")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                get("/v1/team/invitations/preview", PUBLIC, self_hosted::no_team)
                    .operation("preview_invitation", "Teams are managed by the operator"),
            ),
            absent(
                post("/v1/team/invitations/accept", PUBLIC, self_hosted::no_team)
                    .operation("accept_invitation", "Teams are managed by the operator")
                    .unaudited("it does nothing here (501)"),
            ),
            one(delete("/v1/team/invitations/{id}", ADMINISTER, self_hosted::no_team)
                .operation("withdraw_invitation", "Teams are managed by the operator")
                .unaudited("it does nothing here (501)")),
            one(post("/v1/team/invitations/{id}/resend", ADMINISTER, self_hosted::no_team)
                .operation("resend_invitation", "Teams are managed by the operator")
                .unaudited("it does nothing here (501)")),
            absent(
                get("/v1/email/preferences", SESSION, self_hosted::no_mail)
                    .operation("get_email_preferences", "No mail is sent"),
            ),
            absent(
                patch("/v1/email/preferences", SESSION, self_hosted::no_mail)
                    .operation("update_email_preferences", "No mail is sent")
                    .unaudited("it does nothing here (501)"),
            ),
            absent(
                get("/v1/email/unsubscribe", PUBLIC, self_hosted::no_mail).operation("unsubscribe", "No mail is sent"),
            ),
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
