"""Tests that the stage `kills` can fail: the checks detect each kind of violation, and a Pinterest that commits too
late is detected in a run with real processes. `tests/full selftest` runs it."""

import argparse
import copy
import sys
import tempfile
from pathlib import Path

from check import LIMITED, violations
from run import LATEST_COMMIT_MS, Run

TOKEN = "pina_sim_1_access"
SMALL = {"seed": 1, "accounts": 1, "pins": 20, "kills": 0, "sending_s": 1, "minutes": 3}
# Later than the second scan of a reconciliation, 30 s after the first at Tq: by then the pin has been sent again.
MUCH_TOO_LATE_MS = 55_000
TOO_LATE = {"operation": "pins/create", "fault": "late_commit", "commit_after_ms": MUCH_TOO_LATE_MS, "hold_ms": 300,
            "times": 3}


def expect(condition, found):
    if not condition:
        sys.exit(f"FAILED: {found}")


def expect_violation(seen, words, name):
    found = [str(violation) for violation in violations(seen)]
    expect(any(words in text for text in found), f"{name}: no violation contains {words!r}; they are {found}")
    print(f"  detected: {name}", flush=True)


def count(requests, request):
    return sum(other.content == request.content for other in requests)


def changed_on_pinterest(run, seen):
    """Violations by Pins that are created or deleted on the simulator without the stack."""
    requests = seen.requests
    single = next(request for request in requests if count(requests, request) == 1)
    twin = next(request for request in requests if count(requests, request) > 1)
    for name, request in (("a Pin posted twice", single), ("one twin too many", twin)):
        body = request.body
        pin = {"board_id": body["board_id"], "title": body["title"], "description": body["description"],
               "link": body["link_url"], "media_source": {"source_type": "image_url", "url": body["image_url"]}}
        run.simulator.ask("POST", "/v5/pins", pin, TOKEN)
        accepted = count(requests, request)
        words = f"Pinterest has {accepted + 1} Pins of {request.content}, of {accepted} accepted"
        expect_violation(run.result(requests), words, name)
    run.simulator.ask("DELETE", f"/v5/pins/{seen.pins[single.pin_id]['pinterest_pin_id']}", token=TOKEN)
    expect_violation(run.result(requests), "which is not on Pinterest", "a deleted Pin")


def changed_result(seen):
    """Violations that the processes don't cause by themselves, made by changing the result."""
    request, other = seen.requests[0], seen.requests[-1]

    def broken(name, words, change):
        changed = copy.deepcopy(seen)
        change(changed)
        expect_violation(changed, words, name)

    def set_pin(name, value):
        return lambda seen: seen.pins[request.pin_id].update({name: value})

    broken("a failed pin", "is failed", set_pin("status", "failed"))
    broken("a pin that never ends", "is publishing", set_pin("status", "publishing"))
    broken("a published pin without an id", "without a pinterest_pin_id", set_pin("pinterest_pin_id", None))
    broken("another pin's Pin", "is named by 2 pins",
           set_pin("pinterest_pin_id", seen.pins[other.pin_id]["pinterest_pin_id"]))
    broken("an orphan", "has an orphan", set_pin("orphan_pin_id", "1"))
    broken("a lost Pin", "Pinterest has 0 Pins of", lambda seen: [
        seen.pinterest.remove(pin) for pin in list(seen.pinterest) if pin["title"] == single_title(seen)])
    broken("a lost pin", "is not listed", lambda seen: seen.pins.pop(request.pin_id))
    broken("a pin that was never accepted", "was never accepted",
           lambda seen: seen.pins.update(new=seen.pins[request.pin_id]))
    broken("a wrong count", "the API counts", lambda seen: setattr(seen, "total", "1"))
    broken("a key accepted twice", "more than one pin",
           lambda seen: seen.requests[0].answers.append((201, request.pin_id)))
    broken("a request without an answer", "was answered 0 times", lambda seen: seen.requests[0].answers.clear())
    broken("a refused request", "was refused", lambda seen: seen.refused.append((request.key, 409, None)))
    broken("an account that is too fast", "too fast", lambda seen: seen.creates.update({LIMITED: 1}))


def single_title(seen):
    return next(request.content[2] for request in seen.requests if count(seen.requests, request) == 1)


def start(bin_dir, folder, name, **changes):
    (folder / name).mkdir()
    args = SMALL | {"bin_dir": bin_dir, "commit_after_ms": LATEST_COMMIT_MS} | changes
    return Run(argparse.Namespace(**args), folder / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin-dir", type=Path, required=True)
    bin_dir = parser.parse_args().bin_dir
    with tempfile.TemporaryDirectory(prefix="pinbridge-selftest-") as name:
        folder = Path(name)
        run = start(bin_dir, folder, "clean")
        seen = run.go([])
        expect(not violations(seen), f"a clean run has violations: {[str(violation) for violation in violations(seen)]}")
        expect(len(seen.pinterest) == SMALL["pins"], f"{len(seen.pinterest)} Pins")
        expect(list(run.significance(run.table(seen))), "a run without a fault counts as a test")
        print("  a clean run has no violation, and is reported to test nothing")
        changed_result(seen)
        changed_on_pinterest(run, seen)
        run.stop()
        late = start(bin_dir, folder, "late", kills=1, commit_after_ms=MUCH_TOO_LATE_MS)
        expect_violation(late.go([TOO_LATE]), "Pinterest has", "commits later than the stack's settings allow")
        late.stop()


if __name__ == "__main__":
    main()
