//! Addresses that somebody had before: people of 0.2.0, re-registrations, purges.

use std::sync::Arc;

use pinbridge_shared::config::Registration;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::secret::Secret;
use pinbridge_shared::domain::tenant::claim::MAIL_EVERY_MS;
use pinbridge_shared::domain::tenant::user::{Role, User};
use pinbridge_shared::domain::testdata;
use pinbridge_shared::domain::time::MINUTE_MS;
use pinbridge_shared::flows::tenants::people::{self, NewUser, PeopleError};
use pinbridge_shared::flows::tenants::purge::{self, Progress};
use pinbridge_shared::testing::TestWorld;
use pinbridge_shared::testing::fake_store::FakeStore;
use serde_json::{Value, json};

use super::registration::{ADA, BOB, email, id, join, log_in, prove, register, token, workspace};
use crate::support::api::{Api, As, PASSWORD};

/// A world in which 0.2.0 has made the organisation and its owner: the owner's id is derived from the address, and no
/// row leads from the address to it.
async fn made_by_0_2_0() -> (Api, Arc<FakeStore>, User) {
    let (mut world, store) = TestWorld::with_store(1).await;
    world.context.settings.registration = Registration::Open;
    let api = Api::over(world).await;
    let row = api.world.context.tenants.workspace(testdata::workspace()).await.expect("read").expect("there");
    let password = api.world.context.passwords.hash(&Secret::new(PASSWORD)).await.expect("hashed");
    let ada = User { organization: row.organization, password, ..testdata::user(ADA) };
    store.put_user_of_0_2_0(&ada);
    (api, store, ada)
}

#[tokio::test]
async fn a_person_of_0_2_0_is_found_by_their_address_and_keeps_it() {
    let (api, _, ada) = made_by_0_2_0().await;
    let (status, session) = log_in(&api, ADA, PASSWORD).await;
    assert_eq!((status, id(&session, "/user/id")), (200, ada.id.to_string().as_str()));
    assert_eq!((&session["user"]["email_verified"], workspace(&session)), (&json!(true), testdata::workspace()));
    let world = &api.world.context;
    assert_eq!(people::find(world, &ada.email).await.expect("found").id, ada.id);
    people::set_password(world, ada.id, &Secret::new("another horse")).await.expect("set");
    assert_eq!(log_in(&api, ADA, "another horse").await.0, 200);
    let new = NewUser {
        email: ada.email.clone(),
        full_name: None,
        password: Secret::new(PASSWORD),
        timezone: "UTC".into(),
        role: Role::Owner,
    };
    let taken = people::create_user(world, ada.organization, new).await;
    assert!(matches!(taken, Err(PeopleError::EmailTaken)), "{taken:?}");
    let stranger = register(&api, ADA).await;
    assert_ne!(id(&stranger, "/organization/id"), ada.organization.to_string());
    assert_eq!(api.world.mailer.token(ADA), None);
    api.refused("GET", "/v1/pins", As::Bearer(token(&stranger)), Value::Null, 403, "email_not_verified").await;
    // After the operator deleted them, the address is free, and what they had is not.
    people::remove(world, ada.id).await.expect("removed");
    assert_eq!(log_in(&api, ADA, "another horse").await.0, 401);
    api.world.system.advance_ms(MAIL_EVERY_MS);
    let heir = join(&api, ADA).await;
    assert_ne!(id(&heir, "/user/id"), ada.id.to_string());
    assert_ne!(id(&heir, "/organization/id"), ada.organization.to_string());
    assert_ne!(workspace(&heir), testdata::workspace());
    let (_, pins) = api.call("GET", "/v1/pins", As::Bearer(token(&heir)), Value::Null).await;
    assert_eq!(pins, json!([]));
}

