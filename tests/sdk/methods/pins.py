"""pins.* and jobs.*, except imports"""

import uuid
from datetime import date, timedelta

from pinbridge_sdk import APIError, NotFoundError, ValidationError
from pinbridge_sdk.models import PinCreate, PinRetryRequest, PinStatus, PinUpdate

from checks import await_published, body, expect_error, failed_pin, pins_at_pinterest
from methods import check

# The bucket of a Pinterest user who was connected a moment ago is empty: the first pins wait for seconds.
FRESH = (PinStatus.QUEUED, PinStatus.DEFERRED, PinStatus.PUBLISHING, PinStatus.PUBLISHED)


def published_pin(client, flavour, name=None, **changes):
    pin = client.pins.create(body(flavour.ready, name, **changes))
    assert await_published(client, pin.id).status == PinStatus.PUBLISHED
    return client.pins.get(pin.id)


@check("pins.create")
def create(client, flavour):
    request = body(flavour.ready)
    pin = client.pins.create(PinCreate(**request))
    assert pin.status in FRESH and pin.title == request["title"]
    assert str(pin.pinterest_account_id) == request["account_id"] and pin.board_id == request["board_id"]
    assert (pin.dominant_color, pin.related_terms, pin.media_type.value) == ("#6E7874", ["paper", "crane"], "image")
    assert await_published(client, pin.id).status == PinStatus.PUBLISHED
    assert client.pins.create(request).id == pin.id, "the same key gives the same pin"
    assert len(pins_at_pinterest(flavour.ready, request["title"])) == 1
    expect_error(APIError, 409, "idempotency_key_reused", lambda: client.pins.create(request | {"title": "Another"}))
    expect_error(NotFoundError, 404, "not_found",
                 lambda: client.pins.create(body(flavour.ready, account_id=str(uuid.uuid4()))))
    wrong = expect_error(ValidationError, 422, "validation_error",
                         lambda: client.pins.create({**body(flavour.ready), "title": None}))
    assert wrong.details["detail"] == [{"loc": ["body", "title"], "msg": "Field required", "type": "missing"}]


@check("pins.get")
def get(client, flavour):
    pin = published_pin(client, flavour)
    assert pin.published_at >= pin.created_at and pin.error_code is None and pin.failed_at is None
    assert [found["id"] for found in pins_at_pinterest(flavour.ready, pin.title)] == [pin.pinterest_pin_id]
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.get(uuid.uuid4()))


@check("jobs.get")
def job(client, flavour):
    pin = published_pin(client, flavour)
    job = client.jobs.get(pin.id)
    assert job.job_id == job.pin_id == pin.id and job.status == PinStatus.PUBLISHED
    assert (job.completed_at, job.pinterest_pin_id) == (pin.published_at, pin.pinterest_pin_id)
    assert job.submitted_at == pin.created_at and job.error_code is None
    expect_error(NotFoundError, 404, "not_found", lambda: client.jobs.get(uuid.uuid4()))


@check("pins.list")
def listed(client, flavour):
    word = uuid.uuid4().hex
    first, second = (published_pin(client, flavour, f"{word} {n}") for n in "ab")
    ids = [pin.id for pin in client.pins.list(q=word)]
    assert ids == [second.id, first.id], "newest first"
    assert [pin.id for pin in client.pins.list(q=word, sort="created_at_asc")] == [first.id, second.id]
    assert [pin.id for pin in client.pins.list(q=word, sort="title_desc")] == [second.id, first.id]
    assert client.pins.list(q=word, limit=1, offset=1) == [client.pins.get(first.id)]
    account, board = flavour.ready["account_id"], flavour.ready["board_id"]
    assert len(client.pins.list(q=word, account_id=account, board_id=board, status=PinStatus.PUBLISHED)) == 2
    assert client.pins.list(q=word, status=PinStatus.FAILED) == [] == client.pins.list(q=word, board_id="42")
    assert [pin.id for pin in client.pins.list(q=word, since=second.created_at)] == [second.id], "since is inclusive"
    assert [pin.id for pin in client.pins.list(q=word, until=second.created_at)] == [first.id], "until is exclusive"
    assert client.pins.list(q=word, removed=True) == [] and len(client.pins.list(q=word, removed=False)) == 2
    broken = failed_pin(client, flavour.ready, f"{word} c")
    assert [pin.id for pin in client.pins.list(q=word, error_code="image_broken")] == [broken.id]
    expect_error(ValidationError, 422, "validation_error", lambda: client.pins.list(sort="nonsense"))


@check("pins.list_page")
def list_page(client, flavour):
    word = uuid.uuid4().hex
    first, second = (published_pin(client, flavour, f"{word} {n}") for n in "ab")
    page = client.pins.list_page(q=word, limit=1)
    assert ([pin.id for pin in page.items], page.total, page.has_more) == ([second.id], 2, True)
    page = client.pins.list_page(q=word, limit=1, offset=1)
    assert ([pin.id for pin in page.items], page.total, page.has_more) == ([first.id], 2, False)
    everything = client.pins.list_page(limit=1)
    assert everything.total >= 2 and everything.has_more and len(everything.items) == 1


@check("pins.update")
def update(client, flavour):
    pin, title = failed_pin(client, flavour.ready), f"Better {uuid.uuid4()}"
    changed = client.pins.update(pin.id, PinUpdate(title=title, description=None))
    assert (changed.title, changed.description, changed.alt_text) == (title, None, pin.alt_text)
    assert client.pins.get(pin.id).title == title
    client.pins.retry(pin.id)
    assert await_published(client, pin.id).status == PinStatus.PUBLISHED
    assert len(pins_at_pinterest(flavour.ready, title)) == 1 and pins_at_pinterest(flavour.ready, pin.title) == []
    expect_error(APIError, 409, "pin_already_published", lambda: client.pins.update(pin.id, {"title": "Too late"}))
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.update(uuid.uuid4(), {"title": "x"}))


