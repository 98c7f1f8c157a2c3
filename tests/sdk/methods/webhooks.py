"""webhooks.*"""

import hashlib
import hmac
import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from pinbridge_sdk import APIError, NotFoundError, ValidationError
from pinbridge_sdk.models import WebhookCreate, WebhookUpdate

from checks import expect_error, until
from methods import check

URL = "https://example.com/hook"
SECRET = "0123456789012345"
# The stack sends to the internet only, or to this machine without TLS.
LOOPBACK = "http://127.0.0.1:{port}/hook"


@contextmanager
def webhook(client, **changes):
    """A webhook that is deleted in the end: a workspace has ten."""
    made = client.webhooks.create({"url": URL, "secret": SECRET} | changes)
    try:
        yield made
    finally:
        client.webhooks.delete(made.id)


@contextmanager
def receiver():
    """A receiver on this machine: its port, and the requests that it has got as (headers, body)."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((dict(self.headers.items()), content))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, requests
    finally:
        server.shutdown()
        server.server_close()


@check("webhooks.create")
def create(client, flavour):
    # The example of the client's page.
    created = client.webhooks.create(
        WebhookCreate(
            url="https://example.com/hook",
            secret="0123456789012345",
            events=["pin.published", "pin.failed"],
        )
    )
    client.webhooks.delete(created.id)
    assert (created.url, created.events) == (URL, ["pin.published", "pin.failed"]) and created.is_enabled
    assert str(created.workspace_id) == flavour.ready["workspace_id"] and created.created_at == created.updated_at
    expect_error(ValidationError, 422, "validation_error",
                 lambda: client.webhooks.create({"url": "https://10.0.0.1/hook", "secret": SECRET}))
    expect_error(ValidationError, 422, "validation_error",
                 lambda: client.webhooks.create({"url": URL, "secret": "short"}))
    # The first test is sent at once; events of pins come as soon as every instance knows the webhook.
    with receiver() as (port, requests), webhook(client, url=LOOPBACK.format(port=port)) as made:
        sent = client.request("POST", "/v1/webhooks/{id}/test", path_params={"id": str(made.id)}).json()
        headers, content = until("delivered", lambda: requests[0] if requests else None)
        assert headers["X-PinBridge-Signature"] == hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
        assert headers["X-PinBridge-Event"] == json.loads(content)["event"] == "webhook.test"
        assert headers["X-PinBridge-Delivery-ID"] == headers["webhook-id"] == sent["id"]


@check("webhooks.list")
def listed(client, flavour):
    with webhook(client) as made, webhook(client, is_enabled=False) as disabled:
        listed = {one.id: one for one in client.webhooks.list()}
        assert listed[made.id] == made and not listed[disabled.id].is_enabled


@check("webhooks.get")
def get(client, flavour):
    with webhook(client, events=["pin.failed"]) as made:
        assert client.webhooks.get(made.id) == made and made.events == ["pin.failed"]
    expect_error(NotFoundError, 404, "not_found", lambda: client.webhooks.get(made.id))


@check("webhooks.update")
def update(client, flavour):
    with webhook(client) as made:
        changed = client.webhooks.update(made.id, WebhookUpdate(is_enabled=False))
        assert not changed.is_enabled and (changed.url, changed.events) == (made.url, made.events)
        changed = client.webhooks.update(made.id, {"events": ["pin.failed"], "is_enabled": True})
        assert changed.is_enabled and changed.events == ["pin.failed"] and changed.updated_at > made.updated_at
        expect_error(ValidationError, 422, "validation_error",
                     lambda: client.webhooks.update(made.id, {"events": ["pin.exploded"]}))
    expect_error(NotFoundError, 404, "not_found",
                 lambda: client.webhooks.update(uuid.uuid4(), {"is_enabled": True}))


@check("webhooks.delete")
def delete(client, flavour):
    made = client.webhooks.create(WebhookCreate(url=URL, secret=SECRET))
    assert client.webhooks.delete(made.id) is None
    assert made.id not in {one.id for one in client.webhooks.list()}
    expect_error(NotFoundError, 404, "not_found", lambda: client.webhooks.delete(made.id))
    refused = expect_error(APIError, 404, "not_found", lambda: client.webhooks.delete(uuid.uuid4()))
    assert "webhook" in refused.message
