//! Test data: builders of domain values.

use uuid::Uuid;

use super::account::credentials::TokenLife;
use super::account::{Account, PUBLISHING_SCOPES};
use super::event::EventType;
use super::ids::{AccountId, AccountKey, OrganizationId, PinKey, ScheduleId, ScheduleKey, WorkspaceId};
use super::pin::idempotency::{self, PayloadHash};
use super::pin::{LIFETIME_MS, Pin, PinRequest, Placement, Priority};
use super::repeated_write::Trail;
use super::schedule::{NewSchedule, Schedule};
use super::secret::Secret;
use super::tenant::Workspace;
use super::tenant::proof::{Proof, Prospect};
use super::tenant::user::{Email, Role, User};
use super::time::{DAY_MS, Moment};
use super::webhook::endpoint::EndpointKey;
use super::webhook::replay::{Only, ReplayCounts, ReplayId, ReplayRun, ReplayState};

pub const CREATED_AT: Moment = Moment(1_000_000);

pub fn workspace() -> WorkspaceId {
    WorkspaceId(Uuid::from_u128(0xa))
}

pub fn organization() -> OrganizationId {
    OrganizationId(Uuid::from_u128(0x09))
}

/// The workspace's row.
pub fn workspace_row() -> Workspace {
    Workspace::production(workspace(), organization(), "Paper & Co.", CREATED_AT, "workspace".into())
}

/// An owner.
pub fn user(email: &str) -> User {
    let email = Email::parse(email).expect("an address");
    User {
        id: email.derived_user(),
        email,
        full_name: Some("Ada".into()),
        timezone: "UTC".into(),
        password: Secret::new("$hash"),
        organization: organization(),
        role: Role::Owner,
        epoch: CREATED_AT.0,
        ended: Vec::new(),
        proof: Proof::Proven(CREATED_AT),
        created_at: CREATED_AT,
        rev: 1,
        nonce: "user".into(),
    }
}

/// The registration of a person with that name, and a workspace of the same name.
pub fn prospect(name: &str) -> Prospect {
    let id = user("ada@example.com").id;
    Prospect { id, name: name.into(), workspace_name: name.into(), created_at: CREATED_AT }
}

pub fn account() -> AccountId {
    AccountId(Uuid::from_u128(0xb))
}

/// An ordinary request: title 60, description 300 and link 120 characters.
pub fn request(idempotency_key: &str) -> PinRequest {
    PinRequest {
        account: account(),
        board_id: "1000000000000000001".into(),
        title: format!("{:60}", "Ten ways to fold a paper crane").replace(' ', "-"),
        description: Some("Patience and paper. ".repeat(15)),
        alt_text: None,
        link_url: Some(format!("https://example.com/{}", "a".repeat(100))),
        image_url: format!("https://images.example.com/{}.jpg", "b".repeat(40)),
        cover_image_url: None,
        dominant_color: None,
        related_terms: None,
        idempotency_key: idempotency_key.into(),
        priority: Priority::Normal,
        publish_before: None,
    }
}

pub fn pin_of(request: PinRequest, created_at: Moment, placement: Placement) -> Pin {
    let workspace = workspace();
    Pin {
        key: PinKey { workspace, pin: idempotency::pin_id(workspace, &request.idempotency_key) },
        payload_hash: PayloadHash::of(&request),
        request,
        created_at,
        due_at: if let Placement::Due(at) = placement { Some(at) } else { None },
        placement,
        origin: Default::default(),
        edit: 0,
        hidden_at: None,
        expires_at: created_at.plus_ms(LIFETIME_MS + 90 * DAY_MS),
        nonce: "0123456789ab".into(),
    }
}

pub fn pin() -> Pin {
    pin_of(request("key-1"), CREATED_AT, Placement::Now)
}

/// A replay in the middle of its work.
pub fn replay(endpoint: EndpointKey, started_at: Moment) -> ReplayRun {
    ReplayRun {
        endpoint,
        id: ReplayId(Uuid::from_u128(0x51)),
        rev: 1,
        nonce: "replay".into(),
        state: ReplayState::Running,
        only: Only::All,
        since: CREATED_AT,
        until: started_at,
        events: Some(vec![EventType::PinFailed]),
        cursor: Some("p".into()),
        progress: 500,
        counts: ReplayCounts { missing: 1, failed: 2, delivered: 3, gone: 6, pins: 4, deliveries: 5 },
        started_at,
        updated_at: started_at.plus_ms(1_000),
    }
}

/// An ordinary schedule with this number.
pub fn schedule(number: u128, created_at: Moment, run_at: Moment) -> Schedule {
    Schedule::new(NewSchedule {
        key: ScheduleKey { workspace: workspace(), schedule: ScheduleId(Uuid::from_u128(number)) },
        request: PinRequest { title: format!("Crane number {number}"), ..request("") },
        run_at,
        origin: Default::default(),
        now: created_at,
        retention_ms: 90 * DAY_MS,
        nonce: format!("{number:016x}"),
    })
}

pub fn connected_account() -> Account {
    Account {
        key: AccountKey { workspace: workspace(), account: account() },
        pinterest_user_id: "549755885175".into(),
        username: Some("paperfolder".into()),
        display_name: None,
        scopes: PUBLISHING_SCOPES.join(","),
        created_at: CREATED_AT,
        updated_at: CREATED_AT,
        revoked_at: None,
        life: TokenLife::default(),
        rev: 1,
        nonce: "account-nonce".into(),
        trail: Trail::default(),
    }
}
