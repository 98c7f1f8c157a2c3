//! The rules of organisations, workspaces, keys and people.

use uuid::Uuid;

use crate::domain::ids::{InvitationId, OrganizationId, UserId, WorkspaceId};
use crate::domain::pin::origin::Actor;
use crate::domain::tenant::api_key::{ApiKey, KeySource, PresentedKey, compose};
use crate::domain::tenant::claim::Claim;
use crate::domain::tenant::invitation::{Invitation, Joins};
use crate::domain::tenant::login::{AddressAttempts, AddressId, Bucket, FAILURES_MAX, Source, SourceAttempts};
use crate::domain::tenant::one_time::TokenHash;
use crate::domain::tenant::proof::{Awaited, Proof};
use crate::domain::tenant::scope::Scope;
use crate::domain::tenant::session::SessionId;
use crate::domain::tenant::user::{Email, Ended, Role, User};
use crate::domain::tenant::{Organization, Workspace, WorkspaceEnvironment, WorkspaceState};
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::{AddressRows, Admission, Tenants};

/// Runs every rule; the async function returns `(Arc<dyn Tenants>, guard)`.
#[macro_export]
macro_rules! tenants_contract {
    ($fresh:path) => {
        use $crate::testing::contract::tenants;
        $crate::contract_cases!($fresh;
            tenants:
            an_organisation_is_read_back,
            a_workspace_is_read_back,
            each_organisation_lists_its_own_workspaces,
            rows_are_written_by_revision,
            a_key_is_read_back_in_its_workspace_only,
            a_use_is_recorded_once_and_changes_nothing_else,
            a_person_is_read_back,
            a_person_comes_with_their_address_and_what_they_found_or_not_at_all,
            an_unproven_registration_holds_no_address_and_is_proven_once,
            a_claim_is_counted_by_revision,
            nobody_joins_an_organisation_that_is_not_there,
            an_invitation_is_taken_once,
            an_address_stays_with_whoever_has_it_now,
            each_organisation_lists_its_own_people,
            a_removed_person_is_gone_with_every_row_that_names_them,
            a_removed_organisation_is_gone,
            a_removed_key_is_gone,
            attempts_from_a_source_are_counted_by_revision,
            wrong_passwords_for_an_address_are_counted_by_revision,
            a_source_is_known_to_the_person_who_logged_in_from_it_until_it_expires;
        );
    };
}

fn organization(id: u128) -> Organization {
    Organization::new(OrganizationId(Uuid::from_u128(id)), "Paper & Co.", Moment(5), format!("o{id}"))
}

fn workspace(id: u128, organization: u128) -> Workspace {
    let organization = OrganizationId(Uuid::from_u128(organization));
    Workspace::production(WorkspaceId(Uuid::from_u128(id)), organization, "Paper", Moment(6), format!("w{id}"))
}

fn key(workspace: u128, secret: u8) -> ApiKey {
    let text = compose(WorkspaceId(Uuid::from_u128(workspace)), [secret; 32]);
    ApiKey::new(&PresentedKey::parse(&text).expect("a key"), "k", Moment(7), format!("k{secret}"))
}

pub async fn an_organisation_is_read_back(tenants: &dyn Tenants) {
    let mut written = organization(1);
    written.profile.set("company_name", "Paper GmbH");
    written.profile.set("address_country", "DE");
    assert_eq!(tenants.organization(written.id).await.expect("read"), None);
    assert!(tenants.save_organization(&written).await.expect("saved").is_done());
    assert_eq!(tenants.organization(written.id).await.expect("read"), Some(written));
    assert_eq!(tenants.organization(organization(2).id).await.expect("read"), None);
}

