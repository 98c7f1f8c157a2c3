#!/usr/bin/env python3
"""Proves the simulator with pinterestsdk from PyPI: a client generated from Pinterest's OpenAPI description, whose
typed models validate every answer.

    pip install pinterestsdk
    python fidelity/test_typed_client.py http://127.0.0.1:4010

It needs a virtual environment of its own: its urllib3 is newer than the one pinterest-api-sdk takes.
"""
import sys
import uuid

import pinterestsdk as sdk
from pinterestsdk.exceptions import NotFoundException

# The documented constants of the simulator (src/seed.rs).
ACCOUNT, ACCESS_TOKEN, BOARD = "sim_account_3", "pina_sim_3_access", "781000000000000031"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/").removesuffix("/v5")
    client = sdk.ApiClient(sdk.Configuration(host=f"{base}/v5", access_token=ACCESS_TOKEN))
    boards, pins = sdk.BoardsApi(client), sdk.PinsApi(client)

    assert sdk.UserAccountApi(client).user_account_get().username == ACCOUNT
    name = f"Board {uuid.uuid4()}"
    assert boards.boards_create(sdk.BoardCreate(name=name)).name == name
    assert name in [board.name for board in boards.boards_list(page_size=250).items]
    assert boards.boards_get(BOARD).owner.username == ACCOUNT
    print("ok  user account and boards")

    source = sdk.PinMediaSource(sdk.PinMediaSourceImageURL(source_type="image_url", url="https://example.com/a.jpg"))
    pin = pins.pins_create(sdk.PinCreate(board_id=BOARD, title="Typed", media_source=source))
    assert pin.title == "Typed" and pin.media.actual_instance.media_type == "image", pin
    assert pins.pins_get(pin.id).created_at == pin.created_at
    assert boards.boards_list_pins(BOARD).items and pins.pins_list().items[0].id == pin.id
    pins.pins_delete(pin.id)
    try:
        pins.pins_get(pin.id)
        sys.exit("a deleted Pin was found")
    except NotFoundException as error:
        assert error.status == 404 and '"code":50' in error.body, error
    print("ok  pins")
    print("all good: pinterestsdk, unmodified, reads every answer")


if __name__ == "__main__":
    main()
