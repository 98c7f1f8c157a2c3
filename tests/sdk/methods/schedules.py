"""schedules.*"""

import uuid
from datetime import datetime, timedelta, timezone

from pinbridge_sdk import APIError, NotFoundError, ValidationError
from pinbridge_sdk.models import PinStatus, ScheduleCreate, ScheduleStatus, ScheduleUpdate

from checks import await_published, body, expect_error, pins_at_pinterest, refusing, until
from methods import check

FIELDS = ["account_id", "board_id", "title", "description", "link_url", "image_url"]


def request(flavour, in_s, name=None, **changes):
    pin = body(flavour.ready, name)
    at = (datetime.now(timezone.utc) + timedelta(seconds=in_s)).replace(microsecond=0)
    return {field: pin[field] for field in FIELDS} | {"run_at": at.isoformat()} | changes


def scheduled(client, flavour, in_s=86_400, name=None, **changes):
    return client.schedules.create(request(flavour, in_s, name, **changes))


def await_status(client, schedule_id, *statuses):
    def read():
        schedule = client.schedules.get(schedule_id)
        return schedule if schedule.status in statuses else None

    return until(" or ".join(statuses), read)


def failed(client, flavour, name=None):
    name = name or str(uuid.uuid4())
    with refusing(flavour.ready, f"Title of {name}"):
        schedule = scheduled(client, flavour, 1, name)
        return await_status(client, schedule.id, ScheduleStatus.FAILED, ScheduleStatus.DONE)


@check("schedules.create")
def create(client, flavour):
    data = request(flavour, 2)
    schedule = client.schedules.create(ScheduleCreate(**data))
    assert schedule.run_at == datetime.fromisoformat(data["run_at"]) and str(schedule.pinterest_account_id) == data["account_id"]
    assert (schedule.payload["title"], schedule.payload["board_id"]) == (data["title"], data["board_id"])
    done = await_status(client, schedule.id, ScheduleStatus.DONE, ScheduleStatus.FAILED)
    assert done.status == ScheduleStatus.DONE and done.last_error is None
    assert client.pins.get(done.pin_id).published_at >= schedule.run_at, "a schedule never runs early"
    assert len(pins_at_pinterest(flavour.ready, data["title"])) == 1
    expect_error(ValidationError, 422, "validation_error", lambda: scheduled(client, flavour, -3600))


@check("schedules.get")
def get(client, flavour):
    schedule = scheduled(client, flavour)
    read = client.schedules.get(schedule.id)
    assert read == schedule and (read.status, read.pin_id) == (ScheduleStatus.SCHEDULED, None)
    expect_error(NotFoundError, 404, "not_found", lambda: client.schedules.get(uuid.uuid4()))


@check("schedules.list")
def listed(client, flavour):
    word = uuid.uuid4().hex
    soon, late = scheduled(client, flavour, 86_400, f"{word} a"), scheduled(client, flavour, 172_800, f"{word} b")
    assert [one.id for one in client.schedules.list(q=word)] == [late.id, soon.id], "latest run first"
    assert [one.id for one in client.schedules.list(q=word, sort="run_at_asc")] == [soon.id, late.id]
    assert [one.id for one in client.schedules.list(q=word, limit=1, offset=1)] == [soon.id]
    account, board = flavour.ready["account_id"], flavour.ready["board_id"]
    assert len(client.schedules.list(q=word, account_id=account, board_id=board, status="scheduled")) == 2
    assert client.schedules.list(q=word, status=ScheduleStatus.DONE) == [] == client.schedules.list(q=word, board_id="42")
    assert [one.id for one in client.schedules.list(q=word, since=late.run_at)] == [late.id]
    assert [one.id for one in client.schedules.list(q=word, until=late.run_at)] == [soon.id]


@check("schedules.list_page")
def list_page(client, flavour):
    word = uuid.uuid4().hex
    soon, late = scheduled(client, flavour, 86_400, f"{word} a"), scheduled(client, flavour, 172_800, f"{word} b")
    page = client.schedules.list_page(q=word, limit=1)
    assert ([one.id for one in page.items], page.total, page.has_more) == ([late.id], 2, True)
    page = client.schedules.list_page(q=word, limit=1, offset=1)
    assert ([one.id for one in page.items], page.total, page.has_more) == ([soon.id], 2, False)