#[tokio::test]
async fn whoever_registers_an_address_again_gets_nothing_of_the_one_who_had_it() {
    let api = Api::open().await;
    let first = join(&api, BOB).await;
    let (_, key) = api.call("POST", "/v1/api-keys", As::Bearer(token(&first)), json!({"name": "k"})).await;
    let key = key["api_key"].as_str().expect("a key");
    let world = &api.world.context;
    let bob = people::find(world, &email(BOB)).await.expect("there");
    people::remove(world, bob.id).await.expect("removed");
    api.world.system.advance_ms(MAIL_EVERY_MS);
    let second = join(&api, BOB).await;
    for of in ["/user/id", "/organization/id", "/active_project/id"] {
        assert_ne!(id(&first, of), id(&second, of), "{of} of the first");
    }
    api.refused("GET", "/v1/pins", As::Bearer(token(&first)), Value::Null, 401, "invalid_session").await;
    let (_, keys) = api.call("GET", "/v1/api-keys", As::Bearer(token(&second)), Value::Null).await;
    assert_eq!(keys, json!([]), "keys stay with the organisation that they were made in");
    assert_eq!(api.call("GET", "/v1/pins", As::Key(key), Value::Null).await.0, 200);
    // The first one's removal, which was under way for long.
    world.tenants.remove_user(&bob).await.expect("repeated");
    let (status, session) = log_in(&api, BOB, PASSWORD).await;
    assert_eq!((status, id(&session, "/user/id")), (200, id(&second, "/user/id")));
}

/// Purges what is marked, as long as it takes.
async fn purge_all(api: &Api, id: WorkspaceId) {
    for _ in 0..20 {
        let ends_at_ms = api.world.context.system.monotonic_ms() + 300_000;
        match purge::continue_one(&api.world.context, id, ends_at_ms).await.expect("purged") {
            Progress::Done => return,
            Progress::More | Progress::NotBefore(_) => api.world.system.advance_ms(5 * MINUTE_MS),
        }
    }
    panic!("the purge doesn't end");
}

#[tokio::test]
async fn a_registration_during_a_purge_and_a_purge_during_a_registration_go_right() {
    let api = Api::open().await;
    let world = &api.world.context;
    let first = join(&api, BOB).await;
    let (old, organization) = (workspace(&first), id(&first, "/organization/id").parse().expect("an id"));
    let bob = people::find(world, &email(BOB)).await.expect("there");
    purge::delete_workspace(world, old).await.expect("marked");
    purge::continue_one(world, old, api.world.context.system.monotonic_ms() + 300_000).await.expect("begun");
    // During the purge: the address is free, somebody claims it, and proves it while the purge goes on.
    people::remove(world, bob.id).await.expect("removed");
    api.world.system.advance_ms(MAIL_EVERY_MS);
    let second = register(&api, BOB).await;
    purge_all(&api, old).await;
    assert!(people::remove_organization(world, organization).await.expect("removed"));
    assert_eq!(world.tenants.organization(organization).await.expect("read"), None);
    let (status, fresh) = log_in(&api, BOB, PASSWORD).await;
    assert_eq!((status, &fresh["user"]["email_verified"]), (200, &json!(false)), "{fresh}");
    // The link was mailed before; its session may have ended.
    prove(&api, BOB).await;
    purge_all(&api, old).await;
    world.tenants.remove_user(&bob).await.expect("repeated");
    world.tenants.remove_organization(organization).await.expect("repeated");
    assert_eq!(world.tenants.workspace(old).await.expect("read"), None);
    let (status, session) = log_in(&api, BOB, PASSWORD).await;
    assert_eq!((status, workspace(&session)), (200, workspace(&second)));
    let who = As::Bearer(token(&session));
    assert_eq!(api.call("GET", "/v1/pins", who, Value::Null).await, (200, json!([])));
    let (_, projects) = api.call("GET", "/v1/projects", who, Value::Null).await;
    assert_eq!(projects["projects"].as_array().map(Vec::len), Some(1), "{projects}");
}
