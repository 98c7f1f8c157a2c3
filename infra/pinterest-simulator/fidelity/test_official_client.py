#!/usr/bin/env python3
"""Tests the simulator with Pinterest's own client, pinterest-api-sdk from PyPI, unmodified.

    pip install pinterest-api-sdk jsonschema
    cargo run -p pinterest-simulator -- --port 4010 &
    python fidelity/test_official_client.py http://127.0.0.1:4010

Prints each check; exits non-zero at the first failure. `jsonschema` is optional: without it the answers are not
compared with Pinterest's schemas. The test can be repeated against the same simulator.
"""
import base64
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
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
# The bytes of a video that the simulator checks.
SMALL_MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
IMAGE = {"source_type": "image_url", "url": "https://example.com/soup.jpg"}
HTTP = urllib3.PoolManager(retries=False)


def checked(what):
    print(f"ok  {what}")


def fails(call, kind, status, code=None):
    """Makes a call that must fail, and returns its exception, which must have the given kind, status and code."""
    try:
        call()
    except kind as error:
        assert int(error.status) == status, f"{error.status} instead of {status}: {error}"
        if code is not None:
            assert json.loads(error.body)["code"] == code, error.body
        return error
    raise AssertionError(f"no {kind.__name__}")


def http(base, method, path, token=None, body=None, fields=None, basic=None):
    """A call without the SDK, for requests that the SDK does not support and for bodies to check against schemas."""
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
    """Goes through the authorize page and returns the answer of the code exchange."""
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


def check_terms(base, client):
    from openapi_generated.pinterest_client.api.terms_api import TermsApi
    related = TermsApi(client).terms_related_list(["soup", "stew"])
    assert related["id"] == "soup" and [one["term"] for one in related["related_terms_list"]] == ["soup", "stew"], related
    assert json.loads(http(base, "GET", "/v5/terms/related?terms=soup,stew", token=ACCESS_TOKEN).data) == related.to_dict()
    refused = http(base, "GET", "/v5/terms/related", token=ACCESS_TOKEN)
    assert (refused.status, json.loads(refused.data)["code"]) == (400, 400), refused.data
    refused = http(base, "GET", "/v5/terms/related?terms=soup", token=READ_ONLY_TOKEN)
    assert (refused.status, json.loads(refused.data)["message"]) == (401, "Missing: ['ads:read']"), refused.data
    checked("terms_related/list, its parameter repeated and with commas; 400 without, 401 without its scope")


def check_analytics(base, client, pin_id):
    from openapi_generated.pinterest_client.api.pins_api import PinsApi
    from openapi_generated.pinterest_client.api.user_account_api import UserAccountApi
    today = datetime.datetime.now(datetime.timezone.utc).date()
    week = today - datetime.timedelta(days=6)
    pin = PinsApi(client).pins_analytics(pin_id, week, today, ["IMPRESSION", "SAVE"])["all"]
    assert len(pin["daily_metrics"]) == 7 and set(pin["summary_metrics"]) == {"IMPRESSION", "SAVE"}, pin
    account = UserAccountApi(client).user_account_analytics(week, today)["all"]
    assert len(account["daily_metrics"]) == 7 and len(account["summary_metrics"]) == 9, account
    for path in (f"/v5/pins/{pin_id}/analytics?metric_types=SAVE&", "/v5/user_account/analytics?"):
        far = http(base, "GET", f"{path}start_date=2020-01-01&end_date=2020-01-02", token=ACCESS_TOKEN)
        assert (far.status, json.loads(far.data)["code"]) == (400, 400), far.data
    gone = http(base, "GET", f"/v5/pins/1/analytics?metric_types=SAVE&start_date={week}&end_date={today}", token=ACCESS_TOKEN)
    assert (gone.status, json.loads(gone.data)["code"]) == (404, 404), gone.data
    checked("pins/analytics and user_account/analytics; 400 for days too far back, 404 for a Pin that isn't there")


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


def check_sections(board):
    from openapi_generated.pinterest_client.exceptions import NotFoundException
    from pinterest.organic.boards import BoardSection
    from pinterest.organic.pins import Pin
    starters, mains = (BoardSection.create(board_id=board.id, name=name) for name in ("Starters", "Mains"))
    page, bookmark = board.list_sections(page_size=1)
    rest, _ = bookmark.get_next()
    assert [one.id for one in page + rest] == [mains.id, starters.id], page + rest
    checked("board_sections/create, and board_sections/list through two pages")
    renamed = BoardSection.update(board_id=board.id, board_section_id=starters.id, name="Snacks")
    assert (renamed.id, renamed.name) == (starters.id, "Snacks"), renamed
    checked("board_sections/update")
    pin = Pin.create(board_id=board.id, board_section_id=starters.id, title="Olives", media_source=IMAGE)
    assert pin.board_section_id == starters.id, pin
    assert [one.id for one in board.list_pins(section_id=starters.id)[0]] == [pin.id]
    assert not board.list_pins(section_id=mains.id)[0]
    checked("pins/create into a section, and board_sections/list_pins")
    board.delete_section(section_id=mains.id)
    assert [one.id for one in board.list_sections()[0]] == [starters.id]
    fails(lambda: board.delete_section(section_id=mains.id), NotFoundException, 404, 404)
    gone = {"board_id": board.id, "board_section_id": mains.id, "media_source": IMAGE}
    fails(lambda: Pin.create(**gone), NotFoundException, 404, 2031)
    checked("board_sections/delete; 404 with 404 and 2031 afterwards")
    return starters.id, pin.id


