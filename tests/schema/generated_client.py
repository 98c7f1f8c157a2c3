"""Uses a client that openapi-python-client has generated from the OpenAPI document, as an integrator would: typed
requests and typed answers, without a word of this API's own.

Usage: generated_client.py READY_FILE FOLDER   (of a running local stack; the folder has the package `pinbridge`)
"""

import json
import sys
import uuid

sys.path.insert(0, sys.argv[2])

from pinbridge import AuthenticatedClient  # noqa: E402
from pinbridge.api.connections import list_accounts, start_oauth  # noqa: E402
from pinbridge.api.pace_and_export import export  # noqa: E402
from pinbridge.api.pins import create_pins, get_pin, list_pins, validate_pin  # noqa: E402
from pinbridge.models import AccountLine, BatchStatus, Pin, PinBatch, PinCreate, PinLine, ScheduleLine  # noqa: E402

PINS = 3


def main():
    with open(sys.argv[1]) as file:
        ready = json.load(file)
    client = AuthenticatedClient(base_url=ready["base_url"], token=ready["api_key"], raise_on_unexpected_status=True)
    accounts = list_accounts.sync(client=client)
    assert ready["account_id"] in {str(account.id) for account in accounts}, accounts

    def pin(number):
        return PinCreate(
            account_id=uuid.UUID(ready["account_id"]),
            board_id=ready["board_id"],
            title=f"Crane {number}",
            image_url="https://images.example.com/crane.jpg",
            idempotency_key=f"generated-{number}",
        )

    checked = validate_pin.sync(client=client, body=pin(0))
    assert checked.valid, checked
    made = create_pins.sync(client=client, body=PinBatch(pins=[pin(number) for number in range(PINS)]))
    assert made.created_count == PINS, made
    assert all(result.status == BatchStatus.CREATED and isinstance(result.pin, Pin) for result in made.results), made
    one = get_pin.sync(made.results[0].pin.id, client=client)
    assert (one.title, one.id) == ("Crane 0", made.results[0].pin.id), one
    assert {pin.id for pin in list_pins.sync(client=client)} >= {result.pin.id for result in made.results}
    started = start_oauth.sync(client=client, client_state="customer 7")
    assert started.authorization_url.startswith("http"), started

    # Every page, with the cursor of the header.
    lines, cursor = [], None
    while True:
        page = export.sync_detailed(client=client, limit=1, **({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page
        lines.extend(page.parsed)
        cursor = page.headers.get("x-next-cursor")
        if cursor is None:
            break
    assert lines and all(isinstance(line, (AccountLine, PinLine, ScheduleLine)) for line in lines), lines
    assert {str(line.id) for line in lines if isinstance(line, AccountLine)} == {str(one.id) for one in accounts}
    print(f"the generated client made {PINS} pins and exported {len(lines)} lines")


if __name__ == "__main__":
    main()
