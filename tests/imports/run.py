"""Imports 100,000 rows into the local stack with `operator import`. On the way the stack is killed twice and the
command once.

Every row must have the expected result (created, existing or failed), each import must add up, and no row may be
imported twice. Prints the figures.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

POLL_EVERY = 0.5
READY_WITHIN = 120


def get(ready, path):
    request = urllib.request.Request(ready["base_url"] + path, headers={"x-api-key": ready["api_key"]})
    end = time.monotonic() + READY_WITHIN
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer), answer.headers
        except OSError as problem:  # a busy stack may answer 503
            if getattr(problem, "code", 503) < 500 or time.monotonic() > end:
                raise
            time.sleep(POLL_EVERY)


class Stack:
    def __init__(self, binaries, folder, port, accounts):
        self.command = [binaries / "pinbridge-local", "--no-demo", "--no-receiver", "--port", str(port),
                        "--accounts", str(accounts),
                        "--data-dir", folder / "data", "--ready-file", folder / "ready.json"]
        self.ready_file = folder / "ready.json"
        self.start()

    def start(self):
        self.ready_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + READY_WITHIN
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit("the stack did not start")
            time.sleep(0.1)
        self.ready = json.loads(self.ready_file.read_text())

    def kill(self):
        self.process.kill()
        self.process.wait()


def write_file(path, rows, accounts):
    """Writes the CSV file. In every hundred rows one has no board, and one repeats an earlier row. Returns the expected
    totals."""
    failed = existing = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("\ufeffaccount_id,board_id,title,idempotency_key,image_url,link_url,description\r\n")
        for row in range(1, rows + 1):
            key, (account, board) = row, accounts[row % len(accounts)]
            if row % 100 == 50:
                board, failed = "", failed + 1
            elif row % 100 == 70:
                key, existing = row - len(accounts), existing + 1
            file.write(f'{account},{board},"Crane, number {key}",big-{key},https://example.com/{key}.jpg,'
                       f'https://example.com/{key},"Patience\r\nand paper, {"x" * 200}"\r\n')
    return {"created": rows - failed - existing, "existing": existing, "failed": failed}


def boards_of(ready):
    accounts, _ = get(ready, "/v1/pinterest/accounts")
    pairs = []
    for account in accounts:
        boards, _ = get(ready, f"/v1/pinterest/boards?account_id={account['id']}")
        pairs.append((account["id"], boards[0]["id"]))
    return pairs


def run_import(binaries, ready, path, at_once):
    environment = os.environ | {"PINBRIDGE_API_KEY": ready["api_key"], "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen([binaries / "operator", "import", path, "--api-url", ready["base_url"], "--at-once", str(at_once)],
                            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def import_count(ready):
    return int(get(ready, "/v1/pins/imports?limit=1")[1]["x-total-count"])


def wait_for_imports(stack, count):
    while import_count(stack.ready) < count:
        time.sleep(POLL_EVERY)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--bin-dir", type=Path, required=True)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--accounts", type=int, default=10)
    arguments.add_argument("--at-once", type=int, default=4)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    binaries, rng = options.bin_dir.resolve(), random.Random(options.seed)
    pieces = -(-options.rows // 500)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        stack = Stack(binaries, folder, rng.randrange(20_000, 40_000), options.accounts)
        try:
            path = folder / "big.csv"
            wanted = write_file(path, options.rows, boards_of(stack.ready))
            print(f"{options.rows} rows, {path.stat().st_size / 1e6:.1f} MB, {options.accounts} accounts; "
                  f"expected {wanted}", flush=True)
            began = time.monotonic()
            command = run_import(binaries, stack.ready, path, options.at_once)
            # The stack is killed and restarted while the command runs, which waits for it.
            for share in (0.25, 0.5):
                wait_for_imports(stack, int(pieces * share))
                stack.kill()
                print(f"{time.monotonic() - began:7.1f} s  the stack is killed with {int(pieces * share)} imports "
                      "submitted", flush=True)
                stack.start()
            wait_for_imports(stack, int(pieces * 0.75))
            command.kill()
            command.wait()
            print(f"{time.monotonic() - began:7.1f} s  the command is killed and started again", flush=True)
            command = run_import(binaries, stack.ready, path, options.at_once)
            printed, _ = command.communicate(timeout=3600)
            seconds = time.monotonic() - began
            totals = json.loads(printed)
            assert command.returncode == (1 if totals["failed"] else 0), "the exit code tells whether rows failed"
            got = {name: totals[name] for name in wanted}
            print(f"{seconds:7.1f} s  done: {got}; {totals['imports']} imports, {totals['handed_in_before']} of them "
                  f"submitted before the command was killed; {options.rows / seconds:.0f} rows a second", flush=True)
            check(stack, pieces, wanted, got)
        finally:
            stack.kill()


def check(stack, pieces, wanted, got):
    wrong = []
    if got != wanted:
        wrong.append(f"the totals are {got}, not {wanted}")
    listed = []
    while len(listed) < pieces:
        page, _ = get(stack.ready, f"/v1/pins/imports?limit=200&offset={len(listed)}")
        if not page:
            break
        listed += page
    if len(listed) != pieces or import_count(stack.ready) != pieces:
        wrong.append(f"there are {len(listed)} imports, not {pieces}")
    ids = set()
    for job in listed:
        results = get(stack.ready, f"/v1/pins/imports/{job['id']}")[0]["results"]
        if [row["row_number"] for row in results] != list(range(1, job["total_rows"] + 1)):
            wrong.append(f"import {job['id']} has other rows than the file")
        created = [row["pin_id"] for row in results if row["status"] == "created"]
        if ids.intersection(created) or len(set(created)) != len(created):
            wrong.append(f"import {job['id']} has a pin that another row created")
        ids.update(created)
    if len(ids) != wanted["created"]:
        wrong.append(f"{len(ids)} pins were created, not {wanted['created']}")
    print(f"every row has one result; {len(ids)} different pins" if not wrong else "\n".join(wrong))
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