def check_board_changes():
    from openapi_generated.pinterest_client.exceptions import NotFoundException
    from pinterest.organic.boards import Board
    from pinterest.organic.pins import Pin
    board = Board.create(name=f"Board {uuid.uuid4()}")
    pin = Pin.create(board_id=board.id, media_source=IMAGE)
    name = f"Board {uuid.uuid4()}"
    assert board.update_fields(name=name, description="changed")
    assert (Board(board_id=board.id).name, board.description) == (name, "changed"), board
    assert board.make_secret() and board.privacy == "SECRET" and board.name == name, board
    assert board.make_public() and board.privacy == "PUBLIC", board
    checked("boards/update, and the read that follows it")
    assert Board.delete(board_id=board.id)
    fails(lambda: Board(board_id=board.id), NotFoundException, 404, 404)
    fails(lambda: Pin.create(board_id=board.id, media_source=IMAGE), NotFoundException, 404, 40)
    fails(lambda: Pin(pin_id=pin.id), NotFoundException, 404, 50)
    checked("boards/delete; 404 with 404, 40 and 50 for its Pin afterwards")


def check_carousels(board):
    from openapi_generated.pinterest_client.exceptions import ApiException
    from pinterest.organic.pins import Pin
    items = [{"url": f"https://example.com/{number}.jpg", "title": f"Step {number}"} for number in range(5)]
    pin = Pin.create(board_id=board.id, media_source={"source_type": "multiple_image_urls", "items": items})
    assert pin.creative_type == "CAROUSEL" and pin.media["media_type"] == "multiple_images", pin
    assert [item["title"] for item in pin.media["items"]] == [item["title"] for item in items], pin.media
    images = [{"content_type": "image/png", "data": SMALL_PNG} for _ in range(2)]
    second = Pin.create(board_id=board.id, media_source={"source_type": "multiple_image_base64", "items": images})
    assert len(second.media["items"]) == 2, second.media
    checked("pins/create by multiple_image_urls and multiple_image_base64, and the reads that follow")
    single = {"source_type": "multiple_image_urls", "items": items[:1]}
    try:
        Pin.create(board_id=board.id, media_source=single)
    except ApiException as error:
        assert error.status == 400 and json.loads(error.body)["code"] == 1, error
    except Exception as error:  # The SDK's own check comes first, if it has one.
        assert "items" in str(error), error
    else:
        raise AssertionError("a carousel of one was taken")
    checked("a carousel of one is refused")
    return pin.id, second.id


def check_video(client, board):
    """Returns the answer of the registration and the Pin's id. The SDK does not support the upload itself."""
    from openapi_generated.pinterest_client.api.media_api import MediaApi
    from openapi_generated.pinterest_client.exceptions import NotFoundException
    from openapi_generated.pinterest_client.model.media_upload_request import MediaUploadRequest
    from openapi_generated.pinterest_client.model_utils import model_to_dict
    from pinterest.organic.pins import Pin
    media = MediaApi(client)
    registered = media.media_create(MediaUploadRequest(media_type="video"))
    assert media.media_get(registered.media_id)["status"] == "registered"
    fails(lambda: media.media_get("1"), NotFoundException, 404, 404)
    checked("media/create and media/get")
    parameters = model_to_dict(registered.upload_parameters, serialize=True)
    wrong = HTTP.request("POST", registered.upload_url, fields={**parameters, "policy": "x", "file": ("a.mp4", SMALL_MP4)})
    assert wrong.status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in wrong.data, wrong.data
    taken = HTTP.request("POST", registered.upload_url, fields={**parameters, "file": ("a.mp4", SMALL_MP4)})
    assert taken.status == 204, taken.data
    began = time.monotonic()
    while (status := media.media_get(registered.media_id)["status"]) == "processing":
        assert time.monotonic() - began < 30
        time.sleep(0.05)
    assert status == "succeeded", status
    assert media.media_list()["items"][0]["media_id"] == registered.media_id
    checked("the upload with S3's form; media/get until it has succeeded; media/list")
    pin = Pin.create(board_id=board.id, title="Film", media_source={
        "source_type": "video_id", "media_id": registered.media_id, "cover_image_url": "https://example.com/c.jpg",
    })
    assert pin.creative_type == "VIDEO" and pin.media["media_type"] == "video", pin
    checked("pins/create by video_id, and the read that follows it")
    return registered.media_id, pin.id


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
    # The SDK itself refuses a title that is too long, so this request is sent without the SDK.
    long = {"board_id": board.id, "title": "x" * 101, "media_source": {"source_type": "image_url", "url": "https://a.b/c"}}
    answer = http(base, "POST", "/v5/pins", token=ACCESS_TOKEN, body=long)
    assert (answer.status, json.loads(answer.data)["code"]) == (400, 1), answer.data
    fails(lambda: Board.create(name=board.name), ApiException, 400, 400)
    checked("400: ApiException for a wrong link and a duplicated board; a long title is refused too")
    stranger = PinterestSDKClient.create_client_with_token(OTHER_ACCESS_TOKEN)
    fails(lambda: Pin(pin_id=living_id, client=stranger), ForbiddenException, 403, 29)
    checked("403: ForbiddenException for another account's Pin")
    anonymous = PinterestSDKClient.create_client_with_token("pina_wrong")
    fails(lambda: Board.get_all(client=anonymous), UnauthorizedException, 401, 2)
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


