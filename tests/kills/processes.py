"""The processes of the stage: the Pinterest simulator and the local stack."""

import atexit
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

START_WITHIN_S = 60
# The stack's assumptions about Pinterest, which the simulator's faults keep: a Pin is committed at most client timeout
# + commit lateness after its call.
CLIENT_TIMEOUT_MS = 2_000
COMMIT_LATENESS_MS = 3_000
LIST_LAG_MS = 1_000
CLOCK_SKEW_MS = 500
SEND_WITHIN_MS = 5_000  # a constant of shared/src/domain/deadlines.rs
QUIESCE_MS = SEND_WITHIN_MS + CLIENT_TIMEOUT_MS + COMMIT_LATENESS_MS + LIST_LAG_MS + 2 * CLOCK_SKEW_MS
SETTINGS = {
    "PINBRIDGE_CLIENT_TIMEOUT_MS": CLIENT_TIMEOUT_MS,
    "PINBRIDGE_COMMIT_LATENESS_MS": COMMIT_LATENESS_MS,
    "PINBRIDGE_LIST_LAG_MS": LIST_LAG_MS,
    "PINBRIDGE_CLOCK_SKEW_MS": CLOCK_SKEW_MS,
    "PINBRIDGE_QUIESCE_MS": QUIESCE_MS,
    # Longer than the publisher's 25 s, so that a message isn't delivered to a second worker while the first may run.
    "PINBRIDGE_PUBLISHER_TIMEOUT_MS": CLIENT_TIMEOUT_MS + 5_000,
    "PINBRIDGE_VISIBILITY_TIMEOUT_MS": 6 * (CLIENT_TIMEOUT_MS + 5_000),
    "PINBRIDGE_LOG": "info",
}
# Below the range of outgoing connections, so that no other process takes the stack's port while the stack is down.
PORTS = range(21_000, 31_000)
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Broken(Exception):
    """The stage can't continue, because a process failed."""


def call(origin, method, path, body=None, headers=None, timeout=30):
    """Sends a request over a new connection; returns status, headers and JSON."""
    parts = urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {"Content-Type": "application/json"} | (headers or {}))
        response = connection.getresponse()
        content = response.read()
        return response.status, response.headers, json.loads(content) if content else None
    finally:
        connection.close()


class Process:
    """A child process with its output in a file. Adds up the processor time and memory of all its lives."""

    def __init__(self, command, log, environment=None):
        self.command = [str(part) for part in command]
        self.log = Path(log)
        self.environment = os.environ | {name: str(value) for name, value in (environment or {}).items()}
        self.cpu_s, self.memory_mb, self.child = 0.0, 0.0, None
        atexit.register(self.stop)

    def spawn(self):
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=self.environment)

    def expect_alive(self):
        if self.child.poll() is not None:
            raise Broken(f"{Path(self.command[0]).name} ended by itself ({self.child.returncode}); the end of {self.log}:\n"
                         + "\n".join(self.log.read_text(errors="replace").splitlines()[-20:]))

    def kill(self):
        """Ends the process by SIGKILL, so that it can't clean up."""
        self.expect_alive()
        self.measure()
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def measure(self):
        """Adds this life to the sums. To be called once, at its end."""
        folder = Path(f"/proc/{self.child.pid}")
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        self.cpu_s += (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        peak = re.search(r"VmHWM:\s+(\d+)", (folder / "status").read_text())
        self.memory_mb = max(self.memory_mb, int(peak[1]) / 1024 if peak else 0.0)

    def await_start(self, probe):
        end = time.monotonic() + START_WITHIN_S
        while not (found := probe()):
            self.expect_alive()
            if time.monotonic() > end:
                raise Broken(f"{self.command[0]} is not ready after {START_WITHIN_S} s")
            time.sleep(0.02)
        return found


class Simulator(Process):
    """The Pinterest simulator, which is never killed."""

    def __init__(self, bin_dir, folder, accounts, seed):
        command = [bin_dir / "pinterest-simulator", "--port", 0, "--accounts", accounts, "--seed", seed,
                   "--data-dir", folder / "pinterest"]
        super().__init__(command, folder / "simulator.log")
        self.spawn()
        ready = self.await_start(lambda: re.search(r"ready at (http://\S+)", self.log.read_text()))
        self.url = ready[1]

    def ask(self, method, path, body=None, token=None):
        status, _, answer = call(self.url, method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
        if status >= 300:
            raise Broken(f"the simulator answered {status} to {method} {path}: {answer}")
        return answer

    def creates(self):
        """The answers to pins/create by status, and the number of calls in flight."""
        report = self.ask("GET", "/_sim/requests")
        return report["operations"].get("pins/create", {}), report["in_flight"].get("pins/create", 0)


class Stack(Process):
    """The local stack. Port and folder stay the same, so that it can be killed and restarted."""

    def __init__(self, bin_dir, folder, simulator, accounts):
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.ready_file = folder / "ready.json"
        command = [bin_dir / "pinbridge-local", "--port", self.port, "--no-demo", "--no-receiver",
                   "--accounts", accounts,
                   "--data-dir", folder / "stack", "--ready-file", self.ready_file, "--pinterest-url", simulator.url]
        super().__init__(command, folder / "stack.log", SETTINGS)

    def spawn(self):
        self.ready_file.unlink(missing_ok=True)
        super().spawn()

    def await_ready(self):
        self.await_start(self.ready_file.exists)
        self.api_key = json.loads(self.ready_file.read_text())["api_key"]

    def post_pin(self, body, timeout):
        status, _, answer = call(self.origin, "POST", "/v1/pins", body, {"X-API-Key": self.api_key}, timeout)
        return status, answer

    def get(self, path):
        status, headers, answer = call(self.origin, "GET", path, headers={"X-API-Key": self.api_key})
        if status != 200:
            raise Broken(f"the API answered {status} to {path}: {answer}")
        return headers, answer

    def pins(self):
        """Every pin by its id, the API's count of them, and the relation of that count."""
        found, offset = {}, 0
        while True:
            headers, page = self.get(f"/v1/pins?limit=200&offset={offset}")
            found |= {pin["id"]: pin for pin in page}
            offset += len(page)
            if len(page) < 200:
                return found, headers["X-Total-Count"], headers["X-Total-Count-Relation"]

    def timeline(self, pin_id):
        return self.get(f"/v1/pins/{pin_id}/timeline")[1]


def free_port():
    start = os.getpid() % len(PORTS)
    for step in range(len(PORTS)):
        port = PORTS[(start + step) % len(PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Broken("no free port")
