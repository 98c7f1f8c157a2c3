"""Shared by the scripts of this folder: runs their checks against a local stack, expects errors, makes pins, and sets
faults of the Pinterest simulator."""

import json
import sys
import time
import urllib.request
import uuid
from contextlib import contextmanager

from pinbridge_sdk import APIError, PinbridgeClient
from pinbridge_sdk.models import PinStatus

PUBLISHED_WITHIN_S = 60


def expect_error(kind, status, code, call):
    try:
        call()
    except APIError as error:
        assert isinstance(error, kind), f"{type(error).__name__} instead of {kind.__name__}"
        assert (error.status_code, error.code) == (status, code), (error.status_code, error.code, error.message)
        return error
    raise AssertionError(f"no error, expected {code}")


def run(checks):
    """Runs each check with a client that uses the stack's key. The script's first argument is the stack's ready
    file."""
    with open(sys.argv[1]) as file:
        ready = json.load(file)
    with PinbridgeClient(base_url=ready["base_url"], api_key=ready["api_key"]) as client:
        for check in checks:
            check(client, ready)
            print(f"  ok  {check.__name__.replace('_', ' ')}")
    print(f"{len(checks)} passed, 0 failed")


def await_tokens(client, account_id, count):
    """Waits until the account has so many tokens: the bucket of a Pinterest user who was just connected is empty."""
    return until("paced", lambda: client.rate_meter.get(account_id).account.tokens_available >= count)


def body(ready, name=None, **changes):
    """The body of a pin request."""
    name = name or str(uuid.uuid4())
    return {
        "account_id": ready["account_id"], "board_id": ready["board_id"], "title": f"Title of {name}",
        "description": "How to fold a crane", "alt_text": "A paper crane", "link_url": "https://example.com/cranes",
        "image_url": "https://example.com/crane.jpg", "dominant_color": "6e7874", "related_terms": ["paper", "crane"],
        "idempotency_key": name,
    } | changes


def pins_at_pinterest(ready, title):
    """The Pins with that title, without deleted ones."""
    with urllib.request.urlopen(f"{ready['pinterest_url']}/_sim/pins") as answer:
        return [pin for pin in json.load(answer) if pin["title"] == title and not pin["deleted"]]


def until(state, read, within_s=PUBLISHED_WITHIN_S):
    """Calls `read` until it returns something true, and returns that."""
    end = time.monotonic() + within_s
    while not (found := read()):
        assert time.monotonic() < end, f"not {state} within {within_s} s"
        time.sleep(0.1)
    return found


def await_published(client, pin_id):
    """Waits until the job is published or failed, and returns it."""
    terminal = (PinStatus.PUBLISHED, PinStatus.FAILED)

    def read():
        job = client.jobs.get(pin_id)
        return job if job.status in terminal else None

    return until("terminal", read)


def faults(ready, rules):
    request = urllib.request.Request(ready["pinterest_url"] + "/_sim/faults", method="PUT",
                                     headers={"content-type": "application/json"}, data=json.dumps(rules).encode())
    urllib.request.urlopen(request).close()


@contextmanager
def refusing(ready, *titles):
    """Pinterest refuses the images of pins with these titles."""
    faults(ready, [{"operation": "pins/create", "title_contains": title, "fault": "status", "status": 403, "code": 235,
                    "message": "Sorry, this image is broken. Please pick a different image."} for title in titles])
    try:
        yield
    finally:
        faults(ready, [])


def failed_pin(client, ready, name=None, **changes):
    """A failed pin that would be published if it were retried."""
    request = body(ready, name, **changes)
    with refusing(ready, request["title"]):
        pin = client.pins.create(request)
        assert await_published(client, pin.id).status == PinStatus.FAILED
    return pin
