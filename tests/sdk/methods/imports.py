"""pins.import_*, pins.get_import, pins.list_imports"""

import csv
import io
import uuid
from datetime import datetime, timedelta, timezone

from pinbridge_sdk import NotFoundError
from pinbridge_sdk.models import ImportJobStatus, PinImportCreate, PinStatus

from checks import await_published, body, expect_error, until
from methods import check

OVER = (ImportJobStatus.COMPLETED, ImportJobStatus.COMPLETED_WITH_ERRORS, ImportJobStatus.FAILED)


def finished(client, job):
    def read():
        now = client.pins.get_import(job.id)
        return now if now.status in OVER else None

    return until("imported", read, 120)


def as_csv(*rows):
    columns = ["account_id", "board_id", "title", "image_url", "idempotency_key"]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


@check("pins.import_json")
def import_json(client, flavour):
    good, bad = body(flavour.ready), {**body(flavour.ready), "board_id": None}
    job = client.pins.import_json([good, bad])
    assert job.source_type.value == "json" and job.total_rows == 2 and str(job.workspace_id) == flavour.ready["workspace_id"]
    done = finished(client, job)
    assert done.status == ImportJobStatus.COMPLETED_WITH_ERRORS, done
    assert (done.processed_rows, done.created_rows, done.existing_rows, done.failed_rows) == (2, 1, 0, 1)
    rows = {row.idempotency_key: row for row in done.results}
    assert rows[good["idempotency_key"]].status == "created"
    assert (rows[bad["idempotency_key"]].status, rows[bad["idempotency_key"]].error_code) == ("failed", "validation_error")
    assert await_published(client, rows[good["idempotency_key"]].pin_id).status == PinStatus.PUBLISHED
    again = finished(client, client.pins.import_json([good]))
    assert (again.created_rows, again.existing_rows, again.status) == (0, 1, ImportJobStatus.COMPLETED)
    later = PinImportCreate(**body(flavour.ready), run_at=datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=2))
    scheduled = finished(client, client.pins.import_json([later])).results[0]
    assert scheduled.status == "created" and client.schedules.get(scheduled.schedule_id).run_at == later.run_at


@check("pins.import_csv")
def import_csv(client, flavour):
    first, second = body(flavour.ready, title="One\nwith a line, and a comma"), body(flavour.ready)
    job = client.pins.import_csv(as_csv(first, second), filename="pins.csv")
    assert (job.source_type.value, job.source_filename, job.total_rows) == ("csv", "pins.csv", 2)
    done = finished(client, job)
    assert (done.status, done.created_rows, done.failed_rows) == (ImportJobStatus.COMPLETED, 2, 0), done
    rows = {row.idempotency_key: row.pin_id for row in done.results}
    assert client.pins.get(rows[second["idempotency_key"]]).title == second["title"]


@check("pins.get_import")
def get_import(client, flavour):
    request = body(flavour.ready)
    done = finished(client, client.pins.import_json([request]))
    assert (done.status, done.total_rows, done.processed_rows) == (ImportJobStatus.COMPLETED, 1, 1)
    assert [row.idempotency_key for row in done.results] == [request["idempotency_key"]]
    assert done.created_at <= done.started_at <= done.completed_at and done.error_message is None
    expect_error(NotFoundError, 404, "not_found", lambda: client.pins.get_import(uuid.uuid4()))


@check("pins.list_imports")
def list_imports(client, flavour):
    of_json = client.pins.import_json([body(flavour.ready)])
    of_csv = client.pins.import_csv(as_csv(body(flavour.ready)))
    finished(client, of_json), finished(client, of_csv)
    ids = [job.id for job in client.pins.list_imports()]
    assert ids[:2] == [of_csv.id, of_json.id], "newest first"
    assert client.pins.list_imports(limit=1, offset=1)[0].id == of_json.id
    assert of_csv.id not in [job.id for job in client.pins.list_imports(source_type="json")]
    assert of_json.id in [job.id for job in client.pins.list_imports(status=ImportJobStatus.COMPLETED, source_type="json")]
    assert of_json.id not in [job.id for job in client.pins.list_imports(status="failed")]
