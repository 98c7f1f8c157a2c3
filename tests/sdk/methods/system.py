"""system.*, rate_meter.*"""

import uuid

from pinbridge_sdk import APIError, NotFoundError

from checks import expect_error
from methods import check


@check("system.root")
def root(client, flavour):
    root = client.system.root()
    assert (root.service, root.docs) == ("pinbridge", "/docs") and root.version.count(".") == 2


@check("system.health")
def health(client, flavour):
    health = client.system.health()
    assert (health.status, health.version) == ("ok", client.system.root().version) and health.environment


@check("system.readiness")
def readiness(client, flavour):
    readiness = client.system.readiness()
    assert (readiness.status, readiness.database) == ("ready", "ok")
    assert readiness.version == client.system.root().version and readiness.environment


@check("system.stripe_webhook")
def stripe_webhook(client, flavour):
    expect_error(APIError, 501, "not_available_self_hosted",
                 lambda: client.system.stripe_webhook(b"{}", stripe_signature="t=1,v1=0"))


@check("rate_meter.get")
def rate_meter(client, flavour):
    meter = client.rate_meter.get(flavour.ready["account_id"])
    assert meter.account.account_id == flavour.ready["account_id"]
    assert (meter.account.capacity, meter.account.refill_rate) == (25, 1)
    assert 0 <= meter.account.tokens_available <= 25 and meter.global_.capacity > 0 and meter.global_.refill_rate > 0
    expect_error(NotFoundError, 404, "not_found", lambda: client.rate_meter.get(uuid.uuid4()))
