"""One resource server of R8 as a process of its own: a real guard on the feed, whose way to the issuer is cut at random.

`python -m tests.drills.following SETTINGS.json`. It presents each token of the journal as soon as it is there, and then again every few
milliseconds until it is refused; when that first was, it writes down. It ends when the file `stop` appears.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any, Final

from resource_server.guard import Guard
from resource_server.verifier.errors import TokenRefused
from tests.drills.cutting import Wire
from tests.drills.site import API, LEEWAY
from tests.drills.tally import Journal

LOOKS_EVERY: Final = 0.01
CUT_EVERY: Final = (6.0, 14.0)
# A feed is dropped and may be taken up again at once; now and then nothing comes through for a while.
CUT_FOR: Final = 2.0
_LASTING: Final = 0.1


class Following:
    """Presents tokens, and writes down when each was first refused."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._wire = Wire(settings["upstream"])
        self._seen = Journal(Path(settings["seen"]))
        self._guard = Guard(
            issuer=settings["issuer"],
            audience=API,
            metadata_url=f"{self._wire.url}/.well-known/oauth-authorization-server",
            # Nothing but the feed tells anything: keys are asked for again after the drill is over.
            jwks_refresh=3600,
            leeway=LEEWAY,
            on_event=lambda *_: None,
        )
        self._living: dict[str, str] = {}
        self._cuts = 0

    def run(self) -> None:
        """Look until it is over."""
        self._guard.warm(20)
        stop = Path(self._settings["journal"]).with_name("stop")
        Path(self._settings["ready"]).touch()
        cut_at = time.monotonic() + random.uniform(*CUT_EVERY)
        with Path(self._settings["journal"]).open("rb") as journal:
            rest = b""
            while not stop.exists():
                *whole, rest = (rest + journal.read()).split(b"\n")
                for line in whole:
                    token = json.loads(line)
                    self._present(token["jti"], token["token"], first=True)
                for jti, token in list(self._living.items()):
                    self._present(jti, token)
                if time.monotonic() > cut_at:
                    cut_at = time.monotonic() + random.uniform(*CUT_EVERY)
                    self._wire.cut(random.uniform(0.0, CUT_FOR) if random.random() < _LASTING else 0.0)
                    self._cuts += 1
                time.sleep(LOOKS_EVERY)
        statistics = {name: value for name, value in self._guard.statistics().items() if value == value}  # no NaN in JSON
        Path(self._settings["result"]).write_text(json.dumps({"cuts": self._cuts, **statistics}), encoding="utf-8")

    def _present(self, jti: str, token: str, *, first: bool = False) -> None:
        try:
            self._guard.verify(token)
        except TokenRefused as refusal:
            self._seen.add(jti=jti, what=refusal.reason, at=time.time(), first=first)
            self._living.pop(jti, None)
        else:
            if first:
                self._seen.add(jti=jti, what="accepted", at=time.time(), first=True)
                self._living[jti] = token


if __name__ == "__main__":
    os.nice(5)
    Following(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).run()
