//! Organisations, workspaces, people, keys, and what they did.

use pinbridge_shared::adapters::dynamodb::DynamoStore;
use pinbridge_shared::domain::credit::purse::Ask;
use pinbridge_shared::domain::credit::row::{CreditRow, Lease};
use pinbridge_shared::domain::credit::{Allowance, Holder};
use pinbridge_shared::domain::ids::{AccountId, InvitationId, KeyId, OrganizationId, UserId, WorkspaceId};
use pinbridge_shared::domain::pin::origin::Actor;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::stats::activity::{Action, By, Entry, Outcome};
use pinbridge_shared::domain::tenant::api_key::{ApiKey, KeyHash, KeySource};
use pinbridge_shared::domain::tenant::claim::Claim;
use pinbridge_shared::domain::tenant::invitation::{Invitation, Joins};
use pinbridge_shared::domain::tenant::login::{AddressAttempts, AddressId, Bucket, Failures, Source, SourceAttempts};
use pinbridge_shared::domain::tenant::one_time::TokenHash;
use pinbridge_shared::domain::tenant::proof::{Awaited, Proof};
use pinbridge_shared::domain::tenant::scope::{Scope, Scopes};
use pinbridge_shared::domain::tenant::session::SessionId;
use pinbridge_shared::domain::tenant::user::{Email, Ended, Role, User};
use pinbridge_shared::domain::tenant::{
    CompanyProfile, Organization, PROFILE_FIELDS, Workspace, WorkspaceEnvironment, WorkspaceState,
};
use pinbridge_shared::ports::{ActivityLog, AddressRows, Admission, Credits, Leased, Purge, Tenants};

use super::fixed::{EXPIRES, account, at, organization, uuid, workspace};

fn organizations() -> [Organization; 2] {
    let bare = Organization {
        id: OrganizationId(uuid(0x31)),
        name: "Bare".into(),
        profile: CompanyProfile::default(),
        created_at: at(0),
        rev: 1,
        nonce: "organization".into(),
    };
    let mut profile = CompanyProfile::default();
    for (field, _) in PROFILE_FIELDS {
        profile.set(field, &format!("of {field}"));
    }
    [Organization { id: organization(), name: "Paper & Co.".into(), profile, ..bare.clone() }, bare]
}

fn workspaces() -> Vec<Workspace> {
    let row = |id, environment, state| Workspace {
        id,
        organization: organization(),
        name: "Paper".into(),
        environment,
        timezone: "Europe/Berlin".into(),
        created_at: at(0),
        state,
        first_key: None,
        rev: 1,
        nonce: "workspace".into(),
    };
    let (production, sandbox) = (WorkspaceEnvironment::Production, WorkspaceEnvironment::Sandbox);
    vec![
        row(workspace(), production, WorkspaceState::Active),
        row(WorkspaceId(uuid(0x32)), sandbox, WorkspaceState::Resetting),
        row(WorkspaceId(uuid(0x33)), production, WorkspaceState::Deleted),
    ]
}

fn user(number: u128, full_name: Option<&str>, role: Role) -> User {
    User {
        id: UserId(uuid(0x40 + number)),
        email: Email::parse(&format!("ada{number}@example.com")).expect("an address"),
        full_name: full_name.map(str::to_owned),
        timezone: "UTC".into(),
        password: Secret::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"),
        organization: organization(),
        role,
        epoch: at(7).0,
        ended: Vec::new(),
        proof: Proof::Proven(at(0)),
        created_at: at(0),
        rev: 1,
        nonce: "user".into(),
    }
}

fn users() -> Vec<User> {
    vec![user(0, Some("Ada 折り鶴"), Role::Owner), user(1, None, Role::Editor), user(2, None, Role::Viewer)]
}

/// A person who has logged out. 0.2.0 knew no logout.
fn logged_out() -> User {
    let ended = |id, until| Ended { session: SessionId(uuid(id)), until: at(until) };
    User { ended: vec![ended(0x91, 5_000), ended(0x90, 6_000)], ..user(3, None, Role::Viewer) }
}

/// Somebody who claims the address of the first person. 0.2.0 knew only registrations that counted at once.
fn claimant() -> (User, Claim) {
    let awaited = Awaited {
        until: EXPIRES,
        workspace: WorkspaceId(uuid(0x34)),
        workspace_name: "Paper & Co.".into(),
        link: TokenHash(std::array::from_fn(|index| index as u8 * 3)),
        link_until: at(86_400_000),
    };
    let user = User {
        organization: OrganizationId(uuid(0x35)),
        proof: Proof::Awaited(awaited),
        email: users()[0].email.clone(),
        ..user(4, Some("Eve"), Role::Owner)
    };
    let claim = Claim {
        email: user.email.clone(),
        user: user.id,
        until: EXPIRES,
        mails_since: at(1_000),
        mails: 3,
        mailed_at: at(2_000),
        rev: 1,
        nonce: "claim".into(),
    };
    (user, claim)
}