@check("pins.delete")
def delete(client, flavour):
    kept, removed = published_pin(client, flavour), published_pin(client, flavour)
    assert client.pins.delete(kept.id) is None, "only the record is deleted"
    expect_error(NotFoundError, 404, "pin_deleted", lambda: client.pins.get(kept.id))
    assert len(pins_at_pinterest(flavour.ready, kept.title)) == 1
    outcome = client.pins.delete(removed.id, delete_from_pinterest=True)
    assert (outcome.id, outcome.deleted, outcome.removed_from_pinterest) == (removed.id, True, True), outcome
    assert outcome.pinterest_pin_id == removed.pinterest_pin_id and pins_at_pinterest(flavour.ready, removed.title) == []
    failed = failed_pin(client, flavour.ready)
    outcome = client.pins.delete(failed.id, delete_from_pinterest=True)
    assert (outcome.removed_from_pinterest, outcome.reason) == (False, "not_published"), outcome
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.delete(uuid.uuid4()))


@check("pins.retry")
def retry(client, flavour):
    pin = failed_pin(client, flavour.ready)
    retried = client.pins.retry(pin.id, PinRetryRequest(board_id=flavour.ready["board_id"]))
    # Deferred if the account has no publish token left at that time.
    waits = (PinStatus.DEFERRED, "account_pacing")
    assert retried.id == pin.id and (retried.status, retried.error_code) in [(PinStatus.QUEUED, None), waits], retried
    assert await_published(client, pin.id).status == PinStatus.PUBLISHED
    assert len(pins_at_pinterest(flavour.ready, pin.title)) == 1
    expect_error(APIError, 409, "conflict", lambda: client.pins.retry(pin.id))
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.retry(uuid.uuid4()))


@check("pins.validate")
def validate(client, flavour):
    request = body(flavour.ready)
    good = client.pins.validate(request)
    assert good.valid and good.dry_run and good.existing_pin_id is None
    assert good.checks and {one.status.value for one in good.checks} <= {"passed", "warning", "skipped"}
    assert good.resolved["idempotency_key"] == request["idempotency_key"]
    assert client.pins.list(q=request["title"]) == [], "nothing is published"
    bad = client.pins.validate(body(flavour.ready, board_id="42"))
    failed = [one for one in bad.checks if one.status.value == "failed"]
    assert not bad.valid and failed and all(one.message and one.remediation for one in failed)
    pin = published_pin(client, flavour)
    assert client.pins.validate(body(flavour.ready, pin.idempotency_key)).existing_pin_id == pin.id


@check("pins.create_batch")
def create_batch(client, flavour):
    first, second = body(flavour.ready), body(flavour.ready)
    existing = published_pin(client, flavour)
    answer = client.pins.create_batch([first, second, body(flavour.ready, existing.idempotency_key),
                                       {**body(flavour.ready), "title": ""}])
    assert (answer.created_count, answer.existing_count, answer.failed_count) == (2, 1, 1), answer
    assert [one.index for one in answer.results] == [0, 1, 2, 3]
    assert [one.status.value for one in answer.results] == ["created", "created", "existing", "failed"]
    assert answer.results[0].pin.title == first["title"] and answer.results[2].pin.id == existing.id
    assert answer.results[3].pin is None and answer.results[3].error["code"] == "validation_error"
    for one in answer.results[:2]:
        assert await_published(client, one.pin.id).status == PinStatus.PUBLISHED
    assert len(pins_at_pinterest(flavour.ready, second["title"])) == 1


@check("pins.bulk_delete")
def bulk_delete(client, flavour):
    pin, unknown = published_pin(client, flavour), uuid.uuid4()
    answer = client.pins.bulk_delete([pin.id, unknown])
    results = {one.id: one for one in answer.results}
    assert results[pin.id].status == "succeeded" and answer.succeeded_count == 1
    assert results[unknown].status != "succeeded" and results[unknown].error_code == "not_found"
    assert answer.skipped_count + answer.failed_count == 1
    expect_error(NotFoundError, 404, "pin_deleted", lambda: client.pins.get(pin.id))


@check("pins.bulk_retry")
def bulk_retry(client, flavour):
    failed, published, unknown = failed_pin(client, flavour.ready), published_pin(client, flavour), uuid.uuid4()
    answer = client.pins.bulk_retry([failed.id, published.id, unknown])
    results = {one.id: one for one in answer.results}
    assert results[failed.id].status == "succeeded" and answer.succeeded_count == 1
    assert results[published.id].status != "succeeded" and results[published.id].error_code == "conflict"
    assert results[unknown].error_code == "not_found" and answer.skipped_count + answer.failed_count == 2
    assert await_published(client, failed.id).status == PinStatus.PUBLISHED


@check("pins.analytics")
def analytics(client, flavour):
    pin, end = published_pin(client, flavour), date.today()
    start = end - timedelta(days=6)
    read = client.pins.analytics(pin.id, start_date=start, end_date=end)
    assert (read.pin_id, read.pinterest_pin_id) == (pin.id, pin.pinterest_pin_id)
    assert (str(read.account_id), read.start_date, read.end_date) == (flavour.ready["account_id"], start, end)
    assert (read.provider_mode.value, read.source) == ("pinterest", "live") and "impression" in read.totals
    assert client.pins.analytics(pin.id, start_date=start, end_date=end, include_daily=False).daily == []
    failed = failed_pin(client, flavour.ready)
    expect_error(APIError, 409, "pin_not_published", lambda: client.pins.analytics(failed.id))
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.analytics(uuid.uuid4()))