pub async fn a_workspace_is_read_back(tenants: &dyn Tenants) {
    for (id, state) in [(1, WorkspaceState::Active), (2, WorkspaceState::Resetting), (3, WorkspaceState::Deleted)] {
        let environment = WorkspaceEnvironment::Sandbox;
        let written = Workspace { state, environment, timezone: "Europe/Berlin".into(), ..workspace(id, 1) };
        assert_eq!(tenants.workspace(written.id).await.expect("read"), None, "an empty table knows no workspace");
        assert!(tenants.save_workspace(&written).await.expect("saved").is_done());
        assert_eq!(tenants.workspace(written.id).await.expect("read"), Some(written));
    }
}

pub async fn each_organisation_lists_its_own_workspaces(tenants: &dyn Tenants) {
    tenants.save_organization(&organization(1)).await.expect("saved");
    for (id, of) in [(1, 1), (2, 1), (3, 2)] {
        assert!(tenants.save_workspace(&workspace(id, of)).await.expect("saved").is_done());
    }
    let mut listed = tenants.workspaces(organization(1).id).await.expect("listed");
    listed.sort_by_key(|workspace| workspace.id);
    assert_eq!(listed, [workspace(1, 1), workspace(2, 1)]);
    assert_eq!(tenants.workspaces(organization(3).id).await.expect("listed"), []);
}

pub async fn rows_are_written_by_revision(tenants: &dyn Tenants) {
    let first = workspace(1, 1);
    assert!(tenants.save_workspace(&first).await.expect("saved").is_done());
    assert!(tenants.save_workspace(&first).await.expect("answered").is_done(), "the same write again is recognised");
    let other = Workspace { name: "another".into(), nonce: "other".into(), ..first.clone() };
    assert!(!tenants.save_workspace(&other).await.expect("answered").is_done(), "another first write isn't");
    let second = Workspace { state: WorkspaceState::Resetting, ..first.next("second".into()) };
    assert!(tenants.save_workspace(&second).await.expect("saved").is_done());
    assert!(!tenants.save_workspace(&first.next("late".into())).await.expect("answered").is_done());
    assert_eq!(tenants.workspace(first.id).await.expect("read"), Some(second));

    let organization = organization(1);
    assert!(tenants.save_organization(&organization).await.expect("saved").is_done());
    assert!(tenants.save_organization(&organization.next("a".into())).await.expect("saved").is_done());
    assert!(!tenants.save_organization(&organization.next("b".into())).await.expect("answered").is_done());

    let user = testdata::user("ada@example.com");
    assert!(!tenants.save_user(&user).await.expect("answered").is_done(), "a first version comes with its address");
    assert!(join(tenants, &user).await, "the first");
    assert!(join(tenants, &user).await, "the same write again is recognised");
    let twin = User { id: UserId(Uuid::from_u128(77)), nonce: "twin".into(), ..user.clone() };
    assert!(!join(tenants, &twin).await, "the address is taken");
    assert_eq!(tenants.user(twin.id).await.expect("read"), None);
    assert!(tenants.save_user(&user.next("a".into())).await.expect("saved").is_done());
    assert!(!tenants.save_user(&user.next("b".into())).await.expect("answered").is_done());
}