/// In the order of their ids.
fn invitations() -> [Invitation; 2] {
    let bare = Invitation {
        id: InvitationId(uuid(0x71)),
        hash: TokenHash([9; 32]),
        email: Email::parse("eve@example.com").expect("an address"),
        joins: None,
        created_at: at(0),
        expires_at: EXPIRES,
    };
    let joins = Joins { organization: organization(), workspace: workspace(), role: Role::Editor };
    [bare.clone(), Invitation { id: InvitationId(uuid(0x72)), joins: Some(joins), ..bare }]
}

fn source() -> Source {
    Source::parse("203.0.113.7").expect("a source")
}

/// 0.2.0 counted attempts in another row, which lived for 15 minutes and is not read any more.
fn from_a_source() -> SourceAttempts {
    let failures = |since, count| Failures { since: at(since), count };
    let by = [("00c0ffee", failures(1_000, 4)), ("0badcafe", failures(2_000, 1))];
    let failures = by.map(|(address, failures)| (AddressId(address.into()), failures)).into();
    SourceAttempts { source: source().digest(), failures, rev: 1, nonce: "source".into() }
}

fn for_addresses() -> [AddressAttempts; 2] {
    let counted = AddressAttempts {
        bucket: Bucket(7),
        since: at(1_000),
        count: 51,
        lifted_at: None,
        rev: 1,
        nonce: "address".into(),
    };
    [counted.clone(), AddressAttempts { bucket: Bucket(65_535), count: 0, lifted_at: Some(at(3_000)), ..counted }]
}

fn holders() -> [Holder; 3] {
    [Holder::Key(KeyId(uuid(0x51))), Holder::Person(users()[0].id), Holder::of_source(&source())]
}

/// A lease on a row as last seen.
fn lease(seen_us: i64, nonce: &str) -> Lease {
    Lease::plan(seen_us, Allowance { per_minute: 30_000 }, Ask { owed: 150, block: 1_500 }, at(0), 10_000, nonce.into())
}

/// In the order of their ids.
fn api_keys() -> Vec<ApiKey> {
    let bare = ApiKey {
        id: KeyId(uuid(0x51)),
        workspace: workspace(),
        hash: KeyHash([9; 32]),
        name: "Bare".into(),
        scopes: Scopes::ALL,
        allowed: None,
        source: KeySource::Manual,
        client_name: None,
        authorized_by: None,
        made_by: None,
        ancestors: Vec::new(),
        created_at: at(0),
        last_used_at: None,
        revoked_at: None,
        expires_at: None,
        rev: 1,
        nonce: "key".into(),
    };
    let full = ApiKey {
        id: KeyId(uuid(0x52)),
        hash: KeyHash(std::array::from_fn(|index| index as u8 * 8)),
        name: "Full".into(),
        scopes: [Scope::Read].into_iter().collect(),
        allowed: Some(vec![account(0).account, AccountId(uuid(0xaf))]),
        source: KeySource::OAuth,
        client_name: Some("A client".into()),
        authorized_by: Email::parse("ada0@example.com"),
        made_by: Some(Actor::User(UserId(uuid(0x40)))),
        last_used_at: Some(at(2_000)),
        revoked_at: Some(at(3_000)),
        expires_at: Some(EXPIRES),
        ..bare.clone()
    };
    let nowhere = ApiKey {
        id: KeyId(uuid(0x53)),
        allowed: Some(Vec::new()),
        made_by: Some(Actor::Key(bare.id)),
        ancestors: vec![Actor::User(UserId(uuid(0x40))), Actor::Key(KeyId(uuid(0x54)))],
        ..bare.clone()
    };
    vec![bare, full, nowhere]
}

/// The newest first.
fn activity() -> Vec<Entry> {
    let entry = |number: u128, by, action: &str| {
        let action = Action::parse(action).expect("an action");
        Entry::new(uuid(0x60 + number), at(number as i64), by, action)
    };
    let full = Entry {
        label: Some("Key of the shop".into()),
        resource_id: Some("549755885175".into()),
        account: Some(account(0).account),
        request_id: Some("request-1".into()),
        details: vec![("name".into(), "Crane, \"folded\"".into()), ("count".into(), "2".into())],
        ..entry(3, By::Key(KeyId(uuid(0x51))), "pin.retried")
    };
    vec![
        full,
        Entry { outcome: Outcome::Failed, ..entry(2, By::User(users()[0].id), "auth.login") },
        entry(1, By::System, "schedule.canceled"),
        entry(0, By::Worker, "pin.publish_failed"),
    ]
}

