"""An issuer whose wall clock is wrong by the seconds that stand in the file DRILL_CLOCK_FILE: `python -m tests.drills.wrong_clock serve`.

Only what the process reads changes; the monotonic clock and the database's go on. So a machine whose time service failed looks.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_FILE = Path(os.environ["DRILL_CLOCK_FILE"])
_right_time, _right_time_ns = time.time, time.time_ns


def _error() -> float:
    try:
        return float(_FILE.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0.0


def main() -> None:
    """Put the clock wrong, then serve."""
    time.time = lambda: _right_time() + _error()
    time.time_ns = lambda: _right_time_ns() + round(_error() * 1e9)
    # Only now: whoever imports the clock's functions by name gets the wrong ones.
    from auth_server.cli.main import main as serve

    raise SystemExit(serve())


if __name__ == "__main__":
    main()