@check("schedules.update")
def update(client, flavour):
    schedule, at = scheduled(client, flavour), datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=3)
    changed = client.schedules.update(schedule.id, ScheduleUpdate(run_at=at, title="Another", description=None))
    assert (changed.run_at, changed.payload["title"], changed.payload["description"]) == (at, "Another", None)
    assert changed.payload["image_url"] == schedule.payload["image_url"] and client.schedules.get(schedule.id) == changed
    client.schedules.cancel(schedule.id)
    expect_error(APIError, 409, "schedule_not_editable", lambda: client.schedules.update(schedule.id, {"title": "x"}))


@check("schedules.validate")
def validate(client, flavour):
    data = request(flavour, 86_400)
    good = client.schedules.validate(data)
    assert good.valid and good.dry_run and {one.status.value for one in good.checks} <= {"passed", "warning", "skipped"}
    assert client.schedules.list(q=data["title"]) == [], "nothing is scheduled"
    bad = client.schedules.validate(data | {"board_id": "42"})
    assert not bad.valid and "failed" in [one.status.value for one in bad.checks]


@check("schedules.cancel")
def cancel(client, flavour):
    schedule = scheduled(client, flavour)
    canceled = client.schedules.cancel(schedule.id)
    assert (canceled.id, canceled.status) == (schedule.id, ScheduleStatus.CANCELED)
    expect_error(APIError, 400, "bad_request", lambda: client.schedules.cancel(schedule.id))
    expect_error(NotFoundError, 404, "not_found", lambda: client.schedules.cancel(uuid.uuid4()))


@check("schedules.delete")
def delete(client, flavour):
    schedule = scheduled(client, flavour)
    expect_error(APIError, 400, "bad_request", lambda: client.schedules.delete(schedule.id))
    client.schedules.cancel(schedule.id)
    assert client.schedules.delete(schedule.id) is None
    expect_error(NotFoundError, 404, "not_found", lambda: client.schedules.get(schedule.id))


@check("schedules.retry")
def retry(client, flavour):
    schedule = failed(client, flavour)
    assert schedule.status == ScheduleStatus.FAILED and schedule.last_error
    retried = client.schedules.retry(schedule.id)
    assert retried.id == schedule.id and retried.status != ScheduleStatus.FAILED
    done = await_status(client, schedule.id, ScheduleStatus.DONE, ScheduleStatus.FAILED)
    assert done.status == ScheduleStatus.DONE and await_published(client, done.pin_id).status == PinStatus.PUBLISHED
    expect_error(APIError, 400, "bad_request", lambda: client.schedules.retry(schedule.id))


@check("schedules.bulk_cancel")
def bulk_cancel(client, flavour):
    first, second, unknown = scheduled(client, flavour), scheduled(client, flavour), uuid.uuid4()
    client.schedules.cancel(second.id)
    answer = client.schedules.bulk_cancel([first.id, second.id, unknown])
    results = {one.id: one for one in answer.results}
    assert results[first.id].status == "succeeded" and answer.succeeded_count == 1
    assert results[second.id].status != "succeeded" and results[unknown].error_code == "not_found"
    assert answer.skipped_count + answer.failed_count == 2
    assert client.schedules.get(first.id).status == ScheduleStatus.CANCELED


@check("schedules.bulk_delete")
def bulk_delete(client, flavour):
    canceled, waiting = scheduled(client, flavour), scheduled(client, flavour)
    client.schedules.cancel(canceled.id)
    answer = client.schedules.bulk_delete([canceled.id, waiting.id])
    results = {one.id: one for one in answer.results}
    assert results[canceled.id].status == "succeeded" and results[waiting.id].status != "succeeded"
    assert answer.succeeded_count == 1 and client.schedules.get(waiting.id).status == ScheduleStatus.SCHEDULED
    expect_error(NotFoundError, 404, "not_found", lambda: client.schedules.get(canceled.id))


@check("schedules.bulk_retry")
def bulk_retry(client, flavour):
    broken, waiting = failed(client, flavour), scheduled(client, flavour)
    assert broken.status == ScheduleStatus.FAILED
    answer = client.schedules.bulk_retry([broken.id, waiting.id])
    results = {one.id: one for one in answer.results}
    assert results[broken.id].status == "succeeded" and results[waiting.id].status != "succeeded"
    assert await_status(client, broken.id, ScheduleStatus.DONE).pin_id is not None
