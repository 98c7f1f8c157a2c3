"""One run: sends the planned requests while the stack is killed again and again, and reads the result."""

import random
import time
from collections import Counter

from check import LIMITED, Seen, Violation
from load import Clients, plan
from processes import CLIENT_TIMEOUT_MS, COMMIT_LATENESS_MS, Simulator, Stack

# Shares of the calls to pins/create.
LOST_ANSWERS, LATE_COMMITS = 0.1, 0.1
# How long the simulator holds a connection: it ends before the client gives up, or after.
SHORT_HOLD_MS, LONG_HOLD_MS = 300, CLIENT_TIMEOUT_MS + COMMIT_LATENESS_MS
# The latest commit that the stack's settings allow for, less the time that a request needs to arrive on a busy machine.
LATEST_COMMIT_MS = CLIENT_TIMEOUT_MS + COMMIT_LATENESS_MS - 200
# How long a life lasts: from when the stack is ready; or from its start, so that a starting stack is killed too; or
# until some time after many requests were sent at once. Then the probabilities of the last two kinds. There is no crowd
# after the clients' last one.
LIFE_S, STILLBORN_LIFE_S, CROWD_LIFE_S = (1.5, 20), (0.02, 0.8), (0.2, 4.0)
STILLBORN, CROWDED = 0.2, 0.4
POLL_EVERY_S, SAY_EVERY_S = 2, 20
# A row of the table that `Run.significance` needs.
ADOPTED = "pins adopted"


def faults(latest_commit_ms):
    """The fault rules. Half of each kind end the connection early. The simulator takes the first rule whose probability
    comes up, so the probabilities of the later rules are relative to the calls that are left."""
    lost = {"fault": "timeout_after_commit"}
    late = {"fault": "late_commit"}
    kinds = [(LOST_ANSWERS / 2, lost | {"hold_ms": SHORT_HOLD_MS}), (LOST_ANSWERS / 2, lost | {"hold_ms": LONG_HOLD_MS}),
             (LATE_COMMITS / 2, late | {"hold_ms": SHORT_HOLD_MS, "commit_after_ms": SHORT_HOLD_MS + COMMIT_LATENESS_MS}),
             (LATE_COMMITS / 2, late | {"hold_ms": LONG_HOLD_MS, "commit_after_ms": latest_commit_ms})]
    rules, left = [], 1.0
    for chance, rule in kinds:
        rules.append({"operation": "pins/create", "probability": chance / left} | rule)
        left -= chance
    return rules


