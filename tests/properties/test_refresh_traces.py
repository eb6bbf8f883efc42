"""P1 to P4 along random traces over the real store: tabs that send at once, retries, kills anywhere, a thief; real tokens all along.

The client keeps its part of the contract: a request is handled within G of being sent, a lost answer is asked for again within GL, and each
retry sends the token that is stored by then.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_server.protocol.refresh import RefreshPolicy
from tests.models.refresh_family import Row
from tests.properties.family_world.family import UNIT_MS, FamilyInDatabase, generation
from tests.properties.family_world.process import Killed, Process
from tests.support.databases import Database

G, GL = UNIT_MS, 4 * UNIT_MS
POLICY = RefreshPolicy(quiet_window=G / 1000, retry_grace=GL / 1000)

# How many tabs ask at once, at which point of the process's work it is killed (None: not at all), and who loses the answers.
ASKED = st.tuples(st.just("ask"), st.integers(1, 3), st.none() | st.integers(0, 24), st.booleans())
STOLEN = st.tuples(st.sampled_from(["steal", "use what was stolen"]))
TIME = st.tuples(st.just("wait"), st.sampled_from([1, G // 2, G, G + 1, GL - G, GL, GL + 1, GL + G + 1]))


@dataclass
class Trace:
    """One family, its client, and perhaps a thief."""

    family: FamilyInDatabase
    process: Process
    loop: asyncio.Runner
    stored: str = ""
    stolen: str | None = None
    told: list[str] = field(default_factory=list)
    replaced_at: dict[str, int] = field(default_factory=dict)
    kills: int = 0

    def begin(self) -> None:
        """Start with a family that was never used."""
        self.family.put(Row(), 0)
        self.stored = generation(0).text
        self.told = [self.stored]

    @property
    def now(self) -> int:
        return self.family.database.clock.ms

    def ask(self, tabs: int, point: int | None, lost: bool) -> None:
        """Let tabs present what is stored, all at once."""
        if not self._keeps_the_contract():
            return
        sent = self.stored
        answers = self._present([sent] * tabs, point)
        for answer in answers:
            assert answer is not None or self.stolen is not None, "P1: an honest client was refused"
            if answer is not None and not lost:
                self.stored = max(self.stored, answer, key=self.told.index)

    def steal(self) -> None:
        """Copy what the client has stored."""
        self.stolen = self.stored

    def use_what_was_stolen(self) -> None:
        """Present the copy; an answer replaces it."""
        if self.stolen is not None:
            (answer,) = self._present([self.stolen], None)
            self.stolen = answer or self.stolen

    def wait(self, milliseconds: int) -> None:
        """Let time pass; the client comes again for an answer that it never got while it may."""
        replaced = self.replaced_at.get(self.stored)
        if self.stolen is None and replaced is not None and self.now + milliseconds > replaced + GL - G:
            self.ask(1, None, lost=False)
        self.family.database.clock.advance(milliseconds / 1000)

    def end(self) -> None:
        """Whoever was never robbed is still signed in, and one more use of the token works."""
        if self.stolen is None and self._keeps_the_contract():
            self.ask(1, None, lost=False)
            assert not self.family.look().row.ended

    def _keeps_the_contract(self) -> bool:
        return self.stolen is not None or self.now <= self.replaced_at.get(self.stored, self.now) + GL

    def _present(self, tokens: list[str], point: int | None) -> list[str | None]:
        before = self.family.look()
        self.process.fuse.arm(point)
        answers = self.loop.run(self._together(tokens))
        died = [answer for answer in answers if isinstance(answer, Killed)]
        if self.process.fuse.burnt:
            self.kills += 1
            self.process.close()
            self.process = Process(self.family.database, POLICY)
        after = self.family.look()
        assert after.row.seq - before.row.seq <= 1, "one use made two generations"
        if after.row.seq > before.row.seq:
            # Also where nobody saw the answer.
            self.replaced_at[tokens[0]] = after.raw["rotated_at"]
        given = [answer for answer in answers if not isinstance(answer, Killed)]
        for answer in given:
            if answer is not None:
                self._check(tokens[0], answer, was_ended=before.row.ended)
        assert len({answer for answer in given if answer is not None}) <= 1, "two successors of one token"
        return given if not died else [answer for answer in given if answer is not None]

    def _check(self, presented: str, answer: str, *, was_ended: bool) -> None:
        assert not was_ended, "P3: accepted after the end"
        if answer not in self.told:
            # An answer that nobody saw may lie between: the generation is what the database says.
            self.told.append(answer)
        row = self.family.look()
        assert row.raw["cur_hash"] == _digest(answer)
        assert _digest(presented) in (row.raw["cur_hash"], row.raw["prev_hash"]), "P4: neither the current nor the previous one"
        if presented != answer:
            assert self.now - self.replaced_at[presented] <= GL + G, "P2: accepted too long after it was replaced"

    async def _together(self, tokens: list[str]) -> list[str | Killed | None]:
        async def one(token: str) -> str | Killed | None:
            try:
                return await self.process.present(token)
            except Killed as killed:
                return killed

        return list(await asyncio.gather(*map(one, tokens)))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


@pytest.fixture
def trace(any_issuer_database: Database) -> Iterator[Trace]:
    with asyncio.Runner() as loop:
        made = Trace(FamilyInDatabase(any_issuer_database), Process(any_issuer_database, POLICY), loop)
        yield made
        made.process.close()


_RUNS = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@_RUNS
@given(steps=st.lists(ASKED | ASKED | TIME, min_size=4, max_size=14))
def test_an_honest_client_is_never_logged_out(trace: Trace, steps: list[tuple[object, ...]]) -> None:
    _follow(trace, steps)


@_RUNS
@given(steps=st.lists(ASKED | ASKED | TIME | STOLEN | STOLEN, min_size=4, max_size=14))
def test_nothing_is_accepted_that_is_old_or_over_whoever_presents_it(trace: Trace, steps: list[tuple[object, ...]]) -> None:
    _follow(trace, steps)


def _follow(trace: Trace, steps: list[tuple[object, ...]]) -> None:
    trace.stolen, trace.replaced_at = None, {}
    trace.begin()
    for name, *arguments in steps:
        getattr(trace, str(name).replace(" ", "_"))(*arguments)
    trace.end()