pub async fn a_key_is_read_back_in_its_workspace_only(tenants: &dyn Tenants) {
    let plain = key(1, 7);
    let full = ApiKey {
        scopes: [Scope::Read, Scope::Destructive].into_iter().collect(),
        allowed: Some(vec![testdata::account()]),
        source: KeySource::OAuth,
        client_name: Some("n8n".into()),
        authorized_by: Email::parse("ada@example.com"),
        made_by: Some(Actor::Key(plain.id)),
        ancestors: vec![Actor::User(testdata::user("ada@example.com").id), Actor::Key(plain.id)],
        last_used_at: Some(Moment(8)),
        revoked_at: Some(Moment(9_000)),
        expires_at: Some(Moment(4_000_000_000_000)),
        ..key(1, 8)
    };
    let maker = Some(Actor::Key(plain.id));
    let closed = ApiKey { made_by: maker, allowed: Some(Vec::new()), scopes: [].into_iter().collect(), ..key(1, 9) };
    for key in [&plain, &full, &closed] {
        assert!(tenants.save_api_key(key).await.expect("saved").is_done());
        assert_eq!(tenants.api_key(key.workspace, key.id).await.expect("read").as_ref(), Some(key));
    }
    let elsewhere = key(2, 7);
    assert_eq!(tenants.api_key(elsewhere.workspace, plain.id).await.expect("read"), None);
    let mut listed = tenants.api_keys(plain.workspace).await.expect("listed");
    listed.sort_by(|a, b| a.nonce.cmp(&b.nonce));
    assert_eq!(listed, [plain.clone(), full, closed]);
    let renamed = ApiKey { name: "renamed".into(), ..plain.next("renamed".into()) };
    assert!(tenants.save_api_key(&renamed).await.expect("saved").is_done());
    assert!(!tenants.save_api_key(&plain.next("late".into())).await.expect("answered").is_done());
    assert_eq!(tenants.api_key(plain.workspace, plain.id).await.expect("read"), Some(renamed));
}

pub async fn a_removed_key_is_gone(tenants: &dyn Tenants) {
    let (gone, kept) = (key(1, 7), key(1, 8));
    for key in [&gone, &kept] {
        assert!(tenants.save_api_key(key).await.expect("saved").is_done());
    }
    for _ in 0..2 {
        tenants.remove_api_key(gone.workspace, gone.id).await.expect("removed, also again");
    }
    assert_eq!(tenants.api_keys(kept.workspace).await.expect("listed"), [kept]);
}

pub async fn a_use_is_recorded_once_and_changes_nothing_else(tenants: &dyn Tenants) {
    let key = key(1, 7);
    let note = |now, since| tenants.note_use(key.workspace, key.id, Moment(now), Moment(since));
    assert!(!note(10, 0).await.expect("answered"), "a missing key is not created");
    assert!(tenants.save_api_key(&key).await.expect("saved").is_done());
    assert!(note(10, 0).await.expect("recorded"));
    assert!(!note(11, 9).await.expect("answered"), "a use was recorded since");
    assert!(note(12, 10).await.expect("recorded"));
    let used = ApiKey { last_used_at: Some(Moment(12)), ..key.clone() };
    assert_eq!(tenants.api_key(key.workspace, key.id).await.expect("read"), Some(used.clone()));
    assert!(tenants.save_api_key(&used.next("next".into())).await.expect("saved").is_done(), "a use is no revision");
}

pub async fn a_person_is_read_back(tenants: &dyn Tenants) {
    let ada = testdata::user("ada@example.com");
    assert_eq!(tenants.user(ada.id).await.expect("read"), None);
    let bob = User { full_name: None, role: Role::Viewer, ..testdata::user("bob@example.com") };
    let ended = |id, until| Ended { session: SessionId(Uuid::from_u128(id)), until: Moment(until) };
    let eve = User { ended: vec![ended(2, 5), ended(1, 6)], ..testdata::user("eve@example.com") };
    for user in [&ada, &bob, &eve] {
        assert!(join(tenants, user).await);
        assert_eq!(tenants.user(user.id).await.expect("read").as_ref(), Some(user));
        assert_eq!(tenants.address(&user.email).await.expect("read").owner, Some(user.id));
    }
    let nobody = Email::parse("nobody@example.com").expect("an address");
    assert_eq!(tenants.address(&nobody).await.expect("read"), AddressRows::default());
}

/// Writes a person into their organisation, which it makes if need be; returns whether it was done.
async fn join(tenants: &dyn Tenants, user: &User) -> bool {
    let id = user.organization;
    if tenants.organization(id).await.expect("read").is_none() {
        let organization = Organization::new(id, "Paper", Moment(5), "organization".into());
        assert!(tenants.save_organization(&organization).await.expect("saved").is_done());
    }
    tenants.admit(Admission { user, founds: None, invitation: None }).await.expect("answered").is_done()
}

