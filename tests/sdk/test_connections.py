"""Tests connecting accounts, boards, board access and related terms with the official client (pinbridge-sdk 1.10.1),
unmodified, and as a user with a browser, against the local stack and its Pinterest simulator.

Usage: test_connections.py READY_FILE
"""

import http.client
import re
import urllib.parse
import uuid

from pinbridge_sdk import APIError, AuthenticationError, NotFoundError, PinbridgeClient, ValidationError
from pinbridge_sdk.models import BoardCreateRequest, BoardUpdateRequest

from checks import await_tokens, expect_error, run

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
# The simulated users. Other tests use the first account.
PERSON, LEAVER = "sim_account_2", "sim_account_3"
PUBLISHING = "boards:read,boards:write,pins:read,pins:write,user_accounts:read"


def browse(url, form=None, method="GET", accept=BROWSER):
    """Requests a URL, or sends a form to it, as a browser does, without following redirects."""
    parts = urllib.parse.urlsplit(str(url))
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    if form is None:
        connection.request(method, f"{parts.path}?{parts.query}", headers={"Accept": accept})
    else:
        content = {"Accept": BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", parts.path, urllib.parse.urlencode(form), content)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def changed(url, **changes):
    parts = urllib.parse.urlsplit(str(url))
    query = dict(urllib.parse.parse_qsl(parts.query)) | changes
    return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))


def agree(url, person, **changes):
    """The user decides on Pinterest's page; returns the URL to which the browser is redirected."""
    status, headers, text = browse(changed(url, account=person, **changes))
    assert status == 302, (status, text)
    return headers["location"]


def answer_of(location):
    """The code and state of Pinterest's redirect, for the client's callback method."""
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    return {"code": query["code"], "state": query["state"]}


def confirm(location, decision="connect"):
    """The user confirms, on our page, that the account is to be connected to this workspace."""
    status, headers, page = browse(location)
    assert status == 200 and "Connect your Pinterest account?" in page and "<script" not in page, (status, page)
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    assert form == answer_of(location), (form, location)
    return browse(location, form | {"decision": decision})


def connect(client, person, **changes):
    location = agree(client.pinterest.start_oauth().authorization_url, person, **changes)
    answer = client.pinterest.oauth_callback(**answer_of(location))
    assert answer.status == "success" and answer.account_id, answer
    return answer.account_id


def account(client, account_id):
    return next(one for one in client.pinterest.list_accounts() if str(one.id) == str(account_id))


def a_user_connects_in_the_browser(client, ready):
    url = str(client.pinterest.start_oauth().authorization_url)
    assert url.startswith(ready["pinterest_url"] + "/oauth/") and "ads%3Aread" in url, url
    location = agree(url, PERSON)
    assert location.startswith(ready["base_url"] + "/v1/pinterest/oauth/callback?"), location
    status, headers, page = confirm(location)
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8", (status, page)
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "<h1>Connected</h1>" in page and PERSON in page and "<script" not in page, page
    status, _, page = browse(location)
    assert status == 400 and "Not connected" in page, "a state works only once"
    before = client.pinterest.list_accounts()
    status, _, page = confirm(agree(client.pinterest.start_oauth().authorization_url, LEAVER), decision="cancel")
    assert status == 400 and "You did not agree" in page, (status, page)
    assert client.pinterest.list_accounts() == before


def whatever_checks_a_link_connects_nothing(client, ready):
    """Mail scanners and proxies request an address once more: with HEAD, and with no type that they name."""
    location = agree(client.pinterest.start_oauth().authorization_url, PERSON)
    for method, accept in [("HEAD", "application/json"), ("HEAD", "*/*"), ("GET", "*/*"), ("GET", "text/plain")]:
        status, headers, page = browse(location, method=method, accept=accept)
        assert status == 200 and headers["content-type"] == "text/html; charset=utf-8", (method, accept, status)
        assert method == "HEAD" or "Connect your Pinterest account?" in page, page
    assert client.pinterest.oauth_callback(**answer_of(location)).status == "success", "the state was left"


