//! Registering by invitation.

use pinbridge_shared::config::Registration;
use pinbridge_shared::domain::ids::WorkspaceId;
use pinbridge_shared::domain::tenant::invitation::INVITATION_MS;
use pinbridge_shared::domain::tenant::user::Role;
use pinbridge_shared::domain::testdata;
use pinbridge_shared::flows::tenants::invitations::Invited;
use pinbridge_shared::flows::tenants::people;
use pinbridge_shared::flows::tenants::{invitations, projects, purge};
use pinbridge_shared::testing::faults::Fault;
use serde_json::{Value, json};
use uuid::Uuid;

use super::registration::{
    ADA, BOB, EVE, REGISTER, comparable, email, id, invited, log_in, registered, token, workspace,
};
use crate::support::api::{Api, As, PASSWORD};

async fn with_invitations(registration: Registration) -> Api {
    let mut api = Api::open().await;
    api.world.context.settings.registration = registration;
    api
}

/// The token of a new invitation, to found an organisation.
pub async fn invite(api: &Api, address: &str) -> String {
    let token = invitations::invite(&api.world.context, email(address), None).await.expect("invited").token;
    token.expose().to_owned()
}

#[tokio::test]
async fn an_invitation_lets_its_address_in_once() {
    for registration in [Registration::Invited, Registration::Open] {
        let api = with_invitations(registration).await;
        let token_of_bob = invite(&api, BOB).await;
        let (status, answer) = api.call("POST", REGISTER, As::Nobody, invited(" BOB@example.com", &token_of_bob)).await;
        assert_eq!((status, &answer["user"]["email_verified"]), (201, &json!(true)), "{answer}");
        assert_eq!(answer["organization_role"], json!("owner"));
        let who = As::Bearer(token(&answer));
        assert_eq!(api.call("GET", "/v1/pins", who, Value::Null).await, (200, json!([])));
        assert_eq!(log_in(&api, BOB, PASSWORD).await.0, 200);
        let (_, log) = api.call("GET", "/v1/activity-logs", who, Value::Null).await;
        assert!(log.to_string().contains("auth.registered"), "{log}");
        assert!(api.world.mailer.sent().is_empty(), "whoever has the token was written to");
        for (address, _why) in [(BOB, "used"), (EVE, "used by another")] {
            let body = invited(address, &token_of_bob);
            api.refused("POST", REGISTER, As::Nobody, body, 403, "invitation_invalid").await;
        }
    }
}

#[tokio::test]
async fn without_an_open_invitation_for_the_address_every_answer_is_the_same() {
    let api = with_invitations(Registration::Invited).await;
    api.person(ADA, Role::Owner).await;
    let world = &api.world.context;
    let of_bob = invite(&api, BOB).await;
    let Invited { invitation: revoked, token: revoked_token, .. } =
        invitations::invite(world, email(EVE), None).await.expect("invited");
    assert!(invitations::revoke(world, revoked.id).await.expect("revoked"));
    let guess = format!("{}{}", &of_bob[..32], "0".repeat(64));
    let unknown = format!("{}{}", Uuid::new_v4().simple(), "0".repeat(64));
    let bodies = [
        registered(BOB),
        registered(ADA),
        registered(EVE),
        invited(ADA, &of_bob),
        invited(EVE, &of_bob),
        invited(EVE, revoked_token.expose()),
        invited(BOB, &guess),
        invited(BOB, &unknown),
        invited(BOB, "nonsense"),
        invited(BOB, &of_bob[1..]),
    ];
    let mut seen = Vec::new();
    for body in bodies {
        let answer = api.refused("POST", REGISTER, As::Nobody, body, 403, "invitation_invalid").await;
        seen.push(comparable(&answer, &[]));
    }
    api.world.system.advance_ms(INVITATION_MS);
    let expired = api.refused("POST", REGISTER, As::Nobody, invited(BOB, &of_bob), 403, "invitation_invalid").await;
    seen.push(comparable(&expired, &[]));
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:#?}");
    assert!(invitations::list(world).await.expect("listed").is_empty());
}

#[tokio::test]
async fn an_invited_person_joins_the_organisation_in_their_role() {
    let api = with_invitations(Registration::Invited).await;
    let world = &api.world.context;
    let row = world.tenants.workspace(testdata::workspace()).await.expect("read").expect("there");
    let invite = async |role| {
        let token = invitations::invite(world, email(BOB), Some((&row, role))).await.expect("invited").token;
        token.expose().to_owned()
    };
    let listed = invite(Role::Viewer).await;
    let shown = invitations::list(world).await.expect("listed");
    assert_eq!((shown.len(), shown[0].email.as_str()), (1, BOB));
    let (status, bob) = api.call("POST", REGISTER, As::Nobody, invited(BOB, &listed)).await;
    assert_eq!((status, workspace(&bob), &bob["organization_role"]), (201, testdata::workspace(), &json!("viewer")));
    let who = As::Bearer(token(&bob));
    api.refused("POST", "/v1/api-keys", who, json!({"name": "k"}), 403, "insufficient_scope").await;
    assert!(invitations::list(world).await.expect("listed").is_empty());
    // Whoever has an account keeps it, and the invitation stays open.
    let again = invite(Role::Owner).await;
    api.refused("POST", REGISTER, As::Nobody, invited(BOB, &again), 409, "email_taken").await;
    assert_eq!(invitations::list(world).await.expect("listed").len(), 1);
    // Nobody joins what is being removed, or what is gone.
    let late = invitations::invite(world, email(EVE), Some((&row, Role::Owner))).await.expect("invited").token;
    purge::delete_workspace(world, row.id).await.expect("marked");
    api.refused("POST", REGISTER, As::Nobody, invited(EVE, late.expose()), 403, "invitation_invalid").await;
    assert_eq!(log_in(&api, EVE, PASSWORD).await.0, 401);
}

