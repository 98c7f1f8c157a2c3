"""pinterest.*"""

import http.client
import urllib.parse
import uuid
from datetime import date, timedelta

from pinbridge_sdk import APIError, NotFoundError, ValidationError
from pinbridge_sdk.models import BoardCreateRequest, BoardUpdateRequest

from checks import body, expect_error
from methods import check

# The simulated users of these checks. Other checks use the first account.
PERSON, LEAVER = "sim_account_2", "sim_account_3"


def browse(url):
    """The URL to which Pinterest's page redirects the browser."""
    parts = urllib.parse.urlsplit(str(url))
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"Accept": "text/html"})
    answer = connection.getresponse()
    answer.read(), connection.close()
    assert answer.status == 302, answer.status
    return answer.headers["location"]


def agreed(client, person):
    location = browse(f"{client.pinterest.start_oauth().authorization_url}&account={person}")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    return {"code": query["code"], "state": query["state"]}


def connect(client, person=PERSON):
    return client.pinterest.oauth_callback(**agreed(client, person)).account_id


def account(client, account_id):
    return next(one for one in client.pinterest.list_accounts() if str(one.id) == str(account_id))


def board(client, account_id, **changes):
    data = {"account_id": account_id, "name": f"Board {uuid.uuid4()}", "description": "Folded"} | changes
    return client.pinterest.create_board(BoardCreateRequest(**data))


@check("pinterest.start_oauth")
def start_oauth(client, flavour):
    first, second = client.pinterest.start_oauth(), client.pinterest.start_oauth()
    address = urllib.parse.urlsplit(str(first.authorization_url))
    query = dict(urllib.parse.parse_qsl(address.query))
    assert str(first.authorization_url).startswith(flavour.ready["pinterest_url"] + "/oauth/")
    assert query["response_type"] == "code" and "pins:write" in query["scope"] and len(query["state"]) == 96
    assert first != second, "each state works once"


@check("pinterest.oauth_callback")
def oauth_callback(client, flavour):
    answer = agreed(client, PERSON)
    expect_error(APIError, 400, "oauth_state_invalid",
                 lambda: client.pinterest.oauth_callback(code=answer["code"], state="f" * 96))
    connected = client.pinterest.oauth_callback(**answer)
    assert connected.status == "success" and uuid.UUID(connected.account_id)
    assert account(client, connected.account_id).username == PERSON
    expect_error(APIError, 400, "oauth_state_invalid", lambda: client.pinterest.oauth_callback(**answer))
    anonymous = flavour.client()
    again = anonymous.pinterest.oauth_callback(**agreed(client, PERSON))
    assert again.account_id == connected.account_id, "the state is the credential, and the account keeps its id"


@check("pinterest.list_accounts")
def list_accounts(client, flavour):
    one = account(client, flavour.ready["account_id"])
    assert str(one.workspace_id) == flavour.ready["workspace_id"] and one.pinterest_user_id
    assert (one.health_status, one.reconnect_required, one.missing_scopes) == ("healthy", False, [])
    assert "pins:write" in one.scopes.split(",") and one.created_at <= one.updated_at and one.revoked_at is None


@check("pinterest.revoke_account")
def revoke_account(client, flavour):
    account_id = connect(client, LEAVER)
    assert client.pinterest.revoke_account(account_id) is None
    revoked = account(client, account_id)
    assert (revoked.health_status, revoked.reconnect_required) == ("token_revoked", True) and revoked.revoked_at
    expect_error(APIError, 409, "token_revoked", lambda: client.pinterest.list_boards(account_id))
    expect_error(APIError, 409, "token_revoked",
                 lambda: client.pins.create(body(flavour.ready, account_id=account_id)))
    expect_error(NotFoundError, 404, "not_found", lambda: client.pinterest.revoke_account(uuid.uuid4()))
    assert connect(client, LEAVER) == account_id and account(client, account_id).health_status == "healthy"


@check("pinterest.list_boards")
def list_boards(client, flavour):
    boards = {one.id: one for one in client.pinterest.list_boards(flavour.ready["account_id"])}
    assert boards[flavour.ready["board_id"]].name and boards[flavour.ready["board_id"]].privacy == "PUBLIC"
    expect_error(NotFoundError, 404, "not_found", lambda: client.pinterest.list_boards(uuid.uuid4()))