async fn exists(tenants: &dyn Tenants, of: (&Organization, &Workspace)) -> [bool; 3] {
    let organization = tenants.organization(of.0.id).await.expect("read").is_some();
    let workspace = tenants.workspace(of.1.id).await.expect("read").is_some();
    let listed = tenants.workspaces(of.0.id).await.expect("listed").len() == 1;
    [organization, workspace, listed]
}

pub async fn a_person_comes_with_their_address_and_what_they_found_or_not_at_all(tenants: &dyn Tenants) {
    let founder = |id: u128, email: &str, organization: u128| User {
        id: UserId(Uuid::from_u128(id)),
        organization: OrganizationId(Uuid::from_u128(organization)),
        nonce: format!("u{id}"),
        ..testdata::user(email)
    };
    let ada = founder(1, "ada@example.com", 1);
    let (first, of_first) = (organization(1), workspace(1, 1));
    let founds = Some((&first, &of_first));
    for _ in 0..2 {
        let admitted = tenants.admit(Admission { user: &ada, founds, invitation: None }).await.expect("answered");
        assert!(admitted.is_done(), "also when it is repeated");
    }
    assert_eq!(exists(tenants, (&first, &of_first)).await, [true; 3]);
    assert_eq!(tenants.users(first.id).await.expect("listed"), std::slice::from_ref(&ada));
    // The same address; the same organisation; the same workspace.
    let (second, of_second, of_another) = (organization(2), workspace(2, 2), workspace(2, 1));
    for (user, organization, workspace) in [
        (founder(2, "ada@example.com", 2), &second, &of_second),
        (founder(3, "bob@example.com", 1), &first, &of_another),
        (founder(4, "eve@example.com", 2), &second, &of_first),
    ] {
        let admission = Admission { user: &user, founds: Some((organization, workspace)), invitation: None };
        assert!(!tenants.admit(admission).await.expect("answered").is_done(), "{}", user.nonce);
        assert_eq!(tenants.user(user.id).await.expect("read"), None);
    }
    assert_eq!(tenants.organization(second.id).await.expect("read"), None);
    assert_eq!(tenants.workspaces(first.id).await.expect("listed").len(), 1);
    assert_eq!(tenants.address(&ada.email).await.expect("read").owner, Some(ada.id));
}

/// A person who has not proven their address.
fn unproven(id: u128, email: &str) -> (User, Claim) {
    let user = UserId(Uuid::from_u128(id));
    let awaited = Awaited {
        until: FAR,
        workspace: WorkspaceId(Uuid::from_u128(id)),
        workspace_name: "Paper".into(),
        link: TokenHash([id as u8; 32]),
        link_until: FAR.plus_ms(-1),
    };
    let row = User {
        id: user,
        organization: OrganizationId(Uuid::from_u128(id)),
        proof: Proof::Awaited(awaited),
        nonce: format!("u{id}"),
        ..testdata::user(email)
    };
    let email = row.email.clone();
    let (since, mailed_at) = (FAR.plus_ms(-9_000), FAR.plus_ms(-8_000));
    let claim =
        Claim { email, user, until: FAR, mails_since: since, mails: 2, mailed_at, rev: 1, nonce: format!("c{id}") };
    (row, claim)
}

