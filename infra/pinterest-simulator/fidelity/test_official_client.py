#!/usr/bin/env python3
"""Proves the simulator with Pinterest's own client, pinterest-api-sdk from PyPI, unmodified.

    pip install pinterest-api-sdk jsonschema
    cargo run -p pinterest-simulator -- --port 4010 &
    python fidelity/test_official_client.py http://127.0.0.1:4010

Prints what it checked; exits non-zero on the first failure. `jsonschema` is optional: without it the answers are
not compared with Pinterest's schemas. It can be run again and again against the same simulator.
"""
import base64
import json
import os
import subprocess
import sys
import tempfile
import uuid

import urllib3

# The documented constants of the simulator (src/seed.rs).
APP_ID = "1480000"
APP_SECRET = "sim_app_secret"
ACCOUNT = "sim_account_1"
ACCESS_TOKEN = "pina_sim_1_access"
READ_ONLY_TOKEN = "pina_sim_1_read_only"
OTHER_ACCOUNT = "sim_account_2"
OTHER_ACCESS_TOKEN = "pina_sim_2_access"
REDIRECT_URI = "https://app.example/callback"
SCOPES = "boards:read,boards:write,pins:read,pins:write,user_accounts:read"

SCHEMAS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pinterest-schemas-5.23.0.json")
SMALL_PNG = base64.b64encode(base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)).decode()
HTTP = urllib3.PoolManager(retries=False)


def checked(what):
    print(f"ok  {what}")


def fails(call, kind, status, code=None):
    """Calls and returns the exception, which must be of the kind, status and code given."""
    try:
        call()
    except kind as error:
        assert int(error.status) == status, f"{error.status} instead of {status}: {error}"
        if code is not None:
            assert json.loads(error.body)["code"] == code, error.body
        return error
    raise AssertionError(f"no {kind.__name__}")


