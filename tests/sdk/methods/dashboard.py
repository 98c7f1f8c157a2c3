"""dashboard.*, activity_logs.*"""

import uuid
from datetime import datetime, timedelta, timezone

from pinbridge_sdk import ValidationError

from checks import expect_error, failed_pin
from methods import check
from methods.pins import published_pin


@check("dashboard.summary")
def summary(client, flavour):
    before = client.dashboard.summary(account_id=flavour.ready["account_id"])
    published_pin(client, flavour), failed_pin(client, flavour.ready)
    after = client.dashboard.summary(account_id=flavour.ready["account_id"])

    def grown(status):
        return after.pins.by_status.get(status, 0) - before.pins.by_status.get(status, 0)

    assert (grown("published"), grown("failed"), after.pins.submitted - before.pins.submitted) == (1, 1, 2), (before, after)
    assert after.pins.total == sum(after.pins.by_status.values()) and after.import_jobs is None
    published, failed = after.pins.by_status["published"], after.pins.by_status["failed"]
    assert abs(after.pins.success_rate - published / (published + failed)) < 1e-6
    assert sum(point.published for point in after.series) == published and after.granularity.value == "day"
    assert [str(one.account_id) for one in after.published_by_account] == [flavour.ready["account_id"]]
    assert after.end - after.start == after.previous_end - after.previous_start
    now = datetime.now(timezone.utc)
    short = client.dashboard.summary(start=now - timedelta(hours=2), end=now, tz="Asia/Kathmandu")
    assert (short.granularity.value, short.timezone) == ("hour", "Asia/Kathmandu") and short.import_jobs is not None
    assert short.series[0].start.utcoffset() == timedelta(hours=5, minutes=45) and short.schedules.upcoming >= 0
    expect_error(ValidationError, 422, "invalid_timezone", lambda: client.dashboard.summary(tz="Nowhere/Land"))


@check("activity_logs.list")
def activity_logs(client, flavour):
    pin, broken = published_pin(client, flavour), failed_pin(client, flavour.ready)
    key = client.api_keys.create({"name": f"Logged {uuid.uuid4()}"})
    page = client.activity_logs.list(limit=200)
    outcomes = {"pin.published", "pin.publish_failed"}
    entries = {entry.resource_id: entry for entry in page.items if entry.action not in outcomes}
    created = entries[str(pin.id)]
    assert str(pin.id) in [entry.resource_id for entry in page.items if entry.action == "pin.published"]
    assert (created.action, created.category.value, created.actor_type.value) == ("pin.created", "publishing", "api_key")
    assert entries[str(key.id)].created_at >= pin.created_at and entries[str(key.id)].message
    failures = client.activity_logs.list(action="pin.publish_failed", limit=200)
    assert str(broken.id) in [entry.resource_id for entry in failures.items]
    assert {entry.action for entry in failures.items} == {"pin.publish_failed"}
    times = [entry.created_at for entry in page.items]
    assert times == sorted(times, reverse=True), "newest first"
    first = client.activity_logs.list(limit=1)
    second = client.activity_logs.list(limit=1, cursor=first.next_cursor)
    assert [first.items[0].id, second.items[0].id] == [entry.id for entry in page.items[:2]]
    assert page.current_retention_days == 30 and page.current_retention_label == "1 month"
    assert client.activity_logs.list(since=datetime.now(timezone.utc) + timedelta(hours=1)).items == []
    expect_error(ValidationError, 422, "validation_error", lambda: client.activity_logs.list(cursor="nonsense"))