class Run:
    def __init__(self, args, folder):
        self.args, self.began = args, time.monotonic()
        self.rng = random.Random(f"lives {args.seed}")
        self.simulator = Simulator(args.bin_dir, folder, args.accounts, args.seed % 2**64)
        self.stack = Stack(args.bin_dir, folder, self.simulator, args.accounts)
        self.kills = self.kills_with_calls_out = self.unready_kills = 0

    def say(self, text):
        print(f"  {time.monotonic() - self.began:5.0f} s  {text}", flush=True)

    def accounts(self):
        accounts = self.stack.get("/v1/pinterest/accounts")[1]
        for account in accounts:
            boards = self.stack.get(f"/v1/pinterest/boards?account_id={account['id']}")[1]
            account["boards"] = sorted(board["id"] for board in boards)
        return sorted(accounts, key=lambda account: account["pinterest_user_id"])

    def go(self, rules):
        """Sends, kills and waits; returns the result."""
        self.stack.spawn()
        self.stack.await_ready()
        self.prepare(rules)
        requests = plan(self.args.seed, self.accounts(), self.args.pins, self.args.sending_s)
        self.clients = Clients(self.stack, requests)
        for _ in range(self.args.kills):
            self.live_and_die()
        self.say("the last kill is done; waiting for every pin")
        self.settle(requests)
        # A duplicate may still be committed.
        time.sleep(self.args.commit_after_ms / 1000)
        return self.result(requests)

    def prepare(self, rules):
        """What is done before the first request."""
        self.simulator.ask("PUT", "/_sim/faults", rules)

    def result(self, requests):
        pins, total, relation = self.stack.pins()
        creates, _ = self.simulator.creates()
        pinterest = self.simulator.ask("GET", "/_sim/pins")
        return Seen(requests, pins, total, relation, pinterest, creates, self.clients.refused)

    def live_and_die(self):
        kind, crowd_s = self.rng.random(), self.clients.next_crowd_s()
        if kind < STILLBORN:
            time.sleep(self.rng.uniform(*STILLBORN_LIFE_S))
        elif kind < STILLBORN + CROWDED and crowd_s is not None:
            time.sleep(crowd_s + self.rng.uniform(*CROWD_LIFE_S))
        else:
            self.stack.await_ready()
            time.sleep(self.rng.uniform(*LIFE_S))
        calls_out = self.simulator.creates()[1]
        ready = self.stack.ready_file.exists()
        self.stack.kill()
        self.kills += 1
        self.kills_with_calls_out += calls_out > 0
        self.unready_kills += not ready
        self.say(f"kill {self.kills}: {calls_out} calls in flight{'' if ready else ', still starting'}")
        self.stack.spawn()

    def settle(self, requests):
        """Waits until every request is answered and every pin is terminal. At the time limit it returns too, and the
        checks report the rest."""
        self.stack.await_ready()
        said = 0.0
        while time.monotonic() - self.began < self.args.minutes * 60:
            self.stack.expect_alive()
            statuses = Counter(pin["status"] for pin in self.stack.pins()[0].values())
            if not self.clients.open and statuses["published"] + statuses["failed"] >= len(requests):
                return
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                self.say(", ".join(f"{count} {status}" for status, count in sorted(statuses.items())))
            time.sleep(POLL_EVERY_S)
        self.say("the time limit is reached")

    def table(self, seen):
        """The figures of the run."""
        events, attempts = Counter(), Counter()
        for pin_id in seen.pins:
            timeline = self.stack.timeline(pin_id)
            attempts[timeline["attempts"]] += 1
            events.update({event["event"] for event in timeline["events"]})
        fired = Counter()
        for rule in self.simulator.ask("GET", "/_sim/faults"):
            fired[rule["fault"]] += rule["fired"]
        contents = Counter(request.content for request in seen.requests)
        self.stack.measure()
        self.simulator.measure()
        seconds = time.monotonic() - self.began
        return {
            "pins accepted": len({request.pin_id for request in seen.requests if request.pin_id}),
            "published": sum(pin["status"] == "published" for pin in seen.pins.values()),
            "twins among them": sum(count for count in contents.values() if count > 1),
            "requests by answer": counts(self.clients.answered),
            "accepted, answer lost":
                sum(all(status != 201 for status, _ in request.answers) for request in seen.requests),
            "kills":
                f"{self.kills}, {self.kills_with_calls_out} with calls in flight, {self.unready_kills} before ready",
            "calls to pins/create": f"{sum(seen.creates.values())}: {counts(seen.creates)}",
            "faults": counts(fired),
            "pins with a lost answer": events["outcome_unknown"],
            ADOPTED: events["found_on_pinterest"],
            "pins not found, sent again": events["not_on_pinterest"],
            "pins by attempts": counts(attempts),
            f"{LIMITED} answers": seen.creates.get(LIMITED, 0),
            "stack, all lives": f"{self.stack.cpu_s:.0f} s of processor, at most {self.stack.memory_mb:.0f} MB",
            "simulator": f"{self.simulator.cpu_s:.0f} s of processor, at most {self.simulator.memory_mb:.0f} MB",
            "seconds": f"{seconds:.0f}",
        }

    def significance(self, table):
        """A run in which no fault happened tests nothing."""
        if not self.kills_with_calls_out or not table[ADOPTED]:
            yield Violation(f"the run tested nothing: {self.kills_with_calls_out} kills hit a call, "
                            f"{table[ADOPTED]} pins adopted")

    def stop(self):
        self.stack.stop()
        self.simulator.stop()


def counts(counter):
    return ", ".join(f"{name}: {counter[name]}" for name in sorted(counter, key=str)) or "none"
