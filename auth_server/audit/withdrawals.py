"""The journal of withdrawals: a file beside the key encryption keys that outlives a restore of the database.

What was taken away since a backup (a disabled person, an ended session, a revoked token) must not come back with it, and the database that
knew of it is gone. So each such event is appended here when it was committed and before it is acknowledged: one line (`line_file.py`),
which holds the event's canonical text. A damaged line is passed over.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auth_server.audit.events import EventName
from auth_server.line_file import LineFile, whole_lines
from auth_server.store.audit_events import AuditRecord, body_of

FILE_NAME: Final = "withdrawals.journal"
# What takes something away from somebody. Burned keys have a journal of their own.
WITHDRAWALS: Final = frozenset(
    {
        EventName.ACCOUNT_DISABLED,
        EventName.ACCOUNT_ENABLED,
        EventName.PASSWORD_CHANGED,
        EventName.ACCOUNT_SECURED,
        EventName.SESSION_ENDED,
        EventName.FAMILY_REVOKED,
        EventName.REFRESH_REUSED,
        EventName.CODE_REPLAYED,
        EventName.CONSENT_WITHDRAWN,
        EventName.CLIENT_DISABLED,
        EventName.CLIENT_DELETED,
        EventName.CLIENT_SECRET_ROTATED,
        EventName.ROLE_REVOKED,
        EventName.ROLE_CHANGED,
        EventName.ROLE_DELETED,
        EventName.REGISTRATION_TOKEN_REVOKED,
        EventName.TOKEN_REVOKED,
    }
)
_MAX_BYTES: Final = 4 * 1024 * 1024
_TAIL_BYTES: Final = 256 * 1024
# The journal's own first line: what came before it, it does not know.
BEGAN: Final = "journal.began"
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One event as it was committed; `at` in milliseconds, `body` the canonical text that the audit log holds as well."""

    name: str
    at: int
    sub: str | None
    client_id: str | None
    sid: str | None
    grant_id: str | None
    detail: dict[str, Any]
    body: str


class WithdrawalJournal:
    """The journal at one path. Several processes may append at once, each whole lines.

    Args:
        kept_ms: how long an event matters: nothing that it ended lives longer.
    """

    def __init__(self, path: Path, kept_ms: int) -> None:
        self._path = path
        self._file = LineFile(path, max_bytes=_MAX_BYTES, kept=self._kept)
        self._kept_ms = kept_ms
        self._warned = False

    def note(self, records: Sequence[AuditRecord], _directory_changed: bool = False) -> None:
        """Append what takes something away. Called after each commit; a disk that is full is a warning, and ends nothing."""
        wanted = [body_of(record) for record in records if record.name in WITHDRAWALS]
        if wanted:
            self._note(wanted)

    def read(self) -> list[Withdrawal] | None:
        """Return every event in the order of their commits; None where no journal was ever kept.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        return sorted((_parsed(line) for line in dict.fromkeys(_texts(text))), key=lambda event: event.at)

    def latest(self) -> tuple[int, frozenset[str]]:
        """Return the time of the newest event that is noted, and the texts of the last ones; 0 where there is no journal.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = frozenset(_texts(file.read()))
        except FileNotFoundError:
            return 0, frozenset()
        return max((_parsed(line).at for line in lines), default=0), lines

    def note_missed(self, bodies: Sequence[str]) -> None:
        """Append events that were committed and not noted: the process that did it ended in between."""
        if bodies:
            self._note(bodies)

    def begin(self, now_ms: int) -> None:
        """Begin the journal where there is none, with the time from which on it knows everything."""
        if not self._path.exists():
            self._note([_began(now_ms)])

    def _note(self, bodies: Sequence[str]) -> None:
        try:
            self._file.append(body.encode("utf-8") for body in bodies)
        except OSError as error:
            if not self._warned:
                _LOG.warning("the journal of withdrawals cannot be written", extra={"fields": {"error": error.strerror}})
            self._warned = True
        else:
            self._warned = False

    def _kept(self, bodies: Sequence[bytes]) -> Iterator[bytes]:
        """Drop what ended nothing that could still live; the journal says from when on it is whole."""
        events = [_parsed(body.decode("utf-8")) for body in bodies]
        whole_since = max((event.at for event in events), default=0) - self._kept_ms
        yield _began(whole_since).encode("utf-8")
        yield from (event.body.encode("utf-8") for event in events if event.at > whole_since)


def _began(at_ms: int) -> str:
    return json.dumps({"name": BEGAN, "at": at_ms})


def _texts(text: bytes) -> Iterator[str]:
    return (body.decode("utf-8") for body in whole_lines(text))


def _parsed(body: str) -> Withdrawal:
    # Whoever wrote it is this class, and the digest says that it is as written.
    event = json.loads(body)
    sub, client_id, sid, grant_id = (event.get(name) for name in ("sub", "client_id", "sid", "grant_id"))
    return Withdrawal(event["name"], event["at"], sub, client_id, sid, grant_id, event.get("detail", {}), body)
