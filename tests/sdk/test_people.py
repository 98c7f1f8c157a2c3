"""Tests users, projects, keys and billing with the official client (pinbridge-sdk 1.10.1), unmodified, against the
local stack.

Usage: test_people.py READY_FILE
"""

import uuid

from pinbridge_sdk import APIError, AuthenticationError, NotFoundError, PinbridgeClient, ValidationError

from checks import expect_error, run


def person(ready):
    """A client that has logged in, as in the official examples."""
    client = PinbridgeClient(base_url=ready["base_url"])
    session = client.auth.login(ready["login"])
    assert session.token_type == "bearer" and session.expires_in == 3600
    client.set_bearer_token(session.access_token)
    return client, session


def a_user_logs_in_and_reads_their_own_data(client, ready):
    people, session = person(ready)
    me = people.auth.me()
    assert me.user == session.user and me.user.email == ready["login"]["email"] and me.user.email_verified
    assert str(me.active_project.id) == ready["workspace_id"] and me.active_project.environment == "production"
    assert me.workspace == me.active_project and me.permissions.can_manage_api_keys and me.organization_role == "owner"
    assert [each.organization for each in me.available_organizations] == [me.organization]
    assert str(people.pinterest.list_accounts()[0].id) == ready["account_id"], "a session has the same access as a key"


def wrong_logins_raise_their_errors(client, ready):
    anonymous = PinbridgeClient(base_url=ready["base_url"])
    wrong = {"email": f"{uuid.uuid4()}@example.com", "password": "wrong horse battery"}
    expect_error(AuthenticationError, 401, "invalid_credentials", lambda: anonymous.auth.login(wrong))
    expect_error(ValidationError, 422, "validation_error", lambda: anonymous.auth.login({"email": "x", "password": "y"}))
    anonymous.set_bearer_token("nonsense")
    expect_error(AuthenticationError, 401, "invalid_session", anonymous.auth.me)
    expect_error(AuthenticationError, 403, "session_required", client.auth.me)
    registration = {"full_name": "Eve", "email": "eve@example.com", "password": "correct horse"}
    expect_error(AuthenticationError, 403, "registration_closed", lambda: anonymous.auth.register(registration))
    expect_error(APIError, 501, "not_available_self_hosted",
                 lambda: anonymous.auth.forgot_password({"email": "eve@example.com"}))


def a_profile_is_read_and_changed(client, ready):
    people, _ = person(ready)
    name = f"Ada {uuid.uuid4()}"
    changed = people.auth.update_profile({"full_name": name, "company_name": "Paper & Co.", "tax_id": None})
    assert (changed.full_name, changed.company_name, changed.email) == (name, "Paper & Co.", ready["login"]["email"])
    assert people.auth.get_profile() == changed


def a_password_is_changed_and_ends_every_session(client, ready):
    people, _ = person(ready)
    other, _ = person(ready)
    old, new = ready["login"]["password"], f"another {uuid.uuid4()}"
    assert people.auth.change_password({"current_password": old, "new_password": new}).message
    for each in (people, other):
        expect_error(AuthenticationError, 401, "invalid_session", each.auth.me)
    ready["login"]["password"] = new
    back, _ = person(ready)
    back.auth.change_password({"current_password": new, "new_password": old})
    ready["login"]["password"] = old
    person(ready)


