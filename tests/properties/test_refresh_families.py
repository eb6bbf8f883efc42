"""One family in the running server beside its model: every answer and every row equal, whatever happens in whatever order."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared import base64url
from tests.models.refresh_family import Meaning, Row, Rules, present
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database

RULES = Rules(quiet=30_000, grace=120_000)
DAY_MS = 86_400_000
# The bounds of every rule, to the millisecond and one beyond.
PAUSES_MS = [1, 1_000, 29_999, 30_000, 30_001, 60_000, 119_999, 120_000, 120_001, 150_001, 5 * DAY_MS, 14 * DAY_MS]


class FamilyBesideItsModel(RuleBasedStateMachine):
    """Presents tokens of one family to the server and to the model."""

    issuer: Issuer
    loop: asyncio.Runner

    @initialize()
    def start(self) -> None:
        self.tokens = [self._await(self.issuer.family())]
        self.family_id = base64url.decode(self.tokens[0].removeprefix("rt1_").encode())[1:17]
        now = self.issuer.clock.ms
        self.row = Row(rotated_at=now, issued_at=now)
        self.idle_end, self.absolute_end = now + 14 * DAY_MS, now + 90 * DAY_MS
        self.replays = 0
        self.ended_at: int | None = None
        self.was_replaced_at: list[int] = []
        self.told = self._told()

    @rule(milliseconds=st.sampled_from(PAUSES_MS))
    def time_passes(self, milliseconds: int) -> None:
        self._await(self.issuer.advance(milliseconds / 1000))

    @rule(behind=st.sampled_from([0, 0, 0, 1, 1, 2, 3]))
    def a_token_is_presented(self, behind: int) -> None:
        generation = max(0, len(self.tokens) - 1 - behind)
        answer = self._await(self.issuer.refresh(self.tokens[generation]))

        self._follow(generation, answer)

    @rule(at_once=st.integers(2, 4))
    def several_tabs_present_the_current_token_at_once(self, at_once: int) -> None:
        generation = len(self.tokens) - 1
        answers = self._await(self._together(self.tokens[generation], at_once))

        for answer in sorted(answers, key=lambda answer: answer.status_code):
            self._follow(generation, answer)

    @rule(client=st.sampled_from(["app", "first-party", "other"]))
    def another_client_presents_it(self, client: str) -> None:
        self._assert_refused(self._await(self.issuer.refresh(self.tokens[-1], client)))

    @rule(scope=st.sampled_from(["notes:write", "notes:read admin", "openid"]))
    def more_is_asked_for_than_was_granted(self, scope: str) -> None:
        if self._would_be() in {Meaning.ROTATE, Meaning.REPEAT}:
            self._assert_refused(self._await(self.issuer.refresh(self.tokens[-1], scope=scope)), "invalid_scope")

    @invariant()
    def every_row_is_that_of_the_model(self) -> None:
        row = self._stored()

        assert (row["seq"], row["cur_seen"], row["replay_count"]) == (self.row.seq, self.row.seen, self.replays)
        assert (row["rotated_at"], row["issued_at"]) == (self.row.rotated_at, self.row.issued_at)
        assert (row["idle_expires_at"], row["absolute_expires_at"]) == (self.idle_end, self.absolute_end)
        assert row["revoked_at"] == self.ended_at
        assert row["cur_hash"] == _digest(self.tokens[-1])
        assert row["prev_hash"] == (_digest(self.tokens[-2]) if self.row.seq else None)
        assert (row["replay_blob"] is not None) == (self.row.seq > 0 and self.ended_at is None)

    @invariant()
    def what_happened_is_told(self) -> None:
        assert self._told() == self.told

    def _follow(self, generation: int, answer: httpx2.Response) -> None:
        now = self.issuer.clock.ms
        if self._is_over():
            self._assert_refused(answer)
            return
        meaning, after = present(self.row, generation, now, RULES)
        if meaning is Meaning.REUSE:
            self._assert_refused(answer)
            self.ended_at = now
        else:
            self._accepted(meaning, generation, answer)
        self.row = after
        if meaning is not Meaning.REPEAT:
            self.told[meaning.value] += 1

    def _accepted(self, meaning: Meaning, generation: int, answer: httpx2.Response) -> None:
        now = self.issuer.clock.ms
        assert answer.status_code == 200, answer.text
        given = answer.json()["refresh_token"]
        if meaning is Meaning.ROTATE:
            assert given not in self.tokens
            self.tokens.append(given)
            self.was_replaced_at.append(now)
            self.replays, self.idle_end = 0, now + 14 * DAY_MS
        else:
            assert given == self.tokens[-1]
        self.replays += meaning is Meaning.REPLAY
        # P4 and P2
        assert generation >= len(self.tokens) - 2
        assert generation == len(self.tokens) - 1 or now - self.was_replaced_at[generation] <= RULES.grace + RULES.quiet

    def _would_be(self) -> Meaning:
        if self._is_over():
            return Meaning.OVER
        return present(self.row, len(self.tokens) - 1, self.issuer.clock.ms, RULES)[0]

    def _is_over(self) -> bool:
        return self.row.ended or self.issuer.clock.ms >= min(self.idle_end, self.absolute_end)

    def _assert_refused(self, answer: httpx2.Response, error: str = "invalid_grant") -> None:
        assert (answer.status_code, answer.json()["error"]) == (400, error)

    def _stored(self) -> dict[str, Any]:
        (row,) = [row for row in self.issuer.rows("refresh_family") if row["id"] == self.family_id]
        return row

    def _told(self) -> dict[str, int]:
        return {what: len(self.issuer.events(f"refresh.{word}")) for what, word in _WORDS.items()}

    async def _together(self, token: str, at_once: int) -> list[httpx2.Response]:
        return await asyncio.gather(*(self.issuer.refresh(token) for _ in range(at_once)))

    def _await(self, coroutine: Any) -> Any:
        return self.loop.run(coroutine)


_WORDS = {"rotate": "rotated", "replay": "replayed", "reuse": "reused"}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def test_the_server_does_what_the_model_says(any_issuer_database: Database, tmp_path: Path) -> None:
    with asyncio.Runner() as loop, _started(loop, any_issuer_database, tmp_path) as issuer:

        class Machine(FamilyBesideItsModel):
            pass

        Machine.issuer, Machine.loop = issuer, loop
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine,
            settings=settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)),
        )


@contextlib.contextmanager
def _started(loop: asyncio.Runner, database: Database, folder: Path) -> Iterator[Issuer]:
    stack = contextlib.AsyncExitStack()
    try:
        yield loop.run(stack.enter_async_context(running(database, folder)))
    finally:
        loop.run(stack.aclose())
