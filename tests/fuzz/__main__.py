"""`python -m tests.fuzz [--count 1000000] [--seed N]`: try it all, print a line each, exit 1 if a rule was broken."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.trying import difference, key_sets, totality

MILLION = 1_000_000


def main() -> int:
    """Try everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Tokens and key sets broken in every way.")
    parser.add_argument("--count", type=int, default=MILLION, help="tokens of each kind (default: a million)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="to try the same again (default: the time)")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    held = True
    for trying, count in ((totality, given.count), (difference, given.count), (key_sets, given.count // 20)):
        began = time.monotonic()
        outcome = trying(count, given.seed)
        held = held and not outcome.wrong
        print(f"{outcome.line()} ({time.monotonic() - began:.0f} s)", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
