"""What the scripts of this folder have in common: running their checks against a local stack, and expecting an error."""

import json
import sys

from pinbridge_sdk import APIError, PinbridgeClient


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
