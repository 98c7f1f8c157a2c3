"""The promise, as a function of what was seen: every accepted pin is published exactly once."""

from collections import Counter, defaultdict
from dataclasses import dataclass

LIMITED = "429"


@dataclass
class Seen:
    """Everything the verdict depends on."""

    orders: list
    # The API's pins by id, its count of them and what that count is (absent: exact).
    pins: dict
    total: str
    total_relation: str | None
    # `/_sim/pins`, and the answers to pins/create by status.
    pinterest: list
    creates: dict
    # Requests that the API refused: key, status, answer.
    refused: list


@dataclass(frozen=True)
class Violation:
    what: str
    # The pins of ours concerned, for their timelines.
    pin_ids: tuple = ()

    def __str__(self):
        return self.what


def violations(seen):
    return [*acceptances(seen), *outcomes(seen), *on_pinterest(seen), *pace(seen)]


def acceptances(seen):
    """Each key is one pin, whoever asks how often, and the API lists just these."""
    for key, status, answer in seen.refused:
        yield Violation(f"{key} was refused: {status} {answer}")
    for order in seen.orders:
        ids = {pin_id for _, pin_id in order.answers}
        created = sum(status == 201 for status, _ in order.answers)
        if len(order.answers) != len(order.dues):
            yield Violation(f"{order.key} was answered {len(order.answers)} times instead of {len(order.dues)}", tuple(ids))
        if len(ids) > 1 or created > 1:
            yield Violation(f"{order.key} became more than one pin: {order.answers}", tuple(ids))
    accepted = Counter(order.pin_id for order in seen.orders if order.pin_id)
    for pin_id, count in accepted.items():
        if count > 1:
            yield Violation(f"{pin_id} is the pin of {count} keys", (pin_id,))
        if pin_id not in seen.pins:
            yield Violation(f"{pin_id} was accepted and is not listed", (pin_id,))
    for pin_id in seen.pins.keys() - accepted.keys():
        yield Violation(f"{pin_id} is listed and was never accepted", (pin_id,))
    if (seen.total, seen.total_relation) != (str(len(accepted)), None):
        yield Violation(f"the API counts {seen.total} pins ({seen.total_relation or 'exactly'}) of {len(accepted)}")


def outcomes(seen):
    for pin_id, pin in seen.pins.items():
        if pin["status"] != "published":
            yield Violation(f"{pin_id} is {pin['status']}: {pin['error_code']}, next {pin['next_action']} at {pin['next_at']}",
                            (pin_id,))
        elif not pin["pinterest_pin_id"]:
            yield Violation(f"{pin_id} is published without a pinterest_pin_id", (pin_id,))
        if pin["orphan_pin_id"]:
            yield Violation(f"{pin_id} has an orphan, {pin['orphan_pin_id']}", (pin_id,))


def on_pinterest(seen):
    """Twins can't be told apart, so they are counted; and each pin names a Pin of its own, with its content."""
    there, wanted = Counter(content(pin) for pin in seen.pinterest), defaultdict(list)
    for order in seen.orders:
        if order.pin_id:
            wanted[order.content].append(order.pin_id)
    for what in there.keys() | wanted.keys():
        if there[what] != len(wanted[what]):
            yield Violation(f"Pinterest has {there[what]} Pins of {what}, of {len(wanted[what])} accepted", tuple(wanted[what]))
    by_id, owners = {pin["id"]: pin for pin in seen.pinterest}, defaultdict(list)
    for order in seen.orders:
        pinterest_pin_id = seen.pins.get(order.pin_id, {}).get("pinterest_pin_id")
        if pinterest_pin_id is None:
            continue
        owners[pinterest_pin_id].append(order.pin_id)
        pin = by_id.get(pinterest_pin_id)
        if pin is None or pin["deleted"]:
            yield Violation(f"{order.pin_id} names {pinterest_pin_id}, which is not on Pinterest", (order.pin_id,))
        elif content(pin) != order.content:
            yield Violation(f"{order.pin_id} names {pinterest_pin_id}, which is {content(pin)}", (order.pin_id,))
    for pinterest_pin_id, pin_ids in owners.items():
        if len(pin_ids) > 1:
            yield Violation(f"{pinterest_pin_id} is named by {len(pin_ids)} pins", tuple(pin_ids))


def pace(seen):
    """Restarts waste tokens; they never make any."""
    if seen.creates.get(LIMITED):
        yield Violation(f"Pinterest answered {LIMITED} {seen.creates[LIMITED]} times: an account was too fast")


def content(pin):
    return (pin["account_id"], pin["board_id"], pin["title"], pin["link"], pin["description"])
