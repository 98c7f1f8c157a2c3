"""Proves that the stage `kills` can fail: the checker sees what it must, and a Pinterest that breaks its promise is
noticed through real processes. `tests/full selftest` runs it."""

import argparse
import copy
import sys
import tempfile
from pathlib import Path

from check import LIMITED, violations
from run import LATEST_COMMIT_MS, Run

TOKEN = "pina_sim_1_access"
SMALL = {"seed": 1, "accounts": 1, "pins": 20, "kills": 0, "sending_s": 1, "minutes": 3}
# Later than the second scan of a look-up, which comes 30 s after the first, at Tq: the pin has been sent again by then.
MUCH_TOO_LATE_MS = 55_000
TOO_LATE = {"operation": "pins/create", "fault": "late_commit", "commit_after_ms": MUCH_TOO_LATE_MS, "hold_ms": 300,
            "times": 3}


def expect(condition, saw):
    if not condition:
        sys.exit(f"FAILED: {saw}")


def expect_violation(seen, words, what):
    found = [str(violation) for violation in violations(seen)]
    expect(any(words in text for text in found), f"{what}: no violation says {words!r}; they are {found}")
    print(f"  noticed: {what}", flush=True)


def count(orders, order):
    return sum(other.content == order.content for other in orders)


def beside_the_stack(run, seen):
    """Pins that the simulator was given, or lost, without the stack's knowing."""
    orders = seen.orders
    single = next(order for order in orders if count(orders, order) == 1)
    twin = next(order for order in orders if count(orders, order) > 1)
    for what, order in (("a Pin posted twice", single), ("one twin too many", twin)):
        body = order.body
        pin = {"board_id": body["board_id"], "title": body["title"], "description": body["description"],
               "link": body["link_url"], "media_source": {"source_type": "image_url", "url": body["image_url"]}}
        run.simulator.ask("POST", "/v5/pins", pin, TOKEN)
        words = f"Pinterest has {count(orders, order) + 1} Pins of {order.content}, of {count(orders, order)} accepted"
        expect_violation(run.look(orders), words, what)
    run.simulator.ask("DELETE", f"/v5/pins/{seen.pins[single.pin_id]['pinterest_pin_id']}", token=TOKEN)
    expect_violation(run.look(orders), "which is not on Pinterest", "a Pin that is gone")


def doctored(seen):
    """What no process here does by itself."""
    order, other = seen.orders[0], seen.orders[-1]

    def broken(what, words, change):
        changed = copy.deepcopy(seen)
        change(changed)
        expect_violation(changed, words, what)

    def set_pin(name, value):
        return lambda seen: seen.pins[order.pin_id].update({name: value})

    broken("a failed pin", "is failed", set_pin("status", "failed"))
    broken("a pin that never ends", "is publishing", set_pin("status", "publishing"))
    broken("a published pin without an id", "without a pinterest_pin_id", set_pin("pinterest_pin_id", None))
    broken("another pin's Pin", "is named by 2 pins",
           set_pin("pinterest_pin_id", seen.pins[other.pin_id]["pinterest_pin_id"]))
    broken("an orphan", "has an orphan", set_pin("orphan_pin_id", "1"))
    broken("a lost Pin", "Pinterest has 0 Pins of", lambda seen: [
        seen.pinterest.remove(pin) for pin in list(seen.pinterest) if pin["title"] == single_title(seen)])
    broken("a lost pin", "is not listed", lambda seen: seen.pins.pop(order.pin_id))
    broken("a pin from nowhere", "was never accepted", lambda seen: seen.pins.update(new=seen.pins[order.pin_id]))
    broken("a wrong count", "the API counts", lambda seen: setattr(seen, "total", "1"))
    broken("a key accepted twice", "more than one pin", lambda seen: seen.orders[0].answers.append((201, order.pin_id)))
    broken("a request without an answer", "was answered 0 times", lambda seen: seen.orders[0].answers.clear())
    broken("a refused request", "was refused", lambda seen: seen.refused.append((order.key, 409, None)))
    broken("an account that is too fast", "too fast", lambda seen: seen.creates.update({LIMITED: 1}))


def single_title(seen):
    return next(order.content[2] for order in seen.orders if count(seen.orders, order) == 1)


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
        expect(list(run.meaning(run.table(seen))), "a run without a fault counts as a proof")
        print("  a clean run is clean, and proves nothing")
        doctored(seen)
        beside_the_stack(run, seen)
        run.stop()
        late = start(bin_dir, folder, "late", kills=1, commit_after_ms=MUCH_TOO_LATE_MS)
        expect_violation(late.go([TOO_LATE]), "Pinterest has", "commits later than the stack was told")
        late.stop()


if __name__ == "__main__":
    main()
