"""api_keys.*"""

import uuid

from pinbridge_sdk import AuthenticationError, NotFoundError
from pinbridge_sdk.models import APIKeyCreate, APIKeyScope, APIKeyUpdate

from checks import body, expect_error
from methods import check


def made(client, flavour, **changes):
    return client.api_keys.create({"name": f"Key {uuid.uuid4()}"} | changes)


@check("api_keys.create")
def create(client, flavour):
    account = uuid.UUID(flavour.ready["account_id"])
    data = APIKeyCreate(name="n8n", scopes=[APIKeyScope.READ], pinterest_account_ids=[account])
    made = client.api_keys.create(data)
    assert made.api_key.startswith("pb_live_") and made.name == "n8n" and made.scopes == [APIKeyScope.READ]
    assert made.pinterest_account_ids == [account] and str(made.workspace_id) == flavour.ready["workspace_id"]
    key = flavour.client(api_key=made.api_key)
    assert [one.id for one in key.pinterest.list_accounts()] == [account], "the key can't see other accounts"
    expect_error(AuthenticationError, 403, "insufficient_scope", lambda: key.pins.create(body(flavour.ready)))
    expect_error(AuthenticationError, 403, "insufficient_scope", lambda: key.api_keys.create({"name": "wider"}))
    assert client.api_keys.create({"name": "all"}).scopes == list(APIKeyScope)


@check("api_keys.list")
def listed(client, flavour):
    key = made(client, flavour)
    listed = {one.id: one for one in client.api_keys.list()}
    assert listed[key.id].name == key.name and listed[key.id].revoked_at is None and listed[key.id].last_used_at is None
    assert listed[key.id].source.value == "manual"
    flavour.client(api_key=key.api_key).pins.list(limit=1)
    assert next(one for one in client.api_keys.list() if one.id == key.id).last_used_at >= key.created_at


@check("api_keys.update")
def update(client, flavour):
    key = made(client, flavour, scopes=["read"])
    changed = client.api_keys.update(key.id, APIKeyUpdate(scopes=[APIKeyScope.READ, APIKeyScope.WRITE]))
    assert changed.scopes == [APIKeyScope.READ, APIKeyScope.WRITE] and changed.name == key.name
    assert client.api_keys.update(key.id, {"name": "make"}).name == "make"
    narrow = client.api_keys.update(key.id, {"pinterest_account_ids": []})
    assert narrow.pinterest_account_ids == []
    expect_error(AuthenticationError, 403, "account_not_permitted",
                 lambda: flavour.client(api_key=key.api_key).pins.create(body(flavour.ready)))
    expect_error(NotFoundError, 404, "not_found", lambda: client.api_keys.update(uuid.uuid4(), {"name": "x"}))


@check("api_keys.revoke")
def revoke(client, flavour):
    key = made(client, flavour)
    assert client.api_keys.revoke(key.id) is None
    expect_error(AuthenticationError, 401, "invalid_api_key", flavour.client(api_key=key.api_key).pins.list)
    assert next(one for one in client.api_keys.list() if one.id == key.id).revoked_at is not None
    expect_error(NotFoundError, 404, "not_found", lambda: client.api_keys.revoke(uuid.uuid4()))
