#!/usr/bin/env python3
"""A receiver of webhooks on loopback. It verifies both families of signatures of every request (`contract.py`), prints
one line of JSON for each, and answers as the path asks:

    /                  204; 401 if a signature is wrong
    /status/N          that status
    /failing/N         500 to N percent of the requests, at random, but to one delivery twice at most; 204 otherwise
    /retry-after/S     429 with `Retry-After: S`
    /gone              410
    /disable           500 with `webhook-delivery: disable`
    /abort             500 with `webhook-delivery: abort-message`
    /redirect          302 to `/`
    /slow              200 after 20 s; /slow/S: after S seconds
    /huge              200 with 64 MB; /huge/N: with N bytes
    /close             closes the connection without an answer

A line has `path`, `event`, `delivery`, `id` (the event's), `pin`, `sequence`, `bytes`, `sha256` (the body's), `status`
(the answer's, null without one), `is_valid` and `error`. The first line of all is `listening on
http://127.0.0.1:PORT`.

Usage: tests/receivers/receiver.py [--port PORT] SECRET...   (each secret is accepted)
"""

import argparse
import hashlib
import json
import random
import socketserver
import sys
import threading
import time
from collections import Counter

import contract

# In bytes.
HEAD_MAX = 65_536
BODY_MAX = 1_048_576
HUGE = 64_000_000
# In seconds: longer than a sender waits.
SLOW_S = 20.0
# In seconds: a client that sends nothing is given up.
IDLE_S = 60
# So often `/failing/N` fails a delivery: the wait after a third failure is as long as a whole test.
FAILURES_MAX = 2
OUT = threading.Lock()


def say(line):
    with OUT:
        print(line, flush=True)


class Handler(socketserver.StreamRequestHandler):
    timeout = IDLE_S

    def handle(self):
        while (raw := self.read()) is not None and self.receive(raw):
            pass

    def read(self):
        """The bytes of the next request; `None` when the connection has ended."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline(HEAD_MAX)
            if not line or len(head) > HEAD_MAX:
                return None
            head += line
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        length = min(int(lengths[0]), BODY_MAX) if lengths else 0
        return head + self.rfile.read(length)

    def receive(self, raw):
        """Answers a request; returns whether another one may follow on this connection."""
        record = dict.fromkeys(("path", "event", "delivery", "id", "pin", "sequence", "bytes", "sha256"))
        path, error = "/", None
        try:
            path, headers, body = contract.parse(raw)
            record |= {"path": path, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            event, delivery = contract.verify(headers, body, self.server.secrets, time.time())
            payload = json.loads(body)
            record |= {"event": event, "delivery": delivery, "id": payload.get("id"), "pin": payload.get("pin_id"),
                       "sequence": payload.get("sequence")}
        except (contract.Refused, ValueError) as refused:
            error = str(refused)
        status, extra, length, wait_s = answer_of(path) if error is None else (401, [], 0, 0.0)
        if error is None and path.startswith("/failing/"):
            status = self.server.status_of(record["delivery"], int(path.removeprefix("/failing/")))
        # Before the answer: who has it must find the line.
        say(json.dumps({**record, "status": status, "is_valid": error is None, "error": error}))
        time.sleep(wait_s)
        return status is not None and self.answer(status, extra, length)

    def answer(self, status, extra, length):
        head = [f"HTTP/1.1 {status} Answer", *extra]
        if status != 204:
            head.append(f"Content-Length: {length}")
        try:
            self.wfile.write("\r\n".join([*head, "", ""]).encode())
            block = b"x" * 65_536
            while length > 0:
                self.wfile.write(block[:length])
                length -= len(block)
        except OSError:
            # The sender has read enough.
            return False
        return True


def answer_of(path):
    """Status, header lines, the body's length in bytes, and the seconds before the answer."""
    name, _, value = path.strip("/").partition("/")
    match name:
        case "" | "failing":
            return 204, [], 0, 0.0
        case "status":
            return int(value), [], 0, 0.0
        case "retry-after":
            return 429, [f"Retry-After: {value}"], 0, 0.0
        case "gone":
            return 410, [], 0, 0.0
        case "disable":
            return 500, ["webhook-delivery: disable"], 0, 0.0
        case "abort":
            return 500, ["webhook-delivery: abort-message"], 0, 0.0
        case "redirect":
            return 302, ["Location: /"], 0, 0.0
        case "slow":
            return 200, [], 0, float(value or SLOW_S)
        case "huge":
            return 200, [], int(value or HUGE), 0.0
        case "close":
            return None, [], 0, 0.0
        case _:
            return 404, [], 0, 0.0


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.failures, self.lock = Counter(), threading.Lock()

    def status_of(self, delivery, percent):
        """500 or 204, as `/failing/N` says."""
        with self.lock:
            if self.failures[delivery] >= FAILURES_MAX or random.random() * 100 >= percent:
                return 204
            self.failures[delivery] += 1
            return 500

    def handle_error(self, request, client_address):
        # A sender that breaks off is no fault of the receiver's.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description="A receiver of webhooks on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("secrets", nargs="+")
    options = parser.parse_args()
    with Server(("127.0.0.1", options.port), Handler) as server:
        server.secrets = options.secrets
        say(f"listening on http://127.0.0.1:{server.server_address[1]}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
