#!/usr/bin/env python3
"""Tests the simulator with pinterestsdk from PyPI: a client generated from Pinterest's OpenAPI description, whose
typed models validate every answer.

    pip install -r fidelity/requirements-typed.txt
    python fidelity/test_typed_client.py http://127.0.0.1:4010

It needs a virtual environment of its own: its urllib3 is newer than the one that pinterest-api-sdk accepts. The test
can be repeated against the same simulator.
"""
import datetime
import sys
import time
import uuid

import pinterestsdk as sdk
import urllib3
from pinterestsdk.exceptions import ApiException, BadRequestException, NotFoundException

# The documented constants of the simulator (src/seed.rs).
ACCOUNT, ACCESS_TOKEN, BOARD = "sim_account_3", "pina_sim_3_access", "781000000000000031"
SMALL_PNG = "iVBORw0KGgo="
SMALL_MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
MAX_PROCESSING_S = 30


def fails(call, kind, status, code):
    """Makes a call that must fail with the given kind of exception, status and code."""
    try:
        call()
    except kind as error:
        assert error.status == status and f'"code":{code},' in error.body, error
        return
    raise AssertionError(f"no {kind.__name__}")


def source(actual):
    return sdk.PinMediaSource(actual)


def image():
    return source(sdk.PinMediaSourceImageURL(source_type="image_url", url="https://example.com/a.jpg"))


def check_boards(client, boards):
    assert sdk.UserAccountApi(client).user_account_get().username == ACCOUNT
    name = f"Board {uuid.uuid4()}"
    board = boards.boards_create(sdk.BoardCreate(name=name))
    assert board.name == name
    assert name in [one.name for one in boards.boards_list(page_size=250).items]
    assert boards.boards_get(BOARD).owner.username == ACCOUNT
    print("ok  user account and boards")
    return board.id


def check_sections(boards, pins, board_id):
    names = ["Starters", "Mains"]
    ids = [boards.board_sections_create(board_id, sdk.BoardSectionCreate(name=name)).id for name in names]
    listed = boards.board_sections_list(board_id)
    assert [one.id for one in listed.items] == ids[::-1], listed
    renamed = boards.board_sections_update(
        board_id, ids[0], sdk.BoardSectionUpdateWithRequiredBody(name="Snacks"),
    )
    assert (renamed.id, renamed.name) == (ids[0], "Snacks"), renamed
    pin = pins.pins_create(sdk.PinCreate(board_id=board_id, board_section_id=ids[0], media_source=image()))
    assert pin.board_section_id == ids[0], pin
    assert [one.id for one in boards.board_sections_list_pins(board_id, ids[0]).items] == [pin.id]
    assert not boards.board_sections_list_pins(board_id, ids[1]).items
    boards.board_sections_delete(board_id, ids[1])
    fails(lambda: boards.board_sections_delete(board_id, ids[1]), NotFoundException, 404, 404)
    print("ok  sections")


def check_board_changes(boards, pins, board_id):
    name = f"Board {uuid.uuid4()}"
    change = sdk.BoardWithUpdatePrivacyUpdate(name=name, privacy=sdk.BoardUpdatePrivacy.SECRET)
    updated = boards.boards_update(board_id, change)
    assert (updated.name, updated.privacy) == (name, "SECRET"), updated
    assert boards.boards_get(board_id).name == name
    pin = pins.pins_create(sdk.PinCreate(board_id=board_id, media_source=image()))
    boards.boards_delete(board_id)
    fails(lambda: boards.boards_get(board_id), NotFoundException, 404, 404)
    fails(lambda: pins.pins_get(pin.id), NotFoundException, 404, 50)
    create = sdk.PinCreate(board_id=board_id, media_source=image())
    fails(lambda: pins.pins_create(create), NotFoundException, 404, 40)
    print("ok  a board that changes and goes")


def check_terms(client):
    terms = sdk.TermsApi(client)
    related = terms.terms_related_list(terms=["soup", "stew"])
    assert related.id == "soup" and [one.term for one in related.related_terms_list] == ["soup", "stew"], related
    assert related.related_term_count == sum(len(one.related_terms) for one in related.related_terms_list) > 0
    print("ok  related terms")


