"""Tests every publishing method of the official client (pinbridge-sdk 1.10.1), unmodified, synchronous and
asynchronous, against the local stack. Methods are enumerated by introspection, each has a check of its values, and the
output is a table of methods and results.

Usage: every_method.py READY_FILE [METHOD...]
"""

import json
import sys
import time
import traceback

from pinbridge_sdk import AsyncPinbridgeClient, PinbridgeClient

from methods import CHECKS, Flavour, public_methods
from methods import (  # noqa: F401 (they register)
    connections, dashboard, imports, keys, pins, projects, schedules, system, webhooks,
)


def result_of(method, flavour):
    began = time.monotonic()
    flavour.calls.clear()
    try:
        CHECKS[method](flavour.keyed(), flavour)
        assert method in flavour.calls, f"the check doesn't call {method}"
        return f"ok {time.monotonic() - began:5.1f} s", None
    except Exception as error:  # noqa: BLE001 (any exception is the method's result)
        return f"FAILED {type(error).__name__}", traceback.format_exc()


def main():
    with open(sys.argv[1]) as file:
        ready = json.load(file)
    found = public_methods(PinbridgeClient(base_url=ready["base_url"]))
    assert found == public_methods(AsyncPinbridgeClient(base_url=ready["base_url"])), "the clients differ"
    unknown = set(CHECKS) - found
    assert not unknown, f"checks of methods that don't exist: {sorted(unknown)}"
    # Last, because the sandbox can't be used for a while after its reset.
    wanted = sys.argv[2:] or sorted(found, key=lambda method: (method == "projects.reset_sandbox", method))
    flavours = [Flavour("sync", ready), Flavour("async", ready)]
    width, failures = max(map(len, wanted)), []
    print(f"  {'method':{width}}  {'sync':24} async")
    for method in wanted:
        if method not in CHECKS:
            print(f"  {method:{width}}  NO CHECK")
            failures.append((method, "no check"))
            continue
        results = [result_of(method, flavour) for flavour in flavours]
        print(f"  {method:{width}}  {results[0][0]:24} {results[1][0]}", flush=True)
        failures += [(f"{method} ({flavour.name})", trace) for flavour, (_, trace) in zip(flavours, results) if trace]
    for name, trace in failures:
        print(f"\n-- {name}\n{trace}")
    print(f"{len(wanted)} methods in 2 clients, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