def http(base, method, path, token=None, body=None, fields=None, basic=None):
    """A call without the SDK: what the SDK has no words for, and the bodies that schemas are checked on."""
    headers = {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if basic:
        headers["Authorization"] = "Basic " + base64.b64encode(basic.encode()).decode()
    if fields is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urllib3.request.urlencode(fields).encode()
    elif body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    return HTTP.request(method, base + path, headers=headers, body=body, redirect=False)


def set_faults(base, rules):
    answer = http(base, "PUT", "/_sim/faults", body=rules)
    assert answer.status == 200, answer.data


def connect(base, account):
    """The way through the authorize page; returns the answer of the code exchange."""
    query = urllib3.request.urlencode({
        "client_id": APP_ID, "redirect_uri": REDIRECT_URI, "response_type": "code", "scope": SCOPES,
        "state": "s1", "account": account,
    })
    location = http(base, "GET", f"/oauth/?{query}").headers["location"]
    assert location.startswith(f"{REDIRECT_URI}?code=") and location.endswith("&state=s1"), location
    code = location.split("code=")[1].split("&")[0]
    answer = http(base, "POST", "/v5/oauth/token", basic=f"{APP_ID}:{APP_SECRET}", fields={
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI,
    })
    assert answer.status == 200, answer.data
    return json.loads(answer.data)


# --- With an access token -------------------------------------------------------------------------------------------

def check_account(client):
    from openapi_generated.pinterest_client.api.user_account_api import UserAccountApi
    account = UserAccountApi(client).user_account_get()
    assert account.username == ACCOUNT and account.account_type == "BUSINESS", account
    checked("user_account/get")


def check_boards():
    from pinterest.organic.boards import Board
    name = f"Board {uuid.uuid4()}"
    board = Board.create(name=name, description="made by the SDK")
    assert (board.name, board.description, board.privacy) == (name, "made by the SDK", "PUBLIC"), board
    assert board.owner["username"] == ACCOUNT and board.pin_count == 0, board
    checked("boards/create, and the read that follows it")
    assert Board(board_id=board.id).name == name
    checked("boards/get")
    seen, bookmark = Board.get_all(page_size=1)
    while bookmark:
        page, bookmark = bookmark.get_next()
        assert len(page) == 1
        seen += page
    assert name in [one.name for one in seen] and len(seen) >= 3, seen
    checked(f"boards/list through {len(seen)} pages")
    return board


def check_pins(board):
    from pinterest.organic.pins import Pin
    pin = Pin.create(
        board_id=board.id, title="Soup", description="Hot", link="https://example.com/soup", alt_text="A bowl",
        media_source={"source_type": "image_url", "url": "https://example.com/soup.jpg"},
    )
    assert (pin.title, pin.description, pin.link, pin.alt_text) == ("Soup", "Hot", "https://example.com/soup", "A bowl")
    assert pin.board_id == board.id and pin.is_owner and pin.media["media_type"] == "image", pin
    checked("pins/create by image_url with explicit nulls, and the read that follows it")
    second = Pin.create(
        board_id=board.id, title="Stew",
        media_source={"source_type": "image_base64", "content_type": "image/png", "data": SMALL_PNG},
    )
    checked("pins/create by image_base64")
    third = Pin.create(board_id=board.id, media_source={"source_type": "image_url", "url": "https://example.com/a.png"})
    assert third.title is None
    checked("pins/create with the least")
    assert Pin(pin_id=second.id).title == "Stew"
    checked("pins/get")

    page, bookmark = board.list_pins(page_size=2)
    assert [one.id for one in page] == [third.id, second.id], page
    rest, bookmark = bookmark.get_next()
    assert [one.id for one in rest] == [pin.id] and bookmark is None, rest
    checked("boards/list_pins, newest first, through two pages")
    mine, _ = Pin.get_all(page_size=3)
    assert [one.id for one in mine] == [third.id, second.id, pin.id], mine
    checked("pins/list")
    assert Pin.delete(pin_id=pin.id)
    assert [one.id for one in board.list_pins()[0]] == [third.id, second.id]
    checked("pins/delete")
    return pin.id, second.id


def check_errors(base, board, deleted_id, living_id):
    from openapi_generated.pinterest_client.exceptions import (
        ApiException, ForbiddenException, NotFoundException, ServiceException, UnauthorizedException,
    )
    from pinterest.client import PinterestSDKClient
    from pinterest.organic.boards import Board
    from pinterest.organic.pins import Pin

    def create(client=None, **change):
        wanted = {
            "board_id": board.id, "title": "Soup",
            "media_source": {"source_type": "image_url", "url": "https://example.com/soup.jpg"}, **change,
        }
        return Pin.create(client=client, **wanted)

    fails(lambda: Pin(pin_id=deleted_id), NotFoundException, 404, 50)
    fails(lambda: Pin.delete(pin_id=deleted_id), NotFoundException, 404, 404)
    fails(lambda: Board(board_id="1"), NotFoundException, 404, 404)
    fails(lambda: create(board_id="1"), NotFoundException, 404, 40)
    checked("404: NotFoundException with Pinterest's codes 50, 404 and 40")
    fails(lambda: create(link="not a url"), ApiException, 400, 1)
    # The SDK itself stops a title that is too long, so that one goes without it.
    long = {"board_id": board.id, "title": "x" * 101, "media_source": {"source_type": "image_url", "url": "https://a.b/c"}}
    answer = http(base, "POST", "/v5/pins", token=ACCESS_TOKEN, body=long)
    assert (answer.status, json.loads(answer.data)["code"]) == (400, 1), answer.data
    fails(lambda: Board.create(name=board.name), ApiException, 400, 400)
    checked("400: ApiException for a wrong link and a duplicated board; a long title is refused too")
    stranger = PinterestSDKClient.create_client_with_token(OTHER_ACCESS_TOKEN)
    fails(lambda: Pin(pin_id=living_id, client=stranger), ForbiddenException, 403, 29)
    checked("403: ForbiddenException for another account's Pin")
    nobody = PinterestSDKClient.create_client_with_token("pina_wrong")
    fails(lambda: Board.get_all(client=nobody), UnauthorizedException, 401, 2)
    reader = PinterestSDKClient.create_client_with_token(READ_ONLY_TOKEN)
    error = fails(lambda: create(client=reader), UnauthorizedException, 401, 3)
    assert "Missing: ['boards:write', 'pins:write']" in error.body, error.body
    checked("401: UnauthorizedException for a wrong token and for missing scopes")

    rule = {"operation": "pins/create", "account": ACCOUNT, "times": 1, "fault": "status"}
    set_faults(base, [{**rule, "status": 429}])
    error = fails(create, ApiException, 429, 8)
    assert error.headers["x-ratelimit-limit"] and "retry-after" not in error.headers, error.headers
    set_faults(base, [{**rule, "status": 503}])
    fails(create, ServiceException, 503)
    set_faults(base, [])
    checked("429 and 503: ApiException and ServiceException, by faults")


def check_headers(base):
    answers = [http(base, "GET", "/v5/boards", token=ACCESS_TOKEN) for _ in range(2)]
    ids = {answer.headers["x-pinterest-rid"] for answer in answers}
    assert len(ids) == 2 and all(one.isdecimal() for one in ids), ids
    limit = answers[0].headers["x-ratelimit-limit"]
    assert limit.startswith('100, 100;w=1;name="safety_net_app_id_user_id", 1000;w=60;name="org_read'), limit
    checked("x-pinterest-rid and x-ratelimit-*")


def check_schemas(base, board_id, pin_id, token):
    try:
        import jsonschema
    except ImportError:
        print("--  schemas not checked: jsonschema is not installed")
        return
    with open(SCHEMAS, encoding="utf-8") as file:
        schemas = {name: as_json_schema(schema) for name, schema in json.load(file)["schemas"].items()}

    def valid(name, value, whole=True):
        jsonschema.validate(value, {**schemas[name], "components": {"schemas": schemas}})
        if whole:
            lacking = fields_of(schemas, name) - set(value)
            assert not lacking, f"{name} lacks {lacking}"

    def get(path, method="GET"):
        return json.loads(http(base, method, path, token=ACCESS_TOKEN).data)

    valid("Account", get("/v5/user_account"))
    valid("Board", get(f"/v5/boards/{board_id}"))
    for board in get("/v5/boards")["items"]:
        valid("Board", board)
    valid("Pin", get(f"/v5/pins/{pin_id}"))
    for pin in get("/v5/pins")["items"] + get(f"/v5/boards/{board_id}/pins")["items"]:
        valid("Pin", pin)
    valid("OauthAccessTokenResponse", token)
    for method, path in [("GET", "/v5/pins/1"), ("GET", "/v5/nothing"), ("PUT", "/v5/pins"), ("POST", "/v5/pins")]:
        valid("Error", get(path, method))
    checked("every answer keeps to Pinterest's schemas and leaves no field of them out")


def as_json_schema(schema):
    """OpenAPI 3.0 to JSON Schema: `nullable` is the only difference that these schemas have."""
    if isinstance(schema, list):
        return [as_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: as_json_schema(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def fields_of(schemas, name):
    schema = schemas[name]
    fields = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        fields |= fields_of(schemas, part["$ref"].split("/")[-1])
    return fields


# --- With a refresh token only, in a process of its own: the SDK reads its environment once, at import ---------------

def check_refresh():
    from openapi_generated.pinterest_client.api.user_account_api import UserAccountApi
    from pinterest.client import PinterestSDKClient
    from pinterest.utils.sdk_exceptions import SdkException
    client = PinterestSDKClient.create_default_client()
    assert UserAccountApi(client).user_account_get().username == OTHER_ACCOUNT
    checked("oauth/token: the SDK refreshes by itself and acts for the account")
    spent = os.environ["PINTEREST_REFRESH_ACCESS_TOKEN"]
    fails(lambda: PinterestSDKClient.create_client_with_refresh_token(spent, APP_ID, APP_SECRET), SdkException, 401)
    checked("oauth/token: the spent refresh token is refused with 401")
    fails(lambda: PinterestSDKClient.create_client_with_refresh_token(spent, APP_ID, "wrong"), SdkException, 401)
    checked("oauth/token: a wrong app secret is refused with 401")


def run_check_refresh(base, token):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PINTEREST_")}
    environment.update({
        "PINTEREST_API_URI": f"{base}/v5", "PINTEREST_REFRESH_ACCESS_TOKEN": token["refresh_token"],
        "PINTEREST_APP_ID": APP_ID, "PINTEREST_APP_SECRET": APP_SECRET,
    })
    script = [sys.executable, os.path.abspath(__file__), base, "--only-refresh"]
    assert subprocess.run(script, env=environment, check=False).returncode == 0, "the refresh checks failed"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/").removesuffix("/v5")
    # The SDK looks for a config.json in everything below the parent of the working directory: give it little.
    folder = os.path.join(tempfile.mkdtemp(), "empty")
    os.mkdir(folder)
    if "--only-refresh" in sys.argv:
        os.chdir(folder)
        check_refresh()
        return
    os.environ["PINTEREST_API_URI"] = f"{base}/v5"
    os.environ["PINTEREST_ACCESS_TOKEN"] = ACCESS_TOKEN
    os.chdir(folder)
    from pinterest.client import PinterestSDKClient
    set_faults(base, [])
    check_account(PinterestSDKClient.create_default_client())
    board = check_boards()
    deleted_id, living_id = check_pins(board)
    check_errors(base, board, deleted_id, living_id)
    check_headers(base)
    token = connect(base, OTHER_ACCOUNT)
    checked("the authorize page and the code exchange")
    check_schemas(base, board.id, living_id, token)
    run_check_refresh(base, token)
    print("all good: pinterest-api-sdk, unmodified, works with the simulator")


if __name__ == "__main__":
    main()
