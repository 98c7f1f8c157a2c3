//! The rules of organisations, workspaces, keys and people.

use uuid::Uuid;

use crate::domain::ids::{OrganizationId, WorkspaceId};
use crate::domain::pin::origin::Actor;
use crate::domain::tenant::api_key::{ApiKey, KeySource, PresentedKey, compose};
use crate::domain::tenant::login::{AddressAttempts, AddressId, Bucket, FAILURES_MAX, Source, SourceAttempts};
use crate::domain::tenant::scope::Scope;
use crate::domain::tenant::session::SessionId;
use crate::domain::tenant::user::{Email, Ended, Role, User};
use crate::domain::tenant::{Organization, Workspace, WorkspaceEnvironment, WorkspaceState};
use crate::domain::testdata;
use crate::domain::time::Moment;
use crate::ports::Tenants;

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
    assert!(tenants.save_user(&user).await.expect("saved").is_done());
    let twin = User { nonce: "twin".into(), ..user.clone() };
    assert!(!tenants.save_user(&twin).await.expect("answered").is_done(), "the address is taken");
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
        made_by: Some(Actor::User(testdata::user("ada@example.com").id)),
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
        assert!(tenants.save_user(user).await.expect("saved").is_done());
        assert_eq!(tenants.user(user.id).await.expect("read").as_ref(), Some(user));
    }
}

pub async fn each_organisation_lists_its_own_people(tenants: &dyn Tenants) {
    let ada = testdata::user("ada@example.com");
    let bob = User { organization: organization(2).id, ..testdata::user("bob@example.com") };
    tenants.save_organization(&organization(2)).await.expect("saved");
    tenants.save_workspace(&workspace(1, 2)).await.expect("saved");
    for user in [&ada, &bob] {
        assert!(tenants.save_user(user).await.expect("saved").is_done());
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
        assert!(tenants.save_user(user).await.expect("written").is_done());
    }
    tenants.note_source(gone.id, &Source::direct(), FAR).await.expect("written");
    for _ in 0..2 {
        tenants.remove_user(&gone).await.expect("removed, also again");
    }
    assert_eq!(tenants.user(gone.id).await.expect("read"), None);
    assert!(!tenants.knows_source(gone.id, &Source::direct(), Moment(0)).await.expect("read"));
    assert_eq!(tenants.users(kept.organization).await.expect("read"), std::slice::from_ref(&kept));
    assert!(tenants.save_user(&gone).await.expect("written").is_done(), "the address is free again");
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
