"""What the clients send, decided by a seed, and the clients that send it until it is accepted."""

import heapq
import http.client
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

CLIENTS = 24
REQUEST_TIMEOUT_S = 10
# Of an account's pins. The rest say something of their own.
TWIN_GROUPS = (3, 2, 2, 2)
# Pairs whose shorter title begins the longer one, with the same link and picture: told apart only when read to the end.
NEAR_TWINS = 2
# The share of requests that are sent again though they were answered.
REPEATED_AT_ONCE, REPEATED_LATER = 0.05, 0.10
# Pins of an account sent at one moment, for accounts that send in bursts; and the moments at which accounts do.
BURST = 20
WAVES = 12


@dataclass
class Order:
    """A pin that a client wants, and what it was answered."""

    key: str
    account: dict
    body: dict
    dues: list
    answers: list = field(default_factory=list)

    @property
    def content(self):
        """What tells Pins apart on Pinterest; twins share it."""
        body = self.body
        return (self.account["pinterest_user_id"], body["board_id"], body["title"], body["link_url"], body["description"])

    @property
    def pin_id(self):
        return self.answers[0][1] if self.answers else None


def plan(seed, accounts, pins, seconds):
    """`pins` orders spread evenly over the accounts, due within `seconds`."""
    dice = random.Random(seed)
    waves = sorted(dice.uniform(0, seconds * 0.9) for _ in range(WAVES))
    orders = []
    for index, account in enumerate(accounts):
        count = pins // len(accounts) + (index < pins % len(accounts))
        dues = moments(dice, index, count, waves, seconds)
        bodies = [body for group in groups(dice, account, count) for body in group]
        for number, (due, body) in enumerate(zip(dues, bodies)):
            key = f"{account['username']}-{number}"
            order = Order(key, account, body | {"account_id": account["id"], "idempotency_key": key}, [due])
            if dice.random() < REPEATED_AT_ONCE:
                order.dues.append(due)
            if dice.random() < REPEATED_LATER:
                order.dues.append(dice.uniform(due, seconds))
            orders.append(order)
    return orders


def moments(dice, index, count, waves, seconds):
    """Of five accounts two send evenly, two in bursts, and one everything at once, which goes through the backlog."""
    match index % 5:
        case 0 | 1:
            return sorted(dice.uniform(0, seconds) for _ in range(count))
        case 2 | 3:
            bursts = [dice.choice(waves) for _ in range(-(-count // BURST))]
            return sorted(bursts[number // BURST] for number in range(count))
        case _:
            return [dice.choice(waves[:WAVES // 2])] * count


def crowds(orders):
    """The moments at which many orders are due."""
    dues = Counter(due for order in orders for due in order.dues)
    return sorted(due for due, count in dues.items() if count >= BURST)


def groups(dice, account, count):
    """Bodies, twins side by side or scattered."""
    def body(title, text):
        return {"board_id": dice.choice(account["boards"]), "title": title, "description": f"About {text}",
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
    # Half of the groups stay together, and are sent within one moment or one after the other; the others are scattered.
    together, scattered = [], []
    for group in twins + near:
        if dice.random() < 0.5:
            together.append(group)
        else:
            scattered.extend([one] for one in group)
    mixed = together + scattered + singles
    dice.shuffle(mixed)
    return mixed


class Clients:
    """Threads that send every order when it is due, and again with the same key until there is an answer."""

    def __init__(self, stack, orders):
        self.stack, self.began, self.crowds = stack, time.monotonic(), crowds(orders)
        self.answered, self.refused = Counter(), []
        self.changed = threading.Condition()
        self.waiting = [(due, number, order) for number, (due, order) in enumerate(
            (due, order) for order in orders for due in order.dues)]
        heapq.heapify(self.waiting)
        self.open = len(self.waiting)
        for number in range(CLIENTS):
            threading.Thread(target=self.work, args=(random.Random(number),), daemon=True).start()

    def next_crowd_s(self):
        """How long until many requests are due at once; None after the last time."""
        now = time.monotonic() - self.began
        return next((due - now for due in self.crowds if due >= now), None)

    def work(self, dice):
        while (due := self.next_due()) is not None:
            _, number, order = due
            try:
                status, answer = self.stack.post_pin(order.body, REQUEST_TIMEOUT_S)
            except (OSError, http.client.HTTPException, ValueError):
                # Down, or killed under the request: it may have been accepted.
                status, answer = "no answer", None
            with self.changed:
                self.answered[status] += 1
                if status == "no answer" or status >= 500:
                    again = time.monotonic() - self.began + dice.uniform(0.1, 0.6)
                    heapq.heappush(self.waiting, (again, number, order))
                else:
                    self.open -= 1
                    if status in (200, 201):
                        order.answers.append((status, answer["id"]))
                    else:
                        self.refused.append((order.key, status, answer))
                self.changed.notify_all()

    def next_due(self):
        with self.changed:
            while self.open:
                wait_s = self.waiting[0][0] - (time.monotonic() - self.began) if self.waiting else 1
                if wait_s <= 0:
                    return heapq.heappop(self.waiting)
                self.changed.wait(wait_s)
            return None
