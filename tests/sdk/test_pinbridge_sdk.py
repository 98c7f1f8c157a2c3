"""The official PinBridge client (pinbridge-sdk 1.10.1), unmodified, against the local stack.

Usage: test_pinbridge_sdk.py READY_FILE
"""

import asyncio
import json
import time
import urllib.request
import uuid

from pinbridge_sdk import APIError, AsyncPinbridgeClient, AuthenticationError, NotFoundError, PinbridgeClient, ValidationError
from pinbridge_sdk.models import PinCreate, PinRetryRequest, PinStatus

from checks import expect_error, run

PUBLISHED_WITHIN_S = 30


def body(ready, key, **changes):
    return {
        "account_id": ready["account_id"],
        "board_id": ready["board_id"],
        "title": f"SDK {key}",
        "description": "Sent by the official client",
        "link_url": "https://example.com/sdk",
        "image_url": "https://example.com/sdk.jpg",
        "alt_text": "A picture",
        "dominant_color": "6e7874",
        "related_terms": ["paper", "crane"],
        "idempotency_key": key,
    } | changes


def pins_at_pinterest(ready, title):
    with urllib.request.urlopen(ready["pinterest_url"] + "/_sim/pins") as answer:
        return [pin for pin in json.load(answer) if pin["title"] == title]


def await_published(client, pin_id):
    end = time.monotonic() + PUBLISHED_WITHIN_S
    while (job := client.jobs.get(pin_id)).status not in (PinStatus.PUBLISHED, PinStatus.FAILED):
        assert time.monotonic() < end, f"still {job.status} after {PUBLISHED_WITHIN_S} s"
        time.sleep(0.1)
    return job


def the_system_routes_answer(client, ready):
    root, health, readiness = client.system.root(), client.system.health(), client.system.readiness()
    assert root.service == "pinbridge" and root.version == health.version == readiness.version
    assert (health.status, readiness.status, readiness.database) == ("ok", "ready", "ok")


def accounts_and_boards_are_listed(client, ready):
    accounts = client.pinterest.list_accounts()
    account = next(account for account in accounts if str(account.id) == ready["account_id"])
    assert str(account.workspace_id) == ready["workspace_id"]
    assert account.health_status == "healthy" and not account.reconnect_required and account.missing_scopes == []
    boards = client.pinterest.list_boards(account.id)
    assert ready["board_id"] in [board.id for board in boards] and all(board.name for board in boards)
    expect_error(NotFoundError, 404, "not_found", lambda: client.pinterest.list_boards(uuid.uuid4()))


def a_pin_is_published_once_per_key(client, ready):
    request = body(ready, f"once-{uuid.uuid4()}")
    pin = client.pins.create(request)
    assert pin.status in (PinStatus.QUEUED, PinStatus.PUBLISHING) and pin.title == request["title"]
    assert pin.dominant_color == "#6E7874" and pin.related_terms == ["paper", "crane"]
    job = await_published(client, pin.id)
    assert job.status == PinStatus.PUBLISHED and job.job_id == job.pin_id == pin.id, job
    assert job.completed_at >= job.submitted_at and job.error_code is None
    again = client.pins.create(PinCreate(**request))
    assert (again.id, again.status) == (pin.id, PinStatus.PUBLISHED)
    at_pinterest = pins_at_pinterest(ready, request["title"])
    assert [found["id"] for found in at_pinterest] == [job.pinterest_pin_id]
    read = client.pins.get(pin.id)
    assert read.published_at == job.completed_at and read.pinterest_pin_id == job.pinterest_pin_id
    reused = expect_error(APIError, 409, "idempotency_key_reused",
                          lambda: client.pins.create(request | {"title": "Another title"}))
    assert str(pin.id) in reused.message
    assert len(pins_at_pinterest(ready, "Another title")) == 0


def pins_are_listed_newest_first_with_a_total(client, ready):
    first, second = (client.pins.create(body(ready, f"list-{uuid.uuid4()}")) for _ in range(2))
    await_published(client, first.id), await_published(client, second.id)
    page = client.pins.list_page(limit=2)
    assert [pin.id for pin in page.items] == [second.id, first.id] and page.total >= 3 and page.has_more
    assert client.pins.list(limit=1, offset=1)[0].id == first.id
    published = client.pins.list(status=PinStatus.PUBLISHED, account_id=ready["account_id"], limit=200)
    assert {first.id, second.id} <= {pin.id for pin in published}
    assert client.pins.list(status=PinStatus.FAILED) == []