def check_analytics(client, boards, pins):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    week = today - datetime.timedelta(days=6)
    metrics = [sdk.QuerypinanalyticsmetrictypesItems(name) for name in ("SAVE", "TOTAL_COMMENTS")]
    pin = pins.pins_create(sdk.PinCreate(board_id=BOARD, title="Counted", media_source=image()))
    figures = pins.pins_analytics(pin.id, week, today, metrics)["all"]
    assert set(figures.summary_metrics) == {"SAVE"} and set(figures.lifetime_metrics) == {"TOTAL_COMMENTS"}, figures
    assert [day.var_date for day in figures.daily_metrics][-1] == str(today), figures
    account = sdk.UserAccountApi(client).user_account_analytics(week, today)["all"]
    assert len(account.daily_metrics) == 7 and account.summary_metrics["IMPRESSION"] >= 0, account
    pins.pins_delete(pin.id)
    fails(lambda: pins.pins_analytics(pin.id, week, today, metrics), NotFoundException, 404, 404)
    print("ok  analytics")


def check_pins(boards, pins):
    pin = pins.pins_create(sdk.PinCreate(board_id=BOARD, title="Typed", media_source=image()))
    assert pin.title == "Typed" and pin.media.actual_instance.media_type == "image", pin
    assert pins.pins_get(pin.id).created_at == pin.created_at
    assert boards.boards_list_pins(BOARD).items and pins.pins_list().items[0].id == pin.id
    pins.pins_delete(pin.id)
    fails(lambda: pins.pins_get(pin.id), NotFoundException, 404, 50)
    print("ok  pins")


def check_carousels(pins):
    urls = [sdk.PinMediaSourceImagesURLItem(url=f"https://example.com/{n}.jpg", title=f"Step {n}") for n in range(5)]
    images = [sdk.PinMediaSourceImagesBase64Item(content_type="image/png", data=SMALL_PNG) for _ in range(2)]
    for media_source, titles in [
        (sdk.PinMediaSourceImagesURL(source_type="multiple_image_urls", items=urls), [url.title for url in urls]),
        (sdk.PinMediaSourceImagesBase64(source_type="multiple_image_base64", items=images), [None, None]),
    ]:
        pin = pins.pins_create(sdk.PinCreate(board_id=BOARD, media_source=source(media_source)))
        media = pins.pins_get(pin.id).media.actual_instance
        assert isinstance(media, sdk.PinMediaWithImages), media
        assert [item.title for item in media.items] == titles, media
        assert all(item.images.var_600x.url for item in media.items), media
    print("ok  carousels")


def check_video(media, pins):
    registered = media.media_create(sdk.MediaUploadCreate(media_type="video"))
    film = source(sdk.PinMediaSourceVideoID(
        source_type="video_id", media_id=registered.media_id, cover_image_key_frame_time=1,
    ))
    create = sdk.PinCreate(board_id=BOARD, title="Film", media_source=film)
    fails(lambda: pins.pins_create(create), BadRequestException, 400, 1)
    # The client does not support the upload itself.
    fields = {**registered.upload_parameters.model_dump(by_alias=True), "file": ("a.mp4", SMALL_MP4)}
    taken = urllib3.request("POST", registered.upload_url, fields=fields)
    assert taken.status == 204, taken.data
    began = time.monotonic()
    while (status := media.media_get(registered.media_id).status) == sdk.MediaUploadStatus.PROCESSING:
        assert time.monotonic() - began < MAX_PROCESSING_S
        time.sleep(0.05)
    assert status == sdk.MediaUploadStatus.SUCCEEDED, status
    assert media.media_list().items[0].media_id == registered.media_id
    shown = pins.pins_get(pins.pins_create(create).id)
    assert isinstance(shown.media.actual_instance, sdk.PinMediaWithVideo), shown
    fails(lambda: media.media_get("1"), ApiException, 404, 404)
    print("ok  a video, uploaded and shown")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/").removesuffix("/v5")
    client = sdk.ApiClient(sdk.Configuration(host=f"{base}/v5", access_token=ACCESS_TOKEN))
    boards, pins, media = sdk.BoardsApi(client), sdk.PinsApi(client), sdk.MediaApi(client)
    board_id = check_boards(client, boards)
    check_terms(client)
    check_pins(boards, pins)
    check_analytics(client, boards, pins)
    check_sections(boards, pins, board_id)
    check_board_changes(boards, pins, board_id)
    check_carousels(pins)
    check_video(media, pins)
    print("all good: pinterestsdk, unmodified, reads every answer")


if __name__ == "__main__":
    main()
