"""Checks the result of a run: every accepted pin must be published exactly once."""

from collections import Counter, defaultdict
from dataclasses import dataclass

LIMITED = "429"


@dataclass
class Seen:
    """The result of a run: everything that the checks need."""

    requests: list
    # The API's pins by id, the API's count of them and the relation of that count (absent: exact).
    pins: dict
    total: str
    total_relation: str | None
    # The Pins of `/_sim/pins`, and the number of answers to pins/create by status.
    pinterest: list
    creates: dict
    # Requests that the API refused: key, status and answer.
    refused: list


@dataclass(frozen=True)
class Violation:
    text: str
    # The pins concerned, for their timelines.
    pin_ids: tuple = ()

    def __str__(self):
        return self.text


def violations(seen):
    return [*acceptances(seen), *outcomes(seen), *on_pinterest(seen), *pace(seen)]


def acceptances(seen):
    """Each key gives one pin, however often it is sent, and the API lists these pins only."""
    for key, status, answer in seen.refused:
        yield Violation(f"{key} was refused: {status} {answer}")
    for request in seen.requests:
        ids = {pin_id for _, pin_id in request.answers}
        created = sum(status == 201 for status, _ in request.answers)
        if len(request.answers) != len(request.dues):
            yield Violation(f"{request.key} was answered {len(request.answers)} times instead of {len(request.dues)}",
                            tuple(ids))
        if len(ids) > 1 or created > 1:
            yield Violation(f"{request.key} became more than one pin: {request.answers}", tuple(ids))
    accepted = Counter(request.pin_id for request in seen.requests if request.pin_id)
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
            text = f"{pin_id} is {pin['status']}: {pin['error_code']}, next {pin['next_action']} at {pin['next_at']}"
            yield Violation(text, (pin_id,))
        elif not pin["pinterest_pin_id"]:
            yield Violation(f"{pin_id} is published without a pinterest_pin_id", (pin_id,))
        if pin["orphan_pin_id"]:
            yield Violation(f"{pin_id} has an orphan, {pin['orphan_pin_id']}", (pin_id,))


def on_pinterest(seen):
    """The numbers of Pins by content match (twins can't be told apart), and each pin names a Pin of its own, with its
    content."""
    found, wanted = Counter(content(pin) for pin in seen.pinterest), defaultdict(list)
    for request in seen.requests:
        if request.pin_id:
            wanted[request.content].append(request.pin_id)
    for text in found.keys() | wanted.keys():
        if found[text] != len(wanted[text]):
            yield Violation(f"Pinterest has {found[text]} Pins of {text}, of {len(wanted[text])} accepted",
                            tuple(wanted[text]))
    by_id, owners = {pin["id"]: pin for pin in seen.pinterest}, defaultdict(list)
    for request in seen.requests:
        pinterest_pin_id = seen.pins.get(request.pin_id, {}).get("pinterest_pin_id")
        if pinterest_pin_id is None:
            continue
        owners[pinterest_pin_id].append(request.pin_id)
        pin = by_id.get(pinterest_pin_id)
        if pin is None or pin["deleted"]:
            yield Violation(f"{request.pin_id} names {pinterest_pin_id}, which is not on Pinterest", (request.pin_id,))
        elif content(pin) != request.content:
            yield Violation(f"{request.pin_id} names {pinterest_pin_id}, which is {content(pin)}", (request.pin_id,))
    for pinterest_pin_id, pin_ids in owners.items():
        if len(pin_ids) > 1:
            yield Violation(f"{pinterest_pin_id} is named by {len(pin_ids)} pins", tuple(pin_ids))


def pace(seen):
    """No account exceeds the rate limit: a restart may lose publish tokens, but never adds any."""
    if seen.creates.get(LIMITED):
        yield Violation(f"Pinterest answered {LIMITED} {seen.creates[LIMITED]} times: an account was too fast")


def content(pin):
    return (pin["account_id"], pin["board_id"], pin["title"], pin["link"], pin["description"])
