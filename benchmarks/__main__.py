"""`python -m benchmarks`: measure, print the table, write `docs/performance/results.md` and its plot."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import feed, rounds
from benchmarks.budget import LINES, Verdict
from benchmarks.plot import as_svg
from benchmarks.report import as_markdown, as_text
from benchmarks.servers import ROOT

RESULTS: Final = ROOT / "docs" / "performance"


def main(words: list[str] | None = None) -> int:
    """Measure; return 1 when a bound that must hold does not."""
    given = _arguments().parse_args(words)
    if sys.platform != "linux":
        print("The benchmarks read /proc: they run on Linux alone.", file=sys.stderr)
        return 2
    plan, began = rounds.QUICK if given.quick else rounds.FULL, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sealwright-bench-") as folder:
        feed_costs = feed.measure(Path(folder) / "feed")
        results = rounds.measure(Path(folder), plan, lambda text: print(f"  {text} …", file=sys.stderr, flush=True))
    print(as_text(results.figures))
    feed_table = "\n".join(feed.as_lines(feed_costs))
    print(f"\n{feed_table}")
    load_program = "wrk" if shutil.which("wrk") else "benchmarks/client.py"
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "results.md").write_text(f"{as_markdown(results, plan, load_program)}\n{feed_table}", encoding="utf-8")
    (given.output / "results.svg").write_text(as_svg(results.figures), encoding="utf-8")
    print(f"\n{time.monotonic() - began:.0f} s; written to {given.output}/results.md and results.svg")
    failed = [
        line for line in LINES if line.key in results.figures and line.verdict(results.figures[line.key].value) is Verdict.FAILED
    ]
    return 1 if failed else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure both servers beside the raw operations.")
    parser.add_argument("--quick", action="store_true", help="one short round: less than a minute, figures that vary more")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the report goes (default: docs/performance)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
