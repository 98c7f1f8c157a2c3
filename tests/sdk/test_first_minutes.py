"""What `cargo run` prints to a newcomer: the demo pin is published, its webhook is delivered, the pages open,
and both examples run as printed.

Starts a stack of its own, in an empty folder, as a newcomer does. Needs the built binary and `curl`.

Usage: test_first_minutes.py [READY_FILE]  (the ready file of tests/run's stack is not used)
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "pinbridge-local"
STARTED_WITHIN_S = 60
EXAMPLE_WITHIN_S = 60
STOPPED_WITHIN_S = 40
READY = "Ready. Press Ctrl-C to stop."


class Stack:
    """`cargo run` without the build, on a free port."""

    def __init__(self, folder):
        self.process = subprocess.Popen([BINARY, "--port", "0"], cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def output(self):
        """Everything up to the line that says that the stack is ready."""
        text, end = "", time.monotonic() + STARTED_WITHIN_S
        while READY not in text:
            line = self.lines.get(timeout=max(0.1, end - time.monotonic()))
            assert line is not None, f"the stack ended before it was ready:\n{text}"
            text += line
        return text

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=STOPPED_WITHIN_S)


def only(pattern, text):
    found = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, (pattern, found, text)
    return found[0]


def the_start_is_explained_before_the_demo_pin(text):
    start, demo = text.index("Starting the API"), text.index("Publishing a demo pin to the simulated Pinterest.")
    assert start < demo < text.index("Published on the simulated Pinterest as Pin ")
    assert "nothing leaves this machine" in text[:demo]


def the_demo_pin_s_event_is_delivered(text):
    delivered = only(r"^Webhook: pin\.published of pin (\S+), delivery \S+, signature verified$", text)
    assert delivered == only(r"^Timeline of pin (\S+) ", text)


def the_pages_open(text):
    for label, path in (("API reference", "/docs"), ("OpenAPI file", "/openapi.json")):
        page = only(rf"^  {label} +(http://127\.0\.0\.1:\d+{path})$", text)
        with urllib.request.urlopen(page) as answer:
            assert answer.status == 200, (page, answer.status)


def every_value_has_a_label(text):
    for label in ("Base URL", "API key", "Account id", "Board id", "Sign-in", "Pinterest", "Webhook", "Data"):
        only(rf"^  {label} +(\S+)", text)


def the_sign_in_signs_in(text):
    email, password = only(r"^  Sign-in +(\S+), password (\S+)$", text)
    request = urllib.request.Request(only(r"^  Base URL +(\S+)$", text) + "/v1/auth/login", method="POST",
                                     headers={"Content-Type": "application/json"},
                                     data=json.dumps({"email": email, "password": password}).encode())
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["token_type"] == "bearer"


def the_curl_example_lists_the_demo_pin(text):
    command = only(r"^(curl .*?)$", text)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=EXAMPLE_WITHIN_S)
    assert done.returncode == 0, done.stderr
    assert [pin["id"] for pin in json.loads(done.stdout)] == [only(r"^Timeline of pin (\S+) ", text)]


def the_python_example_waits_and_prints_the_timeline(text):
    # The shell feeds the example to `python3`; here, to the interpreter that has the client.
    example = only(r"^python3 - <<'END'\n(.*?)^END$", text)
    for _ in ("a new pin", "the same request again"):
        done = subprocess.run([sys.executable, "-"], input=example, capture_output=True, text=True,
                              timeout=EXAMPLE_WITHIN_S)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        told = [line.split(" ", 1)[1] for line in lines[:-1]]
        # The bucket of a user who was connected a moment ago is empty: the pin may wait for its second.
        # The receiver of the stack hears of the pin at any moment after that.
        beside = re.compile(r"the pin (waited|was made to wait)| the webhook ")
        told = [text for text in told if not beside.search(text)]
        wanted = ["The pin was accepted on ", r"On .*, attempt 1 began", "Published on "]
        assert len(told) == len(wanted) and all(map(re.match, wanted, told)), done.stdout
        assert re.fullmatch(r"published \d+", lines[-1]), done.stdout


def the_next_start_has_the_same_key_and_sign_in(text, again):
    for label in ("API key", "Account id", "Board id", "Sign-in"):
        pattern = rf"^  {label} +([^\n]+)$"
        assert only(pattern, text) == only(pattern, again), label
    assert "(new)" in text and "(kept from an earlier start)" in again


CHECKS = [
    the_start_is_explained_before_the_demo_pin,
    the_demo_pin_s_event_is_delivered,
    the_pages_open,
    every_value_has_a_label,
    the_sign_in_signs_in,
    the_curl_example_lists_the_demo_pin,
    the_python_example_waits_and_prints_the_timeline,
]


def started(folder, checks):
    stack = Stack(folder)
    try:
        text = stack.output()
        for check in checks:
            check(text)
            print(f"  ok  {check.__name__.replace('_', ' ')}")
        assert stack.stop() == 0, "Ctrl-C ends it with 0"
        return text
    finally:
        stack.process.kill()
        stack.process.wait()


def main():
    with tempfile.TemporaryDirectory() as folder:
        first = started(folder, CHECKS)
        the_next_start_has_the_same_key_and_sign_in(first, started(folder, []))
        print("  ok  the next start has the same key and sign in")
    print(f"{len(CHECKS) + 1} passed, 0 failed")


if __name__ == "__main__":
    main()
