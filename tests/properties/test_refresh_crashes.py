"""P1 to P4 with the real store for a server, on both databases, and processes that die between any two statements.

The model's search asks the running code what presenting a generation does, instead of its own rules: every state that tabs, lost answers
and a thief can reach, and every answer in it, comes out of the real Families and the real SQL. For each kind of answer the process is
also killed at every point of its work, once each: the database then holds all of the change or nothing of it, events and feed included.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

import pytest

from auth_server.protocol.refresh import RefreshPolicy
from tests.models.refresh_family import LONG_AGO, Broken, Exploration, Meaning, Row, Rules
from tests.properties.family_world.family import UNIT_MS, FamilyInDatabase, Stored, generation
from tests.properties.family_world.process import Killed, Process
from tests.support.databases import Database

RULES = Rules()
UNIT = UNIT_MS // 1000
POLICY = RefreshPolicy(quiet_window=RULES.quiet * UNIT, retry_grace=RULES.grace * UNIT)
Answer = tuple[Meaning, Row]
_NOW = 1_000


class ServedByTheStore:
    """Answers like `present` of the model, out of the database; each question is asked once."""

    def __init__(self, database: Database, loop: asyncio.Runner, policy: RefreshPolicy = POLICY, *, kills: bool) -> None:
        self._family = FamilyInDatabase(database)
        self._database, self._loop, self._policy, self._kills = database, loop, policy, kills
        self._known: dict[tuple[Row, int], Answer] = {}
        self._killed_in: set[tuple[object, ...]] = set()
        self._process = Process(database, policy)
        self.killed = 0

    @property
    def asked(self) -> int:
        """How many different questions there were."""
        return len(self._known)

    def close(self) -> None:
        self._process.close()

    def __call__(self, row: Row, number: int, now: int, _rules: Rules, _replaced: dict[int, int] | None = None) -> Answer:
        # What is as long ago is answered alike, so a question is asked once, at one and the same time.
        key = (_moved(row, _NOW - now), number)
        if key not in self._known:
            self._known[key] = self._ask(*key)
        meaning, after = self._known[key]
        return meaning, _moved(after, now - _NOW)

    def _ask(self, row: Row, number: int) -> Answer:
        before = self._family.put(row, _NOW)
        answered, after = self._present(number, at=None)
        meaning = _meaning(number, answered, before, after)
        # By these the statements differ; how long ago something was changes their values alone.
        kind = (meaning, row.seq == 0, row.seen, row.seq - number)
        if self._kills and kind not in self._killed_in:
            self._killed_in.add(kind)
            for point in range(self._process.fuse.points):
                self._kill(row, number, point, meaning, after.events - before.events)
        return meaning, _told(after.row, row)

    def _present(self, number: int, at: int | None) -> tuple[str | None, Stored]:
        self._process.fuse.arm(at)
        answered = self._loop.run(self._process.present(generation(number).text))
        return answered, self._family.look()

    def _kill(self, row: Row, number: int, point: int, meaning: Meaning, events: int) -> None:
        before = self._family.put(row, _NOW)
        with pytest.raises(Killed):
            self._present(number, at=point)
        committed = self._process.fuse.committed
        self._process.close()
        self._process = Process(self._database, self._policy)
        left = self._family.look()
        self.killed += 1
        if not committed:
            assert left == before, f"killed at point {point} before the commit, and something was left"
        else:
            assert left.events == before.events + events
            assert left.entries == before.entries + (meaning is Meaning.REUSE)
        # Whoever comes again gets what the design promises, from another process.
        answered, after = self._present(number, at=None)
        if meaning in (Meaning.REUSE, Meaning.OVER):
            assert answered is None
            assert after.row.ended
        else:
            assert answered is not None
            assert after.raw["cur_hash"] == _digest(answered)
            assert after.row.seq == before.row.seq + (meaning is Meaning.ROTATE)
            assert not after.row.ended


def _meaning(number: int, answered: str | None, before: Stored, after: Stored) -> Meaning:
    """Say what happened, from the outside."""
    if answered is None:
        if before.row.ended or not after.row.ended:
            assert after == before
            return Meaning.OVER if before.row.ended else Meaning.AHEAD
        assert (after.events, after.entries) == (before.events + 1, before.entries + 1)
        return Meaning.REUSE
    assert after.raw["cur_hash"] == _digest(answered)
    if after.row.seq > before.row.seq:
        assert after.row.seq == before.row.seq + 1
        assert after.raw["prev_hash"] == generation(number).digest
        return Meaning.ROTATE
    assert answered == generation(before.row.seq).text
    return Meaning.REPEAT if number == before.row.seq else Meaning.REPLAY


def _told(after: Row, before: Row) -> Row:
    """Return the row in the model's words: times that did not change stay what they were called."""
    rotated_at = LONG_AGO if before.rotated_at == LONG_AGO and after.seq == before.seq else after.rotated_at
    issued_at = LONG_AGO if before.issued_at == LONG_AGO and after.seq == before.seq else after.issued_at
    return Row(after.seq, rotated_at, issued_at, after.seen, after.ended)


def _moved(row: Row, units: int) -> Row:
    rotated_at, issued_at = (at if at == LONG_AGO else at + units for at in (row.rotated_at, row.issued_at))
    return Row(row.seq, rotated_at, issued_at, row.seen, row.ended)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.parametrize(
    "bounds, kills",
    [
        (Exploration(generations=3), True),
        (Exploration(tabs=3, horizon=5), False),
        (Exploration(thief=True, generations=3), True),
    ],
    ids=["two tabs", "three tabs", "two tabs and a thief"],
)
def test_the_store_holds_in_every_interleaving(
    any_issuer_database: Database, loop: asyncio.Runner, bounds: Exploration, kills: bool
) -> None:
    server = ServedByTheStore(any_issuer_database, loop, kills=kills)
    try:
        moments = bounds.served_by(server).run()
    finally:
        server.close()

    assert moments == bounds.run(), "the store reaches other states than the model"
    assert (server.killed >= 20) == kills


@pytest.mark.parametrize(
    "policy, broken",
    [(RefreshPolicy(quiet_window=UNIT, retry_grace=0), "P1"), (RefreshPolicy(quiet_window=UNIT, retry_grace=UNIT), "P1")],
    ids=["strict single use", "one short grace"],
)
def test_the_same_search_finds_what_a_weaker_policy_breaks(
    issuer_database: Database, loop: asyncio.Runner, policy: RefreshPolicy, broken: str
) -> None:
    """The controls that a setting can bring about; the others would need other code, and fail in the model."""
    server = ServedByTheStore(issuer_database, loop, policy, kills=False)
    try:
        with pytest.raises(Broken, match=f"^{broken} "):
            Exploration().served_by(server).run()
    finally:
        server.close()