def the_rate_meter_reads_the_bucket(client, ready):
    meter = client.rate_meter.get(ready["account_id"])
    assert meter.account.account_id == ready["account_id"]
    assert (meter.account.capacity, meter.account.refill_rate) == (50, 1)
    assert 0 <= meter.account.tokens_available <= 50 and meter.global_.capacity > 0 and meter.global_.refill_rate > 0
    expect_error(NotFoundError, 404, "not_found", lambda: client.rate_meter.get(uuid.uuid4()))
    expect_error(ValidationError, 422, "validation_error", lambda: client.request("GET", "/v1/rate-meter"))


def wrong_requests_raise_their_errors(client, ready):
    url = ready["base_url"]
    wrong = PinbridgeClient(base_url=url, api_key="pb_live_wrong")
    expect_error(AuthenticationError, 401, "invalid_api_key", wrong.pins.list)
    expect_error(AuthenticationError, 401, "missing_api_key", PinbridgeClient(base_url=url).pins.list)
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.get(uuid.uuid4()))
    expect_error(NotFoundError, 404, "not_found", lambda: client.jobs.get(uuid.uuid4()))
    error = expect_error(ValidationError, 422, "validation_error",
                         lambda: client.pins.create({key: value for key, value in body(ready, "x").items() if key != "title"}))
    assert error.details["detail"] == [{"loc": ["body", "title"], "msg": "Field required", "type": "missing"}]
    unknown_account = body(ready, f"x-{uuid.uuid4()}", account_id=str(uuid.uuid4()))
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.create(unknown_account))


def faults(ready, rules):
    request = urllib.request.Request(ready["pinterest_url"] + "/_sim/faults", method="PUT",
                                     headers={"content-type": "application/json"}, data=json.dumps(rules).encode())
    urllib.request.urlopen(request).close()


def a_failed_pin_is_retried(client, ready):
    request = body(ready, f"retry-{uuid.uuid4()}")
    faults(ready, [{"operation": "pins/create", "title_contains": request["title"], "fault": "status", "status": 403,
                    "code": 235, "message": "Sorry, this image is broken. Please pick a different image."}])
    try:
        pin = client.pins.create(request)
        assert await_published(client, pin.id).status == PinStatus.FAILED
    finally:
        faults(ready, [])
    elsewhere = PinRetryRequest(board_id=ready["board_id"])
    expect_error(ValidationError, 422, "not_supported", lambda: client.pins.retry(pin.id, elsewhere))
    retried = client.pins.retry(pin.id)
    assert (retried.id, retried.status, retried.error_code) == (pin.id, PinStatus.QUEUED, None)
    expect_error(APIError, 409, "conflict", lambda: client.pins.retry(pin.id, PinRetryRequest()))
    assert await_published(client, pin.id).status == PinStatus.PUBLISHED
    assert len(pins_at_pinterest(ready, request["title"])) == 1
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.retry(uuid.uuid4()))


def a_bearer_token_and_the_priority_header_work(client, ready):
    urgent = PinbridgeClient(base_url=ready["base_url"], bearer_token=ready["api_key"], headers={"X-Pinbridge-Priority": "urgent"})
    pin = urgent.pins.create(PinCreate(**body(ready, f"urgent-{uuid.uuid4()}")))
    raw = urgent.request("GET", f"/v1/pins/{pin.id}").json()
    assert raw["priority"] == "urgent"
    timeline = urgent.request("GET", f"/v1/pins/{pin.id}/timeline").json()
    assert timeline["events"][0]["event"] == "accepted" and timeline["next"]["action"]
    assert await_published(urgent, pin.id).status == PinStatus.PUBLISHED


def the_asynchronous_client_works_too(client, ready):
    async def publish():
        async with AsyncPinbridgeClient(base_url=ready["base_url"], api_key=ready["api_key"]) as asynchronous:
            pin = await asynchronous.pins.create(body(ready, f"async-{uuid.uuid4()}"))
            return (await asynchronous.jobs.get(pin.id)).job_id == pin.id

    assert asyncio.run(publish())


CHECKS = [
    the_system_routes_answer,
    accounts_and_boards_are_listed,
    a_pin_is_published_once_per_key,
    pins_are_listed_newest_first_with_a_total,
    the_rate_meter_reads_the_bucket,
    wrong_requests_raise_their_errors,
    a_failed_pin_is_retried,
    a_bearer_token_and_the_priority_header_work,
    the_asynchronous_client_works_too,
]


if __name__ == "__main__":
    run(CHECKS)
