"""A receiver's part of webhooks, written from their contract alone: it reads a request as bytes, looks headers up by
their exact names, as PinBridge's own sample does, and verifies both families of signatures. Only the standard library.
"""

import base64
import hashlib
import hmac
import json

# A request is refused if its time differs by more, in seconds.
TOLERANCE_S = 300


class Refused(Exception):
    """Why a request is not taken."""


def parse(raw):
    """The target, the headers by their exact names, and the body of an HTTP/1.1 request with a content length."""
    head, found, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not found or lines[0].split(" ")[0] != "POST":
        raise Refused("not a POST request")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name in headers:
            raise Refused(f"{name} is there twice")
        headers[name] = value.strip()
    return lines[0].split(" ")[1], headers, body


def header(headers, name):
    if name not in headers:
        other = [each for each in headers if each.lower() == name.lower()]
        raise Refused(f"no {name}" + (f", but {other[0]}" if other else ""))
    return headers[name]


def by_pinbridge(headers, body, secret):
    """Verifies PinBridge's headers. During a rotation, the previous secret signs a header of its own."""
    for name in ("X-PinBridge-Event", "X-PinBridge-Delivery-ID"):
        header(headers, name)
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = [header(headers, "X-PinBridge-Signature"), headers.get("X-PinBridge-Signature-Previous", "")]
    if not any(hmac.compare_digest(expected, each) for each in given):
        raise Refused("X-PinBridge-Signature is of another body or secret")


def by_standard_webhooks(headers, body, secret, now_s):
    """Verifies the headers of Standard Webhooks. Each signature of the list is tried."""
    id_, timestamp = header(headers, "webhook-id"), header(headers, "webhook-timestamp")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise Refused("webhook-timestamp is too far away")
    signed = f"{id_}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
    given = header(headers, "webhook-signature").split(" ")
    if not any(hmac.compare_digest(f"v1,{expected}", each) for each in given):
        raise Refused("webhook-signature is of another body or secret")


def key_of(secret):
    """What follows `whsec_` is Base64. Any other secret is the key itself."""
    try:
        return base64.b64decode(secret[6:], validate=True) if secret[:6] == "whsec_" else secret.encode()
    except ValueError:
        return secret.encode()


def verify(headers, body, secrets, now_s):
    """Verifies both families with any one of the secrets, and that headers and body name the same event.

    Returns the event's name and the delivery's id.
    """
    refusals = []
    for secret in secrets:
        try:
            by_pinbridge(headers, body, secret)
            by_standard_webhooks(headers, body, secret, now_s)
            break
        except Refused as refused:
            refusals.append(str(refused))
    else:
        raise Refused("; ".join(dict.fromkeys(refusals)))
    payload, event = json.loads(body), headers["X-PinBridge-Event"]
    if headers["webhook-id"] != headers["X-PinBridge-Delivery-ID"]:
        raise Refused("webhook-id isn't X-PinBridge-Delivery-ID")
    if [payload.get("event"), payload.get("type", event)] != [event, event]:
        raise Refused("the body has another event than X-PinBridge-Event")
    return event, headers["webhook-id"]