def keys_are_created_listed_changed_and_revoked(client, ready):
    for maker, email in ((client, None), (person(ready)[0], ready["login"]["email"])):
        made = maker.api_keys.create({"name": "n8n", "scopes": ["read"], "pinterest_account_ids": [ready["account_id"]]})
        assert made.api_key.startswith("pb_live_") and [scope.value for scope in made.scopes] == ["read"]
        key = PinbridgeClient(base_url=ready["base_url"], api_key=made.api_key)
        assert [str(account.id) for account in key.pinterest.list_accounts()] == [ready["account_id"]]
        pin = {"account_id": ready["account_id"], "board_id": ready["board_id"], "title": "x",
               "image_url": "https://example.com/x.jpg", "idempotency_key": str(uuid.uuid4())}
        expect_error(AuthenticationError, 403, "insufficient_scope", lambda: key.pins.create(pin))
        expect_error(AuthenticationError, 403, "insufficient_scope", lambda: key.api_keys.create({"name": "wider"}))
        changed = maker.api_keys.update(made.id, {"scopes": ["read", "write"], "name": "make"})
        assert (changed.name, len(changed.scopes)) == ("make", 2)
        expect_error(AuthenticationError, 403, "account_not_permitted",
                     lambda: key.pins.create(pin | {"account_id": str(uuid.uuid4())}))
        listed = next(each for each in maker.api_keys.list() if each.id == made.id)
        assert listed.last_used_at and not listed.revoked_at and listed.authorized_by_email == email
        maker.api_keys.revoke(made.id)
        expect_error(AuthenticationError, 401, "invalid_api_key", key.pins.list)
        assert next(each for each in maker.api_keys.list() if each.id == made.id).revoked_at
    expect_error(NotFoundError, 404, "not_found", lambda: client.api_keys.revoke(uuid.uuid4()))


def projects_are_listed_and_a_sandbox_created_once(client, ready):
    people, _ = person(ready)
    before = client.projects.list()
    assert str(before.active_project.id) == ready["workspace_id"]
    made = people.projects.create_sandbox({"name": "Play"})
    again = client.projects.create_sandbox()
    assert made.projects == again.projects and len(made.projects) == 2
    sandbox = next(project for project in made.projects if project.environment == "sandbox")
    switched = people.projects.switch({"project_id": str(sandbox.id)})
    assert switched.active_project.id == sandbox.id and switched.expires_in == 3600
    inside = PinbridgeClient(base_url=ready["base_url"], bearer_token=switched.access_token)
    assert inside.auth.me().active_project.id == sandbox.id
    accounts = [str(one.id) for one in inside.pinterest.list_accounts()]
    assert ready["account_id"] not in accounts, "the sandbox has simulated accounts of its own"
    assert inside.pins.list() == []
    assert str(people.auth.me().active_project.id) == ready["workspace_id"], "the old token keeps its project"
    made = inside.api_keys.create({"name": "sandbox"})
    assert made.workspace_id == sandbox.id
    assert PinbridgeClient(base_url=ready["base_url"], api_key=made.api_key).pins.list() == []
    expect_error(AuthenticationError, 403, "session_required",
                 lambda: client.projects.switch({"project_id": str(sandbox.id)}))
    expect_error(NotFoundError, 404, "not_found", lambda: people.projects.switch({"project_id": str(uuid.uuid4())}))


def billing_teams_and_quotas_answer_for_a_self_hosted_system(client, ready):
    status = client.billing.status()
    assert (status.plan.value, status.billing_status.value) == ("enterprise", "active") and not status.quota_exhausted
    assert client.billing.pricing().plans[0].monthly_price.unit_amount == 0
    quota = client.mcp.quota()
    assert quota.requests_limit == 0 and not quota.quota_exhausted
    assert client.mcp.track().model_dump() == quota.model_dump()
    for call in (client.billing.portal, client.team.list_members, person(ready)[0].email.get_preferences):
        error = expect_error(APIError, 501, "not_available_self_hosted", call)
        assert error.message


CHECKS = [
    a_user_logs_in_and_reads_their_own_data,
    wrong_logins_raise_their_errors,
    a_profile_is_read_and_changed,
    a_password_is_changed_and_ends_every_session,
    keys_are_created_listed_changed_and_revoked,
    projects_are_listed_and_a_sandbox_created_once,
    billing_teams_and_quotas_answer_for_a_self_hosted_system,
]


if __name__ == "__main__":
    run(CHECKS)
