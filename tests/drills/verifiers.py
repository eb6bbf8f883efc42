"""Starts the processes of `verifying`, and adds up what they counted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from docs.demo.servers import ROOT
from tests.drills.site import REFRESH, Site
from tests.drills.tally import Journal, Tally, entries


class Verifiers:
    """So many resource servers; number n asks issuer `asks[n]`."""

    def __init__(self, site: Site, asks: list[int], **settings: Any) -> None:
        self.journal = Journal(site.folder / "tokens")
        self._folder = site.folder
        self._results = [site.folder / f"result-{number}" for number in range(len(asks))]
        self._so_far = [site.folder / f"so-far-{number}" for number in range(len(asks))]
        self._processes: list[subprocess.Popen[bytes]] = []
        for number, issuer in enumerate(asks):
            given = {
                "issuer": site.issuer,
                "metadata_url": site.metadata_url(issuer),
                "refresh": REFRESH,
                "journal": str(self.journal.path),
                "wrong": str(site.folder / "wrong"),
                "ready": str(site.folder / f"ready-{number}"),
                "result": str(self._results[number]),
                "so_far": str(self._so_far[number]),
                **{name: value[number] if isinstance(value, list) else value for name, value in settings.items()},
            }
            path = site.folder / f"verifier-{number}.json"
            path.write_text(json.dumps(given), encoding="utf-8")
            command = [sys.executable, "-m", "tests.drills.verifying", str(path)]
            self._processes.append(subprocess.Popen(command, cwd=ROOT))
        self._wait_for([site.folder / f"ready-{number}" for number in range(len(asks))], 60)

    def accepted(self) -> int:
        """Return how many verifications ended well until a moment ago."""
        return sum(int(path.read_text(encoding="ascii")) for path in self._so_far if path.exists())

    def stop(self) -> list[dict[str, Any]]:
        """End them and return what each counted."""
        (self._folder / "stop").touch()
        self._wait_for(self._results, 30)
        for process in self._processes:
            process.wait(10)
        return [json.loads(path.read_text(encoding="utf-8")) for path in self._results]

    def kill(self) -> None:
        """Make sure that none is left."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.journal.close()

    def wrong(self) -> list[dict[str, Any]]:
        """Return the first of what went wrong."""
        path = self._folder / "wrong"
        return entries(path) if path.exists() else []

    def _wait_for(self, files: list[Path], seconds: float) -> None:
        give_up_at = time.monotonic() + seconds
        while not all(file.exists() for file in files):
            if time.monotonic() > give_up_at or any(process.poll() for process in self._processes):
                raise RuntimeError("a resource server of the drill ended, or did not answer")
            time.sleep(0.05)
        time.sleep(0.2)  # a file is there before its contents are


def add_up(tally: Tally, results: list[dict[str, Any]]) -> Counter[str]:
    """Put what all resource servers counted into the line; return the sums."""
    sums: Counter[str] = Counter()
    for result in results:
        sums.update(result["counts"])
    tally.offered += sums["accepted"] + sums["refused"] + sums["undecided"] + sums["rightly_refused"] + sums["wrongly_accepted"]
    tally.served += sums["accepted"] + sums["rightly_refused"]
    tally.wrongly_rejected += sums["refused"] + sums["undecided"]
    tally.notes.append(f"{sums['told_to_come_again']} times told to come again (503)")
    tally.wrongly_accepted += sums["wrongly_accepted"]
    return sums