pub async fn an_unproven_registration_holds_no_address_and_is_proven_once(tenants: &dyn Tenants) {
    let (ada, claim) = unproven(1, "ada@example.com");
    for _ in 0..2 {
        assert!(tenants.save_claim(&ada, &claim).await.expect("answered").is_done(), "also when it is repeated");
    }
    assert_eq!(tenants.user(ada.id).await.expect("read").as_ref(), Some(&ada));
    let rows = tenants.address(&ada.email).await.expect("read");
    assert_eq!((rows.owner, rows.claim.as_ref()), (None, Some(&claim)));
    assert_eq!(tenants.users(ada.organization).await.expect("listed"), []);
    let (later, _) = unproven(2, "ada@example.com");
    let second = Claim { user: later.id, rev: 2, nonce: "c2".into(), ..claim.clone() };
    assert!(tenants.save_claim(&later, &second).await.expect("answered").is_done(), "anybody may claim it");
    // Whoever proves first has it.
    for (user, wins) in [(&later, true), (&ada, false)] {
        let (organization, workspace) = user.prospect("found").expect("unproven");
        let proven = User { proof: Proof::Proven(Moment(9)), ..user.next("proven".into()) };
        let founds = Some((&organization, &workspace));
        let admitted = tenants.admit(Admission { user: &proven, founds, invitation: None }).await.expect("answered");
        assert_eq!(admitted.is_done(), wins);
        assert_eq!(tenants.user(user.id).await.expect("read"), Some(if wins { proven } else { user.clone() }));
        assert_eq!(exists(tenants, (&organization, &workspace)).await, [wins; 3]);
    }
    assert_eq!(tenants.address(&ada.email).await.expect("read").owner, Some(later.id));
}

pub async fn a_claim_is_counted_by_revision(tenants: &dyn Tenants) {
    let (ada, claim) = unproven(1, "ada@example.com");
    assert!(tenants.save_claim(&ada, &claim).await.expect("answered").is_done());
    let (at_once, first) = unproven(2, "ada@example.com");
    assert!(!tenants.save_claim(&at_once, &first).await.expect("answered").is_done(), "another mail was counted");
    assert_eq!(tenants.user(at_once.id).await.expect("read"), None, "both or neither");
    let next = Claim { mails: 3, rev: 2, nonce: "next".into(), ..claim.clone() };
    let again = ada.next("again".into());
    assert!(tenants.save_claim(&again, &next).await.expect("answered").is_done());
    let rows = tenants.address(&ada.email).await.expect("read");
    assert_eq!((rows.claim, tenants.user(ada.id).await.expect("read")), (Some(next), Some(again)));
}

pub async fn nobody_joins_an_organisation_that_is_not_there(tenants: &dyn Tenants) {
    let ada = testdata::user("ada@example.com");
    let admit =
        async || tenants.admit(Admission { user: &ada, founds: None, invitation: None }).await.expect("answered");
    assert!(!admit().await.is_done());
    let row = Organization::new(ada.organization, "Paper", Moment(5), "organization".into());
    assert!(tenants.save_organization(&row).await.expect("saved").is_done());
    for _ in 0..2 {
        tenants.close_organization(row.id).await.expect("closed, also again");
    }
    assert!(!admit().await.is_done());
    assert_eq!(tenants.user(ada.id).await.expect("read"), None);
    assert_eq!(tenants.address(&ada.email).await.expect("read"), AddressRows::default());
    assert_eq!(tenants.users(ada.organization).await.expect("listed"), []);
}

pub async fn an_invitation_is_taken_once(tenants: &dyn Tenants) {
    let email = |text: &str| Email::parse(text).expect("an address");
    let invitation = |id: u128, joins| Invitation {
        id: InvitationId(Uuid::from_u128(id)),
        hash: TokenHash([7; 32]),
        email: email("ada@example.com"),
        joins,
        created_at: Moment(5),
        expires_at: FAR,
    };
    let (organization, workspace) = (testdata::organization(), testdata::workspace());
    let (free, joins) =
        (invitation(1, None), invitation(2, Some(Joins { organization, workspace, role: Role::Viewer })));
    for one in [&free, &joins] {
        assert_eq!(tenants.invitation(one.id).await.expect("read"), None);
        tenants.save_invitation(one).await.expect("saved");
        assert_eq!(tenants.invitation(one.id).await.expect("read").as_ref(), Some(one));
    }
    let mut listed = tenants.invitations().await.expect("listed");
    listed.sort_by_key(|one| one.id);
    assert_eq!(listed, [free.clone(), joins.clone()]);
    let row = Organization::new(organization, "Paper", Moment(5), "organization".into());
    assert!(tenants.save_organization(&row).await.expect("saved").is_done());
    let (ada, bob) = (testdata::user("ada@example.com"), testdata::user("bob@example.com"));
    for (user, taken) in [(&ada, true), (&bob, false)] {
        let admission = Admission { user, founds: None, invitation: Some(joins.id) };
        assert_eq!(tenants.admit(admission).await.expect("answered").is_done(), taken);
    }
    assert_eq!(tenants.user(bob.id).await.expect("read"), None);
    assert_eq!(tenants.invitation(joins.id).await.expect("read"), None);
    assert!(tenants.remove_invitation(free.id).await.expect("removed"));
    assert!(!tenants.remove_invitation(free.id).await.expect("answered"));
    assert_eq!(tenants.invitations().await.expect("listed"), []);
}

