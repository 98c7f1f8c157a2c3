"""What others' clients do with webhooks, against the local stack.

The n8n node (n8n-nodes-pinbridge) is not published where this could install it. So its requests are repeated, as the
node's source makes them and n8n sends them: method, path, headers and body. What the node reads of the answers is
checked. The webhook example of python-examples is repeated with the official client, in its order.

Usage: test_webhook_clients.py READY_FILE
"""

import http.client
import json
import urllib.parse

from pinbridge_sdk.models import WebhookCreate, WebhookUpdate

from checks import run, until
from methods.webhooks import LOOPBACK, SECRET, URL, receiver

# What the node makes of an answer: every operation but the deletion reads these fields.
READ_BY_N8N = {"id": str, "workspace_id": str, "url": str, "events": list, "is_enabled": bool, "created_at": str,
               "updated_at": str}


def n8n(ready, method, path, body=None):
    """A request of the node: status, headers and text of the answer. n8n sends an empty object as no body at all."""
    parts = urllib.parse.urlsplit(ready["base_url"])
    headers = {"Accept": "application/json", "X-API-Key": ready["api_key"], "User-Agent": "n8n"}
    content = None
    if body:
        content, headers["Content-Type"] = json.dumps(body), "application/json"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def read(status, answer):
    """The webhook of an answer, as the node maps it."""
    found, _, text = answer
    assert found == status, answer
    webhook = json.loads(text)
    for name, kind in READ_BY_N8N.items():
        assert type(webhook[name]) is kind, (name, webhook)
    return webhook


def refused(status, answer):
    """The text that n8n shows of an error. It also shows the request's id."""
    found, headers, text = answer
    assert found == status and headers["x-request-id"], answer
    body = json.loads(text)
    assert isinstance(body["error"]["message"], str) and body["error"]["message"], body
    return body["error"]["message"]


def the_n8n_node_s_credential_is_tested(client, ready):
    status, _, text = n8n(ready, "GET", "/v1/pinterest/accounts")
    assert status == 200 and json.loads(text), text


def the_n8n_node_s_webhook_operations_work(client, ready):
    new = {"url": URL, "secret": SECRET, "is_enabled": True, "events": ["pin.published", "pin.failed"]}
    made = read(201, n8n(ready, "POST", "/v1/webhooks", new))
    assert {name: made[name] for name in ("url", "is_enabled", "events")} == {
        name: new[name] for name in ("url", "is_enabled", "events")}
    # With its list of events emptied, and not enabled.
    other = read(201, n8n(ready, "POST", "/v1/webhooks", {"url": URL, "secret": SECRET, "is_enabled": False}))
    assert (other["events"], other["is_enabled"]) == (["pin.published", "pin.failed"], False)

    status, _, text = n8n(ready, "GET", "/v1/webhooks")
    listed = {one["id"] for one in json.loads(text)}
    assert status == 200 and {made["id"], other["id"]} <= listed, text
    path = f"/v1/webhooks/{made['id']}"
    assert read(200, n8n(ready, "GET", path)) == made

    changed = read(200, n8n(ready, "PATCH", path, {"is_enabled": False}))
    assert not changed["is_enabled"] and changed["events"] == made["events"]
    everything = {"url": f"{URL}/2", "secret": SECRET[::-1], "events": ["pin.failed"], "is_enabled": True}
    changed = read(200, n8n(ready, "PATCH", path, everything))
    assert (changed["url"], changed["events"], changed["is_enabled"]) == (f"{URL}/2", ["pin.failed"], True)

    for one in (made, other):
        status, _, text = n8n(ready, "DELETE", f"/v1/webhooks/{one['id']}")
        assert (status, text) == (204, ""), text


def the_n8n_node_shows_why_an_operation_was_refused(client, ready):
    gone = "/v1/webhooks/00000000-0000-4000-8000-000000000000"
    for method in ("GET", "DELETE"):
        assert "webhook" in refused(404, n8n(ready, method, gone)), method
    made = read(201, n8n(ready, "POST", "/v1/webhooks", {"url": URL, "secret": SECRET, "is_enabled": True}))
    path = f"/v1/webhooks/{made['id']}"
    try:
        short = {"url": URL, "secret": "short", "is_enabled": True, "events": ["pin.published"]}
        assert "secret" in refused(422, n8n(ready, "POST", "/v1/webhooks", short))
        # An update that leaves everything unchanged.
        refused(400, n8n(ready, "PATCH", path, {}))
        assert read(200, n8n(ready, "GET", path)) == made
    finally:
        n8n(ready, "DELETE", path)


def a_webhook_of_the_n8n_node_is_delivered(client, ready):
    with receiver() as (port, requests):
        new = {"url": LOOPBACK.format(port=port), "secret": SECRET, "is_enabled": True}
        made = read(201, n8n(ready, "POST", "/v1/webhooks", new))
        try:
            client.request("POST", "/v1/webhooks/{id}/test", path_params={"id": made["id"]})
            headers, content = until("delivered", lambda: requests[0] if requests else None)
            assert headers["X-PinBridge-Event"] == json.loads(content)["event"] == "webhook.test"
        finally:
            n8n(ready, "DELETE", f"/v1/webhooks/{made['id']}")


def the_calls_of_the_official_example_work_in_their_order(client, ready):
    before = len(client.webhooks.list())
    created = client.webhooks.create(WebhookCreate(url=URL, secret=SECRET, events=["pin.published", "pin.failed"]))
    assert str(created.url) == URL
    updated = client.webhooks.update(created.id, WebhookUpdate(is_enabled=False))
    assert not updated.is_enabled
    fetched = client.webhooks.get(created.id)
    assert ",".join(fetched.events) == "pin.published,pin.failed" and not fetched.is_enabled
    assert len(client.webhooks.list()) == before + 1
    client.webhooks.delete(created.id)
    assert len(client.webhooks.list()) == before


CHECKS = [
    the_n8n_node_s_credential_is_tested,
    the_n8n_node_s_webhook_operations_work,
    the_n8n_node_shows_why_an_operation_was_refused,
    a_webhook_of_the_n8n_node_is_delivered,
    the_calls_of_the_official_example_work_in_their_order,
]

if __name__ == "__main__":
    run(CHECKS)
