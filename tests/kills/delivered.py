"""Checks the requests that a receiver of webhooks has got in a run: no event is lost, none is invented, and each repeat
has the ids and the body of the first one."""

from collections import defaultdict

from check import Violation

ACCEPTED, PUBLISHED = "pin.accepted", "pin.published"
# The events that a published pin has, each once. The webhook of the run asks for them, and for pin.failed.
EVENTS = (ACCEPTED, PUBLISHED)


def is_delivered(line):
    return line["is_valid"] and 200 <= (line["status"] or 0) < 300


def event_violations(lines, pins):
    """`lines` are the receiver's, `pins` the ids of the pins, all of which are published."""
    return [*signatures(lines), *identities(lines), *conservation(lines, pins)]


def signatures(lines):
    for line in lines:
        if not line["is_valid"]:
            yield Violation(f"a request could not be verified: {line['error']}")


def identities(lines):
    """An event is of one pin and has one number; it has one id, one delivery and one body, in every request."""
    by_event, by_delivery = defaultdict(set), defaultdict(set)
    for line in lines:
        if line["is_valid"]:
            event = (line["pin"], line["event"], line["sequence"])
            by_event[event].add((line["id"], line["delivery"], line["sha256"]))
            by_delivery[line["delivery"]].add(event)
            by_delivery[line["id"]].add(event)
    for event, found in by_event.items():
        if len(found) > 1:
            yield Violation(f"{event} was sent as {len(found)} different events: {sorted(found)}", pin_of(event))
    for name, events in by_delivery.items():
        if len(events) > 1:
            yield Violation(f"the id {name} is that of {len(events)} events: {sorted(map(str, events))}")


def conservation(lines, pins):
    """Each pin's events are delivered at least once, and nothing else is sent."""
    delivered, sent = defaultdict(set), defaultdict(set)
    for line in lines:
        if line["is_valid"]:
            sent[line["pin"], line["event"]].add(line["sequence"])
            if is_delivered(line):
                delivered[line["pin"], line["event"]].add(line["sequence"])
    for pin in pins:
        for event in EVENTS:
            if not delivered[pin, event]:
                yield Violation(f"{event} of {pin} was not delivered", (pin,))
    for (pin, event), sequences in sent.items():
        if pin not in pins or event not in EVENTS:
            yield Violation(f"{event} of {pin} was sent, and never happened", (pin,) if pin in pins else ())
        elif len(sequences) > 1:
            yield Violation(f"{event} of {pin} was sent under the numbers {sorted(sequences)}", (pin,))


def pin_of(event):
    return (event[0],) if event[0] else ()


def waiting_violations(deliveries):
    """The webhook's log at the end: nothing waits, and nothing has failed for good."""
    for delivery in deliveries:
        if delivery["status"] != "delivered":
            text = f"the delivery {delivery['id']} is {delivery['status']}, next at {delivery['next_attempt_at']}"
            yield Violation(text)


def self_check():
    """Shows that the checks can fail: each kind of harm to a clean record is found."""
    def line(pin, event, sequence, **changes):
        name = f"{pin}-{sequence}"
        return {"pin": pin, "event": event, "sequence": sequence, "id": f"event {name}", "delivery": f"delivery {name}",
                "sha256": f"body {name}", "status": 204, "is_valid": True, "error": None} | changes

    pins = {"a", "b"}
    clean = [line(pin, event, sequence) for pin in sorted(pins) for event, sequence in ((ACCEPTED, 1), (PUBLISHED, 3))]
    repeated = [*clean, line("a", PUBLISHED, 3, status=500), line("a", PUBLISHED, 3)]
    assert not event_violations(repeated, pins), [str(each) for each in event_violations(repeated, pins)]
    harms = {
        "pin.published of b was not delivered": clean[:-1],
        "pin.accepted of a was not delivered": [line("a", ACCEPTED, 1, status=500), *clean[1:]],
        "could not be verified": [*clean, line("a", PUBLISHED, 3, is_valid=False, status=401, error="another secret")],
        "as 2 different events": [*clean, line("a", PUBLISHED, 3, delivery="another")],
        "is that of 2 events": [*clean, line("c", PUBLISHED, 3, delivery="delivery b-3")],
        "and never happened": [*clean, line("a", "pin.failed", 4)],
        "pin.accepted of c was sent, and never": [*clean, line("c", ACCEPTED, 1)],
        "under the numbers [3, 4]": [*clean, line("a", PUBLISHED, 4)],
    }
    for words, lines in harms.items():
        found = [str(each) for each in event_violations(lines, pins)]
        assert any(words in each for each in found), f"{words!r} is not in {found}"
    entry = {"id": "1", "status": "waiting", "next_attempt_at": "later"}
    assert [*waiting_violations([entry])] and not [*waiting_violations([entry | {"status": "delivered"}])]
    return len(harms) + 1