def the_client_connects_and_the_account_keeps_its_id(client, ready):
    before = {one.pinterest_user_id: one.id for one in client.pinterest.list_accounts()}
    ids = {connect(client, PERSON) for _ in range(2)}
    assert len(ids) == 1 and uuid.UUID(next(iter(ids))) in before.values(), ids
    after = {one.pinterest_user_id: one.id for one in client.pinterest.list_accounts()}
    assert before == after
    connected = account(client, ids.pop())
    assert (connected.username, connected.health_status, connected.missing_scopes) == (PERSON, "healthy", []), connected
    assert connected.token_expires_at > connected.updated_at and connected.health_checked_at, connected
    assert not connected.reconnect_required and "boards:write_secret" in connected.scopes.split(",")


def a_failed_connection_says_why(client, ready):
    start = client.pinterest.start_oauth
    location = agree(start().authorization_url, PERSON, decision="deny")
    status, _, page = browse(location)
    assert status == 400 and "You did not agree" in page, (status, page)
    denied = urllib.parse.urlsplit(agree(start().authorization_url, PERSON, decision="deny"))
    expect_error(APIError, 400, "oauth_denied", lambda: client.request("GET", f"{denied.path}?{denied.query}"))

    def callback(**answer):
        return lambda: client.pinterest.oauth_callback(**answer)

    answer = answer_of(agree(start().authorization_url, PERSON))
    expect_error(APIError, 400, "oauth_state_invalid", callback(**answer | {"state": "f" * 96}))
    expect_error(APIError, 400, "oauth_state_invalid", callback(**answer | {"state": "nonsense"}))
    assert client.pinterest.oauth_callback(**answer).status == "success", "wrong states don't use up the right one"
    expect_error(APIError, 400, "oauth_state_invalid", callback(**answer))
    fresh = answer_of(agree(start().authorization_url, PERSON))
    expect_error(APIError, 400, "oauth_code_refused", callback(code="wrong", state=fresh["state"]))
    anonymous = PinbridgeClient(base_url=ready["base_url"])
    expect_error(AuthenticationError, 401, "missing_api_key", anonymous.pinterest.start_oauth)
    fresh = answer_of(agree(start().authorization_url, PERSON))
    assert anonymous.pinterest.oauth_callback(**fresh).status == "success", "the state is the credential"


def boards_are_created_changed_checked_and_deleted(client, ready):
    account_id = connect(client, PERSON)
    await_tokens(client, account_id, 10)
    name = f"Board {uuid.uuid4()}"
    board = client.pinterest.create_board(BoardCreateRequest(account_id=account_id, name=name, description="Folded"))
    assert (board.name, board.description, board.privacy) == (name, "Folded", "PUBLIC"), board
    error = expect_error(ValidationError, 422, "validation_error",
                         lambda: client.pinterest.create_board({"account_id": account_id, "name": name}))
    assert "invalid or duplicated" in error.message, error.message
    access = client.pinterest.check_board_access(board.id, account_id=account_id)
    assert (access.publishable, access.status, access.code, access.source) == (True, "ok", None, "cache"), access
    access = client.pinterest.check_board_access(board.id, account_id=account_id, fresh=True)
    assert (access.publishable, access.source) == (True, "pinterest") and access.board["name"] == name, access
    assert access.account_health["status"] == "healthy", access
    changed = client.pinterest.update_board(board.id, BoardUpdateRequest(account_id=account_id, privacy="SECRET"))
    assert (changed.name, changed.privacy) == (name, "SECRET"), changed
    path = f"/v1/pinterest/boards/{board.id}/sections"
    section = client.request("POST", path, json={"account_id": account_id, "name": "Small"}).json()
    listed = client.request("GET", path, params={"account_id": account_id}).json()
    assert listed == [section] and section["name"] == "Small", listed
    assert board.id in [one.id for one in client.pinterest.list_boards(account_id)]
    client.pinterest.delete_board(board.id, account_id=account_id)
    assert board.id not in [one.id for one in client.pinterest.list_boards(account_id)]
    expect_error(NotFoundError, 404, "board_not_found",
                 lambda: client.pinterest.delete_board(board.id, account_id=account_id))
    expect_error(NotFoundError, 404, "board_not_found",
                 lambda: client.pinterest.update_board("../user_account".replace("/", "%2F"),
                                                       {"account_id": account_id, "name": "x"}))
    access = client.pinterest.check_board_access(board.id, account_id=account_id, fresh=True)
    assert (access.publishable, access.status, access.code) == (False, "failed", "board_deleted"), access
    unknown = str(uuid.uuid4().int)[:12]
    access = client.pinterest.check_board_access(unknown, account_id=account_id)
    assert (access.code, access.source) == ("board_not_found", "pinterest") and access.remediation, access
    foreign = client.pinterest.check_board_access(ready["board_id"], account_id=account_id)
    assert (foreign.publishable, foreign.status) == (False, "failed"), foreign
    expect_error(NotFoundError, 404, "not_found",
                 lambda: client.pinterest.check_board_access("42", account_id=uuid.uuid4()))