pub async fn an_address_stays_with_whoever_has_it_now(tenants: &dyn Tenants) {
    let first = testdata::user("ada@example.com");
    assert!(join(tenants, &first).await);
    tenants.remove_user(&first).await.expect("removed");
    let second = User {
        id: UserId(Uuid::from_u128(77)),
        organization: organization(2).id,
        nonce: "second".into(),
        ..first.clone()
    };
    assert!(join(tenants, &second).await, "the address is free again");
    // A removal that was under way for long.
    tenants.remove_user(&first).await.expect("repeated");
    tenants.remove_organization(first.organization).await.expect("removed");
    assert_eq!(tenants.address(&first.email).await.expect("read").owner, Some(second.id));
    assert_eq!(tenants.user(second.id).await.expect("read").as_ref(), Some(&second));
    assert_eq!(tenants.users(second.organization).await.expect("listed"), std::slice::from_ref(&second));
}

pub async fn each_organisation_lists_its_own_people(tenants: &dyn Tenants) {
    let ada = testdata::user("ada@example.com");
    let bob = User { organization: organization(2).id, ..testdata::user("bob@example.com") };
    tenants.save_organization(&organization(2)).await.expect("saved");
    tenants.save_workspace(&workspace(1, 2)).await.expect("saved");
    for user in [&ada, &bob] {
        assert!(join(tenants, user).await);
    }
    assert_eq!(tenants.users(ada.organization).await.expect("listed"), [ada]);
    assert_eq!(tenants.users(organization(2).id).await.expect("listed"), [bob]);
}

/// Late enough that no table has expired it.
const FAR: Moment = Moment(4_000_000_000_000);

fn address(text: &str) -> AddressId {
    AddressId::of(&Email::parse(text).expect("an address"))
}

pub async fn attempts_from_a_source_are_counted_by_revision(tenants: &dyn Tenants) {
    let (source, ada) = (Source::direct(), address("ada@example.com"));
    let none = SourceAttempts::none(&source);
    assert_eq!(tenants.source_attempts(&source).await.expect("read"), none);
    let about = AddressAttempts::none(ada.bucket());
    let next = |before: &SourceAttempts, of: &AddressId, nonce: &str| {
        before.next(of, FAILURES_MAX, &about, FAR, nonce.into()).expect("accepted")
    };
    let first = next(&none, &ada, "a");
    assert!(tenants.save_source_attempts(&first).await.expect("saved").is_done());
    let at_once = next(&none, &ada, "b");
    assert!(
        !tenants.save_source_attempts(&at_once).await.expect("answered").is_done(),
        "concurrent attempts are counted one by one"
    );
    let second = next(&first, &address("bob@example.com"), "c");
    assert!(tenants.save_source_attempts(&second).await.expect("saved").is_done());
    assert_eq!(tenants.source_attempts(&source).await.expect("read"), second);
    assert!(tenants.save_source_attempts(&second.forgiven(&ada, "d".into())).await.expect("saved").is_done());
    assert_eq!(tenants.source_attempts(&source).await.expect("read").total(), 1);
    let other = Source::parse("203.0.113.7").expect("a source");
    assert_eq!(tenants.source_attempts(&other).await.expect("read"), SourceAttempts::none(&other));
    assert!(!tenants.remove_source_attempts(&other).await.expect("answered"));
    assert!(tenants.remove_source_attempts(&source).await.expect("removed"));
    assert_eq!(tenants.source_attempts(&source).await.expect("read"), none);
}