@check("pinterest.create_board")
def create_board(client, flavour):
    account_id = connect(client)
    made = board(client, account_id, privacy="SECRET")
    assert made.name.startswith("Board ") and (made.description, made.privacy) == ("Folded", "SECRET")
    assert made in client.pinterest.list_boards(account_id)
    expect_error(ValidationError, 422, "validation_error",
                 lambda: client.pinterest.create_board({"account_id": account_id, "name": made.name}))
    client.pinterest.delete_board(made.id, account_id=account_id)


@check("pinterest.update_board")
def update_board(client, flavour):
    account_id = connect(client)
    made, name = board(client, account_id), f"Renamed {uuid.uuid4()}"
    changed = client.pinterest.update_board(made.id, BoardUpdateRequest(account_id=account_id, name=name))
    assert (changed.id, changed.name, changed.description) == (made.id, name, "Folded")
    changed = client.pinterest.update_board(made.id, {"account_id": account_id, "privacy": "SECRET"})
    assert (changed.name, changed.privacy) == (name, "SECRET")
    expect_error(NotFoundError, 404, "board_not_found",
                 lambda: client.pinterest.update_board("42", {"account_id": account_id, "name": "x"}))
    client.pinterest.delete_board(made.id, account_id=account_id)


@check("pinterest.delete_board")
def delete_board(client, flavour):
    account_id = connect(client)
    made = board(client, account_id)
    assert client.pinterest.delete_board(made.id, account_id=account_id) is None
    assert made.id not in [one.id for one in client.pinterest.list_boards(account_id)]
    expect_error(NotFoundError, 404, "board_not_found",
                 lambda: client.pinterest.delete_board(made.id, account_id=account_id))


@check("pinterest.check_board_access")
def check_board_access(client, flavour):
    account_id = connect(client)
    made = board(client, account_id)
    access = client.pinterest.check_board_access(made.id, account_id=account_id, fresh=True)
    assert (access.publishable, access.status, access.code, access.source) == (True, "ok", None, "pinterest"), access
    assert access.board["name"] == made.name and access.account_health["status"] == "healthy"
    assert client.pinterest.check_board_access(made.id, account_id=account_id).source == "cache"
    client.pinterest.delete_board(made.id, account_id=account_id)
    gone = client.pinterest.check_board_access(made.id, account_id=account_id, fresh=True)
    assert (gone.publishable, gone.status, gone.code) == (False, "failed", "board_deleted") and gone.remediation
    expect_error(NotFoundError, 404, "not_found",
                 lambda: client.pinterest.check_board_access("42", account_id=uuid.uuid4()))


@check("pinterest.list_related_terms")
def list_related_terms(client, flavour):
    account_id = connect(client)
    related = client.pinterest.list_related_terms(account_id, ["soup", "stew"])
    assert related.id == "soup" and [one.term for one in related.related_terms_list] == ["soup", "stew"]
    assert related.related_term_count == sum(len(one.related_terms) for one in related.related_terms_list) > 0
    assert client.pinterest.list_related_terms(account_id, "soup,stew") == related
    assert client.pinterest.list_related_terms(account_id, "soup", exact_match=True).exact_match is True


@check("pinterest.account_analytics")
def account_analytics(client, flavour):
    account_id = flavour.ready["account_id"]
    end = date.today() - timedelta(days=1)
    start = end - timedelta(days=6)
    read = client.pinterest.account_analytics(account_id, start_date=start, end_date=end, metrics=["IMPRESSION"])
    assert (str(read.account_id), read.start_date, read.end_date) == (account_id, start, end)
    assert (read.provider_mode.value, read.source) == ("pinterest", "live") and "impression" in read.totals
    assert [one.date for one in read.daily] == sorted(one.date for one in read.daily) and len(read.daily) == 7
    short = client.pinterest.account_analytics(account_id, start_date=start, end_date=end, include_daily=False)
    assert short.daily == [] and short.totals["impression"] == read.totals["impression"]
    expect_error(NotFoundError, 404, "not_found", lambda: client.pinterest.account_analytics(uuid.uuid4()))