#[tokio::test]
async fn two_who_have_one_invitation_are_one_person() {
    let api = with_invitations(Registration::Invited).await;
    let token = invite(&api, BOB).await;
    // All have found the invitation open before the first one takes it.
    for nth in 1..=4 {
        api.world.faults.plan("tenants.admit", nth, Fault::Yield);
    }
    let one = || api.call("POST", REGISTER, As::Nobody, invited(BOB, &token));
    let answers = futures_util::future::join_all((0..4).map(|_| one())).await;
    let mut statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    let (_, session) = log_in(&api, BOB, PASSWORD).await;
    let winner = answers.iter().find(|(status, _)| *status == 201).expect("one");
    assert_eq!(id(&session, "/organization/id"), id(&winner.1, "/organization/id"));
}

#[tokio::test]
async fn whoever_joins_while_an_organisation_is_removed_is_in_it_or_nowhere() {
    // The registration has found the workspace; its write meets the removal before each of these calls.
    let moments = ["tenants.workspaces", "tenants.close_organization", "tenants.users", "tenants.remove_organization"];
    for moment in moments {
        let api = with_invitations(Registration::Invited).await;
        let world = &api.world.context;
        let made = projects::found(world, WorkspaceId(Uuid::from_u128(0x99)), None, "Leaving").await.expect("made");
        let token = invitations::invite(world, email(BOB), Some((&made, Role::Owner))).await.expect("invited").token;
        api.world.faults.plan("tenants.admit", 1, Fault::Yield);
        api.world.faults.plan(moment, 1, Fault::Yield);
        let joining = api.call("POST", REGISTER, As::Nobody, invited(BOB, token.expose()));
        let removing = async {
            world.purge.wipe_workspace(made.id).await.expect("wiped");
            people::remove_organization(world, made.organization).await.expect("removed")
        };
        let ((status, answer), removed) = futures_util::future::join(joining, removing).await;
        assert!(removed, "{moment}");
        // Where it came before the removal, its organisation may be gone when it is answered.
        assert!([201, 403, 500].contains(&status), "{moment}: {status} {answer}");
        assert_eq!(world.tenants.organization(made.organization).await.expect("read"), None);
        assert!(world.tenants.users(made.organization).await.expect("listed").is_empty(), "{moment}");
        let rows = world.tenants.address(&email(BOB)).await.expect("read");
        assert_eq!(rows.owner, None, "{moment}: no address names nobody");
        assert_eq!(log_in(&api, BOB, PASSWORD).await.0, 401);
    }
}

#[tokio::test]
async fn a_newer_invitation_of_an_address_replaces_the_older_one() {
    let api = with_invitations(Registration::Invited).await;
    let world = &api.world.context;
    let workspace = world.tenants.workspace(testdata::workspace()).await.expect("read").expect("there");
    let as_viewer = async || {
        let joins = Some((&workspace, Role::Viewer));
        let token = invitations::invite(world, email(" BOB@example.com"), joins).await.expect("invited").token;
        token.expose().to_owned()
    };
    let of_eve = invite(&api, EVE).await;
    for round in 0..3 {
        let (older, newer) = if round % 2 == 0 {
            (invite(&api, BOB).await, as_viewer().await)
        } else {
            (as_viewer().await, invite(&api, BOB).await)
        };
        let open = invitations::list(world).await.expect("listed");
        let of_bob: Vec<_> = open.iter().filter(|invitation| invitation.email == email(BOB)).collect();
        assert_eq!((of_bob.len(), open.len()), (1, 2), "another address keeps its own");
        api.refused("POST", REGISTER, As::Nobody, invited(BOB, &older), 403, "invitation_invalid").await;
        if round == 2 {
            let (status, answer) = api.call("POST", REGISTER, As::Nobody, invited(BOB, &newer)).await;
            assert_eq!((status, &answer["organization_role"]), (201, &json!("viewer")), "{answer}");
        }
        api.world.system.advance_ms(1_000);
    }
    assert_eq!(api.call("POST", REGISTER, As::Nobody, invited(EVE, &of_eve)).await.0, 201);
}

#[tokio::test]
async fn of_two_invitations_at_once_only_one_lets_in() {
    let api = with_invitations(Registration::Invited).await;
    let (one, other) = futures_util::future::join(invite(&api, BOB), invite(&api, BOB)).await;
    let answers = [&one, &other].map(|token| api.call("POST", REGISTER, As::Nobody, invited(BOB, token)));
    let statuses: Vec<u16> =
        futures_util::future::join_all(answers).await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
}
