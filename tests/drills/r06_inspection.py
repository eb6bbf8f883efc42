"""The inspection of R6: what is there, compared with what was acknowledged."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import text

from tests.drills.authorizations import APP
from tests.drills.home import FIRST_PARTY, Home, refresh
from tests.drills.r06_crowd import KINDS_OF_ACT, REFRESHERS, Crowd
from tests.drills.tally import Tally


class Inspection:
    """Compares what is there with what was acknowledged."""

    def __init__(self, home: Home, part: Tally, crowd: Crowd) -> None:
        self._home, self._part, self._crowd = home, part, crowd

    def carry_out(self) -> None:
        """Look at everything."""
        for kind in KINDS_OF_ACT:
            if not self._crowd.acknowledged(kind):
                self._part.broken.append(f"{self._home.kind}: of what is {kind} nothing was ever acknowledged")
        self._accounts()
        self._families()
        self._revocations()
        self._keys()
        verified = self._home.operate("audit", "verify")
        if verified["broken_at"] is not None:
            self._part.broken.append(f"{self._home.kind}: the audit chain breaks at {verified['broken_at']}")
        self._home.stop()
        if self._home.kind == "SQLite":
            self._integrity()

    def _accounts(self) -> None:
        names = {row[0] for row in self._rows("SELECT username FROM account")}
        self._lose("account", [entry["username"] for entry in self._crowd.acknowledged("registered")], names)

    def _families(self) -> None:
        """The last token of each honest client works, and so does what each code became."""
        newest = {}
        for number in range(REFRESHERS):
            told = [entry for entry in self._crowd.journal(f"refresher-{number}") if entry["is"] == "answer" and "token" in entry]
            if not told:
                self._part.broken.append(f"{self._home.kind}: refresher-{number} never got as far as to sign in")
                continue
            newest[f"refresher-{number}"] = (told[-1]["token"], FIRST_PARTY)
        for number, entry in enumerate(self._crowd.acknowledged("exchanged")):
            newest[f"exchanger-{number}"] = (entry["token"], APP)
        for name, (token, client_id) in newest.items():
            answer = refresh(self._home.url, token, client_id)
            if answer is None or answer.status != 200:
                self._part.lost += 1
                self._part.broken.append(f"{self._home.kind}: the acknowledged token of {name} is worth nothing: {answer!r:.200}")
        wrongly = self._rows(
            "SELECT count(*) FROM refresh_family WHERE reason IN ('reuse', 'code_replayed', 'suspicious_replays')"
        )
        if wrongly[0][0]:
            self._part.wrongly_rejected += wrongly[0][0]
            self._part.broken.append(f"{self._home.kind}: {wrongly[0][0]} families of honest clients ended by reuse")

    def _revocations(self) -> None:
        for entry in self._crowd.acknowledged("revoked"):
            answer = refresh(self._home.url, entry["token"], APP)
            if answer is None or answer.status != 400:
                self._part.wrongly_accepted += 1
                self._part.broken.append(f"{self._home.kind}: a token that was acknowledged to be revoked works")
        on_feed = {row[0] for row in self._rows("SELECT key FROM feed_entry WHERE kind = 'grant'")}
        self._lose("feed entry", [entry["grant"] for entry in self._crowd.acknowledged("revoked")], on_feed)

    def _keys(self) -> None:
        kids = {key["kid"] for ring in self._home.operate("key", "list", "--all")["rings"] for key in ring["keys"]}
        self._lose("key", [entry["kid"] for entry in self._crowd.acknowledged("rotated")], kids)
        ring = self._rows("SELECT count(*) FROM signing_key WHERE state = 'active'")[0][0]
        if ring != 1:
            self._part.broken.append(f"{self._home.kind}: {ring} keys are active")

    def _lose(self, what: str, acknowledged: list[str], there: set[str]) -> None:
        lost = [each for each in acknowledged if each not in there]
        self._part.lost += len(lost)
        self._part.broken += [f"{self._home.kind}: {len(lost)} x {what} acknowledged and gone: {lost[0]}"] if lost else []

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        store = self._home.store()
        with store.engines.read.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(statement))]
        store.close()
        return rows

    def _integrity(self) -> None:
        path = self._home.environment["AUTH_SERVER_DATABASE_URL"].removeprefix("sqlite:///")
        with sqlite3.connect(path) as connection:
            told = connection.execute("PRAGMA integrity_check").fetchone()[0]
        self._part.notes.append(f"integrity_check {told}")
        if told != "ok":
            self._part.broken.append(f"SQLite: integrity_check says {told}")