pub async fn write(table: &DynamoStore) {
    for organization in organizations() {
        assert!(table.save_organization(&organization).await.expect("written").is_done());
    }
    for workspace in workspaces() {
        assert!(table.save_workspace(&workspace).await.expect("written").is_done());
    }
    for user in users().iter().chain([&logged_out()]) {
        let admission = Admission { user, founds: None, invitation: None };
        assert!(table.admit(admission).await.expect("written").is_done());
    }
    let (user, claim) = claimant();
    assert!(table.save_claim(&user, &claim).await.expect("written").is_done());
    for invitation in invitations() {
        table.save_invitation(&invitation).await.expect("written");
    }
    assert!(table.save_source_attempts(&from_a_source()).await.expect("written").is_done());
    for attempts in for_addresses() {
        assert!(table.save_address_attempts(&attempts).await.expect("written").is_done());
    }
    table.note_source(users()[0].id, &source(), EXPIRES).await.expect("written");
    for holder in holders() {
        let answer = table.lease(&holder, &lease(0, "first")).await.expect("written");
        assert!(matches!(answer, Leased::Done(_)), "{answer:?}");
    }
    for key in api_keys() {
        assert!(table.save_api_key(&key).await.expect("written").is_done());
    }
    for entry in activity() {
        table.record(workspace(), &entry, EXPIRES).await.expect("written");
    }
    let [_, resetting, _] = &workspaces()[..] else { panic!("three workspaces") };
    assert_eq!(table.marked_since(resetting.id, at(4_000)).await.expect("written"), at(4_000));
}

pub async fn read(table: &DynamoStore, version: &str) {
    for organization in organizations() {
        assert_eq!(table.organization(organization.id).await.expect("read"), Some(organization));
    }
    let mut found = table.workspaces(organization()).await.expect("read");
    found.sort_by_key(|workspace| workspace.id);
    assert_eq!(found, workspaces());
    let mut found = table.users(organization()).await.expect("read");
    found.sort_by_key(|user| user.id);
    if version == "0.2.0" {
        assert_eq!(found, users());
    } else {
        assert_eq!(found, [users(), vec![logged_out()]].concat());
        assert_eq!(table.source_attempts(&source()).await.expect("read"), from_a_source());
        for attempts in for_addresses() {
            assert_eq!(table.address_attempts(attempts.bucket).await.expect("read"), attempts);
        }
        assert!(table.knows_source(users()[0].id, &source(), at(0)).await.expect("read"));
        let (user, claim) = claimant();
        let rows = AddressRows { owner: Some(users()[0].id), claim: Some(claim) };
        assert_eq!(table.address(&user.email).await.expect("read"), rows);
        assert_eq!(table.user(user.id).await.expect("read"), Some(user));
        let mut found = table.invitations().await.expect("read");
        found.sort_by_key(|invitation| invitation.id);
        assert_eq!(found, invitations());
        for holder in holders() {
            // The row is read by a lease that it refuses.
            let answer = table.lease(&holder, &lease(0, "second")).await.expect("read");
            let paid_us = lease(0, "").now_us() + lease(0, "").advance_us();
            assert_eq!(answer, Leased::Refused(CreditRow { paid_us, nonce: "first".into() }));
        }
    }
    let mut found = table.api_keys(workspace()).await.expect("read");
    found.sort_by_key(|key| key.id);
    // 0.2.0 did not record who made a key.
    let known = |key: ApiKey| match version {
        "0.2.0" => ApiKey { made_by: None, ancestors: Vec::new(), ..key },
        _ => key,
    };
    assert_eq!(found, api_keys().into_iter().map(known).collect::<Vec<_>>());
    assert_eq!(table.entries(workspace(), at(0), None, 9).await.expect("read"), activity());
    let [_, resetting, deleted] = &workspaces()[..] else { panic!("three workspaces") };
    assert_eq!(table.marked_since(resetting.id, at(9_000)).await.expect("read"), at(4_000));
    let mut marked = table.marked_workspaces().await.expect("read");
    marked.sort();
    assert_eq!(marked, [resetting.id, deleted.id]);
}
