//! The profile: the name of the person, the name of the active workspace, and the company details.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use pinbridge_shared::context::Context;
use pinbridge_shared::domain::tenant::user::User;
use pinbridge_shared::domain::tenant::{NAME_MAX, Organization, PROFILE_FIELDS, Workspace};
use pinbridge_shared::flows::tenants::people::{self, Introduction};
use pinbridge_shared::flows::tenants::projects;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::json;

use super::auth::EmailAddress;
use crate::activity::Resource;
use crate::auth::{Access, Caller};
use crate::endpoint::{Endpoint, SESSION, get, put, tagged};
use crate::error::ApiError;
use crate::error::codes::{INSUFFICIENT_SCOPE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED, NO_WORKSPACE};
use crate::openapi::schema::{FILLED, Time, inline_schema};
use crate::request::field::Line;
use crate::request::options::Unknown;
use crate::request::{Fields, JsonObject};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "People",
        vec![
            get("/v1/auth/profile", SESSION, read)
                .operation("get_profile", "Read the profile")
                .answers::<Profile>(200, "The profile.")
                .fails(&[NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
            put("/v1/auth/profile", SESSION, update)
                .operation("update_profile", "Change the profile")
                .audited("profile.updated", Resource::Actor, &[])
                .exact()
                .about(
                    "An omitted field keeps its value. An empty text clears a company field. Every person can change \
                     their own name. Only an owner can change the other fields.",
                )
                .takes::<ProfileUpdate>(|| json!({"full_name": "Ada Lovelace", "company_name": "Paper & Co."}))
                .answers::<Profile>(200, "The changed profile.")
                .fails(&[INSUFFICIENT_SCOPE, NO_WORKSPACE, INVALID_CREDENTIALS, LOGIN_RATE_LIMITED]),
        ],
    )
}

type Name = Line<NAME_MAX>;

inline_schema!(
    /// The changes of a profile: the name of the person, the name of the workspace, and the company details.
    ProfileUpdate = {
        let name = json!({"type": ["string", "null"], "minLength": 1, "maxLength": NAME_MAX, "pattern": FILLED});
        let mut properties = json!({"full_name": name, "workspace_name": name});
        for (field, max) in PROFILE_FIELDS {
            properties[field] = json!({"type": ["string", "null"], "maxLength": max});
        }
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
);

/// The name of the person, the name of the workspace, and the company details.
#[derive(Serialize, JsonSchema)]
pub struct Profile {
    pub full_name: Option<String>,
    pub email: String,
    pub pending_email_change_to: Option<String>,
    pub pending_email_change_requested_at: Option<Time>,
    pub workspace_name: String,
    pub company_name: Option<String>,
    pub company_website: Option<String>,
    pub billing_email: Option<String>,
    pub billing_phone: Option<String>,
    pub tax_id: Option<String>,
    pub address_line1: Option<String>,
    pub address_line2: Option<String>,
    pub address_city: Option<String>,
    pub address_state: Option<String>,
    pub address_postal_code: Option<String>,
    pub address_country: Option<String>,
}

impl Profile {
    fn of(user: &User, workspace: &Workspace, organization: &Organization) -> Self {
        let company: BTreeMap<&str, Option<&str>> = organization.profile.fields().collect();
        let of = |field: &str| company.get(field).copied().flatten().map(str::to_owned);
        Self {
            full_name: user.full_name.clone(),
            email: user.email.as_str().to_owned(),
            pending_email_change_to: None,
            pending_email_change_requested_at: None,
            workspace_name: workspace.name.clone(),
            company_name: of("company_name"),
            company_website: of("company_website"),
            billing_email: of("billing_email"),
            billing_phone: of("billing_phone"),
            tax_id: of("tax_id"),
            address_line1: of("address_line1"),
            address_line2: of("address_line2"),
            address_city: of("address_city"),
            address_state: of("address_state"),
            address_postal_code: of("address_postal_code"),
            address_country: of("address_country"),
        }
    }
}

async fn read(State(context): State<Context>, caller: Caller) -> Result<Json<Profile>, ApiError> {
    let presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    Ok(Json(Profile::of(&presence.user, &presence.active, &presence.projects.organization)))
}

/// Every person may change their own name. Only an owner may change the rest.
async fn update(
    State(context): State<Context>,
    caller: Caller,
    unknown: Unknown,
    JsonObject(body): JsonObject,
) -> Result<Json<Profile>, ApiError> {
    let mut fields = Fields::of(&body);
    let of_company = |name: &str| PROFILE_FIELDS.iter().any(|(field, _)| *field == name);
    fields.ignored(&unknown, |name| ["full_name", "workspace_name"].contains(&name) || of_company(name));
    let full_name = fields.read::<Option<Name>>("full_name").flatten().map(|name| name.trimmed());
    let workspace_name = fields.read::<Option<Name>>("workspace_name").flatten().map(|name| name.trimmed());
    let mut company: Vec<(&str, String)> = Vec::new();
    for (field, max) in PROFILE_FIELDS {
        // The official client can't read an answer with an invalid email address.
        let text = match fields.text(field, max) {
            Some(text) if field == "billing_email" && !text.trim().is_empty() => {
                fields.read::<EmailAddress>(field).map(|email| email.0.as_str().to_owned())
            }
            text => text,
        };
        company.extend(text.map(|text| (field, text)));
    }
    fields.finish_with(Some(()))?;
    if workspace_name.is_some() || !company.is_empty() {
        Access::Administer.admits(&caller)?;
    }
    if full_name.is_some() {
        let change = Introduction { full_name, ..Introduction::default() };
        people::introduce(&context, caller.user()?, &change).await?;
    }
    let mut presence = people::presence(&context, caller.user()?, caller.workspace).await?;
    if let Some(name) = workspace_name {
        presence.active = projects::rename(&context, caller.workspace, &name).await?;
    }
    if !company.is_empty() {
        let organization = presence.projects.organization.id;
        presence.projects.organization = projects::describe(&context, organization, &company).await?;
    }
    Ok(Json(Profile::of(&presence.user, &presence.active, &presence.projects.organization)))
}
