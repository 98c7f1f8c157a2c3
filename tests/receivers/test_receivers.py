"""Independent receivers verify the signatures of vectors.json: one written from the contract, `standardwebhooks` of
PyPI, and, if Node is there, that of npm. Then the receiver that other tests send to shows that it can refuse, and
answers badly where it should.

Usage: test_receivers.py [NODE_MODULES]
"""

import hashlib
import json
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from unittest import mock

import contract
import standardwebhooks
import vectors

FOLDER = Path(__file__).resolve().parent
VECTORS = json.loads(vectors.VECTORS.read_text(encoding="utf-8"))


def refuses(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as refused:
        return str(refused)
    raise AssertionError(f"taken: {arguments}")


def request_of(headers, body, path="/"):
    """The bytes of a request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *(": ".join(each) for each in headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body]).encode()


def tampered(body):
    other = body.replace("pin", "Pin", 1)
    assert other != body
    return other


def the_vectors_are_what_their_script_writes():
    assert VECTORS == vectors.vectors()
    assert any(each["previous"] and each["previous"]["is_valid"] for each in VECTORS)


def a_receiver_written_from_the_contract_verifies_the_vectors():
    for vector in VECTORS:
        path, headers, body = contract.parse(request_of(vector["headers"], vector["body"]))
        now_s = vector["sent_at"] / 1000
        assert path == "/"
        assert contract.verify(headers, body, [vector["secret"]], now_s) == (vector["event"], vector["delivery"])
        if previous := vector["previous"]:
            check = (headers, body, [previous["secret"]], now_s)
            contract.verify(*check) if previous["is_valid"] else refuses(contract.Refused, contract.verify, *check)
        other = tampered(vector["body"]).encode()
        for verify in (contract.by_pinbridge, lambda *request: contract.by_standard_webhooks(*request, now_s)):
            refuses(contract.Refused, verify, headers, other, vector["secret"])
            refuses(contract.Refused, verify, headers, body, "another secret of the caller")
        refuses(contract.Refused, contract.by_standard_webhooks, headers, body, vector["secret"], now_s + 301)


def header_names_count_to_the_letter():
    vector = VECTORS[0]
    for at, (name, _) in enumerate(vector["headers"]):
        if name in ("Content-Type", "User-Agent"):
            continue
        others = [[each.swapcase() if place == at else each, value]
                  for place, (each, value) in enumerate(vector["headers"])]
        _, headers, body = contract.parse(request_of(others, vector["body"]))
        said = refuses(contract.Refused, contract.verify, headers, body, [vector["secret"]], vector["sent_at"] / 1000)
        assert said == f"no {name}, but {name.swapcase()}", said


def standardwebhooks_of_pypi_verifies_the_vectors():
    for vector in VECTORS:
        at = datetime.fromtimestamp(vector["sent_at"] / 1000, tz=timezone.utc)
        headers, body = dict(vector["headers"]), vector["body"]
        # The library compares the request's time with the clock.
        with mock.patch("standardwebhooks.webhooks.datetime", wraps=datetime) as clock:
            clock.now.return_value = at
            webhook = standardwebhooks.Webhook(vector["standard_key"])
            assert webhook.verify(body, headers) == json.loads(body)
            as_given = vector["secret"].startswith("whsec_") and vector["secret"][6:] == vector["standard_key"]
            secret = vector["secret"] if as_given else vector["secret"].encode()
            standardwebhooks.Webhook(secret).verify(body, headers)
            if previous := vector["previous"]:
                old = standardwebhooks.Webhook(previous["standard_key"])
                check = (old.verify, body, headers)
                old.verify(body, headers) if previous["is_valid"] else refuses(
                    standardwebhooks.WebhookVerificationError, *check)
            refuses(standardwebhooks.WebhookVerificationError, webhook.verify, tampered(body), headers)


@contextmanager
def receiver(*secrets):
    command = [sys.executable, str(FOLDER / "receiver.py"), *secrets]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(re.search(r":(\d+)$", process.stdout.readline()).group(1))
            yield port, process.stdout
        finally:
            process.terminate()


def send(port, raw):
    """The answer's first bytes, its length and the seconds until it began."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        began = time.monotonic()
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        first = connection.recv(65_536)
        took_s, length = time.monotonic() - began, len(first)
        while more := connection.recv(1 << 20):
            length += len(more)
    return first.decode(errors="replace"), length, took_s


def the_receiver_verifies_and_answers_as_its_path_asks():
    body, current, previous = VECTORS[0]["body"], vectors.ENCODED, vectors.PLAIN
    def signed(secret, path, sent=body):
        headers = vectors.headers_of(vectors.DELIVERY, "pin.published", int(time.time()), body, secret)
        return request_of(headers, sent, path)

    answers = {"/": 204, "/status/503": 503, "/gone": 410, "/redirect": 302, "/retry-after/3": 429, "/slow/0.3": 200,
               "/huge": 200, "/disable": 500, "/abort": 500, "/close": None, "/elsewhere": 404, "/failing/0": 204}
    extra = {"/redirect": "Location: /", "/retry-after/3": "Retry-After: 3", "/disable": "webhook-delivery: disable",
             "/abort": "webhook-delivery: abort-message"}
    with receiver(current, previous) as (port, lines):
        for path, status in answers.items():
            answer, length, took_s = send(port, signed(previous if path == "/gone" else current, path))
            said = json.loads(lines.readline())
            wanted = {"path": path, "status": status, "is_valid": True, "error": None, "event": "pin.published",
                      "delivery": vectors.DELIVERY, "id": vectors.BODY["id"], "pin": vectors.BODY["pin_id"],
                      "sha256": hashlib.sha256(body.encode()).hexdigest()}
            assert said | wanted == said, said
            assert answer.startswith(f"HTTP/1.1 {status} ") if status else answer == "", (path, answer)
            assert extra.get(path, "") in answer, (path, answer)
            assert (length > 64_000_000) == (path == "/huge") and (took_s >= 0.3) == (path == "/slow/0.3"), path
        for status in (500, 500, 204):
            answer, *_ = send(port, signed(current, "/failing/100"))
            assert answer.startswith(f"HTTP/1.1 {status} ") and json.loads(lines.readline())["status"] == status, answer
        for raw in (signed(current, "/", tampered(body)), signed("another secret of the caller", "/")):
            answer, *_ = send(port, raw)
            said = json.loads(lines.readline())
            assert answer.startswith("HTTP/1.1 401 ") and said["status"] == 401 and not said["is_valid"], said


CHECKS = [
    the_vectors_are_what_their_script_writes,
    a_receiver_written_from_the_contract_verifies_the_vectors,
    header_names_count_to_the_letter,
    standardwebhooks_of_pypi_verifies_the_vectors,
    the_receiver_verifies_and_answers_as_its_path_asks,
]


def main():
    for check in CHECKS:
        check()
        print(f"  ok  {check.__name__.replace('_', ' ')}")
    for node_modules in sys.argv[1:]:
        subprocess.run(["node", str(FOLDER / "standard.cjs"), node_modules], check=True)
    print(f"{len(CHECKS) + len(sys.argv[1:])} passed, 0 failed")


if __name__ == "__main__":
    main()
