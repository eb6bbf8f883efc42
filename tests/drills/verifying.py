"""One resource server as a process of its own: a real guard that fetches over HTTP, and verifies whatever stands in the journal.

`python -m tests.drills.verifying SETTINGS.json`. It ends when the file `stop` appears, and writes what it counted beside its settings.
A token must be accepted from when it was acknowledged until `exp` and the leeway are over, less a second for the clocks; a forged one
and one that is over never.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from resource_server.guard import Guard
from resource_server.verifier.errors import TokenRefused
from tests.drills.site import API, LEEWAY
from tests.drills.tally import Journal

_IN_A_ROW: Final = 200
_FORGED_EVERY: Final = 50
# The kit says `Retry-After: 1` or more; a resource server that could not decide for so long has failed its caller.
_ATTEMPTS: Final = 5
_COMES_AGAIN_AFTER: Final = 1.0


class Verifying:
    """Presents tokens to a guard and counts."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.stop_file = Path(settings["journal"]).with_name("stop")
        self.wrong = Journal(Path(settings["wrong"]))
        offset = settings.get("clock_offset", 0)
        self.guard = Guard(
            issuer=settings["issuer"],
            audience=API,
            metadata_url=settings["metadata_url"],
            jwks_refresh=settings["refresh"],
            max_stale=settings.get("max_stale", 86_400),
            leeway=LEEWAY,
            follow_feed=settings.get("follow_feed", False),
            # Every verification is a real one.
            cached_tokens=0,
            clock=lambda: time.time() + offset,
            on_event=lambda *_: None,
        )
        self.counts: Counter[str] = Counter()
        self.last_accepted: dict[str, float] = {}
        self.told_at = 0.0
        self.tokens: list[dict[str, Any]] = []
        self.over: list[dict[str, Any]] = []
        self.lines = self._read(Path(settings["journal"]))

    def run(self) -> None:
        """Verify until it is over."""
        Path(self.settings["ready"]).write_text(str(self.guard.warm(20).ready), encoding="ascii")
        while not self.stop_file.exists():
            self._take_new_tokens()
            self._tell_how_far()
            if not self.tokens:
                time.sleep(0.05)
            for number in range(_IN_A_ROW if self.tokens else 0):
                self._present(random.choice(self.tokens))
                if self.counts["told_to_come_again"] and self.stop_file.exists():
                    break
                if number % _FORGED_EVERY == 0:
                    self._present_what_must_be_refused()
        out = {"counts": self.counts, "last_accepted": self.last_accepted, "fetches": self.guard.statistics()["fetches"]}
        Path(self.settings["result"]).write_text(json.dumps(out), encoding="utf-8")

    def _tell_how_far(self) -> None:
        if time.monotonic() - self.told_at > 1:
            self.told_at = time.monotonic()
            so_far = Path(self.settings["so_far"])
            draft = so_far.with_name(f"{so_far.name}-draft")
            draft.write_text(str(self.counts["accepted"]), encoding="ascii")
            draft.rename(so_far)

    def _read(self, journal: Path) -> Iterator[list[dict[str, Any]]]:
        rest = b""
        with journal.open("rb") as file:
            while True:
                *whole, rest = (rest + file.read()).split(b"\n")
                yield [json.loads(line) for line in whole]

    def _take_new_tokens(self) -> None:
        self.tokens += next(self.lines)
        now = time.time()
        self.over += [token for token in self.tokens if now > token["exp"] + LEEWAY - 1]
        self.over = [token for token in self.over if now > token["exp"] + LEEWAY + 1][-50:] or self.over
        self.tokens = [token for token in self.tokens if now <= token["exp"] + LEEWAY - 1]

    def _present(self, token: dict[str, Any], attempts: int = _ATTEMPTS) -> None:
        asked_at = time.time()
        try:
            self.guard.verify(token["token"])
        except TokenRefused as refusal:
            self._refused(token, refusal, attempts)
            return
        self.counts["accepted"] += 1
        self.last_accepted[token["kid"]] = asked_at

    def _refused(self, token: dict[str, Any], refusal: TokenRefused, attempts: int) -> None:
        if refusal.status == 503 and attempts > 0 and not self.stop_file.exists():
            # As a client does that is told to come again.
            self.counts["told_to_come_again"] += 1
            time.sleep(_COMES_AGAIN_AFTER)
            self._present(token, attempts - 1)
            return
        if refusal.status == 503:
            self.counts["undecided"] += 1
            return
        if time.time() > token["exp"] + LEEWAY - 1:
            self.counts["over_meanwhile"] += 1
            return
        self.counts["refused"] += 1
        self.counts[f"refused {token['kid']}"] += 1
        if self.counts["refused"] <= 100:
            self.wrong.add(kind="refused", kid=token["kid"], reason=refusal.reason, at=time.time(), exp=token["exp"])

    def _present_what_must_be_refused(self) -> None:
        token = random.choice(self.tokens)["token"]
        head, payload, signature = token.split(".")
        place = random.randrange(len(signature) - 2)
        other = "A" if signature[place] != "A" else "B"
        bad = [f"{head}.{payload}.{signature[:place]}{other}{signature[place + 1 :]}"]
        bad += [over["token"] for over in self.over[:1] if time.time() > over["exp"] + LEEWAY + 1]
        for forged in bad:
            try:
                self.guard.verify(forged)
                self.counts["wrongly_accepted"] += 1
                self.wrong.add(kind="accepted", token=forged, at=time.time())
            except TokenRefused:
                self.counts["rightly_refused"] += 1


if __name__ == "__main__":
    # Less than the issuers: they share two cores with what verifies as fast as it can.
    os.nice(10)
    Verifying(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).run()
