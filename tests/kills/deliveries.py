"""Kills the local stack at random moments while pins are published and their events delivered.

The receiver fails a tenth of the requests. Checks that each event is delivered at least once, that each repeat is the
same, and that nothing is invented; and that every pin is published exactly once.

`tests/full deliveries` runs it. The seed decides what is sent, when it is sent, and how long each life of the stack is;
which requests the receiver fails is random.
"""

import argparse
import json
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from check import Violation, violations
from delivered import EVENTS, event_violations, is_delivered, self_check, waiting_violations
from kills import report
from processes import Broken, Process, call
from run import POLL_EVERY_S, SAY_EVERY_S, Run, counts

RECEIVER = Path(__file__).resolve().parents[1] / "receivers" / "receiver.py"
SECRET = "a secret of the stage deliveries"
FAILING_PERCENT = 10
# Of the events that a published pin has, and the one that it must not have.
SUBSCRIBED = [*EVENTS, "pin.failed"]


class Receiver(Process):
    """The receiver of webhooks, which is never killed."""

    def __init__(self, folder):
        super().__init__([sys.executable, RECEIVER, SECRET], folder / "receiver.log")
        self.spawn()
        ready = self.await_start(lambda: re.search(r"listening on (http://\S+)\n", self.log.read_text()))
        self.url = f"{ready[1]}/failing/{FAILING_PERCENT}"

    def lines(self):
        """The requests that it has got. The last line may be half written."""
        whole = self.log.read_text().split("\n")[1:-1]
        return [json.loads(line) for line in whole]


class DeliveryRun(Run):
    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.receiver = Receiver(folder)
        # The number of requests that the receiver had got at each kill.
        self.received_at_kills = []

    def prepare(self, rules):
        super().prepare(rules)
        body = {"url": self.receiver.url, "secret": SECRET, "events": SUBSCRIBED}
        status, _, webhook = call(self.stack.origin, "POST", "/v1/webhooks", body, {"X-API-Key": self.stack.api_key})
        if status != 201:
            raise Broken(f"the webhook was refused: {status} {webhook}")
        self.log_path = f"/v1/webhooks/{webhook['id']}/deliveries"

    def live_and_die(self):
        super().live_and_die()
        self.received_at_kills.append(len(self.receiver.lines()))

    def unended(self):
        """The deliveries that wait or have failed."""
        pages = [self.stack.get(f"{self.log_path}?status={status}")[1] for status in ("waiting", "failed")]
        return [delivery for page in pages for delivery in page]

    def settle(self, requests):
        """Waits until every pin is published and every event delivered. At the time limit it returns too, and the
        checks report the rest."""
        super().settle(requests)
        said = 0.0
        while time.monotonic() - self.began < self.args.minutes * 60:
            self.stack.expect_alive()
            delivered = len({line["delivery"] for line in self.receiver.lines() if is_delivered(line)})
            if delivered >= len(EVENTS) * len(requests) and not self.unended():
                return
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                self.say(f"{delivered} of {len(EVENTS) * len(requests)} events delivered")
            time.sleep(POLL_EVERY_S)
        self.say("the time limit is reached")

    def figures(self, seen, lines):
        delivered, again = set(), 0
        for line in lines:
            again += line["delivery"] in delivered
            if is_delivered(line):
                delivered.add(line["delivery"])
        requests = Counter(line["delivery"] for line in lines)
        lives = [0, *self.received_at_kills]
        self.stack.measure()
        return {
            "pins published": sum(pin["status"] == "published" for pin in seen.pins.values()),
            "events delivered": f"{len(delivered)}: " + counts(Counter(
                event for event, _ in {(line["event"], line["delivery"]) for line in lines if is_delivered(line)})),
            "requests by answer": counts(Counter(line["status"] for line in lines)),
            "events by requests": counts(Counter(requests.values())),
            "requests after a success": again,
            "kills":
                f"{self.kills}, {self.kills_with_calls_out} with calls in flight, {self.unready_kills} before ready",
            "lives with deliveries": sum(before < after for before, after in zip(lives, lives[1:])),
            "stack, all lives": f"{self.stack.cpu_s:.0f} s of processor, at most {self.stack.memory_mb:.0f} MB",
            "seconds": f"{time.monotonic() - self.began:.0f}",
        }

    def significance(self, lines):
        """A run in which nothing failed, or whose lives ended before anything was delivered, tests nothing."""
        failed = sum(line["status"] == 500 for line in lines)
        lives = [0, *self.received_at_kills]
        active = sum(before < after for before, after in zip(lives, lives[1:]))
        if not failed or active < self.args.kills / 4:
            yield Violation(f"the run tested nothing: {failed} failed requests, deliveries in {active} lives")

    def stop(self):
        super().stop()
        self.receiver.stop()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of pinbridge-local and pinterest-simulator")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32),
                        help="default: a random one")
    parser.add_argument("--pins", type=int, default=1_000)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--sending-s", type=float, default=150, help="how long clients send")
    parser.add_argument("--minutes", type=float, default=25, help="time limit of the run")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    # Pinterest is well: `kills` has its faults.
    parser.set_defaults(commit_after_ms=0)
    return parser.parse_args()


def main():
    args = arguments()
    # SIGTERM must end the child processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    print(f"  the checks find {self_check()} kinds of harm")
    folder = Path(tempfile.mkdtemp(prefix="pinbridge-deliveries-"))
    print(f"deliveries: seed {args.seed}; logs and data in {folder}", flush=True)
    run, found = None, [Violation("the run did not end")]
    try:
        run = DeliveryRun(args, folder)
        seen = run.go([])
        lines = run.receiver.lines()
        for name, value in run.figures(seen, lines).items():
            print(f"  {name:<28}{value}")
        found = [*violations(seen), *event_violations(lines, set(seen.pins)), *waiting_violations(run.unended()),
                 *run.significance(lines)]
        report(run, found)
    except Broken as broken:
        print(f"BROKEN {broken}")
    finally:
        if run:
            run.stop()
        if found:
            print(f"FAILED with seed {args.seed}; {folder} is kept")
        elif not args.keep:
            shutil.rmtree(folder)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