pub async fn wrong_passwords_for_an_address_are_counted_by_revision(tenants: &dyn Tenants) {
    let bucket = address("ada@example.com").bucket();
    let none = AddressAttempts::none(bucket);
    assert_eq!(tenants.address_attempts(bucket).await.expect("read"), none);
    let first = none.next(FAR, "a".into());
    assert!(tenants.save_address_attempts(&first).await.expect("saved").is_done());
    assert!(!tenants.save_address_attempts(&none.next(FAR, "b".into())).await.expect("answered").is_done());
    assert_eq!(tenants.address_attempts(bucket).await.expect("read"), first);
    let lifted = first.lifted(FAR, "c".into());
    assert!(tenants.save_address_attempts(&lifted).await.expect("saved").is_done());
    assert_eq!(tenants.address_attempts(bucket).await.expect("read"), lifted);
    assert_eq!(tenants.address_attempts(Bucket(7)).await.expect("read"), AddressAttempts::none(Bucket(7)));
}

pub async fn a_source_is_known_to_the_person_who_logged_in_from_it_until_it_expires(tenants: &dyn Tenants) {
    let (ada, bob) = (testdata::user("ada@example.com").id, testdata::user("bob@example.com").id);
    let (home, away) = (Source::direct(), Source::parse("203.0.113.7").expect("a source"));
    let before = FAR.plus_ms(-1_000);
    assert!(!tenants.knows_source(ada, &home, before).await.expect("read"));
    tenants.note_source(ada, &home, FAR).await.expect("written");
    tenants.note_source(ada, &home, FAR).await.expect("written again");
    assert!(tenants.knows_source(ada, &home, before).await.expect("read"));
    assert!(!tenants.knows_source(ada, &home, FAR).await.expect("read"), "it has expired");
    assert!(!tenants.knows_source(ada, &away, before).await.expect("read"));
    assert!(!tenants.knows_source(bob, &home, before).await.expect("read"));
}

pub async fn a_removed_person_is_gone_with_every_row_that_names_them(tenants: &dyn Tenants) {
    let (kept, gone) = (testdata::user("ada@example.com"), testdata::user("bob@example.com"));
    for user in [&kept, &gone] {
        assert!(join(tenants, user).await);
    }
    tenants.note_source(gone.id, &Source::direct(), FAR).await.expect("written");
    for _ in 0..2 {
        tenants.remove_user(&gone).await.expect("removed, also again");
    }
    assert_eq!(tenants.user(gone.id).await.expect("read"), None);
    assert!(!tenants.knows_source(gone.id, &Source::direct(), Moment(0)).await.expect("read"));
    assert_eq!(tenants.users(kept.organization).await.expect("read"), std::slice::from_ref(&kept));
    assert_eq!(tenants.address(&gone.email).await.expect("read"), AddressRows::default());
    assert!(join(tenants, &gone).await, "the address is free again");
}

pub async fn a_removed_organisation_is_gone(tenants: &dyn Tenants) {
    for id in [1, 2] {
        assert!(tenants.save_organization(&organization(id)).await.expect("written").is_done());
    }
    for _ in 0..2 {
        tenants.remove_organization(organization(1).id).await.expect("removed, also again");
    }
    assert_eq!(tenants.organization(organization(1).id).await.expect("read"), None);
    assert_eq!(tenants.organization(organization(2).id).await.expect("read"), Some(organization(2)));
}