def check_schemas(base, board_id, section_id, media_id, pin_ids, token):
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

    def get(path, method="GET", body=None):
        return json.loads(http(base, method, path, token=ACCESS_TOKEN, body=body).data)

    def valid_pin(pin):
        valid("Pin", pin)
        media = pin["media"]
        valid(MEDIA_SCHEMAS[media["media_type"]], media)
        for item in media.get("items", []):
            valid("ImageMetadata", item)
        return media["media_type"]

    def items(path):
        page = get(path)
        valid("Paginated", page)
        assert page["items"], f"{path} is empty"
        return page["items"]

    valid("Account", get("/v5/user_account"))
    valid("Board", get(f"/v5/boards/{board_id}"))
    for board in items("/v5/boards"):
        valid("Board", board)
    valid("BoardWithUpdatePrivacy", get(f"/v5/boards/{board_id}", "PATCH", {"description": "checked"}))
    sections = f"/v5/boards/{board_id}/sections"
    valid("BoardSection", get(sections, "POST", {"name": "Desserts"}))
    valid("BoardSection", get(f"{sections}/{section_id}", "PATCH", {"name": "Sweets"}))
    for section in items(sections):
        valid("BoardSection", section)
    seen = {valid_pin(get(f"/v5/pins/{pin_id}")) for pin_id in pin_ids}
    assert seen == {"image", "multiple_images", "video"}, seen
    for path in ("/v5/pins", f"/v5/boards/{board_id}/pins", f"{sections}/{section_id}/pins"):
        for pin in items(path):
            valid_pin(pin)
    registered = get("/v5/media", "POST", {"media_type": "video"})
    valid("MediaUpload", registered)
    valid("MediaUploadParameters", registered["upload_parameters"])
    valid("Media", get(f"/v5/media/{media_id}"))
    for media in items("/v5/media"):
        valid("Media", media)
    valid("RelatedTerms", get("/v5/terms/related?terms=soup"))
    today = datetime.datetime.now(datetime.timezone.utc).date()
    days = f"start_date={today - datetime.timedelta(days=2)}&end_date={today}"
    of_pin = get(f"/v5/pins/{pin_ids[0]}/analytics?{days}&metric_types=SAVE,TOTAL_COMMENTS")
    valid("PinAnalyticsResponse", of_pin)
    valid("PinAnalyticsMetricsResponse", of_pin["all"])
    of_account = get(f"/v5/user_account/analytics?{days}")
    valid("AnalyticsResponse", of_account)
    valid("AnalyticsMetricsResponse", of_account["all"])
    for day in of_account["all"]["daily_metrics"]:
        valid("AnalyticsDailyMetrics", day)
    valid("OauthAccessTokenResponse", token)
    for method, path in [
        ("GET", "/v5/pins/1"), ("GET", "/v5/nothing"), ("PUT", "/v5/pins"), ("POST", "/v5/pins"), ("GET", "/v5/media/1"),
        ("DELETE", "/v5/boards/1"), ("POST", sections), ("DELETE", f"{sections}/1"), ("POST", "/v5/media"),
    ]:
        valid("Error", get(path, method))
    checked("every answer keeps to Pinterest's schemas and leaves no field of them out")


MEDIA_SCHEMAS = {
    "image": "PinMediaWithImage", "multiple_images": "PinMediaWithImages", "video": "PinMediaWithVideo",
}


def as_json_schema(schema):
    """Converts OpenAPI 3.0 to JSON Schema. In these schemas `nullable` is the only difference."""
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
    # The SDK searches everything below the parent of the working directory for a config.json: keep that small.
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
    client = PinterestSDKClient.create_default_client()
    check_account(client)
    board = check_boards()
    check_terms(base, client)
    deleted_id, living_id = check_pins(board)
    check_analytics(base, client, living_id)
    section_id, section_pin_id = check_sections(board)
    check_board_changes()
    carousel_ids = check_carousels(board)
    media_id, video_id = check_video(client, board)
    check_errors(base, board, deleted_id, living_id)
    check_headers(base)
    token = connect(base, OTHER_ACCOUNT)
    checked("the authorize page and the code exchange")
    check_schemas(base, board.id, section_id, media_id, [living_id, section_pin_id, *carousel_ids, video_id], token)
    run_check_refresh(base, token)
    print("all good: pinterest-api-sdk, unmodified, works with the simulator")


if __name__ == "__main__":
    main()