def scopes_that_were_not_granted_are_named(client, ready):
    account_id = connect(client, PERSON, scope=PUBLISHING)
    assert account(client, account_id).health_status == "healthy", "the account can publish"
    error = expect_error(APIError, 409, "scope_missing",
                         lambda: client.pinterest.list_related_terms(account_id, "soup"))
    assert "ads:read" in error.message and "Reconnect" in error.details["error"]["remediation"], error.details
    secret = BoardCreateRequest(account_id=account_id, name="Hidden", privacy="SECRET")
    expect_error(APIError, 409, "scope_missing", lambda: client.pinterest.create_board(secret))
    location = agree(client.pinterest.start_oauth().authorization_url, PERSON, scope="user_accounts:read,boards:read")
    status, _, page = confirm(location)
    assert status == 200 and "Connected, but not complete" in page and "pins:write" in page, page
    narrow = account(client, account_id)
    assert (narrow.health_status, narrow.reconnect_required) == ("scope_missing", True), narrow
    assert narrow.missing_scopes == ["boards:write", "pins:read", "pins:write"], narrow
    access = client.pinterest.check_board_access("42", account_id=account_id)
    assert (access.code, access.publishable) == ("scope_missing", False), access
    connect(client, PERSON)
    assert account(client, account_id).health_status == "healthy"


def a_revoked_account_is_refused_until_it_reconnects(client, ready):
    account_id = connect(client, LEAVER)
    board = client.pinterest.list_boards(account_id)[0]
    for _ in range(2):
        client.pinterest.revoke_account(account_id)
    revoked = account(client, account_id)
    assert (revoked.health_status, revoked.reconnect_required) == ("token_revoked", True) and revoked.revoked_at, revoked
    expect_error(APIError, 409, "token_revoked", lambda: client.pinterest.list_boards(account_id))
    access = client.pinterest.check_board_access(board.id, account_id=account_id)
    assert (access.publishable, access.code, access.source) == (False, "token_revoked", "cache"), access
    pin = {"account_id": account_id, "board_id": board.id, "title": "Held", "image_url": "https://example.com/a.jpg",
           "idempotency_key": f"held-{uuid.uuid4()}"}
    expect_error(APIError, 409, "token_revoked", lambda: client.pins.create(pin))
    assert connect(client, LEAVER) == account_id
    back = account(client, account_id)
    assert (back.health_status, back.revoked_at, back.reconnect_required) == ("healthy", None, False), back
    assert board.id in [one.id for one in client.pinterest.list_boards(account_id)]
    expect_error(NotFoundError, 404, "not_found", lambda: client.pinterest.revoke_account(uuid.uuid4()))


CHECKS = [
    a_user_connects_in_the_browser,
    whatever_checks_a_link_connects_nothing,
    the_client_connects_and_the_account_keeps_its_id,
    a_failed_connection_says_why,
    boards_are_created_changed_checked_and_deleted,
    scopes_that_were_not_granted_are_named,
    a_revoked_account_is_refused_until_it_reconnects,
]


if __name__ == "__main__":
    run(CHECKS)
