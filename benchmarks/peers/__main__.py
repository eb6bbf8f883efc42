"""`python -m benchmarks.peers`: try the kit and its peers, print the table, write `docs/peers.md`. 1 when the kit is wrong in a row."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.peers.environments import LIBRARIES, Library, NotInstalled
from benchmarks.peers.issuer import Issuer, an_issuer
from benchmarks.peers.process import PeerFailed, a_peer
from benchmarks.peers.report import Column, as_markdown, as_text, wrong_of
from benchmarks.peers.rows import try_in_real_time, try_in_shifted_time
from benchmarks.servers import ROOT

DOCUMENT: Final = ROOT / "docs" / "peers.md"


def main(words: list[str] | None = None) -> int:
    """Try everything that installs."""
    names = [library.name for library in LIBRARIES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="The kit beside other libraries.")
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="where the table goes (default: docs/peers.md)")
    parser.add_argument("--only", nargs="*", choices=names, help="these libraries alone, and the kit; none: the kit alone")
    given = parser.parse_args(words)
    if sys.platform != "linux":
        print("The table is made on Linux alone.", file=sys.stderr)
        return 2
    chosen = [library for library in LIBRARIES if given.only is None or library.name in given.only]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sealwright-peers-") as folder, an_issuer(Path(folder)) as issuer:
        columns = [_column(library, Path(folder), issuer) for library in chosen]
        kit = _column(None, Path(folder), issuer)
    print(as_text(columns, kit))
    given.output.write_text(as_markdown(columns, kit), encoding="utf-8")
    wrong = wrong_of(kit)
    print(f"\n{time.monotonic() - began:.0f} s; written to {given.output}")
    for row in wrong:
        print(f"the kit is wrong in: {row}", file=sys.stderr)
    if kit.missing:
        print(f"the kit did not run: {kit.missing}", file=sys.stderr)
    return 1 if wrong or kit.missing else 0


def _column(library: Library | None, folder: Path, issuer: Issuer) -> Column:
    column = Column(library.title, library.note) if library is not None else Column("the kit")
    print(f"  {column.title} …", file=sys.stderr, flush=True)
    try:
        with a_peer(library, folder, issuer.certificate, shifted=False) as peer:
            column.version = peer.version
            try_in_real_time(peer, issuer, column.found)
        with a_peer(library, folder, issuer.certificate) as peer:
            try_in_shifted_time(peer, issuer, column.found)
    except (NotInstalled, PeerFailed) as reason:
        column.missing = str(reason)
        print(f"    not run: {reason}", file=sys.stderr)
    return column


if __name__ == "__main__":
    sys.exit(main())
