"""Tests the official client (pinbridge-sdk 1.10.1), unmodified, against the local stack, in cases that need more than
one method. (every_method.py tests every method by itself.)

Usage: test_pinbridge_sdk.py READY_FILE
"""

import uuid

from pinbridge_sdk import APIError, AuthenticationError, NotFoundError, PinbridgeClient, ValidationError
from pinbridge_sdk.models import PinCreate, PinStatus

from checks import await_published, body, expect_error, pins_at_pinterest, run


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


def a_bearer_token_and_the_priority_header_work(client, ready):
    urgent = PinbridgeClient(base_url=ready["base_url"], bearer_token=ready["api_key"], headers={"X-Pinbridge-Priority": "urgent"})
    pin = urgent.pins.create(PinCreate(**body(ready, f"urgent-{uuid.uuid4()}")))
    raw = urgent.request("GET", f"/v1/pins/{pin.id}").json()
    assert raw["priority"] == "urgent"
    timeline = urgent.request("GET", f"/v1/pins/{pin.id}/timeline").json()
    assert timeline["events"][0]["event"] == "accepted" and timeline["next"]["action"]
    assert await_published(urgent, pin.id).status == PinStatus.PUBLISHED


CHECKS = [
    a_pin_is_published_once_per_key,
    wrong_requests_raise_their_errors,
    a_bearer_token_and_the_priority_header_work,
]


if __name__ == "__main__":
    run(CHECKS)
