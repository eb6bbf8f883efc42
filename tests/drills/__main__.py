"""`python -m tests.drills [--full] [R1 R4 ...]`: carry out drills, print their lines, exit 0 if all of them held."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from datetime import UTC, datetime

from tests.drills.registry import DRILLS
from tests.drills.site import CannotRun


def main() -> int:
    """Carry out what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description="Reliability drills over loopback.")
    parser.add_argument("--full", action="store_true", help="the full counts; hours instead of minutes")
    parser.add_argument("drills", nargs="*", metavar="R1", help=f"which ones: {', '.join(DRILLS)} (default: all)")
    given = parser.parse_args()
    unknown = [name for name in given.drills if name not in DRILLS]
    if unknown:
        parser.error(f"there is no drill called {', '.join(unknown)}; there is {', '.join(DRILLS)}")
    # Asked to stop, it still takes down what it put up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    held = True
    for name in given.drills or DRILLS:
        started = time.monotonic()
        try:
            tally = DRILLS[name](full=given.full)
        except CannotRun as reason:
            held = False
            print(f"{name:<4} not run: {reason}", flush=True)
            continue
        held = held and tally.holds
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        print(f"{tally.line()} ({time.monotonic() - started:.0f} s, {when})", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
