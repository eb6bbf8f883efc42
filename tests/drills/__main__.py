"""`python -m tests.drills [--full] [R1 R4 ...]`: carry out drills, print their lines, exit 0 if all of them held."""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from datetime import UTC, datetime

from tests.drills.registry import DRILLS
from tests.drills.site import CannotRun
from tests.drills.tally import Tally


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
    names = given.drills or list(DRILLS)
    began = time.monotonic()
    held = sum(_carry_out(name, full=given.full) for name in names)
    print(f"{held} of {len(names)} drills held ({(time.monotonic() - began) / 60:.0f} min)")
    return 0 if held == len(names) else 1


def _carry_out(name: str, *, full: bool) -> bool:
    """Carry out one drill and print its line, whatever becomes of it; say whether it held."""
    started = time.monotonic()
    try:
        tally = DRILLS[name](full=full)
    except CannotRun as reason:
        print(f"{name:<4} not run: {reason}", flush=True)
        return False
    except Exception as error:  # noqa: BLE001 - one that breaks off must not keep the others from being carried out
        traceback.print_exc()
        tally = Tally(name, broken=[f"it broke off: {error}"])
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(f"{tally.line()} ({time.monotonic() - started:.0f} s, {when})", flush=True)
    return tally.holds


if __name__ == "__main__":
    sys.exit(main())
