#!/usr/bin/env python3
"""Writes vectors.json beside this file: requests to endpoints, with the headers that sign them.

Computes the signatures with Python's hmac alone. The receivers of this folder verify them, and so does a unit test of
`shared/src/domain/webhook/signature.rs`. So both sides agree with a third one.

Usage: tests/receivers/vectors.py           writes the file
       tests/receivers/vectors.py --check   exits with 1 if the file is another one
"""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

VECTORS = Path(__file__).with_name("vectors.json")
# 2026-11-23T00:34:56Z.
SENT_AT_MS = 1_795_394_096_789
DAY_MS = 86_400_000
PLAIN = "a plain secret of the caller"
ENCODED = "whsec_" + base64.b64encode(bytes(range(24))).decode()
BODY = {
    "id": "5f0c4f57-7a3e-8d11-9a55-0242ac120002",
    "event": "pin.published",
    "type": "pin.published",
    "version": 1,
    "pin_id": "b5a1f0de-3b52-5b3e-9a1a-0242ac120003",
    "status": "published",
}
DELIVERY = "0b9f6a52-4a3c-8e0d-b1a7-5c2d4e6f8a90"


def standard_key(secret):
    """The key of Standard Webhooks: what follows `whsec_` is Base64. Any other secret is the key itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return secret.encode()


def headers_of(delivery, event, sent_at_s, body, current, previous=None):
    """The headers in their order. `previous` is the secret before, while it is valid."""
    def pinbridge(secret):
        return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()

    def standard(secret):
        signed = f"{delivery}.{sent_at_s}.{body}".encode()
        return "v1," + base64.b64encode(hmac.new(standard_key(secret), signed, hashlib.sha256).digest()).decode()

    of_previous = [["X-PinBridge-Signature-Previous", pinbridge(previous)]] if previous else []
    return [
        ["Content-Type", "application/json"],
        ["User-Agent", "PinBridge-Webhooks/1"],
        ["X-PinBridge-Event", event],
        ["X-PinBridge-Delivery-ID", delivery],
        ["X-PinBridge-Signature", pinbridge(current)],
        *of_previous,
        ["webhook-id", delivery],
        ["webhook-timestamp", str(sent_at_s)],
        ["webhook-signature", " ".join(standard(secret) for secret in (current, previous) if secret)],
    ]


def vector(name, secret, body, previous=None, until=None, event="pin.published"):
    is_valid = previous is not None and SENT_AT_MS < until
    return {
        "name": name,
        "secret": secret,
        # The key of Standard Webhooks, for receivers that take it as Base64.
        "standard_key": base64.b64encode(standard_key(secret)).decode(),
        "previous": (
            {"secret": previous, "standard_key": base64.b64encode(standard_key(previous)).decode(), "until": until,
             "is_valid": is_valid} if previous else None),
        "delivery": DELIVERY,
        "event": event,
        "sent_at": SENT_AT_MS,
        "body": body,
        "headers": headers_of(DELIVERY, event, SENT_AT_MS // 1000, body, secret, previous if is_valid else None),
    }


def vectors():
    body = json.dumps(BODY, separators=(",", ":"))
    letters = json.dumps({"event": "pin.failed", "idempotency_key": "Größe 折り鶴 🕊"}, ensure_ascii=False)
    return [
        vector("a plain secret", PLAIN, body),
        vector("a secret in Base64", ENCODED, body),
        vector("letters of more than one byte", "Schlüssel 鍵 of the caller", letters, event="pin.failed"),
        vector("a body that ends with a line break", PLAIN, body + "\n"),
        vector("a rotation", ENCODED, body, previous=PLAIN, until=SENT_AT_MS + DAY_MS),
        vector("a rotation that has just ended", PLAIN, body, previous=ENCODED, until=SENT_AT_MS),
        vector("a secret that is no Base64 in spite of its beginning", "whsec_not Base64 at all!", body),
    ]


def main():
    made = json.dumps(vectors(), indent=2, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        sys.exit(VECTORS.read_text(encoding="utf-8") != made)
    VECTORS.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
