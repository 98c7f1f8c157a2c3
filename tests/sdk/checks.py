"""What the scripts of this folder have in common: running their checks against a local stack, expecting an error, pins and
the faults of the simulated Pinterest."""

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
    """Runs each check with a client that has the stack's key; the first argument names the stack's ready file."""
    with open(sys.argv[1]) as file:
        ready = json.load(file)
    with PinbridgeClient(base_url=ready["base_url"], api_key=ready["api_key"]) as client:
        for check in checks:
            check(client, ready)
            print(f"  ok  {check.__name__.replace('_', ' ')}")
    print(f"{len(checks)} passed, 0 failed")


def body(ready, name=None, **changes):
    """A pin to be published."""
    name = name or str(uuid.uuid4())
    return {
        "account_id": ready["account_id"], "board_id": ready["board_id"], "title": f"Title of {name}",
        "description": "How to fold a crane", "alt_text": "A paper crane", "link_url": "https://example.com/cranes",
        "image_url": "https://example.com/crane.jpg", "dominant_color": "6e7874", "related_terms": ["paper", "crane"],
        "idempotency_key": name,
    } | changes


def pins_at_pinterest(ready, title):
    """Those with that title that are there."""
    with urllib.request.urlopen(f"{ready['pinterest_url']}/_sim/pins") as answer:
        return [pin for pin in json.load(answer) if pin["title"] == title and not pin["deleted"]]


def until(what, read, within_s=PUBLISHED_WITHIN_S):
    """What `read` answers once it answers something."""
    end = time.monotonic() + within_s
    while not (found := read()):
        assert time.monotonic() < end, f"not {what} within {within_s} s"
        time.sleep(0.1)
    return found


def await_published(client, pin_id):
    """The job once it is over, well or not."""
    over = (PinStatus.PUBLISHED, PinStatus.FAILED)

    def read():
        job = client.jobs.get(pin_id)
        return job if job.status in over else None

    return until("over", read)


def faults(ready, rules):
    request = urllib.request.Request(ready["pinterest_url"] + "/_sim/faults", method="PUT",
                                     headers={"content-type": "application/json"}, data=json.dumps(rules).encode())
    urllib.request.urlopen(request).close()


@contextmanager
def refusing(ready, *titles):
    """Pinterest finds the images of pins with these titles broken."""
    faults(ready, [{"operation": "pins/create", "title_contains": title, "fault": "status", "status": 403, "code": 235,
                    "message": "Sorry, this image is broken. Please pick a different image."} for title in titles])
    try:
        yield
    finally:
        faults(ready, [])


def failed_pin(client, ready, name=None, **changes):
    """A pin that has failed, and would be published if it were tried again."""
    request = body(ready, name, **changes)
    with refusing(ready, request["title"]):
        pin = client.pins.create(request)
        assert await_published(client, pin.id).status == PinStatus.FAILED
    return pin
