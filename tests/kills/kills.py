"""Kills the local stack at random moments while clients send, and checks that every pin is published exactly once.

`tests/full kills` runs it. The seed decides what is sent, when it is sent, and how long each life of the stack is.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from check import Violation, violations
from processes import Broken
from run import LATEST_COMMIT_MS, Run, faults

TIMELINES_SHOWN = 5


def report(run, found):
    shown = 0
    for violation in found:
        print(f"VIOLATION {violation}")
        for pin_id in violation.pin_ids:
            if shown < TIMELINES_SHOWN:
                shown += 1
                print(f"  timeline of {pin_id}:")
                timeline = run.stack.timeline(pin_id)
                for event in timeline["events"]:
                    print("   ", " ".join(f"{name}={value}" for name, value in event.items() if value is not None))
                print(f"    next: {timeline['next']}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of pinbridge-local and pinterest-simulator")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="default: a random one")
    parser.add_argument("--pins", type=int, default=2_000)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--sending-s", type=float, default=180, help="how long clients send")
    parser.add_argument("--minutes", type=float, default=14, help="time limit of the run")
    parser.add_argument("--commit-after-ms", type=int, default=LATEST_COMMIT_MS,
                        help="latest commit after a call; if later than the stack's settings allow, duplicates appear")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    return parser.parse_args()


def main():
    args = arguments()
    # SIGTERM must end the child processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    folder = Path(tempfile.mkdtemp(prefix="pinbridge-kills-"))
    print(f"seed {args.seed}; logs and data in {folder}", flush=True)
    run, found = None, [Violation("the run did not end")]
    try:
        run = Run(args, folder)
        seen = run.go(faults(args.commit_after_ms))
        table = run.table(seen)
        for name, value in table.items():
            print(f"  {name:<28}{value}")
        found = [*violations(seen), *run.significance(table)]
        report(run, found)
    except Broken as broken:
        print(f"BROKEN {broken}")
    finally:
        if run:
            run.stop()
        if found:
            print(f"FAILED with seed {args.seed}; {folder} is kept")
        elif not args.keep:
            shutil.rmtree(folder)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
