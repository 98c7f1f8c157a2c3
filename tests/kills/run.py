"""One run: a plan carried out against processes that are killed, and what was seen in the end."""

import random
import time
from collections import Counter

from check import LIMITED, Seen, Violation
from load import Clients, plan
from processes import CLIENT_TIMEOUT_MS, COMMIT_LATENESS_MS, Simulator, Stack

# Of calls to pins/create, each.
LOST_ANSWERS, LATE_COMMITS = 0.1, 0.1
# A connection that ends before the client gives up, and one that outlasts it.
SHORT_HOLD_MS, LONG_HOLD_MS = 300, CLIENT_TIMEOUT_MS + COMMIT_LATENESS_MS
# The latest commit that keeps the promise, less what a request needs to arrive on a busy machine.
LATEST_COMMIT_MS = CLIENT_TIMEOUT_MS + COMMIT_LATENESS_MS - 200
# How long a life lasts: from the moment the stack is ready; or from its first, so that starts are killed too; or until
# so long after many requests came at once. The chances of the last two; there is no crowd after the clients' last.
LIFE_S, STILLBORN_LIFE_S, CROWD_LIFE_S = (1.5, 20), (0.02, 0.8), (0.2, 4.0)
STILLBORN, CROWDED = 0.2, 0.4
LOOK_EVERY_S, SAY_EVERY_S = 2, 20
# A row of the table that the verdict needs.
ADOPTED = "pins adopted"


def faults(latest_commit_ms):
    """Half of each kind ends the connection early. The simulator takes the first rule whose dice agree, so the chances of
    the later ones are of what is left."""
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
        self.dice = random.Random(f"lives {args.seed}")
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
        """Sends, kills, waits; answers what was seen in the end."""
        self.stack.spawn()
        self.stack.await_ready()
        self.simulator.ask("PUT", "/_sim/faults", rules)
        orders = plan(self.args.seed, self.accounts(), self.args.pins, self.args.sending_s)
        self.clients = Clients(self.stack, orders)
        for _ in range(self.args.kills):
            self.live_and_die()
        self.say("the last kill is done; waiting for every pin")
        self.settle(orders)
        # A duplicate may be on its way.
        time.sleep(self.args.commit_after_ms / 1000)
        return self.look(orders)

    def look(self, orders):
        pins, total, relation = self.stack.pins()
        creates, _ = self.simulator.creates()
        pinterest = self.simulator.ask("GET", "/_sim/pins")
        return Seen(orders, pins, total, relation, pinterest, creates, self.clients.refused)

    def live_and_die(self):
        kind, crowd_s = self.dice.random(), self.clients.next_crowd_s()
        if kind < STILLBORN:
            time.sleep(self.dice.uniform(*STILLBORN_LIFE_S))
        elif kind < STILLBORN + CROWDED and crowd_s is not None:
            time.sleep(crowd_s + self.dice.uniform(*CROWD_LIFE_S))
        else:
            self.stack.await_ready()
            time.sleep(self.dice.uniform(*LIFE_S))
        calls_out = self.simulator.creates()[1]
        ready = self.stack.ready_file.exists()
        self.stack.kill()
        self.kills += 1
        self.kills_with_calls_out += calls_out > 0
        self.unready_kills += not ready
        self.say(f"kill {self.kills}: {calls_out} calls out{'' if ready else ', still starting'}")
        self.stack.spawn()

    def settle(self, orders):
        """Until every order is answered and every pin is terminal, or the time is over: then the check says what isn't."""
        self.stack.await_ready()
        said = 0.0
        while time.monotonic() - self.began < self.args.minutes * 60:
            self.stack.expect_alive()
            statuses = Counter(pin["status"] for pin in self.stack.pins()[0].values())
            if not self.clients.open and statuses["published"] + statuses["failed"] >= len(orders):
                return
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                self.say(", ".join(f"{count} {status}" for status, count in sorted(statuses.items())))
            time.sleep(LOOK_EVERY_S)
        self.say("the time is over")

    def table(self, seen):
        """Figures of the run."""
        events, attempts = Counter(), Counter()
        for pin_id in seen.pins:
            timeline = self.stack.timeline(pin_id)
            attempts[timeline["attempts"]] += 1
            events.update({event["event"] for event in timeline["events"]})
        fired = Counter()
        for rule in self.simulator.ask("GET", "/_sim/faults"):
            fired[rule["fault"]] += rule["fired"]
        contents = Counter(order.content for order in seen.orders)
        self.stack.measure()
        self.simulator.measure()
        seconds = time.monotonic() - self.began
        return {
            "pins accepted": len({order.pin_id for order in seen.orders if order.pin_id}),
            "published": sum(pin["status"] == "published" for pin in seen.pins.values()),
            "twins among them": sum(count for count in contents.values() if count > 1),
            "requests by answer": counts(self.clients.answered),
            "accepted, the answer lost": sum(all(status != 201 for status, _ in order.answers) for order in seen.orders),
            "kills": f"{self.kills}, {self.kills_with_calls_out} with calls out, {self.unready_kills} before it was ready",
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

    def meaning(self, table):
        """A run in which nothing went wrong proves nothing."""
        if not self.kills_with_calls_out or not table[ADOPTED]:
            yield Violation(f"the run tested nothing: {self.kills_with_calls_out} kills hit a call, {table[ADOPTED]} pins adopted")

    def stop(self):
        self.stack.stop()
        self.simulator.stop()


def counts(counter):
    return ", ".join(f"{name}: {counter[name]}" for name in sorted(counter, key=str)) or "none"
