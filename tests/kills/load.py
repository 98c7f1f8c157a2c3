"""The requests of a run, decided by a seed, and the clients that send them until they are accepted."""

import heapq
import http.client
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

CLIENTS = 24
REQUEST_TIMEOUT_S = 10
# Groups of pins with the same content (twins) of each account. Its other pins have content of their own.
TWIN_GROUPS = (3, 2, 2, 2)
# Pairs of pins with the same link and picture, one title of which is a prefix of the other: only a comparison of the
# whole title distinguishes them.
NEAR_TWINS = 2
# Shares of requests that are sent again although they were answered.
REPEATED_AT_ONCE, REPEATED_LATER = 0.05, 0.10
# Pins of an account in one burst, and the number of times at which accounts send bursts.
BURST = 20
WAVES = 12


@dataclass
class PinRequest:
    """A client's request for a pin: when it is sent, and its answers."""

    key: str
    account: dict
    body: dict
    dues: list
    answers: list = field(default_factory=list)

    @property
    def content(self):
        """The content that distinguishes Pins on Pinterest. Twins have the same."""
        body = self.body
        user = self.account["pinterest_user_id"]
        return (user, body["board_id"], body["title"], body["link_url"], body["description"])

    @property
    def pin_id(self):
        return self.answers[0][1] if self.answers else None


def plan(seed, accounts, pins, seconds):
    """`pins` requests, evenly distributed over the accounts and due within `seconds`."""
    rng = random.Random(seed)
    waves = sorted(rng.uniform(0, seconds * 0.9) for _ in range(WAVES))
    requests = []
    for index, account in enumerate(accounts):
        count = pins // len(accounts) + (index < pins % len(accounts))
        dues = due_times(rng, index, count, waves, seconds)
        bodies = [body for group in groups(rng, account, count) for body in group]
        for number, (due, body) in enumerate(zip(dues, bodies)):
            key = f"{account['username']}-{number}"
            request = PinRequest(key, account, body | {"account_id": account["id"], "idempotency_key": key}, [due])
            if rng.random() < REPEATED_AT_ONCE:
                request.dues.append(due)
            if rng.random() < REPEATED_LATER:
                request.dues.append(rng.uniform(due, seconds))
            requests.append(request)
    return requests


def due_times(rng, index, count, waves, seconds):
    """The times at which an account sends. Of five accounts two send evenly, two in bursts, and one everything at once,
    so that its pins go through the backlog."""
    match index % 5:
        case 0 | 1:
            return sorted(rng.uniform(0, seconds) for _ in range(count))
        case 2 | 3:
            bursts = [rng.choice(waves) for _ in range(-(-count // BURST))]
            return sorted(bursts[number // BURST] for number in range(count))
        case _:
            return [rng.choice(waves[:WAVES // 2])] * count


def crowds(requests):
    """The times at which many requests are due at once."""
    dues = Counter(due for request in requests for due in request.dues)
    return sorted(due for due, count in dues.items() if count >= BURST)


def groups(rng, account, count):
    """The bodies of an account's pins, in groups: twins together or scattered."""
    def body(title, text):
        return {"board_id": rng.choice(account["boards"]), "title": title, "description": f"About {text}",
                "link_url": f"https://example.com/{text}", "image_url": f"https://example.com/{text}.jpg"}

    twins, near, name, left = [], [], account["username"], count
    for number, size in enumerate(TWIN_GROUPS):
        if left >= size:
            twins.append([body(f"Twin {number} of {name}", f"{name}/twin-{number}")] * size)
            left -= size
    for number in range(NEAR_TWINS):
        if left >= 2:
            short = body(f"Near twin of {name}, number {number + 1}", f"{name}/near-{number}")
            near.append([short, short | {"title": short["title"] + "2"}])
            left -= 2
    singles = [[body(f"Pin {number} of {name}", f"{name}/{number}")] for number in range(left)]
    # Half of the groups stay together, so that they are sent at once or in succession; the others are scattered.
    together, scattered = [], []
    for group in twins + near:
        if rng.random() < 0.5:
            together.append(group)
        else:
            scattered.extend([one] for one in group)
    mixed = together + scattered + singles
    rng.shuffle(mixed)
    return mixed


class Clients:
    """Threads that send each request when it is due, and repeat it with the same key until it is answered."""

    def __init__(self, stack, requests):
        self.stack, self.began, self.crowds = stack, time.monotonic(), crowds(requests)
        self.answered, self.refused = Counter(), []
        self.changed = threading.Condition()
        self.waiting = [(due, number, request) for number, (due, request) in enumerate(
            (due, request) for request in requests for due in request.dues)]
        heapq.heapify(self.waiting)
        self.open = len(self.waiting)
        for number in range(CLIENTS):
            threading.Thread(target=self.work, args=(random.Random(number),), daemon=True).start()

    def next_crowd_s(self):
        """Seconds until many requests are next due at once; None if there is no such time any more."""
        now = time.monotonic() - self.began
        return next((due - now for due in self.crowds if due >= now), None)

    def work(self, rng):
        while (due := self.next_due()) is not None:
            _, number, request = due
            try:
                status, answer = self.stack.post_pin(request.body, REQUEST_TIMEOUT_S)
            except (OSError, http.client.HTTPException, ValueError):
                # The stack is down, or was killed during the request, which may have been accepted.
                status, answer = "no answer", None
            with self.changed:
                self.answered[status] += 1
                if status == "no answer" or status >= 500:
                    again = time.monotonic() - self.began + rng.uniform(0.1, 0.6)
                    heapq.heappush(self.waiting, (again, number, request))
                else:
                    self.open -= 1
                    if status in (200, 201):
                        request.answers.append((status, answer["id"]))
                    else:
                        self.refused.append((request.key, status, answer))
                self.changed.notify_all()

    def next_due(self):
        with self.changed:
            while self.open:
                wait_s = self.waiting[0][0] - (time.monotonic() - self.began) if self.waiting else 1
                if wait_s <= 0:
                    return heapq.heappop(self.waiting)
                self.changed.wait(wait_s)
            return None
